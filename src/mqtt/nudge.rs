//! Ends the wait of the MQTT thread from another one: for other settings, for the end, and for what changes on the board,
//! as far as the thread wants to be woken for that.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::model::NS_PER_S;

/// What ends a wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ready {
    /// There is something to read, or the connection has ended.
    pub is_readable: bool,
}

/// Wakes the thread that waits for it.
#[derive(Debug)]
pub(super) struct Nudge {
    descriptor: OwnedFd,
    /// The board has changed since it was looked at.
    has_changed: AtomicBool,
    /// The thread wants to be woken when the board changes.
    is_armed: AtomicBool,
}

impl Nudge {
    /// Makes the descriptor.
    ///
    /// # Errors
    /// When the process may open no more descriptors.
    pub(super) fn new() -> io::Result<Nudge> {
        Ok(Nudge {
            descriptor: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
            has_changed: AtomicBool::new(false),
            is_armed: AtomicBool::new(false),
        })
    }

    /// Ends the wait.
    pub(super) fn wake(&self) {
        // The only failure is a full counter, and then it is awake already.
        let _ = rustix::io::write(&self.descriptor, &1_u64.to_ne_bytes());
    }

    /// The board has changed. It is called by stages that must not wait: a system call only where it is wanted.
    pub(super) fn board_changed(&self) {
        self.has_changed.store(true, Ordering::SeqCst);
        if self.is_armed.swap(false, Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Whether the board has changed since it was looked at.
    pub(super) fn is_changed(&self) -> bool {
        self.has_changed.load(Ordering::SeqCst)
    }

    /// The same, and it is looked at now.
    pub(super) fn take_changed(&self) -> bool {
        self.has_changed.swap(false, Ordering::SeqCst)
    }

    /// The next change of the board ends the wait, also one that came before this.
    pub(super) fn arm(&self) {
        self.is_armed.store(true, Ordering::SeqCst);
        if self.has_changed.load(Ordering::SeqCst) && self.is_armed.swap(false, Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Waits for `timeout_ns` at most (None: for ever), for what wakes, and for something to read of `stream`.
    pub(super) fn wait(&self, stream: Option<BorrowedFd<'_>>, timeout_ns: Option<i64>) -> Ready {
        let timeout = timeout_ns.map(|ns| Timespec {
            tv_sec: ns.max(0) / NS_PER_S,
            tv_nsec: ns.max(0) % NS_PER_S,
        });
        let mut polled = vec![PollFd::new(&self.descriptor, PollFlags::IN)];
        if let Some(stream) = &stream {
            polled.push(PollFd::new(stream, PollFlags::IN));
        }
        // Interrupted: who waits looks again what it waits for.
        let _ = poll(&mut polled, timeout.as_ref());
        let is_ready = |n: usize| polled.get(n).is_some_and(|one| !one.revents().is_empty());
        if is_ready(0) {
            let _ = rustix::io::read(self.descriptor.as_fd(), &mut [0_u8; 8]);
        }
        Ready {
            is_readable: is_ready(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a wait would be over at once; it is over then.
    fn is_woken(nudge: &Nudge) -> bool {
        let mut polled = [PollFd::new(&nudge.descriptor, PollFlags::IN)];
        let is_woken = poll(&mut polled, Some(&Timespec::default())).unwrap() > 0;
        nudge.wait(None, if is_woken { None } else { Some(0) });
        is_woken
    }

    #[test]
    fn only_a_thread_that_wants_it_is_woken_by_the_board() {
        let nudge = Nudge::new().unwrap();
        nudge.board_changed();
        assert!(!is_woken(&nudge), "it does not want it");
        nudge.arm();
        assert!(is_woken(&nudge), "it had changed before");
        assert!(nudge.take_changed() && !nudge.take_changed());
        nudge.arm();
        assert!(!is_woken(&nudge));
        nudge.board_changed();
        nudge.wake();
        assert!(is_woken(&nudge));
        assert!(!is_woken(&nudge), "one wait is over by it");
    }
}
