//! From one line of source to tokens.

use std::ops::Range;

use crate::diagnostic::Diagnostic;

/// A piece of a line and the bytes of the source that it stands at.
#[derive(Clone, Debug)]
pub(super) struct Token<'s> {
    pub kind: Kind<'s>,
    pub span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind<'s> {
    /// A name: mnemonic, register, label, or a number such as `x1F` that could be one.
    Word(&'s str),
    /// A number that can't be a name.
    Number(Number),
    /// A directive with its dot.
    Directive(&'s str),
    /// The characters of a string.
    Text(Vec<u16>),
    Comma,
    Colon,
}

/// A number as it is written. It saturates far outside 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub value: i32,
    /// Whether it is written as bits: in hexadecimal or binary, without a sign.
    pub bits: bool,
}

/// Saturation: past every range that a number may have to fit.
const HUGE: i32 = 1 << 24;

/// Reads a number: decimal perhaps after `#`, hexadecimal after `x`, binary after `b`, either
/// perhaps after `0`; the sign stands before or after the letter.
pub(super) fn number(text: &str) -> Option<Number> {
    let text = text.strip_prefix('#').unwrap_or(text);
    let (sign, text) = split_sign(text);
    let (radix, text) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &text[2..]),
        [b'0', b'b' | b'B', ..] => (2, &text[2..]),
        [b'x' | b'X', ..] => (16, &text[1..]),
        [b'b' | b'B', ..] => (2, &text[1..]),
        _ => (10, text),
    };
    let (inner, digits) = if sign.is_none() { split_sign(text) } else { (None, text) };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0;
    for digit in digits.chars() {
        value = (value * radix as i32 + digit.to_digit(radix)? as i32).min(HUGE);
    }
    let sign = sign.or(inner);
    let value = if sign == Some('-') { -value } else { value };
    Some(Number { value, bits: radix != 10 && sign.is_none() })
}

fn split_sign(text: &str) -> (Option<char>, &str) {
    match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.chars().next(), rest),
        None => (None, text),
    }
}

/// Whether a character may stand in a name; a digit may not begin one.
fn in_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether a text is one name.
pub(super) fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_numeric()) && !text.is_empty() && text.chars().all(in_name)
}

/// Splits the line `text`, which starts at byte `base` of the source, into `tokens`. A comment ends
/// it.
///
/// # Errors
/// The first thing that is no token; `tokens` has what stands before.
pub(super) fn line<'s>(text: &'s str, base: usize, tokens: &mut Vec<Token<'s>>) -> Result<(), Diagnostic> {
    tokens.clear();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let here = base + at;
        let (kind, length) = match first {
            ';' => break,
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            ',' => (Kind::Comma, 1),
            ':' => (Kind::Colon, 1),
            '"' => string(rest, here)?,
            '\'' => character(rest, here)?,
            '.' => {
                let length = 1 + run(&rest[1..], in_name);
                (Kind::Directive(&rest[..length]), length)
            }
            '#' | '-' | '+' | '0'..='9' => {
                let length = 1 + run(&rest[1..], |c| in_name(c) || matches!(c, '-' | '+' | '#'));
                (numeric(&rest[..length], here)?, length)
            }
            c if in_name(c) && !c.is_numeric() => {
                let length = run(rest, in_name);
                // The sign of `x-1F`.
                if matches!(&rest[..length], "x" | "X" | "b" | "B") && rest[length..].starts_with(['-', '+'])
                {
                    let length = length + 1 + run(&rest[length + 1..], in_name);
                    (numeric(&rest[..length], here)?, length)
                } else {
                    (Kind::Word(&rest[..length]), length)
                }
            }
            c => return Err(unexpected(c, rest, here)),
        };
        tokens.push(Token { kind, span: here..here + length });
        at += length;
    }
    Ok(())
}

/// How many bytes at the front of `text` are of characters that `accept` takes.
fn run(text: &str, accept: impl Fn(char) -> bool) -> usize {
    text.find(|c| !accept(c)).unwrap_or(text.len())
}

fn numeric<'s>(text: &str, here: usize) -> Result<Kind<'s>, Diagnostic> {
    number(text).map(Kind::Number).ok_or_else(|| {
        Diagnostic::error(format!("{} is not a number", quoted(text)))
            .at(here..here + text.len(), "not a number")
            .help("numbers are decimal (`5`, `#-5`), hexadecimal (`x1F`, `x-1F`) or binary (`b101`)")
    })
}

fn unexpected(c: char, rest: &str, here: usize) -> Diagnostic {
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
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// A character as messages show it: itself where it has a look, with its code where that helps.
fn name_of(c: char) -> String {
    match c {
        ' '..='~' => format!("`{c}`"),
        _ if c.is_control() => format!("U+{:04X}", u32::from(c)),
        _ => format!("`{c}` (U+{:04X})", u32::from(c)),
    }
}

/// A string, at the opening quote that starts `rest`.
fn string<'s>(rest: &str, here: usize) -> Result<(Kind<'s>, usize), Diagnostic> {
    let mut text = Vec::new();
    let mut at = 1;
    loop {
        match rest[at..].chars().next() {
            Some('"') => return Ok((Kind::Text(text), at + 1)),
            Some(_) => {
                let (value, length) = unit(&rest[at..], here + at)?;
                text.push(value);
                at += length;
            }
            None => {
                let end = here + rest.trim_end().len();
                return Err(Diagnostic::error("the string has no end")
                    .at(here..end, "starts here")
                    .help("close it with `\"` on the same line"));
            }
        }
    }
}

/// A character literal, at the opening apostrophe that starts `rest`.
fn character<'s>(rest: &str, here: usize) -> Result<(Kind<'s>, usize), Diagnostic> {
    let wrong = |length: usize| {
        Diagnostic::error("a character literal is one character between apostrophes")
            .at(here..here + length, "not a character literal")
            .help("for example `'a'`, `'\\n'`, `'\\''`")
    };
    if rest.len() == 1 || rest.starts_with("''") {
        return Err(wrong(rest.len().min(2)));
    }
    let (value, length) = unit(&rest[1..], here + 1)?;
    if !rest[1 + length..].starts_with('\'') {
        return Err(wrong(1 + length));
    }
    let number = Number { value: value.into(), bits: false };
    Ok((Kind::Number(number), length + 2))
}

/// One character or escape at the front of a string that is not empty: its word, and how many bytes
/// it takes.
fn unit(text: &str, here: usize) -> Result<(u16, usize), Diagnostic> {
    let mut chars = text.chars();
    let first = chars.next().unwrap_or_default();
    if first != '\\' {
        let value = u16::try_from(u32::from(first)).map_err(|_| {
            Diagnostic::error(format!("{} does not fit in a word", name_of(first)))
                .at(here..here + first.len_utf8(), "past U+FFFF")
                .note("a string has one word for a character")
        })?;
        return Ok((value, first.len_utf8()));
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
            match digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
                Some(value) => return Ok((value, 4)),
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
    Ok((value.into(), 2))
}
