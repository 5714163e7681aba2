//! The routes, a file an answer. What each gives is described by `openapi.yaml`.

mod about;
mod head;
mod journal;

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use tokio::sync::watch;

use super::guard::{Guard, guard};
use super::health;
use super::problem::{INTERNAL, Problem};
use super::source::Source;

/// What the handlers share.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) source: Source,
}

/// All routes, behind the guard.
pub(super) fn router(source: Source, of: Guard, _ending: watch::Receiver<bool>) -> Router {
    let api = Api { source };
    Router::new()
        .route("/api/v1/status", get(journal::status))
        .route("/api/v1/losses", get(journal::losses))
        .route("/api/v1/registers", get(journal::registers))
        .route("/api/v1/conditions", get(journal::conditions))
        .route("/problems/{word}", get(about::problem))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/healthz", get(health::healthz))
        .with_state(api)
        .layer(from_fn_with_state(Arc::new(of), guard))
}

/// An answer in JSON.
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(CONTENT_TYPE, json)], body).into_response(),
            Err(failed) => Problem::new(INTERNAL, failed.to_string()).into_response(),
        }
    }
}
