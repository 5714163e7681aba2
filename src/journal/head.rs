//! A journal whose first page is damaged: nothing can be found without it. All journals of one schema have
//! the same first page, but for a few numbers, so that a copy is read under a new one.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::foreign::wal_of;
use super::{FILE_NAME, JournalError, schema};

/// Bytes of a page, which is also what the first page says.
const PAGE: usize = schema::PAGE_BYTES as usize;

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
        make.create(dir.join("model")).map_err(failed)?;
        let patched = Patched { dir };
        let head = new_head(&patched.dir)?;
        patched.copy(path, &head).map_err(failed)?;
        Ok(patched)
    }

    /// The copy.
    pub(super) fn file(&self) -> PathBuf {
        self.dir.join("copy.sqlite")
    }

    fn copy(&self, path: &Path, head: &[u8]) -> io::Result<()> {
        fs::copy(path, self.file())?;
        let mut copy = File::options().write(true).open(self.file())?;
        let mut first = head.to_vec();
        let mut wal = Vec::new();
        if wal_of(path).exists() {
            File::open(wal_of(path))?.read_to_end(&mut wal)?;
        }
        for (number, page) in committed(&wal) {
            if number == 1 {
                first = page.to_vec();
            } else {
                let at = u64::from(number - 1) * u64::try_from(PAGE).unwrap_or(0);
                copy.seek(SeekFrom::Start(at))?;
                copy.write_all(page)?;
            }
        }
        // No WAL from here on; as many pages as there are; no free ones, which reading does not need.
        first[18..20].copy_from_slice(&[1, 1]);
        let pages = copy.metadata()?.len() / u64::from(schema::PAGE_BYTES);
        let pages = u32::try_from(pages).unwrap_or(u32::MAX).to_be_bytes();
        first[28..32].copy_from_slice(&pages);
        first[32..40].fill(0);
        copy.seek(SeekFrom::Start(0))?;
        copy.write_all(&first)
    }
}

impl Drop for Patched {
    fn drop(&mut self) {
        // What stays is in nobody's way.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The first page of a new journal.
fn new_head(dir: &Path) -> Result<Vec<u8>, JournalError> {
    let model = dir.join("model");
    let connection = schema::open(&model, 0)?.connection;
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .map_err(|source| JournalError::Sql {
            op: "be modelled",
            source,
        })?;
    drop(connection);
    let failed = |source| JournalError::Directory {
        path: dir.to_owned(),
        source,
    };
    let mut head = vec![0; PAGE];
    File::open(model.join(FILE_NAME))
        .and_then(|mut file| file.read_exact(&mut head))
        .map_err(failed)?;
    Ok(head)
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
    use crate::journal::append::Journal;
    use crate::journal::arrivals::Arrival;
    use crate::journal::file_in;
    use crate::journal::foreign::{Foreign, Holds};
    use crate::journal::kinship::Segments;

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
            .pulses(&Segments::default(), &mut |pulses, _| {
                stamps.extend(pulses.iter().map(|pulse| pulse.wall_ns.unwrap()));
            })
            .unwrap();
        let want: Vec<i64> = (0..500).chain(0..7).map(|n| wall_ns + n).collect();
        assert!(stamps == want, "{} of {}", stamps.len(), want.len());
        drop(foreign);
        assert!(!dir.path().join("aside.sqlite.salvage").exists());
    }
}
