//! What the MQTT thread and the others share: with what settings it publishes, and how it is woken.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::nudge::Nudge;
use crate::config::{MeterSettings, MqttSettings, WebSettings};

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
pub(super) struct MqttShared {
    wanted: Mutex<Wanted>,
    pub(super) nudge: Nudge,
}

impl MqttShared {
    /// With which nothing is published yet.
    ///
    /// # Errors
    /// When the process may open no more descriptors.
    pub(super) fn new() -> io::Result<MqttShared> {
        Ok(MqttShared {
            wanted: Mutex::default(),
            nudge: Nudge::new()?,
        })
    }

    /// With these settings from here on; None: nothing is published.
    pub(super) fn use_settings(&self, in_use: Option<MqttInUse>) {
        let mut wanted = self.lock();
        wanted.in_use = in_use.map(Arc::new);
        wanted.generation += 1;
        drop(wanted);
        self.nudge.wake();
    }

    /// With what is to be published, and the number of that.
    pub(super) fn wanted(&self) -> (Option<Arc<MqttInUse>>, u64) {
        let wanted = self.lock();
        (wanted.in_use.clone(), wanted.generation)
    }

    /// The number of what is to be used now.
    pub(super) fn generation(&self) -> u64 {
        self.lock().generation
    }

    fn lock(&self) -> MutexGuard<'_, Wanted> {
        // What is in it is whole, even if a thread has died while holding it.
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
