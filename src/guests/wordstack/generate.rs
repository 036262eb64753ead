//! Random programs: expressions of all shapes, and now and then a word that is out of place.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{DEPTH, Instruction, SP, START, Wordstack, image};
use crate::device::{Capture, Console};
use crate::fuzz::{self, Choices};
use crate::tier::Config;
use crate::vm::Vm;

/// A random program and the depth of its stack.
#[derive(Clone, Serialize, Deserialize)]
pub struct Case {
    words: Vec<u32>,
    depth: u32,
}

impl fuzz::Case for Case {
    type Guest = Wordstack;

    fn generate(choices: &mut Choices<'_>) -> Case {
        let depth = if choices.chance(24) { u32::from(choices.below(12)) } else { DEPTH };
        let len = choices.pick(&[4, 20, 60, 150]);
        // How often a value is pushed where an operation could be done: deep stacks, or flat ones.
        let push = choices.pick(&[20, 100, 160, 240]);
        let mut words = Vec::new();
        let mut on_stack = 0;
        for _ in 0..len {
            if choices.chance(1) {
                words.push(u32::from(choices.word()) << 16 | u32::from(choices.word()));
            } else if on_stack < 2 || choices.chance(push) {
                words.push(number(choices));
                on_stack += 1;
            } else {
                // Division seldom: one by zero ends it all.
                let few = if choices.chance(30) { &Instruction::ALL[1..] } else { &Instruction::ALL[1..4] };
                words.push(choices.pick(few).word());
                on_stack -= 1;
            }
        }
        if !choices.chance(16) {
            words.push(Instruction::Halt.word());
        }
        Case { words, depth }
    }

    fn machine(&self, config: Config) -> (Vm<Wordstack>, Capture) {
        let (guest, state) = Wordstack::new(&self.words, self.depth);
        (Vm::new(guest, state, config), Console::scripted("").1)
    }

    /// Once more from the start, with the values that are there or without.
    fn meddle(&self, turn: usize, vm: &mut Vm<Wordstack>) {
        vm.set_pc(START);
        if turn.is_multiple_of(2) {
            vm.set(SP, 0);
        }
    }
}

/// Small, large, or anything: a data word.
fn number(choices: &mut Choices<'_>) -> u32 {
    let any = i32::from(choices.word() as i16) << 15 | i32::from(choices.word() & 0x7fff);
    let small = i32::from(choices.below(7)) - 3;
    choices.pick(&[small, small, any, (1 << 30) - 1, -(1 << 30)]) as u32
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "a stack of {}", self.depth)?;
        f.write_str(&image::listing(&self.words))
    }
}
