//! Why an image is as fast as it is: what was recorded of a run, put together for people and for programs.
//!
//! The run itself is as fast as any ([`crate::record`]); another thread looks at what it does ([`watch`]). How often
//! each instruction is executed comes from a second run of the same program, in samples ([`profile`]).

mod findings;
pub mod profile;
mod region;
pub mod watch;

pub use findings::{grouped, percent};
pub use region::{Block, Edge, Exit, HotRegion, Instruction};

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use serde::Serialize;

use crate::guests::Machine;
use crate::ops::Pc;
use crate::record::{Doing, Event, Record, Unfit, What, Why};
use crate::vm::Vm;
use profile::Profile;
use watch::TimeLine;

/// Events that are kept at most.
const EVENTS: usize = 500;
/// Warm places that are kept at most.
const WARM: usize = 10;
/// Interpreted instructions that are kept at most.
const INTERPRETED: usize = 20;

/// A run that is to be explained.
pub struct Run<'a, G: Machine> {
    /// The machine after it.
    pub vm: &'a Vm<G>,
    /// The program.
    pub image: &'a G::Image,
    /// How long it took.
    pub seconds: f64,
    /// Why it ended, as one word.
    pub ended: &'a str,
    /// What its thread was seen to do.
    pub time_line: TimeLine,
    /// How often instructions were executed.
    pub profile: &'a Profile,
    /// How many places are shown in full.
    pub regions: usize,
}

/// Why an image is as fast as it is.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The guest's name.
    pub guest: &'static str,
    /// Why the run ended, as one word.
    pub ended: String,
    /// Seconds that it took.
    pub seconds: f64,
    /// Instructions that retired.
    pub instructions: u64,
    /// Those of them that the interpreter retired.
    pub interpreted: u64,
    /// Seconds spent translating and compiling.
    pub compile_seconds: f64,
    /// Bytes of machine code that were made.
    pub code_bytes: u64,
    /// In sentences, what there is to say.
    pub findings: Vec<String>,
    /// What the machine's thread was doing over time. Regions are meant by their number.
    pub time_line: TimeLine,
    /// How often native code handed back, by reason.
    pub exits: Vec<(&'static str, u64)>,
    /// How many regions were taken up.
    pub regions_made: usize,
    /// The places whose regions retired most, these first.
    pub regions: Vec<HotRegion>,
    /// All others together.
    pub others: Others,
    /// What happened to places and regions, the last left out where there is too much.
    pub events: Vec<Happening>,
    /// How many were left out.
    pub more_events: u64,
    /// The instructions executed most that no region in use has.
    pub interpreted_most: Vec<Interpreted>,
    /// The places that came nearest to being compiled and were not.
    pub warm: Vec<Warm>,
}

/// Places whose regions are not shown, together.
#[derive(Clone, Default, Debug, Serialize)]
pub struct Others {
    /// How many.
    pub places: usize,
    /// Part of all instructions that their regions retired.
    pub share: f64,
    /// Part of the time that was spent in them.
    pub time_share: Option<f64>,
    /// Times that control went in.
    pub runs: u64,
    /// Bytes of machine code.
    pub code_bytes: usize,
}

/// Something that happened to a place or its region.
#[derive(Clone, Debug, Serialize)]
pub struct Happening {
    /// The same as data.
    #[serde(flatten)]
    pub event: Event,
    /// The place.
    pub place: String,
    /// What happened, in words.
    pub text: String,
}

/// An instruction that no region in use has.
#[derive(Clone, Debug, Serialize)]
pub struct Interpreted {
    /// Where it is.
    pub place: String,
    /// It, as it was at the end.
    pub text: String,
    /// The source's file and line.
    pub line: Option<String>,
    /// About how often it was executed, in both tiers.
    pub executed: u64,
}

/// A place that was not compiled.
#[derive(Clone, Debug, Serialize)]
pub struct Warm {
    /// Where it is.
    pub place: String,
    /// Instructions counted there.
    pub heat: u32,
}

/// What is known of an image beyond its words.
pub(crate) struct Names<'a, G: Machine> {
    image: &'a G::Image,
}

impl<G: Machine> Names<'_, G> {
    /// `x3004 CLEAR+2`.
    fn place(&self, pc: Pc) -> String {
        let address = G::address(pc);
        match G::symbol(self.image, pc) {
            Some((name, 0)) => format!("{address} {name}"),
            Some((name, past)) => format!("{address} {name}+{past}"),
            None => address,
        }
    }

    /// `sieve.asm:12`.
    fn line(&self, pc: Pc) -> Option<String> {
        let (file, line) = G::line(self.image, pc)?;
        let file = Path::new(file).file_name().map_or(file.into(), |name| name.to_string_lossy());
        Some(format!("{file}:{line}"))
    }
}

impl<G: Machine> Run<'_, G> {
    /// Puts together what there is to say.
    pub fn explain(self) -> Explanation {
        let stats = self.vm.stats();
        let names = Names::<G> { image: self.image };
        let nothing = Record::new();
        let record = self.vm.record().unwrap_or(&nothing);
        let places = places(record);
        let (shown, rest) = places.split_at(self.regions.min(places.len()));
        let regions = shown.iter().map(|numbers| HotRegion::new(numbers, record, &self, &names)).collect();
        let is_other =
            |doing: Doing| matches!(doing, Doing::Native(n) if !shown.iter().flatten().any(|&s| s == n));
        let other = || rest.iter().flatten().map(|&number| &record.regions[number]);
        let others = Others {
            places: rest.len(),
            share: other().map(|region| region.retired).sum::<u64>() as f64
                / stats.instructions().max(1) as f64,
            time_share: self.time_line.share(is_other),
            runs: other().map(|region| region.runs).sum(),
            code_bytes: other().map(|region| region.code_bytes).sum(),
        };
        let events = happenings(record, &names);
        let mut explanation = Explanation {
            guest: G::NAME,
            ended: self.ended.to_owned(),
            seconds: self.seconds,
            instructions: stats.instructions(),
            interpreted: stats.interpreted,
            compile_seconds: stats.compile_time.as_secs_f64(),
            code_bytes: stats.code_bytes,
            findings: Vec::new(),
            time_line: self.time_line.clone(),
            exits: stats.exits(),
            regions_made: record.regions.len(),
            regions,
            others,
            more_events: (record.events.len() - events.len()) as u64 + record.lost,
            events,
            interpreted_most: self.interpreted_most(record, &names),
            warm: self.warm(&names),
        };
        explanation.findings = findings::of(&explanation, &self, record);
        explanation
    }

    fn interpreted_most(&self, record: &Record, names: &Names<'_, G>) -> Vec<Interpreted> {
        let in_use = record.regions.iter().filter(|region| region.dropped.is_none());
        let details = in_use.filter_map(|region| region.details.as_ref());
        let native: HashSet<Pc> =
            details.flat_map(|details| details.listing.instructions.iter().map(|i| i.pc)).collect();
        let outside = self.profile.seen().filter(|pc| !native.contains(pc));
        let mut most: Vec<(u64, Pc)> = outside.map(|pc| (self.profile.executed(pc), pc)).collect();
        most.sort_by_key(|&(executed, pc)| (Reverse(executed), pc));
        let interpreted = |&(executed, pc): &(u64, Pc)| Interpreted {
            place: names.place(pc),
            text: self.vm.guest().disassemble(self.vm.state(), pc),
            line: names.line(pc),
            executed,
        };
        most.iter().take(INTERPRETED).map(interpreted).collect()
    }

    fn warm(&self, names: &Names<'_, G>) -> Vec<Warm> {
        let warm = |(pc, heat): (Pc, u32)| Warm { place: names.place(pc), heat };
        self.vm.warmest(WARM).into_iter().map(warm).collect()
    }
}

/// The numbers of the regions of each place, first that which retired most; the places in the order of what all of
/// theirs retired.
fn places(record: &Record) -> Vec<Vec<usize>> {
    let mut places: BTreeMap<Pc, Vec<usize>> = BTreeMap::new();
    for (number, region) in record.regions.iter().enumerate() {
        places.entry(region.pc).or_default().push(number);
    }
    let mut places: Vec<Vec<usize>> = places.into_values().collect();
    let retired = |number: &usize| record.regions[*number].retired;
    places.iter_mut().for_each(|numbers| numbers.sort_by_key(|number| Reverse(retired(number))));
    places.sort_by_key(|numbers| Reverse(numbers.iter().map(retired).sum::<u64>()));
    places
}

/// The first events, in words.
fn happenings<G: Machine>(record: &Record, names: &Names<'_, G>) -> Vec<Happening> {
    let mut attempts: HashMap<Pc, u64> = HashMap::new();
    let happening = |event: &Event| {
        let text = match &event.what {
            What::Installed(number) => {
                let attempt = attempts.entry(event.pc).or_default();
                *attempt += 1;
                installed(record, *number, *attempt)
            }
            What::Dropped(number, why) => dropped(record, *number, why, names),
            What::Rejected(why) => rejected(why, names),
            What::Refused => "is hot, but there is nothing there that can be compiled".to_owned(),
        };
        Happening { event: event.clone(), place: names.place(event.pc), text }
    };
    record.events.iter().take(EVENTS).map(happening).collect()
}

fn installed(record: &Record, number: usize, attempt: u64) -> String {
    let region = &record.regions[number];
    let made = if region.is_reused { "taken up again as it was" } else { "compiled" };
    let text = format!(
        "{made}: {} instruction{} to {} bytes in {:.2} ms",
        region.instructions,
        if region.instructions == 1 { "" } else { "s" },
        region.code_bytes,
        region.compile_seconds * 1e3
    );
    if attempt > 1 { format!("{text}, for the {} time", ordinal(attempt)) } else { text }
}

/// Why a region was dropped, in words.
fn dropped<G: Machine>(record: &Record, number: usize, why: &Why, names: &Names<'_, G>) -> String {
    match why {
        Why::Changed(at) => {
            let details = record.regions[number].details.as_deref();
            let word = match details.map(|details| details.covers(*at)) {
                Some(true) => "the instruction at",
                Some(false) => "the constant at",
                None => "a word that it was made from, at",
            };
            format!("dropped: {word} {} was written", names.place(*at))
        }
        Why::Watched(at) => format!(
            "dropped: it writes {} without a test, and something else has come to rest on that word",
            names.place(*at)
        ),
        Why::Targets => {
            "dropped, to be made again with the targets of indirect jumps that it lacked".to_owned()
        }
        Why::Unseen => {
            "dropped, to be made again with code that had never, or seldom, been executed when it was made"
                .to_owned()
        }
        Why::Constants => {
            "dropped, to be made again for any value of a register that it took for a constant".to_owned()
        }
        Why::Gate => {
            "dropped, to be made again with a loop's accesses tested in the loop: tests before it failed"
                .to_owned()
        }
        Why::Accesses => {
            "dropped, to be made again with each access tested on its own: joint tests failed too often"
                .to_owned()
        }
        Why::Unprofitable { runs, retired } => format!(
            "dropped: control left after {:.1} instructions on average",
            *retired as f64 / (*runs).max(1) as f64
        ),
        Why::Flushed => "dropped with all others: there was too much code".to_owned(),
    }
}

fn rejected<G: Machine>(why: &Unfit, names: &Names<'_, G>) -> String {
    match why {
        Unfit::Changed(words) => {
            let words: Vec<String> = words.iter().map(|&at| names.place(at)).collect();
            format!("compiled in vain: changed meanwhile: {}", words.join(", "))
        }
        Unfit::Watched => {
            "compiled in vain: it writes a word without a test that is watched by now".to_owned()
        }
        Unfit::Host => "could not be compiled: the host refused".to_owned(),
    }
}

fn ordinal(n: u64) -> String {
    let ending = match (n % 100, n % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn ordinals() {
        let all = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(super::ordinal);
        assert_eq!(all, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"]);
    }
}
