//! Pages about the kinds of problems: what the address of a problem leads to.

use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};

use crate::web::problem::{KINDS, NOT_FOUND, Problem, page};

pub(super) async fn problem(Path(word): Path<String>) -> Response {
    match KINDS.iter().find(|kind| kind.word == word) {
        Some(kind) => Html(page(kind, &[kind.remedy])).into_response(),
        None => Problem::new(NOT_FOUND, "there is no such problem").into_response(),
    }
}
