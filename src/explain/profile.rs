//! How often each instruction is executed and where it goes, by samples: the machine is stopped after random numbers
//! of instructions.
//!
//! A budget stops a machine exactly, so where it stands is a fair sample of the instructions, whatever the tiers make of
//! them. But it disturbs the tiers; a profile is made in a run of its own.

use std::collections::HashMap;

use crate::guest::{Guest, Stop};
use crate::ops::Pc;
use crate::random::SplitMix;
use crate::vm::Vm;

/// So many instructions are looked at one by one. From then on samples are as far apart, on average, as makes this many
/// of what has retired so far.
const SAMPLES: u64 = 4096;

/// What was found.
pub struct Profile {
    /// By address, where control went from there, and the instructions for which the samples of that stand.
    steps: HashMap<Pc, HashMap<Pc, u64>>,
    retired: u64,
    random: SplitMix,
}

impl Default for Profile {
    fn default() -> Profile {
        Profile { steps: HashMap::new(), retired: 0, random: SplitMix(1) }
    }
}

impl Profile {
    /// Runs a machine as [`Vm::run`] does, taking samples.
    pub fn run<G: Guest>(&mut self, vm: &mut Vm<G>, budget: u64) -> Stop {
        let start = vm.instructions();
        loop {
            let left = budget - (vm.instructions() - start);
            let mean = self.retired / SAMPLES;
            let slice = (self.random.next() % (2 * mean + 1)).min(left);
            let stop = vm.run(slice);
            if !matches!(stop, Stop::Budget) || slice == left {
                return stop;
            }
            let from = vm.pc();
            let before = vm.instructions();
            let stop = vm.run(1);
            if vm.instructions() > before {
                self.retired += slice + 1;
                *self.steps.entry(from).or_default().entry(vm.pc()).or_default() += slice + 1;
            }
            if !matches!(stop, Stop::Budget) {
                return stop;
            }
        }
    }

    /// About how often the instruction at an address was executed.
    pub fn executed(&self, pc: Pc) -> u64 {
        self.steps.get(&pc).map_or(0, |steps| steps.values().sum())
    }

    /// The addresses of all instructions that were seen.
    pub fn seen(&self) -> impl Iterator<Item = Pc> + '_ {
        self.steps.keys().copied()
    }

    /// About how often control went from the one instruction to the other.
    pub fn went(&self, from: Pc, to: Pc) -> u64 {
        self.steps.get(&from).and_then(|steps| steps.get(&to)).copied().unwrap_or(0)
    }
}
