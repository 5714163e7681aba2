//! What is ours on a server: everything we make there says so in its description, with the id of this
//! installation, so that two loggers in one organisation leave each other's things alone.

use std::fs;
use std::io;
use std::path::Path;

use crate::owner;
use crate::owner::files::Dir;
use crate::rollup::View;

/// The file of the installation's id, beside the configuration.
pub const ID_FILE: &str = "installation.id";

/// What a marked thing is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The task of a view.
    Task(View),
    /// The token of `run`.
    Writer,
    /// The token for Grafana.
    Reader,
}

impl Role {
    fn word(self) -> String {
        match self {
            Role::Task(view) => format!("task-{}", view.as_str()),
            Role::Writer => "writer".to_owned(),
            Role::Reader => "reader".to_owned(),
        }
    }

    fn from_word(word: &str) -> Option<Role> {
        match word {
            "writer" => Some(Role::Writer),
            "reader" => Some(Role::Reader),
            word => View::from_word(word.strip_prefix("task-")?).map(Role::Task),
        }
    }
}

const BEGIN: &str = "[powerlogger:";

/// A description that bears our mark.
pub fn describe(what: &str, installation: &str, role: Role) -> String {
    format!("{what} {BEGIN}{installation}:{}]", role.word())
}

/// Whose a described thing is, and what for; None: it bears no mark of any PowerLogger.
pub fn read(description: &str) -> Option<(&str, Role)> {
    let (_, rest) = description.rsplit_once(BEGIN)?;
    let (mark, _) = rest.split_once(']')?;
    let (installation, role) = mark.split_once(':')?;
    Some((installation, Role::from_word(role)?))
}

/// The id of this installation, if it has one.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn find(config_dir: &Path) -> io::Result<Option<String>> {
    let _acting = owner::as_owner_of(config_dir)?;
    match fs::read_to_string(config_dir.join(ID_FILE)) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|id| is_id(id))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The id of this installation, made and kept if it has none.
///
/// # Errors
/// When it cannot be kept: without it what is made could not be found again.
pub fn find_or_make(config_dir: &Path) -> io::Result<String> {
    if let Some(id) = find(config_dir)? {
        return Ok(id);
    }
    let id = new_id();
    let _acting = owner::as_owner_of(config_dir)?;
    Dir::open(config_dir)?.replace(ID_FILE, 0o644, None, &|_| format!("{id}\n"))?;
    Ok(id)
}

/// An id that no other installation has.
pub fn new_id() -> String {
    format!("{:08x}", fastrand::u32(..))
}

fn is_id(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_again() {
        let roles = [Role::Writer, Role::Reader, Role::Task(View::FiveMinutes)];
        for role in roles {
            let description = describe("what [it] is", "01ab23cd", role);
            assert_eq!(read(&description), Some(("01ab23cd", role)));
        }
        for foreign in ["", "a task", "[powerlogger:", "[powerlogger:x:cleaner]"] {
            assert_eq!(read(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn the_id_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(find(dir.path()).unwrap(), None);
        let id = find_or_make(dir.path()).unwrap();
        assert!(is_id(&id), "{id}");
        assert_eq!(find_or_make(dir.path()).unwrap(), id);
        fs::write(dir.path().join(ID_FILE), "").unwrap();
        assert_ne!(
            find_or_make(dir.path()).unwrap(),
            "",
            "a torn file is no id"
        );
    }
}
