//! From a hot place to a region: the blocks around it that are compiled as one native function.
//!
//! A region follows direct branches, fall-through and calls from its entry. A call's callee is copied into
//! the region for each place that calls it (its *context*), so that a return has one likely target; a
//! callee that calls itself is shared by all its callers, and its returns are compared with all their
//! return points. So is one that returns elsewhere, as coroutines do; its returns are compared with that, too. Where copies
//! would make the region too large, cold calls are left out, and callees of which much is copied are shared. Indirect jumps
//! are compared with the one place where they have arrived so far, or with those where others have that have arrived at many.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::effects;
use crate::guest::{Guest, Insn};
use crate::ops::{Flow, Pc, Via};

/// Instructions that a machine's budget must last for, about, wherever in a region it is checked: a machine may run in small
/// steps.
const LONG: u64 = 256;

/// What a region may consist of.
pub(crate) struct Limits {
    /// Instructions in a region. In one with half as many, cold calls are left out and callees are shared.
    pub(crate) instructions: usize,
    /// How deep calls are copied into their callers.
    pub(crate) call_depth: usize,
    /// Targets that an indirect jump is compared with.
    pub(crate) targets: usize,
}

/// What the finder asks about the machine.
pub(crate) trait Program {
    /// The instruction at `pc`, or `None` where native code had better stop.
    fn insn(&mut self, pc: Pc) -> Option<Insn>;
    /// Where the indirect jump or call at `from` may arrive.
    fn arrivals(&self, from: Pc) -> Vec<Pc>;
    /// Where the return at `from` has arrived that regions with it did not know.
    fn returns_elsewhere(&self, from: Pc) -> impl Iterator<Item = Pc>;
    /// Whether the return at `from` often goes elsewhere than where its call came from.
    fn is_unpaired(&self, from: Pc) -> bool;
    /// The return points, but for cold ones, of the calls of the subroutine that the return at `from` ends, where the region is to
    /// go on there.
    fn callers(&self, from: Pc) -> impl Iterator<Item = Pc>;
    /// Whether a call of `callee` that returns to `back` is seldom executed.
    fn is_cold(&self, callee: Pc, back: Pc) -> bool;
}

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
    /// Blocks that control comes from, each edge once; the region's entry counts as one for block 0.
    pub(crate) predecessors: usize,
    /// An edge that closes a cycle ends here, or control enters here: the budget is checked on that.
    pub(crate) is_checkpoint: bool,
    /// The budget is checked on all edges to this checkpoint: the way on from here is long.
    pub(crate) is_always_checked: bool,
    /// The most instructions that retire from the top until control leaves or comes to where the budget is checked.
    pub(crate) longest: u64,
    /// The fewest instructions that retire from the region's entry to the top.
    pub(crate) shortest: u64,
    /// The block that control has always passed through before; itself for block 0.
    pub(crate) dominator: usize,
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

/// Blocks in reverse post-order; block 0 is the entry, a checkpoint.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) blocks: Vec<Block>,
    /// The callees of cold calls, which are no part of it.
    pub(crate) left_out: Vec<Pc>,
}

impl Region {
    /// How many instructions, copies counted.
    pub(crate) fn len(&self) -> usize {
        self.blocks.iter().map(|b| b.insns.len()).sum()
    }
}

/// Code that is entered by a call. Context 0 is the region's own code.
struct Context {
    /// Where the call is, or the first of several.
    parent: usize,
    callee: Pc,
    /// Where returns go to: one place for a copy, all that are known for a callee that is shared.
    returns: Vec<Key>,
    depth: usize,
    is_shared: bool,
    /// A return of it has been found.
    may_return: bool,
}

type Key = (Pc, usize);

/// The context of what is no part of the region.
const OUTSIDE: usize = usize::MAX;

struct Node {
    insn: Insn,
    named: u32,
    next: Option<Key>,
    taken: Option<Key>,
    targets: Vec<Key>,
    /// The block ends here.
    transfers: bool,
    /// A return of what is shared, or an indirect jump: its targets are filled in when all are known.
    open: Option<Via>,
}

/// What an attempt to find a region has shown, for the next one.
#[derive(Default)]
struct Shape {
    /// Callees that are not copied.
    shared: FxHashSet<Pc>,
    /// The shared callee that the region's entry is in, if there is one: it is the region's own code.
    own: Option<Pc>,
    /// Cold calls are left out.
    hot_only: bool,
}

struct Finder<'a, P> {
    program: &'a mut P,
    limits: &'a Limits,
    shape: Shape,
    contexts: Vec<Context>,
    /// The contexts of shared callees, and the callees that have been copied.
    shared: FxHashMap<Pc, usize>,
    copied: FxHashSet<Pc>,
    nodes: FxHashMap<Key, Node>,
    /// Keys in the order in which they were found.
    order: Vec<Key>,
    /// Return points that were found after a return to them.
    late: Vec<Key>,
    /// The callees of cold calls.
    left_out: Vec<Pc>,
    /// The shape has changed since this attempt began: another is needed.
    is_outdated: bool,
}

/// The region around `entry`, or `None` where not even the entry's instruction can be compiled.
pub(crate) fn find<G: Guest>(entry: Pc, program: &mut impl Program, limits: &Limits) -> Option<Region> {
    let mut shape = Shape::default();
    loop {
        let code = Context {
            parent: 0,
            callee: entry,
            returns: Vec::new(),
            depth: 0,
            is_shared: true,
            may_return: false,
        };
        let mut finder = Finder {
            program,
            limits,
            shared: shape.own.map(|own| (own, 0)).into_iter().collect(),
            copied: FxHashSet::default(),
            shape,
            contexts: vec![code],
            nodes: FxHashMap::default(),
            order: Vec::new(),
            late: Vec::new(),
            left_out: Vec::new(),
            is_outdated: false,
        };
        finder.explore::<G>(entry);
        if !finder.is_outdated {
            return finder.region();
        }
        shape = finder.shape;
    }
}

impl<P: Program> Finder<'_, P> {
    /// Finds all instructions, or that the region is to have another shape.
    fn explore<G: Guest>(&mut self, entry: Pc) {
        let mut queue = std::collections::VecDeque::from([(entry, 0)]);
        loop {
            while let Some(key) = queue.pop_front() {
                let is_full = self.order.len() >= self.limits.instructions;
                if self.nodes.contains_key(&key) || key.1 == OUTSIDE || is_full {
                    continue;
                }
                let is_large = self.order.len() == self.limits.instructions / 2;
                if self.is_own(key, entry) || is_large && (self.is_outdated || self.condense()) {
                    self.is_outdated = true;
                    return;
                }
                let Some(node) = self.visit::<G>(key) else {
                    continue;
                };
                queue.extend(node.taken.iter().chain(&node.targets).chain(&node.next).copied());
                queue.extend(self.late.drain(..));
                self.order.push(key);
                self.nodes.insert(key, node);
            }
            if !self.fill_open(&mut queue) {
                return;
            }
        }
    }

    /// Gives a large region a shape in which it is smaller, if there is one.
    fn condense(&mut self) -> bool {
        !std::mem::replace(&mut self.shape.hot_only, true) || self.share_copied()
    }

    /// Another attempt is to share a callee.
    fn share(&mut self, callee: Pc) {
        self.is_outdated |= self.shape.shared.insert(callee) && self.copied.contains(&callee);
    }

    /// Shares the callees of which most is copied, if any is.
    fn share_copied(&mut self) -> bool {
        let mut sizes = vec![0; self.contexts.len()];
        self.order.iter().for_each(|key| sizes[key.1] += 1);
        // A context's calls come after it.
        for context in (1..sizes.len()).rev().filter(|&context| !self.contexts[context].is_shared) {
            sizes[self.contexts[context].parent] += sizes[context];
        }
        let mut copies: FxHashMap<Pc, (usize, usize)> = FxHashMap::default();
        for (context, &size) in self.contexts.iter().zip(&sizes).filter(|(context, _)| !context.is_shared) {
            let (all, largest) = copies.entry(context.callee).or_default();
            (*all, *largest) = (*all + size, size.max(*largest));
        }
        let saved = |callee: &Pc| copies[callee].0 - copies[callee].1;
        let most = copies.keys().map(saved).max().unwrap_or(0);
        let before = self.shape.shared.len();
        self.shape.shared.extend(copies.keys().filter(|callee| most > 0 && 2 * saved(callee) >= most));
        self.shape.shared.len() > before
    }

    /// Whether a shared callee turns out to be what the region's entry is in.
    fn is_own(&mut self, (pc, context): Key, entry: Pc) -> bool {
        let is_own =
            pc == entry && context != 0 && self.shape.own.is_none() && self.contexts[context].is_shared;
        if is_own {
            self.shape.own = Some(self.contexts[context].callee);
        }
        is_own
    }

    /// The node for an instruction; `None` outside the region.
    fn visit<G: Guest>(&mut self, (pc, context): Key) -> Option<Node> {
        let insn = self.program.insn(pc)?;
        let next = G::next(pc);
        let effects = effects::of::<G>(insn, pc);
        let named = effects.named_accesses();
        let mut node =
            Node { insn, named, next: None, taken: None, targets: Vec::new(), transfers: true, open: None };
        match effects.flow {
            Flow::Next => {
                node.next = Some((next, context));
                node.transfers = false;
            }
            Flow::Goto(to) => node.taken = Some((to, context)),
            Flow::If(_, to) => {
                node.taken = Some((to, context));
                node.next = Some((next, context));
            }
            Flow::Call(to) => node.taken = Some((to, self.call(to, (next, context)))),
            Flow::Dynamic(_, Via::Return) => {
                if !self.contexts[context].is_shared && self.program.is_unpaired(pc) {
                    self.share(self.contexts[context].callee);
                }
                let context = &mut self.contexts[context];
                context.may_return = true;
                node.targets = context.returns.clone();
                node.open = context.is_shared.then_some(Via::Return);
            }
            Flow::DynamicIf(..) => {
                node.next = Some((next, context));
                node.open = Some(Via::Jump);
            }
            Flow::Dynamic(_, Via::Jump) => {
                if !self.contexts[context].is_shared && self.program.arrivals(pc).len() > 1 {
                    self.share(self.contexts[context].callee);
                }
                node.open = Some(Via::Jump);
            }
            Flow::Dynamic(_, Via::Call) => {
                self.returns_to(0, (next, context));
                node.open = Some(Via::Call);
            }
            Flow::Trap(_) | Flow::Illegal => {}
        }
        Some(node)
    }

    /// The context of a callee whose return goes to `back`.
    fn call(&mut self, callee: Pc, back: Key) -> usize {
        if self.shape.hot_only && self.program.is_cold(callee, back.0) {
            self.left_out.push(callee);
            return OUTSIDE;
        }
        let parent = back.1;
        let depth = self.contexts[parent].depth + 1;
        if depth > self.limits.call_depth || self.is_recursive(callee, parent) {
            self.share(callee);
        }
        if let Some(&known) = self.shared.get(&callee) {
            self.returns_to(known, back);
            return known;
        }
        let context = self.contexts.len();
        let is_shared = self.shape.shared.contains(&callee);
        if is_shared {
            self.shared.insert(callee, context);
        } else {
            self.copied.insert(callee);
        }
        let depth = if is_shared { 0 } else { depth };
        let returns = vec![back];
        self.contexts.push(Context { parent, callee, returns, depth, is_shared, may_return: false });
        context
    }

    /// Notes where a shared context returns to. A place is known by its address only, so there can't be two copies of it.
    fn returns_to(&mut self, context: usize, back: Key) {
        let Context { returns, may_return, .. } = &mut self.contexts[context];
        let Some(at) = returns.iter().position(|known| known.0 == back.0) else {
            returns.push(back);
            self.late.extend(may_return.then_some(back));
            return;
        };
        let other = returns[at].1;
        if other == 0 {
            returns[at] = back;
        }
        let is_copy = |context: &usize| !self.contexts[*context].is_shared;
        let copy = [back.1, other].into_iter().find(|context| other != back.1 && is_copy(context));
        if let Some(copy) = copy {
            self.share(self.contexts[copy].callee);
        }
    }

    fn is_recursive(&self, callee: Pc, context: usize) -> bool {
        let mut at = context;
        while at != 0 {
            if self.contexts[at].callee == callee {
                return true;
            }
            at = self.contexts[at].parent;
        }
        false
    }

    /// Where a jump in a context arrives: some jumps are returns.
    fn arrival(&self, pc: Pc, context: usize) -> Key {
        let mut at = context;
        loop {
            match self.contexts[at].returns.iter().find(|to| to.0 == pc) {
                Some(&to) => return to,
                None if at == 0 => return (pc, context),
                None => at = self.contexts[at].parent,
            }
        }
    }

    /// Gives returns and indirect jumps their targets, which may lead to new instructions; false if not.
    fn fill_open(&mut self, queue: &mut std::collections::VecDeque<Key>) -> bool {
        // In the order in which they were found: the same in every run.
        let is_return = |key: &&Key| self.nodes.get(key).is_some_and(|node| node.open == Some(Via::Return));
        for &(from, context) in self.order.iter().filter(is_return) {
            let mut places: Vec<Pc> = self.program.returns_elsewhere(from).collect();
            if context == 0 {
                places.extend(self.program.callers(from).take(self.limits.targets));
            }
            let returns = &mut self.contexts[context].returns;
            for pc in places {
                if returns.len() < self.limits.targets && !returns.iter().any(|known| known.0 == pc) {
                    returns.push((pc, 0));
                }
            }
        }
        for key in &self.order {
            let Some(via) = self.nodes.get(key).and_then(|node| node.open) else { continue };
            let arrivals = || self.program.arrivals(key.0).into_iter().take(self.limits.targets);
            let targets: Vec<Key> = match via {
                Via::Return => {
                    self.contexts[key.1].returns.iter().take(self.limits.targets).copied().collect()
                }
                Via::Jump => arrivals().map(|pc| self.arrival(pc, key.1)).collect(),
                Via::Call => arrivals().map(|pc| (pc, 0)).collect(),
            };
            queue.extend(targets.iter().filter(|_| self.order.len() < self.limits.instructions));
            self.nodes.entry(*key).and_modify(|node| node.targets = targets);
        }
        queue.retain(|key| !self.nodes.contains_key(key));
        // What can't be an instruction of the region must not be asked for again and again.
        queue.retain(|key| self.program.insn(key.0).is_some());
        !queue.is_empty()
    }

    /// Cuts the instructions into blocks.
    fn region(self) -> Option<Region> {
        let entry = *self.order.first()?;
        let mut arrivals: FxHashMap<Key, usize> = FxHashMap::default();
        let mut leaders: FxHashSet<Key> = FxHashSet::from_iter([entry]);
        for key in &self.order {
            let node = &self.nodes[key];
            for to in node.taken.iter().chain(&node.targets).chain(&node.next) {
                let count = arrivals.entry(*to).or_default();
                *count += 1;
                if node.transfers || *count > 1 {
                    leaders.insert(*to);
                }
            }
        }
        let firsts: Vec<Key> = self.order.iter().filter(|key| leaders.contains(key)).copied().collect();
        let index: FxHashMap<Key, usize> = firsts.iter().enumerate().map(|(i, &key)| (key, i)).collect();
        let target = |key: Key| index.get(&key).map_or(Target::Outside(key.0), |&b| Target::Block(b));
        let mut blocks = Vec::new();
        for &leader in &firsts {
            let keys = self.straight_line(leader, &leaders);
            let nodes: Vec<&Node> = keys.iter().map(|key| &self.nodes[key]).collect();
            let node = nodes[nodes.len() - 1];
            let targets: Vec<_> = node.targets.iter().filter_map(|k| Some((k.0, *index.get(k)?))).collect();
            blocks.push(Block {
                next: node.next.map_or(Target::Outside(0), target),
                taken: node.taken.map(target),
                is_paired: node.open.is_none() && !targets.is_empty(),
                targets,
                insns: keys.iter().zip(&nodes).map(|(key, node)| (key.0, node.insn)).collect(),
                named: nodes.iter().map(|node| node.named).collect(),
                ..Block::default()
            });
        }
        let mut region = Region { blocks, left_out: self.left_out };
        region.renumber();
        Some(region)
    }

    /// The instructions from a leader to the next one.
    fn straight_line(&self, leader: Key, leaders: &FxHashSet<Key>) -> Vec<Key> {
        let mut keys = Vec::new();
        let mut at = leader;
        loop {
            let node = &self.nodes[&at];
            keys.push(at);
            match node.next {
                Some(next)
                    if !node.transfers && !leaders.contains(&next) && self.nodes.contains_key(&next) =>
                {
                    at = next
                }
                _ => return keys,
            }
        }
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
            b = self.blocks[b].dominator;
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
        let mut order = Vec::new();
        let mut seen = vec![false; self.blocks.len()];
        seen[0] = true;
        // The fall-through is walked last, so that it comes right behind its block.
        let successors = |b: usize| -> Vec<usize> {
            let mut list: Vec<usize> = self.blocks[b].successors().collect();
            list.reverse();
            list
        };
        let mut stack = vec![(0, successors(0))];
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
        self.analyse();
    }

    /// Counts predecessors, finds checkpoints (where a cycle closes), the longest way on to where the budget is checked, the shortest
    /// way there, and dominators. Blocks are in reverse post-order, so an edge to an earlier block, or to itself, closes a cycle,
    /// and every cycle has such an edge.
    fn analyse(&mut self) {
        self.blocks[0].predecessors = 1;
        self.blocks[0].is_checkpoint = true;
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
        shortest[0] = 0;
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
        let mut dominators: Vec<Option<usize>> = vec![None; self.blocks.len()];
        dominators[0] = Some(0);
        let mut changed = true;
        while changed {
            changed = false;
            for b in 1..self.blocks.len() {
                let mut new = None;
                for &p in predecessors[b].iter().filter(|&&p| dominators[p].is_some()) {
                    new = Some(new.map_or(p, |q| meet(&dominators, p, q)));
                }
                changed |= dominators[b] != new;
                dominators[b] = new;
            }
        }
        for (block, dominator) in self.blocks.iter_mut().zip(dominators) {
            block.dominator = dominator.expect("every block is reached from the entry");
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
