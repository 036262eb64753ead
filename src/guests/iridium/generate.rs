//! Random Iridium programs with structure: loops of every kind that get hot, calls, jumps through registers, heap and
//! stack, doubles of all kinds, faults, and noise.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::image::{HEADER, Image};
use super::isa::{HEAP_LIMIT, Numbering, SIZE, exact, f, op, r};
use super::{Iridium, disasm};
use crate::device::{Capture, Console};
use crate::fuzz::{self, Choices};
use crate::tier::Config;
use crate::vm::Vm;

/// Instructions of a program at most, about.
const LEN: usize = 150;
/// Registers that programs calculate with; those above count loops, point and are compared with.
const SCRATCH: u16 = 6;
const POINTER: u8 = 8;
const MASK: u8 = 9;
const TARGET: u8 = 10;
const ZERO: u8 = 11;
/// The first of the registers that count loops, one a depth.
const COUNTER: u8 = 12;
/// How often subroutines that call themselves still do.
const LEFT: u8 = 16;
/// How deep loops and branches nest.
const DEPTH: usize = 2;
/// Bytes of the read-only section: two strings and what has no end.
const TEXT: &[u8] = b"one\n\0two\0end";

/// A random program with its machine, and what the host changes while it is stopped.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub struct Case {
    /// The program.
    pub image: Image,
    /// Which numbers its instructions have.
    pub numbering: Numbering,
    /// Bytes that the heap may have.
    pub heap: u32,
    /// What the host does after each run.
    pub changes: Vec<Change>,
}

/// A case in a file: its read-only section is always the same.
#[derive(Serialize, Deserialize)]
struct Saved {
    code: Vec<[u8; 4]>,
    numbering: Numbering,
    heap: u32,
    changes: Vec<Change>,
}

impl From<Saved> for Case {
    fn from(saved: Saved) -> Case {
        let Saved { code, numbering, heap, changes } = saved;
        Case { image: image(code.concat()), numbering, heap, changes }
    }
}

impl From<Case> for Saved {
    fn from(case: Case) -> Saved {
        let Case { image, numbering, heap, changes } = case;
        let code = image.code.chunks_exact(4).map(|word| word.try_into().expect("they are four")).collect();
        Saved { code, numbering, heap, changes }
    }
}

/// What a host does to a machine that is stopped.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Gives an integer register a value.
    Register(u8, u32),
    /// Gives a register of doubles these bits.
    Double(u8, u64),
    /// Replaces an instruction, by index modulo their number.
    Instruction(usize, [u8; 4]),
    /// Adds an instruction at the end.
    Append([u8; 4]),
}

impl fuzz::Case for Case {
    type Guest = Iridium;

    fn generate(choices: &mut Choices<'_>) -> Case {
        let numbering = if choices.chance(16) { Numbering::Part1 } else { Numbering::Series };
        let code = if numbering == Numbering::Part1 || choices.chance(16) {
            (0..LEN).flat_map(|_| noise(choices)).collect()
        } else {
            Writer { choices, code: Vec::new(), routines: Vec::new() }.program()
        };
        let image = image(code);
        let changes = (0..choices.below(4))
            .map(|_| match choices.below(4) {
                0 => Change::Register(choices.byte(), u32::from(choices.word())),
                1 => Change::Double(choices.byte(), u64::from(choices.word()) << 48),
                2 => Change::Instruction(choices.word().into(), noise(choices)),
                _ => Change::Append(noise(choices)),
            })
            .collect();
        let heap = choices.pick(&[HEAP_LIMIT, 1 << 16, 1000, 3]);
        Case { image, numbering, heap, changes }
    }

    fn machine(&self, config: Config) -> (Vm<Iridium>, Capture) {
        let (console, output) = Console::scripted("");
        let iridium = Iridium::new(Arc::new(self.image.clone()), self.numbering, console);
        let state = iridium.power_on(self.heap);
        (Vm::new(iridium, state, config), output)
    }

    fn meddle(&self, turn: usize, vm: &mut Vm<Iridium>) {
        let word_at = |image: &Image, n: usize| match image.code.len() / SIZE as usize {
            0 => None,
            len => Some(n % len * SIZE as usize),
        };
        match self.changes.get(turn) {
            None => {}
            Some(&Change::Register(n, value)) => vm.set(r(n), value),
            Some(&Change::Double(n, bits)) => vm.set(f(n), f64::from_bits(bits)),
            Some(&Change::Instruction(n, word)) => vm.change_program(|iridium, _| {
                if let Some(at) = word_at(iridium.image(), n) {
                    iridium.image_mut().code[at..at + 4].copy_from_slice(&word);
                }
            }),
            Some(&Change::Append(word)) => {
                vm.change_program(|iridium, _| iridium.image_mut().code.extend(word));
            }
        }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}, heap {}, changes {:?}", self.numbering, self.heap, self.changes)?;
        for pc in self.image.addresses() {
            writeln!(f, "{pc:6} {}", disasm::at(&self.image, self.numbering, pc))?;
        }
        Ok(())
    }
}

/// A program of this code.
fn image(code: Vec<u8>) -> Image {
    Image { read_only: TEXT.to_vec(), taken: TEXT.len(), code, ..Image::with_room("random", 0) }
}

/// Any word, mostly one that is an instruction.
fn noise(choices: &mut Choices<'_>) -> [u8; 4] {
    let word = [choices.byte() % 50, choices.byte() % 36, choices.byte() % 34, choices.byte() % 34];
    match exact(Numbering::Series, word) {
        None if choices.chance(40) => [choices.byte(), choices.byte(), choices.byte(), choices.byte()],
        _ => word,
    }
}

struct Writer<'c, 'b> {
    choices: &'c mut Choices<'b>,
    code: Vec<[u8; 4]>,
    /// Where subroutines start.
    routines: Vec<usize>,
}

impl Writer<'_, '_> {
    fn program(mut self) -> Vec<u8> {
        let heap = self.choices.pick(&[256, 256, 4, 1000]);
        self.immediate(op::LOAD, MASK, heap);
        self.push(op::ALOC, MASK, 0, 0);
        self.immediate(op::LOAD, MASK, 252);
        let depth = self.choices.below(20);
        self.immediate(op::LOAD, LEFT, depth);
        let skip = self.code.len();
        // Over the subroutines: to be filled in.
        self.code.extend([[0; 4]; 2]);
        for _ in 0..self.choices.below(4) {
            self.routine();
        }
        let start = self.code.len();
        let [high, low] = address(start).to_be_bytes();
        self.code[skip] = [op::LOAD - 1, TARGET, high, low];
        self.code[skip + 1] = [op::JMP - 1, TARGET, 0, 0];
        for _ in 0..2 + self.choices.below(8) {
            self.fragment(0);
        }
        match self.choices.below(8) {
            0 => self.push(op::HLT, 0, 0, 0),
            // It runs off the end.
            1 => {}
            2 => self.push(op::RET, 0, 0, 0),
            _ => self.go(start),
        }
        self.code.concat()
    }

    fn push(&mut self, op: u8, a: u8, b: u8, c: u8) {
        self.code.push([op - 1, a, b, c]);
    }

    /// Adds an instruction of a register and 16 bits.
    fn immediate(&mut self, op: u8, register: u8, value: u16) {
        let [high, low] = value.to_be_bytes();
        self.push(op, register, high, low);
    }

    /// Adds an instruction of a code address.
    fn direct(&mut self, op: u8, to: usize) {
        let [high, low] = address(to).to_be_bytes();
        self.push(op, high, low, 0);
    }

    /// A jump to an instruction, through a register.
    fn go(&mut self, to: usize) {
        self.immediate(op::LOAD, TARGET, address(to));
        self.push(op::JMP, TARGET, 0, 0);
    }

    fn scratch(&mut self) -> u8 {
        // Now and then one that has a task, or that there is not.
        if self.choices.chance(4) { self.choices.below(33) as u8 } else { self.choices.below(SCRATCH) as u8 }
    }

    /// A subroutine that calls earlier ones, and itself sometimes.
    fn routine(&mut self) {
        let start = self.code.len();
        if self.choices.chance(90) {
            // As often as there is left.
            self.push(op::DEC, LEFT, 0, 0);
            self.push(op::LT, LEFT, ZERO, 0);
            let skip = self.code.len();
            self.code.push([0; 4]);
            self.fragment(DEPTH);
            self.direct(op::CALL, start);
            let end = self.code.len();
            self.direct(op::DJMPE, end);
            self.code.swap_remove(skip);
        } else {
            self.fragment(1);
        }
        if self.choices.chance(16) {
            // Off balance.
            let register = self.scratch();
            let op = self.choices.pick(&[op::PUSH, op::POP]);
            self.push(op, register, 0, 0);
        }
        self.push(op::RET, 0, 0, 0);
        self.routines.push(start);
    }

    fn fragment(&mut self, depth: usize) {
        if self.code.len() > LEN {
            return;
        }
        match self.choices.below(if depth < DEPTH { 22 } else { 15 }) {
            0..4 => self.arithmetic(),
            4..6 => self.doubles(),
            6..8 => self.heap(),
            8..10 => self.stack(),
            10 | 11 => self.call(),
            12 => self.divide(),
            13 => {
                let at = self.choices.pick(&[0, 5, 1, 0, 9, 500]);
                let [high, low] = u16::to_be_bytes(at);
                self.push(op::PRTS, high, low, 0);
            }
            14 => {
                let word = noise(self.choices);
                self.code.push(word);
            }
            15..17 => self.counted(depth),
            17..19 => self.looped(depth),
            19 => self.backwards(depth),
            _ => self.skip(depth),
        }
    }

    fn arithmetic(&mut self) {
        const THREE: [u8; 6] = [op::ADD, op::SUB, op::MUL, op::AND, op::OR, op::XOR];
        for _ in 0..=self.choices.below(5) {
            let (a, b, c) = (self.scratch(), self.scratch(), self.scratch());
            match self.choices.below(6) {
                0..3 => {
                    let op = self.choices.pick(&THREE);
                    self.push(op, a, b, c);
                }
                3 => {
                    let op = self.choices.pick(&[op::INC, op::DEC]);
                    self.push(op, a, 0, 0);
                }
                4 => {
                    let (op, n) = (self.choices.pick(&[op::SHL, op::SHR]), self.choices.byte());
                    self.push(op, a, n, 0);
                }
                _ => {
                    let op = self.choices.pick(&[op::LOAD, op::LUI]);
                    let value = self.choices.word();
                    self.immediate(op, a, value);
                }
            }
        }
    }

    fn doubles(&mut self) {
        const TWO: [u8; 6] = [op::EQF64, op::NEQF64, op::GTF64, op::GTEF64, op::LTF64, op::LTEF64];
        for _ in 0..=self.choices.below(6) {
            let (a, b, c) = (self.scratch(), self.scratch(), self.scratch());
            match self.choices.below(8) {
                0..5 => {
                    let op = self.choices.pick(&[op::ADDF64, op::SUBF64, op::MULF64, op::DIVF64]);
                    self.push(op, a, b, c);
                }
                5 => {
                    let value = self.choices.pick(&[0, 1, 3, u16::MAX]);
                    self.immediate(op::LOADF64, a, value);
                }
                _ => {
                    let op = self.choices.pick(&TWO);
                    self.push(op, a, b, 0);
                }
            }
        }
    }

    fn divide(&mut self) {
        let (a, b, c) = (self.scratch(), self.scratch(), self.scratch());
        if self.choices.chance(220) {
            // Not by 0.
            self.immediate(op::LOAD, POINTER, 1);
            self.push(op::OR, b, POINTER, b);
        }
        self.push(op::DIV, a, b, c);
    }

    fn heap(&mut self) {
        let base = self.scratch();
        if self.choices.chance(235) {
            self.push(op::AND, base, MASK, POINTER);
        }
        for _ in 0..=self.choices.below(3) {
            let register = self.scratch();
            let op = self.choices.pick(&[op::LOADM, op::SETM]);
            self.push(op, POINTER, register, 0);
        }
        if self.choices.chance(30) {
            self.push(op::ALOC, base, 0, 0);
        }
    }

    fn stack(&mut self) {
        let count = 1 + self.choices.below(4);
        for _ in 0..count {
            let register = self.scratch();
            self.push(op::PUSH, register, 0, 0);
        }
        self.arithmetic();
        let drop = if self.choices.chance(10) { self.choices.below(6) } else { count };
        for _ in 0..drop {
            let register = self.scratch();
            self.push(op::POP, register, 0, 0);
        }
    }

    fn call(&mut self) {
        let Some(last) = self.routines.len().checked_sub(1) else { return };
        let to = self.routines[usize::from(self.choices.below(last as u16 + 1))];
        self.direct(op::CALL, to);
    }

    fn compare(&mut self) {
        const TWO: [u8; 6] = [op::EQ, op::NEQ, op::GTE, op::LTE, op::LT, op::GT];
        let (a, b) = (self.scratch(), self.scratch());
        let op = self.choices.pick(&TWO);
        self.push(op, a, b, 0);
    }

    /// A branch to an instruction if the flag is set, directly or through a register.
    fn branch(&mut self, to: usize) {
        if self.choices.chance(170) {
            self.direct(op::DJMPE, to);
        } else {
            self.immediate(op::LOAD, TARGET, address(to));
            self.push(op::JMPE, TARGET, 0, 0);
        }
    }

    /// A loop that counts a register down.
    fn counted(&mut self, depth: usize) {
        let counter = COUNTER + depth as u8;
        let few = 1 + self.choices.below(40);
        let times = if self.choices.chance(12) { self.choices.word() } else { few };
        self.immediate(op::LOAD, counter, times);
        let top = self.code.len();
        for _ in 0..=self.choices.below(3) {
            self.fragment(depth + 1);
        }
        self.push(op::DEC, counter, 0, 0);
        self.push(op::GT, counter, ZERO, 0);
        self.branch(top);
    }

    /// A loop of CLOOP and LOOP, which others inside it may disturb.
    fn looped(&mut self, depth: usize) {
        let times = self.choices.below(40);
        let [high, low] = times.to_be_bytes();
        self.push(op::CLOOP, high, low, 0);
        let top = self.code.len();
        self.fragment(depth + 1);
        self.direct(op::LOOP, top);
    }

    /// A loop that JMPF leaves and JMPB closes.
    fn backwards(&mut self, depth: usize) {
        let counter = COUNTER + depth as u8;
        let times = 1 + self.choices.below(20);
        self.immediate(op::LOAD, counter, times);
        let top = self.code.len();
        self.fragment(depth + 1);
        self.push(op::DEC, counter, 0, 0);
        self.push(op::LTE, counter, ZERO, 0);
        let out = self.code.len() + 4;
        self.immediate(op::LOAD, TARGET, address(out));
        self.push(op::JMPE, TARGET, 0, 0);
        let back = 4 * (self.code.len() + 1 - top) as u16 + self.choices.pick(&[0, 2]);
        self.immediate(op::LOAD, TARGET, back);
        self.push(op::JMPB, TARGET, 0, 0);
    }

    /// A branch over something.
    fn skip(&mut self, depth: usize) {
        self.compare();
        if self.choices.chance(40) {
            let distance = self.choices.pick(&[2, 4, 6, 8, 10, 3]);
            self.immediate(op::LOAD, TARGET, distance);
            self.push(op::JMPF, TARGET, 0, 0);
            return self.fragment(depth + 1);
        }
        let branch = self.code.len();
        self.code.push([0; 4]);
        self.fragment(depth + 1);
        let end = self.code.len();
        self.direct(op::DJMPE, end);
        self.code.swap_remove(branch);
    }
}

/// The address of the instruction with this number.
fn address(n: usize) -> u16 {
    (HEADER + TEXT.len() + n * SIZE as usize) as u16
}
