//! Random LC-3 programs with structure: loops that get hot, calls, jumps through tables, code that changes
//! itself, devices, traps, interrupts, supervisors, and noise.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::isa::{MEMORY, decode, op, r};
use super::profile::Profile;
use super::{Lc3, disasm, word};
use crate::device::{Capture, Console, Input, Script};
use crate::fuzz::{self, Choices};
use crate::guest::Guest as _;
use crate::ops::Pc;
use crate::state::attr;
use crate::tape::Tape;
use crate::tier::Config;
use crate::vm::Vm;

/// Words of a program. Its data is reached from all of its code by a 9-bit offset.
const WORDS: usize = 256;
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
/// Vectors that lead to handlers: exceptions, keyboard and timer, and a trap.
const VECTORS: [u16; 6] = [0x0100, 0x0101, 0x0102, 0x0180, 0x0181, 0x0026];
/// How deep loops and branches nest.
const DEPTH: usize = 2;
/// Registers that programs calculate with; the others count loops, point and link.
const SCRATCH: u16 = 4;

/// A random program with its machine, its input, and words that the host changes while it is stopped.
#[derive(Clone, Serialize, Deserialize)]
pub struct Case {
    /// The machine's profile.
    #[serde(serialize_with = "profile_name", deserialize_with = "profile_named")]
    pub profile: Profile,
    /// Where the words are, wrapping round, and where the program starts.
    pub origin: u16,
    /// The program.
    pub words: Vec<u16>,
    /// What is typed.
    pub input: Vec<u8>,
    /// Instructions from one key to the next; 0 where all are there at once.
    pub pace: u16,
    /// It has the operating system in memory.
    pub has_system: bool,
    /// It starts in supervisor mode.
    pub is_supervisor: bool,
    /// Entries of the tables of traps, exceptions and interrupts: address and value.
    pub vectors: Vec<(u16, u16)>,
    /// The words that the host writes after each run: address and value.
    pub pokes: Vec<(u16, u16)>,
}

impl Case {
    /// A program for a machine of this profile at this place.
    pub fn new(choices: &mut Choices<'_>, profile: Profile, origin: u16) -> Case {
        let (mut words, handlers) = if choices.chance(24) {
            ((0..WORDS).map(|_| choices.word()).collect(), Vec::new())
        } else {
            Writer::new(choices, origin).program()
        };
        if !choices.chance(32) {
            // Behind the end it halts, for good: empty memory is long.
            words.extend([0xf025, 0x0ffe]);
        }
        let mut vectors = Vec::new();
        for entry in VECTORS {
            if !handlers.is_empty() && choices.chance(160) {
                let handler = handlers[usize::from(choices.below(handlers.len() as u16))];
                vectors.push((entry, origin.wrapping_add(handler as u16)));
            }
        }
        let is_supervisor = choices.chance(24);
        let pace = if choices.chance(160) { 1 + choices.below(250) } else { 0 };
        let input = (0..choices.below(20)).map(|_| choices.byte()).collect();
        let pokes = (0..choices.below(4))
            .map(|_| (origin.wrapping_add(choices.below(WORDS as u16)), any_instruction(choices)))
            .collect();
        let has_system = choices.chance(40);
        Case { profile, origin, words, input, pace, has_system, is_supervisor, vectors, pokes }
    }
}

impl fuzz::Case for Case {
    type Guest = Lc3;

    fn generate(choices: &mut Choices<'_>) -> Case {
        let profile = match choices.byte() {
            0..192 => Profile::STANDARD,
            192..208 => Profile::LC3TOOLS,
            208..252 => Profile::SECOND,
            _ => Profile::TUTORIAL,
        };
        let origin = if choices.chance(192) {
            0x3000
        } else {
            choices.pick(&[0x3001, 0x2f80, 0x4000, 0xfd80, 0xff80, 0x0000])
        };
        Case::new(choices, profile, origin)
    }

    fn machine(&self, config: Config) -> (Vm<Lc3>, Capture) {
        let input: Box<dyn Input> = match u64::from(self.pace) {
            0 => Box::new(Script::new(self.input.clone())),
            pace => Box::new(Tape::new((1..).map(|n| n * pace).zip(self.input.clone()))),
        };
        let (console, output) = Console::noted(input);
        let mut lc3 = Lc3::new(self.profile, console);
        let mut state = lc3.power_on(None);
        if self.has_system {
            lc3.install_system(&mut state);
        }
        if self.is_supervisor {
            lc3.start_at(&mut state, 0);
        }
        for &(at, word) in &self.vectors {
            state.poke(MEMORY, at, word);
        }
        let mut at = self.origin;
        for &word in &self.words {
            state.poke(MEMORY, at, word);
            at = at.wrapping_add(1);
        }
        state.set_pc(self.origin as Pc);
        (Vm::new(lc3, state, config), output)
    }

    fn meddle(&self, turn: usize, vm: &mut Vm<Lc3>) {
        if let Some(&(at, word)) = self.pokes.get(turn) {
            vm.poke(MEMORY, at, word);
        }
    }

    /// Nothing happens between instructions, and nothing that they do wrong has a handler.
    fn for_c(&self) -> Option<Case> {
        Some(Case { pace: 0, has_system: false, vectors: Vec::new(), ..self.clone() })
    }

    fn input(&self) -> &[u8] {
        &self.input
    }

    fn keeps(initial: &Vm<Lc3>, vm: &Vm<Lc3>) -> bool {
        let state = vm.state();
        let special = |at: u16| state.attributes(MEMORY.id(), at.into()) & (attr::READ | attr::WRITE) != 0;
        let insn = vm.guest().decode(state, vm.pc());
        let pointer = |at: u16| {
            let (was, is) = (word(initial.state(), at), word(state, at));
            was == is || !special(was) && !special(is)
        };
        match insn.op() {
            op::LDR | op::STR => !special(state.get(r(insn.b())).wrapping_add(insn.imm() as u16)),
            op::LDI | op::STI => pointer(insn.imm() as u16),
            _ => true,
        }
    }

    #[cfg(feature = "oracle")]
    fn oracle(&self, config: Config, budgets: &[u64]) -> Option<Result<u64, String>> {
        super::oracle::follow(self, config, budgets)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { input, pace, has_system, is_supervisor, vectors, pokes, .. } = self;
        writeln!(f, "profile {}, input {input:?} every {pace}, pokes {pokes:x?}", self.profile.name)?;
        writeln!(f, "system: {has_system}, supervisor: {is_supervisor}, vectors {vectors:x?}")?;
        let mut at = self.origin;
        for &word in &self.words {
            let text = disasm::word(at, word, &Default::default());
            writeln!(f, "x{at:04X} {word:04X}  {text}")?;
            at = at.wrapping_add(1);
        }
        Ok(())
    }
}

fn profile_name<S: Serializer>(profile: &Profile, to: S) -> Result<S::Ok, S::Error> {
    profile.name.serialize(to)
}

fn profile_named<'a, D: Deserializer<'a>>(from: D) -> Result<Profile, D::Error> {
    let name = String::deserialize(from)?;
    Profile::named(&name).ok_or_else(|| serde::de::Error::custom(format!("there is no profile {name}")))
}

/// A word that is an instruction in every profile, with harmless ones the likelier.
fn any_instruction(choices: &mut Choices<'_>) -> u16 {
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

struct Writer<'c, 'b> {
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
    fn new(choices: &'c mut Choices<'b>, origin: u16) -> Self {
        let is_quiet = choices.chance(208);
        let (words, routines, handlers) = Default::default();
        Writer { choices, origin, words, routines, handlers, is_quiet }
    }

    /// The program's words, and where its handlers start.
    fn program(mut self) -> (Vec<u16>, Vec<usize>) {
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
        for _ in 0..2 + self.choices.below(8) {
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
