//! Where control goes in statements.

use super::tree::{ExprKind, Statement, StatementKind};

/// Whether control never runs off the end of the statements.
pub(super) fn leaves(statements: &[Statement]) -> bool {
    statements.iter().any(|one| match &one.kind {
        StatementKind::Return(_) | StatementKind::Break | StatementKind::Continue => true,
        StatementKind::If { arms, otherwise } => {
            leaves(otherwise) && arms.iter().all(|(_, block)| leaves(block))
        }
        StatementKind::While { condition, body, .. } => {
            matches!(condition.kind, ExprKind::Bool(true)) && !breaks(body)
        }
        StatementKind::Block(block) => leaves(block),
        _ => false,
    })
}

/// Whether the statements leave the loop that they are the block of.
fn breaks(statements: &[Statement]) -> bool {
    statements.iter().any(|one| match &one.kind {
        StatementKind::Break => true,
        StatementKind::If { arms, otherwise } => {
            breaks(otherwise) || arms.iter().any(|(_, block)| breaks(block))
        }
        StatementKind::Block(block) => breaks(block),
        _ => false,
    })
}
