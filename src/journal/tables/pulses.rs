//! The pulses: put, and read a page at a time.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, Transaction};

use crate::journal::handles::reader::Reader;
use crate::journal::sql::id_range_if_any;
use crate::journal::{JournalError, OpContext};
use crate::model::{IdRange, MeterRow, MonoNs, PulseId, SegmentRow, WallNs};

/// A pulse that is on the disk and has its place in the journal's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredPulse {
    /// Its id.
    pub id: PulseId,
    /// The row of its meter.
    pub meter: MeterRow,
    /// Its wall time; unique among the pulses of its meter.
    pub wall_ns: WallNs,
    /// Put back by number; the stamp is a guess.
    pub estimated: bool,
}

/// What [`Reader::page`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Pulses whose wall time is final.
    pub entries: Vec<StoredPulse>,
    /// The ids that `entries` stand for, without those that are held.
    pub covered: Vec<IdRange>,
    /// Ids whose clock segment is provisional: kept, not to be sent yet.
    pub held: Vec<IdRange>,
}

/// A row of `pulse`: id, meter, segment, mono_ns, estimated.
pub(in crate::journal) type PulseRow = (PulseId, MeterRow, SegmentRow, MonoNs, bool);

/// Offsets that are remembered at most, beside those of a page: a clock may be stepped every minute for years.
const OFFSETS_MAX: usize = 4_096;

/// Pulses a read.
const PAGE_PULSES: usize = 10_000;

/// What a commit adds to a meter's line: its pulses, and the segment and stamp of the last.
pub(in crate::journal) type Total = (i64, SegmentRow, MonoNs);

/// Keeps a pulse.
pub(in crate::journal) fn put_pulse(
    transaction: &Transaction<'_>,
    pulse: PulseRow,
) -> Result<(), JournalError> {
    transaction
        .prepare_cached("INSERT INTO pulse VALUES (?1, ?2, ?3, ?4, ?5)")
        .and_then(|mut put| put.execute(pulse))
        .op("keep a pulse")?;
    Ok(())
}

/// Adds to the total of a meter whose last pulse this commit holds.
pub(in crate::journal) fn add_to_total(
    transaction: &Transaction<'_>,
    meter: MeterRow,
    (pulses, segment, mono_ns): Total,
) -> Result<(), JournalError> {
    transaction
        .prepare_cached(
            "INSERT INTO line (meter, pulses, last_segment, last_mono_ns) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (meter) DO UPDATE SET pulses = pulses + excluded.pulses,
                 last_segment = excluded.last_segment, last_mono_ns = excluded.last_mono_ns",
        )
        .and_then(|mut put| put.execute((meter, pulses, segment, mono_ns)))
        .op("keep a line's state")?;
    Ok(())
}

impl Reader {
    /// Reads the pulses of a range of ids whose time is known, a page at a time.
    ///
    /// # Errors
    /// When the journal cannot be read, or `each` fails.
    pub fn each_pulse<E: From<JournalError>>(
        &mut self,
        ids: IdRange,
        each: &mut dyn FnMut(&StoredPulse) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each_page(ids, &mut |page, _| {
            page.entries.iter().try_for_each(&mut *each)
        })
    }

    /// Reads a range of ids in pages, each with the last id that it reaches: short transactions, so that a running
    /// daemon's WAL can be reused.
    ///
    /// # Errors
    /// When the journal cannot be read, or `each` fails.
    pub fn each_page<E: From<JournalError>>(
        &mut self,
        ids: IdRange,
        each: &mut dyn FnMut(&Page, PulseId) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut left = ids;
        while !left.is_empty() {
            let page = self.page(left, PAGE_PULSES)?;
            let ranges = page.covered.iter().chain(&page.held);
            let reached = ranges.map(|range| range.last).max();
            let reached = reached.unwrap_or(left.last);
            each(&page, reached)?;
            if reached == left.last {
                break;
            }
            left.first = reached.next();
        }
        Ok(())
    }

    /// Reads the pulses of a range of ids, at most `limit` of them. Ids that are not there any more count as
    /// covered.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn page(&mut self, ids: IdRange, limit: usize) -> Result<Page, JournalError> {
        let rows = self.rows(ids, limit)?;
        let reached = if rows.len() < limit {
            ids.last
        } else {
            rows.last().map_or(ids.last, |row| row.0)
        };
        self.learn_offsets(&rows)?;
        let mut page = Page::default();
        let mut next = ids.first;
        for (id, meter, segment, mono_ns, estimated) in rows {
            let Some(offset_ns) = self.offsets.get(&segment) else {
                cover(&mut page.covered, IdRange::new(next, id.previous()));
                cover(&mut page.held, IdRange::one(id));
                next = id.next();
                continue;
            };
            page.entries.push(StoredPulse {
                id,
                meter,
                wall_ns: WallNs::of_mono(mono_ns, *offset_ns),
                estimated,
            });
        }
        cover(&mut page.covered, IdRange::new(next, reached));
        Ok(page)
    }

    fn rows(&self, ids: IdRange, limit: usize) -> Result<Vec<PulseRow>, JournalError> {
        let mut select = self
            .connection
            .prepare_cached(
                "SELECT id, meter, segment, mono_ns, estimated FROM pulse
                 WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3",
            )
            .op("be read")?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = select
            .query_map((ids.first, ids.last, limit), |row| row.try_into())
            .op("be read")?
            .collect::<Result<Vec<_>, _>>();
        rows.op("be read")
    }

    /// Makes sure that every final segment among `rows` is known.
    fn learn_offsets(&mut self, rows: &[PulseRow]) -> Result<(), JournalError> {
        let wanted: HashSet<SegmentRow> = rows.iter().map(|row| row.2).collect();
        if self.offsets.len() > OFFSETS_MAX {
            self.offsets.clear();
        }
        for segment in wanted {
            self.final_offset_ns(segment)?;
        }
        Ok(())
    }

    /// The offset of a segment to wall time, if it is final.
    pub(in crate::journal) fn final_offset_ns(
        &mut self,
        segment: SegmentRow,
    ) -> Result<Option<i64>, JournalError> {
        if let Some(offset_ns) = self.offsets.get(&segment) {
            return Ok(Some(*offset_ns));
        }
        let offset_ns = self
            .connection
            .prepare_cached("SELECT offset_ns FROM clock_segment WHERE id = ?1 AND trust > 0")
            .and_then(|mut select| select.query_row([segment], |row| row.get(0)).optional())
            .op("be read")?;
        if let Some(offset_ns) = offset_ns {
            self.offsets.insert(segment, offset_ns);
        }
        Ok(offset_ns)
    }

    /// From the oldest to the newest id that are there; None: no pulse at all.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn bounds(&self) -> Result<Option<IdRange>, JournalError> {
        // Two searches of the tree's edges; asked for both at once SQLite would read all rows.
        self.connection
            .prepare_cached("SELECT (SELECT min(id) FROM pulse), (SELECT max(id) FROM pulse)")
            .and_then(|mut select| select.query_row([], id_range_if_any))
            .op("be read")
    }

    /// The first id in the journal's order whose wall time is final and not before `wall_ns`.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn first_since(&self, wall_ns: WallNs) -> Result<Option<PulseId>, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT p.id FROM pulse p JOIN clock_segment s ON s.id = p.segment AND s.trust > 0
                 WHERE p.mono_ns + s.offset_ns >= ?1 ORDER BY p.id LIMIT 1",
            )
            .and_then(|mut select| select.query_row([wall_ns], |row| row.get(0)).optional())
            .op("be read")
    }
}

/// Adds a range, closing up with the last one where they touch.
fn cover(ranges: &mut Vec<IdRange>, added: IdRange) {
    if added.is_empty() {
        return;
    }
    match ranges.last_mut() {
        Some(range) if range.last.next() == added.first => range.last = added.last,
        _ => ranges.push(added),
    }
}
