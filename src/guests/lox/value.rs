//! Values: 64-bit words. A number is its own bits; everything else is a NaN that no operation makes, so that the sum of
//! two values is a NaN unless both are numbers: one test after the operation, none before.

use super::object::{Header, Object, Ref};

/// A value.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Value(pub u64);

/// The lowest word that is not a number.
const SPECIAL: u64 = 0xfffa << 48;
/// The lowest word that is an object: this and its address.
const OBJECT: u64 = 0xfffb << 48;

impl Value {
    pub const NIL: Value = Value(SPECIAL);
    pub const FALSE: Value = Value(SPECIAL | 1);
    pub const TRUE: Value = Value(SPECIAL | 2);
    /// What a global that is not defined has. No program sees it.
    pub const UNDEFINED: Value = Value(SPECIAL | 3);

    /// A number.
    #[inline(always)]
    pub fn number(number: f64) -> Value {
        Value(number.to_bits())
    }
    #[inline(always)]
    pub fn bool(value: bool) -> Value {
        Value(SPECIAL + 1 + value as u64)
    }
    /// An object.
    #[inline(always)]
    pub fn object<T>(object: Ref<T>) -> Value {
        Value(OBJECT | object.address())
    }
    /// The word as a number: a NaN if it is none.
    #[inline(always)]
    pub fn float(self) -> f64 {
        f64::from_bits(self.0)
    }
    #[inline(always)]
    pub fn is_number(self) -> bool {
        self.0 < SPECIAL
    }
    #[inline(always)]
    pub fn is_falsy(self) -> bool {
        self.0.wrapping_sub(SPECIAL) <= 1
    }
    #[inline(always)]
    pub fn is_object(self) -> bool {
        self.0 >= OBJECT
    }
    /// The object's header.
    #[inline(always)]
    pub fn header(self) -> Option<Ref<Header>> {
        self.is_object().then(|| Ref::at(self.0 - OBJECT))
    }
    /// The object, if it is one of this type.
    #[inline(always)]
    pub fn as_object<T: Object>(self) -> Option<Ref<T>> {
        self.header().and_then(|header| header.cast())
    }
}
