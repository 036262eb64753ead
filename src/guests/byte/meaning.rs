//! What each instruction does, written once.

use super::{FP, FRAME, FRAMES, SP, STACK, op};
use crate::guest::Insn;
use crate::ops::{Binary, Cond, Flow, FlowOf, Ops, Pc, Stack, Via};

/// Faults of [`Ops::require`].
pub(super) const EMPTY: u8 = 0;
pub(super) const NO_CALL: u8 = 1;

const VALUES: Stack<u8> = Stack::new(STACK, SP);

#[inline(always)]
pub(super) fn meaning<O: Ops>(insn: Insn, pc: Pc, o: &mut O) -> FlowOf<O> {
    let (operand, target) = (insn.a(), Pc::from(insn.a()));
    match insn.op() {
        op::HALT => {
            let (sp, zero) = (o.get(SP), o.imm(0));
            let some = o.compare(Cond::Ne, sp, zero);
            o.require(some, EMPTY);
            return Flow::Trap(0);
        }
        op::PUSH => {
            let v = o.imm(operand);
            VALUES.push(o, v);
        }
        op::ADD | op::SUB | op::MUL | op::EQ | op::LT => {
            let (b, a) = (VALUES.peek(o, 1), VALUES.peek(o, 2));
            let v = match insn.op() {
                op::ADD => o.add(a, b),
                op::SUB => o.sub(a, b),
                op::MUL => o.binary(Binary::Mul, a, b),
                op::EQ => compare(o, Cond::Eq, a, b),
                _ => compare(o, Cond::Below, a, b),
            };
            VALUES.replace_two(o, v);
        }
        op::DUP => {
            let v = VALUES.peek(o, 1);
            VALUES.push(o, v);
        }
        op::DROP => {
            VALUES.peek(o, 1);
            VALUES.drop(o);
        }
        op::GET => {
            let at = in_frame(o, u32::from(operand));
            let v = o.load(FRAMES, at);
            VALUES.push(o, v);
        }
        op::SET => {
            let (v, at) = (VALUES.peek(o, 1), in_frame(o, u32::from(operand)));
            o.store(FRAMES, at, v);
            VALUES.drop(o);
        }
        op::JUMP => return Flow::Goto(target),
        op::JUMPIF => {
            let (v, zero) = (VALUES.peek(o, 1), o.imm(0));
            let taken = o.compare(Cond::Ne, v, zero);
            VALUES.drop(o);
            return Flow::If(taken, target);
        }
        op::CALL => {
            let (at, back) = (in_frame(o, 2 * FRAME - 1), o.imm(pc.wrapping_add(1) as u8));
            o.store(FRAMES, at, back);
            let fp = in_frame(o, FRAME);
            o.set(FP, fp);
            return Flow::Call(target);
        }
        op::RET => {
            let (fp, zero, at) = (o.get(FP), o.imm(0), in_frame(o, FRAME - 1));
            let called = o.compare(Cond::Ne, fp, zero);
            o.require(called, NO_CALL);
            let back = o.load(FRAMES, at);
            let fp = in_frame(o, FRAME.wrapping_neg());
            o.set(FP, fp);
            let back = o.unsigned(back);
            return Flow::Dynamic(back, Via::Return);
        }
        _ => return Flow::Illegal,
    }
    Flow::Next
}

/// 1 if it holds, else 0.
#[inline(always)]
fn compare<O: Ops>(o: &mut O, cond: Cond, a: O::V<u8>, b: O::V<u8>) -> O::V<u8> {
    let (holds, one, zero) = (o.compare(cond, a, b), o.imm(1), o.imm(0));
    o.select(holds, one, zero)
}

/// An address in the frame under way.
#[inline(always)]
fn in_frame<O: Ops>(o: &mut O, offset: u32) -> O::V<u32> {
    let (fp, offset) = (o.get(FP), o.imm(offset));
    o.add(fp, offset)
}
