//! `powerlogger audit`: raw = 1m = 5m = 1h = journal, window by window, for any period.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::progress::Progress;
use super::simulated;
use super::table::{Column, Table};
use super::time::{Moment, local};
use crate::clock::{Clock, SystemClock};
use crate::config::{Influx, InfluxSettings, Loaded};
use crate::model::{Tier, WallNs};
use crate::reconcile::audit::{LevelReport, Totals};
use crate::reconcile::compare::{Difference, Failed, WindowVerdict};
use crate::reconcile::period::{AuditAnswer, AuditError, AuditRequest, audit_period, vanishing};

/// Windows that differ and are listed one by one, unless all are asked for.
const LISTED: usize = 20;

/// Options of `audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// The first instant, such as 2026-06-01 (local time), 2026-06-01T00:00:00Z or "-7 days".
    #[arg(
        long,
        value_name = "TIME",
        allow_hyphen_values = true,
        default_value = "-7 days"
    )]
    since: Moment,

    /// The instant after the last one. Windows that a task may still write are left out.
    #[arg(
        long,
        value_name = "TIME",
        allow_hyphen_values = true,
        default_value = "now"
    )]
    until: Moment,

    /// Only this level; may be given more than once.
    #[arg(long, value_name = "LEVEL", value_parser = levels())]
    level: Vec<Tier>,

    /// Write what differs from the journal, where the journal knows better.
    #[arg(long)]
    repair: bool,

    /// What to repair from. `raw`: 1m, 5m and 1h are recomputed from the server's own raw points
    /// where the journal knows less, such as from before PowerLogger was installed.
    #[arg(long, value_enum, default_value_t = RepairFrom::Journal)]
    from: RepairFrom,

    /// With `--repair --from raw`: also lower windows that hold pulses which raw does not have (any more). They
    /// vanish by it.
    #[arg(long, short)]
    yes: bool,

    /// List every window that differs.
    #[arg(long, short)]
    all: bool,

    /// For programs.
    #[arg(long)]
    json: bool,
}

/// What is right where the two differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RepairFrom {
    /// The journal.
    Journal,
    /// The raw bucket, where it holds more.
    Raw,
}

/// The words, so that shells can complete them.
fn levels() -> impl TypedValueParser<Value = Tier> {
    let words = PossibleValuesParser::new(Tier::ALL.map(Tier::as_str));
    words.try_map(|word| {
        let mut all = Tier::ALL.into_iter();
        all.find(|level| level.as_str() == word).ok_or("no level")
    })
}

/// Audits and prints what came of it.
///
/// # Errors
/// When one of the sides cannot be read.
pub fn audit(args: &AuditArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<ExitCode> {
    let influx = match &loaded.settings.influx {
        Influx::Configured(influx) => influx,
        Influx::NotConfigured(why) => {
            loaded.check()?;
            bail!("InfluxDB is not configured: {why}")
        }
    };
    let now_ns = SystemClock.wall_ns();
    let (from_ns, to_ns) = (args.since.resolve(now_ns)?, args.until.resolve(now_ns)?);
    if from_ns >= to_ns {
        bail!("the period is empty: --since must be before --until");
    }
    let mut levels = args.level.clone();
    if levels.is_empty() {
        levels = Tier::ALL.to_vec();
        levels.retain(|level| influx.raw || *level != Tier::Raw);
    }
    let request = AuditRequest {
        levels,
        from_s: from_ns.s(),
        to_s: to_ns.s(),
        repair: args.repair,
        from_raw: args.from == RepairFrom::Raw,
        may_lower: args.yes,
        late: false,
    };
    let reports = run(loaded, influx, &request)?;
    let left: usize = reports.iter().map(|report| report.left(args.repair)).sum();
    if args.json {
        let answer = AuditAnswer::new(&reports, args.repair);
        writeln!(out, "{:#}", serde_json::to_value(&answer)?)?;
    } else {
        if loaded.is_simulated() {
            writeln!(out, "{}", simulated::NOTE)?;
        }
        for report in &reports {
            print(report, args, out)?;
        }
        summary(&reports, left, args.repair, out)?;
    }
    Ok(if left == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(super::EXIT_FAILED)
    })
}

/// Audits with a progress bar.
pub(super) fn run(
    loaded: &Loaded,
    influx: &InfluxSettings,
    request: &AuditRequest,
) -> Result<Vec<LevelReport>> {
    let mut bar = Progress::on_terminal(std::io::stderr().is_terminal());
    let what = if request.repair {
        "comparing and repairing"
    } else {
        "comparing"
    };
    let reports = audit_period(loaded, influx, request, &mut |level, share| {
        bar.show(&format!("{what} {}", level.as_str()), share);
    });
    bar.clear();
    // The journal's own error is what the exit code goes by.
    reports.map_err(|failed| match failed {
        AuditError::Journal(failed) => failed.into(),
        failed => failed.into(),
    })
}

fn print(report: &LevelReport, args: &AuditArgs, out: &mut dyn Write) -> Result<()> {
    let level = report.level.as_str();
    if report.from_s >= report.to_s {
        writeln!(
            out,
            "{level:<4} nothing in this period is settled and still kept"
        )?;
        return Ok(());
    }
    let (from, to) = (
        local(WallNs::of_s(report.from_s)),
        local(WallNs::of_s(report.to_s)),
    );
    writeln!(out, "{level:<4} {from} to {to}")?;
    if report.totals.is_empty() {
        writeln!(out, "     no pulses on either side")?;
    }
    let mut table = Table::new("     ", &[Column::Left(12)]);
    for (meter, totals) in &report.totals {
        let Totals {
            journal,
            raw,
            server,
        } = totals;
        let differ = report
            .differences
            .iter()
            .filter(|d| d.meter == *meter)
            .count();
        let raw = match (report.level, raw) {
            (Tier::Raw, _) => String::new(),
            (_, Some(raw)) if report.raw_from_s > report.from_s => {
                format!(
                    ", raw {raw} (from {} on)",
                    local(WallNs::of_s(report.raw_from_s))
                )
            }
            (_, Some(raw)) => format!(", raw {raw}"),
            (_, None) => ", raw not there any more".to_owned(),
        };
        let verdict = match differ {
            0 => "equal".to_owned(),
            1 => "1 window differs".to_owned(),
            more => format!("{more} windows differ"),
        };
        let sides = format!("journal {journal}, {level} {server}{raw}: {verdict}");
        table.row(&[meter], sides);
    }
    table.write(out)?;
    let listed = if args.all { usize::MAX } else { LISTED };
    for difference in report.differences.iter().take(listed) {
        writeln!(
            out,
            "       {}",
            describe(difference, report.level, args.repair)
        )?;
    }
    if report.differences.len() > listed {
        let more = report.differences.len() - listed;
        writeln!(out, "       … and {more} more (--all lists them)")?;
    }
    Ok(())
}

fn describe(difference: &Difference, level: Tier, repair: bool) -> String {
    let Difference {
        meter,
        start_s,
        journal,
        raw,
        found,
        verdict,
        strays,
        failed,
    } = difference;
    let at = local(WallNs::of_s(*start_s));
    let raw = raw.filter(|_| level != Tier::Raw);
    let raw = raw.map_or(String::new(), |raw| format!(", raw {raw}"));
    let then = match (verdict, repair) {
        _ if failed.is_some() => not_taken(*failed).to_owned(),
        (WindowVerdict::Write(n), true) => format!("{n} written"),
        (WindowVerdict::Write(n), false) => format!("--repair writes {n}"),
        (WindowVerdict::Resend, true) => "sent again".to_owned(),
        (WindowVerdict::Resend, false) => "--repair sends them again".to_owned(),
        (WindowVerdict::Foreign, _) => "more than the journal knows; left as it is".to_owned(),
        (WindowVerdict::Vanishes(n), _) => {
            format!("more than raw and the journal know ({n}); left as it is, --yes lowers it")
        }
    };
    let strays = match strays.len() {
        0 => String::new(),
        n => format!(" ({n} at odd times)"),
    };
    format!(
        "{at} {meter}: journal {journal}{raw}, {} {found}{strays}: {then}",
        level.as_str()
    )
}

fn not_taken(failed: Option<Failed>) -> &'static str {
    match failed {
        Some(Failed::Gone) => "NOT sent: the journal has not all of its pulses any more",
        Some(Failed::Held) => {
            "NOT taken: another program has written the field with another type there"
        }
        Some(Failed::Dropped) | None => "NOT taken: the bucket does not keep this time",
    }
}

fn summary(reports: &[LevelReport], left: usize, repair: bool, out: &mut dyn Write) -> Result<()> {
    let all = || reports.iter().flat_map(|report| &report.differences);
    let differ = all().count();
    let any = |wanted: fn(&Difference) -> bool| all().any(wanted);
    match (differ, repair, left) {
        (0, ..) => writeln!(out, "✓ journal and server agree")?,
        (n, true, 0) => writeln!(out, "✓ {n} windows differed; all are put right")?,
        (n, true, left) => writeln!(
            out,
            "✗ {n} windows differed; {left} could not be put right (see above)"
        )?,
        (n, false, _) => {
            writeln!(
                out,
                "✗ {n} windows differ; `powerlogger audit --repair` puts right what the journal knows better"
            )?;
        }
    }
    if repair && any(|d| d.verdict == WindowVerdict::Foreign) {
        writeln!(
            out,
            "  The server holds more than the journal knows there: another writer, or pulses from before \
             this journal.\n  What raw does not vouch for is not lowered. `powerlogger audit --repair --from raw` \
             trusts raw."
        )?;
    }
    let vanishing = vanishing(reports);
    if vanishing.0 > 0 {
        writeln!(
            out,
            "  {} windows hold {} pulses that neither raw nor the journal has: they would vanish. --yes lowers \
             them.",
            vanishing.0, vanishing.1
        )?;
    }
    if repair && any(|d| d.failed == Some(Failed::Held)) {
        writeln!(
            out,
            "  Another program writes the field Pulse with another type: stop it, and delete its points or choose \
             another bucket or MEASUREMENT."
        )?;
    }
    if repair && any(|d| d.failed == Some(Failed::Dropped)) {
        writeln!(
            out,
            "  What was not taken is older than its bucket keeps: `powerlogger verify` shows the retention, \
             `powerlogger setup` puts it right."
        )?;
    }
    Ok(())
}
