//! The fuzzer finds what it is for: bugs that are put in on purpose, each within so many programs. What it finds is small,
//! and can be replayed.
#![cfg(feature = "jit")]

use std::sync::Arc;
use std::time::Duration;

use kiln::emit::compiler::Compiler;
use kiln::fuzz::{Campaign, Failure, Oracles, Refused, Tally, replay};
use kiln::guests::lc3::Lc3;
use kiln::guests::{self, Machine, Visit, lox};
use kiln::tier::Plant;

fn campaign(cases: u64) -> Campaign {
    Campaign {
        seed: 0,
        cases,
        time: Duration::MAX,
        long: 0,
        jobs: 2,
        oracles: Oracles::default(),
        plant: None,
    }
}

/// Puts a bug in; what was found within so many programs.
fn found(plant: Plant, cases: u64, oracles: Oracles) -> Failure {
    let campaign = Campaign { plant: Some(plant), oracles, ..campaign(cases) };
    match campaign.run::<Lc3>(|_| true) {
        Ok(tally) => panic!("{plant:?} is not found: {tally:?}"),
        Err((failure, _)) => *failure,
    }
}

/// The same, with what it found replayed: it fails as long as the bug is in.
fn replayed(plant: Plant, cases: u64) -> Failure {
    let failure = found(plant, cases, Oracles::default());
    match replay::<Lc3>(failure.trial.clone(), &Oracles::default()) {
        Err(Refused::Differs(story)) => assert_eq!(story, failure.story),
        other => panic!("{plant:?}: {other:?}"),
    }
    let mut mended = failure.trial.clone();
    mended["config"]["plant"] = serde_json::Value::Null;
    assert!(replay::<Lc3>(mended, &Oracles::default()).is_ok(), "{plant:?} is not why it fails");
    failure
}

fn words(failure: &Failure) -> usize {
    let words = failure.trial["case"]["words"].as_array().unwrap();
    words.iter().filter(|word| word.as_u64() != Some(0)).count()
}

#[test]
fn a_wrong_translation_is_found() {
    let failure = replayed(Plant::Translation, 1000);
    // A branch on what is negative, with zero to branch on, and what makes it hot.
    assert!(words(&failure) <= 20, "{}", failure.story);
}

#[test]
fn a_wrong_exit_count_is_found() {
    replayed(Plant::Count, 1000);
}

#[test]
fn a_turn_too_many_is_found() {
    replayed(Plant::Gate, 8000);
}

#[test]
fn code_that_outlives_what_it_was_made_from_is_found() {
    replayed(Plant::Invalidation, 1000);
}

#[test]
fn code_published_although_memory_changed_is_found() {
    // A matter of time; so it is not said what it comes down to.
    let failure = found(Plant::Publication, 5000, Oracles::default());
    assert!(failure.trial["config"]["plant"] == "publication");
}

#[test]
fn native_code_that_reaches_outside_the_state_is_found_before_it_runs() {
    let failure = found(Plant::Access, 1000, Oracles::default());
    assert!(failure.story.contains("it panicked") && failure.story.contains("outside"), "{}", failure.story);
}

#[test]
fn a_wrong_meaning_is_found_by_the_oracle_alone() {
    let wrong = Campaign { plant: Some(Plant::Meaning), ..campaign(300) };
    assert!(wrong.run::<Lc3>(|_| true).is_ok(), "the tiers share every meaning");
    let failure = found(Plant::Meaning, 300, Oracles { others: true, c: None });
    assert!(failure.story.contains("the oracle") && failure.story.contains("LEA"), "{}", failure.story);
    assert!(words(&failure) <= 2, "{}", failure.story);
}

#[test]
fn c_that_does_something_else_is_found() {
    let c = Some(Arc::new(Compiler::find().unwrap()));
    let failure = found(Plant::C, 300, Oracles { others: false, c: c.clone() });
    assert!(failure.story.contains("not what its C does"), "{}", failure.story);
    let mut mended = failure.trial;
    mended["config"]["plant"] = serde_json::Value::Null;
    assert!(replay::<Lc3>(mended, &Oracles { others: false, c }).is_ok());
}

#[test]
fn what_the_host_refuses_is_no_difference() {
    for plant in [Plant::Memory, Plant::Thread] {
        let refused = Campaign { plant: Some(plant), ..campaign(100) };
        let tally = refused.run::<Lc3>(|_| true).unwrap_or_else(|(failure, _)| panic!("{}", failure.story));
        assert_eq!(tally.tiers.native == 0, plant == Plant::Memory, "{plant:?}: {tally:?}");
        // What is interpreted for long is not run to its end, and that is told.
        assert!(tally.tiers.ended_early > 0 || plant == Plant::Thread, "{tally:?}");
    }
}

struct Run(Campaign);

impl Visit for Run {
    type Output = Tally;

    fn visit<G: Machine>(self) -> Tally {
        self.0.run::<G>(|_| true).unwrap_or_else(|(failure, _)| panic!("{}: {}", G::NAME, failure.story))
    }
}

/// A fuzzer that never compiled has compared nothing.
#[test]
fn more_than_half_is_native() {
    for name in guests::NAMES {
        let tally = guests::visit(name, Run(campaign(300))).unwrap();
        assert!(tally.native_share() > 0.5, "{name}: {tally:?}");
    }
}

#[test]
fn it_ends_when_it_is_asked_to() {
    let tally = campaign(u64::MAX).run::<Lc3>(|tally| tally.cases < 20).unwrap();
    assert!(tally.cases >= 20);
    let soon = Campaign { time: Duration::ZERO, ..campaign(u64::MAX) };
    assert_eq!(soon.run::<Lc3>(|_| true).unwrap().cases, 0);
}

#[test]
fn lox_is_the_same_in_every_way_and_a_difference_is_found() {
    let right = campaign(150).run_on(&lox::trial::Ways { plant: None }, |_| true);
    assert!(right.is_ok_and(|tally| tally.cases == 150 && tally.tiers.instructions > 100_000));
    let ways = lox::trial::Ways { plant: Some(Plant::Translation) };
    let Err((failure, _)) = campaign(300).run_on(&ways, |_| true) else { panic!("it is not found") };
    // A subtraction that shows, in some lines.
    assert!(failure.story.contains(" - ") && failure.story.lines().count() < 12, "{}", failure.story);
    match lox::trial::replay(failure.trial.clone()) {
        Err(Refused::Differs(story)) => assert_eq!(story, failure.story),
        other => panic!("{other:?}"),
    }
    let mut mended = failure.trial.clone();
    mended["config"]["plant"] = serde_json::Value::Null;
    assert!(lox::trial::replay(mended).is_ok());
    for (field, value) in [("calls", 1u64 << 40), ("calls", 1 << 30), ("cycle", 1 << 60)] {
        let mut hostile = failure.trial.clone();
        hostile["config"][field] = value.into();
        assert!(matches!(lox::trial::replay(hostile), Err(Refused::File(_))), "{field}");
    }
}

/// Code of one pass, which is elsewhere after as many instructions, runs in budgets, too. What never ends is compared as far as
/// it gets.
#[test]
fn lox_of_one_pass_is_stopped_and_compared_as_far_as_it_gets() {
    let print = serde_json::json!({"Print": {"Binary": ["-", {"Get": "i"}, {"Number": 1}]}});
    let mut trial = serde_json::json!({
        "config": {"optimise": false},
        "budgets": [1, 50, 3, 0, 400],
        "case": [{"For": ["i", 1_000_000, [print]]}],
    });
    assert!(lox::trial::replay(trial.clone()).is_ok_and(|done| done.instructions > 10_000));
    trial["config"]["plant"] = "translation".into();
    match lox::trial::replay(trial) {
        Err(Refused::Differs(story)) => assert!(story.contains("so far"), "{story}"),
        other => panic!("{other:?}"),
    }
}
