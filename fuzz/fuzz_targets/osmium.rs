//! A random Osmium program does on the machine what the evaluator says; any text compiles, or it is said why not.
#![no_main]

use kiln::guests::iridium::osmium::generate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(what) = generate::check(bytes).and(generate::any_text(bytes)) {
        panic!("{what}");
    }
});
