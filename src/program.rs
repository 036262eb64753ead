//! A program that is loaded once, for any number of machines.

use std::sync::{Arc, Mutex};

use crate::device::Console;
use crate::guest::Guest;
#[cfg(feature = "jit")]
pub(crate) use crate::jit::library::Library;
use crate::state::State;
use crate::tier::Config;
use crate::vm::Vm;

/// Without native code there is nothing in it; it still tells whose machines have the same program.
#[cfg(not(feature = "jit"))]
pub(crate) struct Library;

#[cfg(not(feature = "jit"))]
impl Library {
    pub(crate) fn new(_: Config) -> Arc<Library> {
        Arc::new(Library)
    }
}

/// A program loaded once. Its machines share native code, on any threads, and each is made anew at the cost of what it
/// has changed.
///
/// ```
/// use kiln::device::Console;
/// use kiln::guest::{Guest, Stop};
/// use kiln::guests::lc3::{Lc3, image::Image, profile::Profile};
/// use kiln::program::Program;
///
/// // Doubles digits.
/// let source = b".ORIG x3000\nGETC\nLD R1, ZERO\nADD R2, R0, R1\nADD R0, R0, R2\nOUT\nHALT\nZERO .FILL -48\n.END\n";
/// let image = Image::read("double.asm", source).unwrap();
/// let mut lc3 = Lc3::new(Profile::STANDARD, Console::scripted("").0);
/// let mut state = lc3.power_on(None);
/// lc3.load(&mut state, &image);
/// let program = Program::new(lc3, state, Default::default());
///
/// let mut vm = program.machine(Console::scripted("").0);
/// for (input, expected) in [("1", "2"), ("3", "6"), ("4", "8")] {
///     let (console, output) = Console::scripted(input);
///     program.reset(&mut vm, console);
///     assert!(matches!(vm.run(1000), Stop::Halted));
///     vm.guest_mut().flush().unwrap();
///     assert_eq!(output.take(), expected.as_bytes());
/// }
/// ```
pub struct Program<G: Guest> {
    /// The guest as machines have it at first.
    guest: Mutex<G>,
    state: Arc<State>,
    config: Config,
    library: Arc<Library>,
}

impl<G: Guest> Program<G> {
    /// A program whose machines start as this guest in this state.
    ///
    /// # Panics
    /// If the state has not the guest's spaces.
    pub fn new(guest: G, state: State, config: Config) -> Program<G> {
        assert!(state.spaces() == G::SPACES, "the state is another guest's");
        Program {
            guest: Mutex::new(guest),
            state: Arc::new(state),
            library: Library::new(config.clone()),
            config,
        }
    }

    /// A machine before its first instruction.
    pub fn machine(&self, console: Console) -> Vm<G> {
        Vm::with_library(self.guest(console), self.state.derive(), self.config.clone(), self.library.clone())
    }

    /// Makes a machine what [`Program::machine`] gave, but for what its tiers have learned. It costs what the machine
    /// has changed.
    ///
    /// # Panics
    /// If the machine is not one of this program.
    pub fn reset(&self, vm: &mut Vm<G>, console: Console) {
        self.require(vm);
        vm.restart(self.guest(console), &self.library, None);
    }

    /// Makes a machine what another one is now, but for its console, and for what its tiers have learned. It costs what
    /// both have changed; [`Vm::fork`] gives the same, with more memory.
    ///
    /// # Panics
    /// If they are not both of this program.
    pub fn copy(&self, vm: &mut Vm<G>, from: &Vm<G>, console: Console) {
        [&*vm, from].into_iter().for_each(|vm| self.require(vm));
        vm.restart(from.guest().fork(console), from.library(), Some(from));
    }

    fn require(&self, vm: &Vm<G>) {
        assert!(vm.state().is_from(&self.state), "the machine is one of this program");
    }

    fn guest(&self, console: Console) -> G {
        self.guest.lock().expect("nobody panics while copying a guest").fork(console)
    }
}
