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
use std::ops::Range;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Block, Region, Target};
use crate::guest::{Guest, Insn};
use crate::ops::{Flow, Pc, Via};

/// What a region may consist of.
pub(crate) struct Limits {
    /// Instructions in a region at most. In one with half as many, cold calls are left out and callees are shared.
    pub(crate) instructions: usize,
    /// How deep calls are copied into their callers.
    pub(crate) call_depth: usize,
    /// Targets that an indirect jump is compared with.
    pub(crate) targets: usize,
}

/// What the finder asks about the machine.
pub(crate) trait Program {
    /// The instructions from `pc` on to the first that is not just followed by the next one, at most: fewer where others lead to one of
    /// them. Where they are among all that are [known][Program::steps]; `None` where native code had better stop.
    fn line(&mut self, pc: Pc) -> Option<Line>;
    /// The instructions of lines, and where they are.
    fn steps(&self) -> &[(Pc, Step)];
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

/// Instructions in a row, by their places among those that are known; at least one.
pub(crate) type Line = Range<usize>;

/// An instruction, as far as a region's extent goes by it.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) insn: Insn,
    /// [`crate::effects::Effects::named_accesses`].
    pub(crate) named: u32,
    pub(crate) way: Way,
}

/// Where an instruction leads: a [`Flow`], of which little is known, in little room.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Way {
    Next,
    To(Pc),
    ToOrNext(Pc),
    Call(Pc),
    Computed(Via),
    ComputedOrNext,
    Nowhere,
}

impl Way {
    pub(crate) fn of<B, A>(flow: Flow<B, A>) -> Way {
        match flow {
            Flow::Next => Way::Next,
            Flow::Goto(to) => Way::To(to),
            Flow::If(_, to) => Way::ToOrNext(to),
            Flow::Call(to) => Way::Call(to),
            Flow::Dynamic(_, via) => Way::Computed(via),
            Flow::DynamicIf(..) => Way::ComputedOrNext,
            Flow::Trap(_) | Flow::Illegal => Way::Nowhere,
        }
    }
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

/// An instruction in a context: of a line, the first.
type Key = (Pc, usize);

/// The context of what is no part of the region.
const OUTSIDE: usize = usize::MAX;

struct Node {
    key: Key,
    line: Line,
    /// Where the last instruction is.
    last: Pc,
    next: Option<Key>,
    taken: Option<Key>,
    targets: Vec<Key>,
    /// The block ends with the line.
    transfers: bool,
    /// A return of what is shared, or an indirect jump: its targets are filled in when all are known.
    open: Option<Via>,
}

impl Node {
    fn successors(&self) -> impl Iterator<Item = Key> + '_ {
        self.taken.iter().chain(&self.targets).chain(&self.next).copied()
    }
}

/// What attempts to find regions have shown, for later ones.
#[derive(Default)]
pub(crate) struct Shape {
    /// Callees that call themselves or do not return like others: they are copied nowhere.
    never_copied: FxHashSet<Pc>,
    /// Callees that are not copied around this place.
    shared: FxHashSet<Pc>,
    /// The shared callee that the region's entry is in, if there is one: it is the region's own code.
    own: Option<Pc>,
    /// Cold calls are left out.
    hot_only: bool,
}

impl Shape {
    /// Regions around another place are to be found.
    pub(crate) fn start(&mut self) {
        self.shared.clone_from(&self.never_copied);
    }
}

struct Finder<'a, P> {
    program: &'a mut P,
    limits: &'a Limits,
    shape: &'a mut Shape,
    contexts: Vec<Context>,
    /// The contexts of shared callees, and the callees that have been copied.
    shared_contexts: FxHashMap<Pc, usize>,
    copied: FxHashSet<Pc>,
    /// In the order in which they were found: the same in every run.
    nodes: Vec<Node>,
    numbers: FxHashMap<Key, usize>,
    /// How many instructions there are.
    len: usize,
    /// The numbers of those whose targets are not known before all others are.
    open: Vec<usize>,
    /// Where to go on.
    queue: VecDeque<Key>,
    /// The callees of cold calls.
    left_out: Vec<Pc>,
    /// Where control comes back from what is no part of the region.
    come_back: Vec<Key>,
    /// The shape has changed since this attempt began: another is needed.
    is_outdated: bool,
}

/// The region around `entry`, or `None` where not even the entry's instruction can be compiled.
pub(crate) fn find<G: Guest>(
    entry: Pc,
    program: &mut impl Program,
    limits: &Limits,
    shape: &mut Shape,
) -> Option<Region> {
    (shape.own, shape.hot_only) = (None, false);
    let mut finder = Finder {
        program,
        limits,
        shape,
        contexts: Vec::new(),
        shared_contexts: FxHashMap::default(),
        copied: FxHashSet::default(),
        nodes: Vec::new(),
        numbers: FxHashMap::default(),
        len: 0,
        open: Vec::new(),
        queue: VecDeque::new(),
        left_out: Vec::new(),
        come_back: Vec::new(),
        is_outdated: true,
    };
    while finder.is_outdated {
        finder.start(entry);
        finder.explore::<G>(entry);
    }
    finder.region::<G>()
}

impl<P: Program> Finder<'_, P> {
    /// Forgets the last attempt but for the shape that it has shown.
    fn start(&mut self, entry: Pc) {
        let returns = Vec::new();
        let code =
            Context { parent: 0, callee: entry, returns, depth: 0, is_shared: true, may_return: false };
        self.contexts.clear();
        self.contexts.push(code);
        self.shared_contexts.clear();
        self.shared_contexts.extend(self.shape.own.map(|own| (own, 0)));
        self.copied.clear();
        self.nodes.clear();
        self.numbers.clear();
        self.len = 0;
        self.open.clear();
        self.queue.clear();
        self.queue.push_back((entry, 0));
        self.left_out.clear();
        self.come_back.clear();
        self.is_outdated = false;
    }

    /// Finds all instructions, or that the region is to have another shape.
    fn explore<G: Guest>(&mut self, entry: Pc) {
        let large = self.limits.instructions / 2;
        loop {
            while let Some(key) = self.queue.pop_front() {
                let mut straight_on = Some(key);
                while let Some(key) = straight_on.filter(|&key| self.is_new(key)) {
                    let before = self.len;
                    straight_on = self.add::<G>(key);
                    let is_large = before < large && self.len >= large;
                    if self.is_own(key, entry) || is_large && (self.is_outdated || self.condense()) {
                        self.is_outdated = true;
                        return;
                    }
                }
            }
            if !self.fill_open() {
                return;
            }
        }
    }

    /// Whether there is room for what is not there yet.
    fn is_new(&self, key: Key) -> bool {
        key.1 != OUTSIDE && self.len < self.limits.instructions && !self.numbers.contains_key(&key)
    }

    /// Adds a line, unless it is none for the region. Where control always goes then, within the block.
    fn add<G: Guest>(&mut self, key: Key) -> Option<Key> {
        let node = self.visit::<G>(key)?;
        let straight_on = node.next.filter(|_| !node.transfers);
        let number = self.nodes.len();
        if straight_on.is_none() {
            self.queue.extend(node.successors());
            self.open.extend(node.open.map(|_| number));
        }
        self.numbers.insert(key, number);
        self.len += node.line.len();
        self.nodes.push(node);
        straight_on
    }

    /// Gives a large region a shape in which it is smaller, if there is one.
    fn condense(&mut self) -> bool {
        !std::mem::replace(&mut self.shape.hot_only, true) || self.share_copied()
    }

    /// Another attempt is to share a callee.
    fn share(&mut self, callee: Pc) {
        self.is_outdated |= self.shape.shared.insert(callee) && self.copied.contains(&callee);
    }

    /// Another attempt, and other regions, are to share a callee.
    fn never_copy(&mut self, callee: Pc) {
        self.shape.never_copied.insert(callee);
        self.share(callee);
    }

    /// Shares the callees of which most is copied, if any is.
    fn share_copied(&mut self) -> bool {
        let mut sizes = vec![0; self.contexts.len()];
        self.nodes.iter().for_each(|node| sizes[node.key.1] += node.line.len());
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
        self.shape.shared.extend(copies.keys().filter(|callee| most > 0 && 2 * saved(callee) >= most));
        most > 0
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

    /// The node for a line; `None` outside the region.
    fn visit<G: Guest>(&mut self, key: Key) -> Option<Node> {
        let mut line = self.program.line(key.0)?;
        line.end = line.end.min(line.start + self.limits.instructions - self.len);
        let (pc, Step { way, .. }) = self.program.steps()[line.end - 1];
        let (next, context) = (G::next(pc), key.1);
        let (targets, transfers) = (Vec::new(), true);
        let mut node = Node { key, line, last: pc, next: None, taken: None, targets, transfers, open: None };
        match way {
            Way::Next => {
                node.next = Some((next, context));
                node.transfers = false;
            }
            Way::To(to) => node.taken = Some((to, context)),
            Way::ToOrNext(to) => {
                node.taken = Some((to, context));
                node.next = Some((next, context));
            }
            Way::Call(to) => node.taken = Some((to, self.call::<G>(to, (next, context)))),
            Way::Computed(Via::Return) => {
                if !self.contexts[context].is_shared && self.program.is_unpaired(pc) {
                    self.never_copy(self.contexts[context].callee);
                }
                let context = &mut self.contexts[context];
                context.may_return = true;
                node.targets = context.returns.clone();
                node.open = context.is_shared.then_some(Via::Return);
            }
            Way::ComputedOrNext => {
                node.next = Some((next, context));
                node.open = Some(Via::Jump);
            }
            Way::Computed(Via::Jump) => {
                if !self.contexts[context].is_shared && self.program.arrivals(pc).len() > 1 {
                    self.never_copy(self.contexts[context].callee);
                }
                node.open = Some(Via::Jump);
            }
            Way::Computed(Via::Call) => {
                self.returns_to(0, (next, context));
                self.come_back::<G>((next, context));
                node.open = Some(Via::Call);
            }
            Way::Nowhere => {}
        }
        Some(node)
    }

    /// Control may come in at `back`, behind a call of what is not in the region. In a copy of a callee it would be the wrong one
    /// of several.
    fn come_back<G: Guest>(&mut self, back: Key) {
        if has_entries::<G>() && self.contexts[back.1].is_shared {
            self.come_back.push(back);
            self.queue.push_back(back);
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
        if self.is_recursive(callee, parent) {
            self.never_copy(callee);
        } else if depth > self.limits.call_depth {
            self.share(callee);
        }
        if let Some(&known) = self.shared_contexts.get(&callee) {
            self.returns_to(known, back);
            return known;
        }
        let is_shared = self.shape.shared.contains(&callee);
        let (depth, returns) = (if is_shared { 0 } else { depth }, vec![back]);
        let new = Context { parent, callee, returns, depth, is_shared, may_return: false };
        let context = self.contexts.len();
        self.contexts.push(new);
        if is_shared {
            self.shared_contexts.insert(callee, context);
        } else {
            self.copied.insert(callee);
        }
        context
    }

    /// Notes where a shared context returns to. A place is known by its address only, so there can't be two copies of it.
    fn returns_to(&mut self, context: usize, back: Key) {
        let Context { returns, may_return, .. } = &mut self.contexts[context];
        let Some(at) = returns.iter().position(|known| known.0 == back.0) else {
            returns.push(back);
            self.queue.extend(may_return.then_some(back));
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
    fn fill_open(&mut self) -> bool {
        let one = |number: usize| {
            let Node { key, last, open, .. } = self.nodes[number];
            (number, (last, key.1), open.expect("it is open"))
        };
        let open: Vec<(usize, Key, Via)> = self.open.iter().map(|&number| one(number)).collect();
        for &(_, (from, context), via) in &open {
            if via == Via::Return && context != 0 {
                let places = self.program.returns_elsewhere(from);
                add_places(&mut self.contexts[context].returns, places, self.limits.targets);
            }
        }
        for (number, from, via) in open {
            let arrivals = || self.program.arrivals(from.0).into_iter().take(self.limits.targets);
            let targets: Vec<Key> = match via {
                Via::Return => self.return_targets(from),
                Via::Jump => arrivals().map(|pc| self.arrival(pc, from.1)).collect(),
                Via::Call => arrivals().map(|pc| (pc, 0)).collect(),
            };
            self.queue.extend(targets.iter().filter(|_| self.len < self.limits.instructions));
            self.nodes[number].targets = targets;
        }
        self.queue.retain(|key| !self.numbers.contains_key(key));
        // What can't be an instruction of the region must not be asked for again and again.
        self.queue.retain(|key| self.program.line(key.0).is_some());
        !self.queue.is_empty()
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
        let entry = self.nodes.first()?.key;
        let number = |key: Key| self.numbers.get(&key).copied();
        let mut arrivals = vec![0; self.nodes.len()];
        let mut leads = vec![false; self.nodes.len()];
        let led = self.come_back.iter().copied().chain([entry]);
        led.filter_map(number).for_each(|to| leads[to] = true);
        // Looked up once: jumps may have hundreds of targets.
        let ways: Vec<Vec<Option<usize>>> =
            self.nodes.iter().map(|node| node.successors().map(number).collect()).collect();
        for (node, ways) in self.nodes.iter().zip(&ways) {
            for &to in ways.iter().flatten() {
                arrivals[to] += 1;
                leads[to] |= node.transfers || arrivals[to] > 1;
            }
        }
        let firsts: Vec<usize> = (0..self.nodes.len()).filter(|&at| leads[at]).collect();
        let mut index = vec![None; self.nodes.len()];
        firsts.iter().enumerate().for_each(|(i, &at)| index[at] = Some(i));
        let inside = |way: Option<usize>| index[way?];
        let target = |key: Key, way| inside(way).map_or(Target::Outside(key.0), Target::Block);
        let steps = self.program.steps();
        let block = |&first: &usize| {
            let straight_on = |&at: &usize| {
                let next = ways[at].last().copied().filter(|_| !self.nodes[at].transfers)??;
                (!leads[next]).then_some(next)
            };
            let all: Vec<usize> = std::iter::successors(Some(first), straight_on).collect();
            let last = all[all.len() - 1];
            let (node, mut ways) = (&self.nodes[last], ways[last].iter().copied());
            let steps = || all.iter().flat_map(|&at| &steps[self.nodes[at].line.clone()]);
            let taken = node.taken.map(|key| target(key, ways.next().flatten()));
            let targets = node.targets.iter().zip(ways.by_ref());
            let targets: Vec<_> = targets.filter_map(|(key, way)| Some((key.0, inside(way)?))).collect();
            Block {
                next: node.next.map_or(Target::Outside(0), |key| target(key, ways.next().flatten())),
                taken,
                is_paired: node.open.is_none() && !targets.is_empty(),
                targets,
                insns: steps().map(|(pc, step)| (*pc, step.insn)).collect(),
                named: steps().map(|(_, step)| step.named).collect(),
                ..Block::default()
            }
        };
        let blocks = firsts.iter().map(block).collect();
        let is_large = has_entries::<G>() && self.len >= self.limits.instructions / LARGE;
        let places = self.shared_places().filter(|_| is_large).chain(self.come_back.iter().copied());
        let places = places.filter_map(|key| Some((key.0, inside(number(key))?)));
        let entries = BTreeMap::from_iter(places.filter(|place| place.0 != entry.0));
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
