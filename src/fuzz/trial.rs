//! One case in one configuration, beside the interpreter.

use serde::{Deserialize, Serialize};

use super::{Case, Choices, Summary};
use crate::compare::compare;
use crate::guest::{Guest, Stop};
#[cfg(feature = "jit")]
use crate::jit::CodegenOptions;
use crate::tier::{Compile, Config, Conversion, Gates, Optimisations, Tiers};

/// Instructions that a saved trial may run for.
const BUDGET: u64 = 1 << 30;
/// How much longer a long trial's runs are, and how many times as many: millions of instructions together.
const LONGER: (u64, usize) = (25, 10);
/// Instructions after which a trial goes on only while most of them are native: what is interpreted is compared with itself.
const LONG: u64 = 10_000;

/// A case, the configuration that it runs in, and the budgets of its runs. As JSON it is a file that can be replayed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trial<C> {
    /// How the machine with native code runs.
    pub config: Config,
    /// What each run may retire.
    pub budgets: Vec<u64>,
    /// The program.
    pub case: C,
}

/// A configuration with native code, of the many that must all agree with the interpreter.
pub fn config(choices: &mut Choices<'_>) -> Config {
    let few = usize::from(1 + choices.below(20));
    let mut config = Config {
        // Not often: it compiles what is never executed, too, and compiling is what time goes to.
        tiers: if choices.chance(64) { Tiers::Jit } else { Tiers::Auto },
        // Seldom 0: nobody has been where a program starts, so that place is refused, for long.
        hot: choices.pick(&[1, 1, 1, 2, 2, 2, 5, 5, 5, 20, 20, 20, 50, 50, 200, 0]),
        compile: if choices.chance(32) { Compile::Background } else { Compile::Inline },
        regions: choices.pick(&[8, 24, 48, 96]),
        region_instructions: choices.pick(&[2000, 600, 300, 300, 200, 200, 100, 60, 30, few]),
        ..Config::default()
    };
    if choices.chance(64) {
        config.code_cap = choices.pick(&[0, 1 << 10, 1 << 12, 1 << 14]);
    }
    if choices.chance(128) {
        config.call_depth = choices.pick(&[0, 1, 2]);
        config.targets = choices.pick(&[0, 1, 2, 3, 4]);
    }
    // Every field, so that none is forgotten that comes to be.
    config.optimisations = Optimisations {
        conversion: choices.pick(&[
            Conversion::Always,
            Conversion::Always,
            Conversion::Unpredictable,
            Conversion::Never,
        ]),
        unrolling: !choices.chance(64),
        literals: !choices.chance(64),
        joint_tests: !choices.chance(64),
        gates: choices.pick(&[Gates::Always, Gates::Always, Gates::Long, Gates::Never]),
        elements: !choices.chance(64),
        forwarding: !choices.chance(64),
        constants: !choices.chance(64),
    };
    #[cfg(feature = "jit")]
    {
        config.codegen = CodegenOptions {
            optimise: !choices.chance(96),
            alias_analysis: !choices.chance(96),
            verify: choices.chance(8) || config.codegen.verify,
        };
    }
    config.record = choices.chance(8);
    config
}

/// Checks that a machine with native code does what the interpreter does: pc, registers, memory, output, what its
/// devices were asked, counts and stops after each of several runs.
///
/// # Errors
/// Where they part: the case, the configuration and both states.
pub fn tiers<C: Case>(bytes: &[u8]) -> Result<Summary, String> {
    let trial = Trial::<C>::generate(bytes);
    trial.run().map_err(|what| trial.story(&what))
}

impl<C: Case> Trial<C> {
    /// A trial of these choices.
    pub fn generate(bytes: &[u8]) -> Self {
        let choices = &mut Choices::new(bytes);
        let config = config(choices);
        let budgets = (0..=4 + choices.below(12))
            .map(|_| {
                let most = choices.pick(&[2, 50, 500, 4000, 20_000]);
                u64::from(choices.below(most))
            })
            .collect();
        Trial { config, budgets, case: C::generate(choices) }
    }

    /// Makes a long trial of it.
    pub(super) fn lengthen(&mut self) {
        let (factor, times) = LONGER;
        self.budgets.iter_mut().for_each(|budget| *budget *= factor);
        self.budgets = self.budgets.repeat(times);
    }

    /// Runs the case in its configuration and in the interpreter.
    ///
    /// # Errors
    /// Where the two part.
    pub fn run(&self) -> Result<Summary, String> {
        let (mut vm, output) = self.case.machine(self.config.clone());
        let (mut reference, expected_output) =
            self.case.machine(Config { tiers: Tiers::Interpreter, ..Config::default() });
        for (turn, &budget) in self.budgets.iter().enumerate() {
            let before = vm.instructions();
            let (stop, expected) = (vm.run(budget), reference.run(budget));
            let retired = vm.instructions() - before;
            if retired > budget || matches!(stop, Stop::Budget) && retired != budget {
                return Err(format!("run {turn} was to retire {budget} and retired {retired}"));
            }
            compare((&vm, &stop), (&reference, &expected)).map_err(|d| format!("run {turn}: {d}"))?;
            for vm in [&mut vm, &mut reference] {
                vm.guest_mut().flush().map_err(|e| e.to_string())?;
                self.case.meddle(turn, vm);
            }
            let (output, expected) =
                ((output.asked(), output.bytes()), (expected_output.asked(), expected_output.bytes()));
            if output.1 != expected.1 {
                return Err(format!("run {turn}: wrote {:?}, the interpreter {:?}", output.1, expected.1));
            }
            if output.0 != expected.0 {
                return Err(format!(
                    "run {turn}: asked the keyboard {:?}, the interpreter {:?}",
                    output.0, expected.0
                ));
            }
            // What is compiled on another thread is ready sooner or later than the next run: both happen.
            if turn.is_multiple_of(2) {
                vm.settle();
            }
            let is_last = turn + 1 == self.budgets.len();
            if !is_last && vm.instructions() > LONG && 2 * vm.stats().native < vm.instructions() {
                return Ok(Summary { ended_early: 1, ..Summary::of(&vm) });
            }
        }
        Ok(Summary::of(&vm))
    }

    /// Whether a trial that somebody else has written asks for no more than a host can give.
    ///
    /// # Errors
    /// What asks for too much, and what it may be.
    pub(super) fn is_fair(&self) -> Result<(), String> {
        let Config { regions, region_instructions, call_depth, targets, .. } = self.config;
        let usual = Config::default();
        let budget = self.budgets.iter().fold(0, |sum: u64, &n| sum.saturating_add(n));
        let limits = [
            ("budgets, together", budget, BUDGET),
            ("regions", regions, usual.regions),
            ("region_instructions", region_instructions as u64, usual.region_instructions as u64),
            ("call_depth", call_depth as u64, usual.call_depth as u64),
            ("targets", targets as u64, usual.targets as u64),
        ];
        let wrong = limits.into_iter().find(|&(_, value, most)| value > most);
        wrong.map_or(Ok(()), |(name, value, most)| Err(format!("{name}: {value} is more than {most}")))
    }

    /// A difference with all that belongs to it.
    pub fn story(&self, what: &str) -> String {
        format!("{what}\n{:?}\nbudgets {:?}\n{:?}", self.config, self.budgets, self.case)
    }
}
