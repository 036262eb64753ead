//! What the translator may ask about the machine, and what it is to do.

use std::ops::Range;

use rustc_hash::FxHashSet;

use crate::guest::Guest;
use crate::ops::Pc;
use crate::region::{Block, Region};
use crate::state::{State, attr};
use crate::tier::Plant;

/// What the translator may ask about the machine.
pub(crate) struct Known<'a> {
    pub(crate) state: &'a State,
    /// Words of the code space that have been written since they were compiled in, or that instructions in or near the
    /// region name as the target of a store: not constants.
    pub(crate) mutable: &'a FxHashSet<Pc>,
    /// Whether other words may be constants.
    pub(crate) literals: bool,
    /// Registers that the region reads only, and what each is taken to be.
    pub(crate) constants: Vec<(usize, u64)>,
    /// Per space, the addresses that a load needs no test for, where they are one half-open range and all
    /// others need one.
    pub(crate) plain: &'a [Option<Range<u64>>],
    /// Accesses of blocks to come are tested together with those before them ...
    pub(crate) joint_tests: bool,
    /// ... but for those of the blocks with these instructions.
    pub(crate) careful: &'a FxHashSet<Pc>,
    /// Forward what memory is known to hold.
    pub(crate) forwarding: bool,
    /// Hold elements like registers.
    pub(crate) elements: bool,
    /// Whether the loop with these blocks had better have a gate.
    pub(crate) gated: &'a dyn Fn(&Region, &[usize]) -> bool,
    /// A bug to put in.
    pub(crate) plant: Option<Plant>,
    /// The share of the executions of the branch that ends a block that the host mispredicts.
    pub(crate) mispredicted: &'a dyn Fn(&Block) -> f32,
}

impl Known<'_> {
    /// Whether no more is to be tested at an instruction than what is sure to be accessed.
    pub(super) fn is_careful(&self, pc: Pc) -> bool {
        !self.joint_tests || self.careful.contains(&pc)
    }

    /// The value of a word in the code space that is taken for a constant.
    pub(super) fn literal<G: Guest>(&self, at: u64) -> Option<u64> {
        let space = G::CODE?;
        let variable = self.mutable.contains(&(at as Pc));
        let special = self.state.attributes(space, at) & attr::READ != 0;
        if !self.literals || variable || special { None } else { self.state.bits(space, at) }
    }
}
