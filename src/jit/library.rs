//! The native code of one program, for all machines that run it.
//!
//! A machine whose place is hot takes the region that another one has had compiled there, if all that the region rests
//! on holds in its own memory. From then on it watches those words itself: a machine that rewrites its code loses
//! regions of its own, and no other machine notices (invariant: Freshness).

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::OwnedTargetIsa;
use rustc_hash::{FxHashMap, FxHashSet};

use super::code::{Entry, Generation, host_isa};
use super::compile::{MachineCode, compile};
use super::predict::Learned;
use super::worker::{Job, Worker};
use super::{Exit, dump};
use crate::ops::Pc;
use crate::record::{Details, Listing};
use crate::tier::{Compile, Config, Plant};

/// Regions that wait for the compiling thread at once.
const QUEUE: usize = 4;
/// Regions that are kept of those that start at one place.
const VERSIONS: usize = 8;

/// What a compiled function rests on, beside its code.
pub(crate) struct Basis {
    pub(crate) entry_pc: Pc,
    /// Other places where control may come in.
    pub(crate) entries: Vec<Pc>,
    pub(crate) exits: Vec<Exit>,
    pub(crate) words: Vec<Word>,
    /// Words that the code writes without a test.
    pub(crate) trusted: Vec<Pc>,
    /// Registers, and what each was taken to be where control enters.
    pub(crate) constants: Vec<(usize, u64)>,
    pub(crate) instructions: usize,
    /// Headers of the loops that have gates.
    pub(crate) gated: Vec<Pc>,
    /// How many arrivals of indirect jumps and returns were known.
    pub(crate) arrivals: usize,
    /// Where it is left for instructions that had never, or seldom, been executed, in order.
    pub(crate) unseen: Vec<Pc>,
    /// What it was made from, where that is recorded.
    pub(crate) listing: Option<Listing>,
    pub(crate) translate_time: Duration,
}

/// A word that a region was made from.
pub(crate) struct Word {
    pub(crate) at: Pc,
    /// What it was.
    pub(crate) value: u64,
    /// It is a constant, not an instruction.
    pub(crate) is_literal: bool,
}

/// A region's native code.
pub(crate) struct Compiled {
    /// In a library no two have the same.
    pub(crate) number: u64,
    pub(crate) basis: Basis,
    pub(crate) entry: Entry,
    pub(crate) code_bytes: usize,
    /// Translating and compiling.
    pub(crate) took: Duration,
    /// What it consists of, where that is recorded.
    pub(crate) details: Option<Details>,
}

/// The host's instruction set, or why there can be no native code, once somebody has asked.
type Isa = OnceLock<Result<OwnedTargetIsa, String>>;

/// The native code of one program, which is one guest's, and how it is made.
pub(crate) struct Library {
    config: Config,
    isa: Arc<Isa>,
    shared: Arc<Shared>,
    /// What the regions' translation has told of the program's branches.
    learned: Arc<Mutex<Learned>>,
    /// `Some(None)` where no thread is to be had.
    worker: OnceLock<Option<Worker>>,
}

/// What the compiling thread has of a library.
#[derive(Default)]
struct Shared {
    shelf: Mutex<Shelf>,
    /// Nothing is being compiled any more.
    settled: Condvar,
}

#[derive(Default)]
struct Shelf {
    /// Goes up when all code goes.
    era: u64,
    generation: Option<Arc<Generation>>,
    /// Bytes of code in the generation.
    bytes: usize,
    published: u64,
    /// By entry, the newest first.
    regions: FxHashMap<Pc, Vec<Arc<Compiled>>>,
    compiling: FxHashSet<Pc>,
}

/// What there is at a place.
pub(crate) struct Found {
    /// Regions taken in another era are to be let go.
    pub(crate) era: u64,
    /// The newest first.
    pub(crate) regions: Vec<Arc<Compiled>>,
    /// Somebody is compiling a region there.
    pub(crate) is_busy: bool,
}

/// The sole right to compile a region at a place, until it is dropped.
pub(crate) struct Claim {
    pc: Pc,
    shared: Weak<Shared>,
}

impl Library {
    pub(crate) fn new(config: Config) -> Arc<Library> {
        let (isa, shared, learned, worker) = Default::default();
        Arc::new(Library { config, isa, shared, learned, worker })
    }

    /// How code is made and used.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// What has been learned of the program's branches.
    pub(crate) fn learned(&self) -> Arc<Mutex<Learned>> {
        self.learned.clone()
    }

    /// Why there can be no native code, if somebody has tried and there can be none.
    pub(crate) fn unavailable(&self) -> Option<&str> {
        self.isa.get()?.as_ref().err().map(String::as_str)
    }

    /// Where regions start.
    pub(crate) fn entries(&self) -> Vec<Pc> {
        self.shared.lock().regions.keys().copied().collect()
    }

    /// Waits until nothing is being compiled.
    pub(crate) fn settle(&self) {
        let is_compiling = |shelf: &mut Shelf| !shelf.compiling.is_empty();
        let settled = self.shared.settled.wait_while(self.shared.lock(), is_compiling);
        settled.map(drop).expect(SOUND);
    }

    /// What there is at `pc`.
    pub(crate) fn look(&self, pc: Pc) -> Found {
        let shelf = self.shared.lock();
        let regions = shelf.regions.get(&pc).cloned().unwrap_or_default();
        Found { era: shelf.era, regions, is_busy: shelf.compiling.contains(&pc) }
    }

    /// Whether so many regions are being compiled that nobody gets the right to compile another.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_full(&self.shared.lock())
    }

    fn is_full(&self, shelf: &Shelf) -> bool {
        self.config.compile == Compile::Background && shelf.compiling.len() >= QUEUE
    }

    /// The right to compile a region at `pc`; `None` while somebody does, or enough others wait.
    pub(crate) fn claim(&self, pc: Pc) -> Option<Claim> {
        let mut shelf = self.shared.lock();
        (!self.is_full(&shelf) && shelf.compiling.insert(pc))
            .then(|| Claim { pc, shared: Arc::downgrade(&self.shared) })
    }

    /// Translates and compiles a region here, and publishes it. `translate` is given the host's instruction set and the
    /// library's configuration.
    pub(crate) fn compile(
        &self,
        claim: Claim,
        translate: impl FnOnce(&OwnedTargetIsa, &Config) -> (Function, Basis),
    ) {
        compile_and_publish(&self.isa, &self.config, &claim, translate);
    }

    /// The same on the compiling thread; here, where there is none.
    pub(crate) fn compile_elsewhere(
        &self,
        claim: Claim,
        translate: impl FnOnce(&OwnedTargetIsa, &Config) -> (Function, Basis) + Send + 'static,
    ) {
        let (isa, config) = (self.isa.clone(), self.config.clone());
        let job: Job = Box::new(move || compile_and_publish(&isa, &config, &claim, translate));
        match self.worker() {
            Some(worker) => worker.give(job),
            None => job(),
        }
    }

    /// Has the compiling thread started, and what it needs for any region: something will soon be hot.
    pub(crate) fn prepare(&self) {
        if self.config.compile == Compile::Background && self.worker.get().is_none() {
            let (isa, codegen) = (self.isa.clone(), self.config.codegen);
            let job = Box::new(move || {
                isa.get_or_init(|| host_isa(codegen));
            });
            // Where there is no thread, this is done when it is needed.
            if let Some(worker) = self.worker() {
                worker.give(job);
            }
        }
    }

    fn worker(&self) -> Option<&Worker> {
        let refused = self.config.plant == Some(Plant::Thread);
        self.worker.get_or_init(|| Worker::start().ok()).as_ref().filter(|_| !refused)
    }
}

fn compile_and_publish(
    isa: &Isa,
    config: &Config,
    claim: &Claim,
    translate: impl FnOnce(&OwnedTargetIsa, &Config) -> (Function, Basis),
) {
    // Where all machines are gone, so is the shelf.
    let Some(shared) = claim.shared.upgrade() else { return };
    let Ok(isa) = isa.get_or_init(|| host_isa(config.codegen)) else { return };
    let (function, basis) = translate(isa, config);
    if let Ok(code) = compile(isa, function, config.record)
        && config.plant != Some(Plant::Memory)
    {
        shared.lock().publish(isa, config.code_cap, code, basis);
    }
}

impl Shelf {
    /// Makes a compiled function executable and the first choice at its entry.
    fn publish(&mut self, isa: &OwnedTargetIsa, cap: usize, code: MachineCode, mut basis: Basis) {
        if self.generation.is_some() && self.bytes + code.bytes.len() > cap {
            self.era += 1;
            self.generation = None;
            self.bytes = 0;
            self.regions.clear();
        }
        let generation = self.generation.get_or_insert_with(|| Generation::new(isa.clone()));
        let Ok(entry) = generation.publish(&code.bytes, code.alignment) else { return };
        self.bytes += code.bytes.len();
        self.published += 1;
        let versions = self.regions.entry(basis.entry_pc).or_default();
        versions.truncate(VERSIONS - 1);
        let region = Compiled {
            number: self.published,
            code_bytes: code.bytes.len(),
            took: basis.translate_time + code.took,
            details: basis.listing.take().map(|listing| dump::details(listing, &basis.exits, code)),
            entry,
            basis,
        };
        versions.insert(0, Arc::new(region));
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let shared = self.shared.upgrade();
        // After a panic while publishing it does not matter any more.
        if let Some(shared) = &shared
            && let Ok(mut shelf) = shared.shelf.lock()
        {
            shelf.compiling.remove(&self.pc);
            if shelf.compiling.is_empty() {
                shared.settled.notify_all();
            }
        }
    }
}

const SOUND: &str = "nobody panics while publishing";

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().expect(SOUND)
    }
}
