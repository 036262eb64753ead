//! Wordstack, the 32-bit stack machine of Nishanth Shetty's "Drafting a JVM With Rust", and its postfix compiler.
//!
//! A program is a sequence of words, of which the top two bits say what they are: numbers, which are pushed, or one of five
//! instructions. It is never written while it runs; its length is limited by memory only.

pub mod evaluate;
mod generate;
pub mod image;
mod machine;
mod meaning;
pub mod postfix;

use std::sync::Arc;

use crate::device::Console;
use crate::emit::{Code, Lack, Request, Service};
use crate::guest::{After, Guest, Insn, Refusal};
use crate::ops::{FlowOf, Ops, Pc, Reg, Space, Type};
use crate::state::{Bound, SpaceInfo, State, lay_out};

/// Values that the stack holds unless a setting says otherwise.
pub const DEPTH: u32 = 512;
/// Values that it can be set to hold at most.
pub const DEEPEST: u32 = 1 << 20;
/// What stands at address 0 of program memory.
pub const MARK: u32 = 0x0bad_c0de;
/// Where the program stands in its memory, and starts.
pub const START: Pc = 1;

/// The operand stack: as long as [`LIMIT`] says.
pub const STACK: Space<u32, u32> = Space::new(0);
/// How many values are on the stack.
pub const SP: Reg<u32> = Reg::new(0);
/// How many values it holds.
pub const LIMIT: Reg<u32> = Reg::new(1);

/// What [`crate::guests::Machine::result`] says, in C.
const PRINT_RESULT: &str = "\
static void print_result(u32 sp) {
    if (sp == 0) {
        puts(\"Result: none, the stack is empty\");
        return;
    }
    printf(\"Result: %d\\n\", (i32)stack[sp - 1]);
    if (sp == 1) return;
    printf(\"Below it:\");
    for (u32 at = sp - 1; at > 0; at--) printf(\" %d\", (i32)stack[at - 1]);
    putchar('\\n');
}
";

/// A word, by its top two bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// A number, which is pushed: −2³⁰ … 2³⁰ − 1.
    Data(i32),
    /// An instruction.
    Instruction(Instruction),
    /// An instruction with an unknown number.
    Unknown,
    /// Top bits that mean nothing.
    Undefined,
}

/// The instructions, each with its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Instruction {
    /// Stops the machine. The top of the stack is the result.
    Halt = 0,
    /// Pops two and pushes top plus next.
    Add = 1,
    /// Pops two and pushes top minus next.
    Sub = 2,
    /// Pops two and pushes top times next.
    Mul = 3,
    /// Pops two and pushes top by next, towards zero.
    Div = 4,
}

impl Instruction {
    /// All of them, by number.
    pub const ALL: [Instruction; 5] =
        [Instruction::Halt, Instruction::Add, Instruction::Sub, Instruction::Mul, Instruction::Div];

    /// The instruction's word.
    pub fn word(self) -> u32 {
        0x4000_0000 | self as u32
    }

    /// The name in listings.
    pub fn name(self) -> &'static str {
        match self {
            Instruction::Halt => "HALT",
            Instruction::Add => "ADD",
            Instruction::Sub => "SUB",
            Instruction::Mul => "MUL",
            Instruction::Div => "DIV",
        }
    }
}

impl Word {
    /// What a word is.
    pub fn of(word: u32) -> Word {
        match word >> 30 {
            0b00 | 0b11 => Word::Data(word as i32),
            0b01 => {
                let number = (word & 0x3fff_ffff) as usize;
                Instruction::ALL.get(number).map_or(Word::Unknown, |&one| Word::Instruction(one))
            }
            _ => Word::Undefined,
        }
    }
}

/// Operations of the decoded instruction.
mod op {
    /// Pushes `imm`.
    pub const PUSH: u8 = 1;
    pub const HALT: u8 = 2;
    pub const ADD: u8 = 3;
    pub const SUB: u8 = 4;
    pub const MUL: u8 = 5;
    pub const DIV: u8 = 6;
    /// A word that is none, or the place behind the last; `imm` is the word.
    pub const ILLEGAL: u8 = 7;
    pub const END: u8 = 8;
}

/// A Wordstack: its program memory.
pub struct Wordstack {
    memory: Arc<[u32]>,
}

impl Wordstack {
    /// A machine for this program, which starts at [`START`], with a stack of `depth` values, at most [`DEEPEST`]; and
    /// its state before the first instruction.
    pub fn new(program: &[u32], depth: u32) -> (Wordstack, State) {
        let memory = [&[MARK], program].concat().into();
        let mut state = State::new(Wordstack::SPACES);
        state.set_pc(START);
        state.set(LIMIT, depth.min(DEEPEST));
        (Wordstack { memory }, state)
    }

    /// The fault of what is no instruction.
    fn illegal_fault(&self, pc: Pc, insn: Insn) -> (&'static str, String) {
        let word = insn.imm();
        match Word::of(word) {
            _ if pc as usize >= self.memory.len() => {
                ("past_the_end", "Past the end: the program has no HALT here".to_owned())
            }
            Word::Undefined => {
                ("undefined_word", format!("Undefined word: {word:#010x} begins with the bits 10"))
            }
            _ => {
                let detail = format!("Illegal instruction: {word:#010x}; there are 0x40000000 to 0x40000004");
                ("illegal_instruction", detail)
            }
        }
    }

    /// What is on the stack, the top first.
    pub fn stack(state: &State) -> impl Iterator<Item = i32> + '_ {
        (0..state.get(SP)).rev().filter_map(|at| state.peek(STACK, at)).map(|value| value as i32)
    }
}

impl Guest for Wordstack {
    const NAME: &'static str = "wordstack";
    const SLOTS: &'static [(&'static str, Type)] = &[("SP", Type::I32), ("LIMIT", Type::I32)];
    const OPERATIONS: u8 = op::END;
    const SPACES: &'static [SpaceInfo] =
        &lay_out([SpaceInfo::new("stack", Type::I32, DEEPEST as usize, Bound::Register(1))]);
    const CODE: Option<usize> = None;

    fn fork(&self, _: Console) -> Wordstack {
        Wordstack { memory: self.memory.clone() }
    }

    fn code_len(&self) -> usize {
        self.memory.len()
    }

    fn decode(&self, _: &State, pc: Pc) -> Insn {
        let Some(&word) = self.memory.get(pc as usize) else {
            return Insn::new(op::ILLEGAL, 0, 0, 0, 0);
        };
        let op = match Word::of(word) {
            Word::Data(_) => op::PUSH,
            Word::Instruction(Instruction::Halt) => op::HALT,
            Word::Instruction(Instruction::Add) => op::ADD,
            Word::Instruction(Instruction::Sub) => op::SUB,
            Word::Instruction(Instruction::Mul) => op::MUL,
            Word::Instruction(Instruction::Div) => op::DIV,
            Word::Unknown | Word::Undefined => op::ILLEGAL,
        };
        Insn::new(op, 0, 0, 0, word)
    }

    #[inline(always)]
    fn meaning<O: Ops>(insn: Insn, _: Pc, o: &mut O) -> FlowOf<O> {
        meaning::meaning(insn, o)
    }

    fn illegal(&mut self, state: &mut State, insn: Insn) -> Result<After, Refusal> {
        let (reason, detail) = self.illegal_fault(state.pc(), insn);
        Err(Refusal::Fault(reason, detail))
    }

    fn required(&self, _: &State, _: u8) -> (&'static str, String) {
        ("division_by_zero", "Division by zero".to_owned())
    }

    fn outside(&self, state: &State, _: usize, _: u64, store: bool) -> (&'static str, String) {
        // Only a push stores where nothing was before.
        match store {
            true => {
                ("stack_overflow", format!("Stack overflow: the stack holds {} values", state.get(LIMIT)))
            }
            false => ("stack_underflow", "Stack underflow: the instruction takes two values".to_owned()),
        }
    }

    fn live(&self, state: &State, _: usize) -> usize {
        state.get(SP) as usize
    }

    fn disassemble(&self, _: &State, pc: Pc) -> String {
        self.memory.get(pc as usize).map_or("the end".to_owned(), |&word| image::text(word))
    }

    fn service_in_c(&self, _: &State, pc: Pc, request: Request) -> Service {
        match request {
            Request::Trap(_) => {
                let code = Code { c: "print_result(sp);".to_owned(), functions: vec![PRINT_RESULT] };
                Ok((code, After::Halt(Self::next(pc))))
            }
            Request::Illegal(insn) => Err(Lack::Fault(self.illegal_fault(pc, insn).1)),
        }
    }
}
