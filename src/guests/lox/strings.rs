//! Strings: one object of each content, so that equality is a compare; and ropes, which are joined when somebody looks.

use super::core::Core;
use super::heap::Heap;
use super::object::{Ref, Rope, Str, shape};
use super::value::Value;

/// All strings of a machine, by content. It does not keep them alive.
pub struct Strings {
    /// Open addressing; a power of two of places, at most three quarters taken.
    places: Vec<Option<Ref<Str>>>,
    count: usize,
}

/// A hash of some bytes, eight at a time.
fn hash(bytes: &[u8]) -> u32 {
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(bytes.len() as u64, |hash, &word| mix(hash, u64::from_le_bytes(word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let hash = mix(mix(hash, u64::from_le_bytes(last)), 0);
    (hash >> 32) as u32
}

impl Strings {
    pub fn new() -> Strings {
        Strings { places: vec![None; 64], count: 0 }
    }

    /// The place of a string with this content, or the one where it belongs.
    fn place(&self, bytes: &[u8], hash: u32) -> usize {
        let mask = self.places.len() - 1;
        let mut place = hash as usize & mask;
        while let Some(string) = self.places[place] {
            if string.hash == hash && string.bytes() == bytes {
                break;
            }
            place = (place + 1) & mask;
        }
        place
    }

    fn insert(&mut self, string: Ref<Str>) {
        let mask = self.places.len() - 1;
        let mut place = string.hash as usize & mask;
        while self.places[place].is_some() {
            place = (place + 1) & mask;
        }
        self.places[place] = Some(string);
    }

    /// Makes a table of this size with what is to be kept.
    fn rebuild(&mut self, size: usize, keep: impl Fn(Ref<Str>) -> bool) {
        let before = std::mem::replace(&mut self.places, vec![None; size]);
        self.count = 0;
        for string in before.into_iter().flatten().filter(|&string| keep(string)) {
            self.insert(string);
            self.count += 1;
        }
    }

    /// Forgets the strings that a collection has not found.
    pub fn sweep(&mut self, heap: &Heap) {
        self.rebuild(self.places.len(), |string| heap.is_marked(&string.header));
    }
}

impl Core {
    /// The string of this content.
    pub fn string(&mut self, bytes: &[u8]) -> Ref<Str> {
        let hash = hash(bytes);
        let place = self.strings.place(bytes, hash);
        if let Some(string) = self.strings.places[place] {
            return string;
        }
        let string = self.heap.make_string(&mut self.hole, bytes, hash);
        self.strings.places[place] = Some(string);
        self.strings.count += 1;
        if self.strings.count * 4 > self.strings.places.len() * 3 {
            self.strings.rebuild(self.strings.places.len() * 2, |_| true);
        }
        string
    }

    /// A value with this string.
    pub fn string_value(&mut self, bytes: &[u8]) -> Value {
        Value::object(self.string(bytes))
    }

    /// Joins two strings, if both are some.
    pub fn join(&mut self, left: Value, right: Value) -> Option<Result<Value, String>> {
        let (left_len, right_len) = (string_len(left)?, string_len(right)?);
        if right_len == 0 || left_len == 0 {
            return Some(Ok(if left_len == 0 { right } else { left }));
        }
        let len = left_len + right_len;
        if len > self.heap.limit.min(u32::MAX as usize / 2) as u64 {
            return Some(Err(super::core::OUT_OF_MEMORY.to_owned()));
        }
        let rope = self.heap.make(&mut self.hole, shape::ROPE, 0, |header| Rope {
            header,
            len,
            left: left.into(),
            right: right.into(),
        });
        Some(Ok(Value::object(rope)))
    }

    /// The string that a rope stands for.
    fn flatten(&mut self, rope: Ref<Rope>) -> Value {
        if rope.right.get() != Value::NIL {
            let bytes = self.rope_bytes(rope);
            let string = self.string_value(&bytes);
            rope.left.set(string);
            rope.right.set(Value::NIL);
        }
        rope.left.get()
    }

    /// A rope's bytes, written from the end, as ropes mostly grow to the right.
    pub fn rope_bytes(&self, rope: Ref<Rope>) -> Vec<u8> {
        let mut bytes = vec![0; rope.len as usize];
        let mut end = bytes.len();
        let mut open = vec![Value::object(rope)];
        while let Some(value) = open.pop() {
            if let Some(rope) = value.as_object::<Rope>() {
                open.push(rope.left.get());
                if rope.right.get() != Value::NIL {
                    open.push(rope.right.get());
                }
            } else if let Some(string) = value.as_object::<Str>() {
                let start = end - string.len as usize;
                bytes[start..end].copy_from_slice(string.bytes());
                end = start;
            }
        }
        bytes
    }

    /// The same value; a string that is equal to another one is the same.
    pub fn looked_at(&mut self, value: Value) -> Value {
        match value.as_object::<Rope>() {
            Some(rope) => self.flatten(rope),
            None => value,
        }
    }
}

/// The length of a string.
fn string_len(value: Value) -> Option<u64> {
    let header = value.header()?;
    if let Some(string) = header.cast::<Str>() {
        return Some(u64::from(string.len));
    }
    header.cast::<Rope>().map(|rope| rope.len)
}
