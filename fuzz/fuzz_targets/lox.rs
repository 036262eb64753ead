//! A random Lox program does the same in every way in which it is run.
#![no_main]

use kiln::guests::lox::trial;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(what) = trial::ways(bytes) {
        panic!("{what}");
    }
});
