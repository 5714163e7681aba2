//! The end, in an orderly way: signals become a bell that the main thread waits on; everybody
//! else asks [`Shutdown::is_requested`].

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Says that it is time to end. Clones share one flag.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(Arc<AtomicBool>);

impl Shutdown {
    /// Whether it is time to end.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// It is time to end.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What the main thread waits on: rings for SIGTERM, SIGINT, SIGHUP (the terminal was closed), and for a thread
/// that has ended.
#[derive(Debug)]
pub struct Bell {
    ear: UnixStream,
    hammer: Arc<UnixStream>,
}

/// Rings the [`Bell`] from another thread, also when that thread panics.
#[derive(Debug)]
pub struct RingOnDrop(Arc<UnixStream>);

impl Drop for RingOnDrop {
    fn drop(&mut self) {
        self.ring();
    }
}

impl RingOnDrop {
    /// Rings now, too.
    pub fn ring(&self) {
        let _ = (&*self.0).write(&[THREAD]);
    }
}

/// What ended the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// A signal.
    Signal,
    /// A thread that is about to end.
    Thread,
    /// Nobody: the time is over.
    TimedOut,
}

/// What a thread writes; signal-hook writes an X.
const THREAD: u8 = b't';

impl Bell {
    /// Takes over SIGTERM, SIGINT and SIGHUP; the last not where it is ignored: `nohup` says that the end of
    /// the terminal is no reason to end.
    ///
    /// # Errors
    /// When the process may open no more descriptors.
    pub fn new(shutdown: &Shutdown) -> io::Result<Bell> {
        let (ear, hammer) = UnixStream::pair()?;
        hammer.set_nonblocking(true)?;
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let hangup = (!is_ignored(&status, SIGHUP)).then_some(SIGHUP);
        for signal in [SIGTERM, SIGINT].into_iter().chain(hangup) {
            signal_hook::flag::register(signal, Arc::clone(&shutdown.0))?;
            signal_hook::low_level::pipe::register(signal, hammer.try_clone()?)?;
        }
        Ok(Bell {
            ear,
            hammer: Arc::new(hammer),
        })
    }

    /// Rings when dropped: for a thread to hold.
    pub fn ring_on_drop(&self) -> RingOnDrop {
        RingOnDrop(Arc::clone(&self.hammer))
    }

    /// Waits for the bell, at most `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Rung {
        // A timeout of zero would mean for ever.
        let timeout = timeout.max(Duration::from_millis(1));
        let mut rung = [0];
        let heard = self
            .ear
            .set_read_timeout(Some(timeout))
            .and_then(|()| self.ear.read(&mut rung));
        match heard {
            Ok(1) if rung[0] == THREAD => Rung::Thread,
            Ok(1) => Rung::Signal,
            _ => Rung::TimedOut,
        }
    }

    /// Forgets what has rung so far.
    pub fn clear(&mut self) {
        while self.wait(Duration::ZERO) != Rung::TimedOut {}
    }
}

/// Whether a process ignores a signal, by its `/proc/…/status`.
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_is_ignored_is_found_in_the_mask() {
        let status = "Name:\tpowerlogger\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001001\n";
        assert!(is_ignored(status, SIGHUP));
        assert!(!is_ignored(status, SIGTERM));
        assert!(is_ignored(status, 13));
        assert!(!is_ignored("", SIGHUP));
    }
}
