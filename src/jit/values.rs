//! A guest's operations over Cranelift's values.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};

use super::Reason;
use super::facts::{FAR, WIDE};
use super::translate::{Translator, Val, clif};
use crate::guest::Guest;
use crate::ops::{Binary, Cond, Float, FloatCond, Int, Ops, Reg, Scalar, Space, Type};
use crate::tier::Plant;

fn int_cc(cond: Cond) -> IntCC {
    match cond {
        Cond::Eq => IntCC::Equal,
        Cond::Ne => IntCC::NotEqual,
        Cond::Lt => IntCC::SignedLessThan,
        Cond::Le => IntCC::SignedLessThanOrEqual,
        Cond::Gt => IntCC::SignedGreaterThan,
        Cond::Ge => IntCC::SignedGreaterThanOrEqual,
        Cond::Below => IntCC::UnsignedLessThan,
    }
}

impl<G: Guest> Ops for Translator<'_, G> {
    type V<T: Scalar> = Val;

    fn imm<T: Scalar>(&mut self, value: T) -> Val {
        Val::Known(value.to_bits())
    }

    fn binary<T: Int>(&mut self, op: Binary, a: Val, b: Val) -> Val {
        let ones = T::from_bits(u64::MAX).to_bits();
        match (op, a, b) {
            (_, Val::Known(a), Val::Known(b)) => {
                return Val::Known(T::fold(op, a, b));
            }
            (Binary::Add | Binary::Sub | Binary::Or | Binary::Xor, x, Val::Known(0)) => return x,
            (Binary::Add | Binary::Or | Binary::Xor, Val::Known(0), x) => return x,
            (Binary::And, x, Val::Known(m)) | (Binary::And, Val::Known(m), x) if m == ones => {
                return x;
            }
            (Binary::And, _, Val::Known(0)) | (Binary::And, Val::Known(0), _) => {
                return Val::Known(0);
            }
            (Binary::And | Binary::Or, x, y) if x == y => return x,
            _ => {}
        }
        let plus = match (op, a, b) {
            (Binary::Add, Val::Is(x), Val::Known(n)) | (Binary::Add, Val::Known(n), Val::Is(x)) => {
                Some((x, T::signed(n)))
            }
            (Binary::Sub, Val::Is(x), Val::Known(n)) => Some((x, T::signed(n).wrapping_neg())),
            _ => None,
        };
        if let Some((x, n)) = plus {
            return Val::Is(self.plus(x, n));
        }
        if let (Binary::Mul, Val::Is(x), Val::Known(n @ (3 | 5 | 9)))
        | (Binary::Mul, Val::Known(n @ (3 | 5 | 9)), Val::Is(x)) = (op, a, b)
        {
            // One instruction, and not a slow one.
            let more = self.b.ins().ishl_imm_u(x, i64::from((n - 1).trailing_zeros()));
            return Val::Is(self.b.ins().iadd(x, more));
        }
        let (a, b) = (self.value::<T>(a), self.value::<T>(b));
        let ins = self.b.ins();
        Val::Is(match op {
            Binary::Add => ins.iadd(a, b),
            Binary::Sub => ins.isub(a, b),
            Binary::Mul => ins.imul(a, b),
            Binary::And => ins.band(a, b),
            Binary::Or => ins.bor(a, b),
            Binary::Xor => ins.bxor(a, b),
            Binary::Shl => ins.ishl(a, b),
            Binary::Shr => ins.ushr(a, b),
            Binary::Sar => ins.sshr(a, b),
            Binary::Div | Binary::Rem => self.divide(op, a, b),
        })
    }

    fn compare<T: Int>(&mut self, cond: Cond, a: Val, b: Val) -> Val {
        if let (Val::Known(a), Val::Known(b)) = (a, b) {
            return Val::Known(T::fold_compare(cond, a, b));
        }
        if a == b {
            return Val::Known(cond.is_reflexive() as u64);
        }
        let (a, b) = (self.value::<T>(a), self.value::<T>(b));
        let cond = match (cond, self.known.plant) {
            (Cond::Lt, Some(Plant::Translation)) => Cond::Le,
            _ => cond,
        };
        Val::Is(self.b.ins().icmp(int_cc(cond), a, b))
    }

    fn select<T: Scalar>(&mut self, c: Val, a: Val, b: Val) -> Val {
        match c {
            Val::Known(0) => b,
            Val::Known(_) => a,
            Val::Is(c) => {
                let (a, b) = (self.value::<T>(a), self.value::<T>(b));
                Val::Is(self.b.ins().select(c, a, b))
            }
        }
    }

    fn unsigned<F: Int, T: Int>(&mut self, v: Val) -> Val {
        let (from, to) = (F::TYPE.bytes(), T::TYPE.bytes());
        match v {
            Val::Known(bits) => Val::Known(T::truncate(bits)),
            v if from == to => v,
            Val::Is(v) if from < to => Val::Is(self.b.ins().uextend(clif(T::TYPE), v)),
            Val::Is(v) => Val::Is(self.b.ins().ireduce(clif(T::TYPE), v)),
        }
    }

    fn signed<F: Int, T: Int>(&mut self, v: Val) -> Val {
        let (from, to) = (F::TYPE.bytes(), T::TYPE.bytes());
        match v {
            Val::Known(bits) => Val::Known(T::truncate(F::signed(bits) as u64)),
            v if from == to => v,
            Val::Is(v) if from < to => Val::Is(self.b.ins().sextend(clif(T::TYPE), v)),
            Val::Is(v) => Val::Is(self.b.ins().ireduce(clif(T::TYPE), v)),
        }
    }

    fn float(&mut self, op: Float, a: Val, b: Val) -> Val {
        if let (Val::Known(a), Val::Known(b)) = (a, b) {
            return Val::Known(Scalar::to_bits(op.apply(f64::from_bits(a), f64::from_bits(b))));
        }
        let (a, b) = (self.value::<f64>(a), self.value::<f64>(b));
        let ins = self.b.ins();
        Val::Is(match op {
            Float::Add => ins.fadd(a, b),
            Float::Sub => ins.fsub(a, b),
            Float::Mul => ins.fmul(a, b),
            Float::Div => ins.fdiv(a, b),
        })
    }

    fn compare_float(&mut self, cond: FloatCond, a: Val, b: Val) -> Val {
        let (a, b) = (self.value::<f64>(a), self.value::<f64>(b));
        let cc = match cond {
            FloatCond::Eq => FloatCC::Equal,
            FloatCond::Lt => FloatCC::LessThan,
            FloatCond::Le => FloatCC::LessThanOrEqual,
        };
        Val::Is(self.b.ins().fcmp(cc, a, b))
    }

    fn int_to_float(&mut self, v: Val) -> Val {
        let v = self.value::<u64>(v);
        Val::Is(self.b.ins().fcvt_from_sint(types::F64, v))
    }

    fn float_bits(&mut self, v: Val) -> Val {
        match v {
            Val::Known(_) => v,
            Val::Is(v) => {
                let v = self.one_nan(v);
                Val::Is(self.b.ins().bitcast(types::I64, MemFlagsData::new(), v))
            }
        }
    }

    fn bits_float(&mut self, v: Val) -> Val {
        match v {
            Val::Known(_) => v,
            Val::Is(v) => Val::Is(self.b.ins().bitcast(types::F64, MemFlagsData::new(), v)),
        }
    }

    fn get<T: Scalar>(&mut self, r: Reg<T>) -> Val {
        debug_assert_eq!(G::SLOTS[r.slot()].1, T::TYPE);
        self.now.slots[r.slot()].expect("every slot that the region uses has a value")
    }

    fn set<T: Scalar>(&mut self, r: Reg<T>, v: Val) {
        debug_assert_eq!(G::SLOTS[r.slot()].1, T::TYPE);
        self.now.slots[r.slot()] = Some(v);
    }

    fn load<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Val) -> Val {
        self.load_element(space, at)
    }

    fn store<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Val, v: Val) {
        self.store_element(space, at, v);
    }

    fn discard<A: Int, T: Scalar>(&mut self, _: Space<A, T>, _: Val) {
        self.discard_element();
    }

    fn require(&mut self, holds: Val, _fault: u8) {
        match holds {
            Val::Known(0) => self.leave_always(Reason::Required),
            Val::Known(_) => {}
            Val::Is(holds) => {
                let fails = self.b.ins().icmp_imm_s(IntCC::Equal, holds, 0);
                self.leave_if(fails, Reason::Required);
            }
        }
    }
}

impl<G: Guest> Translator<'_, G> {
    /// A slot's value plus a constant.
    pub(super) fn offset(&mut self, value: Val, ty: Type, plus: i64) -> Val {
        let unused = 64 - 8 * ty.bytes() as u32;
        match value {
            _ if plus == 0 => value,
            Val::Known(bits) => Val::Known(bits.wrapping_add(plus as u64) << unused >> unused),
            Val::Is(value) => Val::Is(self.plus(value, plus << unused >> unused)),
        }
    }

    /// `x + n`, as an offset from what `x` is an offset from: chains of additions become one. A large constant
    /// is a pointer itself, to which a small, perhaps negative, index is added: that wraps.
    fn plus(&mut self, x: Value, n: i64) -> Value {
        let (pointer, offset) = self.offsets.get(&x).copied().unwrap_or((x, 0));
        let offset = offset.wrapping_add(n);
        if offset == 0 {
            return pointer;
        }
        let ty = self.b.func.dfg.value_type(x);
        // Tables are anywhere among addresses of 16 bits.
        let most = if ty == types::I16 { FAR } else { WIDE };
        if n.abs() > most {
            let sum = self.b.ins().iadd_imm_s(x, n);
            let mask = u64::MAX >> (64 - ty.bits());
            self.indexed.insert(sum, (x, n as u64 & mask));
            return sum;
        }
        let sum = self.b.ins().iadd_imm_s(pointer, offset);
        self.offsets.insert(sum, (pointer, offset));
        sum
    }

    /// A double whose bits are about to be seen: if it is a NaN, the one that there is.
    pub(super) fn one_nan(&mut self, v: Value) -> Value {
        let nan = self.b.ins().f64const(f64::NAN);
        let is_nan = self.b.ins().fcmp(FloatCC::Unordered, v, v);
        self.b.ins().select(is_nan, nan, v)
    }

    /// Division that cannot trap: the divisors 0 and -1 are kept from the instruction.
    fn divide(&mut self, op: Binary, a: Value, b: Value) -> Value {
        let ty = self.b.func.dfg.value_type(a);
        let zero = self.b.ins().iconst(ty, 0);
        let one = self.b.ins().iconst(ty, 1);
        let by_zero = self.b.ins().icmp_imm_s(IntCC::Equal, b, 0);
        let by_minus_one = self.b.ins().icmp_imm_s(IntCC::Equal, b, -1);
        let odd = self.b.ins().bor(by_zero, by_minus_one);
        let safe = self.b.ins().select(odd, one, b);
        let (quotient, special) = match op {
            Binary::Div => (self.b.ins().sdiv(a, safe), self.b.ins().ineg(a)),
            _ => (self.b.ins().srem(a, safe), zero),
        };
        let result = self.b.ins().select(by_minus_one, special, quotient);
        self.b.ins().select(by_zero, zero, result)
    }
}
