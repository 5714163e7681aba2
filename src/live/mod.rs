//! The live board: how everything stands now, in memory.
//!
//! Each stage publishes its part of the [`Board`] as it changes; whoever shows something reads a [`Snapshot`].
//! Nothing here asks the disk, so the board tells how things stand while the disk does not answer. What must
//! outlive the process is in the journal, and is read into the board when the journal is opened.

mod board;
mod delivery;
mod journal;
mod lines;
mod meters;
pub mod silence;
mod stamps;

pub use self::board::{Board, Snapshot, Subscription};
pub use self::delivery::{DeliveryLive, TierLive, ViewsLive};
pub use self::journal::{ClockLive, JournalLive, JournalPhase};
pub use self::lines::{CaptureLive, LineLive};
pub use self::meters::{MeterLive, MetersLive, RegisterBase};
pub use self::stamps::Stamps;

/// What the configuration's files say that the running daemon cannot do, each with the text for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// The files are wrong.
    ConfigurationWrong(String),
    /// The files say something that takes a restart.
    ConfigurationDiffers(String),
    /// There is a server and no way to use it.
    ServerUnusable(String),
}
