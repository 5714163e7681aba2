//! The report for a terminal, and as rows for a spreadsheet. Pure.

use std::fmt::Write;

use crate::answers::money::Position;
use crate::answers::reported::{PeriodReport, ReportMeter};
use crate::cli::numbers::{count, grouped, grouped_decimal, grouped_to};
use crate::cli::table::{Column, Table};
use crate::cli::time;
use crate::model::{NS_PER_S, Quantity, WallNs};

/// Stretches that are printed, the first ones.
const UNWATCHED_MAX: usize = 20;

/// All lines.
pub(super) fn lines(report: &PeriodReport) -> Vec<String> {
    let mut lines = vec![heading(report)];
    for part in [
        meters(report),
        bill(report),
        house(report),
        registers(report),
    ] {
        if !part.is_empty() {
            lines.push(String::new());
            lines.extend(part);
        }
    }
    lines.push(String::new());
    lines.extend(statement(report));
    lines
}

fn heading(report: &PeriodReport) -> String {
    let site = report
        .site
        .as_ref()
        .map_or_else(String::new, |site| format!("{site}, "));
    let until = if report.goes_on { ", until now" } else { "" };
    format!(
        "{site}{} to {}{until} ({})",
        report.first_day, report.last_day, report.zone
    )
}

fn meters(report: &PeriodReport) -> Vec<String> {
    let mut table = Table::new(
        "",
        &[Column::Left(16), Column::Right(12), Column::Right(14)],
    );
    for meter in &report.meters {
        let counted = meter
            .amount
            .map_or_else(|| "-".to_owned(), |sum| amount(sum, meter.unit));
        let pulses = count(meter.pulses, "pulse");
        let restored = match meter.restored {
            0 => String::new(),
            restored => format!("  of it {} restored by number", grouped(restored)),
        };
        table.row(&[&meter.meter, &counted, &pulses], restored);
    }
    table.lines()
}

fn kwh(kwh: f64) -> String {
    amount(kwh, Quantity::KilowattHours)
}

fn amount(amount: f64, unit: Quantity) -> String {
    format!("{} {}", grouped_to(amount, 3), unit.symbol())
}

fn bill(report: &PeriodReport) -> Vec<String> {
    let Some(money) = &report.money else {
        return Vec::new();
    };
    let columns = [
        Column::Left(16),
        Column::Right(14),
        Column::Right(16),
        Column::Right(14),
    ];
    let mut table = Table::new("", &columns);
    let amount = |amount: &Option<String>| match amount {
        Some(amount) => format!("{} {}", grouped_decimal(amount), money.currency),
        None => "no price".to_owned(),
    };
    for position in &report.positions {
        let [name, quantity, price] = cells(position);
        table.row(&[&name, &quantity, &price, &amount(&position.amount)], "");
    }
    table.row(&["total", "", "", &amount(&money.total)], "");
    if !money.complete {
        table.text("The rest of the energy has no price: it is not in the total.");
    }
    table.lines()
}

/// What is paid for, how much, at which price.
fn cells(position: &Position) -> [String; 3] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let kwh = position
        .kwh
        .as_ref()
        .and_then(|kwh| kwh.parse().ok())
        .map(kwh);
    let name = text(&position.name);
    match position.kind.as_str() {
        "standing" => [
            "standing charge".to_owned(),
            count(position.days.unwrap_or(0), "day"),
            format!("{} a {}", text(&position.price), text(&position.per)),
        ],
        "unpriced" => [name, kwh.unwrap_or_default(), String::new()],
        kind => [
            format!("{kind}, {name}"),
            kwh.unwrap_or_default(),
            format!("{} a kWh", text(&position.price)),
        ],
    }
}

fn house(report: &PeriodReport) -> Vec<String> {
    let Some(house) = &report.house else {
        return Vec::new();
    };
    let mut table = Table::new("", &[Column::Left(16), Column::Right(12)]);
    let share = |share: f64| format!("{:.0} %", (share * 100.0).clamp(0.0, 100.0));
    let rows = [
        (
            "house",
            house.house_wh.map(|wh| kwh((wh / 1_000.0).max(0.0))),
        ),
        (
            "own use",
            house.self_wh.map(|wh| kwh((wh / 1_000.0).max(0.0))),
        ),
        ("own use, share", house.self_rate.map(share)),
        ("autarky", house.autarky.map(share)),
    ];
    for (name, value) in rows {
        table.row(&[name, value.as_deref().unwrap_or("-")], "");
    }
    table.lines()
}

fn registers(report: &PeriodReport) -> Vec<String> {
    let columns = [Column::Left(16), Column::Right(18), Column::Right(18)];
    let mut table = Table::new("", &columns);
    let known: Vec<&ReportMeter> = report
        .meters
        .iter()
        .filter(|meter| meter.register.is_some())
        .collect();
    if known.is_empty() {
        return Vec::new();
    }
    let end = if report.goes_on { "now" } else { "at the end" };
    table.row(&["register", "at the begin", end], "");
    for meter in known {
        let Some(register) = meter.register else {
            continue;
        };
        table.row(
            &[
                &meter.meter,
                &amount(register.begin, register.unit),
                &amount(register.end, register.unit),
            ],
            "",
        );
        for reading in &meter.readings {
            let drift = reading.drift.map_or_else(
                || "the first reading".to_owned(),
                |drift| {
                    let unit = reading.unit.symbol();
                    format!("{} {unit} off what was counted", signed(drift))
                },
            );
            table.text(format!(
                "  read {}: {}, {drift}",
                local(&reading.at),
                amount(reading.shown, reading.unit)
            ));
        }
    }
    table.lines()
}

fn signed(number: f64) -> String {
    let text = grouped_to(number, 3);
    if text.starts_with('-') || text.trim_matches(['0', '.']).is_empty() {
        text
    } else {
        format!("+{text}")
    }
}

/// An instant of the report in local time.
fn local(at: &str) -> String {
    let at_s = at
        .parse::<jiff::Timestamp>()
        .map(jiff::Timestamp::as_second);
    at_s.map_or_else(
        |_| at.to_owned(),
        |at_s| time::to_the_minute(WallNs::of_s(at_s)),
    )
}

/// Whether anything is missing.
fn statement(report: &PeriodReport) -> Vec<String> {
    let mut lines = Vec::new();
    if report.complete {
        lines.push(
            "Complete: all lines were watched all the time, and no pulse was lost.".to_owned(),
        );
    } else {
        lines.push("NOT COMPLETE:".to_owned());
    }
    if let Some(since) = &report.counting_since {
        lines.push(format!("  counting began on {since}"));
    }
    for stretch in report.unwatched.iter().take(UNWATCHED_MAX) {
        let (from_s, until_s) = (stretch.from_s.unwrap_or(0), stretch.until_s.unwrap_or(0));
        let length = time::span((until_s - from_s).saturating_mul(NS_PER_S));
        let (from, until) = (
            time::local(WallNs::of_s(from_s)),
            time::local(WallNs::of_s(until_s)),
        );
        lines.push(format!(
            "  {} was not watched from {from} to {until} ({length})",
            stretch.meter
        ));
    }
    if let Some(more) = report
        .unwatched
        .len()
        .checked_sub(UNWATCHED_MAX)
        .filter(|more| *more > 0)
    {
        lines.push(format!("  and {more} times more (--json shows all)"));
    }
    for meter in report.meters.iter().filter(|meter| meter.uncounted_s > 0) {
        let length = time::span(meter.uncounted_s.saturating_mul(NS_PER_S));
        lines.push(format!("  {} was not counted for {length}", meter.meter));
    }
    for loss in &report.losses {
        let at_most = if loss.is_at_most { "at most " } else { "" };
        let pulses = count(i128::from(loss.entry.loss.pulses), "pulse");
        lines.push(format!(
            "  {}: {at_most}{pulses} lost ({})",
            loss.entry.meter, loss.entry.loss.cause
        ));
    }
    if !report.complete && lines.len() == 1 {
        lines.push("  nothing was counted".to_owned());
    }
    let restored: i64 = report.meters.iter().map(|meter| meter.restored).sum();
    if restored > 0 {
        let restored = count(restored, "pulse");
        lines.push(format!(
            "{restored} were restored by number: they are counted, their times are estimated."
        ));
    }
    if report.goes_on {
        lines.push(format!(
            "The period goes on: this is what was counted until {}.",
            local(&report.made_at)
        ));
    }
    lines
}

/// A row a meter, a position, and what is derived.
pub(super) fn csv(report: &PeriodReport) -> String {
    let mut out =
        String::from("first day,last day,item,name,pulses,quantity,unit,price,amount,currency\r\n");
    let currency = report.money.as_ref().map_or("", |money| &money.currency);
    let mut row = |cells: [&str; 7], with_currency: bool| {
        let currency = if with_currency { currency } else { "" };
        let days = [report.first_day.as_str(), &report.last_day];
        let cells = days.into_iter().chain(cells).chain([currency]);
        let cells: Vec<String> = cells.map(cell).collect();
        // Writing to a string does not fail.
        let _ = write!(out, "{}\r\n", cells.join(","));
    };
    for meter in &report.meters {
        let (sum, unit) = (
            meter.amount.map_or_else(String::new, plain),
            meter.unit.as_str(),
        );
        let pulses = meter.pulses.to_string();
        row(["meter", &meter.meter, &pulses, &sum, unit, "", ""], false);
    }
    let kwh_of = |is_known: bool| if is_known { "kWh" } else { "" };
    for position in &report.positions {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (name, kwh) = (text(&position.name), text(&position.kwh));
        let (price, amount) = (text(&position.price), text(&position.amount));
        let unit = kwh_of(position.kwh.is_some());
        row(
            [&position.kind, &name, "", &kwh, unit, &price, &amount],
            true,
        );
    }
    if let Some(money) = &report.money {
        let total = money.total.clone().unwrap_or_default();
        row(["total", "", "", "", "", "", &total], true);
    }
    if let Some(house_wh) = report.house.and_then(|house| house.house_wh) {
        let kwh = plain(house_wh / 1_000.0);
        row(["house", "", "", &kwh, "kWh", "", ""], false);
    }
    out
}

/// A quantity to six digits behind the point, without zeros at the end.
fn plain(amount: f64) -> String {
    let text = format!("{amount:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A cell, such that no spreadsheet takes a name for a formula.
fn cell(text: &str) -> String {
    let is_number = text.parse::<f64>().is_ok();
    let is_formula = !is_number && text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}
