//! The byte machine: a stack machine whose every number is a byte, and the worked example of
//! `docs/adding-a-guest.md`.

mod generate;
mod machine;
mod meaning;

use std::sync::Arc;

use crate::asm::pairs::{Language, Operand, Pair, instructions};
use crate::device::Console;
use crate::emit::{Code, Lack, Request, Service};
use crate::guest::{After, Guest, Insn};
use crate::ops::{FlowOf, Ops, Pc, Reg, Space, Type};
use crate::state::{Bound, SpaceInfo, State, lay_out};

/// A slot's number: the last byte of a frame is none.
const SLOT: Operand = Operand::Number("a slot", FRAME as u8 - 2);
const VALUE: Operand = Operand::Number("a number", u8::MAX);

instructions! { "byc":
    HALT   1  "halt"   Operand::Nothing;
    PUSH   2  "push"   VALUE;
    ADD    3  "add"    Operand::Nothing;
    SUB    4  "sub"    Operand::Nothing;
    MUL    5  "mul"    Operand::Nothing;
    EQ     6  "eq"     Operand::Nothing;
    LT     7  "lt"     Operand::Nothing;
    DUP    8  "dup"    Operand::Nothing;
    DROP   9  "drop"   Operand::Nothing;
    GET    10 "get"    SLOT;
    SET    11 "set"    SLOT;
    JUMP   12 "jump"   Operand::Label;
    JUMPIF 13 "jumpif" Operand::Label;
    CALL   14 "call"   Operand::Label;
    RET    15 "ret"    Operand::Nothing;
}

/// Values that the stack holds.
const VALUES: usize = 256;
/// Bytes of a frame: a routine's slots, and in the last one where it returns to.
pub const FRAME: u32 = 16;
/// Routines that may be under way at once, the program itself counted.
const DEEPEST: usize = 64;

/// The operand stack.
pub const STACK: Space<u32, u8> = Space::new(0);
/// The frames of the routines under way.
pub const FRAMES: Space<u32, u8> = Space::new(1);
/// How many values are on the stack.
pub const SP: Reg<u32> = Reg::new(0);
/// Where the frame starts of the routine that is under way.
pub const FP: Reg<u32> = Reg::new(1);

/// A byte machine: its program, which nothing changes.
pub struct Byte {
    code: Arc<[Pair]>,
}

impl Byte {
    /// A machine for this program, and its state before the first instruction. It need not have been validated: what it
    /// does wrong is a fault.
    pub fn new(code: &[Pair]) -> (Byte, State) {
        (Byte { code: code.into() }, State::new(Byte::SPACES))
    }

    /// The top of the stack.
    pub fn top(state: &State) -> Option<u8> {
        state.peek(STACK, state.get(SP).wrapping_sub(1))
    }
}

impl Guest for Byte {
    const NAME: &'static str = "byte";
    const SLOTS: &'static [(&'static str, Type)] = &[("SP", Type::I32), ("FP", Type::I32)];
    const OPERATIONS: u8 = op::END;
    const SPACES: &'static [SpaceInfo] = &lay_out([
        SpaceInfo::new("stack", Type::I8, VALUES, Bound::Fixed),
        SpaceInfo::new("frames", Type::I8, DEEPEST * FRAME as usize, Bound::Fixed),
    ]);
    const CODE: Option<usize> = None;

    fn fork(&self, _: Console) -> Byte {
        Byte { code: self.code.clone() }
    }

    fn code_len(&self) -> usize {
        self.code.len() + 1
    }

    fn decode(&self, _: &State, pc: Pc) -> Insn {
        match self.code.get(pc as usize) {
            // Running off the end is a halt.
            None => Insn::new(op::HALT, 0, 0, 0, 0),
            Some(&code) if LANGUAGE.instruction(code).is_some() => Insn::new(code[0], code[1], 0, 0, 0),
            Some(_) => Insn::new(op::ILLEGAL, 0, 0, 0, 0),
        }
    }

    #[inline(always)]
    fn meaning<O: Ops>(insn: Insn, pc: Pc, o: &mut O) -> FlowOf<O> {
        meaning::meaning(insn, pc, o)
    }

    fn required(&self, _: &State, fault: u8) -> (&'static str, String) {
        match fault {
            meaning::EMPTY => ("empty_stack", "Empty stack".to_owned()),
            _ => ("no_call", "No call to return from".to_owned()),
        }
    }

    fn outside(&self, _: &State, space: usize, _: u64, store: bool) -> (&'static str, String) {
        match store {
            _ if space == FRAMES.id() => ("call_overflow", format!("Call overflow: {DEEPEST} at most")),
            true => ("stack_overflow", format!("Stack overflow: {VALUES} values at most")),
            false => ("stack_underflow", "Stack underflow".to_owned()),
        }
    }

    fn live(&self, state: &State, space: usize) -> usize {
        if space == STACK.id() { state.get(SP) as usize } else { state.len(space) }
    }

    fn disassemble(&self, _: &State, pc: Pc) -> String {
        self.code.get(pc as usize).map_or("the end".to_owned(), |&code| LANGUAGE.text(code))
    }

    fn service_in_c(&self, _: &State, pc: Pc, request: Request) -> Service {
        let result = r#"printf("Result: %u\n", stack[sp - 1]);"#;
        match request {
            Request::Trap(_) => {
                Ok((Code { c: result.to_owned(), ..Code::default() }, After::Halt(Self::next(pc))))
            }
            Request::Illegal(_) => Err(Lack::Fault("there is no such instruction".to_owned())),
        }
    }
}
