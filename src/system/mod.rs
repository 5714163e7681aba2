//! The machine around the program: systemd, signals, priorities.

pub mod priority;
pub mod signals;
pub mod systemd;
