//! Notes with which factors the meters are counted, as soon as the clock can be trusted.

use crate::journal::JournalError;
use crate::journal::stages::writer::Writer;
use crate::model::{MeterId, MonoNs, NS_PER_S, WallNs};

/// Factors that are not noted yet.
#[derive(Debug)]
pub(super) struct FactorNote {
    /// Pulses for one kWh.
    factors: Vec<(MeterId, f64)>,
    /// Since when they are counted with.
    since_ns: MonoNs,
}

impl Writer {
    /// The meters (in the order of their names) are counted with so many pulses for one kWh from now on, as far as that is known.
    pub fn count_with_factors(&mut self, imp_per_kwh: &[Option<f64>]) {
        let factors = (0..).map(MeterId).zip(imp_per_kwh);
        let known = factors.filter_map(|(meter, factor)| Some((meter, (*factor)?)));
        self.factors = Some(FactorNote {
            factors: known.collect(),
            since_ns: self.clock.mono_ns(),
        });
    }

    /// Notes them, when it is known what time it is.
    pub(super) fn note_factors(&mut self, looked_ns: Option<WallNs>) -> Result<(), JournalError> {
        let (Some(note), Some(looked_ns)) = (&self.factors, looked_ns) else {
            return Ok(());
        };
        let since_ns = looked_ns - (self.clock.mono_ns() - note.since_ns);
        let since_s = since_ns.div_euclid(NS_PER_S);
        self.journal.note_factors(&note.factors, since_s)?;
        self.factors = None;
        Ok(())
    }
}
