//! What there is to say about an error of a run: where, what was found, and what may be meant.

use super::core::Core;
use super::error::RuntimeError;
use super::isa::{LINK, Op, Operand};
use super::object::{Bound, Class, Closure, Instance, Native, Rope, Str};
use super::value::Value;
use crate::diagnostic::closest;

/// Bytes of a string that are shown.
const SHOWN: usize = 40;

impl Core {
    /// An error where the machine stands.
    pub fn runtime_error(&mut self, message: String) -> RuntimeError {
        let mut calls = std::mem::take(&mut self.inner);
        let is_inside = !calls.is_empty();
        calls.extend(self.calls());
        let found = if is_inside { None } else { self.found(&message) };
        let near = self.near(&message);
        RuntimeError { message, calls, found, near }
    }

    /// The defined variable whose name is near the one that is not.
    fn near(&self, message: &str) -> Option<String> {
        let name = message.strip_prefix("Undefined variable '")?.strip_suffix("'.")?;
        let names: Vec<_> = self.globals().map(String::from_utf8_lossy).collect();
        closest(name, names.iter().map(|name| name.as_ref())).map(str::to_owned)
    }

    /// The values that the message is about.
    fn found(&self, message: &str) -> Option<String> {
        let all = self.operands();
        let is_wrong: fn(&Value) -> bool = match message {
            "Operands must be two numbers or two strings." => |_| true,
            "Operands must be numbers." | "Operand must be a number." => |value| !value.is_number(),
            "Only instances have properties."
            | "Only instances have fields."
            | "Only instances have methods." => |value| value.as_object::<Instance>().is_none(),
            "Superclass must be a class." => |value| value.as_object::<Class>().is_none(),
            "Can only call functions and classes." => |_| true,
            _ => return None,
        };
        let shown: Vec<String> =
            all.into_iter().filter(is_wrong).map(|value| self.described(value)).collect();
        (!shown.is_empty()).then(|| shown.join(" and "))
    }

    /// The values that the instruction reads at which the machine stands.
    fn operands(&self) -> Vec<Value> {
        let Some((code, n)) = self.place(self.pc) else {
            // The host's own call.
            return vec![self.slot(self.base as usize, LINK as isize)];
        };
        let insn = code.insns[n];
        let Some(op) = Op::from_number(insn.op()) else { return Vec::new() };
        let register = |register: usize| self.slot(self.base as usize, register as isize);
        let operands = op.operands();
        let value = |operand, number: usize| match operand {
            Operand::From => Some(register(number)),
            Operand::Constant => Some(self.statics[number]),
            Operand::Frame => Some(register(number + LINK)),
            _ => None,
        };
        // What is stored is not what the error is about.
        let c = if op == Op::SetProperty { Operand::None } else { operands.c };
        let b = if op == Op::SetProperty { Operand::None } else { operands.b };
        let all = [(operands.a, insn.a()), (b, insn.b()), (c, insn.c())];
        all.into_iter().filter_map(|(operand, number)| value(operand, number)).collect()
    }

    /// A value with what it is.
    fn described(&self, value: Value) -> String {
        let text = String::from_utf8_lossy(&self.text(value)).into_owned();
        let is_string = value.as_object::<Str>().is_some() || value.as_object::<Rope>().is_some();
        let is_function = value.as_object::<Closure>().is_some()
            || value.as_object::<Bound>().is_some()
            || value.as_object::<Native>().is_some();
        if is_string {
            let end = text.floor_char_boundary(SHOWN);
            let more = if end < text.len() { "..." } else { "" };
            format!("the string \"{}{more}\"", &text[..end])
        } else if is_function {
            format!("the function {text}")
        } else if value.as_object::<Class>().is_some() {
            format!("the class {text}")
        } else if value.is_number() {
            format!("the number {text}")
        } else {
            // What it is, it says.
            text
        }
    }
}
