//! The byte machine for the `kiln` program: its files and its result.

use super::Byte;
use super::generate::Case;
use super::text::{Program, assemble, listing};
use super::validate::validate;
use crate::device::Console;
use crate::diagnostic::Diagnostic;
use crate::guests::{BadFile, Bench, FileKind, Likeness, Machine, Product, Remarks, Settings, has_extension};
use crate::ops::Pc;
use crate::state::State;

macro_rules! example {
    ($name:literal) => {
        Bench {
            file: concat!($name, ".byte"),
            source: include_str!(concat!("../../../examples/byte/", $name, ".byte")),
            computes: true,
            python: None,
        }
    };
}

impl Machine for Byte {
    type Image = Program;
    type Case = Case;

    const ABOUT: &'static str = "a stack machine of bytes, the example of adding a machine";
    const FILES: &'static [FileKind] = &[
        FileKind { extension: "byte", what: "program as text" },
        FileKind { extension: "byc", what: "program as bytes, two an instruction" },
    ];
    const FEATURES: &'static [&'static str] = &["assembler", "disassembler", "validation"];
    const BENCHES: &'static [Bench] =
        &[example!("primes"), example!("gcd"), example!("collatz"), example!("fib")];

    fn recognise(name: &str, _: &[u8]) -> Likeness {
        if has_extension::<Byte>(name) { Likeness::Sure } else { Likeness::None }
    }

    fn read(name: &str, bytes: &[u8]) -> Result<(Program, Remarks), BadFile> {
        let is_text = |text: &&str| text.chars().all(|c| c >= ' ' || c.is_whitespace());
        let text = std::str::from_utf8(bytes).ok().filter(is_text);
        if let Some(text) = text.filter(|_| !name.ends_with(".byc")) {
            return source(name, text);
        }
        let wrong = |at: usize, what: &str| BadFile::Image(format!("{name}: byte {at}: {what}"));
        let (code, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(wrong(bytes.len(), "cut short: an instruction has two bytes"));
        }
        validate(code).map_err(|(at, what)| wrong(2 * at, &what))?;
        Ok((Program { code: code.to_vec(), ..Program::default() }, Remarks::default()))
    }

    fn compile(name: &str, text: &str) -> Result<(Product, Remarks), BadFile> {
        let (program, remarks) = source(name, text)?;
        Ok((Product { bytes: program.code.concat(), extension: "byc" }, remarks))
    }

    fn listing(program: &Program) -> String {
        listing(&program.code)
    }

    fn line(program: &Program, pc: Pc) -> Option<(&str, u32)> {
        Some((&program.file, *program.lines.get(pc as usize)?))
    }

    fn machine(program: &Program, _: &Settings, _: Console) -> (Byte, State) {
        Byte::new(program.code.clone())
    }

    fn result(&self, state: &State) -> Option<String> {
        Byte::top(state).map(|top| format!("Result: {top}\n"))
    }

    fn address(pc: Pc) -> String {
        pc.to_string()
    }
}

/// Assembles and validates.
fn source(name: &str, text: &str) -> Result<(Program, Remarks), BadFile> {
    let program = assemble(name, text).and_then(|program| match validate(&program.code) {
        Ok(()) => Ok(program),
        Err((at, what)) => {
            let end = text.len()..text.len();
            let span = program.spans.get(at).cloned().unwrap_or(end);
            Err(vec![Diagnostic::error(what).at(span, "")])
        }
    });
    let remarks = |diagnostics| Remarks { file: name.to_owned(), text: text.to_owned(), diagnostics };
    match program {
        Ok(program) => Ok((program, remarks(Vec::new()))),
        Err(diagnostics) => Err(BadFile::Source(remarks(diagnostics))),
    }
}
