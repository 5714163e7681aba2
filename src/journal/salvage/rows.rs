//! Reads a journal that SQLite does not take any more, or one from elsewhere: whatever rows can be
//! read, around the pages that are damaged.

use std::collections::BTreeMap;

use rusqlite::Row;

use crate::journal::salvage::damage::{BLIND_IDS, each_page, each_row};
use crate::journal::salvage::file::Foreign;
use crate::journal::salvage::kinship::KnownSegments;
use crate::journal::tables::readings::reading;
use crate::journal::{JournalError, OpContext};
use crate::model::{Loss, LossCause, MeterRow, PulseId, Reading, SegmentRow, WallNs};

/// A pulse of another journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// Its id there.
    pub id: PulseId,
    /// The meter's row there.
    pub meter: MeterRow,
    /// Its wall time; or why it cannot be told.
    pub wall_ns: Result<WallNs, &'static str>,
    /// What its wall time is in this journal, if it is here.
    pub here_ns: WallNs,
    /// Put back by number.
    pub estimated: bool,
}

impl Foreign {
    /// The names of another journal's meters, by row. What cannot be read is missing.
    pub fn meters(&self) -> BTreeMap<MeterRow, String> {
        let mut found = BTreeMap::new();
        let read = |row: &Row<'_>| Ok((row.get::<_, MeterRow>(0)?, row.get::<_, String>(1)?));
        let _ = each_row(
            (&self.connection, "SELECT id, name FROM meter"),
            [],
            read,
            |row| {
                found.insert(row.0, row.1);
            },
        );
        found
    }

    /// Reads another journal's pulses in its order, a page at a time: the pulses, and how much is
    /// read, of 1. `here`: this journal's clock segments. Returns how many ids could not be read because
    /// their pages are damaged.
    ///
    /// # Errors
    /// When it is not such a journal.
    pub fn pulses(
        &self,
        here: &KnownSegments,
        each: &mut dyn FnMut(&[Salvaged], f64),
    ) -> Result<i64, JournalError> {
        let offsets = self.offsets(here);
        let mut select = self
            .connection
            .prepare(
                "SELECT id, meter, segment, mono_ns, estimated FROM pulse
                 WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3",
            )
            .op("be read")?;
        let salvaged = |row: &Row<'_>| {
            let segment: SegmentRow = row.get(2)?;
            let mono_ns: i64 = row.get(3)?;
            let offsets = offsets.get(&segment).copied();
            let offsets = offsets.unwrap_or(Err("its clock segment is damaged"));
            let stamps = offsets.and_then(|offsets| {
                let at = |offset_ns: i64| mono_ns.checked_add(offset_ns).map(WallNs);
                let both = at(offsets.theirs_ns).zip(at(offsets.here_ns));
                both.ok_or("its stamp is damaged")
            });
            Ok(Salvaged {
                id: row.get(0)?,
                meter: row.get(1)?,
                wall_ns: stamps.map(|(theirs_ns, _)| theirs_ns),
                here_ns: stamps.map_or(WallNs::default(), |(_, here_ns)| here_ns),
                estimated: row.get(4)?,
            })
        };
        let bounds = self.pulse_bounds();
        Ok(each_page(
            &mut select,
            bounds,
            salvaged,
            |pulse| pulse.id.0,
            each,
        ))
    }

    /// The least id and the greatest, if anything tells them.
    fn pulse_bounds(&self) -> (Option<i64>, Option<i64>) {
        let ask = |what: &str| {
            let found = self
                .connection
                .query_row(what, [], |row| row.get::<_, Option<i64>>(0));
            found.ok().flatten()
        };
        let first =
            ask("SELECT min(id) FROM pulse").or_else(|| ask("SELECT min(first_id) FROM hour_ids"));
        let last = ask("SELECT max(id) FROM pulse");
        let counted = ask("SELECT max(last_id) FROM rolled");
        (
            first,
            last.or(counted.map(|id| id.saturating_add(BLIND_IDS))),
        )
    }

    /// Another journal's ledger, as much as can be read: the meter's row there, cause, losses.
    pub fn losses(&self) -> Vec<(MeterRow, LossCause, Loss)> {
        let mut found = Vec::new();
        let read = |row: &Row<'_>| {
            let (cause, pulses): (String, i64) = (row.get(1)?, row.get(2)?);
            let loss = Loss {
                pulses: pulses.unsigned_abs(),
                first_ns: row.get(3)?,
                last_ns: row.get(4)?,
            };
            Ok((
                row.get::<_, MeterRow>(0)?,
                LossCause::from_word(&cause),
                loss,
            ))
        };
        let select = "SELECT meter, cause, pulses, first_ns, last_ns FROM ledger";
        let select = (&self.connection, select);
        let _ = each_row(select, [], read, |(meter, cause, loss)| {
            found.extend(cause.map(|cause| (meter, cause, loss)));
        });
        found
    }

    /// Another journal's readings of registers, as many as can be read: the meter's row there, reading.
    pub fn readings(&self) -> Vec<(MeterRow, Reading)> {
        let mut found = Vec::new();
        let read = |row: &Row<'_>| Ok((row.get::<_, MeterRow>(0)?, reading(row, 1)?));
        let unit = self.unit_of("register");
        let more = ["digits", "exchange", "serial"];
        let more = more.map(|column| match self.has("register", column) {
            true => column,
            false => "NULL",
        });
        let select = format!(
            "SELECT meter, at_ns, pulses, kwh, imp_per_kwh, adopted, {unit}, {} FROM register ORDER BY id",
            more.join(", ")
        );
        // An older journal has no such table.
        let _ = each_row((&self.connection, &select), [], read, |row| found.push(row));
        found
    }
}
