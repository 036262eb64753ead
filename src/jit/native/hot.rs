//! Where a hot place gets native code from: the library, or a region that is found around it and compiled. Outdated regions
//! are replaced the same way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use rustc_hash::FxHashSet;

use super::super::library::{Basis, Compiled, Word};
use super::super::order::Order;
use super::super::policy;
use super::super::survey::{named_stores, plain_ranges, texts};
use super::view::{Past, View, is_cold};
use super::{EXITS, Native, SHUT};
use crate::guest::Guest;
use crate::interp::Code;
use crate::ops::Pc;
use crate::record::{Doing, Unfit, What};
use crate::region::{self, Limits, Region, Shape};
use crate::state::{State, attr};
use crate::tier::{Compile, Plant, Stats, Tiers};

/// Instructions between looks at what others compile.
const POLL: i32 = 5_000;
/// Turns that a short loop takes, on average, at most.
const SHORT: usize = 32;

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

    /// Whether all that a region rests on holds here, and this machine knows nothing against it.
    pub(super) fn accepts(&self, region: &Compiled, state: &State) -> bool {
        let Basis { words, trusted, .. } = &region.basis;
        let is_known_better = |word: &Word| match word.is_literal {
            true => self.mutable.contains(&word.at),
            false => self.history.is_unstable(word.at),
        };
        let varying = self.varying.get(&region.basis.entry_pc);
        let is_constant = |slot: usize| varying.is_none_or(|varying| !varying.contains(&slot));
        !self.refused.contains(&region.number)
            && region.basis.constants.iter().all(|constant| is_constant(constant.0))
            && !words.iter().any(is_known_better)
            && (self.changed(region, state).next().is_none()
                || self.config().plant == Some(Plant::Publication))
            && !trusted.iter().any(|&at| self.is_special(at, state))
    }

    /// The words that are not what a region was made from.
    fn changed<'a>(&self, region: &'a Compiled, state: &'a State) -> impl Iterator<Item = Pc> + 'a {
        let space = self.code_space;
        let changed = move |w: &&Word| space.is_some_and(|s| state.bits(s, w.at as u64) != Some(w.value));
        region.basis.words.iter().filter(changed).map(|w| w.at)
    }

    /// Whether a store to a word has to be tested for.
    fn is_special(&self, at: Pc, state: &State) -> bool {
        let special = attr::WRITE | attr::MADE;
        self.code_space.is_some_and(|space| state.attributes(space, at as u64) & special != 0)
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
        let is_eager = config.tiers == Tiers::Jit;
        let past = Past { history: &self.history, unpaired: &self.unpaired, seen: &self.seen };
        let known = std::mem::take(&mut self.known);
        let mut shape = std::mem::take(&mut self.shape);
        let mut view = View::new(pc, guest, state, code, past, is_eager, known);
        shape.start();
        let region = self.find_around(pc, &limits, &mut view, &mut shape);
        (self.known, self.shape) = (view.known, shape);
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
        let is_wide = !view.is_eager && self.is_outdated(pc);
        let may_go_out = !view.is_eager && !is_wide && !self.inner.contains(&pc);
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
        if !view.is_eager && region.returns::<G>().any(goes_elsewhere) {
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
