//! The writer's side of the journal: one connection that turns what waits into one commit.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::clock::segment::{self, Segment};
use crate::intake::Pending;
use crate::journal::db::lock::{self, Lock};
use crate::journal::db::open;
use crate::journal::db::reserve::Reserve;
use crate::journal::tables::compared::Comparing;
use crate::journal::tables::kind::{self, Admitted};
use crate::journal::tables::segments::{put_segment, settle_former_boots};
use crate::journal::{JournalError, OpContext};
use crate::model::{LineState, LossCause, Losses, MeterId, MonoNs, Pulse, SegmentNo, WallNs};

/// Segments of this run that are known at most, without those that are not settled: more than capture knows.
const SEGMENTS_KEPT: usize = 4 * segment::KEPT;

/// The journal, open for writing.
#[derive(Debug)]
pub struct Journal {
    pub(in crate::journal) connection: Connection,
    dir: PathBuf,
    moved_aside: Option<PathBuf>,
    is_proven: bool,
    pub(in crate::journal) boot_id: String,
    /// Row ids of the configured meters, by [`MeterId`].
    pub(in crate::journal) meters: Vec<i64>,
    /// Row ids of this run's segments.
    pub(in crate::journal) segments: HashMap<SegmentNo, i64>,
    /// Rows that segments had in a journal that was let go. They get the same ones here, because a stamp
    /// depends on them: a pulse that is in both journals must be the same one.
    pub(in crate::journal) wanted: HashMap<SegmentNo, i64>,
    /// This run's segments and lines as last committed, should another journal have to go on.
    standing: (BTreeMap<SegmentNo, Segment>, BTreeMap<MeterId, LineState>),
    pub(in crate::journal) newest: i64,
    pub(in crate::journal) vouches_from_ns: WallNs,
    pub(in crate::journal) comparing: Comparing,
    _lock: Lock,
}

impl Journal {
    /// Opens (or makes) the journal in `dir` for these meters.
    ///
    /// # Errors
    /// When it is in use, cannot be opened, or was written by a newer program.
    pub fn open(
        dir: &Path,
        meters: &[String],
        boot_id: &str,
        now_ns: WallNs,
    ) -> Result<Journal, JournalError> {
        let journal = Journal::open_here(dir, meters, boot_id, now_ns)?;
        journal.forget_lines();
        Ok(journal)
    }

    fn open_here(
        dir: &Path,
        meters: &[String],
        boot_id: &str,
        now_ns: WallNs,
    ) -> Result<Journal, JournalError> {
        let lock = lock::lock(dir)?;
        let opened = match open::open(dir, now_ns) {
            Err(full) if full.kind() == "disk_full" && Reserve::of(dir).release() => {
                open::open(dir, now_ns)?
            }
            opened => opened?,
        };
        let opened = match kind::admit(&opened.connection, dir, boot_id)? {
            Admitted::Yes => opened,
            Admitted::InTheWay => {
                drop(opened);
                open::set_simulated_aside(dir, now_ns)?;
                open::open(dir, now_ns)?
            }
        };
        let connection = opened.connection;
        let meters = meters
            .iter()
            .map(|name| meter_row(&connection, name))
            .collect::<Result<Vec<_>, _>>()?;
        // Ids that were delivered or pruned must never be given again.
        let newest = connection
            .query_row(
                "SELECT max(coalesce((SELECT max(id) FROM pulse), 0),
                            coalesce((SELECT max(last_id) FROM delivered), 0))",
                [],
                |row| row.get(0),
            )
            .op("be read")?;
        let (dir, boot_id) = (dir.to_owned(), boot_id.to_owned());
        let (segments, wanted) = (HashMap::new(), HashMap::new());
        Ok(Journal {
            connection,
            dir,
            moved_aside: opened.aside,
            is_proven: opened.is_proven,
            boot_id,
            meters,
            segments,
            wanted,
            standing: Default::default(),
            newest,
            vouches_from_ns: WallNs::MIN,
            comparing: Comparing::default(),
            _lock: lock,
        })
    }

    /// Opens it again after it was let go: the same, not a new one, which would be hidden when the disk is
    /// mounted over its directory.
    ///
    /// # Errors
    /// As [`Journal::open`], and when it is not there.
    pub fn open_again(
        dir: &Path,
        meters: &[String],
        boot_id: &str,
        now_ns: WallNs,
    ) -> Result<Journal, JournalError> {
        let path = dir.to_owned();
        match crate::journal::file_in(dir).try_exists() {
            Ok(true) => {}
            Ok(false) => return Err(JournalError::Gone { path }),
            Err(source) => return Err(JournalError::Directory { path, source }),
        }
        Journal::open_here(dir, meters, boot_id, now_ns)
    }

    /// The newest pulse's id; 0: none yet.
    pub fn newest(&self) -> i64 {
        self.newest
    }

    /// The directory it is in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a damaged journal was moved when this one was opened.
    pub fn moved_aside(&self) -> Option<&Path> {
        self.moved_aside.as_deref()
    }

    /// Whether all that was in it when it was opened is known to be on the disk.
    pub fn is_proven(&self) -> bool {
        self.is_proven
    }

    /// Grows the WAL a little, for the card's sake; true if there is more to do.
    ///
    /// # Errors
    /// When the disk has no room for it; the journal works without.
    pub fn preallocate(&self) -> Result<bool, JournalError> {
        open::preallocate_wal(&self.connection)
    }

    /// Lets the file grow to `max_bytes` and no further, whatever comes: commits fail then as on
    /// a full disk, and pulses wait in memory until retention has made room.
    ///
    /// # Errors
    /// When SQLite does not take the limit.
    pub fn limit(&self, max_bytes: u64) -> Result<(), JournalError> {
        let page_bytes: i64 = self
            .connection
            .pragma_query_value(None, "page_size", |row| row.get(0))
            .op("be measured")?;
        let pages = i64::try_from(max_bytes).unwrap_or(i64::MAX) / page_bytes;
        // SQLite knows 2^32 - 2 pages; below what is there now it takes what is there now.
        let pages = pages.clamp(1, 0xffff_fffe);
        self.connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .op("be limited")
    }

    /// What was watched before this time is in another journal: this one does not vouch for it.
    pub fn vouch_from(&mut self, wall_ns: WallNs) {
        self.vouches_from_ns = wall_ns;
    }

    /// What another journal needs to go on where this one stands: this run's segments, and the state
    /// of the lines.
    pub fn standing(&self) -> Pending {
        Pending {
            segments: self.standing.0.values().copied().collect(),
            lines: self.standing.1.clone(),
            ..Pending::default()
        }
    }

    pub(in crate::journal) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Commits all of `pending`, or nothing. True if a segment became final, so that pulses
    /// that were held may go: such a commit is durable before anybody sees it, because stamps that
    /// have left must never be forgotten.
    ///
    /// # Errors
    /// When the disk does not take it; the journal stays as it was and can be tried again.
    pub fn commit(&mut self, pending: &Pending) -> Result<bool, JournalError> {
        let settles = pending.segments.iter().any(|s| s.trust.is_final());
        if settles {
            self.sync_commits("FULL")?;
        }
        let committed = self.try_commit(pending);
        if settles {
            // Should it fail, commits wait for the card from now on; this one stands.
            let _ = self.sync_commits("NORMAL");
        }
        committed.map(|()| settles)
    }

    /// Forgets segments that no pulse can come for any more: capture has forgotten them, too.
    fn forget_segments(&mut self) {
        let (standing, segments) = (&mut self.standing.0, &mut self.segments);
        let many = standing.len().saturating_sub(SEGMENTS_KEPT);
        let old = standing.values().filter(|s| s.trust.is_final());
        let old: Vec<SegmentNo> = old.take(many).map(|s| s.no).collect();
        for no in old {
            standing.remove(&no);
            segments.remove(&no);
        }
    }

    fn sync_commits(&self, how: &str) -> Result<(), JournalError> {
        self.connection
            .pragma_update(None, "synchronous", how)
            .op("be set up")
    }

    fn try_commit(&mut self, pending: &Pending) -> Result<(), JournalError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        let mut rows = Rows {
            known: &self.segments,
            new: HashMap::new(),
        };
        for segment in &pending.segments {
            let row = put_segment(
                &transaction,
                *segment,
                (rows.of(segment.no), self.wanted.get(&segment.no).copied()),
                &self.boot_id,
            )?;
            rows.new.insert(segment.no, row);
        }
        let settled = pending.segments.iter().rfind(|s| s.trust.is_final());
        if let Some(settled) = settled {
            settle_former_boots(&transaction, &self.boot_id, settled.boot_wall_ns())?;
        }
        let newest = put_pulses(
            &transaction,
            &pending.pulses,
            &self.meters,
            &rows,
            self.newest,
        )?;
        for (meter, state) in &pending.lines {
            let filter = serde_json::to_string(&state.filter).expect("numbers and flags");
            let tally = serde_json::to_string(&state.tally).expect("numbers");
            transaction
                .prepare_cached(
                    "INSERT INTO line (meter, request_id, line_seqno, filter, tally)
                     VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (meter) DO UPDATE SET request_id = excluded.request_id,
                         line_seqno = excluded.line_seqno, filter = excluded.filter,
                         tally = excluded.tally",
                )
                .and_then(|mut put| {
                    #[expect(clippy::cast_possible_wrap, reason = "an id: only its bits matter")]
                    let request = state.request_id as i64;
                    let meter = self.meters[meter.index()];
                    put.execute(params![meter, request, state.line_seqno, filter, tally])
                })
                .op("keep a line's state")?;
        }
        put_losses(&transaction, &pending.losses, &self.meters)?;
        transaction.commit().op("commit")?;
        let new = rows.new;
        self.segments.extend(new);
        self.newest = newest;
        let changed = pending
            .segments
            .iter()
            .map(|segment| (segment.no, *segment));
        self.standing.0.extend(changed);
        self.forget_segments();
        let changed = pending.lines.iter();
        self.standing
            .1
            .extend(changed.map(|(meter, state)| (*meter, state.clone())));
        Ok(())
    }
}

/// Rows of this run's segments, within a commit.
struct Rows<'a> {
    known: &'a HashMap<SegmentNo, i64>,
    new: HashMap<SegmentNo, i64>,
}

impl Rows<'_> {
    fn of(&self, no: SegmentNo) -> Option<i64> {
        self.new.get(&no).or_else(|| self.known.get(&no)).copied()
    }
}

fn meter_row(connection: &Connection, name: &str) -> Result<i64, JournalError> {
    let row = connection
        .query_row("SELECT id FROM meter WHERE name = ?1", [name], |row| {
            row.get(0)
        })
        .optional()
        .op("be read")?;
    if let Some(row) = row {
        return Ok(row);
    }
    connection
        .execute("INSERT INTO meter (name) VALUES (?1)", [name])
        .op("keep a meter")?;
    Ok(connection.last_insert_rowid())
}

/// Keeps the pulses and their lines' totals; returns the newest id.
fn put_pulses(
    transaction: &Transaction<'_>,
    pulses: &[Pulse],
    meters: &[i64],
    segments: &Rows<'_>,
    newest: i64,
) -> Result<i64, JournalError> {
    let mut id = newest;
    let mut totals: HashMap<MeterId, (i64, i64, MonoNs)> = HashMap::new();
    let mut put = transaction
        .prepare_cached("INSERT INTO pulse VALUES (?1, ?2, ?3, ?4, ?5)")
        .op("keep a pulse")?;
    for pulse in pulses {
        id += 1;
        let segment = segments
            .of(pulse.segment)
            .expect("capture tells of a segment before its first pulse");
        put.execute((
            id,
            meters[pulse.meter.index()],
            segment,
            pulse.mono_ns,
            pulse.estimated,
        ))
        .op("keep a pulse")?;
        let total = totals.entry(pulse.meter).or_default();
        *total = (total.0 + 1, segment, pulse.mono_ns);
    }
    for (meter, (pulses, segment, mono_ns)) in totals {
        transaction
            .prepare_cached(
                "INSERT INTO line (meter, pulses, last_segment, last_mono_ns) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (meter) DO UPDATE SET pulses = pulses + excluded.pulses,
                     last_segment = excluded.last_segment, last_mono_ns = excluded.last_mono_ns",
            )
            .and_then(|mut put| put.execute((meters[meter.index()], pulses, segment, mono_ns)))
            .op("keep a line's state")?;
    }
    Ok(id)
}

fn put_losses(
    transaction: &Transaction<'_>,
    losses: &Losses,
    meters: &[i64],
) -> Result<(), JournalError> {
    for ((meter, cause), loss) in losses {
        let seen = (loss.first_ns, loss.last_ns);
        let pulses = loss.pulses;
        lose(transaction, meters[meter.index()], *cause, pulses, seen)?;
    }
    Ok(())
}

/// Adds to the ledger.
pub(in crate::journal) fn lose(
    transaction: &Transaction<'_>,
    meter: i64,
    cause: LossCause,
    pulses: u64,
    seen: (WallNs, WallNs),
) -> Result<(), JournalError> {
    let pulses = i64::try_from(pulses).unwrap_or(i64::MAX);
    transaction
        .prepare_cached(
            "INSERT INTO ledger VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (meter, cause) DO UPDATE SET pulses = pulses + excluded.pulses,
                 first_ns = min(first_ns, excluded.first_ns),
                 last_ns = max(last_ns, excluded.last_ns)",
        )
        .and_then(|mut put| put.execute((meter, cause.as_str(), pulses, seen.0, seen.1)))
        .op("keep the ledger")?;
    Ok(())
}
