//! The walker.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use kiln::guests::lox::generate::tree::{Expr, Function, Name, Stmt};

#[derive(Clone)]
enum Value {
    Nil,
    Bool(bool),
    Number(f64),
    Text(Rc<str>),
    Closure(Rc<Closure>),
    Class(Rc<Class>),
    Instance(Rc<Instance>),
}

struct Closure {
    function: Rc<Function>,
    env: Rc<Env>,
    /// The receiver of a method, and the class after which `super` looks.
    bound: Option<(Value, Option<Rc<Class>>)>,
    is_init: bool,
}

struct Class {
    name: Name,
    base: Option<Rc<Class>>,
    methods: Vec<Rc<Function>>,
    env: Rc<Env>,
}

struct Instance {
    class: Rc<Class>,
    fields: RefCell<HashMap<Name, Value>>,
}

#[derive(Default)]
struct Env {
    names: RefCell<HashMap<Name, Value>>,
    outer: Option<Rc<Env>>,
}

impl Env {
    fn inside(outer: &Rc<Env>) -> Rc<Env> {
        Rc::new(Env { names: RefCell::default(), outer: Some(outer.clone()) })
    }
    fn define(&self, name: &Name, value: Value) {
        self.names.borrow_mut().insert(name.clone(), value);
    }
    fn get(&self, name: &Name) -> Option<Value> {
        let own = self.names.borrow().get(name).cloned();
        own.or_else(|| self.outer.as_ref()?.get(name))
    }
    fn set(&self, name: &Name, value: Value) -> bool {
        match self.names.borrow_mut().get_mut(name) {
            Some(place) => {
                *place = value;
                true
            }
            None => self.outer.as_ref().is_some_and(|outer| outer.set(name, value)),
        }
    }
}

enum Out {
    Return(Value),
    Error(String),
    /// It takes too long.
    GiveUp,
}

type Walk<T> = Result<T, Out>;

fn fail<T>(message: impl Into<String>) -> Walk<T> {
    Err(Out::Error(message.into()))
}

struct Walker {
    out: RefCell<String>,
    steps: Cell<u32>,
    /// Calls under way.
    calls: Cell<u32>,
}

fn truth(value: &Value) -> bool {
    !matches!(value, Value::Nil | Value::Bool(false))
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Number(a), Value::Number(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::Closure(a), Value::Closure(b)) => Rc::ptr_eq(a, b),
        (Value::Class(a), Value::Class(b)) => Rc::ptr_eq(a, b),
        (Value::Instance(a), Value::Instance(b)) => Rc::ptr_eq(a, b),
        _ => false,
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Nil => "nil".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) if number.is_nan() => "nan".into(),
        Value::Number(number) if number.abs() < 1e6 && number.fract() == 0.0 => format!("{number}"),
        Value::Number(number) if number.is_infinite() => format!("{number}"),
        Value::Number(number) => {
            let text = format!("{number:.5e}");
            let (digits, power) = text.split_once('e').unwrap();
            let digits = if digits.contains('.') {
                digits.trim_end_matches('0').trim_end_matches('.')
            } else {
                digits
            };
            let power: i32 = power.parse().unwrap();
            if (-4..6).contains(&power) {
                let places = (5 - power) as usize;
                let fixed = format!("{number:.places$}");
                return fixed.trim_end_matches('0').trim_end_matches('.').to_owned();
            }
            format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
        }
        Value::Text(text) => text.to_string(),
        Value::Closure(closure) => format!("<fn {}>", closure.function.name),
        Value::Class(class) => class.name.to_string(),
        Value::Instance(instance) => format!("{} instance", instance.class.name),
    }
}

fn find(class: &Rc<Class>, name: &str) -> Option<(Rc<Class>, Rc<Function>)> {
    let own = class.methods.iter().rev().find(|method| &*method.name == name);
    match own {
        Some(method) => Some((class.clone(), method.clone())),
        None => find(class.base.as_ref()?, name),
    }
}

fn method(receiver: &Value, class: &Rc<Class>, name: &str) -> Option<Value> {
    let (owner, function) = find(class, name)?;
    let bound = Some((receiver.clone(), owner.base.clone()));
    let is_init = name == "init";
    Some(Value::Closure(Rc::new(Closure { function, env: owner.env.clone(), bound, is_init })))
}

/// What `this` and `super` are.
type Around = Option<(Value, Option<Rc<Class>>)>;

impl Walker {
    fn step(&self) -> Walk<()> {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > 20_000 { Err(Out::GiveUp) } else { Ok(()) }
    }

    fn all(&self, of: &[Expr], env: &Rc<Env>, around: &Around) -> Walk<Vec<Value>> {
        of.iter().map(|one| self.expr(one, env, around)).collect()
    }

    fn expr(&self, of: &Expr, env: &Rc<Env>, around: &Around) -> Walk<Value> {
        self.step()?;
        Ok(match of {
            Expr::Nil => Value::Nil,
            Expr::Bool(value) => Value::Bool(*value),
            Expr::Number(number) => Value::Number(f64::from(*number)),
            Expr::Text(text) => Value::Text(text.clone()),
            Expr::Get(name) => match env.get(name) {
                Some(value) => value,
                None => return fail(format!("Undefined variable '{name}'.")),
            },
            Expr::Set(name, value) => {
                let value = self.expr(value, env, around)?;
                if !env.set(name, value.clone()) {
                    return fail(format!("Undefined variable '{name}'."));
                }
                value
            }
            Expr::Not(inner) => Value::Bool(!truth(&self.expr(inner, env, around)?)),
            Expr::Minus(inner) => match self.expr(inner, env, around)? {
                Value::Number(number) => Value::Number(-number),
                _ => return fail("Operand must be a number."),
            },
            Expr::And(left, right) => match self.expr(left, env, around)? {
                left if truth(&left) => self.expr(right, env, around)?,
                left => left,
            },
            Expr::Or(left, right) => match self.expr(left, env, around)? {
                left if truth(&left) => left,
                _ => self.expr(right, env, around)?,
            },
            Expr::Binary(op, left, right) => {
                let left = self.expr(left, env, around)?;
                let right = self.expr(right, env, around)?;
                return binary(op, &left, &right);
            }
            Expr::Call(callee, arguments) => {
                let callee = self.expr(callee, env, around)?;
                let arguments = self.all(arguments, env, around)?;
                return self.call(&callee, arguments);
            }
            Expr::Field(object, name) => {
                let object = self.expr(object, env, around)?;
                let Value::Instance(instance) = &object else {
                    return fail("Only instances have properties.");
                };
                let field = instance.fields.borrow().get(name).cloned();
                match field.or_else(|| method(&object, &instance.class, name)) {
                    Some(value) => value,
                    None => return fail(format!("Undefined property '{name}'.")),
                }
            }
            Expr::SetField(object, name, value) => {
                let object = self.expr(object, env, around)?;
                let value = self.expr(value, env, around)?;
                let Value::Instance(instance) = &object else { return fail("Only instances have fields.") };
                instance.fields.borrow_mut().insert(name.clone(), value.clone());
                value
            }
            Expr::Invoke(object, name, arguments) => {
                let object = self.expr(object, env, around)?;
                let arguments = self.all(arguments, env, around)?;
                let Value::Instance(instance) = &object else { return fail("Only instances have methods.") };
                let field = instance.fields.borrow().get(name).cloned();
                match field.or_else(|| method(&object, &instance.class, name)) {
                    Some(value) => return self.call(&value, arguments),
                    None => return fail(format!("Undefined property '{name}'.")),
                }
            }
            Expr::This => around.as_ref().unwrap().0.clone(),
            Expr::SuperGet(name) => {
                let (this, base) = around.as_ref().unwrap();
                match method(this, base.as_ref().unwrap(), name) {
                    Some(value) => value,
                    None => return fail(format!("Undefined property '{name}'.")),
                }
            }
            Expr::Super(name, arguments) => {
                let arguments = self.all(arguments, env, around)?;
                let (this, base) = around.as_ref().unwrap();
                match method(this, base.as_ref().unwrap(), name) {
                    Some(value) => return self.call(&value, arguments),
                    None => return fail(format!("Undefined property '{name}'.")),
                }
            }
        })
    }

    fn call(&self, callee: &Value, arguments: Vec<Value>) -> Walk<Value> {
        let wrong = |wanted: usize| fail(format!("Expected {wanted} arguments but got {}.", arguments.len()));
        match callee {
            Value::Closure(closure) => {
                let parameters = &closure.function.parameters;
                if parameters.len() != arguments.len() {
                    return wrong(parameters.len());
                }
                let env = Env::inside(&closure.env);
                parameters.iter().zip(arguments).for_each(|(name, value)| env.define(name, value));
                self.calls.set(self.calls.get() + 1);
                if self.calls.get() > 60 {
                    return Err(Out::GiveUp);
                }
                let result = self.run(&closure.function.body, &env, &closure.bound);
                self.calls.set(self.calls.get() - 1);
                let result = match result {
                    Ok(()) => Value::Nil,
                    Err(Out::Return(value)) => value,
                    Err(out) => return Err(out),
                };
                match &closure.bound {
                    Some((this, _)) if closure.is_init => Ok(this.clone()),
                    _ => Ok(result),
                }
            }
            Value::Class(class) => {
                let fields = RefCell::default();
                let instance = Value::Instance(Rc::new(Instance { class: class.clone(), fields }));
                match method(&instance, class, "init") {
                    Some(init) => self.call(&init, arguments),
                    None if arguments.is_empty() => Ok(instance),
                    None => wrong(0),
                }
            }
            _ => fail("Can only call functions and classes."),
        }
    }

    fn run(&self, of: &[Stmt], env: &Rc<Env>, around: &Around) -> Walk<()> {
        of.iter().try_for_each(|one| self.stmt(one, env, around))
    }

    fn stmt(&self, of: &Stmt, env: &Rc<Env>, around: &Around) -> Walk<()> {
        self.step()?;
        match of {
            Stmt::Expr(value) => {
                self.expr(value, env, around)?;
            }
            Stmt::Print(value) => {
                let text = show(&self.expr(value, env, around)?);
                self.out.borrow_mut().push_str(&(text + "\n"));
            }
            Stmt::Var(name, value) => {
                let value = value.as_ref().map_or(Ok(Value::Nil), |value| self.expr(value, env, around))?;
                env.define(name, value);
            }
            Stmt::Block(inner) => self.run(inner, &Env::inside(env), around)?,
            Stmt::If(condition, then, otherwise) => {
                let way = if truth(&self.expr(condition, env, around)?) { then } else { otherwise };
                self.run(way, &Env::inside(env), around)?;
            }
            Stmt::For(name, end, inner) => {
                let counter = Env::inside(env);
                for n in 0..*end {
                    counter.define(name, Value::Number(f64::from(n)));
                    self.run(inner, &Env::inside(&counter), around)?;
                }
                counter.define(name, Value::Number(f64::from(*end)));
            }
            Stmt::Fun(function) => {
                let (function, bound) = (function.clone(), around.clone());
                let name = function.name.clone();
                let closure = Closure { function, env: env.clone(), bound, is_init: false };
                env.define(&name, Value::Closure(Rc::new(closure)));
            }
            Stmt::Class(class) => {
                let base = match class.base.as_ref().map(|base| env.get(base)) {
                    None => None,
                    Some(Some(Value::Class(base))) => Some(base),
                    Some(_) => return fail("Superclass must be a class."),
                };
                let (name, methods, env_of) = (class.name.clone(), class.methods.clone(), env.clone());
                env.define(&class.name, Value::Class(Rc::new(Class { name, base, methods, env: env_of })));
            }
            Stmt::Return(value) => {
                let value = value.as_ref().map_or(Ok(Value::Nil), |value| self.expr(value, env, around))?;
                return Err(Out::Return(value));
            }
        }
        Ok(())
    }
}

fn binary(op: &str, left: &Value, right: &Value) -> Walk<Value> {
    match (op, left, right) {
        ("==", ..) => return Ok(Value::Bool(equal(left, right))),
        ("!=", ..) => return Ok(Value::Bool(!equal(left, right))),
        ("+", Value::Text(a), Value::Text(b)) => return Ok(Value::Text(format!("{a}{b}").into())),
        _ => {}
    }
    let (Value::Number(a), Value::Number(b)) = (left, right) else {
        return fail(match op {
            "+" => "Operands must be two numbers or two strings.",
            _ => "Operands must be numbers.",
        });
    };
    Ok(match op {
        "+" => Value::Number(a + b),
        "-" => Value::Number(a - b),
        "*" => Value::Number(a * b),
        "<" => Value::Bool(a < b),
        "<=" => Value::Bool(a <= b || a.is_nan() || b.is_nan()),
        ">" => Value::Bool(a > b),
        _ => Value::Bool(a >= b || a.is_nan() || b.is_nan()),
    })
}

/// What a walk prints, and the message that it ends with; `None` if it takes too long.
pub fn walked(program: &[Stmt]) -> Option<(String, Option<String>)> {
    let walker = Walker { out: RefCell::default(), steps: Cell::new(0), calls: Cell::new(0) };
    let error = match walker.run(program, &Rc::new(Env::default()), &None) {
        Ok(()) => None,
        Err(Out::Error(message)) => Some(message),
        Err(Out::GiveUp) => return None,
        Err(Out::Return(_)) => unreachable!("scripts do not return"),
    };
    Some((walker.out.into_inner(), error))
}
