//! The clock segments, both sides: kept, settled, and remembered by the next run.

use rusqlite::{OptionalExtension, Transaction, params};
use tracing::warn;

use crate::clock::elapsed::Known;
use crate::clock::segment::{EARLIEST_WALL_NS, Remembered, STEP_MIN_NS, Segment, Stood, Trust};
use crate::journal::handles::reader::Reader;
use crate::journal::tables::thinned::MINUTE_NS;
use crate::journal::{JournalError, OpContext};
use crate::model::{NS_PER_S, PulseId, SegmentNo, SegmentRow, WallNs};

/// In place of a boot's id: the one segment whose pulses hold wall time as it is, offset 0.
pub(in crate::journal) const IMPORT_BOOT: &str = "import";

/// `offset_ns` of a segment is congruent to its row id modulo this: see the format in
/// [`crate::journal`]. Equal to the step of stamps.
pub(in crate::journal) const SEGMENT_SLOTS: i64 = crate::model::STAMP_STEP_NS;

/// Between the last pulse before a boot whose time was never known and the first one in it.
const AFTER_NS: i64 = NS_PER_S;

/// Keeps a segment; `known`: its row, `wanted`: the one it had in another journal. A final one settles the
/// provisional ones of the same boot that an earlier run left behind: the monotonic clock has run on since, but
/// for the suspends between. What is final already is at most trusted more.
pub(in crate::journal) fn put_segment(
    transaction: &Transaction<'_>,
    segment: Segment,
    (known, wanted): (Option<SegmentRow>, Option<SegmentRow>),
    boot_id: &str,
) -> Result<SegmentRow, JournalError> {
    let row = if let Some(row) = known {
        row
    } else {
        transaction
            .execute(
                "INSERT INTO clock_segment (id, boot_id, begins_ns, offset_ns, trust, slept_ns)
                 VALUES (?4, ?1, ?2, 0, 0, ?3)",
                params![boot_id, segment.begins_ns, segment.slept_ns, wanted],
            )
            .op("keep a clock segment")?;
        SegmentRow(transaction.last_insert_rowid())
    };
    let which = if segment.trust.is_final() {
        "trust = 0 AND boot_id = (SELECT boot_id FROM clock_segment WHERE id = ?1)"
    } else {
        "id = ?1"
    };
    let offset = slotted("(?3 - (?4 - slept_ns))");
    transaction
        .execute(
            &format!("UPDATE clock_segment SET trust = ?2, offset_ns = {offset} WHERE {which}"),
            params![
                row,
                segment.trust.as_code(),
                segment.offset_ns,
                segment.slept_ns
            ],
        )
        .and_then(|_| {
            transaction.execute(
                "UPDATE clock_segment SET trust = max(trust, ?2) WHERE id = ?1 AND trust > 0",
                (row, segment.trust.as_code()),
            )
        })
        .op("keep a clock segment")?;
    Ok(row)
}

/// SQL for an offset, lowered to where the segment's id wants it.
fn slotted(offset: &str) -> String {
    format!("{offset} - ((({offset} - id) % {SEGMENT_SLOTS}) + {SEGMENT_SLOTS}) % {SEGMENT_SLOTS}")
}

/// A boot that ended before its time was known, with its pulses.
struct Former {
    boot_id: String,
    first_id: PulseId,
    /// From the boot to its first and its last pulse, sleep included.
    first_ns: i64,
    last_ns: i64,
    pulses: i64,
    /// When it began, as its clock showed it, trusted or not.
    shown_ns: WallNs,
    /// When it began, by the newest time of the boot that was final: what was shown later contradicted that.
    known_ns: Option<WallNs>,
}

/// Gives the pulses of former boots whose time was never known the most likely one, marked as assumed:
/// nothing can confirm it any more. `boot_wall_ns`: when the present boot began.
pub(in crate::journal) fn settle_former_boots(
    transaction: &Transaction<'_>,
    boot_id: &str,
    boot_wall_ns: WallNs,
) -> Result<(), JournalError> {
    for former in former_boots(transaction, boot_id)? {
        let before_ns: Option<WallNs> = transaction
            .query_row(
                "SELECT p.mono_ns + s.offset_ns FROM pulse p JOIN clock_segment s ON s.id = p.segment
                 WHERE p.id < ?1 AND s.trust > 0 ORDER BY p.id DESC LIMIT 1",
                [former.first_id],
                |row| row.get(0),
            )
            .optional()
            .op("be read")?;
        let began_ns = likely_begin_ns(&former, before_ns, boot_wall_ns);
        let offset = slotted("(?2 + slept_ns)");
        transaction
            .execute(
                &format!(
                    "UPDATE clock_segment SET trust = ?3, offset_ns = {offset}
                     WHERE boot_id = ?1 AND trust = 0"
                ),
                params![former.boot_id, began_ns, Trust::Assumed.as_code()],
            )
            .op("keep a clock segment")?;
        if former.pulses > 0 {
            warn!(
                pulses = former.pulses,
                from = shown(began_ns + former.first_ns),
                to = shown(began_ns + former.last_ns),
                "the clock of an earlier boot was never known to be right: its pulses are taken for these"
            );
        }
    }
    Ok(())
}

fn shown(wall_ns: WallNs) -> String {
    let second = jiff::Timestamp::from_second(wall_ns.s());
    second.map_or_else(|_| wall_ns.to_string(), |second| second.to_string())
}

fn former_boots(transaction: &Transaction<'_>, boot_id: &str) -> Result<Vec<Former>, JournalError> {
    let any: bool = transaction
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM clock_segment WHERE trust = 0 AND boot_id <> ?1)",
        )
        .and_then(|mut select| select.query_row([boot_id], |row| row.get(0)))
        .op("be read")?;
    if !any {
        return Ok(Vec::new());
    }
    transaction
        .prepare(
            "WITH known AS (
                 SELECT segment, id AS first_id, mono_ns AS first_ns, mono_ns AS last_ns, 1 AS pulses FROM pulse
                 UNION ALL
                 SELECT segment, first_id, minute * ?2, (minute + 1) * ?2, pulses FROM thinned)
             SELECT s.boot_id, coalesce(min(first_id), 0), coalesce(min(first_ns + s.slept_ns), 0),
                 coalesce(max(last_ns + s.slept_ns), 0), coalesce(sum(pulses), 0),
                 max(s.offset_ns - s.slept_ns),
                 (SELECT k.offset_ns - k.slept_ns FROM clock_segment k
                  WHERE k.boot_id = s.boot_id AND k.trust > 0 ORDER BY k.id DESC LIMIT 1)
             FROM clock_segment s LEFT JOIN known ON known.segment = s.id
             WHERE s.trust = 0 AND s.boot_id <> ?1 GROUP BY s.boot_id ORDER BY min(s.id)",
        )
        .and_then(|mut select| {
            let former = select.query_map((boot_id, MINUTE_NS), |row| {
                Ok(Former {
                    boot_id: row.get(0)?,
                    first_id: row.get(1)?,
                    first_ns: row.get(2)?,
                    last_ns: row.get(3)?,
                    pulses: row.get(4)?,
                    shown_ns: row.get(5)?,
                    known_ns: row.get(6)?,
                })
            })?;
            former.collect()
        })
        .op("be read")
}

/// When a former boot began: what its clock showed, if that lies between what was before and the present boot, or
/// what had been final in it, if that boot would be over by now, whichever is later: machines are off for less time
/// than they run. Else as early as can be; without anything before, just before the present boot.
fn likely_begin_ns(former: &Former, before_ns: Option<WallNs>, boot_wall_ns: WallNs) -> WallNs {
    let earliest_ns = before_ns.unwrap_or(EARLIEST_WALL_NS);
    let is_over = |began_ns: &WallNs| *began_ns + former.last_ns < boot_wall_ns;
    let fits = |began_ns: &WallNs| *began_ns + former.first_ns > earliest_ns && is_over(began_ns);
    let shown_ns = Some(former.shown_ns).filter(fits);
    // The pulses before those in doubt have left under this time.
    let known_ns = former.known_ns.filter(is_over);
    let after_ns = before_ns.map(|before_ns| before_ns + AFTER_NS - former.first_ns);
    shown_ns
        .max(known_ns)
        .or(after_ns.filter(fits))
        .unwrap_or(boot_wall_ns - AFTER_NS - former.last_ns)
}

/// How the clock stood at the end of the last run of a boot, from its segments, newest first.
fn stood(segments: &[Segment]) -> Option<Stood> {
    let newest = segments.first()?;
    let is_near = |a_ns: i64, b_ns: i64| (a_ns - b_ns).abs() < STEP_MIN_NS;
    // Each run opens a segment; those of the runs before may be of the same time.
    let alike = segments.iter().take_while(|segment| {
        segment.trust.is_final() && is_near(segment.offset_ns, newest.offset_ns)
    });
    let known = segments.iter().find(|segment| segment.trust.is_final());
    Some(Stood {
        first_ns: segments.iter().map(|s| s.begins_ns).min()?,
        begins_ns: alike.last().unwrap_or(newest).begins_ns,
        offset_ns: newest.offset_ns,
        slept_ns: newest.slept_ns,
        trust: newest.trust,
        synchronised: segments.iter().any(|s| s.trust == Trust::Synchronised),
        was_set: segments
            .iter()
            .any(|s| (s.boot_wall_ns() - newest.boot_wall_ns()).abs() >= STEP_MIN_NS),
        known: known.map(|segment| Known {
            boot_wall_ns: segment.boot_wall_ns(),
            trust: segment.trust,
        }),
    })
}

impl Reader {
    /// What earlier runs know of the clocks, for one in the boot `boot_id`; None: there was none.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn clock_of_boot(&self, boot_id: &str) -> Result<Option<Remembered>, JournalError> {
        let segments: Vec<Segment> = self
            .connection
            .prepare_cached(
                "SELECT begins_ns, offset_ns, slept_ns, trust FROM clock_segment
                 WHERE boot_id = ?1 ORDER BY id DESC",
            )
            .and_then(|mut select| {
                let segments = select.query_map([boot_id], |row| {
                    Ok(Segment {
                        no: SegmentNo(0),
                        begins_ns: row.get(0)?,
                        offset_ns: row.get(1)?,
                        slept_ns: row.get(2)?,
                        trust: Trust::from_code(row.get(3)?),
                    })
                })?;
                segments.collect()
            })
            .op("be read")?;
        let remembered = Remembered {
            stood: stood(&segments),
            elapsed: self.elapsed(boot_id)?,
        };
        Ok((remembered != Remembered::default()).then_some(remembered))
    }

    /// On which clock the newest pulses stand: the trust of the newest segment, and the number of
    /// segments whose pulses are held until their time is known.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn clock_trust(&self) -> Result<Option<(Trust, i64)>, JournalError> {
        self.connection
            .query_row(
                "SELECT trust, (SELECT count(*) FROM clock_segment WHERE trust = 0)
                 FROM clock_segment WHERE boot_id <> ?1 ORDER BY id DESC LIMIT 1",
                [IMPORT_BOOT],
                |row| Ok((Trust::from_code(row.get(0)?), row.get(1)?)),
            )
            .optional()
            .op("be read")
    }
}
