//! What the true filter makes of a wave. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::wave::Wave;
use crate::capture::filter::{Decision, Filter};
use crate::config::FilterSettings;
use crate::model::{LossCause, MonoNs};

/// What was counted, and what was rejected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FilterCount {
    /// Pulses.
    pub pulses: u64,
    /// What looks like pulses and was rejected, by cause.
    pub rejected: BTreeMap<&'static str, u64>,
    /// The pulses' stamps.
    #[serde(skip)]
    pub stamps: Vec<MonoNs>,
}

impl FilterCount {
    /// The shortest time between two pulses, in nanoseconds.
    pub fn shortest_interval_ns(&self) -> Option<i64> {
        let intervals = self.stamps.windows(2).map(|pair| pair[1] - pair[0]);
        intervals.min()
    }

    /// How many that look like pulses were rejected for a cause.
    pub fn rejected_for(&self, cause: LossCause) -> u64 {
        self.rejected.get(cause.as_str()).copied().unwrap_or(0)
    }
}

/// Runs the filter over the wave. What is open at the end of a stretch is decided by what is known then.
pub fn count(wave: &Wave, settings: FilterSettings) -> FilterCount {
    let mut counted = FilterCount::default();
    for stretch in &wave.stretches {
        let mut filter = Filter::new(settings, stretch.level, stretch.begin_ns);
        let mut decisions = Vec::new();
        // A line that is listened to later than it was requested has a number already.
        for (line_seqno, edge) in (1..).zip(&stretch.edges) {
            let edge = crate::model::Edge {
                line_seqno,
                ..*edge
            };
            filter.edge(edge, &mut decisions);
        }
        filter.settle(stretch.end_ns, &mut decisions);
        filter.conclude(&mut decisions);
        for decision in decisions {
            counted.add(decision);
        }
    }
    counted
}

impl FilterCount {
    fn add(&mut self, decision: Decision) {
        match decision {
            Decision::Pulse(mono_ns) => {
                self.pulses += 1;
                self.stamps.push(mono_ns);
            }
            Decision::Rejected { cause, alike, .. } if alike > 0 => {
                *self.rejected.entry(cause.as_str()).or_default() += u64::from(alike);
            }
            Decision::Rejected { .. } | Decision::Gap { .. } => {}
        }
    }
}
