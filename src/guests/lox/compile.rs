//! From the tree to bytecode: statements and functions. Expressions are in [`super::lower`].
//!
//! A local variable is a register. Where an inner function captures one, it takes its value; only a variable that is
//! captured and also assigned to lives in a box on the heap, made where it is declared. So there is nothing to close
//! when a scope ends, and every turn of a loop has variables of its own.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::error::{SourceError, Where};
use super::isa::{Insn, Op};
use super::runtime::ROOM;
use super::tree::{Class, Expr, Fun, Local, Loop, Node, Place, Role, Span, Statement, Tree};
use super::unit::{Capture, Function, Origin, Site, Static, Unit};
use super::{optimise, parse};

/// A register.
pub type Reg = u16;

/// Registers that a function may use.
const REGISTERS: usize = 60_000;
/// Statics that a short operand may name: linking may add a few.
pub(super) const SHORT: u32 = 60_000;

/// Compiles a program, with the second pass or without it.
///
/// # Errors
/// All its errors, in order.
pub fn compile(source: &[u8], optimises: bool) -> Result<Unit, Vec<SourceError>> {
    let mut tree = parse::parse(source)?;
    if optimises {
        optimise::fold(&mut tree);
    }
    let mut shared = Shared {
        source,
        tree: &tree,
        optimises,
        unit: Unit::default(),
        statics: HashMap::new(),
        defined: HashMap::new(),
        captures: HashMap::new(),
        class_of: HashMap::new(),
    };
    for n in 0..tree.functions.len() {
        let function = Fun(n as u32);
        let body = Body::new(&mut shared, function).function()?;
        shared.add(function, body);
    }
    Ok(shared.unit)
}

/// A static, hashable.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Nil,
    Bool(bool),
    Number(u64),
    String(Vec<u8>),
    Global(Vec<u8>),
}

/// A class that is being compiled.
struct Fields {
    /// The site of its instruction.
    site: usize,
    names: HashSet<Vec<u8>>,
}

/// What all functions of a program have in common.
pub(super) struct Shared<'t> {
    source: &'t [u8],
    pub(super) tree: &'t Tree,
    optimises: bool,
    unit: Unit,
    statics: HashMap<Key, u32>,
    /// The first function from which on, in the source, a global function is known to be defined where code runs.
    defined: HashMap<Vec<u8>, u32>,
    /// Where closures take their captures from, by function.
    captures: HashMap<u32, Vec<Capture>>,
    /// The fields that a method's class seems to have, by function.
    class_of: HashMap<u32, Rc<RefCell<Fields>>>,
}

impl Shared<'_> {
    pub(super) fn text(&self, span: &Span) -> Vec<u8> {
        self.source[span.clone()].to_vec()
    }

    fn static_of(&mut self, key: Key, value: Static) -> u32 {
        let unit = &mut self.unit;
        *self.statics.entry(key).or_insert_with(|| {
            unit.statics.push(value);
            unit.statics.len() as u32 - 1
        })
    }

    pub(super) fn global(&mut self, name: &Span) -> u32 {
        let name = self.text(name);
        self.static_of(Key::Global(name.clone()), Static::Global(name))
    }

    /// The static for an expression that is a constant.
    pub(super) fn constant(&mut self, of: Expr) -> Option<u32> {
        Some(match self.tree.node(of) {
            Node::Nil => self.static_of(Key::Nil, Static::Nil),
            Node::Bool(value) => self.static_of(Key::Bool(*value), Static::Bool(*value)),
            Node::Number(value) => self.static_of(Key::Number(value.to_bits()), Static::Number(*value)),
            Node::String(span) => {
                let text = self.text(span);
                self.static_of(Key::String(text.clone()), Static::String(text))
            }
            _ => return None,
        })
    }

    fn nil(&mut self) -> u32 {
        self.static_of(Key::Nil, Static::Nil)
    }

    pub(super) fn site(&mut self, name: &Span, count: usize) -> u32 {
        let name = self.text(name);
        self.unit.sites.push(Site { name, count: count as u16 });
        self.unit.sites.len() as u32 - 1
    }

    fn add(&mut self, function: Fun, body: Compiled) {
        let declared = &self.tree.functions[function.index()];
        let start = self.unit.code.len() as u32;
        self.unit.functions.push(Function {
            name: declared.name.as_ref().map(|name| self.text(name)),
            arity: declared.parameters.len() as u8,
            registers: body.registers,
            captures: body.captures,
            start,
            len: body.code.len() as u32,
        });
        self.unit.code.extend(body.code);
        self.unit.lines.extend(body.origins.iter().map(|origin| origin.line));
        self.unit.spans.extend(body.origins.iter().map(|origin| origin.start..origin.end));
    }
}

struct Compiled {
    code: Vec<Insn>,
    origins: Vec<Origin>,
    registers: u16,
    captures: Vec<Capture>,
}

/// A function that is being compiled.
pub(super) struct Body<'a, 't> {
    pub(super) shared: &'a mut Shared<'t>,
    function: Fun,
    pub(super) code: Vec<Insn>,
    origins: Vec<Origin>,
    /// Where what is compiled comes from.
    origin: Origin,
    /// The registers of the function's variables.
    registers: HashMap<u32, Reg>,
    /// The lowest free register.
    pub(super) free: usize,
    most: usize,
}

impl<'a, 't> Body<'a, 't> {
    fn new(shared: &'a mut Shared<'t>, function: Fun) -> Self {
        Body {
            shared,
            function,
            code: Vec::new(),
            origins: Vec::new(),
            origin: Origin { line: 1, ..Origin::default() },
            registers: HashMap::new(),
            free: 1,
            most: 1,
        }
    }

    fn function(mut self) -> Result<Compiled, Vec<SourceError>> {
        let tree = self.shared.tree;
        let declared = &tree.functions[self.function.index()];
        let first = declared.this;
        for (register, local) in
            first.into_iter().map(|this| (0, this)).chain((1..).zip(declared.parameters.iter().copied()))
        {
            self.registers.insert(local.0, register);
        }
        self.reserve(declared.parameters.len());
        for &local in &declared.parameters {
            self.box_if_needed(local);
        }
        self.statements(&declared.body);
        self.on_line(declared.line);
        self.return_default(declared.role);
        let captures = self.shared.captures.remove(&self.function.0).unwrap_or_default();
        if self.most > REGISTERS {
            let message = "Too much nesting.";
            return Err(vec![SourceError {
                line: declared.line,
                place: Where::Nowhere,
                message,
                span: 0..0,
            }]);
        }
        let (code, origins) = match self.shared.optimises {
            true => optimise::tidy(self.code, &self.origins),
            false => (self.code, self.origins),
        };
        Ok(Compiled { code, origins, registers: self.most as u16, captures })
    }

    fn return_default(&mut self, role: Role) {
        if role == Role::Initializer {
            self.emit(Insn::new(Op::Return, 0, 0, 0, 0));
        } else {
            let nil = self.shared.nil();
            self.emit(Insn::wide(Op::ReturnK, 0, 0, nil));
        }
    }

    // Registers.

    /// Takes the lowest free register.
    pub(super) fn take(&mut self) -> Reg {
        self.reserve(1)
    }

    /// Takes so many registers in a row; the first.
    pub(super) fn reserve(&mut self, count: usize) -> Reg {
        let first = self.free;
        self.free += count;
        self.most = self.most.max(self.free);
        first.min(REGISTERS) as Reg
    }

    // Code.

    pub(super) fn emit(&mut self, insn: Insn) -> usize {
        self.code.push(insn);
        self.origins.push(self.origin);
        self.code.len() - 1
    }

    /// What is compiled now comes from this line.
    fn on_line(&mut self, line: u32) {
        self.origin.line = line;
    }

    /// What is compiled now is for this expression.
    pub(super) fn at(&mut self, of: Expr) {
        self.origin = self.shared.tree.origin(of);
    }

    /// Lets jumps go to the next instruction.
    pub(super) fn land(&mut self, jumps: &[usize]) {
        let here = self.code.len();
        jumps.iter().for_each(|&jump| self.aim(jump, here));
    }

    fn aim(&mut self, jump: usize, to: usize) {
        let distance = to as i64 - jump as i64 - 1;
        self.code[jump] = self.code[jump].with_wide(distance as u32);
    }

    pub(super) fn copy(&mut self, to: Reg, from: Reg) {
        if to != from {
            self.emit(Insn::new(Op::Move, to, from, 0, 0));
        }
    }

    // Variables.

    pub(super) fn is_boxed(&self, local: Local) -> bool {
        let variable = &self.shared.tree.variables[local.index()];
        variable.captured && variable.assigned
    }

    /// The register of a variable of this function.
    pub(super) fn register(&self, local: Local) -> Option<Reg> {
        self.registers.get(&local.0).copied()
    }

    /// Which of this function's captures a variable of an outer function is; `None` is the function itself.
    pub(super) fn capture(&self, local: Local) -> Option<u16> {
        captures(self.shared.tree, self.function).position(|other| other == local).map(|n| n as u16)
    }

    /// Gives a variable that is declared here a register of its own.
    fn declare(&mut self, local: Local) -> Reg {
        let register = self.take();
        self.registers.insert(local.0, register);
        register
    }

    /// Puts a variable's first value, which is in its register, into a box, if it needs one.
    fn box_if_needed(&mut self, local: Local) {
        if let (true, Some(register)) = (self.is_boxed(local), self.register(local)) {
            self.emit(Insn::new(Op::NewBox, register, register, 0, 0));
        }
    }

    /// Makes a closure.
    fn closure(&mut self, to: Reg, function: Fun) {
        let tree = self.shared.tree;
        let source = |local| match (self.register(local), self.capture(local)) {
            (Some(register), _) => Capture::Register(register),
            (None, Some(capture)) => Capture::Outer(capture),
            (None, None) => Capture::Itself,
        };
        let sources = captures(tree, function).map(source).collect();
        self.shared.captures.insert(function.0, sources);
        self.emit(Insn::wide(Op::Closure, to, 0, function.0));
    }

    // Statements.

    fn statements(&mut self, all: &[Statement]) {
        all.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &Statement) {
        let before = self.free;
        match statement {
            Statement::Expression(value) => self.discard(*value),
            Statement::Print(value, line) => {
                let value = self.operand(*value);
                self.on_line(*line);
                self.emit(Insn::new(Op::Print, value, 0, 0, 0));
            }
            Statement::Var(place, value, line) => return self.var(place, *value, *line),
            Statement::Fun(place, function, line) => return self.fun(place, *function, *line),
            Statement::Class(class) => return self.class(class),
            Statement::Block(body) => self.statements(body),
            Statement::If(arms, otherwise) => self.if_chain(arms, otherwise.as_deref()),
            Statement::While(run) => self.while_loop(run),
            Statement::Return(value, line) => self.return_statement(*value, *line),
        }
        self.free = before;
    }

    fn var(&mut self, place: &Place, value: Option<Expr>, line: u32) {
        let local = match place {
            Place::Local(local) => Some(*local),
            Place::Global(_) => None,
        };
        let before = self.free;
        let register = match local {
            Some(local) => self.declare(local),
            None => self.take(),
        };
        match value {
            Some(value) => self.into(value, register),
            None => {
                let nil = self.shared.nil();
                self.emit(Insn::wide(Op::Load, register, 0, nil));
            }
        }
        self.on_line(line);
        match place {
            Place::Local(local) => self.box_if_needed(*local),
            Place::Global(name) => {
                self.define_global(register, name);
                self.free = before;
            }
        }
    }

    /// Whether a global variable is sure to be defined where this function runs.
    pub(super) fn is_defined(&self, name: &Span) -> bool {
        let name = &self.shared.source[name.clone()];
        self.shared.defined.get(name).is_some_and(|&first| first <= self.function.0)
    }

    fn define_global(&mut self, from: Reg, name: &Span) {
        let global = self.shared.global(name);
        self.emit(Insn::wide(Op::DefineGlobal, from, 0, global));
    }

    fn fun(&mut self, place: &Place, function: Fun, line: u32) {
        self.on_line(line);
        let before = self.free;
        match place {
            Place::Local(local) if self.is_boxed(*local) => {
                let register = self.declare(*local);
                let nil = self.shared.nil();
                self.emit(Insn::wide(Op::Load, register, 0, nil));
                self.box_if_needed(*local);
                let closure = self.take();
                self.closure(closure, function);
                self.emit(Insn::new(Op::SetBox, closure, register, 0, 0));
                self.free = usize::from(closure);
            }
            Place::Local(local) => {
                let register = self.declare(*local);
                self.closure(register, function);
            }
            Place::Global(name) => {
                let register = self.take();
                self.closure(register, function);
                self.define_global(register, name);
                // The script goes from top to bottom: what is made from here on runs later.
                let text = self.shared.text(name);
                self.shared.defined.entry(text).or_insert(function.0);
                self.free = before;
            }
        }
    }

    fn class(&mut self, class: &Class) {
        self.on_line(class.line);
        let site = self.shared.site(&class.name, 0);
        let local = match &class.place {
            Place::Local(local) => Some(self.declare(*local)),
            Place::Global(_) => None,
        };
        let before = self.free;
        let register = match (&class.place, local) {
            (Place::Local(local), Some(register)) if !self.is_boxed(*local) => register,
            _ => self.take(),
        };
        self.emit(Insn::wide(Op::Class, register, 0, site));
        match (&class.place, local) {
            (Place::Global(name), _) => self.define_global(register, name),
            (_, Some(own)) if own != register => {
                self.emit(Insn::new(Op::NewBox, own, register, 0, 0));
            }
            _ => {}
        }
        if let Some(inherits) = &class.superclass {
            let superclass = self.declare(inherits.local);
            self.into(inherits.from, superclass);
            self.on_line(inherits.line);
            self.emit(Insn::new(Op::Inherit, register, superclass, 0, 0));
        }
        let fields = Rc::new(RefCell::new(Fields { site: site as usize, names: HashSet::new() }));
        for (name, function, line) in &class.methods {
            self.on_line(*line);
            self.shared.class_of.insert(function.0, fields.clone());
            let before = self.free;
            let method = self.take();
            self.closure(method, *function);
            let site = self.shared.site(name, 0);
            self.emit(Insn::wide(Op::Method, register, method, site));
            self.free = before;
        }
        self.free = before;
    }

    /// Notes that a method of this function's class sets a field of the instance.
    pub(super) fn note_field(&mut self, object: Expr, name: &Span) {
        let declared = &self.shared.tree.functions[self.function.index()];
        let is_this = match (self.shared.tree.node(object), declared.this) {
            (Node::Get(Place::Local(local)), Some(this)) => *local == this,
            _ => false,
        };
        if let Some(fields) = self.shared.class_of.get(&self.function.0).filter(|_| is_this) {
            let fields = &mut *fields.borrow_mut();
            fields.names.insert(self.shared.text(name));
            self.shared.unit.sites[fields.site].count = fields.names.len().min(ROOM as usize) as u16;
        }
    }

    fn if_chain(&mut self, arms: &[(Expr, Statement)], otherwise: Option<&Statement>) {
        let mut ends = Vec::new();
        for (n, (condition, then)) in arms.iter().enumerate() {
            let over = self.branch(*condition, false);
            self.statement(then);
            if n + 1 < arms.len() || otherwise.is_some() {
                ends.push(self.emit(Insn::wide(Op::Jump, 0, 0, 0)));
            }
            self.land(&over);
        }
        otherwise.into_iter().for_each(|otherwise| self.statement(otherwise));
        self.land(&ends);
    }

    fn while_loop(&mut self, run: &Loop) {
        let first = run.condition.map(|condition| self.branch(condition, false));
        let top = self.code.len();
        self.statement(&run.body);
        if let Some(step) = run.step {
            let before = self.free;
            self.discard(step);
            self.free = before;
        }
        // The condition again, at the end: a turn has one jump.
        let back = match run.condition {
            Some(condition) => self.branch(condition, true),
            None => {
                self.on_line(run.line);
                vec![self.emit(Insn::wide(Op::Jump, 0, 0, 0))]
            }
        };
        back.into_iter().for_each(|jump| self.aim(jump, top));
        self.land(&first.unwrap_or_default());
    }

    fn return_statement(&mut self, value: Option<Expr>, line: u32) {
        let role = self.shared.tree.functions[self.function.index()].role;
        let Some(value) = value else {
            self.on_line(line);
            return self.return_default(role);
        };
        if let Some(constant) = self.shared.constant(value) {
            self.on_line(line);
            self.emit(Insn::wide(Op::ReturnK, 0, 0, constant));
            return;
        }
        let value = self.operand(value);
        self.on_line(line);
        self.emit(Insn::new(Op::Return, value, 0, 0, 0));
    }
}

/// A function's captures: what it uses of outer functions, but for itself.
fn captures<'t>(tree: &'t Tree, function: Fun) -> impl Iterator<Item = Local> + use<'t> {
    let all = tree.functions[function.index()].captures.iter().copied();
    all.filter(move |local| !is_itself(tree, function, *local))
}

/// Whether a function's variable is the function, and stays it: such a capture is what is running.
fn is_itself(tree: &Tree, function: Fun, local: Local) -> bool {
    let variable = &tree.variables[local.index()];
    variable.is_function == Some(function) && !variable.assigned
}
