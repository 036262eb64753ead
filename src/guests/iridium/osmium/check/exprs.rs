//! The types of expressions.

use super::*;

impl<'s> Checker<'s, '_> {
    /// An expression that is a value.
    pub(super) fn value(&mut self, written: &ast::Expr<'s>) -> Expr {
        let expr = self.expr(written);
        let problem = match expr.of {
            Type::NOTHING => "this gives nothing, where a value is needed",
            Type::TEXT => "a string can only be printed, by itself: `print(\"text\")`",
            _ => return expr,
        };
        self.error(problem, expr.span);
        Expr { of: Type::ERROR, ..expr }
    }

    /// An expression that must be of a type.
    pub(super) fn typed(&mut self, written: &ast::Expr<'s>, of: Type, what: &str) -> Expr {
        let value = self.value(written);
        self.fit(value, of, what)
    }

    /// The value, which must be of a type for `what`.
    pub(super) fn fit(&mut self, value: Expr, of: Type, what: &str) -> Expr {
        if value.of == of || value.of.is_error() || of.is_error() {
            return value;
        }
        let message = format!("{what} is {of}, this is {}", value.of);
        self.mismatch(message, value, of)
    }

    /// An operand of the operator written `sign`.
    pub(super) fn operand(&mut self, sign: &str, value: Expr, of: Type) -> Expr {
        if value.of == of || value.of.is_error() {
            return value;
        }
        let message = format!("`{sign}` wants {of} here, this is {}", value.of);
        self.mismatch(message, value, of)
    }

    fn mismatch(&mut self, message: String, value: Expr, of: Type) -> Expr {
        let diagnostic = Diagnostic::error(message).at(value.span.into(), "");
        self.log.push(match (value.of, of) {
            (Type::INT, Type::FLOAT) => {
                diagnostic.help("`float(x)` is the float of an int; `2.0` is one, `2` an int")
            }
            (Type::FLOAT, Type::INT) => diagnostic.help("`int(x)` is the int of a float, towards zero"),
            (Type::INT, Type::BOOL) => diagnostic.help("compare it: `x != 0`"),
            _ => diagnostic,
        });
        Expr { of: Type::ERROR, ..value }
    }

    pub(super) fn expr(&mut self, written: &ast::Expr<'s>) -> Expr {
        let span = written.span;
        let (kind, of) = match &written.kind {
            Written::Int(value) => (ExprKind::Int(*value), Type::INT),
            Written::Float(value) => (ExprKind::Float(*value), Type::FLOAT),
            Written::Bool(value) => (ExprKind::Bool(*value), Type::BOOL),
            Written::Text(_) => (ExprKind::Error, Type::TEXT),
            Written::Error => (ExprKind::Error, Type::ERROR),
            Written::Name(name) => return self.name(name, span),
            Written::Negative(inner) => {
                let inner = self.value(inner);
                let of = if [Type::FLOAT, Type::ERROR].contains(&inner.of) { inner.of } else { Type::INT };
                let inner = self.operand("-", inner, of);
                (ExprKind::Negative(Box::new(inner)), of)
            }
            Written::Not(inner) => {
                let inner = self.value(inner);
                let inner = self.operand("!", inner, Type::BOOL);
                (ExprKind::Not(Box::new(inner)), Type::BOOL)
            }
            Written::Binary(op, both) => {
                let (left, right) = (self.value(&both[0]), self.value(&both[1]));
                return self.binary(*op, left, right, span);
            }
            Written::Test(test, both) => {
                let (left, right) = (self.value(&both[0]), self.value(&both[1]));
                return self.test(*test, left, right, span);
            }
            Written::And(both) => (ExprKind::And(self.truths("&&", both)), Type::BOOL),
            Written::Or(both) => (ExprKind::Or(self.truths("||", both)), Type::BOOL),
            Written::Call(name, arguments) => return self.call(*name, arguments, span),
            Written::Element(both) => {
                let (array, index) = (self.value(&both[0]), self.value(&both[1]));
                let index = self.fit(index, Type::INT, "an index");
                let of = if array.of.is_error() { Some(Type::ERROR) } else { array.of.element() };
                let of = of.unwrap_or_else(|| {
                    self.error(format!("this is {}, which has no elements", array.of), array.span);
                    Type::ERROR
                });
                (ExprKind::Element(Box::new([array, index])), of)
            }
            Written::Fill(both) => {
                let count = self.typed(&both[1], Type::INT, "a number of elements");
                let before = self.calls;
                let value = self.value(&both[0]);
                let of = self.array_of(&value);
                let calls = self.calls > before;
                (ExprKind::Fill { value: Box::new(value), count: Box::new(count), calls }, of)
            }
            Written::List(all) => return self.list(all, span),
        };
        Expr { kind, of, span }
    }

    fn truths(&mut self, sign: &str, both: &[ast::Expr<'s>; 2]) -> Box<[Expr; 2]> {
        Box::new([&both[0], &both[1]].map(|one| {
            let value = self.value(one);
            self.operand(sign, value, Type::BOOL)
        }))
    }

    fn list(&mut self, all: &[ast::Expr<'s>], span: Span) -> Expr {
        let mut values: Vec<Expr> = all.iter().map(|one| self.value(one)).collect();
        let of = match values.first() {
            Some(first) => self.array_of(first),
            None => {
                let diagnostic = Diagnostic::error("elements of what type?").at(span.into(), "");
                self.log.push(diagnostic.help("`[0; 0]` is an empty array of ints"));
                Type::ERROR
            }
        };
        if let Some(element) = of.element() {
            values = values.into_iter().map(|one| self.fit(one, element, "the first element")).collect();
        }
        Expr { kind: ExprKind::List(values), of, span }
    }

    /// The type of an array of values like this.
    fn array_of(&mut self, value: &Expr) -> Type {
        if value.of.is_error() {
            return Type::ERROR;
        }
        if !value.of.fits_arrays() {
            self.float_array(value.span);
            return Type::ERROR;
        }
        value.of.array().unwrap_or(Type::ERROR)
    }

    pub(super) fn meaning(&self, name: &str) -> Option<&Meaning> {
        self.meanings.get(name).and_then(|all| all.last())
    }

    fn name(&mut self, name: &'s str, span: Span) -> Expr {
        match self.meaning(name) {
            Some(&Meaning::Local(local, _)) => {
                Expr { kind: ExprKind::Local(local), of: self.locals[local.0].of, span }
            }
            Some(Meaning::Constant(value)) => Expr { span, ..value.clone() },
            None => self.no_variable(name, span, None),
        }
    }

    /// A name that means nothing, which is said once in a function; `help` is what to do about it, if that is known.
    pub(super) fn no_variable(&mut self, name: &'s str, span: Span, help: Option<String>) -> Expr {
        if !self.unread.contains(name) && self.missed.insert(name) {
            let known = self.meanings.iter().filter(|one| !one.1.is_empty()).map(|one| *one.0);
            let help = match (help, self.similar(name, known)) {
                _ if self.functions.contains_key(name) => {
                    Some(format!("the function of this name is called by `{name}(…)`"))
                }
                (_, Some(near)) => Some(format!("did you mean `{near}`?")),
                (help, None) => help,
            };
            let diagnostic = Diagnostic::error(format!("there is no variable `{name}`")).at(span.into(), "");
            self.log.push(match help {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            });
        }
        Expr { kind: ExprKind::Error, of: Type::ERROR, span }
    }

    /// The name that is most like this one; none where hardly anybody will be shown it.
    fn similar<'a>(&self, name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let mut known: Vec<&str> =
            if self.log.len() < MOST_DIAGNOSTICS { known.collect() } else { Vec::new() };
        // In an order that does not change from run to run.
        known.sort_unstable();
        closest(name, known)
    }

    /// An operation of two values.
    pub(super) fn binary(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        let of = match (left.of, right.of) {
            (Type::FLOAT, _) | (_, Type::FLOAT) if op.is_for_floats() => Type::FLOAT,
            (Type::ERROR, Type::ERROR) if op.is_for_floats() => Type::ERROR,
            _ => Type::INT,
        };
        let both = [left, right].map(|one| match (op, one.of) {
            (BinaryOp::And | BinaryOp::Or, Type::BOOL) => {
                let sign = op.sign();
                let diagnostic = Diagnostic::error(format!("`{sign}` is for the bits of ints; this is bool"));
                let help = format!("`{sign}{sign}` is for bool");
                self.log.push(diagnostic.at(one.span.into(), "").help(help));
                Expr { of: Type::ERROR, ..one }
            }
            _ => self.operand(op.sign(), one, of),
        });
        let is_zero = matches!(both[1].kind, ExprKind::Int(0));
        if matches!(op, BinaryOp::Div | BinaryOp::Rem) && is_zero {
            let warning = Diagnostic::warning("this divides by zero, which stops the program");
            self.log.push(warning.at(span.into(), ""));
        }
        if matches!(op, BinaryOp::Shl | BinaryOp::Shr) && !matches!(both[1].kind, ExprKind::Int(_)) {
            self.calls += 1;
        }
        Expr { kind: ExprKind::Binary(op, Box::new(both)), of, span }
    }

    fn test(&mut self, test: Test, left: Expr, right: Expr, span: Span) -> Expr {
        let is_equality = matches!(test, Test::Eq | Test::Ne);
        let of = match (left.of, right.of) {
            (Type::FLOAT, _) | (_, Type::FLOAT) => Type::FLOAT,
            (Type::BOOL, _) | (_, Type::BOOL) if is_equality => Type::BOOL,
            _ => Type::INT,
        };
        let both = [left, right].map(|one| match one.of.brackets {
            0 => self.operand(test.sign(), one, of),
            _ => {
                self.error("arrays are not compared", one.span);
                Expr { of: Type::ERROR, ..one }
            }
        });
        Expr { kind: ExprKind::Test(test, Box::new(both)), of: Type::BOOL, span }
    }

    fn call(&mut self, name: Name<'s>, arguments: &[ast::Expr<'s>], span: Span) -> Expr {
        let wrong = Expr { kind: ExprKind::Error, of: Type::ERROR, span };
        if name.text == "print" {
            self.error("`print` gives nothing; it stands by itself", span);
            return wrong;
        }
        let values: Vec<Expr> = arguments.iter().map(|one| self.value(one)).collect();
        if BUILT_IN.contains(&name.text) {
            return self.built_in(name, values, span).unwrap_or(wrong);
        }
        let Some(&number) = self.functions.get(name.text) else {
            if self.unread.contains(name.text) || !self.missed.insert(name.text) {
                return wrong;
            }
            let mut diagnostic =
                Diagnostic::error(format!("there is no function `{}`", name.text)).at(name.span.into(), "");
            let known = self.functions.keys().copied().chain(BUILT_IN);
            if let Some(near) = self.similar(name.text, known) {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            }
            self.log.push(diagnostic);
            return wrong;
        };
        self.calls += 1;
        let (wanted, result) = (self.signatures[number].params.clone(), self.signatures[number].result);
        self.count(name, values.len(), wanted.len(), Some(self.signatures[number].span), span);
        let values = values.into_iter().zip(wanted).map(|(value, of)| self.fit(value, of, "the parameter"));
        let values = values.collect();
        Expr { kind: ExprKind::Call(FnId(self.first + number), values), of: result, span }
    }

    /// Says so where a function gets another number of arguments than it takes.
    fn count(&mut self, name: Name<'s>, given: usize, wanted: usize, declared: Option<Span>, span: Span) {
        if given == wanted {
            return;
        }
        let things = if wanted == 1 { "argument" } else { "arguments" };
        let message = format!("`{}` takes {wanted} {things}, not {given}", name.text);
        let mut diagnostic = Diagnostic::error(message).at(span.into(), "");
        if let Some(declared) = declared {
            diagnostic = diagnostic.because(declared.into(), "declared here");
        }
        self.log.push(diagnostic);
    }

    /// A call of what the language has; `None` where it was reported.
    fn built_in(&mut self, name: Name<'s>, mut values: Vec<Expr>, span: Span) -> Option<Expr> {
        self.count(name, values.len(), 1, None, span);
        let value = values.pop().filter(|_| values.is_empty())?;
        if name.text == "len" {
            if value.of.brackets == 0 && !value.of.is_error() {
                self.error(format!("`len` is of an array, this is {}", value.of), value.span);
            }
            return Some(Expr { kind: ExprKind::Length(Box::new(value)), of: Type::INT, span });
        }
        self.calls += 1;
        let (kind, of) = if name.text == "float" {
            (ExprKind::ToFloat(Box::new(self.fit(value, Type::INT, "what `float` takes"))), Type::FLOAT)
        } else {
            (ExprKind::ToInt(Box::new(self.fit(value, Type::FLOAT, "what `int` takes"))), Type::INT)
        };
        Some(Expr { kind, of, span })
    }
}
