//! From tokens to a tree, by recursive descent; operators by their precedence.
//!
//! After an error in a statement reading goes on with the next one, after one outside of functions with the
//! next function or constant ([`recover`]).

mod recover;

use std::collections::HashSet;

use super::ast::{Block, Constant, Expr, ExprKind, File, Function, Name, Statement, StatementKind, TypeName};
use super::token::{self, Span, Token};
use super::tree::{BinaryOp, Test};
use crate::diagnostic::Diagnostic;

/// Expressions, blocks and brackets in each other: more are refused, as whoever walks the tree recurses.
const DEEPEST: usize = 200;

/// It was reported.
struct Reported;

type Parsed<T> = Result<T, Reported>;

/// Reads a text; what is wrong with it goes to `log`.
pub(super) fn parse<'s>(text: &'s str, log: &mut Vec<Diagnostic>) -> File<'s> {
    let tokens = token::scan(text);
    Parser { text, tokens, at: 0, depth: 0, unread: HashSet::new(), is_torn: false, log }.file()
}

struct Parser<'s, 'l> {
    text: &'s str,
    tokens: Vec<(Token, Span)>,
    at: usize,
    /// Blocks and expressions that are being read.
    depth: usize,
    /// The names in what was left out.
    unread: HashSet<&'s str>,
    /// A brace is missing, or was left out: which one another closes is not known any more.
    is_torn: bool,
    log: &'l mut Vec<Diagnostic>,
}

/// An operator of two operands.
enum Operator {
    Or,
    And,
    Test(Test),
    Binary(BinaryOp),
}

/// How tightly comparisons bind.
const TESTS: u8 = 3;

/// The operator that a token is, and how tightly it binds.
fn operator(token: Token) -> Option<(Operator, u8)> {
    let binary = |op, power| Some((Operator::Binary(op), power));
    let test = |test| Some((Operator::Test(test), TESTS));
    match token {
        Token::Either => Some((Operator::Or, 1)),
        Token::Both => Some((Operator::And, 2)),
        Token::Equal => test(Test::Eq),
        Token::Different => test(Test::Ne),
        Token::Less => test(Test::Lt),
        Token::AtMost => test(Test::Le),
        Token::Greater => test(Test::Gt),
        Token::AtLeast => test(Test::Ge),
        Token::Bar => binary(BinaryOp::Or, 4),
        Token::Caret => binary(BinaryOp::Xor, 5),
        Token::Ampersand => binary(BinaryOp::And, 6),
        Token::ShiftLeft => binary(BinaryOp::Shl, 7),
        Token::ShiftRight => binary(BinaryOp::Shr, 7),
        Token::Plus => binary(BinaryOp::Add, 8),
        Token::Minus => binary(BinaryOp::Sub, 8),
        Token::Star => binary(BinaryOp::Mul, 9),
        Token::Slash => binary(BinaryOp::Div, 9),
        Token::Percent => binary(BinaryOp::Rem, 9),
        _ => None,
    }
}

/// The operation that an assignment does first, if the token is one.
fn assignment(token: Token) -> Option<Option<BinaryOp>> {
    Some(match token {
        Token::Assign => None,
        Token::AddAssign => Some(BinaryOp::Add),
        Token::SubAssign => Some(BinaryOp::Sub),
        Token::MulAssign => Some(BinaryOp::Mul),
        Token::DivAssign => Some(BinaryOp::Div),
        Token::RemAssign => Some(BinaryOp::Rem),
        Token::AndAssign => Some(BinaryOp::And),
        Token::OrAssign => Some(BinaryOp::Or),
        Token::XorAssign => Some(BinaryOp::Xor),
        Token::ShlAssign => Some(BinaryOp::Shl),
        Token::ShrAssign => Some(BinaryOp::Shr),
        _ => return None,
    })
}

impl<'s> Parser<'s, '_> {
    fn peek(&self) -> Token {
        self.tokens[self.at].0
    }

    fn span(&self) -> Span {
        self.tokens[self.at].1
    }

    /// The place of the token before this one.
    fn last(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].1
    }

    fn slice(&self, span: Span) -> &'s str {
        &self.text[span.start..span.end]
    }

    /// Takes the token; the last one, the end, stays.
    fn advance(&mut self) -> Span {
        let span = self.span();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        span
    }

    fn take(&mut self, token: Token) -> Option<Span> {
        (self.peek() == token).then(|| self.advance())
    }

    fn expect(&mut self, token: Token) -> Parsed<Span> {
        self.take(token).ok_or_else(|| self.unexpected(&token.to_string()))
    }

    /// Reads something that others may be in.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEEPEST {
            return Err(self.too_deep(self.span()));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn name(&mut self) -> Parsed<Name<'s>> {
        match self.take(Token::Name) {
            Some(span) => Ok(Name { text: self.slice(span), span }),
            None => Err(self.unexpected("a name")),
        }
    }

    fn file(mut self) -> File<'s> {
        let mut file = File::default();
        while self.peek() != Token::End {
            let start = self.at;
            let read = match self.peek() {
                Token::Fn => self.function().map(|function| file.functions.push(function)),
                Token::Const => self.constant().map(|constant| file.constants.push(constant)),
                _ if self.is_torn => Err(Reported),
                _ => Err(self.unexpected("`fn` or `const`")),
            };
            if read.is_err() {
                self.skip_declaration(start);
            }
        }
        file.unread = self.unread;
        file
    }

    fn constant(&mut self) -> Parsed<Constant<'s>> {
        self.advance();
        let name = self.name()?;
        self.expect(Token::Assign)?;
        let value = self.expr()?;
        self.semicolon()?;
        Ok(Constant { name, value })
    }

    fn function(&mut self) -> Parsed<Function<'s>> {
        self.advance();
        let name = self.name()?;
        let open = self.expect(Token::ParenOpen)?;
        let params = self.list(Token::ParenClose, open, |parser| {
            let name = parser.name()?;
            parser.expect(Token::Colon)?;
            Ok((name, parser.type_name()?))
        })?;
        let result = match self.take(Token::Arrow) {
            Some(_) => Some(self.type_name()?),
            None => None,
        };
        Ok(Function { name, params, result, body: self.block()? })
    }

    /// Things with commas between, and a bracket at the end.
    fn list<T>(
        &mut self,
        end: Token,
        open: Span,
        mut read: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut all = Vec::new();
        while self.take(end).is_none() {
            all.push(read(self)?);
            if self.take(Token::Comma).is_none() {
                self.close(end, open)?;
                break;
            }
        }
        Ok(all)
    }

    fn type_name(&mut self) -> Parsed<TypeName<'s>> {
        let Some(open) = self.take(Token::BracketOpen) else {
            let base = match self.peek() {
                Token::Name => self.name()?,
                _ => return Err(self.unexpected("a type: `int`, `float`, `bool`, or one of these in `[]`")),
            };
            return Ok(TypeName { base, brackets: 0, span: base.span });
        };
        let inner = self.nested(Self::type_name)?;
        let end = self.close(Token::BracketClose, open)?;
        Ok(TypeName { brackets: inner.brackets + 1, span: open.to(end), ..inner })
    }

    fn block(&mut self) -> Parsed<Block<'s>> {
        self.block_before(&[])
    }

    /// A block that one of these tokens may follow.
    fn block_before(&mut self, next: &[Token]) -> Parsed<Block<'s>> {
        let Ok(open) = self.expect(Token::BraceOpen) else {
            self.is_torn = true;
            return Err(Reported);
        };
        self.nested(|parser| {
            let mut statements = Vec::new();
            loop {
                if let Some(end) = parser.take(Token::BraceClose) {
                    return Ok(Block { statements, end });
                }
                let start = parser.at;
                // What comes next is another function, or what follows the block: its end is missing.
                let token = parser.peek();
                if matches!(token, Token::End | Token::Fn | Token::Const) || next.contains(&token) {
                    parser.missing_brace(open);
                    let end = parser.span();
                    statements.push(Statement { kind: StatementKind::Unread, span: end });
                    return Ok(Block { statements, end });
                }
                let statement = parser.statement().unwrap_or_else(|Reported| parser.skip_statement(start));
                statements.push(statement);
            }
        })
    }

    fn statement(&mut self) -> Parsed<Statement<'s>> {
        let start = self.span();
        let kind = match self.peek() {
            Token::Let | Token::Var => self.let_statement()?,
            Token::If => self.if_statement()?,
            Token::While => {
                self.advance();
                StatementKind::While { condition: self.expr()?, body: self.block()? }
            }
            Token::For => self.for_statement()?,
            Token::Break | Token::Continue => {
                let is_break = self.peek() == Token::Break;
                self.advance();
                self.semicolon()?;
                if is_break { StatementKind::Break } else { StatementKind::Continue }
            }
            Token::Return => {
                self.advance();
                let value = match self.peek() {
                    Token::Semicolon | Token::BraceClose => None,
                    _ => Some(self.expr()?),
                };
                self.semicolon()?;
                StatementKind::Return(value)
            }
            Token::BraceOpen => StatementKind::Block(self.block()?),
            Token::Else => return Err(self.stray_else()),
            _ => self.assign_or_call()?,
        };
        Ok(Statement { kind, span: start.to(self.last()) })
    }

    /// Where more than the name cannot be read, the name is declared all the same.
    fn let_statement(&mut self) -> Parsed<StatementKind<'s>> {
        let (start, mutable) = (self.at, self.peek() == Token::Var);
        self.advance();
        let name = self.name()?;
        let (of, value) = self.type_and_value().unwrap_or_else(|Reported| {
            self.skip_statement(start);
            (None, Expr { kind: ExprKind::Error, span: name.span, depth: 1 })
        });
        Ok(StatementKind::Let { name, mutable, of, value })
    }

    fn type_and_value(&mut self) -> Parsed<(Option<TypeName<'s>>, Expr<'s>)> {
        let of = match self.take(Token::Colon) {
            Some(_) => Some(self.type_name()?),
            None => None,
        };
        self.expect(Token::Assign)?;
        let value = self.expr()?;
        self.semicolon()?;
        Ok((of, value))
    }

    fn if_statement(&mut self) -> Parsed<StatementKind<'s>> {
        let mut arms = Vec::new();
        let mut otherwise = None;
        while self.take(Token::If).is_some() {
            arms.push((self.expr()?, self.block_before(&[Token::Else])?));
            if self.take(Token::Else).is_none() {
                break;
            }
            if self.peek() != Token::If {
                otherwise = Some(self.block()?);
            }
        }
        Ok(StatementKind::If { arms, otherwise })
    }

    fn for_statement(&mut self) -> Parsed<StatementKind<'s>> {
        self.advance();
        let name = self.name()?;
        self.expect(Token::In)?;
        let from = self.expr()?;
        self.expect(Token::To)?;
        let to = self.expr()?;
        Ok(StatementKind::For { name, from, to, body: self.block()? })
    }

    fn assign_or_call(&mut self) -> Parsed<StatementKind<'s>> {
        let place = self.expr()?;
        let Some(op) = assignment(self.peek()) else {
            self.semicolon()?;
            return Ok(StatementKind::Expr(place));
        };
        self.advance();
        let value = self.expr()?;
        self.semicolon()?;
        Ok(StatementKind::Assign { place, op, value })
    }

    fn expr(&mut self) -> Parsed<Expr<'s>> {
        self.operators(0)
    }

    /// An expression of these parts.
    fn node(&mut self, kind: ExprKind<'s>, span: Span, deepest: usize) -> Parsed<Expr<'s>> {
        let depth = deepest + 1;
        if depth > DEEPEST {
            return Err(self.too_deep(span));
        }
        Ok(Expr { kind, span, depth })
    }

    /// Operands with operators that bind tighter than `power` between.
    fn operators(&mut self, power: u8) -> Parsed<Expr<'s>> {
        let mut left = self.nested(Self::unary)?;
        let mut tested: Option<Span> = None;
        while let Some((operator, tightness)) = operator(self.peek()).filter(|one| one.1 > power) {
            let sign = self.advance();
            let right = self.nested(|parser| parser.operators(tightness))?;
            if tightness == TESTS
                && let Some(first) = tested.replace(sign)
            {
                let diagnostic = Diagnostic::error("comparisons do not go in a row").at(sign.into(), "");
                let help = "write `a < b && b < c` for what `a < b < c` means elsewhere";
                self.error(diagnostic.because(first.into(), "after this one").help(help));
            }
            let (span, deepest) = (left.span.to(right.span), left.depth.max(right.depth));
            let both = Box::new([left, right]);
            let kind = match operator {
                Operator::Or => ExprKind::Or(both),
                Operator::And => ExprKind::And(both),
                Operator::Test(test) => ExprKind::Test(test, both),
                Operator::Binary(op) => ExprKind::Binary(op, both),
            };
            left = self.node(kind, span, deepest)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed<Expr<'s>> {
        let start = self.span();
        if self.take(Token::Minus).is_some() {
            // The least number is a literal, too.
            if self.peek() == Token::Int && token::int(self.slice(self.span())) == Some(1 << 31) {
                let span = start.to(self.advance());
                return self.node(ExprKind::Int(i32::MIN), span, 0);
            }
            let inner = self.nested(Self::unary)?;
            let (span, depth) = (start.to(inner.span), inner.depth);
            return self.node(ExprKind::Negative(Box::new(inner)), span, depth);
        }
        if self.take(Token::Not).is_some() {
            let inner = self.nested(Self::unary)?;
            let (span, depth) = (start.to(inner.span), inner.depth);
            return self.node(ExprKind::Not(Box::new(inner)), span, depth);
        }
        let mut value = self.primary()?;
        while let Some(open) = self.take(Token::BracketOpen) {
            let index = self.expr()?;
            let end = self.close(Token::BracketClose, open)?;
            let (span, deepest) = (value.span.to(end), value.depth.max(index.depth));
            value = self.node(ExprKind::Element(Box::new([value, index])), span, deepest)?;
        }
        Ok(value)
    }

    fn primary(&mut self) -> Parsed<Expr<'s>> {
        let span = self.span();
        let (kind, deepest) = match self.peek() {
            Token::Int => (self.int(), 0),
            Token::Float => (self.float(), 0),
            Token::Text => (ExprKind::Text(self.text()), 0),
            Token::True => (ExprKind::Bool(true), 0),
            Token::False => (ExprKind::Bool(false), 0),
            Token::Name => {
                let name = Name { text: self.slice(span), span };
                self.advance();
                let Some(open) = self.take(Token::ParenOpen) else {
                    return self.node(ExprKind::Name(name.text), span, 0);
                };
                let arguments = self.list(Token::ParenClose, open, Self::expr)?;
                let deepest = arguments.iter().map(|one| one.depth).max().unwrap_or(0);
                return self.node(ExprKind::Call(name, arguments), span.to(self.last()), deepest);
            }
            Token::ParenOpen => {
                let open = self.advance();
                let inner = self.expr()?;
                let end = self.close(Token::ParenClose, open)?;
                return Ok(Expr { span: open.to(end), ..inner });
            }
            Token::BracketOpen => return self.array(),
            _ => return Err(self.unexpected("a value")),
        };
        self.advance();
        self.node(kind, span, deepest)
    }

    /// `[value; count]` or `[a, b, c]`.
    fn array(&mut self) -> Parsed<Expr<'s>> {
        let open = self.advance();
        if let Some(end) = self.take(Token::BracketClose) {
            return self.node(ExprKind::List(Vec::new()), open.to(end), 0);
        }
        let first = self.expr()?;
        if self.take(Token::Semicolon).is_some() {
            let count = self.expr()?;
            let end = self.close(Token::BracketClose, open)?;
            let deepest = first.depth.max(count.depth);
            return self.node(ExprKind::Fill(Box::new([first, count])), open.to(end), deepest);
        }
        let mut all = vec![first];
        if self.take(Token::Comma).is_some() {
            all.extend(self.list(Token::BracketClose, open, Self::expr)?);
        } else {
            self.close(Token::BracketClose, open)?;
        }
        let deepest = all.iter().map(|one| one.depth).max().unwrap_or(0);
        self.node(ExprKind::List(all), open.to(self.last()), deepest)
    }

    fn int(&mut self) -> ExprKind<'s> {
        let (span, written) = (self.span(), self.slice(self.span()));
        let is_decimal = written.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
        match token::int(written) {
            Some(value) if !is_decimal => ExprKind::Int(value as i32),
            Some(value @ 0..=0x7fff_ffff) => ExprKind::Int(value as i32),
            _ => {
                let message = format!("{written} is no number of 32 bits");
                let help = "an `int` is from -2147483648 to 2147483647; in hexadecimal from 0 to 0xffffffff";
                self.error(Diagnostic::error(message).at(span.into(), "").help(help));
                ExprKind::Error
            }
        }
    }

    fn float(&mut self) -> ExprKind<'s> {
        let (span, written) = (self.span(), self.slice(self.span()));
        let value = token::float(written);
        if value.is_infinite() {
            let message = format!("{written} is too large for a `float`");
            self.error(Diagnostic::error(message).at(span.into(), "").help("the largest is about 1.8e308"));
            return ExprKind::Error;
        }
        ExprKind::Float(value)
    }

    /// The characters that a string spells.
    fn text(&mut self) -> String {
        let span = self.span();
        let inner = &self.text[span.start + 1..span.end - 1];
        let mut out = String::new();
        let mut chars = inner.char_indices();
        while let Some((at, c)) = chars.next() {
            let escaped = if c == '\\' { chars.next().map(|(_, c)| c) } else { None };
            match (c, escaped) {
                ('\\', Some('n')) => out.push('\n'),
                ('\\', Some('t')) => out.push('\t'),
                ('\\', Some(c @ ('\\' | '"'))) => out.push(c),
                ('\\', _) => {
                    let start = span.start + 1 + at;
                    let end = start + 1 + escaped.map_or(0, char::len_utf8);
                    let message = format!("`{}` is no character", &self.text[start..end]);
                    let help = "there are `\\n`, `\\t`, `\\\\` and `\\\"`";
                    self.error(Diagnostic::error(message).at(start..end, "").help(help));
                }
                ('\0', _) => {
                    let start = span.start + 1 + at;
                    let message = "a string cannot hold the character 0: it marks the end";
                    self.error(Diagnostic::error(message).at(start..start + 1, ""));
                }
                (c, _) => out.push(c),
            }
        }
        out
    }
}
