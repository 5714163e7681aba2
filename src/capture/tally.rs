//! What the filter of a line makes of what looks like pulses, and what power the pulses mean: the numbers
//! from which status judges whether the settings fit the meter. Pure.

use crate::config::MeterSettings;
use crate::config::spacing::power_w;
use crate::pulse::{FilterTally, LossCause, MonoNs};

/// When so many have been judged all are halved, so that the latest hundreds decide.
const JUDGED_MAX: u32 = 1024;

/// Power is judged over so many pulses in a row: a few that come together are no power.
const IN_A_ROW: u32 = 32;

/// What a pulse is worth where nobody has said: most S0 outputs give as many.
const IMP_PER_KWH_ASSUMED: f64 = 1_000.0;

/// The tally of one line, since the start of this run.
#[derive(Debug)]
pub(super) struct Tally {
    // Settings.
    imp_per_kwh: f64,
    max_power_w: f64,
    // State.
    judged: FilterTally,
    /// The first pulse of the row, and how many came after it.
    row: Option<(MonoNs, u32)>,
}

impl Tally {
    pub(super) fn new(meter: &MeterSettings) -> Tally {
        Tally {
            imp_per_kwh: meter.imp_per_kwh.unwrap_or(IMP_PER_KWH_ASSUMED),
            max_power_w: meter.max_power_w,
            judged: FilterTally::default(),
            row: None,
        }
    }

    /// What has been judged.
    pub(super) fn judged(&self) -> FilterTally {
        self.judged
    }

    /// A pulse.
    pub(super) fn pulse(&mut self, mono_ns: MonoNs) {
        self.judged.pulses += 1;
        self.forget();
        let (since_ns, before) = *self.row.get_or_insert((mono_ns, 0));
        if before < IN_A_ROW {
            self.row = Some((since_ns, before + 1));
            return;
        }
        let apart_ns = (mono_ns - since_ns) / i64::from(before);
        let meant_w = power_w(self.imp_per_kwh, apart_ns.max(1));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and cut at the largest"
        )]
        let excess_w = (meant_w > self.max_power_w).then_some(meant_w as u32);
        self.judged.excess_w = excess_w;
        self.row = Some((mono_ns, 1));
    }

    /// Edges were missed, or the line was requested: pulses before and after are no row.
    pub(super) fn interrupted(&mut self) {
        self.row = None;
    }

    /// `alike` that look like pulses were rejected.
    pub(super) fn rejected(&mut self, cause: LossCause, alike: u32) {
        let judged = &mut self.judged;
        let of_cause = match cause {
            LossCause::Bounce => &mut judged.bounce,
            LossCause::Width => &mut judged.width,
            LossCause::Long => &mut judged.long,
            LossCause::Interval => &mut judged.interval,
            LossCause::Merged => &mut judged.merged,
            _ => return,
        };
        *of_cause = of_cause.saturating_add(alike);
        self.forget();
    }

    fn forget(&mut self) {
        let judged = &mut self.judged;
        let counts = [
            &mut judged.pulses,
            &mut judged.bounce,
            &mut judged.width,
            &mut judged.long,
            &mut judged.interval,
            &mut judged.merged,
        ];
        let all = counts.iter().map(|count| u64::from(**count)).sum::<u64>();
        if all > u64::from(JUDGED_MAX) {
            for count in counts {
                *count /= 2;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{FilterSettings, LineName, LineSettings};
    use crate::pulse::{Bias, CountedEdge, Level, NS_PER_MS};

    fn tally(imp_per_kwh: Option<f64>, max_power_w: f64) -> Tally {
        Tally::new(&MeterSettings {
            name: "Import".to_owned(),
            line: LineSettings {
                chip: None,
                line: LineName::Number(20),
                bias: Bias::Up,
                kernel_debounce_us: 0,
            },
            filter: FilterSettings {
                counted: CountedEdge::Rising,
                active: Level::Low,
                bounce_ns: 0,
                min_width_ns: 0,
                max_width_ns: 0,
                min_interval_ns: 0,
            },
            imp_per_kwh,
            max_power_w,
        })
    }

    fn pulses(tally: &mut Tally, from_ms: i64, count: i64, apart_ms: i64) -> Option<u32> {
        for n in 0..count {
            tally.pulse((from_ms + n * apart_ms) * NS_PER_MS);
        }
        tally.judged().excess_w
    }

    #[test]
    fn hum_is_more_than_flows_through_a_meter() {
        let mut hum = tally(None, 44_000.0);
        assert_eq!(pulses(&mut hum, 0, 70, 40), Some(90_000));
        assert_eq!(pulses(&mut hum, 60_000, 70, 600), None, "it has ended");
        assert_eq!(
            pulses(&mut tally(Some(10_000.0), 44_000.0), 0, 250, 40),
            None,
            "9 kW"
        );
        assert_eq!(
            pulses(&mut tally(Some(1_000.0), 120_000.0), 0, 250, 40),
            None,
            "a factory"
        );
    }

    #[test]
    fn a_few_pulses_together_are_no_power() {
        let mut tally = tally(None, 44_000.0);
        for second in 0..20 {
            assert_eq!(pulses(&mut tally, second * 1_000, 5, 10), None);
        }
        tally.interrupted();
        assert_eq!(pulses(&mut tally, 30_000, 31, 10), None);
        tally.interrupted();
        assert_eq!(pulses(&mut tally, 40_000, 31, 10), None);
    }

    #[test]
    fn what_is_long_ago_counts_less() {
        let mut tally = tally(None, 44_000.0);
        tally.rejected(LossCause::Bounce, 200);
        tally.rejected(LossCause::Restored, 5);
        assert_eq!(tally.judged().bounce, 200);
        pulses(&mut tally, 0, 3_000, 1_000);
        let judged = tally.judged();
        assert!(judged.bounce <= 12, "{judged:?}");
        assert!(judged.pulses > 500, "{judged:?}");
        tally.rejected(LossCause::Width, u32::MAX);
        tally.rejected(LossCause::Width, u32::MAX);
        assert!(tally.judged().width > tally.judged().pulses, "no overflow");
    }
}
