//! LC-3 programs as files: what is loaded into memory, with the names and source lines that came
//! with it.

use std::fmt;

use super::isa::{USER, WORDS};
use super::link::{self, External};
use super::symbols::Symbols;
use super::{formats, write};
use crate::asm::Lines;
use crate::diagnostic::{Diagnostic, Source, Style};

/// Words at consecutive addresses: `origin + words.len() <= 0x1_0000`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// The address of the first word.
    pub origin: u16,
    /// The words, from `origin` up.
    pub words: Vec<u16>,
}

impl Segment {
    /// One past the address of the last word: `0x1_0000` at most, where the segment fits memory.
    pub fn end(&self) -> usize {
        usize::from(self.origin) + self.words.len()
    }

    /// Every word with its address.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u16)> {
        (self.origin..=u16::MAX).zip(self.words.iter().copied())
    }
}

/// Words that a source has one after the other as the same kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The address of the first word.
    pub start: u16,
    /// How many there are.
    pub words: usize,
    /// Whether they are instructions, not data.
    pub is_code: bool,
}

/// A program for the LC-3. What [`Image::read`], [`Image::join`] and the assembler return fits
/// memory, and no two segments of it overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// What messages call it, usually the path of its file.
    pub name: String,
    /// Its words. The first segment is where it starts.
    pub segments: Vec<Segment>,
    /// The names that its file holds; empty for formats without any.
    pub symbols: Symbols,
    /// The source lines of its words; empty for formats without any.
    pub lines: Lines<u16>,
    /// What its source says that its words are; empty where nobody knows.
    pub parts: Vec<Part>,
    /// The words that need labels of other images. [`Image::join`] takes care of them.
    pub externals: Vec<External>,
}

/// The formats of image files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Big-endian words, the first the origin: what the book's tools write.
    Raw,
    /// The records of lc3tools, each a word with its source text.
    Lc3tools,
    /// The segments of complx: address, count, words.
    Complx,
    /// The binary blocks of lc3-ensemble.
    EnsembleBinary,
    /// The text form of lc3-ensemble.
    EnsembleText,
    /// A word a line in hexadecimal or binary digits, the first the origin.
    Words,
    /// Assembly source.
    Source,
}

impl Format {
    /// The format of a file. The content decides; the extension of `name` only where the content
    /// leaves a choice: `.asm` is source whatever it holds, `.hex` and `.bin` with text in them
    /// hold words, and `.obj` is never source.
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        formats::detect(name, bytes)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw image",
            Self::Lc3tools => "lc3tools object",
            Self::Complx => "complx object",
            Self::EnsembleBinary => "lc3-ensemble binary object",
            Self::EnsembleText => "lc3-ensemble text object",
            Self::Words => "text of words",
            Self::Source => "assembly source",
        })
    }
}

/// The forms in which an image is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// As [`Format::Raw`]. Gaps between segments become zero words.
    Raw,
    /// As [`Format::Lc3tools`].
    Lc3tools,
    /// As [`Format::Complx`].
    Complx,
    /// As [`Format::EnsembleBinary`].
    Ensemble,
    /// As [`Format::EnsembleText`].
    EnsembleText,
    /// As [`Format::Words`], in hexadecimal.
    Hex,
    /// As [`Format::Words`], in binary.
    Bin,
    /// The symbols alone, as [`Symbols::read`] reads them.
    Symbols,
    /// The source with the addresses and words of its lines, for people.
    Listing,
}

impl Image {
    /// Reads an image file in any known format, see [`Format::of`]; source is assembled. `name` is
    /// what messages call the file. The warnings of source that assembles are not kept: who wants
    /// them calls the assembler.
    ///
    /// # Errors
    /// What is wrong with the file, and where: see [`ImageError`].
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, ImageError> {
        formats::read(name, bytes)
    }

    /// Joins and links several images to one, which starts where the first does. A name that two of them
    /// give to different addresses keeps the meaning of the earlier one.
    ///
    /// # Errors
    /// [`ImageError::Overlap`] where two of them have a word for the same address; a label of
    /// `.EXTERNAL` that none, or more than one, of the others defines.
    pub fn join(images: impl IntoIterator<Item = Self>) -> Result<Self, ImageError> {
        let mut images: Vec<Self> = images.into_iter().collect();
        link::link(&mut images)?;
        let mut joined: Option<Self> = None;
        let mut owners = vec![None; WORDS];
        let mut names: Vec<String> = Vec::new();
        for image in images {
            for (address, _) in image.segments.iter().flat_map(Segment::iter) {
                let owner = &mut owners[usize::from(address)];
                if let Some(first) = owner.replace(names.len()) {
                    let first = names.get(first).unwrap_or(&image.name).clone();
                    return Err(ImageError::Overlap { first, second: image.name, address });
                }
            }
            names.push(image.name.clone());
            joined = Some(match joined {
                None => image,
                Some(all) => all.with(image),
            });
        }
        Ok(joined.unwrap_or_default())
    }

    fn with(mut self, other: Self) -> Self {
        self.name = format!("{} + {}", self.name, other.name);
        self.segments.extend(other.segments);
        for (name, address) in other.symbols.iter() {
            self.symbols.insert(name, address);
        }
        self.lines.extend(other.lines);
        self.parts.extend(other.parts);
        self
    }

    /// Where the image starts: the origin of its first segment, or x3000 where it has none.
    pub fn start(&self) -> u16 {
        self.segments.first().map_or(USER, |segment| segment.origin)
    }

    /// The word that the image has for an address.
    pub fn word(&self, address: u16) -> Option<u16> {
        self.segments.iter().find_map(|segment| {
            let at = address.checked_sub(segment.origin)?;
            segment.words.get(usize::from(at)).copied()
        })
    }

    /// The word of the image for an address, to change it.
    pub(super) fn word_mut(&mut self, address: u16) -> Option<&mut u16> {
        self.segments.iter_mut().find_map(|segment| {
            let at = address.checked_sub(segment.origin)?;
            segment.words.get_mut(usize::from(at))
        })
    }

    /// The image as a file of this form. It is to be linked: see [`Image::join`].
    ///
    /// # Errors
    /// [`ImageError::NotRaw`] where the form cannot hold the image.
    pub fn write(&self, form: Form) -> Result<Vec<u8>, ImageError> {
        write::write(self, form)
    }

    /// All words as one run, the origin first. Gaps between segments become zero words.
    ///
    /// # Errors
    /// [`ImageError::NotRaw`] where the image has no segment, one that does not fit memory, two
    /// that overlap, or words below its start: a run has no way to say these.
    pub(super) fn run(&self) -> Result<Vec<u16>, ImageError> {
        let not_raw = |what: String| Err(ImageError::NotRaw { file: self.name.clone(), what });
        let mut segments: Vec<&Segment> = self.segments.iter().collect();
        segments.sort_by_key(|segment| (segment.origin, segment.words.len()));
        let Some(first) = segments.first() else {
            return not_raw("it has no words".into());
        };
        if first.origin != self.start() {
            let (start, lowest) = (self.start(), first.origin);
            return not_raw(format!("it starts at x{start:04X} but has words below, at x{lowest:04X}"));
        }
        let origin = usize::from(first.origin);
        let mut words = vec![first.origin];
        for segment in segments {
            let at = usize::from(segment.origin) - origin + 1;
            if at < words.len() {
                return not_raw(format!("two of its segments overlap at x{:04X}", segment.origin));
            }
            if segment.end() > WORDS {
                return not_raw("it runs past xFFFF".into());
            }
            words.resize(at, 0);
            words.extend(&segment.words);
        }
        Ok(words)
    }

    /// The image itself, where no two of its segments overlap.
    pub(super) fn disjoint(self) -> Result<Self, ImageError> {
        match overlap(&self.segments) {
            None => Ok(self),
            Some(address) => {
                let what = "two segments have a word for this address".to_owned();
                Err(ImageError::malformed(&self.name, Place::Address(address), what, ONE_WORD))
            }
        }
    }
}

const ONE_WORD: &str = "an image has one word for an address";

/// The lowest address that two segments have a word for.
fn overlap(segments: &[Segment]) -> Option<u16> {
    let mut used: Vec<&Segment> = segments.iter().filter(|s| !s.words.is_empty()).collect();
    used.sort_by_key(|segment| segment.origin);
    let pair = used.windows(2).find(|pair| pair[0].end() > usize::from(pair[1].origin));
    pair.map(|pair| pair[1].origin)
}

/// Where in a file something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A byte offset, from 0.
    Byte(usize),
    /// A line, from 1.
    Line(usize),
    /// An address that the file has a word for.
    Address(u16),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Byte(at) => write!(f, "byte {at}: "),
            Self::Line(at) => write!(f, "line {at}: "),
            Self::Address(at) => write!(f, "x{at:04X}: "),
        }
    }
}

/// Why an image could not be read, joined or written. Its `Display` is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageError {
    /// The file does not hold what its format asks for.
    Malformed {
        /// The name of the file.
        file: String,
        /// Where.
        place: Place,
        /// What is wrong there.
        what: String,
        /// What would be right.
        right: String,
    },
    /// The file is source, and does not assemble.
    Source {
        /// The name of the file.
        file: String,
        /// What it holds.
        text: String,
        /// What is wrong with it; at least one of them is an error.
        diagnostics: Vec<Diagnostic>,
    },
    /// Two images have a word for the same address.
    Overlap {
        /// The name of the earlier image.
        first: String,
        /// The name of the later one.
        second: String,
        /// The first such address.
        address: u16,
    },
    /// The form can't hold the image.
    NotRaw {
        /// The name of the image.
        file: String,
        /// Why.
        what: String,
    },
}

impl ImageError {
    pub(super) fn malformed(
        file: &str,
        place: Place,
        what: impl Into<String>,
        right: impl Into<String>,
    ) -> Self {
        Self::Malformed { file: file.to_owned(), place, what: what.into(), right: right.into() }
    }

    /// The error in full, ending in a newline: for source every diagnostic with its excerpt, else
    /// one line.
    pub fn render(&self, style: Style) -> String {
        match self {
            Self::Source { file, text, diagnostics } => {
                Source::new(file, text).render_all(diagnostics, style)
            }
            _ => format!("error: {self}\n"),
        }
    }
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { file, place, what, right } => write!(f, "{file}: {place}{what}; {right}"),
            Self::Source { file, text, diagnostics } => {
                let mut errors = diagnostics.iter().filter(|one| one.is_error());
                let Some(first) = errors.next() else {
                    return write!(f, "{file}: does not assemble");
                };
                f.write_str(&Source::new(file, text).summary(first))?;
                match errors.count() {
                    0 => Ok(()),
                    1 => write!(f, " (and 1 more error)"),
                    more => write!(f, " (and {more} more errors)"),
                }
            }
            Self::Overlap { first, second, address } => {
                write!(f, "{second}: x{address:04X}: {first} has a word for this address too; {ONE_WORD}")
            }
            Self::NotRaw { file, what } => write!(f, "{file}: this form of image can't hold it: {what}"),
        }
    }
}

impl std::error::Error for ImageError {}
