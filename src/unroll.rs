//! Unrolling. Loops whose number of turns is known are written out. Other small innermost loops are copied a few times in
//! a row, so that what is done once a turn (the budget's check and charge, tests of accesses through a pointer that
//! moves along) is done once in several.

use rustc_hash::FxHashSet;

use crate::ops::Pc;
use crate::region::{Block, Region, Target};

/// A loop that is written out has at most so many turns ...
const TURNS: usize = 32;
/// ... and instructions.
const WRITTEN_OUT: usize = 200;
/// Copies of another loop together have at most this many instructions.
const INSTRUCTIONS: usize = 48;
/// Another loop is copied at most so often.
const COPIES: usize = 4;
/// What each further place that a computed jump is compared with counts, in instructions: all registers move on the way there.
const PLACE: usize = 16;

/// A loop that may be written out.
pub(crate) struct Loop {
    /// Its blocks, header first, which dominates the rest. It contains no other loop.
    pub(crate) body: Vec<usize>,
    /// More turns are too many.
    pub(crate) most: usize,
}

/// A loop that is written out, as a run of the program shows it.
pub(crate) struct WrittenOut {
    /// The branches in it, of which each turn has its own ...
    pub(crate) branches: FxHashSet<Pc>,
    /// ... and those of their outcomes, taken or not, after which control is outside.
    pub(crate) leaves: FxHashSet<(Pc, bool)>,
}

/// Writes out the innermost loops for which `turns` knows how often control goes through their header, inside out, as long
/// as the region keeps to `most` instructions, but for those that are cold. Returns these loops.
pub(crate) fn write_out(
    region: &mut Region,
    most: usize,
    is_cold: impl Fn(Pc) -> bool,
    turns: impl Fn(&Region, &[Loop]) -> Vec<Option<usize>>,
) -> Vec<WrittenOut> {
    let mut room = most.saturating_sub(region.len());
    let mut written: Vec<WrittenOut> = Vec::new();
    loop {
        let with_most = |body: Vec<usize>| {
            let most = (WRITTEN_OUT.min(room) / length(region, &body).max(1)).min(TURNS);
            Loop { body, most }
        };
        let loops: Vec<Loop> = worthwhile_loops(region, &is_cold).into_iter().map(with_most).collect();
        let turns = turns(region, &loops);
        let mut changed = false;
        for (Loop { body, .. }, turns) in loops.iter().zip(turns) {
            let len = length(region, body);
            let Some(turns) = turns.filter(|turns| turns * len <= room) else { continue };
            let (originals, mut last) = (blocks(region, body), body.clone());
            written.push(as_run(region, body));
            // What is in a loop in this one counts its own turns.
            let own: Vec<bool> = originals.iter().map(|block| block.turn.is_none()).collect();
            let note = |region: &mut Region, blocks: &[usize], turn| {
                let own = blocks.iter().zip(&own).filter(|(_, own)| **own);
                own.for_each(|(&b, _)| region.blocks[b].turn = Some(turn));
            };
            note(region, body, 0);
            for turn in 1..turns {
                last = append_copy(region, body, &originals, &last);
                note(region, &last, turn);
            }
            // Control never goes there; if it did, it would leave.
            redirect(region, &last, body[0], Target::Outside(region.blocks[body[0]].pc()));
            room -= turns * len;
            changed = true;
        }
        if !changed {
            return written;
        }
        region.renumber();
    }
}

fn as_run(region: &Region, body: &[usize]) -> WrittenOut {
    let mut one = WrittenOut { branches: FxHashSet::default(), leaves: FxHashSet::default() };
    let stays = |to| matches!(to, Target::Block(b) if body.contains(&b));
    for block in body.iter().map(|&b| &region.blocks[b]) {
        let (Some(taken), Some(&(branch, _))) = (block.taken, block.insns.last()) else { continue };
        one.branches.insert(branch);
        for (to, is_taken) in [(block.next, false), (taken, true)] {
            if !stays(to) {
                one.leaves.insert((branch, is_taken));
            }
        }
    }
    one
}

/// How many instructions these blocks have, and what they have that takes as long to compile.
fn length(region: &Region, blocks: &[usize]) -> usize {
    let further = |block: &Block| block.targets.len().saturating_sub(1);
    blocks.iter().map(|&b| &region.blocks[b]).map(|block| block.insns.len() + PLACE * further(block)).sum()
}

/// These blocks as they are now.
fn blocks(region: &Region, blocks: &[usize]) -> Vec<Block> {
    blocks.iter().map(|&b| region.blocks[b].clone()).collect()
}

/// Copies the region's small innermost loops, but for those that are cold.
pub(crate) fn unroll(region: &mut Region, is_cold: impl Fn(Pc) -> bool) {
    for body in worthwhile_loops(region, is_cold) {
        let len = length(region, &body);
        let copies = (INSTRUCTIONS / len.max(1)).min(COPIES);
        let (originals, mut last) = (blocks(region, &body), body.clone());
        for _ in 1..copies {
            last = append_copy(region, &body, &originals, &last);
        }
    }
    region.renumber();
}

/// The innermost loops that are not cold in all places: control may arrive in the middle of a turn.
fn worthwhile_loops(region: &Region, is_cold: impl Fn(Pc) -> bool) -> Vec<Vec<usize>> {
    let is_worthwhile = |body: &Vec<usize>| !body.iter().all(|&b| is_cold(region.blocks[b].pc()));
    innermost_loops(region).into_iter().filter(is_worthwhile).collect()
}

/// The bodies of loops that contain no other loop, header first, which dominates the rest. Loops may share a header, as those do
/// where control comes into a region: what goes back to it from an outer one, where control seldom goes, does not count.
pub(crate) fn innermost_loops(region: &Region) -> Vec<Vec<usize>> {
    let blocks = &region.blocks;
    let mut predecessors = vec![Vec::new(); blocks.len()];
    let mut usual = predecessors.clone();
    for (from, block) in blocks.iter().enumerate() {
        block.successors().for_each(|to| predecessors[to].push(from));
        block.usual_successors().for_each(|to| usual[to].push(from));
    }
    let latches_of = |header: usize| predecessors[header].iter().copied().filter(move |&p| p >= header);
    let is_header = |b: usize| latches_of(b).next().is_some();
    // An edge back into the middle closes a loop with more than one way in: such a body is left alone.
    let is_inside = |b: usize| !is_header(b) && predecessors[b].iter().all(|&p| p < b);
    let mut loops = Vec::new();
    for header in 0..blocks.len() {
        let latches = || latches_of(header).filter(|&latch| region.dominates(header, latch));
        let cycle = |latch: usize| {
            let one = cycle_through(&usual, header, latch);
            let is_closed =
                one.iter().all(|&b| b == header || predecessors[b].iter().all(|p| one.contains(p)));
            if is_closed || !one.contains(&header) {
                one
            } else {
                cycle_through(&predecessors, header, latch)
            }
        };
        let mut cycles: Vec<Vec<usize>> = latches().map(cycle).filter(|one| one.contains(&header)).collect();
        if cycles.is_empty() {
            cycles = latches().map(|latch| cycle_through(&predecessors, header, latch)).collect();
        }
        let mut body = vec![header];
        for one in cycles.into_iter().filter(|one| one.iter().all(|&b| b == header || is_inside(b))) {
            for b in one {
                if !body.contains(&b) {
                    body.push(b);
                }
            }
        }
        if body.len() > 1 || latches_of(header).any(|latch| latch == header) {
            loops.push(body);
        }
    }
    loops
}

/// The blocks that lead to `latch`, from which control goes back to `header`, without passing that.
fn cycle_through(predecessors: &[Vec<usize>], header: usize, latch: usize) -> Vec<usize> {
    let mut blocks = vec![latch];
    let mut next = 0;
    while let Some(&b) = blocks.get(next) {
        next += 1;
        for &p in predecessors[b].iter().filter(|_| b != header) {
            if !blocks.contains(&p) {
                blocks.push(p);
            }
        }
    }
    blocks
}

/// Appends a copy of `body`, which was `originals` before there were copies, entered where `last`, the copy before it, goes
/// back to the loop's header. The new copy goes back to the first header.
fn append_copy(region: &mut Region, body: &[usize], originals: &[Block], last: &[usize]) -> Vec<usize> {
    let start = region.blocks.len();
    let copy_of = |b: usize| body.iter().position(|&other| other == b).map(|i| start + i);
    let copy: Vec<usize> = (start..start + body.len()).collect();
    for block in originals {
        let redirect = |t: Target| match t {
            Target::Block(to) if to != body[0] => Target::Block(copy_of(to).unwrap_or(to)),
            other => other,
        };
        let block = Block {
            next: redirect(block.next),
            taken: block.taken.map(redirect),
            targets: block
                .targets
                .iter()
                .map(|&(pc, to)| (pc, if to == body[0] { to } else { copy_of(to).unwrap_or(to) }))
                .collect(),
            ..block.clone()
        };
        region.blocks.push(block);
    }
    redirect(region, last, body[0], Target::Block(copy[0]));
    copy
}

/// Lets what leads from `blocks` to block `from` lead to `to`.
fn redirect(region: &mut Region, blocks: &[usize], from: usize, to: Target) {
    for &b in blocks {
        let block = &mut region.blocks[b];
        let direct = block.taken.iter_mut().chain([&mut block.next]);
        direct.filter(|t| **t == Target::Block(from)).for_each(|t| *t = to);
        match to {
            Target::Block(to) => block.targets.iter_mut().filter(|t| t.1 == from).for_each(|t| t.1 = to),
            Target::Outside(_) => block.targets.retain(|t| t.1 != from),
        }
        block.is_paired &= !block.targets.is_empty();
    }
}
