//! Power over any span: single pulses, or windows as fine as they are kept and as many as are wanted.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::ended::Caching;
use super::head::{Head, rfc3339};
use super::history_asked::{HistoryAsked, HistoryKept, HistoryLevel};
use super::history_columns::{MeterColumns, MeterSteps, Windows};
use super::meter_head::MeterHead;
use super::{Api, Json, csv};
use crate::answers::factors::Factors;
use crate::answers::present::{Present, PresentMeter};
use crate::energy::periods::Calendar;
use crate::journal::{Grain, MeterPulses, ReadFrom};
use crate::model::{S_PER_DAY, WallNs};
use crate::web::problem::Problem;
use crate::web::query::Query;
use crate::web::source::Source;

/// Pulses that may be looked at for the single ones of a span.
const RAW_READ_MAX: usize = 20_000;

/// The whole answer.
#[derive(Debug, Serialize)]
struct History {
    #[serde(flatten)]
    head: Head,
    from: String,
    to: String,
    level: &'static str,
    width_s: Option<i64>,
    start_s: Option<i64>,
    starts_s: Option<Vec<i64>>,
    first: Option<String>,
    complete: bool,
    meters: Vec<Meter>,
}

#[derive(Debug, Serialize)]
struct Meter {
    #[serde(flatten)]
    head: MeterHead,
    #[serde(flatten)]
    columns: Columns,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Columns {
    Windows(MeterColumns),
    Pulses(MeterSteps),
}

pub(super) async fn history(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::of(&uri, &["from", "to", "points", "window"])?;
    let asked = HistoryAsked::of(&query)?;
    let source = &api.source;
    let now_s = source.wall_ns().s();
    let first_s = source.ask(|reader, _| reader.counting_since_s()).await?;
    let calendar = source.calendar();
    // The power of the first pulse is counted from the one before it.
    let spans: [&[i64]; 1] = [&[asked.from_s - S_PER_DAY, asked.to_s]];
    let state = (now_s, None, first_s);
    let kept = Caching::of(source, (&uri, &headers), &spans, state).await?;
    if let Some(known) = kept.not_modified() {
        return Ok(known);
    }
    let mut history = None;
    if asked.may_be_raw() {
        history = raw(source, asked, now_s, first_s).await?;
    }
    let history = match history {
        Some(history) => history,
        None if asked.window == Some(HistoryLevel::Raw) => return Err(asked.too_long()),
        None => windows(source, &calendar, asked, (now_s, first_s)).await?,
    };
    if csv::is_wanted(&uri, &headers) {
        return Ok(kept.dress(source, history.table(&calendar)));
    }
    Ok(kept.dress(source, Json(history).into_response()))
}

/// Single pulses; None: there are too many.
async fn raw(
    source: &Source,
    asked: HistoryAsked,
    now_s: i64,
    first_s: Option<i64>,
) -> Result<Option<History>, Problem> {
    let (present, calendar) = (source.present(), source.calendar());
    let known = present.worths();
    let read = source.ask(move |reader, in_use| {
        let found = reader.pulses_between(asked.from_s, asked.to_s, RAW_READ_MAX)?;
        let factors = Factors::read(reader, &in_use.meters, &known, &calendar)?;
        Ok(found.map(|found| (found, factors)))
    });
    let Some((found, factors)) = read.await? else {
        return Ok(None);
    };
    let most = usize::try_from(asked.points).unwrap_or(0);
    if found.iter().any(|pulses| pulses.stamps.len() > most) {
        return Ok(None);
    }
    let span_s = passed(asked, now_s, first_s);
    let steps = |mut pulses: MeterPulses, meter: &PresentMeter| {
        let saved_until_s = pulses.watched_s.iter().map(|(_, ends_s)| *ends_s).max();
        let live = meter.live(saved_until_s.unwrap_or(0), (0, now_s));
        pulses.watched_s.extend(live);
        MeterSteps::of(&pulses, (meter.unit, &factors.of(&meter.name)), span_s)
    };
    let meters = of_meters(
        &present,
        found,
        |pulses| &pulses.meter,
        |pulses, meter| Columns::Pulses(steps(pulses, meter)),
    );
    let complete = meters.iter().all(|meter| match &meter.columns {
        Columns::Pulses(steps) => steps.unwatched_s.is_empty(),
        Columns::Windows(_) => true,
    });
    let mut history = History::of(source, asked, (HistoryLevel::Raw, first_s));
    (history.meters, history.complete) = (meters, complete && first_s.is_some());
    Ok(Some(history))
}

async fn windows(
    source: &Source,
    calendar: &Calendar,
    asked: HistoryAsked,
    (now_s, first_s): (i64, Option<i64>),
) -> Result<History, Problem> {
    let (present, of_zone) = (source.present(), calendar.clone());
    let known = present.worths();
    let read = source.ask(move |reader, in_use| {
        let kept = HistoryKept {
            now_s,
            filled: reader.filled(of_zone.zone())?,
            has_coarse: asked.may_be_quarters()
                && reader.has_coarse_quarters(asked.from_s, asked.to_s)?,
        };
        let factors = Factors::read(reader, &in_use.meters, &known, &of_zone)?;
        Ok((kept, factors))
    });
    let (kept, factors) = read.await?;
    let (level, starts_s) = asked.level(calendar, kept)?;
    let grain = asked.read_from(level, kept);
    let begin_s = starts_s.first().copied().unwrap_or(asked.from_s);
    let end_s = starts_s.last().copied().unwrap_or(asked.to_s);
    // Nothing was counted before the first window, and nothing will be known of what is to come.
    let counted_s = begin_s.max(first_s.unwrap_or(now_s));
    let counted = HistoryAsked {
        from_s: counted_s,
        to_s: end_s.min(now_s + 1).max(counted_s + 1),
        ..asked
    };
    let base_s = factors.split(&counted.starts_s(grain, calendar));
    let from = ReadFrom {
        now_s,
        filled: kept.filled,
        split_days: factors.split_days(calendar, (counted.from_s, counted.to_s)),
    };
    let read = source.ask(move |reader, _| {
        let found = reader.counted_parts(&base_s, grain, &from)?;
        Ok((base_s, found))
    });
    let (base_s, found) = read.await?;
    let windows = Windows {
        starts_s: &starts_s,
        base_s: &base_s,
        now_s,
    };
    let meters = of_meters(
        &present,
        found,
        |counted| &counted.meter,
        |counted, meter| {
            let factors = factors.of(&meter.name);
            Columns::Windows(windows.columns(&counted, (meter, &factors)))
        },
    );
    let (from_s, to_s) = passed(asked, now_s, first_s);
    let complete = first_s.is_some()
        && meters.iter().all(|meter| match &meter.columns {
            Columns::Windows(columns) => columns.is_complete(&starts_s, (from_s, to_s)),
            Columns::Pulses(_) => true,
        });
    let mut history = History::of(source, asked, (HistoryLevel::Of(level), first_s));
    (history.meters, history.complete) = (meters, complete);
    if level == Grain::Day {
        history.starts_s = Some(starts_s);
    } else {
        (history.width_s, history.start_s) = (Some(level.width_s()), Some(begin_s));
    }
    Ok(history)
}

/// The part of the span that has passed since counting began.
fn passed(asked: HistoryAsked, now_s: i64, first_s: Option<i64>) -> (i64, i64) {
    let from_s = asked.from_s.max(first_s.unwrap_or(now_s));
    (from_s, asked.to_s.min(now_s).max(from_s))
}

/// The configured meters that the journal knows.
fn of_meters<T>(
    present: &Present,
    mut found: Vec<T>,
    name: impl Fn(&T) -> &String,
    columns: impl Fn(T, &PresentMeter) -> Columns,
) -> Vec<Meter> {
    let meters = present.meters.iter().filter_map(|meter| {
        let at = found.iter().position(|found| *name(found) == meter.name)?;
        Some(Meter {
            head: MeterHead::of(meter),
            columns: columns(found.swap_remove(at), meter),
        })
    });
    meters.collect()
}

impl History {
    fn of(
        source: &Source,
        asked: HistoryAsked,
        (level, first_s): (HistoryLevel, Option<i64>),
    ) -> History {
        History {
            head: source.head(source.wall_ns(), source.status().simulated),
            from: rfc3339(WallNs::of_s(asked.from_s)),
            to: rfc3339(WallNs::of_s(asked.to_s)),
            level: level.word(),
            width_s: None,
            start_s: None,
            starts_s: None,
            first: first_s.map(|first_s| rfc3339(WallNs::of_s(first_s))),
            complete: false,
            meters: Vec::new(),
        }
    }

    /// A row a window, or a row a pulse.
    fn table(&self, calendar: &Calendar) -> Response {
        let zone = calendar.zone();
        let mut rows: Vec<(i64, Vec<String>)> = Vec::new();
        let mut header = vec!["start".to_owned()];
        for meter in &self.meters {
            let name = csv::name(&meter.head.meter);
            match &meter.columns {
                Columns::Windows(columns) => {
                    header.extend(columns.names().map(|column| format!("{name} {column}")));
                    rows.resize(columns.pulses.len(), (0, Vec::new()));
                    for (n, (start_s, row)) in rows.iter_mut().enumerate() {
                        *start_s = match (&self.starts_s, self.start_s, self.width_s) {
                            (Some(starts_s), ..) => starts_s[n],
                            (_, Some(start_s), Some(width_s)) => {
                                start_s + width_s * i64::try_from(n).unwrap_or(0)
                            }
                            _ => 0,
                        } * 1_000;
                        row.extend(columns.cells(n));
                    }
                }
                Columns::Pulses(steps) => {
                    let cells = steps.cells(&name);
                    rows.extend(cells.map(|(at_ms, cells)| (at_ms, cells.to_vec())));
                }
            }
        }
        if self.level == "raw" {
            let is_power = |meter: &Meter| meter.head.unit.is_electric();
            let rate = match self.meters.iter().all(is_power) {
                true => "power W",
                false => "rate",
            };
            header = ["at", "meter", rate, "estimated"]
                .map(str::to_owned)
                .to_vec();
            rows.sort_by_key(|(at_ms, _)| *at_ms);
        }
        let mut table = csv::CsvTable::new(header);
        for (at_ms, cells) in rows {
            table.row([csv::local(at_ms, zone)].into_iter().chain(cells));
        }
        let from = self.from.get(..10).unwrap_or_default();
        table.response(&format!("history-{}-{from}", self.level))
    }
}
