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
use kiln::device::{Answer, Answers, Capture, Console, Recorder, Script};
use kiln::guest::{Guest, Stop};
use kiln::guests::lc3::isa::{self, CC, MEMORY, MODE, PSR_USER, SSP, USP, r};
use kiln::guests::lc3::profile::Profile;
use kiln::guests::lc3::{Lc3, word};
use kiln::ops::Pc;
use kiln::state::State;
use kiln::tier::{Config, Stats, Tiers};
use kiln::vm::Vm;

/// One line of a table.
struct Line {
    place: String,
    profiles: Vec<Profile>,
    words: Vec<u16>,
    before: Vec<Part>,
    after: Vec<Part>,
}

/// `name=value`, a name alone, or a quoted text.
#[derive(Clone, Debug)]
struct Part {
    name: String,
    value: String,
}

impl Part {
    fn hex(&self) -> u16 {
        u16::from_str_radix(&self.value, 16).unwrap_or_else(|_| panic!("{self:?} is no hexadecimal number"))
    }

    fn bytes(&self) -> Vec<u8> {
        let text = self.value.trim_matches('"');
        let (mut bytes, mut rest) = (Vec::new(), text.bytes());
        while let Some(byte) = rest.next() {
            bytes.push(match (byte, rest.len()) {
                (b'\\', 1..) => match rest.next().unwrap() {
                    b'n' => b'\n',
                    b'0' => 0,
                    b'x' => {
                        let digits = [rest.next().unwrap(), rest.next().unwrap()];
                        u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                    }
                    other => panic!("\\{} is no escape", other as char),
                },
                _ => byte,
            });
        }
        bytes
    }
}

/// Divides at blanks outside quotes.
fn parts(text: &str) -> Vec<Part> {
    let mut quoted = false;
    let blank = |c: char| {
        quoted ^= c == '"';
        c == ' ' && !quoted
    };
    let part = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        Part { name: name.to_owned(), value: value.to_owned() }
    };
    text.trim().split(blank).filter(|p| !p.is_empty()).map(part).collect()
}

fn read(table: &str) -> Vec<Line> {
    let path = format!("{}/tests/lc3/{table}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let mut profiles = Profile::ALL.to_vec();
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|l| !l.1.is_empty() && !l.1.starts_with('#')) {
        if let Some(names) = line.strip_prefix("profile ") {
            profiles = names.split(' ').map(|name| Profile::named(name).unwrap()).collect();
            continue;
        }
        let columns: Vec<&str> = line.split('|').collect();
        let &[words, before, after, what] = &columns[..] else { panic!("{path}:{}: {line}", number + 1) };
        lines.push(Line {
            place: format!("{path}:{}: {}", number + 1, what.trim()),
            profiles: profiles.clone(),
            words: words.split_whitespace().map(|w| u16::from_str_radix(w, 16).unwrap()).collect(),
            before: parts(before),
            after: parts(after),
        });
    }
    lines
}

fn registers(n: &str) -> Option<u8> {
    n.strip_prefix('R')?.parse().ok()
}

/// Does to a state what a table's part says.
fn apply(state: &mut State, part: &Part) {
    if let Some(n) = registers(&part.name) {
        return state.set(r(n), part.hex());
    }
    if let Some(at) = part.name.strip_prefix('[') {
        let at = u16::from_str_radix(at.trim_end_matches(']'), 16).unwrap();
        state.poke(MEMORY, at, part.hex());
        return;
    }
    let mode = state.get(MODE);
    match part.name.as_str() {
        "PC" => state.set_pc(part.hex() as Pc),
        "SSP" => state.set(SSP, part.hex()),
        "USP" => state.set(USP, part.hex()),
        "N" => state.set(CC, 0xffff),
        "Z" => state.set(CC, 0),
        "P" => state.set(CC, 1),
        "supervisor" => state.set(MODE, mode & !PSR_USER),
        "user" => state.set(MODE, mode | PSR_USER),
        "priority" => state.set(MODE, mode & PSR_USER | part.hex() << 8),
        "input" | "output" | "halted" | "stop" | "fault" => {}
        name => panic!("{name:?} is nothing that a table can say"),
    }
}

fn find<'a>(parts: &'a [Part], name: &str) -> Option<&'a Part> {
    parts.iter().find(|part| part.name == name)
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
fn table(name: &str, native: u64) {
    let lines = read(name);
    for (configuration, config) in configurations() {
        let (mut cases, mut ran_native) = (0, 0);
        for line in &lines {
            for &profile in &line.profiles {
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
    table("arithmetic", 95);
}

#[test]
fn memory() {
    table("memory", 50);
}

#[test]
fn branches() {
    table("branches", 80);
}

#[test]
fn control() {
    table("control", 30);
}

#[test]
fn devices() {
    table("devices", 0);
}
