//! Every instruction of the byte machine and of Wordstack, before and after, from the tables in `byte/` and
//! `wordstack/`, in every configuration.
//!
//! A line is one case: `instruction | before | after | what it is`. Before: the values on the stack, the top last, and
//! registers and slots by name; the rest is 0. After: the same, and `halted` or `fault=reason`. Registers and slots
//! that are not named after are as they were before, but for the pc, which is the next instruction's, or where the
//! instruction was refused its own. The byte machine's `SP` and Wordstack's follow from the values.

mod common;

use common::configurations;
use kiln::guest::{Guest, Stop};
use kiln::guests::byte::{self, Byte};
use kiln::guests::wordstack::{self, Wordstack};
use kiln::state::State;
use kiln::tier::{Config, Tiers};
use kiln::vm::Vm;

/// What the tables ask of a machine.
trait Stacked: Guest {
    /// A machine with this instruction at address 5 of its program.
    fn with(instruction: &str) -> (Self, State);
    /// Puts a value on the stack.
    fn push(state: &mut State, value: i64);
    /// The values on the stack, the top last.
    fn values(state: &State) -> Vec<i64>;
    /// Gives a register or a slot a value.
    fn set(state: &mut State, name: &str, value: u32);
    /// Registers and slots.
    fn visible(state: &State) -> Vec<u32>;
}

impl Stacked for Byte {
    /// The instruction: its operation and operand in hexadecimal.
    fn with(instruction: &str) -> (Byte, State) {
        let bytes = u16::from_str_radix(instruction, 16).unwrap().to_be_bytes();
        Byte::new(&[[[2, 0]; 5], [bytes; 5]].concat())
    }

    fn push(state: &mut State, value: i64) {
        let sp = state.get(byte::SP);
        state.poke(byte::STACK, sp, u8::try_from(value).unwrap()).unwrap();
        state.set(byte::SP, sp + 1);
    }

    fn values(state: &State) -> Vec<i64> {
        (0..state.get(byte::SP)).map(|at| state.peek(byte::STACK, at).unwrap().into()).collect()
    }

    fn set(state: &mut State, name: &str, value: u32) {
        match name.strip_prefix("slot") {
            Some(slot) => state.poke(byte::FRAMES, slot.parse().unwrap(), value as u8).unwrap(),
            None if name == "FP" => state.set(byte::FP, value),
            None => panic!("{name:?} is nothing that a table can say"),
        }
    }

    fn visible(state: &State) -> Vec<u32> {
        let frames = (0..64 * byte::FRAME).map(|at| state.peek(byte::FRAMES, at).unwrap().into());
        frames.chain([state.get(byte::FP)]).collect()
    }
}

impl Stacked for Wordstack {
    /// The instruction: its word in hexadecimal.
    fn with(instruction: &str) -> (Wordstack, State) {
        let word = u32::from_str_radix(instruction, 16).unwrap();
        Wordstack::new(&[1, 1, 1, 1, word], wordstack::DEPTH)
    }

    fn push(state: &mut State, value: i64) {
        let sp = state.get(wordstack::SP);
        state.poke(wordstack::STACK, sp, i32::try_from(value).unwrap() as u32).unwrap();
        state.set(wordstack::SP, sp + 1);
    }

    fn values(state: &State) -> Vec<i64> {
        let mut values: Vec<i64> = Wordstack::stack(state).map(i64::from).collect();
        values.reverse();
        values
    }

    fn set(state: &mut State, name: &str, value: u32) {
        match name {
            "LIMIT" => state.set(wordstack::LIMIT, value),
            name => panic!("{name:?} is nothing that a table can say"),
        }
    }

    fn visible(state: &State) -> Vec<u32> {
        vec![state.get(wordstack::LIMIT)]
    }
}

/// What a column says.
#[derive(Default)]
struct Column<'a> {
    values: Vec<i64>,
    named: Vec<(&'a str, u32)>,
    /// How the run ends, if not with its budget.
    end: Option<&'a str>,
}

impl<'a> Column<'a> {
    fn read(text: &'a str) -> Column<'a> {
        let mut column = Column::default();
        for part in text.split_whitespace() {
            match part.split_once('=') {
                None if part == "halted" => column.end = Some(part),
                None => column.values.push(part.parse().unwrap_or_else(|_| panic!("{part:?} is no value"))),
                Some(("fault", reason)) => column.end = Some(reason),
                Some((name, value)) => column.named.push((name, value.parse().unwrap())),
            }
        }
        column
    }

    fn set<G: Stacked>(&self, state: &mut State) {
        for &(name, value) in &self.named {
            match name {
                "PC" => state.set_pc(value),
                name => G::set(state, name, value),
            }
        }
    }
}

/// Checks a line; the instructions that retired in native code.
fn check<G: Stacked>([instruction, before, after, _]: [&str; 4], config: Config, story: &str) -> u64 {
    let (before, after) = (Column::read(before), Column::read(after));
    let is_refused = after.end.is_some_and(|end| end != "halted");
    let (guest, mut state) = G::with(instruction);
    state.set_pc(5);
    before.values.iter().for_each(|&value| G::push(&mut state, value));
    before.set::<G>(&mut state);
    let mut expected = state.clone();
    if !is_refused {
        expected.set_pc(G::next(state.pc()));
    }
    after.set::<G>(&mut expected);
    let values = if is_refused { before.values } else { after.values };

    let mut vm = Vm::new(guest, state, config);
    let stop = vm.run(1);
    let reason = match &stop {
        Stop::Fault(fault) => fault.reason,
        stop => stop.kind(),
    };
    assert_eq!(reason, after.end.unwrap_or("budget"), "{story}");
    assert_eq!(vm.instructions(), u64::from(!is_refused), "instructions retired\n{story}");
    assert_eq!(G::values(vm.state()), values, "values\n{story}");
    assert_eq!(G::visible(vm.state()), G::visible(&expected), "registers and slots\n{story}");
    assert_eq!(vm.pc(), expected.pc(), "pc\n{story}");
    vm.stats().native
}

/// Checks a table. Native code must have run `native` of a hundred of its cases where all is compiled at once:
/// halts and faults are not its to do.
fn table<G: Stacked>(native: usize) {
    let path = format!("{}/tests/{}/instructions.txt", env!("CARGO_MANIFEST_DIR"), G::NAME);
    let text = std::fs::read_to_string(&path).unwrap();
    for (name, config) in configurations() {
        let (mut cases, mut ran_native) = (0, 0);
        for (number, line) in text.lines().enumerate().filter(|l| !l.1.is_empty() && !l.1.starts_with('#')) {
            let columns: Vec<&str> = line.split('|').map(str::trim).collect();
            let story = format!("{path}:{}: {line}\nin configuration {name:?}", number + 1);
            let columns = columns.try_into().unwrap_or_else(|_| panic!("four columns\n{story}"));
            cases += 1;
            // No more than is run: native code begins nothing that it cannot end.
            let config = Config { region_instructions: 1, ..config.clone() };
            ran_native += check::<G>(columns, config, &story) as usize;
        }
        if config.tiers == Tiers::Jit {
            assert!(ran_native * 100 >= cases * native, "{name:?}: {ran_native} of {cases} ran native");
        }
    }
}

#[test]
fn the_byte_machine() {
    table::<Byte>(60);
}

#[test]
fn wordstack() {
    table::<Wordstack>(50);
}
