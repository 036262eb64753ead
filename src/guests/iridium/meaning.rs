//! What each Iridium instruction does, written once.

use super::isa::{BP, COUNTER, FLAG, HEAP, HEAP_LEN, HEAP_MOST, PAIRS, REMAINDER, SIZE, SP, STACK, f, op, r};
use crate::guest::Insn;
use crate::ops::{Binary, Cond, Float, FloatCond, Flow, FlowOf, Ops, Pc, Via};

/// Numbers of [`Ops::require`]: division by zero, and a heap that cannot grow so much.
pub(super) const DIVISION: u8 = 0;
pub(super) const GROWTH: u8 = 1;

/// Numbers of the host's services.
pub(super) const STOP: u16 = 0;
pub(super) const PRINT: u16 = 1;

/// The meaning of `insn` at `pc`.
#[inline(always)]
pub(super) fn meaning<O: Ops>(insn: Insn, pc: Pc, o: &mut O) -> FlowOf<O> {
    let (a, b, c) = (r(insn.a()), r(insn.b()), r(insn.c()));
    let imm = insn.imm();
    match insn.op() {
        op::LOAD => {
            let v = o.imm(imm);
            o.set(a, v);
        }
        op::LUI => {
            let (v, bits, low) = (o.get(a), o.imm(16), o.imm(imm));
            let high = o.binary(Binary::Shl, v, bits);
            let v = o.binary(Binary::Or, high, low);
            o.set(a, v);
        }
        op::ADD => integer(o, insn, Binary::Add),
        op::SUB => integer(o, insn, Binary::Sub),
        op::MUL => integer(o, insn, Binary::Mul),
        op::AND => integer(o, insn, Binary::And),
        op::OR => integer(o, insn, Binary::Or),
        op::XOR => integer(o, insn, Binary::Xor),
        op::DIV => {
            let (x, y, zero) = (o.get(a), o.get(b), o.imm(0u32));
            let divides = o.compare(Cond::Ne, y, zero);
            o.require(divides, DIVISION);
            let quotient = o.binary(Binary::Div, x, y);
            let remainder = o.binary(Binary::Rem, x, y);
            o.set(c, quotient);
            o.set(REMAINDER, remainder);
        }
        op::NOT => {
            let v = o.get(a);
            let v = o.not(v);
            o.set(b, v);
        }
        op::SHL => with_constant(o, insn, Binary::Shl, imm),
        op::SHR => with_constant(o, insn, Binary::Sar, imm),
        op::INC => with_constant(o, insn, Binary::Add, 1),
        op::DEC => with_constant(o, insn, Binary::Sub, 1),
        op::EQ => compare(o, insn, Cond::Eq),
        op::NEQ => compare(o, insn, Cond::Ne),
        op::GTE => compare(o, insn, Cond::Ge),
        op::LTE => compare(o, insn, Cond::Le),
        op::LT => compare(o, insn, Cond::Lt),
        op::GT => compare(o, insn, Cond::Gt),
        op::LOADF64 => {
            let v = o.imm(f64::from(imm));
            o.set(f(insn.a()), v);
        }
        op::ADDF64 => double(o, insn, Float::Add),
        op::SUBF64 => double(o, insn, Float::Sub),
        op::MULF64 => double(o, insn, Float::Mul),
        op::DIVF64 => double(o, insn, Float::Div),
        op::EQF64 => {
            let near = near(o, insn);
            o.set(FLAG, near);
        }
        op::NEQF64 => {
            let (near, yes, no) = (near(o, insn), o.imm(true), o.imm(false));
            let far = o.select(near, no, yes);
            o.set(FLAG, far);
        }
        op::GTF64 => compare_doubles(o, FloatCond::Lt, insn.b(), insn.a()),
        op::GTEF64 => compare_doubles(o, FloatCond::Le, insn.b(), insn.a()),
        op::LTF64 => compare_doubles(o, FloatCond::Lt, insn.a(), insn.b()),
        op::LTEF64 => compare_doubles(o, FloatCond::Le, insn.a(), insn.b()),
        op::JMP => {
            let to = o.get(a);
            return Flow::Dynamic(to, Via::Jump);
        }
        op::JMPF => {
            let distance = o.get(a);
            return near_jump(o, pc, distance);
        }
        op::JMPB => {
            let (zero, distance) = (o.imm(0u32), o.get(a));
            let distance = o.sub(zero, distance);
            return near_jump(o, pc, distance);
        }
        op::JMPE => {
            let (taken, to) = (o.get(FLAG), o.get(a));
            return Flow::DynamicIf(taken, to);
        }
        op::DJMPE => {
            let taken = o.get(FLAG);
            return Flow::If(taken, imm);
        }
        op::CLOOP => {
            let v = o.imm(imm);
            o.set(COUNTER, v);
        }
        op::LOOP => {
            let (n, zero, one) = (o.get(COUNTER), o.imm(0u32), o.imm(1u32));
            let again = o.compare(Cond::Ne, n, zero);
            let less = o.sub(n, one);
            let n = o.select(again, less, zero);
            o.set(COUNTER, n);
            return Flow::If(again, imm);
        }
        op::ALOC => {
            let (more, len, most) = (o.get(a), o.get(HEAP_LEN), o.get(HEAP_MOST));
            let room = o.sub(most, len);
            let lacks = o.compare(Cond::Below, room, more);
            let (yes, no) = (o.imm(true), o.imm(false));
            let fits = o.select(lacks, no, yes);
            o.require(fits, GROWTH);
            let len = o.add(len, more);
            o.set(HEAP_LEN, len);
        }
        op::LOADM => {
            let at = o.get(a);
            let v = o.load(HEAP, at);
            o.set(b, v);
        }
        op::SETM => {
            let (at, v) = (o.get(a), o.get(b));
            o.store(HEAP, at, v);
        }
        op::PUSH => {
            let (sp, v, one) = (o.get(SP), o.get(a), o.imm(1u32));
            o.store(STACK, sp, v);
            let sp = o.add(sp, one);
            o.set(SP, sp);
        }
        op::POP => {
            let (sp, one) = (o.get(SP), o.imm(1u32));
            let sp = o.sub(sp, one);
            let v = o.load(STACK, sp);
            o.set(a, v);
            o.set(SP, sp);
        }
        op::CALL => {
            let (sp, bp, two) = (o.get(SP), o.get(BP), o.imm(2u32));
            let link = o.imm(u64::from(pc.wrapping_add(SIZE)));
            let (bp, half) = (o.unsigned::<u32, u64>(bp), o.imm(32u64));
            let bp = o.binary(Binary::Shl, bp, half);
            let frame = o.binary(Binary::Or, bp, link);
            o.store(PAIRS, sp, frame);
            let sp = o.add(sp, two);
            o.set(SP, sp);
            o.set(BP, sp);
            return Flow::Call(imm);
        }
        op::RET => {
            let (bp, two, half) = (o.get(BP), o.imm(2u32), o.imm(32u64));
            let sp = o.sub(bp, two);
            let frame = o.load(PAIRS, sp);
            let bp = o.binary(Binary::Shr, frame, half);
            let bp = o.unsigned(bp);
            o.set(SP, sp);
            o.set(BP, bp);
            let to = o.unsigned(frame);
            return Flow::Dynamic(to, Via::Return);
        }
        op::NOP => {}
        op::HLT => return Flow::Trap(STOP),
        op::PRTS => return Flow::Trap(PRINT),
        _ => return Flow::Illegal,
    }
    Flow::Next
}

/// `c = a op b`
#[inline(always)]
fn integer<O: Ops>(o: &mut O, insn: Insn, op: Binary) {
    let (x, y) = (o.get(r(insn.a())), o.get(r(insn.b())));
    let v = o.binary(op, x, y);
    o.set(r(insn.c()), v);
}

/// `a = a op n`
#[inline(always)]
fn with_constant<O: Ops>(o: &mut O, insn: Insn, op: Binary, n: u32) {
    let (x, n) = (o.get(r(insn.a())), o.imm(n));
    let v = o.binary(op, x, n);
    o.set(r(insn.a()), v);
}

/// `flag = a cond b`
#[inline(always)]
fn compare<O: Ops>(o: &mut O, insn: Insn, cond: Cond) {
    let (x, y) = (o.get(r(insn.a())), o.get(r(insn.b())));
    let v = o.compare(cond, x, y);
    o.set(FLAG, v);
}

/// `c = a op b`
#[inline(always)]
fn double<O: Ops>(o: &mut O, insn: Insn, op: Float) {
    let (x, y) = (o.get(f(insn.a())), o.get(f(insn.b())));
    let v = o.float(op, x, y);
    o.set(f(insn.c()), v);
}

/// `flag = x cond y`
#[inline(always)]
fn compare_doubles<O: Ops>(o: &mut O, cond: FloatCond, x: u8, y: u8) {
    let (x, y) = (o.get(f(x)), o.get(f(y)));
    let v = o.compare_float(cond, x, y);
    o.set(FLAG, v);
}

/// Whether `a` and `b` are less than 2⁻⁵² apart; false where either is a NaN.
#[inline(always)]
fn near<O: Ops>(o: &mut O, insn: Insn) -> O::V<bool> {
    let (x, y) = (o.get(f(insn.a())), o.get(f(insn.b())));
    let difference = o.float(Float::Sub, x, y);
    let (least, most, no) = (o.imm(-f64::EPSILON), o.imm(f64::EPSILON), o.imm(false));
    let above = o.compare_float(FloatCond::Lt, least, difference);
    let below = o.compare_float(FloatCond::Lt, difference, most);
    o.select(above, below, no)
}

/// To where `distance` leads from two bytes behind `pc`; two past a boundary is the boundary.
#[inline(always)]
fn near_jump<O: Ops>(o: &mut O, pc: Pc, distance: O::V<u32>) -> FlowOf<O> {
    let (here, two, mask) = (o.imm(pc), o.imm(2u32), o.imm(!2u32));
    let distance = o.add(distance, two);
    let distance = o.and(distance, mask);
    let to = o.add(here, distance);
    Flow::Dynamic(to, Via::Jump)
}
