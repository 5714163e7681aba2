//! systemd, as far as a service speaks with it (sd_notify(3), sd_listen_fds(3)): ready, alive, and the
//! descriptors that it keeps for us while we are away. Without systemd all of it does nothing.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tracing::debug;

/// Where systemd listens; a first `@` stands for an abstract name.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// What is told once only may wait so long for systemd to read; meanwhile the kernel keeps the edges.
const ONCE_MAX: Duration = Duration::from_millis(200);

/// A descriptor that was kept.
#[derive(Debug)]
pub struct StoredDescriptor {
    /// The name under which it was given.
    pub name: String,
    /// The descriptor.
    pub file: File,
}

/// Takes the descriptors that were kept for this process. To be called once, early: they are ours then.
pub fn take_kept() -> Vec<StoredDescriptor> {
    let found = sd_listen_fds::get().unwrap_or_default();
    found
        .into_iter()
        .filter_map(|(name, descriptor)| {
            let file = File::from(descriptor.into_std());
            // Programs that we start must not inherit it.
            rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::CLOEXEC).ok()?;
            Some(StoredDescriptor { name: name?, file })
        })
        .collect()
}

/// Whether descriptors are kept for us while we are away. systemd before 254 does not tell: there a service
/// that is notified is taken for ours, whose unit asks for it.
pub fn keeps_descriptors() -> bool {
    let max = std::env::var("FDSTORE").ok();
    address().is_some() && max.as_deref() != Some("0")
}

/// Asks for a descriptor to be kept while we are away. `FDPOLL=0`: also when it hangs up; we look
/// after it ourselves.
pub fn keep(name: &str, descriptor: BorrowedFd<'_>) {
    let state = format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0\n");
    tell(&state, Some(descriptor), ONCE_MAX);
}

/// Asks for the descriptors of this name to be kept no longer.
pub fn forget(name: &str) {
    tell(&format!("FDSTOREREMOVE=1\nFDNAME={name}\n"), None, ONCE_MAX);
}

/// Everything that is needed to count is there. False: systemd did not hear it, and waits for it.
pub fn ready() -> bool {
    tell("READY=1\n", None, ONCE_MAX)
}

/// The end has begun.
pub fn stopping() {
    tell("STOPPING=1\n", None, ONCE_MAX);
}

/// What `systemctl status` shows. False: systemd did not hear it.
pub fn status(text: &str) -> bool {
    tell(&format!("STATUS={text}\n"), None, Duration::ZERO)
}

/// We are alive. Where systemd does not read, that is lost: the next time is soon.
pub fn alive() {
    tell("WATCHDOG=1\n", None, Duration::ZERO);
}

/// Within how long systemd wants to hear that; None: it does not.
pub fn watchdog() -> Option<Duration> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let is_ours = std::env::var_os("WATCHDOG_PID").is_none()
        || number("WATCHDOG_PID") == Some(u64::from(std::process::id()));
    let interval_us = number("WATCHDOG_USEC").filter(|us| is_ours && *us > 0)?;
    Some(Duration::from_micros(interval_us))
}

fn address() -> Option<OsString> {
    std::env::var_os(NOTIFY_SOCKET).filter(|address| !address.is_empty())
}

/// Tells systemd, if there is one. False: it did not hear.
fn tell(state: &str, descriptor: Option<BorrowedFd<'_>>, patience: Duration) -> bool {
    let Some(address) = address() else {
        return true;
    };
    let told = send(&address, state, descriptor, patience);
    if let Err(failed) = &told {
        debug!(error = %failed, "systemd cannot be told");
    }
    told.is_ok()
}

/// Sends one datagram. The queue of a socket that is not read fills after a few: then at most `patience` is waited.
fn send(
    address: &OsStr,
    state: &str,
    descriptor: Option<BorrowedFd<'_>>,
    patience: Duration,
) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    let address = match address.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(address)?,
    };
    socket.connect_addr(&address)?;
    let flags = if patience.is_zero() {
        SendFlags::DONTWAIT
    } else {
        socket.set_write_timeout(Some(patience))?;
        SendFlags::empty()
    };
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = descriptor.map(|descriptor| [descriptor]);
    if let Some(descriptors) = &descriptors {
        control.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    let parts = [IoSlice::new(state.as_bytes())];
    sendmsg(
        socket.as_fd(),
        &parts,
        &mut control,
        flags | SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_nobody_reads_holds_up_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let told = |patience| send(path.as_os_str(), "WATCHDOG=1\n", None, patience);
        let lost = (0..10_000).find_map(|_| told(Duration::ZERO).err());
        assert_eq!(lost.unwrap().kind(), io::ErrorKind::WouldBlock);
        // Without an end to it this would wait for ever.
        assert!(told(Duration::from_millis(20)).is_err());
        // Once it is read again, what follows arrives.
        let mut text = [0; 64];
        systemd.recv(&mut text).unwrap();
        told(Duration::ZERO).unwrap();
    }

    #[test]
    fn a_descriptor_arrives_with_its_words_at_an_abstract_name_too() {
        let name = format!("powerlogger-{}-{:p}", std::process::id(), &ONCE_MAX);
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let systemd = UnixDatagram::bind_addr(&address).unwrap();
        let kept = tempfile::tempfile().unwrap();
        let at = OsString::from(format!("@{name}"));
        send(&at, "FDSTORE=1\n", Some(kept.as_fd()), ONCE_MAX).unwrap();
        let mut text = [0; 64];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = rustix::net::RecvAncillaryBuffer::new(&mut space);
        let mut parts = [io::IoSliceMut::new(&mut text)];
        let flags = rustix::net::RecvFlags::DONTWAIT;
        let got = rustix::net::recvmsg(systemd.as_fd(), &mut parts, &mut control, flags).unwrap();
        assert_eq!(&text[..got.bytes], b"FDSTORE=1\n");
        let rights = control.drain().map(|message| match message {
            rustix::net::RecvAncillaryMessage::ScmRights(found) => found.count(),
            _ => 0,
        });
        assert_eq!(rights.sum::<usize>(), 1);
    }
}
