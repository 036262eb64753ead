//! A program whose names are found and whose types are right: what the evaluator runs and the compiler
//! compiles.

use std::fmt;

use super::token::Span;

/// What a value may be. `Error` is the type of what was reported already: it goes with all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Type {
    /// What the elements are, or the value itself.
    pub base: Base,
    /// How many arrays the elements are in.
    pub brackets: u8,
}

/// What a value that is no array may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Base {
    Int,
    Float,
    Bool,
    /// A string between quotes, which can only be printed.
    Text,
    /// What a function without a result gives.
    Nothing,
    Error,
}

#[allow(missing_docs)]
impl Type {
    pub const INT: Type = Type::plain(Base::Int);
    pub const FLOAT: Type = Type::plain(Base::Float);
    pub const BOOL: Type = Type::plain(Base::Bool);
    pub const TEXT: Type = Type::plain(Base::Text);
    pub const NOTHING: Type = Type::plain(Base::Nothing);
    pub const ERROR: Type = Type::plain(Base::Error);

    const fn plain(base: Base) -> Type {
        Type { base, brackets: 0 }
    }

    /// The type of the elements, of an array.
    pub fn element(self) -> Option<Type> {
        self.brackets.checked_sub(1).map(|brackets| Type { brackets, ..self })
    }

    /// The type of an array of these; `None` where there are too many brackets.
    pub fn array(self) -> Option<Type> {
        self.brackets.checked_add(1).map(|brackets| Type { brackets, ..self })
    }

    /// Whether an array may hold it.
    pub fn fits_arrays(self) -> bool {
        self.brackets > 0 || matches!(self.base, Base::Int | Base::Bool | Base::Error)
    }

    /// Whether it was reported that this is wrong.
    pub fn is_error(self) -> bool {
        self.base == Base::Error
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.base {
            Base::Int => "int",
            Base::Float => "float",
            Base::Bool => "bool",
            Base::Text => "a string",
            Base::Nothing => "nothing",
            Base::Error => "?",
        };
        let brackets = usize::from(self.brackets);
        write!(f, "{}{name}{}", "[".repeat(brackets), "]".repeat(brackets))
    }
}

/// Arithmetic of two operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    And,
    Or,
    Xor,
    Shl,
    Shr,
}

impl BinaryOp {
    /// How it is written.
    pub fn sign(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Rem => "%",
            BinaryOp::And => "&",
            BinaryOp::Or => "|",
            BinaryOp::Xor => "^",
            BinaryOp::Shl => "<<",
            BinaryOp::Shr => ">>",
        }
    }

    /// Of integers; `None` for a division by zero.
    pub fn int(self, a: i32, b: i32) -> Option<i32> {
        Some(match self {
            BinaryOp::Add => a.wrapping_add(b),
            BinaryOp::Sub => a.wrapping_sub(b),
            BinaryOp::Mul => a.wrapping_mul(b),
            BinaryOp::Div if b == 0 => return None,
            BinaryOp::Div => a.wrapping_div(b),
            BinaryOp::Rem if b == 0 => return None,
            BinaryOp::Rem => a.wrapping_rem(b),
            BinaryOp::And => a & b,
            BinaryOp::Or => a | b,
            BinaryOp::Xor => a ^ b,
            BinaryOp::Shl => a.wrapping_shl(b as u32),
            BinaryOp::Shr => a.wrapping_shr(b as u32),
        })
    }

    /// Of floats; `None` for what floats have not.
    pub fn float(self, a: f64, b: f64) -> Option<f64> {
        Some(match self {
            BinaryOp::Add => a + b,
            BinaryOp::Sub => a - b,
            BinaryOp::Mul => a * b,
            BinaryOp::Div => a / b,
            _ => return None,
        })
    }

    /// Whether floats have it.
    pub fn is_for_floats(self) -> bool {
        self.float(1.0, 1.0).is_some()
    }
}

/// A comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Test {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Test {
    /// How it is written.
    pub fn sign(self) -> &'static str {
        match self {
            Test::Eq => "==",
            Test::Ne => "!=",
            Test::Lt => "<",
            Test::Le => "<=",
            Test::Gt => ">",
            Test::Ge => ">=",
        }
    }

    /// Whether it holds; of floats none does where one is not a number, but [`Test::Ne`].
    pub fn holds<T: PartialOrd>(self, a: T, b: T) -> bool {
        match self {
            Test::Eq => a == b,
            Test::Ne => a != b,
            Test::Lt => a < b,
            Test::Le => a <= b,
            Test::Gt => a > b,
            Test::Ge => a >= b,
        }
    }

    /// What holds of integers where this does not.
    pub fn negated(self) -> Test {
        match self {
            Test::Eq => Test::Ne,
            Test::Ne => Test::Eq,
            Test::Lt => Test::Ge,
            Test::Le => Test::Gt,
            Test::Gt => Test::Le,
            Test::Ge => Test::Lt,
        }
    }
}

/// The number of a function in its program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FnId(pub usize);

/// The number of a local variable in its function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LocalId(pub usize);

/// A program: the library's functions, then its own.
#[derive(Clone, Debug)]
pub struct Program {
    /// All functions.
    pub functions: Vec<Function>,
    /// Where it starts.
    pub main: FnId,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The name where it is declared.
    pub span: Span,
    /// Whether it is one of the library's: its spans are in that text.
    pub is_library: bool,
    /// The first of the locals.
    pub params: usize,
    /// What it gives, if anything.
    pub result: Type,
    /// The variables.
    pub locals: Vec<Local>,
    /// What it does. Control never runs off the end where there is a result.
    pub body: Vec<Statement>,
}

/// A local variable or a parameter.
#[derive(Clone, Copy, Debug)]
pub struct Local {
    /// What it holds.
    pub of: Type,
    /// Whether it is set more than once.
    pub mutable: bool,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What it does.
    pub kind: StatementKind,
    /// Where it stands.
    pub span: Span,
}

/// What a statement does.
#[derive(Clone, Debug)]
pub enum StatementKind {
    /// Gives a local a value.
    Set(LocalId, Expr),
    /// Gives an element a value, or with an operation changes it.
    SetElement {
        /// The array and the index.
        place: [Expr; 2],
        /// `+` of `+=`.
        op: Option<BinaryOp>,
        /// The new value, or the operation's right operand.
        value: Expr,
    },
    /// Calls, and forgets the result.
    Call(FnId, Vec<Expr>),
    /// Prints characters.
    PrintText(String),
    /// Prints an int, a float or a bool.
    Print(Expr),
    /// Does the block of the first condition that holds, or the last one.
    If {
        /// Conditions and their blocks.
        arms: Vec<(Expr, Vec<Statement>)>,
        /// What is done where none holds.
        otherwise: Vec<Statement>,
    },
    /// Does the block as long as the condition holds.
    While {
        /// Tested before each turn.
        condition: Expr,
        /// What is done.
        body: Vec<Statement>,
        /// Whether something in it is a call.
        calls: bool,
    },
    /// Does the block for each number, the last excluded.
    For {
        /// The number.
        local: LocalId,
        /// The first.
        from: Expr,
        /// The end. Both are evaluated once.
        to: Expr,
        /// What is done.
        body: Vec<Statement>,
        /// Whether something in it is a call.
        calls: bool,
    },
    /// Leaves the innermost loop.
    Break,
    /// Goes on with the innermost loop's next turn.
    Continue,
    /// Returns to the caller.
    Return(Option<Expr>),
    /// Statements of their own scope.
    Block(Vec<Statement>),
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it computes.
    pub kind: ExprKind,
    /// What comes of it.
    pub of: Type,
    /// Where it stands.
    pub span: Span,
}

/// What an expression computes. Operands are evaluated from left to right.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum ExprKind {
    Int(i32),
    Float(f64),
    Bool(bool),
    Local(LocalId),
    Negative(Box<Expr>),
    Not(Box<Expr>),
    Binary(BinaryOp, Box<[Expr; 2]>),
    Test(Test, Box<[Expr; 2]>),
    /// The second only where the first holds.
    And(Box<[Expr; 2]>),
    /// The second only where the first does not hold.
    Or(Box<[Expr; 2]>),
    Call(FnId, Vec<Expr>),
    /// Array and index.
    Element(Box<[Expr; 2]>),
    Length(Box<Expr>),
    /// An element, evaluated anew for each, and how many, which is evaluated first.
    Fill {
        value: Box<Expr>,
        count: Box<Expr>,
        calls: bool,
    },
    List(Vec<Expr>),
    /// Towards zero; what does not fit becomes the nearest that does, and what is not a number 0.
    ToInt(Box<Expr>),
    ToFloat(Box<Expr>),
    /// What was reported as wrong. There is none in a program.
    Error,
}
