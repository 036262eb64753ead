//! The collector: finds what the program can still reach, from the stack, the statics and what the host keeps; what is
//! left is free ([`super::heap`]). It runs between instructions only.

use std::sync::Arc;
use std::time::Instant;

use super::core::{ClassInfo, Core};
use super::heap::Heap;
use super::object::{
    Bound, Boxed, CLOSURE_WORDS, Class, Closure, FIELDS_WORDS, Fields, Header, INSTANCE_WORDS, Instance, Ref,
    Rope, shape,
};
use super::shapes::Shapes;
use super::value::Value;

/// What has been found, but not looked into.
struct Marker<'a> {
    heap: &'a Heap,
    shapes: &'a mut Shapes,
    classes: &'a [Option<ClassInfo>],
    functions: &'a [super::core::Function],
    open: Vec<Ref<Header>>,
}

impl Marker<'_> {
    #[inline(always)]
    fn value(&mut self, value: Value) {
        if let Some(header) = value.header() {
            self.object(header);
        }
    }

    #[inline(always)]
    fn object(&mut self, header: Ref<Header>) {
        if self.heap.mark(&header) && !matches!(header.shape.get(), shape::STRING | shape::NATIVE) {
            self.open.push(header);
        }
    }

    /// Looks into everything that was found.
    fn drain(&mut self) {
        while let Some(header) = self.open.pop() {
            self.look_into(header);
        }
    }

    fn look_into(&mut self, header: Ref<Header>) {
        if header.cast::<Instance>().is_some() {
            if let Some(class) = self.shapes.see(header.shape.get()) {
                self.class(class);
            }
            for word in INSTANCE_WORDS - 1..usize::from(header.words) {
                self.value(header.word(word).get());
            }
        } else if let Some(rope) = header.cast::<Rope>() {
            self.value(rope.left.get());
            self.value(rope.right.get());
        } else if let Some(closure) = header.cast::<Closure>() {
            let captures = self.functions[closure.function as usize].captures.len();
            for capture in 0..captures {
                self.value(header.word(CLOSURE_WORDS + capture).get());
            }
        } else if let Some(boxed) = header.cast::<Boxed>() {
            self.value(boxed.value.get());
        } else if let Some(class) = header.cast::<Class>() {
            self.value(class.name);
            self.value(class.init.get());
            self.class(class.id);
        } else if let Some(fields) = header.cast::<Fields>() {
            for field in 0..fields.len as usize {
                self.value(header.word(FIELDS_WORDS + field).get());
            }
        } else if let Some(bound) = header.cast::<Bound>() {
            self.value(bound.receiver);
            self.value(bound.method);
        }
    }

    /// Finds a class and its methods.
    fn class(&mut self, class: u32) {
        let classes = self.classes;
        if let Some(info) = &classes[class as usize] {
            self.object(info.object.header());
            info.methods.values().for_each(|method| self.object(method.header()));
        }
    }
}

impl Core {
    /// Collects; the stack is in use up to `top`.
    pub fn collect(&mut self, top: *mut Value) {
        let start = Instant::now();
        self.clear_stack(top);
        // What the host has let go of is in this list alone.
        self.kept.retain(|kept| Arc::strong_count(kept) > 1);
        self.heap.start_marking();
        self.shapes.forget_seen();
        let mut shapes = std::mem::take(&mut self.shapes);
        let mut marker = Marker {
            heap: &self.heap,
            shapes: &mut shapes,
            classes: &self.classes,
            functions: &self.functions,
            open: Vec::new(),
        };
        self.slots(top).iter().for_each(|&slot| marker.value(Value(slot)));
        let names = self.functions.iter().map(|function| function.name);
        let roots = self.statics.iter().chain(&self.names).copied().chain(names);
        roots.chain(self.kept.iter().map(|kept| kept.value)).for_each(|value| marker.value(value));
        marker.drain();
        self.shapes = shapes;
        self.strings.sweep(&self.heap);
        self.sweep_classes();
        self.hole = Default::default();
        let live = self.heap.sweep();
        let time = start.elapsed();
        let all = &mut self.collections;
        (all.count, all.time) = (all.count + 1, all.time + time);
        all.longest = all.longest.max(time);
        all.most_live = all.most_live.max(live);
    }

    fn sweep_classes(&mut self) {
        let mut has_gone = false;
        for (id, class) in self.classes.iter_mut().enumerate() {
            if class.as_ref().is_some_and(|info| !self.heap.is_marked(&info.object.header)) {
                (*class, has_gone) = (None, true);
                self.free_classes.push(id as u32);
            }
        }
        if has_gone || self.shapes.are_many() {
            self.shapes.sweep(self.classes.iter().flatten().map(|class| class.object.shape.get()));
            self.forget_learned();
        }
    }
}
