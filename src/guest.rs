//! What a guest provides.
//!
//! A guest is a type that implements [`Guest`]: registers and spaces of memory as data, a decoder, the
//! meaning of an instruction, and the host's side of what an instruction alone cannot say (devices, traps,
//! faults). From these come the interpreter, the JIT, the lockstep comparison and the rest.

use std::fmt;
use std::io;

use crate::device::Console;
use crate::emit::{Access, Code, Lack, Request, Service};
use crate::ops::{FlowOf, Ops, Pc, Type};
use crate::state::{SpaceInfo, State};

/// A decoded, normalised instruction: an operation of the guest's own numbering and its operands, ready to
/// use (immediates extended, addresses computed). Operation 0 is reserved: it means *not decoded yet*.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Insn(u64);

impl Insn {
    /// An instruction with three small operands and a 32-bit one. `op` is not 0.
    #[inline(always)]
    pub const fn new(op: u8, a: u8, b: u8, c: u8, imm: u32) -> Insn {
        Insn(op as u64 | (a as u64) << 8 | (b as u64) << 16 | (c as u64) << 24 | (imm as u64) << 32)
    }
    /// The operation.
    #[inline(always)]
    pub const fn op(self) -> u8 {
        self.0 as u8
    }
    /// The first small operand.
    #[inline(always)]
    pub const fn a(self) -> u8 {
        (self.0 >> 8) as u8
    }
    /// The second small operand.
    #[inline(always)]
    pub const fn b(self) -> u8 {
        (self.0 >> 16) as u8
    }
    /// The third small operand.
    #[inline(always)]
    pub const fn c(self) -> u8 {
        (self.0 >> 24) as u8
    }
    /// The large operand.
    #[inline(always)]
    pub const fn imm(self) -> u32 {
        (self.0 >> 32) as u32
    }
    /// The same instruction with an operation that is known to be its own.
    #[inline(always)]
    pub(crate) const fn with_op(self, op: u8) -> Insn {
        Insn(self.0 & !0xff | op as u64)
    }
    /// The instruction as one word; 0 if it is not decoded.
    #[inline(always)]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }
    /// The inverse of [`Insn::bits`].
    #[inline(always)]
    pub(crate) const fn from_bits(bits: u64) -> Insn {
        Insn(bits)
    }
}

impl fmt::Debug for Insn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "op {} a {} b {} c {} imm {:#x}", self.op(), self.a(), self.b(), self.c(), self.imm())
    }
}

/// What a guest did wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// What kind, as one word for programs: `access_violation`.
    pub reason: &'static str,
    /// The same for people, with the values involved.
    pub detail: String,
    /// Address of the instruction, which has not retired.
    pub pc: Pc,
    /// The instruction, disassembled.
    pub instruction: String,
}

/// Why an instruction was refused. It has changed nothing and can be tried again.
#[derive(Debug)]
pub enum Refusal {
    /// The guest is wrong: a reason as one word, and the same for people.
    Fault(&'static str, String),
    /// It wants input, and there is no more.
    Input,
    /// The host could not do its part.
    Io(io::Error),
}

/// What happens after the host has served an instruction, which retires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    /// The run goes on at this address.
    Goto(Pc),
    /// The machine has stopped; it would go on at this address.
    Halt(Pc),
}

/// How many [`Guest::RUNS`] there may be.
pub const RUNS: usize = 56;

/// A machine that Kiln runs: its instruction set and the host's side of it.
///
/// The value itself holds settings and devices; all that instructions read and write is in the [`State`].
pub trait Guest: Sized + Send + 'static {
    /// The guest's name, as the program's `--guest` takes it.
    const NAME: &'static str;
    /// Names and types of the register file's slots that the guest uses, from slot 0 on.
    const SLOTS: &'static [(&'static str, Type)];
    /// Operations are below this number. Those below 128 get a handler of their own in the interpreter.
    const OPERATIONS: u8;
    /// Two to four operations that often follow each other, the longer first, at most [`crate::guest::RUNS`] such sequences: the
    /// interpreter does one of them as a whole. Only the last may transfer control. For guests whose code cannot be
    /// written, and that have at most 128 operations.
    const RUNS: &'static [&'static [u8]] = &[];
    /// The spaces of memory, placed by [`crate::state::lay_out`].
    const SPACES: &'static [SpaceInfo];
    /// The space that instructions are read from where they can also be written: the pc is its address.
    const CODE: Option<usize>;

    /// This guest with its settings and devices as they are now, and another console.
    fn fork(&self, console: Console) -> Self;

    /// How many code addresses there are: a pc is below this, or [`Guest::decode`] gives something that
    /// does not retire.
    fn code_len(&self) -> usize;
    /// The instruction at `pc`. Any word has one; what is none has an operation that means
    /// [`crate::ops::Flow::Illegal`].
    fn decode(&self, state: &State, pc: Pc) -> Insn;
    /// The address of the instruction after the one at `pc`: the next, unless the guest says otherwise.
    #[inline(always)]
    fn next(pc: Pc) -> Pc {
        pc.wrapping_add(1)
    }
    /// What the instruction does: written once, for every client.
    fn meaning<O: Ops>(insn: Insn, pc: Pc, o: &mut O) -> FlowOf<O>;
    /// A load from an element with [`crate::state::attr::READ`], by the instruction at `state.pc()`.
    fn load(&mut self, _state: &mut State, _space: usize, _at: u64) -> Result<u64, Refusal> {
        unreachable!("no element of this guest asks")
    }
    /// A store to an element with [`crate::state::attr::WRITE`], by the instruction at `state.pc()`. `true` stops the machine after this
    /// instruction.
    fn store(&mut self, _state: &mut State, _space: usize, _at: u64, _value: u64) -> Result<bool, Refusal> {
        unreachable!("no element of this guest asks")
    }
    /// Service `n` for the instruction at `state.pc()`. Writes memory by [`State::poke`]. Without others there is one
    /// service, which halts.
    fn trap(&mut self, state: &mut State, _n: u16) -> Result<After, Refusal> {
        Ok(After::Halt(Self::next(state.pc())))
    }
    /// What an instruction that is none does: a fault, unless the guest says otherwise.
    fn illegal(&mut self, _state: &mut State, _insn: Insn) -> Result<After, Refusal> {
        Err(Refusal::Fault("illegal_instruction", "there is no such instruction".to_owned()))
    }
    /// The instruction at `state.pc()` was refused. A guest may have the program deal with that: then the instruction
    /// retires, and control goes where this says.
    ///
    /// # Errors
    /// The refusal itself, where nobody deals with it.
    fn handle(&mut self, _state: &mut State, refusal: Refusal) -> Result<Pc, Refusal> {
        Err(refusal)
    }
    /// How many instructions will have retired when something is to happen between two of them: a timer, a look at a
    /// keyboard. No tier retires more before [`Guest::happen`]. It may change where the guest is asked for something, and
    /// nowhere else.
    #[inline(always)]
    fn due(&self, _state: &State) -> u64 {
        u64::MAX
    }
    /// What was due happens, before the instruction at `state.pc()`, and is due no longer.
    ///
    /// # Errors
    /// As those of an instruction there.
    fn happen(&mut self, _state: &mut State) -> Result<(), Refusal> {
        Ok(())
    }
    /// The fault with this number, of [`crate::ops::Ops::require`], for the instruction at `state.pc()`: a reason as one
    /// word, and the same for people.
    fn required(&self, _state: &State, _fault: u8) -> (&'static str, String) {
        unreachable!("no instruction of this guest requires anything")
    }

    /// The instruction at `state.pc()` accesses addresses up to `end`, which are outside a space's bound. A guest may raise
    /// a bound that is a register before it is a fault: what is outside need not be copied and compared.
    fn grow(&mut self, _state: &mut State, _space: usize, _end: u64) {}
    /// The fault of a load, or a store, outside the bound of a space, by the instruction at `state.pc()`.
    fn outside(&self, state: &State, space: usize, at: u64, _store: bool) -> (&'static str, String) {
        let detail = format!(
            "address {at:#x} is outside the {} ({:#x} long)",
            Self::SPACES[space].name,
            state.len(space)
        );
        ("out_of_bounds", detail)
    }
    /// How many addresses of a space, from 0 on, hold something that matters: what is above, instructions write
    /// before they read it ([`Ops::discard`]), and the tiers need not agree on it.
    fn live(&self, state: &State, space: usize) -> usize {
        state.len(space)
    }

    /// The instruction at `pc` as text.
    fn disassemble(&self, state: &State, pc: Pc) -> String;
    /// The registers as people know them, by name, in the order of the manual, pc included.
    fn registers(&self, state: &State) -> Vec<(String, u64)> {
        let slots = (0..).zip(Self::SLOTS).map(|(n, slot)| (slot.0.to_owned(), state.slot(n)));
        std::iter::once(("PC".to_owned(), state.pc().into())).chain(slots).collect()
    }
    /// Hands all buffered output on.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The instruction at `pc` as it is in C, where what the host does is C, too.
    fn decode_in_c(&self, state: &State, pc: Pc) -> Insn {
        self.decode(state, pc)
    }
    /// What the host does for the instruction at `pc`, in C: [`crate::emit`].
    ///
    /// # Errors
    /// Why there is none.
    fn service_in_c(&self, _state: &State, _pc: Pc, _request: Request) -> Service {
        Err(Lack::Unwritten)
    }
    /// An access to an element with [`crate::state::attr::READ`] or [`crate::state::attr::WRITE`], in C.
    ///
    /// # Errors
    /// Why there is none.
    fn access_in_c(&self, _state: &State, _access: Access<'_>) -> Result<Code, Lack> {
        Err(Lack::Unwritten)
    }
}

/// Why a run ended.
#[derive(Debug)]
pub enum Stop {
    /// The machine stopped itself.
    Halted,
    /// The budget is spent.
    Budget,
    /// The guest did something wrong.
    Fault(Fault),
    /// The machine wants input, and there is no more.
    Input,
    /// The host could not do its part.
    Io(io::Error),
}

impl Stop {
    /// The kind of stop, as one word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Stop::Halted => "halted",
            Stop::Budget => "budget",
            Stop::Fault(_) => "fault",
            Stop::Input => "input",
            Stop::Io(_) => "io",
        }
    }
}
