//! Iridium for the `kiln` program: its files, settings and benchmarks.

use std::path::Path;
use std::sync::Arc;

use super::generate::Case;
use super::image::{Image, ImageError, MAGIC, OLD_MAGIC};
use super::isa::{EXIT, HEAP_LIMIT, Numbering};
use super::prompt::Live;
use super::{Iridium, asm, disasm, osmium, scramble};
use crate::device::Console;
use crate::diagnostic::Diagnostic;
use crate::guests::{
    BadFile, Bench, FileKind, Likeness, Machine, Product, Remarks, Setting, Settings, has_extension, utf8,
};
use crate::ops::Pc;
use crate::prompt::Prompt;
use crate::state::State;
use crate::tier::Config;

const HEAP: Setting = Setting {
    name: "heap",
    about: "bytes that the heap may have",
    default: HEAP_LIMIT as u64,
    range: (0, HEAP_LIMIT as u64),
};

macro_rules! example {
    ($name:literal) => {
        Bench {
            file: concat!($name, ".iasm"),
            source: include_str!(concat!("../../../examples/iridium/", $name, ".iasm")),
            computes: true,
            python: Some(include_str!(concat!("../../../examples/iridium/", $name, ".py"))),
        }
    };
}

impl Machine for Iridium {
    type Image = Image;
    type Case = Case;

    const ABOUT: &'static str = "the register machine of *So You Want to Build a Language VM*";
    const FILES: &'static [FileKind] = &[
        FileKind { extension: OSMIUM, what: "Osmium source" },
        FileKind { extension: ASSEMBLY, what: "assembly source" },
        FileKind { extension: IMAGE, what: "image" },
    ];
    const FEATURES: &'static [&'static str] =
        &["compiler", "assembler", "disassembler", "display", "doubles", "heap", "stack"];
    const PROFILES: &'static [&'static str] = &[Numbering::ALL[0].name(), Numbering::ALL[1].name()];
    const SETTINGS: &'static [Setting] = &[HEAP];
    const BENCHES: &'static [Bench] = &[
        example!("collatz"),
        example!("mandelbrot"),
        example!("integral"),
        example!("matrix"),
        example!("sieve"),
        example!("sort"),
        example!("fib"),
        example!("queens"),
    ];

    fn recognise(name: &str, bytes: &[u8]) -> Likeness {
        let is_image = bytes.starts_with(&MAGIC) || bytes.starts_with(&OLD_MAGIC);
        if is_image || has_extension::<Self>(name) { Likeness::Sure } else { Likeness::None }
    }

    fn read(name: &str, bytes: &[u8]) -> Result<(Image, Remarks), BadFile> {
        let is_image = bytes.starts_with(&MAGIC) || bytes.starts_with(&OLD_MAGIC);
        if is_image || !is_osmium(name) && !has_ending(name, ASSEMBLY) {
            return Ok((Image::read(name, bytes)?, Remarks::default()));
        }
        let text = utf8(name, bytes)?;
        if is_osmium(name) { build(name, text) } else { assemble(name, text, Numbering::Series) }
    }

    fn compile(name: &str, text: &str, profile: Option<&str>) -> Result<(Product, Remarks), BadFile> {
        if is_osmium(name) {
            if profile.is_some() {
                let line = "Osmium becomes assembly, which has no numbers: they come with the image";
                return Err(BadFile::Image(format!("{name}: {line}")));
            }
            let (assembly, diagnostics) = osmium::compile(name, text);
            let (assembly, remarks) = remarked(name, text, assembly, diagnostics)?;
            return Ok((Product { bytes: assembly.text.into_bytes(), extension: ASSEMBLY }, remarks));
        }
        let numbering = profile.and_then(Numbering::named).unwrap_or_default();
        let (image, remarks) = assemble(name, text, numbering)?;
        Ok((Product { bytes: image.write(), extension: IMAGE }, remarks))
    }

    fn take_profile(image: &mut Image, profile: &str) {
        image.numbering = image.numbering.or(Numbering::named(profile));
    }

    fn listing(image: &Image) -> String {
        disasm::image(image)
    }

    fn line(image: &Image, pc: Pc) -> Option<(&str, u32)> {
        image.lines.get(pc)
    }

    fn machine(image: &Image, settings: &Settings, console: Console) -> (Iridium, State) {
        let setting = settings.profile.as_deref().and_then(Numbering::named);
        let numbering = image.numbering.or(setting).unwrap_or_default();
        let iridium = Iridium::new(Arc::new(image.clone()), numbering, console);
        let mut state = iridium.power_on(settings.value(&HEAP) as u32);
        if let Some(seed) = settings.seed {
            scramble(&mut state, seed);
        }
        (iridium, state)
    }

    fn prompt(config: Config) -> Option<Box<dyn Prompt>> {
        Some(Box::new(Live::new(config)))
    }

    fn exit_code(&self, state: &State) -> u8 {
        state.get(EXIT) as u8
    }

    fn hex(value: u64) -> String {
        value.to_string()
    }

    fn value(register: &str, value: u64) -> String {
        let is_double = register.strip_prefix('f').is_some_and(|n| n.parse::<u8>().is_ok());
        let is_signed = register.starts_with('$') || register == "remainder";
        match (is_double, is_signed) {
            (true, _) => format!("{:?}", f64::from_bits(value)),
            (_, true) => (value as i32).to_string(),
            _ => Self::hex(value),
        }
    }
}

/// How the names of files end.
const OSMIUM: &str = "ird";
const ASSEMBLY: &str = "iasm";
const IMAGE: &str = "pie";

/// Whether a file's name says that it is Osmium.
pub(super) fn is_osmium(name: &str) -> bool {
    has_ending(name, OSMIUM)
}

fn has_ending(name: &str, ending: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending))
}

fn assemble(name: &str, text: &str, numbering: Numbering) -> Result<(Image, Remarks), BadFile> {
    let asm::Assembly { image, diagnostics } = asm::assemble(name, text, numbering);
    remarked(name, text, image, diagnostics)
}

/// An image from Osmium.
fn build(name: &str, text: &str) -> Result<(Image, Remarks), BadFile> {
    let (image, diagnostics) = osmium::build(name, text);
    remarked(name, text, image, diagnostics)
}

/// What came of a source, with what was said about it.
fn remarked<T>(
    name: &str,
    text: &str,
    product: Option<T>,
    diagnostics: Vec<Diagnostic>,
) -> Result<(T, Remarks), BadFile> {
    let remarks = Remarks::new(name, text, diagnostics);
    match product {
        Some(product) => Ok((product, remarks)),
        None => Err(BadFile::Source(remarks)),
    }
}

impl From<ImageError> for BadFile {
    fn from(error: ImageError) -> BadFile {
        BadFile::Image(error.to_string())
    }
}
