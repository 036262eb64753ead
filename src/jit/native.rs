//! A machine's native code: which regions it uses, what they rest on, and when they go.

mod hot;
mod view;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Reason;
use super::library::{Basis, Compiled, Library, Word};
use super::policy::{self, History};
use crate::guest::Guest;
use crate::interp::{Code, NATIVE};
use crate::ops::Pc;
use crate::record::{self, Doing, Record, What, Why};
use crate::region::Shape;
use crate::state::{State, attr};
use crate::table::Table;
use crate::tier::{Config, Plant, Stats};

/// Bits of an entry's number among those of its region.
const ENTRY_BITS: u32 = 8;
/// Turns of native code between looks whether outdated regions can be replaced.
const EXITS: u32 = 64;
/// Indirect jumps and returns to unknown places before a region is made again with them in it, exits to code that was new or cold
/// before it is made again with that, and exits at accesses before it is made again with more careful tests.
const LEARN: u64 = 64;
/// Unless it retires as many instructions for each: they cost less then than another region would.
const SELDOM: u64 = 10_000;
/// The same of exits to what is native itself, each of which costs a fraction of a microsecond: of those while a run retired fewer
/// instructions than this on average.
const LEARN_NATIVE: u64 = 16_384;
const SELDOM_NATIVE: u64 = 512;
/// Of these, exits at one access that make it one to be careful at, and at one return that make it one that has no call of its own.
const OFTEN: u32 = 8;
/// Times that a gate is shut before its loop has none in other regions.
const SHUT: u32 = 4;
/// Instructions of a region for which its gates must be shut once more before it is made again: that takes as long as they are many.
const PER_SHUT: u32 = 4;

/// A region that this machine uses.
struct Installed {
    region: Arc<Compiled>,
    /// Its number in the record, if there is one.
    number: usize,
    /// Times that control came in, and instructions retired since, until judged.
    runs: u64,
    retired: u64,
    /// Indirect jumps and returns to places that it does not know.
    missed: u64,
    /// Times that it left for code that had never, or seldom, been executed when it was made.
    strayed: u64,
    /// Times that it left in one of these ways for what is native itself.
    handed_on: u64,
    /// Times that it left at an access.
    accesses: u64,
    /// One of its gates has been shut too often.
    is_shut: bool,
    /// Why another region is to take its place, which is used as long as there is none.
    outdated: Option<Why>,
}

/// Words and the numbers of the regions that rest on them.
type Watches = BTreeSet<(Pc, usize)>;

/// The JIT tier of one machine. Costs nothing until something is hot.
pub(crate) struct Native {
    library: Arc<Library>,
    /// The library's era that the regions are from.
    era: u64,
    /// The space that code is read from, where it can be written.
    code_space: Option<usize>,
    regions: Vec<Option<Installed>>,
    /// Numbers of regions that are no more.
    free: Vec<usize>,
    /// By code address: the number of the region that has an entry there, and that of the entry, which are
    /// [put together][ENTRY_BITS], plus one.
    entries: Option<Table<u32>>,
    /// Regions made from a word, and regions that write it without a test.
    owners: Watches,
    trusters: Watches,
    /// Hot places for which a region that starts elsewhere was waited for.
    inner: FxHashSet<Pc>,
    /// Places where this machine has had a region compiled that it has not seen yet, and what that consists of.
    waiting: FxHashMap<Pc, FxHashSet<Pc>>,
    /// What searches of regions have shown, for later ones.
    known: view::KnownSteps,
    shape: Shape,
    /// Places whose heat says that the library has a region for them.
    offered: FxHashSet<Pc>,
    /// Where regions start that are outdated, and exits since somebody looked.
    outdated: Vec<Pc>,
    exits: u32,
    /// Numbers of compiled regions that this machine has found wanting.
    refused: FxHashSet<u64>,
    history: History,
    /// Code for which regions were made again that had not known it.
    seen: FxHashSet<Pc>,
    /// Words of the code space that were written after they had been compiled in.
    mutable: FxHashSet<Pc>,
    /// How often regions left at accesses, and those at which they did too often: tested together with others, perhaps,
    /// that never came.
    leaves: FxHashMap<Pc, u32>,
    careful: FxHashSet<Pc>,
    /// How often returns have gone elsewhere than where their calls came from.
    unpaired: FxHashMap<Pc, u32>,
    /// The registers when places were found hot for the first time.
    looks: FxHashMap<Pc, Vec<u64>>,
    /// Registers that do not stay what they are, by the regions' entries.
    varying: FxHashMap<Pc, FxHashSet<usize>>,
    /// Headers of loops that have gates: once there is native code, the interpreter does not see how long control stays.
    long: FxHashSet<Pc>,
    /// How often gates were shut, by the headers of their loops.
    shut: FxHashMap<Pc, u32>,
    /// What [`State::changes`] was when a region last left at an access.
    changes: usize,
    plain: Option<Vec<Option<Range<u64>>>>,
    record: Option<Box<Record>>,
}

impl Native {
    /// The JIT tier of a machine of the library's guest and settings.
    pub(crate) fn new<G: Guest>(library: Arc<Library>, state: &State, code: &mut Code) -> Native {
        let mut native = Native {
            record: library.config().record.then(|| Box::new(Record::new())),
            library,
            era: 0,
            code_space: G::CODE,
            regions: Vec::new(),
            free: Vec::new(),
            entries: None,
            owners: Watches::new(),
            trusters: Watches::new(),
            inner: FxHashSet::default(),
            waiting: FxHashMap::default(),
            known: view::KnownSteps::default(),
            shape: Shape::default(),
            offered: FxHashSet::default(),
            outdated: Vec::new(),
            exits: 0,
            refused: FxHashSet::default(),
            history: History::default(),
            seen: FxHashSet::default(),
            mutable: FxHashSet::default(),
            leaves: FxHashMap::default(),
            careful: FxHashSet::default(),
            unpaired: FxHashMap::default(),
            looks: FxHashMap::default(),
            varying: FxHashMap::default(),
            long: FxHashSet::default(),
            shut: FxHashMap::default(),
            changes: 0,
            plain: None,
        };
        native.offer(state, code);
        native
    }

    /// Has the machine take what the library has and what holds now, when it first gets there.
    fn offer(&mut self, state: &State, code: &mut Code) {
        for pc in self.library.entries() {
            let is_good = |region: &Arc<Compiled>| self.accepts(region, state);
            if self.entry_at(pc).is_none() && self.library.look(pc).regions.iter().any(is_good) {
                code.set_heat(pc, code.threshold());
                self.offered.insert(pc);
            }
        }
    }

    /// Memory has been made what it was at first. What the regions that go rested on was not the program's doing.
    pub(crate) fn restart(&mut self, state: &mut State, code: &mut Code, stats: &Stats) {
        self.history = History::default();
        for at in std::mem::take(&mut code.stale) {
            let watchers = [watchers(&self.owners, at), watchers(&self.trusters, at)].concat();
            watchers.into_iter().for_each(|id| self.drop_region(id, Why::Changed(at), state, code, stats));
        }
        self.offer(state, code);
    }

    fn config(&self) -> &Config {
        self.library.config()
    }

    /// Why there is no native code on this host.
    pub(crate) fn unavailable(&self) -> Option<&str> {
        self.library.unavailable()
    }

    /// What was recorded, where it was asked for.
    pub(crate) fn record(&self) -> Option<&Record> {
        self.record.as_deref()
    }

    fn doing(&self, what: Doing) {
        if let Some(record) = &self.record {
            record.doing(what);
        }
    }

    fn note(&mut self, pc: Pc, stats: &Stats, what: What) {
        if let Some(record) = &mut self.record {
            record.happened(pc, stats.instructions(), what);
        }
    }

    /// The number of the region that control comes into at `pc`, and through which of its entries.
    #[inline]
    fn entry_at(&self, pc: Pc) -> Option<(usize, u32)> {
        let entry = self.entries.as_ref()?.get(pc as usize)?.checked_sub(1)?;
        Some(((entry >> ENTRY_BITS) as usize, entry & ((1 << ENTRY_BITS) - 1)))
    }

    /// The number of the region that was made for `pc`.
    fn region_at(&self, pc: Pc) -> Option<usize> {
        self.entry_at(pc).filter(|entry| entry.1 == 0).map(|entry| entry.0)
    }

    /// Whether a region for `pc` is being compiled, or is in the library.
    fn is_awaited(&self, pc: Pc) -> bool {
        self.waiting.contains_key(&pc) || self.offered.contains(&pc)
    }

    /// Leads control at `pc` into a region through one of its entries, or lets it be interpreted.
    fn lead(&mut self, pc: Pc, to: Option<(usize, u32)>, code: &mut Code) {
        let entries = self.entries.get_or_insert_with(|| Table::new(code.len()));
        entries[pc as usize] = to.map_or(0, |(id, entry)| ((id as u32) << ENTRY_BITS | entry) + 1);
        code.set_heat(pc, if to.is_some() { NATIVE } else { 0 });
    }

    /// A region with another entry than its first at `pc`.
    fn region_around(&self, pc: Pc) -> Option<(usize, u32)> {
        let other = |region: &Installed| region.region.basis.entries.iter().position(|&entry| entry == pc);
        let mut all = self.regions.iter().enumerate();
        all.find_map(|(id, region)| Some((id, other(region.as_ref()?)? as u32 + 1)))
    }

    /// Runs the native code that starts at the state's pc, if there is any: why it handed back, with pc and
    /// budget in the state.
    pub(crate) fn run(&mut self, state: &mut State, code: &mut Code, stats: &mut Stats) -> Option<Reason> {
        let (id, entry) = self.entry_at(state.pc())?;
        let installed = self.regions[id].as_mut().expect("an entry's region exists");
        let before = state.budget();
        if let Some(record) = &self.record {
            record.doing(Doing::Native(installed.number));
        }
        // SAFETY: the library is one of this machine's guest and settings, and the state is this machine's.
        let left_by = unsafe { installed.region.entry.run(state, entry) };
        let exit = &installed.region.basis.exits[left_by as usize];
        state.set_budget(state.budget() - exit.retired);
        if let Some(pc) = exit.pc {
            state.set_pc(pc);
        }
        let retired = before - state.budget();
        let reason = exit.reason;
        stats.native += retired;
        stats.exits[reason as usize] += 1;
        if let Some(record) = &mut self.record {
            record.left(installed.number, left_by as usize, retired);
        }
        installed.runs += 1;
        installed.retired += retired;
        if reason == Reason::Unpaired {
            *self.unpaired.entry(exit.at).or_default() += 1;
        }
        let misses = match reason {
            Reason::Indirect => {
                code.arrive(exit.at, state.pc());
                true
            }
            // What was known when the region was made is not in it for a reason.
            Reason::Return | Reason::Unpaired => {
                code.come_back_elsewhere(exit.at, state.pc()) > installed.region.basis.arrivals
            }
            _ => false,
        };
        let strays =
            reason == Reason::Leave && installed.region.basis.unseen.binary_search(&state.pc()).is_ok();
        if code.heat(state.pc()) == NATIVE {
            installed.handed_on += u64::from(misses || strays);
        } else if misses {
            installed.missed += 1;
        } else if strays {
            if installed.strayed == 0 {
                (installed.runs, installed.retired, installed.accesses, installed.missed) = (1, 0, 0, 0);
            }
            installed.strayed += 1;
        }
        if !reason.needs_interpreter() {
            // Where regions lead to is as hot as they are, if they are not to be made again with that in them.
            let heat = if strays { 0 } else { retired.min(policy::WORTH * 64) };
            code.warm(state.pc(), heat + policy::WORTH * 4);
        }
        if matches!(reason, Reason::Load | Reason::Store | Reason::Bounds | Reason::Gate) {
            // The first stores to parts of a derived state are none of the region's doing.
            let is_its_own = std::mem::replace(&mut self.changes, state.changes()) == self.changes;
            if is_its_own && reason == Reason::Gate {
                let times = self.shut.entry(exit.at).or_default();
                *times += 1;
                installed.is_shut |= *times >= SHUT + installed.region.basis.instructions as u32 / PER_SHUT;
            } else if is_its_own {
                installed.accesses += 1;
                *self.leaves.entry(exit.at).or_default() += 1;
            }
        }
        let is_other = reason == Reason::Constant;
        if is_other {
            let Basis { entry_pc, constants, .. } = &installed.region.basis;
            let other = constants.iter().filter(|(slot, bits)| state.slot(*slot) != *bits);
            self.varying.entry(*entry_pc).or_default().extend(other.map(|constant| constant.0));
        }
        let could_be_better = installed.missed == LEARN
            || installed.strayed == LEARN
            || installed.accesses == LEARN
            || installed.is_shut;
        let is_wanting = is_other || could_be_better || installed.runs >= policy::PROBATION;
        if installed.outdated.is_none() && is_wanting {
            self.judge(id, is_other, state, code, stats);
        }
        Some(reason)
    }

    /// Drops a region that does not pay; one that could know more by now is to be made again.
    #[cold]
    fn judge(&mut self, id: usize, is_other: bool, state: &mut State, code: &mut Code, stats: &mut Stats) {
        let installed = self.regions[id].as_mut().expect("a region that ran exists");
        let Basis { entry_pc, arrivals, .. } = installed.region.basis;
        // Of a region that another machine has had compiled, it is not known which these were.
        let could_know_more = code.first_arrivals > arrivals;
        let misses = installed.missed == LEARN && installed.retired < LEARN * SELDOM;
        let hands_on = installed.handed_on >= LEARN_NATIVE;
        let native = |pc: &Pc| code.heat(*pc) == NATIVE;
        let unseen: Vec<Pc> = installed.region.basis.unseen.iter().copied().filter(native).collect();
        let outdated = if is_other {
            Why::Constants
        } else if misses && could_know_more {
            Why::Targets
        } else if hands_on && (could_know_more || !unseen.is_empty()) {
            self.seen.extend(unseen);
            Why::Targets
        } else if installed.strayed == LEARN && installed.retired < LEARN * SELDOM {
            self.seen.insert(state.pc());
            Why::Unseen
        } else if installed.is_shut {
            Why::Gate
        } else if installed.accesses == LEARN
            && installed.retired < LEARN * SELDOM
            && take_care(&self.leaves, &mut self.careful)
        {
            Why::Accesses
        } else if installed.runs >= policy::PROBATION && installed.retired < installed.runs * policy::WORTH {
            stats.unprofitable += 1;
            let why = Why::Unprofitable { runs: installed.runs, retired: installed.retired };
            self.refused.insert(installed.region.number);
            self.drop_region(id, why, state, code, stats);
            let hot = self.library.config().hot;
            let heat = self.history.unprofitable(entry_pc, hot);
            return self.cool(entry_pc, heat, code);
        } else {
            if installed.runs >= policy::PROBATION {
                if installed.retired >= installed.runs * SELDOM_NATIVE {
                    installed.handed_on = 0;
                }
                (installed.runs, installed.retired) = (0, 0);
            }
            (installed.missed, installed.strayed, installed.accesses) = (0, 0, 0);
            return;
        };
        installed.outdated = Some(outdated);
        self.refused.insert(installed.region.number);
        self.outdated.push(entry_pc);
        self.exits = EXITS;
    }

    /// Whether the region that starts at `pc` is outdated.
    fn is_outdated(&self, pc: Pc) -> bool {
        let region = self.region_at(pc).and_then(|id| self.regions[id].as_ref());
        region.is_some_and(|region| region.outdated.is_some())
    }

    /// Takes note of words that were written after they had been compiled in.
    pub(crate) fn refresh(&mut self, state: &mut State, code: &mut Code, stats: &mut Stats) {
        if code.stale.is_empty() {
            return;
        }
        if self.config().plant == Some(Plant::Invalidation) {
            return code.stale.clear();
        }
        for at in std::mem::take(&mut code.stale) {
            let owners = watchers(&self.owners, at);
            if !owners.is_empty() {
                self.mutable.insert(at);
                self.history.rewritten(at);
            }
            for id in owners {
                self.invalidate(id, Why::Changed(at), state, code, stats);
            }
            for id in watchers(&self.trusters, at) {
                self.invalidate(id, Why::Watched(at), state, code, stats);
            }
        }
    }

    fn invalidate(&mut self, id: usize, why: Why, state: &mut State, code: &mut Code, stats: &mut Stats) {
        let Some(entry) = self.regions[id].as_ref().map(|r| r.region.basis.entry_pc) else {
            return;
        };
        stats.invalidated += 1;
        self.drop_region(id, why, state, code, stats);
        let heat = self.history.invalidated(entry, self.library.config().hot);
        self.cool(entry, heat, code);
    }

    /// Forgets a region. Its code stays in the library.
    fn drop_region(&mut self, id: usize, why: Why, state: &mut State, code: &mut Code, stats: &Stats) {
        let Some(Installed { region, number, .. }) = self.regions[id].take() else {
            return;
        };
        if let Some(record) = &mut self.record {
            record.dropped(number, stats.instructions(), why);
        }
        self.free.push(id);
        let Basis { entry_pc, entries, .. } = &region.basis;
        for &pc in entries.iter().chain([entry_pc]) {
            if self.entry_at(pc).is_some_and(|entry| entry.0 == id) {
                self.lead(pc, self.region_around(pc), code);
            }
        }
        let words = region.basis.words.iter().map(|w| w.at);
        unlink(&mut self.owners, words, id, state, self.code_space, attr::COMPILED);
        let trusted = region.basis.trusted.iter().copied();
        unlink(&mut self.trusters, trusted, id, state, self.code_space, attr::TRUSTED);
    }

    /// The program is another one now, whose code is in this library. All regions were let go.
    pub(crate) fn renew<G: Guest>(&mut self, library: Arc<Library>, state: &State, code: &mut Code) {
        *self = Native { record: self.record.take(), ..Native::new::<G>(library, state, code) };
    }

    /// Lets all regions go.
    pub(crate) fn flush(&mut self, state: &mut State, code: &mut Code, stats: &Stats) {
        for id in 0..self.regions.len() {
            self.drop_region(id, Why::Flushed, state, code, stats);
        }
        self.plain = None;
    }

    /// Lets an outdated region go.
    fn drop_outdated(&mut self, pc: Pc, state: &mut State, code: &mut Code, stats: &Stats) {
        let Some(id) = self.region_at(pc) else { return };
        if let Some(why) = self.regions[id].as_mut().and_then(|region| region.outdated.take()) {
            self.drop_region(id, why, state, code, stats);
        }
    }

    /// Leads control at a region's entry into it, and watches the words that it rests on.
    fn install<G: Guest>(
        &mut self,
        region: Arc<Compiled>,
        state: &mut State,
        code: &mut Code,
        stats: &mut Stats,
    ) {
        let Basis { entry_pc, entries, words, trusted, .. } = &region.basis;
        let is_own = self.waiting.remove(entry_pc).is_some();
        // What is to take an outdated region's place comes there itself.
        for &pc in entries.iter().chain([entry_pc]) {
            if !self.waiting.contains_key(&pc) {
                self.drop_outdated(pc, state, code, stats);
            }
        }
        if is_own {
            stats.regions += 1;
            stats.compile_time += region.took;
            stats.code_bytes += region.code_bytes as u64;
        } else {
            stats.shared += 1;
        }
        let number = self.keep(&region, is_own, stats);
        let id = self.free.pop().unwrap_or(self.regions.len());
        if id == self.regions.len() {
            self.regions.push(None);
        }
        if let Some(space) = G::CODE {
            for &Word { at, .. } in words {
                // Who wrote this word without a test now has to test.
                for truster in watchers(&self.trusters, at) {
                    self.invalidate(truster, Why::Watched(at), state, code, stats);
                }
                state.change_attributes(space, at as u64, 0, attr::COMPILED);
                self.owners.insert((at, id));
            }
            for &at in trusted {
                state.change(space, at as u64);
                state.change_attributes(space, at as u64, 0, attr::TRUSTED);
                self.trusters.insert((at, id));
            }
        }
        // What was counted inside says that this region is wanted, not another one there; and control will soon come to it.
        let inside = policy::inside(code.threshold());
        for &Word { at, .. } in words.iter().filter(|word| !word.is_literal) {
            if !self.is_awaited(at) && (inside..NATIVE).contains(&code.heat(at)) {
                code.set_heat(at, inside);
            }
        }
        self.lead(*entry_pc, Some((id, 0)), code);
        for (entry, &pc) in (1..).zip(entries) {
            if self.region_at(pc).is_none() && !self.is_awaited(pc) {
                self.lead(pc, Some((id, entry)), code);
            }
        }
        if !region.basis.gated.is_empty() {
            state.find_plain();
            self.long.extend(&region.basis.gated);
        }
        let (runs, retired, missed, strayed, handed_on, accesses, is_shut, outdated) = Default::default();
        let installed = Installed {
            region,
            number,
            runs,
            retired,
            missed,
            strayed,
            handed_on,
            accesses,
            is_shut,
            outdated,
        };
        self.regions[id] = Some(installed);
    }

    /// Records that a region is taken up, if that is asked for; its number.
    fn keep(&mut self, region: &Compiled, is_own: bool, stats: &Stats) -> usize {
        let Some(record) = &mut self.record else { return 0 };
        let region = record::Region {
            pc: region.basis.entry_pc,
            is_reused: !is_own,
            compile_seconds: region.took.as_secs_f64(),
            instructions: region.basis.instructions,
            code_bytes: region.code_bytes,
            address: region.entry.address(),
            details: region.details.clone().map(Box::new),
            ..record::Region::default()
        };
        record.installed(region, stats.instructions())
    }
}

/// Adds the accesses at which regions left often; false if there is no new one.
fn take_care(leaves: &FxHashMap<Pc, u32>, careful: &mut FxHashSet<Pc>) -> bool {
    let before = careful.len();
    careful.extend(leaves.iter().filter(|leave| *leave.1 >= OFTEN).map(|leave| *leave.0));
    careful.len() > before
}

/// The regions that rest on a word.
fn watchers(watches: &Watches, at: Pc) -> Vec<usize> {
    watches.range((at, 0)..=(at, usize::MAX)).map(|watch| watch.1).collect()
}

/// Takes a region's watches of these words away; a word that nobody watches loses the attribute.
fn unlink(
    watches: &mut Watches,
    words: impl Iterator<Item = Pc>,
    id: usize,
    state: &mut State,
    code_space: Option<usize>,
    attribute: u8,
) {
    for at in words {
        watches.remove(&(at, id));
        if let Some(space) = code_space.filter(|_| watchers(watches, at).is_empty()) {
            state.change_attributes(space, at as u64, attribute, 0);
        }
    }
}
