//! Spaces of memory: how a guest declares them, and where they lie in the state.

use std::ops::Range;

use super::SPACES;
use crate::ops::{Int, Scalar, Space, Type};

/// Spaces and their attributes start at multiples of a cache line.
pub(super) const ALIGN: usize = 64;
/// Elements of a space with attributes that are [`attr::CLEAN`] together.
pub(super) const PART: usize = 256;

/// Bytes behind a space's attributes that have every attribute: several can be tested with one load, and
/// one that reaches past the end is never plain.
pub(super) const PAD: usize = 8;

/// Elements before the first and behind the last of a space with attributes that nothing uses: an address of the space is
/// inside give or take so many, wherever a translator's tests are.
pub(super) const GUARD: usize = 256;

/// Bytes of the widest type.
const WIDEST: usize = 8;

/// Attributes of an element of a space: why an access to it is not a plain one. 0 is plain.
pub mod attr {
    /// A load asks the guest: a device, a protected word, a watchpoint.
    pub const READ: u8 = 1;
    /// A store asks the guest.
    pub const WRITE: u8 = 2;
    /// The interpreter holds this word decoded: a store drops that.
    pub const DECODED: u8 = 4;
    /// Native code was compiled from this word's value: a store drops that code.
    pub const COMPILED: u8 = 8;
    /// Native code accesses this word without a test: giving it an attribute drops that code.
    pub const TRUSTED: u8 = 16;
    /// Nothing was stored in this word's part of memory since the state was made from another: the first store there
    /// is noted, so that the part can be made what it was.
    pub const CLEAN: u8 = 32;
    /// The attributes that stop a store.
    pub const STORE: u8 = WRITE | MADE | CLEAN;
    /// Somebody has made something from this word.
    pub const MADE: u8 = DECODED | COMPILED;
    /// What the guest says of its memory; the rest is the tiers'.
    pub const GUEST: u8 = READ | WRITE;
    /// The attributes that stop a load or a store.
    pub const ANY: u8 = READ | STORE;
}

/// What limits the addresses of a space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// The address type cannot exceed the space: no test.
    Natural,
    /// The space's length.
    Fixed,
    /// The length in the 32-bit register of this slot (never more than the space's length): a heap that grows.
    Register(u8),
}

/// A space of memory, as a guest declares it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpaceInfo {
    /// Its name, for people.
    pub name: &'static str,
    /// The elements' type.
    pub element: Type,
    /// Bytes from one address to the next (1 for a heap of bytes that is accessed by words).
    pub stride: usize,
    /// Addresses.
    pub len: usize,
    /// What limits an access.
    pub bound: Bound,
    /// Whether each element has a byte of attributes.
    pub attributes: bool,
    pub(super) offset: usize,
    pub(super) attributes_offset: usize,
}

impl SpaceInfo {
    /// A space of `len` elements, whole addresses.
    pub const fn new(name: &'static str, element: Type, len: usize, bound: Bound) -> Self {
        let stride = element.bytes();
        SpaceInfo { name, element, stride, len, bound, attributes: false, offset: 0, attributes_offset: 0 }
    }

    /// The same, with attributes. Its bound is natural: native code reads attributes without a test.
    pub const fn with_attributes(mut self) -> Self {
        assert!(matches!(self.bound, Bound::Natural) && self.stride == self.element.bytes());
        self.attributes = true;
        self
    }

    /// The same, addressed by bytes whatever the elements are.
    pub const fn addressed_by_bytes(mut self) -> Self {
        self.stride = 1;
        self
    }

    /// Offset of the elements in the state, in bytes.
    #[inline(always)]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Offset of the attributes in the state, in bytes.
    #[inline(always)]
    pub const fn attributes_offset(&self) -> usize {
        self.attributes_offset
    }

    /// Where native code that means elements of this space may reach in the state.
    #[cfg(feature = "jit")]
    pub(crate) fn elements(&self) -> Range<usize> {
        self.offset - self.guard()..self.offset + self.len * self.stride + self.guard()
    }

    pub(super) const fn guard(&self) -> usize {
        if self.attributes { GUARD * self.stride } else { 0 }
    }

    /// Where the attributes are, with those behind the last that make reading several at once safe.
    #[cfg(feature = "jit")]
    pub(crate) fn all_attributes(&self) -> Range<usize> {
        let len = if self.attributes { self.len + PAD } else { 0 };
        self.attributes_offset..self.attributes_offset + len
    }

    /// Where the elements at these addresses are in the state.
    pub(super) fn addresses(&self, at: Range<usize>) -> Range<usize> {
        self.offset + at.start * self.stride..self.offset + at.end * self.stride
    }

    /// The addresses of a part.
    pub(super) fn part(&self, part: usize) -> Range<usize> {
        part * PART..((part + 1) * PART).min(self.len)
    }

    pub(super) const fn bytes(&self) -> usize {
        // What is accessed at the last address may reach past it.
        self.len * self.stride + self.guard() + WIDEST
    }

    /// How many addresses a value of this type covers.
    #[inline(always)]
    pub const fn span(&self, ty: Type) -> usize {
        ty.bytes() / self.stride
    }
}

/// Places the spaces in the state, one after the other. A guest's `SPACES` is the result.
pub const fn lay_out<const N: usize>(mut spaces: [SpaceInfo; N]) -> [SpaceInfo; N] {
    let mut at = SPACES;
    let mut i = 0;
    while i < N {
        if spaces[i].attributes {
            spaces[i].attributes_offset = at;
            at = (at + spaces[i].len + PAD).next_multiple_of(ALIGN);
        }
        spaces[i].offset = at + spaces[i].guard();
        at = (spaces[i].offset + spaces[i].bytes()).next_multiple_of(ALIGN);
        i += 1;
    }
    spaces
}

/// The description of a space, which is what the guest's accesses to it say it is: of its elements, or, where these
/// have no attributes, of several at once.
///
/// # Panics
/// If the elements do not make up the type, or addresses may exceed what the bound tests: the guest's author is
/// wrong. Where the space is a constant this costs nothing.
#[inline(always)]
pub(crate) fn info<A: Int, T: Scalar>(
    spaces: &'static [SpaceInfo],
    space: Space<A, T>,
) -> &'static SpaceInfo {
    let info = &spaces[space.id()];
    let is_element = info.element as u8 == T::TYPE as u8;
    let are_elements = T::TYPE.bytes() > info.element.bytes() && !info.attributes;
    assert!(is_element || are_elements, "an access is to an element, or to several that have no attributes");
    let bits = 8 * A::TYPE.bytes();
    match info.bound {
        Bound::Natural => {
            assert!(bits < 64 && 1 << bits <= info.len, "a natural bound is the address type's")
        }
        Bound::Fixed | Bound::Register(_) => {
            assert!(bits <= 32, "addresses with a bound have at most 32 bits")
        }
    }
    info
}

/// Where the first of these attributes from `from` on is that are wanted; the end, if there are none.
#[cfg(feature = "jit")]
pub(super) fn seek(all: &[u8], from: usize, is_wanted: impl Fn(u8) -> bool) -> usize {
    const TOGETHER: usize = 128;
    let has_wanted = |chunk: &&[u8]| chunk.iter().fold(false, |any, &one| any | is_wanted(one));
    // All of a chunk at once: most are all alike.
    let chunks = all[from..].chunks(TOGETHER).take_while(|chunk| !has_wanted(chunk)).count();
    let from = all.len().min(from + chunks * TOGETHER);
    all[from..].iter().position(|&one| is_wanted(one)).map_or(all.len(), |at| from + at)
}

#[cfg(all(test, feature = "jit"))]
mod tests {
    use super::seek;

    #[test]
    fn what_is_sought_is_found_wherever_it_is() {
        for len in [0, 1, 127, 128, 129, 300] {
            for at in 0..len {
                let mut all = vec![0; len];
                all[at] = 1;
                for from in 0..=len {
                    let expected = if from <= at { at } else { len };
                    assert_eq!(seek(&all, from, |one| one == 1), expected, "{at} of {len}, from {from}");
                }
            }
        }
    }
}
