//! A random program for the byte machine does in a random configuration what it does in the interpreter.
#![no_main]

use kiln::fuzz;
use kiln::guests::{Machine, byte::Byte};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(what) = fuzz::tiers::<<Byte as Machine>::Case>(bytes) {
        panic!("{what}");
    }
});
