//! The syntax tree, in tables: a node is a number, so that no depth of nesting can overflow a stack when it is dropped.
//! Names are resolved: a variable is a global's name or the number of a local one.

use std::ops::Range;

use super::unit::Origin;

/// A range of the source: the bytes of a name, or of a string's content.
pub type Span = Range<usize>;

macro_rules! id {
    ($(#[$about:meta])* $name:ident) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct $name(pub u32);

        impl $name {
            /// Its place in its table.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id! {
    /// An expression.
    Expr
}
id! {
    /// A local variable, of any function.
    Local
}
id! {
    /// A function.
    Fun
}

/// Where a variable lives.
#[derive(Clone, Debug)]
pub enum Place {
    Global(Span),
    Local(Local),
}

/// Operators with two operands that are both evaluated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub enum Node {
    Nil,
    Bool(bool),
    Number(f64),
    String(Span),
    Get(Place),
    Set(Place, Expr),
    Not(Expr),
    Negate(Expr),
    Binary(Binary, Expr, Expr),
    And(Expr, Expr),
    Or(Expr, Expr),
    Property(Expr, Span),
    SetProperty(Expr, Span, Expr),
    Call(Expr, Box<[Expr]>),
    Invoke(Expr, Span, Box<[Expr]>),
    Super(Box<Superclass>),
    /// What stands where there was an error; such a tree is not compiled.
    Wrong,
}

/// `super.name`, or a call of it.
#[derive(Clone, Debug)]
pub struct Superclass {
    pub this: Local,
    pub class: Local,
    pub name: Span,
    pub arguments: Option<Box<[Expr]>>,
}

/// An expression as it stands in the table.
#[derive(Clone, Debug)]
pub struct Described {
    pub node: Node,
    /// The line that its errors are reported on.
    pub line: u32,
    /// All of it, in the source.
    pub span: Span,
    /// Whether evaluating it may assign to a local variable of the function that it is in.
    pub assigns: bool,
}

/// A statement.
#[derive(Clone, Debug)]
pub enum Statement {
    Expression(Expr),
    Print(Expr, u32),
    /// A variable with its initial value, `nil` without; and the line.
    Var(Place, Option<Expr>, u32),
    Fun(Place, Fun, u32),
    Class(Box<Class>),
    Block(Vec<Statement>),
    /// Conditions with what they lead to, in order, and what happens otherwise.
    If(Vec<(Expr, Statement)>, Option<Box<Statement>>),
    While(Box<Loop>),
    /// A value, and the line.
    Return(Option<Expr>, u32),
}

/// `while`, or what of a `for` is not its initialiser.
#[derive(Clone, Debug)]
pub struct Loop {
    pub condition: Option<Expr>,
    pub step: Option<Expr>,
    pub body: Statement,
    /// The line of its end.
    pub line: u32,
}

/// A class.
#[derive(Clone, Debug)]
pub struct Class {
    pub place: Place,
    pub name: Span,
    pub superclass: Option<Inherits>,
    /// Names, functions and lines.
    pub methods: Vec<(Span, Fun, u32)>,
    pub line: u32,
}

/// What a class inherits from.
#[derive(Clone, Debug)]
pub struct Inherits {
    /// The superclass, named.
    pub from: Expr,
    /// What `super` is in the methods.
    pub local: Local,
    pub line: u32,
}

/// A local variable.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Whether an inner function uses it.
    pub captured: bool,
    /// Whether it is ever assigned to, after its declaration.
    pub assigned: bool,
    /// It is declared by `fun`, as this one.
    pub is_function: Option<Fun>,
}

/// A function's kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Script,
    Function,
    Method,
    Initializer,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    pub role: Role,
    /// `None` for the script.
    pub name: Option<Span>,
    /// What `this` is in a method.
    pub this: Option<Local>,
    pub parameters: Vec<Local>,
    /// The variables of outer functions that it, or one inside it, uses.
    pub captures: Vec<Local>,
    pub body: Vec<Statement>,
    /// The line of its end.
    pub line: u32,
}

/// A program.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub expressions: Vec<Described>,
    pub variables: Vec<Variable>,
    /// The first is the script.
    pub functions: Vec<Function>,
}

impl Tree {
    /// What an expression is.
    pub fn node(&self, of: Expr) -> &Node {
        &self.expressions[of.index()].node
    }

    /// Where its errors are reported.
    pub fn origin(&self, of: Expr) -> Origin {
        let Described { line, span, .. } = &self.expressions[of.index()];
        Origin { line: *line, start: span.start as u32, end: span.end as u32 }
    }
}
