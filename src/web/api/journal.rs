//! What commands ask, too: status, losses, registers, and what is not as it should be.

use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;

use super::head::Head;
use super::{Api, Json};
use crate::answers::losses::Losses;
use crate::answers::registers::{self, Register};
use crate::answers::status::StatusAnswer;
use crate::status::conditions::conditions as found;
use crate::status::line::Daemon;
use crate::web::problem::{NO_METER, Problem};
use crate::web::query::Query;
use crate::web::source::{Asker, Source};

/// The snapshot with what is not as it should be.
pub(in crate::web) async fn answer(source: &Source) -> Result<StatusAnswer, Problem> {
    let take = |reader: &mut _, asker: &Asker| {
        let (dir, notices) = (&asker.in_use.dir, &asker.notices);
        StatusAnswer::take(reader, asker.wanted(), dir, notices, asker.now_ns())
    };
    source.ask(take).await
}

pub(super) async fn status(
    State(api): State<Api>,
    uri: Uri,
) -> Result<Json<StatusAnswer>, Problem> {
    Query::of(&uri, &[])?;
    answer(&api.source).await.map(Json)
}

pub(super) async fn losses(State(api): State<Api>, uri: Uri) -> Result<Json<Losses>, Problem> {
    Query::of(&uri, &[])?;
    let take =
        |reader: &mut _, asker: &Asker| Losses::take(reader, &asker.in_use.meters, Daemon::Running);
    api.source.ask(take).await.map(Json)
}

pub(super) async fn registers(
    State(api): State<Api>,
    uri: Uri,
) -> Result<Json<Vec<Register>>, Problem> {
    let query = Query::of(&uri, &["meter"])?;
    let mut all = api.source.ask(|reader, _| registers::take(reader)).await?;
    if let Some(meter) = query.get("meter") {
        all.retain(|register| register.meter == meter);
        if all.is_empty() {
            let detail = format!("there is no meter \"{meter}\"");
            return Err(Problem::of_parameter(NO_METER, "meter", detail));
        }
    }
    Ok(Json(all))
}

/// What is not as it should be, the worst first.
#[derive(Debug, Serialize)]
pub(super) struct Conditions {
    #[serde(flatten)]
    head: Head,
    conditions: Vec<Wrong>,
}

/// Something that wants to be looked at.
#[derive(Debug, Serialize)]
struct Wrong {
    word: String,
    severity: Severity,
    meter: Option<String>,
    sentence: String,
    remedy: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    /// Pulses are lost, or are not counted.
    Bad,
    Warn,
    Note,
}

/// How bad a condition is, by its word.
fn severity(word: &str) -> Severity {
    match word {
        "not_running" | "line_not_read" | "rejected_bounce" | "rejected_width"
        | "rejected_long" | "rejected_interval" => Severity::Bad,
        "configuration_differs" | "page_not_reachable" => Severity::Note,
        _ => Severity::Warn,
    }
}

pub(super) async fn conditions(
    State(api): State<Api>,
    uri: Uri,
) -> Result<Json<Conditions>, Problem> {
    Query::of(&uri, &[])?;
    let StatusAnswer {
        status, conditions, ..
    } = answer(&api.source).await?;
    let of_journal = found(&status).into_iter().map(|condition| Wrong {
        word: condition.word.to_owned(),
        severity: severity(condition.word),
        sentence: condition.sentence(),
        meter: condition.meter,
        remedy: String::new(),
        why: condition.why,
    });
    let told = conditions.into_iter().filter_map(|condition| {
        let severity = severity(&condition.word);
        Some(Wrong {
            severity,
            sentence: condition.text?,
            word: condition.word,
            meter: condition.meter,
            remedy: String::new(),
            why: String::new(),
        })
    });
    let mut conditions: Vec<Wrong> = of_journal.chain(told).collect();
    conditions.sort_by_key(|wrong| wrong.severity);
    Ok(Json(Conditions {
        head: Head::new(status.at_ns, status.simulated),
        conditions,
    }))
}
