//! What the handlers share, and the form of their answers.

use std::sync::Arc;

use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::{Mutex, Semaphore, watch};

use super::minutes::KnownMinutes;
use crate::web::problem::{INTERNAL, Problem};
use crate::web::source::Source;
use crate::web::writers::WriteAccess;

/// What the handlers share.
#[derive(Debug, Clone)]
pub(in crate::web) struct Api {
    pub(in crate::web) source: Source,
    /// Streams that may still be opened.
    pub(super) streams: Arc<Semaphore>,
    /// The minutes that streams have told.
    pub(super) minutes: KnownMinutes,
    /// Who may change anything.
    pub(super) writers: Arc<WriteAccess>,
    /// Held by the one request that is changing something.
    pub(super) writing: Arc<Mutex<()>>,
    /// The daemon ends.
    pub(super) ending: watch::Receiver<bool>,
}

/// An answer in JSON.
pub(in crate::web) struct Json<T>(pub(in crate::web) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(CONTENT_TYPE, json)], body).into_response(),
            Err(failed) => Problem::new(INTERNAL, failed.to_string()).into_response(),
        }
    }
}
