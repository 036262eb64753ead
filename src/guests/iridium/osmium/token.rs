//! From text to tokens.

use std::fmt;
use std::ops::Range;

use logos::Logos;

/// The bytes of the source that something stands at.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// From the start of this one to the end of another.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start, end: other.end }
    }
}

impl From<Span> for Range<usize> {
    fn from(span: Span) -> Range<usize> {
        span.start..span.end
    }
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Span {
        Span { start: range.start, end: range.end }
    }
}

macro_rules! tokens {
    ($($(#[$meta:meta])* $name:ident $shown:literal,)+) => {
        /// A token without what it says: that is in the text.
        #[derive(Logos, Clone, Copy, PartialEq, Eq, Debug)]
        #[logos(skip r"[ \t\r\n\f\u{feff}]+")]
        #[logos(skip(r"//[^\n]*", allow_greedy = true))]
        pub(super) enum Token {
            $($(#[$meta])* $name,)+
        }

        impl fmt::Display for Token {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Token::$name => $shown,)+
                })
            }
        }
    };
}

tokens! {
    #[regex("[A-Za-z_][A-Za-z0-9_]*")]
    Name "a name",
    #[regex("[0-9][0-9_]*|0[xX][0-9A-Fa-f_]+|0[bB][01_]+")]
    Int "a number",
    #[regex(r"[0-9][0-9_]*\.[0-9][0-9_]*([eE][+-]?[0-9]+)?|[0-9][0-9_]*[eE][+-]?[0-9]+")]
    Float "a number",
    #[regex(r#""([^"\\\n]|\\[^\n])*""#)]
    Text "a string",
    #[regex(r#""([^"\\\n]|\\[^\n])*"#)]
    OpenText "a string without its end",
    #[token("const")]
    Const "`const`",
    #[token("fn")]
    Fn "`fn`",
    #[token("let")]
    Let "`let`",
    #[token("var")]
    Var "`var`",
    #[token("if")]
    If "`if`",
    #[token("else")]
    Else "`else`",
    #[token("while")]
    While "`while`",
    #[token("for")]
    For "`for`",
    #[token("in")]
    In "`in`",
    #[token("break")]
    Break "`break`",
    #[token("continue")]
    Continue "`continue`",
    #[token("return")]
    Return "`return`",
    #[token("true")]
    True "`true`",
    #[token("false")]
    False "`false`",
    #[token("(")]
    ParenOpen "`(`",
    #[token(")")]
    ParenClose "`)`",
    #[token("[")]
    BracketOpen "`[`",
    #[token("]")]
    BracketClose "`]`",
    #[token("{")]
    BraceOpen "`{`",
    #[token("}")]
    BraceClose "`}`",
    #[token(",")]
    Comma "`,`",
    #[token(";")]
    Semicolon "`;`",
    #[token(":")]
    Colon "`:`",
    #[token("->")]
    Arrow "`->`",
    #[token("..")]
    To "`..`",
    #[token("=")]
    Assign "`=`",
    #[token("+=")]
    AddAssign "`+=`",
    #[token("-=")]
    SubAssign "`-=`",
    #[token("*=")]
    MulAssign "`*=`",
    #[token("/=")]
    DivAssign "`/=`",
    #[token("%=")]
    RemAssign "`%=`",
    #[token("&=")]
    AndAssign "`&=`",
    #[token("|=")]
    OrAssign "`|=`",
    #[token("^=")]
    XorAssign "`^=`",
    #[token("<<=")]
    ShlAssign "`<<=`",
    #[token(">>=")]
    ShrAssign "`>>=`",
    #[token("+")]
    Plus "`+`",
    #[token("-")]
    Minus "`-`",
    #[token("*")]
    Star "`*`",
    #[token("/")]
    Slash "`/`",
    #[token("%")]
    Percent "`%`",
    #[token("&")]
    Ampersand "`&`",
    #[token("|")]
    Bar "`|`",
    #[token("^")]
    Caret "`^`",
    #[token("<<")]
    ShiftLeft "`<<`",
    #[token(">>")]
    ShiftRight "`>>`",
    #[token("&&")]
    Both "`&&`",
    #[token("||")]
    Either "`||`",
    #[token("!")]
    Not "`!`",
    #[token("==")]
    Equal "`==`",
    #[token("!=")]
    Different "`!=`",
    #[token("<")]
    Less "`<`",
    #[token("<=")]
    AtMost "`<=`",
    #[token(">")]
    Greater "`>`",
    #[token(">=")]
    AtLeast "`>=`",
    Strange "what means nothing",
    End "the end of the file",
}

/// The tokens of a text with their places, the end last.
pub(super) fn scan(text: &str) -> Vec<(Token, Span)> {
    let mut tokens: Vec<(Token, Span)> = Vec::new();
    for (token, range) in Token::lexer(text).spanned() {
        match (token, tokens.last_mut()) {
            (Ok(token), _) => tokens.push((token, range.into())),
            (Err(()), Some((Token::Strange, last))) if last.end == range.start => last.end = range.end,
            (Err(()), _) => tokens.push((Token::Strange, range.into())),
        }
    }
    tokens.push((Token::End, (text.len()..text.len()).into()));
    tokens
}

/// The value of an [`Token::Int`]; `None` over 2³²−1.
pub(super) fn int(text: &str) -> Option<u32> {
    let text = text.replace('_', "");
    let (radix, digits) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &text[2..]),
        [b'0', b'b' | b'B', ..] => (2, &text[2..]),
        _ => (10, &text[..]),
    };
    u32::from_str_radix(digits, radix).ok()
}

/// The value of a [`Token::Float`].
pub(super) fn float(text: &str) -> f64 {
    text.replace('_', "").parse().expect("the scanner takes what Rust takes")
}
