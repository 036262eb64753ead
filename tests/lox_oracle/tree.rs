//! Programs as trees, and as source.

use std::fmt::Write as _;
use std::rc::Rc;

pub type Name = Rc<str>;

pub enum Expr {
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

pub struct Function {
    pub name: Name,
    pub parameters: Vec<Name>,
    pub body: Vec<Stmt>,
}

pub struct ClassDef {
    pub name: Name,
    pub base: Option<Name>,
    pub methods: Vec<Rc<Function>>,
}

pub fn list(of: &[Expr]) -> String {
    of.iter().map(expr).collect::<Vec<_>>().join(", ")
}

pub fn expr(of: &Expr) -> String {
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

pub fn body(of: &[Stmt], out: &mut String) {
    out.push_str("{\n");
    of.iter().for_each(|one| stmt(one, out));
    out.push_str("}\n");
}

pub fn function(of: &Function, out: &mut String) {
    write!(out, "{}({}) ", of.name, of.parameters.join(", ")).unwrap();
    body(&of.body, out);
}

pub fn stmt(of: &Stmt, out: &mut String) {
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
