//! Finds regions: which instructions are in one, and how often.
//!
//! A region follows direct branches, fall-through and calls from its entry. A call's callee is copied into
//! the region for each place that calls it (its *context*), so that a return has one likely target; a
//! callee that calls itself is shared by all its callers, and its returns are compared with all their
//! return points. So is one that returns elsewhere, as coroutines do; its returns are compared with that, too. Where copies
//! would make the region too large, cold calls are left out, and callees of which much is copied are shared. Indirect jumps
//! are compared with the one place where they have arrived so far, or with those where others have that have arrived at many.
//!
//! Control may come back in the middle of a region: from what it does not have of what it calls, and, in a large one, from
//! elsewhere, to the callees that are shared. Neither is worth a region of its own with most of the same instructions.

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Block, Region, Target};
use crate::guest::{Guest, Insn};
use crate::ops::{Flow, Pc, Via};

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
    fn step(&mut self, pc: Pc) -> Option<Step>;
    /// Where the indirect jump or call at `from` may arrive.
    fn arrivals(&self, from: Pc) -> Vec<Pc>;
    /// Where the return at `from` has arrived that regions with it did not know.
    fn returns_elsewhere(&self, from: Pc) -> impl Iterator<Item = Pc>;
    /// Whether the return at `from` often goes elsewhere than where its call came from.
    fn is_unpaired(&self, from: Pc) -> bool;
    /// The return points, but for cold ones, of the calls of the subroutine that the return at `from` ends, where the region is to
    /// go on there.
    fn callers(&self, from: Pc) -> impl Iterator<Item = Pc>;
    /// The subroutine that the return at `from` ends, where the region is to go on behind its calls, and it is known.
    fn subroutine(&self, from: Pc) -> Option<Pc>;
    /// Whether a call of `callee` that returns to `back` is seldom executed.
    fn is_cold(&self, callee: Pc, back: Pc) -> bool;
}

/// An instruction, as far as a region's extent goes by it.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) insn: Insn,
    /// [`crate::effects::Effects::named_accesses`].
    pub(crate) named: u32,
    pub(crate) flow: Flow<Option<bool>, Option<Pc>>,
}

/// In a region of this part of the limit, control may come in where shared callees start.
const LARGE: usize = 4;
/// A region has at most so many entries beside the first.
const ENTRIES: usize = 128;

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
    shared_contexts: FxHashMap<Pc, usize>,
    copied: FxHashSet<Pc>,
    nodes: FxHashMap<Key, Node>,
    /// Keys in the order in which they were found.
    order: Vec<Key>,
    /// Return points that were found after a return to them.
    late: Vec<Key>,
    /// The callees of cold calls.
    left_out: Vec<Pc>,
    /// Where control comes back from what is no part of the region.
    come_back: Vec<Key>,
    /// The shape has changed since this attempt began: another is needed.
    is_outdated: bool,
}

/// The region around `entry`, or `None` where not even the entry's instruction can be compiled. `shared` has callees that are not
/// copied, those that other regions around the same place have shown, and those that this one shows.
pub(crate) fn find<G: Guest>(
    entry: Pc,
    program: &mut impl Program,
    limits: &Limits,
    shared: &mut FxHashSet<Pc>,
) -> Option<Region> {
    let mut shape = Shape { shared: std::mem::take(shared), ..Shape::default() };
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
            shared_contexts: shape.own.map(|own| (own, 0)).into_iter().collect(),
            copied: FxHashSet::default(),
            shape,
            contexts: vec![code],
            nodes: FxHashMap::default(),
            order: Vec::new(),
            late: Vec::new(),
            left_out: Vec::new(),
            come_back: Vec::new(),
            is_outdated: false,
        };
        finder.explore::<G>(entry);
        if !finder.is_outdated {
            *shared = std::mem::take(&mut finder.shape.shared);
            return finder.region::<G>();
        }
        shape = finder.shape;
    }
}

impl<P: Program> Finder<'_, P> {
    /// Finds all instructions, or that the region is to have another shape.
    fn explore<G: Guest>(&mut self, entry: Pc) {
        let mut queue = VecDeque::from([(entry, 0)]);
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
        let Step { insn, named, flow } = self.program.step(pc)?;
        let next = G::next(pc);
        let mut node =
            Node { insn, named, next: None, taken: None, targets: Vec::new(), transfers: true, open: None };
        match flow {
            Flow::Next => {
                node.next = Some((next, context));
                node.transfers = false;
            }
            Flow::Goto(to) => node.taken = Some((to, context)),
            Flow::If(_, to) => {
                node.taken = Some((to, context));
                node.next = Some((next, context));
            }
            Flow::Call(to) => node.taken = Some((to, self.call::<G>(to, (next, context)))),
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
                self.come_back::<G>((next, context));
                node.open = Some(Via::Call);
            }
            Flow::Trap(_) | Flow::Illegal => {}
        }
        Some(node)
    }

    /// Control may come in at `back`, behind a call of what is not in the region. In a copy of a callee it would be the wrong one
    /// of several.
    fn come_back<G: Guest>(&mut self, back: Key) {
        if has_entries::<G>() && self.contexts[back.1].is_shared {
            self.come_back.push(back);
            self.late.push(back);
        }
    }

    /// The context of a callee whose return goes to `back`.
    fn call<G: Guest>(&mut self, callee: Pc, back: Key) -> usize {
        if self.shape.hot_only && self.program.is_cold(callee, back.0) {
            self.left_out.push(callee);
            self.come_back::<G>(back);
            return OUTSIDE;
        }
        let parent = back.1;
        let depth = self.contexts[parent].depth + 1;
        if depth > self.limits.call_depth || self.is_recursive(callee, parent) {
            self.share(callee);
        }
        if let Some(&known) = self.shared_contexts.get(&callee) {
            self.returns_to(known, back);
            return known;
        }
        let context = self.contexts.len();
        let is_shared = self.shape.shared.contains(&callee);
        if is_shared {
            self.shared_contexts.insert(callee, context);
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
    fn fill_open(&mut self, queue: &mut VecDeque<Key>) -> bool {
        // In the order in which they were found: the same in every run.
        let is_return = |key: &&Key| self.nodes.get(key).is_some_and(|node| node.open == Some(Via::Return));
        for &(from, context) in self.order.iter().filter(is_return).filter(|key| key.1 != 0) {
            let places = self.program.returns_elsewhere(from);
            add_places(&mut self.contexts[context].returns, places, self.limits.targets);
        }
        for key in &self.order {
            let Some(via) = self.nodes.get(key).and_then(|node| node.open) else { continue };
            let arrivals = || self.program.arrivals(key.0).into_iter().take(self.limits.targets);
            let targets: Vec<Key> = match via {
                Via::Return => self.return_targets(*key),
                Via::Jump => arrivals().map(|pc| self.arrival(pc, key.1)).collect(),
                Via::Call => arrivals().map(|pc| (pc, 0)).collect(),
            };
            queue.extend(targets.iter().filter(|_| self.order.len() < self.limits.instructions));
            self.nodes.entry(*key).and_modify(|node| node.targets = targets);
        }
        queue.retain(|key| !self.nodes.contains_key(key));
        // What can't be an instruction of the region must not be asked for again and again.
        queue.retain(|key| self.program.step(key.0).is_some());
        !queue.is_empty()
    }

    /// Where a return goes that is compared with several places.
    fn return_targets(&self, (from, context): Key) -> Vec<Key> {
        let known = self.contexts[context].returns.iter().take(self.limits.targets).copied();
        if context != 0 {
            return known.collect();
        }
        // The region's own code may be of several subroutines, of which each has callers of its own.
        let other = self.program.subroutine(from).filter(|&callee| Some(callee) != self.shape.own);
        let is_another = other.is_some() && self.shape.own.is_some();
        let mut targets: Vec<Key> = known.filter(|_| !is_another).collect();
        let places = self.program.returns_elsewhere(from).chain(self.program.callers(from));
        add_places(&mut targets, places, self.limits.targets);
        targets
    }

    /// Cuts the instructions into blocks.
    fn region<G: Guest>(self) -> Option<Region> {
        let entry = *self.order.first()?;
        let mut arrivals: FxHashMap<Key, usize> = FxHashMap::default();
        let mut leaders = FxHashSet::from_iter(self.come_back.iter().copied().chain([entry]));
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
        let is_large = has_entries::<G>() && self.order.len() >= self.limits.instructions / LARGE;
        let places = self.shared_places().filter(|_| is_large).chain(self.come_back.iter().copied());
        let inside = places.filter_map(|key| Some((key.0, *index.get(&key)?)));
        let entries = BTreeMap::from_iter(inside.filter(|place| place.0 != entry.0));
        let entries = entries.into_values().take(ENTRIES).collect();
        let mut region = Region { blocks, entries, left_out: self.left_out };
        region.renumber();
        Some(region)
    }

    /// Where shared callees start.
    fn shared_places(&self) -> impl Iterator<Item = Key> + '_ {
        let shared = self.contexts.iter().enumerate().filter(|(_, context)| context.is_shared);
        shared.map(|(number, context)| (context.callee, number)).chain(self.shape.own.map(|own| (own, 0)))
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

/// Whether a region may have several entries: the bound of its elements is tested where control comes in, in the name of the first
/// instruction.
fn has_entries<G: Guest>() -> bool {
    G::SPACES.iter().all(|space| space.attributes)
}

/// Adds places in the region's own code that are not among the targets, as long as those are not more than `most`.
fn add_places(targets: &mut Vec<Key>, places: impl Iterator<Item = Pc>, most: usize) {
    for pc in places {
        if targets.len() < most && !targets.iter().any(|known| known.0 == pc) {
            targets.push((pc, 0));
        }
    }
}
