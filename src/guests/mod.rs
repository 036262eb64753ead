//! The guests, one folder each, and the list of them.
//!
//! [`Machine`] is what the `kiln` program asks of a guest beyond running it: its files, profiles and
//! benchmarks. Who works with any guest by its name implements [`Visit`].

pub mod lc3;

use crate::device::Console;
use crate::diagnostic::{Diagnostic, Source, Style};
use crate::guest::Guest;
use crate::ops::Pc;
use crate::state::State;

/// A guest with its files.
pub trait Machine: Guest {
    /// A program as it was read; any number of machines are made from it.
    type Image;

    /// The names that `--profile` takes, the default first.
    const PROFILES: &'static [&'static str];
    /// The extension of the files that [`Machine::write`] makes.
    const OBJECT: &'static str;
    /// Programs that measure.
    const BENCHES: &'static [Bench];

    /// Whether a file is for this guest. `name` is its path.
    fn recognise(name: &str, bytes: &[u8]) -> Likeness;
    /// Reads an image file; source is assembled.
    ///
    /// # Errors
    /// What is wrong with the file, and where.
    fn read(name: &str, bytes: &[u8]) -> Result<(Self::Image, Remarks), BadFile>;
    /// Assembles a source text.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    fn assemble(name: &str, text: &str) -> Result<(Self::Image, Remarks), BadFile>;
    /// Joins several images to one; there is at least one.
    ///
    /// # Errors
    /// Where they do not go together.
    fn join(images: Vec<Self::Image>) -> Result<Self::Image, BadFile>;
    /// The image as the guest's usual tools write it.
    ///
    /// # Errors
    /// Why their format cannot hold it.
    fn write(image: &Self::Image) -> Result<Vec<u8>, BadFile>;
    /// The image as source that assembles to it again.
    fn listing(image: &Self::Image) -> String;
    /// The source line, from 1, that the instruction at `pc` stands on.
    fn line(image: &Self::Image, pc: Pc) -> Option<(&str, u32)>;

    /// A machine with the image loaded, before its first instruction.
    fn machine(image: &Self::Image, settings: &Settings, console: Console) -> (Self, State);
    /// A number as the guest's people write it in hexadecimal.
    fn hex(value: u64) -> String {
        format!("{value:#x}")
    }
}

/// How sure a guest is that a file is its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Likeness {
    /// Nothing speaks for it.
    None,
    /// It could be read.
    Perhaps,
    /// The file says so, by its first bytes or the ending of its name.
    Sure,
}

/// What a machine is to be like.
#[derive(Clone, Default, Debug)]
pub struct Settings {
    /// One of [`Machine::PROFILES`]; anything else means the default.
    pub profile: Option<String>,
    /// Start with pseudo-random registers and memory.
    pub seed: Option<u64>,
    /// Start where the first image does, not where the machine would.
    pub start_at_origin: bool,
}

/// A program that measures.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// The name, which is also the file's in `examples/`.
    pub name: &'static str,
    /// Its source.
    pub source: &'static str,
    /// Whether it mostly computes in code that stays as it is; such programs make up the mean.
    pub computes: bool,
}

/// What an assembler said about a source text.
#[derive(Clone, Default, Debug)]
pub struct Remarks {
    /// The name of the file.
    pub file: String,
    /// What it holds.
    pub text: String,
    /// What was said.
    pub diagnostics: Vec<Diagnostic>,
}

impl Remarks {
    /// As text for people; empty where there is nothing to say.
    pub fn render(&self, style: Style) -> String {
        Source::new(&self.file, &self.text).render_all(&self.diagnostics, style)
    }
}

/// Why a file was refused.
#[derive(Clone, Debug)]
pub enum BadFile {
    /// In a line that says what and where.
    Image(String),
    /// It is source, and does not assemble.
    Source(Remarks),
}

/// Does something with a guest's type.
pub trait Visit {
    /// What comes of it.
    type Output;
    /// Does it.
    fn visit<G: Machine>(self) -> Self::Output;
}

/// Makes the list of guests from their types.
macro_rules! guests {
    ($($guest:ty),+ $(,)?) => {
        /// The names of all guests.
        pub const NAMES: &[&str] = &[$(<$guest as Guest>::NAME),+];

        /// Visits the guest of this name.
        pub fn visit<V: Visit>(name: &str, visitor: V) -> Option<V::Output> {
            $(if name == <$guest as Guest>::NAME {
                return Some(visitor.visit::<$guest>());
            })+
            None
        }

        /// The guest that a file is for, by its content and name: the surest, and the first of equals.
        pub fn recognise(name: &str, bytes: &[u8]) -> Option<&'static str> {
            let all = [$((<$guest as Machine>::recognise(name, bytes), <$guest as Guest>::NAME)),+];
            let best = all.into_iter().rev().max_by_key(|guest| guest.0)?;
            (best.0 > Likeness::None).then_some(best.1)
        }
    };
}

// Every guest: a new one is a line here.
guests! {
    lc3::Lc3,
}
