//! The guests, one folder each.

pub mod lc3;
