//! What a report says of a period, as it is answered.

use std::collections::BTreeMap;

use serde::Serialize;

use super::counted_span::HouseEnergy;
use super::losses::{LossEntry, UnwatchedStretch};
use super::money::{Money, Position};
use crate::model::Quantity;

/// The report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeriodReport {
    /// What the place is called.
    pub site: Option<String>,
    /// The zone of local days.
    pub zone: String,
    /// The first local day.
    pub first_day: String,
    /// The last one.
    pub last_day: String,
    /// The first instant, RFC 3339.
    pub from: String,
    /// The first one after.
    pub to: String,
    /// When it was made.
    pub made_at: String,
    /// The period goes on: the numbers are those until `made_at`.
    pub goes_on: bool,
    /// The day on which counting began, where that is within the period or after it.
    pub counting_since: Option<String>,
    /// The pulses are made up.
    pub simulated: bool,
    /// All lines were watched all the time, and no pulse is known to be lost.
    pub complete: bool,
    /// The meters.
    pub meters: Vec<ReportMeter>,
    /// The house; None: a meter for that lacks, or one meter is reported.
    pub house: Option<HouseEnergy>,
    /// What it costs; None: nothing has a price.
    pub money: Option<Money>,
    /// What that is made of.
    pub positions: Vec<Position>,
    /// When a line was not watched within the period.
    pub unwatched: Vec<UnwatchedStretch>,
    /// Pulses that were lost or put back at a time that touches the period.
    pub losses: Vec<ReportLoss>,
}

/// A meter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReportMeter {
    /// Its name.
    pub meter: String,
    /// What it is to the house: `import`, `export`, `generation`, `other`.
    pub role: &'static str,
    /// What it counts.
    pub unit: Quantity,
    /// How many of its pulses are one unit of that now.
    pub pulses_per_unit: Option<f64>,
    /// Pulses.
    pub pulses: i64,
    /// What they come to in the meter's unit; None: what one is worth is not known.
    pub amount: Option<f64>,
    /// Their energy; None: that, or it counts something else.
    pub kwh: Option<f64>,
    /// Of them so many were put back by number, with estimated times.
    pub restored: i64,
    /// For how many seconds of the period it is not known that its line was watched, beside the stretches that are listed: it began
    /// to be counted later.
    pub uncounted_s: i64,
    /// Its register; None: no reading was ever entered.
    pub register: Option<ReportRegister>,
    /// Readings that were taken in the period.
    pub readings: Vec<ReportReading>,
}

/// The register of a meter, as it was counted, in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReportRegister {
    /// That unit.
    pub unit: Quantity,
    /// At the first instant.
    pub begin: f64,
    /// At the last one, or now.
    pub end: f64,
}

/// A reading of a meter's face.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReportReading {
    /// When it was taken.
    pub at: String,
    /// What the face showed, in its unit.
    pub shown: f64,
    /// That unit.
    pub unit: Quantity,
    /// It is the last one of a meter that was exchanged, or the first one of the new one.
    pub is_exchange: bool,
    /// The reading less what was counted; None: it is the first one.
    pub drift: Option<f64>,
}

/// Pulses that were lost or put back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReportLoss {
    /// What and how many.
    #[serde(flatten)]
    pub entry: LossEntry,
    /// Some of them may be of another time.
    pub is_at_most: bool,
}

/// What was lost of these meters in a span (in seconds since 1970), by meter and cause.
pub(super) fn losses_within(
    dated: &[LossEntry],
    meters: &[String],
    (from_s, to_s): (i64, i64),
) -> Vec<ReportLoss> {
    let mut found: BTreeMap<(&str, &str), ReportLoss> = BTreeMap::new();
    let of_these = |entry: &&LossEntry| entry.loss.lost && meters.contains(&entry.meter);
    for entry in dated.iter().filter(of_these) {
        let (first_s, last_s) = (entry.loss.first_ns.s(), entry.loss.last_ns.s());
        if first_s >= to_s || last_s < from_s {
            continue;
        }
        let is_at_most = first_s < from_s || to_s <= last_s;
        found
            .entry((&entry.meter, entry.loss.cause))
            .and_modify(|known| {
                known.entry.loss.add(&entry.loss);
                known.is_at_most |= is_at_most;
            })
            .or_insert_with(|| ReportLoss {
                entry: entry.clone(),
                is_at_most,
            });
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Loss, LossCause, WallNs};
    use crate::status::LossStatus;

    #[test]
    fn a_period_has_what_was_lost_in_it() {
        let entry = |meter: &str, cause, pulses, first_s, last_s| LossEntry {
            meter: meter.to_owned(),
            loss: LossStatus::of(
                cause,
                Loss {
                    pulses,
                    first_ns: WallNs::of_s(first_s),
                    last_ns: WallNs::of_s(last_s),
                },
            ),
        };
        let full = LossCause::MemoryFull;
        let dated = [
            entry("Import", full, 1, 100, 200),
            entry("Import", full, 3, 1_000, 1_100),
            entry("Gas", full, 5, 1_000, 1_000),
            entry("Import", LossCause::Restored, 9, 1_000, 1_000),
            entry("Import", LossCause::DiskBound, 2, 1_500, 2_500),
            entry("Import", full, 7, 1_900, 1_999),
        ];
        let of = |from_s, to_s| {
            let meters = ["Import".to_owned()];
            let found = losses_within(&dated, &meters, (from_s, to_s)).into_iter();
            let told = found.map(|ReportLoss { entry, is_at_most }| {
                (entry.loss.cause, entry.loss.pulses, is_at_most)
            });
            told.collect::<Vec<_>>()
        };
        assert_eq!(of(300, 900), [], "years between two losses are complete");
        assert_eq!(of(0, 900), [("memory_full", 1, false)]);
        let within = [("disk_bound", 2, true), ("memory_full", 10, false)];
        assert_eq!(of(900, 2_000), within);
        assert_eq!(of(2_500, 3_000), [("disk_bound", 2, true)]);
    }
}
