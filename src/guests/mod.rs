//! The guests, one folder each, and the list of them.
//!
//! [`Machine`] is what the `kiln` program and the suites ask of a guest beyond running it: its files, settings,
//! benchmarks and random programs. Who works with any guest by its name implements [`Visit`].

pub mod byte;
pub mod check;
pub mod iridium;
pub mod lc3;
pub mod lox;
pub mod wordstack;

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::device::Console;
use crate::diagnostic::{Diagnostic, Source, Style};
use crate::fuzz::Case;
use crate::guest::{Fault, Guest};
use crate::ops::Pc;
use crate::prompt::Prompt;
use crate::state::State;
use crate::tier::Config;

/// A guest with its files.
pub trait Machine: Guest {
    /// A program as it was read; any number of machines are made from it.
    type Image;
    /// A random program, for the comparison of the tiers; one in which they part can be saved.
    type Case: Case<Guest = Self> + Serialize + DeserializeOwned;

    /// What the machine is, in a line.
    const ABOUT: &'static str;
    /// The kinds of file that it has to do with.
    const FILES: &'static [FileKind];
    /// What it has beyond the two tiers: `assembler`, `keyboard`.
    const FEATURES: &'static [&'static str];
    /// The implementation that others wrote and that its random programs run beside, where this build has one.
    const ORACLE: Option<&'static str> = None;
    /// The names that `--profile` takes, the default first.
    const PROFILES: &'static [&'static str] = &["standard"];
    /// The names that `--os` takes, the default first.
    const SYSTEMS: &'static [&'static str] = &[];
    /// What `--set` takes.
    const SETTINGS: &'static [Setting] = &[];
    /// Whether it has a [`Machine::watcher`].
    const IS_WATCHED: bool = false;
    /// Programs that measure.
    const BENCHES: &'static [Bench];
    /// A program to start from.
    const STARTER: Option<&'static str> = None;

    /// Whether a file is for this guest. `name` is its path.
    fn recognise(name: &str, _bytes: &[u8]) -> Likeness {
        if has_extension::<Self>(name) { Likeness::Sure } else { Likeness::None }
    }
    /// Reads an image file; source is assembled or compiled.
    ///
    /// # Errors
    /// What is wrong with the file, and where.
    fn read(name: &str, bytes: &[u8]) -> Result<(Self::Image, Remarks), BadFile>;
    /// Translates a source text one step: to an image, or to the source of a lower language. `profile` is one of
    /// [`Machine::PROFILES`], for machines whose images differ by it.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    fn compile(name: &str, text: &str, _profile: Option<&str>) -> Result<(Product, Remarks), BadFile> {
        let (image, remarks) = Self::read(name, text.as_bytes())?;
        let none = || BadFile::Image(format!("{} writes no images", Self::NAME));
        let form = Self::FORMS.first().ok_or_else(none)?;
        Ok((Product { bytes: Self::write(&image, form)?, extension: form.extension }, remarks))
    }
    /// The forms in which an image is written, the usual one first; none where translating is all that there is.
    const FORMS: &'static [Form] = &[];
    /// The image in one of these forms.
    ///
    /// # Errors
    /// Why the form cannot hold it.
    fn write(_image: &Self::Image, _form: &Form) -> Result<Vec<u8>, BadFile> {
        Err(BadFile::Image(format!("{} writes no images", Self::NAME)))
    }
    /// A source text laid out as all are; it means the same.
    ///
    /// # Errors
    /// What is wrong with the text.
    fn format(name: &str, _text: &str) -> Result<String, BadFile> {
        Err(BadFile::Image(format!("{name}: sources for {} are not formatted", Self::NAME)))
    }
    /// Gives an image the names of addresses that a symbol file has.
    ///
    /// # Errors
    /// What is wrong with the file, and where.
    fn name(_image: &mut Self::Image, file: &str, _bytes: &[u8]) -> Result<(), BadFile> {
        Err(BadFile::Image(format!("{file}: {} has no symbol files", Self::NAME)))
    }
    /// The image is one of this profile, where no file tells.
    fn take_profile(_image: &mut Self::Image, _profile: &str) {}
    /// Joins several images to one; there is at least one.
    ///
    /// # Errors
    /// Where they do not go together.
    fn join(images: Vec<Self::Image>) -> Result<Self::Image, BadFile> {
        let mut images = images.into_iter();
        match (images.next(), images.next()) {
            (Some(image), None) => Ok(image),
            _ => Err(BadFile::Image(format!("{} runs one image at a time", Self::NAME))),
        }
    }
    /// The image as source that assembles to it again.
    fn listing(image: &Self::Image) -> String;
    /// The source line, from 1, that the instruction at `pc` stands on.
    fn line(_image: &Self::Image, _pc: Pc) -> Option<(&str, u32)> {
        None
    }

    /// The nearest name at or before an address, and how far the address is past it.
    fn symbol(_image: &Self::Image, _pc: Pc) -> Option<(&str, Pc)> {
        None
    }

    /// A machine with the image loaded, before its first instruction.
    fn machine(image: &Self::Image, settings: &Settings, console: Console) -> (Self, State);
    /// Who watches for what programs do that is hardly meant, from this state on.
    fn watcher(&self, _image: &Self::Image, _state: &State) -> Option<Box<dyn Watcher<Self>>> {
        None
    }
    /// Has a machine before its first instruction start somewhere else.
    fn start_at(&self, state: &mut State, pc: Pc) {
        state.set_pc(pc);
    }
    /// The code that a machine has halted with; 0 says that all is well.
    fn exit_code(&self, _state: &State) -> u8 {
        0
    }
    /// What a machine that has halted has to show beside its output: lines for standard output.
    fn result(&self, _state: &State) -> Option<String> {
        None
    }
    /// The lines of `--trace` for the instruction at `pc` in the words of the guest's people: those for before it is
    /// executed, those for after. Without them a trace has a general line.
    fn trace(&self, _state: &State, _pc: Pc, _when: When) -> Option<String> {
        None
    }
    /// A live machine for people to type at, where the guest has such a thing.
    fn prompt(_config: Config) -> Option<Box<dyn Prompt>> {
        None
    }
    /// A number as the guest's people write it in hexadecimal.
    fn hex(value: u64) -> String {
        format!("{value:#x}")
    }
    /// The value of one of [`crate::guest::Guest::registers`] as they write it.
    fn value(_register: &str, value: u64) -> String {
        Self::hex(value)
    }
    /// A code address as they write it.
    fn address(pc: Pc) -> String {
        Self::hex(u64::from(pc))
    }
}

/// Whether the file's extension says that it is for this guest.
pub fn has_extension<G: Machine>(name: &str) -> bool {
    let extension = Path::new(name).extension().unwrap_or_default();
    G::FILES.iter().any(|kind| extension.eq_ignore_ascii_case(kind.extension))
}

/// A kind of file.
#[derive(Clone, Copy, Debug)]
pub struct FileKind {
    /// How its name ends, without the dot.
    pub extension: &'static str,
    /// What it holds.
    pub what: &'static str,
}

/// A form in which an image is written.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Its name for `--emit`.
    pub name: &'static str,
    /// How the file's name ends, without the dot.
    pub extension: &'static str,
    /// What it is.
    pub what: &'static str,
}

/// A number that a machine can be given before it starts.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// What it is if nobody says.
    pub default: u64,
    /// What it may be.
    pub range: (u64, u64),
}

/// What a compiler or assembler has made of a source.
#[derive(Clone, Debug)]
pub struct Product {
    /// What to write to a file.
    pub bytes: Vec<u8>,
    /// How the file's name usually ends.
    pub extension: &'static str,
}

/// Watches a program, instruction by instruction, for what its machine does and nobody means.
pub trait Watcher<G> {
    /// Looks at the instruction at `state.pc()`, which is executed next.
    ///
    /// # Errors
    /// What is wrong with it, or with the one that led there.
    fn look(&mut self, guest: &G, state: &State) -> Result<(), Fault>;
}

/// Before or after an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// It is about to be executed.
    Before,
    /// It has retired.
    After,
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
    /// One of [`Machine::SYSTEMS`]; anything else means the default.
    pub system: Option<String>,
    /// Start with pseudo-random registers and memory.
    pub seed: Option<u64>,
    /// Start where the first image does, not where the machine would.
    pub start_at_origin: bool,
    /// Of [`Machine::SETTINGS`], those that are not as usual.
    pub values: Vec<(&'static str, u64)>,
}

impl Settings {
    /// The value of this one of the guest's settings.
    pub fn value(&self, setting: &Setting) -> u64 {
        let given = self.values.iter().rev().find(|value| value.0 == setting.name);
        given.map_or(setting.default, |value| value.1)
    }
}

/// A program that measures.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// The file's name, in `examples/` and the guest's folder there.
    pub file: &'static str,
    /// Its source.
    pub source: &'static str,
    /// Whether it mostly computes in code that stays as it is; such programs make up the mean.
    pub computes: bool,
    /// The same program in Python, which prints the answers as [`check::holds`] reads them.
    pub python: Option<&'static str>,
}

impl Bench {
    /// A program that computes.
    pub const fn new(file: &'static str, source: &'static str) -> Bench {
        Bench { file, source, computes: true, python: None }
    }
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
    /// What was said about the text of a file.
    pub fn new(file: &str, text: &str, diagnostics: Vec<Diagnostic>) -> Remarks {
        Remarks { file: file.to_owned(), text: text.to_owned(), diagnostics }
    }

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

/// The text that a file holds.
///
/// # Errors
/// It is not UTF-8.
pub fn utf8<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, BadFile> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        BadFile::Image(format!("{name}: byte {at}: not UTF-8; source is UTF-8 text"))
    })
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

        /// The same, and Lox, whose machine is of another kind: [`lox::Lox`].
        pub const ALL: &[&str] = &[$(<$guest as Guest>::NAME),+, lox::NAME];

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
    iridium::Iridium,
    byte::Byte,
    wordstack::Wordstack,
}
