//! Any text is a recording of keys, or it is said why not; what is one reads the same again from what it prints.
#![no_main]

use kiln::guests::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(what) = check::keys(bytes) {
        panic!("{what}");
    }
});
