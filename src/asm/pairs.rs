//! Programs of instructions that are two bytes, an operation and an operand: read, assembled, listed.
//!
//! A line of text is an instruction; `label:` stands before what others lead to, `#` before a comment.

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Lines, defined_twice, undefined, unknown};
use crate::diagnostic::{Diagnostic, closest};
use crate::guests::{BadFile, Remarks, utf8};
use crate::ops::Pc;
use crate::validate::Wrong;

/// Instructions that a program may have: its end has an address, too, and addresses are bytes.
const LONGEST: usize = u8::MAX as usize;

/// An instruction: an operation and an operand.
pub type Pair = [u8; 2];

/// What stands beside an instruction's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operand {
    /// Nothing; the byte is 0.
    Nothing,
    /// What is called so: a number up to this one.
    Number(&'static str, u8),
    /// A label, whose address is the byte.
    Label,
}

/// The names and operands of a machine's instructions, from operation 1 on.
pub struct Language {
    /// All of them.
    pub instructions: &'static [(&'static str, Operand)],
    /// How the names of files end that hold a program as bytes.
    pub binary: &'static str,
}

/// Makes from a table the operations' numbers, as the module `op`, and the [`Language`].
macro_rules! instructions {
    ($binary:literal: $($op:ident $number:literal $name:literal $operand:expr;)*) => {
        /// Operations: an instruction's first byte.
        mod op {
            $(pub const $op: u8 = $number;)*
            /// What is no instruction.
            pub const ILLEGAL: u8 = [$($number),*].len() as u8 + 1;
            /// All operations are below this.
            pub const END: u8 = ILLEGAL + 1;
        }

        /// The instructions as text and bytes.
        const LANGUAGE: Language = Language { instructions: &[$(($name, $operand)),*], binary: $binary };
    };
}
pub(crate) use instructions;

/// A program, and where in its text the instructions are; nowhere if there was none.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
#[serde(from = "Vec<Pair>", into = "Vec<Pair>")]
pub struct Program {
    /// The instructions.
    pub code: Vec<Pair>,
    spans: Vec<Range<usize>>,
    /// The lines that they stand on.
    pub lines: Lines<Pc>,
    file: String,
    text: Option<String>,
}

impl From<Vec<Pair>> for Program {
    fn from(code: Vec<Pair>) -> Program {
        Program { code, ..Program::default() }
    }
}

impl From<Program> for Vec<Pair> {
    fn from(program: Program) -> Vec<Pair> {
        program.code
    }
}

impl Program {
    /// Why it is refused, which somebody has found out.
    pub fn refused(&self, Wrong { pc, what, why }: Wrong) -> BadFile {
        let at = pc as usize;
        match &self.text {
            Some(text) => {
                let span = self.spans.get(at).cloned().unwrap_or(text.len()..text.len());
                let error = Diagnostic::error(what).at(span, why);
                BadFile::Source(Remarks::new(&self.file, text, vec![error]))
            }
            None => BadFile::Image(format!("{}: byte {}: {what}: {why}", self.file, 2 * at)),
        }
    }
}

impl Language {
    /// The name and operand of an instruction, if it is one.
    pub fn instruction(&self, [op, operand]: Pair) -> Option<(&'static str, Operand)> {
        let instruction = *self.instructions.get(usize::from(op).checked_sub(1)?)?;
        let fits = match instruction.1 {
            Operand::Nothing => operand == 0,
            Operand::Number(_, most) => operand <= most,
            Operand::Label => true,
        };
        fits.then_some(instruction)
    }

    /// Reads a program, as bytes or as text.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn read(&self, file: &str, bytes: &[u8]) -> Result<Program, BadFile> {
        let program = match file.strip_suffix(self.binary).is_some_and(|stem| stem.ends_with('.')) {
            true => {
                let (code, rest) = bytes.as_chunks();
                if !rest.is_empty() {
                    let end = bytes.len();
                    let what = format!("{file}: byte {end}: cut short: an instruction has two bytes");
                    return Err(BadFile::Image(what));
                }
                Program { code: code.to_vec(), file: file.to_owned(), ..Program::default() }
            }
            false => {
                let text = utf8(file, bytes)?;
                let wrong = |wrong| BadFile::Source(Remarks::new(file, text, wrong));
                self.assemble(file, text).map_err(wrong)?
            }
        };
        if program.code.len() > LONGEST {
            let why = format!("a program has at most {LONGEST} instructions");
            return Err(program.refused(Wrong { pc: LONGEST as Pc, what: "Too long".to_owned(), why }));
        }
        Ok(program)
    }

    fn assemble(&self, file: &str, text: &str) -> Result<Program, Vec<Diagnostic>> {
        let span = |word: &str| {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            start..start + word.len()
        };
        let (file, lines) = (file.to_owned(), Lines::of(file, ""));
        let mut program = Program { lines, file, text: Some(text.to_owned()), ..Program::default() };
        let (mut labels, mut targets, mut wrong) = (HashMap::new(), Vec::new(), Vec::new());
        for (line_number, line) in (1..).zip(text.lines()) {
            let code = line.split('#').next().unwrap_or_default();
            let mut words = code.split_whitespace().peekable();
            let at = program.code.len();
            while let Some(label) = words.next_if(|word| word.ends_with(':')) {
                let label = &label[..label.len() - 1];
                if let Some((_, first)) = labels.insert(label, (at, span(label))) {
                    wrong.push(defined_twice(label, &span(label), Some(&first)));
                }
            }
            let Some(name) = words.next() else { continue };
            let names = self.instructions.iter().map(|instruction| instruction.0);
            let Some(n) = names.clone().position(|known| known == name) else {
                wrong.push(unknown("instruction", name, &span(name), closest(name, names)));
                continue;
            };
            let operands: Vec<&str> = words.collect();
            let (operand, takes) = match (self.instructions[n].1, &operands[..]) {
                (Operand::Nothing, operands) => (operands.is_empty().then_some(0), "nothing".to_owned()),
                (Operand::Number(what, most), operands) => {
                    let number = |word: &str| word.parse().ok().filter(|&n| n <= most);
                    let one = if let [word] = operands { number(word) } else { None };
                    (one, format!("{what} from 0 to {most}"))
                }
                (Operand::Label, operands) => {
                    targets.extend(operands.first().map(|&label| (at, label)));
                    ((operands.len() == 1).then_some(0), "a label".to_owned())
                }
            };
            if operand.is_none() {
                let place = span(operands.last().unwrap_or(&name));
                wrong.push(Diagnostic::error(format!("`{name}` takes {takes}")).at(place, ""));
            }
            program.code.push([n as u8 + 1, operand.unwrap_or(0)]);
            program.spans.push(span(name));
            program.lines.insert(at as Pc, line_number);
        }
        for (at, label) in targets {
            match labels.get(label) {
                Some(&(target, _)) => program.code[at][1] = target.min(LONGEST) as u8,
                None => wrong
                    .push(undefined(label, &span(label), wrong.len(), || labels.keys().copied().collect())),
            }
        }
        if wrong.is_empty() { Ok(program) } else { Err(wrong) }
    }

    /// An instruction as text, its target as a label.
    pub fn text(&self, [op, operand]: Pair) -> String {
        match self.instruction([op, operand]) {
            None => format!("illegal {op} {operand}"),
            Some((name, Operand::Nothing)) => name.to_owned(),
            Some((name, Operand::Number(..))) => format!("{name} {operand}"),
            Some((name, Operand::Label)) => format!("{name} L{operand}"),
        }
    }

    /// A program as text that assembles to it again.
    pub fn listing(&self, code: &[Pair]) -> String {
        let leads = |code: &Pair| matches!(self.instruction(*code), Some((_, Operand::Label)));
        let is_target = |at: usize| code.iter().any(|code| leads(code) && usize::from(code[1]) == at);
        let mut text = String::new();
        for at in 0..=code.len() {
            // Writing to a string does not fail.
            if is_target(at) {
                let _ = writeln!(text, "L{at}:");
            }
            if let Some(&code) = code.get(at) {
                let _ = writeln!(text, "    {}", self.text(code));
            }
        }
        text
    }
}
