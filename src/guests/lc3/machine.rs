//! LC-3 for the `kiln` program: its files, profiles and benchmarks.

use super::generate::Case;
use super::image::{self, Format, Image, ImageError};
use super::profile::Profile;
use super::strict::Strict;
use super::symbols::Symbols;
use super::{Lc3, REAL, asm, disasm};
use crate::device::Console;
use crate::guests::{BadFile, Bench, FileKind, Form, Likeness, Machine, Product, Remarks, Settings, Watcher};
use crate::ops::Pc;
use crate::state::State;

macro_rules! example {
    ($name:literal) => {
        Bench {
            file: concat!($name, ".asm"),
            source: include_str!(concat!("../../../examples/lc3/", $name, ".asm")),
            computes: true,
            python: None,
        }
    };
}

/// What `--emit` takes, and what it is here.
const FORMS: [(Form, image::Form); 9] = [
    form("raw", "obj", "big-endian words, the origin first", image::Form::Raw),
    form("lc3tools", "obj", "what lc3tools loads", image::Form::Lc3tools),
    form("complx", "obj", "what complx loads", image::Form::Complx),
    form("ensemble", "obj", "what lc3-ensemble loads", image::Form::Ensemble),
    form("ensemble-text", "obj", "the same as text", image::Form::EnsembleText),
    form("hex", "hex", "a word a line in hexadecimal, the origin first", image::Form::Hex),
    form("bin", "bin", "a word a line in binary, the origin first", image::Form::Bin),
    form("sym", "sym", "the table of symbols", image::Form::Symbols),
    form("listing", "lst", "the source with addresses and words", image::Form::Listing),
];

const fn form(
    name: &'static str,
    extension: &'static str,
    what: &'static str,
    form: image::Form,
) -> (Form, image::Form) {
    (Form { name, extension, what }, form)
}

impl Machine for Lc3 {
    type Image = Image;
    type Case = Case;

    const ABOUT: &'static str = "the 16-bit teaching machine of Patt and Patel";
    const FILES: &'static [FileKind] = &[
        FileKind { extension: "asm", what: "assembly source" },
        FileKind { extension: "obj", what: "image, of any assembler" },
        FileKind { extension: "hex", what: "image, as text" },
        FileKind { extension: "bin", what: "image, as text" },
    ];
    const FEATURES: &'static [&'static str] =
        &["assembler", "disassembler", "keyboard", "display", "code that changes itself"];
    #[cfg(feature = "oracle")]
    const ORACLE: Option<&'static str> = Some(super::oracle::NAME);
    const PROFILES: &'static [&'static str] =
        &[Profile::ALL[0].name, Profile::ALL[1].name, Profile::ALL[2].name, Profile::ALL[3].name];
    const SYSTEMS: &'static [&'static str] = &["native", REAL];
    const IS_WATCHED: bool = true;
    const BENCHES: &'static [Bench] = &[
        example!("sieve"),
        example!("matrix"),
        example!("sort"),
        example!("quicksort"),
        example!("crc16"),
        example!("lfsr"),
        example!("fib"),
        example!("queens"),
        example!("life"),
        example!("interp"),
        example!("tokens"),
        example!("strings"),
        example!("collatz"),
        example!("gcd"),
        example!("divide"),
        example!("hanoi"),
        example!("list"),
        example!("mandel"),
        example!("edigits"),
        Bench { computes: false, ..example!("selfmod") },
        Bench { computes: false, ..example!("selfmod2") },
        Bench { computes: false, ..example!("output") },
    ];

    const STARTER: Option<&'static str> = Some(include_str!("../../../templates/new.asm"));

    fn recognise(name: &str, bytes: &[u8]) -> Likeness {
        match Format::of(name, bytes) {
            Format::Lc3tools | Format::EnsembleBinary | Format::EnsembleText => Likeness::Sure,
            _ => Likeness::Perhaps,
        }
    }

    fn read(name: &str, bytes: &[u8]) -> Result<(Image, Remarks), BadFile> {
        match std::str::from_utf8(bytes) {
            Ok(text) if !bytes.is_empty() && Format::of(name, bytes) == Format::Source => {
                assemble(name, text)
            }
            _ => Ok((Image::read(name, bytes)?, Remarks::default())),
        }
    }

    fn compile(name: &str, text: &str, _: Option<&str>) -> Result<(Product, Remarks), BadFile> {
        let (image, remarks) = assemble(name, text)?;
        Ok((Product { bytes: image.write(image::Form::Raw)?, extension: "obj" }, remarks))
    }

    const FORMS: &'static [Form] = &{
        let mut forms = [FORMS[0].0; FORMS.len()];
        let mut at = 0;
        while at < forms.len() {
            forms[at] = FORMS[at].0;
            at += 1;
        }
        forms
    };

    fn write(image: &Image, form: &Form) -> Result<Vec<u8>, BadFile> {
        let known = FORMS.iter().find(|known| known.0.name == form.name);
        Ok(image.write(known.map_or(image::Form::Raw, |known| known.1))?)
    }

    fn format(name: &str, text: &str) -> Result<String, BadFile> {
        asm::format(name, text).map_err(|diagnostics| {
            BadFile::Source(Remarks { file: name.to_owned(), text: text.to_owned(), diagnostics })
        })
    }

    fn name(image: &mut Image, file: &str, bytes: &[u8]) -> Result<(), BadFile> {
        for (name, address) in Symbols::read(file, bytes)?.iter() {
            image.symbols.insert(name, address);
        }
        Ok(())
    }

    fn join(images: Vec<Image>) -> Result<Image, BadFile> {
        Ok(Image::join(images)?)
    }

    fn listing(image: &Image) -> String {
        disasm::image(image)
    }

    fn line(image: &Image, pc: Pc) -> Option<(&str, u32)> {
        image.lines.get(pc as u16)
    }

    fn symbol(image: &Image, pc: Pc) -> Option<(&str, Pc)> {
        let (name, past) = image.symbols.nearest(u16::try_from(pc).ok()?)?;
        Some((name, past.into()))
    }

    fn machine(image: &Image, settings: &Settings, console: Console) -> (Lc3, State) {
        let profile = settings.profile.as_deref().and_then(Profile::named).unwrap_or(Profile::STANDARD);
        let mut lc3 = Lc3::new(profile, console);
        let mut state = lc3.power_on(settings.seed);
        if settings.system.as_deref() == Some(REAL) {
            lc3.install_system(&mut state);
        }
        lc3.load(&mut state, image);
        if settings.start_at_origin {
            lc3.start_at(&mut state, image.start().into());
        }
        (lc3, state)
    }

    fn watcher(&self, image: &Image, state: &State) -> Option<Box<dyn Watcher<Lc3>>> {
        Some(Box::new(Strict::new(image, self, state)))
    }

    fn start_at(&self, state: &mut State, pc: Pc) {
        Lc3::start_at(self, state, pc);
    }

    fn hex(value: u64) -> String {
        format!("x{value:04X}")
    }
}

fn assemble(name: &str, text: &str) -> Result<(Image, Remarks), BadFile> {
    let asm::Assembly { image, diagnostics } = asm::assemble(name, text);
    let remarks = Remarks { file: name.to_owned(), text: text.to_owned(), diagnostics };
    match image {
        Some(image) => Ok((image, remarks)),
        None => Err(BadFile::Source(remarks)),
    }
}

impl From<ImageError> for BadFile {
    fn from(error: ImageError) -> BadFile {
        match error {
            ImageError::Source { file, text, diagnostics } => {
                BadFile::Source(Remarks { file, text, diagnostics })
            }
            error => BadFile::Image(error.to_string()),
        }
    }
}
