//! Any words, disassembled, assemble to themselves.
#![no_main]

use kiln::guests::lc3::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(what) = check::disassembler(bytes) {
        panic!("{what}");
    }
});
