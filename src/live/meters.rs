//! What the journal has counted of each meter: read from it at the start, and added to by each commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::stamps::Stamps;
use crate::model::{FilterTally, Loss, LossCause, Reading, WallNs};

/// The meters that the journal knows, and the configured ones that it does not know yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetersLive {
    /// In the order in which they were first seen.
    pub all: Vec<MeterLive>,
}

/// One meter.
#[derive(Debug, Clone, PartialEq)]
pub struct MeterLive {
    /// Its name.
    pub name: Arc<str>,
    /// The configuration lists it.
    pub is_configured: bool,
    /// Pulses ever committed.
    pub pulses: i64,
    /// Those of them that this run has committed.
    pub pulses_of_run: i64,
    /// The last of them; None: none yet, or its time is not known yet.
    pub last_pulse_ns: Option<WallNs>,
    /// The stamps of its last pulses in this boot that were in the journal when it was opened.
    pub earlier: Stamps,
    /// What was rejected or lost, by cause, as far as it is committed.
    pub losses: BTreeMap<LossCause, Loss>,
    /// What the filter made lately of what looks like pulses, as last committed; None: nothing came yet.
    pub tally: Option<FilterTally>,
    /// The reading from which its register is counted; None: there was none.
    pub register: Option<Reading>,
    /// For how many seconds it may be without a pulse, by its own history; None: too little is known.
    pub usual_silence_s: Option<i64>,
}

impl MeterLive {
    /// A meter of which nothing is known.
    pub fn new(name: &str, is_configured: bool) -> MeterLive {
        MeterLive {
            name: name.into(),
            is_configured,
            pulses: 0,
            pulses_of_run: 0,
            last_pulse_ns: None,
            earlier: Stamps::default(),
            losses: BTreeMap::new(),
            tally: None,
            register: None,
            usual_silence_s: None,
        }
    }

    /// Pulses that came before this run. A journal that took the place of another has counted less.
    pub fn pulses_before_run(&self) -> i64 {
        (self.pulses - self.pulses_of_run).max(0)
    }

    /// Adds a loss that is committed.
    pub fn lose(&mut self, cause: LossCause, loss: Loss) {
        self.losses
            .entry(cause)
            .and_modify(|known| known.merge(loss))
            .or_insert(loss);
    }
}

impl MetersLive {
    /// The meter with this name.
    pub fn get(&self, name: &str) -> Option<&MeterLive> {
        self.all.iter().find(|meter| &*meter.name == name)
    }

    /// The meter with this name, to be changed; added where it is not known yet.
    pub fn entry(&mut self, name: &str) -> &mut MeterLive {
        let known = self.all.iter().position(|meter| &*meter.name == name);
        let at = known.unwrap_or_else(|| {
            self.all.push(MeterLive::new(name, false));
            self.all.len() - 1
        });
        &mut self.all[at]
    }
}
