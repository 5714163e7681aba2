//! What an answer means, and when to try again. Pure.
//!
//! The table is the project's policy for every status that InfluxDB 2, its clouds and the proxies
//! before it are known to give (InfluxDB v2.9.1 `http/write_handler.go`, `http/points`,
//! `v1/coordinator/points_writer.go`):
//!
//! | answer | verdict |
//! |---|---|
//! | 204 | delivered; nothing else is |
//! | 400 that names a line, or an unknown one | isolate: halves are tried until the line stands alone |
//! | 400 about the body's compression, 500 over a compressed body | once more, uncompressed |
//! | 400 about organisation or precision; 401, 403, 404 | hold: nothing is wrong with the pulses |
//! | 413 | halve |
//! | 422 for retention | delivered but for the points it dropped as too old |
//! | 422 for a field's type | hold: somebody else writes `Pulse` as another type |
//! | 422 otherwise | isolate |
//! | 429, 503 | later: as `Retry-After` says |
//! | anything else, no answer | later: with backoff |

use std::time::Duration;

/// Why a request did not end in 204.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The server (or a proxy) answered.
    Status {
        /// The HTTP status.
        status: u16,
        /// What it said, shortened.
        message: String,
        /// What it asked for in `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// There was no answer: it may or may not have arrived.
    Transport {
        /// A machine word: `refused`, `timeout`, …
        kind: &'static str,
        /// What happened.
        message: String,
    },
}

impl Failure {
    /// What happened, for people.
    pub fn message(&self) -> String {
        match self {
            Failure::Status {
                status, message, ..
            } if message.is_empty() => format!("HTTP {status}"),
            Failure::Status {
                status, message, ..
            } => format!("HTTP {status}: {message}"),
            Failure::Transport { message, .. } => message.clone(),
        }
    }
}

/// Why delivery is on hold: nothing helps but somebody's hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// 401: the token is wrong.
    Unauthorized,
    /// 403: the token may not write to this bucket.
    Forbidden,
    /// 404: the bucket or the organisation is not there.
    NotFound,
    /// 400 about the request, not about a line.
    BadRequest,
    /// 422: the field has another type in this bucket.
    FieldType,
}

impl Hold {
    /// The machine word, also kept as the destination's state.
    pub fn as_str(self) -> &'static str {
        match self {
            Hold::Unauthorized => "unauthorized",
            Hold::Forbidden => "forbidden",
            Hold::NotFound => "not_found",
            Hold::BadRequest => "bad_request",
            Hold::FieldType => "field_type",
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Hold::Unauthorized => {
                "the token is not valid: check INFLUX_TOKEN (or INFLUX_WRITER_TOKEN) in .env"
            }
            Hold::Forbidden => {
                "the token may not write to this bucket: use a token with write permission on it \
                 (a bucket that was deleted and made again needs a new token)"
            }
            Hold::NotFound => {
                "there is no such bucket or organisation: check INFLUX_ORG and RAW_BUCKET in .env, \
                 or create the bucket"
            }
            Hold::BadRequest => {
                "the server does not accept the request: check INFLUX_HOST and INFLUX_ORG"
            }
            Hold::FieldType => {
                "another program writes the field Pulse with another type into this bucket: \
                 stop it, or choose another RAW_BUCKET or MEASUREMENT"
            }
        }
    }

    /// Whether the bucket may have been made anew meanwhile, so that what it had received is gone.
    pub fn may_lose_bucket(word: &str) -> bool {
        word == Hold::NotFound.as_str() || word == Hold::Forbidden.as_str()
    }
}

/// What to do after a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A line in it is refused: find it.
    Isolate {
        /// The message quotes the line, so that it is surely the line that is wrong.
        certain: bool,
    },
    /// Written, but for the points older than the retention.
    Expired {
        /// How many were dropped; None: it did not say.
        dropped: Option<usize>,
    },
    /// Too large.
    Halve,
    /// Send the same once more without compression.
    ResendPlain,
    /// Keep everything, tell somebody, try again slowly.
    Hold(Hold),
    /// Try again later.
    Later {
        /// As long as the server asked for.
        after: Option<Duration>,
    },
}

/// Judges a failure. `compressed`: the body was.
pub fn judge(failure: &Failure, compressed: bool) -> Verdict {
    let Failure::Status {
        status,
        message,
        retry_after,
    } = failure
    else {
        return Verdict::Later { after: None };
    };
    match status {
        400 => judge_400(message, compressed),
        401 => Verdict::Hold(Hold::Unauthorized),
        403 => Verdict::Hold(Hold::Forbidden),
        404 => Verdict::Hold(Hold::NotFound),
        413 => Verdict::Halve,
        422 if message.contains("field type conflict") => Verdict::Hold(Hold::FieldType),
        422 if is_too_old(message) => Verdict::Expired {
            dropped: dropped(message),
        },
        422 => Verdict::Isolate { certain: true },
        429 | 503 => Verdict::Later {
            after: *retry_after,
        },
        500 if compressed => Verdict::ResendPlain,
        _ => Verdict::Later { after: None },
    }
}

fn judge_400(message: &str, compressed: bool) -> Verdict {
    if message.is_empty() {
        // An answer that broke off says nothing about a line.
        Verdict::Later { after: None }
    } else if message.contains("unable to parse") {
        Verdict::Isolate { certain: true }
    } else if message.contains("gzip") && compressed {
        Verdict::ResendPlain
    } else if message.contains("precision") || message.contains("orgID") {
        Verdict::Hold(Hold::BadRequest)
    } else {
        Verdict::Isolate { certain: false }
    }
}

/// Whether points were dropped for their age. Every partial write ends in "for retention policy:
/// autogen", so the word alone says nothing; versions up to 2.7 said "points beyond retention policy".
fn is_too_old(message: &str) -> bool {
    message.contains("outside retention policy") || message.contains("beyond retention policy")
}

/// The number behind `dropped=` in a partial write.
fn dropped(message: &str) -> Option<usize> {
    let (_, rest) = message.split_once("dropped=")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The first quick retry comes after about this.
const QUICK_MIN: Duration = Duration::from_millis(100);

/// A server may ask for a longer pause than this; longer ones are asked about again.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

/// While on hold there is a try in this many replay intervals.
const HOLD_INTERVALS: u32 = 3;

/// When to try again: settings of [`Backoff::after`].
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// Quick retries, each twice as late as the one before.
    pub retries_max: u32,
    /// The time between tries when those are used up.
    pub interval: Duration,
}

impl Backoff {
    /// The pause after the `failures`th failure in a row (from 1). `random` in 0..1 gives the jitter:
    /// a quick retry waits between half and all of its time, so that several loggers behind one
    /// outage do not return at the same instant.
    pub fn after(&self, failures: u32, random: f64) -> Duration {
        if failures > self.retries_max {
            return self.interval;
        }
        let doublings = failures.saturating_sub(1).min(16);
        let full = (QUICK_MIN * 2u32.pow(doublings)).min(self.interval);
        full.mul_f64(0.5 + random / 2.0)
    }

    /// The pause that a server asked for.
    pub fn asked(after: Duration) -> Duration {
        after.min(RETRY_AFTER_MAX)
    }

    /// The pause while on hold.
    pub fn hold(&self) -> Duration {
        self.interval * HOLD_INTERVALS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16, message: &str) -> Failure {
        Failure::Status {
            status,
            message: message.to_owned(),
            retry_after: None,
        }
    }

    #[test]
    fn every_answer_has_its_verdict() {
        let later = Verdict::Later { after: None };
        let isolate = |certain| Verdict::Isolate { certain };
        let expired = |dropped| Verdict::Expired { dropped };
        let retention = "failure writing points to database: partial write: dropped 3 points outside \
            retention policy of duration 720h0m0s dropped=3 for database: 0 for retention policy";
        for (code, message, compressed, want) in [
            (200, "<html>", true, later.clone()),
            (302, "", true, later.clone()),
            (
                400,
                "unable to parse 'x': missing fields",
                true,
                isolate(true),
            ),
            (
                400,
                "unable to read data: gzip: invalid checksum",
                true,
                Verdict::ResendPlain,
            ),
            (
                400,
                "unable to read data: gzip: invalid checksum",
                false,
                isolate(false),
            ),
            (
                400,
                "invalid precision; valid precision units are",
                true,
                Verdict::Hold(Hold::BadRequest),
            ),
            (
                400,
                "Please provide either orgID or org",
                true,
                Verdict::Hold(Hold::BadRequest),
            ),
            (400, "who knows", true, isolate(false)),
            (
                401,
                "unauthorized access",
                true,
                Verdict::Hold(Hold::Unauthorized),
            ),
            (
                403,
                "insufficient permissions for write",
                true,
                Verdict::Hold(Hold::Forbidden),
            ),
            (
                404,
                "bucket \"X\" not found",
                true,
                Verdict::Hold(Hold::NotFound),
            ),
            (408, "", true, later.clone()),
            (413, "too large", true, Verdict::Halve),
            (422, retention, true, expired(Some(3))),
            (422, "points beyond retention policy", true, expired(None)),
            (
                422,
                "field type conflict: input field",
                true,
                Verdict::Hold(Hold::FieldType),
            ),
            (
                422,
                "partial write: shard is being deleted dropped=0 for retention policy: autogen",
                true,
                isolate(true),
            ),
            (429, "", true, later.clone()),
            (499, "", true, later.clone()),
            (
                500,
                "An internal error has occurred",
                true,
                Verdict::ResendPlain,
            ),
            (500, "An internal error has occurred", false, later.clone()),
            (502, "", true, later.clone()),
            (504, "", true, later.clone()),
        ] {
            assert_eq!(
                judge(&status(code, message), compressed),
                want,
                "{code} {message}"
            );
        }
        let asked = Failure::Status {
            status: 429,
            message: String::new(),
            retry_after: Some(Duration::from_secs(7)),
        };
        assert_eq!(
            judge(&asked, true),
            Verdict::Later {
                after: Some(Duration::from_secs(7))
            }
        );
    }

    #[test]
    fn eight_quick_retries_then_every_ten_seconds() {
        let backoff = Backoff {
            retries_max: 8,
            interval: Duration::from_secs(10),
        };
        let full: Vec<_> = (1..=10)
            .map(|n| backoff.after(n, 1.0).as_millis())
            .collect();
        assert_eq!(
            full,
            [
                100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000
            ]
        );
        assert_eq!(
            backoff.after(3, 0.0).as_millis(),
            200,
            "half of it at least"
        );
        assert_eq!(backoff.after(u32::MAX, 0.5), Duration::from_secs(10));
        assert_eq!(Backoff::asked(Duration::from_secs(86_400)), RETRY_AFTER_MAX);
    }
}
