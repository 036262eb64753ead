//! Any bytes are a Lox source or image that runs safely, or are refused.
#![no_main]

use kiln::guests::lox::trial;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(what) = trial::any_file(bytes) {
        panic!("{what}");
    }
});
