//! Expressions.

use super::*;

impl Lower<'_, '_> {
    /// Computes an expression into the register that is wanted, or into any. That may be a variable's own.
    pub(super) fn expr(&mut self, expr: &Expr, want: Option<Reg>) -> Reg {
        if let Some(constant) = self.fold(expr) {
            return self.constant(constant, want);
        }
        match &expr.kind {
            ExprKind::Local(local) => {
                let reg = self.variable(*local);
                self.give(reg, want)
            }
            ExprKind::Negative(inner) if inner.of == Type::FLOAT => {
                // Not 0 − x, which is 0 where x is 0.
                let inner = self.expr(inner, None);
                let factor = self.constant(Constant::Float(-1.0), None);
                self.arithmetic(Arithmetic::Mul, inner, factor, want)
            }
            ExprKind::Negative(inner) => {
                let inner = self.expr(inner, None);
                self.arithmetic(Arithmetic::Sub, Reg::ZERO, inner, want)
            }
            ExprKind::Not(inner) => {
                let inner = self.expr(inner, None);
                let one = self.int(1);
                self.arithmetic(Arithmetic::Xor, inner, one, want)
            }
            ExprKind::Binary(op, both) if expr.of == Type::FLOAT => {
                let (a, b) = (self.expr(&both[0], None), self.expr(&both[1], None));
                self.arithmetic(plain(*op), a, b, want)
            }
            ExprKind::Binary(op, both) => {
                let left = self.expr(&both[0], None);
                self.int_operation(*op, left, &both[1], want)
            }
            ExprKind::Test(..) | ExprKind::And(_) | ExprKind::Or(_) => self.truth(expr, want),
            ExprKind::Call(function, arguments) => {
                let arguments = arguments.iter().map(|one| self.expr(one, None)).collect();
                let to = self.wanted(want, class_of(expr.of));
                self.emit(Op::Call { function: *function, arguments, result: Some(to) });
                to
            }
            ExprKind::Element(both) => {
                let [array, index] = &**both;
                let span = array.span.to(index.span);
                let array = self.expr(array, None);
                let at = self.expr(index, None);
                let address = self.address(array, index, at, span);
                self.load(address, want)
            }
            ExprKind::Length(array) => {
                let array = self.expr(array, None);
                self.load(array, want)
            }
            ExprKind::Fill { value, count, calls } => {
                let array = self.fill(value, count, *calls);
                self.give(array, want)
            }
            ExprKind::List(all) => {
                let array = self.list(all);
                self.give(array, want)
            }
            ExprKind::ToInt(inner) => self.convert(Routine::ToInt, inner, Class::Int, want),
            ExprKind::ToFloat(inner) => self.convert(Routine::ToFloat, inner, Class::Float, want),
            ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Error => {
                unreachable!("literals are known, and there is no error in a program")
            }
        }
    }

    fn convert(&mut self, routine: Routine, inner: &Expr, class: Class, want: Option<Reg>) -> Reg {
        let inner = self.expr(inner, None);
        let to = self.wanted(want, class);
        self.call(routine, vec![inner], Some(to));
        to
    }

    /// An operation of ints.
    pub(super) fn int_operation(&mut self, op: BinaryOp, left: Reg, right: &Expr, want: Option<Reg>) -> Reg {
        let known = match self.fold(right) {
            Some(Constant::Int(value)) => Some(value),
            _ => None,
        };
        match (op, known) {
            (BinaryOp::Add | BinaryOp::Sub, Some(by @ (1 | -1))) => {
                let to = self.wanted(want, Class::Int);
                self.emit(Op::Step { to, from: left, up: (op == BinaryOp::Add) == (by == 1) });
                to
            }
            (BinaryOp::Shl | BinaryOp::Shr, Some(by)) => match by as u8 % 32 {
                0 => self.give(left, want),
                by => self.shift(left, op == BinaryOp::Shl, by, want),
            },
            (BinaryOp::Shl | BinaryOp::Shr, None) => {
                let by = self.expr(right, None);
                let routine = if op == BinaryOp::Shl { Routine::Shl } else { Routine::Shr };
                let to = self.wanted(want, Class::Int);
                self.call(routine, vec![left, by], Some(to));
                to
            }
            (BinaryOp::Rem, _) => {
                // The machine keeps the remainder where no instruction can read it.
                let right = self.expr(right, None);
                let quotient = self.arithmetic(Arithmetic::Div, left, right, None);
                let product = self.arithmetic(Arithmetic::Mul, quotient, right, None);
                self.arithmetic(Arithmetic::Sub, left, product, want)
            }
            _ => {
                let right = self.expr(right, None);
                self.arithmetic(plain(op), left, right, want)
            }
        }
    }

    /// A condition as a value.
    fn truth(&mut self, expr: &Expr, want: Option<Reg>) -> Reg {
        let (yes, no, done) = (self.block(), self.block(), self.block());
        self.condition(expr, yes, no);
        let to = self.wanted(want, Class::Int);
        self.start(yes);
        self.constant(Constant::Int(1), Some(to));
        self.exit_to(Exit::Jump(done), no);
        self.constant(Constant::Int(0), Some(to));
        self.exit_to(Exit::Jump(done), done);
        to
    }

    /// Goes to `then` where the condition holds, else to `otherwise`. What is next in the code is to be
    /// started.
    pub(super) fn condition(&mut self, expr: &Expr, then: BlockId, otherwise: BlockId) {
        let exit = match (self.fold(expr), &expr.kind) {
            (Some(value), _) => Exit::Jump(if value == Constant::Int(0) { otherwise } else { then }),
            (_, ExprKind::Not(inner)) => return self.condition(inner, otherwise, then),
            (_, ExprKind::And(both)) => {
                let second = self.block();
                self.condition(&both[0], second, otherwise);
                self.start(second);
                return self.condition(&both[1], then, otherwise);
            }
            (_, ExprKind::Or(both)) => {
                let second = self.block();
                self.condition(&both[0], then, second);
                self.start(second);
                return self.condition(&both[1], then, otherwise);
            }
            (_, ExprKind::Test(test, both)) => {
                let operands = [self.expr(&both[0], None), self.expr(&both[1], None)];
                let is_float = self.classes[operands[0].0] == Class::Float;
                match (is_float, test) {
                    // The machine's own test says whether two floats are near each other.
                    (true, Test::Eq) => return self.same(operands, then, otherwise),
                    (true, Test::Ne) => return self.same(operands, otherwise, then),
                    _ => Exit::If { test: *test, operands, then, otherwise },
                }
            }
            _ => {
                let operands = [self.expr(expr, None), Reg::ZERO];
                Exit::If { test: Test::Ne, operands, then, otherwise }
            }
        };
        self.end(exit);
    }

    /// Goes to `then` where two floats are equal.
    fn same(&mut self, operands: [Reg; 2], then: BlockId, otherwise: BlockId) {
        let second = self.block();
        self.exit_to(Exit::If { test: Test::Le, operands, then: second, otherwise }, second);
        self.end(Exit::If { test: Test::Ge, operands, then, otherwise });
    }

    /// The address of an element, whose index was computed to `at`, inside the array.
    pub(super) fn address(&mut self, array: Reg, index: &Expr, at: Reg, span: Span) -> Reg {
        let known = match self.fold(index) {
            Some(Constant::Int(value)) => Some(value),
            _ => None,
        };
        let is_natural = match (known, &index.kind) {
            (Some(value), _) => value >= 0,
            (None, ExprKind::Local(local)) => self.is_natural[local.0],
            _ => false,
        };
        let length = self.load(array, None);
        self.unless(Test::Ge, [at, length], Trap::Index, span);
        if !is_natural {
            self.unless(Test::Lt, [at, Reg::ZERO], Trap::Index, span);
        }
        // The first element is behind the length.
        let offset = match known {
            Some(value) => self.int(value.wrapping_add(1).wrapping_mul(4)),
            None => {
                let next = self.fresh(Class::Int);
                self.emit(Op::Step { to: next, from: at, up: true });
                self.shift(next, true, 2, None)
            }
        };
        self.arithmetic(Arithmetic::Add, array, offset, None)
    }

    /// A new array of zeros. The heap's first word says where it ends.
    fn allocate(&mut self, count: Reg) -> Reg {
        let size = self.shift(count, true, 2, None);
        let four = self.int(4);
        let size = self.arithmetic(Arithmetic::Add, size, four, None);
        let array = self.load(Reg::ZERO, None);
        self.emit(Op::Grow(size));
        let end = self.arithmetic(Arithmetic::Add, array, size, None);
        self.emit(Op::Store { address: Reg::ZERO, value: end });
        self.emit(Op::Store { address: array, value: count });
        array
    }

    fn fill(&mut self, value: &Expr, count: &Expr, calls: bool) -> Reg {
        let is_right = matches!(self.fold(count), Some(Constant::Int(n)) if Trap::length(n).is_some());
        let number = self.expr(count, None);
        if !is_right {
            let most = self.int(Trap::MOST_ELEMENTS);
            self.unless(Test::Lt, [number, Reg::ZERO], Trap::Length, count.span);
            self.unless(Test::Gt, [number, most], Trap::Length, count.span);
        }
        let array = self.allocate(number);
        if self.fold(value) == Some(Constant::Int(0)) {
            return array;
        }
        let size = self.shift(number, true, 2, None);
        let last = self.arithmetic(Arithmetic::Add, array, size, None);
        let address = self.fresh(Class::Int);
        self.emit(Op::Move(address, array));
        self.turns(
            calls,
            |lower, _, _| {
                let value = lower.expr(value, None);
                let four = lower.int(4);
                lower.arithmetic(Arithmetic::Add, address, four, Some(address));
                lower.emit(Op::Store { address, value });
            },
            |lower, body, done| {
                let operands = [address, last];
                lower.end(Exit::If { test: Test::Ne, operands, then: body, otherwise: done });
            },
        );
        array
    }

    fn list(&mut self, all: &[Expr]) -> Reg {
        let count = self.int(all.len() as i32);
        let array = self.allocate(count);
        let (address, four) = (self.fresh(Class::Int), self.int(4));
        self.emit(Op::Move(address, array));
        for value in all {
            let value = self.expr(value, None);
            self.arithmetic(Arithmetic::Add, address, four, Some(address));
            self.emit(Op::Store { address, value });
        }
        array
    }
}

/// The machine's operation.
fn plain(op: BinaryOp) -> Arithmetic {
    match op {
        BinaryOp::Add => Arithmetic::Add,
        BinaryOp::Sub => Arithmetic::Sub,
        BinaryOp::Mul => Arithmetic::Mul,
        BinaryOp::Div => Arithmetic::Div,
        BinaryOp::And => Arithmetic::And,
        BinaryOp::Or => Arithmetic::Or,
        BinaryOp::Xor => Arithmetic::Xor,
        BinaryOp::Rem | BinaryOp::Shl | BinaryOp::Shr => unreachable!("made of others"),
    }
}
