//! Kiln runs small machines fast.
//!
//! Give it an instruction set, written once, and it gives back an interpreter, a JIT compiler, a
//! disassembler, and a comparison of the two tiers. It comes with LC-3.
//!
//! [`vm::Vm`] runs a [`guest::Guest`] on a [`state::State`]; its example embeds an LC-3. To add a machine,
//! implement [`guest::Guest`], writing each instruction's meaning over [`ops::Ops`].
//! `docs/ARCHITECTURE.md` tells the way through, and where each invariant is kept.

#![warn(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]

pub mod asm;
pub mod compare;
pub mod device;
pub mod diagnostic;
pub mod effects;
pub mod emit;
pub mod explain;
pub mod fuzz;
pub mod grade;
pub mod guest;
pub mod guests;
pub(crate) mod interp;
#[cfg(feature = "jit")]
pub mod jit;
pub mod ops;
pub mod program;
pub mod prompt;
pub(crate) mod random;
pub mod record;
#[cfg(feature = "jit")]
pub(crate) mod region;
pub mod state;
pub(crate) mod table;
pub mod tape;
pub mod tier;
#[cfg(feature = "jit")]
pub(crate) mod unroll;
pub mod validate;
pub mod vm;
