//! A random program of any guest does in a random configuration what it does in the interpreter.
#![no_main]

use kiln::guests::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(what) = check::tiers(bytes) {
        panic!("{what}");
    }
});
