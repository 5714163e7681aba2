//! Shutdown: signals wake the main thread; every other thread asks [`Shutdown::is_requested`].

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

/// Wakes the main thread on SIGTERM, SIGINT, SIGHUP (the terminal was closed), or when a thread ends.
#[derive(Debug)]
pub struct Wakeup {
    reader: UnixStream,
    writer: Arc<UnixStream>,
}

/// Wakes the main thread when it is dropped, so also when its thread panics.
#[derive(Debug)]
pub struct WakeOnDrop(Arc<UnixStream>);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        self.wake();
    }
}

impl WakeOnDrop {
    /// Wakes it now, too.
    pub fn wake(&self) {
        let _ = (&*self.0).write(&[THREAD]);
    }
}

/// What ended the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// A signal.
    Signal,
    /// A thread that is about to end.
    Thread,
    /// Nothing: the time is over.
    TimedOut,
}

/// What a thread writes; signal-hook writes an X.
const THREAD: u8 = b't';

impl Wakeup {
    /// Takes over SIGTERM, SIGINT and SIGHUP; the last not where it is ignored: `nohup` says that the end of
    /// the terminal is no reason to end.
    ///
    /// # Errors
    /// When the process may open no more descriptors.
    pub fn new(shutdown: &Shutdown) -> io::Result<Wakeup> {
        let wakeup = Wakeup::without_signals()?;
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let hangup = (!is_ignored(&status, SIGHUP)).then_some(SIGHUP);
        for signal in [SIGTERM, SIGINT].into_iter().chain(hangup) {
            signal_hook::flag::register(signal, Arc::clone(&shutdown.0))?;
            signal_hook::low_level::pipe::register(signal, wakeup.writer.try_clone()?)?;
        }
        Ok(wakeup)
    }

    /// One that only threads wake; signals do what they did before.
    ///
    /// # Errors
    /// When the process may open no more descriptors.
    pub fn without_signals() -> io::Result<Wakeup> {
        let (reader, writer) = UnixStream::pair()?;
        writer.set_nonblocking(true)?;
        Ok(Wakeup {
            reader,
            writer: Arc::new(writer),
        })
    }

    /// For a thread to hold: wakes when it is dropped.
    pub fn wake_on_drop(&self) -> WakeOnDrop {
        WakeOnDrop(Arc::clone(&self.writer))
    }

    /// Waits to be woken, at most `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Woken {
        // A timeout of zero would mean for ever.
        let timeout = timeout.max(Duration::from_millis(1));
        let mut byte = [0];
        let heard = self
            .reader
            .set_read_timeout(Some(timeout))
            .and_then(|()| self.reader.read(&mut byte));
        match heard {
            Ok(1) if byte[0] == THREAD => Woken::Thread,
            Ok(1) => Woken::Signal,
            _ => Woken::TimedOut,
        }
    }

    /// Forgets what has woken it so far.
    pub fn clear(&mut self) {
        while self.wait(Duration::ZERO) != Woken::TimedOut {}
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
