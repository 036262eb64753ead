//! The machine: state, guest and tiers, and the loop that goes from one tier to the other.

use std::sync::Arc;

use crate::device::Console;
use crate::guest::{Guest, Stop};
use crate::interp::{self, Leave, Machine};
#[cfg(feature = "jit")]
use crate::jit::native::Native;
use crate::ops::{Int, Scalar, Space};
use crate::program::Library;
use crate::record::Record;
use crate::state::State;
use crate::tier::{Config, Stats, Tiers};

/// A machine that runs.
///
/// ```
/// use kiln::device::Console;
/// use kiln::guest::Stop;
/// use kiln::guests::lc3::{Lc3, image::Image, isa, profile::Profile};
/// use kiln::vm::Vm;
///
/// let source = b".ORIG x3000\nAND R0,R0,#0\nADD R0,R0,#7\nHALT\n.END\n";
/// let image = Image::read("seven.asm", source).unwrap();
/// let (console, output) = Console::scripted("");
/// let mut lc3 = Lc3::new(Profile::STANDARD, console);
/// let mut state = lc3.power_on(None);
/// lc3.load(&mut state, &image);
///
/// let mut vm = Vm::new(lc3, state, Default::default());
/// assert!(matches!(vm.run(1000), Stop::Halted));
/// assert_eq!(vm.state().get(isa::r(0)), 7);
/// assert_eq!(vm.stats().interpreted, 3);
/// assert!(output.bytes().is_empty());
/// ```
pub struct Vm<G: Guest> {
    machine: Machine<G>,
    config: Config,
    stats: Stats,
    /// Instructions that had retired when the pc was last set.
    counted: u64,
    /// Shared with all machines that have the same program.
    library: Arc<Library>,
    #[cfg(feature = "jit")]
    native: Native,
}

impl<G: Guest> Vm<G> {
    /// A machine that goes on from `state`.
    ///
    /// # Panics
    /// If the state has not the guest's spaces: accesses go by their offsets.
    pub fn new(guest: G, state: State, config: Config) -> Vm<G> {
        let library = Library::new(config.clone());
        Vm::with_library(guest, state, config, library)
    }

    /// The same, with native code from a library of this guest, these settings and this configuration.
    pub(crate) fn with_library(guest: G, state: State, config: Config, library: Arc<Library>) -> Vm<G> {
        assert!(state.spaces() == G::SPACES, "the state is another guest's");
        let threshold = match config.tiers {
            Tiers::Jit => 0,
            // Heat saturates below this only where nothing is ever compiled.
            Tiers::Auto | Tiers::Interpreter => config.hot.min(i32::MAX as u32 - 1) as i32,
        };
        #[cfg_attr(not(feature = "jit"), allow(unused_mut))]
        let mut machine = Machine::new(guest, state, threshold);
        Vm {
            stats: Stats::default(),
            counted: 0,
            #[cfg(feature = "jit")]
            native: Native::new::<G>(library.clone(), &machine.state, &mut machine.code),
            library,
            machine,
            config,
        }
    }

    /// A new machine that goes on from where this one is, with another console. Native code is shared.
    pub fn fork(&self, console: Console) -> Vm<G> {
        let (guest, state) = (self.machine.guest.fork(console), self.machine.state.clone());
        let fork = Vm::with_library(guest, state, self.config.clone(), self.library.clone());
        Vm { stats: self.stats.clone(), counted: self.counted, ..fork }
    }

    /// Makes this machine what its state was derived from, with this guest, or what another one is that has the same
    /// origin.
    pub(crate) fn restart(&mut self, guest: G, library: &Arc<Library>, from: Option<&Vm<G>>) {
        if !Arc::ptr_eq(&self.library, library) {
            self.change_library(library.clone(), |machine| machine.guest = guest);
        } else {
            self.machine.guest = guest;
        }
        let Machine { guest, state, code, .. } = &mut self.machine;
        let live = |state: &State, space| guest.live(state, space);
        match from {
            Some(from) => state.follow(from.state(), live),
            None => state.restore(live),
        }
        code.refresh::<G>(state);
        // As in `set_pc`.
        code.warm(state.pc(), self.stats.instructions() - self.counted);
        #[cfg(feature = "jit")]
        self.native.restart(state, code, &self.stats);
        (self.stats, self.counted) =
            from.map_or_else(Default::default, |from| (from.stats.clone(), from.counted));
    }

    /// What the machine's program is known by.
    pub(crate) fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// Changes to another program, whose native code is in this library. All that was decoded or compiled goes.
    fn change_library<T>(&mut self, library: Arc<Library>, change: impl FnOnce(&mut Machine<G>) -> T) -> T {
        #[cfg(feature = "jit")]
        self.native.flush(&mut self.machine.state, &mut self.machine.code, &self.stats);
        let result = change(&mut self.machine);
        let machine = &mut self.machine;
        machine.code.clear(machine.guest.code_len());
        #[cfg(feature = "jit")]
        self.native.renew::<G>(library.clone(), &machine.state, &mut machine.code);
        self.library = library;
        result
    }

    /// The guest: its settings and devices.
    pub fn guest(&self) -> &G {
        &self.machine.guest
    }

    /// The guest, to change settings or devices between runs.
    pub fn guest_mut(&mut self) -> &mut G {
        &mut self.machine.guest
    }

    /// Changes the program where it is the guest's, not in a space of memory: between runs, anything about the guest and
    /// the state. All that was decoded or compiled goes (invariant: Freshness).
    pub fn change_program<T>(&mut self, change: impl FnOnce(&mut G, &mut State) -> T) -> T {
        let library = Library::new(self.config.clone());
        self.change_library(library, |machine| change(&mut machine.guest, &mut machine.state))
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.machine.state
    }

    /// What the tiers have done so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// How the machine runs.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Instructions retired so far, in both tiers.
    pub fn instructions(&self) -> u64 {
        self.stats.instructions()
    }

    /// Why there is no native code although the tiers ask for it; `None` where there is, or where nothing
    /// has been hot so far.
    pub fn jit_unavailable(&self) -> Option<&str> {
        #[cfg(feature = "jit")]
        return self.native.unavailable();
        #[cfg(not(feature = "jit"))]
        return (self.config.tiers != Tiers::Interpreter).then_some("this build has no JIT");
    }

    /// What the tiers have done, where [`Config::record`] is set and there is a JIT.
    pub fn record(&self) -> Option<&Record> {
        #[cfg(feature = "jit")]
        return self.native.record();
        #[cfg(not(feature = "jit"))]
        return None;
    }

    /// Waits until what is being compiled for machines of this program is ready.
    pub fn settle(&self) {
        #[cfg(feature = "jit")]
        self.library.settle();
    }

    /// The places that have counted most instructions without being native code, the hottest first; `count` of them at
    /// most.
    pub fn warmest(&self, count: usize) -> Vec<(crate::ops::Pc, u32)> {
        self.machine.code.warmest(count)
    }

    /// Where the next instruction is.
    pub fn pc(&self) -> crate::ops::Pc {
        self.machine.state.pc()
    }

    /// Goes on somewhere else. What has retired since the last call counts for that place: a program that is started
    /// again and again gets hot where it starts.
    pub fn set_pc(&mut self, pc: crate::ops::Pc) {
        let retired = self.instructions() - self.counted;
        self.counted += retired;
        self.machine.state.set_pc(pc);
        self.machine.code.warm(pc, retired);
    }

    /// Gives a register a value.
    pub fn set<T: Scalar>(&mut self, r: crate::ops::Reg<T>, value: T) {
        self.machine.state.set(r, value);
    }

    /// Writes an element of memory, devices aside; `None` outside the space.
    pub fn poke<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: A, value: T) -> Option<()> {
        self.machine.state.poke(space, at, value)?;
        self.machine.code.refresh::<G>(&mut self.machine.state);
        Some(())
    }

    /// Runs until `budget` instructions have retired, or stops earlier for the reason that it returns
    /// (invariant: Exactness). The run can be gone on with by another call.
    pub fn run(&mut self, budget: u64) -> Stop {
        let end = self.instructions().saturating_add(budget);
        loop {
            let now = self.instructions();
            if now < end
                && let Some(stop) = self.attend()
            {
                return stop;
            }
            let due = self.machine.guest.due(&self.machine.state);
            self.machine.state.set_bounds(now, end.min(due.max(now)));
            let stop = loop {
                if let Some(stop) = self.turn() {
                    break stop;
                }
            };
            // A budget that ends earlier is one up to something that is due.
            if !matches!(stop, Stop::Budget) || self.instructions() == end {
                return stop;
            }
        }
    }

    /// What is due before the next instruction happens, which it else does when that is executed. A stop, if it comes to
    /// that.
    pub fn attend(&mut self) -> Option<Stop> {
        let now = self.instructions();
        while self.machine.guest.due(&self.machine.state) <= now {
            self.machine.state.set_bounds(now, now);
            if let Some(stop) = self.machine.happen() {
                return Some(stop);
            }
        }
        None
    }

    /// One turn of native code and one of the interpreter.
    fn turn(&mut self) -> Option<Stop> {
        #[cfg(feature = "jit")]
        self.run_native();
        let before = self.machine.state.budget();
        let (leave, stop) = interp::run(&mut self.machine);
        self.stats.interpreted += before - self.machine.state.budget();
        if leave != Leave::Stop && !self.compiles() {
            // Nobody compiles: the place starts to count anew.
            self.machine.code.stale.clear();
            self.machine.code.set_heat(self.machine.state.pc(), i32::MIN / 2);
        }
        stop
    }

    /// Whether hot places are looked at by a JIT.
    fn compiles(&self) -> bool {
        cfg!(feature = "jit") && self.config.tiers != Tiers::Interpreter
    }

    /// Runs native code as long as one region leads to another, and compiles what they lead to if that is hot.
    #[cfg(feature = "jit")]
    fn run_native(&mut self) {
        if self.config.tiers == Tiers::Interpreter {
            return;
        }
        let (native, stats) = (&mut self.native, &mut self.stats);
        let Machine { guest, state, code, .. } = &mut self.machine;
        while state.budget() > 0 {
            let heat = code.heat(state.pc());
            if heat >= code.threshold() && heat != interp::NATIVE {
                native.hot(guest, state, code, stats);
            }
            native.replace(guest, state, code, stats);
            // Before native code runs, not just after words are written: decoding, too, makes a word special.
            native.refresh(state, code, stats);
            match native.run(state, code, stats) {
                Some(reason) if reason.needs_interpreter() => return,
                Some(_) => {}
                None => return,
            }
        }
    }
}
