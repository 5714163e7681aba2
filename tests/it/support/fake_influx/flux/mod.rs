//! The little of Flux that PowerLogger and its tests use: read by [`parse`], planned and carried out
//! by [`eval`] over [`table`]s, answered by [`csv`]. What it does not know fails loudly, so that no
//! test passes by accident.

pub mod arguments;
pub mod csv;
pub mod eval;
pub mod options;
pub mod parse;
pub mod stream;
pub mod table;
pub mod to;
pub mod window;
