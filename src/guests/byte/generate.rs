//! Random programs: loops, calls, arithmetic, and now and then an instruction that is out of place.

use super::{Byte, op};
use crate::asm::pairs::{Pair, Program};
use crate::fuzz::{Choices, Generate};

/// Instructions of a program, after which nothing more is begun.
const MOST: usize = 64;

impl Generate for Byte {
    /// A routine, at address 1, and behind it what the program starts with.
    fn generate(choices: &mut Choices<'_>) -> Program {
        let mut code = vec![[op::JUMP, 0]];
        fragments(&mut code, choices, 1);
        code.push([op::RET, 0]);
        code[0][1] = code.len() as u8;
        fragments(&mut code, choices, 0);
        code.into()
    }
}

fn fragments(code: &mut Vec<Pair>, choices: &mut Choices<'_>, depth: u8) {
    for _ in 0..=choices.below(4) {
        if code.len() > MOST {
            return;
        }
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
