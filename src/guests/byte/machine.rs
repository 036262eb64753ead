//! The byte machine for the `kiln` program: its files and its result.

use super::Byte;
use super::generate::Case;
use super::text::{Program, assemble, listing};
use super::validate::validate;
use crate::device::Console;
use crate::diagnostic::Diagnostic;
use crate::guests::{BadFile, Bench, FileKind, Machine, Product, Remarks, Settings};
use crate::ops::Pc;
use crate::state::State;

impl Machine for Byte {
    type Image = Program;
    type Case = Case;

    const ABOUT: &'static str = "a stack machine of bytes, the example of adding a machine";
    const FILES: &'static [FileKind] = &[
        FileKind { extension: "byte", what: "program as text" },
        FileKind { extension: "byc", what: "program as bytes, two an instruction" },
    ];
    const FEATURES: &'static [&'static str] = &["assembler", "disassembler", "validation"];
    const BENCHES: &'static [Bench] = &[
        Bench::new("primes.byte", include_str!("../../../examples/byte/primes.byte")),
        Bench::new("gcd.byte", include_str!("../../../examples/byte/gcd.byte")),
        Bench::new("collatz.byte", include_str!("../../../examples/byte/collatz.byte")),
        Bench::new("fib.byte", include_str!("../../../examples/byte/fib.byte")),
    ];

    fn read(name: &str, bytes: &[u8]) -> Result<(Program, Remarks), BadFile> {
        let wrong = |at: usize, what: &str| BadFile::Image(format!("{name}: byte {at}: {what}"));
        if !name.ends_with(".byc") {
            let text =
                std::str::from_utf8(bytes).map_err(|bad| wrong(bad.valid_up_to(), "not UTF-8 text"))?;
            return source(name, text);
        }
        let (code, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(wrong(bytes.len(), "cut short: an instruction has two bytes"));
        }
        validate(code).map_err(|(at, what, why)| wrong(2 * at, &format!("{what}: {why}")))?;
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
        program.lines.get(pc)
    }

    fn machine(program: &Program, _: &Settings, _: Console) -> (Byte, State) {
        Byte::new(&program.code)
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
        Err((at, what, why)) => {
            let span = program.spans.get(at).cloned().unwrap_or(text.len()..text.len());
            Err(vec![Diagnostic::error(what).at(span, why)])
        }
    });
    match program {
        Ok(program) => Ok((program, Remarks::default())),
        Err(wrong) => Err(BadFile::Source(Remarks::new(name, text, wrong))),
    }
}
