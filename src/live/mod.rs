//! The live board: how everything stands now, in memory.
//!
//! Each stage publishes its part of the [`Board`] as it changes; who shows something reads a [`Snapshot`].
//! Nothing here asks the disk, so the board tells how things stand while the disk does not answer. What must
//! outlive the process is in the journal, and is read into the board when the journal is opened.

mod alarms;
mod board;
mod delivery;
mod journal;
mod lines;
mod meters;
mod recent;
pub mod silence;
mod stamps;

pub use self::alarms::AlarmsLive;
pub use self::board::{Board, ServerPart, Snapshot, Subscription};
pub use self::delivery::{DeliveryLive, TierLive, ViewsLive};
pub use self::journal::{ClockLive, JournalLive, JournalPhase};
pub use self::lines::{CaptureLive, LineLive, NOT_REQUESTED_YET};
pub use self::meters::{MeterLive, MetersLive};
pub use self::recent::{RecentEdge, RecentEdges};
pub use self::stamps::Stamps;
