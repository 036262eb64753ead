//! Which branches the host's predictor will get wrong: a small predictor, run over the interpreter's last branches.
//!
//! Counting how often a branch is taken does not tell: a mixed sequence that repeats is learnt. So the model is one of
//! those that hosts have, after Seznec and Michaud, *A case for (partially) tagged geometric history length branch
//! prediction*: a counter a branch, and tables of counters by branch and recent history, of which the longest history that was
//! seen before decides.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::interp::Branch;
use crate::ops::Pc;

/// Outcomes of earlier branches that the tables' histories consist of.
const HISTORIES: [u32; 3] = [6, 16, 40];
const ENTRIES: usize = 1 << 12;
/// One misprediction in this many executions makes a branch unpredictable.
const OFTEN: u32 = 6;
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
#[derive(Default)]
struct Score {
    seen: u32,
    wrong: u32,
}

/// The branches of a trace, oldest first, that are unpredictable.
pub(crate) fn unpredictable(trace: &[Branch]) -> FxHashSet<Pc> {
    // The last table has no history: its entries are always found.
    let mut tables: Vec<Entry> = vec![0; ENTRIES * (HISTORIES.len() + 1)];
    let mut scores: FxHashMap<Pc, Score> = FxHashMap::default();
    let mut history = 0u64;
    for (i, branch) in trace.iter().enumerate() {
        let (pc, taken) = (branch.pc(), branch.is_taken());
        let mut provider = None;
        let mut missing = None;
        for (table, bits) in HISTORIES.into_iter().enumerate().rev() {
            let key = hash(pc, history & ((1 << bits) - 1));
            let index = table * ENTRIES + key as usize % ENTRIES;
            let tag = key >> 12 | 1;
            if tables[index] >> 2 == tag {
                provider = Some(index);
                break;
            }
            missing = Some((index, tag));
        }
        let base = HISTORIES.len() * ENTRIES + hash(pc, 0) as usize % ENTRIES;
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
            let score = scores.entry(pc).or_default();
            score.seen += 1;
            score.wrong += wrong as u32;
        }
    }
    let is_wrong_often = |s: &Score| s.seen >= FEW && s.wrong * OFTEN >= s.seen;
    scores.iter().filter(|(_, score)| is_wrong_often(score)).map(|(&pc, _)| pc).collect()
}

fn hash(pc: Pc, history: u64) -> u32 {
    let mixed = (history ^ (pc as u64) << 44).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::unpredictable;
    use crate::interp::Branch;
    use crate::random::SplitMix;

    fn trace(outcome: impl Fn(u32) -> bool) -> Vec<Branch> {
        (0..8192).map(|i| Branch::new(0x3000, outcome(i))).collect()
    }

    fn random(i: u32) -> bool {
        SplitMix(i as u64).next() >> 63 != 0
    }

    #[test]
    fn what_repeats_is_predictable() {
        assert!(unpredictable(&trace(|_| true)).is_empty());
        assert!(unpredictable(&trace(|i| i % 7 != 0)).is_empty());
        assert!(unpredictable(&trace(|i| random(i % 500))).is_empty());
    }

    #[test]
    fn what_does_not_repeat_is_not() {
        assert!(unpredictable(&trace(random)).contains(&0x3000));
        assert!(unpredictable(&[]).is_empty());
    }
}
