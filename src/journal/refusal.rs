//! What a person is told when the disk refuses: the word for it, and what to do.

use std::io::ErrorKind;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, StatVfsMountFlags, accessat, statvfs};
use rustix::io::Errno;

use crate::journal::{FILE_NAME, JournalError};

/// How a commit, or the opening of the journal, was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The machine word.
    pub kind: &'static str,
    /// What to do; the daemon goes on by itself afterwards.
    pub remedy: &'static str,
}

impl Refusal {
    /// How the journal in `dir` was refused. SQLite calls a file system that has turned read-only an
    /// I/O error like any other, so that one is looked at.
    pub fn of(failed: &JournalError, dir: &Path) -> Refusal {
        let mut kind = failed.kind();
        if let JournalError::Directory { source, .. }
        | JournalError::Unreadable { source, .. }
        | JournalError::Sync { source } = failed
        {
            kind = match source.kind() {
                ErrorKind::ReadOnlyFilesystem => "read_only",
                ErrorKind::StorageFull => "disk_full",
                _ if source.raw_os_error() == Some(Errno::IO.raw_os_error()) => "io",
                _ => kind,
            };
        }
        if matches!(kind, "io" | "sql" | "sync") && is_read_only(dir) {
            kind = "read_only";
        }
        // SQLite calls read-only as well what the user may not write to.
        let is_unclear = kind == "sql" || (kind == "read_only" && !is_read_only(dir));
        if is_unclear {
            kind = how_it_cannot_be_read(dir).unwrap_or(kind);
        }
        Refusal {
            kind,
            remedy: remedy(kind),
        }
    }

    /// Whether a journal that is refused like this is better closed and opened again: a disk that fails
    /// can be unmounted, checked and mounted again only when no process has files open on it.
    pub fn should_reopen(kind: &str) -> bool {
        !matches!(kind, "disk_full" | "busy" | "corrupt")
    }
}

/// What to do about a refusal of this kind.
pub fn remedy(kind: &str) -> &'static str {
    match kind {
        "disk_full" => "the disk is full: delete something (`df -h` shows which one it is)",
        "read_only" => {
            "the disk is read-only: `dmesg` says why; mount it writable again \
             (`mount -o remount,rw`), or unmount it, check it with fsck and mount it"
        }
        "io" | "sync" => {
            "the disk fails: `dmesg` says how; unmount it, check it with fsck and mount it again, \
             or replace it"
        }
        "gone" => {
            "mount the disk with the journal again; to begin a new journal, restart powerlogger"
        }
        "corrupt" => "nothing: it is opened again, and moved aside if it is really damaged",
        "in_use" => "another powerlogger uses the journal; it is opened when that one is done",
        "busy" => {
            "another program reads the journal, a backup or an sqlite3 shell (`fuser -v` on its files names it): \
             let it end, or end it"
        }
        "permission" => {
            "this user may not use the journal: run the command with sudo, or join its group \
             (`sudo usermod -a -G powerlogger $USER`, then log in again)"
        }
        "directory" => "powerlogger's user must be able to write there",
        _ => "look at the disk and at the rights of the journal's directory",
    }
}

/// SQLite says no more than that it cannot open a file, or not write to it: why, the files' rights tell. They
/// are asked for, never opened: a file of the database that this process closes takes all of SQLite's locks on
/// it with it (POSIX), and the process that closes the database next may take it for the last one.
fn how_it_cannot_be_read(dir: &Path) -> Option<&'static str> {
    let asked = |path: &Path, access| accessat(CWD, path, access, AtFlags::EACCESS);
    let beside = ["", "-wal", "-shm"].map(|suffix| dir.join(format!("{FILE_NAME}{suffix}")));
    let mut missing = false;
    for file in &beside {
        match asked(file, Access::READ_OK) {
            Ok(()) => {}
            Err(Errno::ACCESS | Errno::PERM) => return Some("permission"),
            Err(Errno::IO) => return Some("io"),
            Err(_) => missing = true,
        }
    }
    // What is missing would have to be made.
    let denied = missing && asked(dir, Access::WRITE_OK) == Err(Errno::ACCESS);
    denied.then_some("permission")
}

/// Whether the file system says that it is read-only. The kernel lets files that are open be overwritten
/// all the same.
pub fn is_read_only(dir: &Path) -> bool {
    statvfs(dir).is_ok_and(|disk| disk.f_flag.contains(StatVfsMountFlags::RDONLY))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::model::WallNs;

    #[test]
    fn a_directory_that_is_read_only_or_full_is_called_so() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |kind: ErrorKind| {
            let failed = JournalError::Directory {
                path: dir.path().to_owned(),
                source: io::Error::from(kind),
            };
            Refusal::of(&failed, dir.path()).kind
        };
        assert_eq!(refused(ErrorKind::ReadOnlyFilesystem), "read_only");
        assert_eq!(refused(ErrorKind::StorageFull), "disk_full");
        assert_eq!(refused(ErrorKind::PermissionDenied), "directory");
        let failed = JournalError::Directory {
            path: dir.path().to_owned(),
            source: Errno::IO.into(),
        };
        assert_eq!(Refusal::of(&failed, dir.path()).kind, "io");
    }

    #[test]
    fn looking_for_the_reason_leaves_the_locks_of_sqlite() {
        use std::process::{Command, Stdio};
        let dir = tempfile::tempdir().unwrap();
        let writer = crate::journal::db::open::open(dir.path(), WallNs(0))
            .unwrap()
            .connection;
        writer.execute_batch("BEGIN IMMEDIATE").unwrap();
        let failed = JournalError::Sql {
            op: "be opened",
            source: rusqlite::Error::InvalidQuery,
        };
        assert_eq!(Refusal::of(&failed, dir.path()).kind, "sql");
        // The kernel's list, as another process sees it: this one's file is still locked.
        let inode = std::os::unix::fs::MetadataExt::ino(
            &std::fs::metadata(dir.path().join(FILE_NAME)).unwrap(),
        );
        let list = Command::new("cat")
            .arg("/proc/locks")
            .stderr(Stdio::null())
            .output()
            .unwrap();
        let list = String::from_utf8_lossy(&list.stdout).into_owned();
        let held = list
            .lines()
            .any(|line| line.contains("POSIX") && line.contains(&format!(":{inode} ")));
        assert!(held, "{inode}\n{list}");
    }

    #[test]
    fn every_kind_has_a_remedy_of_its_own() {
        let unknown = remedy("no such kind");
        assert_eq!(remedy("sql"), unknown, "SQLite's word says no more");
        assert_eq!(remedy("sync"), remedy("io"), "both are the disk's");
        let kinds = [
            "disk_full",
            "read_only",
            "io",
            "gone",
            "corrupt",
            "in_use",
            "busy",
            "permission",
            "directory",
        ];
        let mut told = vec![unknown];
        for kind in kinds {
            assert!(!told.contains(&remedy(kind)), "{kind}: {}", remedy(kind));
            told.push(remedy(kind));
        }
        assert!(!Refusal::should_reopen("disk_full"));
        assert!(Refusal::should_reopen("io"));
    }
}
