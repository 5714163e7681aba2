//! What the reconciler asks of a server: the seam between it and InfluxDB.

use std::fmt::Debug;

use super::compare::{Counts, ViewRead};
use crate::model::{Tier, View};
use crate::server::failure::Failure;

/// The buckets of a server, to be read back and written.
pub trait Server: Debug + Send {
    /// How many pulses the raw bucket holds, by meter and window, with `from_s <= time < to_s`; both
    /// are bounds of windows.
    ///
    /// # Errors
    /// When the answer is anything but complete.
    fn raw(&mut self, every: View, from_s: i64, to_s: i64) -> Result<Counts, Failure>;

    /// The points of a view with `from_s <= time < to_s`.
    ///
    /// # Errors
    /// When the answer is anything but complete.
    fn view(&mut self, view: View, from_s: i64, to_s: i64) -> Result<ViewRead, Failure>;

    /// Writes line protocol into the bucket of a level. Ok means 204.
    ///
    /// # Errors
    /// Everything else.
    fn write(&mut self, level: Tier, body: &[u8]) -> Result<(), Failure>;

    /// Looks for a newer token, after the server did not like the one at hand.
    fn refresh_token(&mut self);
}
