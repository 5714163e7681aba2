//! What an answer means. Pure.
//!
//! The table is the project's policy for every status that InfluxDB 1 to 3, its clouds and the proxies
//! before it are known to give (InfluxDB v2.9.1 `http/write_handler.go`, `http/points`,
//! `v1/coordinator/points_writer.go`):
//!
//! | answer | verdict |
//! |---|---|
//! | 204 | delivered; nothing else is |
//! | 400 that quotes a line, or an unknown one | isolate: halves are tried until the line stands alone |
//! | 400 about organization or precision; 415; 401, 403, 404 | hold: nothing is wrong with the pulses |
//! | 404 in words that are not InfluxDB's; 405, 501 | hold: that is another program |
//! | 413 | halve at once |
//! | 408, 504, no answer in time | halve, after a pause |
//! | 422 for retention | delivered but for the points it dropped as too old |
//! | 422 for a field's type | hold what is in that shard: another program writes `Pulse` as another type |
//! | 422 for a limit of the server's | hold |
//! | 422 for a shard that is being deleted | later: with backoff |
//! | 422 otherwise | isolate |
//! | 429, 503 | later: the longer of `Retry-After` and backoff |
//! | anything else, no answer | later: with backoff |
//!
//! What may be about the compression is judged only when the plain body has failed, too
//! ([`super::encoding`]). InfluxDB 1 says with 400 what 2 says with 422.

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
        /// The words are not InfluxDB 2's: a proxy's, or another program's.
        foreign: bool,
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

/// Why delivery is on hold until the operator acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// 401: the token is wrong.
    Unauthorized,
    /// 403: the token may not write to this bucket.
    Forbidden,
    /// 404: the bucket or the organization is not there.
    NotFound,
    /// 404 from another program, 405, 501: the address leads elsewhere.
    NotTheApi,
    /// 400 about the request, not about a line.
    BadRequest,
    /// Line after line is refused and nothing goes through: it is not the lines.
    LinesRefused,
    /// 422: the field has another type in this bucket.
    FieldType,
    /// 422: the server has reached a limit that its operator has set.
    Limit,
}

impl Hold {
    /// The machine word, also kept as the destination's state.
    pub fn as_str(self) -> &'static str {
        match self {
            Hold::Unauthorized => "unauthorized",
            Hold::Forbidden => "forbidden",
            Hold::NotFound => "not_found",
            Hold::NotTheApi => "not_the_api",
            Hold::BadRequest => "bad_request",
            Hold::LinesRefused => "lines_refused",
            Hold::FieldType => "field_type",
            Hold::Limit => "limit",
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
                "there is no such bucket or organization: check INFLUX_ORG and RAW_BUCKET in .env, \
                 or create the bucket"
            }
            Hold::BadRequest => {
                "the server does not accept the request: check INFLUX_HOST and INFLUX_ORG"
            }
            Hold::NotTheApi => {
                "this is not the API of InfluxDB 2: check INFLUX_HOST, its port and its path, and any proxy \
                 before it"
            }
            Hold::LinesRefused => {
                "the server refuses line after line and takes none: look at its log, and at any proxy before it"
            }
            Hold::Limit => {
                "the server has reached a limit of its own (series, values, storage): raise it there, or \
                 write into another bucket"
            }
            Hold::FieldType => {
                "another program writes the field Pulse with another type into this bucket: \
                 stop it, or choose another RAW_BUCKET or MEASUREMENT"
            }
        }
    }

    /// Whether the bucket may have been recreated meanwhile, so that what it had received is gone.
    pub fn may_lose_bucket(self) -> bool {
        matches!(self, Hold::NotFound | Hold::Forbidden)
    }

    /// Whether the state that an earlier run has left may hide such a time: a bucket is deleted and made again
    /// together with its token, so that a refused token may be the last that was seen of it.
    pub fn may_hide_a_lost_bucket(word: &str) -> bool {
        let holds = [Hold::NotFound, Hold::Forbidden, Hold::Unauthorized];
        holds.iter().any(|hold| hold.as_str() == word)
    }
}

/// What to do after a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A line in it is refused: find it.
    Isolate {
        /// The message quotes the line.
        certain: bool,
    },
    /// Written, but for the points older than the retention.
    Expired {
        /// How many were dropped; None: it did not say.
        dropped: Option<usize>,
    },
    /// Too large.
    Halve {
        /// The server was busy with it for long: not at once.
        pause: bool,
    },
    /// Keep everything, warn, try again slowly.
    Hold(Hold),
    /// Try again later.
    Later {
        /// As long as the server asked for.
        after: Option<Duration>,
    },
}

/// Judges a failure.
pub fn judge(failure: &Failure) -> Verdict {
    let (status, message, retry_after, foreign) = match failure {
        Failure::Status {
            status,
            message,
            retry_after,
            foreign,
        } => (*status, message.as_str(), *retry_after, *foreign),
        Failure::Transport {
            kind: "timeout", ..
        } => return Verdict::Halve { pause: true },
        // An answer beyond all bounds: the question was too large.
        Failure::Transport {
            kind: "too_long", ..
        } => return Verdict::Halve { pause: false },
        Failure::Transport { .. } => return Verdict::Later { after: None },
    };
    match status {
        400 => judge_400(message),
        401 => Verdict::Hold(Hold::Unauthorized),
        403 => Verdict::Hold(Hold::Forbidden),
        // InfluxDB 1 has no codes; what it lacks it names.
        404 if foreign && !message.contains("database not found") => Verdict::Hold(Hold::NotTheApi),
        404 => Verdict::Hold(Hold::NotFound),
        405 | 501 => Verdict::Hold(Hold::NotTheApi),
        408 | 504 => Verdict::Halve { pause: true },
        413 => Verdict::Halve { pause: false },
        415 => Verdict::Hold(Hold::BadRequest),
        422 => judge_partial_write(message),
        429 | 503 => Verdict::Later { after: retry_after },
        _ => Verdict::Later { after: None },
    }
}

fn judge_400(message: &str) -> Verdict {
    let says = |word| message.contains(word);
    if message.is_empty() || says("queue length exceeded") {
        // An answer that broke off says nothing about a line; a full queue of queries empties itself.
        Verdict::Later { after: None }
    } else if says("partial write:")
        || says("failure writing points")
        || says("invalid column type")
    {
        judge_partial_write(message)
    } else if quotes_a_line(message) {
        Verdict::Isolate { certain: true }
    } else if says("organization") && says("not found") {
        Verdict::Hold(Hold::NotFound)
    } else if says("precision") || says("orgID") {
        Verdict::Hold(Hold::BadRequest)
    } else {
        Verdict::Isolate { certain: false }
    }
}

/// Some points were refused by the storage, the others are written.
fn judge_partial_write(message: &str) -> Verdict {
    let says = |word| message.contains(word);
    if says("field type conflict") || says("invalid column type") {
        Verdict::Hold(Hold::FieldType)
    } else if is_too_old(message) {
        Verdict::Expired {
            dropped: dropped(message),
        }
    } else if says("limit exceeded") {
        Verdict::Hold(Hold::Limit)
    } else if says("shard") && says("delet") {
        Verdict::Later { after: None }
    } else {
        let certain = quotes_a_line(message);
        Verdict::Isolate { certain }
    }
}

/// Whether the server's text quotes a line of the request.
pub(super) fn quotes_a_line(message: &str) -> bool {
    quoted_line(message).is_some()
}

/// The line that the server's text quotes first, or what there is of it. A line may hold quotes itself.
pub(super) fn quoted_line(message: &str) -> Option<&str> {
    let (_, quoted) = message.split_once("unable to parse '")?;
    let end = quoted.find("': ").or_else(|| quoted.rfind('\''));
    Some(end.map_or(quoted, |end| &quoted[..end]))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16, message: &str) -> Failure {
        Failure::Status {
            status,
            message: message.to_owned(),
            retry_after: None,
            foreign: false,
        }
    }

    fn is_later(code: u16, message: &str) -> bool {
        judge(&status(code, message)) == Verdict::Later { after: None }
    }

    #[test]
    fn an_answer_that_says_nothing_of_the_points_is_tried_again() {
        let busy = [200, 302, 429, 499, 500, 502, 503];
        assert!(busy.into_iter().all(|code| is_later(code, "")));
        assert!(is_later(400, ""), "it broke off");
        assert!(is_later(400, "queue length exceeded"));
        assert!(is_later(
            400,
            "failure writing points to database: engine: shard 7 is pending deletion"
        ));
        for deleted in [
            "partial write: shard is being deleted dropped=0 for retention policy: autogen",
            "failure writing points to database: partial write: shard 12 is pending deletion dropped=9",
        ] {
            assert!(is_later(422, deleted), "{deleted}");
        }
        let broken = |kind| Failure::Transport {
            kind,
            message: String::new(),
        };
        let later = Verdict::Later { after: None };
        assert_eq!(judge(&broken("unreachable")), later);
        assert_eq!(judge(&broken("broken")), later);
        let asked = Failure::Status {
            status: 429,
            message: String::new(),
            retry_after: Some(Duration::from_secs(7)),
            foreign: true,
        };
        let after = Some(Duration::from_secs(7));
        assert_eq!(judge(&asked), Verdict::Later { after });
        // What takes too long is tried smaller, and so is what is too large.
        let slow = Verdict::Halve { pause: true };
        assert_eq!(judge(&broken("timeout")), slow);
        assert_eq!(judge(&status(408, "")), slow);
        assert_eq!(judge(&status(504, "<html>")), slow);
        let large = judge(&status(413, "too large"));
        assert_eq!(large, Verdict::Halve { pause: false });
    }

    #[test]
    fn what_is_not_the_lines_fault_is_held() {
        for (code, message, hold) in [
            (
                400,
                "invalid precision; valid precision units are",
                Hold::BadRequest,
            ),
            (400, "Please provide either orgID or org", Hold::BadRequest),
            (
                400,
                "failed to decode request body: organization name \"x\" not found",
                Hold::NotFound,
            ),
            (401, "unauthorized access", Hold::Unauthorized),
            (403, "insufficient permissions for write", Hold::Forbidden),
            (404, "bucket \"X\" not found", Hold::NotFound),
            (404, "", Hold::NotFound),
            (405, "Method Not Allowed", Hold::NotTheApi),
            (415, "Unsupported Media Type", Hold::BadRequest),
            (501, "", Hold::NotTheApi),
            (422, "field type conflict: input field", Hold::FieldType),
            (
                400,
                "partial write: field type conflict: input field \"Pulse\"",
                Hold::FieldType,
            ),
            (
                422,
                "failure writing points to database: partial write: max-series-per-database limit \
                 exceeded: (1000000) dropped=1",
                Hold::Limit,
            ),
            (
                422,
                "partial write: max-values-per-tag limit exceeded (100001/100000)",
                Hold::Limit,
            ),
        ] {
            let verdict = judge(&status(code, message));
            assert_eq!(verdict, Verdict::Hold(hold), "{code} {message}");
        }
        let page = Failure::Status {
            status: 404,
            message: "404 Not Found nginx".to_owned(),
            retry_after: None,
            foreign: true,
        };
        assert_eq!(judge(&page), Verdict::Hold(Hold::NotTheApi));
        let older = Failure::Status {
            status: 404,
            message: "database not found: \"x\"".to_owned(),
            retry_after: None,
            foreign: true,
        };
        assert_eq!(judge(&older), Verdict::Hold(Hold::NotFound));
    }

    #[test]
    fn lines_are_looked_for_where_the_points_may_be_to_blame() {
        for (code, message, certain) in [
            (400, "unable to parse 'x': missing fields", true),
            (400, "unable to read data: gzip: invalid checksum", false),
            (400, "unable to parse the request", false),
            (
                400,
                "partial write: unable to parse 'x': missing fields dropped=0",
                true,
            ),
            (400, "who knows", false),
            (422, "who knows", false),
            (422, "partial write: invalid field name dropped=1", false),
        ] {
            let verdict = judge(&status(code, message));
            assert_eq!(verdict, Verdict::Isolate { certain }, "{code} {message}");
        }
    }

    #[test]
    fn points_older_than_the_bucket_keeps_are_counted() {
        let told = "failure writing points to database: partial write: dropped 3 points outside \
            retention policy of duration 720h0m0s dropped=3 for database: 0 for retention policy";
        let older = "points beyond retention policy";
        let first = "partial write: points beyond retention policy dropped=12";
        for (code, message, dropped) in [
            (422, told, Some(3)),
            (422, older, None),
            (400, first, Some(12)),
        ] {
            let verdict = judge(&status(code, message));
            assert_eq!(verdict, Verdict::Expired { dropped }, "{code} {message}");
        }
    }
}
