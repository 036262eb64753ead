//! From one line of source to tokens.

use crate::asm::lex::{self, Piece, in_name, name_of, quoted, run, unexpected};
use crate::asm::{Outcome, Separator};
use crate::diagnostic::Diagnostic;

/// A piece of a line.
pub(super) type Token<'s> = lex::Token<Kind<'s>>;

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

impl Separator for Kind<'_> {
    fn is_comma(&self) -> bool {
        matches!(self, Kind::Comma)
    }
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

/// Whether a text is one name.
pub(super) fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_numeric()) && !text.is_empty() && text.chars().all(in_name)
}

/// Splits the line `text`, which starts at byte `base` of the source, into `tokens`. A comment ends
/// it.
///
/// # Errors
/// The first thing that is no token; `tokens` has what stands before.
pub(super) fn line<'s>(text: &'s str, base: usize, tokens: &mut Vec<Token<'s>>) -> Outcome<()> {
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

fn numeric<'s>(text: &str, here: usize) -> Outcome<Kind<'s>> {
    number(text).map(Kind::Number).ok_or_else(|| {
        Diagnostic::error(format!("{} is not a number", quoted(text)))
            .at(here..here + text.len(), "not a number")
            .help("numbers are decimal (`5`, `#-5`), hexadecimal (`x1F`, `x-1F`) or binary (`b101`)")
    })
}

/// A string, at the opening quote that starts `rest`.
fn string<'s>(rest: &str, here: usize) -> Outcome<(Kind<'s>, usize)> {
    let mut text = Vec::new();
    let length = lex::string(rest, here, |piece, span| {
        text.push(unit(piece, span.start)?);
        Ok(())
    })?;
    Ok((Kind::Text(text), length))
}

/// A character literal, at the opening apostrophe that starts `rest`.
fn character<'s>(rest: &str, here: usize) -> Outcome<(Kind<'s>, usize)> {
    let wrong = |length: usize| {
        Diagnostic::error("a character literal is one character between apostrophes")
            .at(here..here + length, "not a character literal")
            .help("for example `'a'`, `'\\n'`, `'\\''`")
    };
    if rest.len() == 1 || rest.starts_with("''") {
        return Err(wrong(rest.len().min(2)));
    }
    let (piece, length) = lex::piece(&rest[1..], here + 1)?;
    let value = unit(piece, here + 1)?;
    if !rest[1 + length..].starts_with('\'') {
        return Err(wrong(1 + length));
    }
    let number = Number { value: value.into(), bits: false };
    Ok((Kind::Number(number), length + 2))
}

/// The word of one character or escape.
fn unit(piece: Piece, here: usize) -> Outcome<u16> {
    match piece {
        Piece::Byte(byte) => Ok(byte.into()),
        Piece::Char(c) => u16::try_from(u32::from(c)).map_err(|_| {
            Diagnostic::error(format!("{} does not fit in a word", name_of(c)))
                .at(here..here + c.len_utf8(), "past U+FFFF")
                .note("a string has one word for a character")
        }),
    }
}
