//! Random programs in random configurations do what the interpreter does.

use kiln::fuzz::{self, Summary, noise};
use kiln::guests::lc3::generate::Case;

/// Bytes that a case takes at most, about.
const LEN: usize = 600;

fn run(seeds: std::ops::Range<u64>) -> Summary {
    let mut total = Summary::default();
    for seed in seeds {
        match fuzz::tiers::<Case>(&noise(seed, LEN)) {
            Ok(summary) => total += summary,
            Err(story) => panic!("seed {seed}: {story}"),
        }
    }
    total
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
    let total = run(from..from + count);
    if cfg!(feature = "jit") {
        assert!(total.native * 3 > total.instructions, "native code hardly ran: {total:?}");
        assert!(total.invalidated > count / 20, "hardly a region was invalidated: {total:?}");
    }
}
