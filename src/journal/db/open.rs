//! Opens the database: pragmas with their reasons, numbered migrations.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};

use crate::journal::db::aside::{finish_move_aside, set_aside};
use crate::journal::db::file::{escape_uri, file_in, wal_of};
use crate::journal::db::migrations::MIGRATIONS;
use crate::journal::db::older;
use crate::journal::db::wal::{WAL_BYTES, checkpoint};
use crate::journal::{JournalError, OpContext};
use crate::model::WallNs;

/// Bytes a page. 512 makes the commit of a pulse and of its line's state two frames of together
/// 1 KiB in the WAL; with 1024 or 4096 more reaches the card (docs/performance.md).
pub(in crate::journal) const PAGE_BYTES: u32 = 512;

/// How long a connection waits for another's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// An open journal.
#[derive(Debug)]
pub struct Opened {
    /// The writer's connection.
    pub connection: Connection,
    /// Where a damaged one was moved; None: it was not damaged.
    pub aside: Option<PathBuf>,
    /// All that an earlier run has committed is known to be on the disk. A reader in another process keeps
    /// its commits from being moved into the database; that is no reason not to open, and nothing is called
    /// durable until it is done.
    pub is_proven: bool,
}

/// Opens the journal in `dir` for writing. One that is damaged is moved aside and a new one
/// started: counting goes on, and the old file can be salvaged.
///
/// # Errors
/// When it cannot be opened, made or migrated.
pub fn open(dir: &Path, now_ns: WallNs) -> Result<Opened, JournalError> {
    finish_move_aside(dir)?;
    match open_writer(dir) {
        Err(corrupt) if corrupt.is_corrupt() => {
            let aside = set_aside(dir, now_ns, &corrupt)?;
            let opened = open_writer(dir)?;
            Ok(Opened {
                aside: Some(aside),
                ..opened
            })
        }
        opened => opened,
    }
}

fn open_writer(dir: &Path) -> Result<Opened, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = connect(&file_in(dir), flags)?;
    take_the_lock_first(&mut connection);
    connection
        .pragma_update(None, "page_size", PAGE_BYTES)
        .op("be given its page size")?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .op("be put into WAL mode")?;
    debug_assert_eq!(mode, "wal");
    // The durable thread checkpoints; in here it would make commits wait for the card.
    connection
        .pragma_update(None, "wal_autocheckpoint", 0)
        .op("be set up")?;
    connection
        .pragma_update(None, "journal_size_limit", WAL_BYTES)
        .op("be set up")?;
    // The first commit is synced, so that what an earlier run committed is durable too.
    connection
        .pragma_update(None, "synchronous", "FULL")
        .op("be set up")?;
    migrate(&mut connection)?;
    probe(&connection)?;
    connection
        .execute(
            "INSERT INTO journal VALUES ('opened', 1)
             ON CONFLICT (key) DO UPDATE SET value = value + 1",
            [],
        )
        .op("be written to")?;
    // Should that run have met a disk that failed, its commits are in the page cache alone, and a sync of
    // the WAL would not say so: all of them go into the database, which is synced.
    let is_proven = move_all(&connection)?;
    // From here on commits survive the process; the durable thread makes them survive a power cut.
    connection
        .pragma_update(None, "synchronous", "NORMAL")
        .op("be set up")?;
    Ok(Opened {
        connection,
        aside: None,
        is_proven,
    })
}

/// Transactions that write take the write lock when they begin. One that reads first and finds that another
/// process (`register set`) has committed since could not go on, whatever it waits.
fn take_the_lock_first(connection: &mut Connection) {
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
}

/// Moves all commits into the database. False: a reader is in the way. It is not waited for, because that
/// would be with the writer's lock held.
fn move_all(connection: &Connection) -> Result<bool, JournalError> {
    connection.busy_timeout(Duration::ZERO).op("be set up")?;
    let moved = checkpoint(connection, "FULL");
    connection.busy_timeout(BUSY_TIMEOUT).op("be set up")?;
    match moved {
        // A disk that is merely full keeps what it has taken.
        Err(failed) if failed.kind() == "disk_full" => Ok(true),
        moved => moved.map(|moved| !moved.is_busy),
    }
}

/// Reads what the daemon needs to begin and to go on: the small tables, and the ends of the large ones.
/// Damage there would stop it; damage in between is found by `verify`, which reads everything.
fn probe(connection: &Connection) -> Result<(), JournalError> {
    for select in [
        "SELECT count(value) FROM journal",
        "SELECT max(length(name)) FROM meter",
        "SELECT max(offset_ns) FROM clock_segment",
        "SELECT max(length(filter)) FROM line",
        "SELECT max(pulses) FROM ledger",
        "SELECT max(pulses) FROM ledger_quarter",
        "SELECT max(length(message)) FROM destination",
        "SELECT max(last_id) FROM delivered",
        "SELECT max(at_ns) FROM quarantine",
        "SELECT max(last_id) FROM expired",
        "SELECT max(last_id) FROM rolled",
        "SELECT max(ends_s) FROM watched",
        "SELECT max(since_ns) FROM line_now",
        "SELECT max(until_s) FROM reconciled",
        "SELECT max(roll) FROM changed_window",
        "SELECT max(to_s) FROM compare_span",
        "SELECT max(at_ns) FROM register",
        "SELECT max(mono_ns) FROM elapsed",
        "SELECT max(pulses) FROM thinned",
        "SELECT mono_ns FROM pulse ORDER BY id LIMIT 1",
        "SELECT mono_ns FROM pulse ORDER BY id DESC LIMIT 1",
        "SELECT last_id FROM hour_ids ORDER BY start_s DESC LIMIT 1",
        "SELECT pulses FROM window WHERE view = 60 ORDER BY start_s DESC LIMIT 1",
        "SELECT pulses FROM window WHERE view = 300 ORDER BY start_s DESC LIMIT 1",
        "SELECT pulses FROM window WHERE view = 3600 ORDER BY start_s DESC LIMIT 1",
        "SELECT pulses FROM quarter ORDER BY start_s DESC LIMIT 1",
        "SELECT max(days_from_s) FROM zone",
        "SELECT max(from_s) FROM factor",
        "SELECT max(pulses) FROM mqtt_meter",
        "SELECT max(length(topic)) FROM mqtt_topic",
        "SELECT max(since_ns) FROM alarm",
        "SELECT max(at_ns) FROM alarm_event",
        "SELECT max(pulses) FROM alarm_lost",
        "SELECT pulses FROM day ORDER BY zone DESC, start_s DESC LIMIT 1",
    ] {
        connection
            .query_row(select, [], |row| row.get::<_, Option<i64>>(0))
            .optional()
            .op("be read")?;
    }
    Ok(())
}

/// Opens the journal in `dir` for reading, beside a running daemon or alone.
///
/// # Errors
/// When there is none, or it cannot be read.
pub(in crate::journal) fn open_reader(dir: &Path) -> Result<Connection, JournalError> {
    let connection = open_raw(dir)?;
    let steps = check_version(&connection)?;
    if steps == 0 {
        // Another process is about to make it.
        return Err(JournalError::Missing {
            path: dir.to_owned(),
        });
    }
    if steps < MIGRATIONS.len() {
        older::lay_over(&connection)?;
    }
    Ok(connection)
}

/// Opens the file for reading, whatever its schema.
pub(in crate::journal) fn open_raw(dir: &Path) -> Result<Connection, JournalError> {
    let file = file_in(dir);
    let path = dir.to_owned();
    match file.try_exists() {
        Ok(true) => {}
        Ok(false) => return Err(JournalError::Missing { path }),
        Err(source) => return Err(JournalError::Unreadable { path, source }),
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(&file, flags)?;
    let seen = connection.pragma_query_value(None, "user_version", |_| Ok(()));
    if seen.is_ok() || wal_of(&file).try_exists().unwrap_or(true) {
        return Ok(connection);
    }
    // A copy without its WAL, where none may be made: it is not written to, and all of it is in the file.
    drop(connection);
    connect_immutable(&file, flags)
}

/// A connection for those who write beside the journal's writer: a few rows, which that one leaves alone or only adds
/// to. Its commits are durable when they are made.
pub(in crate::journal) fn open_beside(dir: &Path) -> Result<Connection, JournalError> {
    let steps = check_version(&open_raw(dir)?)?;
    if steps < MIGRATIONS.len() {
        return Err(JournalError::OlderSchema {
            found: i64::try_from(steps).expect("few"),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = connect(&file_in(dir), flags)?;
    take_the_lock_first(&mut connection);
    // It leaves checkpoints to the daemon, or to the next one.
    connection
        .pragma_update(None, "wal_autocheckpoint", 0)
        .and_then(|()| connection.pragma_update(None, "synchronous", "FULL"))
        .op("be set up")?;
    Ok(connection)
}

/// A second connection for the durable thread. It waits for no other: a checkpoint that waits for a reader does
/// so with the writer's lock held, and commits would wait as long.
pub(in crate::journal) fn open_checkpointer(dir: &Path) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(&file_in(dir), flags)?;
    connection
        .pragma_update(None, "synchronous", "NORMAL")
        .op("be set up")?;
    connection
        .pragma_update(None, "journal_size_limit", WAL_BYTES)
        .and_then(|()| connection.busy_timeout(Duration::ZERO))
        .op("be set up")?;
    Ok(connection)
}

/// A connection to a file that does not change, and beside which nothing is made.
pub(in crate::journal) fn connect_immutable(
    file: &Path,
    flags: OpenFlags,
) -> Result<Connection, JournalError> {
    let uri = format!("file:{}?immutable=1", escape_uri(file));
    connect(Path::new(&uri), flags | OpenFlags::SQLITE_OPEN_URI)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that opens the database"
)]
pub(in crate::journal) fn connect(
    file: &Path,
    flags: OpenFlags,
) -> Result<Connection, JournalError> {
    // A pipe in its place would be waited for. It is looked at, never opened here.
    if std::fs::metadata(file).is_ok_and(|meta| !meta.is_file()) {
        return Err(JournalError::Unreadable {
            path: file.to_owned(),
            source: std::io::Error::other("it is no regular file"),
        });
    }
    let connection = Connection::open_with_flags(file, flags).op("be opened")?;
    connection.busy_timeout(BUSY_TIMEOUT).op("be set up")?;
    // 256 KiB: what is hot (the newest pages) fits, and memory stays small on a Pi Zero.
    connection
        .pragma_update(None, "cache_size", -256)
        .op("be set up")?;
    // The WAL stays when the last connection closes: other users can then read the journal of a
    // stopped daemon without the right to write in its directory, and it need not grow again.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .op("be set up")?;
    Ok(connection)
}

/// The migrations that the journal has seen; an error if it is of a newer program.
pub(in crate::journal) fn check_version(connection: &Connection) -> Result<usize, JournalError> {
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .op("be read")?;
    let known = i64::try_from(MIGRATIONS.len()).expect("few");
    usize::try_from(found)
        .ok()
        .filter(|done| *done <= MIGRATIONS.len())
        .ok_or(JournalError::NewerSchema { found, known })
}

/// Applies the missing steps in one transaction.
fn migrate(connection: &mut Connection) -> Result<(), JournalError> {
    let done = check_version(connection)?;
    if done == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction().op("be migrated")?;
    for step in &MIGRATIONS[done..] {
        transaction.execute_batch(step).op("be migrated")?;
    }
    let newest = i64::try_from(MIGRATIONS.len()).expect("few");
    transaction
        .pragma_update(None, "user_version", newest)
        .op("be migrated")?;
    transaction.commit().op("be migrated")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::db::wal::preallocate_wal;

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let (pipe, mode) = (file_in(dir.path()), rustix::fs::Mode::RUSR);
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, mode, 0).unwrap();
        assert_eq!(open_reader(dir.path()).unwrap_err().kind(), "directory");
        assert!(open(dir.path(), WallNs(0)).is_err());
    }

    #[test]
    fn a_new_journal_is_made_and_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let opened = open(dir.path(), WallNs(0)).unwrap();
            assert!(opened.aside.is_none() && opened.is_proven);
            let connection = opened.connection;
            while preallocate_wal(&connection).unwrap() {}
        }
        let wal = std::fs::metadata(dir.path().join("journal.sqlite-wal")).unwrap();
        assert!(
            wal.len() >= WAL_BYTES.unsigned_abs(),
            "the WAL stays when the journal is closed"
        );
        let page: u32 = open_reader(dir.path())
            .unwrap()
            .pragma_query_value(None, "page_size", |row| row.get(0))
            .unwrap();
        assert_eq!(page, PAGE_BYTES);
    }

    #[test]
    fn a_newer_schema_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let connection = open(dir.path(), WallNs(0)).unwrap().connection;
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        let refused = open(dir.path(), WallNs(0)).unwrap_err();
        assert_eq!(refused.kind(), "newer_schema");
        assert!(refused.to_string().contains("newer version"), "{refused}");
    }

    #[test]
    fn a_damaged_journal_is_moved_aside() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "journal.damaged-19700101T000005Z.sqlite",
            "journal.damaged-19700101T000005Z-2.sqlite",
        ] {
            let text = format!("this is not a database, by a long way, but {name}").repeat(100);
            for name in ["journal.sqlite-wal", "journal.sqlite-shm"] {
                let _ = std::fs::remove_file(dir.path().join(name));
            }
            std::fs::write(file_in(dir.path()), &text).unwrap();
            let opened = open(dir.path(), WallNs(5 * crate::model::NS_PER_S)).unwrap();
            let aside = opened.aside.unwrap();
            assert!(aside.ends_with(name), "{}", aside.display());
            assert_eq!(std::fs::read_to_string(aside).unwrap(), text);
        }
    }

    #[test]
    fn a_power_cut_while_it_is_moved_aside_costs_no_commit() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path(), WallNs(0)).unwrap());
        let wal = dir.path().join("journal.sqlite-wal");
        let commits = std::fs::read(&wal).unwrap();
        assert!(!commits.is_empty());
        let aside = dir.path().join("journal.damaged-19700101T000005Z.sqlite");
        std::fs::rename(file_in(dir.path()), aside).unwrap();
        open(dir.path(), WallNs(0)).unwrap();
        let kept = dir
            .path()
            .join("journal.damaged-19700101T000005Z.sqlite-wal");
        assert_eq!(std::fs::read(kept).unwrap(), commits);
        assert_ne!(std::fs::read(&wal).unwrap(), commits, "a new one began");
    }

    #[test]
    fn damage_that_would_stop_the_daemon_is_found_at_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let connection = open(dir.path(), WallNs(0)).unwrap().connection;
        let roots: Vec<(String, u64)> = connection
            .prepare("SELECT name, rootpage FROM sqlite_schema WHERE type = 'table'")
            .and_then(|mut select| {
                let rows = select.query_map([], |row| {
                    Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
                })?;
                rows.collect()
            })
            .unwrap();
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        drop(connection);
        let whole = std::fs::read(file_in(dir.path())).unwrap();
        for (table, root) in roots
            .iter()
            .filter(|(table, _)| !table.starts_with("sqlite_"))
        {
            let mut damaged = whole.clone();
            let page = usize::try_from(root - 1).unwrap() * 512;
            damaged[page..page + 512].fill(0x5a);
            std::fs::write(file_in(dir.path()), damaged).unwrap();
            let _ = std::fs::remove_file(dir.path().join("journal.sqlite-wal"));
            let opened = open(dir.path(), WallNs(0)).unwrap();
            assert!(opened.aside.is_some(), "damage of {table}");
        }
    }

    #[test]
    fn no_journal_is_said_so() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(open_reader(dir.path()).unwrap_err().kind(), "missing");
    }
}
