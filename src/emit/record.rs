//! An instruction's meaning as data: expressions, and what is done with them, in order.

use crate::guest::{Guest, Insn};
use crate::ops::{Binary, Cond, Float, FloatCond, Flow, Int, Ops, Pc, Reg, Scalar, Space, Type};

/// An expression: its number in [`Meaning::nodes`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Val(usize);

impl Val {
    pub(super) fn index(self) -> usize {
        self.0
    }
}

/// What an expression is made of. Registers and memory are those from before the instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Node {
    Imm(Type, u64),
    Get(usize),
    Load { space: usize, of: Type, at: Val },
    Binary(Binary, Type, Val, Val),
    Compare(Cond, Type, Val, Val),
    Select(Val, Val, Val),
    Convert { signed: bool, from: Type, to: Type, v: Val },
    Float(Float, Val, Val),
    CompareFloat(FloatCond, Val, Val),
    IntToFloat(Val),
    FloatBits(Val),
    BitsFloat(Val),
}

impl Node {
    /// The expressions that this one is made of.
    pub(super) fn operands(self) -> impl Iterator<Item = Val> {
        let three = match self {
            Node::Imm(..) | Node::Get(_) => [None; 3],
            Node::Load { at: v, .. } | Node::Convert { v, .. } => [Some(v), None, None],
            Node::IntToFloat(v) | Node::FloatBits(v) | Node::BitsFloat(v) => [Some(v), None, None],
            Node::Binary(_, _, a, b) | Node::Compare(_, _, a, b) => [Some(a), Some(b), None],
            Node::Float(_, a, b) | Node::CompareFloat(_, a, b) => [Some(a), Some(b), None],
            Node::Select(c, a, b) => [Some(c), Some(a), Some(b)],
        };
        three.into_iter().flatten()
    }
}

/// What an instruction does, one after the other. A load is here for what may refuse it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Act {
    Load(Val),
    Require(Val, u8),
    Store { space: usize, of: Type, at: Val, v: Val },
    Set(usize, Val),
}

impl Act {
    /// The expressions that it needs.
    pub(super) fn operands(self) -> impl Iterator<Item = Val> {
        let two = match self {
            Act::Load(v) | Act::Require(v, _) | Act::Set(_, v) => [Some(v), None],
            Act::Store { at, v, .. } => [Some(at), Some(v)],
        };
        two.into_iter().flatten()
    }
}

/// An instruction's meaning.
pub(super) struct Meaning {
    pub(super) nodes: Vec<Node>,
    pub(super) acts: Vec<Act>,
    pub(super) flow: Flow<Val, Val>,
}

impl Meaning {
    pub(super) fn of<G: Guest>(insn: Insn, pc: Pc) -> Meaning {
        let mut recorder = Recorder::default();
        let flow = G::meaning(insn, pc, &mut recorder);
        Meaning { nodes: recorder.nodes, acts: recorder.acts, flow }
    }

    /// Whether it does nothing but go on to the next instruction.
    pub(super) fn is_idle(&self) -> bool {
        self.flow == Flow::Next && self.acts.is_empty()
    }

    /// What the expression is made of.
    pub(super) fn node(&self, v: Val) -> Node {
        self.nodes[v.0]
    }

    /// The expression's value, where the instruction itself fixes it.
    pub(super) fn known(&self, v: Val) -> Option<u64> {
        known(&self.nodes, v)
    }

    /// The expressions that control depends on.
    pub(super) fn flow_operands(&self) -> impl Iterator<Item = Val> {
        let operands = match self.flow {
            Flow::If(v, _) | Flow::Dynamic(v, _) => [Some(v), None],
            Flow::DynamicIf(v, to) => [Some(v), Some(to)],
            Flow::Next | Flow::Goto(_) | Flow::Call(_) | Flow::Trap(_) | Flow::Illegal => [None; 2],
        };
        operands.into_iter().flatten()
    }

    /// The registers that it gives values to, with these.
    pub(super) fn sets(&self) -> impl Iterator<Item = (usize, Val)> {
        self.acts.iter().filter_map(|act| match *act {
            Act::Set(slot, v) => Some((slot, v)),
            _ => None,
        })
    }

    /// Constants that it gives to registers.
    pub(super) fn constants(&self) -> impl Iterator<Item = u64> {
        self.sets().filter_map(|(_, v)| self.known(v))
    }
}

fn known(nodes: &[Node], v: Val) -> Option<u64> {
    match nodes[v.0] {
        Node::Imm(_, bits) => Some(bits),
        _ => None,
    }
}

#[derive(Default)]
struct Recorder {
    nodes: Vec<Node>,
    acts: Vec<Act>,
}

impl Recorder {
    /// The expression for a node: equal ones are one.
    fn node(&mut self, node: Node) -> Val {
        let found = self.nodes.iter().position(|&other| other == node);
        Val(found.unwrap_or_else(|| {
            self.nodes.push(node);
            self.nodes.len() - 1
        }))
    }

    fn known<T: Scalar>(&self, v: Val) -> Option<T> {
        known(&self.nodes, v).map(T::from_bits)
    }

    fn convert<F: Int, T: Int>(&mut self, signed: bool, v: Val) -> Val {
        match self.known::<F>(v) {
            Some(x) => self.imm(T::from_bits(if signed { x.sign_extended() } else { x.to_bits() })),
            None if F::TYPE == T::TYPE => v,
            None => self.node(Node::Convert { signed, from: F::TYPE, to: T::TYPE, v }),
        }
    }
}

impl Ops for Recorder {
    type V<T: Scalar> = Val;

    fn imm<T: Scalar>(&mut self, value: T) -> Val {
        self.node(Node::Imm(T::TYPE, value.to_bits()))
    }
    fn binary<T: Int>(&mut self, op: Binary, a: Val, b: Val) -> Val {
        match (op, self.known::<T>(a), self.known::<T>(b)) {
            (_, Some(a), Some(b)) => self.imm(T::binary(op, a, b)),
            (Binary::Add | Binary::Sub, _, Some(zero)) if zero.to_bits() == 0 => a,
            (Binary::And, _, Some(zero)) if zero.to_bits() == 0 => b,
            (Binary::And, ..) if a == b => a,
            _ => self.node(Node::Binary(op, T::TYPE, a, b)),
        }
    }
    fn compare<T: Int>(&mut self, cond: Cond, a: Val, b: Val) -> Val {
        match (self.known::<T>(a), self.known::<T>(b)) {
            (Some(a), Some(b)) => self.imm(T::compare(cond, a, b)),
            _ if a == b => self.imm(cond.is_reflexive()),
            _ => self.node(Node::Compare(cond, T::TYPE, a, b)),
        }
    }
    fn select<T: Scalar>(&mut self, c: Val, a: Val, b: Val) -> Val {
        match self.known::<bool>(c) {
            Some(c) => [b, a][usize::from(c)],
            None => self.node(Node::Select(c, a, b)),
        }
    }
    fn unsigned<F: Int, T: Int>(&mut self, v: Val) -> Val {
        self.convert::<F, T>(false, v)
    }
    fn signed<F: Int, T: Int>(&mut self, v: Val) -> Val {
        self.convert::<F, T>(true, v)
    }
    fn float(&mut self, op: Float, a: Val, b: Val) -> Val {
        self.node(Node::Float(op, a, b))
    }
    fn compare_float(&mut self, cond: FloatCond, a: Val, b: Val) -> Val {
        self.node(Node::CompareFloat(cond, a, b))
    }
    fn int_to_float(&mut self, v: Val) -> Val {
        self.node(Node::IntToFloat(v))
    }
    fn float_bits(&mut self, v: Val) -> Val {
        self.node(Node::FloatBits(v))
    }
    fn bits_float(&mut self, v: Val) -> Val {
        self.node(Node::BitsFloat(v))
    }
    fn get<T: Scalar>(&mut self, r: Reg<T>) -> Val {
        let set = self.acts.iter().rev().find_map(|act| match *act {
            Act::Set(slot, v) if slot == r.slot() => Some(v),
            _ => None,
        });
        set.unwrap_or_else(|| self.node(Node::Get(r.slot())))
    }
    fn set<T: Scalar>(&mut self, r: Reg<T>, v: Val) {
        self.acts.push(Act::Set(r.slot(), v));
    }
    fn load<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Val) -> Val {
        let v = self.node(Node::Load { space: space.id(), of: T::TYPE, at });
        self.acts.push(Act::Load(v));
        v
    }
    fn store<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Val, v: Val) {
        self.acts.push(Act::Store { space: space.id(), of: T::TYPE, at, v });
    }
    fn discard<A: Int, T: Scalar>(&mut self, _: Space<A, T>, _: Val) {}
    fn require(&mut self, holds: Val, fault: u8) {
        self.acts.push(Act::Require(holds, fault));
    }
}
