//! What is wrong, and where reading goes on behind it.

use super::{DEEPEST, Parsed, Parser, Reported};
use crate::diagnostic::Diagnostic;
use crate::guests::iridium::osmium::ast::{Statement, StatementKind};
use crate::guests::iridium::osmium::token::{Span, Token};

impl<'s> Parser<'s, '_> {
    pub(super) fn error(&mut self, diagnostic: Diagnostic) -> Reported {
        self.log.push(diagnostic);
        Reported
    }

    /// That something else should stand here.
    fn expected(&self, wanted: &str) -> Diagnostic {
        let (found, span) = (self.peek(), self.span());
        let message = match found {
            Token::OpenText => "the string has no end".to_owned(),
            Token::Strange => format!("`{}` means nothing here", self.slice(span)),
            _ => format!("expected {wanted}, found {found}"),
        };
        let diagnostic = Diagnostic::error(message).at(span.into(), "");
        match found {
            Token::OpenText => {
                diagnostic.help("a string ends with `\"` in its own line; `\\n` in it is a new line")
            }
            Token::Assign if wanted == "`{`" => diagnostic.help("`==` compares two values"),
            _ => diagnostic,
        }
    }

    pub(super) fn unexpected(&mut self, wanted: &str) -> Reported {
        self.error(self.expected(wanted))
    }

    /// A closing bracket of the one at `open`.
    pub(super) fn close(&mut self, token: Token, open: Span) -> Parsed<Span> {
        self.take(token).ok_or_else(|| {
            let diagnostic = self.expected(&token.to_string()).because(open.into(), "for this one");
            self.error(diagnostic)
        })
    }

    /// The end of a statement. Where the next line begins without it, the statement is complete all the same.
    pub(super) fn semicolon(&mut self) -> Parsed<Span> {
        if let Some(span) = self.take(Token::Semicolon) {
            return Ok(span);
        }
        let last = self.last();
        let is_next_line = self.text[last.end..self.span().start].contains('\n');
        if !is_next_line && self.peek() != Token::BraceClose {
            return Err(self.unexpected("`;`"));
        }
        let end = Span { start: last.end, end: last.end };
        self.error(Diagnostic::error("expected `;`").at(end.into(), "at the end of the statement"));
        Ok(last)
    }

    /// A block ends without the brace that closes the one at `open`.
    pub(super) fn missing_brace(&mut self, open: Span) {
        if !std::mem::replace(&mut self.is_torn, true) {
            let diagnostic = self.expected("`}`").because(open.into(), "for this one");
            self.error(match self.peek() {
                Token::Fn | Token::Const => {
                    diagnostic.help("functions and constants are not declared inside of functions")
                }
                _ => diagnostic,
            });
        }
    }

    /// A statement begins with `else`.
    pub(super) fn stray_else(&mut self) -> Reported {
        if std::mem::replace(&mut self.is_torn, true) {
            return Reported;
        }
        let diagnostic = Diagnostic::error("`else` without an `if`").at(self.span().into(), "");
        self.error(diagnostic.help("it stands right behind the `}` of an `if`"))
    }

    /// Gives up the text.
    pub(super) fn too_deep(&mut self, span: Span) -> Reported {
        let start = self.at;
        self.at = self.tokens.len() - 1;
        self.leave_out(start);
        self.is_torn = true;
        let message = format!("more than {DEEPEST} expressions or blocks in each other");
        let help = "give parts of it names with `let`, or make a function of them";
        self.error(Diagnostic::error(message).at(span.into(), "this is the last one too many").help(help))
    }

    /// Goes to where the next function or constant begins, from within what begins at this token.
    pub(super) fn skip_declaration(&mut self, start: usize) {
        while !matches!(self.peek(), Token::Fn | Token::Const | Token::End) {
            self.advance();
        }
        self.leave_out(start);
    }

    /// Goes to where the next statement begins, from within the one that begins at this token.
    pub(super) fn skip_statement(&mut self, start: usize) -> Statement<'s> {
        let (first, span) = self.tokens[start];
        // It ends with a block; `;` may be in its head, as in C's.
        let mut lacks_block = matches!(first, Token::If | Token::While | Token::For);
        let (mut open, mut brackets) = (0, 0);
        let so_far = self.tokens[start..self.at].iter().map(|one| one.0);
        so_far.for_each(|token| brackets = within_brackets(token, brackets));
        loop {
            brackets = within_brackets(self.peek(), brackets);
            match self.peek() {
                Token::End | Token::Fn | Token::Const => break,
                Token::BraceClose if open == 0 => break,
                Token::Semicolon if open == 0 && !lacks_block => {
                    let end = self.advance().end;
                    // An array has one in it.
                    if brackets == 0 || self.text[end..self.span().start].contains('\n') {
                        break;
                    }
                    continue;
                }
                Token::BraceOpen => {
                    open += 1;
                    lacks_block = false;
                }
                Token::BraceClose => {
                    open -= 1;
                    if open == 0 {
                        self.advance();
                        if self.peek() != Token::Else {
                            break;
                        }
                    }
                }
                _ => {}
            }
            self.advance();
        }
        self.is_torn |= lacks_block || open > 0;
        self.leave_out(start);
        Statement { kind: StatementKind::Unread, span: span.to(self.last()) }
    }

    /// Remembers the names since this token: they may be declared there.
    fn leave_out(&mut self, start: usize) {
        let text = self.text;
        let names = self.tokens[start..self.at].iter().filter(|one| one.0 == Token::Name);
        self.unread.extend(names.map(|&(_, span)| &text[span.start..span.end]));
    }
}

/// How many brackets are open behind this token, of so many before it.
fn within_brackets(token: Token, open: u32) -> u32 {
    match token {
        Token::BracketOpen => open + 1,
        Token::BracketClose => open.saturating_sub(1),
        _ => open,
    }
}
