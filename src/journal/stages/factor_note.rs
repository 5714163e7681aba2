//! Notes with which factors the meters are counted, as soon as the clock can be trusted.

use crate::journal::JournalError;
use crate::journal::handles::journal::Journal;
use crate::model::{MeterId, MonoNs, PulseWorth, WallNs};

/// Factors that are not noted yet.
#[derive(Debug, Default)]
pub(super) struct FactorNote {
    /// What a pulse is worth.
    factors: Vec<(MeterId, PulseWorth)>,
    /// Since when they are counted with.
    since_ns: MonoNs,
}

impl FactorNote {
    /// A pulse of the meters (in the order of their names) is worth so much from `since_ns` on, as far as that is known.
    pub(super) fn new(worths: &[Option<PulseWorth>], since_ns: MonoNs) -> FactorNote {
        let factors = (0..).map(MeterId).zip(worths);
        let known = factors.filter_map(|(meter, factor)| Some((meter, (*factor)?)));
        FactorNote {
            factors: known.collect(),
            since_ns,
        }
    }

    /// Notes them, once, when it is known what time it is: `looked_ns`, at `now_ns`.
    ///
    /// # Errors
    /// When the disk does not take it; it is tried again.
    pub(super) fn note(
        &mut self,
        journal: &mut Journal,
        looked_ns: Option<WallNs>,
        now_ns: MonoNs,
    ) -> Result<(), JournalError> {
        let Some(looked_ns) = looked_ns.filter(|_| !self.factors.is_empty()) else {
            return Ok(());
        };
        let since_ns = looked_ns - (now_ns - self.since_ns);
        journal.note_factors(&self.factors, since_ns.s())?;
        self.factors.clear();
        Ok(())
    }
}
