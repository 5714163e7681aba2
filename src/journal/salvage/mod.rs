//! What comes from other files: journals that were moved aside, damaged ones, the queue of the Python edition.

mod arrival;
mod arrivals;
mod damage;
mod factors;
mod file;
mod first_page;
mod hours;
mod kinship;
mod presence;
mod quarters;
mod readings;
mod rows;
mod schema_rows;
mod takeover;

pub use super::db::file::wal_of;
pub use arrival::Arrival;
pub use arrivals::{ARRIVALS_A_COMMIT, Expiry};
pub use file::{Foreign, Holds, QueueRow, is_sqlite};
pub use kinship::KnownSegments;
pub(super) use kinship::journal_id;
pub use presence::Presence;
pub use rows::Salvaged;
pub use takeover::{ArrivedHours, TheirLoss, would_raise};
