//! Which settings fit a wave. What is recommended stays as near to what is configured as it counts right. Pure.

use super::count::count;
use super::separation::{Separation, geometric_mean};
use super::settings::{Change, TunedSettings};
use super::signs::{Chatter, SteadyPhases, Widths};
use super::wave::Wave;
use super::words::{length, ms, round_down};
use crate::config::MeterSettings;
use crate::model::{Bias, CountedEdge, Level, NS_PER_MS};

/// The bounce time that is the default.
const BOUNCE_DEFAULT_NS: i64 = 5 * NS_PER_MS;

/// What was learned of a wave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Learned<'a> {
    pub(super) wave: &'a Wave,
    pub(super) told: &'a Separation,
    pub(super) widths: &'a Widths,
    pub(super) steady: Option<SteadyPhases>,
    pub(super) chatter: Chatter,
    /// Mark and space are equal.
    pub(super) is_equal: bool,
    /// Whether each edge is a pulse, where the meter's face tells.
    pub(super) is_both: Option<bool>,
}

/// The settings that fit, and what was changed and why.
pub(super) fn recommend(
    learned: Learned<'_>,
    meter: &MeterSettings,
) -> (TunedSettings, Vec<Change>) {
    let mut draft = Draft {
        wave: learned.wave,
        present: TunedSettings::of(meter),
        settings: TunedSettings::of(meter),
        changes: Vec::new(),
    };
    edge(learned, &mut draft);
    level(learned, &mut draft);
    bounce(learned, &mut draft);
    longest(learned, &mut draft);
    shortest(learned, &mut draft);
    interval(learned, meter, &mut draft);
    (draft.settings, draft.changes)
}

/// Settings that are being changed.
struct Draft<'a> {
    wave: &'a Wave,
    present: TunedSettings,
    settings: TunedSettings,
    changes: Vec<Change>,
}

impl Draft<'_> {
    /// Changes a key.
    fn change(&mut self, key: &'static str, why: String, set: impl Fn(&mut TunedSettings)) {
        let mut next = self.present;
        set(&mut next);
        let (from, to) = (self.present.value(key), next.value(key));
        if from == to {
            return;
        }
        self.settings = self.settings.with(key, &next);
        let alone = self.present.with(key, &next);
        self.changes.push(Change {
            key,
            from,
            to,
            why,
            pulses_alone: count(self.wave, alone.filter).pulses,
        });
    }
}

/// Which edges count.
fn edge(learned: Learned<'_>, draft: &mut Draft<'_>) {
    let is_both = draft.present.filter.counted == CountedEdge::Both;
    let (edge, why) = match (learned.is_both, learned.is_equal) {
        (Some(true), _) if !is_both => (
            CountedEdge::Both,
            "each edge is a pulse, by the meter's face",
        ),
        (Some(false), _) if is_both => (
            CountedEdge::Rising,
            "each second edge is a pulse, by the meter's face",
        ),
        (None, false) if is_both => (CountedEdge::Rising, "each pulse has two edges, and is one"),
        _ => return,
    };
    draft.change("edge", why.to_owned(), |next| next.filter.counted = edge);
}

/// Which level is the pulse, where that can be said without a look at the wire.
fn level(learned: Learned<'_>, draft: &mut Draft<'_>) {
    if draft.present.bias == Bias::None {
        turn_to_active(learned, draft);
    }
}

/// How long a level must stay.
fn bounce(learned: Learned<'_>, draft: &mut Draft<'_>) {
    let told = learned.told;
    let present_ns = draft.present.filter.bounce_ns;
    if told.is_safe(present_ns) {
        return;
    }
    let wanted_ns = told.middle_ns();
    let bounce_ns = if told.is_safe(BOUNCE_DEFAULT_NS) {
        BOUNCE_DEFAULT_NS
    } else {
        let round_ns = round_down(wanted_ns);
        if told.is_safe(round_ns) {
            round_ns
        } else {
            wanted_ns
        }
    };
    let below = match told.below_ns {
        0 => String::new(),
        below_ns => format!("what is no pulse stays for {} at most, ", length(below_ns)),
    };
    let why = format!(
        "{below}the shortest phase of a pulse is {}",
        length(told.above_ns)
    );
    draft.change("bounce_ms", why, |next| next.filter.bounce_ns = bounce_ns);
}

/// The longest width: of steady light, or no longer than the pulses are.
fn longest(learned: Learned<'_>, draft: &mut Draft<'_>) {
    let (widest_ns, present) = (learned.widths.widest_ns, draft.present);
    let present_ns = present.filter.max_width_ns;
    if let Some(steady) = learned.steady {
        let is_right = present_ns > 2 * widest_ns && present_ns < steady.shortest_ns;
        if present_ns > 0 && is_right {
            return;
        }
        let wanted_ns = geometric_mean(widest_ns, steady.shortest_ns).min(10 * widest_ns);
        let why = format!(
            "pulses are {} wide at most, steady light lasts {} at least",
            length(widest_ns),
            length(steady.shortest_ns)
        );
        turn_to_active(learned, draft);
        draft.change("max_width_ms", why, |next| {
            next.filter.max_width_ns = round_down(wanted_ns)
        });
    } else if present_ns > 0 && widest_ns > present_ns {
        let why = format!("pulses are up to {} wide", length(widest_ns));
        draft.change("max_width_ms", why, |next| {
            next.filter.max_width_ns = if learned.widths.is_fixed {
                round_down(10 * widest_ns)
            } else {
                0
            };
        });
    }
}

/// Widths are measured at the active level, and the resistor says which that is: where they are needed and it says the
/// other one, only a line without resistor can say it.
fn turn_to_active(learned: Learned<'_>, draft: &mut Draft<'_>) {
    let active = learned.told.active;
    if !learned.told.is_active_clear || draft.settings.filter.active == active {
        return;
    }
    let why = "the width of a pulse is measured at its own level";
    if draft.present.bias != Bias::None {
        let why = format!("{why}; for a sensor that drives the line itself");
        draft.change("bias", why, |next| next.bias = Bias::None);
    }
    draft.change("active", why.to_owned(), |next| next.filter.active = active);
}

/// The shortest width: no wider than half of a pulse.
fn shortest(learned: Learned<'_>, draft: &mut Draft<'_>) {
    let (narrowest_ns, present_ns) = (
        learned.widths.narrowest_ns,
        draft.present.filter.min_width_ns,
    );
    if present_ns > 0 {
        turn_to_active(learned, draft);
    }
    if present_ns <= narrowest_ns - narrowest_ns / 6 {
        return;
    }
    let why = format!("pulses are as narrow as {}", length(narrowest_ns));
    draft.change("min_width_ms", why, |next| {
        next.filter.min_width_ns = round_down(narrowest_ns / 2);
    });
}

/// The shortest interval: below what came, and below what the meter gives at a house's full load.
fn interval(learned: Learned<'_>, meter: &MeterSettings, draft: &mut Draft<'_>) {
    let mut free = draft.settings.filter;
    free.min_interval_ns = 0;
    let seen_ns = count(learned.wave, free).shortest_interval_ns();
    let full = meter.plausible_rate();
    let full_ns = meter.worth().map(|worth| worth.apart_ns(full));
    let present_ns = draft.present.filter.min_interval_ns;
    let seen_short = seen_ns.filter(|seen_ns| present_ns > seen_ns - seen_ns / 6);
    let full_short = full_ns.filter(|full_ns| present_ns > *full_ns);
    let why = match (seen_short, full_short) {
        (Some(seen_ns), _) => format!("pulses came {} after each other", length(seen_ns)),
        (None, Some(full_ns)) => {
            let full = meter.unit.plain_rate(full);
            format!("at {full} a pulse comes each {}", length(full_ns))
        }
        (None, None) => return,
    };
    let half_seen_ns = seen_ns.map_or(i64::MAX, |seen_ns| seen_ns / 2);
    let wanted_ns = half_seen_ns
        .min(full_ns.unwrap_or(i64::MAX))
        .min(present_ns);
    draft.change("min_interval_ms", why, |next| {
        next.filter.min_interval_ns = round_down(wanted_ns);
    });
}

/// What else would be tried, and what it would have counted: single keys that people reach for first.
pub(super) fn alternatives(learned: Learned<'_>, present: TunedSettings) -> Vec<(String, u64)> {
    let mut tried: Vec<(String, TunedSettings)> = Vec::new();
    let has_chatter = learned.chatter != Chatter::default();
    if has_chatter {
        let interval_ns = round_down(learned.widths.median_ns.max(100 * NS_PER_MS));
        let mut next = present;
        next.filter.min_interval_ns = interval_ns;
        tried.push((format!("min_interval_ms = {} alone", ms(interval_ns)), next));
        let width_ns = round_down(learned.widths.narrowest_ns / 2);
        let mut next = present;
        next.filter.min_width_ns = width_ns;
        tried.push((format!("min_width_ms = {} alone", ms(width_ns)), next));
    }
    let mut next = present;
    next.filter.counted = match present.filter.counted {
        CountedEdge::Rising => CountedEdge::Falling,
        CountedEdge::Falling | CountedEdge::Both => CountedEdge::Rising,
    };
    let edge = next.filter.counted.as_str();
    tried.push((format!("edge = \"{edge}\" alone"), next));
    let counted = |(what, settings): (String, TunedSettings)| {
        (what, count(learned.wave, settings.filter).pulses)
    };
    tried.into_iter().map(counted).collect()
}

/// The level of the pulses, where the configuration has it the other way round.
pub(super) fn inverted(told: &Separation, present: &TunedSettings) -> Option<Level> {
    (told.is_active_clear && told.active != present.filter.active).then_some(told.active)
}
