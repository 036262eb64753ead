//! The writers of the forms of images, and of the listing.

use std::collections::HashMap;
use std::fmt::Write;

use super::formats::{ENSEMBLE, ENSEMBLE_TEXT, LC3TOOLS};
use super::image::{Form, Image, ImageError, Segment};

pub(super) fn write(image: &Image, form: Form) -> Result<Vec<u8>, ImageError> {
    if let Some(external) = image.externals.first() {
        let what = format!("`{}` is another file's label; join them first", external.name);
        return Err(ImageError::NotRaw { file: image.name.clone(), what });
    }
    Ok(match form {
        Form::Raw => image.run()?.into_iter().flat_map(u16::to_be_bytes).collect(),
        Form::Hex => image.run()?.iter().map(|word| format!("{word:04X}\n")).collect::<String>().into(),
        Form::Bin => image.run()?.iter().map(|word| format!("{word:016b}\n")).collect::<String>().into(),
        Form::Lc3tools => lc3tools(image),
        Form::Complx => complx(image),
        Form::Ensemble => ensemble(image),
        Form::EnsembleText => ensemble_text(image).into(),
        Form::Symbols => image.symbols.to_string().into(),
        Form::Listing => listing(image).into(),
    })
}

/// The segments with words, in pieces whose length fits in a word.
fn pieces(image: &Image) -> impl Iterator<Item = (u16, &[u16])> {
    const MOST: usize = u16::MAX as usize;
    let all = image.segments.iter();
    all.flat_map(|segment| {
        segment
            .words
            .chunks(MOST)
            .zip(0..)
            .map(|(words, n)| (segment.origin.wrapping_add(n * u16::MAX), words))
    })
}

fn lc3tools(image: &Image) -> Vec<u8> {
    let mut bytes = [LC3TOOLS, &[1, 1]].concat();
    let mut record = |value: u16, is_origin: bool, line: &str| {
        bytes.extend(value.to_le_bytes());
        bytes.push(is_origin.into());
        bytes.extend((line.len() as u32).to_le_bytes());
        bytes.extend(line.as_bytes());
    };
    for segment in &image.segments {
        record(segment.origin, true, &format!(".ORIG x{:04X}", segment.origin));
        for (address, word) in segment.iter() {
            record(word, false, image.lines.text(address).unwrap_or_default());
        }
    }
    bytes
}

fn complx(image: &Image) -> Vec<u8> {
    let mut words = Vec::new();
    for (origin, piece) in pieces(image) {
        words.extend([origin, piece.len() as u16]);
        words.extend(piece);
    }
    words.into_iter().flat_map(u16::to_be_bytes).collect()
}

fn ensemble(image: &Image) -> Vec<u8> {
    let mut bytes = [ENSEMBLE, &[0, 1]].concat();
    for (origin, piece) in pieces(image) {
        bytes.push(0);
        bytes.extend(origin.to_le_bytes());
        bytes.extend((piece.len() as u16).to_le_bytes());
        for word in piece {
            bytes.push(0xff);
            bytes.extend(word.to_le_bytes());
        }
    }
    for (name, address) in image.symbols.iter() {
        let name = name.to_ascii_uppercase();
        bytes.push(1);
        bytes.extend(address.to_le_bytes());
        // Not another file's, and where it stands in the source, which is not kept.
        bytes.extend([0; 9]);
        bytes.extend((name.len() as u64).to_le_bytes());
        bytes.extend(name.as_bytes());
    }
    // The format has the lines of one source.
    let mut files = image.lines.files();
    if let (Some((_, text)), None) = (files.next(), files.next()) {
        for (address, _, line) in image.lines.iter() {
            bytes.push(2);
            bytes.extend(u64::from(line.saturating_sub(1)).to_le_bytes());
            bytes.extend(1u16.to_le_bytes());
            bytes.extend(address.to_le_bytes());
        }
        bytes.push(3);
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

fn ensemble_text(image: &Image) -> String {
    let mut text = format!("{ENSEMBLE_TEXT}\n\n.TEXT\n");
    for (origin, piece) in pieces(image) {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{origin:04X}\n{}", piece.len());
        piece.iter().for_each(|word| text += &format!("{word:04X}\n"));
    }
    text += "\n.SYMBOL\nADDR | EXT | LABEL\n";
    for (name, address) in image.symbols.iter() {
        text += &format!("{address:04X} | 0   | {}\n", name.to_ascii_uppercase());
    }
    text + "\n.LINKER_INFO\n\n.DEBUG\n"
}

/// The source, each line after the address and the word that it became; further words of a line stand below it, and
/// many that are the same as one.
fn listing(image: &Image) -> String {
    let mut statements: HashMap<(&str, u32), Vec<u16>> = HashMap::new();
    for (address, file, line) in image.lines.iter() {
        statements.entry((file, line)).or_default().push(address);
    }
    let starts: Vec<u16> = image.lines.iter().map(|(address, ..)| address).collect();
    let mut text = String::new();
    for (name, source) in image.lines.files() {
        let _ = writeln!(text, "; {name}");
        for (number, line) in (1..).zip(source.lines()) {
            let addresses = statements.remove(&(name, number)).unwrap_or_default();
            let words: Vec<(u16, u16)> =
                addresses.iter().flat_map(|&address| words_from(image, &starts, address)).collect();
            let mut rows = words.chunk_by(|a, b| a.1 == b.1);
            let first = rows.next().map_or_else(|| format!("{:21}", ""), row);
            let line = format!("{first} {number:5}  {}", line.trim_end());
            let _ = writeln!(text, "{}", line.trim_end());
            rows.for_each(|words| text += &format!("{}\n", row(words).trim_end()));
        }
    }
    text
}

/// The words of the statement that starts at `address`; `starts` are all such addresses, in order.
fn words_from(image: &Image, starts: &[u16], address: u16) -> Vec<(u16, u16)> {
    let holds = |segment: &&Segment| segment.origin <= address && usize::from(address) < segment.end();
    let Some(segment) = image.segments.iter().find(holds) else { return Vec::new() };
    let next = starts.partition_point(|&start| start <= address);
    let end = starts.get(next).map_or(usize::MAX, |&next| next.into()).min(segment.end());
    let words = &segment.words[usize::from(address - segment.origin)..end - usize::from(segment.origin)];
    (address..=u16::MAX).zip(words.iter().copied()).collect()
}

/// An address with the word there, and how many of the words from there on are the same.
fn row(words: &[(u16, u16)]) -> String {
    let (address, word) = words.first().copied().unwrap_or_default();
    let times = if words.len() > 1 { format!("× {}", words.len()) } else { String::new() };
    format!("x{address:04X}  {word:04X}  {times:<8}")
}
