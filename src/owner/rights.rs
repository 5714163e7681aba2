//! The rights that a command which is run as root works with: in a directory no more than the directory's owner has,
//! so that nothing that lies there can lead root elsewhere, and nothing is made there that the daemon may not write.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{Acting, Keep, User, as_owner_of, become_owner_of, become_user, service_user};

/// The rights of a directory's owner cannot be taken.
#[derive(Debug, thiserror::Error)]
#[error(
    "root does not work in {} with more rights than its owner has, and may not take the owner's",
    dir.display()
)]
pub struct RightsError {
    /// The directory.
    pub dir: PathBuf,
    /// What the kernel says.
    pub source: io::Error,
}

/// Why a file cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Its directory.
    #[error(transparent)]
    Rights(#[from] RightsError),
    /// The file.
    #[error("cannot write {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn refused(dir: &Path) -> impl FnOnce(io::Error) -> RightsError {
    let dir = dir.to_owned();
    |source| RightsError { dir, source }
}

/// Becomes the owner of `dir` for good. Returns who it is now, if that is another user than before.
///
/// # Errors
/// When that is not allowed.
pub fn work_as_owner(dir: &Path, keep: Keep) -> Result<Option<User>, RightsError> {
    become_owner_of(dir, keep).map_err(refused(dir))
}

/// The same for work that is followed by work in other directories: until the answer is dropped.
///
/// # Errors
/// When that is not allowed.
pub fn as_owner(dir: &Path) -> Result<Acting, RightsError> {
    as_owner_of(dir).map_err(refused(dir))
}

/// Becomes the user whose daemon works in `dir`: the service's, if `is_service` and there is one, else the owner of
/// the directory. So a check sees what the daemon will see. Returns who it is, if that is another user than before.
///
/// # Errors
/// When that is not allowed.
pub fn judge_as_daemon(dir: &Path, is_service: bool) -> Result<Option<User>, RightsError> {
    if is_service && rustix::process::geteuid().is_root() {
        if let Some(user) = service_user() {
            become_user(&user, Keep::Nothing).map_err(refused(dir))?;
            return Ok(Some(user));
        }
    }
    work_as_owner(dir, Keep::Nothing)
}

/// Creates a file that is named on the command line, with no more rights than the owner of its directory.
///
/// # Errors
/// When it cannot be created.
pub fn create(path: &Path) -> Result<File, CreateError> {
    let _acting = as_owner(directory_of(path))?;
    File::create(path).map_err(|source| CreateError::Io {
        path: path.to_owned(),
        source,
    })
}

/// The directory that a file is in.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}
