//! A run from its first instruction to its end: in slices, so that output is never late and signals are
//! heeded.

use std::io;
use std::time::{Duration, Instant};

use kiln::guest::{Guest, Stop};
use kiln::guests::Machine;
use kiln::ops::Pc;
use kiln::tier::Tiers;
use kiln::vm::Vm;

use super::{code, host, say};

/// Instructions in the first slice.
const SLICE: u64 = 4_000_000;
/// What a slice is to take. Native code that is left in the middle of its loops has to be found again.
const ENOUGH: Duration = Duration::from_millis(100);
/// So many times as long as the one before, at most.
const GROWTH: u64 = 16;
/// Instructions in a slice at most: interpreted after all, it takes less than a second.
const LONGEST: u64 = 256_000_000;

/// Why a run ended.
#[derive(Debug)]
pub enum Ending {
    /// The machine says why.
    Stop(Stop),
    /// A signal asked for it.
    Signal(i32),
    /// Two tiers differ, in many lines.
    Different(String),
}

impl Ending {
    /// The kind, as one word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Ending::Stop(stop) => stop.kind(),
            Ending::Signal(_) => "signal",
            Ending::Different(_) => "different",
        }
    }

    /// The program's exit code for it.
    pub fn code<G: Machine>(&self, vm: &Vm<G>) -> u8 {
        match self {
            Ending::Stop(Stop::Halted) => vm.guest().exit_code(vm.state()),
            Ending::Stop(Stop::Fault(_)) => code::FAULT,
            Ending::Stop(Stop::Io(_)) => code::IO,
            Ending::Stop(Stop::Budget | Stop::Input) => code::ENDED,
            Ending::Signal(signal) => code::SIGNAL + *signal as u8,
            Ending::Different(_) => code::DIFFERENT,
        }
    }

    /// What the user is told of it; a run that halted speaks for itself.
    pub fn explain<G: Machine>(&self, vm: &Vm<G>, image: &G::Image) -> Option<String> {
        let here = || place::<G>(image, vm.pc(), &vm.guest().disassemble(vm.state(), vm.pc()));
        Some(match self {
            Ending::Stop(Stop::Halted) => return None,
            Ending::Stop(Stop::Budget) => {
                format!("stopped: the budget of {} instructions is spent {}", vm.instructions(), here())
            }
            Ending::Stop(Stop::Input) => format!("stopped: waiting for input at end of file {}", here()),
            Ending::Stop(Stop::Io(error)) => format!("error: {}", super::console::describe(error)),
            Ending::Stop(Stop::Fault(fault)) => {
                let reason = fault.reason.replace('_', " ");
                let place = place::<G>(image, fault.pc, &fault.instruction);
                // Some details begin with the reason in the guest's own words.
                match fault.detail.to_lowercase().starts_with(&reason) {
                    true => format!("fault: {} {place}", fault.detail),
                    false => format!("fault: {reason}: {} {place}", fault.detail),
                }
            }
            Ending::Signal(signal) => format!("stopped by {} {}", host::signal_name(*signal), here()),
            Ending::Different(report) => format!("the tiers differ\n{}", report.trim_end()),
        })
    }
}

/// `at x3005: LDR R0, R1, #0`, with the source line on a second line where it is known.
fn place<G: Machine>(image: &G::Image, pc: Pc, instruction: &str) -> String {
    let mut text = format!("at {}: {instruction}", G::address(pc));
    if let Some((file, line)) = G::line(image, pc) {
        text += &format!("\n  --> {file}:{line}");
    }
    text
}

/// Runs a machine to its end, in slices, after each of which `look` may look at it.
pub fn run<G: Guest>(vm: &mut Vm<G>, budget: u64, mut look: impl FnMut(&mut Vm<G>)) -> Ending {
    let mut doubts = Doubts::default();
    in_slices(budget, SLICE, |n| {
        let before = vm.instructions();
        let mut stop = vm.run(n);
        if let Err(error) = vm.guest_mut().flush() {
            stop = Stop::Io(error);
        }
        doubts.say(vm);
        look(vm);
        (Ending::Stop(stop), vm.instructions() - before)
    })
}

/// Runs slices, `first` instructions at first, until one ends for another reason than its budget, the whole budget is
/// spent, or a signal came. `run` gets a slice's budget, and gives its end and the instructions retired.
pub fn in_slices(budget: u64, first: u64, mut run: impl FnMut(u64) -> (Ending, u64)) -> Ending {
    let (mut left, mut slice) = (budget, first);
    loop {
        let start = Instant::now();
        let (ending, retired) = run(left.min(slice));
        left -= retired;
        slice = next_slice(slice, start.elapsed()).max(first);
        if let Some(signal) = host::signal() {
            return Ending::Signal(signal);
        }
        if left == 0 || !matches!(ending, Ending::Stop(Stop::Budget)) {
            return ending;
        }
    }
}

/// How long a slice is after one that was so long and took so much.
fn next_slice(slice: u64, took: Duration) -> u64 {
    let longest = u128::from(slice.saturating_mul(GROWTH).min(LONGEST));
    (u128::from(slice) * ENOUGH.as_nanos() / took.as_nanos().max(1)).min(longest) as u64
}

/// Says once that there is no native code here.
#[derive(Default)]
pub struct Doubts(bool);

impl Doubts {
    /// Says so if it is so, matters, and was not said.
    pub fn say<G: Guest>(&mut self, vm: &Vm<G>) {
        let config = vm.config();
        let matters = config.tiers == Tiers::Jit || vm.instructions() >= config.hot as u64;
        if let Some(why) = vm.jit_unavailable().filter(|_| matters && !self.0) {
            say(format!("note: interpreting, as {why}"));
            self.0 = true;
        }
    }
}

/// The error that a run ends with where output cannot be written.
pub fn cannot_write(what: &str, error: &io::Error) -> Ending {
    let text = format!("cannot write {what}: {}", super::console::describe(error));
    Ending::Stop(Stop::Io(io::Error::new(error.kind(), text)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LONGEST, SLICE, next_slice};

    #[test]
    fn a_slice_is_as_long_as_the_last_one_says() {
        let after = |slice, took| next_slice(slice, Duration::from_millis(took));
        assert_eq!(after(SLICE, 0), 16 * SLICE);
        assert_eq!(after(SLICE, 10), 10 * SLICE);
        assert_eq!(after(LONGEST, 10), LONGEST);
        assert_eq!(after(LONGEST, 4000), LONGEST / 40);
        assert_eq!(after(u64::MAX, 0), LONGEST);
    }
}
