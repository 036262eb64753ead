//! A unit's code as text, with the source's lines.

use std::fmt::Write;

use super::isa::{Insn, Op, Operand};
use super::unit::{Function, Static, Unit};

/// The listing of a unit, among the lines of its source if that is given.
pub fn listing(unit: &Unit, source: Option<&str>) -> String {
    let mut text = String::new();
    let source: Vec<&str> = source.map_or_else(Vec::new, |source| source.lines().collect());
    for function in &unit.functions {
        heading(&mut text, function);
        let (start, mut line) = (function.start as usize, 0);
        for at in start..start + function.len as usize {
            let number = unit.lines[at];
            if let Some(of_source) = source.get((number as usize).wrapping_sub(1)).filter(|_| number != line)
            {
                let _ = writeln!(text, "     ; {}", of_source.trim());
            }
            self::line(&mut text, unit, at, at - start, &mut line);
            text.push('\n');
        }
    }
    text
}

/// An instruction, by its number in the unit and in its function, with its source line if that is not `before`.
pub fn line(text: &mut String, unit: &Unit, n: usize, at: usize, before: &mut u32) {
    let shown = if unit.lines[n] == *before { String::new() } else { unit.lines[n].to_string() };
    *before = unit.lines[n];
    // Writing to a string does not fail.
    let _ = write!(text, "{shown:>6}  {at:5}  {}", insn(unit, unit.code[n], at));
}

/// A function's first line.
pub fn heading(text: &mut String, function: &Function) {
    let name = function.name.as_deref().map_or("script".into(), |name| format!("fun {}", shown(name)));
    let captures = match function.captures.as_slice() {
        [] => String::new(),
        all => format!(", captures {all:?}"),
    };
    let Function { arity, registers, .. } = function;
    let _ = writeln!(text, "{name}: {arity} parameters, {registers} registers{captures}");
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An instruction of a verified unit as text; `at` is its number in its function.
pub fn insn(unit: &Unit, insn: Insn, at: usize) -> String {
    let Some(op) = Op::from_number(insn.op()) else { return format!("? {:#x}", insn.0) };
    let operands = op.operands();
    let is_wide = !matches!(operands.c, Operand::From | Operand::Constant | Operand::ShortGlobal);
    let c = if is_wide { insn.index() } else { insn.c() };
    let all = [
        (operands.a, insn.a()),
        (operands.b, insn.b()),
        (operands.c, c),
        (operands.x, usize::from(insn.x())),
    ];
    let texts = all.into_iter().filter_map(|(operand, value)| text(unit, operand, value, insn, at));
    format!("{:<16} {}", op.name(), texts.collect::<Vec<_>>().join(", ")).trim_end().to_owned()
}

fn text(unit: &Unit, operand: Operand, value: usize, insn: Insn, at: usize) -> Option<String> {
    Some(match operand {
        Operand::None => return None,
        Operand::To | Operand::From => format!("r{value}"),
        Operand::Frame => format!("frame r{value}"),
        Operand::Capture => format!("capture {value}"),
        Operand::Count => value.to_string(),
        Operand::Jump => format!("-> {}", at as i64 + 1 + insn.distance() as i64),
        Operand::Function => {
            let name = unit.functions.get(value).and_then(|function| function.name.as_deref());
            format!("fun {}", shown(name.unwrap_or_default()))
        }
        Operand::Site => {
            let site = unit.sites.get(value)?;
            let count = if site.count > 0 { format!(" ({})", site.count) } else { String::new() };
            format!(".{}{count}", shown(&site.name))
        }
        Operand::Constant | Operand::WideConstant | Operand::Global | Operand::ShortGlobal => {
            match unit.statics.get(value)? {
                Static::Nil => "nil".to_owned(),
                Static::Bool(value) => value.to_string(),
                Static::Number(number) => super::number::text(*number),
                Static::String(bytes) => format!("{:?}", shown(bytes)),
                Static::Global(name) => shown(name),
            }
        }
    })
}
