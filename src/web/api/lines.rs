//! The meters' lines with what came last on them, from the board alone.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};

use super::{Api, Json, csv};
use crate::answers::lines::{LineAnswer, LinesAnswer};
use crate::config::MeterSettings;
use crate::live::{LineLive, NOT_REQUESTED_YET};
use crate::model::{EdgeKind, Level};
use crate::web::problem::Problem;
use crate::web::query::Query;

pub(super) async fn lines(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::of(&uri, &[])?;
    let source = &api.source;
    let (board, meters) = (source.board(), &source.in_use().meters);
    let known = &board.capture.lines;
    let of_meter = |meter: &MeterSettings| {
        let live = known.iter().find(|live| *live.meter == *meter.name);
        line(meter, live)
    };
    let now_ns = source.mono_ns();
    let answer = LinesAnswer {
        simulated: board.journal.simulated,
        now_ns,
        offset_ns: (source.wall_ns() - now_ns).0,
        lines: meters.iter().map(of_meter).collect(),
    };
    if csv::is_wanted(&uri, &headers) {
        return Ok(table(&answer));
    }
    Ok(Json(answer).into_response())
}

/// A row a line, without its last edges.
fn table(answer: &LinesAnswer) -> Response {
    let mut table = csv::CsvTable::new([
        "meter",
        "chip",
        "line",
        "bias",
        "kernel debounce us",
        "level",
        "edges",
        "pulses",
        "not read because",
    ]);
    for line in &answer.lines {
        let text = |text: &Option<String>| csv::name(text.as_deref().unwrap_or_default());
        let level = line.level().map_or("", |level| match level {
            Level::High => "high",
            Level::Low => "low",
        });
        table.row([
            csv::name(&line.meter),
            text(&line.chip),
            csv::name(&line.line),
            line.bias.clone(),
            line.kernel_debounce_us.to_string(),
            level.to_owned(),
            line.edges.to_string(),
            line.pulses.to_string(),
            text(&line.why),
        ]);
    }
    table.response("lines")
}

/// What is told of a meter's line. `live`: None as long as capture has not begun.
fn line(settings: &MeterSettings, live: Option<&LineLive>) -> LineAnswer {
    let recent = live.map(|live| {
        let edges = live.recent.iter();
        let told = edges.map(|edge| {
            let rises = edge.kind == EdgeKind::Rising;
            (edge.line_seqno, edge.mono_ns, rises)
        });
        told.collect()
    });
    LineAnswer {
        meter: settings.name.clone(),
        chip: settings.line.chip.clone(),
        line: settings.line.line.to_string(),
        bias: settings.line.bias.as_str().to_owned(),
        kernel_debounce_us: settings.line.kernel_debounce_us,
        why: live.map_or_else(
            || Some(NOT_REQUESTED_YET.to_owned()),
            |live| live.now.why.clone(),
        ),
        is_high: live
            .and_then(|live| live.level)
            .map(|level| level == Level::High),
        edges: live.map_or(0, |live| live.edges),
        pulses: live.map_or(0, |live| live.pulses),
        recent: recent.unwrap_or_default(),
    }
}
