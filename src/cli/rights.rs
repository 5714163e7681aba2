//! What is said to a user who may not read the configuration or the journal.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use crate::config::{LoadOptions, unreadable};
use crate::journal::file_in;

/// Makes sure that this user may read the configuration.
///
/// # Errors
/// With what to do about it.
pub(super) fn may_read_config(options: &LoadOptions) -> Result<()> {
    match unreadable(options) {
        Some(path) => bail!("{}", may_not_read(&path)),
        None => Ok(()),
    }
}

/// Makes sure that this user may read the journal, as far as there is one, and that its place is a directory.
///
/// # Errors
/// With what to do about it.
pub(super) fn may_read_journal(dir: &Path) -> Result<()> {
    // A file lacks the right that a directory needs, for any user.
    if fs::metadata(dir).is_ok_and(|meta| !meta.is_dir()) {
        bail!(
            "{} is not a directory: --queue-dir (QUEUE_DIR) names the one of the journal",
            dir.display()
        );
    }
    // They are asked for, never opened: closing a file of a database takes SQLite's locks with it.
    let asked = [
        (dir.to_owned(), Access::READ_OK | Access::EXEC_OK),
        (file_in(dir), Access::READ_OK),
    ];
    for (path, access) in asked {
        if accessat(CWD, &path, access, AtFlags::EACCESS) == Err(Errno::ACCESS) {
            bail!("{}", may_not_read(&path));
        }
    }
    Ok(())
}

/// The one sentence for a user who lacks the right to read.
fn may_not_read(path: &Path) -> String {
    let installed = ["/etc/powerlogger", "/var/lib/powerlogger"];
    let group = if installed.iter().any(|dir| path.starts_with(dir)) {
        ", or `sudo usermod -a -G powerlogger $USER` and log in again"
    } else {
        ", or do it as the owner"
    };
    format!("you may not read {}: use sudo{group}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_named_where_it_helps() {
        let said = may_not_read(Path::new("/etc/powerlogger/.env"));
        assert_eq!(
            said,
            "you may not read /etc/powerlogger/.env: use sudo, or `sudo usermod -a -G powerlogger $USER` and log in \
             again"
        );
        assert!(!may_not_read(Path::new("/home/x/.env")).contains("usermod"));
    }
}
