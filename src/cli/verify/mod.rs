//! `powerlogger verify`: everything from the wire to the server, in the order in which a pulse goes.

mod installed;
mod lines;
pub(super) mod local;
mod others;
mod running;
mod server;
mod skipped;
mod wear;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::config::{Influx, Loaded};
use crate::journal::is_locked;

/// Options of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// For programs.
    #[arg(long)]
    json: bool,

    /// Only what is on this machine: ask no server.
    #[arg(long)]
    local: bool,
}

/// What a check has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// All is well.
    Good,
    /// It will not work like this; the text says what to do.
    Bad(String),
    /// It works, and somebody should know; the text says what.
    Note(String),
    /// It is not in use, which is all right; the text says how it would be.
    Off(String),
    /// It could not be looked at, and why.
    NotChecked(String),
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Check {
    /// What was looked at.
    what: String,
    /// What was seen.
    seen: String,
    outcome: Outcome,
}

impl Check {
    fn good(what: impl Into<String>, seen: impl Into<String>) -> Check {
        Check::new(what, seen, Outcome::Good)
    }

    fn bad(what: impl Into<String>, seen: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check::new(what, seen, Outcome::Bad(remedy.into()))
    }

    fn note(what: impl Into<String>, seen: impl Into<String>, note: impl Into<String>) -> Check {
        Check::new(what, seen, Outcome::Note(note.into()))
    }

    fn off(what: impl Into<String>, seen: impl Into<String>, how: impl Into<String>) -> Check {
        Check::new(what, seen, Outcome::Off(how.into()))
    }

    fn not_checked(what: impl Into<String>, why: impl Into<String>) -> Check {
        Check::new(what, "", Outcome::NotChecked(why.into()))
    }

    fn new(what: impl Into<String>, seen: impl Into<String>, outcome: Outcome) -> Check {
        Check {
            what: what.into(),
            seen: seen.into(),
            outcome,
        }
    }
}

/// Checks, as they are made.
struct Checks<'a> {
    out: Option<&'a mut dyn Write>,
    all: Vec<Check>,
}

impl Checks<'_> {
    /// Shows a check as soon as it is made: some take seconds.
    fn add(&mut self, check: Check) -> Result<()> {
        if let Some(out) = self.out.as_mut() {
            let Check {
                what,
                seen,
                outcome,
            } = &check;
            let seen = if seen.is_empty() {
                String::new()
            } else {
                format!(": {seen}")
            };
            match outcome {
                Outcome::Good => writeln!(out, "✓ {what}{seen}")?,
                Outcome::Note(note) => writeln!(out, "✓ {what}{seen}\n    note: {note}")?,
                Outcome::Bad(remedy) => writeln!(out, "✗ {what}{seen}\n    → {remedy}")?,
                Outcome::Off(how) => writeln!(out, "– {what}{seen}\n    {how}")?,
                Outcome::NotChecked(why) => writeln!(out, "– {what}: not checked ({why})")?,
            }
            out.flush()?;
        }
        self.all.push(check);
        Ok(())
    }

    fn count(&self, of: impl Fn(&Outcome) -> bool) -> usize {
        self.all.iter().filter(|check| of(&check.outcome)).count()
    }
}

/// Checks everything.
///
/// # Errors
/// When the answer cannot be written.
pub fn verify(args: &VerifyArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<ExitCode> {
    let mut checks = Checks {
        out: if args.json { None } else { Some(out) },
        all: Vec::new(),
    };
    local::configuration(loaded, &mut checks)?;
    lines::lines(loaded, &mut checks)?;
    local::journal(loaded, &mut checks)?;
    wear::wear(loaded, &mut checks)?;
    local::clock(loaded, &mut checks)?;
    if args.local {
        checks.add(Check::not_checked("InfluxDB", "--local"))?;
    } else {
        server::server(loaded, &mut checks)?;
    }
    local::waiting(loaded, &mut checks)?;
    running::running(loaded, &mut checks)?;
    local::service(loaded, &mut checks)?;
    let bad = checks.count(|outcome| matches!(outcome, Outcome::Bad(_)));
    let skipped =
        checks.count(|outcome| matches!(outcome, Outcome::NotChecked(_) | Outcome::Off(_)));
    let all = checks.all;
    if args.json {
        writeln!(out, "{:#}", to_json(&all, bad))?;
    } else {
        summary((all.len(), bad, skipped), loaded, out)?;
    }
    Ok(if bad == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(super::EXIT_FAILED)
    })
}

fn summary(
    (all, bad, skipped): (usize, usize, usize),
    loaded: &Loaded,
    out: &mut dyn Write,
) -> Result<()> {
    let good = all - bad - skipped;
    writeln!(out, "\n{good} ok, {bad} failed, {skipped} skipped.")?;
    if bad > 0 {
        writeln!(
            out,
            "\nNext: follow the arrows from the top, then run verify again."
        )?;
        return Ok(());
    }
    writeln!(out, "\nNext:")?;
    if !is_locked(&loaded.settings.journal.dir) {
        writeln!(out, "  • start counting: {}", installed::start())?;
    }
    writeln!(out, "  • watch it count: `powerlogger status`")?;
    if matches!(loaded.settings.influx, Influx::Configured(_)) {
        writeln!(
            out,
            "  • compare server and journal at any time: `powerlogger audit`"
        )?;
    }
    Ok(())
}

fn to_json(all: &[Check], bad: usize) -> serde_json::Value {
    let checks = all.iter().map(|check| {
        let (outcome, text) = match &check.outcome {
            Outcome::Good => ("good", ""),
            Outcome::Note(note) => ("note", note.as_str()),
            Outcome::Bad(remedy) => ("bad", remedy.as_str()),
            Outcome::Off(how) => ("off", how.as_str()),
            Outcome::NotChecked(why) => ("not_checked", why.as_str()),
        };
        json!({ "what": check.what, "seen": check.seen, "outcome": outcome, "text": text })
    });
    json!({ "bad": bad, "checks": checks.collect::<Vec<_>>() })
}
