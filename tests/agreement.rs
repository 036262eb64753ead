//! Random programs of every guest, in random configurations, do what the interpreter does.

use std::ops::Range;

use kiln::fuzz::{self, Summary, noise};
use kiln::guests::{self, Machine, Visit, check};

/// Bytes that a case takes at most, about.
const LEN: usize = 600;

struct Run(Range<u64>);

impl Visit for Run {
    type Output = ();

    fn visit<G: Machine>(self) {
        let Run(seeds) = self;
        let count = seeds.end - seeds.start;
        let mut total = Summary::default();
        for seed in seeds {
            match fuzz::tiers::<G::Case>(&noise(seed, LEN)) {
                Ok(summary) => total += summary,
                Err(story) => panic!("{}, seed {seed}: {story}", G::NAME),
            }
        }
        if cfg!(feature = "jit") {
            assert!(total.native * 3 > total.instructions, "{}: native code hardly ran: {total:?}", G::NAME);
            let changes = G::CODE.is_some();
            assert!(
                total.invalidated > count / 20 || !changes,
                "{}: hardly a region was invalidated: {total:?}",
                G::NAME
            );
        }
    }
}

/// `KILN_SEEDS=1000+500` runs 500 seeds from 1000 on.
#[test]
fn random_programs_agree() {
    let (from, count) = match std::env::var("KILN_SEEDS") {
        Ok(text) => {
            let (from, count) = text.split_once('+').unwrap_or(("0", &text));
            (from.parse().unwrap(), count.parse().unwrap())
        }
        Err(_) => (0, 1500),
    };
    for name in guests::NAMES {
        guests::visit(name, Run(from..from + count)).expect("the guest is listed");
    }
}

/// Files of noise, which mostly are refused, and of words that sources are made of.
#[test]
fn any_file_is_read_or_refused() {
    const WORDS: [&str; 12] = [
        "add",
        "ADD R0, R0, R1",
        "push",
        "halt",
        "12",
        "-5",
        "+",
        "/",
        "\n",
        ".ORIG x3000",
        ".END",
        "label:",
    ];
    for seed in 0..2000 {
        let mut bytes = noise(seed, 40);
        if seed % 2 == 0 {
            let words = bytes.split_off(2).into_iter().map(|byte| WORDS[usize::from(byte) % WORDS.len()]);
            bytes.extend(words.collect::<Vec<_>>().join(" ").bytes());
        }
        check::files(&bytes).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
}
