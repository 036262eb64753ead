//! What happens after compiling has not paid: regions that are invalidated again and again, instructions that
//! do not stay as they are, regions that control leaves at once.

use rustc_hash::FxHashMap;

use crate::ops::Pc;
use crate::tier::{Config, HOT, Stats};

/// Native runs after which a region is judged.
pub(crate) const PROBATION: u64 = 1024;
/// Instructions that a native run must retire on average to pay for the way in and out.
pub(crate) const WORTH: u64 = 12;
/// Times that a word is compiled as an instruction and written before it is left to the interpreter.
const UNSTABLE: u32 = 4;
/// Invalidations of regions at a place that are forgiven: a region learns its variables by them.
const FORGIVEN: u32 = 4;

/// Doublings of the instructions that are counted at a place before it is compiled, where that was tried in vain.
const COLD: u32 = 4;

/// Instructions that a machine must retire for each region more than it may compile at once.
const PER_REGION: u64 = 20_000;

/// Whether another region may be compiled: a program cannot make the host compile more than a share of its `fixed` length, which
/// is that of code that nothing can write, and of what it retires, whatever it writes and wherever it goes.
pub(crate) fn may_compile(config: &Config, stats: &Stats, fixed: usize) -> bool {
    let once = (fixed / config.region_instructions.max(1)) as u64;
    let most = config.regions + once + (stats.interpreted + stats.native) / PER_REGION;
    stats.regions + stats.rejected < most
}

/// What became of earlier attempts.
#[derive(Default)]
pub(crate) struct History {
    /// Invalidations by the entry of the region.
    invalidated: FxHashMap<Pc, u32>,
    /// Times that an instruction was written while compiled.
    rewritten: FxHashMap<Pc, u32>,
    /// Times that control left regions at an entry too soon.
    unprofitable: FxHashMap<Pc, u32>,
}

impl History {
    /// Notes that a region at `entry` was invalidated; the heat to start again with, lower every time: a
    /// region that thrashes costs a share of the interpreter's time that goes to nothing.
    pub(crate) fn invalidated(&mut self, entry: Pc, hot: u32) -> i32 {
        let times = self.invalidated.entry(entry).or_default();
        *times += 1;
        let doublings = times.saturating_sub(FORGIVEN);
        if doublings == 0 { 0 } else { -backoff(hot, doublings) }
    }

    /// Notes that control left a region at `entry` too soon; the heat to start again with, lower every time: other regions
    /// that lead there warm it.
    pub(crate) fn unprofitable(&mut self, entry: Pc, hot: u32) -> i32 {
        let times = self.unprofitable.entry(entry).or_default();
        *times += 1;
        -backoff(hot, COLD + 2 * (*times - 1))
    }

    /// Notes that the instruction at `pc` was written while compiled.
    pub(crate) fn rewritten(&mut self, pc: Pc) {
        *self.rewritten.entry(pc).or_default() += 1;
    }

    /// Whether the word at `pc` changes too often to be compiled.
    pub(crate) fn is_unstable(&self, pc: Pc) -> bool {
        self.rewritten.get(&pc).is_some_and(|&times| times >= UNSTABLE)
    }
}

/// The heat, below zero, of a place that was tried in vain.
pub(crate) fn cold(hot: u32) -> i32 {
    -backoff(hot, COLD)
}

/// The heat, below zero, of places in a region that has just become native: four times as many instructions as elsewhere are counted
/// there before another region is made, and none where all is compiled at once.
pub(crate) fn inside(threshold: i32) -> i32 {
    threshold.saturating_mul(-3)
}

fn backoff(hot: u32, doublings: u32) -> i32 {
    let hot = hot.max(HOT) as i64;
    (hot << doublings.min(14)).min(i32::MAX as i64 / 2) as i32
}
