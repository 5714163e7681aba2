//! House load, self-consumption and autarky from import, export and generation; and whether the meters agree.
//!
//! | quantity | is |
//! |---|---|
//! | house | import + generation − export |
//! | self-consumption | generation − export |
//! | rate of self-consumption | self-consumption / generation |
//! | autarky | 1 − import / house |
//!
//! Sums keep their sign, ratios are ratios of sums: what is shown is clamped, nothing that is summed further. Import and export
//! are never set off against each other. Electric meters alone count. A battery behind the house meter charges as house and
//! lowers it while it discharges: autarky is right over days then, not over hours.

use super::power::{PulseRate, SPAN_MAX_NS};
use crate::model::PulseWorth;
use crate::model::{MonoNs, NS_PER_S, Role};

/// The shortest span over which live power is derived.
pub const SPAN_MIN_NS: i64 = 30 * NS_PER_S;

/// Ratios of less than this, in kWh, say nothing.
pub const RATIO_MIN_KWH: f64 = 0.05;

/// Below this length of time a negative sum is mere quantisation, and shown as it is.
pub const CLAMPED_FROM_S: i64 = 15 * 60;

/// Meters disagree when a sum is negative by more than so many pulses of each.
pub const TOLERATED_PULSES: f64 = 3.0;

/// Import and export that flow both for so long are a hint, in seconds.
pub const BOTH_FLOW_HINT_S: i64 = 3 * 3_600;

/// At least so many pulses in a window mean that energy flows in it; one may be the rest of what flowed before.
const FLOWS_PULSES: i64 = 2;

/// From this many pulses a kWh a minute is long enough to derive the house of.
const FINE_IMP_PER_KWH: f64 = 10_000.0;

/// Where the sum of a role stands.
fn index(role: Role) -> usize {
    match role {
        Role::Import => 0,
        Role::Export => 1,
        Role::Generation => 2,
    }
}

/// A mean power, and how far it may be off for want of a pulse.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MeanPower {
    /// In watts; below zero where the meters' pulses do not yet add up.
    pub w: f64,
    /// One pulse of each meter over the span, in watts.
    pub uncertainty_w: f64,
}

/// Live power of all meters over one span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LivePower {
    /// The span that all are means of: "mean of 40 s".
    pub span_ns: i64,
    /// Import; None: there is no such meter, or not two pulses of it yet.
    pub import: Option<MeanPower>,
    /// Export.
    pub export: Option<MeanPower>,
    /// Generation.
    pub generation: Option<MeanPower>,
    /// House; None: import is not known, or but one of export and generation.
    pub house: Option<MeanPower>,
    /// Self-consumption; None: generation or export is not known.
    pub self_consumption: Option<MeanPower>,
}

/// The span that all meters share at `now_ns`: the longest usual gap of those that do not rest, from [`SPAN_MIN_NS`] to
/// [`SPAN_MAX_NS`].
pub fn common_span_ns<'a>(meters: impl IntoIterator<Item = &'a PulseRate>, now_ns: MonoNs) -> i64 {
    let gaps = meters
        .into_iter()
        .filter_map(|meter| meter.usual_gap_ns(now_ns));
    gaps.fold(SPAN_MIN_NS, i64::max).min(SPAN_MAX_NS)
}

/// One pulse of each meter over `over_ns`, in watts: at 1,000 imp/kWh 60 W over a minute, 12 W over five.
pub fn uncertainty_w<'a>(worths: impl IntoIterator<Item = &'a PulseWorth>, over_ns: i64) -> f64 {
    let electric = worths
        .into_iter()
        .filter(|worth| worth.quantity.is_electric());
    electric
        .map(|worth| worth.rate(1.0, over_ns.max(1) as f64))
        .sum()
}

/// The shortest windows of which the house may be drawn, in seconds: below, a pulse more or less is all that it shows.
pub fn window_min_s<'a>(worths: impl IntoIterator<Item = &'a PulseWorth>) -> i64 {
    let is_fine = |worth: &PulseWorth| {
        let pulse_kwh = worth.kwh(1);
        pulse_kwh.is_none_or(|pulse_kwh| pulse_kwh <= 1.0 / FINE_IMP_PER_KWH)
    };
    if worths.into_iter().all(is_fine) {
        60
    } else {
        300
    }
}

/// Power now: all meters over one span, each at most what its silence allows.
pub fn live_power(meters: &[(Role, &PulseRate)], now_ns: MonoNs) -> LivePower {
    let electric = || {
        meters
            .iter()
            .filter(|(_, meter)| meter.worth().quantity.is_electric())
    };
    let span_ns = common_span_ns(electric().map(|(_, meter)| *meter), now_ns);
    let [import, export, generation] = [Role::Import, Role::Export, Role::Generation].map(|role| {
        let means = electric()
            .filter(|(of, _)| *of == role)
            .map(|(_, meter)| mean_of(meter, now_ns, span_ns));
        // Some(None): there are meters, and one is not known yet.
        means.reduce(|sum, mean| Some(sum?.plus(mean?, 1.0)))
    });
    let known = |role: Option<Option<MeanPower>>| role.flatten();
    let self_consumption = known(generation)
        .zip(known(export))
        .map(|(generation, export)| generation.plus(export, -1.0));
    let house = match (generation, export) {
        (None, None) => known(import),
        _ => known(import)
            .zip(self_consumption)
            .map(|(import, own)| import.plus(own, 1.0)),
    };
    LivePower {
        span_ns,
        import: known(import),
        export: known(export),
        generation: known(generation),
        house,
        self_consumption,
    }
}

impl MeanPower {
    fn plus(self, other: MeanPower, sign: f64) -> MeanPower {
        MeanPower {
            w: self.w + sign * other.w,
            uncertainty_w: self.uncertainty_w + other.uncertainty_w,
        }
    }
}

/// The mean of one meter. One that has given no two pulses, and none for the whole span, does not flow as far as its silence
/// tells: generation in the night after a restart.
fn mean_of(meter: &PulseRate, now_ns: MonoNs, span_ns: i64) -> Option<MeanPower> {
    let now = meter.at(now_ns);
    let of_pulse_w = uncertainty_w([&meter.worth()], span_ns);
    match (meter.mean(now_ns, span_ns), now.at_most) {
        (Some(w), _) => Some(MeanPower {
            w,
            uncertainty_w: of_pulse_w,
        }),
        (None, Some(at_most)) if now.age_ns >= span_ns => Some(MeanPower {
            w: 0.0,
            uncertainty_w: at_most.min(of_pulse_w),
        }),
        _ => None,
    }
}

/// The energy of the meters of one role.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct RoleEnergy {
    kwh: f64,
    /// The largest pulse of its meters.
    pulse_kwh: f64,
}

/// The energy that all meters have counted in a period.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Balance([Option<RoleEnergy>; 3]);

impl Balance {
    /// Adds what a meter has counted. Called again for the same meter where its pulses have come to be worth another amount, or
    /// for another part of the period.
    pub fn add(&mut self, role: Role, pulses: i64, worth: PulseWorth) {
        if let Some((kwh, pulse_kwh)) = worth.kwh(pulses).zip(worth.kwh(1)) {
            self.add_energy(index(role), RoleEnergy { kwh, pulse_kwh });
        }
    }

    fn add_energy(&mut self, role: usize, energy: RoleEnergy) {
        let sum = self.0[role].get_or_insert_default();
        sum.kwh += energy.kwh;
        sum.pulse_kwh = sum.pulse_kwh.max(energy.pulse_kwh);
    }

    /// Adds another period.
    pub fn merge(&mut self, other: &Balance) {
        for (role, energy) in other.0.iter().enumerate() {
            if let Some(energy) = energy {
                self.add_energy(role, *energy);
            }
        }
    }

    /// What the meters of a role have counted, in kWh; None: there is none.
    pub fn kwh(&self, role: Role) -> Option<f64> {
        self.0[index(role)].map(|energy| energy.kwh)
    }

    /// Import + generation − export in kWh, with its sign. None: import is not counted, or but one of generation and export.
    pub fn house_kwh(&self) -> Option<f64> {
        let import = self.kwh(Role::Import)?;
        match (self.kwh(Role::Generation), self.kwh(Role::Export)) {
            (None, None) => Some(import),
            (generation, export) => Some(import + generation? - export?),
        }
    }

    /// Generation − export in kWh, with its sign. None: one of them is not counted.
    pub fn self_consumption_kwh(&self) -> Option<f64> {
        Some(self.kwh(Role::Generation)? - self.kwh(Role::Export)?)
    }

    /// Self-consumption / generation, from 0 to 1. None: not known, or less than [`RATIO_MIN_KWH`] generated.
    pub fn self_consumption_rate(&self) -> Option<f64> {
        let generation = self.kwh(Role::Generation)?;
        (generation >= RATIO_MIN_KWH)
            .then_some((self.self_consumption_kwh()? / generation).clamp(0.0, 1.0))
    }

    /// 1 − import / house, from 0 to 1. None: not known, nothing generates, or the house used less than [`RATIO_MIN_KWH`].
    pub fn autarky(&self) -> Option<f64> {
        self.kwh(Role::Generation)?;
        let house = self.house_kwh()?;
        (house >= RATIO_MIN_KWH).then_some((1.0 - self.kwh(Role::Import)? / house).clamp(0.0, 1.0))
    }

    /// Whether more leaves than comes, by more than [`TOLERATED_PULSES`] of each meter.
    pub fn disagreement(&self) -> Option<Disagreement> {
        let own_kwh = self.self_consumption_kwh()?;
        let counted = self.0.iter().flatten();
        let tolerance_kwh = TOLERATED_PULSES * counted.map(|role| role.pulse_kwh).sum::<f64>();
        let below = |kwh: f64| (kwh < -tolerance_kwh).then_some(-kwh);
        let house = self.house_kwh().and_then(below);
        let (kind, by_kwh) = match house {
            Some(by_kwh) => (DisagreementKind::HouseBelowZero, by_kwh),
            None => (DisagreementKind::ExportAboveGeneration, below(own_kwh)?),
        };
        let import_kwh = self.kwh(Role::Import);
        let generation_kwh = self.kwh(Role::Generation)?;
        let would_fit_swapped =
            import_kwh.is_some_and(|import| import <= generation_kwh + tolerance_kwh);
        let reasons = [
            (would_fit_swapped, Reason::ImportAndExportSwapped),
            (true, Reason::GenerationMissesPulses),
            (true, Reason::WrongImpPerKwh),
            (true, Reason::UncountedSource),
        ];
        let reasons = reasons.into_iter().filter(|(likely, _)| *likely);
        Some(Disagreement {
            kind,
            by_kwh,
            tolerance_kwh,
            reasons: reasons.map(|(_, reason)| reason).collect(),
        })
    }
}

/// The meters cannot all be right.
#[derive(Debug, Clone, PartialEq)]
pub struct Disagreement {
    /// Which sum is impossible.
    pub kind: DisagreementKind,
    /// By how much, in kWh.
    pub by_kwh: f64,
    /// How much would have been let pass, in kWh.
    pub tolerance_kwh: f64,
    /// What may be the reason, the likeliest first.
    pub reasons: Vec<Reason>,
}

/// Which sum of the meters is impossible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisagreementKind {
    /// More was exported than imported and generated together.
    HouseBelowZero,
    /// More was exported than generated.
    ExportAboveGeneration,
}

/// Why meters may disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Import is counted as export and the other way round: exchanged, the sums fit.
    ImportAndExportSwapped,
    /// Pulses of generation are missed or filtered out.
    GenerationMissesPulses,
    /// The imp_per_kwh of a meter is not the one on its face.
    WrongImpPerKwh,
    /// A generator or a battery feeds in that no meter counts.
    UncountedSource,
}

/// A signed sum over `length_s` as it is shown, in the unit it has: not below zero, unless the time is so short that the sign
/// tells of pulses that have yet to come.
pub fn shown(signed: f64, length_s: i64) -> f64 {
    if length_s < CLAMPED_FROM_S {
        signed
    } else {
        signed.max(0.0)
    }
}

/// The longest time for which import and export have both flowed without a break, in seconds. `windows`: the pulses of import
/// and of export in windows of `width_s` that follow one another, best five minutes. In one moment the two exclude each other,
/// unless the meter counts by phase or the wiring is wrong; both within some minutes is ordinary weather. From
/// [`BOTH_FLOW_HINT_S`] on it is worth a hint.
pub fn both_flow_s(windows: impl IntoIterator<Item = (i64, i64)>, width_s: i64) -> i64 {
    let (mut run_s, mut longest_s) = (0, 0);
    for (import, export) in windows {
        run_s = if import.min(export) >= FLOWS_PULSES {
            run_s + width_s
        } else {
            0
        };
        longest_s = longest_s.max(run_s);
    }
    longest_s
}
