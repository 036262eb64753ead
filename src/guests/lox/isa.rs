//! The bytecode: instructions of 64 bits for a machine with registers, which are the slots of a function's frame.
//!
//! An instruction is an operation (8 bits), a small operand `x` (8), and `c`, `a`, `b` (16 each); `x` and `c` together
//! are `wide`, a signed or unsigned number of 24 bits. What each operand of an operation is, [`Op::operands`] says once,
//! for the compiler's second pass, the linker, the verifier and the disassembler.

/// An instruction.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Insn(pub u64);

impl Insn {
    /// One with registers or other small operands.
    pub const fn new(op: Op, a: u16, b: u16, c: u16, x: u8) -> Insn {
        Insn(op as u64 | (x as u64) << 8 | (c as u64) << 16 | (a as u64) << 32 | (b as u64) << 48)
    }
    /// One with a large operand; of `wide` the low 24 bits count.
    pub const fn wide(op: Op, a: u16, b: u16, wide: u32) -> Insn {
        Insn(op as u64 | ((wide & 0xff_ffff) as u64) << 8 | (a as u64) << 32 | (b as u64) << 48)
    }
    /// The operation's number.
    #[inline(always)]
    pub const fn op(self) -> u8 {
        self.0 as u8
    }
    #[inline(always)]
    pub const fn x(self) -> u8 {
        (self.0 >> 8) as u8
    }
    #[inline(always)]
    pub const fn c(self) -> usize {
        (self.0 >> 16) as u16 as usize
    }
    #[inline(always)]
    pub const fn a(self) -> usize {
        (self.0 >> 32) as u16 as usize
    }
    #[inline(always)]
    pub const fn b(self) -> usize {
        (self.0 >> 48) as usize
    }
    /// The large operand.
    #[inline(always)]
    pub const fn index(self) -> usize {
        (self.0 as u32 >> 8) as usize
    }
    /// The same as a signed number: how many instructions a jump goes beyond the next one.
    #[inline(always)]
    pub const fn distance(self) -> isize {
        (self.0 as u32 as i32 >> 8) as isize
    }
    /// With another operation.
    pub const fn with_op(self, op: Op) -> Insn {
        Insn(self.0 & !0xff | op as u64)
    }
    /// With another large operand.
    pub const fn with_wide(self, wide: u32) -> Insn {
        Insn(self.0 & !0xffff_ff00 | ((wide & 0xff_ffff) as u64) << 8)
    }
    /// With another operand `b`.
    pub const fn with_b(self, b: u16) -> Insn {
        Insn(self.0 & 0xffff_ffff_ffff | (b as u64) << 48)
    }
    /// With another operand `c`.
    pub const fn with_c(self, c: u16) -> Insn {
        Insn(self.0 & !0xffff_0000 | (c as u64) << 16)
    }
}

/// What an operand is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operand {
    /// Nothing: 0.
    None,
    /// A register that is written.
    To,
    /// A register that is read.
    From,
    /// A static that is a constant; in `b` or `c`.
    Constant,
    /// A static that is a constant; wide.
    WideConstant,
    /// A static that is a global variable; wide.
    Global,
    /// The same, in `c`.
    ShortGlobal,
    /// One of the function's captures.
    Capture,
    /// A function; wide.
    Function,
    /// A site: wide.
    Site,
    /// How far a jump goes; wide.
    Jump,
    /// The register where a call's frame starts: two slots for the machine, then what is called, or `this`, then the
    /// arguments.
    Frame,
    /// How many arguments; in `x`.
    Count,
}

/// An operation's operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operands {
    pub a: Operand,
    pub b: Operand,
    /// `c`, or `wide`.
    pub c: Operand,
    pub x: Operand,
}

/// Which slots of a called function's frame come before its first register: who it is, and where it returns to.
pub const LINK: usize = 2;

macro_rules! operations {
    ($($(#[doc = $about:literal])+ $name:ident($a:ident, $b:ident, $c:ident $(, $x:ident)?) = $text:literal;)+) => {
        /// An operation.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Op {
            $($(#[doc = $about])+ $name,)+
        }

        impl Op {
            /// All of them, by number.
            pub const ALL: &[Op] = &[$(Op::$name),+];
            const NAMES: &[&str] = &[$($text),+];
            const OPERANDS: &[Operands] = &[$(Operands {
                a: Operand::$a,
                b: Operand::$b,
                c: Operand::$c,
                x: operations!(@x $($x)?),
            }),+];
        }
    };
    (@x) => { Operand::None };
    (@x $x:ident) => { Operand::$x };
}

operations! {
    /// Ends the run: the last instruction of the host's own call.
    Halt(None, None, None) = "halt";
    /// a = b
    Move(To, From, None) = "move";
    /// a = constant
    Load(To, None, WideConstant) = "load";
    /// a = global, which must be defined
    GetGlobal(To, None, Global) = "get.global";
    /// global = a; it must be defined
    SetGlobal(From, None, Global) = "set.global";
    /// global = a
    DefineGlobal(From, None, Global) = "define.global";
    /// a = capture b
    GetCapture(To, Capture, None) = "get.capture";
    /// a = what is in the box that is capture b
    GetCaptureBox(To, Capture, None) = "get.capture.box";
    /// What is in the box that is capture b = a
    SetCaptureBox(From, Capture, None) = "set.capture.box";
    /// a = the function that is running
    GetSelf(To, None, None) = "get.self";
    /// a = a box with b
    NewBox(To, From, None) = "new.box";
    /// a = what is in box b
    GetBox(To, From, None) = "get.box";
    /// What is in box b = a
    SetBox(From, From, None) = "set.box";
    /// a = a closure of the function
    Closure(To, None, Function) = "closure";
    /// a = b + c
    Add(To, From, From) = "add";
    /// a = b + constant c
    AddK(To, From, Constant) = "add.k";
    /// a = b - c
    Subtract(To, From, From) = "sub";
    /// a = b - constant c
    SubtractK(To, From, Constant) = "sub.k";
    /// a = constant c - b
    KSubtract(To, From, Constant) = "k.sub";
    /// a = b * c
    Multiply(To, From, From) = "mul";
    /// a = b * constant c
    MultiplyK(To, From, Constant) = "mul.k";
    /// a = b / c
    Divide(To, From, From) = "div";
    /// a = b / constant c
    DivideK(To, From, Constant) = "div.k";
    /// a = constant c / b
    KDivide(To, From, Constant) = "k.div";
    /// a = -b
    Negate(To, From, None) = "neg";
    /// a = !b
    Not(To, From, None) = "not";
    /// a = b < c
    Less(To, From, From) = "less";
    /// a = !(b < c), which with a NaN is true
    NotLess(To, From, From) = "not.less";
    /// a = b == c
    Equal(To, From, From) = "equal";
    /// a = b != c
    NotEqual(To, From, From) = "not.equal";
    /// Jump
    Jump(None, None, Jump) = "jump";
    /// Jump if a is neither nil nor false
    JumpIf(From, None, Jump) = "jump.if";
    /// Jump if a is nil or false
    JumpUnless(From, None, Jump) = "jump.unless";
    /// Jump if a < b
    JumpLess(From, From, Jump) = "jump.less";
    /// Jump if !(a < b)
    JumpNotLess(From, From, Jump) = "jump.not.less";
    /// Jump if a < constant b
    JumpLessK(From, Constant, Jump) = "jump.less.k";
    /// Jump if !(a < constant b)
    JumpNotLessK(From, Constant, Jump) = "jump.not.less.k";
    /// Jump if constant b < a
    JumpKLess(From, Constant, Jump) = "jump.k.less";
    /// Jump if !(constant b < a)
    JumpKNotLess(From, Constant, Jump) = "jump.k.not.less";
    /// Jump if a == b
    JumpEqual(From, From, Jump) = "jump.equal";
    /// Jump if a != b
    JumpNotEqual(From, From, Jump) = "jump.not.equal";
    /// Jump if a == constant b
    JumpEqualK(From, Constant, Jump) = "jump.equal.k";
    /// Jump if a != constant b
    JumpNotEqualK(From, Constant, Jump) = "jump.not.equal.k";
    /// a = the call of what is in frame b
    Call(To, Frame, None, Count) = "call";
    /// The same of a global that is defined
    CallGlobal(To, Frame, ShortGlobal, Count) = "call.global";
    /// a = the call of the site's method of the receiver in frame b
    Invoke(To, Frame, Site) = "invoke";
    /// The same of the method that the class at the frame's first slot has
    InvokeSuper(To, Frame, Site) = "invoke.super";
    /// Return a
    Return(From, None, None) = "return";
    /// Return a constant
    ReturnK(None, None, WideConstant) = "return.k";
    /// a = the site's property of b
    GetProperty(To, From, Site) = "get";
    /// The site's property of a = b
    SetProperty(From, From, Site) = "set";
    /// a = the method of the class in b, bound to what is in the register after b
    GetSuper(To, From, Site) = "get.super";
    /// a = a new class
    Class(To, None, Site) = "class";
    /// Class a inherits from b, which must be a class
    Inherit(From, From, None) = "inherit";
    /// Class a has the method b
    Method(From, From, Site) = "method";
    /// Print a
    Print(From, None, None) = "print";
}

impl Op {
    /// The operation with this number.
    pub fn from_number(number: u8) -> Option<Op> {
        Op::ALL.get(usize::from(number)).copied()
    }
    /// Its name.
    pub fn name(self) -> &'static str {
        Op::NAMES[self as usize]
    }
    /// What its operands are.
    pub fn operands(self) -> Operands {
        Op::OPERANDS[self as usize]
    }
    /// Whether the next instruction may follow it.
    pub fn goes_on(self) -> bool {
        !matches!(self, Op::Jump | Op::Return | Op::ReturnK | Op::Halt)
    }
}
