//! What fuzz targets and tests ask of the loaders, the assembler and the disassembler.

use super::asm::assemble;
use super::image::{Image, Segment};
use super::profile::Profile;
use super::symbols::Symbols;
use super::{Lc3, disasm, isa};
use crate::compare::compare;
use crate::device::Console;
use crate::diagnostic::{Source, Style};
use crate::ops::Pc;
use crate::tier::{Config, Tiers};
use crate::vm::Vm;

/// Instructions that a loaded image is run for.
const BUDGET: u64 = 2_000;

/// Reads bytes as an image, of the kind that the first byte chooses, or as whatever they are. What loads runs, with
/// the same result in both tiers.
///
/// # Errors
/// What is wrong: with the loader, or with the tiers.
pub fn loader(bytes: &[u8]) -> Result<(), String> {
    const KINDS: [(&str, &[u8]); 8] = [
        ("image", b""),
        ("image.obj", b""),
        ("image.obj", b"\x1c\x30\x15\xc0\x01\x01\x01"),
        ("image.obj", b"\x30\x00"),
        ("image.obj", b"obj\x21\x10"),
        ("image.obj", b"LC-3 OBJ FILE\n\n"),
        ("image.hex", b"3000\n"),
        ("image.asm", b".ORIG x3000\n"),
    ];
    let Some((&kind, rest)) = bytes.split_first() else { return Ok(()) };
    let (name, magic) = KINDS[usize::from(kind) % KINDS.len()];
    match Image::read(name, &[magic, rest].concat()) {
        Ok(image) => run(&image),
        Err(error) if error.to_string().contains('\n') => Err(format!("more than a line: {error}")),
        Err(error) if error.render(Style::Plain).is_empty() => Err("an error without a word".to_owned()),
        Err(_) => Ok(()),
    }
}

fn run(image: &Image) -> Result<(), String> {
    let fits = image.segments.iter().all(|s| s.end() <= isa::WORDS);
    if !fits {
        return Err(format!("an image past the end of memory: {image:?}"));
    }
    let machine = |config| {
        let mut lc3 = Lc3::new(Profile::STANDARD, Console::scripted("typed").0);
        let mut state = lc3.power_on(None);
        lc3.load(&mut state, image);
        state.set_pc(Pc::from(image.start()));
        Vm::new(lc3, state, config)
    };
    let mut vm = machine(Config { hot: 10, ..Config::default() });
    let mut reference = machine(Config { tiers: Tiers::Interpreter, ..Config::default() });
    let (stop, expected) = (vm.run(BUDGET), reference.run(BUDGET));
    compare((&vm, &stop), (&reference, &expected)).map_err(|difference| difference.to_string())
}

/// Assembles text. Diagnostics can be shown; what assembles can be disassembled and assembled to the same again.
///
/// # Errors
/// What is wrong with the assembler or the disassembler.
pub fn assembler(bytes: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(bytes);
    let assembly = assemble("text.asm", &text);
    if assembly.image.is_none() && !assembly.diagnostics.iter().any(|d| d.is_error()) {
        return Err("no image, and no error".to_owned());
    }
    let shown = Source::new("text.asm", &text).render_all(&assembly.diagnostics, Style::Plain);
    if shown.is_empty() && !assembly.diagnostics.is_empty() {
        return Err("diagnostics without a word".to_owned());
    }
    assembly.image.as_ref().map_or(Ok(()), again)
}

/// Disassembles words, one by one and as an image, and assembles the text: the same words.
///
/// # Errors
/// The text that does not.
pub fn disassembler(bytes: &[u8]) -> Result<(), String> {
    let words: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let Some((&origin, words)) = words.split_first() else { return Ok(()) };
    let room = isa::WORDS - usize::from(origin);
    let words = words[..words.len().min(room)].to_vec();
    let mut lines = format!(".ORIG x{origin:04X}\n");
    for (at, &word) in (origin..=u16::MAX).zip(&words) {
        lines += &disasm::word(at, word, &Symbols::new());
        lines.push('\n');
    }
    let segments = vec![Segment { origin, words }];
    let image = Image { name: "words".to_owned(), segments, ..Image::default() };
    same(&image, &(lines + ".END\n"))?;
    again(&image)
}

/// Disassembles an image and assembles that.
fn again(image: &Image) -> Result<(), String> {
    same(image, &disasm::image(image))
}

fn same(image: &Image, text: &str) -> Result<(), String> {
    let assembly = assemble("again.asm", text);
    let segments = |image: &Image| {
        image.segments.iter().filter(|s| !s.words.is_empty()).cloned().collect::<Vec<Segment>>()
    };
    match &assembly.image {
        Some(other) if segments(other) == segments(image) => Ok(()),
        Some(_) => Err(format!("not the same words again:\n{text}")),
        None => Err(Source::new("again.asm", text).render_all(&assembly.diagnostics, Style::Plain)),
    }
}
