//! The writer's side of the journal: one connection, and what it knows of this run.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};
use tracing::debug;

use crate::clock::segment::Segment;
use crate::intake::Pending;
use crate::journal::db::aside::set_simulated_aside;
use crate::journal::db::file::file_in;
use crate::journal::db::kind::{self, Admitted};
use crate::journal::db::lock::{self, Lock};
use crate::journal::db::open;
use crate::journal::db::reserve::Reserve;
use crate::journal::db::wal::preallocate_wal;
use crate::journal::handles::day_zone::DayZone;
use crate::journal::{JournalError, OpContext};
use crate::model::{
    DestinationRow, LineState, MeterId, MeterRow, PulseId, SegmentNo, SegmentRow, WallNs,
};

/// What the reconciler is comparing, or has compared and not yet kept: by code of the level, up to
/// where. A window that changes meanwhile counts as changed after it was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::journal) struct Comparing {
    /// The row of the destination.
    pub(in crate::journal) destination: DestinationRow,
    /// In seconds since 1970.
    pub(in crate::journal) until_s: BTreeMap<i64, i64>,
}

/// The journal, open for writing.
#[derive(Debug)]
pub struct Journal {
    pub(in crate::journal) connection: Connection,
    dir: PathBuf,
    moved_aside: Option<PathBuf>,
    is_proven: bool,
    pub(in crate::journal) boot_id: String,
    /// Row ids of the configured meters, by [`MeterId`].
    pub(in crate::journal) meters: Vec<MeterRow>,
    /// Row ids of this run's segments.
    pub(in crate::journal) segments: HashMap<SegmentNo, SegmentRow>,
    /// Rows that segments had in a journal that was closed meanwhile. They get the same ones here, because a stamp
    /// depends on them: a pulse that is in both journals must be the same one.
    pub(in crate::journal) wanted: HashMap<SegmentNo, SegmentRow>,
    /// This run's segments and lines as last committed, should another journal have to go on.
    pub(in crate::journal) standing: (BTreeMap<SegmentNo, Segment>, BTreeMap<MeterId, LineState>),
    pub(in crate::journal) newest: PulseId,
    pub(in crate::journal) vouches_from_ns: WallNs,
    pub(in crate::journal) comparing: Comparing,
    /// The zone whose days are kept; None: it is not known.
    pub(in crate::journal) day_zone: Option<DayZone>,
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
        forget_lines(&journal.connection);
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
                set_simulated_aside(dir, now_ns)?;
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
        let day_zone = DayZone::load(&connection)?;
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
            day_zone,
            _lock: lock,
        })
    }

    /// Opens it again after it was closed: the same, not a new one, which would be hidden when the disk is
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
        match file_in(dir).try_exists() {
            Ok(true) => {}
            Ok(false) => return Err(JournalError::Gone { path }),
            Err(source) => return Err(JournalError::Directory { path, source }),
        }
        Journal::open_here(dir, meters, boot_id, now_ns)
    }

    /// The newest pulse's id.
    pub fn newest(&self) -> PulseId {
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
        preallocate_wal(&self.connection)
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
}

fn meter_row(connection: &Connection, name: &str) -> Result<MeterRow, JournalError> {
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
    Ok(MeterRow(connection.last_insert_rowid()))
}

/// Forgets how the lines of an earlier run stood. A disk that does not take that now is no reason not to count: what
/// this run tells replaces it.
fn forget_lines(connection: &Connection) {
    let known = "SELECT EXISTS (SELECT 1 FROM line_now)";
    let known = connection.query_row(known, [], |row| row.get(0));
    if known.unwrap_or(false) {
        if let Err(failed) = connection.execute("DELETE FROM line_now", []) {
            debug!(error = %failed, "how the lines stood is not forgotten yet");
        }
    }
}
