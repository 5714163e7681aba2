//! What the main thread and the settings leave for the alarms' thread, and what wakes it. Nothing waits here for longer
//! than it takes to swap a pointer.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::look::Look;
use crate::config::AlarmSettings;
use crate::live::Board;
use crate::model::{MonoNs, WallNs};

/// What was left last.
#[derive(Debug, Clone)]
pub struct Fed {
    /// Grows with each change that the alarms must see.
    pub version: u64,
    /// Who is told, and when.
    pub settings: Arc<AlarmSettings>,
    /// What is wrong; None: nobody has looked yet.
    pub look: Option<Arc<Look>>,
    /// When it was looked last.
    pub looked_ns: MonoNs,
    /// The end is asked for.
    pub is_over: bool,
}

/// The place where it is left.
#[derive(Debug)]
pub struct AlarmFeed {
    now: Mutex<Fed>,
    changed: Condvar,
}

impl AlarmFeed {
    /// One for these settings.
    pub fn new(settings: AlarmSettings) -> AlarmFeed {
        AlarmFeed {
            now: Mutex::new(Fed {
                version: 0,
                settings: Arc::new(settings),
                look: None,
                looked_ns: 0,
                is_over: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Looks at the board, and wakes the alarms if anything is other than before. Does nothing while there are none.
    pub fn look(&self, board: &Board, now: (MonoNs, WallNs)) {
        if self.lock().settings.is_off() {
            return;
        }
        let look = Look::of(&board.snapshot(), now);
        let mut fed = self.lock();
        fed.looked_ns = now.0;
        if fed.look.as_deref() != Some(&look) {
            fed.look = Some(Arc::new(look));
            self.wake(fed);
        }
    }

    /// These settings hold from here on.
    pub fn use_settings(&self, settings: &AlarmSettings) {
        let mut fed = self.lock();
        if *fed.settings != *settings {
            fed.settings = Arc::new(settings.clone());
            // What was seen under other ones may be long ago.
            fed.look = None;
            self.wake(fed);
        }
    }

    /// Ends the waits, for ever.
    pub fn end(&self) {
        let mut fed = self.lock();
        fed.is_over = true;
        self.wake(fed);
    }

    /// What was left last.
    pub fn now(&self) -> Fed {
        self.lock().clone()
    }

    /// Waits for so long, or until something is left that is newer than `seen`, or the end.
    pub fn wait(&self, seen: u64, timeout: Duration) {
        let fed = self.lock();
        let is_same = |fed: &mut Fed| fed.version == seen && !fed.is_over;
        // Whatever ends the wait, the next step looks.
        let _ = self.changed.wait_timeout_while(fed, timeout, is_same);
    }

    fn wake(&self, mut fed: MutexGuard<'_, Fed>) {
        fed.version += 1;
        drop(fed);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Fed> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
