//! The formatter: the same program, laid out the same way as all others.
//!
//! Labels stand in the first column, statements in one behind the longest label, comments behind these or where they
//! stood alone. Names of instructions and registers are in capitals; labels, numbers, strings and comments stay as they
//! are written. Several empty lines become one.

use super::lex::{self, Kind, Token};
use super::statement::names;
use super::table::{Shape, mnemonic, register};
use super::{Assembly, assemble};
use crate::diagnostic::Diagnostic;

/// Columns of statements: a multiple of four, at least the first and at most the second.
const STATEMENT: (usize, usize) = (8, 20);
/// Columns that an instruction's name takes.
const NAME: usize = 6;
/// Columns that a statement takes before its comment.
const COMMENT: usize = 28;
/// A comment alone on its line that stands farther in belongs to the column of comments.
const FAR: usize = 30;

/// A line of source in pieces.
struct Line<'s> {
    labels: String,
    name: String,
    operands: String,
    comment: &'s str,
    /// The columns before the comment, where it is alone.
    indent: usize,
}

/// Formats a source text. The words that it assembles to stay the same, and what is formatted is not changed by doing
/// it again.
///
/// # Errors
/// What is wrong with the text, where it does not assemble.
pub fn format(name: &str, source: &str) -> Result<String, Vec<Diagnostic>> {
    let Assembly { image: Some(image), .. } = assemble(name, source) else {
        return Err(assemble(name, source).diagnostics);
    };
    let text = lay_out(source);
    let again = assemble(name, &text).image;
    if again.is_none_or(|again| again.segments != image.segments || again.symbols != image.symbols) {
        return Err(vec![Diagnostic::error("the formatter is wrong: it would change the program")]);
    }
    Ok(text)
}

fn lay_out(source: &str) -> String {
    let source = source.trim_start_matches('\u{feff}').trim_end_matches('\u{1a}');
    let mut is_inside = true;
    let mut tokens = Vec::new();
    let mut lines: Vec<Result<Line<'_>, &str>> = Vec::new();
    for text in source.split('\n') {
        let text = text.trim_end();
        let starts =
            |name: &str| text.trim_start().get(..name.len()).is_some_and(|s| s.eq_ignore_ascii_case(name));
        is_inside |= starts(".orig");
        // What stands after `.END` may be anything.
        if !is_inside || lex::line(text, 0, &mut tokens).is_err() {
            lines.push(Err(text));
            continue;
        }
        is_inside = !tokens
            .iter()
            .any(|token| matches!(token.kind, Kind::Directive(name) if name.eq_ignore_ascii_case(".end")));
        lines.push(Ok(line(text, &tokens)));
    }
    let labels = lines.iter().flatten().filter(|line| !line.name.is_empty());
    let longest = labels.map(|line| line.labels.chars().count() + 1).max().unwrap_or(0);
    let column = longest.next_multiple_of(4).clamp(STATEMENT.0, STATEMENT.1);
    let mut text = String::new();
    for line in &lines {
        let line = match line {
            Ok(line) => line.lay_out(column),
            Err(text) => (*text).to_owned(),
        };
        if !line.is_empty() || !(text.is_empty() || text.ends_with("\n\n")) {
            text += &line;
            text.push('\n');
        }
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// The pieces of a line.
fn line<'s>(text: &'s str, tokens: &[Token<'s>]) -> Line<'s> {
    let comment = tokens.last().map_or(text, |last| &text[last.span.end..]).trim_start();
    let indent = text.chars().take_while(|c| c.is_whitespace());
    let indent = indent.fold(0, |column, c| if c == '\t' { (column / 8 + 1) * 8 } else { column + 1 });
    let mut line =
        Line { labels: String::new(), name: String::new(), operands: String::new(), comment, indent };
    let mut rest = tokens;
    while let Some((Token { kind, span }, after)) = rest.split_first() {
        let colon = matches!(after.first(), Some(Token { kind: Kind::Colon, .. }));
        match *kind {
            Kind::Word(name) if colon || mnemonic(name).is_none_or(|known| names(known, after)) => {
                if !line.labels.is_empty() {
                    line.labels.push(' ');
                }
                line.labels += name;
                line.labels += if colon { ":" } else { "" };
                rest = if colon { &after[1..] } else { after };
            }
            _ => {
                line.name = written(&text[span.clone()]);
                line.operands = operands(text, after);
                break;
            }
        }
    }
    line
}

/// The name of an instruction or directive as it is usually written.
fn written(name: &str) -> String {
    match mnemonic(name) {
        Some(known) if known.shape == Shape::Branch => format!("BR{}", name[2..].to_ascii_lowercase()),
        _ => name.to_ascii_uppercase(),
    }
}

fn operands(text: &str, tokens: &[Token<'_>]) -> String {
    let written = tokens.iter().filter(|token| !matches!(token.kind, Kind::Comma));
    let written = written.map(|token| match token.kind {
        Kind::Word(name) if register(name).is_some() => name.to_ascii_uppercase(),
        _ => text[token.span.clone()].to_owned(),
    });
    written.collect::<Vec<String>>().join(", ")
}

impl Line<'_> {
    fn lay_out(&self, column: usize) -> String {
        let Line { labels, name, operands, comment, indent } = self;
        let mut text = labels.clone();
        if !name.is_empty() {
            pad(&mut text, column);
            text += name;
            if !operands.is_empty() {
                pad(&mut text, column + NAME);
                text += operands;
            }
        }
        if !comment.is_empty() {
            match (text.is_empty(), *indent) {
                (true, 0) => {}
                (true, ..FAR) => pad(&mut text, column),
                _ => pad(&mut text, column + COMMENT),
            }
            text += comment;
        }
        text
    }
}

/// Adds blanks up to a column, and one at least after something.
fn pad(text: &mut String, column: usize) {
    let length = text.chars().count();
    let blanks = if length == 0 { column } else { column.saturating_sub(length).max(1) };
    text.extend(std::iter::repeat_n(' ', blanks));
}
