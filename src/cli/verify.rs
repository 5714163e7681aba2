//! `powerlogger verify`: everything from the wire to the server, in the order in which a pulse goes.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::answers::reach::Reach;
use crate::config::{Influx, Loaded};
use crate::journal::is_locked;
use crate::verify::{self, Check, CheckOutcome, Report, VerifyError, installed};

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

/// Checks everything.
///
/// # Errors
/// When the answer cannot be written.
pub fn verify(args: &VerifyArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<ExitCode> {
    let mut print = |check: &Check| {
        if args.json {
            return Ok(());
        }
        print(check, out)
    };
    let report = verify::verify(loaded, args.local, &mut print).map_err(plain)?;
    if args.json {
        writeln!(out, "{:#}", serde_json::to_value(&report)?)?;
    } else {
        summary(&report, loaded, out)?;
    }
    Ok(if report.bad == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(super::EXIT_FAILED)
    })
}

/// The error itself, for the exit code.
fn plain(failed: VerifyError) -> anyhow::Error {
    match failed {
        VerifyError::Shown(error) => error.into(),
        VerifyError::Journal(error) => error.into(),
        failed => failed.into(),
    }
}

fn print(check: &Check, out: &mut dyn Write) -> io::Result<()> {
    let Check {
        name,
        outcome,
        detail,
        remedy,
    } = check;
    let detail = match detail.as_str() {
        "" => String::new(),
        detail => format!(": {detail}"),
    };
    match outcome {
        CheckOutcome::Good => writeln!(out, "✓ {name}{detail}")?,
        CheckOutcome::Note => writeln!(out, "✓ {name}{detail}\n    note: {remedy}")?,
        CheckOutcome::Bad => writeln!(out, "✗ {name}{detail}\n    → {remedy}")?,
        CheckOutcome::Off => writeln!(out, "– {name}{detail}\n    {remedy}")?,
        CheckOutcome::NotChecked => writeln!(out, "– {name}: not checked ({remedy})")?,
    }
    out.flush()
}

fn summary(report: &Report, loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    let (all, good, bad) = (report.checks.len(), report.good(), report.bad);
    let skipped = report.skipped();
    writeln!(
        out,
        "\n{all} checks: {good} passed, {bad} failed, {skipped} skipped"
    )?;
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
    writeln!(out, "  • watch it count: `powerlogger status --watch`")?;
    if let Some(page) = Reach::look().pages(&loaded.settings.web.listen).first() {
        writeln!(out, "  • or on the page: {page}")?;
    }
    if matches!(loaded.settings.influx, Influx::Configured(_)) {
        writeln!(
            out,
            "  • compare server and journal at any time: `powerlogger audit`"
        )?;
    }
    Ok(())
}
