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
use crate::guest::{After, Guest, Insn};
use crate::ops::{FlowOf, Ops, Pc, Reg, Space, Type};
use crate::state::{Bound, SpaceInfo, State, lay_out};

/// What stands beside an instruction's name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operand {
    Nothing,
    Value,
    Slot,
    Target,
}

/// An instruction's name and operand, and how many values it takes from the stack and puts there.
struct Kind {
    name: &'static str,
    operand: Operand,
    takes: i32,
    puts: i32,
}

macro_rules! instructions {
    ($($op:ident $number:literal $name:literal $operand:ident $takes:literal $puts:literal;)*) => {
        /// Operations: an instruction's first byte. The second is its operand.
        mod op {
            $(pub const $op: u8 = $number;)*
            pub const ILLEGAL: u8 = 16;
            pub const END: u8 = 17;
        }
        /// All instructions, from operation 1 on.
        const KINDS: &[Kind] =
            &[$(Kind { name: $name, operand: Operand::$operand, takes: $takes, puts: $puts }),*];
    };
}

instructions! {
    HALT   1  "halt"   Nothing 1 0;
    PUSH   2  "push"   Value   0 1;
    ADD    3  "add"    Nothing 2 1;
    SUB    4  "sub"    Nothing 2 1;
    MUL    5  "mul"    Nothing 2 1;
    EQ     6  "eq"     Nothing 2 1;
    LT     7  "lt"     Nothing 2 1;
    DUP    8  "dup"    Nothing 1 2;
    DROP   9  "drop"   Nothing 1 0;
    GET    10 "get"    Slot    0 1;
    SET    11 "set"    Slot    1 0;
    JUMP   12 "jump"   Target  0 0;
    JUMPIF 13 "jumpif" Target  1 0;
    CALL   14 "call"   Target  0 0;
    RET    15 "ret"    Nothing 0 0;
}

/// The kind of an instruction, if it is one.
fn kind([op, operand]: [u8; 2]) -> Option<&'static Kind> {
    KINDS.get(usize::from(op).wrapping_sub(1)).filter(|kind| match kind.operand {
        Operand::Nothing => operand == 0,
        Operand::Slot => u32::from(operand) < FRAME - 1,
        Operand::Value | Operand::Target => true,
    })
}

/// Instructions that a program may have: its end has an address, too, and addresses are bytes.
const LONGEST: usize = 255;
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
    code: Arc<[[u8; 2]]>,
}

impl Byte {
    /// A machine for this program, and its state before the first instruction. It need not have been validated: what it
    /// does wrong is a fault.
    pub fn new(code: &[[u8; 2]]) -> (Byte, State) {
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
        self.code.get(pc as usize).map_or("the end".to_owned(), |&code| text::instruction(code))
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
