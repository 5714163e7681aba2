//! What is in a file of the configuration. No file is waited for (a pipe has its own time), and none is read without
//! end: whoever may write into the directory holds up neither the daemon nor a command of root.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};

/// More than any configuration, token or bundle of certificates has.
const BYTES_MAX: u64 = 4 << 20;

/// Opens a file for reading, without waiting.
///
/// # Errors
/// When it is not there, may not be read, or is a pipe or a socket.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(openat(CWD, path, flags, Mode::empty())?);
    let kind = file.metadata()?.file_type();
    if kind.is_fifo() || kind.is_socket() {
        return Err(refused("it is a pipe: put a file there"));
    }
    Ok(file)
}

/// All of a file.
///
/// # Errors
/// As `open`; when it cannot be read, or has more than 4 MiB.
pub fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = open(path)?;
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(refused("it has more than 4 MiB"));
    }
    Ok(bytes)
}

/// The same as text.
///
/// # Errors
/// As [`bytes`]; when it is not UTF-8.
pub fn text(path: &Path) -> io::Result<String> {
    String::from_utf8(bytes(path)?).map_err(|_| refused("it is not UTF-8"))
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_file_is_read_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("a"), dir.path().join("b"));
        assert_eq!(text(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(&path, "x = 1\n").unwrap();
        symlink(&path, &link).unwrap();
        assert_eq!(text(&link).unwrap(), "x = 1\n");
        fs::write(&path, b"\xff").unwrap();
        assert_eq!(bytes(&path).unwrap(), b"\xff");
        assert!(text(&path).unwrap_err().to_string().contains("UTF-8"));
        assert_eq!(text(Path::new("/dev/null")).unwrap(), "");
    }

    #[test]
    fn what_is_no_file_or_has_no_end_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let (pipe, socket) = (dir.path().join("p"), dir.path().join("s"));
        rustix::fs::mknodat(
            CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        let _listens = UnixListener::bind(&socket).unwrap();
        assert!(bytes(&pipe).unwrap_err().to_string().contains("pipe"));
        bytes(&socket).unwrap_err();
        bytes(dir.path()).unwrap_err();
        let endless = bytes(Path::new("/dev/zero")).unwrap_err();
        assert!(endless.to_string().contains("4 MiB"), "{endless}");
    }
}
