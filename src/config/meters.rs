//! `[[meter]]`: what is counted. Without any the three of the Python edition are.

use super::classic;
use super::given::Given;
use super::key::{Key, key};
use super::problem::{ConfigPart, Origin};
use super::section::Section;
use super::unique::check_unique;
use super::{FilterSettings, LineName, LineSettings, MeterSettings, line_name, worth};
use crate::model::{Bias, CountedEdge, FaceDigits, Level, Role};

/// More than any board has lines for.
const METERS_MAX: usize = 64;

/// Filter times above this are a mistake in the unit.
const TIME_MAX_MS: f64 = 60_000.0;

/// The kernel keeps a debounce period in 32 bits of microseconds; more than a second is a mistake.
const KERNEL_DEBOUNCE_MAX_MS: f64 = 1_000.0;

/// A bounce time above this swallows pulses that meters really give (S0 outputs: 30 ms and more,
/// LEDs: 10 ms and more).
const BOUNCE_COSTLY_MS: f64 = 10.0;

const BIASES: &[(&str, Bias)] = &[("up", Bias::Up), ("down", Bias::Down), ("none", Bias::None)];
const EDGES: &[(&str, CountedEdge)] = &[
    ("rising", CountedEdge::Rising),
    ("falling", CountedEdge::Falling),
    ("both", CountedEdge::Both),
];
const LEVELS: &[(&str, Level)] = &[("high", Level::High), ("low", Level::Low)];

pub(super) const ROLES: &[(&str, Option<Role>)] = &[
    ("import", Some(Role::Import)),
    ("export", Some(Role::Export)),
    ("generate", Some(Role::Generation)),
    ("none", None),
];

/// Reads the meters.
pub(super) fn read(root: &mut Section<'_>) -> Vec<MeterSettings> {
    let classic = classic::read(root);
    let mut written = root.take_tables("meter");
    if written.is_empty() {
        written = classic.meters();
    } else {
        classic.note_ignored(root);
    }
    if written.len() > METERS_MAX {
        let message = format!(
            "{} meters, at most {METERS_MAX} are possible",
            written.len()
        );
        root.problem(&Origin::Toml(written[METERS_MAX].line), message);
    }
    let mut meters: Vec<MeterSettings> = Vec::new();
    for table in written {
        let meter = root.entry("meter", ConfigPart::Counting, table, |s| {
            let meter = meter(s);
            check_unique(s, &meter, &meters);
            meter
        });
        meters.push(meter);
    }
    meters
}

/// One meter; what is wrong is told, and something that is allowed put in its place.
fn meter(s: &mut Section<'_>) -> MeterSettings {
    let name = name(s);
    let line = s.text_if_set(key("line", "GPIO number or a line's name"));
    let chip = s.text_if_set(key("chip", "label, name or path of the chip"));
    let chip = chip.map(|chip| chip.text);
    let line = line_name(s, &name, line, chip.is_some());
    let role = key("role", "what it is to the house; unless set: by its name");
    let role = match s.choice_if_set(role, ROLES) {
        Some(role) => role,
        None => Role::of_name(&name),
    };
    let bias = s.choice(key("bias", "resistor").env("GPIO_PULL"), BIASES);
    let filter = filter(s, &name, bias);
    let line = LineSettings {
        chip,
        line,
        bias,
        kernel_debounce_us: kernel_debounce_us(s),
    };
    let worth = worth::read(s);
    let role = worth::checked_role(s, worth.unit, role);
    let meter = MeterSettings {
        name,
        role,
        line,
        filter,
        unit: worth.unit,
        pulses_per_unit: worth.pulses_per_unit,
        factors_since: worth.since,
        register_digits: register_digits(s),
        max_rate: worth.max_rate,
    };
    note_bound(s, &meter);
    meter
}

fn name(s: &mut Section<'_>) -> String {
    let given = s.text_if_set(key("name", "the tag PulseType"));
    let (name, origin) = given.map_or_else(
        || (String::new(), s.begin()),
        |given| (given.text, given.origin),
    );
    if let Err(why) = check_name(&name) {
        s.problem(&origin, format!("a meter's name {why}"));
    }
    name
}

fn line_name(s: &mut Section<'_>, meter: &str, line: Option<Given>, has_chip: bool) -> LineName {
    let Some(line) = line else {
        let message = format!("meter \"{meter}\" has no line (such as line = 20)");
        s.problem(&s.begin(), message);
        return LineName::WRONG;
    };
    line_name::parse(&line.text, has_chip).unwrap_or_else(|why| {
        s.problem(&line.origin, why);
        LineName::WRONG
    })
}

fn kernel_debounce_us(s: &mut Section<'_>) -> u32 {
    let key = key(
        "kernel_debounce_ms",
        "the kernel debounces: what it rejects is not seen",
    );
    let ms = s.number(key, 0.0, 0.0..=KERNEL_DEBOUNCE_MAX_MS);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 1e6"
    )]
    let us = (ms * 1_000.0).round() as u32;
    us
}

fn filter(s: &mut Section<'_>, name: &str, bias: Bias) -> FilterSettings {
    let edge = key("edge", "transitions that count").env("GPIO_ENQUEUE_EDGES");
    let counted = s.choice(edge, EDGES);
    let active = active(s, bias);
    let mut time_ms = |key: Key, default: f64| s.number(key, default, 0.0..=TIME_MAX_MS);
    let bounce = key("bounce_ms", "how long a level must stay to count");
    let bounce_ms = time_ms(bounce.env_in_seconds("GPIO_BOUNCE_TIME"), 5.0);
    let shortest = key("min_width_ms", "the shortest active phase that is a pulse");
    let min_width_ms = time_ms(shortest, 0.0);
    let longest = key(
        "max_width_ms",
        "the longest active phase that is a pulse; 0: any",
    );
    let max_width_ms = time_ms(longest, 0.0);
    let interval = key("min_interval_ms", "the shortest time between two pulses");
    let min_interval_ms = time_ms(interval.env_in_seconds("GPIO_MIN_PULSE_INTERVAL"), 30.0);
    check_longest(s, max_width_ms, min_width_ms.max(bounce_ms));
    note_bounce(s, name, bounce_ms);
    FilterSettings {
        counted,
        active,
        bounce_ns: ns(bounce_ms),
        min_width_ns: ns(min_width_ms),
        max_width_ns: ns(max_width_ms),
        min_interval_ns: ns(min_interval_ms),
    }
}

/// The level while the meter's output is active: it works against the resistor. Without one it
/// has to be said; most outputs are open collectors, which pull low.
fn active(s: &mut Section<'_>, bias: Bias) -> Level {
    let active = key(
        "active",
        "level while the output is active; with bias none only",
    );
    let said = s.choice_if_set(active.env("GPIO_ACTIVE_STATE"), LEVELS);
    let by_bias = match bias {
        Bias::Up => Level::Low,
        Bias::Down => Level::High,
        Bias::None => return said.unwrap_or(Level::Low),
    };
    if said.is_some_and(|level| level != by_bias) {
        let note = format!(
            "{}: the active level follows the bias (here: {}); \"active\" counts with bias \"none\" only",
            written(s, "active").origin,
            if by_bias == Level::Low { "low" } else { "high" }
        );
        s.note(note);
    }
    by_bias
}

/// A value of the meter that has been read, as it was written.
fn written(s: &Section<'_>, name: &'static str) -> Given {
    s.given(name).unwrap_or_else(|| Given {
        text: String::new(),
        origin: s.begin(),
        name,
    })
}

/// The digits of the meter's face.
fn register_digits(s: &mut Section<'_>) -> Option<FaceDigits> {
    let digits = key(
        "register_digits",
        "digits of the face, such as 6.1: six before the point and one behind it",
    );
    let given = s.text_if_set(digits)?;
    match given.text.parse() {
        Ok(digits) => Some(digits),
        Err(why) => {
            s.complain(&given, why);
            None
        }
    }
}

/// A longest width below the shortest would reject every pulse.
fn check_longest(s: &mut Section<'_>, longest_ms: f64, shortest_ms: f64) {
    if longest_ms > 0.0 && longest_ms <= shortest_ms {
        let message = format!(
            "max_width_ms = {longest_ms} lets no pulse through: bounce_ms and min_width_ms ask for more \
             than {shortest_ms} ms (0: any width)"
        );
        s.problem(&written(s, "max_width_ms").origin, message);
    }
}

/// Says which pulses a long bounce time costs.
fn note_bounce(s: &mut Section<'_>, meter: &str, bounce_ms: f64) {
    if bounce_ms <= BOUNCE_COSTLY_MS {
        return;
    }
    let Given { origin, name, .. } = written(s, "bounce_ms");
    let of = if origin.is_env() {
        "meters".to_owned()
    } else {
        format!("meter \"{meter}\"")
    };
    let note = format!(
        "{origin}: {name}: pulses shorter than {bounce_ms} ms are not counted of {of} (S0 outputs and LEDs \
         give 10 to 120 ms, reed contacts more)"
    );
    s.note(note);
}

/// Says what cannot be counted, where that is less than can be expected.
fn note_bound(s: &mut Section<'_>, meter: &MeterSettings) {
    let wanted = meter.plausible_rate();
    let Some((most, worth)) = meter.countable_rate().zip(meter.worth()) else {
        return;
    };
    if most >= wanted {
        return;
    }
    let Given { text, origin, name } = written(s, meter.bounding_key());
    let note = format!(
        "{origin}: {name} ({text} ms) lets no more than {} of meter \"{}\" be counted at {}: a smaller {name} \
         counts more",
        meter.unit.shown_rate(most),
        meter.name,
        worth,
    );
    s.note(note);
}

/// What line protocol can carry, and people can read.
fn check_name(name: &str) -> Result<(), &'static str> {
    if name.trim().is_empty() {
        Err("is missing: name = \"…\"")
    } else if name.chars().any(char::is_control) {
        Err("may not hold control characters")
    } else if name.contains('\\') {
        Err("may not hold a backslash: line protocol cannot carry it safely")
    } else {
        Ok(())
    }
}

/// Milliseconds as nanoseconds.
fn ns(ms: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "at most a minute")]
    let ns = (ms * 1e6).round() as i64;
    ns
}
