//! What is in the file, table by table: written and read.

pub(super) mod compared;
pub(super) mod deliveries;
pub(super) mod elapsed;
pub(super) mod hours;
pub(super) mod kind;
pub(super) mod lines;
pub(super) mod live;
pub(super) mod quarantine;
pub(super) mod readings;
pub(super) mod segments;
pub(super) mod settings;
pub(super) mod tallies;
pub(super) mod thinned;
pub(super) mod windows;
