//! The routes, a file an answer. What each gives is described by `openapi.yaml`.

mod about;
mod csv;
mod derived;
mod ended;
mod energy;
mod energy_asked;
mod events;
mod head;
mod health;
mod history;
mod history_asked;
mod history_columns;
mod journal;
mod lines;
mod local_day;
mod meter_head;
mod meters;
mod minutes;
mod money;
pub(super) mod now;
mod now_or_stream;
mod part_sums;
mod readings;
mod shared;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::sync::{Semaphore, watch};

use super::guard::{Guard, guard};
use super::source::Source;
use super::write_access::WriteAccess;
use super::{assets, health as probes, metrics};

pub(super) use shared::{Api, Json};

/// All routes, behind the guard.
pub(super) fn router(
    source: Source,
    access: WriteAccess,
    of: Guard,
    ending: watch::Receiver<bool>,
) -> Router {
    let api = Api {
        source,
        access: Arc::new(access),
        minutes: Arc::default(),
        writing: Arc::default(),
        streams: Arc::new(Semaphore::new(events::STREAMS_MAX)),
        ending,
    };
    let mut router = Router::new()
        .route("/api/v1/now", get(now_or_stream::now))
        .route("/api/v1/now.csv", get(now_or_stream::now))
        .route("/api/v1/events", get(events::events))
        .route("/api/v1/energy", get(energy::energy))
        .route("/api/v1/energy.csv", get(energy::energy))
        .route("/api/v1/history", get(history::history))
        .route("/api/v1/history.csv", get(history::history))
        .route("/api/v1/lines", get(lines::lines))
        .route("/api/v1/lines.csv", get(lines::lines))
        .route("/api/v1/meters", get(meters::meters))
        .route("/api/v1/meters.csv", get(meters::meters))
        .route("/api/v1/status", get(journal::status))
        .route("/api/v1/losses", get(journal::losses))
        .route("/api/v1/losses.csv", get(journal::losses))
        .route(
            "/api/v1/registers",
            get(journal::registers).post(readings::enter),
        )
        .route("/api/v1/registers.csv", get(journal::registers))
        .route(
            "/api/v1/registers/undo",
            post(readings::undo).fallback(readings::only_post),
        )
        .route("/api/v1/conditions", get(journal::conditions))
        .route("/api/v1/conditions.csv", get(journal::conditions))
        .route("/api/v1/openapi.json", get(assets::openapi))
        .route("/problems/{word}", get(about::problem))
        .route("/livez", get(probes::livez))
        .route("/readyz", get(probes::readyz))
        .route("/healthz", get(probes::healthz))
        .route("/metrics", get(metrics::metrics))
        .route("/assets/{hash}/{*name}", get(assets::asset));
    for view in [
        "/",
        "/energy",
        "/energy/{*rest}",
        "/history",
        "/meters",
        "/health",
    ] {
        router = router.route(view, get(assets::document));
    }
    router
        .with_state(api)
        .layer(from_fn_with_state(Arc::new(of), guard))
}
