//! The second pass: constants are folded in the tree; in a function's code jumps to jumps go where those lead, and what
//! cannot be reached is left out.

use std::cmp::Ordering;

use super::isa::{Insn, Op, Operand};
use super::tree::{Binary, Node, Tree};
use super::unit::Origin;

/// Replaces operators on constants by their results, unless these are errors. Operands stand before their operators.
pub fn fold(tree: &mut Tree) {
    for n in 0..tree.expressions.len() {
        if let Some(node) = folded(tree, &tree.expressions[n].node) {
            tree.expressions[n].node = node;
        }
    }
}

fn folded(tree: &Tree, node: &Node) -> Option<Node> {
    match node {
        Node::Negate(inner) => match tree.node(*inner) {
            Node::Number(number) => Some(Node::Number(-number)),
            _ => None,
        },
        Node::Not(inner) => match tree.node(*inner) {
            Node::Nil | Node::Bool(false) => Some(Node::Bool(true)),
            Node::Bool(true) | Node::Number(_) | Node::String(_) => Some(Node::Bool(false)),
            _ => None,
        },
        Node::Binary(op, left, right) => match (tree.node(*left), tree.node(*right)) {
            (Node::Number(a), Node::Number(b)) => Some(calculated(*op, *a, *b)),
            _ => None,
        },
        _ => None,
    }
}

fn calculated(op: Binary, a: f64, b: f64) -> Node {
    match op {
        Binary::Add => Node::Number(a + b),
        Binary::Subtract => Node::Number(a - b),
        Binary::Multiply => Node::Number(a * b),
        Binary::Divide => Node::Number(a / b),
        Binary::Equal => Node::Bool(a == b),
        Binary::NotEqual => Node::Bool(a != b),
        Binary::Less => Node::Bool(a < b),
        Binary::Greater => Node::Bool(a > b),
        // As clox has them: with a NaN they are true.
        Binary::LessEqual => Node::Bool(a.partial_cmp(&b) != Some(Ordering::Greater)),
        Binary::GreaterEqual => Node::Bool(a.partial_cmp(&b) != Some(Ordering::Less)),
    }
}

/// Tidies a function's code, and where it comes from with it.
pub fn tidy(mut code: Vec<Insn>, origins: &[Origin]) -> (Vec<Insn>, Vec<Origin>) {
    for at in 0..code.len() {
        if let Some(to) = target(&code, at) {
            let end = destination(&code, to);
            code[at] = code[at].with_wide((end as i64 - at as i64 - 1) as u32);
        }
    }
    let used = reached(&code);
    let mut places = Vec::with_capacity(code.len() + 1);
    let mut count = 0usize;
    for &used in &used {
        places.push(count);
        count += usize::from(used);
    }
    let mut out = (Vec::with_capacity(count), Vec::with_capacity(count));
    for at in (0..code.len()).filter(|&at| used[at]) {
        let insn = match target(&code, at) {
            Some(to) => code[at].with_wide((places[to] as i64 - places[at] as i64 - 1) as u32),
            None => code[at],
        };
        out.0.push(insn);
        out.1.push(origins[at]);
    }
    out
}

fn operation(insn: Insn) -> Op {
    Op::from_number(insn.op()).expect("the compiler made it")
}

/// Where the instruction jumps to, if it does.
fn target(code: &[Insn], at: usize) -> Option<usize> {
    let is_jump = operation(code[at]).operands().c == Operand::Jump;
    is_jump.then(|| (at as isize + 1 + code[at].distance()) as usize)
}

/// Where a jump to `at` ends up in the end.
fn destination(code: &[Insn], mut at: usize) -> usize {
    // A loop of nothing but jumps has no end.
    for _ in 0..16 {
        match (operation(code[at]), target(code, at)) {
            (Op::Jump, Some(to)) => at = to,
            _ => break,
        }
    }
    at
}

/// Which instructions can be reached, leaving out jumps that lead to the next one.
fn reached(code: &[Insn]) -> Vec<bool> {
    let mut reached = vec![false; code.len()];
    let mut open = vec![0];
    while let Some(at) = open.pop() {
        if at >= code.len() || std::mem::replace(&mut reached[at], true) {
            continue;
        }
        open.extend(target(code, at));
        if operation(code[at]).goes_on() {
            open.push(at + 1);
        }
    }
    for at in 0..code.len() {
        if operation(code[at]) == Op::Jump
            && target(code, at).is_some_and(|to| to > at && (at + 1..to).all(|between| !reached[between]))
        {
            reached[at] = false;
        }
    }
    reached
}
