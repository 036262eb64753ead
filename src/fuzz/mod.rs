//! Random cases, and the checks that tests, fuzz targets and `kiln fuzz` share.
//!
//! A case is made from bytes, so that a fuzzer can change it and `cargo test` can make thousands of them from
//! seeds. A check returns what it did, and an error that tells the whole story: the case, as a listing, and
//! where the machines part.

pub mod beside_c;
mod campaign;
mod choices;
mod minimise;
mod plain;
mod shared;
mod trial;

use std::collections::BTreeMap;
use std::fmt;

use crate::device::Capture;
use crate::guest::Guest;
use crate::tier::Config;
use crate::vm::Vm;

pub use campaign::{Campaign, Done, Failure, Oracles, Refused, Subject, Tally, caught, minimised, replay};
pub use choices::{Choices, damaged, noise};
pub use plain::{Generate, Plain};
pub use shared::shared;
pub use trial::{Trial, config, tiers};

/// A program with all that it needs to run. Its `Debug` is a listing.
pub trait Case: Sized + fmt::Debug {
    /// The machine that it is for.
    type Guest: Guest;

    /// A case of these choices.
    fn generate(choices: &mut Choices<'_>) -> Self;
    /// A machine about to run it, and where its output goes.
    fn machine(&self, config: Config) -> (Vm<Self::Guest>, Capture);
    /// What the host does to a machine after its run number `turn`.
    fn meddle(&self, _turn: usize, _vm: &mut Vm<Self::Guest>) {}
    /// Runs it beside an implementation that shares nothing with ours, if there is one for it: how many instructions were
    /// the same, or where the two part.
    fn oracle(&self, _config: Config, _budgets: &[u64]) -> Option<Result<u64, String>> {
        None
    }
    /// The same program without what C does not have, as what happens between its instructions; `None` where nothing is to
    /// be left out.
    fn for_c(&self) -> Option<Self> {
        None
    }
    /// What is typed, where that is part of it.
    fn input(&self) -> &[u8] {
        &[]
    }
    /// Whether the next instruction keeps to what C assumes of devices, see [`crate::emit`]. `initial` is the machine before
    /// its first.
    fn keeps(_initial: &Vm<Self::Guest>, _vm: &Vm<Self::Guest>) -> bool {
        true
    }
}

/// What a check has done.
#[derive(Clone, Default, Debug)]
pub struct Summary {
    /// Instructions compared.
    pub instructions: u64,
    /// Those of them that retired in native code.
    pub native: u64,
    /// Regions compiled.
    pub regions: u64,
    /// Regions used that were compiled for another machine, or earlier.
    pub shared: u64,
    /// Regions dropped because what they were made from was written.
    pub invalidated: u64,
    /// Trials that ended early, because most of what they did was interpreted.
    pub ended_early: u64,
    /// How often native code handed back, by reason.
    pub exits: BTreeMap<&'static str, u64>,
}

impl Summary {
    /// What this machine has done.
    pub fn of<G: Guest>(vm: &Vm<G>) -> Summary {
        let stats = vm.stats();
        Summary {
            instructions: vm.instructions(),
            native: stats.native,
            regions: stats.regions,
            shared: stats.shared,
            invalidated: stats.invalidated,
            ended_early: 0,
            exits: stats.exits().into_iter().collect(),
        }
    }
}

impl std::ops::AddAssign for Summary {
    fn add_assign(&mut self, other: Summary) {
        self.instructions += other.instructions;
        self.native += other.native;
        self.regions += other.regions;
        self.shared += other.shared;
        self.invalidated += other.invalidated;
        self.ended_early += other.ended_early;
        other.exits.into_iter().for_each(|(reason, count)| *self.exits.entry(reason).or_default() += count);
    }
}
