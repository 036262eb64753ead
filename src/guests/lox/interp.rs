//! The interpreter: a handler for each operation. A handler does the usual case itself and ends with a jump to the next
//! instruction's handler (a call in tail position, where the compiler optimises; see `build.rs`); for everything else it
//! jumps to a slow one, so that none of the fast ones has to save a register. Slow ones return to the loop of [`run`], as
//! whether their calls would become jumps depends on too much.
//!
//! The budget is not counted down. `limit` is the address at which it would be spent if code went straight on; a jump
//! moves both. It is looked at where control goes backwards, into a function or out of one; so that it cannot be passed
//! in between, the last part of a budget is done instruction by instruction, in the loop of [`run`].
//!
//! # Safety
//! Handlers may be called with: `pc` at an instruction of a linked unit, which [`super::verify`] has accepted; `base` at
//! that function's frame, whose link says what it is and where it returns to, in the core's stack, with room for the
//! function's registers; `k` at the core's statics. Verified code names only registers, statics, sites and places of its own
//! function; a register that holds a box according to the code is not tested to do so, but the verifier has no types, so
//! boxes are tested where they are used.

#[macro_use]
mod macros;
mod objects;
mod table;

use super::core::{Core, Halt, Site, Way};
use super::feedback::{BETWEEN, LOOK};
use super::isa::{Insn, LINK, Op};
use super::object::{Boxed, CLOSURE_WORDS, Class, Closure, Header, INSTANCE_WORDS, Ref, shape};
use super::runtime::{Fallible, Target};
use super::value::Value;
use objects::*;
use table::{Handler, PAUSES, TABLE};

/// Bytes of an instruction.
const SIZE: isize = size_of::<Insn>() as isize;

/// Runs from where the core stands until its host's call returns, so many instructions have retired, or something is
/// wrong. Returns how many retired.
pub fn run(core: &mut Core, budget: u64) -> u64 {
    if core.halt.is_some() {
        return 0;
    }
    let budget = budget.min(1 << 56) as isize;
    // The host's own call is an instruction, but not the program's.
    let starts = core.is_host_code(core.pc) as isize;
    let start = core.pc as isize;
    let limit = start + (budget + starts) * SIZE;
    core.spent_at = limit;
    let margin = core.longest as isize * SIZE;
    while core.halt.is_none() {
        let left = core.spent_at - core.pc as isize;
        if cfg!(all(tail_calls, not(debug_assertions))) && left > margin && core.until_look > 0 {
            let turn = (left - margin).min(core.until_look);
            core.reserve += left - turn;
            core.spent_at -= left - turn;
            // SAFETY: the core stands at a linked instruction, or at its host's call.
            unsafe { enter(core, TABLE.as_ptr()) };
            core.reserve -= left - turn;
            core.until_look += core.spent_at - core.pc as isize - turn;
            core.spent_at += left - turn;
            continue;
        }
        // SAFETY: as above.
        let is_end = unsafe { (*core.pc).op() == Op::Halt as u8 };
        if left <= 0 && !is_end {
            core.halt = Some(Halt::Budget);
        } else {
            let (looked, before) = (core.look(), (core.pc, core.base));
            // SAFETY: as above.
            unsafe { enter(core, PAUSES.as_ptr()) };
            core.look_back(looked, before);
            core.until_look -= SIZE;
            if core.until_look < -LOOK * SIZE {
                core.until_look = BETWEEN * SIZE;
            }
        }
    }
    let left = (core.spent_at - core.pc as isize) / SIZE;
    // What the host calls may be nothing that can be called.
    (budget - left).max(0) as u64
}

/// Does the instruction at hand, and goes on by a table of handlers.
///
/// # Safety
/// The core stands at a linked instruction.
unsafe fn enter(core: &mut Core, table: *const Handler) {
    let (pc, base, limit, k) = (core.pc, core.base, core.spent_at, core.statics.as_ptr());
    // SAFETY: the caller says so.
    unsafe { TABLE[(*pc).op() as usize].0(pc, base, core, limit, table, k) };
}

/// Notes where the machine stands, and returns from all handlers.
unsafe fn pause(
    pc: *const Insn,
    base: *mut Value,
    core: *mut Core,
    limit: isize,
    _: *const Handler,
    _: *const Value,
) {
    // SAFETY: see the module.
    unsafe { ((*core).pc, (*core).base, (*core).spent_at) = (pc, base, limit) };
}

/// Enters a function from the call at which the core stands, whose frame has all but the link.
unsafe fn enter_function(core: &mut Core, closure: Ref<Closure>) {
    // SAFETY: see the module.
    unsafe {
        let frame = core.base.add((*core.pc).b() + LINK);
        let next = core.pc.add(1);
        if core.calls_left == 0 || !core.grow_stack(frame.wrapping_add(closure.registers as usize)) {
            core.halt = Some(Halt::Error("Stack overflow.".to_owned()));
            return;
        }
        *frame.sub(1) = Value::object(closure);
        *frame.sub(2) = Value(next as u64);
        core.calls_left -= 1;
        core.spent_at += closure.entry as isize - next as isize;
        (core.pc, core.base) = (closure.entry, frame);
    }
}

/// The end of the frame at `base`, which is in use.
unsafe fn top(base: *mut Value) -> *mut Value {
    // SAFETY: see the module.
    unsafe {
        // The host's own frame has only what it calls.
        let registers = (*base.sub(1)).as_object::<Closure>().map_or(0, |closure| closure.registers);
        base.add(registers as usize)
    }
}

arithmetic! {
    add: b + c;
    add_k: b + k;
    subtract: b - c;
    subtract_k: b - k;
    k_subtract: k - b;
    multiply: b * c;
    multiply_k: b * k;
    divide: b / c;
    divide_k: b / k;
    k_divide: k / b;
}

/// Takes an operand.
type Take = unsafe fn(*mut Value, *const Value, Insn) -> Value;

#[inline(always)]
unsafe fn a(base: *mut Value, _: *const Value, insn: Insn) -> Value {
    // SAFETY: see the module.
    unsafe { *base.add(insn.a()) }
}

#[inline(always)]
unsafe fn b(base: *mut Value, _: *const Value, insn: Insn) -> Value {
    // SAFETY: see the module.
    unsafe { *base.add(insn.b()) }
}

#[inline(always)]
unsafe fn kb(_: *mut Value, k: *const Value, insn: Insn) -> Value {
    // SAFETY: see the module.
    unsafe { *k.add(insn.b()) }
}

comparisons! {
    jump_less: a, b, true;
    jump_not_less: a, b, false;
    jump_less_k: a, kb, true;
    jump_not_less_k: a, kb, false;
    jump_k_less: kb, a, true;
    jump_k_not_less: kb, a, false;
}

equalities! {
    jump_equal: b, true;
    jump_not_equal: b, false;
    jump_equal_k: kb, true;
    jump_not_equal_k: kb, false;
}

handlers! {
    fn halt(pc, base, core, limit, table, k, insn) {
        let result = *base;
        halt!(Halt::Done(result), pc, base, core, limit, table, k)
    }

    fn move_(pc, base, core, limit, table, k, insn) {
        *base.add(insn.a()) = *base.add(insn.b());
        dispatch!(pc.add(1), base, core, limit, table, k)
    }

    fn load(pc, base, core, limit, table, k, insn) {
        *base.add(insn.a()) = *k.add(insn.index());
        dispatch!(pc.add(1), base, core, limit, table, k)
    }

    fn get_global(pc, base, core, limit, table, k, insn) {
        let value = *k.add(insn.index());
        if value == Value::UNDEFINED {
            return undefined_global(pc, base, core, limit, table, k);
        }
        *base.add(insn.a()) = value;
        dispatch!(pc.add(1), base, core, limit, table, k)
    }

    fn set_global(pc, base, core, limit, table, k, insn) {
        let cell = k.add(insn.index()).cast_mut();
        if *cell == Value::UNDEFINED {
            return undefined_global(pc, base, core, limit, table, k);
        }
        *cell = *base.add(insn.a());
        dispatch!(pc.add(1), base, core, limit, table, k)
    }

    fn define_global(pc, base, core, limit, table, k, insn) {
        *k.add(insn.index()).cast_mut() = *base.add(insn.a());
        dispatch!(pc.add(1), base, core, limit, table, k)
    }

    #[cold]
    fn undefined_global(pc, base, core, limit, table, k, insn) {
        let name = String::from_utf8_lossy((*core).global_name(insn.index())).into_owned();
        halt!(Halt::Error(format!("Undefined variable '{name}'.")), pc, base, core, limit, table, k)
    }

    fn get_capture(pc, base, core, limit, table, k, insn) {
        *base.add(insn.a()) = capture(base, insn);
        dispatch!(pc.add(1), base, core, limit, table, k)
    }

    fn get_capture_box(pc, base, core, limit, table, k, insn) {
        if let Some(boxed) = capture(base, insn).as_object::<Boxed>() {
            *base.add(insn.a()) = boxed.value.get();
        }
        dispatch!(pc.add(1), base, core, limit, table, k)
    }

    fn set_capture_box(pc, base, core, limit, table, k, insn) {
        if let Some(boxed) = capture(base, insn).as_object::<Boxed>() {
            boxed.value.set(*base.add(insn.a()));
        }
        dispatch!(pc.add(1), base, core, limit, table, k)
    }

    fn get_self(pc, base, core, limit, table, k, insn) {
        *base.add(insn.a()) = *base.sub(1);
        dispatch!(pc.add(1), base, core, limit, table, k)
    }

    fn new_box(pc, base, core, limit, table, k, insn) {
        let hole = &mut (*core).hole;
        let at = hole.next;
        if at + size_of::<Boxed>() > hole.end {
            return new_box_slow(pc, base, core, limit, table, k);
        }
        hole.next = at + size_of::<Boxed>();
        let word = at as *mut u64;
        *word = Header::word(shape::BOX, 2);
        *word.add(1) = (*base.add(insn.b())).0;
        *base.add(insn.a()) = Value::object(Ref::<Boxed>::at(at as u64));
        dispatch!(pc.add(1), base, core, limit, table, k)
    }

    #[cold]
    fn new_box_slow(pc, base, core, limit, table, k, insn) {
        let result = (*core).make_room(top(base)).map(|()| {
            let core = &mut *core;
            let value = (*base.add(insn.b())).into();
            Value::object(core.heap.make(&mut core.hole, shape::BOX, 0, |header| Boxed { header, value }))
        });
        done!(result, insn, pc, base, core, limit, table, k)
    }

    fn get_box(pc, base, core, limit, table, k, insn) {
        if let Some(boxed) = (*base.add(insn.b())).as_object::<Boxed>() {
            *base.add(insn.a()) = boxed.value.get();
        }
        dispatch!(pc.add(1), base, core, limit, table, k)
    }

    fn set_box(pc, base, core, limit, table, k, insn) {
        if let Some(boxed) = (*base.add(insn.b())).as_object::<Boxed>() {
            boxed.value.set(*base.add(insn.a()));
        }
        dispatch!(pc.add(1), base, core, limit, table, k)
    }

    fn closure(pc, base, core, limit, table, k, insn) {
        let result = (*core).make_room(top(base));
        let made = result.map(|()| (*core).closure(insn.index(), *base.sub(1), |register| *base.add(register)));
        done!(made, insn, pc, base, core, limit, table, k)
    }

    /// Arithmetic on what is not two numbers, or results in a NaN.
    #[inline(never)]
    fn arithmetic_slow(pc, base, core, limit, table, k, insn) {
        let op = operation(insn);
        let (left, right) = match op {
            Op::Add | Op::Subtract | Op::Multiply | Op::Divide => (*base.add(insn.b()), *base.add(insn.c())),
            Op::KSubtract | Op::KDivide => (*k.add(insn.c()), *base.add(insn.b())),
            _ => (*base.add(insn.b()), *k.add(insn.c())),
        };
        let result = (*core).make_room(top(base)).and_then(|()| (*core).arithmetic(op, left, right));
        done!(result, insn, pc, base, core, limit, table, k)
    }

    fn negate(pc, base, core, limit, table, k, insn) {
        let value = *base.add(insn.b());
        if !value.is_number() {
            return not_a_number(pc, base, core, limit, table, k);
        }
        *base.add(insn.a()) = Value::number(-value.float());
        dispatch!(pc.add(1), base, core, limit, table, k)
    }

    #[cold]
    fn not_a_number(pc, base, core, limit, table, k, insn) {
        halt!(Halt::Error("Operand must be a number.".to_owned()), pc, base, core, limit, table, k)
    }

    fn not(pc, base, core, limit, table, k, insn) {
        *base.add(insn.a()) = Value::bool((*base.add(insn.b())).is_falsy());
        dispatch!(pc.add(1), base, core, limit, table, k)
    }

    fn less(pc, base, core, limit, table, k, insn) {
        let (left, right) = ((*base.add(insn.b())).float(), (*base.add(insn.c())).float());
        if left < right || left >= right {
            *base.add(insn.a()) = Value::bool(left < right);
            dispatch!(pc.add(1), base, core, limit, table, k)
        }
        return less_slow(pc, base, core, limit, table, k);
    }

    fn not_less(pc, base, core, limit, table, k, insn) {
        let (left, right) = ((*base.add(insn.b())).float(), (*base.add(insn.c())).float());
        if left < right || left >= right {
            *base.add(insn.a()) = Value::bool(left >= right);
            dispatch!(pc.add(1), base, core, limit, table, k)
        }
        return less_slow(pc, base, core, limit, table, k);
    }

    /// A comparison of what is not two numbers, or has a NaN.
    #[cold]
    fn less_slow(pc, base, core, limit, table, k, insn) {
        let is_less = operation(insn) == Op::Less;
        let less = (*core).less(*base.add(insn.b()), *base.add(insn.c()));
        done!(less.map(|less| Value::bool(less == is_less)), insn, pc, base, core, limit, table, k)
    }

    fn equal(pc, base, core, limit, table, k, insn) {
        let (left, right) = (*base.add(insn.b()), *base.add(insn.c()));
        let is_equal = left.float() == right.float() || left == right && !left.is_number();
        if !is_equal && left.is_object() && right.is_object() {
            return equal_objects(pc, base, core, limit, table, k);
        }
        *base.add(insn.a()) = Value::bool(is_equal);
        dispatch!(pc.add(1), base, core, limit, table, k)
    }

    fn not_equal(pc, base, core, limit, table, k, insn) {
        let (left, right) = (*base.add(insn.b()), *base.add(insn.c()));
        let is_equal = left.float() == right.float() || left == right && !left.is_number();
        if !is_equal && left.is_object() && right.is_object() {
            return equal_objects(pc, base, core, limit, table, k);
        }
        *base.add(insn.a()) = Value::bool(!is_equal);
        dispatch!(pc.add(1), base, core, limit, table, k)
    }

    /// A comparison of two objects that are not the same.
    #[inline(never)]
    fn equal_objects(pc, base, core, limit, table, k, insn) {
        let wanted = operation(insn) == Op::Equal;
        let room = (*core).make_room(top(base));
        let (left, right) = (*base.add(insn.b()), *base.add(insn.c()));
        let result = room.map(|()| Value::bool((*core).equal(left, right) == wanted));
        done!(result, insn, pc, base, core, limit, table, k)
    }

    fn jump(pc, base, core, limit, table, k, insn) {
        jump!(insn, pc, base, core, limit, table, k)
    }

    fn jump_if(pc, base, core, limit, table, k, insn) {
        if (*base.add(insn.a())).is_falsy() {
            dispatch!(pc.add(1), base, core, limit, table, k)
        }
        jump!(insn, pc, base, core, limit, table, k)
    }

    fn jump_unless(pc, base, core, limit, table, k, insn) {
        if (*base.add(insn.a())).is_falsy() {
            jump!(insn, pc, base, core, limit, table, k)
        }
        dispatch!(pc.add(1), base, core, limit, table, k)
    }

    /// A comparison of what is not two numbers, or has a NaN.
    #[cold]
    fn compare_slow(pc, base, core, limit, table, k, insn) {
        let (left, right, when) = match operation(insn) {
            Op::JumpLess => (a(base, k, insn), b(base, k, insn), true),
            Op::JumpNotLess => (a(base, k, insn), b(base, k, insn), false),
            Op::JumpLessK => (a(base, k, insn), kb(base, k, insn), true),
            Op::JumpNotLessK => (a(base, k, insn), kb(base, k, insn), false),
            Op::JumpKLess => (kb(base, k, insn), a(base, k, insn), true),
            _ => (kb(base, k, insn), a(base, k, insn), false),
        };
        let less = (*core).less(left, right);
        jumped!(less.map(|less| less == when), insn, pc, base, core, limit, table, k)
    }

    /// A comparison of two objects that are not the same: equal only if they are strings.
    #[inline(never)]
    fn equal_slow(pc, base, core, limit, table, k, insn) {
        let (right, when) = match operation(insn) {
            Op::JumpEqual => (b(base, k, insn), true),
            Op::JumpNotEqual => (b(base, k, insn), false),
            Op::JumpEqualK => (kb(base, k, insn), true),
            _ => (kb(base, k, insn), false),
        };
        let room = (*core).make_room(top(base));
        let jumps = room.map(|()| (*core).equal(a(base, k, insn), right) == when);
        jumped!(jumps, insn, pc, base, core, limit, table, k)
    }

    fn print(pc, base, core, limit, table, k, insn) {
        match (*core).print(*base.add(insn.a())) {
            Ok(()) => pause(pc.add(1), base, core, limit, table, k),
            Err(error) => halt!(Halt::Io(error), pc, base, core, limit, table, k),
        }
    }
}

/// A capture of the function that runs.
#[inline(always)]
unsafe fn capture(base: *mut Value, insn: Insn) -> Value {
    // SAFETY: see the module.
    unsafe {
        let closure = (*base.sub(1)).header().map_or(0, |header| header.address());
        *(closure as *const Value).add(CLOSURE_WORDS + insn.b())
    }
}

fn operation(insn: Insn) -> Op {
    Op::from_number(insn.op()).unwrap_or(Op::Halt)
}
