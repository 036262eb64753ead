//! From characters to tokens: what all languages have in common.

use std::ops::Range;

use super::Outcome;
use crate::diagnostic::Diagnostic;

/// A piece of a line and the bytes of the source that it stands at.
#[derive(Clone, Debug)]
pub(crate) struct Token<K> {
    pub(crate) kind: K,
    pub(crate) span: Range<usize>,
}

/// Whether a character may stand in a name.
pub(crate) fn in_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// How many bytes at the front of `text` are of characters that `accept` takes.
pub(crate) fn run(text: &str, accept: impl Fn(char) -> bool) -> usize {
    text.find(|c| !accept(c)).unwrap_or(text.len())
}

/// The error that the character at the front of `rest`, at byte `here`, begins nothing.
pub(crate) fn unexpected(c: char, rest: &str, here: usize) -> Diagnostic {
    let error = Diagnostic::error(format!("unexpected character {}", name_of(c)))
        .at(here..here + c.len_utf8(), "has no meaning here");
    match c {
        '/' if rest.starts_with("//") => error.help("a comment starts with `;`"),
        '“' | '”' => error.help("strings are in plain quotation marks: `\"`"),
        '‘' | '’' => error.help("characters are in plain apostrophes: `'`"),
        '–' | '—' | '−' => error.help("the minus sign is `-`"),
        _ => error,
    }
}

/// A name as messages show it: in quotes, and not at any length.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// A character as messages show it: itself where it has a look, with its code where that helps.
pub(crate) fn name_of(c: char) -> String {
    match c {
        ' '..='~' => format!("`{c}`"),
        _ if c.is_control() => format!("U+{:04X}", u32::from(c)),
        _ => format!("`{c}` (U+{:04X})", u32::from(c)),
    }
}

/// What a string is made of.
pub(crate) enum Piece {
    /// A character that stands for itself.
    Char(char),
    /// A byte that an escape means.
    Byte(u8),
}

/// The string at the front of `rest`, at byte `here`, which ends with the quote that it begins with: how many bytes it takes.
/// Each piece is handed on with its place.
pub(crate) fn string(
    rest: &str,
    here: usize,
    mut each: impl FnMut(Piece, Range<usize>) -> Outcome<()>,
) -> Outcome<usize> {
    let quote = rest.chars().next().unwrap_or_default();
    let mut at = quote.len_utf8();
    loop {
        match rest[at..].chars().next() {
            Some(c) if c == quote => return Ok(at + quote.len_utf8()),
            Some(_) => {
                let (piece, length) = piece(&rest[at..], here + at)?;
                each(piece, here + at..here + at + length)?;
                at += length;
            }
            None => {
                let end = here + rest.trim_end().len();
                return Err(Diagnostic::error("the string has no end")
                    .at(here..end, "starts here")
                    .help(format!("close it with `{quote}` on the same line")));
            }
        }
    }
}

/// One character or escape at the front of a text that is not empty, and how many bytes it takes.
pub(crate) fn piece(text: &str, here: usize) -> Outcome<(Piece, usize)> {
    let mut chars = text.chars();
    let first = chars.next().unwrap_or_default();
    if first != '\\' {
        return Ok((Piece::Char(first), first.len_utf8()));
    }
    let escape = chars.next();
    let value = match escape {
        Some('n') => b'\n',
        Some('t') => b'\t',
        Some('r') => b'\r',
        Some('0') => 0,
        Some('a') => 7,
        Some('b') => 8,
        Some('v') => 11,
        Some('f') => 12,
        Some('e') => 27,
        Some(c @ ('\\' | '"' | '\'')) => c as u8,
        Some('x' | 'X') => {
            let digits = text.get(2..4).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
            match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                Some(value) => return Ok((Piece::Byte(value), 4)),
                None => {
                    return Err(Diagnostic::error("`\\x` without two hexadecimal digits")
                        .at(here..here + 2, "the digits go after this")
                        .help("for example `\\x1B`"));
                }
            }
        }
        _ => {
            let length = 1 + escape.map_or(0, char::len_utf8);
            return Err(Diagnostic::error("unknown escape in a string")
                .at(here..here + length, "not an escape")
                .help("the escapes are \\n \\t \\r \\0 \\a \\b \\v \\f \\e \\\\ \\\" \\' and \\xNN"));
        }
    };
    Ok((Piece::Byte(value), 2))
}
