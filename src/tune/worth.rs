//! What a pulse is worth, where the load or the meter's face is known. Pure.

use serde::Serialize;

use super::count::FilterCount;
use super::separation::median;
use crate::model::NS_PER_S;

/// How well the power of a load is known, as a share.
const LOAD_WITHIN: f64 = 0.05;

/// Numbers that stand on the faces of meters, in pulses a kilowatt-hour.
const USUAL: [f64; 29] = [
    1.0, 10.0, 75.0, 96.0, 100.0, 120.0, 150.0, 187.5, 200.0, 250.0, 300.0, 320.0, 375.0, 400.0,
    480.0, 500.0, 600.0, 640.0, 800.0, 1_000.0, 1_250.0, 1_600.0, 2_000.0, 3_200.0, 4_000.0,
    5_000.0, 6_400.0, 8_000.0, 10_000.0,
];

/// What is known besides the pulses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Evidence {
    /// A load of so many watts was on all the time.
    Load {
        /// Its power.
        w: f64,
    },
    /// The meter's face went on by so much.
    Readings {
        /// By so many kilowatt-hours.
        kwh: f64,
        /// The smallest step that was read.
        step_kwh: f64,
    },
}

/// What the pulses are worth by that.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Worth {
    /// Pulses for one kilowatt-hour.
    pub imp_per_kwh: f64,
    /// It may be off by this share.
    pub within: f64,
    /// The nearest number that meters bear, if it is that near.
    pub usual: Option<f64>,
}

impl Worth {
    /// Of what was counted. None: too few pulses, or nothing flowed.
    pub fn of(counted: &FilterCount, evidence: Evidence) -> Option<Worth> {
        let pulses = counted.pulses as f64;
        let (imp_per_kwh, within) = match evidence {
            Evidence::Load { w } => {
                // The usual interval: a pause in which nothing flowed does not spoil it.
                let intervals = counted.stamps.windows(2).map(|pair| pair[1] - pair[0]);
                let usual_s = median(intervals.collect())? as f64 / NS_PER_S as f64;
                (3.6e6 / (usual_s * w), LOAD_WITHIN)
            }
            Evidence::Readings { kwh, step_kwh } => (pulses / kwh, 1.0 / pulses + step_kwh / kwh),
        };
        let is_good = imp_per_kwh.is_finite() && imp_per_kwh > 0.0;
        is_good.then(|| Worth {
            imp_per_kwh,
            within,
            usual: usual(imp_per_kwh, within),
        })
    }

    /// Whether it may be this number.
    pub fn may_be(&self, imp_per_kwh: f64) -> bool {
        is_near(self.imp_per_kwh, imp_per_kwh, self.within)
    }

    /// The same where each pulse that was counted stands for so many.
    #[must_use]
    pub fn times(self, factor: f64) -> Worth {
        let imp_per_kwh = self.imp_per_kwh * factor;
        Worth {
            imp_per_kwh,
            usual: usual(imp_per_kwh, self.within),
            ..self
        }
    }
}

fn is_near(one: f64, other: f64, within: f64) -> bool {
    (one / other).ln().abs() <= (1.0 + within).ln()
}

/// The nearest number that meters bear, where it is near enough.
fn usual(imp_per_kwh: f64, within: f64) -> Option<f64> {
    let distance = |one: &f64| (imp_per_kwh / one).ln().abs();
    let nearest = USUAL
        .into_iter()
        .min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
    is_near(imp_per_kwh, nearest, within).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(pulses: i64, apart_ms: i64) -> FilterCount {
        FilterCount {
            pulses: u64::try_from(pulses).unwrap(),
            stamps: (0..pulses).map(|n| n * apart_ms * 1_000_000).collect(),
            ..FilterCount::default()
        }
    }

    #[test]
    fn a_known_load_tells_what_a_pulse_is_worth() {
        // 2 kW at 1000 imp/kWh: one each 1.8 s; the kettle draws 1940 W in truth.
        let worth = Worth::of(&counted(60, 1_856), Evidence::Load { w: 2_000.0 }).unwrap();
        assert_eq!(worth.usual, Some(1_000.0));
        let mut paused = counted(60, 1_856);
        paused.stamps[30..]
            .iter_mut()
            .for_each(|stamp| *stamp += 3_600 * NS_PER_S);
        assert_eq!(
            Worth::of(&paused, Evidence::Load { w: 2_000.0 }),
            Some(worth)
        );
        assert!(worth.may_be(1_000.0) && !worth.may_be(2_000.0));
        assert_eq!(worth.times(2.0).usual, Some(2_000.0));
        assert_eq!(Worth::of(&counted(0, 1), Evidence::Load { w: 1.0 }), None);
        assert_eq!(Worth::of(&counted(1, 1), Evidence::Load { w: 1.0 }), None);
    }

    #[test]
    fn two_readings_tell_it_as_well_as_they_were_read() {
        let readings = |kwh, step_kwh| Evidence::Readings { kwh, step_kwh };
        let fine = Worth::of(&counted(640, 1_000), readings(0.8, 0.001)).unwrap();
        assert_eq!(fine.usual, Some(800.0));
        let coarse = Worth::of(&counted(100, 1_000), readings(0.1, 0.1)).unwrap();
        assert!(coarse.within > 1.0, "{coarse:?}");
    }
}
