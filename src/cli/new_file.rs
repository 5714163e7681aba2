//! A file that is written beside its name and gets it when it is whole: what was there before stays until then.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::owner::rights;

/// A file that is being written.
#[derive(Debug)]
pub(super) struct NewFile {
    out: BufWriter<File>,
    /// Where it is, and where it goes; None: it is written where it stands, as a device or a pipe is.
    places: Option<(PathBuf, PathBuf)>,
    shown: PathBuf,
}

impl NewFile {
    /// Begins to write what is to be `path`. With `force` a file that is there is replaced; never one of
    /// those in `journal_dir`.
    ///
    /// # Errors
    /// When it is there, belongs to the journal, or cannot be written.
    pub(super) fn begin(path: &Path, journal_dir: &Path, force: bool) -> Result<NewFile> {
        let failed = || format!("cannot write {}", path.display());
        let _acting = rights::as_owner(rights::directory_of(path))?;
        // A link is followed: what it leads to is meant.
        let there = fs::metadata(path).ok();
        if there.as_ref().is_some_and(|there| there.is_dir()) {
            bail!("{} is a directory", path.display());
        }
        let shown = path.to_owned();
        if there.as_ref().is_some_and(|there| !there.is_file()) {
            let file = OpenOptions::new()
                .write(true)
                .open(path)
                .with_context(failed)?;
            let (out, places) = (BufWriter::new(file), None);
            return Ok(NewFile { out, places, shown });
        }
        let to = match &there {
            Some(_) => path.canonicalize().with_context(failed)?,
            None => in_real_directory(path).with_context(failed)?,
        };
        if is_of_journal(&to, there.as_ref(), journal_dir) {
            bail!(
                "{} belongs to the journal: write somewhere else",
                path.display()
            );
        }
        if there.is_some() && !force {
            bail!(
                "{} is there already: --force replaces it, or name another file",
                path.display()
            );
        }
        let mut name = OsString::from(".");
        name.push(to.file_name().unwrap_or_default());
        name.push(format!(".{}.part", std::process::id()));
        let beside = to.with_file_name(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&beside)
            .with_context(failed)?;
        let new = NewFile {
            out: BufWriter::new(file),
            places: Some((beside, to)),
            shown,
        };
        if let Some(there) = there {
            let file = new.out.get_ref();
            // Who may read a file is its group's affair, too: the daemon reads the configuration that root writes. Only root
            // can give a file to others.
            let _ = fchown(file, Some(there.uid()), Some(there.gid()));
            let same = file.set_permissions(there.permissions());
            same.with_context(failed)?;
        }
        Ok(new)
    }

    /// Where to write.
    pub(super) fn out(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    /// All is written: it gets its name.
    ///
    /// # Errors
    /// When the disk does not take it; what was there before stays.
    pub(super) fn finish(mut self) -> Result<()> {
        let failed = format!("cannot write {}", self.shown.display());
        let _acting = rights::as_owner(rights::directory_of(&self.shown))?;
        self.out.flush().with_context(|| failed.clone())?;
        if let Some((beside, to)) = &self.places {
            let file = self.out.get_ref();
            file.sync_all().with_context(|| failed.clone())?;
            fs::rename(beside, to).with_context(|| failed.clone())?;
        }
        self.places = None;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some((beside, _)) = self.places.take() {
            // What stays has a name that tells what it is.
            let _ = fs::remove_file(beside);
        }
    }
}

/// A path whose directory is no link.
fn in_real_directory(path: &Path) -> std::io::Result<PathBuf> {
    let dir = match path.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    };
    Ok(dir
        .canonicalize()?
        .join(path.file_name().unwrap_or_default()))
}

/// Whether a file is one of the journal's, under whatever name, or would be taken for one.
fn is_of_journal(to: &Path, there: Option<&fs::Metadata>, journal_dir: &Path) -> bool {
    let Ok(dir) = journal_dir.canonicalize() else {
        return false;
    };
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let is_ours = name.starts_with("journal.") || name == "lock" || name == "reserve";
    if is_ours && to.parent() == Some(&dir) {
        return true;
    }
    let own = [
        "journal.sqlite",
        "journal.sqlite-wal",
        "journal.sqlite-shm",
        "lock",
        "reserve",
    ];
    let mut own = own
        .iter()
        .filter_map(|name| fs::metadata(dir.join(name)).ok());
    there
        .is_some_and(|there| own.any(|file| (file.dev(), file.ino()) == (there.dev(), there.ino())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(path: &Path, dir: &Path, force: bool) -> Result<()> {
        let mut file = NewFile::begin(path, dir, force)?;
        file.out().write_all(b"new")?;
        file.finish()
    }

    #[test]
    fn what_is_there_stays_until_the_new_one_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, path) = (dir.path().join("queue"), dir.path().join("out.csv"));
        write(&path, &journal, false).unwrap();
        assert!(
            write(&path, &journal, false)
                .unwrap_err()
                .to_string()
                .contains("--force")
        );
        fs::write(&path, "old").unwrap();
        let mut begun = NewFile::begin(&path, &journal, true).unwrap();
        begun.out().write_all(b"half").unwrap();
        drop(begun);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        let link = dir.path().join("link.csv");
        symlink("out.csv", &link).unwrap();
        write(&link, &journal, true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new", "behind the link");
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            2,
            "nothing beside"
        );
        write(Path::new("/dev/null"), &journal, false).unwrap();
    }

    #[test]
    fn files_of_the_journal_are_refused_under_any_name() {
        let dir = tempfile::tempdir().unwrap();
        let journal = dir.path().join("queue");
        fs::create_dir(&journal).unwrap();
        fs::write(journal.join("journal.sqlite"), "kept").unwrap();
        symlink("queue", dir.path().join("q")).unwrap();
        symlink("queue/journal.sqlite", dir.path().join("link")).unwrap();
        fs::hard_link(journal.join("journal.sqlite"), dir.path().join("name")).unwrap();
        for path in [
            "queue/journal.sqlite",
            "q/journal.sqlite",
            "queue/../q/journal.sqlite-wal",
            "queue/lock",
            "link",
            "name",
        ] {
            let refused = write(&dir.path().join(path), &journal, true).unwrap_err();
            assert!(
                refused.to_string().contains("belongs to the journal"),
                "{path}: {refused}"
            );
        }
        assert_eq!(
            fs::read_to_string(journal.join("journal.sqlite")).unwrap(),
            "kept"
        );
        write(&journal.join("out.csv"), &journal, false).unwrap();
    }
}
