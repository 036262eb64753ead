//! What objects look like in memory, for the interpreter and for native code. An object starts with a header; what can
//! change is in cells. Objects do not move.
//!
//! A [`Ref`] may be used as long as its object lives: until a collection that does not find it. Collections happen only
//! between instructions ([`super::gc`]), so code that runs within one may keep references.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Deref;

use super::isa::Insn;
use super::value::Value;

/// The shapes of what is no instance: what kind of object it is.
pub mod shape {
    pub const STRING: u32 = 1;
    pub const ROPE: u32 = 2;
    pub const CLOSURE: u32 = 3;
    pub const BOX: u32 = 4;
    pub const CLASS: u32 = 5;
    pub const NATIVE: u32 = 6;
    pub const BOUND: u32 = 7;
    pub const FIELDS: u32 = 8;
    /// The first of an instance.
    pub const INSTANCE: u32 = 16;
}

/// What every object starts with.
#[repr(C)]
pub struct Header {
    /// A constant of [`shape`], or for instances which fields they have.
    pub shape: Cell<u32>,
    /// The collection that found it last; 0 is none.
    pub mark: Cell<u8>,
    unused: u8,
    /// Its size in words; 0 if it is in a place of its own.
    pub words: u16,
}

impl Header {
    pub fn new(shape: u32, words: u16) -> Header {
        Header { shape: Cell::new(shape), mark: Cell::new(0), unused: 0, words }
    }

    /// The header of an object of this shape and size, as a word.
    pub const fn word(shape: u32, words: u64) -> u64 {
        shape as u64 | words << 48
    }
}

/// A reference to an object.
pub struct Ref<T> {
    address: u64,
    to: PhantomData<*const T>,
}

impl<T> Clone for Ref<T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Ref<T> {}

impl<T> PartialEq for Ref<T> {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl<T> Ref<T> {
    /// The object at this address, which must be one of this type.
    #[inline(always)]
    pub(super) fn at(address: u64) -> Ref<T> {
        Ref { address, to: PhantomData }
    }
    #[inline(always)]
    pub fn address(self) -> u64 {
        self.address
    }
    /// Without its type.
    #[inline(always)]
    pub fn header(self) -> Ref<Header> {
        Ref::at(self.address)
    }
    /// The word at this offset in words, of an object that has so many.
    #[inline(always)]
    pub(super) fn word(&self, offset: usize) -> &Cell<Value> {
        // SAFETY: the object lives (see the module), and callers stay inside it; every word of an object behind its
        // fixed part is a value, and values are changed through cells only.
        unsafe { &*(self.address as *const Cell<Value>).add(offset) }
    }
}

impl Ref<Header> {
    /// As an object of this type, if it is one.
    #[inline(always)]
    pub fn cast<T: Object>(self) -> Option<Ref<T>> {
        T::is(self.shape.get()).then(|| Ref::at(self.address))
    }
}

impl<T> Deref for Ref<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the object lives (see the module), is a `T` by construction of the reference, and is never borrowed
        // mutably.
        unsafe { &*(self.address as *const T) }
    }
}

/// A type of object.
pub trait Object {
    /// Whether objects of this shape are of this type.
    fn is(shape: u32) -> bool;
}

macro_rules! objects {
    ($($name:ident is $shape:ident;)+) => {
        $(impl Object for $name {
            #[inline(always)]
            fn is(shape: u32) -> bool {
                shape == shape::$shape
            }
        })+
    };
}

objects! {
    Str is STRING;
    Rope is ROPE;
    Closure is CLOSURE;
    Boxed is BOX;
    Class is CLASS;
    Native is NATIVE;
    Bound is BOUND;
    Fields is FIELDS;
}

impl Object for Instance {
    #[inline(always)]
    fn is(shape: u32) -> bool {
        shape >= shape::INSTANCE
    }
}

/// A string; there is one of each content.
#[repr(C)]
pub struct Str {
    pub header: Header,
    pub len: u32,
    pub hash: u32,
}

impl Ref<Str> {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        let start = self.address as usize + size_of::<Str>();
        // SAFETY: a string's bytes follow its fixed part, `len` of them, written when it was made and never again.
        unsafe { std::slice::from_raw_parts(start as *const u8, self.len as usize) }
    }
}

/// Two strings joined, as long as nobody looks; then `left` is the string and `right` nil.
#[repr(C)]
pub struct Rope {
    pub header: Header,
    pub len: u64,
    pub left: Cell<Value>,
    pub right: Cell<Value>,
}

/// A function with what it has captured, which follows.
#[repr(C)]
pub struct Closure {
    pub header: Header,
    /// Its first instruction.
    pub entry: *const Insn,
    /// Registers that it uses.
    pub registers: u16,
    /// How many parameters it has.
    pub arity: u8,
    unused: u8,
    /// Its number in the machine.
    pub function: u32,
}

impl Closure {
    pub fn new(header: Header, entry: *const Insn, registers: u16, arity: u8, function: u32) -> Closure {
        Closure { header, entry, registers, arity, unused: 0, function }
    }
}

/// Words of a closure before its captures.
pub const CLOSURE_WORDS: usize = size_of::<Closure>() / 8;

/// A variable that closures share.
#[repr(C)]
pub struct Boxed {
    pub header: Header,
    pub value: Cell<Value>,
}

/// A class. Its methods are in the machine's table.
#[repr(C)]
pub struct Class {
    pub header: Header,
    /// Its name, a string.
    pub name: Value,
    /// Its initialiser; nil if there is none.
    pub init: Cell<Value>,
    /// The shape of its new instances.
    pub shape: Cell<u32>,
    /// The size in words of its new instances.
    pub words: Cell<u32>,
    /// Its number in the machine.
    pub id: u32,
    pub unused: u32,
}

/// An instance. The first fields follow, as many as it has room for, nil at first.
#[repr(C)]
pub struct Instance {
    pub header: Header,
    /// More fields; nil if there are none.
    pub more: Cell<Value>,
}

/// Words of an instance before its fields.
pub const INSTANCE_WORDS: usize = size_of::<Instance>() / 8;

/// Fields for which an instance had no room. They follow.
#[repr(C)]
pub struct Fields {
    pub header: Header,
    pub len: u64,
}

/// Words of them before the fields.
pub const FIELDS_WORDS: usize = size_of::<Fields>() / 8;

/// A function of the host's.
#[repr(C)]
pub struct Native {
    pub header: Header,
    /// Its number in the machine.
    pub id: u64,
}

/// A method and its receiver.
#[repr(C)]
pub struct Bound {
    pub header: Header,
    pub receiver: Value,
    pub method: Value,
}
