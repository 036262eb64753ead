//! A random program for Iridium does in a random configuration what it does in the interpreter.
#![no_main]

use kiln::fuzz;
use kiln::guests::{Machine, iridium::Iridium};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(what) = fuzz::tiers::<<Iridium as Machine>::Case>(bytes) {
        panic!("{what}");
    }
});
