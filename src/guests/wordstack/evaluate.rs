//! Expressions that are evaluated many times: translated once, then as fast as native code.

use super::{SP, START, Wordstack};
use crate::guest::Stop;
use crate::tier::{Config, Stats};
use crate::vm::Vm;

/// A program that can be run again and again.
///
/// ```
/// use kiln::guests::wordstack::{evaluate::Evaluator, postfix};
///
/// let compiled = postfix::compile("1 3 + 5 *").unwrap();
/// let mut evaluator = Evaluator::new(&compiled.words, compiled.depth, Default::default());
/// assert_eq!(evaluator.evaluate().unwrap(), Some(20));
/// assert_eq!(evaluator.evaluate().unwrap(), Some(20));
/// ```
pub struct Evaluator {
    vm: Vm<Wordstack>,
    words: u64,
}

impl Evaluator {
    /// An evaluator of a program, with a stack of `depth` values.
    pub fn new(program: &[u32], depth: u32, config: Config) -> Evaluator {
        let (guest, state) = Wordstack::new(program, depth);
        Evaluator { vm: Vm::new(guest, state, config), words: program.len() as u64 + 1 }
    }

    /// Runs the program on an empty stack. The top of the stack at its end, if there is one.
    ///
    /// # Errors
    /// The fault that it ends with.
    pub fn evaluate(&mut self) -> Result<Option<i32>, Stop> {
        self.vm.set_pc(START);
        self.vm.set(SP, 0);
        // No program goes back: none runs longer than this.
        match self.vm.run(self.words) {
            Stop::Halted => Ok(Wordstack::stack(self.vm.state()).next()),
            stop => Err(stop),
        }
    }

    /// What the tiers have done so far.
    pub fn stats(&self) -> &Stats {
        self.vm.stats()
    }
}
