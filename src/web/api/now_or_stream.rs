//! `/now`: one answer, or the stream of them where the request asks for events.

use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};

use super::events;
use super::health::Health;
use super::now::{Now, day};
use super::{Api, Json};
use crate::web::problem::Problem;
use crate::web::query::Query;

pub(super) async fn now(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::of(&uri, &[])?;
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/event-stream")) {
        return events::stream(api, None);
    }
    let day = day(&api.source).await;
    let (status, day) = (api.source.status(), day.as_deref());
    let health = Health::of(&status, day);
    Ok(Json(Now::of(&api.source, &status, day).with_health(health)).into_response())
}
