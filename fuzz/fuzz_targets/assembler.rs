//! Any text assembles, or says why not; what assembles does so again after disassembly.
#![no_main]

use kiln::guests::lc3::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(what) = check::assembler(bytes) {
        panic!("{what}");
    }
});
