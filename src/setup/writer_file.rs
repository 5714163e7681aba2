//! The file `writer.token`: the token of `run`, with the server it is for.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use crate::config::token::WRITER_FILE;

/// The user that the service runs as.
const SERVICE_USER: &str = "powerlogger";

/// Where it is.
pub fn path(config_dir: &Path) -> PathBuf {
    config_dir.join(WRITER_FILE)
}

/// The id of the authorization whose token the file holds, if `run` takes it for this host and
/// organisation: it does not take one that others can read.
pub fn authorization_id(config_dir: &Path, host: &str, org: &str) -> Option<String> {
    let fields = fields_for(config_dir, host, org)?;
    let others_read = fs::metadata(path(config_dir)).ok()?.mode() & 0o077 != 0;
    if others_read || fields.get("token").is_none_or(String::is_empty) {
        return None;
    }
    fields.get("authorization_id").cloned()
}

/// Whether there is one, and for this host and organisation.
pub fn is_for(config_dir: &Path, host: &str, org: &str) -> bool {
    fields_for(config_dir, host, org).is_some()
}

fn fields_for(config_dir: &Path, host: &str, org: &str) -> Option<BTreeMap<String, String>> {
    let text = fs::read_to_string(path(config_dir)).ok()?;
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let fields: BTreeMap<String, String> = lines
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let is = |name: &str, wanted: &str| fields.get(name).is_some_and(|found| found == wanted);
    (is("host", host) && is("org", org)).then_some(fields)
}

/// Writes the file, whole or not at all: 0600, and where root writes it for the user who will read it: the
/// service's, or whoever owns the directory.
///
/// # Errors
/// When the directory does not take it.
pub fn write(
    config_dir: &Path,
    for_service: bool,
    (host, org): (&str, &str),
    (id, token): (&str, &str),
) -> io::Result<()> {
    let path = path(config_dir);
    let new = path.with_extension("token.new");
    // One that was left behind may have other rights.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&new)?;
    write!(
        file,
        "# Written by `powerlogger setup`; `powerlogger run` reads it.\n\
         token={token}\nhost={host}\norg={org}\nauthorization_id={id}\n"
    )?;
    if rustix::process::geteuid().is_root() {
        let service = service_user(Path::new("/etc/passwd")).filter(|_| for_service);
        let reader = service.map_or_else(|| fs::metadata(config_dir).map(|dir| dir.uid()), Ok)?;
        chown(&new, Some(reader), None)?;
    }
    file.sync_all()?;
    fs::rename(&new, &path)?;
    fs::File::open(config_dir)?.sync_all()
}

/// Deletes it, if it is there.
///
/// # Errors
/// When the directory does not let it go.
pub fn remove(config_dir: &Path) -> io::Result<()> {
    match fs::remove_file(path(config_dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The number of the service's user, if the system has one.
fn service_user(passwd: &Path) -> Option<u32> {
    let users = fs::read_to_string(passwd).ok()?;
    let mut fields = users.lines().map(|line| line.split(':'));
    let mut found = fields.find(|fields| fields.clone().next() == Some(SERVICE_USER))?;
    found.nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_written_is_found_again_for_the_same_server_only() {
        let dir = tempfile::tempdir().unwrap();
        let (host, org) = ("http://h:8086", "Mein Haus = 1");
        assert_eq!(authorization_id(dir.path(), host, org), None);
        for token in ["first", "second"] {
            write(dir.path(), false, (host, org), ("0123", token)).unwrap();
        }
        let id = Some("0123".to_owned());
        assert_eq!(authorization_id(dir.path(), host, org), id);
        assert_eq!(authorization_id(dir.path(), "http://other", org), None);
        let meta = fs::metadata(path(dir.path())).unwrap();
        assert_eq!(meta.mode() & 0o777, 0o600);
        fs::set_permissions(path(dir.path()), fs::Permissions::from_mode(0o644)).unwrap();
        let id = authorization_id(dir.path(), host, org);
        assert_eq!(id, None, "`run` does not take one that others can read");
        assert!(is_for(dir.path(), host, org) && !is_for(dir.path(), host, "other"));
        remove(dir.path()).unwrap();
        remove(dir.path()).unwrap();
        assert_eq!(authorization_id(dir.path(), host, org), None);
    }

    #[test]
    fn the_service_user_is_found_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let passwd = dir.path().join("passwd");
        fs::write(&passwd, "root:x:0:0::/:\npowerlogger:x:977:20::/:\n").unwrap();
        assert_eq!(service_user(&passwd), Some(977));
        fs::write(&passwd, "powerlogger2:x:977:20::/:\n").unwrap();
        assert_eq!(service_user(&passwd), None);
    }
}
