//! The doors: a unix socket that only this user and its group may use, and TCP addresses.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

use crate::answers::socket::{SOCKET, short};
use crate::owner::files::Dir;

/// Held by the daemon whose socket it is: a socket without it is one that a dead daemon has left.
const LOCK: &str = "api.lock";

/// Who may use the socket: the user of the service and its group.
const MODE: u32 = 0o660;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// Why a door is not open.
#[derive(Debug, thiserror::Error)]
pub(super) enum Closed {
    /// Another daemon has it.
    #[error("another powerlogger has the socket {0}")]
    Taken(PathBuf),
    /// The system refuses.
    #[error("cannot listen on {0}: {1}")]
    Refused(String, #[source] io::Error),
}

/// A unix socket, removed when it is dropped.
#[derive(Debug)]
pub(super) struct UnixDoor {
    pub(super) listener: UnixListener,
    path: PathBuf,
    _lock: fs::File,
}

impl Drop for UnixDoor {
    fn drop(&mut self) {
        // The lock is still held: no other process has made another one.
        let _ = fs::remove_file(&self.path);
    }
}

/// Opens the unix socket in a directory. What a dead daemon has left is replaced, what a living one has is not.
///
/// # Errors
/// When it cannot be had now.
pub(super) fn unix(dir: &Path) -> Result<UnixDoor, Closed> {
    let path = dir.join(SOCKET);
    let refused = |error: io::Error| Closed::Refused(path.display().to_string(), error);
    let lock = Dir::open(dir)
        .and_then(|dir| dir.open_or_make(LOCK, 0o600))
        .map_err(refused)?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Err(Closed::Taken(path));
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(refused(error)),
        _ => {}
    }
    let listener = short(&path)
        .and_then(|(short, _open)| UnixListener::bind(short))
        .map_err(refused)?;
    let opened = fs::set_permissions(&path, fs::Permissions::from_mode(MODE))
        .and_then(|()| listener.set_nonblocking(true));
    let door = UnixDoor {
        listener,
        path: path.clone(),
        _lock: lock,
    };
    opened.map(|()| door).map_err(refused)
}

/// Listens on an address.
///
/// # Errors
/// When it is in use, or not of this machine.
pub(super) fn tcp(address: SocketAddr) -> Result<TcpListener, Closed> {
    let refused = |error: rustix::io::Errno| Closed::Refused(address.to_string(), error.into());
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd = socket_with(family, SocketType::STREAM, flags, None).map_err(refused)?;
    // The connections of the daemon before may still be closing.
    sockopt::set_socket_reuseaddr(&socket, true).map_err(refused)?;
    if address.is_ipv6() {
        // IPv4 has a socket of its own.
        sockopt::set_ipv6_v6only(&socket, true).map_err(refused)?;
    }
    bind(&socket, &address).map_err(refused)?;
    listen(&socket, BACKLOG).map_err(refused)?;
    Ok(TcpListener::from(socket))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn what_a_dead_daemon_has_left_is_replaced_and_what_a_living_one_has_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(SOCKET);
        // A socket without its daemon. A process that another test is about to start a program in may have a copy of it.
        let dead = UnixListener::bind(&path).unwrap();
        rustix::net::shutdown(&dead, rustix::net::Shutdown::Both).unwrap();
        drop(dead);
        assert!(UnixStream::connect(&path).is_err());
        let door = unix(dir.path()).unwrap();
        UnixStream::connect(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, MODE);
        assert!(matches!(unix(dir.path()), Err(Closed::Taken(_))));
        UnixStream::connect(&path).unwrap();
        drop(door);
        assert!(!path.exists());
        drop(unix(dir.path()).unwrap());
    }

    #[test]
    fn an_address_in_use_is_refused_and_both_families_may_have_a_port() {
        let v4 = tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let at = v4.local_addr().unwrap();
        let refused = tcp(at).unwrap_err();
        assert!(refused.to_string().contains(&at.to_string()), "{refused}");
        let v6 = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], at.port()));
        match tcp(v6) {
            Ok(_) => {}
            // A machine without IPv6.
            Err(Closed::Refused(_, error)) => assert_ne!(error.kind(), io::ErrorKind::AddrInUse),
            Err(taken) => panic!("{taken}"),
        }
    }
}
