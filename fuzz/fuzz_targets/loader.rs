//! Any bytes load as an image, or say why not; what loads runs the same in both tiers.
#![no_main]

use kiln::guests::lc3::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(what) = check::loader(bytes) {
        panic!("{what}");
    }
});
