//! Where a hot place gets native code from: the library, or a region that is found around it and compiled. Outdated regions
//! are replaced the same way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::library::Compiled;
use super::super::order::Order;
use super::super::policy::{self, History};
use super::super::survey::{named_stores, plain_ranges, texts};
use super::{EXITS, Native, OFTEN, SHUT};
use crate::effects;
use crate::guest::{Guest, Insn};
use crate::interp::{Code, NATIVE};
use crate::ops::{Pc, Via};
use crate::record::{Doing, Unfit, What};
use crate::region::{self, Limits, Line, Program, Region, Shape, Step, Way};
use crate::state::State;
use crate::tier::{Compile, Stats, Tiers};

/// Instructions between looks at what others compile.
const POLL: i32 = 5_000;
/// Turns that a short loop takes, on average, at most.
const SHORT: usize = 32;
/// A place that has counted this part of what makes one hot is cold: loops there are not copied, which compiling takes longest for, and
/// large regions are without calls of it.
const COLD: i32 = 64;
/// A run of this many instructions that do nothing is not compiled: control slides through empty memory.
const SLIDE: usize = 8;
/// Instructions in a line at most.
const LINE: usize = 64;

/// What the region finder sees of the machine.
struct View<'a, G> {
    guest: &'a G,
    state: &'a mut State,
    code: &'a mut Code,
    history: &'a History,
    unpaired: &'a FxHashMap<Pc, u32>,
    seen: &'a FxHashSet<Pc>,
    /// Take what has never been executed, too.
    eager: bool,
    /// Go on where subroutines are called that the region is in the middle of.
    is_wide: bool,
    outline: Outline,
    shown: Shown,
    /// The lines that have been asked for, and their instructions.
    lines: FxHashMap<Pc, Option<Line>>,
    steps: Vec<(Pc, Step)>,
}

/// What searches of regions have shown, for later ones.
#[derive(Default)]
pub(super) struct Shown {
    known: FxHashMap<Pc, Known>,
    shape: Shape,
}

/// What an instruction does, as far as regions go by it.
#[derive(Clone, Copy)]
pub(super) struct Known {
    step: Step,
    is_idle: bool,
}

/// What has been executed, as a whole.
#[derive(Default)]
struct Outline {
    /// A bit for each place, 64 together: whether jumps lead there.
    firsts: Vec<u64>,
    /// Subroutines by where their calls return to.
    callees: FxHashMap<Pc, Pc>,
    /// Where calls of a subroutine return to, in order: what is neither cold nor native.
    returns: FxHashMap<Pc, Vec<Pc>>,
}

impl Outline {
    fn of<G: Guest>(view: &mut View<'_, G>) -> Outline {
        let mut outline = Outline { firsts: vec![0; view.code.len().div_ceil(64)], ..Outline::default() };
        for pc in 0..view.code.len() as Pc {
            let Some(insn) = view.code.decoded::<G>(pc) else { continue };
            match view.known(insn, pc).step.way {
                Way::Next | Way::Nowhere | Way::Computed(Via::Return) => {}
                Way::To(to) | Way::ToOrNext(to) => outline.add_first(to),
                Way::Call(callee) => {
                    let (code, back) = (&view.code, G::next(pc));
                    outline.add_first(callee);
                    outline.callees.insert(back, callee);
                    if !is_cold(code, back) && code.heat(back) != NATIVE {
                        outline.returns.entry(callee).or_default().push(back);
                    }
                }
                Way::Computed(_) | Way::ComputedOrNext => {
                    view.code.arrivals(pc).into_iter().for_each(|to| outline.add_first(to));
                }
            }
        }
        outline
    }

    fn add_first(&mut self, pc: Pc) {
        if let Some(bits) = self.firsts.get_mut(pc as usize / 64) {
            *bits |= 1 << (pc % 64);
        }
    }

    fn is_first(&self, pc: Pc) -> bool {
        self.firsts.get(pc as usize / 64).is_some_and(|bits| bits >> (pc % 64) & 1 != 0)
    }
}

impl<G: Guest> Program for View<'_, G> {
    fn line(&mut self, pc: Pc) -> Option<Line> {
        if let Some(known) = self.lines.get(&pc) {
            return known.clone();
        }
        let (start, mut at) = (self.steps.len(), pc);
        while self.steps.len() - start < LINE
            && let Some(step) = self.step(at)
        {
            self.steps.push((at, step));
            at = G::next(at);
            // What has not been executed yet may jump anywhere.
            if step.way != Way::Next || self.eager || self.outline.is_first(at) {
                break;
            }
        }
        let line = Some(start..self.steps.len()).filter(|line| !line.is_empty());
        self.lines.insert(pc, line.clone());
        line
    }

    fn steps(&self) -> &[(Pc, Step)] {
        &self.steps
    }

    fn arrivals(&self, from: Pc) -> Vec<Pc> {
        self.code.arrivals(from)
    }

    fn returns_elsewhere(&self, from: Pc) -> impl Iterator<Item = Pc> {
        self.code.returns_elsewhere(from)
    }

    fn is_unpaired(&self, from: Pc) -> bool {
        self.unpaired.get(&from).is_some_and(|&times| times >= OFTEN)
    }

    fn callers(&self, from: Pc) -> impl Iterator<Item = Pc> {
        let last = self.code.last_return(from).filter(|_| self.is_wide);
        let callee = self.subroutine(from);
        let known = callee.and_then(|callee| self.outline.returns.get(&callee));
        last.filter(|_| callee.is_none()).into_iter().chain(known.into_iter().flatten().copied())
    }

    fn subroutine(&self, from: Pc) -> Option<Pc> {
        let last = self.code.last_return(from).filter(|_| self.is_wide)?;
        self.outline.callees.get(&last).copied()
    }

    fn is_cold(&self, callee: Pc, back: Pc) -> bool {
        // What was counted since another place is little where that is close. Nothing is counted in native code.
        let back = self.code.heat(back);
        let is_cold_behind = back < self.code.threshold() / COLD || back == NATIVE;
        !self.eager && !self.seen.contains(&callee) && is_cold(self.code, callee) && is_cold_behind
    }
}

impl<G: Guest> View<'_, G> {
    /// The instruction at `pc`, or `None` where native code had better stop.
    fn step(&mut self, pc: Pc) -> Option<Step> {
        let seen = self.eager || self.code.is_decoded(pc);
        let exists = (pc as usize) < self.code.len();
        if !seen || !exists || self.history.is_unstable(pc) {
            return None;
        }
        let insn = self.code.fetch(self.guest, self.state, pc);
        let Known { step, is_idle } = self.known(insn, pc);
        (!is_idle || !self.slides(pc)).then_some(step)
    }

    /// What the instruction at `pc`, which is this one, does.
    fn known(&mut self, insn: Insn, pc: Pc) -> Known {
        if let Some(&known) = self.shown.known.get(&pc).filter(|known| known.step.insn == insn) {
            return known;
        }
        let effects = effects::of::<G>(insn, pc);
        let step = Step { insn, named: effects.named_accesses(), way: Way::of(effects.flow) };
        let known = Known { step, is_idle: effects.is_idle() };
        self.shown.known.insert(pc, known);
        known
    }

    /// Whether nothing but instructions that do nothing is executed from here on for long.
    fn slides(&self, pc: Pc) -> bool {
        let places = std::iter::successors(Some(pc), |&pc| Some(G::next(pc))).take(SLIDE);
        places.into_iter().all(|pc| effects::of::<G>(self.guest.decode(self.state, pc), pc).is_idle())
    }
}

impl Native {
    /// The place at the state's pc is hot: takes the region there from the library, or has it compiled.
    #[cold]
    pub(crate) fn hot<G: Guest>(&mut self, guest: &G, state: &mut State, code: &mut Code, stats: &mut Stats) {
        self.look_at(state.pc(), guest, state, code, stats);
    }

    fn look_at<G: Guest>(
        &mut self,
        pc: Pc,
        guest: &G,
        state: &mut State,
        code: &mut Code,
        stats: &mut Stats,
    ) {
        self.doing(Doing::Compiling);
        self.find_native(pc, guest, state, code, stats);
        self.doing(Doing::Interpreting);
    }

    /// Finds native code for a place that has none, or none but what is outdated.
    fn find_native<G: Guest>(
        &mut self,
        pc: Pc,
        guest: &G,
        state: &mut State,
        code: &mut Code,
        stats: &mut Stats,
    ) {
        let is_offered = self.offered.remove(&pc);
        let has_good = self.region_at(pc).is_some() && !self.is_outdated(pc);
        if has_good || self.take::<G>(pc, state, code, stats) {
            return;
        }
        if is_offered {
            // Memory has changed meanwhile: it is not hot.
            return self.cool(pc, 0, code);
        }
        let fixed = if G::CODE.is_none() { code.len() } else { 0 };
        let may_compile = policy::may_compile(self.config(), stats, fixed);
        if let (false, Some(record)) = (may_compile, &mut self.record) {
            record.put_off += 1;
        }
        if !self.has_looked_twice::<G>(pc, state) {
            return self.cool(pc, soon(code), code);
        }
        let around = self.waiting.iter().find(|(_, insns)| insns.contains(&pc)).map(|waiting| *waiting.0);
        if let Some(outer) = around {
            self.take::<G>(outer, state, code, stats);
            return self.wait_for(outer, pc, code);
        }
        if !may_compile || self.library.is_busy() {
            return self.cool(pc, soon(code), code);
        }
        let start = Instant::now();
        let region = match self.unavailable() {
            None => self.find_region(pc, guest, state, code),
            Some(_) => None,
        };
        let Some(region) = region else {
            self.cool(pc, policy::cold(self.config().hot), code);
            self.drop_outdated(pc, state, code, stats);
            return self.note(pc, stats, What::Refused);
        };
        let entry = region.blocks[0].pc();
        if entry != pc && self.take::<G>(entry, state, code, stats) {
            // What is being compiled there may be without this place.
            if let Some(insns) = self.waiting.get_mut(&entry) {
                insns.insert(pc);
            }
            return self.wait_for(entry, pc, code);
        }
        let Some(claim) = self.library.claim(entry) else {
            return self.cool(pc, soon(code), code);
        };
        self.cool(entry, policy::cold(self.config().hot), code);
        self.waiting.insert(entry, region.addresses().collect());
        let order = self.order(pc, region, start, guest, state, code);
        match self.config().compile {
            Compile::Inline => {
                self.library.compile(claim, |isa, config| order.translate::<G>(state, isa, config));
            }
            Compile::Background => {
                let snapshot = state.snapshot();
                let translate = move |isa: &_, config: &_| order.translate::<G>(&snapshot, isa, config);
                self.library.compile_elsewhere(claim, translate);
            }
        }
        self.take::<G>(entry, state, code, stats);
        if entry != pc {
            self.wait_for(entry, pc, code);
        }
    }

    /// A hot place is part of a region that is native or being compiled: it is looked at again when that is ready, and has native
    /// code of its own if control stays there for long all the same.
    fn wait_for(&mut self, outer: Pc, pc: Pc, code: &mut Code) {
        if self.region_at(outer).is_some() {
            self.inner.insert(pc);
        }
        let waits = self.waiting.contains_key(&outer);
        self.cool(pc, if waits { soon(code) } else { policy::inside(code.threshold()) }, code);
    }

    /// Whether a place was hot before. The registers that have changed since then are no constants of a region that starts there.
    fn has_looked_twice<G: Guest>(&mut self, pc: Pc, state: &State) -> bool {
        let config = self.config();
        let is_early = config.tiers == Tiers::Jit || config.hot < POLL as u32;
        if is_early || !config.optimisations.constants {
            return true;
        }
        let slots = || (0..G::SLOTS.len()).map(|slot| state.slot(slot)).collect();
        let Some(first) = self.looks.get(&pc) else {
            self.looks.insert(pc, slots());
            self.library.prepare();
            return false;
        };
        let changed = (0..).zip(first).filter(|&(slot, &bits)| state.slot(slot) != bits).map(|look| look.0);
        self.varying.entry(pc).or_default().extend(changed);
        true
    }

    /// Takes a region that starts at `pc` from the library, if there is one that holds here. False if nobody has
    /// compiled, or is compiling, what this machine could use.
    fn take<G: Guest>(&mut self, pc: Pc, state: &mut State, code: &mut Code, stats: &mut Stats) -> bool {
        let found = self.library.look(pc);
        if found.era != self.era {
            self.era = found.era;
            stats.flushes += 1;
            self.flush(state, code, stats);
        }
        if let Some(region) = found.regions.iter().find(|region| self.accepts(region, state)) {
            self.install::<G>(region.clone(), state, code, stats);
        } else if found.is_busy {
            // Comes back soon, to look whether it is ready.
            self.cool(pc, soon(code), code);
        } else if self.waiting.remove(&pc).is_some() {
            self.learn(pc, found.regions.first(), state, code, stats);
        } else {
            return false;
        }
        true
    }

    /// Gives a place that has no native code, not even what is outdated, another heat.
    pub(super) fn cool(&self, pc: Pc, heat: i32, code: &mut Code) {
        if self.entry_at(pc).is_none() {
            code.set_heat(pc, heat);
        }
    }

    /// Has regions made that are to take the place of outdated ones, and takes those that are ready.
    #[inline]
    pub(crate) fn replace<G: Guest>(
        &mut self,
        guest: &G,
        state: &mut State,
        code: &mut Code,
        stats: &mut Stats,
    ) {
        if self.outdated.is_empty() {
            return;
        }
        self.exits += 1;
        if self.exits >= EXITS {
            self.exits = 0;
            self.replace_outdated(guest, state, code, stats);
        }
    }

    #[cold]
    fn replace_outdated<G: Guest>(
        &mut self,
        guest: &G,
        state: &mut State,
        code: &mut Code,
        stats: &mut Stats,
    ) {
        for pc in std::mem::take(&mut self.outdated) {
            if self.is_outdated(pc) {
                self.look_at(pc, guest, state, code, stats);
            }
            if self.is_outdated(pc) {
                self.outdated.push(pc);
            }
        }
    }

    /// A region that was compiled for this machine is none for it: memory has changed meanwhile, or there is none.
    fn learn(
        &mut self,
        pc: Pc,
        newest: Option<&Arc<Compiled>>,
        state: &mut State,
        code: &mut Code,
        stats: &mut Stats,
    ) {
        stats.rejected += 1;
        self.drop_outdated(pc, state, code, stats);
        let hot = self.config().hot;
        let Some(region) = newest else {
            self.cool(pc, policy::cold(hot), code);
            return self.note(pc, stats, What::Rejected(Unfit::Host));
        };
        stats.compile_time += region.took;
        let changed: Vec<Pc> = self.changed(region, state).collect();
        for &at in &changed {
            self.mutable.insert(at);
            self.history.rewritten(at);
        }
        let heat = self.history.invalidated(pc, hot);
        self.cool(pc, heat, code);
        let why = if changed.is_empty() { Unfit::Watched } else { Unfit::Changed(changed) };
        self.note(pc, stats, What::Rejected(why));
    }

    /// Finds the region for a hot place: that around it, entered at the top of the loop around its own, if that is short, so that
    /// nothing comes into it from elsewhere; or, where it is in a subroutine, around the loop that it is called in.
    fn find_region<G: Guest>(
        &mut self,
        pc: Pc,
        guest: &G,
        state: &mut State,
        code: &mut Code,
    ) -> Option<Region> {
        let config = self.library.config();
        let limits = Limits {
            instructions: config.region_instructions,
            call_depth: config.call_depth,
            targets: config.targets,
        };
        let eager = config.tiers == Tiers::Jit;
        let mut view = View {
            guest,
            state,
            code,
            history: &self.history,
            unpaired: &self.unpaired,
            seen: &self.seen,
            eager,
            is_wide: false,
            outline: Outline::default(),
            shown: std::mem::take(&mut self.shown),
            lines: FxHashMap::default(),
            steps: Vec::new(),
        };
        if !eager {
            view.outline = Outline::of(&mut view);
            view.outline.add_first(pc);
        }
        let mut shape = std::mem::take(&mut view.shown.shape);
        shape.start();
        let region = self.find_around(pc, &limits, &mut view, &mut shape);
        self.shown = Shown { shape, ..view.shown };
        region
    }

    /// The same, in what the region finder sees of the machine.
    fn find_around<G: Guest>(
        &self,
        pc: Pc,
        limits: &Limits,
        view: &mut View<'_, G>,
        shape: &mut Shape,
    ) -> Option<Region> {
        let is_wide = !view.eager && self.is_outdated(pc);
        let may_go_out = !view.eager && !is_wide && !self.inner.contains(&pc);
        view.is_wide = is_wide;
        let mut region = region::find::<G>(pc, view, limits, shape)?;
        let is_short = |latch| {
            let [left, again] = view.code.times(latch);
            again < left.saturating_mul(SHORT)
        };
        let is_free = |&header: &Pc| {
            let is_cold = view.code.heat(header) < policy::inside(view.code.threshold());
            may_go_out && !is_cold && self.region_at(header).is_none()
        };
        if let Some(header) = region.loop_around::<G>(is_short).filter(is_free)
            && let Some(outer) = region::find::<G>(header, view, limits, shape)
            && outer.contains(pc)
        {
            region = outer;
        }
        for _ in 0..if may_go_out { limits.call_depth } else { 0 } {
            let elsewhere = |from| view.code.last_return(from).filter(|&back| !region.contains(back));
            let back = region.returns::<G>().find_map(elsewhere);
            let Some(back) = back.filter(|&back| self.region_at(back).is_none()) else { break };
            let Some(outer) = region::find::<G>(back, view, limits, shape) else { break };
            if outer.blocks[0].predecessors < 2 || !outer.contains(pc) {
                break;
            }
            region = outer;
        }
        let goes_elsewhere = |from| view.code.last_return(from).is_some_and(|back| !region.contains(back));
        if !view.eager && region.returns::<G>().any(goes_elsewhere) {
            view.is_wide = true;
            let wide = region::find::<G>(region.blocks[0].pc(), view, limits, shape);
            region = wide.filter(|wide| wide.contains(pc)).unwrap_or(region);
        }
        Some(region)
    }

    /// Where a region is left for instructions that have never, or seldom, been executed, in order. Where it was made again for one
    /// already, that is rewritten all the time.
    fn unseen<G: Guest>(&self, region: &Region, code: &Code) -> Vec<Pc> {
        if self.config().tiers == Tiers::Jit {
            return Vec::new();
        }
        let is_new = |&to: &Pc| {
            let is_known = code.is_decoded(to) && !region.left_out.contains(&to);
            (to as usize) < code.len() && !is_known && !self.seen.contains(&to)
        };
        BTreeSet::from_iter(region.ways_out::<G>().filter(is_new)).into_iter().collect()
    }

    /// Looks up what the translation of a region depends on. It was found because `pc` is hot.
    fn order<G: Guest>(
        &mut self,
        pc: Pc,
        region: Region,
        start: Instant,
        guest: &G,
        state: &mut State,
        code: &mut Code,
    ) -> Order {
        let mut mutable = named_stores::<G>(guest, state, &region);
        mutable.extend(&self.mutable);
        let places = [pc, region.blocks[0].pc()];
        let varying = places.iter().filter_map(|place| self.varying.get(place)).flatten().copied().collect();
        Order {
            mutable,
            plain: self.plain.get_or_insert_with(|| plain_ranges(state)).clone(),
            careful: self.careful.clone(),
            varying,
            open: self.shut.iter().filter(|gate| *gate.1 >= SHUT).map(|gate| *gate.0).collect(),
            long: self.long.clone(),
            cold: cold_places(&region, code),
            branches: code.trace(),
            learned: self.library.learned(),
            arrivals: code.first_arrivals,
            unseen: self.unseen::<G>(&region, code),
            texts: self.library.config().record.then(|| texts(&region, guest, state)),
            took: start.elapsed(),
            region,
        }
    }
}

/// Where blocks of a region start at which few instructions have been counted. Those in native code have less than none.
fn cold_places(region: &Region, code: &Code) -> FxHashSet<Pc> {
    region.blocks.iter().map(|block| block.pc()).filter(|&pc| is_cold(code, pc)).collect()
}

/// Whether few instructions have been counted at a place.
fn is_cold(code: &Code, pc: Pc) -> bool {
    (0..code.threshold() / COLD).contains(&code.heat(pc))
}

/// The heat of a place that is looked at again soon.
fn soon(code: &Code) -> i32 {
    code.threshold() - POLL
}

#[cfg(test)]
mod tests {
    use crate::device::Console;
    use crate::guests::Machine;
    use crate::guests::lc3::{Lc3, image::Image, profile::Profile};
    use crate::tier::{Compile, Config};
    use crate::vm::Vm;

    /// Its subroutines are hot one after the other while the loop around them is being compiled.
    #[test]
    fn what_a_region_is_made_around_waits_for_it() {
        let bench = Lc3::BENCHES.iter().find(|bench| bench.file == "strings.asm").unwrap();
        let image = Image::read(bench.file, bench.source.as_bytes()).unwrap();
        let mut lc3 = Lc3::new(Profile::STANDARD, Console::scripted("").0);
        let mut state = lc3.power_on(None);
        lc3.load(&mut state, &image);
        let config = Config { compile: Compile::Background, ..Config::default() };
        let mut vm = Vm::new(lc3, state, config);
        vm.run(1_000_000);
        vm.settle();
        assert_eq!(vm.library().entries(), [0x3018]);
    }
}
