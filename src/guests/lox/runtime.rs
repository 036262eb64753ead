//! What instructions do where it is not the usual case: with all tests, lookups and messages. The interpreter's handlers
//! come here, and native code will.

use std::collections::HashMap;

use super::core::{ClassInfo, Core, Found, OUT_OF_MEMORY, Way};
use super::isa::Op;
use super::number;
use super::object::{
    Bound, CLOSURE_WORDS, Class, Closure, FIELDS_WORDS, Fields, INSTANCE_WORDS, Instance, Native, Ref, Rope,
    Str, shape,
};
use super::unit::Capture;
use super::value::Value;

/// What something gives, or the message of a run-time error.
pub type Fallible<T> = Result<T, String>;

/// Fields that instances have room for, at most; more are elsewhere.
pub const ROOM: u32 = 200;

/// What calling something comes to.
pub enum Target {
    /// This function is to be entered; the receiver, if any, is in place.
    Enter(Ref<Closure>),
    /// It is done already, with this result.
    Done(Value),
}

impl Core {
    // Operators.

    /// The result of an operator on these, whatever they are.
    pub fn arithmetic(&mut self, op: Op, left: Value, right: Value) -> Fallible<Value> {
        if left.is_number() && right.is_number() {
            let (a, b) = (left.float(), right.float());
            return Ok(Value::number(match op {
                Op::Add | Op::AddK => a + b,
                Op::Subtract | Op::SubtractK | Op::KSubtract => a - b,
                Op::Multiply | Op::MultiplyK => a * b,
                _ => a / b,
            }));
        }
        if matches!(op, Op::Add | Op::AddK) {
            return match self.join(left, right) {
                Some(joined) => joined,
                None => Err("Operands must be two numbers or two strings.".to_owned()),
            };
        }
        Err("Operands must be numbers.".to_owned())
    }

    /// Whether `left < right`, whatever they are; with a NaN neither that nor the opposite, and clox takes it for false.
    pub fn less(&self, left: Value, right: Value) -> Fallible<bool> {
        if left.is_number() && right.is_number() {
            Ok(left.float() < right.float())
        } else {
            Err("Operands must be numbers.".to_owned())
        }
    }

    /// Whether two values are equal.
    pub fn equal(&mut self, left: Value, right: Value) -> bool {
        if left.is_number() || right.is_number() {
            return left.is_number() && right.is_number() && left.float() == right.float();
        }
        left == right || self.looked_at(left) == self.looked_at(right)
    }

    // Properties.

    /// A field of an instance, by its number.
    fn field(&self, instance: Ref<Instance>, field: u32) -> Value {
        let room = self.shapes.get(instance.header.shape.get()).room;
        match field < room {
            true => instance.word(INSTANCE_WORDS + field as usize).get(),
            false => match instance.more.get().as_object::<Fields>() {
                Some(more) => more.word(FIELDS_WORDS + (field - room) as usize).get(),
                None => Value::NIL,
            },
        }
    }

    /// Lets a site know where a field is, if that is in the instance.
    fn learn_field(&mut self, site: usize, shape: u32, after: u32, field: u32) {
        let is_inside = field < self.shapes.get(shape).room;
        if is_inside {
            let word = 8 * (INSTANCE_WORDS as u64 + u64::from(field));
            self.learn(site, Way { shape, after, word });
        }
    }

    fn undefined_property<T>(&self, name: u32) -> Fallible<T> {
        Err(format!("Undefined property '{}'.", self.name_text(name)))
    }

    fn name_text(&self, name: u32) -> String {
        String::from_utf8_lossy(&self.text(self.names[name as usize])).into_owned()
    }

    /// The site's property of a value.
    pub fn get_property(&mut self, object: Value, site: usize) -> Fallible<Value> {
        let Some(instance) = object.as_object::<Instance>() else {
            return Err("Only instances have properties.".to_owned());
        };
        let (shape, name) = (instance.header.shape.get(), self.site_mut(site).name);
        match self.lookup(shape, name) {
            Found::Field(field) => {
                self.learn_field(site, shape, shape, field);
                Ok(self.field(instance, field))
            }
            Found::Method(method) => Ok(self.bind(object, method)),
            Found::Nothing => self.undefined_property(name),
        }
    }

    /// Sets the site's property of a value.
    pub fn set_property(&mut self, object: Value, value: Value, site: usize) -> Fallible<()> {
        let Some(instance) = object.as_object::<Instance>() else {
            return Err("Only instances have fields.".to_owned());
        };
        let (shape, name) = (instance.header.shape.get(), self.site_mut(site).name);
        let (after, field) = match self.lookup(shape, name) {
            Found::Field(field) => (shape, field),
            _ => (self.shapes.with_field(shape, name), self.shapes.get(shape).fields),
        };
        self.learn_field(site, shape, after, field);
        let room = self.shapes.get(shape).room;
        if field < room {
            instance.word(INSTANCE_WORDS + field as usize).set(value);
        } else {
            self.more_fields(instance, field - room).word(FIELDS_WORDS + (field - room) as usize).set(value);
        }
        instance.header.shape.set(after);
        Ok(())
    }

    /// The fields that an instance has no room for, at least so many and one.
    fn more_fields(&mut self, instance: Ref<Instance>, field: u32) -> Ref<Fields> {
        let before = instance.more.get().as_object::<Fields>();
        let len = before.map_or(0, |fields| fields.len);
        if let Some(before) = before.filter(|_| u64::from(field) < len) {
            return before;
        }
        let new_len = (2 * len).max(u64::from(field) + 4);
        let fields = self
            .heap
            .make(&mut self.hole, shape::FIELDS, new_len as usize, |header| Fields { header, len: new_len });
        for n in 0..new_len as usize {
            let old = before.filter(|_| (n as u64) < len);
            let value = old.map_or(Value::NIL, |before| before.word(FIELDS_WORDS + n).get());
            fields.word(FIELDS_WORDS + n).set(value);
        }
        instance.more.set(Value::object(fields));
        self.give_room(self.shapes.get(instance.header.shape.get()).class, field);
        fields
    }

    /// Makes the class's next instances with room for so many more fields, and one.
    fn give_room(&mut self, class: u32, more: u32) {
        let Some(info) = &mut self.classes[class as usize] else { return };
        let now = info.object.shape.get();
        let room = (self.shapes.get(now).room + more + 1).next_multiple_of(2);
        if room > ROOM {
            return;
        }
        info.room = room;
        info.object.shape.set(self.shapes.root(class, room));
        info.object.words.set(INSTANCE_WORDS as u32 + room);
    }

    fn bind(&mut self, receiver: Value, method: Ref<Closure>) -> Value {
        let method = Value::object(method);
        Value::object(self.heap.make(&mut self.hole, shape::BOUND, 0, |header| Bound {
            header,
            receiver,
            method,
        }))
    }

    // Calls.

    fn check_arity(closure: Ref<Closure>, count: usize) -> Fallible<Ref<Closure>> {
        if usize::from(closure.arity) == count {
            return Ok(closure);
        }
        Err(format!("Expected {} arguments but got {count}.", closure.arity))
    }

    /// Calls what is in a frame's first register; the arguments follow.
    ///
    /// # Safety
    /// `frame` and `count` registers after it are on the stack.
    pub unsafe fn call(&mut self, frame: *mut Value, count: usize) -> Fallible<Target> {
        // SAFETY: the caller says so.
        let callee = unsafe { *frame };
        let not_callable = || Err("Can only call functions and classes.".to_owned());
        let Some(header) = callee.header() else { return not_callable() };
        if let Some(closure) = header.cast::<Closure>() {
            return Self::check_arity(closure, count).map(Target::Enter);
        }
        if let Some(bound) = header.cast::<Bound>() {
            // SAFETY: as above.
            unsafe { *frame = bound.receiver };
            let Some(method) = bound.method.as_object() else { return not_callable() };
            return Self::check_arity(method, count).map(Target::Enter);
        }
        if let Some(class) = header.cast::<Class>() {
            let instance = self.instantiate(class);
            // SAFETY: as above.
            unsafe { *frame = instance };
            return match class.init.get().as_object() {
                Some(init) => Self::check_arity(init, count).map(Target::Enter),
                None if count == 0 => Ok(Target::Done(instance)),
                None => Err(format!("Expected 0 arguments but got {count}.")),
            };
        }
        let Some(native) = header.cast::<Native>() else { return not_callable() };
        // SAFETY: as above.
        let arguments: Vec<Value> = (1..=count).map(|n| unsafe { *frame.add(n) }).collect();
        self.call_native(native.id as usize, &arguments).map(Target::Done)
    }

    fn call_native(&mut self, id: usize, arguments: &[Value]) -> Fallible<Value> {
        // It is away while it runs.
        let busy = |_: &mut Core, _: &[Value]| Err("The native function is running already.".to_owned());
        let mut function = std::mem::replace(&mut self.natives[id], Box::new(busy));
        let result = function(self, arguments);
        self.natives[id] = function;
        if result.is_ok() {
            self.inner.clear();
        }
        match self.broken.take() {
            Some(halt) => {
                self.halt = Some(halt);
                Ok(result.unwrap_or(Value::NIL))
            }
            None => result,
        }
    }

    fn instantiate(&mut self, class: Ref<Class>) -> Value {
        let fields = class.words.get() as usize - INSTANCE_WORDS;
        let more = Value::NIL.into();
        let instance =
            self.heap.make(&mut self.hole, class.shape.get(), fields, |header| Instance { header, more });
        (0..fields).for_each(|field| instance.word(INSTANCE_WORDS + field).set(Value::NIL));
        Value::object(instance)
    }

    /// Calls the site's method of a frame's first register.
    ///
    /// # Safety
    /// As [`Core::call`].
    pub unsafe fn invoke(&mut self, frame: *mut Value, site: usize) -> Fallible<Target> {
        // SAFETY: the caller says so.
        let Some(instance) = unsafe { *frame }.as_object::<Instance>() else {
            return Err("Only instances have methods.".to_owned());
        };
        let (name, count) = (self.site_mut(site).name, self.site_mut(site).count as usize);
        let shape = instance.header.shape.get();
        match self.lookup(shape, name) {
            Found::Method(method) => {
                let method = Self::check_arity(method, count)?;
                self.learn_method(site, shape, method);
                Ok(Target::Enter(method))
            }
            Found::Field(field) => {
                // SAFETY: as above.
                unsafe {
                    *frame = self.field(instance, field);
                    self.call(frame, count)
                }
            }
            Found::Nothing => self.undefined_property(name),
        }
    }

    fn learn_method(&mut self, site: usize, shape: u32, method: Ref<Closure>) {
        self.learn(site, Way { shape, after: shape, word: method.address() });
    }

    /// The method that a superclass has for a site.
    fn super_method(&mut self, class: Value, site: usize) -> Fallible<Ref<Closure>> {
        let name = self.site_mut(site).name;
        let method = class.as_object::<Class>().and_then(|class| self.method(class.id, name));
        method.map_or_else(|| self.undefined_property(name), Ok)
    }

    /// The method that a superclass has for a site, for a call.
    pub fn invoke_super(&mut self, class: Value, site: usize) -> Fallible<Target> {
        let method = self.super_method(class, site)?;
        let count = self.site_mut(site).count as usize;
        let method = Self::check_arity(method, count)?;
        if let Some(class) = class.as_object::<Class>() {
            self.learn_method(site, class.id + 1, method);
        }
        Ok(Target::Enter(method))
    }

    /// The method that a superclass has for a site, bound.
    pub fn get_super(&mut self, class: Value, this: Value, site: usize) -> Fallible<Value> {
        let method = self.super_method(class, site)?;
        Ok(self.bind(this, method))
    }

    // What declarations make.

    /// A closure of a function. `register` gives the registers of the function that makes it, which is `outer`.
    pub fn closure(&mut self, number: usize, outer: Value, register: impl Fn(usize) -> Value) -> Value {
        let function = &self.functions[number];
        let (entry, registers, arity) = (function.entry, function.registers, function.arity);
        let count = function.captures.len();
        let closure = self.heap.make(&mut self.hole, shape::CLOSURE, count, |header| {
            Closure::new(header, entry, registers, arity, number as u32)
        });
        let around = outer.as_object::<Closure>();
        for (n, capture) in self.functions[number].captures.iter().enumerate() {
            let value = match *capture {
                Capture::Register(from) => register(usize::from(from)),
                Capture::Outer(from) => {
                    around.map_or(Value::NIL, |around| around.word(CLOSURE_WORDS + usize::from(from)).get())
                }
                Capture::Itself => outer,
            };
            closure.word(CLOSURE_WORDS + n).set(value);
        }
        Value::object(closure)
    }

    /// A new class, of the site's name.
    pub fn new_class(&mut self, site: usize) -> Value {
        let (name, room) = (self.site_mut(site).name, self.site_mut(site).count);
        let id = self.free_classes.pop().map_or(self.classes.len(), |id| id as usize);
        let root = self.shapes.root(id as u32, room);
        let name = self.names[name as usize];
        let object = self.heap.make(&mut self.hole, shape::CLASS, 0, |header| Class {
            header,
            name,
            init: Value::NIL.into(),
            shape: root.into(),
            words: (INSTANCE_WORDS as u32 + room).into(),
            id: id as u32,
            unused: 0,
        });
        let info = Some(ClassInfo { object, methods: HashMap::new(), room });
        if id == self.classes.len() {
            self.classes.push(info);
        } else {
            self.classes[id] = info;
        }
        Value::object(object)
    }

    /// Lets a class inherit.
    pub fn inherit(&mut self, class: Value, superclass: Value) -> Fallible<()> {
        let (Some(class), Some(from)) = (class.as_object::<Class>(), superclass.as_object::<Class>()) else {
            return Err("Superclass must be a class.".to_owned());
        };
        let inherited = self.classes[from.id as usize].as_ref().map(|info| (info.methods.clone(), info.room));
        if let (Some((methods, room)), Some(info)) = (inherited, &mut self.classes[class.id as usize]) {
            info.methods = methods;
            info.room = (info.room + room).min(ROOM);
            let room = info.room;
            class.init.set(from.init.get());
            class.shape.set(self.shapes.root(class.id, room));
            class.words.set(INSTANCE_WORDS as u32 + room);
        }
        Ok(())
    }

    /// Gives a class a method.
    pub fn add_method(&mut self, class: Value, method: Value, site: usize) {
        let name = self.site_mut(site).name;
        let (Some(class), Some(closure)) = (class.as_object::<Class>(), method.as_object::<Closure>()) else {
            return;
        };
        if &*self.text(self.names[name as usize]) == b"init" {
            class.init.set(method);
        }
        if let Some(info) = &mut self.classes[class.id as usize] {
            info.methods.insert(name, closure);
        }
    }

    // Text.

    /// A value as `print` shows it.
    pub fn text(&self, value: Value) -> Vec<u8> {
        let Some(header) = value.header() else {
            return match value {
                Value::NIL => b"nil".to_vec(),
                Value::TRUE => b"true".to_vec(),
                Value::FALSE => b"false".to_vec(),
                _ => number::text(value.float()).into_bytes(),
            };
        };
        if let Some(string) = header.cast::<Str>() {
            string.bytes().to_vec()
        } else if let Some(rope) = header.cast::<Rope>() {
            self.rope_bytes(rope)
        } else if let Some(closure) = header.cast::<Closure>() {
            match self.functions[closure.function as usize].name {
                Value::NIL => b"<script>".to_vec(),
                name => [b"<fn ", &*self.text(name), b">"].concat(),
            }
        } else if let Some(bound) = header.cast::<Bound>() {
            self.text(bound.method)
        } else if let Some(class) = header.cast::<Class>() {
            self.text(class.name)
        } else if header.cast::<Instance>().is_some() {
            let class = self.shapes.get(header.shape.get()).class;
            let name = self.classes[class as usize].as_ref().map_or(Value::NIL, |info| info.object.name);
            [&*self.text(name), b" instance"].concat()
        } else {
            b"<native fn>".to_vec()
        }
    }

    /// Prints a value and a line's end.
    pub fn print(&mut self, value: Value) -> std::io::Result<()> {
        let text = self.text(value);
        self.out.extend(text);
        self.out.push(b'\n');
        self.write_some()
    }

    /// Before an instruction that makes an object: collects if it is time. The stack is in use up to `top`.
    pub fn make_room(&mut self, top: *mut Value) -> Fallible<()> {
        if self.heap.is_due() {
            self.collect(top);
            if self.heap.used() > self.heap.limit {
                return Err(OUT_OF_MEMORY.to_owned());
            }
        }
        Ok(())
    }
}
