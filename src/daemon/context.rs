//! What all parts of one run share.

use std::sync::Arc;
use std::time::Duration;

use super::stages::Stage;
use crate::clock::Clock;
use crate::config::Settings;
use crate::intake::Intake;
use crate::model::MonoNs;
use crate::system::signals::Shutdown;

/// Between tries to open a journal that cannot be opened.
pub(super) const JOURNAL_RETRY: Duration = Duration::from_secs(5);

/// The settings of the run, its clock, its end, and capture.
pub(super) struct RunContext<'a> {
    pub(super) settings: &'a Settings,
    pub(super) boot_id: &'a str,
    pub(super) clock: &'a dyn Clock,
    pub(super) shutdown: &'a Shutdown,
    pub(super) intake: &'a Arc<Intake>,
    pub(super) capture: &'a Stage,
    pub(super) started_ns: MonoNs,
}

impl RunContext<'_> {
    /// Whether it is to end: a signal came, or the source has ended.
    pub(super) fn is_over(&self) -> bool {
        self.shutdown.is_requested() || self.capture.is_finished()
    }
}

/// Waits so long at most for what the disk tells of earlier runs; true: all is known, and this thread may open the
/// journal.
pub struct UntilLearnt(pub Box<WaitUntilLearnt>);

type WaitUntilLearnt = dyn FnMut(Duration) -> bool;

impl std::fmt::Debug for UntilLearnt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UntilLearnt")
    }
}
