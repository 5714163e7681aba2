//! From a wave to the report. Pure.

use super::catalogue::likely;
use super::count::{FilterCount, count};
use super::finding::Finding;
use super::histogram::{Class, histogram};
use super::recommend::{Learned, alternatives, inverted, recommend};
use super::report::{LineReport, Recommended, Subject, Tried};
use super::separation::{Separation, separate};
use super::settings::TunedSettings;
use super::signs::{Chatter, Hum, Widths, chatter, equal_mark_space, hum, widths};
use super::wave::{Wave, WavePhase};
use super::worth::Worth;
use crate::config::MeterSettings;
use crate::model::{CountedEdge, Level, LossCause, NS_PER_S};

/// Below this there is no rhythm.
const REGULARITY_MIN: f64 = 0.6;

/// Fewer pulses have no rhythm that could be told.
const PULSES_MIN: usize = 3;

/// Less regular pulses, or fewer, leave a doubt.
const SURE: f64 = 0.85;
const SURE_PULSES: usize = 10;

/// So many phases are drawn.
const PIECE_PHASES: usize = 160;

/// What is told apart, where anything is.
struct Told {
    separation: Separation,
    widths: Widths,
    steady: Option<super::signs::SteadyPhases>,
    chatter: Chatter,
    /// Mark and space are equal; whether at different loads.
    equal: Option<bool>,
}

/// Looks at a wave and says what is to be said.
pub fn diagnose(wave: &Wave, subject: Subject<'_>) -> LineReport {
    let meter = subject.meter;
    let present = TunedSettings::of(meter);
    let counted = count(wave, present.filter);
    let hum = hum(wave);
    let told = tell(wave, meter, hum);
    let is_rhythm = |told: &&Told| {
        told.separation.regularity >= REGULARITY_MIN && told.separation.pulses >= PULSES_MIN
    };
    let sure = told.as_ref().filter(is_rhythm);
    let is_both = sure.and_then(|told| face_says(wave, subject, told));
    let learned = sure.map(|told| Learned {
        wave,
        told: &told.separation,
        widths: &told.widths,
        steady: told.steady,
        chatter: told.chatter,
        is_equal: told.equal.is_some(),
        is_both,
    });
    let recommended = learned.map(|learned| better(learned, meter));
    let best = recommended.as_ref().map_or(&counted, |one| &one.counted);
    let others = learned.map_or_else(Vec::new, |learned| alternatives(learned, present));
    let active = sure.map_or(present.filter.active, |told| told.separation.active);
    let worth = subject
        .known()
        .and_then(|evidence| Worth::of(best, evidence));
    LineReport {
        meter: meter.name.clone(),
        line: meter.line.line.to_string(),
        watched_s: wave.watched_ns() as f64 / NS_PER_S as f64,
        edges: wave.edge_count() as u64,
        missed: wave.missed,
        findings: findings(wave, subject, hum, told.as_ref(), (&counted, best)),
        active_phases: lengths(wave, active),
        rest_phases: lengths(wave, active.inverted()),
        intervals: intervals(best),
        piece: piece(wave),
        others: others
            .into_iter()
            .map(|(what, pulses)| Tried { what, pulses })
            .collect(),
        likely: sure.map_or_else(Vec::new, |told| likely(&told.widths, meter.worth())),
        pulses: sure.map(|told| told.widths.clone()),
        worth,
        unit: meter.unit,
        pulses_per_unit: meter.pulses_per_unit,
        imp_per_kwh: meter.imp_per_kwh(),
        present,
        recommended,
        counted,
    }
}

/// What is recommended, and what it counts.
fn better(learned: Learned<'_>, meter: &MeterSettings) -> Recommended {
    let (settings, changes) = recommend(learned, meter);
    let with = MeterSettings {
        filter: settings.filter,
        ..meter.clone()
    };
    let countable = with.countable_rate();
    let told = learned.told;
    Recommended {
        counted: count(learned.wave, settings.filter),
        settings,
        changes,
        countable_w: countable.filter(|_| with.unit.is_electric()),
        countable_rate: countable,
        is_bound: countable.is_some_and(|most| most < with.plausible_rate()),
        is_sure: told.regularity >= SURE && told.pulses >= SURE_PULSES,
    }
}

/// How long the phases at a level are, as they came.
fn lengths(wave: &Wave, level: Level) -> Vec<Class> {
    let phases = wave.phases().into_iter();
    let of_level = phases.filter(|phase| phase.is_whole && phase.level == level);
    histogram(of_level.map(|phase| phase.length_ns))
}

/// Tells pulses from the rest. Where the mains hum, no phase of it can be a pulse.
fn tell(wave: &Wave, meter: &MeterSettings, hum: Option<Hum>) -> Option<Told> {
    let longer_than_ns = hum.map_or(0, |hum| NS_PER_S / i64::from(hum.hz));
    let separation = separate(wave, meter.filter.active, longer_than_ns)?;
    // Everything up to the longest phase that is not accepted is chatter.
    let bounce_ns = separation.below_ns + i64::from(separation.below_ns > 0);
    let (widths, steady) = widths(wave, &separation, bounce_ns);
    Some(Told {
        equal: equal_mark_space(wave, separation.active, bounce_ns),
        chatter: chatter(wave, bounce_ns),
        widths,
        steady,
        separation,
    })
}

/// Whether each edge is a pulse, where mark and space are equal and what is known of load or face says so.
fn face_says(wave: &Wave, subject: Subject<'_>, told: &Told) -> Option<bool> {
    told.equal?;
    let (evidence, meter) = (subject.known()?, subject.meter);
    let factor = meter.imp_per_kwh().or(meter.pulses_per_unit)?;
    let mut single = subject.meter.filter;
    single.counted = CountedEdge::Rising;
    single.bounce_ns = told.separation.below_ns;
    (
        single.min_width_ns,
        single.max_width_ns,
        single.min_interval_ns,
    ) = (0, 0, 0);
    let worth = Worth::of(&count(wave, single), evidence)?;
    let is_one = worth.may_be(factor);
    let is_each = worth.times(2.0).may_be(factor);
    (is_one != is_each).then_some(is_each)
}

/// What was found, the most important first.
fn findings(
    wave: &Wave,
    Subject {
        meter,
        is_debounced,
        ..
    }: Subject<'_>,
    hum: Option<Hum>,
    told: Option<&Told>,
    (counted, best): (&FilterCount, &FilterCount),
) -> Vec<Finding> {
    let bias = meter.line.bias;
    let mut found = Vec::new();
    if wave.edge_count() == 0 {
        let level = wave
            .stretches
            .last()
            .map_or(Level::High, |stretch| stretch.level);
        let is_active = level == meter.filter.active;
        return vec![Finding::Silent {
            level,
            is_active,
            bias,
        }];
    }
    found.extend(hum.map(|hum| Finding::Hum { hum, bias }));
    match told {
        Some(told) if told.separation.pulses >= PULSES_MIN => {
            if told.separation.regularity >= REGULARITY_MIN {
                of_pulses(wave, meter, told, (counted, best), &mut found);
            } else if hum.is_none() {
                found.push(Finding::Random { bias });
            }
        }
        _ if hum.is_some() => {}
        told => found.push(Finding::TooFew {
            pulses: told.map_or(0, |told| told.separation.pulses),
        }),
    }
    if is_debounced {
        found.push(Finding::KernelDebounce);
    }
    if wave.missed > 0 {
        found.push(Finding::Missed { edges: wave.missed });
    }
    found
}

/// What is to be said where the pulses are known.
fn of_pulses(
    wave: &Wave,
    meter: &MeterSettings,
    told: &Told,
    (counted, best): (&FilterCount, &FilterCount),
    found: &mut Vec<Finding>,
) {
    let before = found.len();
    let (filter, widths, chatter) = (meter.filter, &told.widths, told.chatter);
    let present = TunedSettings::of(meter);
    if filter.bounce_ns > widths.narrowest_ns {
        found.push(Finding::ShorterThanBounce(widths.clone()));
    }
    if let Some(steady) = told.steady {
        found.push(Finding::SteadyLight(steady));
    }
    if chatter.hovers > 0 {
        found.push(Finding::Hovers(chatter));
    }
    if chatter.bounced > 0 {
        found.push(Finding::Bounces(chatter));
    }
    if chatter.spikes > 0 {
        found.push(Finding::Spikes(chatter));
    }
    if let Some(at_loads) = told.equal {
        found.push(Finding::EqualMarkSpace {
            cycles: told.widths.pulses,
            at_loads,
        });
    } else if filter.counted == CountedEdge::Both {
        found.push(Finding::CountedTwice);
    }
    if let Some(active) = inverted(&told.separation, &present) {
        found.push(Finding::Inverted {
            active,
            bias: meter.line.bias,
        });
    }
    if counted.rejected_for(LossCause::Width) > 0 && filter.min_width_ns > widths.narrowest_ns {
        found.push(Finding::Narrow(widths.clone()));
    }
    if filter.max_width_ns > 0 && filter.max_width_ns < widths.widest_ns {
        found.push(Finding::Wide(widths.clone()));
    }
    if let Some(interval_ns) = too_close(wave, meter, best) {
        found.push(Finding::TooClose { interval_ns });
    }
    if found.len() == before {
        found.push(Finding::Clean(widths.clone()));
    }
}

/// The shortest interval between true pulses, where the present filter takes them for too close.
fn too_close(wave: &Wave, meter: &MeterSettings, best: &FilterCount) -> Option<i64> {
    let shortest_ns = best.shortest_interval_ns()?;
    let is_rejecting = count(wave, meter.filter).rejected_for(LossCause::Interval) > 0;
    (is_rejecting && shortest_ns < meter.filter.min_interval_ns).then_some(shortest_ns)
}

fn intervals(counted: &FilterCount) -> Vec<Class> {
    histogram(counted.stamps.windows(2).map(|pair| pair[1] - pair[0]))
}

/// The first phases, for a drawing.
fn piece(wave: &Wave) -> Vec<WavePhase> {
    let longest = wave
        .stretches
        .iter()
        .max_by_key(|stretch| stretch.edges.len());
    let Some(stretch) = longest else {
        return Vec::new();
    };
    let one = Wave {
        stretches: vec![stretch.clone()],
        ..Wave::default()
    };
    one.phases().into_iter().take(PIECE_PHASES).collect()
}
