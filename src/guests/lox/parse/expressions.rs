//! Expressions, by the precedence of their operators.

use super::super::scan::Kind;
use super::super::scope::{Slot, Too};
use super::super::tree::{Binary, Described, Expr, Local, Node, Place, Span, Superclass};
use super::Parser;

/// Precedence, from the weakest binding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    None,
    Assignment,
    Or,
    And,
    Equality,
    Comparison,
    Term,
    Factor,
    Unary,
    Call,
}

impl Level {
    /// How strongly a token binds what is left of it.
    fn of(kind: Kind) -> Level {
        match kind {
            Kind::Or => Level::Or,
            Kind::And => Level::And,
            Kind::BangEqual | Kind::EqualEqual => Level::Equality,
            Kind::Less | Kind::LessEqual | Kind::Greater | Kind::GreaterEqual => Level::Comparison,
            Kind::Plus | Kind::Minus => Level::Term,
            Kind::Slash | Kind::Star => Level::Factor,
            Kind::LeftParen | Kind::Dot => Level::Call,
            _ => Level::None,
        }
    }
}

impl Parser<'_> {
    /// Adds an expression whose parts are these, and whose errors are on the previous token's line.
    fn add(&mut self, node: Node, parts: &[Expr]) -> Expr {
        let is_local_set = matches!(node, Node::Set(Place::Local(_), _));
        let assigns = is_local_set || parts.iter().any(|part| self.tree.expressions[part.index()].assigns);
        let (line, span) = (self.previous.line, self.previous.span());
        self.tree.expressions.push(Described { node, line, span, assigns });
        Expr(self.tree.expressions.len() as u32 - 1)
    }

    pub(super) fn expression(&mut self) -> Expr {
        self.level(Level::Assignment)
    }

    fn level(&mut self, level: Level) -> Expr {
        // Making a node for what is not there needs the parser.
        let parsed = self.nested(None, |parser| Some(parser.operand_and_more(level)));
        parsed.unwrap_or_else(|| self.add(Node::Wrong, &[]))
    }

    fn operand_and_more(&mut self, level: Level) -> Expr {
        self.advance();
        let start = self.previous.span().start;
        let may_assign = level <= Level::Assignment;
        let Some(mut left) = self.operand(may_assign) else {
            self.error("Expect expression.");
            return self.add(Node::Wrong, &[]);
        };
        self.spread(left, start);
        while level <= Level::of(self.current.kind) {
            self.advance();
            left = self.operator(left, may_assign);
            self.spread(left, start);
        }
        if may_assign && self.accept(Kind::Equal) {
            self.error("Invalid assignment target.");
        }
        left
    }

    /// An expression goes from here to the previous token.
    fn spread(&mut self, of: Expr, start: usize) {
        self.tree.expressions[of.index()].span = start..self.previous.span().end;
    }

    /// What starts with the previous token.
    fn operand(&mut self, may_assign: bool) -> Option<Expr> {
        let token = self.previous;
        Some(match token.kind {
            Kind::LeftParen => {
                let inner = self.expression();
                self.expect(Kind::RightParen, "Expect ')' after expression.");
                inner
            }
            Kind::Minus | Kind::Bang => {
                let operand = self.level(Level::Unary);
                self.scopes.grow(1);
                let node = if token.kind == Kind::Minus { Node::Negate(operand) } else { Node::Not(operand) };
                self.add(node, &[operand])
            }
            Kind::Nil => self.short(Node::Nil),
            Kind::True => self.short(Node::Bool(true)),
            Kind::False => self.short(Node::Bool(false)),
            Kind::Number => {
                let text = std::str::from_utf8(self.text(token.span())).ok();
                let number = text.and_then(|text| text.parse().ok()).unwrap_or(0.0);
                self.literal(Node::Number(number))
            }
            Kind::String => {
                let span = token.span();
                self.literal(Node::String(span.start + 1..span.end - 1))
            }
            Kind::Identifier => self.variable(may_assign),
            Kind::This => self.this(),
            Kind::Super => self.superclass(),
            _ => return None,
        })
    }

    fn short(&mut self, node: Node) -> Expr {
        self.scopes.grow(1);
        self.add(node, &[])
    }

    fn literal(&mut self, node: Node) -> Expr {
        self.scopes.grow(2);
        let counted = self.scopes.constant();
        self.limit(counted);
        self.add(node, &[])
    }

    pub(super) fn resolve(&mut self, name: Span) -> Place {
        let text = self.text(name.clone());
        match self.scopes.resolve(&mut self.tree, text) {
            Ok(Slot::Local(local)) => Place::Local(local),
            Ok(Slot::Global) => Place::Global(name),
            Err(Too(message)) => {
                self.error(message);
                Place::Global(name)
            }
        }
    }

    /// The variable named by the previous token, used or assigned to.
    pub(super) fn variable(&mut self, may_assign: bool) -> Expr {
        let place = self.resolve(self.previous.span());
        if !(may_assign && self.accept(Kind::Equal)) {
            self.scopes.grow(2);
            return self.add(Node::Get(place), &[]);
        }
        let value = self.expression();
        self.scopes.grow(2);
        if let Place::Local(local) = place {
            self.tree.variables[local.index()].assigned = true;
        }
        self.add(Node::Set(place, value), &[value])
    }

    fn this(&mut self) -> Expr {
        if self.classes.is_empty() {
            self.error("Can't use 'this' outside of a class.");
            return self.add(Node::Wrong, &[]);
        }
        self.variable(false)
    }

    /// The local variable of this name that the parser itself has declared: `this` or `super`.
    fn hidden(&mut self, name: &'static [u8]) -> Option<Local> {
        self.scopes.grow(2);
        match self.scopes.resolve(&mut self.tree, name) {
            Ok(Slot::Local(local)) => Some(local),
            Ok(Slot::Global) => None,
            Err(Too(message)) => {
                self.error(message);
                None
            }
        }
    }

    fn superclass(&mut self) -> Expr {
        match self.classes.last() {
            None => self.error("Can't use 'super' outside of a class."),
            Some(false) => self.error("Can't use 'super' in a class with no superclass."),
            Some(true) => {}
        }
        self.expect(Kind::Dot, "Expect '.' after 'super'.");
        self.expect(Kind::Identifier, "Expect superclass method name.");
        let name = self.previous.span();
        let this = self.hidden(b"this");
        let arguments = self.accept(Kind::LeftParen).then(|| self.arguments());
        let class = self.hidden(b"super");
        self.scopes.grow(if arguments.is_some() { 3 } else { 2 });
        let parts = arguments.as_deref().unwrap_or_default().to_vec();
        match (this, class) {
            (Some(this), Some(class)) => {
                self.add(Node::Super(Box::new(Superclass { this, class, name, arguments })), &parts)
            }
            _ => self.add(Node::Wrong, &[]),
        }
    }

    fn arguments(&mut self) -> Box<[Expr]> {
        let mut all = Vec::new();
        if !self.check(Kind::RightParen) {
            loop {
                all.push(self.expression());
                if all.len() == 256 {
                    self.error("Can't have more than 255 arguments.");
                }
                if !self.accept(Kind::Comma) {
                    break;
                }
            }
        }
        self.expect(Kind::RightParen, "Expect ')' after arguments.");
        all.into()
    }

    /// What the previous token makes of what is left of it.
    fn operator(&mut self, left: Expr, may_assign: bool) -> Expr {
        let kind = self.previous.kind;
        let binary = match kind {
            Kind::LeftParen => {
                let arguments = self.arguments();
                self.scopes.grow(2);
                let parts = [&[left], &*arguments].concat();
                return self.add(Node::Call(left, arguments), &parts);
            }
            Kind::Dot => return self.property(left, may_assign),
            Kind::And => {
                let over = self.jump(1);
                let right = self.level(Level::And);
                self.land(over);
                return self.add(Node::And(left, right), &[left, right]);
            }
            Kind::Or => {
                let to_right = self.jump(0);
                let over = self.jump(0);
                self.land(to_right);
                self.scopes.grow(1);
                let right = self.level(Level::Or);
                self.land(over);
                return self.add(Node::Or(left, right), &[left, right]);
            }
            Kind::Plus => Binary::Add,
            Kind::Minus => Binary::Subtract,
            Kind::Star => Binary::Multiply,
            Kind::Slash => Binary::Divide,
            Kind::EqualEqual => Binary::Equal,
            Kind::BangEqual => Binary::NotEqual,
            Kind::Less => Binary::Less,
            Kind::LessEqual => Binary::LessEqual,
            Kind::Greater => Binary::Greater,
            _ => Binary::GreaterEqual,
        };
        let tighter = match Level::of(kind) {
            Level::Equality => Level::Comparison,
            Level::Comparison => Level::Term,
            Level::Term => Level::Factor,
            _ => Level::Unary,
        };
        let right = self.level(tighter);
        let is_two = matches!(binary, Binary::NotEqual | Binary::LessEqual | Binary::GreaterEqual);
        self.scopes.grow(if is_two { 2 } else { 1 });
        self.add(Node::Binary(binary, left, right), &[left, right])
    }

    fn property(&mut self, left: Expr, may_assign: bool) -> Expr {
        self.expect(Kind::Identifier, "Expect property name after '.'.");
        let name = self.previous.span();
        if may_assign && self.accept(Kind::Equal) {
            let value = self.expression();
            self.scopes.grow(2);
            self.add(Node::SetProperty(left, name, value), &[left, value])
        } else if self.accept(Kind::LeftParen) {
            let arguments = self.arguments();
            self.scopes.grow(3);
            let parts = [&[left], &*arguments].concat();
            self.add(Node::Invoke(left, name, arguments), &parts)
        } else {
            self.scopes.grow(2);
            self.add(Node::Property(left, name), &[left])
        }
    }
}
