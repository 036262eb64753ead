//! Random programs, and every word, on an LC-3 that others wrote, beside ours.

mod common;

use common::{configurations, interpreter};
use kiln::fuzz::{Choices, noise};
use kiln::guests::lc3::generate::Case;
use kiln::guests::lc3::oracle::{Pair, follow};
use kiln::guests::lc3::profile::Profile;

fn random_programs(seeds: std::ops::Range<u64>, config: &kiln::tier::Config, name: &str) -> u64 {
    let mut total = 0;
    for seed in seeds {
        let bytes = noise(seed ^ 0x0ac1e, 600);
        let choices = &mut Choices::new(&bytes);
        let budgets: Vec<u64> = (0..4).map(|_| u64::from(choices.below(700))).collect();
        let origin = choices.pick(&[0x3000, 0x3000, 0x4000, 0xfc00]);
        let case = Case::new(choices, Profile::LC3TOOLS, origin);
        match follow(&case, config.clone(), &budgets).expect("both have that memory") {
            Ok(instructions) => total += instructions,
            Err(what) => panic!("seed {seed} in configuration {name:?}: {what}\n{case:?}"),
        }
    }
    total
}

#[test]
fn random_programs_in_the_interpreter() {
    let total = random_programs(0..1500, &interpreter(), "interpreter");
    assert!(total > 300_000, "only {total} instructions compared");
}

#[test]
fn random_programs_in_native_code() {
    for (name, config) in configurations().into_iter().skip(1) {
        random_programs(2000..2150, &config, name);
    }
}

/// Every word as an instruction, with registers and memory that make results and addresses of every kind.
#[test]
fn every_word() {
    let values: [u16; 8] = [0x0000, 0x0001, 0x3fff, 0x4000, 0x7fff, 0x8000, 0xfdff, 0xffff];
    let case = Case {
        profile: Profile::LC3TOOLS,
        origin: 0,
        words: Vec::new(),
        ..common::program(".ORIG x3000\nHALT\n.END")
    };
    let mut pair = Pair::new(&case, interpreter());
    // Pointers of every kind, where LD and LDI find them.
    for (n, at) in (0x3000..0x3300).enumerate() {
        pair.poke(at, values[n % 8].wrapping_add(n as u16 / 8));
    }
    for word in (0..=u16::MAX).filter(|word| word & 0xff00 != 0xf000) {
        let at = 0x3110 + (word & 7);
        pair.poke(at, word);
        pair.set_pc(at);
        for n in 0..8 {
            pair.set(n, values[(usize::from(n) + usize::from(word >> 4)) % 8]);
        }
        // All of memory now and then: what went wrong stays wrong.
        let all = word % 0x1000 == 0;
        pair.run(1, all).unwrap_or_else(|what| panic!("x{word:04X} at x{at:04X}: {what}"));
    }
}
