//! Random Lox programs, run by the machine (plainly, in slices, as images, under constant collection) and by a plain tree
//! walker that shares nothing with it: they print the same, and fail with the same message.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use kiln::guests::lox::{Limits, Lox, Program, Stop};

type Name = Rc<str>;

enum Expr {
    Nil,
    Bool(bool),
    Number(i32),
    Text(&'static str),
    Get(Name),
    Set(Name, Box<Expr>),
    Not(Box<Expr>),
    Minus(Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Call(Box<Expr>, Vec<Expr>),
    Field(Box<Expr>, Name),
    SetField(Box<Expr>, Name, Box<Expr>),
    Invoke(Box<Expr>, Name, Vec<Expr>),
    This,
    Super(Name, Vec<Expr>),
}

enum Stmt {
    Expr(Expr),
    Print(Expr),
    Var(Name, Option<Expr>),
    Block(Vec<Stmt>),
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    /// Counts a variable from 0 to below the number.
    For(Name, i32, Vec<Stmt>),
    Fun(Rc<Function>),
    Class(Rc<ClassDef>),
    Return(Option<Expr>),
}

struct Function {
    name: Name,
    parameters: Vec<Name>,
    body: Vec<Stmt>,
}

struct ClassDef {
    name: Name,
    base: Option<Name>,
    methods: Vec<Rc<Function>>,
}

// As source.

fn list(of: &[Expr]) -> String {
    of.iter().map(expr).collect::<Vec<_>>().join(", ")
}

fn expr(of: &Expr) -> String {
    match of {
        Expr::Nil => "nil".into(),
        Expr::Bool(value) => value.to_string(),
        Expr::Number(number) => number.to_string(),
        Expr::Text(text) => format!("\"{text}\""),
        Expr::Get(name) => name.to_string(),
        Expr::Set(name, value) => format!("({name} = {})", expr(value)),
        Expr::Not(inner) => format!("!{}", expr(inner)),
        Expr::Minus(inner) => format!("-{}", expr(inner)),
        Expr::Binary(op, left, right) => format!("({} {op} {})", expr(left), expr(right)),
        Expr::And(left, right) => format!("({} and {})", expr(left), expr(right)),
        Expr::Or(left, right) => format!("({} or {})", expr(left), expr(right)),
        Expr::Call(callee, arguments) => format!("{}({})", expr(callee), list(arguments)),
        Expr::Field(object, name) => format!("{}.{name}", expr(object)),
        Expr::SetField(object, name, value) => format!("({}.{name} = {})", expr(object), expr(value)),
        Expr::Invoke(object, name, arguments) => format!("{}.{name}({})", expr(object), list(arguments)),
        Expr::This => "this".into(),
        Expr::Super(name, arguments) => format!("super.{name}({})", list(arguments)),
    }
}

fn body(of: &[Stmt], out: &mut String) {
    out.push_str("{\n");
    of.iter().for_each(|one| stmt(one, out));
    out.push_str("}\n");
}

fn function(of: &Function, out: &mut String) {
    write!(out, "{}({}) ", of.name, of.parameters.join(", ")).unwrap();
    body(&of.body, out);
}

fn stmt(of: &Stmt, out: &mut String) {
    match of {
        Stmt::Expr(value) => writeln!(out, "{};", expr(value)).unwrap(),
        Stmt::Print(value) => writeln!(out, "print {};", expr(value)).unwrap(),
        Stmt::Var(name, None) => writeln!(out, "var {name};").unwrap(),
        Stmt::Var(name, Some(value)) => writeln!(out, "var {name} = {};", expr(value)).unwrap(),
        Stmt::Block(inner) => body(inner, out),
        Stmt::If(condition, then, otherwise) => {
            write!(out, "if ({}) ", expr(condition)).unwrap();
            body(then, out);
            if !otherwise.is_empty() {
                out.push_str("else ");
                body(otherwise, out);
            }
        }
        Stmt::For(name, end, inner) => {
            write!(out, "for (var {name} = 0; {name} < {end}; {name} = {name} + 1) ").unwrap();
            body(inner, out);
        }
        Stmt::Fun(inner) => {
            out.push_str("fun ");
            function(inner, out);
        }
        Stmt::Class(class) => {
            write!(out, "class {} ", class.name).unwrap();
            if let Some(base) = &class.base {
                write!(out, "< {base} ").unwrap();
            }
            out.push_str("{\n");
            class.methods.iter().for_each(|method| function(method, out));
            out.push_str("}\n");
        }
        Stmt::Return(None) => out.push_str("return;\n"),
        Stmt::Return(Some(value)) => writeln!(out, "return {};", expr(value)).unwrap(),
    }
}

// By walking.

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
            Expr::Text(text) => Value::Text((*text).into()),
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

// At random: mostly what has the right types, so that programs get far.

/// What a variable holds, as far as is known.
#[derive(Clone, PartialEq)]
enum Kind {
    Number,
    /// A function that takes so many arguments.
    Function(usize),
    /// A class whose initialiser takes so many.
    Class(usize),
    Instance,
    Any,
}

struct Random {
    state: u64,
    /// Variables that can be seen.
    seen: Vec<(Name, Kind)>,
    names: u32,
    in_function: bool,
    in_init: bool,
    in_method: bool,
    has_base: bool,
}

const FIELDS: &[&str] = &["a", "b", "c"];
const METHODS: &[&str] = &["m0", "m1", "m2"];

impl Random {
    fn below(&mut self, n: u32) -> u32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        ((self.state >> 32) % u64::from(n)) as u32
    }

    fn of(&mut self, all: &[&'static str]) -> &'static str {
        all[self.below(all.len() as u32) as usize]
    }

    fn name(&mut self, kind: &str) -> Name {
        self.names += 1;
        format!("{kind}{}", self.names).into()
    }

    fn variable(&mut self, is: impl Fn(&Kind) -> bool) -> Option<(Name, Kind)> {
        let all: Vec<(Name, Kind)> = self.seen.iter().filter(|one| is(&one.1)).cloned().collect();
        (!all.is_empty()).then(|| all[self.below(all.len() as u32) as usize].clone())
    }

    fn numbers(&mut self, count: usize) -> Vec<Expr> {
        (0..count).map(|_| self.number(1)).collect()
    }

    fn number(&mut self, depth: u32) -> Expr {
        let boxed = |this: &mut Self| Box::new(this.number(depth.saturating_sub(1)));
        match self.below(if depth == 0 { 4 } else { 12 }) {
            0 => Expr::Number(self.below(10) as i32),
            1..=3 => {
                self.variable(|kind| *kind == Kind::Number).map_or(Expr::Number(3), |one| Expr::Get(one.0))
            }
            4..=6 => Expr::Binary(self.of(&["+", "-", "*"]), boxed(self), boxed(self)),
            7 => Expr::Minus(Box::new(Expr::Get(match self.variable(|kind| *kind == Kind::Number) {
                Some(one) => one.0,
                None => return Expr::Number(2),
            }))),
            8 => match self.variable(|kind| *kind == Kind::Number).filter(|one| !one.0.starts_with('i')) {
                Some(one) => Expr::Set(one.0, boxed(self)),
                None => Expr::Number(1),
            },
            9 => {
                let condition = Expr::And(Box::new(self.condition()), boxed(self));
                Expr::Or(Box::new(condition), boxed(self))
            }
            _ => match self.instance() {
                Some(object) => match self.below(3) {
                    0 => Expr::SetField(object, self.of(FIELDS).into(), boxed(self)),
                    _ => Expr::Field(object, self.of(FIELDS).into()),
                },
                None => Expr::Number(5),
            },
        }
    }

    /// An instance: each has all fields, with numbers.
    fn instance(&mut self) -> Option<Box<Expr>> {
        if self.in_method && self.below(2) == 0 {
            return Some(Box::new(Expr::This));
        }
        let is = |kind: &Kind| matches!(kind, Kind::Class(_) | Kind::Instance);
        Some(Box::new(match self.variable(is)? {
            (name, Kind::Class(count)) => Expr::Call(Box::new(Expr::Get(name)), self.numbers(count)),
            (name, _) => Expr::Get(name),
        }))
    }

    fn condition(&mut self) -> Expr {
        let (left, right) = (Box::new(self.number(1)), Box::new(self.number(1)));
        match self.below(5) {
            0 => Expr::Not(Box::new(self.condition())),
            1 => Expr::Binary(self.of(&["==", "!="]), left, right),
            2 => Expr::Or(Box::new(self.condition()), Box::new(self.condition())),
            _ => Expr::Binary(self.of(&["<", "<=", ">", ">="]), left, right),
        }
    }

    fn text(&mut self) -> Expr {
        let text = Expr::Text(self.of(&["", "x", "yz", "long text"]));
        match self.below(2) {
            0 => text,
            _ => Expr::Binary("+", Box::new(text), Box::new(self.text())),
        }
    }

    /// A call of something.
    fn call(&mut self) -> Expr {
        if self.has_base && self.below(3) == 0 {
            return Expr::Super(self.of(METHODS).into(), self.numbers(1));
        }
        if self.below(2) == 0
            && let Some(object) = self.instance()
        {
            return Expr::Invoke(object, self.of(METHODS).into(), self.numbers(1));
        }
        match self.variable(|kind| matches!(kind, Kind::Function(_))) {
            Some((name, Kind::Function(count))) => Expr::Call(Box::new(Expr::Get(name)), self.numbers(count)),
            _ => Expr::Nil,
        }
    }

    fn expr(&mut self) -> Expr {
        match self.below(40) {
            0 => Expr::Nil,
            1..=4 => self.condition(),
            5..=8 => self.text(),
            9..=11 => Expr::Binary("==", Box::new(self.text()), Box::new(self.text())),
            12..=22 => self.call(),
            23..=25 => Expr::And(Box::new(self.call()), Box::new(self.call())),
            26 | 27 => match self.instance() {
                Some(object) => Expr::Field(object, self.of(METHODS).into()),
                None => Expr::Bool(true),
            },
            28 => match self.variable(|_| true) {
                // Anything, in an operator that may not take it.
                Some((name, _)) if self.below(4) == 0 => {
                    Expr::Binary(self.of(&["+", "<", "-"]), Box::new(Expr::Get(name)), Box::new(self.text()))
                }
                Some((name, _)) => Expr::Get(name),
                None => Expr::Nil,
            },
            _ => self.number(3),
        }
    }

    fn body(&mut self, depth: u32) -> Vec<Stmt> {
        let seen = self.seen.len();
        let count = 1 + self.below(4);
        let all = (0..count).map(|_| self.stmt(depth)).collect();
        self.seen.truncate(seen);
        all
    }

    fn function(&mut self, name: Name, count: usize, depth: u32) -> Rc<Function> {
        let before = self.seen.len();
        let parameters: Vec<Name> = (0..count).map(|_| self.name("p")).collect();
        self.seen.extend(parameters.iter().map(|name| (name.clone(), Kind::Number)));
        let outside = (std::mem::replace(&mut self.in_function, true), self.in_init);
        self.in_init = &*name == "init";
        let mut body = Vec::new();
        if self.in_init {
            let fields = FIELDS.iter().map(|field| {
                Stmt::Expr(Expr::SetField(Box::new(Expr::This), (*field).into(), Box::new(Expr::Number(7))))
            });
            body.extend(fields);
        }
        body.extend(self.body(depth));
        (self.in_function, self.in_init) = outside;
        self.seen.truncate(before);
        Rc::new(Function { name, parameters, body })
    }

    fn stmt(&mut self, depth: u32) -> Stmt {
        let inner = depth.saturating_sub(1);
        match self.below(if depth == 0 { 7 } else { 15 }) {
            0 => Stmt::Expr(self.expr()),
            1..=3 => Stmt::Print(self.expr()),
            4 | 5 => {
                let name = self.name("v");
                let (value, kind) = match self.below(6) {
                    0 => (None, Kind::Any),
                    1 => (Some(self.expr()), Kind::Any),
                    2 => match self.instance() {
                        Some(object) => (Some(*object), Kind::Instance),
                        None => (None, Kind::Any),
                    },
                    _ => (Some(self.number(2)), Kind::Number),
                };
                self.seen.push((name.clone(), kind));
                Stmt::Var(name, value)
            }
            6 if self.in_function && self.below(2) == 0 => {
                Stmt::Return((!self.in_init && self.below(4) > 0).then(|| self.expr()))
            }
            6 => Stmt::Expr(self.number(3)),
            7 => Stmt::Block(self.body(inner)),
            8 => Stmt::If(self.condition(), self.body(inner), self.body(inner)),
            9 => {
                let name = self.name("i");
                self.seen.push((name.clone(), Kind::Number));
                let body = self.body(inner);
                self.seen.pop();
                Stmt::For(name, 1 + self.below(4) as i32, body)
            }
            10..=12 => {
                let name = self.name("f");
                let count = self.below(3) as usize;
                let function = self.function(name.clone(), count, inner);
                self.seen.push((name, Kind::Function(count)));
                Stmt::Fun(function)
            }
            _ => self.class(inner),
        }
    }

    fn class(&mut self, depth: u32) -> Stmt {
        let name = self.name("C");
        let base = match self.below(2) {
            0 => self.variable(|kind| matches!(kind, Kind::Class(_))).map(|one| one.0),
            _ => None,
        };
        let outside = (self.in_method, self.has_base);
        (self.in_method, self.has_base) = (true, base.is_some());
        let count = self.below(3) as usize;
        let mut methods = vec![self.function("init".into(), count, depth)];
        for method in METHODS {
            if base.is_none() || self.below(2) == 0 {
                methods.push(self.function((*method).into(), 1, depth));
            }
        }
        (self.in_method, self.has_base) = outside;
        self.seen.push((name.clone(), Kind::Class(count)));
        Stmt::Class(Rc::new(ClassDef { name, base, methods }))
    }
}

fn program(seed: u64) -> Vec<Stmt> {
    let mut random = Random {
        state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        seen: Vec::new(),
        names: 0,
        in_function: false,
        in_init: false,
        in_method: false,
        has_base: false,
    };
    for _ in 0..8 {
        random.below(2);
    }
    (0..16).map(|_| random.stmt(3)).collect()
}

/// What a walk prints, and the message that it ends with; `None` if it takes too long.
fn walked(program: &[Stmt]) -> Option<(String, Option<String>)> {
    let walker = Walker { out: RefCell::default(), steps: Cell::new(0), calls: Cell::new(0) };
    let error = match walker.run(program, &Rc::new(Env::default()), &None) {
        Ok(()) => None,
        Err(Out::Error(message)) => Some(message),
        Err(Out::GiveUp) => return None,
        Err(Out::Return(_)) => unreachable!("scripts do not return"),
    };
    Some((walker.out.into_inner(), error))
}

#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The same of the machine, and how many instructions it took.
fn run(program: &Program, stress: bool, slice: u64) -> ((String, Option<String>), u64) {
    let output = Output::default();
    let mut lox = Lox::new(Limits { calls: 1000, memory: 64 << 20 }, Box::new(output.clone()));
    lox.set_stress(stress);
    lox.load(program).unwrap();
    let error = loop {
        match lox.run(slice) {
            Stop::Budget => assert!(lox.instructions() < 10_000_000, "it ends"),
            Stop::Halted => break None,
            Stop::Error(error) => break Some(error.message),
            Stop::Io(error) => panic!("{error}"),
        }
    };
    let out = String::from_utf8(output.0.lock().unwrap().clone()).unwrap();
    ((out, error), lox.instructions())
}

#[test]
fn random_programs_do_what_a_tree_walker_says() {
    let (mut compared, mut failed, mut lines) = (0, 0, 0);
    for seed in 1..600 {
        let tree = program(seed);
        let Some(wanted) = walked(&tree) else { continue };
        let mut source = String::new();
        tree.iter().for_each(|one| stmt(one, &mut source));
        let compiled = match Program::compile(source.as_bytes()) {
            Ok(compiled) => compiled,
            // A large one may pass a limit.
            Err(errors) if errors[0].message == "Too many constants in one chunk." => continue,
            Err(errors) => panic!("seed {seed}: {errors:?}\n{source}"),
        };
        let (plain, instructions) = run(&compiled, false, u64::MAX);
        assert_eq!(plain, wanted, "seed {seed}\n{source}");
        let image = Program::read(&compiled.image()).unwrap();
        for (stress, slice) in [(true, u64::MAX), (false, 3)] {
            let ways = run(&image, stress, slice);
            assert_eq!(ways, (wanted.clone(), instructions), "seed {seed}, stress {stress}\n{source}");
        }
        compared += 1;
        failed += u32::from(wanted.1.is_some());
        lines += wanted.0.lines().count();
    }
    assert!(
        compared > 400 && failed > 50 && failed < compared && lines > 1000,
        "{compared} {failed} {lines}"
    );
}
