//! Programs at random: mostly what has the right types, so that they get far.

pub mod tree;

use std::rc::Rc;

use crate::fuzz::Choices;

use tree::{ClassDef, Expr, Function, Name, Stmt};

/// What a variable holds, as far as is known.
#[derive(Clone, PartialEq)]
enum Kind {
    Number,
    Text,
    /// A function that takes so many arguments.
    Function(usize),
    /// A class whose initialiser takes so many.
    Class(usize),
    Instance,
    Any,
}

struct Random<'c, 'b> {
    choices: &'c mut Choices<'b>,
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
const TEXTS: &[&str] = &["", "x", "yz", "long text"];

impl Random<'_, '_> {
    fn below(&mut self, n: u16) -> u16 {
        self.choices.below(n)
    }

    fn of(&mut self, all: &[&'static str]) -> Name {
        self.choices.pick(all).into()
    }

    fn name(&mut self, kind: &str) -> Name {
        self.names += 1;
        format!("{kind}{}", self.names).into()
    }

    fn variable(&mut self, is: impl Fn(&Kind) -> bool) -> Option<(Name, Kind)> {
        let all: Vec<(Name, Kind)> = self.seen.iter().filter(|one| is(&one.1)).cloned().collect();
        (!all.is_empty()).then(|| all[usize::from(self.below(all.len() as u16))].clone())
    }

    fn numbers(&mut self, count: usize) -> Vec<Expr> {
        (0..count).map(|_| self.number(1)).collect()
    }

    fn number(&mut self, depth: u32) -> Expr {
        let boxed = |this: &mut Self| Box::new(this.number(depth.saturating_sub(1)));
        match self.below(if depth == 0 { 4 } else { 12 }) {
            0 => Expr::Number(self.below(10).into()),
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
                    0 => Expr::SetField(object, self.of(FIELDS), boxed(self)),
                    _ => Expr::Field(object, self.of(FIELDS)),
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
            4 => Expr::Not(Box::new(self.condition())),
            1 => Expr::Binary(self.of(&["==", "!="]), left, right),
            2 => Expr::Or(Box::new(self.condition()), Box::new(self.condition())),
            _ => Expr::Binary(self.of(&["<", "<=", ">", ">="]), left, right),
        }
    }

    fn text(&mut self) -> Expr {
        let text = Expr::Text(self.of(TEXTS));
        match self.below(5) {
            0 | 1 => text,
            2 => self.variable(|kind| *kind == Kind::Text).map_or(text, |one| Expr::Get(one.0)),
            _ => Expr::Binary("+".into(), Box::new(text), Box::new(self.text())),
        }
    }

    /// A variable gets a longer text: by as much each time, as one that doubles in a loop soon takes all the time.
    fn longer(&mut self) -> Expr {
        let Some((name, _)) = self.variable(|kind| *kind == Kind::Text) else { return self.text() };
        let (before, more) = (Box::new(Expr::Get(name.clone())), Box::new(Expr::Text(self.of(TEXTS))));
        Expr::Set(name, Box::new(Expr::Binary("+".into(), before, more)))
    }

    /// A call of something.
    fn call(&mut self) -> Expr {
        if self.has_base && self.below(3) == 0 {
            return Expr::Super(self.of(METHODS), self.numbers(1));
        }
        if self.below(2) == 0
            && let Some(object) = self.instance()
        {
            return Expr::Invoke(object, self.of(METHODS), self.numbers(1));
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
            9..=11 => Expr::Binary("==".into(), Box::new(self.text()), Box::new(self.text())),
            12..=22 => self.call(),
            23..=25 => Expr::And(Box::new(self.call()), Box::new(self.call())),
            26 | 27 => match self.instance() {
                Some(object) => Expr::Field(object, self.of(METHODS)),
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
            29 | 30 => self.longer(),
            31 if self.has_base => Expr::SuperGet(self.of(METHODS)),
            32 => match (self.instance(), self.instance()) {
                (Some(object), Some(next)) => Expr::SetField(object, self.of(&["next", "other"]), next),
                _ => Expr::Nil,
            },
            33 => self.instance().map_or(Expr::Nil, |object| Expr::Field(object, "next".into())),
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
                let (value, kind) = match self.below(7) {
                    6 => (Some(self.text()), Kind::Text),
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
                let most = if depth > 1 && self.choices.chance(32) { 200 } else { 4 };
                Stmt::For(name, 1 + i32::from(self.below(most)), body)
            }
            10..=12 => {
                let name = self.name("f");
                let count = usize::from(self.below(3));
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
        let count = usize::from(self.below(3));
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

/// The program that these choices make.
pub fn program(choices: &mut Choices<'_>) -> Vec<Stmt> {
    let mut random = Random {
        choices,
        seen: Vec::new(),
        names: 0,
        in_function: false,
        in_init: false,
        in_method: false,
        has_base: false,
    };
    (0..10).map(|_| random.stmt(3)).collect()
}
