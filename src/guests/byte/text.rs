//! Programs as text: a line an instruction, `label:` before what jumps and calls go to, `#` before a comment.

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;

use super::{KINDS, LONGEST, Operand, kind};
use crate::diagnostic::{Diagnostic, closest};

/// A program, and where in the text its instructions are; nowhere if it was not a text.
#[derive(Clone, Default, Debug)]
pub struct Program {
    pub(super) code: Vec<[u8; 2]>,
    pub(super) spans: Vec<Range<usize>>,
    pub(super) file: String,
    pub(super) lines: Vec<u32>,
}

/// Assembles a text.
pub(super) fn assemble(file: &str, text: &str) -> Result<Program, Vec<Diagnostic>> {
    let span = |word: &str| {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        start..start + word.len()
    };
    let mut program = Program { file: file.to_owned(), ..Program::default() };
    let mut labels = HashMap::new();
    let mut targets = Vec::new();
    let mut wrong = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace().peekable();
        while let Some(label) = words.next_if(|word| word.ends_with(':')) {
            if labels.insert(label.trim_end_matches(':'), program.code.len()).is_some() {
                wrong.push(Diagnostic::error(format!("`{label}` is here twice")).at(span(label), ""));
            }
        }
        let Some(name) = words.next() else { continue };
        let Some(op) = (1..KINDS.len()).find(|&op| KINDS[op].0 == name) else {
            let near = closest(name, KINDS.iter().map(|kind| kind.0));
            let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            wrong.push(Diagnostic::error(format!("no instruction `{name}`{hint}")).at(span(name), ""));
            continue;
        };
        let (what, most) = match KINDS[op].1 {
            Operand::Nothing => ("nothing", 0),
            Operand::Value => ("a number from 0 to 255", 255),
            Operand::Slot => ("a slot from 0 to 14", 14),
            Operand::Target => ("a label", 0),
        };
        let word = words.next();
        let operand = match KINDS[op].1 {
            Operand::Nothing => word.is_none().then_some(0),
            Operand::Target => word.map(|label| {
                targets.push((program.code.len(), label));
                0
            }),
            _ => word.and_then(|word| word.parse().ok()).filter(|&n: &u8| n <= most),
        };
        let (place, more) = (span(word.unwrap_or(name)), words.next());
        if operand.is_none() || more.is_some() {
            let place = more.map_or(place, span);
            wrong.push(Diagnostic::error(format!("`{name}` takes {what}")).at(place, ""));
        }
        program.code.push([op as u8, operand.unwrap_or(0)]);
        program.spans.push(span(name));
        program.lines.push(number);
    }
    for (at, label) in targets {
        match labels.get(label) {
            Some(&target) => program.code[at][1] = target.min(LONGEST) as u8,
            None => wrong.push(Diagnostic::error(format!("no label `{label}:`")).at(span(label), "")),
        }
    }
    if wrong.is_empty() { Ok(program) } else { Err(wrong) }
}

/// An instruction as text, its target as a label.
pub(super) fn instruction(code: [u8; 2]) -> String {
    match kind(code) {
        None => format!("illegal {} {}", code[0], code[1]),
        Some(kind) if kind.1 == Operand::Nothing => kind.0.to_owned(),
        Some(kind) if kind.1 == Operand::Target => format!("{} L{}", kind.0, code[1]),
        Some(kind) => format!("{} {}", kind.0, code[1]),
    }
}

/// A program as text that assembles to it again.
pub(super) fn listing(code: &[[u8; 2]]) -> String {
    let is_target = |at: usize| {
        let leads =
            |c: &[u8; 2]| kind(*c).is_some_and(|kind| kind.1 == Operand::Target) && c[1] as usize == at;
        code.iter().any(leads)
    };
    let mut text = String::new();
    for at in 0..=code.len() {
        // Writing to a string does not fail.
        if is_target(at) {
            let _ = writeln!(text, "L{at}:");
        }
        if let Some(&code) = code.get(at) {
            let _ = writeln!(text, "    {}", instruction(code));
        }
    }
    text
}
