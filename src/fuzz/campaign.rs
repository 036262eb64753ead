//! Many trials, on several threads, to the first that fails.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::beside_c::{InC, beside_c};
use super::minimise::minimise;
use super::{Case, Summary, Trial, noise};
use crate::emit::compiler::Compiler;
use crate::guests::Machine;
use crate::tier::{Compile, Config, Plant};

/// Bytes that a case takes at most, about.
const LEN: usize = 600;
/// Time between looks at what the threads have done.
const LOOK: Duration = Duration::from_millis(100);
/// One trial of so many runs beside its C, which takes a compiler 50 times as long as all else.
const C: u64 = 16;
/// Times that a trial is tried that compiles on another thread, and so does not fail every time.
const PATIENCE: usize = 20;

/// What is to be tried.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The first trial's seed; each one after it has the next.
    pub seed: u64,
    /// Trials.
    pub cases: u64,
    /// After this no more are begun.
    pub time: Duration,
    /// One trial of so many, those whose seeds it divides, is a long one; none where it is 0.
    pub long: u64,
    /// Threads.
    pub jobs: usize,
    /// What trials run beside, too.
    pub oracles: Oracles,
    /// A bug to put in.
    pub plant: Option<Plant>,
}

/// What a trial runs beside, besides the interpreter.
#[derive(Clone, Debug, Default)]
pub struct Oracles {
    /// An implementation that others wrote, where there is one for the machine.
    pub others: bool,
    /// The program's own C, for one trial of 16 in a campaign, those whose seeds that divides.
    pub c: Option<Arc<Compiler>>,
}

impl Oracles {
    /// Those for a campaign's trial.
    fn of(&self, seed: u64) -> Oracles {
        Oracles { c: self.c.clone().filter(|_| seed.is_multiple_of(C)), others: self.others }
    }
}

/// What has been tried.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Trials.
    pub cases: u64,
    /// What the tiers did in them.
    pub tiers: Summary,
    /// Instructions that were compared with those of an implementation that others wrote.
    pub others: u64,
    /// Programs that did the same in C.
    pub c_cases: u64,
    /// Their instructions.
    pub c: u64,
}

impl Tally {
    /// The share of the instructions that were native.
    pub fn native_share(&self) -> f64 {
        self.tiers.native as f64 / self.tiers.instructions.max(1) as f64
    }
}

/// A trial that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What its bytes were made from.
    pub seed: u64,
    /// What happened in it, as it was found.
    pub what: String,
    /// The same trial, minimised, as JSON: [`replay`] runs it.
    pub trial: Value,
    /// What happens in that: both states, the configuration and the listing.
    pub story: String,
}

/// What a trial has done.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// What the tiers did.
    pub tiers: Summary,
    /// Instructions that were the same in an implementation that others wrote.
    pub others: u64,
    /// Those that were the same in C.
    pub c: u64,
}

/// What a campaign tries: a trial of each seed.
pub trait Subject: Sync {
    /// Makes one trial.
    ///
    /// # Errors
    /// What differed.
    fn attempt(&self, seed: u64) -> Result<Done, String>;
    /// A trial that failed, made smaller.
    fn minimised(&self, seed: u64, what: String) -> Failure;
}

/// The tiers of a guest, on random cases.
struct Tiers<'c, G> {
    campaign: &'c Campaign,
    guest: PhantomData<fn() -> G>,
}

impl Campaign {
    /// Tries a guest's tiers. `look` is shown now and then what has been done, and says whether to go on.
    ///
    /// # Errors
    /// The first failure, and what was done until then.
    pub fn run<G: Machine>(&self, look: impl FnMut(&Tally) -> bool) -> Result<Tally, (Box<Failure>, Tally)> {
        self.run_on(&Tiers::<G> { campaign: self, guest: PhantomData }, look)
    }

    /// Tries a subject.
    ///
    /// # Errors
    /// As [`Campaign::run`].
    pub fn run_on(
        &self,
        subject: &impl Subject,
        mut look: impl FnMut(&Tally) -> bool,
    ) -> Result<Tally, (Box<Failure>, Tally)> {
        let (next, ended) = (AtomicU64::new(0), AtomicBool::new(false));
        let (tally, failed) = (Mutex::new(Tally::default()), Mutex::new(None::<(u64, String)>));
        let deadline = Instant::now().checked_add(self.time);
        let (running, done) = channel::<()>();
        let work = |_running| {
            while !ended.load(Ordering::Relaxed) && deadline.is_none_or(|deadline| Instant::now() < deadline)
            {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= self.cases {
                    return;
                }
                let seed = self.seed.wrapping_add(n);
                match caught(|| subject.attempt(seed)) {
                    Ok(done) => {
                        let mut tally = tally.lock().expect("nobody panics while counting");
                        tally.cases += 1;
                        tally.tiers += done.tiers;
                        tally.others += done.others;
                        tally.c_cases += u64::from(done.c > 0);
                        tally.c += done.c;
                    }
                    Err(what) => {
                        ended.store(true, Ordering::Relaxed);
                        failed.lock().expect("nobody panics while telling").get_or_insert((seed, what));
                    }
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.jobs {
                let running = running.clone();
                scope.spawn(|| work(running));
            }
            drop(running);
            while done.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let tally = tally.lock().expect("nobody panics while counting").clone();
                if !look(&tally) {
                    ended.store(true, Ordering::Relaxed);
                }
            }
        });
        let (tally, failed) = (tally.into_inner(), failed.into_inner());
        let (tally, failed) = (tally.expect("as above"), failed.expect("as above"));
        match failed {
            None => Ok(tally),
            Some((seed, what)) => Err((Box::new(subject.minimised(seed, what)), tally)),
        }
    }
}

impl<G: Machine> Tiers<'_, G> {
    fn trial(&self, seed: u64) -> Trial<G::Case> {
        let mut trial = Trial::generate(&noise(seed, LEN));
        trial.config.plant = self.campaign.plant;
        let long = self.campaign.long;
        if long > 0 && seed.is_multiple_of(long) {
            trial.lengthen();
        }
        trial
    }
}

impl<G: Machine> Subject for Tiers<'_, G> {
    fn attempt(&self, seed: u64) -> Result<Done, String> {
        attempt::<G>(&self.trial(seed), &self.campaign.oracles.of(seed))
    }

    fn minimised(&self, seed: u64, what: String) -> Failure {
        let (plant, oracles) = (self.campaign.plant, self.campaign.oracles.of(seed));
        let usual = json!({"config": Config { plant, ..Config::default() }});
        let fails = |trial: &Trial<G::Case>| patiently::<G>(trial, &oracles).err();
        minimised(G::NAME, seed, what, &self.trial(seed), &usual, fails, Trial::story)
    }
}

/// A trial that failed, made smaller: `fails` says how it does, `story` tells of it. `usual` is what settings are
/// usually.
pub fn minimised<T: Serialize + DeserializeOwned>(
    guest: &str,
    seed: u64,
    what: String,
    trial: &T,
    usual: &Value,
    fails: impl Fn(&T) -> Option<String>,
    story: impl Fn(&T, &str) -> String,
) -> Failure {
    let saved = serde_json::to_value(trial).expect("a trial can be saved");
    let trial = |saved: &Value| serde_json::from_value::<T>(saved.clone()).ok();
    let failure = |saved: &Value| trial(saved).and_then(|trial| fails(&trial));
    let mut saved = minimise(saved, usual, &mut |saved| failure(saved).is_some());
    let story = match (trial(&saved), failure(&saved)) {
        (Some(trial), Some(what)) => story(&trial, &what),
        _ => format!("{what}\nIt did not happen again."),
    };
    if let Value::Object(fields) = &mut saved {
        fields.insert("guest".to_owned(), guest.into());
    }
    Failure { seed, what, trial: saved, story }
}

/// Why [`replay`] gives no summary.
#[derive(Clone, Debug)]
pub enum Refused {
    /// It is no saved trial, for this reason.
    File(String),
    /// It still fails: what happens, the configuration and the listing.
    Differs(String),
}

/// Runs a trial that was saved.
///
/// # Errors
/// What happens in it, or what is wrong with the file.
pub fn replay<G: Machine>(saved: Value, oracles: &Oracles) -> Result<Summary, Refused> {
    let trial: Trial<G::Case> =
        serde_json::from_value(saved).map_err(|error| Refused::File(error.to_string()))?;
    trial.is_fair().map_err(Refused::File)?;
    patiently::<G>(&trial, oracles)
        .map(|done| done.tiers)
        .map_err(|what| Refused::Differs(trial.story(&what)))
}

fn patiently<G: Machine>(trial: &Trial<G::Case>, oracles: &Oracles) -> Result<Done, String> {
    let times = if trial.config.compile == Compile::Background { PATIENCE } else { 1 };
    (1..times).try_fold(attempt::<G>(trial, oracles)?, |_, _| attempt::<G>(trial, oracles))
}

/// Runs a trial once.
fn attempt<G: Machine>(trial: &Trial<G::Case>, oracles: &Oracles) -> Result<Done, String> {
    caught(|| {
        let tiers = trial.run()?;
        let asked = oracles.others.then(|| trial.case.oracle(trial.config.clone(), &trial.budgets));
        let others =
            asked.flatten().transpose().map_err(|what| format!("not what the oracle does: {what}"))?;
        let c = match &oracles.c {
            Some(compiler) => beside_c::<G>(compiler, &trial.case, trial.config.plant)?,
            None => InC::Unfit,
        };
        let c = if let InC::Same(count) = c { count } else { 0 };
        Ok(Done { tiers, others: others.unwrap_or_default(), c })
    })
}

/// Does something. That it panics is a failure, too.
pub fn caught<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text =
            panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(format!("it panicked: {}", text.unwrap_or("without a word")))
    })
}
