//! The reading side: pages of pulses, and what the status needs. Each read is short: a reader
//! held open would keep the WAL from being reused.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row};

use crate::journal::db::open;
use crate::journal::ids::IdRanges;
use crate::journal::tables::deliveries::DestinationState;
use crate::journal::{JournalError, OpContext};
use crate::model::{FilterState, Loss};
use crate::model::{LossCause, WallNs};

/// A pulse that is on the disk and has its place in the journal's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredPulse {
    /// Its id.
    pub id: i64,
    /// The row of its meter.
    pub meter: i64,
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
    pub covered: Vec<(i64, i64)>,
    /// Ids whose clock segment is provisional: kept, not to be sent yet.
    pub held: Vec<(i64, i64)>,
}

/// One meter as the journal knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterTotals {
    /// Its name.
    pub name: String,
    /// Pulses ever journaled.
    pub pulses: i64,
    /// The last one's wall time, if there was one and its clock segment is final.
    pub last_ns: Option<WallNs>,
}

/// An entry of the ledger: the meter's name, why, how many and when.
pub type LedgerEntry = (String, LossCause, Loss);

/// A row of `pulse`: id, meter, segment, mono_ns, estimated.
type PulseRow = (i64, i64, i64, i64, bool);

/// Offsets that are remembered at most, beside those of a page: a clock may be stepped every minute for years.
const OFFSETS_MAX: usize = 4_096;

/// A connection for reading.
#[derive(Debug)]
pub struct Reader {
    pub(in crate::journal) connection: Connection,
    /// Offsets of segments that are final: they never change.
    offsets: HashMap<i64, i64>,
}

impl Reader {
    /// Opens the journal in `dir` for reading.
    ///
    /// # Errors
    /// When there is none or it cannot be read.
    pub fn open(dir: &Path) -> Result<Reader, JournalError> {
        let connection = open::open_reader(dir)?;
        Ok(Reader {
            connection,
            offsets: HashMap::new(),
        })
    }

    /// Reads the pulses with `first <= id <= last`, at most `limit` of them. Ids that are not
    /// there any more count as covered.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn page(&mut self, first: i64, last: i64, limit: usize) -> Result<Page, JournalError> {
        let rows = self.rows(first, last, limit)?;
        let reached = if rows.len() < limit {
            last
        } else {
            rows.last().map_or(last, |row| row.0)
        };
        self.learn_offsets(&rows)?;
        let mut page = Page::default();
        let mut next = first;
        for (id, meter, segment, mono_ns, estimated) in rows {
            let Some(offset_ns) = self.offsets.get(&segment) else {
                cover(&mut page.covered, next, id - 1);
                cover(&mut page.held, id, id);
                next = id + 1;
                continue;
            };
            page.entries.push(StoredPulse {
                id,
                meter,
                wall_ns: mono_ns + offset_ns,
                estimated,
            });
        }
        cover(&mut page.covered, next, reached);
        Ok(page)
    }

    fn rows(&self, first: i64, last: i64, limit: usize) -> Result<Vec<PulseRow>, JournalError> {
        let mut select = self
            .connection
            .prepare_cached(
                "SELECT id, meter, segment, mono_ns, estimated FROM pulse
                 WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3",
            )
            .op("be read")?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = select
            .query_map((first, last, limit), |row| row.try_into())
            .op("be read")?
            .collect::<Result<Vec<_>, _>>();
        rows.op("be read")
    }

    /// Makes sure that every final segment among `rows` is known.
    fn learn_offsets(&mut self, rows: &[PulseRow]) -> Result<(), JournalError> {
        let wanted: HashSet<i64> = rows.iter().map(|row| row.2).collect();
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
        segment: i64,
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

    /// The oldest and the newest id that are there; None: no pulse at all.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn bounds(&self) -> Result<Option<(i64, i64)>, JournalError> {
        // Two searches of the tree's edges; asked for both at once SQLite would read all rows.
        self.connection
            .prepare_cached("SELECT (SELECT min(id) FROM pulse), (SELECT max(id) FROM pulse)")
            .and_then(|mut select| {
                select.query_row([], |row| {
                    Ok(Option::zip(
                        row.get::<_, Option<i64>>(0)?,
                        row.get::<_, Option<i64>>(1)?,
                    ))
                })
            })
            .op("be read")
    }

    /// The first id in the journal's order whose wall time is final and not before `wall_ns`.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn first_since(&self, wall_ns: WallNs) -> Result<Option<i64>, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT p.id FROM pulse p JOIN clock_segment s ON s.id = p.segment AND s.trust > 0
                 WHERE p.mono_ns + s.offset_ns >= ?1 ORDER BY p.id LIMIT 1",
            )
            .and_then(|mut select| select.query_row([wall_ns], |row| row.get(0)).optional())
            .op("be read")
    }

    /// What `destination` has acknowledged.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn delivered(&self, destination: i64) -> Result<IdRanges, JournalError> {
        self.connection
            .prepare_cached("SELECT first_id, last_id FROM delivered WHERE destination = ?1")
            .and_then(|mut select| {
                let ranges = select.query_map([destination], |row| row.try_into())?;
                ranges.collect::<Result<Vec<_>, _>>()
            })
            .map(IdRanges::from_ranges)
            .op("be read")
    }

    /// Whether a destination gets the pulses themselves.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn sends_raw(&self, destination: i64) -> Result<bool, JournalError> {
        self.connection
            .prepare_cached("SELECT raw FROM destination WHERE id = ?1")
            .and_then(|mut select| select.query_row([destination], |row| row.get(0)).optional())
            .op("be read")
            .map(|raw| raw.unwrap_or(true))
    }

    /// Destinations by row: name and state.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn destinations(&self) -> Result<Vec<(i64, String, DestinationState)>, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT id, name, state, message, since_ns FROM destination ORDER BY id",
            )
            .and_then(|mut select| {
                let destinations = select.query_map([], |row| {
                    let state = DestinationState {
                        state: row.get(2)?,
                        message: row.get(3)?,
                        since_ns: row.get(4)?,
                    };
                    Ok((row.get(0)?, row.get(1)?, state))
                })?;
                destinations.collect()
            })
            .op("be read")
    }

    /// Names of the meters by row.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn meter_names(&self) -> Result<BTreeMap<i64, String>, JournalError> {
        self.connection
            .prepare_cached("SELECT id, name FROM meter")
            .and_then(|mut select| select.query_map([], |row| row.try_into())?.collect())
            .op("be read")
    }

    /// The meters' totals, in the order in which they were first seen.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn totals(&self) -> Result<Vec<MeterTotals>, JournalError> {
        let totals = |row: &Row<'_>| {
            Ok(MeterTotals {
                name: row.get(0)?,
                pulses: row.get(1)?,
                last_ns: row.get(2)?,
            })
        };
        self.connection
            .prepare_cached(
                "SELECT name, coalesce(pulses, 0), last_mono_ns + offset_ns
                 FROM meter LEFT JOIN line ON line.meter = meter.id
                     LEFT JOIN clock_segment s ON s.id = last_segment AND s.trust > 0
                 ORDER BY meter.id",
            )
            .and_then(|mut select| select.query_map([], totals)?.collect())
            .op("be read")
    }

    /// Where each meter's line stood at the last commit: its name, the id of its request, the filter's
    /// memory.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn lines(&self) -> Result<Vec<(String, u64, FilterState)>, JournalError> {
        let rows: Vec<(String, i64, String)> = self
            .connection
            .prepare_cached(
                "SELECT name, request_id, filter FROM line JOIN meter ON meter.id = meter
                 WHERE request_id IS NOT NULL AND filter IS NOT NULL",
            )
            .and_then(|mut select| select.query_map([], |row| row.try_into())?.collect())
            .op("be read")?;
        let line = |(name, request_id, filter): (String, i64, String)| {
            #[expect(clippy::cast_sign_loss, reason = "an id: only its bits matter")]
            let request_id = request_id as u64;
            // What an older version has written and this one cannot read is not remembered.
            Some((name, request_id, serde_json::from_str(&filter).ok()?))
        };
        Ok(rows.into_iter().filter_map(line).collect())
    }

    /// The ledger: every loss by meter's name and cause.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn ledger(&self) -> Result<Vec<LedgerEntry>, JournalError> {
        let loss = |row: &Row<'_>| {
            let cause: String = row.get(1)?;
            let pulses: i64 = row.get(2)?;
            let pulses = pulses.unsigned_abs();
            let loss = Loss {
                pulses,
                first_ns: row.get(3)?,
                last_ns: row.get(4)?,
            };
            Ok((row.get(0)?, LossCause::from_word(&cause), loss))
        };
        let rows: Vec<(String, Option<LossCause>, Loss)> = self
            .connection
            .prepare_cached(
                "SELECT name, cause, pulses, first_ns, last_ns
                 FROM ledger JOIN meter ON meter.id = meter ORDER BY meter, cause",
            )
            .and_then(|mut select| select.query_map([], loss)?.collect())
            .op("be read")?;
        Ok(rows
            .into_iter()
            .filter_map(|(name, cause, loss)| Some((name, cause?, loss)))
            .collect())
    }

    /// Bytes of the journal that hold data (free pages are reused before the file grows).
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn used_bytes(&self) -> Result<u64, JournalError> {
        crate::journal::stages::retention::used_bytes(&self.connection)
    }
}

/// Adds a range, closing up with the last one where they touch.
fn cover(ranges: &mut Vec<(i64, i64)>, first: i64, last: i64) {
    if first > last {
        return;
    }
    match ranges.last_mut() {
        Some(range) if range.1 + 1 == first => range.1 = last,
        _ => ranges.push((first, last)),
    }
}
