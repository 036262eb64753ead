//! Refuses a unit that a machine could not run safely. What the compiler makes always passes.

use super::isa::{Insn, LINK, Op, Operand};
use super::runtime::ROOM;
use super::unit::{Capture, Function, Static, Unit};
use super::value::Value;

/// Registers that a function may have: enough for what the compiler allows.
const REGISTERS: u16 = 60_400;

/// Checks a unit.
///
/// # Errors
/// What is wrong, and where.
pub fn verify(unit: &Unit) -> Result<(), String> {
    if unit.lines.len() != unit.code.len() {
        return Err(format!("{} lines for {} instructions", unit.lines.len(), unit.code.len()));
    }
    for (n, of) in unit.statics.iter().enumerate() {
        if let Static::Number(number) = of
            && !Value::number(*number).is_number()
        {
            return Err(format!("static {n} is no number"));
        }
    }
    match unit.functions.first() {
        Some(script) if script.arity == 0 && script.captures.is_empty() => {}
        _ => return Err("the first function is no script".to_owned()),
    }
    let mut sites = vec![false; unit.sites.len()];
    unit.functions.iter().enumerate().try_for_each(|(n, function)| {
        Checker { unit, function, sites: &mut sites }
            .function()
            .map_err(|what| format!("function {n}: {what}"))
    })
}

struct Checker<'u> {
    unit: &'u Unit,
    function: &'u Function,
    /// Which sites are taken: what one learns, no other instruction would understand.
    sites: &'u mut [bool],
}

impl Checker<'_> {
    fn function(&mut self) -> Result<(), String> {
        let Function { arity, registers, start, len, .. } = *self.function;
        if registers > REGISTERS || registers <= u16::from(arity) {
            return Err(format!("{registers} registers"));
        }
        let code = (start as usize)
            .checked_add(len as usize)
            .and_then(|end| self.unit.code.get(start as usize..end));
        let Some(code) = code else { return Err("its code is outside the unit's".to_owned()) };
        for (n, &insn) in code.iter().enumerate() {
            self.insn(insn, n).map_err(|what| format!("instruction {n}: {what}"))?;
        }
        let ends = code.last().and_then(|insn| Op::from_number(insn.op())).is_some_and(|op| !op.goes_on());
        if ends { Ok(()) } else { Err("its code has no end".to_owned()) }
    }

    fn insn(&mut self, insn: Insn, n: usize) -> Result<(), String> {
        let op = Op::from_number(insn.op()).filter(|&op| op != Op::Halt);
        let op = op.ok_or_else(|| format!("there is no operation {}", insn.op()))?;
        let operands = op.operands();
        let is_wide = !matches!(operands.c, Operand::From | Operand::Constant | Operand::ShortGlobal);
        let c = if is_wide { insn.index() } else { insn.c() };
        for (operand, value) in [(operands.a, insn.a()), (operands.b, insn.b()), (operands.c, c)] {
            if !self.fits(operand, value, insn, n) {
                return Err(format!("{}: {operand:?} {value} does not exist", op.name()));
            }
        }
        if operands.c == Operand::Site && std::mem::replace(&mut self.sites[c], true) {
            return Err(format!("{}: site {c} is another instruction's", op.name()));
        }
        let count = match op {
            Op::Call | Op::CallGlobal => usize::from(insn.x()),
            Op::Invoke | Op::InvokeSuper => usize::from(self.unit.sites[c].count),
            _ => 0,
        };
        if operands.b == Operand::Frame && insn.b() + LINK + count >= usize::from(self.function.registers) {
            return Err(format!("{}: its frame is outside the function's", op.name()));
        }
        match op {
            Op::GetSuper if insn.b() + 1 >= usize::from(self.function.registers) => {
                Err("no receiver".to_owned())
            }
            Op::Class if u32::from(self.unit.sites[c].count) > ROOM => Err("too many fields".to_owned()),
            Op::Closure => self.captures(&self.unit.functions[c]),
            _ => Ok(()),
        }
    }

    fn fits(&self, operand: Operand, value: usize, insn: Insn, n: usize) -> bool {
        let statics = &self.unit.statics;
        let is_global = || matches!(statics.get(value), Some(Static::Global(_)));
        match operand {
            Operand::None | Operand::Count => true,
            Operand::To | Operand::From | Operand::Frame => value < usize::from(self.function.registers),
            Operand::Constant | Operand::WideConstant => value < statics.len() && !is_global(),
            Operand::Global | Operand::ShortGlobal => is_global(),
            Operand::Capture => value < self.function.captures.len(),
            Operand::Function => 0 < value && value < self.unit.functions.len(),
            Operand::Site => value < self.unit.sites.len(),
            Operand::Jump => {
                let to = n as i64 + 1 + insn.distance() as i64;
                (0..i64::from(self.function.len)).contains(&to)
            }
        }
    }

    /// What a function captures where this one makes a closure of it.
    fn captures(&self, made: &Function) -> Result<(), String> {
        let exists = |capture: &Capture| match *capture {
            Capture::Register(register) => register < self.function.registers,
            Capture::Outer(outer) => usize::from(outer) < self.function.captures.len(),
            Capture::Itself => true,
        };
        match made.captures.iter().find(|capture| !exists(capture)) {
            Some(capture) => Err(format!("{capture:?} does not exist")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::compile::compile;
    use super::*;

    /// A method's address must not be taken for the place of a field.
    #[test]
    fn sites_are_not_shared() {
        let mut unit = compile(b"class A { m() {} } var a = A(); a.m(); a.x;", true).unwrap();
        assert_eq!(verify(&unit), Ok(()));
        let find = |op: Op| unit.code.iter().position(|insn| insn.op() == op as u8).unwrap();
        let (invoke, get) = (find(Op::Invoke), find(Op::GetProperty));
        unit.code[get] = unit.code[get].with_wide(unit.code[invoke].index() as u32);
        assert!(verify(&unit).unwrap_err().contains("is another instruction's"));
    }
}
