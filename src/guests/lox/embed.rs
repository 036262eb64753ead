//! Values as a host has them.

use std::sync::Arc;

use super::core::Core;
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
