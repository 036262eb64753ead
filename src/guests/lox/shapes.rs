//! Shapes: which fields an instance has, in which order. Instances of a class that got the same fields in the same order
//! share one, so that a place in the program that has seen a shape knows where the field is.

use std::collections::HashMap;

use super::object::shape::INSTANCE;

/// What a shape is.
#[derive(Clone, Copy)]
pub struct Shape {
    /// The class's number.
    pub class: u32,
    /// The shape without the last field; 0 if there is no field.
    parent: u32,
    /// The last field's name.
    name: u32,
    /// How many fields there are.
    pub fields: u32,
    /// How many of them are in the instance itself.
    pub room: u32,
    /// Whether the collection that runs has found an instance.
    pub seen: bool,
}

/// All shapes of a machine.
#[derive(Default)]
pub struct Shapes {
    list: Vec<Shape>,
    /// What a shape becomes with one more field.
    with: HashMap<(u32, u32), u32>,
    free: Vec<u32>,
    /// How many the last sweep has kept.
    kept: usize,
}

impl Shapes {
    /// The shape with this number.
    pub fn get(&self, shape: u32) -> Shape {
        self.list[(shape - INSTANCE) as usize]
    }

    fn add(&mut self, shape: Shape) -> u32 {
        match self.free.pop() {
            Some(number) => {
                self.list[(number - INSTANCE) as usize] = shape;
                number
            }
            None => {
                self.list.push(shape);
                INSTANCE + self.list.len() as u32 - 1
            }
        }
    }

    /// The shape of a class's new instances, with room for so many fields.
    pub fn root(&mut self, class: u32, room: u32) -> u32 {
        self.add(Shape { class, parent: 0, name: 0, fields: 0, room, seen: false })
    }

    /// The number of a field.
    pub fn find(&self, mut shape: u32, name: u32) -> Option<u32> {
        loop {
            let this = self.get(shape);
            if this.fields == 0 {
                return None;
            }
            if this.name == name {
                return Some(this.fields - 1);
            }
            shape = this.parent;
        }
    }

    /// The shape with one more field.
    pub fn with_field(&mut self, shape: u32, name: u32) -> u32 {
        if let Some(&with) = self.with.get(&(shape, name)) {
            return with;
        }
        let before = self.get(shape);
        let after = Shape { parent: shape, name, fields: before.fields + 1, seen: false, ..before };
        let with = self.add(after);
        self.with.insert((shape, name), with);
        with
    }

    /// Notes that an instance was found; the class's number, the first time.
    pub fn see(&mut self, shape: u32) -> Option<u32> {
        let shape = &mut self.list[(shape - INSTANCE) as usize];
        (!std::mem::replace(&mut shape.seen, true)).then_some(shape.class)
    }

    /// Starts a collection.
    pub fn forget_seen(&mut self) {
        self.list.iter_mut().for_each(|shape| shape.seen = false);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.list.len() - self.free.len()
    }

    /// Whether there are many more than the last sweep has kept.
    pub fn are_many(&self) -> bool {
        self.count() > 2 * self.kept + MANY
    }

    /// Frees those that no instance was found to have and no instance will have: new ones have `roots`. What leads to one
    /// that is kept is kept.
    pub fn sweep(&mut self, roots: impl Iterator<Item = u32>) {
        roots.for_each(|root| self.list[(root - INSTANCE) as usize].seen = true);
        let mut kept = vec![false; self.list.len()];
        for n in (0..self.list.len()).filter(|&n| self.list[n].seen) {
            let mut at = n;
            while !std::mem::replace(&mut kept[at], true) && self.list[at].fields > 0 {
                at = (self.list[at].parent - INSTANCE) as usize;
            }
        }
        for (n, shape) in
            self.list.iter_mut().enumerate().filter(|(n, shape)| !kept[*n] && shape.class != GONE)
        {
            shape.class = GONE;
            self.free.push(INSTANCE + n as u32);
        }
        let is_kept = |shape: u32| kept[(shape - INSTANCE) as usize];
        self.with.retain(|&(from, _), &mut to| is_kept(from) && is_kept(to));
        self.kept = self.count();
    }
}

/// Shapes that there may be more before they are looked through.
const MANY: usize = 1024;
/// The class of shapes that are free.
const GONE: u32 = u32::MAX;
