//! What a command that is run as root may do: in the journal's directory no more than the directory's owner, so that
//! nothing that lies there can lead root elsewhere, and nothing is made there that the daemon may not write.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use crate::config::{LoadOptions, Loaded, unreadable};
use crate::journal::file_in;
use crate::owner::{self, Acting, Keep, User};

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

/// Makes sure that this user may read the journal, as far as there is one.
///
/// # Errors
/// With what to do about it.
pub(super) fn may_read_journal(dir: &Path) -> Result<()> {
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

/// The one sentence for whoever lacks the right to read.
fn may_not_read(path: &Path) -> String {
    let installed = ["/etc/powerlogger", "/var/lib/powerlogger"];
    let group = if installed.iter().any(|dir| path.starts_with(dir)) {
        ", or `sudo usermod -a -G powerlogger $USER` and log in again"
    } else {
        ", or do it as the owner"
    };
    format!("you may not read {}: use sudo{group}", path.display())
}

/// Becomes the owner of the journal's directory for good. Returns who it is now, if that is another user than
/// before.
///
/// # Errors
/// When that is not allowed.
pub(super) fn work_as_owner(loaded: &Loaded, keep: Keep) -> Result<Option<User>> {
    let dir = &loaded.settings.journal.dir;
    owner::become_owner_of(dir, keep).with_context(|| failed(dir))
}

/// The same for a command that has other files to write afterwards: until the answer is dropped.
///
/// # Errors
/// When that is not allowed.
pub(super) fn as_owner(dir: &Path) -> Result<Acting> {
    owner::as_owner_of(dir).with_context(|| failed(dir))
}

fn failed(dir: &Path) -> String {
    format!(
        "root does not work in {} with more rights than its owner has, and may not take the owner's",
        dir.display()
    )
}

/// Becomes the user whose daemon this configuration is for: the service's, where it is the system's and there is
/// one, else the owner of the journal's directory. So `verify` judges as the daemon will find things. Returns who it
/// is.
///
/// # Errors
/// When that is not allowed.
pub(super) fn judge_as_daemon(loaded: &Loaded) -> Result<Option<User>> {
    let dir = &loaded.settings.journal.dir;
    if loaded.is_system() && rustix::process::geteuid().is_root() {
        if let Some(user) = owner::service_user() {
            owner::become_user(&user, Keep::Nothing).with_context(|| failed(dir))?;
            return Ok(Some(user));
        }
    }
    owner::become_owner_of(dir, Keep::Nothing).with_context(|| failed(dir))
}

/// Makes a file that somebody has named on the command line, with no more rights than the owner of its directory.
///
/// # Errors
/// When it cannot be made.
pub(super) fn create(path: &Path) -> Result<File> {
    let _acting = as_owner(directory_of(path))?;
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}

/// The directory that a file is in.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
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
