//! The LC-3 disassembler: from words to text that assembles to the same words.

use std::borrow::Cow;
use std::fmt::Write;

use super::asm;
use super::image::{Image, Segment};
use super::isa::WORDS;
use super::symbols::Symbols;

/// Whether a word is an instruction with all its padding bits right. Words that branch never are,
/// as far as this goes.
pub fn is_instruction(word: u16) -> bool {
    match word >> 12 {
        0x1 | 0x5 => word & 0x20 != 0 || word & 0x18 == 0,
        0x4 => word & 0x0800 != 0 || word & 0x063f == 0,
        0x8 => word == 0x8000,
        0x9 => word & 0x3f == 0x3f,
        0xc => word & 0x0e3f == 0,
        0xd => false,
        0xf => word & 0x0f00 == 0,
        _ => true,
    }
}

/// Whether a word is a branch that is never taken, as small numbers and characters are.
fn branches_never(word: u16) -> bool {
    word < 0x0200
}

/// The low `bits` bits, with their sign.
fn signed(word: u16, bits: u32) -> i16 {
    (word << (16 - bits)) as i16 >> (16 - bits)
}

/// The address that an instruction at `address` names by its distance.
fn target(address: u16, word: u16) -> Option<u16> {
    let offset = match word >> 12 {
        0x0 if branches_never(word) => return None,
        0x0 | 0x2 | 0x3 | 0xa | 0xb | 0xe => signed(word, 9),
        0x4 if word & 0x0800 != 0 => signed(word, 11),
        _ => return None,
    };
    Some(address.wrapping_add(1).wrapping_add_signed(offset))
}

/// Where execution goes from a word: to the next one, and to a target.
pub(super) fn successors(address: u16, word: u16) -> (Option<u16>, Option<u16>) {
    let next = Some(address.wrapping_add(1));
    match word >> 12 {
        0x0 => (next.filter(|_| word & 0x0e00 != 0x0e00), target(address, word)),
        0x4 => (next, target(address, word)),
        0x8 | 0xc => (None, None),
        0xf => (next.filter(|_| word != 0xf025), None),
        _ => (next, None),
    }
}

/// One word at an address, as text that assembles to the same word there: an instruction where it
/// is one, with its target by name where `symbols` has one, else `.FILL`.
pub fn word(address: u16, word: u16, symbols: &Symbols) -> String {
    instruction(address, word, symbols).unwrap_or_else(|| format!(".FILL x{word:04X}"))
}

fn instruction(address: u16, word: u16, symbols: &Symbols) -> Option<String> {
    let register = |shift: u32| word >> shift & 7;
    let (first, second, third) = (register(9), register(6), register(0));
    let place = |bits: u32| -> Cow<'_, str> {
        let names = target(address, word).map_or(&[][..], |target| symbols.names(target));
        match names.iter().find(|name| asm::is_label(name)) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("#{}", signed(word, bits))),
        }
    };
    let memory = |name: &str| format!("{name} R{first}, {}", place(9));
    let arithmetic = |name: &str| match word & 0x20 {
        0 => format!("{name} R{first}, R{second}, R{third}"),
        _ => format!("{name} R{first}, R{second}, #{}", signed(word, 5)),
    };
    let indexed = |name: &str| format!("{name} R{first}, R{second}, #{}", signed(word, 6));
    if !is_instruction(word) {
        return None;
    }
    Some(match word >> 12 {
        0x0 if word == 0 => "NOP".to_owned(),
        0x0 if branches_never(word) => return None,
        0x0 => {
            let flag = |bit: u16, flag: &'static str| if word & bit != 0 { flag } else { "" };
            let (n, z, p) = (flag(0x0800, "n"), flag(0x0400, "z"), flag(0x0200, "p"));
            format!("BR{n}{z}{p} {}", place(9))
        }
        0x1 => arithmetic("ADD"),
        0x2 => memory("LD"),
        0x3 => memory("ST"),
        0x4 if word & 0x0800 != 0 => format!("JSR {}", place(11)),
        0x4 => format!("JSRR R{second}"),
        0x5 => arithmetic("AND"),
        0x6 => indexed("LDR"),
        0x7 => indexed("STR"),
        0x8 => "RTI".to_owned(),
        0x9 => format!("NOT R{first}, R{second}"),
        0xa => memory("LDI"),
        0xb => memory("STI"),
        0xc if second == 7 => "RET".to_owned(),
        0xc => format!("JMP R{second}"),
        0xe => memory("LEA"),
        _ => match word & 0xff {
            0x20 => "GETC".to_owned(),
            0x21 => "OUT".to_owned(),
            0x22 => "PUTS".to_owned(),
            0x23 => "IN".to_owned(),
            0x24 => "PUTSP".to_owned(),
            0x25 => "HALT".to_owned(),
            vector => format!("TRAP x{vector:02X}"),
        },
    })
}

/// A whole image as source that assembles to the same segments. Code is told from data by following
/// it from the start and from what else is named or pointed at; targets without a name get one of
/// their own, `L` and the address.
pub fn image(image: &Image) -> String {
    let code = Code::find(image);
    let labels = code.labels(image);
    let mut text = String::new();
    for segment in &image.segments {
        line(&mut text, "", &format!(".ORIG x{:04X}", segment.origin), "");
        print(&mut text, segment, &code, &labels);
        line(&mut text, "", ".END", "");
    }
    text
}

/// Prints the words of one segment, a statement a line.
fn print(text: &mut String, segment: &Segment, code: &Code, labels: &Symbols) {
    let words: Vec<(u16, u16)> = segment.iter().collect();
    let mut at = 0;
    let mut no_text_before = 0;
    while let Some(&(address, word)) = words.get(at) {
        let names = labels.names(address);
        let name = names.split_last().map_or("", |(last, others)| {
            others.iter().for_each(|name| line(text, name, "", ""));
            last
        });
        // Data from here up to the next label or instruction.
        let is_data = |&&(address, _): &&(u16, u16)| !code.is_code(address);
        let unlabelled = |&&(next, _): &&(u16, u16)| next == address || labels.name(next).is_none();
        let data = words[at..].iter().take_while(is_data).take_while(unlabelled).map(|&(_, word)| word);
        let zeros = data.clone().take_while(|&word| word == 0);
        let zeros = zeros.take(0xffff).count();
        // The end of a text that was no string is none either: it is not looked at again.
        let text_ahead = data.clone().take_while(|&word| is_text(word));
        let length = if at < no_text_before { 0 } else { text_ahead.count() };
        no_text_before = no_text_before.max(at + length);
        let (statement, count) = if zeros > 1 {
            (format!(".BLKW {zeros}"), zeros)
        } else if length >= 3 && data.clone().nth(length) == Some(0) {
            (string(data.take(length)), length + 1)
        } else if code.is_code(address) {
            (self::word(address, word, labels), 1)
        } else {
            let routine = labels.name(word).filter(|_| code.is_code(word));
            let value = routine.map_or_else(|| format!("x{word:04X}"), str::to_owned);
            (format!(".FILL {value}"), 1)
        };
        let comment = match count {
            1 => format!("x{address:04X} {word:04X}"),
            _ => format!("x{address:04X}"),
        };
        line(text, name, &statement, &comment);
        at += count;
    }
}

/// Adds one line: label, statement, comment.
fn line(text: &mut String, label: &str, statement: &str, comment: &str) {
    let start = text.len();
    // Writing to a string can't fail.
    let _ = write!(text, "{label:<15} {statement:<30} ");
    match comment {
        "" => text.truncate(start + text[start..].trim_end().len()),
        _ => text.extend(["; ", comment]),
    }
    text.push('\n');
}

/// Whether a word looks like a character of a text.
fn is_text(word: u16) -> bool {
    matches!(word, 0x20..=0x7e | 0x09 | 0x0a | 0x0d | 0x1b)
}

/// The directive for a string of such characters.
fn string(characters: impl Iterator<Item = u16>) -> String {
    let mut text = ".STRINGZ \"".to_owned();
    for c in characters.filter_map(|word| char::from_u32(word.into())) {
        match c {
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\u{1b}' => text.push_str("\\e"),
            '"' | '\\' => text.extend(['\\', c]),
            c => text.push(c),
        }
    }
    text + "\""
}

/// What is known about a word of an image.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// There is no word.
    None,
    /// It may be code.
    Unknown,
    /// Code.
    Code,
    /// Not code, unless it is branched to: it is loaded or stored, or runs into data.
    Data,
}

/// Which words of an image are code.
struct Code {
    words: Vec<u16>,
    kinds: Vec<Kind>,
    /// Where code starts that nothing branches to, but something points at.
    entries: Vec<u16>,
}

impl Code {
    fn find(image: &Image) -> Self {
        let (words, kinds) = (vec![0; WORDS], vec![Kind::None; WORDS]);
        let mut code = Self { words, kinds, entries: Vec::new() };
        for (address, word) in image.segments.iter().flat_map(Segment::iter) {
            code.words[usize::from(address)] = word;
            code.kinds[usize::from(address)] = Kind::Unknown;
        }
        let mut candidates = Vec::new();
        code.follow(image.start(), &mut candidates);
        candidates.extend(image.symbols.iter().map(|(_, address)| address));
        for (address, word) in image.segments.iter().flat_map(Segment::iter) {
            if !code.is_code(address) {
                candidates.push(word);
            }
        }
        while let Some(candidate) = candidates.pop() {
            if code.runs(candidate) {
                code.entries.push(candidate);
                code.follow(candidate, &mut candidates);
            }
        }
        code
    }

    fn is_code(&self, address: u16) -> bool {
        self.kinds[usize::from(address)] == Kind::Code
    }

    /// Whether the word at an address can be executed and do something. A zero is taken for an
    /// instruction that does nothing where it stands alone.
    fn executes(&self, address: u16) -> bool {
        let does = |address: u16| {
            let word = self.words[usize::from(address)];
            is_instruction(word) && !branches_never(word)
        };
        let word = self.words[usize::from(address)];
        does(address) || (word == 0 && address.checked_add(1).is_some_and(does))
    }

    /// Marks as code what is reached from an address, and collects what else its instructions point
    /// at.
    fn follow(&mut self, address: u16, candidates: &mut Vec<u16>) {
        let mut todo = vec![address];
        while let Some(address) = todo.pop() {
            let kind = self.kinds[usize::from(address)];
            if matches!(kind, Kind::None | Kind::Code) || !self.executes(address) {
                continue;
            }
            self.kinds[usize::from(address)] = Kind::Code;
            let word = self.words[usize::from(address)];
            let (next, target) = successors(address, word);
            todo.extend(next.into_iter().chain(target));
            match (word >> 12, self::target(address, word)) {
                (0xe, Some(target)) => candidates.push(target),
                (0x2 | 0x3 | 0xa | 0xb, Some(target)) => {
                    let kind = &mut self.kinds[usize::from(target)];
                    if *kind == Kind::Unknown {
                        *kind = Kind::Data;
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether a table of addresses of code starts here. Around x3000 these look like stores, which
    /// for the same register twice are no way to begin a routine.
    fn is_table(&self, address: u16) -> bool {
        let store = |address: u16| {
            let word = self.words[usize::from(address)];
            let points = self.kinds[usize::from(word)] != Kind::None && self.executes(word);
            (word >> 12 == 0x3 && points).then_some(word >> 9)
        };
        store(address).is_some_and(|first| store(address.wrapping_add(1)) == Some(first))
    }

    /// Whether the words from an address on run as code until they go elsewhere for good. Words
    /// that don't are marked, so that all calls together are linear.
    fn runs(&mut self, start: u16) -> bool {
        let mut address = start;
        let runs = loop {
            match self.kinds[usize::from(address)] {
                Kind::Code => break address != start,
                Kind::None | Kind::Data => break false,
                Kind::Unknown if !self.executes(address) => break false,
                Kind::Unknown if address == start && self.is_table(start) => break false,
                Kind::Unknown => {}
            }
            match successors(address, self.words[usize::from(address)]).0 {
                Some(next) if next != start => address = next,
                Some(_) => break false,
                None => break true,
            }
        };
        if !runs {
            let mut last = start;
            while last != address {
                self.kinds[usize::from(last)] = Kind::Data;
                last = last.wrapping_add(1);
            }
            let kind = &mut self.kinds[usize::from(address)];
            if *kind == Kind::Unknown {
                *kind = Kind::Data;
            }
        }
        runs
    }

    /// The image's own labels, as far as they can be written, and one for every target without.
    fn labels(&self, image: &Image) -> Symbols {
        let mut labels = Symbols::new();
        let has_word = |address: u16| self.kinds[usize::from(address)] != Kind::None;
        for (name, address) in image.symbols.iter() {
            if asm::is_label(name) && has_word(address) {
                labels.insert(name, address);
            }
        }
        let code = (0..=u16::MAX).filter(|&address| self.is_code(address));
        let targets = code.filter_map(|address| target(address, self.words[usize::from(address)]));
        for address in targets.chain(self.entries.iter().copied()) {
            if has_word(address) && labels.name(address).is_none() {
                labels.insert(&format!("L{address:04X}"), address);
            }
        }
        labels
    }
}
