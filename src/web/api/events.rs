//! The stream of events: whole state, coalesced to the newest. A stream owns no queue: who is late gets the newest alone.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::Uri;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{sleep, timeout};

use super::Api;
use super::head::rfc3339;
use super::health::Health;
use super::now::{Now, day};
use crate::model::WallNs;
use crate::web::problem::{Problem, TOO_MANY_STREAMS};
use crate::web::query::Query;

/// The state is sent at most so often.
const APART: Duration = Duration::from_millis(500);

/// While nothing comes power falls: it is looked at again after this.
const DECAY: Duration = Duration::from_secs(3);

/// And sent again at the latest after this, so that a dead stream is noticed: so many looks.
const SILENT_LOOKS: u32 = 5;

/// Streams at a time.
pub(super) const STREAMS_MAX: usize = 64;

/// How a client is to come back after the end, in milliseconds.
const RETRY_MS: u32 = 1_000;

/// Each event has a number that grows.
static NUMBER: AtomicU64 = AtomicU64::new(1);

pub(super) async fn events(State(api): State<Api>, uri: Uri) -> Result<Response, Problem> {
    Query::of(&uri, &[])?;
    stream(api)
}

/// Begins a stream.
pub(super) fn stream(api: Api) -> Result<Response, Problem> {
    let permit = Arc::clone(&api.streams).try_acquire_owned();
    let permit = permit.map_err(|_| {
        Problem::new(TOO_MANY_STREAMS, format!("{STREAMS_MAX} streams are open")).retry_after(10)
    })?;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(feed(api, sender));
    let body = Body::new(EventBody {
        receiver,
        _permit: permit,
    });
    let headers = [
        (CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (CACHE_CONTROL, "no-store, no-transform"),
        // nginx buffers whatever does not say this.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, body).into_response())
}

/// What a stream has told so far.
#[derive(Default)]
struct Told {
    now: String,
    date: String,
    health: Option<Health>,
    looks: u32,
}

#[derive(Serialize)]
struct DayChange {
    date: String,
    from: String,
    to: String,
}

#[derive(Serialize)]
struct Bye {
    retry_ms: u32,
}

/// Feeds a stream until its client is gone, or the daemon ends.
async fn feed(api: Api, sender: mpsc::Sender<Bytes>) {
    let (mut changes, mut ending) = (api.source.changes(), api.ending.clone());
    let mut told = Told::default();
    let mut text = "retry: 2000\n".to_owned();
    loop {
        // There is room first, then the newest is looked at.
        let Ok(room) = sender.reserve().await else {
            return;
        };
        if *ending.borrow() {
            text.push_str(&event("bye", &Bye { retry_ms: RETRY_MS }));
            room.send(Bytes::from(text));
            return;
        }
        text.push_str(&told.news(&api).await);
        if !text.is_empty() {
            room.send(Bytes::from(std::mem::take(&mut text)));
        }
        tokio::select! {
            () = sender.closed() => return,
            _ = ending.changed() => continue,
            () = pause(&mut changes) => {}
        }
    }
}

/// Not too often, and then as soon as anything has changed or power has fallen.
async fn pause(changes: &mut watch::Receiver<u64>) {
    sleep(APART).await;
    let _ = timeout(DECAY, changes.changed()).await;
    changes.mark_unchanged();
}

impl Told {
    /// What is new.
    async fn news(&mut self, api: &Api) -> String {
        let day = day(&api.source).await;
        let (is_first, status) = (self.health.is_none(), api.source.status());
        let mut now = Now::of(&api.source, &status, day.as_deref());
        let health = Health::of(&status, day.as_deref());
        let mut text = String::new();
        if let Some(day) = day {
            let date = day.date.to_string();
            if !is_first && date != self.date {
                let (from, to) = (
                    rfc3339(WallNs::of_s(day.from_s)),
                    rfc3339(WallNs::of_s(day.to_s)),
                );
                let date = date.clone();
                text.push_str(&event("day", &DayChange { date, from, to }));
            }
            self.date = date;
        }
        let essence = health.essence();
        if is_first {
            now = now.with_health(health);
        } else if self.health.as_ref() != Some(&essence) {
            text.push_str(&event("health", &health));
        }
        self.health = Some(essence);
        let (state, repeat) = (now.state(), self.looks >= SILENT_LOOKS);
        self.looks += 1;
        if is_first || repeat || state != self.now {
            text.push_str(&event("now", &now));
            (self.now, self.looks) = (state, 0);
        }
        text
    }
}

fn event(name: &str, data: &impl Serialize) -> String {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // JSON of one line: it has no other line ends than escaped ones.
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\nid: {number}\ndata: {data}\n\n")
}

/// The body of a stream: what is fed into it.
struct EventBody {
    receiver: mpsc::Receiver<Bytes>,
    _permit: OwnedSemaphorePermit,
}

impl HttpBody for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.receiver.poll_recv(context);
        next.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
