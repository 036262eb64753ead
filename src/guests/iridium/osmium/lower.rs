//! From a tree to blocks on virtual registers.
//!
//! * What is known when compiling is computed here.
//! * Loops have their test at the bottom: a turn has one jump.
//! * The machine has no operand that is a number, so each needs a register. In loops that call nothing they
//!   are loaded once, before the outermost such loop; where registers run out the allocator loads them again.

use std::collections::HashMap;

use super::eval::{self, Value};
use super::ir::{Arithmetic, Block, BlockId, Class, Constant, Exit, Function, Insn, Op, Reg, TextId};
use super::token::Span;
use super::tree::{self, *};
use super::{Routine, Trap};
use crate::diagnostic::Source;

/// Instructions and blocks that a program may have in this form: twice the instructions that the machine's code
/// has room for.
pub(super) const MOST: usize = 1 << 15;

/// The program's strings.
#[derive(Default)]
pub(super) struct Texts {
    pub all: Vec<String>,
    ids: HashMap<String, TextId>,
}

impl Texts {
    fn id(&mut self, text: &str) -> TextId {
        if let Some(&id) = self.ids.get(text) {
            return id;
        }
        let id = TextId(self.all.len());
        self.all.push(text.to_owned());
        self.ids.insert(text.to_owned(), id);
        id
    }
}

/// Lowers a function; `None` if it is larger than all code may be.
pub(super) fn function(
    program: &Program,
    id: FnId,
    source: &Source<'_>,
    texts: &mut Texts,
) -> Option<Function> {
    let function = &program.functions[id.0];
    let mut lower = Lower {
        program,
        source,
        texts,
        classes: vec![Class::Int],
        blocks: Vec::new(),
        order: Vec::new(),
        here: BlockId(0),
        size: 0,
        at: function.span.start,
        depth: 0,
        locals: function.locals.iter().map(|_| None).collect(),
        is_natural: vec![false; function.locals.len()],
        known: vec![None; function.locals.len()],
        function,
        loops: Vec::new(),
        hoist: None,
        traps: HashMap::new(),
    };
    let entry = lower.block();
    lower.start(entry);
    let params: Vec<Reg> = (0..function.params).map(|n| lower.variable(LocalId(n))).collect();
    lower.statements(&function.body);
    lower.end(Exit::Return(None));
    if lower.size > MOST {
        return None;
    }
    for (text, block) in std::mem::take(&mut lower.traps) {
        lower.start(block);
        lower.end(Exit::Stop(text));
    }
    let label = match function.is_library {
        true => format!("lib{}_{}", id.0, function.name),
        false => format!("fn{}_{}", id.0, function.name),
    };
    Some(Function {
        label,
        is_library: function.is_library,
        params,
        blocks: lower.finish(),
        classes: lower.classes,
        start: function.span.start,
    })
}

/// Where constants of a loop are loaded.
struct Hoist {
    before: BlockId,
    loaded: HashMap<(Class, u64), Reg>,
}

struct Lower<'p, 't> {
    program: &'p Program,
    function: &'p tree::Function,
    source: &'p Source<'p>,
    texts: &'t mut Texts,
    classes: Vec<Class>,
    blocks: Vec<Block>,
    /// The blocks in the order of their code.
    order: Vec<BlockId>,
    here: BlockId,
    /// Instructions and blocks.
    size: usize,
    /// The byte of the source that is being lowered.
    at: usize,
    /// Loops around.
    depth: u32,
    /// Where the variables are.
    locals: Vec<Option<Reg>>,
    /// Variables that are never negative.
    is_natural: Vec<bool>,
    /// Variables that are constants.
    known: Vec<Option<Value>>,
    /// Where `break` and `continue` go.
    loops: Vec<(BlockId, BlockId)>,
    hoist: Option<Hoist>,
    traps: HashMap<TextId, BlockId>,
}

impl Lower<'_, '_> {
    fn block(&mut self) -> BlockId {
        self.size += 1;
        let exit = Exit::Return(None);
        self.blocks.push(Block { insns: Vec::new(), exit, at: self.at, depth: self.depth });
        BlockId(self.blocks.len() - 1)
    }

    /// Goes on in a block, which comes next in the code.
    fn start(&mut self, block: BlockId) {
        self.order.push(block);
        self.here = block;
        self.blocks[block.0].depth = self.depth;
    }

    fn emit(&mut self, op: Op) {
        self.size += 1;
        if self.size <= MOST {
            let insn = Insn { op, at: self.at };
            self.blocks[self.here.0].insns.push(insn);
        }
    }

    /// Ends the block; another is to be started.
    fn end(&mut self, exit: Exit) {
        let at = self.at;
        let block = &mut self.blocks[self.here.0];
        (block.exit, block.at) = (exit, at);
    }

    /// Ends the block and goes on in another.
    fn exit_to(&mut self, exit: Exit, next: BlockId) {
        self.end(exit);
        self.start(next);
    }

    /// Ends the block. What follows is never reached.
    fn leave(&mut self, exit: Exit) {
        let next = self.block();
        self.exit_to(exit, next);
    }

    fn fresh(&mut self, class: Class) -> Reg {
        self.classes.push(class);
        Reg(self.classes.len() - 1)
    }

    fn wanted(&mut self, want: Option<Reg>, class: Class) -> Reg {
        want.unwrap_or_else(|| self.fresh(class))
    }

    /// The register of a variable.
    fn variable(&mut self, local: LocalId) -> Reg {
        if let Some(reg) = self.locals[local.0] {
            return reg;
        }
        let reg = self.fresh(class_of(self.function.locals[local.0].of));
        self.locals[local.0] = Some(reg);
        reg
    }

    /// The value where it is wanted.
    fn give(&mut self, value: Reg, want: Option<Reg>) -> Reg {
        match want {
            Some(to) if to != value => {
                self.emit(Op::Move(to, value));
                to
            }
            _ => value,
        }
    }

    fn constant(&mut self, constant: Constant, want: Option<Reg>) -> Reg {
        let (class, bits) = match constant {
            Constant::Int(value) => (Class::Int, value as u64),
            Constant::Float(value) => (Class::Float, value.to_bits()),
        };
        if let Some(to) = want {
            self.emit(Op::Constant(to, constant));
            return to;
        }
        if constant == Constant::Int(0) {
            return Reg::ZERO;
        }
        if let Some(&reg) = self.hoist.as_ref().and_then(|hoist| hoist.loaded.get(&(class, bits))) {
            return reg;
        }
        let reg = self.fresh(class);
        let here = self.here;
        if let Some(hoist) = &mut self.hoist {
            hoist.loaded.insert((class, bits), reg);
            self.here = hoist.before;
        }
        self.emit(Op::Constant(reg, constant));
        self.here = here;
        reg
    }

    fn int(&mut self, value: i32) -> Reg {
        self.constant(Constant::Int(value), None)
    }

    /// The known value of an expression.
    fn fold(&mut self, expr: &Expr) -> Option<Constant> {
        match eval::fold(expr, &mut self.known)? {
            Value::Int(value) => Some(Constant::Int(value)),
            Value::Bool(value) => Some(Constant::Int(value.into())),
            Value::Float(value) => Some(Constant::Float(value)),
            Value::Array(_) => None,
        }
    }

    fn arithmetic(&mut self, op: Arithmetic, a: Reg, b: Reg, want: Option<Reg>) -> Reg {
        let to = self.wanted(want, self.classes[a.0]);
        self.emit(Op::Arithmetic(op, to, a, b));
        to
    }

    fn shift(&mut self, from: Reg, left: bool, by: u8, want: Option<Reg>) -> Reg {
        let to = self.wanted(want, Class::Int);
        self.emit(Op::Shift { to, from, left, by });
        to
    }

    fn load(&mut self, address: Reg, want: Option<Reg>) -> Reg {
        let to = self.wanted(want, Class::Int);
        self.emit(Op::Load { to, address });
        to
    }

    /// Goes on only where the test does not hold; else the program stops with what `trap` prints.
    fn unless(&mut self, test: Test, operands: [Reg; 2], trap: Trap, span: Span) {
        let text = self.texts.id(&trap.message(self.source, span));
        let stop = match self.traps.get(&text) {
            Some(&block) => block,
            None => {
                let block = self.block();
                self.traps.insert(text, block);
                block
            }
        };
        let next = self.block();
        self.exit_to(Exit::If { test, operands, then: stop, otherwise: next }, next);
    }

    fn call(&mut self, routine: Routine, arguments: Vec<Reg>, result: Option<Reg>) {
        let function = routine.find(self.program);
        self.emit(Op::Call { function, arguments, result });
    }

    /// A loop: `turn` is its block, `again` its test, which goes to the block given to it or the one that
    /// follows the loop.
    fn turns(
        &mut self,
        calls: bool,
        turn: impl FnOnce(&mut Self, BlockId, BlockId),
        again: impl FnOnce(&mut Self, BlockId, BlockId),
    ) {
        let (body, test, done) = (self.block(), self.block(), self.block());
        let is_hoisting = self.hoist.is_none() && !calls;
        if is_hoisting {
            self.hoist = Some(Hoist { before: self.here, loaded: HashMap::new() });
        }
        self.depth += 1;
        self.exit_to(Exit::Jump(test), body);
        turn(self, test, done);
        self.exit_to(Exit::Jump(test), test);
        again(self, body, done);
        self.depth -= 1;
        if is_hoisting {
            self.hoist = None;
        }
        self.start(done);
    }

    fn statements(&mut self, statements: &[Statement]) {
        for statement in statements {
            if self.size > MOST {
                return;
            }
            self.at = statement.span.start;
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Set(local, value) => self.set(*local, value),
            StatementKind::SetElement { place: [array, index], op, value } => {
                self.set_element(array, index, *op, value);
            }
            StatementKind::Call(function, arguments) => {
                let arguments = arguments.iter().map(|one| self.expr(one, None)).collect();
                self.emit(Op::Call { function: *function, arguments, result: None });
            }
            StatementKind::PrintText(text) => self.print(text),
            StatementKind::Print(value) => self.print_value(value),
            StatementKind::If { arms, otherwise } => {
                let done = self.block();
                for (condition, block) in arms {
                    let (then, next) = (self.block(), self.block());
                    self.at = condition.span.start;
                    self.condition(condition, then, next);
                    self.start(then);
                    self.statements(block);
                    self.exit_to(Exit::Jump(done), next);
                }
                self.statements(otherwise);
                self.exit_to(Exit::Jump(done), done);
            }
            StatementKind::While { condition, body, calls } => self.turns(
                *calls,
                |lower, test, done| {
                    lower.loops.push((done, test));
                    lower.statements(body);
                    lower.loops.pop();
                },
                |lower, body, done| {
                    lower.at = condition.span.start;
                    lower.condition(condition, body, done);
                },
            ),
            StatementKind::For { local, from, to, body, calls } => self.count(*local, from, to, body, *calls),
            StatementKind::Break => {
                let &(done, _) = self.loops.last().expect("a loop is around: it was checked");
                self.leave(Exit::Jump(done));
            }
            StatementKind::Continue => {
                let &(_, next) = self.loops.last().expect("a loop is around: it was checked");
                self.leave(Exit::Jump(next));
            }
            StatementKind::Return(value) => {
                let value = value.as_ref().map(|value| self.expr(value, None));
                self.leave(Exit::Return(value));
            }
            StatementKind::Block(block) => self.statements(block),
        }
    }

    fn set(&mut self, local: LocalId, value: &Expr) {
        if self.function.locals[local.0].mutable {
            let reg = self.variable(local);
            self.expr(value, Some(reg));
            return;
        }
        if self.fold(value).is_some() {
            self.known[local.0] = eval::fold(value, &mut self.known);
            return;
        }
        // The name of a value needs no register of its own, unless what it is named after may change.
        let reg = self.expr(value, None);
        let is_variable = matches!(value.kind, ExprKind::Local(from) if self.function.locals[from.0].mutable);
        let copy = is_variable.then(|| self.fresh(self.classes[reg.0]));
        self.locals[local.0] = Some(self.give(reg, copy));
    }

    fn set_element(&mut self, array: &Expr, index: &Expr, op: Option<BinaryOp>, value: &Expr) {
        let span = array.span.to(index.span);
        let array = self.expr(array, None);
        let at = self.expr(index, None);
        if let Some(op) = op {
            let address = self.address(array, index, at, span);
            let old = self.load(address, None);
            let new = self.int_operation(op, old, value, None);
            self.emit(Op::Store { address, value: new });
        } else {
            let value = self.expr(value, None);
            let address = self.address(array, index, at, span);
            self.emit(Op::Store { address, value });
        }
    }

    /// `for`. The counter is known to be at least its first value.
    fn count(&mut self, local: LocalId, from: &Expr, to: &Expr, body: &[Statement], calls: bool) {
        let counter = self.variable(local);
        self.is_natural[local.0] = matches!(self.fold(from), Some(Constant::Int(0..)));
        self.expr(from, Some(counter));
        let end = self.expr(to, None);
        let is_variable = matches!(to.kind, ExprKind::Local(to) if self.function.locals[to.0].mutable);
        let copy = is_variable.then(|| self.fresh(Class::Int));
        let end = self.give(end, copy);
        let at = self.at;
        self.turns(
            calls,
            |lower, _, done| {
                let next = lower.block();
                lower.loops.push((done, next));
                lower.statements(body);
                lower.loops.pop();
                lower.at = at;
                lower.exit_to(Exit::Jump(next), next);
                lower.emit(Op::Step { to: counter, from: counter, up: true });
            },
            |lower, body, done| {
                let operands = [counter, end];
                let exit = Exit::If { test: Test::Lt, operands, then: body, otherwise: done };
                lower.end(exit);
            },
        );
    }

    fn print(&mut self, text: &str) {
        if !text.is_empty() {
            let text = self.texts.id(text);
            self.emit(Op::Print(text));
        }
    }

    fn print_value(&mut self, value: &Expr) {
        if let Some(Value::Int(value)) = eval::fold(value, &mut self.known) {
            return self.print(&value.to_string());
        }
        if value.of == Type::BOOL {
            let (yes, no, done) = (self.block(), self.block(), self.block());
            self.condition(value, yes, no);
            for (block, text) in [(yes, "true"), (no, "false")] {
                self.start(block);
                self.print(text);
                self.end(Exit::Jump(done));
            }
            return self.start(done);
        }
        let routine = if value.of == Type::FLOAT { Routine::PrintFloat } else { Routine::PrintInt };
        let value = self.expr(value, None);
        self.call(routine, vec![value], None);
    }

    /// The blocks in the order of their code, without those that are never reached.
    fn finish(&mut self) -> Vec<Block> {
        let mut is_reached = vec![false; self.blocks.len()];
        let mut open = vec![self.order[0]];
        while let Some(block) = open.pop() {
            if !std::mem::replace(&mut is_reached[block.0], true) {
                open.extend(self.blocks[block.0].exit.targets());
            }
        }
        self.order.retain(|block| is_reached[block.0]);
        let mut numbers = vec![BlockId(0); self.blocks.len()];
        for (number, block) in self.order.iter().enumerate() {
            numbers[block.0] = BlockId(number);
        }
        let blocks = self.order.iter().map(|block| {
            let mut block = self.blocks[block.0].clone();
            block.exit = match block.exit {
                Exit::Jump(to) => Exit::Jump(numbers[to.0]),
                Exit::If { test, operands, then, otherwise } => {
                    Exit::If { test, operands, then: numbers[then.0], otherwise: numbers[otherwise.0] }
                }
                exit => exit,
            };
            block
        });
        blocks.collect()
    }
}

/// The class of register that holds a value.
fn class_of(of: Type) -> Class {
    if of == Type::FLOAT { Class::Float } else { Class::Int }
}

mod exprs;
