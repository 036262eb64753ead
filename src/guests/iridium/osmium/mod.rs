//! Osmium, a small language for Iridium: denser than Iridium, as the metal is.
//!
//! `docs/osmium.md` says what it is. The way through: text → tokens ([`token`]) → what is written (`ast`, `parse`)
//! → what is meant ([`tree`], `check`) → blocks on virtual registers (`ir`, `lower`) → where they live
//! (`liveness`, `allocate`) → the machine's instructions (`emit`, `compile`). [`eval`] runs the tree itself, and
//! [`generate`] makes random programs, so that the two can be held against each other.

mod allocate;
mod ast;
mod check;
mod compile;
mod emit;
pub mod eval;
mod flow;
pub mod generate;
mod graph;
mod ir;
mod liveness;
mod lower;
mod parse;
pub mod token;
pub mod tree;

pub use compile::Assembly;
use token::Span;
use tree::{FnId, Program};

use crate::diagnostic::{Diagnostic, Source};
use crate::guests::iridium::image::Image;

/// What every program is compiled with, as far as it uses it.
const LIBRARY: &str = include_str!("library.ird");
/// Diagnostics beyond this many are counted, not kept.
const MOST_DIAGNOSTICS: usize = 100;

/// A function of the library that the compiler calls by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Routine {
    PrintInt,
    PrintFloat,
    ToInt,
    ToFloat,
    Shl,
    Shr,
}

impl Routine {
    fn find(self, program: &Program) -> FnId {
        let name = match self {
            Routine::PrintInt => "print_int",
            Routine::PrintFloat => "print_float",
            Routine::ToInt => "to_int",
            Routine::ToFloat => "to_float",
            Routine::Shl => "shl",
            Routine::Shr => "shr",
        };
        let found = program.functions.iter().position(|one| one.is_library && one.name == name);
        FnId(found.expect("the library has all routines"))
    }
}

/// Why a program is stopped that goes on wrongly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trap {
    /// An index is not one of an element.
    Index,
    /// An array cannot have so many elements.
    Length,
}

impl Trap {
    /// Elements that an array may have: more have no place in the heap.
    const MOST_ELEMENTS: i32 = 1 << 22;

    /// The number of elements, if an array may have so many.
    fn length(count: i32) -> Option<usize> {
        (0..=Trap::MOST_ELEMENTS).contains(&count).then_some(count as usize)
    }

    /// What the program prints.
    fn message(self, source: &Source<'_>, span: Span) -> String {
        let what = match self {
            Trap::Index => "the index is outside of the array",
            Trap::Length => "an array cannot have so many elements",
        };
        format!("{}:{}: {what}\n", source.name(), source.position(span.start).0)
    }
}

/// Reads a program and checks it. With errors there is none; warnings may be beside one.
pub fn check(text: &str) -> (Option<Program>, Vec<Diagnostic>) {
    let mut log = Vec::new();
    let library = check::check(&parse::parse(LIBRARY, &mut log), &[], &mut log);
    debug_assert!(log.is_empty(), "the library is wrong: {log:?}");
    let file = parse::parse(text, &mut log);
    let own = check::check(&file, &library, &mut log);
    let functions = [library, own].concat();
    let main = check::main(&functions, &file, &mut log);
    let program =
        main.filter(|_| !log.iter().any(Diagnostic::is_error)).map(|main| Program { functions, main });
    log.sort_by_key(|one| one.span().map_or(usize::MAX, |span| span.start));
    if let Some(more) = log.len().checked_sub(MOST_DIAGNOSTICS).filter(|&more| more > 0) {
        log.truncate(MOST_DIAGNOSTICS);
        let severity = if program.is_none() { Diagnostic::error } else { Diagnostic::warning };
        log.push(severity(format!("{more} more are not shown")));
    }
    (program, log)
}

/// Compiles a text to assembly, which assembles. With errors there is none. `name` is what messages call the text.
pub fn compile(name: &str, text: &str) -> (Option<Assembly>, Vec<Diagnostic>) {
    let (both, log) = build_both(name, text);
    (both.map(|(assembly, _)| assembly), log)
}

/// Compiles a text to an image, whose instructions have the lines of the text. With errors there is none.
pub fn build(name: &str, text: &str) -> (Option<Image>, Vec<Diagnostic>) {
    let (both, log) = build_both(name, text);
    (both.map(|(_, image)| image), log)
}

fn build_both(name: &str, text: &str) -> (Option<(Assembly, Image)>, Vec<Diagnostic>) {
    let (program, mut log) = check(text);
    let Some(program) = program else { return (None, log) };
    let source = Source::new(name, text);
    match compile::compile(&program, &source, text) {
        Ok(both) => (Some(both), log),
        Err(errors) => {
            log.extend(errors);
            (None, log)
        }
    }
}
