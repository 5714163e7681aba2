//! The columns of the history: means and extremes of windows, and the power or flow between pulses. Pure.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::csv;
use crate::answers::counted_span::EDGES_S;
use crate::answers::present::{PresentMeter, gap_rate, mean_rate, rounded};
use crate::energy::factors::FactorHistory;
use crate::energy::power::steps;
use crate::journal::{CountedParts, MeterPulses};
use crate::model::{NS_PER_S, PulseWorth, Quantity, Spans, WallNs};

/// One meter in windows. Rates are watts, or flow in the meter's unit an hour: the names in the answer say which.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MeterColumns {
    unit: Quantity,
    pub(super) pulses: Vec<Option<i64>>,
    mean: Vec<Option<f64>>,
    min: Vec<Option<f64>>,
    max: Vec<Option<f64>>,
    pub(super) watched_s: Vec<i64>,
}

/// One meter pulse by pulse.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MeterSteps {
    unit: Quantity,
    at_ms: Vec<i64>,
    rate: Vec<Option<f64>>,
    is_estimated: Vec<bool>,
    pub(super) unwatched_s: Vec<[i64; 2]>,
}

impl Serialize for MeterColumns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [mean, min, max] = match self.unit.is_electric() {
            true => ["mean_w", "min_w", "max_w"],
            false => ["mean_rate", "min_rate", "max_rate"],
        };
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("pulses", &self.pulses)?;
        map.serialize_entry(mean, &self.mean)?;
        map.serialize_entry(min, &self.min)?;
        map.serialize_entry(max, &self.max)?;
        map.serialize_entry("watched_s", &self.watched_s)?;
        map.end()
    }
}

impl Serialize for MeterSteps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rate = match self.unit.is_electric() {
            true => "power_w",
            false => "rate",
        };
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("at_ms", &self.at_ms)?;
        map.serialize_entry(rate, &self.rate)?;
        map.serialize_entry("is_estimated", &self.is_estimated)?;
        map.serialize_entry("unwatched_s", &self.unwatched_s)?;
        map.end()
    }
}

/// The windows to fill, and the finer ones that were counted: begins, and last the end of the last one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows<'a> {
    pub(super) starts_s: &'a [i64],
    pub(super) base_s: &'a [i64],
    pub(super) now_s: i64,
}

impl Windows<'_> {
    /// Merges what was counted: pulses are added, means are by the time that was watched, extremes stay.
    /// Each of the finer ones counts by the factor that held when it began.
    pub(super) fn columns(
        self,
        counted: &CountedParts,
        (meter, factors): (&PresentMeter, &FactorHistory),
    ) -> MeterColumns {
        let windows = self.starts_s.len().saturating_sub(1);
        let mut columns = MeterColumns {
            unit: meter.unit,
            pulses: vec![None; windows],
            mean: vec![None; windows],
            min: vec![None; windows],
            max: vec![None; windows],
            watched_s: vec![0; windows],
        };
        let unit = meter.unit;
        let mut extremes = vec![Extremes::of(unit); windows];
        let mut amounts = vec![Some(0.0); windows];
        let counts = counted.pulses.iter().zip(&counted.gaps);
        let parts = self.base_s.windows(2).zip(counts);
        for ((base, (pulses, gaps)), saved_s) in parts.zip(&counted.watched_s) {
            // What was watched last is saved now and then.
            let base_s = (base[0], base[1].min(self.now_s));
            let watched_s = saved_s + meter.live_s(counted.watched_until_s, base_s);
            let after = self.starts_s.partition_point(|start_s| *start_s <= base[0]);
            let Some(n) = after.saturating_sub(1).checked_rem(windows.max(1)) else {
                continue;
            };
            if after == 0 || after > windows || (*pulses == 0 && watched_s == 0) {
                continue;
            }
            columns.pulses[n] = Some(columns.pulses[n].unwrap_or(0) + pulses);
            columns.watched_s[n] += watched_s;
            // A moment that was watched says little about a window.
            let is_watched = watched_s * 2 >= base[1] - base[0];
            let worth = factors.at(base[0]);
            let amount = worth.and_then(|worth| worth.amount_in(unit, *pulses));
            amounts[n] = amounts[n].zip(amount).map(|(sum, more)| sum + more);
            let mean = amount.and_then(|amount| mean_over(unit, amount, watched_s));
            let mean = mean.filter(|_| is_watched);
            let gap = |gap_ms| gap_rate(unit, gap_ms, worth);
            let by_gaps = gaps.and_then(|gaps| gap(gaps.longest_ms).zip(gap(gaps.shortest_ms)));
            extremes[n].add((*pulses, watched_s), worth, (mean, by_gaps));
        }
        for (n, extremes) in extremes.into_iter().enumerate() {
            let watched_s = columns.watched_s[n];
            // Over less nothing is said of a rate.
            columns.mean[n] = columns.pulses[n]
                .filter(|_| watched_s >= EDGES_S)
                .and_then(|_| mean_over(unit, amounts[n]?, watched_s));
            let (min, max) = extremes.ended();
            columns.min[n] = merged(min, columns.mean[n], f64::min);
            columns.max[n] = merged(max, columns.mean[n], f64::max);
        }
        columns
    }
}

/// The least and the most rate of a window: by the gaps between its pulses; where those are not known, by the means of the
/// finer windows in it.
#[derive(Debug, Clone, Copy, Default)]
struct Extremes {
    unit: Quantity,
    min: Option<f64>,
    max: Option<f64>,
    /// Some gaps are known: what is silent before a pulse is in its gap.
    has_gaps: bool,
    /// Whether a finer window was silent, and for how long the last ones together were.
    is_silent: bool,
    silence_s: i64,
    worth: Option<PulseWorth>,
}

impl Extremes {
    fn of(unit: Quantity) -> Extremes {
        Extremes {
            unit,
            ..Extremes::default()
        }
    }

    /// Adds a finer window: its pulses, how long it was watched, what one was worth, its mean, the least and the most by gaps.
    fn add(
        &mut self,
        (pulses, watched_s): (i64, i64),
        worth: Option<PulseWorth>,
        (mean, by_gaps): (Option<f64>, Option<(f64, f64)>),
    ) {
        self.worth = worth;
        if pulses == 0 {
            self.is_silent |= mean.is_some();
            self.silence_s += watched_s;
            return;
        }
        let (min, max) = by_gaps.or(mean.zip(mean)).unzip();
        self.min = merged(self.min, min, f64::min);
        self.max = merged(self.max, max, f64::max);
        self.has_gaps |= by_gaps.is_some();
        self.silence_s = 0;
    }

    /// All are added. A silence at the end allows as much as one pulse over all of it.
    fn ended(self) -> (Option<f64>, Option<f64>) {
        let silent = if self.has_gaps {
            let pulse = self.worth.and_then(|worth| worth.amount_in(self.unit, 1));
            pulse.and_then(|amount| mean_over(self.unit, amount, self.silence_s))
        } else {
            self.worth.filter(|_| self.is_silent).map(|_| 0.0)
        };
        let is_all = self.max.is_none();
        (
            merged(self.min, silent, f64::min),
            merged(self.max, silent.filter(|_| is_all), f64::max),
        )
    }
}

impl MeterColumns {
    /// What [`MeterColumns::cells`] are.
    pub(super) fn names(&self) -> [String; 5] {
        let rate = |which: &str| format!("{which} {}", self.unit.rate_unit());
        let [pulses, watched_s] = ["pulses", "watched s"].map(str::to_owned);
        [pulses, rate("mean"), rate("min"), rate("max"), watched_s]
    }

    /// A row of a table.
    pub(super) fn cells(&self, n: usize) -> [String; 5] {
        [
            csv::number(self.pulses[n]),
            csv::number(self.mean[n]),
            csv::number(self.min[n]),
            csv::number(self.max[n]),
            self.watched_s[n].to_string(),
        ]
    }

    /// Each window was watched for as long as it lies between `from_s` and `to_s`.
    pub(super) fn is_complete(&self, starts_s: &[i64], (from_s, to_s): (i64, i64)) -> bool {
        let mut windows = starts_s.windows(2).zip(&self.watched_s);
        windows.all(|(window, watched_s)| {
            watched_s + EDGES_S >= window[1].min(to_s) - window[0].max(from_s)
        })
    }
}

impl MeterSteps {
    /// The pulses of a meter of this unit between two times, in seconds, and what rate they mean.
    pub(super) fn of(
        pulses: &MeterPulses,
        (unit, factors): (Quantity, &FactorHistory),
        (from_s, to_s): (i64, i64),
    ) -> MeterSteps {
        let unwatched_s = gaps(&pulses.watched_s, pulses.before_ns, (from_s, to_s));
        let stamps = pulses.stamps.iter().map(|(at_ns, _)| *at_ns);
        let mut rates = vec![None; pulses.stamps.len()];
        // The rate of a meter of one pulse a unit.
        let worth = PulseWorth::new(unit, 1.0);
        let mut n = 0;
        for step in steps(worth, pulses.before_ns.into_iter().chain(stamps.clone())) {
            while pulses
                .stamps
                .get(n)
                .is_some_and(|(at_ns, _)| *at_ns < step.to_ns)
            {
                n += 1;
            }
            let is_watched = unwatched_s.iter().all(|(begin_s, end_s)| {
                step.to_ns <= WallNs::of_s(begin_s) || step.from_ns >= WallNs::of_s(end_s)
            });
            let worth = factors.at(step.to_ns.s());
            if let Some(rate) = rates.get_mut(n).filter(|_| is_watched) {
                let factor = worth.and_then(|worth| worth.pulses_per(unit));
                *rate = factor.map(|factor| rounded(unit, step.rate / factor));
            }
        }
        MeterSteps {
            unit,
            at_ms: stamps.map(WallNs::ms).collect(),
            rate: rates,
            is_estimated: pulses.stamps.iter().map(|(_, is)| *is).collect(),
            unwatched_s: unwatched_s
                .within(from_s, to_s)
                .iter()
                .map(Into::into)
                .collect(),
        }
    }

    /// The rows of a table: when, in milliseconds, and the meter's name, its rate, and whether it is estimated.
    pub(super) fn cells(&self, name: &str) -> impl Iterator<Item = (i64, [String; 3])> {
        let pulses = self.at_ms.iter().zip(&self.rate).zip(&self.is_estimated);
        pulses.map(move |((at_ms, rate), is)| {
            (
                *at_ms,
                [name.to_owned(), csv::number(*rate), is.to_string()],
            )
        })
    }
}

/// When a line was not watched, from the pulse before a span to its end.
fn gaps(watched_s: &[(i64, i64)], before_ns: Option<WallNs>, (from_s, to_s): (i64, i64)) -> Spans {
    let before_s = before_ns.map(WallNs::s);
    let mut gaps = Spans::new([(before_s.unwrap_or(from_s).min(from_s), to_s)]);
    for (begins_s, ends_s) in watched_s {
        gaps.remove(*begins_s, *ends_s);
    }
    Spans::new(
        gaps.iter()
            .filter(|(from_s, to_s)| to_s - from_s >= EDGES_S),
    )
}

/// The mean rate of an amount.
fn mean_over(unit: Quantity, amount: f64, watched_s: i64) -> Option<f64> {
    let over_ns = watched_s as f64 * NS_PER_S as f64;
    (watched_s > 0).then(|| mean_rate(unit, amount, over_ns))
}

fn merged(one: Option<f64>, other: Option<f64>, of: fn(f64, f64) -> f64) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(of(one, other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PulseGaps;

    /// Of a line that is read since then, or is not.
    fn present(since_s: Option<i64>) -> PresentMeter {
        PresentMeter {
            name: "Import".to_owned(),
            role: None,
            unit: Quantity::KilowattHours,
            worth: Some(PulseWorth::of_kwh(1_000.0)),
            is_read: since_s.is_some(),
            since_s: since_s.unwrap_or(0),
            rate: None,
        }
    }

    fn factors() -> FactorHistory {
        FactorHistory::new(&[], &[], Some(PulseWorth::of_kwh(1_000.0)))
    }

    #[test]
    fn peaks_survive_and_what_was_not_watched_is_not_known() {
        let counted = CountedParts {
            meter: "Import".to_owned(),
            pulses: vec![1, 3, 0, 0, 0, 0],
            gaps: vec![None; 6],
            watched_s: vec![60, 60, 0, 0, 60, 0],
            watched_until_s: 300,
            total: 4,
        };
        let windows = Windows {
            starts_s: &[0, 120, 240, 360],
            base_s: &[0, 60, 120, 180, 240, 300, 360],
            now_s: 330,
        };
        let columns = windows.columns(&counted, (&present(None), &factors()));
        assert_eq!(columns.pulses, [Some(4), None, Some(0)]);
        assert_eq!(columns.mean, [Some(120.0), None, Some(0.0)]);
        assert_eq!(columns.min, [Some(60.0), None, Some(0.0)]);
        assert_eq!(columns.max, [Some(180.0), None, Some(0.0)]);
        assert_eq!(columns.watched_s, [120, 0, 60]);
        // The line is read until now, which is not saved yet.
        let live = windows.columns(&counted, (&present(Some(50)), &factors()));
        assert_eq!(live.watched_s, [120, 0, 90]);
        assert!(!live.is_complete(windows.starts_s, (0, 330)));
        assert!(live.is_complete(windows.starts_s, (240, 330)));
        // It was requested again: what lies between was not watched.
        let again = windows.columns(&counted, (&present(Some(320)), &factors()));
        assert_eq!(again.watched_s, [120, 0, 70]);
        assert!(!again.is_complete(windows.starts_s, (240, 330)));
    }

    #[test]
    fn gaps_tell_peaks_and_silence_how_little_there_was() {
        let gaps = |shortest_ms, longest_ms| {
            Some(PulseGaps {
                shortest_ms,
                longest_ms,
            })
        };
        let counted = CountedParts {
            meter: "Import".to_owned(),
            pulses: vec![10, 0, 5, 0, 0, 0, 0, 3],
            gaps: vec![
                gaps(1_200, 7_200),
                None,
                gaps(3_600, 72_000),
                None,
                None,
                None,
                None,
                gaps(100_000, 300_000),
            ],
            watched_s: vec![60; 8],
            watched_until_s: 480,
            total: 18,
        };
        let windows = Windows {
            starts_s: &[0, 240, 480],
            base_s: &[0, 60, 120, 180, 240, 300, 360, 420, 480],
            now_s: 1_000,
        };
        let columns = windows.columns(&counted, (&present(None), &factors()));
        // 15 pulses in 4 minutes; then a minute of silence, which allows 60 W.
        assert_eq!(columns.mean, [Some(225.0), Some(45.0)]);
        assert_eq!(columns.max, [Some(3_000.0), Some(45.0)]);
        assert_eq!(columns.min, [Some(50.0), Some(12.0)]);
        let silent = CountedParts {
            pulses: [vec![10], vec![0; 7]].concat(),
            ..counted
        };
        let columns = windows.columns(&silent, (&present(None), &factors()));
        assert_eq!(columns.min, [Some(20.0), Some(0.0)]);
    }

    #[test]
    fn an_interval_that_was_not_watched_all_the_while_has_no_power() {
        let s = NS_PER_S;
        let pulses = MeterPulses {
            meter: "Import".to_owned(),
            before_ns: Some(WallNs(90 * s)),
            stamps: vec![
                (WallNs(100 * s), false),
                (WallNs(140 * s), true),
                (WallNs(150 * s), false),
            ],
            watched_s: vec![(80, 105), (125, 200)],
        };
        let steps = MeterSteps::of(&pulses, (Quantity::KilowattHours, &factors()), (95, 160));
        assert_eq!(steps.at_ms, [100_000, 140_000, 150_000]);
        assert_eq!(steps.rate, [Some(360.0), None, Some(360.0)]);
        assert_eq!(steps.is_estimated, [false, true, false]);
        assert_eq!(steps.unwatched_s, [[105, 125]]);
    }
}
