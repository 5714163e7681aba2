//! `powerlogger report`: what a period came to, as text, JSON, CSV, or a page of A4 that can be handed on.

mod html;
mod html_statement;
mod language;
mod period;
mod text;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use jiff::civil::Date;

use super::new_file::NewFile;
use super::simulated::NOTE;
use crate::answers::report::ReportOf;
use crate::answers::reported::PeriodReport;
use crate::clock::{Clock, SystemClock};
use crate::config::Language;
use crate::config::Loaded;
use crate::energy::periods::Calendar;
use crate::journal::{Reader, holder};
use crate::model::WallNs;
use crate::owner::rights;
use crate::status::line::Daemon;
use crate::text::names::meant;
use period::{PeriodWord, date};

/// Options of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// A day, week, month or year: 2026-10-25, 2026-W43, 2026-10, 2026; today, yesterday, this-week, last-week, this-month,
    /// last-month, this-year, last-year [default: this-month].
    #[arg(conflicts_with_all = ["from", "to"])]
    period: Option<PeriodWord>,

    /// The first local day of any other period, such as 2026-01-15.
    #[arg(long, value_name = "DATE", requires = "to", value_parser = date)]
    from: Option<Date>,

    /// Its last local day, which belongs to it.
    #[arg(long, value_name = "DATE", requires = "from", value_parser = date)]
    to: Option<Date>,

    /// One meter alone, such as that of a flat.
    #[arg(long, value_name = "NAME")]
    meter: Option<String>,

    /// Write one page of A4 as HTML, to be printed or saved as PDF by a browser.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// The language of that page.
    #[arg(long, value_enum, default_value = "en", requires = "html")]
    language: Language,

    /// Replace the file if it is there already.
    #[arg(long, requires = "html")]
    force: bool,

    /// For programs.
    #[arg(long, conflicts_with_all = ["csv", "html"])]
    json: bool,

    /// For spreadsheets: a row a meter and a position of the bill.
    #[arg(long, conflicts_with = "html")]
    csv: bool,
}

/// Prints or writes the report. It is read from the journal, whether or not a daemon runs.
///
/// # Errors
/// When the journal cannot be read, there is no such meter, or the file cannot be written.
pub fn report(args: &ReportArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    let settings = &loaded.settings;
    let dir = &settings.journal.dir;
    let calendar = Calendar::new(settings.site.zone());
    let meter = args
        .meter
        .as_ref()
        .map(|name| known(name, loaded))
        .transpose()?;
    let acting = rights::as_owner(dir)?;
    let mut reader = Reader::open(dir)?;
    let now_ns = now_ns(&reader)?;
    let today = calendar.date_at(now_ns.s());
    let days = days(args, today)?;
    if days.0 > today {
        bail!(
            "the period begins on {}, and today is {today}: nothing of it has passed",
            days.0
        );
    }
    let report = ReportOf {
        settings,
        calendar: &calendar,
        daemon: Daemon::from(holder(dir)),
        days,
        now_ns,
        meter: meter.as_deref(),
    };
    let report = report.read(&mut reader)?;
    drop(acting);
    if let Some(path) = &args.html {
        let mut file = NewFile::begin(path, dir, args.force)?;
        let page = html::render(&report, args.language, calendar.zone());
        file.out().write_all(page.as_bytes())?;
        file.finish()?;
        writeln!(out, "written to {}", path.display())?;
    } else if args.json {
        writeln!(out, "{:#}", serde_json::to_value(&report)?)?;
    } else if args.csv {
        write!(out, "{}", text::csv(&report))?;
    } else {
        print(&report, out)?;
    }
    Ok(())
}

/// The meter that is meant.
fn known(name: &str, loaded: &Loaded) -> Result<String> {
    let names: Vec<&str> = loaded
        .settings
        .meters
        .iter()
        .map(|meter| meter.name.as_str())
        .collect();
    let name = meant(name, names.iter().copied());
    if !names.contains(&name.as_str()) {
        bail!(
            "there is no meter \"{name}\"; there are {}",
            names.join(", ")
        );
    }
    Ok(name)
}

fn print(report: &PeriodReport, out: &mut dyn Write) -> Result<()> {
    if report.simulated {
        writeln!(out, "{NOTE}")?;
    }
    for line in text::lines(report) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// The present: of pulses that are made up, when the last of them came.
fn now_ns(reader: &Reader) -> Result<WallNs> {
    let now_ns = SystemClock.wall_ns();
    if !reader.is_simulated()? {
        return Ok(now_ns);
    }
    // What is watched until midnight is of the day before.
    let watched = reader.watched_until_s()?;
    let last = watched
        .values()
        .map(|until_s| WallNs::of_s(*until_s) - 1)
        .max();
    Ok(last.unwrap_or(now_ns))
}

/// The first day, and the first one after the period.
fn days(args: &ReportArgs, today: Date) -> Result<(Date, Date)> {
    if let Some((from, to)) = args.from.zip(args.to) {
        if to < from {
            bail!("--to {to} is before --from {from}: --to is the last day of the period");
        }
        return Ok((from, to.tomorrow()?));
    }
    let word = args.period.unwrap_or(PeriodWord::THIS_MONTH);
    let period = word.resolve(today);
    Ok((period.first(), period.end()))
}
