//! How another journal is related to this one: whether it is a copy of this very journal, and which of its
//! clock segments are segments here.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension};

use crate::journal::handles::reader::Reader;
use crate::journal::salvage::damage::each_row;
use crate::journal::salvage::file::Foreign;
use crate::journal::tables::segments::SEGMENT_SLOTS;
use crate::model::{MonoNs, SegmentRow};

/// Asks for the id that a journal was given when it was made, or by the migration that gave it one.
const ID: &str = "SELECT value FROM journal WHERE key = 'id'";

/// As the migration makes it, for a journal that has not seen it: the first clock segment of a boot, and since
/// when a line was watched. The second tells journals apart that follow each other in one run.
const OLD_ID: &str = "SELECT boot_id || ' ' || begins_ns
         || coalesce(' ' || (SELECT min(begins_s) FROM watched), '')
     FROM clock_segment WHERE boot_id <> 'import' ORDER BY id LIMIT 1";

/// The same without the second, which the oldest journals do not have.
const OLDEST_ID: &str = "SELECT boot_id || ' ' || begins_ns FROM clock_segment
     WHERE boot_id <> 'import' ORDER BY id LIMIT 1";

/// What tells this journal from all others; None: nothing does, or it cannot be read.
pub(in crate::journal) fn journal_id(connection: &Connection) -> Option<String> {
    [ID, OLD_ID, OLDEST_ID].iter().find_map(|select| {
        let id = connection.query_row(select, [], |row| row.get(0));
        id.optional().ok().flatten()
    })
}

/// Whether two ids are those of one journal, at two times maybe: a copy that was made before a line was
/// watched lacks that part.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let begins = |long: &str, short: &str| {
        let rest = long.strip_prefix(short);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    begins(one, other) || begins(other, one)
}

/// A clock segment.
#[derive(Debug, Clone)]
struct ClockSegment {
    row: SegmentRow,
    boot_id: String,
    begins_ns: MonoNs,
    offset_ns: i64,
    slept_ns: i64,
    is_final: bool,
}

fn segment_rows(connection: &Connection) -> Vec<ClockSegment> {
    let mut found = Vec::new();
    // Older journals do not know how long the machine slept.
    for slept in ["slept_ns", "0"] {
        found.clear();
        let select = format!(
            "SELECT id, boot_id, begins_ns, offset_ns, {slept}, trust > 0 FROM clock_segment ORDER BY id"
        );
        let read = |row: &rusqlite::Row<'_>| {
            Ok(ClockSegment {
                row: row.get(0)?,
                boot_id: row.get(1)?,
                begins_ns: row.get(2)?,
                offset_ns: row.get(3)?,
                slept_ns: row.get(4)?,
                is_final: row.get(5)?,
            })
        };
        let done = each_row((connection, &select), [], read, |row| found.push(row));
        if done.is_ok() || !found.is_empty() {
            break;
        }
    }
    found
}

/// What the stamps of another journal's segment are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offsets {
    /// From monotonic to wall time there.
    pub(super) theirs_ns: i64,
    /// In this journal, if it has the same segment.
    pub(super) here_ns: i64,
}

/// This journal's clock segments, by which pulses of another one are known again: the same boot, begin and
/// monotonic time are the same pulse, whatever its wall time was settled to.
#[derive(Debug, Clone, Default)]
pub struct KnownSegments {
    by_boot: HashMap<String, Vec<ClockSegment>>,
}

/// Whether it names one boot, as the kernel does; the name of a simulation, of imported pulses, or of a boot
/// that is not known, stands for many.
fn is_boot(boot_id: &str) -> bool {
    boot_id.len() == 36
        && boot_id
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

impl KnownSegments {
    fn find(&self, theirs: &ClockSegment) -> Option<&ClockSegment> {
        let of_boot = self.by_boot.get(&theirs.boot_id)?;
        let same = |row: &&ClockSegment| row.begins_ns == theirs.begins_ns;
        // There may be two of one begin where a journal was damaged and its successor restored.
        let mut all = of_boot.iter().filter(same);
        let same_row = all.clone().find(|segment| segment.row == theirs.row);
        same_row.or_else(|| all.next())
    }

    /// The offsets of another journal's segment, or why its time is not known.
    fn offsets(&self, theirs: &ClockSegment) -> Result<Offsets, &'static str> {
        let here = self.find(theirs);
        let settled = here.filter(|row| row.is_final);
        if theirs.is_final {
            return Ok(Offsets {
                theirs_ns: theirs.offset_ns,
                here_ns: settled.map_or(theirs.offset_ns, |row| row.offset_ns),
            });
        }
        let offset_ns = match (settled, here) {
            (Some(row), _) => row.offset_ns,
            (None, Some(_)) => {
                return Err("the clock is not known to be right yet, here either");
            }
            (None, None) => self.settled_later(theirs)?,
        };
        Ok(Offsets {
            theirs_ns: offset_ns,
            here_ns: offset_ns,
        })
    }

    /// The offset that a later segment of the boot would have settled it to.
    fn settled_later(&self, theirs: &ClockSegment) -> Result<i64, &'static str> {
        let of_boot = self.by_boot.get(&theirs.boot_id);
        let settled = || of_boot.into_iter().flatten().filter(|row| row.is_final);
        let by = settled()
            .find(|row| row.begins_ns >= theirs.begins_ns)
            .or_else(|| settled().next_back())
            .ok_or("the clock was not set before this journal ended")?;
        // Stamps of different segments differ; see the format.
        let slotted = |offset_ns: i64| {
            let above_ns = offset_ns.checked_sub(theirs.row.0)?;
            offset_ns.checked_sub(above_ns.rem_euclid(SEGMENT_SLOTS))
        };
        by.slept_ns
            .checked_sub(theirs.slept_ns)
            .and_then(|slept_ns| by.offset_ns.checked_sub(slept_ns))
            .and_then(slotted)
            .ok_or("its clock segment is damaged")
    }
}

impl Foreign {
    /// What tells this journal from all others; None: nothing does, or it cannot be read.
    pub fn journal_id(&self) -> Option<String> {
        journal_id(&self.connection)
    }

    /// What the stamps of its segments are, or why that is not known; by row.
    pub(super) fn offsets(
        &self,
        here: &KnownSegments,
    ) -> BTreeMap<SegmentRow, Result<Offsets, &'static str>> {
        let rows = segment_rows(&self.connection).into_iter();
        rows.map(|segment| (segment.row, here.offsets(&segment)))
            .collect()
    }

    /// Offsets of segments that are final there and not yet here, by the row here.
    pub fn lent_offsets(&self, here: &KnownSegments) -> HashMap<SegmentRow, i64> {
        let rows = segment_rows(&self.connection).into_iter();
        rows.filter(|theirs| theirs.is_final)
            .filter_map(|theirs| {
                let ours = here.find(&theirs).filter(|ours| !ours.is_final)?;
                Some((ours.row, theirs.offset_ns))
            })
            .collect()
    }
}

impl Reader {
    /// What tells this journal from all others, as [`Foreign::journal_id`] does; None: nothing does.
    pub fn journal_id(&self) -> Option<String> {
        journal_id(&self.connection)
    }

    /// This journal's clock segments.
    pub fn segments(&self) -> KnownSegments {
        let mut by_boot: HashMap<String, Vec<ClockSegment>> = HashMap::new();
        let rows = segment_rows(&self.connection).into_iter();
        for row in rows.filter(|row| is_boot(&row.boot_id)) {
            by_boot.entry(row.boot_id.clone()).or_default().push(row);
        }
        KnownSegments { by_boot }
    }
}
