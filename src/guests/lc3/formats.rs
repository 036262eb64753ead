//! The readers of the image formats, and the choice between them.

use super::asm;
use super::image::{Format, Image, ImageError, Place, Segment};
use super::isa::WORDS;
use super::link::{External, Field};
use crate::asm::Lines;

pub(super) const LC3TOOLS: &[u8] = b"\x1c\x30\x15\xc0\x01";
pub(super) const ENSEMBLE: &[u8] = b"obj\x21\x10";
pub(super) const ENSEMBLE_TEXT: &str = "LC-3 OBJ FILE";
/// The size of the largest raw image: an origin of zero, then all of memory.
const LARGEST_RAW: usize = 2 + 2 * WORDS;

type Read<T> = Result<T, ImageError>;

pub(super) fn detect(name: &str, bytes: &[u8]) -> Format {
    if bytes.starts_with(LC3TOOLS) {
        return Format::Lc3tools;
    }
    if bytes.starts_with(ENSEMBLE) {
        return Format::EnsembleBinary;
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is = |other: &str| extension.eq_ignore_ascii_case(other);
    if let Some(text) = text(bytes) {
        let mut lines = text.lines().map(content).filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default();
        if first == ENSEMBLE_TEXT {
            return Format::EnsembleText;
        }
        if !is("asm") && (is("hex") || is("bin") || word(first).is_some()) {
            return Format::Words;
        }
        if !is("obj") {
            return Format::Source;
        }
    }
    if is("asm") {
        Format::Source
    } else if is_complx(bytes) {
        Format::Complx
    } else {
        Format::Raw
    }
}

pub(super) fn read(name: &str, bytes: &[u8]) -> Read<Image> {
    if bytes.is_empty() {
        let right = "an image has an origin and its words";
        return Err(ImageError::malformed(name, Place::File, "the file is empty", right));
    }
    let reader = Reader { file: name, bytes, at: 0 };
    match detect(name, bytes) {
        Format::Raw => raw(reader)?,
        Format::Lc3tools => lc3tools(reader)?,
        Format::Complx => complx(reader)?,
        Format::EnsembleBinary => ensemble_binary(reader)?,
        Format::EnsembleText => ensemble_text(name, utf8(name, bytes)?)?,
        Format::Words => words(name, utf8(name, bytes)?)?,
        Format::Source => return source(name, utf8(name, bytes)?),
    }
    .disjoint()
}

/// The bytes as text, where they look like it: UTF-8 without control characters but white space.
fn text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let odd = |c: char| c.is_control() && !c.is_whitespace() && c != '\u{1a}';
    (!text.is_empty() && !text.contains(odd)).then_some(text)
}

fn utf8<'a>(name: &str, bytes: &'a [u8]) -> Read<&'a str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let place = Place::Line(1 + before.iter().filter(|&&byte| byte == b'\n').count());
        ImageError::malformed(name, place, "not UTF-8", "source is UTF-8 text")
    })
}

fn source(name: &str, text: &str) -> Read<Image> {
    let assembly = asm::assemble(name, text);
    assembly.image.ok_or_else(|| ImageError::Source {
        file: name.to_owned(),
        text: text.to_owned(),
        diagnostics: assembly.diagnostics,
    })
}

/// A file that is read from front to back.
#[derive(Clone)]
struct Reader<'a> {
    file: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn more(&self) -> bool {
        self.at < self.bytes.len()
    }

    /// The next `count` bytes, which hold `what`.
    fn take(&mut self, count: usize, what: &str) -> Read<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let Some((taken, _)) = rest.split_at_checked(count) else {
            let right = format!("{what} takes {count} bytes and {} are left", rest.len());
            return Err(self.wrong(self.at, "the file is cut short", right));
        };
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Read<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    fn little(&mut self, what: &str) -> Read<u16> {
        self.array(what).map(u16::from_le_bytes)
    }

    fn big(&mut self, what: &str) -> Read<u16> {
        self.array(what).map(u16::from_be_bytes)
    }

    /// A little-endian length of eight bytes, then that many bytes of UTF-8.
    fn string(&mut self, what: &str) -> Read<&'a str> {
        let length = u64::from_le_bytes(self.array("a length")?);
        let at = self.at;
        let bytes = self.take(usize::try_from(length).unwrap_or(usize::MAX), what)?;
        std::str::from_utf8(bytes)
            .map_err(|error| self.wrong(at + error.valid_up_to(), "not UTF-8", "names are UTF-8"))
    }

    fn wrong(&self, at: usize, what: impl Into<String>, right: impl Into<String>) -> ImageError {
        ImageError::malformed(self.file, Place::Byte(at), what, right)
    }

    /// A segment of `count` words.
    fn segment(&self, origin: u16, count: usize) -> Read<Segment> {
        let room = WORDS - usize::from(origin);
        if count > room {
            let what = format!("{count} words from x{origin:04X} run past xFFFF");
            return Err(self.wrong(self.at, what, format!("there is room for {room}")));
        }
        Ok(Segment { origin, words: Vec::with_capacity(count) })
    }

    fn image(&self, segments: Vec<Segment>) -> Image {
        Image { name: self.file.to_owned(), segments, ..Image::default() }
    }
}

fn raw(mut reader: Reader<'_>) -> Read<Image> {
    let size = reader.bytes.len();
    if size > LARGEST_RAW {
        let what = format!("the file has {size} bytes");
        let right = format!("the largest raw image has {LARGEST_RAW}");
        return Err(ImageError::malformed(reader.file, Place::File, what, right));
    }
    if size % 2 == 1 {
        let right = "a raw image is words of two bytes, the first the origin";
        return Err(reader.wrong(size - 1, "an odd byte at the end", right));
    }
    let origin = reader.big("an origin")?;
    let mut segment = reader.segment(origin, size / 2 - 1)?;
    while reader.more() {
        segment.words.push(reader.big("a word")?);
    }
    Ok(reader.image(vec![segment]))
}

/// Whether the file is a chain of complx segments, and reading it as raw would be worse. A chain of
/// several can't be an accident. One alone can: an image of data that starts with its own count.
/// There the count, as the first instruction of a raw image, is a branch that is never taken, so
/// what follows decides: it must be an instruction that does something.
fn is_complx(bytes: &[u8]) -> bool {
    let word = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    let (mut at, mut segments) = (0, 0);
    while at < bytes.len() {
        let (Some(origin), Some(count @ 1..)) = (word(at), word(at + 2)) else {
            return false;
        };
        if usize::from(origin) + usize::from(count) > WORDS {
            return false;
        }
        at += 4 + 2 * usize::from(count);
        segments += 1;
    }
    let never_taken = |word: u16| word < 0x0200;
    let alone = word(2).is_some_and(|count| !never_taken(count))
        || word(4).is_some_and(|first| !never_taken(first) && super::disasm::is_instruction(first));
    at == bytes.len() && (segments > 1 || (segments == 1 && alone))
}

fn complx(mut reader: Reader<'_>) -> Read<Image> {
    let mut segments = Vec::new();
    while reader.more() {
        let origin = reader.big("an address")?;
        let count = reader.big("a count")?;
        let mut segment = reader.segment(origin, count.into())?;
        for _ in 0..count {
            segment.words.push(reader.big("a word")?);
        }
        segments.push(segment);
    }
    Ok(reader.image(segments))
}

fn lc3tools(mut reader: Reader<'_>) -> Read<Image> {
    reader.take(LC3TOOLS.len(), "the magic number")?;
    let version: [u8; 2] = reader.array("the version")?;
    if version != [1, 1] {
        let what = format!("version {}.{} of the lc3tools format", version[0], version[1]);
        return Err(reader.wrong(LC3TOOLS.len(), what, "version 1.1 is known"));
    }
    let mut segments: Vec<Segment> = Vec::new();
    while reader.more() {
        let at = reader.at;
        let value = reader.little("a value")?;
        let [is_origin] = reader.array("an origin flag")?;
        let length = u32::from_le_bytes(reader.array("a length")?);
        reader.take(length.try_into().unwrap_or(usize::MAX), "a source line")?;
        match (is_origin, segments.last_mut()) {
            (1, _) => segments.push(Segment { origin: value, words: Vec::new() }),
            (0, Some(segment)) if segment.end() < WORDS => segment.words.push(value),
            (0, Some(_)) => {
                return Err(reader.wrong(at, "a word past xFFFF", "memory ends there"));
            }
            (0, None) => {
                let right = "the first record is an origin";
                return Err(reader.wrong(at, "a word before any origin", right));
            }
            (flag, _) => {
                let right = "it is 1 for an origin and 0 for a word";
                return Err(reader.wrong(at + 2, format!("an origin flag of {flag}"), right));
            }
        }
    }
    if segments.is_empty() {
        let right = "the first record is an origin";
        return Err(reader.wrong(reader.at, "a header and no records", right));
    }
    Ok(reader.image(segments))
}

fn ensemble_binary(mut reader: Reader<'_>) -> Read<Image> {
    reader.take(ENSEMBLE.len(), "the magic number")?;
    let version: [u8; 2] = reader.array("the version")?;
    if version != [0, 1] {
        let what = format!("version {}.{} of the lc3-ensemble format", version[0], version[1]);
        return Err(reader.wrong(ENSEMBLE.len(), what, "version 0.1 is known"));
    }
    let mut image = reader.image(Vec::new());
    let mut lines: Vec<(u16, u32)> = Vec::new();
    let mut source = "";
    while reader.more() {
        let at = reader.at;
        let [kind] = reader.array("a block")?;
        match kind {
            0 => {
                let origin = reader.little("an address")?;
                let count = reader.little("a count")?;
                let mut segment = reader.segment(origin, count.into())?;
                for _ in 0..count {
                    let [known, low, high] = reader.array("a word")?;
                    let word = u16::from_le_bytes([low, high]);
                    segment.words.push(if known == 0xff { word } else { 0 });
                }
                image.segments.push(segment);
            }
            1 => {
                let address = reader.little("an address")?;
                let [external] = reader.array("a flag")?;
                reader.take(8, "a place in the source")?;
                let label = reader.string("a label")?;
                if external == 0 {
                    name(&mut image, label, address, Place::Byte(at))?;
                }
            }
            2 => {
                let first = u64::from_le_bytes(reader.array("a line number")?);
                for line in (0..reader.little("a count")?).map(|n| first.saturating_add(n.into())) {
                    let address = reader.little("an address")?;
                    lines.push((address, line_number(line)));
                }
            }
            3 => source = reader.string("the source")?,
            4 => {
                // The one number here that lc3-ensemble writes with its high byte first.
                let address = reader.big("an address")?;
                external(&mut image, reader.string("a label")?, address);
            }
            _ => {
                let right = "blocks are of the kinds 0 to 4";
                return Err(reader.wrong(at, format!("a block of kind {kind}"), right));
            }
        }
    }
    image.lines = Lines::of(reader.file, source);
    lines.into_iter().for_each(|(address, line)| image.lines.insert(address, line));
    Ok(image)
}

/// A line number from 1 from one that counts from 0.
fn line_number(index: u64) -> u32 {
    u32::try_from(index.saturating_add(1)).unwrap_or(u32::MAX)
}

/// The word at an address is a label's of another file.
fn external(image: &mut Image, label: &str, address: u16) {
    image.externals.push(External { name: label.to_owned(), address, field: Field::Word });
}

fn name(image: &mut Image, label: &str, address: u16, place: Place) -> Read<()> {
    if image.symbols.insert(label, address) {
        return Ok(());
    }
    let what = format!("`{}` can't name x{address:04X}", label.escape_debug());
    Err(ImageError::malformed(&image.name, place, what, "a label is a word and means one address"))
}

/// A line without its comment and the blanks around it.
fn content(line: &str) -> &str {
    let line = line.trim_start_matches('\u{feff}');
    line.split_once(';').map_or(line, |(before, _)| before).trim()
}

/// A number of exactly `count` digits.
fn digits(text: &str, count: usize, radix: u32) -> Option<u16> {
    let digits = text.len() == count && text.chars().all(|c| c.is_digit(radix));
    digits.then(|| u16::from_str_radix(text, radix).ok())?
}

/// A word in four hexadecimal digits, perhaps after `x` or `0x`, or in sixteen binary ones, perhaps
/// with blanks between.
fn word(text: &str) -> Option<u16> {
    let hex = text.strip_prefix("0x").or(text.strip_prefix(['x', 'X'])).unwrap_or(text);
    let close: String = text.split_whitespace().collect();
    digits(hex, 4, 16).or_else(|| digits(&close, 16, 2))
}

fn words(file: &str, text: &str) -> Read<Image> {
    let mut segment: Option<Segment> = None;
    for (at, line) in text.trim_end_matches('\u{1a}').lines().enumerate() {
        let content = content(line);
        if content.is_empty() {
            continue;
        }
        let wrong =
            |what: String, right: &str| Err(ImageError::malformed(file, Place::Line(at + 1), what, right));
        let Some(word) = word(content) else {
            let shown: String = content.chars().take(40).collect();
            let right = "a line is a word of 4 hexadecimal or 16 binary digits";
            return wrong(format!("`{}` is not a word", shown.escape_debug()), right);
        };
        match &mut segment {
            None => segment = Some(Segment { origin: word, words: Vec::new() }),
            Some(segment) if segment.end() == WORDS => {
                return wrong("a word past xFFFF".into(), "memory ends there");
            }
            Some(segment) => segment.words.push(word),
        }
    }
    let Some(segment) = segment else {
        let right = "the first line is the origin";
        return Err(ImageError::malformed(file, Place::File, "no line has a word", right));
    };
    Ok(Image { name: file.to_owned(), segments: vec![segment], ..Image::default() })
}

fn ensemble_text(file: &str, text: &str) -> Read<Image> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let mut lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let mut image = Image { name: file.to_owned(), lines: Lines::of(file, ""), ..Image::default() };
    let mut section = "";
    lines.next();
    while let Some((at, line)) = lines.next() {
        let place = Place::Line(at);
        let wrong = |right: &str| {
            let shown: String = line.chars().take(40).collect();
            let what = format!("`{}` in section `{section}`", shown.escape_debug());
            Err(ImageError::malformed(file, place, what, right))
        };
        if line.starts_with('.') {
            section = line.trim_end();
            continue;
        }
        let fields: Vec<&str> = line.splitn(3, " | ").map(str::trim).collect();
        match (section, &fields[..]) {
            (".SYMBOL" | ".LINKER_INFO", ["ADDR", ..]) => {}
            (".TEXT", [origin]) => {
                let (Some(origin), Some(count)) = (digits(origin, 4, 16), lines.next()) else {
                    return wrong("a segment is an address of 4 digits, a count, and its words");
                };
                let Ok(count) = count.1.trim().parse::<u16>() else {
                    return wrong("the line after this address is a decimal count of words");
                };
                if usize::from(origin) + usize::from(count) > WORDS {
                    return wrong("a segment ends at xFFFF at the latest");
                }
                let words = lines.by_ref().take(count.into());
                let words: Option<Vec<u16>> = words
                    .map(|(_, word)| if word.trim() == "????" { Some(0) } else { digits(word.trim(), 4, 16) })
                    .collect();
                match words {
                    Some(words) if words.len() == usize::from(count) => {
                        image.segments.push(Segment { origin, words });
                    }
                    _ => return wrong("as many words of 4 digits follow as its count says"),
                }
            }
            (".SYMBOL", [address, "0", label]) => match digits(address, 4, 16) {
                Some(address) => name(&mut image, label, address, place)?,
                None => return wrong("a symbol has an address of 4 digits"),
            },
            (".SYMBOL", [_, _, _]) => {}
            (".LINKER_INFO", [address, label]) => match digits(address, 4, 16) {
                Some(address) => external(&mut image, label, address),
                None => return wrong("a word to link has an address of 4 digits"),
            },
            (".DEBUG", [line, address, ..]) => {
                if let (Ok(line), Some(address)) = (line.parse(), digits(address, 4, 16)) {
                    image.lines.insert(address, line_number(line));
                }
            }
            (".DEBUG", _) => {}
            _ => return wrong("the sections are .TEXT, .SYMBOL, .LINKER_INFO and .DEBUG"),
        }
    }
    Ok(image)
}
