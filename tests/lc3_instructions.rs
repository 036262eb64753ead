//! Every LC-3 instruction and edge, before and after, from the tables in `lc3/`, in every configuration.
//!
//! A line is one case: `words at PC | before | after | what it is`. Before: registers (`R0`–`R7`, `PC` x3000,
//! `SSP` x3000, `USP` x0000; other registers 0), `N`, `Z` (the default) or `P`, `supervisor`, memory `[address]=word`
//! (0 elsewhere), `input="…"`. After: the same, and `user`, `priority=n`, `output="…"`, `halted`, `stop=input` or
//! `fault=reason`. What is not named after is as it was before; PC is the next instruction's, or where the
//! instruction was refused its own. `profile` lines say which machines the lines below them hold for; before any,
//! all of them.

mod common;

use common::configurations;
use common::table::{self, Line, Part, find};
use kiln::device::{Answer, Answers, Capture, Console, Recorder, Script};
use kiln::guest::{Guest, Stop};
use kiln::guests::lc3::isa::{self, CC, MEMORY, MODE, PSR_USER, SSP, USP, r};
use kiln::guests::lc3::profile::Profile;
use kiln::guests::lc3::{Lc3, word};
use kiln::ops::Pc;
use kiln::state::State;
use kiln::tier::{Config, Stats, Tiers};
use kiln::vm::Vm;

/// The value as a word.
fn hex(part: &Part) -> u16 {
    u16::from_str_radix(&part.value, 16).unwrap_or_else(|_| panic!("{part:?} is no hexadecimal number"))
}

/// The profiles that a line holds for.
fn profiles(line: &Line) -> Vec<Profile> {
    match line.heading.as_str() {
        "" => Profile::ALL.to_vec(),
        names => names.split(' ').map(|name| Profile::named(name).unwrap()).collect(),
    }
}

fn registers(n: &str) -> Option<u8> {
    n.strip_prefix('R')?.parse().ok()
}

/// Does to a state what a table's part says.
fn apply(state: &mut State, part: &Part) {
    if let Some(n) = registers(&part.name) {
        return state.set(r(n), hex(part));
    }
    if let Some(at) = part.name.strip_prefix('[') {
        let at = u16::from_str_radix(at.trim_end_matches(']'), 16).unwrap();
        state.poke(MEMORY, at, hex(part));
        return;
    }
    let mode = state.get(MODE);
    match part.name.as_str() {
        "PC" => state.set_pc(hex(part) as Pc),
        "SSP" => state.set(SSP, hex(part)),
        "USP" => state.set(USP, hex(part)),
        "N" => state.set(CC, 0xffff),
        "Z" => state.set(CC, 0),
        "P" => state.set(CC, 1),
        "supervisor" => state.set(MODE, mode & !PSR_USER),
        "user" => state.set(MODE, mode | PSR_USER),
        "priority" => state.set(MODE, mode & PSR_USER | hex(part) << 8),
        "input" | "output" | "halted" | "stop" | "fault" => {}
        name => panic!("{name:?} is nothing that a table can say"),
    }
}

/// What can be seen of a state.
fn visible(state: &State) -> Vec<(String, u16)> {
    let general = (0..8).map(|n| (format!("R{n}"), state.get(r(n))));
    let special = [("PC", state.pc() as u16), ("PSR", isa::psr(state)), ("SSP", state.get(SSP))];
    general
        .chain(special.map(|(name, value)| (name.to_owned(), value)))
        .chain([("USP".to_owned(), state.get(USP))])
        .collect()
}

fn check(line: &Line, profile: Profile, name: &str, config: &Config) -> Stats {
    let input = find(&line.before, "input").map(Part::bytes).unwrap_or_default();
    let answers = Answers::default();
    let output = Capture::default();
    let recorder = Recorder::new(Box::new(Script::new(input.clone())), answers.clone());
    let lc3 = Lc3::new(profile, Console::new(Box::new(recorder), Box::new(output.clone())));
    let mut state = lc3.power_on(None);
    state.set(USP, 0);
    line.before.iter().for_each(|part| apply(&mut state, part));
    for (offset, &word) in line.words.iter().enumerate() {
        state.poke(MEMORY, (state.pc() as u16).wrapping_add(offset as u16), word);
    }
    let mut expected = state.clone();
    let refused = find(&line.after, "fault").or(find(&line.after, "stop"));
    if refused.is_none() {
        expected.set_pc(Lc3::next(state.pc()));
    }
    line.after.iter().for_each(|part| apply(&mut expected, part));

    let mut vm = Vm::new(lc3, state, config.clone());
    let stop = vm.run(1);
    vm.guest_mut().flush().unwrap();

    let story = format!("{}\nin configuration {name:?}, profile {}", line.place, profile.name);
    let reason = match &stop {
        Stop::Fault(fault) => fault.reason,
        stop => stop.kind(),
    };
    let halted = if find(&line.after, "halted").is_some() { "halted" } else { "budget" };
    assert_eq!(reason, refused.map_or(halted, |part| &part.value), "{story}");
    assert_eq!(vm.instructions(), refused.is_none() as u64, "instructions retired\n{story}");
    assert_eq!(visible(vm.state()), visible(&expected), "{story}");
    for at in 0..=u16::MAX {
        let (found, expected) = (word(vm.state(), at), word(&expected, at));
        assert_eq!(found, expected, "x{at:04X} is {found:04X}, not {expected:04X}\n{story}");
    }
    let written = find(&line.after, "output").map(Part::bytes).unwrap_or_default();
    assert_eq!(output.bytes(), written, "output\n{story}");
    let taken = answers.lock().unwrap().iter().filter(|a| matches!(a, Answer::Read(Some(_)))).count();
    let left = find(&line.after, "input").map_or(input.clone(), Part::bytes);
    assert_eq!(input[taken..], left, "input left\n{story}");
    vm.stats().clone()
}

/// Checks a table. Native code must have run `native` of a hundred of its cases: traps, faults and stores to
/// what is being run are not its to do, and one instruction is warm nowhere but where all is compiled at once.
fn cases(name: &str, native: u64) {
    let lines = table::read(&format!("lc3/{name}"), "profile ");
    for (configuration, config) in configurations() {
        let (mut cases, mut ran_native) = (0, 0);
        for line in &lines {
            for profile in profiles(line) {
                cases += 1;
                ran_native += check(line, profile, configuration, &config).native;
            }
        }
        if config.tiers == Tiers::Jit {
            assert!(
                ran_native * 100 >= cases * native,
                "{configuration:?}: {ran_native} of {cases} ran native"
            );
        }
    }
}

#[test]
fn arithmetic() {
    cases("arithmetic", 95);
}

#[test]
fn memory() {
    cases("memory", 50);
}

#[test]
fn branches() {
    cases("branches", 80);
}

#[test]
fn control() {
    cases("control", 30);
}

#[test]
fn devices() {
    cases("devices", 0);
}
