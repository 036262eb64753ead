//! What an instruction may do.
//!
//! An instruction's meaning is written once, as a function generic over [`Ops`]. With plain numbers for
//! values it is the interpreter (`interp/`); with Cranelift's values it emits code (`jit/`);
//! with known constants it tells what an instruction reads, writes and where it goes ([`crate::effects`]).
//!
//! Two rules keep one meaning right for every client:
//!
//! * **Leave first.** Whatever may refuse the instruction ([`Ops::load`], [`Ops::store`], [`Ops::require`])
//!   comes before the first effect ([`Ops::set`], a store, [`Ops::discard`]): a refused instruction has changed nothing.
//!   [`crate::effects`] asserts the rule for each instruction it is shown.
//! * **Control flow is data.** A meaning never branches on a guest value; it returns a [`Flow`].

use std::fmt::Debug;
use std::marker::PhantomData;

/// A guest's code address, in the guest's own units (LC-3: words, Iridium: bytes).
pub type Pc = u32;

/// The types that guest values have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// A truth value; one byte, 0 or 1, where it is stored.
    Bool,
    /// 8 bits.
    I8,
    /// 16 bits.
    I16,
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
    /// IEEE 754 double precision.
    F64,
}

impl Type {
    /// Size in bytes.
    #[inline(always)]
    pub const fn bytes(self) -> usize {
        match self {
            Type::Bool | Type::I8 => 1,
            Type::I16 => 2,
            Type::I32 => 4,
            Type::I64 | Type::F64 => 8,
        }
    }
}

/// A type that a guest value may have. Integers carry no sign: the operation does.
pub trait Scalar: Copy + PartialEq + Debug + Send + Sync + 'static {
    /// The type, as data.
    const TYPE: Type;
    /// The value's bits, zero-extended.
    fn to_bits(self) -> u64;
    /// The value that the low bits spell; the inverse of [`Scalar::to_bits`].
    fn from_bits(bits: u64) -> Self;
}

/// An integer type, with every operation total and wrapping.
pub trait Int: Scalar {
    /// `a op b`; see [`Binary`].
    fn binary(op: Binary, a: Self, b: Self) -> Self;
    /// `a cond b`; see [`Cond`].
    fn compare(cond: Cond, a: Self, b: Self) -> bool;
    /// The bits, sign-extended to 64.
    fn sign_extended(self) -> u64;

    /// [`Int::binary`] of values that are known by their bits.
    fn fold(op: Binary, a: u64, b: u64) -> u64 {
        Self::binary(op, Self::from_bits(a), Self::from_bits(b)).to_bits()
    }
    /// [`Int::compare`] of values that are known by their bits: 0 or 1.
    fn fold_compare(cond: Cond, a: u64, b: u64) -> u64 {
        Self::compare(cond, Self::from_bits(a), Self::from_bits(b)).to_bits()
    }
    /// The low bits, zero-extended: [`Ops::unsigned`] of a value that is known by its bits.
    fn truncate(bits: u64) -> u64 {
        Self::from_bits(bits).to_bits()
    }
    /// The number that the low bits are, with a sign.
    fn signed(bits: u64) -> i64 {
        Self::from_bits(bits).sign_extended() as i64
    }
}

/// Integer operations of two operands. All are total: what would be undefined is defined here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binary {
    /// Sum, modulo the type's size.
    Add,
    /// Difference, modulo the type's size.
    Sub,
    /// Product, modulo the type's size.
    Mul,
    /// Signed quotient towards zero; by zero it is 0, and MIN / -1 is MIN.
    Div,
    /// Signed remainder; by zero it is 0, and MIN % -1 is 0.
    Rem,
    /// Bitwise and.
    And,
    /// Bitwise or.
    Or,
    /// Bitwise exclusive or.
    Xor,
    /// Left shift, by the count modulo the type's bits.
    Shl,
    /// Logical right shift, by the count modulo the type's bits.
    Shr,
    /// Arithmetic right shift, by the count modulo the type's bits.
    Sar,
}

/// How integers are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cond {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Signed less than.
    Lt,
    /// Signed less than or equal.
    Le,
    /// Signed greater than.
    Gt,
    /// Signed greater than or equal.
    Ge,
    /// Unsigned less than.
    Below,
}

impl Cond {
    /// Whether it holds of a value and itself.
    pub fn is_reflexive(self) -> bool {
        matches!(self, Cond::Eq | Cond::Le | Cond::Ge)
    }
}

/// Operations on doubles, as IEEE 754 has them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Float {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
    /// Quotient.
    Div,
}

impl Float {
    /// `a op b`.
    pub fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Float::Add => a + b,
            Float::Sub => a - b,
            Float::Mul => a * b,
            Float::Div => a / b,
        }
    }
}

/// How doubles are compared; false where either is a NaN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FloatCond {
    /// Equal.
    Eq,
    /// Less than.
    Lt,
    /// Less than or equal.
    Le,
}

impl FloatCond {
    /// `a cond b`.
    pub fn apply(self, a: f64, b: f64) -> bool {
        match self {
            FloatCond::Eq => a == b,
            FloatCond::Lt => a < b,
            FloatCond::Le => a <= b,
        }
    }
}

macro_rules! int {
    ($t:ident, $signed:ident, $type:ident) => {
        impl Scalar for $t {
            const TYPE: Type = Type::$type;
            #[inline(always)]
            fn to_bits(self) -> u64 {
                self as u64
            }
            #[inline(always)]
            fn from_bits(bits: u64) -> Self {
                bits as $t
            }
        }
        impl Int for $t {
            #[inline(always)]
            fn binary(op: Binary, a: Self, b: Self) -> Self {
                let (sa, sb) = (a as $signed, b as $signed);
                match op {
                    Binary::Add => a.wrapping_add(b),
                    Binary::Sub => a.wrapping_sub(b),
                    Binary::Mul => a.wrapping_mul(b),
                    Binary::Div if b == 0 => 0,
                    Binary::Div => sa.wrapping_div(sb) as $t,
                    Binary::Rem if b == 0 => 0,
                    Binary::Rem => sa.wrapping_rem(sb) as $t,
                    Binary::And => a & b,
                    Binary::Or => a | b,
                    Binary::Xor => a ^ b,
                    Binary::Shl => a.wrapping_shl(b as u32),
                    Binary::Shr => a.wrapping_shr(b as u32),
                    Binary::Sar => sa.wrapping_shr(b as u32) as $t,
                }
            }
            #[inline(always)]
            fn compare(cond: Cond, a: Self, b: Self) -> bool {
                let (sa, sb) = (a as $signed, b as $signed);
                match cond {
                    Cond::Eq => a == b,
                    Cond::Ne => a != b,
                    Cond::Lt => sa < sb,
                    Cond::Le => sa <= sb,
                    Cond::Gt => sa > sb,
                    Cond::Ge => sa >= sb,
                    Cond::Below => a < b,
                }
            }
            #[inline(always)]
            fn sign_extended(self) -> u64 {
                self as $signed as i64 as u64
            }
        }
    };
}

int!(u8, i8, I8);
int!(u16, i16, I16);
int!(u32, i32, I32);
int!(u64, i64, I64);

impl Scalar for bool {
    const TYPE: Type = Type::Bool;
    #[inline(always)]
    fn to_bits(self) -> u64 {
        self as u64
    }
    #[inline(always)]
    fn from_bits(bits: u64) -> Self {
        bits & 1 != 0
    }
}

/// There is one NaN: which of them an operation gives is the host's affair, so wherever a double's bits can be seen
/// (in a register, in memory, as an integer) they are those of [`f64::NAN`].
impl Scalar for f64 {
    const TYPE: Type = Type::F64;
    #[inline(always)]
    fn to_bits(self) -> u64 {
        f64::to_bits(if self.is_nan() { f64::NAN } else { self })
    }
    #[inline(always)]
    fn from_bits(bits: u64) -> Self {
        f64::from_bits(bits)
    }
}

/// A register: the number of its slot in the state's register file, and its type.
pub struct Reg<T> {
    slot: u8,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Reg<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Reg<T> {}

impl<T> Reg<T> {
    /// The register in slot `slot`, modulo [`crate::state::SLOTS`].
    #[inline(always)]
    pub const fn new(slot: u8) -> Self {
        Reg { slot: slot % crate::state::SLOTS as u8, of: PhantomData }
    }

    /// The slot's number.
    #[inline(always)]
    pub const fn slot(self) -> usize {
        self.slot as usize
    }
}

/// A space of memory: an array in the state, addressed by values of type `A`, with elements of type `T`.
pub struct Space<A, T> {
    id: u8,
    of: PhantomData<fn(A) -> T>,
}

impl<A, T> Clone for Space<A, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, T> Copy for Space<A, T> {}

impl<A, T> Space<A, T> {
    /// The space with number `id` in the guest's list ([`crate::guest::Guest::SPACES`]).
    pub const fn new(id: u8) -> Self {
        Space { id, of: PhantomData }
    }

    /// The space's number.
    #[inline(always)]
    pub const fn id(self) -> usize {
        self.id as usize
    }
}

/// A stack in a space of memory, and the register that says how many values are on it. What is above them does not
/// matter ([`Ops::discard`]).
pub struct Stack<T> {
    values: Space<u32, T>,
    depth: Reg<u32>,
}

impl<T: Scalar> Stack<T> {
    /// The stack in `values` that is `depth` values deep.
    pub const fn new(values: Space<u32, T>, depth: Reg<u32>) -> Self {
        Stack { values, depth }
    }

    /// The address of the value that is number `n` from the top, which is number 1. Where there are less it wraps, out of
    /// the space.
    #[inline(always)]
    fn place<O: Ops>(&self, o: &mut O, n: u32) -> O::V<u32> {
        let (depth, n) = (o.get(self.depth), o.imm(n));
        o.sub(depth, n)
    }

    /// The value that is number `n` from the top, which is number 1. Refuses where there is none.
    #[inline(always)]
    pub fn peek<O: Ops>(&self, o: &mut O, n: u32) -> O::V<T> {
        let at = self.place(o, n);
        o.load(self.values, at)
    }

    /// Puts a value on top. Refuses where there is no room.
    #[inline(always)]
    pub fn push<O: Ops>(&self, o: &mut O, v: O::V<T>) {
        let (at, one) = (o.get(self.depth), o.imm(1));
        o.store(self.values, at, v);
        let depth = o.add(at, one);
        o.set(self.depth, depth);
    }

    /// Takes the top off, which has been looked at.
    #[inline(always)]
    pub fn drop<O: Ops>(&self, o: &mut O) {
        let top = self.place(o, 1);
        o.discard(self.values, top);
        o.set(self.depth, top);
    }

    /// Puts a value in the place of the top two, which have been looked at.
    #[inline(always)]
    pub fn replace_two<O: Ops>(&self, o: &mut O, v: O::V<T>) {
        let at = self.place(o, 2);
        o.store(self.values, at, v);
        self.drop(o);
    }
}

/// How a computed jump came about, so that the region finder can guess where it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Via {
    /// A plain indirect jump.
    Jump,
    /// A call: the next instruction is a return point.
    Call,
    /// A return: it goes to a return point.
    Return,
}

/// Where control goes after an instruction. `B` is the client's truth value, `A` its code address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
// Larger than what is returned in registers: packed into one integer, its parts would be taken apart again in each of
// the interpreter's handlers (up to 12 % more host instructions).
#[repr(align(32))]
pub enum Flow<B, A> {
    /// To the next instruction.
    Next,
    /// To a fixed place.
    Goto(Pc),
    /// To a fixed place, leaving the next instruction as a return point.
    Call(Pc),
    /// To a fixed place if the condition holds, else to the next instruction.
    If(B, Pc),
    /// To a computed place.
    Dynamic(A, Via),
    /// To a computed place, as a plain jump, if the condition holds, else to the next instruction.
    DynamicIf(B, A),
    /// The guest's host-side service `n` acts on the state and says where to go on.
    Trap(u16),
    /// There is no such instruction: the guest says what that means.
    Illegal,
}

/// The flow that a meaning returns to client `O`.
pub type FlowOf<O> = Flow<<O as Ops>::V<bool>, <O as Ops>::V<Pc>>;

/// The operations that an instruction's meaning is made of. Every one is total.
pub trait Ops {
    /// A guest value of type `T`, as this client holds it.
    type V<T: Scalar>: Copy;

    /// A constant.
    fn imm<T: Scalar>(&mut self, value: T) -> Self::V<T>;
    /// `a op b`.
    fn binary<T: Int>(&mut self, op: Binary, a: Self::V<T>, b: Self::V<T>) -> Self::V<T>;
    /// `a cond b`.
    fn compare<T: Int>(&mut self, cond: Cond, a: Self::V<T>, b: Self::V<T>) -> Self::V<bool>;
    /// `if c { a } else { b }`, both of them evaluated.
    fn select<T: Scalar>(&mut self, c: Self::V<bool>, a: Self::V<T>, b: Self::V<T>) -> Self::V<T>;
    /// `v` zero-extended or truncated to `T`.
    fn unsigned<F: Int, T: Int>(&mut self, v: Self::V<F>) -> Self::V<T>;
    /// `v` sign-extended or truncated to `T`.
    fn signed<F: Int, T: Int>(&mut self, v: Self::V<F>) -> Self::V<T>;
    /// `a op b`.
    fn float(&mut self, op: Float, a: Self::V<f64>, b: Self::V<f64>) -> Self::V<f64>;
    /// `a cond b`.
    fn compare_float(&mut self, cond: FloatCond, a: Self::V<f64>, b: Self::V<f64>) -> Self::V<bool>;
    /// The signed integer as a double, rounded to nearest even.
    fn int_to_float(&mut self, v: Self::V<u64>) -> Self::V<f64>;
    /// The double's bits.
    fn float_bits(&mut self, v: Self::V<f64>) -> Self::V<u64>;
    /// The double that the bits spell.
    fn bits_float(&mut self, v: Self::V<u64>) -> Self::V<f64>;

    /// The register's value.
    fn get<T: Scalar>(&mut self, r: Reg<T>) -> Self::V<T>;
    /// Gives the register a value. An effect: after all that may refuse.
    fn set<T: Scalar>(&mut self, r: Reg<T>, v: Self::V<T>);
    /// The element at `at`. Refuses outside the space's bound; asks the guest where the attributes say so.
    fn load<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Self::V<A>) -> Self::V<T>;
    /// Writes the element at `at`. Refuses as [`Ops::load`] does; after that it is an effect.
    fn store<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Self::V<A>, v: Self::V<T>);
    /// What the element at `at` holds does not matter any more: no instruction reads it before one has written it. An
    /// effect. [`crate::guest::Guest::live`] says the same to comparisons.
    fn discard<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Self::V<A>);
    /// Refuses the instruction with the guest's fault number `fault` unless `holds`.
    fn require(&mut self, holds: Self::V<bool>, fault: u8);

    /// `a + b`.
    #[inline(always)]
    fn add<T: Int>(&mut self, a: Self::V<T>, b: Self::V<T>) -> Self::V<T> {
        self.binary(Binary::Add, a, b)
    }
    /// `a - b`.
    #[inline(always)]
    fn sub<T: Int>(&mut self, a: Self::V<T>, b: Self::V<T>) -> Self::V<T> {
        self.binary(Binary::Sub, a, b)
    }
    /// `a & b`.
    #[inline(always)]
    fn and<T: Int>(&mut self, a: Self::V<T>, b: Self::V<T>) -> Self::V<T> {
        self.binary(Binary::And, a, b)
    }
    /// `!a`, bit by bit.
    #[inline(always)]
    fn not<T: Int>(&mut self, a: Self::V<T>) -> Self::V<T> {
        let ones = self.imm(T::from_bits(u64::MAX));
        self.binary(Binary::Xor, a, ones)
    }
}
