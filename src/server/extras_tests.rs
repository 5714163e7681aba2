//! What points say beside the pulses.

use std::convert::Infallible;

use super::*;
use crate::config::{LoadOptions, TariffSettings, load};
use crate::energy::tariff::DynamicPrices;
use std::sync::Arc;

const HOUR_S: i64 = 3_600;

/// 1000 imp/kWh, and 500 from ten past one on.
fn extras(fields: ExtraFields) -> Extras {
    let factor = |from_s, imp_per_kwh| Factor {
        from_s,
        worth: PulseWorth::of_kwh(imp_per_kwh),
    };
    let noted = [factor(0, 1_000.0), factor(HOUR_S + 600, 500.0)];
    let history = FactorHistory::new(&noted, &[], Some(PulseWorth::of_kwh(500.0)));
    Extras {
        fields,
        histories: [("Import".to_owned(), history)].into(),
        ..Extras::default()
    }
}

const BOTH: ExtraFields = ExtraFields {
    energy: true,
    power: true,
    cost: false,
};

/// What no quarter of an hour tells.
fn untold() -> Result<Vec<(i64, i64)>, Infallible> {
    Ok(Vec::new())
}

#[test]
fn a_pulse_is_worth_what_held_when_its_quarter_began() {
    let extras = extras(BOTH);
    let worth = |at_s| extras.of_pulse("Import", WallNs::of_s(at_s));
    assert_eq!(worth(HOUR_S - 1), [(ENERGY_FIELD, 1.0)]);
    assert_eq!(worth(HOUR_S + 899), [(ENERGY_FIELD, 1.0)]);
    assert_eq!(worth(HOUR_S + 900), [(ENERGY_FIELD, 2.0)]);
    assert_eq!(extras.of_pulse("Gas", WallNs::of_s(7)), []);
}

#[test]
fn a_window_has_the_energy_of_its_pulses_and_their_mean_power() {
    let extras = extras(BOTH);
    let of = |view, start_s, pulses, quarters: &[(i64, i64)]| {
        let quarters = || Ok::<_, Infallible>(quarters.to_vec());
        let Ok(fields) = extras.of_window("Import", view, (start_s, pulses), quarters);
        fields
    };
    let want = |energy_wh, power_w| vec![(ENERGY_FIELD, energy_wh), (POWER_FIELD, power_w)];
    let five = View::FiveMinutes;
    assert_eq!(of(View::Minute, 0, 12, &[]), want(12.0, 720.0));
    assert_eq!(of(five, HOUR_S + 600, 60, &[]), want(60.0, 720.0));
    assert_eq!(of(five, HOUR_S + 900, 60, &[]), want(120.0, 1_440.0));
    assert_eq!(of(View::Hour, 0, 720, &[]), want(720.0, 720.0));
    assert_eq!(of(View::Hour, 2 * HOUR_S, 0, &[]), want(0.0, 0.0));
    // A change within is told by the quarters, where they are those of the window.
    assert_eq!(of(View::Hour, HOUR_S, 720, &[]), []);
    let quarters = [(HOUR_S, 20), (HOUR_S + 1_800, 700)];
    assert_eq!(
        of(View::Hour, HOUR_S, 720, &quarters),
        want(1_420.0, 1_420.0)
    );
    assert_eq!(of(View::Hour, HOUR_S, 721, &quarters), []);
    assert_eq!(of(View::Hour, HOUR_S, 0, &quarters), want(0.0, 0.0));
    let of_gas = extras.of_window("Gas", View::Hour, (0, 1), untold);
    assert_eq!(of_gas, Ok(Fields::new()));
}

/// By the clock of Kathmandu, which is 5:45 ahead: a kWh costs 0.30, from 06:30 to 22:00 0.50; what is fed in earns 0.08; before
/// 2026-06-20 no price is known.
const HOUSE: &str = "
[site]
time_zone = \"Asia/Kathmandu\"
[influx]
extra_fields = [\"energy_wh\", \"cost\"]
[[meter]]
name = \"Import\"
line = 20
imp_per_kwh = 500
[[meter]]
name = \"Export\"
line = 21
imp_per_kwh = 1000
[[meter]]
name = \"Generate\"
line = 22
imp_per_kwh = 1000
[[tariff]]
valid_from = 2026-06-20
price_per_kwh = 0.30
[[tariff]]
valid_from = 2026-06-20
price_per_kwh = 0.50
times = \"06:30-22:00\"
[[tariff]]
direction = \"feed_in\"
price_per_kwh = 0.08
";

/// 2026-06-20T00:00:00Z.
const DAY_S: i64 = 1_781_913_600;

fn settings() -> Settings {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("powerlogger.toml"), HOUSE).unwrap();
    let dotenv = "INFLUX_HOST=http://db:8086\nINFLUX_ORG=o\nINFLUX_TOKEN=t\n";
    std::fs::write(dir.path().join(".env"), dotenv).unwrap();
    let options = LoadOptions {
        config_dir: Some(dir.path().to_owned()),
        cwd: dir.path().to_owned(),
        ..LoadOptions::default()
    };
    let loaded = load(&options).unwrap();
    assert!(loaded.check().is_ok(), "{:?}", loaded.check());
    loaded.settings
}

/// The same, as it is after [`Extras::read`] of a journal that has noted nothing.
fn priced(tariffs: &TariffsInUse) -> Extras {
    let mut extras = Extras::new(&settings(), tariffs);
    for (meter, (dated, worth)) in &extras.configured {
        let history = FactorHistory::new(&[], dated, Some(*worth));
        extras.histories.insert(meter.clone(), history);
    }
    extras
}

/// Nothing but the cost, in thousandths.
fn cost_of(fields: &[(&str, f64)]) -> Option<f64> {
    let cost = fields.iter().find(|(name, _)| *name == COST_FIELD)?;
    Some((cost.1 * 1e3).round())
}

#[test]
fn a_pulse_costs_what_holds_in_its_quarter_and_less_than_nothing_where_it_earns() {
    let extras = priced(&TariffsInUse::new(&settings().tariffs));
    let of = |meter, at_s| cost_of(&extras.of_pulse(meter, WallNs::of_s(at_s)));
    // 2 Wh for 0.30 a kWh are 0.0006: in thousandths of ten of them.
    let ten = |meter, at_s| {
        let fields = extras.of_pulse(meter, WallNs::of_s(at_s));
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, value * 10.0))
            .collect();
        cost_of(&fields)
    };
    assert_eq!(ten("Import", DAY_S + 2_699), Some(6.0));
    assert_eq!(ten("Import", DAY_S + 2_700), Some(10.0));
    assert_eq!(ten("Export", DAY_S + 2_700), Some(-1.0));
    assert_eq!(of("Generate", DAY_S), None, "it is priced by no tariff");
    let early_s = DAY_S - 6 * HOUR_S + 899;
    assert_eq!(of("Import", early_s), None, "no price is known");
    let energy = extras.of_pulse("Import", WallNs::of_s(early_s));
    assert_eq!(energy, [(ENERGY_FIELD, 2.0)]);
}

#[test]
fn a_window_costs_what_its_quarters_cost() {
    let extras = priced(&TariffsInUse::new(&settings().tariffs));
    let of = |view, start_s, pulses, quarters: &[(i64, i64)]| {
        let quarters = || Ok::<_, Infallible>(quarters.to_vec());
        let Ok(fields) = extras.of_window("Import", view, (start_s, pulses), quarters);
        fields
    };
    let minute = of(View::Minute, DAY_S, 500, &[]);
    assert_eq!(cost_of(&minute), Some(300.0));
    assert_eq!(
        cost_of(&of(View::Hour, DAY_S + HOUR_S, 500, &[])),
        Some(500.0)
    );
    let quarters = [(DAY_S, 100), (DAY_S + 900, 100), (DAY_S + 2_700, 300)];
    assert_eq!(cost_of(&of(View::Hour, DAY_S, 500, &quarters)), Some(420.0));
    // Quarters that are not those of the window tell nothing of its cost; its energy is known.
    let untold = of(View::Hour, DAY_S, 501, &quarters);
    assert_eq!(untold, [(ENERGY_FIELD, 1_002.0)]);
    let still = of(View::Hour, DAY_S, 0, &[]);
    assert_eq!(still, [(ENERGY_FIELD, 0.0), (COST_FIELD, 0.0)]);
    // In its first quarter no price is known, which matters where that has pulses.
    let first_s = DAY_S - 6 * HOUR_S;
    let quarters = [(first_s, 1), (first_s + 900, 499)];
    assert_eq!(cost_of(&of(View::Hour, first_s, 500, &quarters)), None);
    let quarters = [(first_s, 0), (first_s + 900, 500)];
    assert_eq!(
        cost_of(&of(View::Hour, first_s, 500, &quarters)),
        Some(300.0)
    );
}

#[test]
fn prices_that_change_are_taken_up() {
    let tariffs = TariffsInUse::default();
    let mut extras = priced(&tariffs);
    let of = |extras: &Extras| cost_of(&extras.of_pulse("Export", WallNs::of_s(DAY_S)));
    assert_eq!(of(&extras), None);
    let mut now = settings().tariffs;
    tariffs.put(&now);
    extras.prices.as_mut().unwrap().read();
    assert_eq!(of(&extras), Some(0.0));
    now.feed_in = None;
    tariffs.put(&now);
    extras.prices.as_mut().unwrap().read();
    assert_eq!(of(&extras), None);
}

#[test]
fn nothing_is_told_that_is_not_asked_for() {
    let off = extras(ExtraFields::default());
    assert_eq!(off.of_pulse("Import", WallNs::of_s(7)), []);
    let of_hour = off.of_window("Import", View::Hour, (0, 1), untold);
    assert_eq!(of_hour, Ok(Fields::new()));
    let energy = extras(ExtraFields {
        energy: true,
        ..ExtraFields::default()
    });
    let of_hour = energy.of_window("Import", View::Hour, (0, 720), untold);
    assert_eq!(of_hour, Ok(vec![(ENERGY_FIELD, 720.0)]));
}

#[test]
fn a_conflict_is_about_an_extra_field_where_it_names_one() {
    let refused = |message: &str| {
        refuses_extra_fields(&Failure::Status {
            status: 422,
            message: message.to_owned(),
            retry_after: None,
            foreign: false,
        })
    };
    let conflict = |field: &str| {
        format!(
            "failure writing points to database: partial write: field type conflict: input field \"{field}\" on \
             measurement \"PowerPulse\" is type float, already exists as type integer dropped=2"
        )
    };
    for field in ExtraFields::NAMES {
        assert!(refused(&conflict(field)), "{field}");
    }
    assert!(!refused(&conflict("Pulse")) && !refused(&conflict("energy")));
    assert!(!refused(
        "partial write: points beyond retention policy, \"energy_wh\""
    ));
    assert!(!refuses_extra_fields(&Failure::Transport {
        kind: "timeout",
        message: conflict("energy_wh"),
    }));
}

#[test]
fn a_file_of_prices_that_says_nothing_takes_none_back() {
    let tariffs = |file: &str, quarters: &[i64]| {
        let mut tariffs = settings().tariffs;
        let import = tariffs.import.as_mut().unwrap();
        import.prices_file = Some(file.into());
        let prices = quarters.iter().map(|at_s| (*at_s, "1".parse().unwrap()));
        import.dynamic = Arc::new(DynamicPrices::new(prices));
        tariffs
    };
    let in_use = TariffsInUse::new(&tariffs("a", &[0]));
    let known = |at_s| {
        let tariffs = in_use.get();
        tariffs.import.as_ref().unwrap().dynamic.at(at_s).is_some()
    };
    in_use.put(&tariffs("a", &[]));
    assert!(known(0), "it is moved or broken");
    in_use.put(&tariffs("a", &[900]));
    assert!(!known(0) && known(900));
    in_use.put(&tariffs("b", &[]));
    assert!(!known(900), "another file");
    in_use.put(&TariffSettings::default());
    assert!(in_use.get().is_empty());
}
