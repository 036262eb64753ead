//! What fuzz targets and tests ask of Iridium's assembler and disassembler.

use super::asm::{self, assemble};
use super::disasm;
use super::image::Image;
use super::isa::Numbering;
use crate::diagnostic::{Diagnostic, Source, Style};

/// Assembles text. Diagnostics can be shown; what assembles can be disassembled and assembled to the same again, and can
/// be added to a program as it can stand alone.
///
/// # Errors
/// What is wrong with the assembler or the disassembler.
pub fn assembler(bytes: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(bytes);
    let assembly = assemble("text.iasm", &text, Numbering::Series);
    explained(&text, assembly.image.is_some(), &assembly.diagnostics)?;
    let mut live = Image::with_room("live", 64);
    let before = live.clone();
    let addition = asm::add(&mut live, "text.iasm", &text);
    explained(&text, addition.code.is_some(), &addition.diagnostics)?;
    if addition.code.is_none() && live != before {
        return Err(format!("an addition that is refused has changed the program:\n{text}"));
    }
    assembly.image.as_ref().map_or(Ok(()), again)
}

/// Disassembles an image, with these bytes for its read-only section and its code, and assembles the text: the same image, with
/// either numbers.
///
/// # Errors
/// The text that does not.
pub fn disassembler(bytes: &[u8]) -> Result<(), String> {
    let (&divide, bytes) = bytes.split_first().unwrap_or((&0, bytes));
    let (data, code) = bytes.split_at(usize::from(divide).min(bytes.len()));
    let code = code[..code.len() / 4 * 4].to_vec();
    let image = Image { read_only: data.to_vec(), taken: data.len(), code, ..Image::default() };
    Numbering::ALL
        .into_iter()
        .try_for_each(|numbering| again(&Image { numbering: Some(numbering), ..image.clone() }))
}

/// Where there is no result there is an error, and all that is said can be shown.
fn explained(text: &str, is_some: bool, diagnostics: &[Diagnostic]) -> Result<(), String> {
    if is_some == diagnostics.iter().any(Diagnostic::is_error) {
        return Err(format!("a result and an error, or neither:\n{text}\n{diagnostics:?}"));
    }
    let shown = Source::new("text.iasm", text).render_all(diagnostics, Style::Plain);
    if shown.is_empty() && !diagnostics.is_empty() {
        return Err("diagnostics without a word".to_owned());
    }
    Ok(())
}

/// Disassembles an image and assembles that.
fn again(image: &Image) -> Result<(), String> {
    let text = disasm::image(image);
    let assembly = assemble("again.iasm", &text, image.numbering.unwrap_or_default());
    let read = Image::read("again.pie", &image.write()).map_err(|error| error.to_string())?;
    if (&read.read_only, &read.code) != (&image.read_only, &image.code) {
        return Err(format!("not the same image when it is read again:\n{text}"));
    }
    match &assembly.image {
        Some(other) if other.write() == image.write() => Ok(()),
        Some(_) => Err(format!("not the same image again:\n{text}")),
        None => Err(Source::new("again.iasm", &text).render_all(&assembly.diagnostics, Style::Plain)),
    }
}
