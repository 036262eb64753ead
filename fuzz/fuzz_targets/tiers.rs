//! A random program does in a random configuration what it does in the interpreter.
#![no_main]

use kiln::guests::lc3::generate::Case;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(what) = kiln::fuzz::tiers::<Case>(bytes) {
        panic!("{what}");
    }
});
