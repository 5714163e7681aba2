//! What commands ask, too: status, losses, registers, and what is not as it should be.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::head::Head;
use super::{Api, Json, csv};
use crate::answers::losses::{LossesAnswer, STRETCHES_MAX};
use crate::answers::registers::{self, Register};
use crate::answers::status::{ConditionAnswer, StatusAnswer};
use crate::config::MeterSettings;
use crate::model::{Exchange, WallNs};
use crate::status::line::Daemon;
use crate::web::metrics::built_from;
use crate::web::problem::{INTERNAL, NO_METER, Problem};
use crate::web::query::Query;

/// Stretches and dated losses in an answer, if nothing else is asked for: what a page shows.
const STRETCHES: usize = 1_000;

pub(super) async fn status(
    State(api): State<Api>,
    uri: Uri,
) -> Result<Json<StatusAnswer>, Problem> {
    Query::of(&uri, &[])?;
    let (status, dir) = (api.source.status(), api.source.in_use().dir.clone());
    // The directory is looked at: that may wait for the disk.
    let answer = api
        .source
        .beside(move || StatusAnswer::of(status, &dir))
        .await?;
    let failed = |error: serde_json::Error| Problem::new(INTERNAL, error.to_string());
    Ok(Json(StatusAnswer {
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        commit: Some(built_from().to_owned()),
        started_ns: Some(api.source.started_ns()),
        written_bytes: written_bytes(),
        ..answer.map_err(failed)?
    }))
}

/// What this process has had written to the disk; None: the kernel does not count it.
fn written_bytes() -> Option<u64> {
    let counts = std::fs::read_to_string("/proc/self/io").ok()?;
    let mut lines = counts.lines();
    let line = lines.find_map(|line| line.strip_prefix("write_bytes:"))?;
    line.trim().parse().ok()
}

pub(super) async fn losses(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::of(&uri, &["limit", "before"])?;
    let is_table = csv::is_wanted(&uri, &headers);
    let limit = if is_table { STRETCHES_MAX } else { STRETCHES };
    let limit = query.number("limit", 1..=STRETCHES_MAX)?.unwrap_or(limit);
    let before_s = query.number("before", 0..=i64::MAX)?;
    let name = |meter: &MeterSettings| meter.name.clone();
    let meters: Vec<String> = api.source.in_use().meters.iter().map(name).collect();
    let take = move |reader: &mut _, _: &_| LossesAnswer::take(reader, &meters, Daemon::Running);
    let mut losses = api.source.ask(take).await?;
    losses.keep_latest(limit, before_s);
    if is_table {
        return Ok(table(&losses, api.source.calendar().zone()));
    }
    Ok(Json(losses).into_response())
}

/// A row a meter and cause, then the stretches that were not watched.
fn table(losses: &LossesAnswer, zone: &TimeZone) -> Response {
    let mut table = csv::CsvTable::new(["meter", "cause", "lost", "pulses", "first", "last"]);
    let at = |at_ns: WallNs| csv::time(Some(at_ns), zone);
    for entry in &losses.entries {
        let loss = &entry.loss;
        table.row([
            csv::name(&entry.meter),
            loss.cause.to_string(),
            loss.lost.to_string(),
            loss.pulses.to_string(),
            at(loss.first_ns),
            at(loss.last_ns),
        ]);
    }
    for stretch in &losses.unwatched {
        let of = |at_s: Option<i64>| csv::time(at_s.map(WallNs::of_s), zone);
        table.row([
            csv::name(&stretch.meter),
            "unwatched".to_owned(),
            String::new(),
            String::new(),
            of(stretch.from_s),
            of(stretch.until_s),
        ]);
    }
    table.response("losses")
}

pub(super) async fn registers(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::of(&uri, &["meter"])?;
    let mut all = api.source.ask(|reader, _| registers::take(reader)).await?;
    if let Some(meter) = query.get("meter") {
        all.retain(|register| register.meter == meter);
        if all.is_empty() {
            let detail = format!("there is no meter \"{meter}\"");
            return Err(Problem::of_parameter(NO_METER, "meter", detail));
        }
    }
    if csv::is_wanted(&uri, &headers) {
        return Ok(readings_table(&all, api.source.calendar().zone()));
    }
    Ok(Json(all).into_response())
}

/// A row a reading; a meter without one has a row of its own.
fn readings_table(registers: &[Register], zone: &TimeZone) -> Response {
    let mut table = csv::CsvTable::new([
        "meter",
        "unit",
        "register now",
        "pulses",
        "read at",
        "read",
        "pulses when read",
        "imp/unit",
        "adopted",
        "exchange",
        "serial",
    ]);
    for register in registers {
        let readings = register.readings.iter().map(Some);
        let none = register.readings.is_empty().then_some(None);
        for reading in readings.chain(none) {
            let unit = reading.map_or(register.unit, |reading| reading.worth.quantity);
            let shown = register.shown;
            let shown = shown.and_then(|shown| unit.of(register.unit, shown));
            let exchange = reading.and_then(|reading| reading.exchange);
            let serial = reading.and_then(|reading| reading.serial.as_deref());
            table.row([
                csv::name(&register.meter),
                unit.symbol().to_owned(),
                csv::number(shown.map(|shown| unit.told(shown))),
                register.pulses.to_string(),
                csv::time(reading.map(|reading| reading.at_ns), zone),
                csv::number(reading.map(|reading| reading.shown)),
                csv::number(reading.map(|reading| reading.pulses)),
                csv::number(reading.map(|reading| reading.worth.pulses_per_unit)),
                csv::number(reading.map(|reading| reading.adopted)),
                exchange.map_or("", Exchange::as_str).to_owned(),
                csv::name(serial.unwrap_or_default()),
            ]);
        }
    }
    table.response("registers")
}

/// What is not as it should be, the worst first.
#[derive(Debug, Serialize)]
pub(super) struct Conditions {
    #[serde(flatten)]
    head: Head,
    conditions: Vec<ConditionAnswer>,
}

pub(super) async fn conditions(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::of(&uri, &[])?;
    let status = api.source.status();
    let mut conditions = status.conditions();
    conditions.sort_by_key(|condition| std::cmp::Reverse(condition.severity()));
    let conditions: Vec<ConditionAnswer> = conditions
        .iter()
        .filter_map(|condition| ConditionAnswer::try_from(condition).ok())
        .collect();
    if csv::is_wanted(&uri, &headers) {
        return Ok(conditions_table(&conditions));
    }
    let answer = Conditions {
        head: api.source.head(status.at_ns, status.simulated),
        conditions,
    };
    Ok(Json(answer).into_response())
}

/// A row a condition.
fn conditions_table(conditions: &[ConditionAnswer]) -> Response {
    let mut table = csv::CsvTable::new(["condition", "severity", "meter", "sentence", "remedy"]);
    for condition in conditions {
        table.row([
            condition.word.clone(),
            condition.severity.clone(),
            csv::name(condition.meter.as_deref().unwrap_or_default()),
            csv::name(&condition.sentence),
            csv::name(&condition.remedy),
        ]);
    }
    table.response("conditions")
}
