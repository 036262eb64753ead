//! From source bytes to tokens. Source need not be UTF-8: only strings and comments may hold other bytes than ASCII.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    Comma,
    Dot,
    Minus,
    Plus,
    Semicolon,
    Slash,
    Star,
    Bang,
    BangEqual,
    Equal,
    EqualEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    Identifier,
    String,
    Number,
    And,
    Class,
    Else,
    False,
    For,
    Fun,
    If,
    Nil,
    Or,
    Print,
    Return,
    Super,
    This,
    True,
    Var,
    While,
    /// No token: what is wrong.
    Error(&'static str),
    End,
}

/// A token: where it is, and the line that it ends on.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    pub kind: Kind,
    pub start: u32,
    pub end: u32,
    pub line: u32,
}

impl Token {
    /// The bytes of the source that it is made of.
    pub fn span(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Words that are not names.
pub const KEYWORDS: &[(&str, Kind)] = &[
    ("and", Kind::And),
    ("class", Kind::Class),
    ("else", Kind::Else),
    ("false", Kind::False),
    ("for", Kind::For),
    ("fun", Kind::Fun),
    ("if", Kind::If),
    ("nil", Kind::Nil),
    ("or", Kind::Or),
    ("print", Kind::Print),
    ("return", Kind::Return),
    ("super", Kind::Super),
    ("this", Kind::This),
    ("true", Kind::True),
    ("var", Kind::Var),
    ("while", Kind::While),
];

/// Reads tokens off a source, one at a time; at its end, [`Kind::End`] for ever.
pub struct Scanner<'s> {
    source: &'s [u8],
    start: usize,
    at: usize,
    line: u32,
}

impl<'s> Scanner<'s> {
    pub fn new(source: &'s [u8]) -> Self {
        Scanner { source, start: 0, at: 0, line: 1 }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.source.get(self.at + ahead).copied()
    }

    fn skip_while(&mut self, of: impl Fn(u8) -> bool) {
        let rest = &self.source[self.at..];
        self.at += rest.iter().position(|&byte| !of(byte)).unwrap_or(rest.len());
    }

    fn skip_blanks(&mut self) {
        loop {
            match self.peek(0) {
                Some(b' ' | b'\r' | b'\t') => self.at += 1,
                Some(b'\n') => {
                    self.line += 1;
                    self.at += 1;
                }
                Some(b'/') if self.peek(1) == Some(b'/') => self.skip_while(|byte| byte != b'\n'),
                _ => return,
            }
        }
    }

    /// The next token.
    pub fn token(&mut self) -> Token {
        self.skip_blanks();
        self.start = self.at;
        let kind = self.kind();
        Token { kind, start: self.start as u32, end: self.at as u32, line: self.line }
    }

    fn kind(&mut self) -> Kind {
        let Some(byte) = self.peek(0) else { return Kind::End };
        self.at += 1;
        let mut or_equal = |alone, with| {
            let is_equal = self.source.get(self.at) == Some(&b'=');
            self.at += usize::from(is_equal);
            if is_equal { with } else { alone }
        };
        match byte {
            b'(' => Kind::LeftParen,
            b')' => Kind::RightParen,
            b'{' => Kind::LeftBrace,
            b'}' => Kind::RightBrace,
            b';' => Kind::Semicolon,
            b',' => Kind::Comma,
            b'.' => Kind::Dot,
            b'-' => Kind::Minus,
            b'+' => Kind::Plus,
            b'/' => Kind::Slash,
            b'*' => Kind::Star,
            b'!' => or_equal(Kind::Bang, Kind::BangEqual),
            b'=' => or_equal(Kind::Equal, Kind::EqualEqual),
            b'<' => or_equal(Kind::Less, Kind::LessEqual),
            b'>' => or_equal(Kind::Greater, Kind::GreaterEqual),
            b'"' => self.string(),
            b'0'..=b'9' => self.number(),
            byte if is_letter(byte) => self.word(),
            _ => Kind::Error("Unexpected character."),
        }
    }

    fn string(&mut self) -> Kind {
        let from = self.at;
        self.skip_while(|byte| byte != b'"');
        self.line += self.source[from..self.at].iter().filter(|&&byte| byte == b'\n').count() as u32;
        if self.peek(0).is_none() {
            return Kind::Error("Unterminated string.");
        }
        self.at += 1;
        Kind::String
    }

    fn number(&mut self) -> Kind {
        self.skip_while(|byte| byte.is_ascii_digit());
        if self.peek(0) == Some(b'.') && self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
            self.skip_while(|byte| byte.is_ascii_digit());
        }
        Kind::Number
    }

    fn word(&mut self) -> Kind {
        self.skip_while(|byte| is_letter(byte) || byte.is_ascii_digit());
        let word = &self.source[self.start..self.at];
        KEYWORDS
            .iter()
            .find(|keyword| keyword.0.as_bytes() == word)
            .map_or(Kind::Identifier, |keyword| keyword.1)
    }
}

/// Whether a name may start with it.
pub fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}
