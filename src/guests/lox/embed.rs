//! Values as a host has them.

use std::sync::Arc;

use super::core::{Core, Halt};
use super::interp;
use super::isa::{Insn, LINK};
use super::object::{Rope, Str};
use super::value::Value;

/// A value, for the host.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// `nil`
    Nil,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A string, copied. What is not UTF-8 in it is replaced.
    String(String),
    /// A function, class, instance or the like, which lives as long as this.
    Object(Handle),
}

/// An object of a machine.
#[derive(Clone)]
pub struct Handle(Arc<Kept>);

pub(super) struct Kept {
    pub(super) value: Value,
    /// The machine that has it.
    machine: u64,
}

/// What a native may do with the machine that has called it.
pub struct Caller<'m> {
    pub(super) core: &'m mut Core,
}

/// Calls by natives that may be under way at the same time: each takes some of the host's own stack.
const NESTED: u32 = 100;

impl Caller<'_> {
    /// Calls something, on what is left of the run's budget.
    ///
    /// # Errors
    /// The message of a run-time error; if the native gives it on, the trace has the calls in between, too. Where the
    /// budget ends, or output cannot be written, the run stops as soon as the native returns; that it failed is then
    /// forgotten, and its result nil.
    pub fn call(&mut self, callee: &Data, arguments: &[Data]) -> Result<Data, String> {
        let values = self.core.values(callee, arguments)?;
        let result = self.core.call_back(values[0], &values[1..])?;
        Ok(self.core.data(result))
    }
}

impl Core {
    /// What a call needs.
    pub fn values(&mut self, callee: &Data, arguments: &[Data]) -> Result<Vec<Value>, String> {
        if arguments.len() > 255 {
            return Err("Can't have more than 255 arguments.".to_owned());
        }
        std::iter::once(callee).chain(arguments).map(|data| self.value(data)).collect()
    }

    /// Calls something while a native runs.
    fn call_back(&mut self, callee: Value, arguments: &[Value]) -> Result<Value, String> {
        const SIZE: isize = size_of::<Insn>() as isize;
        let from = self.frame_end();
        if self.nested == NESTED || from + 2 * LINK + 256 > self.stack_len() {
            return Err("Stack overflow.".to_owned());
        }
        if self.broken.is_some() {
            return Err("The run has ended.".to_owned());
        }
        let (pc, base, spent_at) = (self.pc, self.base, self.spent_at);
        let (reserve, calls_left) = (std::mem::take(&mut self.reserve), self.calls_left);
        // The call of the native takes an instruction itself.
        let left = (spent_at + reserve - pc as isize) / SIZE - 1;
        self.nested += 1;
        self.place_call(from, callee, arguments);
        let retired = interp::run(self, left.max(0) as u64);
        let halt = self.halt.take();
        if matches!(halt, Some(Halt::Error(_))) {
            let calls = self.calls();
            self.inner.extend(calls);
        }
        self.nested -= 1;
        (self.pc, self.base, self.calls_left, self.reserve) = (pc, base, calls_left, reserve);
        self.spent_at = spent_at - retired as isize * SIZE;
        match halt {
            Some(Halt::Done(value)) => Ok(value),
            Some(Halt::Error(message)) => Err(message),
            halt => {
                self.broken = halt;
                Err("The run has ended.".to_owned())
            }
        }
    }
}

impl PartialEq for Handle {
    fn eq(&self, other: &Handle) -> bool {
        self.0.machine == other.0.machine && self.0.value == other.0.value
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("object")
    }
}

impl From<f64> for Data {
    fn from(number: f64) -> Data {
        Data::Number(number)
    }
}

impl From<bool> for Data {
    fn from(value: bool) -> Data {
        Data::Bool(value)
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Data {
        Data::String(text.to_owned())
    }
}

impl Core {
    /// A value for the host.
    pub fn data(&mut self, value: Value) -> Data {
        match value {
            Value::NIL => return Data::Nil,
            Value::TRUE | Value::FALSE => return Data::Bool(value == Value::TRUE),
            _ if !value.is_object() => return Data::Number(value.float()),
            _ => {}
        }
        if value.as_object::<Str>().is_some() || value.as_object::<Rope>().is_some() {
            return Data::String(String::from_utf8_lossy(&self.text(value)).into_owned());
        }
        let kept = Arc::new(Kept { value, machine: self.id });
        self.kept.push(kept.clone());
        Data::Object(Handle(kept))
    }

    /// A value of the host's.
    ///
    /// # Errors
    /// It is an object of another machine.
    pub fn value(&mut self, data: &Data) -> Result<Value, String> {
        Ok(match data {
            Data::Nil => Value::NIL,
            Data::Bool(value) => Value::bool(*value),
            Data::Number(number) if number.is_nan() => Value::number(f64::NAN),
            Data::Number(number) => Value::number(*number),
            Data::String(text) => self.string_value(text.as_bytes()),
            Data::Object(handle) if handle.0.machine == self.id => handle.0.value,
            Data::Object(_) => return Err("the object is another machine's".to_owned()),
        })
    }
}
