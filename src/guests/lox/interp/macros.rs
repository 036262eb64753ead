//! What handlers are written with. They are given the state by name: pc, frame, core, limit, table, statics.

/// Defines a handler, with `insn` its instruction. `$go` is the state that others are given.
macro_rules! handlers {
    ($($(#[$about:meta])* fn $name:ident($pc:ident, $base:ident, $core:ident, $limit:ident, $table:ident, $k:ident, $insn:ident) $body:block)+) => {
        $($(#[$about])*
        #[allow(unused_variables, unused_mut)]
        pub(in crate::guests::lox::interp) unsafe fn $name(
            mut $pc: *const Insn,
            mut $base: *mut Value,
            $core: *mut Core,
            mut $limit: isize,
            $table: *const Handler,
            $k: *const Value,
        ) {
            // SAFETY: see the module.
            unsafe {
                let $insn = *$pc;
                $body
            }
        })+
    };
}

/// Goes on with the instruction at `$pc`.
macro_rules! dispatch {
    ($pc:expr, $base:expr, $core:expr, $limit:expr, $table:expr, $k:expr) => {{
        let pc: *const Insn = $pc;
        let handler = *$table.add((*pc).op() as usize);
        return handler.0(pc, $base, $core, $limit, $table, $k);
    }};
}

/// Goes on with the instruction at `$pc`, if there is budget left for a while.
macro_rules! arrive {
    ($pc:expr, $base:expr, $core:expr, $limit:expr, $table:expr, $k:expr) => {{
        let (pc, limit): (*const Insn, isize) = ($pc, $limit);
        if limit <= pc as isize {
            return pause(pc, $base, $core, limit, $table, $k);
        }
        dispatch!(pc, $base, $core, limit, $table, $k)
    }};
}

/// Jumps as the instruction says.
macro_rules! jump {
    ($insn:expr, $pc:expr, $base:expr, $core:expr, $limit:expr, $table:expr, $k:expr) => {{
        let distance = $insn.distance();
        arrive!($pc.offset(1 + distance), $base, $core, $limit + distance * SIZE, $table, $k)
    }};
}

/// Enters a function, whose frame is at `$frame`, from the call at `$pc`.
macro_rules! call {
    ($closure:expr, $frame:expr, $pc:expr, $base:expr, $core:expr, $limit:expr, $table:expr, $k:expr) => {{
        let (closure, frame): (Ref<Closure>, *mut Value) = ($closure, $frame);
        let next = $pc.add(1);
        *frame.sub(1) = Value::object(closure);
        *frame.sub(2) = Value(next as u64);
        if frame.add(closure.registers as usize) > (*$core).soft || (*$core).calls_left == 0 {
            return enter_slow($pc, $base, $core, $limit, $table, $k);
        }
        (*$core).calls_left -= 1;
        let entry = closure.entry;
        arrive!(entry, frame, $core, $limit + (entry as isize - next as isize), $table, $k)
    }};
}

/// Stops the run.
macro_rules! halt {
    ($halt:expr, $pc:expr, $base:expr, $core:expr, $limit:expr, $table:expr, $k:expr) => {{
        (*$core).halt = Some($halt);
        return pause($pc, $base, $core, $limit, $table, $k);
    }};
}

/// Goes on with what came of something slow, or stops with its error.
macro_rules! done {
    ($result:expr, $insn:expr, $pc:expr, $base:expr, $core:expr, $limit:expr, $table:expr, $k:expr) => {{
        let result: Fallible<Value> = $result;
        match result {
            Ok(value) => {
                *$base.add($insn.a()) = value;
                return pause($pc.add(1), $base, $core, $limit, $table, $k);
            }
            Err(message) => halt!(Halt::Error(message), $pc, $base, $core, $limit, $table, $k),
        }
    }};
}

/// Goes on after something slow whose result is whether to jump.
macro_rules! jumped {
    ($jumps:expr, $insn:expr, $pc:expr, $base:expr, $core:expr, $limit:expr, $table:expr, $k:expr) => {{
        let result: Fallible<bool> = $jumps;
        match result {
            Ok(jumps) => {
                let distance = if jumps { $insn.distance() } else { 0 };
                return pause($pc.offset(1 + distance), $base, $core, $limit + distance * SIZE, $table, $k);
            }
            Err(message) => halt!(Halt::Error(message), $pc, $base, $core, $limit, $table, $k),
        }
    }};
}

/// Goes where a call leads, and returns. The core stands at the call; natives may have used some of the budget.
macro_rules! go {
    ($target:expr, $insn:expr, $pc:expr, $base:expr, $core:expr) => {{
        let target: Fallible<Target> = $target;
        match target {
            Ok(Target::Enter(closure)) => return enter_function(&mut *$core, closure),
            Ok(Target::Done(value)) => {
                *$base.add($insn.a()) = value;
                (*$core).pc = $pc.add(1);
            }
            Err(message) => (*$core).halt = Some(Halt::Error(message)),
        }
    }};
}

/// Returns from a function.
macro_rules! leave {
    ($value:expr, $pc:expr, $base:expr, $core:expr, $limit:expr, $table:expr, $k:expr) => {{
        let back = (*$base.sub(2)).0 as *const Insn;
        let call = *back.sub(1);
        let base = $base.sub(call.b() + LINK);
        *base.add(call.a()) = $value;
        (*$core).calls_left += 1;
        let moved = back as isize - $pc.add(1) as isize;
        arrive!(back, base, $core, $limit + moved, $table, $k)
    }};
}

macro_rules! operand {
    (b, $base:expr, $k:expr, $insn:expr) => {
        (*$base.add($insn.b())).float()
    };
    (c, $base:expr, $k:expr, $insn:expr) => {
        (*$base.add($insn.c())).float()
    };
    (k, $base:expr, $k:expr, $insn:expr) => {
        (*$k.add($insn.c())).float()
    };
}

macro_rules! arithmetic {
    ($($name:ident: $left:ident $op:tt $right:ident;)+) => {
        $(handlers! {
            fn $name(pc, base, core, limit, table, k, insn) {
                let result = operand!($left, base, k, insn) $op operand!($right, base, k, insn);
                if result.is_nan() {
                    return arithmetic_slow(pc, base, core, limit, table, k);
                }
                *base.add(insn.a()) = Value::number(result);
                dispatch!(pc.add(1), base, core, limit, table, k)
            }
        })+
    };
}

macro_rules! comparisons {
    ($($name:ident: $left:expr, $right:expr, $when:literal;)+) => {
        $(handlers! {
            fn $name(pc, base, core, limit, table, k, insn) {
                let (left, right): (Take, Take) = ($left, $right);
                let (a, b) = (left(base, k, insn).float(), right(base, k, insn).float());
                if a < b {
                    if $when {
                        jump!(insn, pc, base, core, limit, table, k)
                    }
                    dispatch!(pc.add(1), base, core, limit, table, k)
                }
                if a >= b {
                    if !$when {
                        jump!(insn, pc, base, core, limit, table, k)
                    }
                    dispatch!(pc.add(1), base, core, limit, table, k)
                }
                return compare_slow(pc, base, core, limit, table, k);
            }
        })+
    };
}

macro_rules! equalities {
    ($($name:ident: $right:ident, $when:literal;)+) => {
        $(handlers! {
            fn $name(pc, base, core, limit, table, k, insn) {
                let (left, right) = (a(base, k, insn), $right(base, k, insn));
                if left.float() == right.float() || left == right && !left.is_number() {
                    if $when {
                        jump!(insn, pc, base, core, limit, table, k)
                    }
                    dispatch!(pc.add(1), base, core, limit, table, k)
                }
                if left.is_object() && right.is_object() {
                    return equal_slow(pc, base, core, limit, table, k);
                }
                if !$when {
                    jump!(insn, pc, base, core, limit, table, k)
                }
                dispatch!(pc.add(1), base, core, limit, table, k)
            }
        })+
    };
}
