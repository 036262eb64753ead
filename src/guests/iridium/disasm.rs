//! The Iridium disassembler: from an image to source that assembles to the same image.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::image::Image;
use super::isa::{Mnemonic, Numbering, Shape, exact, immediate};
use super::symbols::Place;
use crate::ops::Pc;

/// Bytes of data in a line.
const LINE: usize = 16;

/// The instruction at an address, for people; what stands there otherwise, in brackets.
pub fn at(image: &Image, numbering: Numbering, pc: Pc) -> String {
    let Some(word) = image.word(pc) else {
        return if pc == image.end() { "(end of the code)" } else { "(no instruction)" }.to_owned();
    };
    match exact(numbering, word) {
        Some(mnemonic) => instruction(mnemonic, word, &|place| image.symbols.names(place).first().cloned()),
        None => bytes(&word),
    }
}

/// A word whose unused bytes are 0.
fn instruction(known: Mnemonic, word: [u8; 4], name: &dyn Fn(Place) -> Option<String>) -> String {
    let mut text = known.name.to_ascii_lowercase();
    for register in &word[1..=known.shape.registers()] {
        let _ = write!(text, " ${register}");
    }
    let value = u32::from(immediate(known.shape, word));
    let place = match known.name {
        "PRTS" => Some(Place::Data(value)),
        "DJMPE" | "LOOP" | "CALL" => Some(Place::Code(value)),
        _ => None,
    };
    match known.shape {
        Shape::RImm | Shape::FImm | Shape::Imm => {
            let _ = match place.and_then(name) {
                Some(name) => write!(text, " @{name}"),
                None => write!(text, " #{value}"),
            };
        }
        Shape::RCount => {
            let _ = write!(text, " #{}", word[2]);
        }
        _ => {}
    }
    text
}

/// Bytes as they are.
fn bytes(bytes: &[u8]) -> String {
    let numbers: Vec<String> = bytes.iter().map(|byte| format!(" #{byte}")).collect();
    format!(".bytes{}", numbers.concat())
}

/// A whole image as source that assembles to the same image, with labels for what its instructions name. Those of the first
/// part get the numbers of the series.
pub fn image(image: &Image) -> String {
    let names = names(image);
    let labels = |place: Place| {
        let names = names.get(&place).map(Vec::as_slice).unwrap_or_default();
        names.iter().map(|name| format!("{name}:\n")).collect::<String>()
    };
    let mut text = String::new();
    let mut data = &image.read_only[..];
    if !data.is_empty() {
        text += ".data\n";
    }
    while !data.is_empty() {
        let at = image.read_only.len() - data.len();
        text += &labels(Place::Data(at as u32));
        // To the next thing that has a name.
        let next = names.range(Place::Data(at as u32 + 1)..Place::Data(u32::MAX)).next();
        let most = next.map_or(data.len(), |(place, _)| place.value() as usize - at).min(data.len());
        let line = match string(&data[..most]) {
            Some((line, len)) if names.contains_key(&Place::Data(at as u32)) => {
                data = &data[len..];
                line
            }
            _ => {
                let (line, rest) = data.split_at(most.min(LINE));
                data = rest;
                bytes(line)
            }
        };
        let _ = writeln!(text, "    {line}");
    }
    text += &labels(Place::Data(image.read_only.len() as u32));
    text += ".code\n";
    for pc in image.addresses() {
        text += &labels(Place::Code(pc));
        let word = image.word(pc).expect("an address of the code");
        let line = match exact(image.numbering.unwrap_or_default(), word) {
            Some(known) => instruction(known, word, &|place| names.get(&place)?.first().cloned()),
            None => bytes(&word),
        };
        let _ = writeln!(text, "    {line}");
    }
    text + &labels(Place::Code(image.end()))
}

/// The names of all places that have one, or that an instruction names.
fn names(image: &Image) -> BTreeMap<Place, Vec<String>> {
    let mut names: BTreeMap<Place, Vec<String>> = BTreeMap::new();
    for (name, place) in image.symbols.iter() {
        names.entry(place).or_default().push(name.to_owned());
    }
    for pc in image.addresses() {
        let word = image.word(pc).expect("an address of the code");
        let Some(known) = exact(image.numbering.unwrap_or_default(), word) else { continue };
        let value = u32::from(immediate(known.shape, word));
        let (place, name) = match known.name {
            "PRTS" if (value as usize) < image.read_only.len() => {
                (Place::Data(value), format!("text_{value}"))
            }
            "DJMPE" | "LOOP" | "CALL" if image.word(value).is_some() => {
                (Place::Code(value), format!("code_{value}"))
            }
            _ => continue,
        };
        let all = names.entry(place).or_default();
        if all.is_empty() && image.symbols.get(&name).is_none() {
            all.push(name);
        }
    }
    names.retain(|_, names| !names.is_empty());
    names
}

/// A string with its NUL at the front of some bytes, as a directive, and how many bytes it takes.
fn string(bytes: &[u8]) -> Option<(String, usize)> {
    let len = bytes.iter().position(|&byte| byte == 0)?;
    let text = std::str::from_utf8(&bytes[..len]).ok()?;
    let mut line = String::from(".asciiz '");
    for c in text.chars() {
        match c {
            '\n' => line += "\\n",
            '\t' => line += "\\t",
            '\r' => line += "\\r",
            '\'' | '\\' => line.extend(['\\', c]),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => return None,
            c => line.push(c),
        }
    }
    Some((line + "'", len + 1))
}
