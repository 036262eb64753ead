//! Expressions to bytecode.
//!
//! An operand is used where it is: a local variable in its register, unless what is evaluated after it may assign to
//! it. Expressions that nest to the left without end, as sums and chains of calls do, are followed without recursion.

use super::compile::{Body, Reg, SHORT};
use super::isa::{Insn, LINK, Op};
use super::tree::{Binary, Expr, Local, Node, Place, Superclass};

/// Expressions in a call's arguments that are looked at to see what they can do.
const MOST_LOOKED_AT: usize = 32;

impl Body<'_, '_> {
    /// Evaluates for the effects only.
    pub(super) fn discard(&mut self, of: Expr) {
        if self.shared.constant(of).is_none() {
            self.operand(of);
        }
    }

    /// A register that has the value.
    pub(super) fn operand(&mut self, of: Expr) -> Reg {
        let tree = self.shared.tree;
        match tree.node(of) {
            Node::Get(place) => {
                if let Some(register) = self.plain(place) {
                    return register;
                }
            }
            Node::Set(place, value) => {
                if let Some(register) = self.plain(place) {
                    self.assign(register, *value);
                    return register;
                }
                let value = self.operand(*value);
                self.at(of);
                self.set(place, value);
                return value;
            }
            Node::Binary(..) | Node::Property(..) | Node::Call(..) | Node::Invoke(..) => {
                return self.chain(of, None);
            }
            Node::SetProperty(object, name, value) => {
                self.note_field(*object, name);
                let object = self.kept(*object, *value);
                let value = self.operand(*value);
                let site = self.shared.site(name, 0);
                self.at(of);
                self.emit(Insn::wide(Op::SetProperty, object, value, site));
                return value;
            }
            _ => {}
        }
        let register = self.take();
        self.into(of, register);
        register
    }

    /// The register of a variable that is nothing else.
    fn plain(&self, place: &Place) -> Option<Reg> {
        match place {
            Place::Local(local) if !self.is_boxed(*local) => self.register(*local),
            _ => None,
        }
    }

    /// A register that has the value, still after evaluating `then`.
    fn kept(&mut self, of: Expr, then: Expr) -> Reg {
        let register = self.operand(of);
        self.keep(register, then)
    }

    /// A register that has what `register` has, still after evaluating `then`.
    fn keep(&mut self, register: Reg, then: Expr) -> Reg {
        if !self.shared.tree.expressions[then.index()].assigns {
            return register;
        }
        let copy = self.take();
        self.copy(copy, register);
        copy
    }

    /// Assigns to a local variable.
    fn assign(&mut self, register: Reg, value: Expr) {
        if matches!(self.shared.tree.node(value), Node::And(..) | Node::Or(..)) {
            // Its ways write at different times, and may read the variable in between.
            let before = self.free;
            let copy = self.take();
            self.into(value, copy);
            self.copy(register, copy);
            self.free = before;
        } else {
            self.into(value, register);
        }
    }

    /// Evaluates to a register, which is written last of all.
    pub(super) fn into(&mut self, of: Expr, to: Reg) {
        let tree = self.shared.tree;
        let before = self.free;
        if let Some(constant) = self.shared.constant(of) {
            self.at(of);
            self.emit(Insn::wide(Op::Load, to, 0, constant));
            return;
        }
        match tree.node(of) {
            Node::Get(place) => {
                self.at(of);
                self.get(place, to);
            }
            Node::Not(inner) | Node::Negate(inner) => {
                let op = if matches!(tree.node(of), Node::Not(_)) { Op::Not } else { Op::Negate };
                let inner = self.operand(*inner);
                self.at(of);
                self.emit(Insn::new(op, to, inner, 0, 0));
            }
            Node::And(left, right) | Node::Or(left, right) => {
                let is_and = matches!(tree.node(of), Node::And(..));
                self.into(*left, to);
                self.at(of);
                let op = if is_and { Op::JumpUnless } else { Op::JumpIf };
                let over = self.emit(Insn::wide(op, to, 0, 0));
                self.into(*right, to);
                self.land(&[over]);
            }
            Node::Binary(..) | Node::Property(..) | Node::Call(..) | Node::Invoke(..) => {
                self.chain(of, Some(to));
            }
            Node::Super(of_class) => self.superclass(of, of_class, to),
            _ => {
                let register = self.operand(of);
                self.copy(to, register);
            }
        }
        self.free = before;
    }

    // Variables.

    fn get(&mut self, place: &Place, to: Reg) {
        match place {
            Place::Global(name) => {
                let global = self.shared.global(name);
                self.emit(Insn::wide(Op::GetGlobal, to, 0, global));
            }
            Place::Local(local) => self.get_local(*local, to),
        }
    }

    fn get_local(&mut self, local: Local, to: Reg) {
        let is_boxed = self.is_boxed(local);
        let insn = match (self.register(local), self.capture(local)) {
            (Some(register), _) if is_boxed => Insn::new(Op::GetBox, to, register, 0, 0),
            (Some(register), _) => return self.copy(to, register),
            (None, Some(capture)) if is_boxed => Insn::new(Op::GetCaptureBox, to, capture, 0, 0),
            (None, Some(capture)) => Insn::new(Op::GetCapture, to, capture, 0, 0),
            (None, None) => Insn::new(Op::GetSelf, to, 0, 0, 0),
        };
        self.emit(insn);
    }

    /// Assigns to a variable that is not just a register.
    fn set(&mut self, place: &Place, value: Reg) {
        let insn = match place {
            Place::Global(name) => Insn::wide(Op::SetGlobal, value, 0, self.shared.global(name)),
            Place::Local(local) => match (self.register(*local), self.capture(*local)) {
                (Some(register), _) => Insn::new(Op::SetBox, value, register, 0, 0),
                (None, capture) => Insn::new(Op::SetCaptureBox, value, capture.unwrap_or(0), 0, 0),
            },
        };
        self.emit(insn);
    }

    // Operators, properties and calls.

    /// What nests to the left: from the innermost outwards. The register of the result, which is `to` if that is given.
    fn chain(&mut self, of: Expr, to: Option<Reg>) -> Reg {
        let tree = self.shared.tree;
        let mut links = Vec::new();
        let mut inner = of;
        let mut has_call = false;
        while let Node::Binary(_, left, _)
        | Node::Property(left, _)
        | Node::Call(left, _)
        | Node::Invoke(left, ..) = tree.node(inner)
        {
            has_call |= matches!(tree.node(inner), Node::Call(..) | Node::Invoke(..));
            links.push(inner);
            inner = *left;
        }
        let before = self.free;
        // What is between two links is in one register, for calls the one where they want it.
        let between = if has_call { self.reserve(LINK + 1) + LINK as Reg } else { self.take() };
        let above = self.free;
        let is_call = |link: &Expr| matches!(tree.node(*link), Node::Call(..) | Node::Invoke(..));
        let global = links.last().and_then(|&link| self.global_callee(link, inner));
        let mut left = if global.is_some() {
            between
        } else if links.last().is_some_and(is_call) {
            self.into(inner, between);
            between
        } else {
            self.operand(inner)
        };
        let mut global = global;
        while let Some(link) = links.pop() {
            let global = global.take();
            let result = if links.is_empty() { to.unwrap_or(between) } else { between };
            match tree.node(link) {
                Node::Binary(op, _, right) => self.binary(link, *op, left, *right, result),
                Node::Property(_, name) => {
                    let site = self.shared.site(name, 0);
                    self.at(link);
                    self.emit(Insn::wide(Op::GetProperty, result, left, site));
                }
                Node::Call(_, arguments) => {
                    self.copy(between, left);
                    self.arguments(arguments);
                    self.at(link);
                    let frame = between - LINK as Reg;
                    let op = if global.is_some() { Op::CallGlobal } else { Op::Call };
                    self.emit(Insn::new(op, result, frame, global.unwrap_or(0), arguments.len() as u8));
                }
                Node::Invoke(_, name, arguments) => {
                    self.copy(between, left);
                    self.arguments(arguments);
                    let site = self.shared.site(name, arguments.len());
                    self.at(link);
                    self.emit(Insn::wide(Op::Invoke, result, between - LINK as Reg, site));
                }
                _ => {}
            }
            left = result;
            self.free = above;
        }
        self.free = match to {
            Some(_) => before,
            None => usize::from(between) + 1,
        };
        left
    }

    /// The static of what a call's callee is, if that is a global variable that may as well be read after the arguments:
    /// it is defined, and nothing in them can assign to it.
    fn global_callee(&mut self, call: Expr, callee: Expr) -> Option<u16> {
        let tree = self.shared.tree;
        let (Node::Call(_, arguments), Node::Get(Place::Global(name))) = (tree.node(call), tree.node(callee))
        else {
            return None;
        };
        let mut open = arguments.to_vec();
        for _ in 0..MOST_LOOKED_AT {
            let Some(of) = open.pop() else {
                return Some(self.shared.global(name))
                    .filter(|&n| n < SHORT && self.is_defined(name))
                    .map(|n| n as u16);
            };
            match tree.node(of) {
                Node::Binary(_, left, right) => open.extend([*left, *right]),
                Node::Negate(inner) | Node::Not(inner) | Node::Property(inner, _) => open.push(*inner),
                Node::Nil | Node::Bool(_) | Node::Number(_) | Node::String(_) | Node::Get(_) => {}
                _ => return None,
            }
        }
        None
    }

    /// Evaluates arguments to the registers from the lowest free one on.
    fn arguments(&mut self, all: &[Expr]) {
        for &argument in all {
            let register = self.take();
            self.into(argument, register);
        }
    }

    /// The number of a constant that a short operand can name.
    fn short_constant(&mut self, of: Expr) -> Option<u16> {
        self.shared.constant(of).filter(|&n| n < SHORT).map(|n| n as u16)
    }

    fn binary(&mut self, of: Expr, op: Binary, left: Reg, right: Expr, to: Reg) {
        let with_constant = match op {
            Binary::Add => Some(Op::AddK),
            Binary::Subtract => Some(Op::SubtractK),
            Binary::Multiply => Some(Op::MultiplyK),
            Binary::Divide => Some(Op::DivideK),
            _ => None,
        };
        if let Some(op) = with_constant
            && let Some(constant) = self.short_constant(right)
        {
            self.at(of);
            self.emit(Insn::new(op, to, left, constant, 0));
            return;
        }
        let left = self.keep(left, right);
        let right = self.operand(right);
        let (op, b, c) = match op {
            Binary::Add => (Op::Add, left, right),
            Binary::Subtract => (Op::Subtract, left, right),
            Binary::Multiply => (Op::Multiply, left, right),
            Binary::Divide => (Op::Divide, left, right),
            Binary::Equal => (Op::Equal, left, right),
            Binary::NotEqual => (Op::NotEqual, left, right),
            Binary::Less => (Op::Less, left, right),
            Binary::GreaterEqual => (Op::NotLess, left, right),
            Binary::Greater => (Op::Less, right, left),
            Binary::LessEqual => (Op::NotLess, right, left),
        };
        self.at(of);
        self.emit(Insn::new(op, to, b, c, 0));
    }

    fn superclass(&mut self, of: Expr, superclass: &Superclass, to: Reg) {
        // The class stands in the frame's first slot, `this` in the place of the receiver.
        let frame = self.reserve(LINK + 1);
        let Some(arguments) = &superclass.arguments else {
            self.at(of);
            self.get_local(superclass.class, frame);
            self.get_local(superclass.this, frame + 1);
            let site = self.shared.site(&superclass.name, 0);
            self.emit(Insn::wide(Op::GetSuper, to, frame, site));
            return;
        };
        self.get_local(superclass.this, frame + LINK as Reg);
        self.arguments(arguments);
        self.at(of);
        self.get_local(superclass.class, frame);
        let site = self.shared.site(&superclass.name, arguments.len());
        self.emit(Insn::wide(Op::InvokeSuper, to, frame, site));
    }

    // Conditions.

    /// Jumps, to be landed, that are taken if the condition's truth is `when`.
    pub(super) fn branch(&mut self, of: Expr, when: bool) -> Vec<usize> {
        let before = self.free;
        let jumps = self.branch_kept(of, when);
        self.free = before;
        jumps
    }

    fn branch_kept(&mut self, of: Expr, when: bool) -> Vec<usize> {
        let tree = self.shared.tree;
        match tree.node(of) {
            Node::Nil | Node::Bool(_) | Node::Number(_) | Node::String(_) => {
                let truth = !matches!(tree.node(of), Node::Nil | Node::Bool(false));
                if truth == when { vec![self.emit(Insn::wide(Op::Jump, 0, 0, 0))] } else { Vec::new() }
            }
            Node::Not(inner) => self.branch(*inner, !when),
            Node::And(left, right) | Node::Or(left, right) => {
                // The truth of the left side that decides.
                let decides = matches!(tree.node(of), Node::Or(..));
                let mut jumps = self.branch(*left, decides);
                let rest = self.branch(*right, when);
                if decides == when {
                    jumps.extend(rest);
                    return jumps;
                }
                self.land(&jumps);
                rest
            }
            Node::Binary(op, left, right) => match op {
                Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Divide => {
                    self.branch_on_value(of, when)
                }
                _ => vec![self.compare(of, *op, *left, *right, when)],
            },
            _ => self.branch_on_value(of, when),
        }
    }

    fn branch_on_value(&mut self, of: Expr, when: bool) -> Vec<usize> {
        let value = self.operand(of);
        self.at(of);
        let op = if when { Op::JumpIf } else { Op::JumpUnless };
        vec![self.emit(Insn::wide(op, value, 0, 0))]
    }

    /// A jump that is taken if the comparison's result is `when`.
    fn compare(&mut self, of: Expr, op: Binary, left: Expr, right: Expr, when: bool) -> usize {
        let a = self.operand(left);
        let constant = self.short_constant(right);
        let b = match constant {
            Some(constant) => constant,
            None => {
                let kept = self.keep(a, right);
                let b = self.operand(right);
                return self.compare_registers(of, op, kept, b, when);
            }
        };
        let (op, is) = match op {
            Binary::Equal => (Op::JumpEqualK, true),
            Binary::NotEqual => (Op::JumpEqualK, false),
            Binary::Less => (Op::JumpLessK, true),
            Binary::GreaterEqual => (Op::JumpLessK, false),
            Binary::Greater => (Op::JumpKLess, true),
            _ => (Op::JumpKLess, false),
        };
        self.at(of);
        self.emit(Insn::wide(if is == when { op } else { opposite(op) }, a, b, 0))
    }

    fn compare_registers(&mut self, of: Expr, op: Binary, left: Reg, right: Reg, when: bool) -> usize {
        let (op, a, b, is) = match op {
            Binary::Equal => (Op::JumpEqual, left, right, true),
            Binary::NotEqual => (Op::JumpEqual, left, right, false),
            Binary::Less => (Op::JumpLess, left, right, true),
            Binary::GreaterEqual => (Op::JumpLess, left, right, false),
            Binary::Greater => (Op::JumpLess, right, left, true),
            _ => (Op::JumpLess, right, left, false),
        };
        self.at(of);
        self.emit(Insn::wide(if is == when { op } else { opposite(op) }, a, b, 0))
    }
}

/// The jump that is taken where this one is not.
fn opposite(op: Op) -> Op {
    match op {
        Op::JumpEqualK => Op::JumpNotEqualK,
        Op::JumpLessK => Op::JumpNotLessK,
        Op::JumpKLess => Op::JumpKNotLess,
        Op::JumpEqual => Op::JumpNotEqual,
        _ => Op::JumpNotLess,
    }
}
