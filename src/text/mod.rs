//! Numbers and names as people read and write them. Pure.

pub mod names;
pub mod numbers;
