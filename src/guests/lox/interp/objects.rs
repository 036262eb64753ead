//! Handlers of calls, properties and classes.
//!
//! # Safety
//! As in [`super`].

use super::*;

handlers! {
    fn call(pc, base, core, limit, table, k, insn) {
        let frame = base.add(insn.b() + LINK);
        if let Some(closure) = (*frame).as_object::<Closure>()
            && closure.arity == insn.x()
        {
            call!(closure, frame, pc, base, core, limit, table, k)
        }
        return call_class(pc, base, core, limit, table, k);
    }

    fn call_global(pc, base, core, limit, table, k, insn) {
        let frame = base.add(insn.b() + LINK);
        *frame = *k.add(insn.c());
        if let Some(closure) = (*frame).as_object::<Closure>()
            && closure.arity == insn.x()
        {
            call!(closure, frame, pc, base, core, limit, table, k)
        }
        return call_class(pc, base, core, limit, table, k);
    }

    /// A call of a class with an initialiser that takes as many arguments, or none of either; and room for the instance.
    fn call_class(pc, base, core, limit, table, k, insn) {
        let frame = base.add(insn.b() + LINK);
        let Some(class) = (*frame).as_object::<Class>() else {
            return call_slow(pc, base, core, limit, table, k);
        };
        let words = class.words.get() as usize;
        let hole = &mut (*core).hole;
        let at = hole.next;
        let init = class.init.get();
        if at + 8 * words > hole.end || init == Value::NIL {
            return call_slow(pc, base, core, limit, table, k);
        }
        let init = Ref::<Closure>::at(init.header().map_or(0, |header| header.address()));
        if init.arity != insn.x() {
            return call_slow(pc, base, core, limit, table, k);
        }
        hole.next = at + 8 * words;
        let word = at as *mut u64;
        *word = Header::word(class.shape.get(), words as u64);
        for n in INSTANCE_WORDS - 1..words {
            word.add(n).write_volatile(Value::NIL.0);
        }
        *frame = Value::object(Ref::<Header>::at(at as u64));
        call!(init, frame, pc, base, core, limit, table, k)
    }

    #[inline(never)]
    fn call_slow(pc, base, core, limit, table, k, insn) {
        pause(pc, base, core, limit, table, k);
        let room = (*core).make_room(top(base).max(base.add(insn.b() + LINK + 1 + insn.x() as usize)));
        let frame = base.add(insn.b() + LINK);
        go!(room.and_then(|()| (*core).call(frame, insn.x() as usize)), insn, pc, base, core)
    }

    fn invoke(pc, base, core, limit, table, k, insn) {
        let frame = base.add(insn.b() + LINK);
        let way: *mut Way = (*core).ways.add(insn.index());
        if let Some(header) = (*frame).header()
            && header.shape.get() == (*way).shape
        {
            call!(Ref::at((*way).word), frame, pc, base, core, limit, table, k)
        }
        return invoke_other(pc, base, core, limit, table, k);
    }

    /// The same of another shape that the site knows.
    #[inline(never)]
    fn invoke_other(pc, base, core, limit, table, k, insn) {
        let frame = base.add(insn.b() + LINK);
        if let Some(way) = other_way(core, insn, *frame) {
            call!(Ref::at((*way).word), frame, pc, base, core, limit, table, k)
        }
        return invoke_slow(pc, base, core, limit, table, k);
    }

    #[inline(never)]
    fn invoke_slow(pc, base, core, limit, table, k, insn) {
        pause(pc, base, core, limit, table, k);
        let frame = base.add(insn.b() + LINK);
        let room = (*core).make_room(top(base));
        go!(room.and_then(|()| (*core).invoke(frame, insn.index())), insn, pc, base, core)
    }

    fn invoke_super(pc, base, core, limit, table, k, insn) {
        let way: *mut Way = (*core).ways.add(insn.index());
        if let Some(class) = (*base.add(insn.b())).as_object::<Class>()
            && class.id + 1 == (*way).shape
        {
            let frame = base.add(insn.b() + LINK);
            call!(Ref::at((*way).word), frame, pc, base, core, limit, table, k)
        }
        return invoke_super_slow(pc, base, core, limit, table, k);
    }

    #[inline(never)]
    fn invoke_super_slow(pc, base, core, limit, table, k, insn) {
        pause(pc, base, core, limit, table, k);
        go!((*core).invoke_super(*base.add(insn.b()), insn.index()), insn, pc, base, core)
    }

    /// Enters the function of the frame that a call has prepared, where the stack is not in use so far up, or full.
    #[cold]
    fn enter_slow(pc, base, core, limit, table, k, insn) {
        let frame = base.add(insn.b() + LINK);
        let closure = Ref::<Closure>::at((*frame.sub(1)).header().map_or(0, |header| header.address()));
        pause(pc, base, core, limit, table, k);
        return enter_function(&mut *core, closure);
    }

    fn return_(pc, base, core, limit, table, k, insn) {
        let value = *base.add(insn.a());
        leave!(value, pc, base, core, limit, table, k)
    }

    fn return_k(pc, base, core, limit, table, k, insn) {
        let value = *k.add(insn.index());
        leave!(value, pc, base, core, limit, table, k)
    }

    fn get_property(pc, base, core, limit, table, k, insn) {
        let object = *base.add(insn.b());
        let way: *mut Way = (*core).ways.add(insn.index());
        if let Some(header) = object.header()
            && header.shape.get() == (*way).shape
        {
            *base.add(insn.a()) = *((header.address() + (*way).word) as *const Value);
            dispatch!(pc.add(1), base, core, limit, table, k)
        }
        return get_property_other(pc, base, core, limit, table, k);
    }

    /// The same of another shape that the site knows.
    #[inline(never)]
    fn get_property_other(pc, base, core, limit, table, k, insn) {
        let object = *base.add(insn.b());
        if let (Some(header), Some(way)) = (object.header(), other_way(core, insn, object)) {
            *base.add(insn.a()) = *((header.address() + (*way).word) as *const Value);
            dispatch!(pc.add(1), base, core, limit, table, k)
        }
        return get_property_slow(pc, base, core, limit, table, k);
    }

    #[inline(never)]
    fn get_property_slow(pc, base, core, limit, table, k, insn) {
        let room = (*core).make_room(top(base));
        let result = room.and_then(|()| (*core).get_property(*base.add(insn.b()), insn.index()));
        done!(result, insn, pc, base, core, limit, table, k)
    }

    fn set_property(pc, base, core, limit, table, k, insn) {
        let object = *base.add(insn.a());
        let way: *mut Way = (*core).ways.add(insn.index());
        if let Some(header) = object.header()
            && header.shape.get() == (*way).shape
        {
            *((header.address() + (*way).word) as *mut Value) = *base.add(insn.b());
            header.shape.set((*way).after);
            dispatch!(pc.add(1), base, core, limit, table, k)
        }
        return set_property_other(pc, base, core, limit, table, k);
    }

    /// The same of another shape that the site knows.
    #[inline(never)]
    fn set_property_other(pc, base, core, limit, table, k, insn) {
        let object = *base.add(insn.a());
        if let (Some(header), Some(way)) = (object.header(), other_way(core, insn, object)) {
            *((header.address() + (*way).word) as *mut Value) = *base.add(insn.b());
            header.shape.set((*way).after);
            dispatch!(pc.add(1), base, core, limit, table, k)
        }
        return set_property_slow(pc, base, core, limit, table, k);
    }

    #[inline(never)]
    fn set_property_slow(pc, base, core, limit, table, k, insn) {
        let (object, value) = (*base.add(insn.a()), *base.add(insn.b()));
        let room = (*core).make_room(top(base));
        match room.and_then(|()| (*core).set_property(object, value, insn.index())) {
            Ok(()) => pause(pc.add(1), base, core, limit, table, k),
            Err(message) => halt!(Halt::Error(message), pc, base, core, limit, table, k),
        }
    }

    fn get_super(pc, base, core, limit, table, k, insn) {
        let room = (*core).make_room(top(base));
        let (class, this) = (*base.add(insn.b()), *base.add(insn.b() + 1));
        let result = room.and_then(|()| (*core).get_super(class, this, insn.index()));
        done!(result, insn, pc, base, core, limit, table, k)
    }

    fn class(pc, base, core, limit, table, k, insn) {
        let result = (*core).make_room(top(base)).map(|()| (*core).new_class(insn.index()));
        done!(result, insn, pc, base, core, limit, table, k)
    }

    fn inherit(pc, base, core, limit, table, k, insn) {
        match (*core).inherit(*base.add(insn.a()), *base.add(insn.b())) {
            Ok(()) => pause(pc.add(1), base, core, limit, table, k),
            Err(message) => halt!(Halt::Error(message), pc, base, core, limit, table, k),
        }
    }

    fn method(pc, base, core, limit, table, k, insn) {
        (*core).add_method(*base.add(insn.a()), *base.add(insn.b()), insn.index());
        pause(pc.add(1), base, core, limit, table, k)
    }
}

/// What the instruction's site knows of an object's shape, if that is not the first one.
#[inline(always)]
unsafe fn other_way(core: *mut Core, insn: Insn, object: Value) -> Option<*mut Way> {
    // SAFETY: see the module.
    unsafe {
        let shape = object.header()?.shape.get();
        let site: *mut Site = (*core).sites.add(insn.index());
        let (way, count) = (*site).others.iter_mut().find(|other| other.0.shape == shape)?;
        *count += 1;
        Some(way)
    }
}
