//! Any bytes are a file of Wordstack, or it is said why not; what can be read does the same in both tiers.
#![no_main]

use kiln::guests::check;
use kiln::guests::wordstack::Wordstack;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(what) = check::file::<Wordstack>(bytes) {
        panic!("{what}");
    }
});
