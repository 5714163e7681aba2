//! What is in the file, table by table: written and read.

pub(super) mod check;
pub(super) mod compared;
pub(super) mod confirmed;
pub(super) mod counts;
pub(super) mod days;
pub(super) mod deliveries;
pub(super) mod elapsed;
pub(super) mod factors;
pub(super) mod fill;
pub(super) mod hours;
pub(super) mod kind;
pub(super) mod ledger;
pub(super) mod lines;
pub(super) mod live;
pub(super) mod meters;
pub(super) mod pulses;
pub(super) mod quarantine;
pub(super) mod quarters;
pub(super) mod readings;
pub(super) mod segments;
pub(super) mod settings;
pub(super) mod size;
pub(super) mod span_version;
pub(super) mod tallies;
pub(super) mod thinned;
pub(super) mod windows;
