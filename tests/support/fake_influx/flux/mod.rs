//! The little of Flux that PowerLogger and its tests use: read by [`parse`], carried out by [`eval`]. What
//! it does not know fails loudly, so that no test passes by accident.

pub mod eval;
pub mod parse;
