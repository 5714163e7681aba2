//! What is known of each configured meter at this moment: its role, its factor, its power. Pure, from the board.

use std::collections::BTreeMap;

use super::factors::worth_now;
use crate::config::MeterSettings;
use crate::energy::power::{PulseRate, SPAN_MAX_NS};
use crate::live::{LineLive, Snapshot, Stamps};
use crate::model::{MonoNs, NS_PER_MS, PulseWorth, Quantity, Role};

/// All configured meters.
#[derive(Debug, Clone)]
pub struct Present {
    /// In the order of the configuration.
    pub meters: Vec<PresentMeter>,
    /// How long the latest pulses of a line were, by the meter's name, in milliseconds, the newest last.
    pub widths_ms: BTreeMap<String, Vec<f64>>,
    /// By the clock that stamps the pulses.
    pub now_ns: MonoNs,
}

/// One of them.
#[derive(Debug, Clone)]
pub struct PresentMeter {
    /// Its name.
    pub name: String,
    /// What it is to the house; None: a load of its own.
    pub role: Option<Role>,
    /// What it counts.
    pub unit: Quantity,
    /// What one of its pulses is worth; None: not known.
    pub worth: Option<PulseWorth>,
    /// Its line is read.
    pub is_read: bool,
    /// Since when, in seconds since 1970.
    pub since_s: i64,
    /// Its latest pulses; None: what one is worth is not known.
    pub rate: Option<PulseRate>,
}

impl PresentMeter {
    /// What of `from_s..to_s` its line was watched and is not saved yet. `saved_until_s`: the end of what is. What is
    /// watched now began when the line was last requested; before that there may be a gap.
    pub fn live(&self, saved_until_s: i64, (from_s, to_s): (i64, i64)) -> Option<(i64, i64)> {
        let since_s = self.since_s.max(saved_until_s).max(from_s);
        (self.is_read && since_s < to_s).then_some((since_s, to_s))
    }

    /// For how many seconds that is.
    pub fn live_s(&self, saved_until_s: i64, span_s: (i64, i64)) -> i64 {
        let live = self.live(saved_until_s, span_s);
        live.map_or(0, |(since_s, to_s)| to_s - since_s)
    }
}

impl Present {
    /// `now_ns`: by the clock that stamps the pulses.
    pub fn of(now: &Snapshot, meters: &[MeterSettings], now_ns: MonoNs) -> Present {
        let of_meter = |settings: &MeterSettings| {
            let mut lines = now.capture.lines.iter();
            let line = lines.find(|line| *line.meter == *settings.name);
            let earlier = now.meters.get(&settings.name).map(|meter| meter.earlier);
            let earlier = earlier.unwrap_or_default();
            let worth = worth_now(settings, now.journal.simulated);
            PresentMeter {
                name: settings.name.clone(),
                role: settings.role,
                unit: settings.unit,
                worth,
                is_read: line.is_some_and(LineLive::is_read),
                since_s: line.map_or(0, |line| line.now.since_ns.s()),
                rate: worth.zip(line).map(|(worth, line)| {
                    let mut rate = rate_of(settings, worth, &earlier, line);
                    if line.is_read() {
                        // Else the house is not known all night, for want of sun.
                        rate.presume_rest(now_ns);
                    } else {
                        // What flows there is not known, nor what several meters make together.
                        rate.interrupted(now_ns);
                    }
                    rate
                }),
            }
        };
        Present {
            meters: meters.iter().map(of_meter).collect(),
            widths_ms: now.capture.lines.iter().map(widths_ms).collect(),
            now_ns,
        }
    }

    /// The meters, with what a pulse of each is worth now.
    pub fn worths(&self) -> Vec<(String, Option<PulseWorth>)> {
        let meters = self.meters.iter();
        meters
            .map(|meter| (meter.name.clone(), meter.worth))
            .collect()
    }

    /// The meter with this name.
    pub fn get(&self, name: &str) -> Option<&PresentMeter> {
        self.meters.iter().find(|meter| meter.name == name)
    }

    /// The roles that the meters have.
    pub fn roles(&self) -> Vec<Role> {
        self.meters.iter().filter_map(|meter| meter.role).collect()
    }

    /// What a pulse of a meter is worth, where that is known.
    pub fn worth(&self, name: &str) -> Option<PulseWorth> {
        self.get(name)?.worth
    }

    /// Its power or flow, where the line is read and an interval is known.
    pub fn rate(&self, name: &str) -> Option<f64> {
        let meter = self.get(name).filter(|meter| meter.is_read)?;
        meter.rate.as_ref()?.at(self.now_ns).shown
    }
}

/// A meter's name and the widths of its pulses, to the microsecond.
fn widths_ms(line: &LineLive) -> (String, Vec<f64>) {
    let widths = line.widths_ns.iter();
    let widths = widths.map(|ns| (ns / 1_000) as f64 / 1e3);
    (line.meter.to_string(), widths.collect())
}

/// A power to a tenth of a watt, a flow to a tenth of a litre an hour.
pub fn rounded(unit: Quantity, rate: f64) -> f64 {
    let steps = match unit {
        Quantity::CubicMetres => 10_000.0,
        _ => 10.0,
    };
    (rate * steps).round() / steps
}

/// The rate between two pulses that are so far apart, in the unit of a meter's rate; None: what a pulse is worth in that is not
/// known.
pub fn gap_rate(unit: Quantity, gap_ms: i64, worth: Option<PulseWorth>) -> Option<f64> {
    let amount = worth?.amount_in(unit, 1)?;
    let gap_ns = gap_ms.max(1) as f64 * NS_PER_MS as f64;
    Some(mean_rate(unit, amount, gap_ns))
}

/// The rate of an amount that has flowed in `over_ns`, rounded.
pub fn mean_rate(unit: Quantity, amount: f64, over_ns: f64) -> f64 {
    rounded(unit, PulseWorth::new(unit, 1.0).rate(amount, over_ns))
}

/// Of the stamps that the board keeps: those of `earlier` runs, then those of this one.
fn rate_of(
    settings: &MeterSettings,
    worth: PulseWorth,
    earlier: &Stamps,
    line: &LineLive,
) -> PulseRate {
    let watched_from_ns = line.watched_from_ns;
    let first_ns = line.stamps.iter().next().unwrap_or(MonoNs::MAX);
    let earlier = earlier.iter().filter(|stamp_ns| *stamp_ns < first_ns);
    let mut rate = PulseRate::new(worth, settings.spacing_ns(), watched_from_ns);
    // The last pulse before the line was not watched for a while.
    let mut before_ns = None;
    let mut is_watched = false;
    for stamp_ns in earlier.chain(line.stamps.iter()) {
        if stamp_ns >= watched_from_ns && !is_watched {
            is_watched = true;
            begin_again(&mut rate, before_ns, watched_from_ns);
        }
        rate.pulse(stamp_ns);
        before_ns = Some(stamp_ns);
    }
    if !is_watched {
        begin_again(&mut rate, before_ns, watched_from_ns);
    }
    rate
}

/// The line is watched again: what flowed long before says nothing.
fn begin_again(rate: &mut PulseRate, before_ns: Option<MonoNs>, watched_from_ns: MonoNs) {
    match before_ns {
        Some(before_ns) if watched_from_ns - before_ns <= SPAN_MAX_NS => {
            rate.resumed(watched_from_ns);
        }
        _ => rate.interrupted(watched_from_ns),
    }
}

/// A role as a word.
pub fn role_word(role: Option<Role>) -> &'static str {
    match role {
        Some(Role::Import) => "import",
        Some(Role::Export) => "export",
        Some(Role::Generation) => "generation",
        None => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NS_PER_S;
    use crate::model::WallNs;
    use crate::model::{LineNow, NS_PER_MS};

    /// A meter with 200 ms between two pulses, and its line.
    fn meter() -> (MeterSettings, LineLive) {
        let mut settings = MeterSettings::plain("Import");
        settings.filter.min_interval_ns = 200 * NS_PER_MS;
        let now = LineNow {
            since_ns: WallNs(0),
            why: None,
        };
        (settings, LineLive::new("Import", now))
    }

    /// A meter of 1,000 imp/kWh, watched from `from_s` on, with pulses of earlier runs and of this one (in seconds).
    fn rate(from_s: i64, earlier: &[i64], own: &[i64]) -> PulseRate {
        let (settings, mut line) = meter();
        line.watched_from_ns = from_s * NS_PER_S;
        own.iter().for_each(|s| line.stamps.push(s * NS_PER_S));
        let mut stamps = Stamps::default();
        earlier.iter().for_each(|s| stamps.push(s * NS_PER_S));
        rate_of(&settings, PulseWorth::of_kwh(1_000.0), &stamps, &line)
    }

    #[expect(clippy::cast_possible_truncation, reason = "seconds of a test")]
    fn watts(rate: &PulseRate, at_s: f64) -> Option<f64> {
        rate.at((at_s * 1e9) as MonoNs).shown.map(f64::round)
    }

    #[test]
    fn a_meter_has_power_from_the_first_moment_after_a_restart() {
        // The kernel has watched on: an interval goes over the restart.
        let kept = rate(10, &[100, 102, 104], &[]);
        assert_eq!(watts(&kept, 104.5), Some(1_800.0));
        assert_eq!(watts(&kept, 108.0), Some(900.0), "by the silence");
        assert_eq!(watts(&rate(10, &[100, 102], &[104]), 104.5), Some(1_800.0));
        // Nothing has watched between: the silence counts from then on, and no interval goes over it.
        let again = rate(130, &[100, 102, 104], &[]);
        assert_eq!(watts(&again, 130.1), Some(138.0), "as it was by 130 s");
        let again = rate(106, &[100, 102, 104], &[]);
        assert_eq!(watts(&again, 107.0), Some(1_800.0));
        assert_eq!(
            watts(&again, 116.0),
            Some(360.0),
            "by the silence since 106 s"
        );
        assert_eq!(
            watts(&rate(106, &[100, 102, 104], &[107]), 107.1),
            Some(1_800.0)
        );
        assert_eq!(
            watts(&rate(106, &[100, 102, 104], &[107, 111]), 111.1),
            Some(900.0)
        );
        // What flowed long before says nothing.
        assert_eq!(watts(&rate(1_000, &[100, 102, 104], &[]), 1_001.0), None);
    }

    #[test]
    fn what_was_in_the_journal_does_not_count_twice() {
        // A journal that was opened again knows pulses of this run, too.
        let rate = rate(10, &[96, 98, 100], &[98, 100, 102]);
        assert_eq!(watts(&rate, 102.5), Some(1_800.0));
    }

    #[test]
    fn no_more_is_shown_than_the_filter_lets_through() {
        let (settings, mut line) = meter();
        // Some are put back by number, closer than any the filter lets through.
        (0..20).for_each(|n| line.stamps.push(n * 100 * NS_PER_MS));
        let worth = PulseWorth::of_kwh(1_000.0);
        let rate = rate_of(&settings, worth, &Stamps::default(), &line);
        assert_eq!(watts(&rate, 1.95), Some(18_000.0));
    }
}
