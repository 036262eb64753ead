//! From tokens to a tree with resolved names, with the errors of clox: each where clox reports it, and those that it
//! leaves out in its panic mode left out. Some of them are limits of clox's bytecode; for these the size that clox's code
//! would have is counted along ([`super::scope`]).

mod expressions;

use std::ops::Range;

use super::error::{SourceError, Where};
use super::scan::{Kind, Scanner, Token};
use super::scope::{Scopes, Too};
use super::tree::{Class, Fun, Inherits, Loop, Place, Role, Span, Statement, Tree};

/// How deeply expressions and statements may be nested in each other.
const DEEPEST: usize = 500;

/// Parses a program.
///
/// # Errors
/// All errors of the program, in order.
pub fn parse(source: &[u8]) -> Result<Tree, Vec<SourceError>> {
    let mut scanner = Scanner::new(source);
    let start = Token { kind: Kind::Semicolon, start: 0, end: 0, line: 1 };
    let current = scanner.token();
    let mut parser = Parser {
        source,
        scanner,
        previous: start,
        current,
        errors: Vec::new(),
        panics: false,
        depth: 0,
        tree: Tree::default(),
        scopes: Scopes::new(),
        classes: Vec::new(),
    };
    parser.program();
    if parser.errors.is_empty() { Ok(parser.tree) } else { Err(parser.errors) }
}

struct Parser<'s> {
    source: &'s [u8],
    scanner: Scanner<'s>,
    previous: Token,
    current: Token,
    errors: Vec<SourceError>,
    /// An error was reported, and the parser has not found its way since.
    panics: bool,
    depth: usize,
    tree: Tree,
    scopes: Scopes<'s>,
    /// Whether each class around has a superclass.
    classes: Vec<bool>,
}

impl<'s> Parser<'s> {
    fn program(&mut self) {
        self.scopes.enter(&mut self.tree, Role::Script, None);
        self.skip_errors();
        let mut body = Vec::new();
        while !self.accept(Kind::End) {
            body.push(self.declaration());
        }
        self.scopes.leave(&mut self.tree, body, self.previous.line);
    }

    // Tokens.

    fn advance(&mut self) {
        self.previous = self.current;
        self.current = self.scanner.token();
        self.skip_errors();
    }

    fn skip_errors(&mut self) {
        while let Kind::Error(message) = self.current.kind {
            self.error_here(message);
            self.current = self.scanner.token();
        }
    }

    fn check(&self, kind: Kind) -> bool {
        self.current.kind == kind
    }

    fn accept(&mut self, kind: Kind) -> bool {
        let is = self.check(kind);
        if is {
            self.advance();
        }
        is
    }

    fn expect(&mut self, kind: Kind, message: &'static str) {
        if !self.accept(kind) {
            self.error_here(message);
        }
    }

    fn text(&self, span: Range<usize>) -> &'s [u8] {
        &self.source[span]
    }

    // Errors.

    fn error(&mut self, message: &'static str) {
        self.error_at(self.previous, message);
    }

    fn error_here(&mut self, message: &'static str) {
        self.error_at(self.current, message);
    }

    fn error_at(&mut self, token: Token, message: &'static str) {
        if self.panics {
            return;
        }
        self.panics = true;
        let place = match token.kind {
            Kind::End => Where::End,
            Kind::Error(_) => Where::Nowhere,
            _ => Where::At(self.text(token.span()).to_vec()),
        };
        self.errors.push(SourceError { line: token.line, place, message, span: token.span() });
    }

    fn limit(&mut self, result: Result<(), Too>) {
        if let Err(Too(message)) = result {
            self.error(message);
        }
    }

    fn synchronize(&mut self) {
        self.panics = false;
        while !self.check(Kind::End) && self.previous.kind != Kind::Semicolon {
            match self.current.kind {
                Kind::Class
                | Kind::Fun
                | Kind::Var
                | Kind::For
                | Kind::If
                | Kind::While
                | Kind::Print
                | Kind::Return => {
                    return;
                }
                _ => self.advance(),
            }
        }
    }

    /// Does something one level deeper. Beyond the deepest it is an error, and the rest of the source is left.
    fn nested<T>(&mut self, otherwise: T, parse: impl FnOnce(&mut Self) -> T) -> T {
        if self.depth == DEEPEST {
            self.error_here("Too much nesting.");
            while !self.check(Kind::End) {
                self.advance();
            }
            return otherwise;
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    // Declarations.

    fn declaration(&mut self) -> Statement {
        let statement = if self.accept(Kind::Class) {
            self.class()
        } else if self.accept(Kind::Fun) {
            self.fun()
        } else if self.accept(Kind::Var) {
            self.var()
        } else {
            self.statement()
        };
        if self.panics {
            self.synchronize();
        }
        statement
    }

    /// Declares the variable named by the previous token.
    fn declare(&mut self) {
        let name = self.text(self.previous.span());
        let declared = self.scopes.declare(&mut self.tree, name);
        self.limit(declared);
    }

    /// Where the variable that was declared last, by this name, lives, from now on visible.
    fn define(&mut self, name: Span) -> Place {
        match self.scopes.define() {
            Some(local) => Place::Local(local),
            None => {
                self.scopes.grow(2);
                Place::Global(name)
            }
        }
    }

    fn variable_name(&mut self, message: &'static str) -> Span {
        self.expect(Kind::Identifier, message);
        self.declare();
        self.previous.span()
    }

    fn class(&mut self) -> Statement {
        self.expect(Kind::Identifier, "Expect class name.");
        let (name, line) = (self.previous.span(), self.previous.line);
        self.declare();
        self.scopes.grow(2);
        let place = self.define(name.clone());
        self.classes.push(false);
        let mut superclass = None;
        if self.accept(Kind::Less) {
            self.expect(Kind::Identifier, "Expect superclass name.");
            let from = self.variable(false);
            if self.text(self.previous.span()) == self.text(name.clone()) {
                self.error("A class can't inherit from itself.");
            }
            self.scopes.open();
            let declared = self.scopes.add(&mut self.tree, b"super");
            self.limit(declared);
            let local = self.scopes.define();
            self.use_class(name.clone());
            self.scopes.grow(1);
            if let (Some(local), Some(has)) = (local, self.classes.last_mut()) {
                superclass = Some(Inherits { from, local, line: self.previous.line });
                *has = true;
            }
        }
        self.use_class(name.clone());
        self.expect(Kind::LeftBrace, "Expect '{' before class body.");
        let mut methods = Vec::new();
        while !self.check(Kind::RightBrace) && !self.check(Kind::End) {
            methods.push(self.method());
        }
        self.expect(Kind::RightBrace, "Expect '}' after class body.");
        self.scopes.grow(1);
        if superclass.is_some() {
            self.scopes.close();
        }
        self.classes.pop();
        Statement::Class(Box::new(Class { place, name, superclass, methods, line }))
    }

    /// clox puts the class on its stack here: only for its limits.
    fn use_class(&mut self, name: Span) {
        let _ = self.resolve(name);
        self.scopes.grow(2);
    }

    fn method(&mut self) -> (Span, Fun, u32) {
        self.expect(Kind::Identifier, "Expect method name.");
        let name = self.previous.span();
        let role = if self.text(name.clone()) == b"init" { Role::Initializer } else { Role::Method };
        let function = self.nested(Fun(0), |parser| parser.function(role));
        self.scopes.grow(2);
        (name, function, self.previous.line)
    }

    fn fun(&mut self) -> Statement {
        let name = self.variable_name("Expect function name.");
        let local = self.scopes.define();
        let function = self.nested(Fun(0), |parser| parser.function(Role::Function));
        let place = match local {
            Some(local) => {
                self.tree.variables[local.index()].is_function = Some(function);
                Place::Local(local)
            }
            None => {
                self.scopes.grow(2);
                Place::Global(name)
            }
        };
        Statement::Fun(place, function, self.previous.line)
    }

    /// A function from its parameters on; the previous token is its name.
    fn function(&mut self, role: Role) -> Fun {
        let function = self.scopes.enter(&mut self.tree, role, Some(self.previous.span()));
        self.expect(Kind::LeftParen, "Expect '(' after function name.");
        let mut parameters = Vec::new();
        if !self.check(Kind::RightParen) {
            loop {
                if parameters.len() == 255 {
                    self.error_here("Can't have more than 255 parameters.");
                }
                self.variable_name("Expect parameter name.");
                parameters.extend(self.scopes.define());
                if !self.accept(Kind::Comma) {
                    break;
                }
            }
        }
        self.tree.functions[function.index()].parameters = parameters;
        self.expect(Kind::RightParen, "Expect ')' after parameters.");
        self.expect(Kind::LeftBrace, "Expect '{' before function body.");
        let body = self.block();
        self.scopes.leave(&mut self.tree, body, self.previous.line);
        self.scopes.grow(2 + 2 * self.tree.functions[function.index()].captures.len());
        function
    }

    fn var(&mut self) -> Statement {
        let name = self.variable_name("Expect variable name.");
        let value = self.accept(Kind::Equal).then(|| self.expression());
        if value.is_none() {
            self.scopes.grow(1);
        }
        self.expect(Kind::Semicolon, "Expect ';' after variable declaration.");
        let line = self.previous.line;
        Statement::Var(self.define(name), value, line)
    }

    // Statements.

    fn statement(&mut self) -> Statement {
        self.nested(Statement::Block(Vec::new()), Self::any_statement)
    }

    fn any_statement(&mut self) -> Statement {
        if self.accept(Kind::Print) {
            let value = self.expression();
            self.expect(Kind::Semicolon, "Expect ';' after value.");
            self.scopes.grow(1);
            Statement::Print(value, self.previous.line)
        } else if self.accept(Kind::For) {
            self.for_loop()
        } else if self.accept(Kind::If) {
            self.if_chain()
        } else if self.accept(Kind::Return) {
            self.return_statement()
        } else if self.accept(Kind::While) {
            self.while_loop()
        } else if self.accept(Kind::LeftBrace) {
            self.scopes.open();
            let body = self.block();
            self.scopes.close();
            Statement::Block(body)
        } else {
            self.expression_statement()
        }
    }

    fn block(&mut self) -> Vec<Statement> {
        let mut body = Vec::new();
        while !self.check(Kind::RightBrace) && !self.check(Kind::End) {
            body.push(self.declaration());
        }
        self.expect(Kind::RightBrace, "Expect '}' after block.");
        body
    }

    fn expression_statement(&mut self) -> Statement {
        let value = self.expression();
        self.expect(Kind::Semicolon, "Expect ';' after expression.");
        self.scopes.grow(1);
        Statement::Expression(value)
    }

    fn for_loop(&mut self) -> Statement {
        self.scopes.open();
        self.expect(Kind::LeftParen, "Expect '(' after 'for'.");
        let first = if self.accept(Kind::Semicolon) {
            None
        } else if self.accept(Kind::Var) {
            Some(self.var())
        } else {
            Some(self.expression_statement())
        };
        let mut start = self.scopes.size();
        let condition = (!self.accept(Kind::Semicolon)).then(|| {
            let condition = self.expression();
            self.expect(Kind::Semicolon, "Expect ';' after loop condition.");
            (condition, self.jump(1))
        });
        let step = (!self.accept(Kind::RightParen)).then(|| {
            let over = self.jump(0);
            let step_start = self.scopes.size();
            let step = self.expression();
            self.scopes.grow(1);
            self.expect(Kind::RightParen, "Expect ')' after for clauses.");
            self.loop_to(start);
            start = step_start;
            self.land(over);
            step
        });
        let body = self.statement();
        self.loop_to(start);
        if let Some((_, exit)) = condition {
            self.land(exit);
            self.scopes.grow(1);
        }
        self.scopes.close();
        let condition = condition.map(|(condition, _)| condition);
        let run = Statement::While(Box::new(Loop { condition, step, body, line: self.previous.line }));
        Statement::Block(first.into_iter().chain([run]).collect())
    }

    fn while_loop(&mut self) -> Statement {
        let start = self.scopes.size();
        self.expect(Kind::LeftParen, "Expect '(' after 'while'.");
        let condition = self.expression();
        self.expect(Kind::RightParen, "Expect ')' after condition.");
        let exit = self.jump(1);
        let body = self.statement();
        self.loop_to(start);
        self.land(exit);
        self.scopes.grow(1);
        let condition = Some(condition);
        Statement::While(Box::new(Loop { condition, step: None, body, line: self.previous.line }))
    }

    /// `if`, and every `if` that follows an `else` directly.
    fn if_chain(&mut self) -> Statement {
        let mut arms = Vec::new();
        let mut ends = Vec::new();
        let mut otherwise = None;
        loop {
            self.expect(Kind::LeftParen, "Expect '(' after 'if'.");
            let condition = self.expression();
            self.expect(Kind::RightParen, "Expect ')' after condition.");
            let over = self.jump(1);
            arms.push((condition, self.statement()));
            ends.push(self.jump(0));
            self.land(over);
            self.scopes.grow(1);
            if !self.accept(Kind::Else) {
                break;
            }
            if !self.accept(Kind::If) {
                otherwise = Some(Box::new(self.statement()));
                break;
            }
        }
        for end in ends.into_iter().rev() {
            self.land(end);
        }
        Statement::If(arms, otherwise)
    }

    fn return_statement(&mut self) -> Statement {
        let role = self.scopes.role();
        if role == Role::Script {
            self.error("Can't return from top-level code.");
        }
        if self.accept(Kind::Semicolon) {
            self.scopes.grow(2);
            return Statement::Return(None, self.previous.line);
        }
        if role == Role::Initializer {
            self.error("Can't return a value from an initializer.");
        }
        let value = self.expression();
        self.expect(Kind::Semicolon, "Expect ';' after return value.");
        self.scopes.grow(1);
        Statement::Return(Some(value), self.previous.line)
    }

    // What clox's jumps would be: three bytes each.

    /// A jump forward, and `more` bytes; the place that it is counted from.
    fn jump(&mut self, more: usize) -> usize {
        self.scopes.grow(3);
        let from = self.scopes.size();
        self.scopes.grow(more);
        from
    }

    fn land(&mut self, from: usize) {
        if self.scopes.size() - from > usize::from(u16::MAX) {
            self.error("Too much code to jump over.");
        }
    }

    fn loop_to(&mut self, start: usize) {
        if self.scopes.size() + 3 - start > usize::from(u16::MAX) {
            self.error("Loop body too large.");
        }
        self.scopes.grow(3);
    }
}
