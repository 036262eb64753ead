//! The Iridium assembler: source text to an [`Image`], and everything that is wrong with it in one go.
//!
//! The first pass reads the text line by line, lays sections out and encodes all but the operands that are labels; the
//! second fills these in. Both are linear in the text.
//!
//! Beside what the series has there is `.bytes #n #n …`, bytes as they are: in `.data` any number, in `.code` as many as
//! instructions have. The disassembler writes with it what nothing else says.

mod constants;
mod lex;
mod link;
mod statement;

use std::collections::HashMap;
use std::ops::Range;

use super::image::{HEADER, Image, LARGEST};
use super::isa::{Mnemonic, Numbering, SIZE};
use super::symbols::Place;
use crate::asm::{Lines, Log, defined_twice};
use crate::diagnostic::Diagnostic;
use crate::ops::Pc;
use lex::Token;
pub use statement::DIRECTIVES;

/// What became of a source text.
#[derive(Clone, Debug, PartialEq)]
pub struct Assembly {
    /// The program, with symbols and lines; none where there is an error.
    pub image: Option<Image>,
    /// Errors and warnings in the order of the text, at most some fifty of each.
    pub diagnostics: Vec<Diagnostic>,
}

/// Assembles a source text to an image with these numbers. `name` is what messages call it, usually its path, and becomes
/// the image's name.
pub fn assemble(name: &str, source: &str, numbering: Numbering) -> Assembly {
    let base = Image { name: name.to_owned(), numbering: Some(numbering), ..Image::default() };
    let (image, diagnostics) = Assembler::new(&base, false).run(name, source);
    Assembly { image, diagnostics }
}

/// What became of a text that was to be added to a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Addition {
    /// Where its instructions are; none where there is an error.
    pub code: Option<Range<Pc>>,
    /// Errors and warnings in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Assembles a text and adds it to a program, whose labels it may name: instructions behind the last one, data where the
/// read-only section has room ([`Image::with_room`]). All that is there stays where it is. The text starts in `.code`.
/// With an error the program stays as it is.
pub fn add(image: &mut Image, name: &str, source: &str) -> Addition {
    let end = image.end();
    let (added, diagnostics) = Assembler::new(image, true).run(name, source);
    let code = added.map(|added| {
        *image = added;
        end..image.end()
    });
    Addition { code, diagnostics }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Section {
    Data,
    Code,
}

/// A label where it is defined.
struct Definition<'s> {
    name: &'s str,
    section: Section,
    /// Bytes from the start of what this text has in the section.
    offset: usize,
    span: Range<usize>,
}

/// An operand that names a label, for the second pass.
struct Fixup<'s> {
    name: &'s str,
    span: Range<usize>,
    /// Which instruction.
    at: usize,
    /// What it is.
    of: &'static Mnemonic,
}

struct Assembler<'s> {
    /// What the text is added to.
    base: &'s Image,
    /// The base's addresses stay: it runs.
    fixed: bool,
    section: Option<Section>,
    has_code: bool,
    data: Vec<u8>,
    code: Vec<[u8; 4]>,
    definitions: Vec<Definition<'s>>,
    /// From a name to its definition.
    labels: HashMap<&'s str, usize>,
    /// A label stands right before.
    labelled: bool,
    fixups: Vec<Fixup<'s>>,
    /// Bytes of instructions that are to hold a register of doubles which the program names nowhere: instruction and byte, and
    /// where in the text the first is wanted.
    temporaries: Vec<(usize, usize)>,
    temporary_wanted: Option<Range<usize>>,
    /// The registers of doubles that this text names, a bit each.
    doubles: u32,
    line: u32,
    /// The instruction that each line's statement starts with.
    lines: Vec<(usize, u32)>,
    log: Log,
}

impl<'s> Assembler<'s> {
    fn new(base: &'s Image, fixed: bool) -> Self {
        Self {
            base,
            fixed,
            section: fixed.then_some(Section::Code),
            has_code: fixed,
            data: Vec::new(),
            code: Vec::new(),
            definitions: Vec::new(),
            labels: HashMap::new(),
            labelled: false,
            fixups: Vec::new(),
            temporaries: Vec::new(),
            temporary_wanted: None,
            doubles: 0,
            line: 0,
            lines: Vec::new(),
            log: Log::default(),
        }
    }

    /// Both passes: the base with the text added, if nothing is wrong.
    fn run(mut self, name: &str, source: &'s str) -> (Option<Image>, Vec<Diagnostic>) {
        let mut tokens = Vec::new();
        let mut at = source.len() - source.trim_start_matches('\u{feff}').len();
        for line in source[at..].split('\n') {
            self.line(line, at, &mut tokens);
            at += line.len() + 1;
        }
        if !self.has_code {
            self.log.push(
                Diagnostic::error("the program has no `.code` section")
                    .at(source.len()..source.len(), "the text ends here")
                    .help("put `.code` on a line before its instructions"),
            );
        }
        self.check_size(source.len());
        self.choose_temporary();
        self.link();
        let image = (self.log.errors == 0).then(|| self.image(name));
        (image, self.log.finish())
    }

    /// The first pass over one line, which starts at byte `at`.
    fn line(&mut self, text: &'s str, at: usize, tokens: &mut Vec<Token<'s>>) {
        self.line = self.line.saturating_add(1);
        let unread = lex::line(text, at, tokens).err();
        // What stands before something unreadable still defines labels and takes space.
        let unsound = self.statement(tokens).err();
        if let Some(error) = unread.or(unsound) {
            self.log.push(error);
        }
    }

    /// Adds an instruction, or several for one statement.
    fn emit(&mut self, words: &[[u8; 4]]) {
        self.lines.push((self.code.len(), self.line));
        self.code.extend(words);
        self.labelled = false;
    }

    /// Defines a label as what comes next.
    fn define(&mut self, name: &'s str, span: &Range<usize>) {
        let section = self.section(span);
        let known = self.labels.get(name).map(|&known| &self.definitions[known].span);
        if known.is_some() || self.base.symbols.get(name).is_some() {
            let error = defined_twice(name, span, known);
            self.log.push(error);
            self.labelled = true;
            return;
        }
        let offset = match section {
            Section::Data => self.data.len(),
            Section::Code => self.code.len() * SIZE as usize,
        };
        self.labels.insert(name, self.definitions.len());
        self.definitions.push(Definition { name, section, offset, span: span.clone() });
        self.labelled = true;
    }

    /// The section that what stands at `span` is in. Where there is none that is an error, and code is meant from then on.
    fn section(&mut self, span: &Range<usize>) -> Section {
        self.section.unwrap_or_else(|| {
            self.log.push(
                Diagnostic::error("there is no section before this")
                    .at(span.clone(), "in no section")
                    .help("put `.code` before instructions and `.data` before data"),
            );
            self.enter(Section::Code);
            Section::Code
        })
    }

    fn enter(&mut self, section: Section) {
        self.section = Some(section);
        self.has_code |= section == Section::Code;
    }

    /// The numbers that the instructions have.
    fn numbering(&self) -> Numbering {
        self.base.numbering.unwrap_or_default()
    }

    /// Where the data of this text starts in the read-only section.
    fn data_start(&self) -> usize {
        self.base.taken
    }

    /// Where the instructions of this text start.
    fn code_start(&self) -> usize {
        match self.fixed {
            true => self.base.end() as usize,
            false => HEADER + self.data.len(),
        }
    }

    /// The place that a label means.
    fn place(&self, name: &str) -> Option<Place> {
        let Some(&known) = self.labels.get(name) else { return self.base.symbols.get(name) };
        let Definition { section, offset, .. } = self.definitions[known];
        Some(match section {
            Section::Data => Place::Data((self.data_start() + offset) as u32),
            Section::Code => Place::Code((self.code_start() + offset) as Pc),
        })
    }

    /// What is added must have a place: data in the room that there is, and all of it below the largest address.
    fn check_size(&mut self, end: usize) {
        let room = self.base.read_only.len() - self.base.taken;
        if self.fixed && self.data.len() > room {
            let message = format!("no room for {} more bytes of data", self.data.len());
            let note = format!("{room} bytes are left; code that has run stays where it is");
            self.log.push(Diagnostic::error(message).at(end..end, "too much by here").note(note));
        }
        if self.code_start() + self.code.len() * SIZE as usize > LARGEST {
            let error = Diagnostic::error("the program is too large").at(end..end, "too much by here");
            self.log.push(error.note("an image has at most 2147483647 bytes"));
        }
    }

    /// The base with this text added.
    fn image(&self, name: &str) -> Image {
        let mut image = self.base.clone();
        if self.fixed {
            image.read_only[image.taken..][..self.data.len()].copy_from_slice(&self.data);
        } else {
            image.read_only.clone_from(&self.data);
        }
        image.taken += self.data.len();
        let start = self.code_start() as Pc;
        image.code.extend(self.code.iter().flatten());
        for definition in &self.definitions {
            let place = self.place(definition.name).expect("a defined label has its place");
            image.symbols.insert(definition.name, place);
        }
        let mut lines = Lines::of(name, "");
        for &(index, line) in &self.lines {
            lines.insert(start + index as Pc * SIZE, line);
        }
        image.lines.extend(lines);
        image
    }
}
