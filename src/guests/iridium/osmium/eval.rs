//! The meaning of a program, from its tree: slow, simple, and made of nothing that the compiler is made of but
//! the tree and the arithmetic of two numbers.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

use super::tree::*;
use super::{Routine, Trap};
use crate::diagnostic::Source;

/// What a run may use. Beyond that, nothing is known of the program.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Statements and expressions evaluated.
    pub steps: u64,
    /// Calls in each other.
    pub depth: usize,
    /// Elements of all arrays together.
    pub elements: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { steps: 1 << 20, depth: 100, elements: 1 << 16 }
    }
}

/// Why a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// `main` has returned.
    Finished,
    /// The program was stopped, which it has printed.
    Trapped,
    /// It divided an int by zero.
    DividedByZero,
    /// A limit was reached.
    Limit,
}

/// What a program did.
#[derive(Clone, PartialEq, Debug)]
pub struct Run {
    /// What it printed.
    pub output: Vec<u8>,
    /// Why it ended.
    pub end: End,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Int(i32),
    Float(f64),
    Bool(bool),
    Array(Rc<RefCell<Vec<Value>>>),
}

impl Value {
    fn int(self) -> i32 {
        match self {
            Value::Int(value) => value,
            other => unreachable!("{other:?} is no int: types were checked"),
        }
    }

    fn float(self) -> f64 {
        match self {
            Value::Float(value) => value,
            other => unreachable!("{other:?} is no float: types were checked"),
        }
    }

    fn bool(self) -> bool {
        match self {
            Value::Bool(value) => value,
            other => unreachable!("{other:?} is no bool: types were checked"),
        }
    }

    fn array(self) -> Rc<RefCell<Vec<Value>>> {
        match self {
            Value::Array(value) => value,
            other => unreachable!("{other:?} is no array: types were checked"),
        }
    }
}

/// Runs a program whose text is `source`.
pub fn run(program: &Program, source: &Source<'_>, limits: Limits) -> Run {
    let mut evaluator = Evaluator { program: Some((program, source)), limits, output: Vec::new() };
    let end = evaluator.call(program.main, Vec::new()).err().unwrap_or(End::Finished);
    Run { output: evaluator.output, end }
}

/// The value of an expression if that is known when compiling: if it is made of literals and of variables
/// whose values are known.
pub(super) fn fold(expr: &Expr, known: &mut [Option<Value>]) -> Option<Value> {
    let mut evaluator = Evaluator { program: None, limits: Limits::default(), output: Vec::new() };
    evaluator.expr(expr, known).ok()
}

/// The same, as a literal, of an expression without variables.
pub(super) fn constant(expr: &Expr) -> Option<ExprKind> {
    match fold(expr, &mut [])? {
        Value::Int(value) => Some(ExprKind::Int(value)),
        Value::Float(value) => Some(ExprKind::Float(value)),
        Value::Bool(value) => Some(ExprKind::Bool(value)),
        Value::Array(_) => None,
    }
}

struct Evaluator<'p> {
    /// Without a program nothing is called, and no arrays are made.
    program: Option<(&'p Program, &'p Source<'p>)>,
    limits: Limits,
    output: Vec<u8>,
}

/// Where control goes after a statement.
enum Flow {
    Next,
    Break,
    Continue,
    Return(Option<Value>),
}

type Locals<'l> = &'l mut [Option<Value>];

impl Evaluator<'_> {
    fn step(&mut self) -> Result<(), End> {
        self.limits.steps = self.limits.steps.checked_sub(1).ok_or(End::Limit)?;
        Ok(())
    }

    fn trap<T>(&mut self, trap: Trap, span: super::Span) -> Result<T, End> {
        let (_, source) = self.program.ok_or(End::Limit)?;
        self.output.extend(trap.message(source, span).bytes());
        Err(End::Trapped)
    }

    fn call(&mut self, id: FnId, arguments: Vec<Value>) -> Result<Option<Value>, End> {
        let (program, _) = self.program.ok_or(End::Limit)?;
        let function = &program.functions[id.0];
        self.limits.depth = self.limits.depth.checked_sub(1).ok_or(End::Limit)?;
        let mut locals: Vec<Option<Value>> = arguments.into_iter().map(Some).collect();
        locals.resize(function.locals.len(), None);
        let flow = self.block(&function.body, &mut locals)?;
        self.limits.depth += 1;
        Ok(match flow {
            Flow::Return(value) => value,
            _ => None,
        })
    }

    fn routine(&mut self, routine: Routine, argument: Value) -> Result<(), End> {
        let (program, _) = self.program.ok_or(End::Limit)?;
        self.call(routine.find(program), vec![argument]).map(|_| ())
    }

    fn block(&mut self, statements: &[Statement], locals: Locals<'_>) -> Result<Flow, End> {
        for statement in statements {
            match self.statement(statement, locals)? {
                Flow::Next => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, statement: &Statement, locals: Locals<'_>) -> Result<Flow, End> {
        self.step()?;
        match &statement.kind {
            StatementKind::Set(local, value) => locals[local.0] = Some(self.expr(value, locals)?),
            StatementKind::SetElement { place: [array, index], op, value } => {
                let span = array.span.to(index.span);
                let array = self.expr(array, locals)?.array();
                let index = self.expr(index, locals)?.int();
                // The old value is the operation's left operand.
                let old = match op {
                    Some(_) => Some(self.element(&array, index, span)?),
                    None => None,
                };
                let mut new = self.expr(value, locals)?;
                if let (Some(op), Some(old)) = (op, old) {
                    new = Value::Int(op.int(old.int(), new.int()).ok_or(End::DividedByZero)?);
                }
                self.element(&array, index, span)?;
                array.borrow_mut()[index as usize] = new;
            }
            StatementKind::Call(function, arguments) => {
                let arguments = self.all(arguments, locals)?;
                self.call(*function, arguments)?;
            }
            StatementKind::PrintText(text) => self.output.extend(text.bytes()),
            StatementKind::Print(value) => match self.expr(value, locals)? {
                value @ Value::Float(_) => self.routine(Routine::PrintFloat, value)?,
                Value::Int(value) => self.write(value),
                Value::Bool(value) => self.write(value),
                Value::Array(_) => unreachable!("arrays are not printed: types were checked"),
            },
            StatementKind::If { arms, otherwise } => {
                for (condition, block) in arms {
                    if self.expr(condition, locals)?.bool() {
                        return self.block(block, locals);
                    }
                }
                return self.block(otherwise, locals);
            }
            StatementKind::While { condition, body, .. } => {
                while self.expr(condition, locals)?.bool() {
                    match self.block(body, locals)? {
                        Flow::Next | Flow::Continue => {}
                        Flow::Break => break,
                        flow @ Flow::Return(_) => return Ok(flow),
                    }
                }
            }
            StatementKind::For { local, from, to, body, .. } => {
                let from = self.expr(from, locals)?.int();
                let to = self.expr(to, locals)?.int();
                for n in from..to {
                    self.step()?;
                    locals[local.0] = Some(Value::Int(n));
                    match self.block(body, locals)? {
                        Flow::Next | Flow::Continue => {}
                        Flow::Break => break,
                        flow @ Flow::Return(_) => return Ok(flow),
                    }
                }
            }
            StatementKind::Break => return Ok(Flow::Break),
            StatementKind::Continue => return Ok(Flow::Continue),
            StatementKind::Return(None) => return Ok(Flow::Return(None)),
            StatementKind::Return(Some(value)) => return Ok(Flow::Return(Some(self.expr(value, locals)?))),
            StatementKind::Block(block) => return self.block(block, locals),
        }
        Ok(Flow::Next)
    }

    fn write(&mut self, value: impl std::fmt::Display) {
        write!(self.output, "{value}").expect("memory can be written");
    }

    fn all(&mut self, exprs: &[Expr], locals: Locals<'_>) -> Result<Vec<Value>, End> {
        exprs.iter().map(|one| self.expr(one, locals)).collect()
    }

    fn element(&mut self, array: &RefCell<Vec<Value>>, index: i32, span: super::Span) -> Result<Value, End> {
        let found = usize::try_from(index).ok().and_then(|index| array.borrow().get(index).cloned());
        match found {
            Some(value) => Ok(value),
            None => self.trap(Trap::Index, span),
        }
    }

    /// An array of so many elements, made one by one.
    fn array(
        &mut self,
        count: usize,
        mut element: impl FnMut(&mut Self, usize) -> Result<Value, End>,
    ) -> Result<Value, End> {
        self.program.ok_or(End::Limit)?;
        self.limits.elements = self.limits.elements.checked_sub(count + 1).ok_or(End::Limit)?;
        let all: Result<Vec<Value>, End> = (0..count).map(|n| element(self, n)).collect();
        Ok(Value::Array(Rc::new(RefCell::new(all?))))
    }

    fn expr(&mut self, expr: &Expr, locals: Locals<'_>) -> Result<Value, End> {
        self.step()?;
        Ok(match &expr.kind {
            ExprKind::Int(value) => Value::Int(*value),
            ExprKind::Float(value) => Value::Float(*value),
            ExprKind::Bool(value) => Value::Bool(*value),
            ExprKind::Local(local) => locals[local.0].clone().ok_or(End::Limit)?,
            ExprKind::Negative(inner) => match self.expr(inner, locals)? {
                Value::Float(value) => Value::Float(-value),
                value => Value::Int(value.int().wrapping_neg()),
            },
            ExprKind::Not(inner) => Value::Bool(!self.expr(inner, locals)?.bool()),
            ExprKind::Binary(op, both) => {
                match (self.expr(&both[0], locals)?, self.expr(&both[1], locals)?) {
                    (Value::Float(a), b) => {
                        let value = op.float(a, b.float());
                        Value::Float(value.expect("floats have the operation: types were checked"))
                    }
                    (a, b) => Value::Int(op.int(a.int(), b.int()).ok_or(End::DividedByZero)?),
                }
            }
            ExprKind::Test(test, both) => {
                Value::Bool(match (self.expr(&both[0], locals)?, self.expr(&both[1], locals)?) {
                    (Value::Float(a), b) => test.holds(a, b.float()),
                    (Value::Bool(a), b) => test.holds(a, b.bool()),
                    (a, b) => test.holds(a.int(), b.int()),
                })
            }
            ExprKind::And(both) => {
                Value::Bool(self.expr(&both[0], locals)?.bool() && self.expr(&both[1], locals)?.bool())
            }
            ExprKind::Or(both) => {
                Value::Bool(self.expr(&both[0], locals)?.bool() || self.expr(&both[1], locals)?.bool())
            }
            ExprKind::Call(function, arguments) => {
                self.program.ok_or(End::Limit)?;
                let arguments = self.all(arguments, locals)?;
                self.call(*function, arguments)?.expect("the function has a result: types were checked")
            }
            ExprKind::Element(both) => {
                let array = self.expr(&both[0], locals)?.array();
                let index = self.expr(&both[1], locals)?.int();
                self.element(&array, index, both[0].span.to(both[1].span))?
            }
            ExprKind::Length(array) => {
                let array = self.expr(array, locals)?.array();
                let length = array.borrow().len();
                Value::Int(length as i32)
            }
            ExprKind::Fill { value, count, .. } => {
                let count_of = self.expr(count, locals)?.int();
                let Some(length) = Trap::length(count_of) else {
                    return self.trap(Trap::Length, count.span);
                };
                self.array(length, |evaluator, _| evaluator.expr(value, locals))?
            }
            ExprKind::List(all) => self.array(all.len(), |evaluator, n| evaluator.expr(&all[n], locals))?,
            ExprKind::ToInt(inner) => Value::Int(self.expr(inner, locals)?.float() as i32),
            ExprKind::ToFloat(inner) => Value::Float(self.expr(inner, locals)?.int().into()),
            ExprKind::Error => return Err(End::Limit),
        })
    }
}
