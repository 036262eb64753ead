//! How often control goes through the headers of loops that count what is known.

use rustc_hash::FxHashMap;

use super::facts::{Value, View, elements, tops, walk};
use super::known::Known;
use crate::guest::Guest;
use crate::ops::Flow;
use crate::region::{Region, Target};
use crate::unroll::Loop;

/// For each loop, how often control goes through its header, if that is known and not more than the most that is asked for.
pub(super) fn turns<G: Guest>(region: &Region, loops: &[Loop], known: &Known<'_>) -> Vec<Option<usize>> {
    if loops.is_empty() {
        return Vec::new();
    }
    let elements = elements::<G>(region, known);
    let view = View::new::<G>(region, known, &elements);
    let tops = tops::<G>(region, &view).0;
    loops.iter().map(|one| turns_of::<G>(region, &tops, one, &view)).collect()
}

fn turns_of<G: Guest>(
    region: &Region,
    tops: &[Vec<Value>],
    Loop { body, most }: &Loop,
    view: &View<'_>,
) -> Option<usize> {
    let header = body[0];
    if region.entries.contains(&header) {
        return None;
    }
    let mut top: Option<Vec<Value>> = (header == 0).then(|| tops[0].clone());
    for (from, block) in region.blocks.iter().enumerate() {
        if !body.contains(&from) && block.successors().any(|to| to == header) {
            let end = walk::<G>(block, tops[from].clone(), view);
            top = Some(view.join(header, top.as_deref(), &end.slots));
        }
    }
    let mut order = body.clone();
    order.sort_unstable();
    for turn in 1..=*most {
        let mut at = FxHashMap::from_iter([(header, top?)]);
        top = None;
        let mut is_decided = false;
        for &index in &order {
            let Some(here) = at.remove(&index) else { continue };
            let block = &region.blocks[index];
            let end = walk::<G>(block, here, view);
            let (taken, next) = match end.flow {
                Flow::If(Value::Known(0), _) => (None, Some(block.next)),
                Flow::If(Value::Known(_), _) => (block.taken, None),
                _ => (block.taken, Some(block.next)),
            };
            is_decided |= matches!(end.flow, Flow::If(Value::Known(_), _));
            let inside = |to| if let Target::Block(b) = to { Some(b) } else { None };
            let direct = taken.into_iter().chain(next).filter_map(inside);
            for to in direct.chain(block.targets.iter().map(|t| t.1)).filter(|to| body.contains(to)) {
                if to == header {
                    top = Some(view.join(header, top.as_deref(), &end.slots));
                } else {
                    let joined = view.join(to, at.get(&to).map(Vec::as_slice), &end.slots);
                    at.insert(to, joined);
                }
            }
        }
        if top.is_none() {
            return Some(turn);
        }
        // Where no branch is decided in a turn, none will be in the next.
        if !is_decided {
            return None;
        }
    }
    None
}
