//! Every Iridium instruction and edge, before and after, from the tables in `iridium/`, in every configuration.
//!
//! A line is one case: `bytes at pc | before | after | what it is`. Before: registers (`$n`, `fn`, `flag`, `remainder`,
//! `counter`, `sp`, `bp`, `heap`, `exit`, `pc`; 0 where not named, pc 72), integers on the heap by byte `[n]`, entries of
//! the stack `{n}`, the read-only section `data="…"`. After: the same, and `output="…"`, `halted` or `fault=reason`. What
//! is not named after is as it was before; pc is the next instruction's, or where the instruction was refused its own.

mod common;

use common::configurations;
use common::table::{self, Line, Part, find};
use kiln::device::Console;
use kiln::guest::{Guest, Stop};
use kiln::guests::iridium::image::Image;
use kiln::guests::iridium::isa::{HEAP, HEAP_LEN, HEAP_LIMIT, Numbering, STACK, STACK_LEN, STACK_LIMIT};
use kiln::guests::iridium::{Iridium, isa};
use kiln::ops::{Pc, Scalar, Type};
use kiln::state::State;
use kiln::tier::{Config, Stats, Tiers};
use kiln::vm::Vm;

/// Instructions of the code, of which the second is the one that is looked at. Others do nothing, so many that nobody
/// compiles them with it.
const LEN: usize = 30;

fn number(part: &Part) -> i64 {
    part.value.parse().unwrap_or_else(|_| panic!("{part:?} is no number"))
}

/// The number between two characters, if that is the part's name.
fn between(part: &Part, open: char, close: char) -> Option<u32> {
    let inner = part.name.strip_prefix(open)?.strip_suffix(close)?;
    Some(inner.parse().unwrap())
}

/// Does to a state what a table's part says.
fn apply(state: &mut State, part: &Part) {
    if let Some(at) = between(part, '[', ']') {
        return state.poke(HEAP, at, number(part) as u32).unwrap();
    }
    if let Some(at) = between(part, '{', '}') {
        return state.poke(STACK, at, number(part) as u32).unwrap();
    }
    if let Some(slot) = Iridium::SLOTS.iter().position(|slot| slot.0 == part.name) {
        let reg = slot as u8;
        return match Iridium::SLOTS[slot].1 {
            Type::Bool => state.set(kiln::ops::Reg::<bool>::new(reg), number(part) != 0),
            Type::F64 => state.set(isa::f(reg - 32), part.value.parse().unwrap()),
            _ => state.set(kiln::ops::Reg::<u32>::new(reg), number(part) as u32),
        };
    }
    match part.name.as_str() {
        "pc" => state.set_pc(number(part) as Pc),
        "data" | "output" | "halted" | "fault" => {}
        name => panic!("{name:?} is nothing that a table can say"),
    }
}

fn check(line: &Line, numbering: Numbering, name: &str, config: &Config) -> Stats {
    let mut image = Image::with_room("case", 0);
    image.read_only = find(&line.before, "data").map(Part::bytes).unwrap_or_default();
    let nop = if numbering == Numbering::Part1 { 17 } else { 16 };
    image.code = [nop, 0, 0, 0].repeat(LEN);
    line.words.iter().zip(&mut image.code[4..]).for_each(|(&word, byte)| *byte = word as u8);
    let start = image.start();
    let (console, output) = Console::scripted("");
    let iridium = Iridium::new(image.into(), numbering, console);
    let mut state = iridium.power_on(HEAP_LIMIT);
    state.set_pc(start + 4);
    // Room for what the case names, so that both states can be compared byte by byte.
    let entries = line.before.iter().chain(&line.after).filter_map(|part| between(part, '{', '}'));
    state.set(STACK_LEN, entries.max().map_or(0, |entry| (entry + 2).min(STACK_LIMIT)));
    line.before.iter().for_each(|part| apply(&mut state, part));

    let mut expected = state.clone();
    let fault = find(&line.after, "fault");
    if fault.is_none() {
        expected.set_pc(Iridium::next(state.pc()));
    }
    line.after.iter().for_each(|part| apply(&mut expected, part));

    let mut vm = Vm::new(iridium, state, config.clone());
    let stop = vm.run(1);
    vm.guest_mut().flush().unwrap();

    let story = format!("{}\nin configuration {name:?}", line.place);
    let reason = match &stop {
        Stop::Fault(fault) => fault.reason,
        stop => stop.kind(),
    };
    let halted = if find(&line.after, "halted").is_some() { "halted" } else { "budget" };
    assert_eq!(reason, fault.map_or(halted, |part| &part.value), "{story}");
    assert_eq!(vm.instructions(), fault.is_none() as u64, "instructions retired\n{story}");
    assert_eq!(vm.guest().registers(vm.state()), vm.guest().registers(&expected), "{story}");
    assert_eq!(vm.state().get(HEAP_LEN), expected.get(HEAP_LEN), "{story}");
    for space in [HEAP.id(), STACK.id()] {
        let (found, expected) = (vm.state().bytes(space), expected.bytes(space));
        let at = found.iter().zip(expected).position(|(found, expected)| found != expected);
        assert_eq!(at, None, "a byte of space {space}\n{story}");
    }
    let written = find(&line.after, "output").map(Part::bytes).unwrap_or_default();
    assert_eq!(output.bytes(), written, "output\n{story}");
    vm.stats().clone()
}

/// Checks a table. Native code must have run `native` of a hundred of its cases: stops and faults are not its to do.
fn cases(name: &str, numbering: Numbering, native: u64) {
    let lines = table::read(&format!("iridium/{name}"), "");
    for (configuration, config) in configurations() {
        let ran: u64 = lines.iter().map(|line| check(line, numbering, configuration, &config).native).sum();
        if config.tiers == Tiers::Jit {
            let cases = lines.len() as u64;
            assert!(ran * 100 >= cases * native, "{configuration:?}: {ran} of {cases} ran native");
        }
    }
}

#[test]
fn integers() {
    cases("integers", Numbering::Series, 90);
}

#[test]
fn comparisons() {
    cases("comparisons", Numbering::Series, 100);
}

#[test]
fn doubles() {
    cases("doubles", Numbering::Series, 100);
}

#[test]
fn memory() {
    cases("memory", Numbering::Series, 40);
}

#[test]
fn control() {
    cases("control", Numbering::Series, 50);
}

#[test]
fn printing() {
    cases("printing", Numbering::Series, 0);
}

#[test]
fn the_first_parts_numbers() {
    cases("part1", Numbering::Part1, 60);
}

/// A NaN in a register is the one that there is, whatever was put there.
#[test]
fn there_is_one_nan() {
    for bits in [0x7ff8_0000_0000_0001, 0xfff8_0000_0000_0000, 0x7ff0_0000_0000_0001] {
        assert_eq!(Scalar::to_bits(f64::from_bits(bits)), f64::NAN.to_bits());
    }
}
