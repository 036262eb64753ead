//! From one line of source to tokens.

use crate::asm::lex::{self, Piece, in_name, quoted, run, unexpected};
use crate::asm::{Outcome, Separator};
use crate::diagnostic::Diagnostic;

/// A piece of a line.
pub(super) type Token<'s> = lex::Token<Kind<'s>>;

#[derive(Clone, Debug)]
pub(super) enum Kind<'s> {
    /// A name: of an instruction, or of a label before its colon.
    Word(&'s str),
    /// `$n`. It saturates.
    Register(u32),
    /// `#n`
    Number(Number),
    /// `@name`
    Label(&'s str),
    /// A directive with its dot.
    Directive(&'s str),
    /// The bytes of a string.
    Text(Vec<u8>),
    Comma,
    Colon,
}

/// A number as it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// Without a point. It saturates.
    Integer(i64),
    /// With a point or an exponent.
    Float(f64),
}

impl Separator for Kind<'_> {
    fn is_comma(&self) -> bool {
        matches!(self, Kind::Comma)
    }
}

/// Splits the line `text`, which starts at byte `base` of the source, into `tokens`. A comment ends it.
///
/// # Errors
/// The first thing that is no token; `tokens` has what stands before.
pub(super) fn line<'s>(text: &'s str, base: usize, tokens: &mut Vec<Token<'s>>) -> Outcome<()> {
    tokens.clear();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let here = base + at;
        let named = || 1 + run(&rest[1..], in_name);
        let (kind, length) = match first {
            ';' => break,
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            ',' => (Kind::Comma, 1),
            ':' => (Kind::Colon, 1),
            '\'' => string(rest, here)?,
            '"' => {
                let error =
                    Diagnostic::error("unexpected character `\"`").at(here..here + 1, "has no meaning here");
                return Err(error.help("strings are in apostrophes: `'text'`"));
            }
            '.' => (Kind::Directive(&rest[..named()]), named()),
            '@' => (label(&rest[..named()], here)?, named()),
            '$' => (register(&rest[..named()], here)?, named()),
            '#' => {
                let length = 1 + run(&rest[1..], |c| in_name(c) || matches!(c, '-' | '+' | '.'));
                (number(&rest[..length], here)?, length)
            }
            c if in_name(c) => {
                let length = run(rest, in_name);
                (Kind::Word(&rest[..length]), length)
            }
            c => return Err(unexpected(c, rest, here)),
        };
        tokens.push(Token { kind, span: here..here + length });
        at += length;
    }
    Ok(())
}

fn label(text: &str, here: usize) -> Outcome<Kind<'_>> {
    if text.len() > 1 {
        return Ok(Kind::Label(&text[1..]));
    }
    Err(Diagnostic::error("`@` without a label").at(here..here + 1, "the label goes after this"))
}

fn register(text: &str, here: usize) -> Outcome<Kind<'static>> {
    let digits = &text[1..];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let error = Diagnostic::error(format!("{} is not a register", quoted(text)));
        return Err(error.at(here..here + text.len(), "not a register").note("the registers are $0 to $31"));
    }
    Ok(Kind::Register(digits.parse().unwrap_or(u32::MAX)))
}

fn number(text: &str, here: usize) -> Outcome<Kind<'static>> {
    let wrong = || {
        Diagnostic::error(format!("{} is not a number", quoted(text)))
            .at(here..here + text.len(), "not a number")
            .help("numbers are integers (`#5`, `#-5`) or decimal fractions (`#1.5`, `#-2.5e3`)")
    };
    let digits = &text[1..];
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(wrong());
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let huge = if digits.starts_with('-') { i64::MIN } else { i64::MAX };
        return Ok(Kind::Number(Number::Integer(digits.parse().unwrap_or(huge))));
    }
    digits.parse().map(|value| Kind::Number(Number::Float(value))).map_err(|_| wrong())
}

/// A string, at the apostrophe that starts `rest`.
fn string<'s>(rest: &str, here: usize) -> Outcome<(Kind<'s>, usize)> {
    let mut text = Vec::new();
    let length = lex::string(rest, here, |piece, _| {
        match piece {
            Piece::Byte(byte) => text.push(byte),
            Piece::Char(c) => text.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        Ok(())
    })?;
    Ok((Kind::Text(text), length))
}
