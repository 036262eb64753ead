//! The byte machine for the `kiln` program: its files and its result.

use super::{Byte, LANGUAGE};
use crate::asm::pairs::Program;
use crate::device::Console;
use crate::fuzz::Plain;
use crate::guests::{BadFile, Bench, FileKind, Form, Machine, Remarks, Settings};
use crate::ops::Pc;
use crate::state::State;
use crate::validate::validate;

impl Machine for Byte {
    type Image = Program;
    type Case = Plain<Byte>;

    const ABOUT: &'static str = "a stack machine of bytes, the example of adding a machine";
    const FILES: &'static [FileKind] = &[
        FileKind { extension: "byte", what: "program as text" },
        FileKind { extension: LANGUAGE.binary, what: "program as bytes, two an instruction" },
    ];
    const FORMS: &'static [Form] =
        &[Form { name: "bytes", extension: LANGUAGE.binary, what: "two bytes an instruction" }];
    const FEATURES: &'static [&'static str] = &["assembler", "disassembler", "validation"];
    const BENCHES: &'static [Bench] = &[
        Bench::new("primes.byte", include_str!("../../../examples/byte/primes.byte")),
        Bench::new("gcd.byte", include_str!("../../../examples/byte/gcd.byte")),
        Bench::new("collatz.byte", include_str!("../../../examples/byte/collatz.byte")),
        Bench::new("fib.byte", include_str!("../../../examples/byte/fib.byte")),
    ];

    fn read(name: &str, bytes: &[u8]) -> Result<(Program, Remarks), BadFile> {
        let program = LANGUAGE.read(name, bytes)?;
        let (byte, state) = Byte::new(&program.code);
        validate(&byte, &state).map_err(|wrong| program.refused(wrong))?;
        Ok((program, Remarks::default()))
    }

    fn write(program: &Program, _: &Form) -> Result<Vec<u8>, BadFile> {
        Ok(program.code.concat())
    }

    fn listing(program: &Program) -> String {
        LANGUAGE.listing(&program.code)
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
