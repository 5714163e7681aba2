//! What a person wants to know first, as a table: power now, energy of today, yesterday and this month, registers.

use crate::answers::money::Money;
use crate::answers::now::NowAnswer;
use crate::answers::overview::{
    EnergyAnswer, HouseEnergy, HouseOverview, MeterEnergy, MeterOverview, Overview,
};
use crate::cli::asking::answer;
use crate::cli::numbers::{count, grouped_decimal, grouped_to};
use crate::cli::paint::Glyphs;
use crate::cli::table::{Column, Table};
use crate::cli::time;
use crate::config::Loaded;
use crate::energy::periods::Calendar;
use crate::journal::{Grain, JournalError, Reader};
use crate::model::{NS_PER_S, Quantity, View, WallNs};
use crate::status::Status;

/// How far back [`last_hour`] goes, in windows of a minute.
const MINUTES: i64 = 60;

/// What is known. `is_answered`: a daemon has answered, and is asked for this, too; `is_quiet`: that it does not answer is not told.
pub(super) fn overview(
    loaded: &Loaded,
    status: &Status,
    (is_answered, is_quiet): (bool, bool),
) -> Option<Overview> {
    let answered = || {
        let now: NowAnswer = answer("/api/v1/now", loaded, is_quiet)?;
        let day = "/api/v1/energy?period=day&compare=previous";
        let day: EnergyAnswer = answer(day, loaded, is_quiet)?;
        let month = "/api/v1/energy?period=month";
        let month: EnergyAnswer = answer(month, loaded, is_quiet)?;
        Overview::of_answers(&now, &day, &month)
    };
    let answered = is_answered.then(answered).flatten();
    // A journal of another version may be without what this asks for: the rest is shown all the same.
    answered.or_else(|| of_journal(loaded, status).ok())
}

fn of_journal(loaded: &Loaded, status: &Status) -> Result<Overview, JournalError> {
    let settings = &loaded.settings;
    let mut reader = Reader::open(&settings.journal.dir)?;
    let at_ns = match status.simulated {
        // Made-up pulses have a time of their own: where it stands still.
        true => last_known_ns(&reader, status)?,
        false => status.at_ns,
    };
    let calendar = Calendar::new(settings.site.zone());
    Overview::of_journal(&mut reader, settings, &calendar, at_ns)
}

/// The last moment that a journal tells of.
fn last_known_ns(reader: &Reader, status: &Status) -> Result<WallNs, JournalError> {
    let pulses = status.meters.iter().filter_map(|meter| meter.last_pulse_ns);
    let watched = reader.watched_until_s()?;
    // What is watched until midnight is of the day before.
    let watched = watched.values().map(|until_s| WallNs::of_s(*until_s) - 1);
    Ok(pulses.chain(watched).max().unwrap_or(status.at_ns))
}

/// Mean power or flow of each minute of the last hour, by meter, in the unit of its rate; None: not watched. Empty: what a pulse is worth is not
/// known.
pub(super) fn last_hour(
    loaded: &Loaded,
    overview: &Overview,
) -> Result<Vec<Vec<Option<f64>>>, JournalError> {
    let width_s = View::Minute.width_s();
    let to_s = View::Minute.floor_s(overview.at_ns.s());
    let mut reader = Reader::open(&loaded.settings.journal.dir)?;
    let starts_s: Vec<i64> = (-MINUTES..=0).map(|n| to_s + n * width_s).collect();
    let from = reader.read_from(&loaded.settings.site.zone(), to_s)?;
    let counted = reader.counted_parts(&starts_s, Grain::Minute, &from)?;
    let of_meter = |meter: &MeterOverview| {
        let mut parts = counted.iter();
        let parts = parts.find(|counted| counted.meter == meter.meter);
        let (parts, worth) = parts.zip(meter.worth)?;
        let windows = starts_s.iter().zip(&parts.pulses).zip(&parts.watched_s);
        let rates = windows.map(|((start_s, pulses), watched_s)| {
            // What was watched last is saved now and then.
            let is_known = *pulses > 0 || *watched_s > 0 || *start_s >= parts.watched_until_s;
            is_known.then(|| worth.rate(*pulses as f64, (width_s * NS_PER_S) as f64))
        });
        let minutes = usize::try_from(MINUTES).unwrap_or(0);
        Some(rates.take(minutes).collect())
    };
    let meters = overview.meters.iter();
    Ok(meters
        .map(|meter| of_meter(meter).unwrap_or_default())
        .collect())
}

/// The table, a heading first.
pub(super) fn table(overview: &Overview, status: &Status, glyphs: Glyphs) -> Vec<String> {
    let register = |name: &str| {
        let mut meters = status.meters.iter();
        let meter = meters.find(|meter| meter.name == name)?;
        let shown = meter.register.zip(meter.register_unit);
        shown.map(|(shown, unit)| (shown, unit, meter.register_digits))
    };
    let has_registers = overview
        .meters
        .iter()
        .any(|meter| register(&meter.meter).is_some());
    let columns = [Column::Left(16)].into_iter().chain([Column::Right(10); 5]);
    let columns: Vec<Column> = columns.take(if has_registers { 6 } else { 5 }).collect();
    let mut table = Table::new("", &columns);
    let mut row = |cells: &[String]| {
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        table.row(&cells[..columns.len()], "");
    };
    let date = time::to_the_minute(overview.at_ns);
    let head = [
        &date,
        "power now",
        "today",
        "yesterday",
        "this month",
        "register",
    ];
    row(&head.map(str::to_owned));
    for meter in &overview.meters {
        let register = register(&meter.meter);
        let register = register.map_or(glyphs.unknown().to_owned(), |(shown, unit, digits)| {
            let face = digits.map_or_else(|| grouped_to(shown, 3), |face| face.digits(shown));
            format!("{face} {}", unit.symbol())
        });
        let amounts = meter.counted.each();
        let [today, yesterday, month] = amounts.map(|of| counted(*of, meter.unit, glyphs));
        let power = rate(meter.unit, meter.rate, meter.is_bound, glyphs);
        row(&[
            meter.meter.clone(),
            power,
            today,
            yesterday,
            month,
            register,
        ]);
    }
    overview
        .house
        .iter()
        .flat_map(|house| house_rows(house, glyphs))
        .chain(money_rows(overview, glyphs))
        .for_each(|cells| row(&cells));
    let mut amounts = overview.money.each().into_iter().flatten();
    if amounts.any(|money| !money.complete) {
        table.text("* of a part of the energy: the rest has no price (`powerlogger config check`)");
    }
    table.lines()
}

/// The house: what it uses, what of that is its own, and shares; no register.
fn house_rows(house: &HouseOverview, glyphs: Glyphs) -> [[String; 6]; 4] {
    let row = |name: &str, power: String, of: fn(&HouseEnergy) -> Option<String>| {
        let energies = house.energy.each();
        let cells = energies.map(|energy| of(energy).unwrap_or(glyphs.unknown().to_owned()));
        let [today, yesterday, month] = cells;
        let name = name.to_owned();
        [name, power, today, yesterday, month, String::new()]
    };
    let power = |power_w| power(power_w, false, glyphs);
    let none = String::new;
    [
        row("house", power(house.power_w), |energy| {
            energy.house_wh.map(kwh)
        }),
        row("own use", power(house.self_w), |energy| {
            energy.self_wh.map(kwh)
        }),
        row("own use, share", none(), |energy| {
            energy.self_rate.map(percent)
        }),
        row("autarky", none(), |energy| energy.autarky.map(percent)),
    ]
}

/// What it costs: by what is priced where that is more than one thing, then all of it.
fn money_rows(overview: &Overview, glyphs: Glyphs) -> Vec<[String; 6]> {
    type Amount = fn(&Money) -> Option<&String>;
    let rows: [(&str, Amount); 4] = [
        ("import, cost", |money| money.import.as_ref()),
        ("export, cost", |money| money.export.as_ref()),
        ("standing charge", |money| money.standing.as_ref()),
        ("cost", |money| money.total.as_ref()),
    ];
    let periods = overview.money.each();
    let known = |amount: Amount| {
        periods
            .iter()
            .any(|money| money.as_ref().and_then(amount).is_some())
    };
    let parts = rows[..3]
        .iter()
        .filter(|(_, amount)| known(*amount))
        .count();
    let shown = rows
        .into_iter()
        .enumerate()
        .filter(|(n, (_, amount))| known(*amount) && (parts > 1 || *n == 3));
    let none = || glyphs.unknown().to_owned();
    let rows = shown.map(|(_, (name, amount))| {
        let cells = periods.map(|money| {
            let money = money.as_ref();
            let amount = money.and_then(|money| Some((money, amount(money)?)));
            amount.map_or_else(none, |(money, amount)| amount_of(money, amount))
        });
        let [today, yesterday, month] = cells;
        [
            name.to_owned(),
            String::new(),
            today,
            yesterday,
            month,
            String::new(),
        ]
    });
    rows.collect()
}

/// An amount with its currency, and a mark where some energy has no price.
fn amount_of(money: &Money, amount: &str) -> String {
    let number = grouped_decimal(amount);
    let of_a_part = if money.complete { "" } else { " *" };
    format!("{number} {}{of_a_part}", money.currency)
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// The same in one line, for a file or a pipe: the time, and all else.
pub(super) fn line(overview: &Overview, glyphs: Glyphs) -> (String, String) {
    let meters = overview.meters.iter().map(|meter| {
        let power = rate(meter.unit, meter.rate, meter.is_bound, glyphs);
        let today = counted(meter.counted.today, meter.unit, glyphs);
        format!("{} {power}, {today} today", meter.meter)
    });
    let house = overview.house.iter();
    let house = house.map(|house| format!("house {}", power(house.power_w, false, glyphs)));
    let parts: Vec<String> = meters.chain(house).collect();
    (time::local(overview.at_ns), parts.join("; "))
}

/// A power in watts.
fn power(power_w: Option<f64>, is_bound: bool, glyphs: Glyphs) -> String {
    rate(Quantity::KilowattHours, power_w, is_bound, glyphs)
}

/// A power in watts, or a flow in the meter's unit an hour.
pub(super) fn rate(unit: Quantity, rate: Option<f64>, is_bound: bool, glyphs: Glyphs) -> String {
    let Some(rate) = rate else {
        return glyphs.unknown().to_owned();
    };
    let at_most = if is_bound {
        format!("{} ", glyphs.at_most())
    } else {
        String::new()
    };
    let decimals = if unit == Quantity::CubicMetres { 3 } else { 0 };
    let number = grouped_to(rate.max(0.0), decimals);
    format!("{at_most}{number} {}", unit.rate_unit())
}

fn counted(energy: MeterEnergy, unit: Quantity, glyphs: Glyphs) -> String {
    let Some(pulses) = energy.pulses else {
        return glyphs.unknown().to_owned();
    };
    let at_least = if energy.complete {
        String::new()
    } else {
        format!("{} ", glyphs.at_least())
    };
    let amount = energy.amount.filter(|_| !unit.is_electric());
    let amount = amount.map(|amount| {
        let decimals = if unit == Quantity::CubicMetres { 2 } else { 0 };
        format!("{} {}", grouped_to(amount, decimals), unit.symbol())
    });
    let amount = amount.or_else(|| energy.energy_wh.map(kwh));
    let amount = amount.unwrap_or_else(|| count(pulses, "pulse"));
    format!("{at_least}{amount}")
}

fn kwh(wh: f64) -> String {
    format!("{} kWh", grouped_to((wh / 1_000.0).max(0.0), 2))
}
