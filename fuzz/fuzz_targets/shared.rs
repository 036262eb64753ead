//! Machines of one random program of any guest, run, changed, made anew and forked, do not disturb each other.
#![no_main]

use kiln::guests::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(what) = check::shared(bytes) {
        panic!("{what}");
    }
});
