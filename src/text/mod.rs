//! Numbers, names and records as people read and write them. Pure.

pub mod csv;
pub mod diff;
pub mod names;
pub mod numbers;
pub mod visible;
