//! The two ways into the file: the one that writes, and those that read.

pub(super) mod day_zone;
pub(super) mod journal;
pub(super) mod reader;
