//! The machine around the program: systemd, signals.

pub mod signals;
pub mod systemd;
