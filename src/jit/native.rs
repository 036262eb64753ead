//! A machine's native code: which regions there are, what they rest on, and when they go.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::Instant;

use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_frontend::FunctionBuilderContext;

use super::code::{Entry, Generation, host_isa};
use super::compile::{Done, Job, MachineCode, Worker, compile};
use super::policy::{self, History};
use super::survey::{list, named_stores, plain_ranges};
use super::translate::{Known, Translation, translate};
use super::{Exit, Reason, dump, facts, predict};
use crate::effects;
use crate::guest::{Guest, Insn};
use crate::interp::{Code, NATIVE};
use crate::ops::Pc;
use crate::region::{self, Limits, Program};
use crate::state::{State, attr};
use crate::tier::{Compile, Config, Conversion, Optimisations, Stats, Tiers};
use crate::unroll::{TURNS, unroll, write_out};
use crate::vm::Dump;

/// Regions that wait for the compiling thread at once.
const QUEUE: usize = 4;
/// Instructions between looks at the compiling thread.
const POLL: i32 = 5_000;
/// Indirect jumps to unknown places before a region is made again with them in it, and exits at accesses before it is made
/// again with more careful tests.
const LEARN: u64 = 64;
/// A run of this many instructions that do nothing is not compiled: control slides through empty memory.
const SLIDE: Pc = 8;

/// A published region.
struct Published {
    entry_pc: Pc,
    entry: Entry,
    exits: Vec<Exit>,
    words: Vec<Pc>,
    trusted: Vec<Pc>,
    /// Times that control came in, and instructions retired since, until judged.
    runs: u64,
    retired: u64,
    /// Indirect jumps to places that it does not know, and how many places were known when it was made.
    missed: u64,
    arrivals: usize,
    /// Times that it left at an access.
    accesses: u64,
}

/// What a compiled function rests on, beside its code.
struct Basis {
    entry_pc: Pc,
    exits: Vec<Exit>,
    /// The words that it was made from, and their values then.
    words: Vec<(Pc, u64)>,
    trusted: Vec<Pc>,
    instructions: usize,
    arrivals: usize,
    listing: String,
    translate_time: std::time::Duration,
}

/// The JIT tier of one machine. Costs nothing until something is hot.
pub(crate) struct Native {
    config: Config,
    /// The space that code is read from, where it can be written.
    code_space: Option<usize>,
    isa: Option<OwnedTargetIsa>,
    context: FunctionBuilderContext,
    generation: Option<Generation>,
    worker: Option<Worker<Basis>>,
    /// Entries of the regions that the compiling thread has.
    compiling: HashSet<Pc>,
    regions: Vec<Option<Published>>,
    /// By code address: the number of the region that starts there, plus one.
    entries: Vec<u32>,
    /// Regions made from a word, and regions that write it without a test.
    owners: HashMap<Pc, Vec<usize>>,
    trusters: HashMap<Pc, Vec<usize>>,
    history: History,
    /// Words of the code space that were written after they had been compiled in.
    mutable: HashSet<Pc>,
    /// Entries of regions that left too often at accesses: tested together with others, perhaps, that never came.
    careful: HashSet<Pc>,
    plain: Option<Vec<Option<Range<u64>>>>,
    dumps: Vec<Dump>,
    /// Why there is no native code here, if so.
    unavailable: Option<String>,
}

/// What the region finder sees of the machine.
struct View<'a, G> {
    guest: &'a G,
    state: &'a mut State,
    code: &'a mut Code,
    history: &'a History,
    /// Take what has never been executed, too.
    eager: bool,
}

impl<G: Guest> Program for View<'_, G> {
    fn insn(&mut self, pc: Pc) -> Option<Insn> {
        let seen = self.eager || self.code.is_decoded(pc);
        if !seen || !self.guest.compilable(self.state, pc) || self.history.is_unstable(pc) {
            return None;
        }
        let insn = self.fetch(pc);
        let mut at = pc;
        for _ in 0..SLIDE {
            if !effects::of::<G>(self.peek(at), at).is_idle() {
                return Some(insn);
            }
            at = G::next(at);
        }
        None
    }

    fn arrivals(&self) -> &[Pc] {
        self.code.arrivals()
    }
}

impl<G: Guest> View<'_, G> {
    fn fetch(&mut self, pc: Pc) -> Insn {
        self.code.fetch(self.guest, self.state, pc)
    }

    fn peek(&self, pc: Pc) -> Insn {
        self.guest.decode(self.state, pc)
    }
}

impl Native {
    pub(crate) fn new(config: Config, code_space: Option<usize>) -> Native {
        Native {
            config,
            code_space,
            isa: None,
            context: FunctionBuilderContext::new(),
            generation: None,
            worker: None,
            compiling: HashSet::new(),
            regions: Vec::new(),
            entries: Vec::new(),
            owners: HashMap::new(),
            trusters: HashMap::new(),
            history: History::default(),
            mutable: HashSet::new(),
            careful: HashSet::new(),
            plain: None,
            dumps: Vec::new(),
            unavailable: None,
        }
    }

    /// Why there is no native code on this host.
    pub(crate) fn unavailable(&self) -> Option<&str> {
        self.unavailable.as_deref()
    }

    pub(crate) fn take_dumps(&mut self) -> Vec<Dump> {
        std::mem::take(&mut self.dumps)
    }

    /// Whether native code starts at `pc`.
    #[inline]
    fn region_at(&self, pc: Pc) -> Option<usize> {
        self.entries.get(pc as usize).and_then(|&id| (id as usize).checked_sub(1))
    }

    /// Runs the native code that starts at the state's pc, if there is any: why it handed back, with pc and
    /// budget in the state.
    pub(crate) fn run(&mut self, state: &mut State, code: &mut Code, stats: &mut Stats) -> Option<Reason> {
        let id = self.region_at(state.pc())?;
        let region = self.regions[id].as_mut().expect("an entry's region exists");
        let before = state.budget();
        // SAFETY: the region's generation lives in `self.generation` and goes only with all regions
        // (`flush`); the state is this machine's, for whose guest the region was translated.
        let left_by = unsafe { region.entry.run(state) };
        let exit = &region.exits[left_by as usize];
        state.set_budget(state.budget() - exit.retired);
        if let Some(pc) = exit.pc {
            state.set_pc(pc);
        }
        let retired = before - state.budget();
        let reason = exit.reason;
        stats.native += retired;
        stats.exits[reason as usize] += 1;
        region.runs += 1;
        region.retired += retired;
        if reason == Reason::Indirect {
            code.first_arrival(state.pc());
            region.missed += 1;
        }
        if !reason.needs_interpreter() {
            // Where regions lead to is as hot as they are.
            code.warm(state.pc(), retired.min(policy::WORTH * 64) + policy::WORTH * 4);
        }
        region.accesses += u64::from(matches!(reason, Reason::Load | Reason::Store));
        if region.runs >= policy::PROBATION || region.missed >= LEARN || region.accesses == LEARN {
            self.judge(id, state, code, stats);
        }
        Some(reason)
    }

    /// Drops a region that does not pay, or that could know more places by now.
    #[cold]
    fn judge(&mut self, id: usize, state: &mut State, code: &mut Code, stats: &mut Stats) {
        let region = self.regions[id].as_mut().expect("a region that ran exists");
        let entry = region.entry_pc;
        if region.missed >= LEARN && code.arrivals().len() > region.arrivals {
            self.drop_region(id, state, code);
            code.set_heat(entry, self.config.hot.min(i32::MAX as u32 - 1) as i32);
            return;
        }
        if region.accesses == LEARN && self.careful.insert(entry) {
            self.drop_region(id, state, code);
            code.set_heat(entry, self.config.hot.min(i32::MAX as u32 - 1) as i32);
            return;
        }
        if region.runs >= policy::PROBATION && region.retired < region.runs * policy::WORTH {
            stats.unprofitable += 1;
            self.drop_region(id, state, code);
            code.set_heat(entry, policy::cold(self.config.hot));
            return;
        }
        (region.runs, region.retired, region.missed) = (0, 0, 0);
    }

    /// Takes note of words that were written after they had been compiled in.
    pub(crate) fn refresh(&mut self, state: &mut State, code: &mut Code, stats: &mut Stats) {
        if code.stale.is_empty() {
            return;
        }
        for at in std::mem::take(&mut code.stale) {
            let owners = self.owners.get(&at).cloned().unwrap_or_default();
            if !owners.is_empty() {
                self.mutable.insert(at);
                self.history.rewritten(at);
            }
            let trusters = self.trusters.get(&at).cloned().unwrap_or_default();
            for id in owners.into_iter().chain(trusters) {
                self.invalidate(id, state, code, stats);
            }
        }
    }

    fn invalidate(&mut self, id: usize, state: &mut State, code: &mut Code, stats: &mut Stats) {
        let Some(entry) = self.regions[id].as_ref().map(|r| r.entry_pc) else {
            return;
        };
        stats.invalidated += 1;
        self.drop_region(id, state, code);
        code.set_heat(entry, self.history.invalidated(entry, self.config.hot));
    }

    /// Forgets a region. Its code stays in its generation, where nothing leads to it.
    fn drop_region(&mut self, id: usize, state: &mut State, code: &mut Code) {
        let Some(region) = self.regions[id].take() else {
            return;
        };
        self.entries[region.entry_pc as usize] = 0;
        code.set_heat(region.entry_pc, 0);
        unlink(&mut self.owners, &region.words, id, state, self.code_space, attr::COMPILED);
        unlink(&mut self.trusters, &region.trusted, id, state, self.code_space, attr::TRUSTED);
    }

    /// Drops all regions and the memory of their code.
    pub(crate) fn flush(&mut self, state: &mut State, code: &mut Code) {
        for id in 0..self.regions.len() {
            self.drop_region(id, state, code);
        }
        self.regions.clear();
        self.generation = None;
        self.plain = None;
    }

    /// The place at the state's pc is hot: compiles a region there, or has it compiled.
    #[cold]
    pub(crate) fn hot<G: Guest>(&mut self, guest: &G, state: &mut State, code: &mut Code, stats: &mut Stats) {
        self.collect::<G>(state, code, stats);
        let pc = state.pc();
        if self.region_at(pc).is_some() {
            return;
        }
        // Comes back soon, to look whether it is ready.
        let soon = code.threshold() - POLL;
        if self.compiling.len() >= QUEUE || self.compiling.contains(&pc) {
            code.set_heat(pc, soon);
            return;
        }
        if !policy::may_compile(stats) {
            code.set_heat(pc, soon);
            return;
        }
        code.set_heat(pc, policy::cold(self.config.hot));
        let Some((function, basis)) = self.prepare(guest, state, code) else { return };
        if self.config.compile == Compile::Background {
            let job = Box::new(Job { function, keep_clif: self.config.dump, about: basis });
            let Err(job) = self.give(job) else {
                self.compiling.insert(pc);
                code.set_heat(pc, soon);
                return;
            };
            let Job { function, about, .. } = *job;
            self.compile_now::<G>(function, about, state, code, stats);
        } else {
            self.compile_now::<G>(function, basis, state, code, stats);
        }
    }

    fn compile_now<G: Guest>(
        &mut self,
        function: Function,
        basis: Basis,
        state: &mut State,
        code: &mut Code,
        stats: &mut Stats,
    ) {
        let isa = self.isa.as_ref().expect("prepared with it");
        let machine_code = compile(isa, function, self.config.dump);
        self.publish::<G>(Done { code: machine_code, about: basis }, state, code, stats);
    }

    /// Gives a job to the compiling thread; hands it back if there can be none.
    fn give(&mut self, job: Box<Job<Basis>>) -> Result<(), Box<Job<Basis>>> {
        if self.worker.is_none() {
            match Worker::start(self.isa.clone().expect("prepared with it")) {
                Ok(worker) => self.worker = Some(worker),
                // No thread to be had: in line from now on.
                Err(_) => self.config.compile = Compile::Inline,
            }
        }
        match &self.worker {
            Some(worker) => worker.give(job),
            None => Err(job),
        }
    }

    /// Publishes what the compiling thread has finished.
    pub(crate) fn collect<G: Guest>(&mut self, state: &mut State, code: &mut Code, stats: &mut Stats) {
        while let Some(done) = self.worker.as_ref().and_then(Worker::take) {
            self.compiling.remove(&done.about.entry_pc);
            self.publish::<G>(done, state, code, stats);
        }
    }

    /// Finds and translates the region at the state's pc.
    fn prepare<G: Guest>(
        &mut self,
        guest: &G,
        state: &mut State,
        code: &mut Code,
    ) -> Option<(Function, Basis)> {
        if self.isa.is_none() {
            match host_isa(self.config.codegen) {
                Ok(isa) => self.isa = Some(isa),
                Err(why) => {
                    self.unavailable.get_or_insert(why);
                    return None;
                }
            }
        }
        let start = Instant::now();
        let entry_pc = state.pc();
        let limits = Limits {
            instructions: self.config.region_instructions,
            call_depth: self.config.call_depth,
            targets: self.config.targets,
        };
        let eager = self.config.tiers == Tiers::Jit;
        let history = &self.history;
        let mut view = View { guest, state, code, history, eager };
        let mut region = region::find::<G>(entry_pc, &mut view, &limits)?;
        let Optimisations { conversion, unrolling, literals, joint_tests } = self.config.optimisations;
        let arrivals = code.arrivals().len();
        let mut mutable = named_stores::<G>(guest, state, &region);
        mutable.extend(&self.mutable);
        let plain = self.plain.get_or_insert_with(|| plain_ranges(state));
        // Found out when the first branch asks: most regions have none that could be converted.
        let unpredictable = std::cell::OnceCell::new();
        let known = Known {
            state,
            mutable: &mutable,
            literals,
            plain,
            unpredictable: &|pc| match conversion {
                Conversion::Never => false,
                Conversion::Unpredictable => {
                    unpredictable.get_or_init(|| predict::unpredictable(code.trace())).contains(&pc)
                }
                Conversion::Always => true,
            },
            careful: !joint_tests || self.careful.contains(&entry_pc),
        };
        if unrolling {
            let literal = |at| known.literal::<G>(at);
            write_out(&mut region, |region, loops| facts::turns::<G>(region, loops, &literal, TURNS));
            unroll(&mut region);
        }
        let isa = self.isa.as_ref()?;
        let translation = translate::<G>(
            &region,
            &known,
            isa.frontend_config(),
            isa.default_call_conv(),
            &mut self.context,
        );
        let Translation { function, exits, words, trusted } = translation;
        let listing = if self.config.dump { list(&region, guest, state) } else { String::new() };
        let value = |pc: Pc| G::CODE.and_then(|space| state.bits(space, pc as u64)).unwrap_or(0);
        let basis = Basis {
            entry_pc,
            exits,
            words: words.into_iter().map(|pc| (pc, value(pc))).collect(),
            trusted,
            instructions: region.len(),
            arrivals,
            listing,
            translate_time: start.elapsed(),
        };
        Some((function, basis))
    }

    /// Makes a compiled region the one that runs at its entry, if what it was made from still holds.
    fn publish<G: Guest>(
        &mut self,
        Done { code: machine_code, about: basis }: Done<Basis>,
        state: &mut State,
        code: &mut Code,
        stats: &mut Stats,
    ) {
        stats.compile_time += basis.translate_time;
        let pc = basis.entry_pc;
        let Ok(machine_code) = machine_code else {
            stats.rejected += 1;
            return;
        };
        stats.compile_time += machine_code.took;
        if self.region_at(pc).is_some() {
            stats.rejected += 1;
            return;
        }
        if let Some(space) = G::CODE {
            let is_changed = |w: &&(Pc, u64)| state.bits(space, w.0 as u64) != Some(w.1);
            let changed: Vec<Pc> = basis.words.iter().filter(is_changed).map(|w| w.0).collect();
            let is_special = |at: &Pc| state.attributes(space, *at as u64) & attr::STORE != 0;
            if !changed.is_empty() || basis.trusted.iter().any(is_special) {
                stats.rejected += 1;
                for at in changed {
                    self.mutable.insert(at);
                    self.history.rewritten(at);
                }
                code.set_heat(pc, self.history.invalidated(pc, self.config.hot));
                return;
            }
        }
        let cap = self.config.code_cap;
        if self.generation.as_ref().is_some_and(|g| g.bytes() + machine_code.bytes.len() > cap) {
            stats.flushes += 1;
            self.flush(state, code);
        }
        let isa = self.isa.as_ref().expect("compiled with it");
        let generation = self.generation.get_or_insert_with(|| Generation::new(isa.clone()));
        let Ok(entry) = generation.publish(&machine_code.bytes, machine_code.alignment) else {
            stats.rejected += 1;
            return;
        };
        stats.regions += 1;
        stats.code_bytes += machine_code.bytes.len() as u64;
        self.install::<G>(&basis, entry, state, code, stats);
        if self.config.dump {
            self.keep_dump(basis, &machine_code, entry);
        }
    }

    /// Leads control at the region's entry into it, and watches the words that it rests on.
    fn install<G: Guest>(
        &mut self,
        basis: &Basis,
        entry: Entry,
        state: &mut State,
        code: &mut Code,
        stats: &mut Stats,
    ) {
        let id = self.regions.len();
        let words: Vec<Pc> = basis.words.iter().map(|w| w.0).collect();
        if let Some(space) = G::CODE {
            for &at in &words {
                // Who wrote this word without a test now has to test.
                for truster in self.trusters.get(&at).cloned().unwrap_or_default() {
                    self.invalidate(truster, state, code, stats);
                }
                state.change_attributes(space, at as u64, 0, attr::COMPILED);
                self.owners.entry(at).or_default().push(id);
            }
            for &at in &basis.trusted {
                state.change_attributes(space, at as u64, 0, attr::TRUSTED);
                self.trusters.entry(at).or_default().push(id);
            }
        }
        self.regions.push(Some(Published {
            entry_pc: basis.entry_pc,
            entry,
            exits: basis.exits.clone(),
            words,
            trusted: basis.trusted.clone(),
            runs: 0,
            retired: 0,
            missed: 0,
            accesses: 0,
            arrivals: basis.arrivals,
        }));
        if self.entries.is_empty() {
            self.entries = vec![0; code.len()];
        }
        self.entries[basis.entry_pc as usize] = id as u32 + 1;
        code.set_heat(basis.entry_pc, NATIVE);
    }

    fn keep_dump(&mut self, basis: Basis, code: &MachineCode, entry: Entry) {
        let texts: HashMap<Pc, &str> = basis
            .listing
            .lines()
            .filter_map(|l| Some((Pc::from_str_radix(l.get(..8)?.trim(), 16).ok()?, l.get(10..)?)))
            .collect();
        let assembly = dump::assembly(code, entry.address(), |pc| {
            texts.get(&pc).copied().unwrap_or_default().to_owned()
        });
        self.dumps.push(Dump {
            pc: basis.entry_pc,
            instructions: basis.instructions,
            clif: code.clif.clone().unwrap_or_default(),
            assembly,
            region: basis.listing,
            code_bytes: code.bytes.len(),
            seconds: (basis.translate_time + code.took).as_secs_f64(),
        });
    }
}

/// Takes region `id` out of the lists of these words; a word with an empty list loses the attribute.
fn unlink(
    lists: &mut HashMap<Pc, Vec<usize>>,
    words: &[Pc],
    id: usize,
    state: &mut State,
    code_space: Option<usize>,
    attribute: u8,
) {
    for &at in words {
        let Some(list) = lists.get_mut(&at) else {
            continue;
        };
        list.retain(|&other| other != id);
        if list.is_empty() {
            lists.remove(&at);
            if let Some(space) = code_space {
                state.change_attributes(space, at as u64, attribute, 0);
            }
        }
    }
}
