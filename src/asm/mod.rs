//! What the guests' assemblers share: tokens, operands, and how mistakes are reported.

pub(crate) mod lex;
mod lines;
mod log;
mod operands;
pub mod pairs;

use std::ops::Range;

pub use lines::Lines;
pub(crate) use log::{Log, MOST};
pub(crate) use operands::{Operands, Separator};

use crate::diagnostic::{Diagnostic, closest};
use lex::quoted;

/// Similar names are looked for among at most this many.
const MOST_SIMILAR: usize = 10_000;

/// What comes of a piece of source.
pub(crate) type Outcome<T> = Result<T, Diagnostic>;

/// The error that a name at `span` is no `what` that there is.
pub(crate) fn unknown(what: &str, name: &str, span: &Range<usize>, similar: Option<&str>) -> Diagnostic {
    let error = Diagnostic::error(format!("unknown {what} {}", quoted(name)));
    suggest(error.at(span.clone(), format!("no such {what}")), similar)
}

/// The error that a label is nowhere defined; `known` are those that are, which nobody asks for who is not shown the error,
/// after so many `errors`.
pub(crate) fn undefined<'a>(
    name: &str,
    span: &Range<usize>,
    errors: usize,
    known: impl FnOnce() -> Vec<&'a str>,
) -> Diagnostic {
    let error = Diagnostic::error(format!("label {} is not defined", quoted(name)));
    let known = if errors <= MOST { known() } else { Vec::new() };
    let few = known.len() <= MOST_SIMILAR;
    suggest(error.at(span.clone(), "no such label"), few.then(|| closest(name, known)).flatten())
}

/// The error that a label is defined at `span` where it is already, at `first` if that is in this text.
pub(crate) fn defined_twice(name: &str, span: &Range<usize>, first: Option<&Range<usize>>) -> Diagnostic {
    let error = Diagnostic::error(format!("label {} is defined twice", quoted(name)));
    let error = error.at(span.clone(), "defined again here");
    match first {
        Some(first) => error.because(first.clone(), "first defined here"),
        None => error,
    }
}

fn suggest(error: Diagnostic, similar: Option<&str>) -> Diagnostic {
    match similar {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    }
}
