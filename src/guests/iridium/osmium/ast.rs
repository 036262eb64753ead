//! A program as it is written: names are not looked up yet, types not checked.

use std::collections::HashSet;

use super::token::Span;
use super::tree::{BinaryOp, Test};

/// A name where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'s> {
    pub text: &'s str,
    pub span: Span,
}

/// A whole text.
#[derive(Default, Debug)]
pub(super) struct File<'s> {
    pub constants: Vec<Constant<'s>>,
    pub functions: Vec<Function<'s>>,
    /// The names in what could not be read, which may declare them.
    pub unread: HashSet<&'s str>,
}

/// `const NAME = value;`
#[derive(Debug)]
pub(super) struct Constant<'s> {
    pub name: Name<'s>,
    pub value: Expr<'s>,
}

/// `fn name(params) -> result { body }`
#[derive(Debug)]
pub(super) struct Function<'s> {
    pub name: Name<'s>,
    pub params: Vec<(Name<'s>, TypeName<'s>)>,
    pub result: Option<TypeName<'s>>,
    pub body: Block<'s>,
}

/// A type: a name in any number of brackets.
#[derive(Clone, Copy, Debug)]
pub(super) struct TypeName<'s> {
    pub base: Name<'s>,
    pub brackets: u8,
    pub span: Span,
}

/// Statements in braces.
#[derive(Debug)]
pub(super) struct Block<'s> {
    pub statements: Vec<Statement<'s>>,
    /// The closing brace.
    pub end: Span,
}

#[derive(Debug)]
pub(super) struct Statement<'s> {
    pub kind: StatementKind<'s>,
    pub span: Span,
}

#[derive(Debug)]
pub(super) enum StatementKind<'s> {
    /// `let` or `var`.
    Let {
        name: Name<'s>,
        mutable: bool,
        of: Option<TypeName<'s>>,
        value: Expr<'s>,
    },
    /// `place = value;` or `place op= value;`
    Assign {
        place: Expr<'s>,
        op: Option<BinaryOp>,
        value: Expr<'s>,
    },
    /// Conditions with their blocks, and the last `else`.
    If {
        arms: Vec<(Expr<'s>, Block<'s>)>,
        otherwise: Option<Block<'s>>,
    },
    While {
        condition: Expr<'s>,
        body: Block<'s>,
    },
    For {
        name: Name<'s>,
        from: Expr<'s>,
        to: Expr<'s>,
        body: Block<'s>,
    },
    Break,
    Continue,
    Return(Option<Expr<'s>>),
    Expr(Expr<'s>),
    Block(Block<'s>),
    /// What could not be read; it was reported.
    Unread,
}

#[derive(Debug)]
pub(super) struct Expr<'s> {
    pub kind: ExprKind<'s>,
    pub span: Span,
    /// Expressions in each other, this one counted.
    pub depth: usize,
}

#[derive(Debug)]
pub(super) enum ExprKind<'s> {
    Int(i32),
    Float(f64),
    Bool(bool),
    Text(String),
    Name(&'s str),
    Negative(Box<Expr<'s>>),
    Not(Box<Expr<'s>>),
    Binary(BinaryOp, Box<[Expr<'s>; 2]>),
    Test(Test, Box<[Expr<'s>; 2]>),
    And(Box<[Expr<'s>; 2]>),
    Or(Box<[Expr<'s>; 2]>),
    Call(Name<'s>, Vec<Expr<'s>>),
    Element(Box<[Expr<'s>; 2]>),
    /// `[value; count]`
    Fill(Box<[Expr<'s>; 2]>),
    /// `[a, b, c]`
    List(Vec<Expr<'s>>),
    /// What could not be read; it was reported.
    Error,
}
