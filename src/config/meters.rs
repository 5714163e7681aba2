//! The meters: those of `powerlogger.toml`, else the three of the Python edition. Pure.

use super::keys::{METER_KEYS, as_written};
use super::merge::Values;
use super::problem::{Origin, Value};
use super::raw::MeterValues;
use super::resolve::{choice, flag, number};
use super::seconds;
use super::unique::check_unique;
use super::{FilterSettings, LineName, LineSettings, MeterSettings, line_name};
use crate::model::{Bias, CountedEdge, Level};

/// More than any board has lines for.
const METERS_MAX: usize = 64;

/// Filter times above this are a mistake in the unit.
const TIME_MAX_MS: f64 = 60_000.0;

/// The kernel keeps a debounce period in 32 bits of microseconds; more than a second is a mistake.
const KERNEL_DEBOUNCE_MAX_MS: f64 = 1_000.0;

/// A bounce time above this swallows pulses that meters really give (S0 outputs: 30 ms and more,
/// LEDs: 10 ms and more).
const BOUNCE_COSTLY_MS: f64 = 10.0;

/// What a house draws with three phases of 35 A, in watts. A meter that cannot count so much is worth a note.
const HOUSE_W: f64 = 24_000.0;

/// The Python edition's meters and the keys that name their lines.
const CLASSIC: [(&str, &str); 3] = [
    ("Import", "GPIO_IMPORT_PIN"),
    ("Export", "GPIO_EXPORT_PIN"),
    ("Generate", "GPIO_GENERATE_PIN"),
];

/// The meters' values, all keys filled in, and the meters themselves.
pub fn resolve(values: &mut Values) -> Vec<(MeterValues, MeterSettings)> {
    let written = std::mem::take(&mut values.meters);
    let written = if written.is_empty() {
        classic(values)
    } else {
        overridden(values, written)
    };
    if written.len() > METERS_MAX {
        let message = format!(
            "{} meters, at most {METERS_MAX} are possible",
            written.len()
        );
        values.complain(&Origin::Toml(written[METERS_MAX].0), message);
    }
    let common = common(values);
    let mut meters: Vec<(MeterValues, MeterSettings)> = Vec::new();
    for (line, own) in written {
        let mut filled = common.clone();
        filled.extend(own);
        let meter = meter(values, line, &filled);
        check_unique(values, line, &meter, &filled, &meters);
        meters.push((filled, meter));
    }
    meters
}

/// Import, Export and Generate on the lines of the Python edition.
fn classic(values: &Values) -> Vec<(usize, MeterValues)> {
    let meter = |(name, pin): (&str, &str)| {
        let name = Value {
            text: name.to_owned(),
            origin: Origin::Default,
        };
        let line = values.get(pin).expect("it has a default").clone();
        (0, MeterValues::from([("name", name), ("line", line)]))
    };
    CLASSIC.into_iter().map(meter).collect()
}

/// `[[meter]]` tables replace the three; keys for the lines of those then say nothing.
fn overridden(
    values: &mut Values,
    written: Vec<(usize, MeterValues)>,
) -> Vec<(usize, MeterValues)> {
    for (_, pin) in CLASSIC {
        if let Some(value) = values.set(pin) {
            let note = format!(
                "{}: {pin} is ignored: powerlogger.toml lists the meters",
                value.origin
            );
            values.notes.push(note);
        }
    }
    written
}

/// What holds for every meter that does not say otherwise.
fn common(values: &mut Values) -> MeterValues {
    let mut common: MeterValues = METER_KEYS
        .iter()
        .filter(|(_, default)| !default.is_empty())
        .map(|(name, default)| {
            (
                *name,
                Value {
                    text: (*default).to_owned(),
                    origin: Origin::Default,
                },
            )
        })
        .collect();
    let mut take = |env: &str, name: &'static str, scale: f64| {
        let Some(value) = values.set(env).cloned() else {
            return;
        };
        let text = if scale == 1.0 {
            value.text.clone()
        } else {
            // Seconds in the Python edition's keys, milliseconds in ours.
            match seconds::parse(env, &value.text) {
                Ok(number) => {
                    if let Some(note) = seconds::in_doubt(env, number) {
                        values.note(format!("{}: {note}", value.origin));
                    }
                    (number * scale).to_string()
                }
                Err(why) => {
                    values.complain(&value.origin, why);
                    return;
                }
            }
        };
        common.insert(
            name,
            Value {
                text,
                origin: value.origin,
            },
        );
    };
    take("GPIO_ENQUEUE_EDGES", "edge", 1.0);
    take("GPIO_BOUNCE_TIME", "bounce_ms", 1_000.0);
    take("GPIO_MIN_PULSE_INTERVAL", "min_interval_ms", 1_000.0);
    take("GPIO_ACTIVE_STATE", "active", 1.0);
    take("GPIO_PULL", "bias", 1.0);
    if let (None, Some(old)) = (values.set("GPIO_PULL"), values.set("GPIO_PULL_UP").cloned()) {
        let up = flag(values, "GPIO_PULL_UP", &old);
        let text = if up { "up" } else { "down" }.to_owned();
        common.insert(
            "bias",
            Value {
                text,
                origin: old.origin,
            },
        );
    }
    common
}

/// One meter from its values; what is wrong is told, and something lawful put in its place.
fn meter(values: &mut Values, begin: usize, own: &MeterValues) -> MeterSettings {
    let here = Origin::Toml(begin);
    let name = own
        .get("name")
        .map_or_else(String::new, |value| value.text.clone());
    let origin = own.get("name").map_or(&here, |value| &value.origin);
    if let Err(why) = check_name(&name) {
        values.complain(origin, format!("a meter's name {why}"));
    }
    let chip = own.get("chip").map(|value| value.text.clone());
    let line = match own.get("line") {
        Some(value) => line_name::parse(&value.text, chip.is_some()).unwrap_or_else(|why| {
            values.complain(&value.origin, why);
            LineName::Number(0)
        }),
        None => {
            values.complain(
                &here,
                format!("meter \"{name}\" has no line (such as line = 20)"),
            );
            LineName::Number(0)
        }
    };
    let bias = choice(values, "bias", &own["bias"], BIASES).unwrap_or(Bias::Up);
    let debounce = &own["kernel_debounce_ms"];
    let kernel_ms = number(
        values,
        "kernel_debounce_ms",
        debounce,
        0.0..=KERNEL_DEBOUNCE_MAX_MS,
    );
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 1e6"
    )]
    let kernel_debounce_us = (kernel_ms * 1_000.0).round() as u32;
    let imp = own.get("imp_per_kwh").cloned();
    let imp_per_kwh = imp.map(|value| number(values, "imp_per_kwh", &value, 0.001..=1_000_000.0));
    let filter = filter(values, &name, bias, own);
    let line = LineSettings {
        chip,
        line,
        bias,
        kernel_debounce_us,
    };
    let max_power = &own["max_power_kw"];
    let max_power_kw = number(values, "max_power_kw", max_power, 0.1..=1_000_000.0);
    let meter = MeterSettings {
        name,
        line,
        filter,
        imp_per_kwh,
        max_power_w: max_power_kw * 1_000.0,
    };
    note_bound(values, &meter, own);
    meter
}

fn filter(values: &mut Values, name: &str, bias: Bias, own: &MeterValues) -> FilterSettings {
    let counted = choice(values, "edge", &own["edge"], EDGES).unwrap_or(CountedEdge::Rising);
    let mut time_ms = |key: &str| number(values, key, &own[key], 0.0..=TIME_MAX_MS);
    let bounce_ms = time_ms("bounce_ms");
    let (width_ms, interval_ms) = (time_ms("min_width_ms"), time_ms("min_interval_ms"));
    let longest_ms = time_ms("max_width_ms");
    check_longest(values, own, longest_ms, width_ms.max(bounce_ms));
    if bounce_ms > BOUNCE_COSTLY_MS {
        let (origin, of) = (&own["bounce_ms"].origin, format!("meter \"{name}\""));
        let of = if origin.is_env() {
            "meters"
        } else {
            of.as_str()
        };
        let note = format!(
            "{origin}: {}: pulses shorter than {bounce_ms} ms are not counted of {of} (S0 outputs and LEDs \
             give 10 to 120 ms, reed contacts more)",
            as_written("bounce_ms", origin)
        );
        values.note(note);
    }
    FilterSettings {
        counted,
        active: active(values, bias, own),
        bounce_ns: ns(bounce_ms),
        min_width_ns: ns(width_ms),
        max_width_ns: ns(longest_ms),
        min_interval_ns: ns(interval_ms),
    }
}

const BIASES: &[(&str, Bias)] = &[("up", Bias::Up), ("down", Bias::Down), ("none", Bias::None)];
const EDGES: &[(&str, CountedEdge)] = &[
    ("rising", CountedEdge::Rising),
    ("falling", CountedEdge::Falling),
    ("both", CountedEdge::Both),
];
const LEVELS: &[(&str, Level)] = &[("high", Level::High), ("low", Level::Low)];

/// The level while the meter's output is active: it works against the resistor. Without one it
/// has to be said; most outputs are open collectors, which pull low.
fn active(values: &mut Values, bias: Bias, own: &MeterValues) -> Level {
    let said = own.get("active").cloned();
    let said = said.map(|value| (choice(values, "active", &value, LEVELS), value.origin));
    let by_bias = match bias {
        Bias::Up => Level::Low,
        Bias::Down => Level::High,
        Bias::None => return said.and_then(|(level, _)| level).unwrap_or(Level::Low),
    };
    if let Some((Some(level), origin)) = said {
        if level != by_bias {
            let note = format!(
                "{origin}: the active level follows the bias (here: {}); \"active\" counts with \
                 bias \"none\" only",
                if by_bias == Level::Low { "low" } else { "high" }
            );
            values.note(note);
        }
    }
    by_bias
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

/// A longest width below the shortest would reject every pulse.
fn check_longest(values: &mut Values, own: &MeterValues, longest_ms: f64, shortest_ms: f64) {
    if longest_ms > 0.0 && longest_ms <= shortest_ms {
        let message = format!(
            "max_width_ms = {longest_ms} lets no pulse through: bounce_ms and min_width_ms ask for more \
             than {shortest_ms} ms (0: any width)"
        );
        values.complain(&own["max_width_ms"].origin, message);
    }
}

/// Says what power cannot be counted, where that is less than a house draws.
fn note_bound(values: &mut Values, meter: &MeterSettings, own: &MeterValues) {
    let Some(most_w) = meter.countable_w().filter(|most_w| *most_w < HOUSE_W) else {
        return;
    };
    let (key, most_kw) = (meter.bounding_key(), most_w / 1_000.0);
    let (origin, text) = (&own[key].origin, &own[key].text);
    let written = as_written(key, origin);
    let note = format!(
        "{origin}: {written} ({text} ms) lets no more than {most_kw:.1} kW of meter \"{}\" be counted at {} \
         imp/kWh: a smaller {written} counts more",
        meter.name,
        meter.imp_per_kwh.unwrap_or_default()
    );
    values.note(note);
}

/// Milliseconds as nanoseconds.
fn ns(ms: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "at most a minute")]
    let ns = (ms * 1e6).round() as i64;
    ns
}
