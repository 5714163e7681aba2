//! `powerlogger tune`: listens to a meter's line, or takes a recording, and says which settings fit it.

mod listen;
mod write;

use std::fs::File;
use std::io::{BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::new_file::NewFile;
use super::time;
use crate::capture::recorded::Recording;
use crate::clock::{Clock, SystemClock};
use crate::config::{Loaded, MeterSettings};
use crate::model::{MeterId, NS_PER_S};
use crate::text::names;
use crate::tune::{Evidence, LineReport, Subject, Wave, diagnose, html, text};

/// How long it listens by default.
const SPAN_NS: i64 = 120 * NS_PER_S;

/// Options of `tune`.
#[derive(Debug, Args)]
pub struct TuneArgs {
    /// The meter.
    #[arg(value_name = "METER")]
    meter: String,

    /// Take a recording (`run --record FILE`) instead of listening.
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,

    /// Listen for so long, such as 2m or 30s; Ctrl-C ends it earlier [default: 2m].
    #[arg(long = "for", value_name = "SPAN", value_parser = time::parse_span_ns, conflicts_with = "recording")]
    span_ns: Option<i64>,

    /// A load of so many watts was on all the time, and nothing else: tells imp_per_kwh.
    #[arg(long, value_name = "W", value_parser = parse_positive, conflicts_with_all = ["from_kwh", "to_kwh"])]
    load_w: Option<f64>,

    /// What the meter's face showed at the begin: tells imp_per_kwh, with --to-kwh or the answer at the end.
    #[arg(long, value_name = "KWH", value_parser = parse_reading)]
    from_kwh: Option<FaceReading>,

    /// What it showed at the end.
    #[arg(long, value_name = "KWH", value_parser = parse_reading, requires = "from_kwh")]
    to_kwh: Option<FaceReading>,

    /// Write the report into a file of HTML that needs nothing else.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Put what is recommended into powerlogger.toml; the change is shown and asked for first.
    #[arg(long)]
    write: bool,

    /// Do not ask.
    #[arg(long, requires = "write")]
    yes: bool,

    /// For programs.
    #[arg(long)]
    json: bool,
}

/// A number on a meter's face, and the smallest step that was read.
#[derive(Debug, Clone, Copy, PartialEq)]
struct FaceReading {
    kwh: f64,
    step_kwh: f64,
}

fn parse_reading(text: &str) -> Result<FaceReading, String> {
    let text = text.trim().replace(',', ".");
    let decimals = text
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    let decimals = i32::try_from(decimals).unwrap_or(i32::MAX);
    match text.parse::<f64>() {
        Ok(kwh) if kwh.is_finite() && kwh >= 0.0 => Ok(FaceReading {
            kwh,
            step_kwh: 10_f64.powi(-decimals),
        }),
        _ => Err("kilowatt-hours such as 12345.6".to_owned()),
    }
}

fn parse_positive(text: &str) -> Result<f64, String> {
    match text.replace(',', ".").parse::<f64>() {
        Ok(w) if w.is_finite() && w > 0.0 => Ok(w),
        _ => Err("a positive number of watts".to_owned()),
    }
}

/// Listens, looks, and says what it has found.
///
/// # Errors
/// When the line is not to be had, the recording cannot be read, or a file cannot be written.
pub fn tune(args: &TuneArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<ExitCode> {
    let meter = meter(&args.meter, &loaded.settings.meters)?;
    let (wave, is_debounced) = match &args.recording {
        Some(path) => {
            let is_debounced = meter.line.kernel_debounce_us > 0;
            (recorded(path, &meter.name)?, is_debounced)
        }
        None => {
            let dir = &loaded.settings.journal.dir;
            listen::listen(meter, args.span_ns.unwrap_or(SPAN_NS), dir)?
        }
    };
    let evidence = evidence(args)?;
    let subject = Subject {
        meter,
        is_debounced,
        evidence,
    };
    let report = diagnose(&wave, subject);
    if let Some(path) = &args.html {
        let at = format!("Made {}.", time::local(SystemClock.wall_ns()));
        let mut file = NewFile::begin(path, &loaded.settings.journal.dir, true)?;
        file.out()
            .write_all(html::render(&report, &at).as_bytes())?;
        file.finish()?;
    }
    if args.json {
        writeln!(out, "{:#}", serde_json::to_value(&report)?)?;
    } else {
        write!(out, "{}", text::render(&report))?;
    }
    if args.write {
        write::write(&report, loaded, args.yes, args.json, out)?;
    } else if !args.json {
        next(args, &report, out)?;
    }
    Ok(if report.recommended.is_some() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(super::EXIT_FAILED)
    })
}

/// The meter that is meant.
fn meter<'a>(name: &str, meters: &'a [MeterSettings]) -> Result<&'a MeterSettings> {
    let known = || meters.iter().map(|meter| meter.name.as_str());
    let name = names::meant(name, known());
    let found = meters.iter().find(|meter| meter.name == name);
    found.with_context(|| {
        let known: Vec<&str> = known().collect();
        format!(
            "no meter here is called \"{name}\"; there are {}",
            known.join(", ")
        )
    })
}

/// The wave of a meter in a recording. A recording of one meter alone is meant whatever that is called there.
fn recorded(path: &Path, meter: &str) -> Result<Wave> {
    let failed = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(failed)?;
    let recording = Recording::read(BufReader::new(file)).with_context(failed)?;
    let mut ids = (0u16..).map(MeterId).zip(&recording.meters);
    let (id, _) = match ids.find(|(_, name)| *name == meter) {
        Some(found) => found,
        None if recording.meters.len() == 1 => (MeterId(0), &recording.meters[0]),
        None => bail!(
            "{} has no meter \"{meter}\"; it has {}",
            path.display(),
            recording.meters.join(", ")
        ),
    };
    Ok(Wave::of_signals(&recording.signals, id))
}

/// What is known of load or face. The reading at the end is asked for where it was not given.
fn evidence(args: &TuneArgs) -> Result<Option<Evidence>> {
    if let Some(w) = args.load_w {
        return Ok(Some(Evidence::Load { w }));
    }
    let Some(from) = args.from_kwh else {
        return Ok(None);
    };
    let to = match args.to_kwh {
        Some(to) => to,
        None if std::io::stdin().is_terminal() => {
            let mut terminal = std::io::stderr();
            write!(terminal, "What does the meter show now, in kWh? ")?;
            terminal.flush()?;
            let mut answer = String::new();
            std::io::stdin().read_line(&mut answer)?;
            parse_reading(&answer).map_err(anyhow::Error::msg)?
        }
        None => bail!("--to-kwh is missing: what the meter showed at the end"),
    };
    let kwh = to.kwh - from.kwh;
    if kwh <= 0.0 {
        bail!("the meter has not gone on between the two readings");
    }
    Ok(Some(Evidence::Readings {
        kwh,
        step_kwh: from.step_kwh.max(to.step_kwh),
    }))
}

/// What to do with it.
fn next(args: &TuneArgs, report: &LineReport, out: &mut dyn Write) -> Result<()> {
    let changes = report.recommended.as_ref().map(|better| &better.changes);
    if changes.is_some_and(|changes| !changes.is_empty()) {
        let meter = names::shell_word(&report.meter);
        let source = match &args.recording {
            Some(path) => format!(
                " --recording {}",
                names::shell_word(&path.to_string_lossy())
            ),
            None => String::new(),
        };
        writeln!(
            out,
            "\nNext: `powerlogger tune {meter}{source} --write` puts it into powerlogger.toml."
        )?;
    }
    Ok(())
}
