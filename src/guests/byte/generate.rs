//! Random programs: loops, routines, arithmetic, and now and then an instruction that is out of place.

use std::fmt;

use super::{Byte, FRAME, KINDS, Operand, op, text};
use crate::device::{Capture, Console};
use crate::fuzz::{self, Choices};
use crate::tier::Config;
use crate::vm::Vm;

/// A random program.
pub struct Case(Vec<[u8; 2]>);

impl Case {
    /// The program.
    pub fn code(&self) -> &[[u8; 2]] {
        &self.0
    }
}

impl fuzz::Case for Case {
    type Guest = Byte;

    fn generate(choices: &mut Choices<'_>) -> Case {
        let mut writer = Writer { choices, code: vec![[op::JUMP, 0]], routines: Vec::new() };
        for _ in 0..writer.choices.below(3) {
            let start = writer.code.len() as u8;
            writer.fragments(1);
            writer.code.push([op::RET, 0]);
            writer.routines.push(start);
        }
        let start = writer.code.len() as u8;
        writer.code[0][1] = start;
        writer.fragments(0);
        if writer.choices.chance(200) {
            writer.code.push([op::JUMP, start]);
        }
        Case(writer.code)
    }

    fn machine(&self, config: Config) -> (Vm<Byte>, Capture) {
        let (guest, state) = Byte::new(self.0.clone());
        (Vm::new(guest, state, config), Console::scripted("").1)
    }

    fn meddle(&self, _: usize, _: &mut Vm<Byte>) {}
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..).zip(&self.0).try_for_each(|(at, &code)| writeln!(f, "{at:3}  {}", text::instruction(code)))
    }
}

struct Writer<'c, 'b> {
    choices: &'c mut Choices<'b>,
    code: Vec<[u8; 2]>,
    routines: Vec<u8>,
}

impl Writer<'_, '_> {
    fn fragments(&mut self, depth: u8) {
        for _ in 0..=self.choices.below(4) {
            self.fragment(depth);
        }
    }

    fn fragment(&mut self, depth: u8) {
        let slot = self.choices.below(4) as u8;
        match self.choices.below(8) {
            // A loop that counts a slot of its own down.
            0..3 if depth < 3 => {
                let counter = 4 + depth + 3 * self.choices.below(2) as u8;
                let turns = self.choices.pick(&[1, 2, 5, 30, 255]);
                self.code.extend([[op::PUSH, turns], [op::SET, counter]]);
                let start = self.code.len() as u8;
                self.fragments(depth + 1);
                self.code.extend([[op::GET, counter], [op::PUSH, 1], [op::SUB, 0], [op::DUP, 0]]);
                self.code.extend([[op::SET, counter], [op::JUMPIF, start]]);
            }
            3 => {
                let skip = self.code.len() + 1;
                self.code.extend([[op::GET, slot], [op::JUMPIF, 0]]);
                self.fragments(3);
                self.code[skip][1] = self.code.len() as u8;
            }
            4 => {
                let routine = self.choices.byte() as usize % (self.routines.len() + 1);
                self.code.extend(self.routines.get(routine).map(|&start| [op::CALL, start]));
            }
            5 if self.choices.chance(60) => {
                let op = self.choices.below(KINDS.len() as u16 + 1) as u8;
                let operand = match KINDS.get(usize::from(op)).map(|kind| kind.1) {
                    Some(Operand::Nothing) => 0,
                    Some(Operand::Slot) => self.choices.below(FRAME as u16) as u8,
                    _ => self.choices.byte(),
                };
                self.code.push([op, operand]);
            }
            _ => {
                let values = 1 + self.choices.below(4);
                for _ in 0..values {
                    let push = [[op::GET, self.choices.below(8) as u8], [op::PUSH, self.choices.byte()]];
                    let push = self.choices.pick(&push);
                    self.code.push(push);
                }
                for _ in 1..values {
                    let op = self.choices.pick(&[op::ADD, op::SUB, op::MUL, op::EQ, op::LT]);
                    self.code.push([op, 0]);
                }
                let end = self.choices.pick(&[[op::SET, slot], [op::SET, slot], [op::DROP, 0], [op::DUP, 0]]);
                self.code.push(end);
            }
        }
    }
}
