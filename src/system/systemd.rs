//! systemd, as far as a service speaks with it (sd_notify(3), sd_listen_fds(3)): ready, alive, and the
//! descriptors that it keeps for us while we are away. Without systemd all of it does nothing.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::debug;

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
    std::env::var_os("NOTIFY_SOCKET").is_some() && max.as_deref() != Some("0")
}

/// Asks for a descriptor to be kept while we are away. `FDPOLL=0`: also when it hangs up; we look
/// after it ourselves.
pub fn keep(name: &str, descriptor: BorrowedFd<'_>) {
    let state = [
        NotifyState::FdStore,
        NotifyState::FdName(name),
        NotifyState::Custom("FDPOLL=0"),
    ];
    tell(sd_notify::notify_with_fds(&state, &[descriptor]));
}

/// Asks for the descriptors of this name to be kept no longer.
pub fn forget(name: &str) {
    let state = [
        NotifyState::Custom("FDSTOREREMOVE=1"),
        NotifyState::FdName(name),
    ];
    tell(sd_notify::notify(&state));
}

/// Everything that is needed to count is there.
pub fn ready() {
    tell(sd_notify::notify(&[NotifyState::Ready]));
}

/// The end has begun.
pub fn stopping() {
    tell(sd_notify::notify(&[NotifyState::Stopping]));
}

/// What `systemctl status` shows.
pub fn status(text: &str) {
    tell(sd_notify::notify(&[NotifyState::Status(text)]));
}

/// We are alive.
pub fn alive() {
    tell(sd_notify::notify(&[NotifyState::Watchdog]));
}

/// Within how long systemd wants to hear that; None: it does not.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn tell(told: io::Result<()>) {
    if let Err(failed) = told {
        debug!(error = %failed, "systemd cannot be told");
    }
}
