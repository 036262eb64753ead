//! The LC-3 assembler: source text to an [`Image`], and everything that is wrong with it in one go.
//!
//! The first pass reads the text line by line, lays the words out and encodes all but the operands
//! that are labels; the second fills these in. Both are linear in the text.
//!
//! What it reads is what the other LC-3 assemblers read, together: names in any case, labels with
//! or without a colon and on their own line or not, operands with or without commas, numbers as
//! `5`, `#5`, `#-5`, `x1F`, `x-1F`, `0x1F`, `b101`, `0b101` or `'c'`, offsets as labels or numbers,
//! `NOP`, the names of the traps, several `.ORIG` blocks, labels of other files (`.EXTERNAL`), and
//! notes after the last `.END`.

mod flow;
mod format;
mod lex;
mod link;
mod statement;
mod table;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::image::{Image, Part as Words, Segment};
use super::isa::{USER, WORDS};
use super::link::{External, Field};
use super::symbols::Symbols;
use crate::asm::lex::quoted;
use crate::asm::{Lines, Log, defined_twice};
use crate::diagnostic::Diagnostic;
pub use format::format;
use lex::Token;

/// What became of a source text.
#[derive(Clone, Debug, PartialEq)]
pub struct Assembly {
    /// The program, with symbols and lines; none where there is an error.
    pub image: Option<Image>,
    /// Errors and warnings in the order of the text, at most some fifty of each.
    pub diagnostics: Vec<Diagnostic>,
}

/// Assembles a source text. `name` is what messages call it, usually its path, and becomes the
/// image's name.
pub fn assemble(name: &str, source: &str) -> Assembly {
    let mut assembler = Assembler::new(name, source);
    let mut tokens = Vec::new();
    let mut at = source.len() - source.trim_start_matches('\u{feff}').len();
    for line in source[at..].trim_end_matches('\u{1a}').split('\n') {
        assembler.line(line, at, &mut tokens);
        at += line.len() + 1;
    }
    assembler.finish(name)
}

/// Whether the assembler takes a name as a label that can't be read as anything else.
pub(super) fn is_label(name: &str) -> bool {
    lex::is_name(name)
        && table::mnemonic(name).is_none()
        && table::register(name).is_none()
        && lex::number(name).is_none()
}

/// The words from one `.ORIG` on.
struct Block {
    origin: u16,
    /// The words, up to the size of memory in all blocks together.
    words: Vec<u16>,
    /// How many words there should be.
    length: usize,
    /// The `.ORIG`, or what stands where one is missing.
    span: Range<usize>,
    /// Whether its place is wrong, which is said once.
    misplaced: bool,
}

/// A label where it is defined.
struct Definition<'s> {
    name: &'s str,
    address: u16,
    span: Range<usize>,
    used: bool,
    /// Whether something takes its address, other than to jump there or to load or store.
    pointed_at: bool,
    /// Whether it has no colon and a line of its own, as a misspelt instruction has.
    bare: bool,
}

/// A statement that takes words.
struct Statement {
    /// The block and the index of the first word there.
    place: (usize, usize),
    words: usize,
    span: Range<usize>,
    /// Whether it is an instruction.
    is_code: bool,
}

/// An operand that names a label, for the second pass.
struct Fixup<'s> {
    name: &'s str,
    span: Range<usize>,
    block: usize,
    /// Which word of the block.
    at: usize,
    field: Field,
}

/// A label that another file defines.
struct Foreign<'s> {
    name: &'s str,
    span: Range<usize>,
    used: bool,
}

/// Which part of the text the first pass is in.
#[derive(PartialEq)]
enum Part {
    /// No `.ORIG` yet.
    Before,
    /// In the last block.
    Inside,
    /// After an `.END`; the range is of the first text that is ignored.
    After(Option<Range<usize>>),
}

struct Assembler<'s> {
    source: &'s str,
    part: Part,
    blocks: Vec<Block>,
    /// How many words may still be kept.
    room: usize,
    statements: Vec<Statement>,
    definitions: Vec<Definition<'s>>,
    /// From a name in upper case to its definition.
    labels: HashMap<Cow<'s, str>, usize>,
    /// From a name in upper case to its `.EXTERNAL`.
    externals: HashMap<Cow<'s, str>, Foreign<'s>>,
    fixups: Vec<Fixup<'s>>,
    /// The words that name labels of other files.
    waiting: Vec<External>,
    line: u32,
    lines: Lines<u16>,
    log: Log,
}

impl<'s> Assembler<'s> {
    fn new(name: &str, source: &'s str) -> Self {
        Self {
            source,
            part: Part::Before,
            blocks: Vec::new(),
            room: WORDS,
            statements: Vec::new(),
            definitions: Vec::new(),
            labels: HashMap::new(),
            externals: HashMap::new(),
            fixups: Vec::new(),
            waiting: Vec::new(),
            line: 0,
            lines: Lines::of(name, source),
            log: Log::default(),
        }
    }

    /// The first pass over one line, which starts at byte `at`.
    fn line(&mut self, text: &'s str, at: usize, tokens: &mut Vec<Token<'s>>) {
        self.line = self.line.saturating_add(1);
        if let Part::After(ignored) = &mut self.part {
            let trimmed = text.trim();
            if !trimmed.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(".orig")) {
                if ignored.is_none() && !trimmed.is_empty() && !trimmed.starts_with(';') {
                    let start = at + text.len() - text.trim_start().len();
                    *ignored = Some(start..start + trimmed.len());
                }
                return;
            }
        }
        let unread = lex::line(text, at, tokens).err();
        // What stands before something unreadable still defines labels and takes space.
        let unsound = self.statement(tokens).err();
        if let Some(error) = unread.or(unsound) {
            self.log.push(error);
        }
    }

    /// The index of the block that words go to now. Where none is open, that is an error, and one
    /// at x3000 is made up.
    fn block(&mut self, span: &Range<usize>) -> usize {
        if self.part == Part::Before {
            self.log.push(
                Diagnostic::error("the program has no `.ORIG` before this")
                    .at(span.clone(), "has no address")
                    .help("start with `.ORIG x3000`"),
            );
            self.open_misplaced(span.clone());
        }
        self.blocks.len().saturating_sub(1)
    }

    fn open(&mut self, origin: u16, span: Range<usize>) {
        self.part = Part::Inside;
        self.blocks.push(Block { origin, words: Vec::new(), length: 0, span, misplaced: false });
    }

    /// Opens a block whose address is wrong, so that what follows is still checked.
    fn open_misplaced(&mut self, span: Range<usize>) {
        self.open(USER, span);
        if let Some(block) = self.blocks.last_mut() {
            block.misplaced = true;
        }
    }

    /// Lays out `words` for the statement at `span`, an instruction or data, and returns where the first of
    /// them is: block and index.
    fn emit(
        &mut self,
        words: impl ExactSizeIterator<Item = u16>,
        is_code: bool,
        span: &Range<usize>,
    ) -> (usize, usize) {
        let index = self.block(span);
        let Some(block) = self.blocks.get_mut(index) else {
            return (index, 0);
        };
        let (at, count) = (block.length, words.len());
        let start = usize::from(block.origin).saturating_add(at);
        block.length = block.length.saturating_add(count);
        if start.saturating_add(count) <= WORDS {
            if let (Ok(address), 1..) = (u16::try_from(start), count) {
                self.lines.insert(address, self.line);
            }
            self.statements.push(Statement { place: (index, at), words: count, span: span.clone(), is_code });
            let kept = count.min(self.room);
            block.words.extend(words.take(kept));
            self.room -= kept;
        } else if !block.misplaced {
            block.misplaced = true;
            let mut error = Diagnostic::error("the program runs past xFFFF, the end of memory")
                .at(span.clone(), format!("takes {} from x{start:04X} on", counted(count)));
            if block.span != *span {
                error = error.because(block.span.clone(), "the block starts here");
            }
            self.log.push(error);
        }
        (index, at)
    }

    /// Defines a label as the address of the next word.
    fn define(&mut self, name: &'s str, span: &Range<usize>, bare: bool) {
        let index = self.block(span);
        let (position, misplaced) = self.blocks.get(index).map_or((0, false), |block| {
            (usize::from(block.origin).saturating_add(block.length), block.misplaced)
        });
        let known = self.labels.get(&upper(name)).and_then(|&known| self.definitions.get(known));
        let known = known.map(|label| &label.span);
        let foreign = || self.externals.get(&upper(name)).map(|external| &external.span);
        if let Some(error) = not_a_label(name, span, position, misplaced, known.or_else(foreign)) {
            self.log.push(error);
            return;
        }
        if lex::number(name).is_some() {
            self.log.push(
                Diagnostic::warning(format!("label {} also reads as a number", quoted(name)))
                    .at(span.clone(), "looks like a number")
                    .note("where a label may stand, the label is meant"),
            );
        }
        if table::mnemonic(name).is_some() {
            self.log.push(
                Diagnostic::warning(format!("label {} is also an instruction", quoted(name)))
                    .at(span.clone(), "taken as a label: it executes nothing")
                    .help("give the label another name, or put the instruction on a line of its own"),
            );
        }
        self.labels.insert(upper(name), self.definitions.len());
        let address = u16::try_from(position).unwrap_or_default();
        let span = span.clone();
        self.definitions.push(Definition { name, address, span, used: false, pointed_at: false, bare });
    }

    fn finish(mut self, name: &str) -> Assembly {
        self.close();
        self.link();
        self.check_blocks();
        if self.log.errors == 0 {
            self.check_flow();
        }
        let image = (self.log.errors == 0).then(|| {
            let mut symbols = Symbols::new();
            for definition in &self.definitions {
                symbols.insert(definition.name, definition.address);
            }
            let parts = parts(&self.blocks, &self.statements);
            let segments = self.blocks.into_iter();
            let segments = segments.map(|Block { origin, words, .. }| Segment { origin, words });
            let (segments, externals) = (segments.collect(), self.waiting);
            Image { name: name.to_owned(), segments, symbols, lines: self.lines, parts, externals }
        });
        Assembly { image, diagnostics: self.log.finish() }
    }

    /// What is to say about the end of the text.
    fn close(&mut self) {
        match &self.part {
            Part::Before => self.log.push(
                Diagnostic::error("the program is empty: it has no `.ORIG`")
                    .at(self.source.len()..self.source.len(), "the text ends here")
                    .help("start with `.ORIG x3000`"),
            ),
            Part::Inside => {
                if let Some(block) = self.blocks.last() {
                    self.log.push(
                        Diagnostic::warning("the program has no `.END`")
                            .at(block.span.clone(), "this block is not closed")
                            .help("put `.END` on a line after its last word"),
                    );
                }
            }
            Part::After(Some(ignored)) => self.log.push(
                Diagnostic::warning("text after `.END` is ignored")
                    .at(ignored.clone(), "ignored from here on"),
            ),
            Part::After(None) => {}
        }
    }

    /// No two blocks may have a word for the same address.
    fn check_blocks(&mut self) {
        let mut used: Vec<&Block> =
            self.blocks.iter().filter(|block| block.length > 0 && !block.misplaced).collect();
        used.sort_by_key(|block| block.origin);
        let end = |block: &Block| usize::from(block.origin).saturating_add(block.length);
        let mut below: Option<&Block> = None;
        for block in used {
            if let Some(below) = below.filter(|below| end(below) > usize::from(block.origin)) {
                let (first, second) = match below.span.start < block.span.start {
                    true => (below, block),
                    false => (block, below),
                };
                let what = format!("two blocks overlap at x{:04X}", block.origin);
                let text = |block: &Block| format!("{} from x{:04X} on", counted(block.length), block.origin);
                self.log.push(
                    Diagnostic::error(what)
                        .at(second.span.clone(), text(second))
                        .because(first.span.clone(), text(first)),
                );
            }
            below = below.filter(|below| end(below) > end(block)).or(Some(block));
        }
    }
}

/// Where instructions stand, and where data does.
fn parts(blocks: &[Block], statements: &[Statement]) -> Vec<Words> {
    let mut parts: Vec<Words> = Vec::new();
    for &Statement { place: (block, at), words, is_code, .. } in statements.iter().filter(|s| s.words > 0) {
        let start = blocks[block].origin.wrapping_add(at as u16);
        match parts.last_mut() {
            Some(part)
                if part.is_code == is_code && usize::from(part.start) + part.words == usize::from(start) =>
            {
                part.words += words;
            }
            _ => parts.push(Words { start, words, is_code }),
        }
    }
    parts
}

/// The error, if any, that a label at `span` can't have this name, which may be in use already, or the address
/// `position`. The latter is no news where the block is `misplaced` already.
fn not_a_label(
    name: &str,
    span: &Range<usize>,
    position: usize,
    misplaced: bool,
    known: Option<&Range<usize>>,
) -> Option<Diagnostic> {
    if table::register(name).is_some() {
        let message = format!("{} is a register, so it can't be a label", quoted(name));
        Some(Diagnostic::error(message).at(span.clone(), "not a label"))
    } else if let Some(first) = known {
        Some(defined_twice(name, span, Some(first)))
    } else if position >= WORDS && !misplaced {
        let message = format!("label {} is at x10000", quoted(name));
        let error = Diagnostic::error(message).at(span.clone(), "no such address");
        Some(error.note("memory ends at xFFFF"))
    } else {
        None
    }
}

/// A number of words in words.
fn counted(count: usize) -> String {
    if count == 1 { "1 word".to_owned() } else { format!("{count} words") }
}

/// A name as it is looked up.
fn upper(name: &str) -> Cow<'_, str> {
    match name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        true => Cow::Owned(name.to_ascii_uppercase()),
        false => Cow::Borrowed(name),
    }
}
