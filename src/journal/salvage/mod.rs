//! What comes from other files: journals that were moved aside, damaged ones, the queue of the Python edition.

pub(in crate::journal) mod arrivals;
pub(in crate::journal) mod file;
pub(in crate::journal) mod first_page;
pub(in crate::journal) mod kinship;
pub(in crate::journal) mod rows;
pub(in crate::journal) mod schema_rows;
pub(in crate::journal) mod takeover;

pub use arrivals::{ARRIVALS_A_COMMIT, Arrival, Expiry, Presence};
pub use file::{Foreign, Holds, QueueRow, is_sqlite, wal_of};
pub use kinship::KnownSegments;
pub use rows::Salvaged;
pub use takeover::{ArrivedHours, TheirLoss, would_raise};
