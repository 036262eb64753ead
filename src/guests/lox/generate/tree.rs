//! Programs as trees, and as source.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

/// A name, an operator or a text.
pub type Name = Rc<str>;

/// An expression.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Expr {
    Nil,
    Bool(bool),
    Number(i32),
    Text(Name),
    Get(Name),
    Set(Name, Box<Expr>),
    Not(Box<Expr>),
    Minus(Box<Expr>),
    Binary(Name, Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Call(Box<Expr>, Vec<Expr>),
    Field(Box<Expr>, Name),
    SetField(Box<Expr>, Name, Box<Expr>),
    Invoke(Box<Expr>, Name, Vec<Expr>),
    This,
    Super(Name, Vec<Expr>),
    /// A method of the superclass that is not called.
    SuperGet(Name),
}

/// A statement.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Stmt {
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

/// A function or a method.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Function {
    pub name: Name,
    pub parameters: Vec<Name>,
    pub body: Vec<Stmt>,
}

/// A class.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ClassDef {
    pub name: Name,
    pub base: Option<Name>,
    pub methods: Vec<Rc<Function>>,
}

/// A program's source.
pub fn source(program: &[Stmt]) -> String {
    program.iter().map(stmt).collect()
}

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
        Expr::SuperGet(name) => format!("super.{name}"),
    }
}

fn body(of: &[Stmt]) -> String {
    format!("{{\n{}}}\n", source(of))
}

fn function(of: &Function) -> String {
    format!("{}({}) {}", of.name, of.parameters.join(", "), body(&of.body))
}

fn stmt(of: &Stmt) -> String {
    match of {
        Stmt::Expr(value) => format!("{};\n", expr(value)),
        Stmt::Print(value) => format!("print {};\n", expr(value)),
        Stmt::Var(name, None) => format!("var {name};\n"),
        Stmt::Var(name, Some(value)) => format!("var {name} = {};\n", expr(value)),
        Stmt::Block(inner) => body(inner),
        Stmt::If(condition, then, otherwise) => {
            let otherwise =
                if otherwise.is_empty() { String::new() } else { format!("else {}", body(otherwise)) };
            format!("if ({}) {}{otherwise}", expr(condition), body(then))
        }
        Stmt::For(name, end, inner) => {
            format!("for (var {name} = 0; {name} < {end}; {name} = {name} + 1) {}", body(inner))
        }
        Stmt::Fun(inner) => format!("fun {}", function(inner)),
        Stmt::Class(class) => {
            let base = class.base.iter().map(|base| format!("< {base} ")).collect::<String>();
            let methods = class.methods.iter().map(|method| function(method)).collect::<String>();
            format!("class {} {base}{{\n{methods}}}\n", class.name)
        }
        Stmt::Return(None) => "return;\n".into(),
        Stmt::Return(Some(value)) => format!("return {};\n", expr(value)),
    }
}
