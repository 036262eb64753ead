//! Which branches the host's predictor will get wrong: a small predictor, run over the interpreter's last branches.
//!
//! Counting how often a branch is taken does not tell: a mixed sequence that repeats is learnt. So the model is one of
//! those that hosts have, after Seznec and Michaud, *A case for (partially) tagged geometric history length branch
//! prediction*: a counter a branch, and tables of counters by branch and recent history, of which the longest history that was
//! seen before decides.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use crate::interp::Branch;
use crate::ops::Pc;
use crate::unroll::WrittenOut;

/// Outcomes of earlier branches that the tables' histories consist of.
const HISTORIES: [u32; 3] = [6, 16, 40];
const ENTRIES: usize = 1 << 12;
/// Executions below which nothing is said of a branch.
const FEW: u32 = 32;

/// A tag, and in the two lowest bits a counter: 0 and 1 predict not taken, 2 and 3 taken.
type Entry = u32;

fn learn(entry: &mut Entry, taken: bool) {
    match (taken, *entry & 3) {
        (true, 0..3) => *entry += 1,
        (false, 1..=3) => *entry -= 1,
        _ => {}
    }
}

/// How a branch fared once the tables had had time to learn.
#[derive(Clone, Copy, Default)]
pub(crate) struct Score {
    seen: u32,
    wrong: u32,
}

impl Score {
    fn add(&mut self, wrong: bool) {
        self.seen += 1;
        self.wrong += u32::from(wrong);
    }

    /// The share of the executions that were mispredicted; 0 where there were few.
    fn share(self) -> f32 {
        if self.seen < FEW { 0.0 } else { self.wrong as f32 / self.seen as f32 }
    }
}

/// How branches were predicted.
#[derive(Clone, Default)]
pub(crate) struct Scores {
    all: FxHashMap<Pc, Score>,
    /// Those in loops that are written out, by turn.
    turns: FxHashMap<(Pc, usize), Score>,
}

impl Scores {
    /// The share of the executions of a branch that are mispredicted. A turn is like the others unless it is worse: the numbers
    /// with which a program starts may be small.
    pub(crate) fn share(&self, pc: Pc, turn: Option<usize>) -> f32 {
        let all = self.all.get(&pc).map_or(0.0, |score| score.share());
        let own = turn.and_then(|turn| self.turns.get(&(pc, turn))).map_or(0.0, |score| score.share());
        all.max(own)
    }

    /// Adds what is known of other branches, and what is known better.
    pub(crate) fn extend(&mut self, other: &Scores) {
        keep_better(&mut self.all, &other.all, |score| score.seen);
        keep_better(&mut self.turns, &other.turns, |score| score.seen);
    }
}

/// Takes from `other` what rests on more executions, where few are known.
fn keep_better<K: Copy + Eq + Hash, V: Copy + Default>(
    known: &mut FxHashMap<K, V>,
    other: &FxHashMap<K, V>,
    seen: impl Fn(V) -> u32,
) {
    for (&branch, &value) in other {
        let known = known.entry(branch).or_default();
        if seen(*known) < FEW && seen(value) > seen(*known) {
            *known = value;
        }
    }
}

/// How often each branch was not taken and taken.
pub(super) type Ways = FxHashMap<Pc, [usize; 2]>;

/// Which ways the branches of a trace went.
pub(super) fn ways(trace: &[Branch]) -> Ways {
    let mut ways = Ways::default();
    trace.iter().for_each(|b| ways.entry(b.pc()).or_default()[usize::from(b.is_taken())] += 1);
    ways
}

/// What the traces that a program's regions were made with told of its branches. A trace is only of what ran last, so what
/// earlier ones told of other branches is kept.
#[derive(Default)]
pub(crate) struct Learned {
    scores: Scores,
    ways: Ways,
}

impl Learned {
    /// Adds how a trace's branches were predicted, and tells how others were of which it has few executions.
    pub(super) fn share_scores(&mut self, scores: &mut Scores) {
        scores.extend(&self.scores);
        self.scores.clone_from(scores);
    }

    /// Adds which ways a trace's branches went, and tells those of others of which it has few executions.
    pub(super) fn share_ways(&mut self, ways: &mut Ways) {
        keep_better(ways, &self.ways, |times| times.iter().sum::<usize>() as u32);
        self.ways.clone_from(ways);
    }
}

/// How the branches of a trace, oldest first, are predicted, each turn of these loops with branches of its own.
pub(crate) fn scores(trace: &[Branch], written: &[WrittenOut]) -> Scores {
    // The last table has no history: its entries are always found.
    let mut tables: Vec<Entry> = vec![0; ENTRIES * (HISTORIES.len() + 1)];
    let mut scores = Scores::default();
    let mut turns: FxHashMap<Pc, usize> = FxHashMap::default();
    let mut history = 0u64;
    for (i, branch) in trace.iter().enumerate() {
        let (pc, taken) = (branch.pc(), branch.is_taken());
        let turn = written.iter().find(|one| one.branches.contains(&pc)).map(|one| {
            let next = turns.entry(pc).or_default();
            let turn = *next;
            *next += 1;
            if one.leaves.contains(&(pc, taken)) {
                turns.retain(|branch, _| !one.branches.contains(branch));
            }
            turn
        });
        let mut provider = None;
        let mut missing = None;
        for (table, bits) in HISTORIES.into_iter().enumerate().rev() {
            let key = hash((pc, turn.unwrap_or(0)), history & ((1 << bits) - 1));
            let index = table * ENTRIES + key as usize % ENTRIES;
            let tag = key >> 12 | 1;
            if tables[index] >> 2 == tag {
                provider = Some(index);
                break;
            }
            missing = Some((index, tag));
        }
        let base = HISTORIES.len() * ENTRIES + hash((pc, turn.unwrap_or(0)), 0) as usize % ENTRIES;
        let used = &mut tables[provider.unwrap_or(base)];
        let wrong = (*used & 3 >= 2) != taken;
        learn(used, taken);
        if let (true, Some((index, tag))) = (wrong, missing) {
            // A longer history may tell more.
            tables[index] = tag << 2 | if taken { 2 } else { 1 };
        }
        if provider.is_some() {
            learn(&mut tables[base], taken);
        }
        history = history << 1 | taken as u64;
        if i >= trace.len() / 2 {
            scores.all.entry(pc).or_default().add(wrong);
            if let Some(turn) = turn {
                scores.turns.entry((pc, turn)).or_default().add(wrong);
            }
        }
    }
    scores
}

fn hash((pc, turn): (Pc, usize), history: u64) -> u32 {
    let mixed = (history ^ (pc as u64) << 44 ^ (turn as u64) << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::{Learned, scores, ways};
    use crate::interp::Branch;
    use crate::random::SplitMix;
    use crate::unroll::WrittenOut;

    fn trace(outcome: impl Fn(u32) -> bool) -> Vec<Branch> {
        (0..8192).map(|i| Branch::new(0x3000, outcome(i))).collect()
    }

    fn random(i: u32) -> bool {
        SplitMix(i as u64).next() >> 63 != 0
    }

    #[test]
    fn what_repeats_is_predictable() {
        let share = |outcome: &dyn Fn(u32) -> bool| scores(&trace(outcome), &[]).share(0x3000, None);
        assert_eq!(share(&|_| true), 0.0);
        assert!(share(&|i| i % 7 != 0) < 0.01);
        assert!(share(&|i| random(i % 500)) < 0.1);
    }

    #[test]
    fn what_does_not_repeat_is_not() {
        assert!(scores(&trace(random), &[]).share(0x3000, None) > 0.4);
        assert_eq!(scores(&[], &[]).share(0x3000, None), 0.0);
    }

    #[test]
    fn what_earlier_traces_told_stays_known() {
        let mut learned = Learned::default();
        let (mut earlier, mut way) = (scores(&trace(random), &[]), ways(&trace(|_| true)));
        learned.share_scores(&mut earlier);
        learned.share_ways(&mut way);
        // Nothing of that branch, or little, is in the last one.
        let (mut last, mut way) = (scores(&[], &[]), ways(&[Branch::new(0x3000, false)]));
        learned.share_scores(&mut last);
        learned.share_ways(&mut way);
        assert!(last.share(0x3000, None) > 0.4);
        assert_eq!(way[&0x3000], [0, 8192]);
    }

    #[test]
    fn turns_are_told_apart() {
        let (branch, latch) = (0x3000, 0x3002);
        // In the first of four turns the branch goes at random, in the others it is never taken.
        let turn =
            |i: u32| [Branch::new(branch, i.is_multiple_of(4) && random(i)), Branch::new(latch, i % 4 != 3)];
        let trace: Vec<Branch> = (0..4096).flat_map(turn).collect();
        let one = WrittenOut {
            branches: [branch, latch].into_iter().collect(),
            leaves: [(latch, false)].into_iter().collect(),
        };
        let scores = scores(&trace, &[one]);
        let own = |turn| scores.turns[&(branch, turn)].share();
        assert!(own(0) > 0.4);
        assert!((1..4).all(|turn| own(turn) == 0.0));
        // No turn is said to be better than the branch is in all.
        assert!((0.05..0.2).contains(&scores.share(branch, Some(3))));
        assert!(scores.share(branch, Some(0)) > 0.4);
    }
}
