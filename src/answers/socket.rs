//! Where the daemon's unix socket is, and a name for what it is asked about.

use std::hash::Hasher;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::config::described::{CONFIG_DIR, Described};

/// The socket's name in its directory.
pub const SOCKET: &str = "api.sock";

/// The directory that systemd makes for the service (`RuntimeDirectory=powerlogger`), and the service's journal.
const SERVICE: [&str; 2] = ["/run/powerlogger", "/var/lib/powerlogger"];

/// A socket's address holds so many bytes of a path.
const PATH_BYTES_MAX: usize = 107;

/// Where a daemon makes its socket: in the directory that systemd has made for it, else beside the journal.
/// `runtime`: `$RUNTIME_DIRECTORY`, directories with colons between them.
pub fn directory(runtime: Option<&str>, journal: &Path) -> PathBuf {
    let first = runtime.and_then(|dirs| dirs.split(':').find(|dir| !dir.is_empty()));
    first.map_or_else(|| journal.to_owned(), PathBuf::from)
}

/// Where a command looks for the daemon of a journal, in this order.
pub fn candidates(journal: &Path) -> Vec<PathBuf> {
    let [run, of_service] = SERVICE.map(Path::new);
    let service = journal.starts_with(of_service).then(|| run.join(SOCKET));
    service.into_iter().chain([journal.join(SOCKET)]).collect()
}

/// A name for the settings that an answer depends on: a daemon that has other ones answers other questions. The
/// directory of the files is not among them.
pub fn tag(settings: &Described) -> String {
    format!("\"{:016x}\"", number_of(settings))
}

/// The number that [`tag`] writes.
pub fn number_of(settings: &Described) -> u64 {
    let mut hasher = Fnv::default();
    for (key, value) in settings.iter().filter(|(key, _)| *key != CONFIG_DIR) {
        for text in [key, value] {
            hasher.write(text.as_bytes());
            hasher.write(&[0]);
        }
    }
    hasher.finish()
}

/// FNV-1a: a name for bytes that does not change with the compiler. A clash gains an attacker nothing.
#[derive(Debug)]
pub struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A path that fits into a socket's address, however long the way to it is; valid as long as the descriptor is open.
///
/// # Errors
/// When the directory cannot be opened.
pub fn short(path: &Path) -> io::Result<(PathBuf, Option<OwnedFd>)> {
    if path.as_os_str().as_bytes().len() <= PATH_BYTES_MAX {
        return Ok((path.to_owned(), None));
    }
    let (dir, name) = path
        .parent()
        .zip(path.file_name())
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let dir = OwnedFd::from(std::fs::File::open(dir)?);
    let short = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd())).join(name);
    Ok((short, Some(dir)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_where_systemd_says_or_beside_the_journal() {
        let journal = Path::new("/var/lib/powerlogger");
        assert_eq!(
            directory(Some("/run/a:/run/b"), journal),
            Path::new("/run/a")
        );
        assert_eq!(directory(Some(""), journal), journal);
        assert_eq!(directory(None, journal), journal);
    }

    #[test]
    fn a_tag_is_of_settings_and_not_of_where_they_lie() {
        let with = |dir: &str, value: &str| {
            let all = [(CONFIG_DIR, dir), ("web.listen", value)];
            let all = all.map(|(key, value)| (key.to_owned(), value.to_owned()));
            tag(&Described::from(all))
        };
        assert_eq!(with("/a", "off"), with("/b", "off"));
        assert_ne!(with("/a", "off"), with("/a", "lan"));
    }

    #[test]
    fn a_long_way_is_made_short() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("x".repeat(200));
        std::fs::create_dir(&deep).unwrap();
        let path = deep.join(SOCKET);
        let (short, _open) = short(&path).unwrap();
        assert!(short.as_os_str().len() <= PATH_BYTES_MAX);
        drop(std::os::unix::net::UnixListener::bind(&short).unwrap());
        assert!(path.exists());
    }
}
