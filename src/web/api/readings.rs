//! A reading of a meter's face is entered, or the last one taken back.

use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::ALLOW;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tracing::info;

use super::{Api, Json};
use crate::answers::entering::{self, DriftAnswer, Entry, KeptAnswer, NotKept, TakenBackAnswer};
use crate::energy::register::{MeterFace, NewReading, ReadingRefused, parse_shown};
use crate::model::{Quantity, WallNs};
use crate::web::guard::Peer;
use crate::web::problem::{
    BAD_REQUEST, JOURNAL, METHOD_NOT_ALLOWED, NO_METER, NO_READING, NOT_HELD, PULSE_WORTH_UNKNOWN,
    Problem, READING_IMPLAUSIBLE, READING_OLDER, TOO_LARGE, WRONG_PARAMETER,
};
use crate::web::query::Query;
use crate::web::source::unreadable;

/// Bytes of a body, and how long it may take to come.
const BODY_MAX: usize = 16 * 1024;
const BODY_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewReadingBody {
    meter: String,
    /// What the face of a meter shows whose unit is kWh.
    kwh: Option<String>,
    /// What any face shows, in the unit of the meter.
    shown: Option<String>,
    at: Option<String>,
    #[serde(default)]
    adopt: bool,
    #[serde(default)]
    confirm: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UndoBody {
    meter: String,
}

/// Keeps a reading.
pub(super) async fn enter(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let body: NewReadingBody = sent(&api, request).await?;
    let (new, decimals) = new_reading(&body, api.source.wall_ns())?;
    let face = face(&api, &body.meter)?;
    body.check_unit(face.worth.quantity)?;
    let (name, now_ns) = (body.meter.clone(), api.source.wall_ns());
    let in_use = api.source.in_use();
    let work = move || {
        let entry = Entry {
            meter: &body.meter,
            face,
            new,
            decimals,
            is_confirmed: body.confirm,
        };
        entering::enter(&in_use.dir, &entry, now_ns)
            .map_err(|failed| not_kept(failed, &entry, &in_use))
    };
    let kept = write(&api, work).await??;
    let reading = &kept.reading;
    info!(
        meter = name,
        shown = reading.shown,
        unit = reading.worth.quantity.as_str(),
        adopted = reading.adopted,
        "a reading was entered over HTTP"
    );
    Ok((StatusCode::CREATED, Json(KeptAnswer::of(&name, &kept))).into_response())
}

/// Takes the last reading of a meter back.
pub(super) async fn undo(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let UndoBody { meter } = sent(&api, request).await?;
    let (name, in_use) = (meter.clone(), api.source.in_use());
    let work = move || {
        entering::take_back(&in_use.dir, &name).map_err(|failed| unreadable(&failed, &in_use))
    };
    let Some(taken) = write(&api, work).await?? else {
        let detail = format!("there is no reading of \"{meter}\"");
        return Err(Problem::of_parameter(NO_READING, "meter", detail));
    };
    let shown = taken.0.shown;
    info!(meter, shown, "a reading was taken back over HTTP");
    Ok(Json(TakenBackAnswer::of(&meter, &taken)).into_response())
}

/// Another method where there is nothing to get.
pub(super) async fn only_post() -> Response {
    let refused = Problem::new(METHOD_NOT_ALLOWED, "a reading is taken back by POST");
    ([(ALLOW, "POST")], refused).into_response()
}

/// What a request that may write has in its body.
async fn sent<T: DeserializeOwned>(api: &Api, request: Request) -> Result<T, Problem> {
    Query::of(request.uri(), &[])?;
    let peer = request.extensions().get::<Peer>().copied();
    let peer = peer.unwrap_or(Peer::Unix);
    api.access
        .check(peer, request.headers(), api.source.mono_ns())?;
    let body = timeout(BODY_WITHIN, to_bytes(request.into_body(), BODY_MAX));
    let late = |_| Problem::new(BAD_REQUEST, "the body has not come within 5 s");
    let body: Bytes = body.await.map_err(late)?.map_err(|failed| {
        // The library tells a body that is too long from one that broke off by its words alone.
        match failed.to_string().contains("limit") {
            true => Problem::new(TOO_LARGE, "the body is longer"),
            false => Problem::new(BAD_REQUEST, "the body broke off"),
        }
    })?;
    serde_json::from_slice(&body)
        .map_err(|wrong| Problem::new(WRONG_PARAMETER, format!("the body: {wrong}")))
}

fn new_reading(body: &NewReadingBody, now_ns: WallNs) -> Result<(NewReading, usize), Problem> {
    let wrong = |parameter, why: String| Problem::of_parameter(WRONG_PARAMETER, parameter, why);
    let (name, text) = match (&body.shown, &body.kwh) {
        (Some(text), None) => ("shown", text),
        (None, Some(text)) => ("kwh", text),
        _ => {
            let why = "what the face shows lacks: shown, in the meter's unit, or kwh";
            return Err(wrong("shown", why.to_owned()));
        }
    };
    let (shown, decimals) = parse_shown(text).map_err(|why| wrong(name, why))?;
    let at_ns = match &body.at {
        None => Some(now_ns),
        Some(text) => {
            let at = text.parse::<Timestamp>().ok();
            at.and_then(|at| i64::try_from(at.as_nanosecond()).ok())
                .map(WallNs)
        }
    };
    let no_time = || {
        wrong(
            "at",
            "it is no time such as 2026-10-25T12:00:00Z".to_owned(),
        )
    };
    let new = NewReading {
        at_ns: at_ns.ok_or_else(no_time)?,
        is_now: body.at.is_none(),
        shown,
        adopt: body.adopt,
    };
    Ok((new, decimals))
}

impl NewReadingBody {
    /// Kilowatt-hours are of a meter that counts them.
    fn check_unit(&self, unit: Quantity) -> Result<(), Problem> {
        if self.kwh.is_none() || unit == Quantity::KilowattHours {
            return Ok(());
        }
        let why = format!(
            "the meter counts {}: send what it shows as shown",
            unit.as_str()
        );
        Err(Problem::of_parameter(WRONG_PARAMETER, "kwh", why))
    }
}

/// What is configured of a meter.
fn face(api: &Api, meter: &str) -> Result<MeterFace, Problem> {
    let in_use = api.source.in_use();
    let mut meters = in_use.meters.iter();
    let Some(known) = meters.find(|known| known.name == meter) else {
        let detail = format!("there is no meter \"{meter}\"");
        return Err(Problem::of_parameter(NO_METER, "meter", detail));
    };
    let worth = known.worth().ok_or_else(|| {
        let unit = known.unit.symbol();
        let detail = format!("it is not known how many pulses of \"{meter}\" are one {unit}");
        Problem::of_parameter(PULSE_WORTH_UNKNOWN, "meter", detail)
    })?;
    let digits = known.register_digits;
    Ok(MeterFace { worth, digits })
}

/// Does what writes to the journal, one at a time: each looks at what is there first.
async fn write<T: Send + 'static>(
    api: &Api,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let _turn = api.writing.lock().await;
    if !*api.source.directory().borrow() {
        let detail = "the journal is closed because of its disk";
        return Err(Problem::new(JOURNAL, detail).retry_after(10));
    }
    api.source.beside(work).await
}

fn not_kept(failed: NotKept, entry: &Entry<'_>, in_use: &crate::web::source::InUse) -> Problem {
    let meter = entry.meter;
    match failed {
        NotKept::Refused(ReadingRefused::BeyondFace(digits)) => {
            let detail = format!("the face has {digits} digits (register_digits)");
            Problem::of_parameter(WRONG_PARAMETER, "shown", detail)
        }
        NotKept::Refused(ReadingRefused::InFuture) => {
            Problem::of_parameter(WRONG_PARAMETER, "at", "it is in the future")
        }
        NotKept::Refused(ReadingRefused::Older(than_ns)) => {
            let than = super::head::rfc3339(than_ns);
            let detail = format!("there is a reading of \"{meter}\" of {than}");
            Problem::new(READING_OLDER, detail)
        }
        NotKept::NotHeld => Problem::of_parameter(NOT_HELD, "at", failed.to_string()),
        NotKept::Implausible(reading, by) => {
            let (read, unit) = (reading.shown, reading.worth.quantity.symbol());
            let (expected, by_unit) = (by.expected, by.unit.symbol());
            let detail = format!(
                "{read} {unit} were read of \"{meter}\", {expected:.3} {by_unit} are expected by its pulses"
            );
            Problem::new(READING_IMPLAUSIBLE, detail).drift(DriftAnswer::of(&by))
        }
        NotKept::UnknownMeter => {
            let detail = format!("nothing was counted of \"{meter}\" yet");
            Problem::of_parameter(NO_METER, "meter", detail)
        }
        NotKept::Journal(failed) => unreadable(&failed, in_use),
    }
}
