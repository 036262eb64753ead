//! Functions of the host's that programs can call.

use std::time::Instant;

use super::core::Core;
use super::value::Value;

/// A function of the host's: what it makes of its arguments, or the message of a run-time error.
pub type Function = Box<dyn FnMut(&mut Core, &[Value]) -> Result<Value, String> + Send>;

/// Defines what every program has: `clock`, the seconds since the machine was made.
pub fn define_all(core: &mut Core) {
    let start = Instant::now();
    core.define_native(b"clock", Box::new(move |_, _| Ok(Value::number(start.elapsed().as_secs_f64()))));
}
