//! `/now`: one answer, as a table, or the stream of them where the request asks for events.

use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};

use super::events;
use super::health::Health;
use super::now::{Now, day};
use super::{Api, Json, csv};
use crate::web::problem::Problem;
use crate::web::query::Query;

pub(super) async fn now(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::of(&uri, &[])?;
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let is_table = csv::is_wanted(&uri, &headers);
    if !is_table && accept.is_some_and(|accept| accept.contains("text/event-stream")) {
        return events::stream(api, None);
    }
    let day = day(&api.source).await;
    let (look, day) = (api.source.look(), day.as_deref());
    let now = Now::of(&api.source, &look, day);
    if is_table {
        return Ok(now.table(api.source.calendar().zone()));
    }
    Ok(Json(now.with_health(Health::of(&look.status, day))).into_response())
}
