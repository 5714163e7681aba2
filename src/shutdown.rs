//! The end, in an orderly way: signals become a bell that the main thread waits on; everybody
//! else asks [`Shutdown::is_requested`].

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

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

/// What the main thread waits on: rings for SIGTERM, SIGINT, and for a thread that has ended.
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
    /// Takes over SIGTERM and SIGINT.
    ///
    /// # Errors
    /// When the process may open no more descriptors.
    pub fn new(shutdown: &Shutdown) -> io::Result<Bell> {
        let (ear, hammer) = UnixStream::pair()?;
        hammer.set_nonblocking(true)?;
        for signal in [SIGTERM, SIGINT] {
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
