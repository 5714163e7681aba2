//! A journal whose first page is damaged: nothing can be found without it. A copy is read under a new one, to which
//! the tables are entered that are found in the other pages.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::journal::db::file::wal_of;
use crate::journal::db::migrations::MIGRATIONS;
use crate::journal::db::open;
use crate::journal::salvage::schema_rows::{self, SchemaRow};
use crate::journal::{JournalError, OpContext};

/// Bytes of a page, which is also what the first page says.
const PAGE: usize = open::PAGE_BYTES as usize;

/// The header of a WAL, and what stands before each page in it.
const WAL_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// A copy under a new first page, in a directory of its own that goes with it.
#[derive(Debug)]
pub(super) struct Patched {
    dir: PathBuf,
}

impl Patched {
    /// Copies a journal (with the WAL beside it) and gives the copy a new first page.
    ///
    /// # Errors
    /// When there is no room beside it, or it cannot be a journal.
    pub(super) fn make(path: &Path) -> Result<Patched, JournalError> {
        let failed = |source| JournalError::Directory {
            path: path.to_owned(),
            source,
        };
        let length = fs::metadata(path).map_err(failed)?.len();
        let pages = usize::try_from(length).unwrap_or(usize::MAX) / PAGE;
        if pages < 8 {
            return Err(failed(io::Error::other("it is too short for a journal")));
        }
        let mut dir = path.as_os_str().to_owned();
        dir.push(".salvage");
        let dir = PathBuf::from(dir);
        // One that a killed import has left.
        let _ = fs::remove_dir_all(&dir);
        let mut make = fs::DirBuilder::new();
        make.mode(0o700).recursive(true);
        make.create(&dir).map_err(failed)?;
        let patched = Patched { dir };
        if !patched.copy(path).map_err(failed)? {
            patched.give_schema(failed)?;
        }
        Ok(patched)
    }

    /// The copy.
    pub(super) fn file(&self) -> PathBuf {
        self.dir.join("copy.sqlite")
    }

    /// Copies the pages. Returns whether the first one is among those of the WAL, so that nothing is missing.
    fn copy(&self, path: &Path) -> io::Result<bool> {
        fs::copy(path, self.file())?;
        let mut copy = File::options().write(true).open(self.file())?;
        let mut wal = Vec::new();
        if wal_of(path).exists() {
            File::open(wal_of(path))?.read_to_end(&mut wal)?;
        }
        let mut first = None;
        for (number, page) in committed(&wal) {
            if number == 1 {
                first = Some(page.to_vec());
            } else {
                copy.seek(SeekFrom::Start(place(number)))?;
                copy.write_all(page)?;
            }
        }
        let Some(first) = first else {
            return Ok(false);
        };
        put_first(&mut copy, first)?;
        Ok(true)
    }

    /// Gives the copy a first page that knows of no table, and enters the tables that are found.
    fn give_schema(&self, failed: impl Fn(io::Error) -> JournalError) -> Result<(), JournalError> {
        let empty = self.dir.join("empty.sqlite");
        open(&empty)?
            .pragma_update(None, "user_version", 1)
            .op("be modelled")?;
        let mut copy = File::options()
            .read(true)
            .write(true)
            .open(self.file())
            .map_err(&failed)?;
        let pages = copy.metadata().map_err(&failed)?.len() / u64::from(open::PAGE_BYTES);
        let mut page_of = |number: u32| {
            let mut page = vec![0; PAGE];
            number.checked_sub(1)?;
            copy.seek(SeekFrom::Start(place(number))).ok()?;
            copy.read_exact(&mut page).ok()?;
            Some(page)
        };
        let pages = u32::try_from(pages).unwrap_or(u32::MAX);
        let mut rows = schema_rows::find(pages, &mut page_of);
        // Where the pages that tell it are damaged, too: the first tables are in the same place in all journals.
        for row in first_tables(&self.dir.join("model.sqlite"))? {
            let is_taken = rows.values().any(|known| known.root == row.root);
            if !is_taken && !rows.contains_key(&row.name) {
                rows.insert(row.name.clone(), row);
            }
        }
        let mut first = vec![0; PAGE];
        File::open(&empty)
            .and_then(|mut file| file.read_exact(&mut first))
            .and_then(|()| put_first(&mut copy, first))
            .map_err(&failed)?;
        drop(copy);
        enter(&self.file(), rows.values())
    }
}

/// Where a page begins in a file.
fn place(number: u32) -> u64 {
    u64::from(number - 1) * u64::from(open::PAGE_BYTES)
}

/// Writes the first page: no WAL from here on; as many pages as there are; no free ones, which reading does not need.
fn put_first(copy: &mut File, mut first: Vec<u8>) -> io::Result<()> {
    first[18..20].copy_from_slice(&[1, 1]);
    let pages = copy.metadata()?.len() / u64::from(open::PAGE_BYTES);
    let pages = u32::try_from(pages).unwrap_or(u32::MAX).to_be_bytes();
    first[28..32].copy_from_slice(&pages);
    first[32..40].fill(0);
    copy.seek(SeekFrom::Start(0))?;
    copy.write_all(&first)
}

/// A database of our page size that no other process knows.
fn open(file: &Path) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open::connect(file, flags)?;
    connection
        .pragma_update(None, "page_size", open::PAGE_BYTES)
        .op("be modelled")?;
    Ok(connection)
}

/// The tables that every journal has had from its begin.
fn first_tables(model: &Path) -> Result<Vec<SchemaRow>, JournalError> {
    let model = open(model)?;
    model.execute_batch(MIGRATIONS[0]).op("be modelled")?;
    model
        .prepare("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema")
        .and_then(|mut select| {
            let rows = select.query_map([], |row| {
                Ok(SchemaRow {
                    kind: row.get(0)?,
                    name: row.get(1)?,
                    table: row.get(2)?,
                    root: row.get(3)?,
                    sql: row.get(4)?,
                })
            });
            rows?.collect()
        })
        .op("be modelled")
}

/// Enters tables where they are; what that takes are new pages at the end.
fn enter<'a>(file: &Path, rows: impl Iterator<Item = &'a SchemaRow>) -> Result<(), JournalError> {
    let connection = open(file)?;
    connection
        .pragma_update(None, "writable_schema", true)
        .op("be patched")?;
    let transaction = connection.unchecked_transaction().op("be patched")?;
    for row in rows {
        transaction
            .execute(
                "INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES (?1, ?2, ?3, ?4, ?5)",
                (&row.kind, &row.name, &row.table, row.root, &row.sql),
            )
            .op("be patched")?;
    }
    transaction.commit().op("be patched")
}

impl Drop for Patched {
    fn drop(&mut self) {
        // What stays is in no one's way: the next copy replaces it.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The pages of a WAL up to its last commit, with their numbers, in order.
fn committed(wal: &[u8]) -> Vec<(u32, &[u8])> {
    let Some((header, frames)) = wal.split_at_checked(WAL_HEADER) else {
        return Vec::new();
    };
    let (mut pages, mut good) = (Vec::new(), 0);
    for frame in frames.chunks_exact(FRAME_HEADER + PAGE) {
        let (about, page) = frame.split_at(FRAME_HEADER);
        let number =
            |at: usize| u32::from_be_bytes(about[at..at + 4].try_into().expect("four bytes"));
        // Frames of an earlier round have other salts.
        if about[8..16] != header[16..24] || number(0) == 0 {
            break;
        }
        pages.push((number(0), page));
        if number(4) > 0 {
            good = pages.len();
        }
    }
    pages.truncate(good);
    pages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::file_in;
    use crate::journal::handles::journal::Journal;
    use crate::journal::salvage::arrival::Arrival;
    use crate::journal::salvage::file::{Foreign, Holds};
    use crate::journal::salvage::kinship::KnownSegments;

    #[test]
    fn a_journal_without_its_first_page_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let wall_ns = crate::clock::segment::EARLIEST_WALL_NS;
        let mut journal =
            Journal::open(dir.path(), &["Import".to_owned()], "boot", wall_ns).unwrap();
        let arrivals: Vec<Arrival> = (0..500)
            .map(|n| Arrival::new(0, wall_ns + n, false))
            .collect();
        journal.put_arrivals(&arrivals, None).unwrap();
        journal.sync().unwrap();
        // These are in the WAL only, and the first page is not.
        journal.put_arrivals(&arrivals[..7], None).unwrap();
        drop(journal);
        let file = file_in(dir.path());
        let mut bytes = fs::read(&file).unwrap();
        bytes[..PAGE].fill(0);
        fs::write(&file, &bytes).unwrap();
        let aside = dir.path().join("aside.sqlite");
        fs::rename(&file, &aside).unwrap();
        fs::rename(wal_of(&file), wal_of(&aside)).unwrap();

        let foreign = Foreign::open_without_head(&aside).unwrap();
        assert_eq!(foreign.holds().unwrap(), Holds::Journal);
        let mut stamps = Vec::new();
        foreign
            .pulses(&KnownSegments::default(), &mut |pulses, _| {
                stamps.extend(pulses.iter().map(|pulse| pulse.wall_ns.unwrap()));
            })
            .unwrap();
        let want: Vec<_> = (0..500).chain(0..7).map(|n| wall_ns + n).collect();
        assert!(stamps == want, "{} of {}", stamps.len(), want.len());
        drop(foreign);
        assert!(!dir.path().join("aside.sqlite.salvage").exists());
    }

    /// A journal of the first `steps` of the schema, with pulses, a loss and (if it knows them) a reading.
    fn older(dir: &Path, steps: usize, wall_ns: i64) {
        let old = open(&file_in(dir)).unwrap();
        for step in &MIGRATIONS[..steps] {
            old.execute_batch(step).unwrap();
        }
        old.execute_batch(&format!(
            "INSERT INTO meter VALUES (1, 'Import');
             INSERT INTO clock_segment (id, boot_id, begins_ns, offset_ns, trust)
                 VALUES (1, 'boot', 5, {wall_ns}, 3);
             WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 3000)
                 INSERT INTO pulse SELECT n, 1, 1, n * 1024, 0 FROM n;
             INSERT INTO line (meter, pulses) VALUES (1, 3000);
             INSERT INTO ledger VALUES (1, 'memory_full', 4, {wall_ns}, {wall_ns});
             PRAGMA user_version = {steps};"
        ))
        .unwrap();
        if steps >= 4 {
            let put = "INSERT INTO register (id, meter, at_ns, pulses, kwh, imp_per_kwh, adopted)
                 VALUES (1, 1, ?1, 100, 12.5, 1000, 1)";
            old.execute(put, [wall_ns]).unwrap();
        }
    }

    #[test]
    fn a_journal_that_was_migrated_is_read_without_its_first_page() {
        let wall_ns = crate::clock::segment::EARLIEST_WALL_NS;
        for steps in 1..=MIGRATIONS.len() {
            let dir = tempfile::tempdir().unwrap();
            older(dir.path(), steps, wall_ns.0);
            let names = ["Import".to_owned()];
            let mut journal = Journal::open(dir.path(), &names, "later", wall_ns).unwrap();
            assert!(journal.moved_aside().is_none());
            let later: Vec<Arrival> = (0..700)
                .map(|n| Arrival::new(0, wall_ns + 3_600_000_000_000 + n, false))
                .collect();
            journal.put_arrivals(&later, None).unwrap();
            journal.sync().unwrap();
            drop(journal);
            let file = file_in(dir.path());
            let all = open(&file).unwrap();
            all.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                .unwrap();
            let tables: i64 = all
                .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
                .unwrap();
            drop(all);
            let mut bytes = fs::read(&file).unwrap();
            bytes[..PAGE].fill(0x5a);
            fs::write(&file, &bytes).unwrap();

            let foreign = Foreign::open_without_head(&file).unwrap();
            let found: i64 = foreign
                .connection
                .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
                .unwrap();
            assert_eq!(found, tables, "schema {steps}");
            let mut stamps = Vec::new();
            let lost = foreign.pulses(&KnownSegments::default(), &mut |pulses, _| {
                stamps.extend(pulses.iter().map(|pulse| pulse.wall_ns.unwrap() - wall_ns));
            });
            let want: Vec<i64> = (1..=3_000)
                .map(|n| n * 1_024)
                .chain((0..700).map(|n| 3_600_000_000_000 + n))
                .collect();
            assert!(stamps == want, "schema {steps}: {} of 3700", stamps.len());
            assert_eq!(lost.unwrap(), 0);
            assert_eq!(foreign.losses().len(), 1);
            assert_eq!(foreign.readings().len(), usize::from(steps >= 4));
            let damage: String = foreign
                .connection
                .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
                .unwrap();
            assert!(damage == "ok" || damage.contains("never used"), "{damage}");
        }
    }
}
