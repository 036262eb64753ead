//! Lox, the language of *Crafting Interpreters*, as clox has it: [`Lox`] is a machine that runs it.

mod compile;
mod core;
mod disasm;
mod embed;
mod error;
mod fault;
mod feedback;
mod gc;
pub mod generate;
mod heap;
mod image;
mod interp;
mod isa;
mod lower;
mod machine;
mod native;
mod number;
mod object;
mod optimise;
mod parse;
pub mod prompt;
mod runtime;
mod scan;
mod scope;
mod shapes;
mod strings;
mod tree;
pub mod trial;
mod unit;
mod value;
mod verify;

use super::{FileKind, Setting, Settings};

pub use self::core::{Collections, Limits};
pub use self::embed::{Caller, Data, Handle};
pub use self::error::{Call, RuntimeError, SourceError, Where};
pub use self::machine::{Lox, Program, Stop};
pub use self::scan::KEYWORDS;

/// The guest's name, as the program's `--guest` takes it.
pub const NAME: &str = "lox";
/// What it is, in a line.
pub const ABOUT: &str = "Lox of Crafting Interpreters, on a machine with registers";
/// The kinds of file that it has to do with.
pub const FILES: &[FileKind] =
    &[FileKind { extension: "lox", what: "source" }, FileKind { extension: "kl", what: "compiled program" }];
/// What it has.
pub const FEATURES: &[&str] = &["compiler", "verifier", "collector", "prompt"];

const CALLS: Setting = Setting {
    name: "calls",
    about: "calls under way at the same time",
    default: 100_000,
    range: (1, 10_000_000),
};
const MEMORY: Setting =
    Setting { name: "memory", about: "MiB that objects may have", default: 4096, range: (1, 1 << 20) };
const CYCLE: Setting = Setting {
    name: "cycle",
    about: "KiB that are allocated at least between two collections",
    default: 4096,
    range: (64, 1 << 20),
};

/// What `--set` takes.
pub const SETTINGS: &[Setting] = &[CALLS, MEMORY, CYCLE];

macro_rules! benches {
    ($($name:literal)+) => {
        &[$((
            $name,
            include_str!(concat!("../../../examples/lox/", $name, ".lox")),
            include_str!(concat!("../../../examples/lox/", $name, ".lua")),
        )),+]
    };
}

/// Programs that measure: names, sources, and the same in Lua.
pub const BENCHES: &[(&str, &str, &str)] = benches! {
    "fib" "loop" "methods" "fields" "objects" "closures" "strings" "trees" "nbody" "shapes" "machine" "interpreter"
};

impl Limits {
    /// Those that settings say.
    pub fn of(settings: &Settings) -> Limits {
        Limits {
            calls: settings.value(&CALLS) as u32,
            memory: (settings.value(&MEMORY) as usize) << 20,
            cycle: (settings.value(&CYCLE) as usize) << 10,
        }
    }
}
