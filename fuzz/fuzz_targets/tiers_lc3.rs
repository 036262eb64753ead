//! A random program for LC-3 does in a random configuration what it does in the interpreter.
#![no_main]

use kiln::fuzz;
use kiln::guests::{Machine, lc3::Lc3};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(what) = fuzz::tiers::<<Lc3 as Machine>::Case>(bytes) {
        panic!("{what}");
    }
});
