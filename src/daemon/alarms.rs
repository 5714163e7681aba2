//! The alarms of a run: their thread, beside the way of the pulses, and what ties it to the rest.

use std::sync::Arc;

use super::error::RunError;
use super::stages::{AtEnd, Stages};
use crate::alarm::{AlarmFeed, AlarmSite, AlarmStage, sinks};
use crate::clock::SystemClock;
use crate::config::Settings;
use crate::intake::Intake;
use crate::journal::AlarmShelf;
use crate::live::Board;
use crate::system::signals::Wakeup;

/// What the main thread and the journal's stages share with the alarms' thread.
#[derive(Debug, Clone)]
pub(super) struct Alarms {
    /// Where it is left what is wrong, and who is told.
    pub(super) feed: Arc<AlarmFeed>,
    /// Where the alarms leave what is to be kept.
    pub(super) shelf: Arc<AlarmShelf>,
}

impl Alarms {
    /// Adds the thread to `beside`.
    ///
    /// # Errors
    /// When the machine gives no thread.
    pub(super) fn begin(
        settings: &Settings,
        intake: &Arc<Intake>,
        board: &Arc<Board>,
        beside: &mut Stages,
        wakeup: &Wakeup,
    ) -> Result<Alarms, RunError> {
        let alarms = Alarms {
            feed: Arc::new(AlarmFeed::new(settings.alarms.clone())),
            shelf: Arc::new(AlarmShelf::new(Arc::clone(intake))),
        };
        let site = AlarmSite {
            name: settings.site.name.clone(),
            zone: settings.site.zone(),
        };
        let (feed, ended) = (Arc::clone(&alarms.feed), Arc::clone(&alarms.feed));
        let (shelf, board) = (Arc::clone(&alarms.shelf), Arc::clone(board));
        let end = move || ended.end();
        // A request may hang; what it tells is in the journal.
        beside.add("alarm", AtEnd::Detach, wakeup, end, move |shutdown| {
            let (fed, clock) = (Arc::clone(&feed), Arc::new(SystemClock));
            let mut stage = AlarmStage::new(fed, shelf, board, clock, site, Box::new(sinks));
            while !shutdown.is_requested() {
                let (seen, wait) = stage.step();
                feed.wait(seen, wait);
            }
        })?;
        Ok(alarms)
    }
}
