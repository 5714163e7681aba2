//! What the filter of a line makes of what looks like pulses, and what power the pulses mean: the numbers
//! from which status judges whether the settings fit the meter. Pure.

use crate::config::MeterSettings;
use crate::model::{Edge, FilterTally, Level, LossCause, MonoNs, PulseWorth};

/// When so many have been judged all are halved, so that the latest hundreds decide.
const JUDGED_MAX: u32 = 1024;

/// Power is judged over so many pulses in a row: a few that come together are no power.
const IN_A_ROW: u32 = 32;

/// A phase that is longer or shorter than the one before by no more than one part in so many is like it. A meter makes its
/// pulses alike to a few per cent; of lengths that chance makes a third are like the one before.
const ALIKE_WITHIN: i64 = 4;

/// The phases between the edges of a line, as they come from the wire: each is compared with the one before of the same
/// level.
#[derive(Debug, Default)]
struct Phases {
    edge_ns: Option<MonoNs>,
    /// The last low and the last high phase.
    lengths_ns: [Option<i64>; 2],
    /// Whether the last phase was like the one before.
    is_alike: bool,
    /// Since something was rejected: phases, and how many were like the one before.
    all: u32,
    alike: u32,
}

impl Phases {
    fn edge(&mut self, edge: Edge) {
        let before = self.edge_ns.replace(edge.mono_ns);
        let Some(length_ns) = before.map(|before| edge.mono_ns - before) else {
            return;
        };
        let level = usize::from(edge.kind.level_after() == Level::Low);
        let known_ns = self.lengths_ns[level].replace(length_ns);
        self.is_alike = known_ns.is_some_and(|known_ns| {
            (length_ns - known_ns).abs() * ALIKE_WITHIN <= length_ns.max(known_ns)
        });
        self.all = self.all.saturating_add(1);
        self.alike += u32::from(self.is_alike);
    }

    /// How many of `pulses` that are rejected now are like those before.
    fn take_alike(&mut self, pulses: u32) -> u32 {
        let (all, alike) = (
            std::mem::take(&mut self.all),
            std::mem::take(&mut self.alike),
        );
        if pulses == 1 {
            return u32::from(self.is_alike);
        }
        let share = u64::from(pulses) * u64::from(alike) / u64::from(all.max(1));
        u32::try_from(share).unwrap_or(pulses)
    }
}

/// The tally of one line, since the start of this run.
#[derive(Debug)]
pub(super) struct Tally {
    // Settings.
    worth: PulseWorth,
    /// The most that can flow, in the unit of the meter's rate.
    max_rate: f64,
    // State.
    judged: FilterTally,
    phases: Phases,
    /// The first pulse of the row, and how many came after it.
    row: Option<(MonoNs, u32)>,
}

impl Tally {
    pub(super) fn new(meter: &MeterSettings) -> Tally {
        Tally {
            // Where it is not configured: most outputs give as many.
            worth: meter
                .worth()
                .unwrap_or_else(|| PulseWorth::usual(meter.unit)),
            max_rate: meter.max_rate,
            judged: FilterTally::default(),
            phases: Phases::default(),
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
        let meant = self.worth.rate(1.0, apart_ns.max(1) as f64);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and cut at the largest"
        )]
        let excess = (meant > self.max_rate).then_some(meant.ceil() as u32);
        let is_power = self.worth.quantity.is_electric();
        self.judged.excess_w = excess.filter(|_| is_power);
        self.judged.excess_flow = excess.filter(|_| !is_power);
        self.row = Some((mono_ns, 1));
    }

    /// Edges were missed, or the line was requested: pulses before and after are no row.
    pub(super) fn interrupted(&mut self) {
        self.row = None;
        self.phases = Phases::default();
    }

    /// An edge of the line: after what it has decided, unless the filter decides at the edge itself.
    pub(super) fn edge(&mut self, edge: Edge) {
        self.phases.edge(edge);
    }

    /// So many that `look` like pulses were rejected.
    pub(super) fn rejected(&mut self, cause: LossCause, look: u32) {
        if look == 0 || !cause.is_filter() {
            return;
        }
        // Of what was too short for the chip no length is known.
        let alike = match cause {
            LossCause::Merged => look,
            _ => self.phases.take_alike(look),
        };
        let judged = &mut self.judged;
        judged.varied = judged.varied.saturating_add(look - alike);
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
            &mut judged.varied,
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
    use crate::model::{EdgeKind, MeterId, NS_PER_MS};

    fn tally(imp_per_kwh: Option<f64>, max_power_w: f64) -> Tally {
        Tally::new(&MeterSettings {
            pulses_per_unit: imp_per_kwh,
            max_rate: max_power_w,
            ..MeterSettings::plain("Import")
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

    /// Pulses that are rejected, of these lengths.
    fn rejected(tally: &mut Tally, cause: LossCause, lengths_ms: impl IntoIterator<Item = i64>) {
        for (n, length_ms) in (0..).zip(lengths_ms) {
            let begin_ns = n * 1_000 * NS_PER_MS;
            for (kind, mono_ns) in [
                (EdgeKind::Falling, begin_ns),
                (EdgeKind::Rising, begin_ns + length_ms * NS_PER_MS),
            ] {
                let (meter, line_seqno) = (MeterId(0), 1);
                tally.edge(Edge {
                    meter,
                    kind,
                    mono_ns,
                    line_seqno,
                });
            }
            tally.rejected(cause, 1);
        }
    }

    #[test]
    fn what_is_long_ago_counts_less() {
        let mut tally = tally(None, 44_000.0);
        rejected(&mut tally, LossCause::Bounce, [2; 201]);
        tally.rejected(LossCause::Restored, 5);
        assert_eq!((tally.judged().bounce, tally.judged().varied), (200, 1));
        pulses(&mut tally, 0, 3_000, 1_000);
        let judged = tally.judged();
        assert!(judged.bounce <= 12, "{judged:?}");
        assert!(judged.pulses > 500, "{judged:?}");
        tally.rejected(LossCause::Merged, u32::MAX);
        tally.rejected(LossCause::Merged, u32::MAX);
        assert!(tally.judged().merged > tally.judged().pulses, "no overflow");
    }

    #[test]
    fn pulses_are_alike_and_interference_is_not() {
        let mut meter = tally(None, 44_000.0);
        rejected(&mut meter, LossCause::Width, (0..40).map(|n| 40 + n % 5));
        assert_eq!((meter.judged().width, meter.judged().varied), (39, 1));
        let mut wire = tally(None, 44_000.0);
        let spikes = (0..40).map(|n| 1 + n * 37 % 11);
        rejected(&mut wire, LossCause::Bounce, spikes);
        let judged = wire.judged();
        assert!(judged.varied > 2 * judged.bounce, "{judged:?}");
        assert_eq!(judged.varied + judged.bounce, 40);
    }
}
