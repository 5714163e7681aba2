//! Whether what is counted of a span of time has changed: a number to compare, without counting again.

use crate::journal::handles::reader::Reader;
use crate::journal::tables::quarters::quarters_from_s;
use crate::journal::{JournalError, OpContext};
use crate::model::View;

/// What is counted of a span, in a few sums that change with it: windows are added to and never recomputed, and what was
/// watched grows. Windows that leave for their age change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanVersion {
    /// Pulses in the hours that the span touches.
    pub pulses: i64,
    /// How many windows they are in.
    pub windows: i64,
    /// Seconds of it in which lines were watched, over all meters.
    pub watched_s: i64,
    /// From when on its quarters of hours are known: they are filled in from the newest to the oldest.
    pub quarters_from_s: i64,
}

impl Reader {
    /// The version of what is counted from `from_s` to `to_s` (in seconds since 1970). None: pulses of it are not in windows
    /// yet.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn span_version(
        &mut self,
        from_s: i64,
        to_s: i64,
    ) -> Result<Option<SpanVersion>, JournalError> {
        for uncounted in self.uncounted_ids()? {
            let stamp_ns = self.stamp_of(uncounted.first)?;
            // What comes later in a gap is mostly younger; of a time that is not known nothing is shown.
            if stamp_ns.is_some_and(|stamp_ns| stamp_ns.s() < to_s) {
                return Ok(None);
            }
        }
        let (pulses, windows) = self
            .connection
            .prepare_cached(
                "SELECT coalesce(sum(pulses), 0), count(*) FROM window
                 WHERE view = ?1 AND start_s >= ?2 AND start_s < ?3",
            )
            .and_then(|mut select| {
                let hour = View::Hour;
                let span = (hour.width_s(), hour.floor_s(from_s), to_s);
                select.query_row(span, |row| row.try_into())
            })
            .op("be read")?;
        let watched_s = self
            .connection
            .prepare_cached(
                "SELECT coalesce(sum(min(ends_s, ?2) - max(begins_s, ?1)), 0) FROM watched
                 WHERE begins_s < ?2 AND ends_s > ?1",
            )
            .and_then(|mut select| select.query_row((from_s, to_s), |row| row.get(0)))
            .op("be read")?;
        Ok(Some(SpanVersion {
            pulses,
            windows,
            watched_s,
            quarters_from_s: quarters_from_s(&self.connection)?.clamp(from_s, to_s),
        }))
    }
}
