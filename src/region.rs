//! The blocks around a hot place that are compiled as one native function, and what is known of them: the order in which they
//! are translated, where the budget is checked, which way branches seldom go.

mod find;

use crate::effects;
use crate::guest::{Guest, Insn};
use crate::ops::{Flow, Pc, Via};

pub(crate) use find::{Limits, Line, Program, Shape, Step, Way, find};

/// Instructions that a machine's budget must last for, about, wherever in a region it is checked: a machine may run in small
/// steps.
const LONG: u64 = 256;

/// Where control goes from a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    /// To the block with this index.
    Block(usize),
    /// Out of the region.
    Outside(Pc),
}

impl Default for Target {
    fn default() -> Self {
        Target::Outside(0)
    }
}

/// Straight-line instructions, entered at the top only.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    /// The instructions, of which only the last may transfer control.
    pub(crate) insns: Vec<(Pc, Insn)>,
    /// For each, [`effects::Effects::named_accesses`].
    pub(crate) named: Vec<u32>,
    /// Where control goes that falls through.
    pub(crate) next: Target,
    /// Where a direct jump, call or taken branch goes.
    pub(crate) taken: Option<Target>,
    /// Which way a branch seldom goes: whether it is the taken one.
    pub(crate) seldom: Option<bool>,
    /// What an indirect jump is compared with, in this order.
    pub(crate) targets: Vec<(Pc, usize)>,
    /// It ends in a return whose call is in the region and has a copy of the callee of its own.
    pub(crate) is_paired: bool,
    /// In a loop that is written out: which turn it is of.
    pub(crate) turn: Option<usize>,
    /// Blocks that control comes from, each edge once; control that comes in counts as one for an entry.
    pub(crate) predecessors: usize,
    /// An edge that closes a cycle ends here, or control enters here: the budget is checked on that.
    pub(crate) is_checkpoint: bool,
    /// The budget is checked on all edges to this checkpoint: the way on from here is long.
    pub(crate) is_always_checked: bool,
    /// The most instructions that retire from the top until control leaves or comes to where the budget is checked.
    pub(crate) longest: u64,
    /// The fewest instructions that retire from one of the region's entries to the top.
    pub(crate) shortest: u64,
    /// The last of the blocks that control has always passed through before, if there is one.
    pub(crate) dominator: Option<usize>,
}

impl Block {
    /// Address of the first instruction.
    pub(crate) fn pc(&self) -> Pc {
        self.insns[0].0
    }

    /// Where a branch seldom goes.
    pub(crate) fn seldom_to(&self) -> Option<Target> {
        if self.seldom? { self.taken } else { Some(self.next) }
    }

    /// The blocks that control may go to and does not go to seldom.
    pub(crate) fn usual_successors(&self) -> impl Iterator<Item = usize> + '_ {
        self.successors().filter(|&to| self.seldom_to() != Some(Target::Block(to)))
    }

    /// The blocks that control may go to.
    pub(crate) fn successors(&self) -> impl Iterator<Item = usize> + '_ {
        let inside = |t| {
            if let Target::Block(b) = t { Some(b) } else { None }
        };
        self.taken
            .and_then(inside)
            .into_iter()
            .chain(self.targets.iter().map(|t| t.1))
            .chain(inside(self.next))
    }
}

/// Blocks in reverse post-order from block 0, the entry, and behind them those that only other entries lead to. All entries are
/// checkpoints.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) blocks: Vec<Block>,
    /// Other blocks where control may come in.
    pub(crate) entries: Vec<usize>,
    /// The callees of cold calls, which are no part of it.
    pub(crate) left_out: Vec<Pc>,
}

impl Region {
    /// The blocks where control may come in, the first one first.
    pub(crate) fn ways_in(&self) -> impl Iterator<Item = usize> + '_ {
        [0].into_iter().chain(self.entries.iter().copied())
    }

    /// How many instructions, copies counted.
    pub(crate) fn len(&self) -> usize {
        self.blocks.iter().map(|b| b.insns.len()).sum()
    }
}

/// A branch goes one way seldom if it goes the other one this many times as often.
const SELDOM: usize = 8;

impl Region {
    /// Finds out where branches seldom go, from how often each was not taken and taken.
    pub(crate) fn note_seldom(&mut self, times: impl Fn(Pc) -> Option<[usize; 2]>) {
        for block in &mut self.blocks {
            let seldom = |[not, taken]: [usize; 2]| {
                let is_seldom = |one: usize, other: usize| other >= SELDOM * one.max(1);
                is_seldom(taken, not).then_some(true).or(is_seldom(not, taken).then_some(false))
            };
            block.seldom = block.insns.last().and_then(|branch| times(branch.0)).and_then(seldom);
        }
    }

    /// Whether an instruction is in it.
    pub(crate) fn contains(&self, pc: Pc) -> bool {
        self.addresses().any(|at| at == pc)
    }

    /// Where its instructions are.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = Pc> + '_ {
        self.blocks.iter().flat_map(|block| block.insns.iter().map(|insn| insn.0))
    }

    /// Where it is left for on direct ways.
    pub(crate) fn ways_out<G: Guest>(&self) -> impl Iterator<Item = Pc> + '_ {
        let targets = |block: &Block| {
            let last = block.insns.last().map(|&(pc, insn)| effects::of::<G>(insn, pc).flow);
            let falls = matches!(last, Some(Flow::Next | Flow::If(..) | Flow::DynamicIf(..)));
            block.taken.into_iter().chain(falls.then_some(block.next))
        };
        let outside = |target| if let Target::Outside(pc) = target { Some(pc) } else { None };
        self.blocks.iter().flat_map(targets).filter_map(outside)
    }

    /// The returns from it, but for those of copied callees.
    pub(crate) fn returns<G: Guest>(&self) -> impl Iterator<Item = Pc> + '_ {
        let is_return = |block: &&Block| {
            let last = block.insns.last().map(|&(pc, insn)| effects::of::<G>(insn, pc).flow);
            !block.is_paired && matches!(last, Some(Flow::Dynamic(_, Via::Return)))
        };
        self.blocks.iter().filter(is_return).map(|block| block.insns[block.insns.len() - 1].0)
    }

    /// The top of the innermost loop around the one at the entry, if that is short, as is said of its branch back: the nearest jump
    /// back over the entry leads there.
    pub(crate) fn loop_around<G: Guest>(&self, is_short: impl Fn(Pc) -> bool) -> Option<Pc> {
        let jump_back = |block: &Block| {
            let &(from, insn) = block.insns.last()?;
            let jumps = matches!(effects::of::<G>(insn, from).flow, Flow::Goto(_) | Flow::If(..));
            let to = match block.taken.filter(|_| jumps)? {
                Target::Block(to) => self.blocks[to].pc(),
                Target::Outside(to) => to,
            };
            (to <= from).then_some((to, from))
        };
        let entry = self.blocks[0].pc();
        let jumps_back = || self.blocks.iter().filter_map(jump_back);
        let around = jumps_back().filter(|&(to, from)| to < entry && entry <= from).map(|jump| jump.0).max();
        around.filter(|_| jumps_back().any(|(to, from)| to == entry && is_short(from)))
    }

    /// Whether control reaches `b` through `a` only.
    pub(crate) fn dominates(&self, a: usize, mut b: usize) -> bool {
        while b > a {
            match self.blocks[b].dominator {
                Some(up) => b = up,
                None => return false,
            }
        }
        a == b
    }

    /// Whether control may go from `block`, which comes behind `header`, back to that without passing what comes before it.
    pub(crate) fn is_in_cycle(&self, block: usize, header: usize) -> bool {
        let mut seen = vec![false; self.blocks.len()];
        let mut todo = vec![block];
        while let Some(b) = todo.pop() {
            for to in self.blocks[b].successors() {
                if to == header {
                    return true;
                }
                if to > header && !std::mem::replace(&mut seen[to], true) {
                    todo.push(to);
                }
            }
        }
        false
    }

    /// Puts the blocks in reverse post-order, entry first, drops those that nothing leads to, and analyses the
    /// rest.
    pub(crate) fn renumber(&mut self) {
        // What only other entries lead to comes behind the rest.
        let (mut order, mut seen) = (Vec::new(), vec![false; self.blocks.len()]);
        for entry in self.ways_in() {
            order.extend(self.walk(entry, &mut seen));
        }
        let mut index = vec![0; self.blocks.len()];
        order.iter().enumerate().for_each(|(new, &old)| index[old] = new);
        let renumbered = |t: Target| match t {
            Target::Block(b) => Target::Block(index[b]),
            outside => outside,
        };
        let mut old: Vec<Block> = std::mem::take(&mut self.blocks);
        self.blocks = order
            .into_iter()
            .map(|b| {
                let block = std::mem::take(&mut old[b]);
                Block {
                    insns: block.insns,
                    named: block.named,
                    next: renumbered(block.next),
                    taken: block.taken.map(renumbered),
                    seldom: block.seldom,
                    turn: block.turn,
                    targets: block.targets.iter().map(|&(pc, b)| (pc, index[b])).collect(),
                    is_paired: block.is_paired,
                    ..Block::default()
                }
            })
            .collect();
        self.entries.iter_mut().for_each(|entry| *entry = index[*entry]);
        self.analyse();
    }

    /// The blocks that are reached from one and that have not been seen, in reverse post-order.
    fn walk(&self, from: usize, seen: &mut [bool]) -> Vec<usize> {
        let mut order = Vec::new();
        if std::mem::replace(&mut seen[from], true) {
            return order;
        }
        // The fall-through is walked last, so that it comes right behind its block.
        let successors = |b: usize| -> Vec<usize> {
            let mut list: Vec<usize> = self.blocks[b].successors().collect();
            list.reverse();
            list
        };
        let mut stack = vec![(from, successors(from))];
        while let Some((block, rest)) = stack.last_mut() {
            match rest.pop() {
                Some(to) if seen[to] => {}
                Some(to) => {
                    seen[to] = true;
                    stack.push((to, successors(to)));
                }
                None => {
                    order.push(*block);
                    stack.pop();
                }
            }
        }
        order.reverse();
        order
    }

    /// Counts predecessors, finds checkpoints (where a cycle closes), the longest way on to where the budget is checked, the shortest
    /// way there, and dominators. Every cycle has an edge to an earlier block, or from one to itself: an edge that closes a cycle, as
    /// all of these are said to, though those from what only other entries lead to may not.
    fn analyse(&mut self) {
        for entry in self.ways_in().collect::<Vec<_>>() {
            self.blocks[entry].predecessors = 1;
            self.blocks[entry].is_checkpoint = true;
        }
        let edges: Vec<(usize, usize)> =
            (0..self.blocks.len()).flat_map(|b| self.blocks[b].successors().map(move |s| (b, s))).collect();
        for &(from, to) in &edges {
            self.blocks[to].predecessors += 1;
            self.blocks[to].is_checkpoint |= to <= from;
        }
        for b in (0..self.blocks.len()).rev() {
            let is_on = |&to: &usize| to > b && !self.blocks[to].is_always_checked;
            let onward = self.blocks[b].successors().filter(is_on).map(|to| self.blocks[to].longest);
            let longest = onward.max().unwrap_or(0) + self.blocks[b].insns.len() as u64;
            let block = &mut self.blocks[b];
            (block.longest, block.is_always_checked) = (longest, block.is_checkpoint && longest > LONG);
        }
        let mut shortest = vec![u64::MAX; self.blocks.len()];
        self.ways_in().for_each(|entry| shortest[entry] = 0);
        let mut changed = true;
        while changed {
            changed = false;
            for &(from, to) in &edges {
                let way = u64::saturating_add(shortest[from], self.blocks[from].insns.len() as u64);
                changed |= way < shortest[to];
                shortest[to] = shortest[to].min(way);
            }
        }
        self.blocks.iter_mut().zip(shortest).for_each(|(block, shortest)| block.shortest = shortest);
        self.find_dominators(&edges);
    }

    /// Cooper, Harvey and Kennedy, *A Simple, Fast Dominance Algorithm*.
    fn find_dominators(&mut self, edges: &[(usize, usize)]) {
        let mut predecessors = vec![Vec::new(); self.blocks.len()];
        for &(from, to) in edges {
            predecessors[to].push(from);
        }
        // Where control comes in is 0 here, and a block is its number plus one.
        let mut dominators: Vec<Option<usize>> = vec![None; self.blocks.len() + 1];
        dominators[0] = Some(0);
        let mut is_entry = vec![false; self.blocks.len()];
        self.ways_in().for_each(|entry| is_entry[entry] = true);
        let mut changed = true;
        while changed {
            changed = false;
            for b in 0..self.blocks.len() {
                let mut new = is_entry[b].then_some(0);
                for p in predecessors[b].iter().map(|p| p + 1).filter(|&p| dominators[p].is_some()) {
                    new = Some(new.map_or(p, |q| meet(&dominators, p, q)));
                }
                changed |= dominators[b + 1] != new;
                dominators[b + 1] = new;
            }
        }
        for (block, dominator) in self.blocks.iter_mut().zip(&dominators[1..]) {
            block.dominator = dominator.expect("every block is reached from an entry").checked_sub(1);
        }
    }
}

fn meet(dominators: &[Option<usize>], mut a: usize, mut b: usize) -> usize {
    let up = |x: usize| dominators[x].expect("a processed block has a dominator");
    while a != b {
        while a > b {
            a = up(a);
        }
        while b > a {
            b = up(b);
        }
    }
    a
}
