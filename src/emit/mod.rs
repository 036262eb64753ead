//! An image as C: for a C compiler to make a program of it, and to measure the tiers against.
//!
//! One more client of the meanings ([`crate::ops::Ops`]) records what each instruction does, as expressions
//! (`record.rs`). Which instructions there are, `program.rs` finds out; `print.rs` prints one, and `layout.rs` all of
//! them, in the order of their addresses, with labels where control arrives. What the host does for a guest is asked
//! of the guest: [`Guest::service_in_c`], [`Guest::access_in_c`].

pub mod compiler;
mod layout;
mod print;
mod program;
mod record;

use crate::guest::{After, Guest, Insn};
use crate::ops::Pc;
use crate::vm::Vm;

pub use print::literal;
use program::Program;

/// C for the program that a machine is about to run. `name` is what it is called in a comment.
pub fn c<G: Guest>(vm: &mut Vm<G>, name: &str) -> String {
    let mut state = vm.state().clone();
    let guest = vm.guest_mut();
    for (space, info) in G::SPACES.iter().enumerate() {
        // In C there is room for all from the beginning.
        guest.grow(&mut state, space, info.len as u64);
    }
    let program = Program::find(guest, &state);
    layout::file(guest, state, &program, name)
}

/// C that does the host's part. Registers have their names there, in lower case; spaces of memory are arrays of
/// theirs; `u8` to `u64` and `i8` to `i64` are types.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Code {
    /// Statements; for a load an expression.
    pub c: String,
    /// The functions that these call, whole, each behind those that it calls.
    pub functions: Vec<&'static str>,
}

/// Why there is no C for what the host would do: the program stops where it comes there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lack {
    /// It is a fault: what the guest did wrong.
    Fault(String),
    /// Nobody has written it.
    Unwritten,
}

/// What an instruction wants of the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// [`crate::ops::Flow::Trap`].
    Trap(u16),
    /// [`crate::ops::Flow::Illegal`].
    Illegal(Insn),
}

/// C for a request, and what happens after it.
pub type Service = Result<(Code, After), Lack>;

/// An access to an element that is not plain memory, at a fixed address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access<'a> {
    /// The space's number.
    pub space: usize,
    /// The element's address.
    pub at: u64,
    /// The value that is stored, as C; `None` for a load.
    pub store: Option<&'a str>,
}

/// Exit codes with which the programs end a run, besides 0 where the machine halted.
pub mod exit {
    /// The machine does something that has no translation.
    pub const UNTRANSLATED: u8 = 69;
    /// The guest did something wrong.
    pub const FAULT: u8 = 70;
    /// The guest wants input, and there is no more.
    pub const INPUT: u8 = 75;
}

/// The statement with which a service refuses the instruction at `pc` and ends the run: with an exit code, and a
/// message for people.
pub fn refuse(pc: Pc, exit: u8, why: &str) -> String {
    print::stop(pc, 1, exit, Some(why))
}
