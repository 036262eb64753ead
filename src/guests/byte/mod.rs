//! The byte machine: a stack machine whose every number is a byte, and the worked example of
//! `docs/adding-a-guest.md`.

mod generate;
mod machine;
mod meaning;
mod text;
mod validate;

use std::sync::Arc;

use crate::device::Console;
use crate::emit::{Code, Lack, Request, Service};
use crate::guest::{After, Guest, Insn, Refusal};
use crate::ops::{FlowOf, Ops, Pc, Reg, Space, Type};
use crate::state::{Bound, SpaceInfo, State, lay_out};

/// Instructions that a program may have: its end has an address, too, and addresses are bytes.
const LONGEST: usize = 255;
/// Values that the stack holds.
const VALUES: usize = 256;
/// Bytes of a frame: a routine's slots, and in the last one where it returns to.
pub const FRAME: u32 = 16;
/// Routines that may be under way at once, the program itself counted.
const FRAMES_DEEP: usize = 64;

/// The operand stack.
pub const STACK: Space<u32, u8> = Space::new(0);
/// The frames of the routines under way.
pub const FRAMES: Space<u32, u8> = Space::new(1);
/// How many values are on the stack.
pub const SP: Reg<u32> = Reg::new(0);
/// Where the frame of the routine starts that is under way.
pub const FP: Reg<u32> = Reg::new(1);

/// What stands beside an instruction's name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operand {
    Nothing,
    Value,
    Slot,
    Target,
}

/// An instruction's name, its operand, and how many values it takes from the stack and puts there.
struct Kind(&'static str, Operand, i32, i32);

/// All instructions by operation.
#[rustfmt::skip]
const KINDS: [Kind; 16] = {
    use Operand::*;
    [
        Kind("?", Nothing, 0, 0),
        Kind("halt", Nothing, 1, 0), Kind("push", Value, 0, 1),
        Kind("add", Nothing, 2, 1), Kind("sub", Nothing, 2, 1), Kind("mul", Nothing, 2, 1),
        Kind("eq", Nothing, 2, 1), Kind("lt", Nothing, 2, 1),
        Kind("dup", Nothing, 1, 2), Kind("drop", Nothing, 1, 0),
        Kind("get", Slot, 0, 1), Kind("set", Slot, 1, 0),
        Kind("jump", Target, 0, 0), Kind("jumpif", Target, 1, 0),
        Kind("call", Target, 0, 0), Kind("ret", Nothing, 0, 0),
    ]
};

/// Operations: indices of [`KINDS`], and the first byte of an encoded instruction. The second is its operand.
mod op {
    pub const HALT: u8 = 1;
    pub const PUSH: u8 = 2;
    pub const ADD: u8 = 3;
    pub const SUB: u8 = 4;
    pub const MUL: u8 = 5;
    pub const EQ: u8 = 6;
    pub const LT: u8 = 7;
    pub const DUP: u8 = 8;
    pub const DROP: u8 = 9;
    pub const GET: u8 = 10;
    pub const SET: u8 = 11;
    pub const JUMP: u8 = 12;
    pub const JUMPIF: u8 = 13;
    pub const CALL: u8 = 14;
    pub const RET: u8 = 15;
    pub const ILLEGAL: u8 = 16;
    pub const END: u8 = 17;
}

/// The kind of an instruction, if it is one.
fn kind([op, operand]: [u8; 2]) -> Option<&'static Kind> {
    KINDS.get(usize::from(op)).filter(|kind| match kind.1 {
        Operand::Nothing => op > 0 && operand == 0,
        Operand::Slot => u32::from(operand) < FRAME - 1,
        Operand::Value | Operand::Target => true,
    })
}

/// A byte machine: its program, which nothing changes.
pub struct Byte {
    code: Arc<[[u8; 2]]>,
}

impl Byte {
    /// A machine for this program, and its state before the first instruction. It need not have been validated: what it
    /// does wrong is a fault.
    pub fn new(code: Vec<[u8; 2]>) -> (Byte, State) {
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
        SpaceInfo::new("frames", Type::I8, FRAMES_DEEP * FRAME as usize, Bound::Fixed),
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
            Some(&code) if kind(code).is_some() => Insn::new(code[0], code[1], 0, 0, 0),
            Some(_) => Insn::new(op::ILLEGAL, 0, 0, 0, 0),
        }
    }

    #[inline(always)]
    fn next(pc: Pc) -> Pc {
        pc.wrapping_add(1)
    }

    #[inline(always)]
    fn meaning<O: Ops>(insn: Insn, pc: Pc, o: &mut O) -> FlowOf<O> {
        meaning::meaning(insn, pc, o)
    }

    /// There is one service: halt.
    fn trap(&mut self, state: &mut State, _: u16) -> Result<After, Refusal> {
        Ok(After::Halt(Self::next(state.pc())))
    }

    fn illegal(&mut self, _: &mut State, _: Insn) -> Result<After, Refusal> {
        Err(Refusal::Fault("illegal_instruction", "Illegal instruction".to_owned()))
    }

    fn required(&self, _: &State, fault: u8) -> (&'static str, String) {
        match fault {
            meaning::EMPTY => ("empty_stack", "Empty stack".to_owned()),
            _ => ("no_call", "No call to return from".to_owned()),
        }
    }

    fn outside(&self, _: &State, space: usize, at: u64, _: bool) -> (&'static str, String) {
        match space {
            _ if space == FRAMES.id() => ("call_overflow", format!("Call overflow: {FRAMES_DEEP} at most")),
            // Below the stack's first value addresses wrap.
            _ if at < 1 << 31 => ("stack_overflow", format!("Stack overflow: {VALUES} values at most")),
            _ => ("stack_underflow", "Stack underflow".to_owned()),
        }
    }

    fn live(&self, state: &State, space: usize) -> usize {
        if space == STACK.id() { state.get(SP) as usize } else { Self::SPACES[space].len }
    }

    fn disassemble(&self, _: &State, pc: Pc) -> String {
        self.code.get(pc as usize).map_or("the end".to_owned(), |&code| text::instruction(code))
    }

    fn registers(&self, state: &State) -> Vec<(String, u64)> {
        let registers = [("PC", state.pc()), ("SP", state.get(SP)), ("FP", state.get(FP))];
        registers.map(|(name, value)| (name.to_owned(), u64::from(value))).into()
    }

    fn service_in_c(&self, _: &State, pc: Pc, request: Request) -> Service {
        match request {
            Request::Trap(_) => Ok((Code::default(), After::Halt(Self::next(pc)))),
            Request::Illegal(_) => Err(Lack::Fault("Illegal instruction".to_owned())),
        }
    }
}
