//! By which names the meters are published, and what each had counted when what a pulse is worth last changed: a meter
//! keeps both when it is renamed, so that statistics elsewhere go on. One that counts something else is another meter. Pure.

use std::collections::BTreeSet;

use crate::journal::{MqttKept, MqttMeter};
use crate::model::Quantity;

/// A part of topics that has a meaning of its own, or is kept free for one: no meter is called so.
const RESERVED: [&str; 9] = [
    "alarm",
    "backlog",
    "conditions",
    "device",
    "problem",
    "site",
    "state",
    "status",
    "verify",
];

/// A name longer than this makes no better topic.
const SLUG_CHARS_MAX: usize = 40;

/// A configured meter, as far as it matters here.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Configured {
    /// Its name.
    pub name: String,
    /// Its line, with its chip.
    pub line: String,
    /// What it counts, as it is published.
    pub unit: Quantity,
    /// Pulses for one unit now; None: not known.
    pub pulses_per_unit: Option<f64>,
}

/// The meters with their slugs: those that were known, also under another name or with another factor, and new ones. Those
/// that are not configured keep theirs. `total`: how many pulses have ever been counted of a meter of this name; `earlier`:
/// how many of them before this run, since which a meter may have another name.
pub(super) fn remembered(
    kept: &[MqttMeter],
    configured: &[Configured],
    total: impl Fn(&str) -> i64,
    earlier: impl Fn(&str) -> i64,
) -> Vec<MqttMeter> {
    let mut all = kept.to_vec();
    let is_configured = |name: &str| configured.iter().any(|meter| meter.name == name);
    for meter in configured {
        let same = all.iter().position(|known| known.meter == meter.name);
        let renamed = || {
            all.iter().position(|known| {
                let is_left = !is_configured(&known.meter);
                is_left && known.line == meter.line && counts_the_same(known, meter)
            })
        };
        let known = same.or_else(renamed);
        match known {
            Some(at) => {
                let before = &all[at];
                let pulses = if before.meter == meter.name {
                    total(&meter.name)
                } else {
                    // This run may have counted already.
                    earlier(&meter.name)
                };
                all[at] = carried_on(before, meter, total(&before.meter), pulses);
            }
            None => all.push(MqttMeter {
                slug: free_slug(&meter.name, &all),
                meter: meter.name.clone(),
                line: meter.line.clone(),
                pulses: 0,
                amount: 0.0,
                unit: Some(meter.unit),
                pulses_per_unit: meter.pulses_per_unit,
            }),
        }
    }
    // Who is renamed next on that line is the one that is on it now.
    let is_taken = |line: &str| configured.iter().any(|meter| meter.line == line);
    let off_line = |known: &&mut MqttMeter| !is_configured(&known.meter) && is_taken(&known.line);
    all.iter_mut()
        .filter(off_line)
        .for_each(|known| known.line.clear());
    all
}

/// Whether a meter that was known may be this one by what they count; where that was not noted it may.
fn counts_the_same(known: &MqttMeter, meter: &Configured) -> bool {
    known.unit.is_none_or(|unit| meter.unit.per(unit).is_some())
}

/// A known meter, as it is configured now. `before_pulses`: what has been counted under its former name, `pulses`: under
/// this one before that.
fn carried_on(
    before: &MqttMeter,
    meter: &Configured,
    before_pulses: i64,
    pulses: i64,
) -> MqttMeter {
    let (name, line) = (meter.name.clone(), meter.line.clone());
    let is_renamed = before.meter != meter.name;
    let of_now = MqttMeter {
        slug: before.slug.clone(),
        meter: name,
        line,
        unit: Some(meter.unit),
        pulses_per_unit: meter.pulses_per_unit,
        ..before.clone()
    };
    if before_pulses < before.pulses {
        // Another journal, which counts from its own beginning.
        return MqttMeter {
            pulses: 0,
            amount: 0.0,
            ..of_now
        };
    }
    let unit = before.unit.unwrap_or(meter.unit);
    if !is_renamed && unit == meter.unit && before.pulses_per_unit == meter.pulses_per_unit {
        return of_now;
    }
    let Some(factor) = meter.unit.per(unit) else {
        // It counts something else under the same name: what it had counted is no amount of that.
        return MqttMeter {
            pulses,
            amount: 0.0,
            ..of_now
        };
    };
    match (before.pulses_per_unit, meter.pulses_per_unit) {
        (Some(_), _) => MqttMeter {
            amount: amount(before, before_pulses).unwrap_or(before.amount) * factor,
            pulses,
            ..of_now
        },
        // What came meanwhile is worth what is known first.
        (None, _) => MqttMeter {
            pulses: if is_renamed { 0 } else { before.pulses },
            amount: before.amount * factor,
            ..of_now
        },
    }
}

/// What `pulses` are in units of the meter, each pulse by what it was worth; None: that is not known.
pub(super) fn amount(meter: &MqttMeter, pulses: i64) -> Option<f64> {
    let since = (pulses - meter.pulses) as f64;
    Some(meter.amount + since / meter.pulses_per_unit?)
}

/// A name that no other meter has.
fn free_slug(name: &str, taken: &[MqttMeter]) -> String {
    let slug = slug(name);
    let is_free =
        |slug: &str| !RESERVED.contains(&slug) && taken.iter().all(|meter| meter.slug != slug);
    if is_free(&slug) {
        return slug;
    }
    let mut numbered = (2..).map(|n| format!("{slug}_{n}"));
    numbered.find(|slug| is_free(slug)).unwrap_or_default()
}

/// A name as a part of topics: small letters, digits, underscores. Home Assistant takes no others in its topics.
pub(super) fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            'ä' | 'æ' => slug.push_str("ae"),
            'ö' | 'ø' | 'œ' => slug.push_str("oe"),
            'ü' => slug.push_str("ue"),
            'ß' => slug.push_str("ss"),
            'à'..='å' => slug.push('a'),
            'è'..='ë' => slug.push('e'),
            'ì'..='ï' => slug.push('i'),
            'ò'..='õ' => slug.push('o'),
            'ù'..='û' => slug.push('u'),
            'ç' => slug.push('c'),
            'ñ' => slug.push('n'),
            _ if !slug.is_empty() && !slug.ends_with('_') => slug.push('_'),
            _ => {}
        }
    }
    slug.truncate(SLUG_CHARS_MAX);
    let slug = slug.trim_end_matches('_');
    if slug.is_empty() {
        "meter".to_owned()
    } else {
        slug.to_owned()
    }
}

/// Topics on which something may stand at the broker once `wanted` is said, and those that are to be empty then.
pub(super) fn topics(
    kept: &MqttKept,
    wanted: &BTreeSet<String>,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let gone = kept.topics.difference(wanted).cloned().collect();
    let all = kept.topics.union(wanted).cloned().collect();
    (all, gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a run finds them that has counted nothing yet.
    fn at_start(
        kept: &[MqttMeter],
        configured: &[Configured],
        total: impl Fn(&str) -> i64,
    ) -> Vec<MqttMeter> {
        remembered(kept, configured, &total, &total)
    }

    fn configured(name: &str, line: &str, pulses_per_unit: Option<f64>) -> Configured {
        Configured {
            name: name.to_owned(),
            line: line.to_owned(),
            unit: Quantity::KilowattHours,
            pulses_per_unit,
        }
    }

    fn of_gas(name: &str, line: &str) -> Configured {
        Configured {
            unit: Quantity::CubicMetres,
            ..configured(name, line, Some(100.0))
        }
    }

    fn names(all: &[MqttMeter]) -> Vec<(&str, &str)> {
        let names = all.iter();
        names
            .map(|meter| (meter.slug.as_str(), meter.meter.as_str()))
            .collect()
    }

    #[test]
    fn names_become_parts_of_topics() {
        for (name, want) in [
            ("Import", "import"),
            ("Wärmepumpe (EG)", "waermepumpe_eg"),
            ("  Gas–Zähler №1 ", "gas_zaehler_1"),
            ("#/+", "meter"),
            ("電気", "meter"),
            ("Été", "ete"),
        ] {
            assert_eq!(slug(name), want);
        }
        assert_eq!(slug(&"x y".repeat(40)).len(), SLUG_CHARS_MAX);
        let odd: Vec<Configured> = ["status", "Status!", "電", "気", "Import", "IMPORT"]
            .iter()
            .zip(1..)
            .map(|(name, line)| configured(name, &format!("GPIO{line}"), None))
            .collect();
        let all = at_start(&[], &odd, |_| 0);
        let slugs: Vec<&str> = all.iter().map(|meter| meter.slug.as_str()).collect();
        assert_eq!(
            slugs,
            [
                "status_2", "status_3", "meter", "meter_2", "import", "import_2"
            ]
        );
        assert_eq!(at_start(&all, &odd, |_| 0), all, "they stay");
    }

    #[test]
    fn a_meter_keeps_its_name_and_its_energy_when_it_is_renamed() {
        let first = [
            configured("Import", "GPIO20", Some(1_000.0)),
            configured("Export", "GPIO26", Some(1_000.0)),
        ];
        let all = at_start(&[], &first, |_| 0);
        assert_eq!(amount(&all[0], 1_500), Some(1.5));
        let renamed = [
            configured("Bezug", "GPIO20", Some(1_000.0)),
            configured("Export", "GPIO26", Some(1_000.0)),
        ];
        let total = |name: &str| if name == "Import" { 1_500 } else { 0 };
        let all = at_start(&all, &renamed, total);
        assert_eq!(names(&all), [("import", "Bezug"), ("export", "Export")]);
        assert_eq!(amount(&all[0], 0), Some(1.5), "it goes on");
        assert_eq!(amount(&all[0], 500), Some(2.0));
        // The run that renames it has counted before it was asked, under a name that had counted before, too.
        let total = |name: &str| if name == "Import" { 1_503 } else { 12 };
        let earlier = |name: &str| if name == "Import" { 1_500 } else { 5 };
        let back = [
            configured("Import", "GPIO20", Some(1_000.0)),
            configured("Export", "GPIO26", Some(1_000.0)),
        ];
        let returned = remembered(&all, &back, total, earlier);
        assert_eq!(
            names(&returned),
            [("import", "Import"), ("export", "Export")]
        );
        let energy = amount(&returned[0], 1_503).unwrap();
        assert!((energy - 1.515).abs() < 1e-9, "{energy}");
        // Both names swapped are two renamed meters that keep their own counts: the name decides.
        let swapped = [
            configured("Export", "GPIO20", Some(1_000.0)),
            configured("Bezug", "GPIO26", Some(1_000.0)),
        ];
        let again = at_start(&all, &swapped, |_| 0);
        assert_eq!(names(&again), names(&all));
    }

    #[test]
    fn a_meter_that_is_gone_keeps_its_slug_for_when_it_comes_back() {
        let both = [
            configured("Import", "GPIO20", None),
            configured("Import!", "GPIO21", None),
        ];
        let all = at_start(&[], &both, |_| 0);
        let one = at_start(&all, &both[..1], |_| 0);
        assert_eq!(one, all);
        let moved = [both[0].clone(), configured("Import!", "GPIO5", None)];
        let back = at_start(&one, &moved, |_| 0);
        assert_eq!(back[1].slug, "import_2");
        assert_eq!(back[1].line, "GPIO5");
    }

    #[test]
    fn energy_follows_no_factor_backwards() {
        let with = |pulses_per_unit| [configured("Import", "GPIO20", pulses_per_unit)];
        let unknown = at_start(&[], &with(None), |_| 0);
        assert_eq!(amount(&unknown[0], 100), None);
        let all = at_start(&unknown, &with(Some(1_000.0)), |_| 2_000);
        assert_eq!(amount(&all[0], 2_000), Some(2.0));
        let other = at_start(&all, &with(Some(500.0)), |_| 2_000);
        assert_eq!(
            amount(&other[0], 2_000),
            Some(2.0),
            "nothing of the past changes"
        );
        assert_eq!(amount(&other[0], 2_500), Some(3.0));
        let gone = at_start(&other, &with(None), |_| 3_000);
        assert_eq!(amount(&gone[0], 3_000), None);
        let lost = at_start(&other, &with(Some(500.0)), |_| 10);
        assert_eq!(
            amount(&lost[0], 10),
            Some(0.02),
            "another journal begins at 0"
        );
    }

    #[test]
    fn a_meter_that_counts_something_else_is_no_renamed_one() {
        let total = |name: &str| i64::from(name == "Generate") * 50_212;
        let solar = [configured("Generate", "GPIO21", Some(1_000.0))];
        let all = at_start(&[], &solar, |_| 0);
        let all = at_start(&all, &[of_gas("Gas", "GPIO21")], total);
        assert_eq!(names(&all), [("generate", "Generate"), ("gas", "Gas")]);
        assert_eq!(amount(&all[1], 0), Some(0.0));
        // The one on the line is renamed, whoever was on it before, also one that counts the same.
        let renamed = [of_gas("Heating", "GPIO21")];
        let all = at_start(&all, &renamed, total);
        assert_eq!(names(&all)[1], ("gas", "Heating"));
        let other = [configured("Solar", "GPIO21", Some(1_000.0))];
        let exchanged = at_start(&all, &other, total);
        assert_eq!(names(&exchanged)[2], ("solar", "Solar"));
        assert_eq!(amount(&exchanged[2], 0), Some(0.0));
        // It comes back, on another line.
        let both = [
            renamed[0].clone(),
            configured("Generate", "GPIO5", Some(1_000.0)),
        ];
        let all = at_start(&all, &both, total);
        assert_eq!(names(&all), [("generate", "Generate"), ("gas", "Heating")]);
        assert_eq!(amount(&all[0], 50_212), Some(50.212));
    }

    #[test]
    fn the_last_meter_of_a_line_is_the_one_that_is_renamed() {
        let at = |name, line| [configured(name, line, Some(1_000.0))];
        let all = at_start(&[], &at("Attic", "GPIO21"), |_| 0);
        let all = at_start(&all, &at("Barn", "GPIO5"), |_| 0);
        let all = at_start(&all, &at("Barn", "GPIO21"), |_| 0);
        let all = at_start(&all, &at("Cellar", "GPIO21"), |_| 0);
        assert_eq!(names(&all), [("attic", "Attic"), ("barn", "Cellar")]);
    }

    #[test]
    fn what_an_earlier_version_did_not_note_may_be_the_same() {
        let mut all = at_start(&[], &[configured("Import", "GPIO20", None)], |_| 0);
        all[0].unit = None;
        let all = at_start(&all, &[of_gas("Gas", "GPIO20")], |_| 0);
        assert_eq!(names(&all), [("import", "Gas")]);
        assert_eq!(all[0].unit, Some(Quantity::CubicMetres));
    }

    #[test]
    fn an_amount_is_told_in_the_unit_that_is_published() {
        let of = |unit, pulses_per_unit| {
            [Configured {
                unit,
                ..configured("Water", "GPIO20", Some(pulses_per_unit))
            }]
        };
        let litres = at_start(&[], &of(Quantity::Litres, 1.0), |_| 0);
        let cubic = of(Quantity::CubicMetres, 1_000.0);
        let all = at_start(&litres, &cubic, |_| 2_500);
        assert_eq!(amount(&all[0], 3_500), Some(3.5));
        // By the same number, too: 2,500 l, and 1 m³ more.
        let odd = at_start(&litres, &of(Quantity::CubicMetres, 1.0), |_| 2_500);
        assert_eq!(amount(&odd[0], 2_501), Some(3.5));
        // Of another kind under the same name: nothing of what was counted.
        let power = of(Quantity::KilowattHours, 1.0);
        let other = at_start(&litres, &power, |_| 2_500);
        assert_eq!(names(&other), [("water", "Water")]);
        assert_eq!(amount(&other[0], 2_501), Some(1.0));
    }

    #[test]
    fn what_is_gone_is_told_from_what_is_to_stand() {
        let set = |topics: &[&str]| topics.iter().map(|t| (*t).to_owned()).collect();
        let kept = MqttKept {
            topics: set(&["a", "b"]),
            ..MqttKept::default()
        };
        let (all, gone) = topics(&kept, &set(&["b", "c"]));
        assert_eq!((all, gone), (set(&["a", "b", "c"]), set(&["a"])));
    }
}
