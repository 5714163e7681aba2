//! `/now`: one answer, or the stream of them where the request asks for events.

use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};

use super::events;
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
        return events::stream(api);
    }
    let day = day(&api.source).await;
    Ok(Json(Now::of(&api.source, day.as_deref(), true)).into_response())
}
