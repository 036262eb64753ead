//! A machine for Lox, as its host sees it.

use std::io::{self, Write};

use super::compile::compile;
use super::core::{Collections, Core, Halt, Limits};
use super::embed::{Caller, Data};
use super::error::{RuntimeError, SourceError};
use super::isa::Op;
use super::unit::Unit;
use super::value::Value;
use super::{disasm, image, interp, native};

/// Why a run ended.
#[derive(Debug)]
pub enum Stop {
    /// The program has ended.
    Halted,
    /// The budget is spent; the run can go on.
    Budget,
    /// The program is wrong.
    Error(RuntimeError),
    /// Output cannot be written.
    Io(io::Error),
}

/// A compiled program.
#[derive(Clone)]
pub struct Program(Unit);

impl Program {
    /// Compiles a source.
    ///
    /// # Errors
    /// All that is wrong with it, in order.
    pub fn compile(source: &[u8]) -> Result<Program, Vec<SourceError>> {
        compile(source, true).map(Program)
    }

    /// Compiles a source without the second pass, which makes no difference but in speed and counts.
    ///
    /// # Errors
    /// As [`Program::compile`].
    pub fn compile_in_one_pass(source: &[u8]) -> Result<Program, Vec<SourceError>> {
        compile(source, false).map(Program)
    }

    /// With another operation in the place of each of this one: a bug to be found.
    pub(super) fn with_other(mut self, op: Op, other: Op) -> Program {
        for insn in self.0.code.iter_mut().filter(|insn| insn.op() == op as u8) {
            *insn = insn.with_op(other);
        }
        self
    }

    /// Reads an image. It may come from anywhere: one that a machine could not run safely is refused.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn read(image: &[u8]) -> Result<Program, String> {
        image::read(image).map(Program)
    }

    /// Whether a file is an image, by its first bytes.
    pub fn is_image(file: &[u8]) -> bool {
        file.starts_with(image::MAGIC)
    }

    /// The image.
    pub fn image(&self) -> Vec<u8> {
        image::write(&self.0)
    }

    /// Its instructions as text, with the numbers of the source's lines, and these lines if they are given.
    pub fn listing(&self, source: Option<&str>) -> String {
        disasm::listing(&self.0, source)
    }
}

/// A machine. It shares nothing with any other one.
///
/// ```
/// use kiln::guests::lox::{Data, Limits, Lox, Program, Stop};
///
/// let mut lox = Lox::new(Limits::default(), Box::new(std::io::sink()));
/// lox.define("double", |_, arguments| match arguments {
///     [Data::Number(number)] => Ok(Data::Number(2.0 * number)),
///     _ => Err("double takes a number.".to_owned()),
/// });
/// // A native may call back.
/// lox.define("twice", |caller, arguments| match arguments {
///     [function, value] => {
///         let once = caller.call(function, std::slice::from_ref(value))?;
///         caller.call(function, &[once])
///     }
///     _ => Err("twice takes a function and a value.".to_owned()),
/// });
/// let program = Program::compile(b"fun quadruple(n) { return twice(double, n); }").unwrap();
/// lox.load(&program).unwrap();
/// assert!(matches!(lox.run(1000), Stop::Halted));
///
/// let quadruple = lox.global("quadruple").unwrap();
/// assert_eq!(lox.call(&quadruple, &[Data::Number(10.5)], 1000).unwrap(), Data::Number(42.0));
/// match lox.call(&quadruple, &["ten".into()], 1000) {
///     Err(Stop::Error(error)) => assert_eq!(error.message, "double takes a number."),
///     other => panic!("{other:?}"),
/// }
/// ```
pub struct Lox {
    core: Box<Core>,
    instructions: u64,
}

impl Lox {
    /// A machine that prints to `out`.
    pub fn new(limits: Limits, out: Box<dyn Write + Send>) -> Lox {
        let mut core = Core::new(limits, out);
        native::define_all(&mut core);
        Lox { core, instructions: 0 }
    }

    /// Loads a program, to be run from its start. What earlier ones have defined stays.
    ///
    /// # Errors
    /// The machine has no room for so many constants and globals.
    pub fn load(&mut self, program: &Program) -> Result<(), String> {
        let script = self.core.link(&program.0)?;
        self.core.prepare_call(script, &[]);
        Ok(())
    }

    /// Goes on with what was loaded, for at most so many instructions. What has ended is not begun again.
    pub fn run(&mut self, budget: u64) -> Stop {
        match self.go_on(budget) {
            Ok(_) => Stop::Halted,
            Err(stop) => stop,
        }
    }

    fn go_on(&mut self, budget: u64) -> Result<Value, Stop> {
        if matches!(self.core.halt, Some(Halt::Budget)) {
            self.core.halt = None;
        }
        self.instructions += interp::run(&mut self.core, budget);
        if let Err(error) = self.core.flush() {
            return Err(Stop::Io(error));
        }
        match self.core.halt.replace(Halt::Done(Value::NIL)) {
            Some(Halt::Io(error)) => Err(Stop::Io(error)),
            Some(Halt::Error(message)) => Err(Stop::Error(self.core.runtime_error(message))),
            Some(Halt::Budget) => {
                self.core.halt = Some(Halt::Budget);
                Err(Stop::Budget)
            }
            Some(Halt::Done(value)) => Ok(value),
            None => Ok(Value::NIL),
        }
    }

    /// Calls something, for at most so many instructions; its result. What was running before does not go on.
    ///
    /// # Errors
    /// Why there is none.
    pub fn call(&mut self, callee: &Data, arguments: &[Data], budget: u64) -> Result<Data, Stop> {
        let refused = |message| Stop::Error(RuntimeError { message, ..RuntimeError::default() });
        let values = self.core.values(callee, arguments).map_err(refused)?;
        self.core.prepare_call(values[0], &values[1..]);
        let result = self.go_on(budget)?;
        Ok(self.core.data(result))
    }

    /// The value of a global variable, if it is defined.
    pub fn global(&mut self, name: &str) -> Option<Data> {
        let value = self.core.find_global(name.as_bytes())?;
        Some(self.core.data(value))
    }

    /// The names of the global variables that are defined.
    pub fn globals(&self) -> Vec<String> {
        self.core.globals().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    /// Defines a global variable that is a function of the host's. It may call things of the machine, and gives a value or
    /// the message of a run-time error.
    pub fn define(
        &mut self,
        name: &str,
        mut function: impl FnMut(&mut Caller<'_>, &[Data]) -> Result<Data, String> + Send + 'static,
    ) {
        let native = move |core: &mut Core, arguments: &[Value]| {
            let arguments: Vec<Data> = arguments.iter().map(|&value| core.data(value)).collect();
            let result = function(&mut Caller { core }, &arguments)?;
            core.value(&result)
        };
        self.core.define_native(name.as_bytes(), Box::new(native));
    }

    /// A value as `print` shows it.
    pub fn text(&mut self, data: &Data) -> String {
        let shown = |core: &mut Core| core.value(data).map(|value| core.text(value));
        shown(&mut self.core).map_or_else(|error| error, |text| String::from_utf8_lossy(&text).into_owned())
    }

    /// Collects before each so manieth thing that allocates, from now on; with 0 no longer: to find what a collection
    /// would miss.
    pub fn set_stress(&mut self, every: u32) {
        self.core.heap.set_stress(every);
        self.core.hole = Default::default();
    }

    /// Instructions that have retired.
    pub fn instructions(&self) -> u64 {
        self.instructions
    }

    /// What has been collected.
    pub fn collections(&self) -> Collections {
        self.core.collections
    }

    /// Bytes that the heap has from its host.
    pub fn heap_size(&self) -> usize {
        self.core.heap.size()
    }

    /// How many shapes instances have, or had lately.
    pub fn shapes(&self) -> usize {
        self.core.shapes.count()
    }

    /// How often a site met a shape that it did not know, in all.
    pub fn site_misses(&self) -> u64 {
        self.core.learned().map(|(_, site)| site.misses).sum()
    }

    /// The listing of all that was loaded, with what the interpreter has seen of each instruction.
    pub fn seen(&self) -> String {
        self.core.seen()
    }

    /// The source line that the machine stands on, and the instruction there.
    pub fn place(&self) -> Option<(u32, String)> {
        let (code, n) = self.core.place(self.core.next())?;
        Some((code.unit.lines[n], disasm::insn(&code.unit, code.unit.code[n], n - code.unit.start_of(n))))
    }
}
