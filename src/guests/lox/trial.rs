//! Random programs, each run twice: plainly, and in a way that must make no difference.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::generate::{self, tree};
use super::{Limits, Lox, Program, Stop, isa::Op};
use crate::device::Capture;
use crate::fuzz::{self, Choices, Done, Failure, Refused, Subject, Summary, noise};
use crate::tier::Plant;

/// Bytes that a program takes at most, about.
const LEN: usize = 4000;
/// Instructions that a program may take.
const MOST: u64 = 20_000;

/// How a program is run beside the plain run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Way {
    /// Collects before each so manieth thing that allocates; 0 is never.
    pub stress: u32,
    /// KiB that are allocated at least between two collections.
    pub cycle: u64,
    /// As an image that was written, read and verified.
    pub image: bool,
    /// With the compiler's second pass.
    pub optimise: bool,
    /// Calls that may be under way.
    pub calls: u32,
    /// A bug to put in.
    #[doc(hidden)]
    pub plant: Option<Plant>,
}

impl Default for Way {
    fn default() -> Way {
        Way { stress: 0, cycle: 4096, image: false, optimise: true, calls: 1000, plant: None }
    }
}

/// A program, the way that it is run, and the budgets of its first runs. As JSON it is a file that can be replayed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trial {
    /// The way.
    pub config: Way,
    /// What each run may retire.
    pub budgets: Vec<u64>,
    /// The program.
    pub case: Vec<tree::Stmt>,
}

/// A machine with a program.
struct Running {
    lox: Lox,
    output: Capture,
}

impl Running {
    fn new(program: &Program, way: &Way) -> Result<Running, String> {
        let output = Capture::default();
        let limits = Limits { calls: way.calls, memory: 256 << 20, cycle: (way.cycle << 10) as usize };
        let mut lox = Lox::new(limits, Box::new(output.clone()));
        lox.set_stress(way.stress);
        lox.load(program)?;
        Ok(Running { lox, output })
    }

    /// Runs; how that ends, as text.
    fn run(&mut self, budget: u64) -> Result<String, String> {
        let before = self.lox.instructions();
        let stop = self.lox.run(budget);
        let retired = self.lox.instructions() - before;
        if retired > budget || matches!(stop, Stop::Budget) && retired != budget {
            return Err(format!("a run was to retire {budget} instructions and retired {retired}"));
        }
        Ok(match stop {
            Stop::Halted => "halted".to_owned(),
            Stop::Budget => BUDGET.to_owned(),
            Stop::Error(error) => {
                let trace: Vec<String> = error.calls.iter().map(ToString::to_string).collect();
                format!("{} {}", error.message, trace.join(" "))
            }
            Stop::Io(error) => error.to_string(),
        })
    }

    /// Runs with each of these budgets, and then to the end, or for long; how it ends.
    fn finish(&mut self, budgets: &[u64]) -> Result<String, String> {
        for &budget in budgets.iter().chain([&MOST]) {
            let end = self.run(budget)?;
            // That it has ended is told once.
            if end != BUDGET {
                return Ok(end);
            }
        }
        Ok(BUDGET.to_owned())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.output.bytes()).into_owned()
    }
}

/// Instructions that the runs of a saved trial may take.
const LONGEST: u64 = 1 << 30;
const BUDGET: &str = "the budget is spent";

impl Trial {
    /// A trial of these choices.
    pub fn generate(bytes: &[u8]) -> Trial {
        let choices = &mut Choices::new(bytes);
        let config = Way {
            stress: choices.pick(&[0, 0, 1, 2, 7, 30]),
            cycle: choices.pick(&[4096, 64, 256]),
            image: choices.chance(128),
            optimise: !choices.chance(64),
            calls: choices.pick(&[1000, 20]),
            plant: None,
        };
        let budgets = (0..choices.below(8)).map(|_| u64::from(choices.below(400))).collect();
        Trial { config, budgets, case: generate::program(choices) }
    }

    /// Runs the program both ways.
    ///
    /// # Errors
    /// Where the two part.
    pub fn run(&self) -> Result<Summary, String> {
        let source = tree::source(&self.case);
        let way = &self.config;
        // A large program may pass a limit.
        let Ok(program) = Program::compile(source.as_bytes()) else { return Ok(Summary::default()) };
        let mut other = match way.optimise {
            true => program.clone(),
            false => Program::compile_in_one_pass(source.as_bytes())
                .map_err(|errors| format!("does not compile in one pass: {errors:?}"))?,
        };
        if way.plant == Some(Plant::Translation) {
            other = other.with_other(Op::SubtractK, Op::AddK);
        }
        if way.image {
            other = Program::read(&other.image()).map_err(|what| format!("its image is refused: {what}"))?;
        }
        let usual = Way { calls: way.calls, ..Way::default() };
        let (mut plain, mut other) = (Running::new(&program, &usual)?, Running::new(&other, way)?);
        if way.optimise {
            for (turn, &budget) in self.budgets.iter().chain([&MOST]).enumerate() {
                let ends = (plain.run(budget)?, other.run(budget)?);
                Self::compare(&plain, &other, &ends).map_err(|what| format!("run {turn}: {what}"))?;
            }
        } else {
            // Other code is elsewhere after as many instructions.
            let ends = (plain.finish(&[])?, other.finish(&self.budgets)?);
            match ends.0 == BUDGET || ends.1 == BUDGET {
                true => Self::compare_so_far(&plain, &other, &ends)?,
                false => Self::compare_ends(&plain, &other, &ends)?,
            }
        }
        Ok(Summary { instructions: plain.lox.instructions(), ..Summary::default() })
    }

    /// Compares what only the same code has in common, too.
    fn compare(plain: &Running, other: &Running, ends: &(String, String)) -> Result<(), String> {
        let place = |running: &Running| (running.lox.instructions(), running.lox.place());
        let (expected, found) = (place(plain), place(other));
        if expected != found {
            return Err(format!("stands at {found:?}, the plain run at {expected:?}"));
        }
        Self::compare_ends(plain, other, ends)
    }

    fn compare_ends(plain: &Running, other: &Running, ends: &(String, String)) -> Result<(), String> {
        if ends.0 != ends.1 {
            return Err(format!("ended: {}\nthe plain run: {}", ends.1, ends.0));
        }
        let (expected, found) = (plain.text(), other.text());
        if expected != found {
            return Err(format!("wrote {found:?}, the plain run {expected:?}"));
        }
        Ok(())
    }

    /// Compares two of which at least one has not ended: what it has written, the other has written or will write.
    fn compare_so_far(plain: &Running, other: &Running, ends: &(String, String)) -> Result<(), String> {
        let (expected, found) = (plain.text(), other.text());
        let is_ahead = ends.0 == BUDGET && found.starts_with(&expected);
        let is_behind = ends.1 == BUDGET && expected.starts_with(&found);
        if !is_ahead && !is_behind {
            return Err(format!("wrote {found:?} so far, the plain run {expected:?}"));
        }
        Ok(())
    }

    /// The trial, for people, with what happens in it.
    pub fn story(&self, what: &str) -> String {
        let source = tree::source(&self.case);
        let lines: String =
            source.lines().enumerate().map(|(n, line)| format!("{:>4}  {line}\n", n + 1)).collect();
        format!("{what}\nbudgets {:?}, {:?}\n{lines}", self.budgets, self.config)
    }
}

/// Makes the trial of these bytes.
///
/// # Errors
/// Where the two runs part: the program and how it was run.
pub fn ways(bytes: &[u8]) -> Result<Summary, String> {
    let trial = Trial::generate(bytes);
    trial.run().map_err(|what| trial.story(&what))
}

/// Takes any bytes for an image and for a source, and runs what they are for a while, collecting all the time: nothing
/// may panic or reach outside.
///
/// # Errors
/// A source's image is refused.
pub fn any_file(bytes: &[u8]) -> Result<(), String> {
    let compiled = Program::compile(bytes).ok();
    let image = compiled.map(|program| Program::read(&program.image())).transpose()?;
    for program in image.into_iter().chain(Program::read(bytes)) {
        program.listing(None);
        let limits = Limits { calls: 50, memory: 1 << 20, ..Limits::default() };
        let mut lox = Lox::new(limits, Box::new(io::sink()));
        lox.set_stress(1);
        if lox.load(&program).is_ok() {
            lox.run(2000);
        }
    }
    Ok(())
}

/// What a campaign tries.
pub struct Ways {
    /// A bug to put in.
    pub plant: Option<Plant>,
}

impl Ways {
    fn trial(&self, seed: u64) -> Trial {
        let mut trial = Trial::generate(&noise(seed, LEN));
        trial.config.plant = self.plant;
        trial
    }
}

impl Subject for Ways {
    fn attempt(&self, seed: u64) -> Result<Done, String> {
        self.trial(seed).run().map(|tiers| Done { tiers, ..Done::default() })
    }

    fn minimised(&self, seed: u64, what: String) -> Failure {
        let usual = json!({"config": Way { plant: self.plant, ..Way::default() }});
        let fails = |trial: &Trial| fuzz::caught(|| trial.run()).err();
        fuzz::minimised(super::NAME, seed, what, &self.trial(seed), &usual, fails, Trial::story)
    }
}

/// Runs a trial that was saved.
///
/// # Errors
/// What happens in it, or what is wrong with the file.
pub fn replay(saved: Value) -> Result<Summary, Refused> {
    let trial: Trial = serde_json::from_value(saved).map_err(|error| Refused::File(error.to_string()))?;
    let Way { calls, cycle, .. } = trial.config;
    let sum = trial.budgets.iter().try_fold(0, |sum: u64, &budget| sum.checked_add(budget));
    if sum.is_none_or(|sum| sum > LONGEST) || calls > 1 << 20 || cycle > 1 << 20 {
        let what = format!("budgets are {LONGEST} at most together, calls and cycle {} each", 1 << 20);
        return Err(Refused::File(what));
    }
    fuzz::caught(|| trial.run()).map_err(|what| Refused::Differs(trial.story(&what)))
}
