//! The words of a random LC-3 program, fragment by fragment.

use super::super::isa::{decode, op};
use super::super::profile::Profile;
use crate::fuzz::Choices;

/// Words of a program. Its data is reached from all of its code by a 9-bit offset.
pub(super) const WORDS: usize = 256;
/// Where data starts: first addresses, then instructions, then numbers.
const DATA: usize = 200;
/// Data words that hold addresses.
const POINTERS: usize = 16;
/// Data words that hold instructions, after these.
const INSTRUCTIONS: usize = 8;
/// A variable that is run now and then: one instruction and RET, after these.
const VARIABLE: usize = DATA + POINTERS + INSTRUCTIONS;
/// Where numbers start.
const NUMBERS: usize = VARIABLE + 2;
/// A number that enables a device's interrupts, where numbers start.
const ENABLE: usize = NUMBERS;
/// How deep loops and branches nest.
const DEPTH: usize = 2;
/// Registers that programs calculate with; the others count loops, point and link.
const SCRATCH: u16 = 4;

/// A program as far as it is written.
pub(super) struct Writer<'c, 'b> {
    choices: &'c mut Choices<'b>,
    origin: u16,
    words: Vec<u16>,
    /// Where subroutines start.
    routines: Vec<usize>,
    /// Where handlers of exceptions and interrupts start.
    handlers: Vec<usize>,
    /// No traps, no devices, no code that changes: native code stays native.
    is_quiet: bool,
}

impl<'c, 'b> Writer<'c, 'b> {
    /// A program that will be at this address.
    pub(super) fn new(choices: &'c mut Choices<'b>, origin: u16) -> Self {
        let is_quiet = choices.chance(208);
        let (words, routines, handlers) = Default::default();
        Writer { choices, origin, words, routines, handlers, is_quiet }
    }

    /// The program's words, and where its handlers start.
    pub(super) fn program(mut self) -> (Vec<u16>, Vec<usize>) {
        // Over the subroutines.
        self.words.push(0);
        for _ in 0..self.choices.below(4) {
            self.routine();
        }
        if self.choices.chance(96) {
            self.handler();
        }
        self.words[0] = self.branch(7, 0, self.words.len());
        let start = self.words.len();
        // The stack.
        self.with_place(2, 6, DATA + 7);
        if !self.handlers.is_empty() && self.choices.chance(128) {
            self.enable(0);
        }
        for _ in 0..2 + self.choices.below(6) {
            self.fragment(0);
        }
        match self.choices.below(8) {
            0 => self.words.push(0xf025),
            // What comes after is nothing.
            1 => {}
            _ => {
                let back = self.branch(7, self.words.len(), start);
                self.words.push(back);
            }
        }
        self.words.truncate(DATA);
        self.words.resize(DATA, 0);
        self.data();
        (self.words, self.handlers)
    }

    fn data(&mut self) {
        let devices = [0xfe00, 0xfe02, 0xfe04, 0xfe06, 0xfe08, 0xfe0a, 0xfe0a, 0xfffc, 0xfffe, 0xfe10];
        let edges = [0xfdff, 0x2fff, 0x3000, 0xffff, 0x0000, 0x0101, 0x0180];
        for n in 0..POINTERS {
            let near = self.origin.wrapping_add(self.choices.below(WORDS as u16));
            let pointer = match n {
                0..4 => devices[n],
                4 => self.choices.pick(&devices[4..]),
                5 => self.choices.pick(&edges),
                6..8 => 0x4000 + self.choices.below(64),
                _ => near,
            };
            self.words.push(pointer);
        }
        for _ in 0..INSTRUCTIONS {
            let word = any_instruction(self.choices);
            self.words.push(word);
        }
        self.words.extend([0, 0xc1c0, 0x4000]);
        while self.words.len() < WORDS {
            let word = match self.choices.below(4) {
                0 => self.choices.below(8),
                1 => self.choices.word() | 0x8000,
                2 => 0x20 + self.choices.below(0x5e),
                _ => self.choices.word(),
            };
            self.words.push(word);
        }
    }

    /// The 9-bit offset from `at` to `to`.
    fn offset(&self, at: usize, to: usize) -> u16 {
        (to.wrapping_sub(at + 1) & 0x1ff) as u16
    }

    fn branch(&self, nzp: u16, at: usize, to: usize) -> u16 {
        nzp << 9 | self.offset(at, to)
    }

    /// Adds an instruction of a register and a place.
    fn with_place(&mut self, op: u16, register: u16, place: usize) {
        let word = op << 12 | register << 9 | self.offset(self.words.len(), place);
        self.words.push(word);
    }

    fn scratch(&mut self) -> u16 {
        // Now and then one that has a task.
        if self.choices.chance(6) { self.choices.below(8) } else { self.choices.below(SCRATCH) }
    }

    fn pointer(&mut self) -> usize {
        let wild = self.choices.chance(40);
        let n = if wild { self.choices.below(POINTERS as u16) } else { 6 + self.choices.below(10) };
        DATA + usize::from(n)
    }

    fn instruction(&mut self) -> usize {
        DATA + POINTERS + usize::from(self.choices.below(INSTRUCTIONS as u16))
    }

    fn number(&mut self) -> usize {
        NUMBERS + usize::from(self.choices.below((WORDS - NUMBERS) as u16))
    }

    /// A place in the code: here and around, or anywhere.
    fn place(&mut self) -> usize {
        let here = self.words.len();
        match self.choices.below(4) {
            0 | 1 => here + usize::from(self.choices.below(6)),
            2 => here.saturating_sub(usize::from(self.choices.below(12))),
            _ => usize::from(self.choices.below(DATA as u16)),
        }
    }

    /// A subroutine that calls earlier ones, and itself sometimes.
    fn routine(&mut self) {
        let start = self.words.len();
        let recursive = self.choices.chance(80);
        let leaf = !recursive && self.choices.chance(128);
        if recursive {
            // As deep as R3 says: ADD R3,R3,#-1, BRnz, and a call with R7 on a stack, or without: then it
            // returns for ever, as wrong programs do.
            self.words.push(0x16ff);
            if self.choices.chance(200) {
                self.words.extend([0x0c05, 0x1dbf, 0x7f80, 0x4ffb, 0x6f80, 0x1da1]);
            } else {
                self.words.extend([0x0c01, 0x4ffd]);
            }
        }
        if !leaf && !recursive {
            // R7 survives in a word of its own.
            let keep = self.number();
            self.with_place(3, 7, keep);
            self.fragment(1);
            self.with_place(2, 7, keep);
        } else {
            self.fragment(DEPTH);
        }
        self.words.push(0xc1c0);
        self.routines.push(start);
    }

    /// What deals with an exception or an interrupt, and returns.
    fn handler(&mut self) {
        self.handlers.push(self.words.len());
        if self.choices.chance(200) {
            let register = self.scratch();
            self.with_place(10, register, DATA + 1);
        }
        self.fragment(DEPTH);
        self.words.push(0x8000);
    }

    fn fragment(&mut self, depth: usize) {
        if self.words.len() > DATA - 20 {
            return;
        }
        let kinds = if depth < DEPTH { 21 } else { 17 };
        match self.choices.below(kinds) {
            12..16 if self.is_quiet => self.direct(),
            0..3 => {
                for _ in 0..=self.choices.below(5) {
                    let word = arithmetic(self.choices);
                    self.words.push(word);
                }
            }
            3..5 => self.direct(),
            5..7 => self.indirect(),
            7 => self.indexed(),
            8 => self.call(),
            9 => self.table(),
            10 => self.stack(depth),
            11 => {
                let (register, place) = (self.scratch(), self.place());
                self.with_place(14, register, place);
            }
            12 | 13 => self.modify(),
            14 => self.trap(),
            15 => self.device(),
            16 => {
                let word =
                    if self.choices.chance(60) { self.choices.word() } else { any_instruction(self.choices) };
                self.words.push(word);
            }
            17..20 => self.counted(depth),
            _ => self.skip(depth),
        }
    }

    fn direct(&mut self) {
        let (op, register, place) = (self.choices.pick(&[2, 3]), self.scratch(), self.number());
        self.with_place(op, register, place);
    }

    fn indirect(&mut self) {
        let (op, register, place) = (self.choices.pick(&[10, 11]), self.scratch(), self.pointer());
        self.with_place(op, register, place);
    }

    fn indexed(&mut self) {
        let (base, pointer) = (self.scratch(), self.pointer());
        self.with_place(2, base, pointer);
        for _ in 0..=self.choices.below(3) {
            let (op, register, offset) =
                (self.choices.pick(&[6, 7]), self.scratch(), self.choices.word() & 0x3f);
            self.words.push(op << 12 | register << 9 | base << 6 | offset);
        }
    }

    fn call(&mut self) {
        if self.choices.chance(60) {
            // Sometimes, and then the variable.
            let word = 0x5020
                | self.scratch() << 9
                | self.choices.below(SCRATCH) << 6
                | self.choices.pick(&[1, 3, 7]);
            self.words.extend([word, 0x0a01]);
            let offset = VARIABLE - (self.words.len() + 1);
            self.words.push(0x4800 | offset as u16);
            return;
        }
        let Some(last) = self.routines.len().checked_sub(1) else { return };
        let to = self.routines[usize::from(self.choices.below(last as u16 + 1))];
        if self.choices.chance(180) {
            let offset = to.wrapping_sub(self.words.len() + 1) & 0x7ff;
            self.words.push(0x4800 | offset as u16);
        } else {
            let register = self.choices.pick(&[2, 3, 7]);
            self.with_place(14, register, to);
            self.words.push(0x4000 | register << 6);
        }
    }

    /// A jump to one of a few places.
    fn table(&mut self) {
        let (index, to) = (self.scratch(), self.scratch());
        let mask = self.choices.pick(&[1, 3, 7]);
        self.words.push(0x5020 | index << 9 | self.choices.below(SCRATCH) << 6 | mask);
        let table = self.words.len() + 3;
        self.with_place(14, to, table);
        self.words.push(0x1000 | to << 9 | to << 6 | index);
        self.words.push(0xc000 | to << 6);
        for _ in 0..=mask {
            let word = arithmetic(self.choices);
            self.words.push(word);
        }
    }

    /// Writes over an instruction: by another, by itself plus something, by a copy.
    fn modify(&mut self) {
        let register = self.scratch();
        let place = if self.choices.chance(60) { VARIABLE } else { self.place() };
        match self.choices.below(4) {
            0 | 1 => {
                let from = self.instruction();
                self.with_place(2, register, from);
            }
            2 => {
                self.with_place(2, register, place);
                self.words.push(0x1020 | register << 9 | register << 6 | self.choices.pick(&[0, 1, 0x1f]));
            }
            _ => {
                let from = self.place();
                self.with_place(2, register, from);
            }
        }
        self.with_place(3, register, place);
    }

    fn trap(&mut self) {
        match self.choices.below(8) {
            0..4 => self.words.push(0xf021),
            4 => {
                let place = self.number();
                self.with_place(14, 0, place);
                let vector = self.choices.pick(&[0xf022, 0xf024]);
                self.words.push(vector);
            }
            5 | 6 => self.words.push(0xf020),
            _ => {
                let vector = self.choices.pick(&[0xf023, 0xf025, 0xf026, 0x8000, 0xd000]);
                self.words.push(vector);
            }
        }
    }

    fn device(&mut self) {
        let register = self.scratch();
        match self.choices.below(7) {
            0 => self.with_place(11, register, DATA + 3),
            1 => self.with_place(10, register, DATA + 2),
            2 => self.with_place(10, register, DATA + 1),
            3 | 4 => {
                // The keyboard's more often.
                let device = self.choices.pick(&[0, 0, 4]);
                self.enable(device);
            }
            5 => {
                let number = self.number();
                self.with_place(2, register, number);
                self.with_place(11, register, DATA + 4);
            }
            _ => {
                self.with_place(10, register, DATA);
                if self.choices.chance(60) {
                    // Until a key waits.
                    self.words.push(0x07fe);
                }
            }
        }
    }

    /// Has a device interrupt, whose status register is the pointer with this number.
    fn enable(&mut self, device: usize) {
        let register = self.scratch();
        self.with_place(2, register, ENABLE);
        self.with_place(11, register, DATA + device);
    }

    /// Pushes, something, and as many pops, or not.
    fn stack(&mut self, depth: usize) {
        let count = 1 + self.choices.below(3);
        for _ in 0..count {
            // ADD R6,R6,#-1, STR Rn,R6,#0.
            let register = self.scratch();
            self.words.extend([0x1dbf, 0x7180 | register << 9]);
        }
        if depth < DEPTH {
            self.fragment(depth + 1);
        }
        let pops = if self.choices.chance(16) { self.choices.below(5) } else { count };
        for _ in 0..pops {
            let register = self.scratch();
            self.words.extend([0x6180 | register << 9, 0x1da1]);
        }
    }

    /// A loop that counts down.
    fn counted(&mut self, depth: usize) {
        let counter = 5 - depth as u16;
        if self.choices.chance(24) {
            // A number, which may be large.
            let number = self.number();
            self.with_place(2, counter, number);
        } else {
            let times = 1 + self.choices.below(15);
            self.words.push(0x5020 | counter << 9 | counter << 6);
            for _ in 0..=self.choices.below(3) {
                self.words.push(0x1020 | counter << 9 | counter << 6 | times);
            }
        }
        let top = self.words.len();
        for _ in 0..=self.choices.below(3) {
            self.fragment(depth + 1);
        }
        self.words.push(0x1020 | counter << 9 | counter << 6 | 0x1f);
        let back = self.branch(1, self.words.len(), top);
        self.words.push(back);
    }

    /// A branch over something.
    fn skip(&mut self, depth: usize) {
        let branch = self.words.len();
        self.words.push(0);
        self.fragment(depth + 1);
        let nzp = self.choices.below(8);
        self.words[branch] = self.branch(nzp, branch, self.words.len());
    }
}

/// A word that is an instruction in every profile, with harmless ones the likelier.
pub(super) fn any_instruction(choices: &mut Choices<'_>) -> u16 {
    if choices.chance(200) {
        return arithmetic(choices);
    }
    loop {
        let word = choices.word();
        let insn = decode(&Profile::STANDARD, 0, word);
        if insn.op() != op::ILLEGAL {
            return word;
        }
    }
}

fn arithmetic(choices: &mut Choices<'_>) -> u16 {
    let (a, b, c) = (choices.below(SCRATCH), choices.below(SCRATCH), choices.below(SCRATCH));
    let imm = choices.word() & 0x1f;
    let (ab, op) = (a << 9 | b << 6, choices.below(7));
    match op {
        0 | 1 => 0x1000 | ab | c,
        2 | 3 => 0x1020 | ab | imm,
        4 => 0x5000 | ab | c,
        5 => 0x5020 | ab | imm,
        _ => 0x903f | ab,
    }
}
