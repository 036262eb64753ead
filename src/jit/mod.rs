//! The JIT tier: regions become native code.
//!
//! `native` finds a region and what is to be known of it, `order` has `translate` make CLIF of it and `compile` machine
//! code of that, in line or on a thread of its own (`worker`), and `code` keeps it in memory that is never writable and executable
//! at once.

mod access;
pub(crate) mod code;
pub(crate) mod compile;
mod computed;
mod constants;
mod contain;
mod convert;
pub(crate) mod dump;
mod edges;
mod elements;
mod exits;
mod facts;
mod forward;
mod gate;
mod known;
pub(crate) mod library;
pub(crate) mod native;
mod order;
mod policy;
mod predict;
mod survey;
pub(crate) mod translate;
mod turns;
mod unused;
mod values;
mod worker;

pub use code::CodegenOptions;

use crate::ops::Pc;

/// Why native code handed back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// The budget might not last to the next place where it is checked.
    Budget,
    /// The next instruction is the host's to serve.
    Trap,
    /// The next instruction is none.
    Illegal,
    /// The next instruction loads from a device or a protected or watched word.
    Load,
    /// The next instruction stores to such a word, or to one that something was compiled or decoded from.
    Store,
    /// A register is not what the region takes it for.
    Constant,
    /// The next loop's accesses are not known to be plain ones.
    Gate,
    /// The next instruction's address is outside its space.
    Bounds,
    /// The next instruction requires what does not hold.
    Required,
    /// Control left the region on a direct way.
    Leave,
    /// An indirect jump or call went where the region does not go.
    Indirect,
    /// A return went where the region does not go.
    Return,
    /// A return went elsewhere than where its call in the region came from.
    Unpaired,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Reason; 13] = [
        Reason::Budget,
        Reason::Trap,
        Reason::Illegal,
        Reason::Load,
        Reason::Store,
        Reason::Constant,
        Reason::Gate,
        Reason::Bounds,
        Reason::Required,
        Reason::Leave,
        Reason::Indirect,
        Reason::Return,
        Reason::Unpaired,
    ];

    /// The reason as one word.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Budget => "budget",
            Reason::Trap => "trap",
            Reason::Illegal => "illegal",
            Reason::Load => "load",
            Reason::Store => "store",
            Reason::Constant => "constant",
            Reason::Gate => "gate",
            Reason::Bounds => "bounds",
            Reason::Required => "required",
            Reason::Leave => "leave",
            Reason::Indirect => "indirect",
            Reason::Return => "return",
            Reason::Unpaired => "unpaired",
        }
    }

    /// Whether the next instruction is one that native code cannot do, so that the interpreter goes first.
    pub(crate) fn needs_interpreter(self) -> bool {
        !matches!(self, Reason::Leave | Reason::Indirect | Reason::Return | Reason::Unpaired)
    }
}

/// A place where native code hands back.
#[derive(Clone, Debug)]
pub(crate) struct Exit {
    pub(crate) reason: Reason,
    /// The number, in the region, of the instruction that it belongs to.
    pub(crate) instruction: u32,
    /// Its address.
    pub(crate) at: Pc,
    /// Where to go on; `None` where native code writes it to the state.
    pub(crate) pc: Option<Pc>,
    /// Instructions that have retired and are not yet taken from the state's budget.
    pub(crate) retired: u64,
}
