//! From a tree of names to one of functions and variables: looks names up and checks types.

use std::collections::{HashMap, HashSet};

use super::MOST_DIAGNOSTICS;
use super::ast::{self, ExprKind as Written, File, Name, StatementKind as Said};
use super::eval;
use super::flow;
use super::token::Span;
use super::tree::*;
use crate::diagnostic::{Diagnostic, closest};

/// Parameters that a function may have: no more than go into registers.
const MOST_PARAMETERS: usize = 16;
/// The functions that the language has, which are no names for others.
const BUILT_IN: [&str; 4] = ["print", "len", "int", "float"];

/// What a name means.
#[derive(Clone)]
enum Meaning {
    Local(LocalId, Declared),
    Constant(Expr),
}

/// How a variable came about.
#[derive(Clone, Copy, PartialEq)]
enum Declared {
    Let,
    Var,
    For,
    Parameter,
}

/// What a caller sees of a function.
struct Signature {
    params: Vec<Type>,
    result: Type,
    span: Span,
}

/// Checks a file. Its functions follow those of the library, which it does not see. A program comes of it
/// where nothing is wrong.
pub(super) fn check<'s>(file: &File<'s>, library: &[Function], log: &mut Vec<Diagnostic>) -> Vec<Function> {
    let mut checker = Checker {
        log,
        is_library: library.is_empty(),
        functions: HashMap::new(),
        signatures: Vec::new(),
        unread: &file.unread,
        missed: HashSet::new(),
        first: library.len(),
        meanings: HashMap::new(),
        hidden: Vec::new(),
        locals: Vec::new(),
        result: Type::NOTHING,
        is_whole: true,
        loops: 0,
        calls: 0,
    };
    for function in &file.functions {
        checker.declare(function);
    }
    for constant in &file.constants {
        checker.constant(constant);
    }
    file.functions.iter().enumerate().map(|(n, function)| checker.function(n, function)).collect()
}

/// The function that a program starts with.
pub(super) fn main(functions: &[Function], file: &File<'_>, log: &mut Vec<Diagnostic>) -> Option<FnId> {
    let found = functions.iter().position(|one| one.name == "main" && !one.is_library);
    let Some(main) = found else {
        if file.unread.contains("main") {
            return None;
        }
        log.push(
            Diagnostic::error("there is no function `main`").help("a program starts with `fn main() { … }`"),
        );
        return None;
    };
    let function = &functions[main];
    if function.params > 0 || function.result != Type::NOTHING {
        let message = "`main` takes nothing and gives nothing";
        log.push(Diagnostic::error(message).at(function.span.into(), "").help("write `fn main() { … }`"));
    }
    Some(FnId(main))
}

struct Checker<'s, 'l> {
    log: &'l mut Vec<Diagnostic>,
    is_library: bool,
    /// By name, numbers in `signatures`.
    functions: HashMap<&'s str, usize>,
    signatures: Vec<Signature>,
    /// What may be declared where the text could not be read.
    unread: &'l HashSet<&'s str>,
    /// What this function was told that there is not.
    missed: HashSet<&'s str>,
    /// The number of this text's first function in the program.
    first: usize,
    /// What the names mean, innermost last.
    meanings: HashMap<&'s str, Vec<Meaning>>,
    /// The names declared in the open scopes.
    hidden: Vec<&'s str>,
    locals: Vec<Local>,
    /// Of the function that is being checked.
    result: Type,
    /// Whether all of its statements could be read.
    is_whole: bool,
    /// Loops around.
    loops: usize,
    /// Calls seen so far, of what is compiled to one.
    calls: usize,
}

impl<'s> Checker<'s, '_> {
    fn error(&mut self, message: impl Into<String>, span: Span) {
        self.log.push(Diagnostic::error(message).at(span.into(), ""));
    }

    fn constant(&mut self, constant: &ast::Constant<'s>) {
        let name = constant.name;
        let errors = self.log.len();
        let value = self.value(&constant.value);
        let known = eval::constant(&value);
        if known.is_none() && self.log.len() == errors {
            self.error(format!("the value of `{}` is not known when compiling", name.text), value.span);
        }
        let of = if known.is_some() { value.of } else { Type::ERROR };
        let value = Expr { kind: known.unwrap_or(ExprKind::Error), of, span: value.span };
        if self.meanings.contains_key(name.text) {
            self.error(format!("there are two constants `{}`", name.text), name.span);
        }
        self.meanings.entry(name.text).or_default().push(Meaning::Constant(value));
    }

    fn declare(&mut self, function: &ast::Function<'s>) {
        let name = function.name;
        let params: Vec<Type> = function.params.iter().map(|(_, of)| self.type_of(of)).collect();
        let result = function.result.as_ref().map_or(Type::NOTHING, |of| self.type_of(of));
        if params.len() > MOST_PARAMETERS {
            let message = format!("`{}` has more than {MOST_PARAMETERS} parameters", name.text);
            let help = "all of them go into registers; pass more in an array";
            self.log.push(Diagnostic::error(message).at(name.span.into(), "").help(help));
        }
        if BUILT_IN.contains(&name.text) && !self.is_library {
            self.error(format!("`{}` is part of the language", name.text), name.span);
        }
        if let Some(&other) = self.functions.get(name.text) {
            let message = format!("there are two functions `{}`", name.text);
            let diagnostic = Diagnostic::error(message).at(name.span.into(), "this is the second");
            self.log.push(diagnostic.because(self.signatures[other].span.into(), "this is the first"));
        }
        self.functions.insert(name.text, self.signatures.len());
        self.signatures.push(Signature { params, result, span: name.span });
    }

    fn type_of(&mut self, written: &ast::TypeName<'s>) -> Type {
        let base = match written.base.text {
            "int" => Base::Int,
            "float" => Base::Float,
            "bool" => Base::Bool,
            name => {
                let mut diagnostic =
                    Diagnostic::error(format!("there is no type `{name}`")).at(written.base.span.into(), "");
                if let Some(near) = closest(name, ["int", "float", "bool"]) {
                    diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
                }
                self.log.push(diagnostic.note("the types are `int`, `float`, `bool` and arrays: `[int]`"));
                Base::Error
            }
        };
        let of = Type { base, brackets: written.brackets };
        if base == Base::Float && written.brackets > 0 {
            self.float_array(written.span);
            return Type::ERROR;
        }
        of
    }

    fn float_array(&mut self, span: Span) {
        let help = "keep ints in it: fixed-point numbers, say in thousandths";
        self.log.push(
            Diagnostic::error("there are no arrays of `float`")
                .at(span.into(), "")
                .note("the machine has registers for floats, but no way to store one in memory")
                .help(help),
        );
    }

    fn function(&mut self, n: usize, function: &ast::Function<'s>) -> Function {
        let name = function.name.text;
        let (params, result) = (self.signatures[n].params.clone(), self.signatures[n].result);
        self.result = result;
        self.is_whole = true;
        self.missed.clear();
        let scope = self.hidden.len();
        for (&(param, _), of) in function.params.iter().zip(params) {
            if self.hidden[scope..].contains(&param.text) {
                self.error(format!("there are two parameters `{}`", param.text), param.span);
            }
            self.local(param, of, Declared::Parameter);
        }
        let body = self.block(&function.body);
        self.leave(scope);
        if result != Type::NOTHING && self.is_whole && !flow::leaves(&body) {
            let message = format!("`{name}` may end without a result");
            let end = function.body.end.into();
            self.log.push(Diagnostic::error(message).at(end, format!("a `return` of {result} is missing")));
        }
        Function {
            name: name.to_owned(),
            span: function.name.span,
            is_library: self.is_library,
            params: function.params.len(),
            result,
            locals: std::mem::take(&mut self.locals),
            body,
        }
    }

    /// A new variable, which hides others of its name until its scope is left.
    fn local(&mut self, name: Name<'s>, of: Type, declared: Declared) -> LocalId {
        let id = LocalId(self.locals.len());
        self.locals.push(Local { of, mutable: declared == Declared::Var });
        self.meanings.entry(name.text).or_default().push(Meaning::Local(id, declared));
        self.hidden.push(name.text);
        id
    }

    fn leave(&mut self, scope: usize) {
        for name in self.hidden.drain(scope..) {
            self.meanings.entry(name).or_default().pop();
        }
    }

    fn block(&mut self, block: &ast::Block<'s>) -> Vec<Statement> {
        let scope = self.hidden.len();
        let statements: Vec<Statement> =
            block.statements.iter().flat_map(|one| self.statement(one)).collect();
        self.leave(scope);
        let end = statements.iter().position(|one| flow::leaves(std::slice::from_ref(one)));
        if let Some(next) = end.and_then(|end| statements.get(end + 1)) {
            let warning = Diagnostic::warning("control never comes here").at(next.span.into(), "");
            self.log.push(warning);
        }
        statements
    }

    /// A loop's block; also whether it calls.
    fn turns(&mut self, before: usize, body: &ast::Block<'s>) -> (Vec<Statement>, bool) {
        self.loops += 1;
        let body = self.block(body);
        self.loops -= 1;
        (body, self.calls > before)
    }

    /// A statement may be several: `print` is one for each thing that it prints.
    fn statement(&mut self, statement: &ast::Statement<'s>) -> Vec<Statement> {
        let span = statement.span;
        let kind = match &statement.kind {
            Said::Let { name, mutable, of, value } => self.let_statement(*name, *mutable, of.as_ref(), value),
            Said::Assign { place, op, value } => match self.assign(place, *op, value) {
                Some(kind) => kind,
                None => return Vec::new(),
            },
            Said::If { arms, otherwise } => {
                let arms = arms.iter().map(|(condition, block)| {
                    let condition = self.typed(condition, Type::BOOL, "a condition");
                    (condition, self.block(block))
                });
                let arms = arms.collect();
                StatementKind::If {
                    arms,
                    otherwise: otherwise.as_ref().map_or(Vec::new(), |b| self.block(b)),
                }
            }
            Said::While { condition, body } => {
                let before = self.calls;
                let condition = self.typed(condition, Type::BOOL, "a condition");
                let (body, calls) = self.turns(before, body);
                StatementKind::While { condition, body, calls }
            }
            Said::For { name, from, to, body } => {
                let from = self.typed(from, Type::INT, "a bound");
                let to = self.typed(to, Type::INT, "a bound");
                let scope = self.hidden.len();
                let local = self.local(*name, Type::INT, Declared::For);
                let (body, calls) = self.turns(self.calls, body);
                self.leave(scope);
                StatementKind::For { local, from, to, body, calls }
            }
            Said::Break | Said::Continue => {
                let (word, kind) = match statement.kind {
                    Said::Break => ("break", StatementKind::Break),
                    _ => ("continue", StatementKind::Continue),
                };
                if self.loops == 0 {
                    self.error(format!("`{word}` outside of a loop"), span);
                }
                kind
            }
            Said::Return(value) => StatementKind::Return(self.returned(value.as_ref(), span)),
            Said::Expr(expr) => return self.expr_statement(expr, span),
            Said::Block(block) => StatementKind::Block(self.block(block)),
            Said::Unread => {
                self.is_whole = false;
                return Vec::new();
            }
        };
        vec![Statement { kind, span }]
    }

    fn let_statement(
        &mut self,
        name: Name<'s>,
        mutable: bool,
        of: Option<&ast::TypeName<'s>>,
        value: &ast::Expr<'s>,
    ) -> StatementKind {
        let value = match of {
            None => self.value(value),
            Some(of) => {
                let of = self.type_of(of);
                let value = self.value(value);
                self.fit(value, of, &format!("`{}`", name.text))
            }
        };
        let declared = if mutable { Declared::Var } else { Declared::Let };
        StatementKind::Set(self.local(name, value.of, declared), value)
    }

    fn assign(
        &mut self,
        place: &ast::Expr<'s>,
        op: Option<BinaryOp>,
        value: &ast::Expr<'s>,
    ) -> Option<StatementKind> {
        let to = match place.kind {
            Written::Name(name) if op.is_none() && self.meaning(name).is_none() => {
                self.no_variable(name, place.span, Some(format!("`var {name} = …` declares it")))
            }
            _ => self.value(place),
        };
        let value = self.value(value);
        match to.kind {
            ExprKind::Local(local) => {
                let Written::Name(name) = place.kind else { return None };
                self.is_variable(name, place.span)?;
                let value = match op {
                    None => self.fit(value, to.of, &format!("`{name}`")),
                    Some(op) => {
                        let span = to.span.to(value.span);
                        self.binary(op, to, value, span)
                    }
                };
                Some(StatementKind::Set(local, value))
            }
            ExprKind::Element(parts) => {
                let value = match op {
                    None => self.fit(value, to.of, "the element"),
                    Some(op) => {
                        let value = self.operand(op.sign(), value, Type::INT);
                        if to.of != Type::INT && !to.of.is_error() {
                            self.error(format!("`{}=` is for ints; this is {}", op.sign(), to.of), to.span);
                        }
                        value
                    }
                };
                Some(StatementKind::SetElement { place: *parts, op, value })
            }
            _ => {
                if !to.of.is_error() {
                    self.error(
                        "this cannot be given a value: it is neither a variable nor an element",
                        to.span,
                    );
                }
                None
            }
        }
    }

    /// Whether the variable may be given another value.
    fn is_variable(&mut self, name: &str, span: Span) -> Option<()> {
        let Some(Meaning::Local(_, declared)) = self.meaning(name) else { return None };
        let help = match declared {
            Declared::Var => return Some(()),
            Declared::Let => format!("declare it with `var {name} = …`"),
            Declared::For => "a loop counts by itself; `while` is for others".to_owned(),
            Declared::Parameter => format!("`var {name} = {name};` makes a variable of it"),
        };
        self.log.push(
            Diagnostic::error(format!("`{name}` keeps its value: it is no `var`"))
                .at(span.into(), "")
                .help(help),
        );
        None
    }

    fn returned(&mut self, value: Option<&ast::Expr<'s>>, span: Span) -> Option<Expr> {
        let wanted = self.result;
        let Some(value) = value else {
            if wanted != Type::NOTHING {
                self.error(format!("the function gives {wanted}, this `return` nothing"), span);
            }
            return None;
        };
        if wanted == Type::NOTHING {
            let help = "say what it gives after its parameters: `-> int`";
            self.value(value);
            let diagnostic = Diagnostic::error("the function gives nothing").at(value.span.into(), "");
            self.log.push(diagnostic.help(help));
            return None;
        }
        let value = self.value(value);
        Some(self.fit(value, wanted, "the result"))
    }

    fn expr_statement(&mut self, expr: &ast::Expr<'s>, span: Span) -> Vec<Statement> {
        if let Written::Call(Name { text: "print", .. }, arguments) = &expr.kind {
            return arguments.iter().filter_map(|one| self.printed(one)).collect();
        }
        let expr = self.expr(expr);
        match expr.kind {
            ExprKind::Call(function, arguments) => {
                vec![Statement { kind: StatementKind::Call(function, arguments), span }]
            }
            _ => {
                if !expr.of.is_error() {
                    self.error("this value is not used", expr.span);
                }
                Vec::new()
            }
        }
    }

    fn printed(&mut self, argument: &ast::Expr<'s>) -> Option<Statement> {
        if let Written::Text(text) = &argument.kind {
            return Some(Statement { kind: StatementKind::PrintText(text.clone()), span: argument.span });
        }
        let value = self.value(argument);
        self.calls += 1;
        if value.of.brackets > 0 {
            let help = "print its elements one by one";
            let diagnostic = Diagnostic::error("an array is not printed as a whole");
            self.log.push(diagnostic.at(value.span.into(), "").help(help));
        }
        Some(Statement { span: value.span, kind: StatementKind::Print(value) })
    }
}

mod exprs;
