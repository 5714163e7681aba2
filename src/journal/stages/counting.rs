//! How the writer counts: the zone of local days, what a pulse of each meter is worth, since when lines are watched.

use jiff::tz::TimeZone;

use crate::journal::JournalError;
use crate::journal::stages::backfill::Backfill;
use crate::journal::stages::factor_note::FactorNote;
use crate::journal::stages::neighbours::WatchedSince;
use crate::journal::stages::writer::Writer;
use crate::model::PulseWorth;

impl Writer {
    /// Counts the local days of this zone.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn count_days_in(&mut self, zone: &TimeZone) -> Result<(), JournalError> {
        self.backfill = Backfill::default();
        self.journal.count_days_in(zone)
    }

    /// Pulses of the meters (in the order of their names) are worth so much from now on.
    pub fn count_with_factors(&mut self, worths: &[Option<PulseWorth>]) {
        self.factors = FactorNote::new(worths, self.clock.mono_ns());
    }

    /// Since when the lines are watched up to now.
    pub(super) fn watched_since(&self) -> WatchedSince {
        let rows = &self.journal.meters;
        let vouches_from_ns = self.journal.vouches_from_ns;
        let since = self.intake.watched().meters.into_iter();
        let since = since.map(|(meter, stretch)| {
            let since_ns = stretch.since_ns.max(vouches_from_ns);
            (rows[meter.index()], since_ns)
        });
        since.collect()
    }
}
