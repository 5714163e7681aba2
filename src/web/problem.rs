//! Whatever is refused, of every kind: problem details (RFC 9457) with a remedy, and a page about each kind. Pure.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::answers::entering::DriftAnswer;

/// A kind of problem; its word is the end of its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) word: &'static str,
    pub(super) status: u16,
    pub(super) title: &'static str,
    pub(super) remedy: &'static str,
}

const fn kind(word: &'static str, status: u16, title: &'static str, remedy: &'static str) -> Kind {
    Kind {
        word,
        status,
        title,
        remedy,
    }
}

macro_rules! kinds {
    ($($name:ident = $word:literal, $status:literal, $title:literal, $remedy:literal;)*) => {
        $(pub(super) const $name: &Kind = &kind($word, $status, $title, $remedy);)*
        /// All kinds there are.
        pub(super) const KINDS: &[&Kind] = &[$($name),*];
    };
}

kinds! {
    UNKNOWN_PARAMETER = "unknown-parameter", 400, "There is no such parameter",
        "Leave it out, or write it as /api/v1/openapi.json does.";
    WRONG_PARAMETER = "wrong-parameter", 400, "A parameter is wrong",
        "Write it as /api/v1/openapi.json says.";
    SPAN_TOO_LONG = "span-too-long", 400, "That is too much at once",
        "Ask for a shorter span, or for `points` instead of a `window`.";
    BAD_REQUEST = "bad-request", 400, "The request is not understood",
        "Write it as HTTP/1.1 says, with a Host.";
    TOKEN = "token", 401, "The token is missing or wrong",
        "Send `Authorization: Bearer` with the token of [web].";
    CROSS_SITE = "cross-site", 403, "The request comes from another site",
        "Open the page of the daemon itself. A program leaves Origin and Sec-Fetch-Site out.";
    NOT_LOCAL = "not-local", 403, "The request comes from outside the local networks",
        "Use a computer of the local network, or name the addresses to listen on in [web] listen.";
    NOT_FOUND = "not-found", 404, "There is no such thing",
        "/api/v1/openapi.json lists what there is.";
    NO_METER = "no-meter", 404, "There is no such meter",
        "/api/v1/meters lists those there are.";
    METHOD_NOT_ALLOWED = "method-not-allowed", 405, "That cannot be done here",
        "Use a method that Allow names. Readings can be entered only where a token is configured ([web] token).";
    NOT_ACCEPTABLE = "not-acceptable", 406, "There is no answer in that form",
        "Accept application/json.";
    READING_IMPLAUSIBLE = "reading-implausible", 409, "The reading is far from what was counted",
        "Read the meter once more; if it is right, send it with `confirm`.";
    NO_READING = "no-reading", 404, "There is no reading to take back",
        "/api/v1/registers lists those there are.";
    NOT_HELD = "not-held", 409, "The pulses since then are no longer kept one by one",
        "Read the meter again, and leave out `at`.";
    PULSE_WORTH_UNKNOWN = "pulse-worth-unknown", 409, "It is not known what a pulse is worth",
        "Set imp_per_kwh (pulses_per_unit for another unit) in the [[meter]] in powerlogger.toml, as printed on the meter, and restart \
         the daemon.";
    READING_OLDER = "reading-older", 409, "There is a later reading",
        "Enter a reading that is newer than the last one.";
    OTHER_SETTINGS = "other-settings", 412, "The daemon has other settings than those that were asked about",
        "Restart the daemon, or ask without If-Match.";
    TOO_LARGE = "too-large", 413, "The request is too large", "A body may have 16 KiB.";
    NOT_JSON = "not-json", 415, "The body is not JSON", "Send it with Content-Type: application/json.";
    WRONG_HOST = "wrong-host", 421, "This daemon is not known by that name",
        "Add the name to [web] hosts in powerlogger.toml and restart the daemon, or use its IP address.";
    TOO_MANY_FAILURES = "too-many-failures", 429, "Too many wrong tokens",
        "Wait a minute, and look at the token.";
    INTERNAL = "internal", 500, "The daemon has failed at this", "Report it, with the log.";
    BUSY = "busy", 503, "The daemon is busy with other questions", "Ask again in some seconds.";
    TOO_MANY_STREAMS = "too-many-streams", 503, "As many streams are open as may be",
        "Close pages that are open elsewhere, and ask again.";
    JOURNAL = "journal", 503, "The journal cannot be read",
        "Pulses are counted all the same: `powerlogger verify` and the log say what is wrong with the disk.";
    UNWELL = "unwell", 503, "Not all is well", "/api/v1/conditions says what to do.";
}

/// What is refused, and why.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Problem {
    pub(super) kind: &'static Kind,
    pub(super) detail: String,
    pub(super) remedy: Option<String>,
    pub(super) errors: Vec<ParameterError>,
    /// How a reading differs from what was counted.
    pub(super) drift: Option<Box<DriftAnswer>>,
    /// How long to wait, in seconds.
    pub(super) retry_after_s: Option<u32>,
}

/// What is wrong with one parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ParameterError {
    pub(super) parameter: String,
    pub(super) detail: String,
}

impl Problem {
    pub(super) fn new(kind: &'static Kind, detail: impl Into<String>) -> Problem {
        Problem {
            kind,
            detail: detail.into(),
            remedy: None,
            errors: Vec::new(),
            drift: None,
            retry_after_s: None,
        }
    }

    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Problem {
        self.remedy = Some(remedy.into());
        self
    }

    pub(super) fn retry_after(mut self, seconds: u32) -> Problem {
        self.retry_after_s = Some(seconds);
        self
    }

    pub(super) fn drift(mut self, drift: DriftAnswer) -> Problem {
        self.drift = Some(Box::new(drift));
        self
    }

    /// A parameter that is wrong.
    pub(super) fn of_parameter(
        kind: &'static Kind,
        parameter: &str,
        detail: impl Into<String>,
    ) -> Problem {
        let detail = detail.into();
        let mut problem = Problem::new(kind, format!("{parameter}: {detail}"));
        problem.errors.push(ParameterError {
            parameter: parameter.to_owned(),
            detail,
        });
        problem
    }

    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// As a page for people, or as JSON. `path`: what was asked for.
    pub(super) fn render(&self, path: &str, as_page: bool) -> Response {
        let (content_type, body) = if as_page {
            ("text/html; charset=utf-8", self.page())
        } else {
            ("application/problem+json", self.json(path))
        };
        let mut response = (self.status(), Body::from(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == TOKEN {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    fn json(&self, path: &str) -> String {
        #[derive(Serialize)]
        struct Details<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            detail: &'a str,
            instance: &'a str,
            remedy: &'a str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            errors: &'a [ParameterError],
            #[serde(skip_serializing_if = "Option::is_none")]
            drift: Option<DriftAnswer>,
        }
        let details = Details {
            r#type: format!("/problems/{}", self.kind.word),
            title: self.kind.title,
            status: self.kind.status,
            detail: &self.detail,
            instance: path,
            remedy: self.remedy.as_deref().unwrap_or(self.kind.remedy),
            errors: &self.errors,
            drift: self.drift.as_deref().copied(),
        };
        serde_json::to_string(&details).unwrap_or_default()
    }

    fn page(&self) -> String {
        let remedy = self.remedy.as_deref().unwrap_or(self.kind.remedy);
        page(self.kind, &[&self.detail, remedy])
    }
}

impl IntoResponse for Problem {
    /// The guard renders it, which knows what was asked for and in which form.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The page about a kind of problem, with these paragraphs.
pub(super) fn page(kind: &'static Kind, paragraphs: &[&str]) -> String {
    let body: String = paragraphs
        .iter()
        .map(|text| format!("<p>{}</p>\n", escaped(text)))
        .collect();
    let title = escaped(kind.title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <h1>{title}</h1>\n{body}</html>\n"
    )
}

/// Text as it stands in a page.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_apart_and_each_says_what_to_do() {
        for (n, kind) in KINDS.iter().enumerate() {
            assert!(KINDS[..n].iter().all(|other| other.word != kind.word));
            assert!((400..600).contains(&kind.status) && kind.remedy.len() > 10);
        }
    }

    #[test]
    fn what_was_sent_does_not_become_a_part_of_the_page() {
        let problem = Problem::new(WRONG_HOST, "<script src=\"//x\">&");
        assert!(
            problem
                .page()
                .contains("&lt;script src=&quot;//x&quot;&gt;&amp;")
        );
        let json: serde_json::Value = serde_json::from_str(&problem.json("/\"")).unwrap();
        assert_eq!(json["detail"], "<script src=\"//x\">&");
        assert_eq!(json["type"], "/problems/wrong-host");
        assert_eq!(json["instance"], "/\"");
        assert_eq!(json.get("errors"), None);
    }
}
