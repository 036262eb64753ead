//! Random programs: loops, calls, arithmetic, and now and then an instruction that is out of place.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Byte, op, text};
use crate::device::{Capture, Console};
use crate::fuzz::{self, Choices};
use crate::tier::Config;
use crate::vm::Vm;

/// A random program.
#[derive(Clone, Serialize, Deserialize)]
pub struct Case(pub Vec<[u8; 2]>);

impl fuzz::Case for Case {
    type Guest = Byte;

    /// A routine, at address 1, and behind it what the program starts with.
    fn generate(choices: &mut Choices<'_>) -> Case {
        let mut code = vec![[op::JUMP, 0]];
        fragments(&mut code, choices, 1);
        code.push([op::RET, 0]);
        code[0][1] = code.len() as u8;
        fragments(&mut code, choices, 0);
        Case(code)
    }

    fn machine(&self, config: Config) -> (Vm<Byte>, Capture) {
        let (guest, state) = Byte::new(&self.0);
        (Vm::new(guest, state, config), Console::scripted("").1)
    }

    fn meddle(&self, _: usize, _: &mut Vm<Byte>) {}
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..).zip(&self.0).try_for_each(|(at, &code)| writeln!(f, "{at:3}  {}", text::instruction(code)))
    }
}

fn fragments(code: &mut Vec<[u8; 2]>, choices: &mut Choices<'_>, depth: u8) {
    for _ in 0..=choices.below(4) {
        let slot = choices.below(6) as u8;
        match choices.below(8) {
            // A loop that counts a slot of its own down.
            0..3 if depth < 3 => {
                let counter = 4 + depth;
                code.extend([[op::PUSH, choices.pick(&[1, 2, 5, 30, 255])], [op::SET, counter]]);
                let start = code.len() as u8;
                fragments(code, choices, depth + 1);
                code.extend([[op::GET, counter], [op::PUSH, 1], [op::SUB, 0], [op::DUP, 0]]);
                code.extend([[op::SET, counter], [op::JUMPIF, start]]);
            }
            3 => {
                let skip = code.len() + 1;
                code.extend([[op::GET, slot], [op::JUMPIF, 0]]);
                fragments(code, choices, 3);
                code[skip][1] = code.len() as u8;
            }
            // Once the routine is there.
            4 if code[0][1] > 0 => code.push([op::CALL, 1]),
            5 if choices.chance(30) => code.push([choices.below(18) as u8, choices.below(16) as u8]),
            _ => {
                let op = choices.pick(&[op::ADD, op::SUB, op::MUL, op::EQ, op::LT]);
                let end = choices.pick(&[[op::SET, slot], [op::SET, slot], [op::DROP, 0], [op::DUP, 0]]);
                code.extend([[op::GET, slot], [op::PUSH, choices.byte()], [op, 0], end]);
            }
        }
    }
}
