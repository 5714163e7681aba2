//! After an import: files that have done their service get another name, and the journal its owner.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{IMPORTED, waiting};
use crate::journal::FILE_NAME;
use crate::owner::files::Dir;

/// A file that is announced in the journal's directory has done its service: it stays there under
/// another name, so that no command tells of it again. Returns the name; None: it is another file.
///
/// # Errors
/// When it cannot be renamed.
pub fn put_away(path: &Path, dir: &Path) -> io::Result<Option<PathBuf>> {
    let real = match path.canonicalize() {
        // The owner of the journal does not get there, so it is not in its directory.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
        found => found?,
    };
    let announced = |file: &PathBuf| file.canonicalize().is_ok_and(|file| file == real);
    if !waiting(dir).iter().any(announced) {
        return Ok(None);
    }
    let mut to = with(path, IMPORTED);
    let mut no = 1;
    while to.exists() {
        no += 1;
        to = with(path, &format!("{IMPORTED}-{no}"));
    }
    // What is beside it belongs to it.
    for suffix in ["-wal", "-shm"] {
        if with(path, suffix).exists() {
            fs::rename(with(path, suffix), with(&to, suffix))?;
        }
    }
    fs::rename(path, &to)?;
    Ok(Some(to))
}

/// Where root has made the journal's files because their owner does not get there, they go to the owner of the
/// directory: the daemon is not root.
///
/// # Errors
/// When they cannot be given away.
pub fn give_to_owner(dir: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let names = ["", "-wal", "-shm"].map(|suffix| format!("{FILE_NAME}{suffix}"));
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.push("lock");
    Dir::open(dir)?.give_to_owner(&names)
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_announced_gets_another_name_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name);
        fs::write(file("pulses.csv"), "").unwrap();
        assert_eq!(put_away(&file("pulses.csv"), dir.path()).unwrap(), None);
        for to in [
            "write_queue.sqlite.imported",
            "write_queue.sqlite.imported-2",
        ] {
            fs::write(file("write_queue.sqlite"), to).unwrap();
            fs::write(file("write_queue.sqlite-wal"), to).unwrap();
            assert_eq!(waiting(dir.path()), [file("write_queue.sqlite")]);
            let went = put_away(&file("write_queue.sqlite"), dir.path()).unwrap();
            assert_eq!(went, Some(file(to)));
            assert_eq!(fs::read_to_string(file(to)).unwrap(), to);
            assert_eq!(fs::read_to_string(file(&format!("{to}-wal"))).unwrap(), to);
            assert!(waiting(dir.path()).is_empty());
        }
    }
}
