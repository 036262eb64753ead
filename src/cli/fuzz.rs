//! `kiln fuzz`.

use std::cmp::Reverse;
use std::fs;
use std::num::NonZeroUsize;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use clap::builder::PossibleValuesParser;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use kiln::fuzz::{self, Campaign, Failure as Found, Oracles, Tally};
use kiln::guests::{self, Machine, Visit, lox};
use kiln::tier::Plant;
use serde_json::Value;

use super::{Failure, code, host, load, native, print, say, whole};

const AFTER_HELP: &str = "\
Random programs run in random configurations, each beside the interpreter; registers, memory, output,
what devices were asked, counts and stops are compared at every stop. With --oracle, LC-3's run beside
lc3-ensemble, too, which others wrote; with --c, some run beside the C that kiln emit c makes of them.
Lox's run plainly and in another way: with collections all the time, small budgets, as images, compiled in
one pass.

The exit code is 0 where all agree, and 1 where some do not, or where less than half of what was compared
was native. What differs is made as small as it gets and saved, with a report.

Examples:
  kiln fuzz --seconds 60
  kiln fuzz --guest lc3 --cases 100000 --seed 7 --oracle
  kiln fuzz --replay kiln-fuzz/lc3-1234.json";

/// `kiln fuzz`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Fuzz {
    /// The machine; without this all, in turn
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(guests::ALL))]
    guest: Option<String>,
    /// How long to try, all machines together [default: 60 without --cases]
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// How many programs of each machine to try
    #[arg(long, value_name = "N")]
    cases: Option<u64>,
    /// The first program's number; each is followed by the next [default: from the clock]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// One program of so many runs for millions of instructions; 0: none
    #[arg(long, value_name = "N", default_value_t = 64)]
    long: u64,
    /// Threads [default: as many as the host runs at once]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// The directory where a program that differs is saved
    #[arg(long, value_name = "DIR", default_value = "kiln-fuzz")]
    out: PathBuf,
    /// Run each program beside an implementation that others wrote, too, where there is one
    #[arg(long)]
    oracle: bool,
    /// Run one program of 16 beside its own C, too, as a C compiler ($CC, or cc) makes it, if it keeps to what C assumes
    #[arg(long)]
    c: bool,
    /// Run what was saved once more
    #[arg(long, value_name = "FILE", conflicts_with_all = ["guest", "seconds", "cases", "seed", "long", "jobs"])]
    replay: Option<PathBuf>,
    /// Put a bug in, to see it found
    #[arg(long, hide = true, value_name = "BUG", value_parser = plant)]
    plant: Option<Plant>,
}

fn plant(name: &str) -> Result<Plant, String> {
    serde_json::from_value(name.into()).map_err(|error| error.to_string())
}

impl Fuzz {
    /// Tries; the exit code.
    pub fn execute(self) -> Result<u8, Failure> {
        let is_lox = self.guest.as_deref() == Some(lox::NAME);
        if !cfg!(feature = "jit") && !is_lox && self.replay.is_none() {
            return Err(Failure::new(
                code::UNAVAILABLE,
                "this build has no JIT: there is nothing to compare",
            ));
        }
        if self.oracle && !cfg!(feature = "oracle") {
            let line = "this build has no oracle; there is one in `cargo build --release --features oracle`";
            return Err(Failure::new(code::UNAVAILABLE, line));
        }
        let c = self.c.then(|| native::find("--c")).transpose()?.map(Arc::new);
        let oracles = Oracles { others: self.oracle, c };
        if let Some(path) = &self.replay {
            return self.replay(path, oracles);
        }
        host::catch_signals().map_err(|error| Failure::io("cannot catch signals", &error))?;
        let names: Vec<&str> = match &self.guest {
            Some(name) => vec![name],
            None => guests::ALL.to_vec(),
        };
        let seconds = self.seconds.or(self.cases.is_none().then_some(60));
        let campaign = Campaign {
            seed: self.seed.unwrap_or_else(clock),
            cases: self.cases.unwrap_or(u64::MAX),
            time: seconds.map_or(Duration::MAX, |n| Duration::from_secs(n) / names.len() as u32),
            long: self.long,
            jobs: self.jobs.or(thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get),
            oracles,
            plant: self.plant,
        };
        say(format!("the first program's number is {}", campaign.seed));
        let mut worst = code::OK;
        for name in names {
            let done = match name {
                lox::NAME => self.try_lox(&campaign)?,
                _ => guests::visit(name, Try(&self, &campaign)).expect("the guest is listed")?,
            };
            worst = worst.max(done);
            if host::signal().is_some() {
                break;
            }
        }
        Ok(host::signal().map_or(worst, |signal| code::SIGNAL + signal as u8))
    }

    fn replay(&self, path: &Path, oracles: Oracles) -> Result<u8, Failure> {
        let file = load::read(path)?;
        let bad = |what: &str| Failure::new(code::DATA, format!("{}: {what}", file.name));
        let saved: Value = serde_json::from_slice(&file.bytes)
            .map_err(|error| bad(&format!("not a saved program: {error}")))?;
        let guest =
            saved["guest"].as_str().ok_or_else(|| bad("says not which `guest` it is for"))?.to_owned();
        let replayed = match guest.as_str() {
            lox::NAME => Some(
                lox::trial::replay(saved)
                    .map(|done| format!("the runs agree on {} instructions", done.instructions)),
            ),
            _ => guests::visit(&guest, Again(saved, oracles)),
        };
        match replayed.ok_or_else(|| bad(&format!("is for {guest}, which is no machine here")))? {
            Ok(text) => {
                say(text);
                Ok(code::OK)
            }
            Err(fuzz::Refused::File(what)) => Err(bad(&what)),
            Err(fuzz::Refused::Differs(story)) => {
                say(format!("{}\n{}", differ(&guest), story.trim_end()));
                Ok(code::DIFFERENT)
            }
        }
    }

    /// Tries Lox programs; the exit code.
    fn try_lox(&self, campaign: &Campaign) -> Result<u8, Failure> {
        let ways = lox::trial::Ways { plant: campaign.plant };
        let line = |tally: &Tally, time| agreement(lox::NAME, tally, time);
        let (_, found) = shown(line, |look| campaign.run_on(&ways, look))?;
        if campaign.oracles.others {
            print(NO_ORACLE.as_bytes())?;
        }
        found.map_or(Ok(code::OK), |found| self.tell(lox::NAME, &found))
    }

    /// Saves and shows what differs; the exit code.
    fn tell(&self, guest: &str, found: &Found) -> Result<u8, Failure> {
        let command = self.save(guest, found)?;
        let (what, differ) = (found.story.trim_end(), differ(guest));
        say(format!("{guest}, program {}: {differ}\n{what}\nTo run it again: {command}", found.seed));
        Ok(code::DIFFERENT)
    }

    /// Saves what differs; how to run it again.
    fn save(&self, name: &str, found: &Found) -> Result<String, Failure> {
        fs::create_dir_all(&self.out).map_err(|error| whole::cannot_write(&self.out, &error))?;
        let path = |ending: &str| self.out.join(format!("{name}-{}.{ending}", found.seed));
        let (json, text) = (path("json"), path("txt"));
        let oracles = [(self.oracle, " --oracle"), (self.c, " --c")];
        let oracles: String = oracles.iter().filter(|option| option.0).map(|option| option.1).collect();
        let command = format!("kiln fuzz{oracles} --replay {}", json.display());
        let report =
            format!("{}\nTo run it again: {command}\n\nAs it was found: {}\n", found.story, found.what);
        let saved = format!("{:#}\n", found.trial);
        whole::write(&json, saved.as_bytes())?;
        whole::write(&text, report.as_bytes())?;
        Ok(command)
    }
}

/// A number that is not used twice.
fn clock() -> u64 {
    // A million programs a second.
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs() << 20)
}

/// Runs what was saved once more.
struct Again(Value, Oracles);

impl Visit for Again {
    type Output = Result<String, fuzz::Refused>;

    fn visit<G: Machine>(self) -> Self::Output {
        let done = fuzz::replay::<G>(self.0, &self.1)?;
        let (all, native) = (done.instructions, done.native);
        Ok(format!(
            "the tiers agree on {all} instructions; {native} were native, in {} regions",
            done.regions
        ))
    }
}

/// Tries programs of one guest.
struct Try<'a>(&'a Fuzz, &'a Campaign);

impl Visit for Try<'_> {
    type Output = Result<u8, Failure>;

    fn visit<G: Machine>(self) -> Result<u8, Failure> {
        let Try(fuzz, campaign) = self;
        let (tally, found) = shown(line::<G>, |look| campaign.run::<G>(look))?;
        let mut text = String::new();
        if campaign.oracles.c.is_some() {
            let (cases, instructions) = (HumanCount(tally.c_cases), HumanCount(tally.c));
            text += &format!("  {cases} programs, {instructions} instructions beside their C\n");
        }
        if campaign.oracles.others {
            text += &match G::ORACLE {
                Some(name) => format!("  {} instructions beside {name}\n", HumanCount(tally.others)),
                None => NO_ORACLE.to_owned(),
            };
        }
        print(text.as_bytes())?;
        if let Some(found) = found {
            return fuzz.tell(G::NAME, &found);
        }
        if tally.native_share() < 0.5 && host::signal().is_none() {
            say(format!("{}: less than half was native: that is no comparison of the tiers", G::NAME));
            return Ok(code::DIFFERENT);
        }
        Ok(code::OK)
    }
}

const NO_ORACLE: &str = "  there is no oracle for it\n";

/// Tries, and shows how far it is, in lines, the last of which stays; what was done, and what failed.
fn shown(
    line: impl Fn(&Tally, Duration) -> String,
    run: impl FnOnce(&mut dyn FnMut(&Tally) -> bool) -> Result<Tally, (Box<Found>, Tally)>,
) -> Result<(Tally, Option<Box<Found>>), Failure> {
    let style = ProgressStyle::with_template("{spinner} {msg}").expect("a fixed template");
    let bar = ProgressBar::new_spinner().with_style(style);
    let start = Instant::now();
    // A panic is a failure that is told of in full.
    panic::set_hook(Box::new(|_| {}));
    let result = run(&mut |tally| {
        bar.set_message(line(tally, start.elapsed()));
        bar.tick();
        host::signal().is_none()
    });
    drop(panic::take_hook());
    bar.finish_and_clear();
    let (tally, found) = match result {
        Ok(tally) => (tally, None),
        Err((found, tally)) => (tally, Some(found)),
    };
    print((line(&tally, start.elapsed()) + "\n").as_bytes())?;
    Ok((tally, found))
}

/// What differs in a trial of this guest.
fn differ(guest: &str) -> &'static str {
    if guest == lox::NAME { "the runs differ" } else { "the tiers differ" }
}

/// What has been done, in two lines.
fn line<G: Machine>(tally: &Tally, time: Duration) -> String {
    format!(
        "{}, {:.0} % of them native; {} regions, {} invalidated\n  \
         {} programs ended early, mostly interpreted; exits: {}",
        agreement(G::NAME, tally, time),
        100.0 * tally.native_share(),
        HumanCount(tally.tiers.regions),
        HumanCount(tally.tiers.invalidated),
        HumanCount(tally.tiers.ended_early),
        exits(tally),
    )
}

/// What has been compared, as the start of a line.
fn agreement(name: &str, tally: &Tally, time: Duration) -> String {
    let rate = tally.cases as f64 / time.as_secs_f64().max(1e-3);
    let (cases, instructions) = (HumanCount(tally.cases), HumanCount(tally.tiers.instructions));
    format!("{name}: {cases} programs ({rate:.0}/s) agree on {instructions} instructions")
}

/// Why native code handed back, the most frequent reason first.
fn exits(tally: &Tally) -> String {
    let mut exits: Vec<_> = tally.tiers.exits.iter().collect();
    exits.sort_by_key(|exit| Reverse(exit.1));
    let exits: Vec<String> =
        exits.into_iter().map(|(why, count)| format!("{why} {}", HumanCount(*count))).collect();
    exits.join(", ")
}
