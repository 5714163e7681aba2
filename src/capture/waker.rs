//! A wake-up descriptor: ends the wait of an [`super::EdgeSource`] from another thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::model::NS_PER_S;

/// Wakes the thread that polls its descriptor. Clones share one descriptor.
#[derive(Debug, Clone)]
pub struct Waker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    descriptor: OwnedFd,
    /// Spares the kernel the question of a thread that does not wait.
    is_used: AtomicBool,
}

impl Waker {
    /// Makes the descriptor.
    ///
    /// # Errors
    /// When the process may open no more descriptors.
    pub fn new() -> io::Result<Waker> {
        let flags = EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
        Ok(Waker(Arc::new(Shared {
            descriptor: eventfd(0, flags)?,
            is_used: AtomicBool::new(false),
        })))
    }

    /// Wakes.
    pub fn wake(&self) {
        self.0.is_used.store(true, Ordering::SeqCst);
        // The only failure is a full counter, and then it is awake already.
        let _ = rustix::io::write(self.as_fd(), &1u64.to_ne_bytes());
    }

    /// Takes back a wake-up: the next wait waits again.
    pub fn clear(&self) {
        // In this order a wake-up that comes in between is told twice, and never lost.
        self.0.is_used.store(false, Ordering::SeqCst);
        let _ = rustix::io::read(self.as_fd(), &mut [0u8; 8]);
    }

    /// Waits for a wake-up, `timeout_ns` at most (None: for ever). True if there was one.
    pub fn wait(&self, timeout_ns: Option<i64>) -> bool {
        let woken = self.rest(timeout_ns);
        if woken {
            self.clear();
        }
        woken
    }

    /// As [`Waker::wait`], but leaves the wake-up to the next wait.
    pub fn rest(&self, timeout_ns: Option<i64>) -> bool {
        let mut fds = [PollFd::new(self, PollFlags::IN)];
        let timeout = timeout_ns.map(timespec);
        // An interrupted poll counts as a timeout: callers look again.
        matches!(poll(&mut fds, timeout.as_ref()), Ok(n) if n > 0)
    }

    /// As [`Waker::wait`], without waiting.
    pub fn take(&self) -> bool {
        let woken = self.0.is_used.load(Ordering::SeqCst);
        if woken {
            self.clear();
        }
        woken
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.descriptor.as_fd()
    }
}

/// A duration for poll(2); what is past is zero.
pub(crate) fn timespec(ns: i64) -> Timespec {
    let ns = ns.max(0);
    Timespec {
        tv_sec: ns / NS_PER_S,
        tv_nsec: ns % NS_PER_S,
    }
}
