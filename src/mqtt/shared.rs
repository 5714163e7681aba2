//! What the MQTT thread and the others share: with what settings it publishes, and how it is woken.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::client;
use super::nudge::Nudge;
use crate::clock::Clock;
use crate::config::{MeterSettings, MqttSettings, WebSettings};
use crate::live::{Board, Subscription};
use crate::system::signals::Shutdown;

/// With what is published.
#[derive(Debug, Clone, PartialEq)]
pub struct MqttInUse {
    /// The broker, and what it is told.
    pub mqtt: MqttSettings,
    /// The journal's directory.
    pub dir: PathBuf,
    /// The configured meters.
    pub meters: Vec<MeterSettings>,
    /// What the place is called.
    pub site: Option<String>,
    /// Where the page answers.
    pub web: WebSettings,
}

#[derive(Debug, Default)]
struct Wanted {
    in_use: Option<Arc<MqttInUse>>,
    /// Grows with each change.
    generation: u64,
}

/// What is shared.
#[derive(Debug)]
pub(super) struct Shared {
    wanted: Mutex<Wanted>,
    pub(super) nudge: Nudge,
}

impl Shared {
    /// With what is to be published, and the number of that.
    pub(super) fn wanted(&self) -> (Option<Arc<MqttInUse>>, u64) {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        (wanted.in_use.clone(), wanted.generation)
    }

    /// The number of what is to be used now.
    pub(super) fn generation(&self) -> u64 {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.generation
    }
}

/// Publishing by MQTT, as the rest of the daemon sees it. Clones share it.
#[derive(Debug, Clone)]
pub struct Publishing {
    shared: Arc<Shared>,
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
}

impl Publishing {
    /// What `board` shows, by the clock that stamps the pulses; nothing yet.
    ///
    /// # Errors
    /// When the process may open no more descriptors.
    pub fn new(board: Arc<Board>, clock: Arc<dyn Clock>) -> io::Result<Publishing> {
        let shared = Shared {
            wanted: Mutex::default(),
            nudge: Nudge::new()?,
        };
        Ok(Publishing {
            shared: Arc::new(shared),
            board,
            clock,
        })
    }

    /// With these settings from here on; None: nothing is published. Certificates and names are looked up again.
    pub fn use_settings(&self, in_use: Option<MqttInUse>) {
        let mut wanted = self
            .shared
            .wanted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        wanted.in_use = in_use.map(Arc::new);
        wanted.generation += 1;
        drop(wanted);
        self.wake();
    }

    /// Ends what the thread waits for, so that it sees the end.
    pub fn wake(&self) {
        self.shared.nudge.wake();
    }

    /// Publishes until the end: the work of a thread.
    pub fn run(&self, shutdown: &Shutdown) {
        let _subscription = self.subscribe();
        client::run(&self.shared, &self.board, &*self.clock, shutdown);
    }

    fn subscribe(&self) -> Subscription {
        let shared = Arc::clone(&self.shared);
        self.board.subscribe(move || shared.nudge.board_changed())
    }
}
