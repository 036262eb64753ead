//! What is wrong with a source, or was with a run: clox's texts, and the same for people.

use std::fmt;
use std::io::{self, Write};
use std::ops::Range;

use crate::diagnostic::{Diagnostic, Source, Style, closest};

use super::scan::KEYWORDS;

/// Where in a source an error is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Where {
    /// At this token.
    At(Vec<u8>),
    /// At the end.
    End,
    /// At what is no token.
    Nowhere,
}

/// An error of a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceError {
    /// From 1.
    pub line: u32,
    /// At what.
    pub place: Where,
    /// What is wrong.
    pub message: &'static str,
    /// The bytes that it is about.
    pub span: Range<usize>,
}

impl SourceError {
    /// Writes the line that clox writes.
    ///
    /// # Errors
    /// As `out` says.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "[line {}] Error", self.line)?;
        match &self.place {
            Where::At(token) => {
                out.write_all(b" at '")?;
                out.write_all(token)?;
                out.write_all(b"'")?;
            }
            Where::End => out.write_all(b" at end")?,
            Where::Nowhere => {}
        }
        writeln!(out, ": {}", self.message)
    }

    /// The same for people, with the place marked and a hint where there is one.
    pub fn diagnostic(&self) -> Diagnostic {
        let at = match &self.place {
            Where::End => "the source ends here",
            _ => "",
        };
        let error = Diagnostic::error(self.message.trim_end_matches('.')).at(self.span.clone(), at);
        match self.hint() {
            Some(hint) => error.help(hint),
            None => error,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self.message {
            "Unterminated string." => "a string ends with `\"`; there are no escapes, and it may span lines",
            "Invalid assignment target." => "only a variable or a property can be assigned to; `==` compares",
            "Can't read local variable in its own initializer." => "use another name for one of the two",
            "Already a variable with this name in this scope." => "leave out `var` to assign to the first",
            "Can't return a value from an initializer." => {
                "`init` returns the instance by itself; write `return;`"
            }
            "Can't return from top-level code." => "`return` belongs into a function",
            _ => match &self.place {
                Where::At(token) if self.message.starts_with("Expect ';'") => {
                    let near = keyword_near(token)?;
                    return Some(format!("did you mean `{near}`?"));
                }
                _ => return None,
            },
        };
        Some(hint.to_owned())
    }
}

fn keyword_near(token: &[u8]) -> Option<&'static str> {
    let token = std::str::from_utf8(token).ok()?;
    closest(token, KEYWORDS.iter().map(|keyword| keyword.0)).filter(|near| *near != token)
}

/// A function that was being executed when a run failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// The line in it, from 1.
    pub line: u32,
    /// Its name; `None` is the script.
    pub function: Option<String>,
    /// What was being evaluated there, as bytes of the source; `None` where that is not known, as in an image.
    pub span: Option<Range<usize>>,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some(name) => write!(f, "[line {}] in {name}()", self.line),
            None => write!(f, "[line {}] in script", self.line),
        }
    }
}

/// An error of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RuntimeError {
    /// What is wrong.
    pub message: String,
    /// The calls, innermost first.
    pub calls: Vec<Call>,
    /// What was found where something else is needed.
    pub found: Option<String>,
    /// A name that may be meant.
    pub near: Option<String>,
}

/// Calls of a trace that are shown at its start, and at its end; those between are counted.
const SHOWN: usize = 8;

impl RuntimeError {
    /// Writes the lines that clox writes.
    ///
    /// # Errors
    /// As `out` says.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.message)?;
        self.calls.iter().try_for_each(|call| writeln!(out, "{call}"))
    }

    /// The same for people: the expression marked, what was found there, and the trace with its lines of the source.
    pub fn render(&self, source: &Source<'_>, style: Style) -> String {
        let mut error = Diagnostic::error(self.message.trim_end_matches('.'));
        if let Some(span) = self.calls.first().and_then(|call| call.span.clone()) {
            error = error.at(span, "");
        }
        if let Some(found) = &self.found {
            error = error.note(format!("found {found}"));
        }
        if let Some(near) = &self.near {
            error = error.help(format!("did you mean `{near}`?"));
        }
        let mut text = source.render(&error, style);
        let count = self.calls.len();
        for (n, call) in self.calls.iter().enumerate() {
            if n == SHOWN && count > 2 * SHOWN + 1 {
                text += &format!("  ... {} more\n", count - 2 * SHOWN);
            }
            if n < SHOWN || n + SHOWN >= count || count <= 2 * SHOWN + 1 {
                text += &format!("  {call}: {}\n", source.shown_line(call.line as usize));
            }
        }
        text
    }
}
