//! The stream of events: whole state, coalesced to the newest. A stream owns no queue: who is late gets the newest alone.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{sleep, timeout};

use super::Api;
use super::health::Health;
use super::local_day::{LocalDay, known_day};
use super::minutes::{ToldUntil, minutes};
use super::now::{Now, day};
use crate::web::problem::{Problem, TOO_MANY_STREAMS, WRONG_PARAMETER};
use crate::web::query::Query;

/// The state is sent at most so often.
const APART: Duration = Duration::from_millis(500);

/// While nothing comes power falls: it is looked at again after this.
const DECAY: Duration = Duration::from_secs(3);

/// And sent again at the latest after this, so that a dead stream is noticed: so many looks.
const SILENT_LOOKS: u32 = 5;

/// Streams at a time.
pub(super) const STREAMS_MAX: usize = 64;

/// When a client is to come back after the end, in milliseconds, and up to as much again: a restart takes about as long.
const RETRY_MS: u32 = 400;

/// So long a look waits for the disk: how things stand must be told although it does not answer.
const DISK_MAX: Duration = Duration::from_secs(1);

/// The number of the last event that was heard; the parameter is for pages, whose browsers send the header only when they
/// come back by themselves.
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
const LAST_EVENT_PARAMETER: &str = "last_event_id";

pub(super) async fn events(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::of(&uri, &[LAST_EVENT_PARAMETER])?;
    let header = headers
        .get(LAST_EVENT)
        .map(|value| value.to_str().unwrap_or_default());
    let given = query.get(LAST_EVENT_PARAMETER).or(header);
    let last = given.filter(|given| !given.is_empty()).map(|given| {
        let is_number = given.len() <= 18 && given.bytes().all(|byte| byte.is_ascii_digit());
        let number = given.parse().ok().filter(|_| is_number);
        let wrong = || format!("\"{given}\" is no number of an event");
        number.ok_or_else(|| Problem::of_parameter(WRONG_PARAMETER, "Last-Event-ID", wrong()))
    });
    stream(api, last.transpose()?)
}

/// Begins a stream. `last`: the number of the last event that its client has heard.
pub(super) fn stream(api: Api, last: Option<i64>) -> Result<Response, Problem> {
    let permit = Arc::clone(&api.streams).try_acquire_owned();
    let permit = permit.map_err(|_| {
        Problem::new(TOO_MANY_STREAMS, format!("{STREAMS_MAX} streams are open")).retry_after(10)
    })?;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(feed(api, last, sender));
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
struct Told {
    minutes: ToldUntil,
    /// More was missed than is told.
    reload: bool,
    now: String,
    day: Option<LocalDay>,
    health: Option<Health>,
    looks: u32,
}

#[derive(Serialize)]
struct Bye {
    retry_ms: u32,
}

#[derive(Serialize)]
struct Nothing {}

/// Feeds a stream until its client is gone, or the daemon ends.
async fn feed(api: Api, last: Option<i64>, sender: mpsc::Sender<Bytes>) {
    let (mut changes, mut ending) = (api.source.changes(), api.ending.clone());
    // What is due is judged by the look that says where it begins: no minute ends between the two.
    let begun = api.source.now_and_kept_s();
    let (minutes, reload) = ToldUntil::begin(begun, last);
    let mut begun = Some(begun);
    let mut told = Told {
        minutes,
        reload,
        now: String::new(),
        day: None,
        health: None,
        looks: 0,
    };
    let mut text = "retry: 2000\n".to_owned();
    loop {
        // There is room first, then the newest is looked at.
        let Ok(room) = sender.reserve().await else {
            return;
        };
        if *ending.borrow() {
            let bye = Bye { retry_ms: RETRY_MS };
            told.event(&mut text, "bye", &bye);
            room.send(Bytes::from(text));
            return;
        }
        let look = begun.take();
        let look = look.unwrap_or_else(|| api.source.now_and_kept_s());
        told.missed(&api, look, &mut text).await;
        told.news(&api, &mut text).await;
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

/// What comes of it soon; None: the disk takes longer. It is not given up: the next look finds it done.
async fn soon<T: Send + 'static>(reading: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let read = timeout(DISK_MAX, tokio::spawn(reading)).await;
    read.ok()?.ok()
}

impl Told {
    /// The minutes that have ended since the last look: what time it is, and up to when the journal has all.
    async fn missed(&mut self, api: &Api, (now_s, kept_s): (i64, i64), text: &mut String) {
        if self.minutes.skip(now_s, kept_s) || std::mem::take(&mut self.reload) {
            self.event(text, "reload", &Nothing {});
        }
        let Some(due) = self.minutes.due(now_s, kept_s) else {
            return;
        };
        let known = Arc::clone(&api.minutes);
        let read = soon(minutes(api.source.clone(), known, due)).await;
        for minute in read.and_then(Result::ok).unwrap_or_default() {
            self.minutes.told(minute.start_s);
            self.event(text, "minute", &*minute);
        }
    }

    /// What is new.
    async fn news(&mut self, api: &Api, text: &mut String) {
        let source = api.source.clone();
        let day = soon(async move { day(&source).await }).await;
        let day = day.unwrap_or_else(|| known_day(&api.source));
        let (is_first, look) = (self.health.is_none(), api.source.look());
        let mut now = Now::of(&api.source, &look, day.as_deref());
        let health = Health::of(&look.status, day.as_deref());
        // Also while nothing of it can be read: what becomes known later is of the same day.
        let local_day = now.local_day();
        if self.day.as_ref().is_some_and(|told| told != local_day) {
            self.event(text, "day", local_day);
        }
        self.day = Some(local_day.clone());
        let essence = health.essence();
        if is_first {
            now = now.with_health(health);
        } else if self.health.as_ref() != Some(&essence) {
            self.event(text, "health", &health);
        }
        self.health = Some(essence);
        let (state, repeat) = (now.state(), self.looks >= SILENT_LOOKS);
        self.looks += 1;
        if is_first || repeat || state != self.now {
            self.event(text, "now", &now);
            (self.now, self.looks) = (state, 0);
        }
    }

    fn event(&mut self, text: &mut String, name: &str, data: &impl Serialize) {
        let number = self.minutes.number();
        // JSON of one line: it has no other line ends than escaped ones.
        let data = serde_json::to_string(data).unwrap_or_default();
        let _ = write!(text, "event: {name}\nid: {number}\ndata: {data}\n\n");
    }
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
