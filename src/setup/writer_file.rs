//! The file `writer.token`: the token of `run`, with the server it is for.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::content;
use crate::config::token::{self, WRITER_FILE};
use crate::owner;
use crate::owner::files::Dir;

/// Where it is.
pub fn path(config_dir: &Path) -> PathBuf {
    config_dir.join(WRITER_FILE)
}

/// The id of the authorization whose token the file holds, if `run` takes it for this host and
/// organization: it does not take one that others can read.
pub fn authorization_id(config_dir: &Path, host: &str, org: &str) -> Option<String> {
    let _acting = owner::as_owner_of(config_dir).ok()?;
    let path = path(config_dir);
    let text = content::text(&path).ok()?;
    let fields = fields_for(&text, host, org)?;
    let is_private = token::is_private(&fs::metadata(&path).ok()?);
    if !is_private || fields.get("token").is_none_or(|token| token.is_empty()) {
        return None;
    }
    fields.get("authorization_id").map(|id| (*id).to_owned())
}

/// Whether there is one, and for this host and organization.
pub fn is_for(config_dir: &Path, host: &str, org: &str) -> bool {
    let text = content::text(&path(config_dir));
    text.is_ok_and(|text| fields_for(&text, host, org).is_some())
}

/// What the file says, if it is for this host and organization.
fn fields_for<'a>(text: &'a str, host: &str, org: &str) -> Option<BTreeMap<&'a str, &'a str>> {
    let fields = token::writer_fields(text);
    let is = |name: &str, wanted: &str| fields.get(name).is_some_and(|found| *found == wanted);
    (is("host", host) && is("org", org)).then_some(fields)
}

/// Writes the file, whole or not at all: 0600, and where root writes it for the user who will read it: the
/// service's, or the owner of the directory.
///
/// # Errors
/// When the directory does not take it.
pub fn write(
    config_dir: &Path,
    for_service: bool,
    (host, org): (&str, &str),
    (id, token): (&str, &str),
) -> io::Result<()> {
    // In the directory of another user root has no more rights than that user.
    let _acting = owner::as_owner_of(config_dir)?;
    let dir = Dir::open(config_dir)?;
    let reader = if rustix::process::geteuid().is_root() {
        let service = owner::service_user().filter(|_| for_service);
        let reader =
            service.map_or_else(|| dir.owner().map(|(uid, _)| uid), |user| Ok(user.uid))?;
        Some((reader, None))
    } else {
        None
    };
    dir.replace(WRITER_FILE, 0o600, reader, &|_| {
        format!(
            "# Written by `powerlogger setup`; `powerlogger run` reads it.\n\
             token={token}\nhost={host}\norg={org}\nauthorization_id={id}\n"
        )
    })
}

/// Deletes it, if it is there.
///
/// # Errors
/// When the directory does not let it go.
pub fn remove(config_dir: &Path) -> io::Result<()> {
    let _acting = owner::as_owner_of(config_dir)?;
    Dir::open(config_dir)?.remove(WRITER_FILE)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

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
}
