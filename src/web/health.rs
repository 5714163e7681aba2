//! Is it to be restarted, does it count, is all well: three answers for monitors, and nothing to read in them but the
//! first line.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::Uri;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};

use super::api::Api;
use super::problem::{Problem, UNWELL, WRONG_PARAMETER};
use super::query::Query;
use super::source::Loops;
use crate::clock::{Clock, SystemClock};
use crate::model::{MonoNs, NS_PER_S, Notice};
use crate::status::{Condition, Status};

/// A loop that has not moved for so long does not step.
const STUCK_NS: i64 = 60 * NS_PER_S;

/// A writer that has not moved for so long waits for the disk.
const STALLED_NS: i64 = 7 * NS_PER_S;

/// Bytes of the reasons: monitors show them in a line.
const REASONS_MAX: usize = 600;

/// A check: its name, and what is wrong.
type Check = (&'static str, Result<(), String>);

pub(super) async fn livez(State(api): State<Api>, uri: Uri) -> Result<Response, Problem> {
    let verbose = is_verbose(&uri)?;
    told(&alive(api.source.loops(), SystemClock.mono_ns()), verbose)
}

pub(super) async fn readyz(State(api): State<Api>, uri: Uri) -> Result<Response, Problem> {
    let verbose = is_verbose(&uri)?;
    let mut checks = alive(api.source.loops(), SystemClock.mono_ns());
    checks.push(counting(&api.source.status()));
    told(&checks, verbose)
}

pub(super) async fn healthz(State(api): State<Api>, uri: Uri) -> Result<Response, Problem> {
    let verbose = is_verbose(&uri)?;
    let loops = api.source.loops();
    let mut checks = alive(loops, SystemClock.mono_ns());
    let status = api.source.status();
    checks.push(counting(&status));
    checks.extend(well(&status, loops));
    told(&checks, verbose)
}

fn is_verbose(uri: &Uri) -> Result<bool, Problem> {
    match Query::of(uri, &["verbose"])?.get("verbose") {
        None => Ok(false),
        Some("") => Ok(true),
        Some(_) => Err(Problem::of_parameter(
            WRONG_PARAMETER,
            "verbose",
            "it has no value",
        )),
    }
}

/// Whether the loops step.
fn alive(loops: Loops, now_ns: MonoNs) -> Vec<Check> {
    let stuck = |ns: i64| match ns > STUCK_NS {
        true => Err(format!("it has not stepped for {} s", ns / NS_PER_S)),
        false => Ok(()),
    };
    // Before the first look it has just begun.
    let main_ns = if loops.looked_ns == 0 {
        0
    } else {
        now_ns - loops.looked_ns
    };
    vec![
        ("main", stuck(main_ns)),
        ("capture", stuck(loops.capture_ns)),
    ]
}

/// Whether it counts.
fn counting(status: &Status) -> Check {
    let unread = status.unread();
    let unread = unread.map(|(meter, line)| format!("{meter}: {}", line.why));
    ("lines", if_none(&unread.collect::<Vec<_>>()))
}

/// Whether all else is well, too.
fn well(status: &Status, loops: Loops) -> Vec<Check> {
    let conditions = status.conditions();
    let among = |is_of: fn(&Condition) -> bool| {
        let found = conditions.iter().filter(|condition| is_of(condition));
        if_none(&found.map(Condition::sentence).collect::<Vec<_>>())
    };
    let stalled_s = loops.journal_ns / NS_PER_S;
    let disk = match loops.journal_ns > STALLED_NS {
        true => {
            let waiting = status.waiting;
            Err(format!(
                "no answer for {stalled_s} s; {waiting} pulses wait in memory"
            ))
        }
        false => among(|of| matches!(of, Condition::JournalFails { .. } | Condition::DiskStalled)),
    };
    let delivery = among(|of| {
        let is_unusable = matches!(of, Condition::Configuration(Notice::ServerUnusable(_)));
        let fails = matches!(
            of,
            Condition::DeliveryFails | Condition::BacklogOld | Condition::WindowsNotCompared
        );
        is_unusable || fails
    });
    let wrong =
        |of: &Condition| matches!(of, Condition::Configuration(Notice::ConfigurationWrong(_)));
    vec![
        ("disk", disk),
        ("delivery", delivery),
        ("clock", among(|of| *of == Condition::ClockUnknown)),
        ("configuration", among(wrong)),
    ]
}

fn if_none(found: &[String]) -> Result<(), String> {
    if found.is_empty() {
        Ok(())
    } else {
        Err(found.join("; "))
    }
}

fn told(checks: &[Check], verbose: bool) -> Result<Response, Problem> {
    let wrong = checks
        .iter()
        .filter_map(|(name, check)| Some((name, check.as_ref().err()?)));
    let wrong: Vec<String> = wrong.map(|(name, why)| format!("{name}: {why}")).collect();
    if !wrong.is_empty() {
        let reasons = shortened(&wrong.join("; "));
        return Err(Problem::new(UNWELL, reasons).retry_after(10));
    }
    let mut text = "ok\n".to_owned();
    for (name, _) in checks.iter().filter(|_| verbose) {
        let _ = writeln!(text, "{name}: ok");
    }
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(CONTENT_TYPE, plain)], text).into_response())
}

fn shortened(text: &str) -> String {
    if text.len() <= REASONS_MAX {
        return text.to_owned();
    }
    let end = (0..=REASONS_MAX)
        .rev()
        .find(|end| text.is_char_boundary(*end));
    format!("{} …", &text[..end.unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_loop_that_stands_still_asks_for_a_restart() {
        let wrong = |loops| {
            let checks = alive(loops, 1_000 * NS_PER_S);
            let wrong = checks.into_iter().filter(|(_, check)| check.is_err());
            wrong.map(|(name, _)| name).collect::<Vec<_>>()
        };
        let fresh = Loops {
            looked_ns: 999 * NS_PER_S,
            ..Loops::default()
        };
        assert_eq!(
            wrong(Loops::default()),
            Vec::<&str>::new(),
            "it has just begun"
        );
        assert_eq!(wrong(fresh), Vec::<&str>::new());
        // A disk that does not answer is no reason.
        let stalled = Loops {
            journal_ns: 900 * NS_PER_S,
            ..fresh
        };
        assert_eq!(wrong(stalled), Vec::<&str>::new());
        let stuck = Loops {
            capture_ns: 61 * NS_PER_S,
            ..fresh
        };
        assert_eq!(wrong(stuck), ["capture"]);
        let late = Loops {
            looked_ns: 900 * NS_PER_S,
            ..fresh
        };
        assert_eq!(wrong(late), ["main"]);
    }

    #[test]
    fn the_reasons_stand_first_and_stay_short() {
        let checks: Vec<Check> = vec![
            ("main", Ok(())),
            ("lines", Err("ü".repeat(1_000))),
            ("clock", Err("b".to_owned())),
        ];
        let problem = told(&checks, false).unwrap_err();
        assert!(problem.detail.starts_with("lines: ü") && problem.detail.len() < 1_000);
    }
}
