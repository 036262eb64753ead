//! Any text for Iridium assembles, or says why not; any image, disassembled, assembles to itself.
#![no_main]

use kiln::guests::iridium::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(what) = check::assembler(bytes).and_then(|()| check::disassembler(bytes)) {
        panic!("{what}");
    }
});
