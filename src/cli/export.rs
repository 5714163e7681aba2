//! `powerlogger export`: the journal's pulses of a period, as line protocol or CSV.

use std::collections::BTreeMap;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::names::meant;
use super::new_file::NewFile;
use super::numbers::count;
use super::rights;
use super::time::Moment;
use crate::clock::{Clock, SystemClock};
use crate::config::{Influx, Loaded};
use crate::import::SIMULATED_MARK;
use crate::import::csv::quoted;
use crate::influx::line_protocol::LineEncoder;
use crate::journal::{Reader, StoredPulse};
use crate::model::View;
use crate::model::{FIELD, TAG};
use crate::model::{NS_PER_S, WallNs};

/// Pulses a read: short transactions, so that a running daemon's WAL can be reused.
const PAGE_PULSES: usize = 10_000;

/// Progress is told this often, in pulses read; about a second on a Pi.
const PROGRESS_PULSES: i64 = 500_000;

/// Options of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The first instant, such as 2026-06-01 (local time), 2026-06-01T00:00:00Z, yesterday or -24h
    /// [default: the oldest pulse].
    #[arg(
        long = "since",
        alias = "from",
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    from: Option<Moment>,

    /// The instant after the last one [default: the newest pulse].
    #[arg(
        long = "until",
        alias = "to",
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    to: Option<Moment>,

    /// How to write them [default: csv for a file whose name ends in .csv, else lp].
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Write windows instead of pulses: how many pulses each 1m, 5m or 1h held, and with CSV the
    /// energy in kWh of meters whose imp_per_kwh is configured.
    #[arg(long, value_name = "VIEW", value_parser = parse_view)]
    view: Option<View>,

    /// Only this meter; may be given more than once.
    #[arg(long, value_name = "NAME")]
    meter: Vec<String>,

    /// Write to a file [default: standard output].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace the file if it is there already.
    #[arg(long, requires = "output")]
    force: bool,
}

impl ExportArgs {
    fn format(&self) -> Format {
        let extension = self.output.as_ref().and_then(|path| path.extension());
        let is_csv = extension.is_some_and(|end| end.eq_ignore_ascii_case("csv"));
        self.format
            .unwrap_or(if is_csv { Format::Csv } else { Format::Lp })
    }

    fn things(&self) -> &'static str {
        if self.view.is_some() {
            "window"
        } else {
            "pulse"
        }
    }
}

fn parse_view(text: &str) -> Result<View, String> {
    View::from_word(text).ok_or_else(|| "one of 1m, 5m, 1h".to_owned())
}

/// How pulses are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// InfluxDB line protocol, as it is delivered.
    Lp,
    /// Comma-separated: time (UTC), nanoseconds since 1970, meter, estimated (0 or 1).
    Csv,
}

/// Writes the pulses. It ends with 1 if there are pulses that are held because their time is not known: they
/// are not among those that are written.
///
/// # Errors
/// When the journal cannot be read, or the output cannot be written; nothing is left of a file then.
pub fn export(args: &ExportArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<ExitCode> {
    let now_ns = SystemClock.wall_ns();
    let from_ns = args.from.map_or(i64::MIN, |from| from.resolve(now_ns));
    let to_ns = args.to.map_or(i64::MAX, |to| to.resolve(now_ns));
    if from_ns >= to_ns {
        let (from, to) = (super::time::local(from_ns), super::time::local(to_ns));
        bail!(
            "nothing lies between --since {from} and --until {to}: --until must be the later one"
        );
    }
    let dir = &loaded.settings.journal.dir;
    let acting = rights::as_owner(dir)?;
    let mut reader = Reader::open(dir)?;
    let held = held(&mut reader)?;
    let period = (from_ns, to_ns);
    let written = match &args.output {
        None => {
            let mut out = BufWriter::new(&mut *out);
            let written = write_all(args, loaded, &mut reader, period, &mut out)?;
            out.flush()?;
            written
        }
        Some(path) => {
            drop(acting);
            let mut file = NewFile::begin(path, dir, args.force)?;
            let acting = rights::as_owner(dir)?;
            let written = write_all(args, loaded, &mut reader, period, file.out())?;
            drop(acting);
            file.finish()?;
            let what = count(written, args.things());
            let simulated = if loaded.is_simulated() {
                "SIMULATED: "
            } else {
                ""
            };
            writeln!(out, "{simulated}{what} written to {}", path.display())?;
            written
        }
    };
    let mut said = std::io::stderr();
    if written == 0 && args.output.is_none() {
        let _ = writeln!(said, "there is no {} in that period", args.things());
    }
    if held == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    let _ = writeln!(
        said,
        "{} NOT written: held until the clock is known to be right (`powerlogger status`)",
        count(held, "pulse")
    );
    Ok(ExitCode::from(super::EXIT_FAILED))
}

/// How many pulses are held because their time is not known.
fn held(reader: &mut Reader) -> Result<i64> {
    let Some((oldest, newest)) = reader.bounds()? else {
        return Ok(0);
    };
    let mut held = 0;
    for (first, last) in reader.rolled()?.gaps(oldest, newest) {
        let mut next = first;
        while next <= last {
            let page = reader.page(next, last, PAGE_PULSES)?;
            held += page
                .held
                .iter()
                .map(|range| range.1 - range.0 + 1)
                .sum::<i64>();
            let reached = page.covered.iter().chain(&page.held).map(|range| range.1);
            next = reached.max().unwrap_or(last) + 1;
        }
    }
    Ok(held)
}

/// The meters that are asked for, by row; all, if none is.
fn wanted(asked: &[String], mut names: BTreeMap<i64, String>) -> Result<BTreeMap<i64, String>> {
    if asked.is_empty() {
        return Ok(names);
    }
    let known: Vec<&str> = names.values().map(String::as_str).collect();
    let mut found = Vec::new();
    for wanted in asked {
        let name = meant(wanted, known.iter().copied());
        if !known.contains(&name.as_str()) {
            bail!(
                "the journal has no meter {wanted:?}; it has {}",
                known.join(", ")
            );
        }
        found.push(name);
    }
    names.retain(|_, name| found.contains(name));
    Ok(names)
}

fn write_all(
    args: &ExportArgs,
    loaded: &Loaded,
    reader: &mut Reader,
    (from_ns, to_ns): (WallNs, WallNs),
    out: &mut dyn Write,
) -> Result<u64> {
    let wanted = wanted(&args.meter, reader.meter_names()?)?;
    // A file outlives what was said beside it; a pipe is read by a program that wants rows.
    if loaded.is_simulated() && args.output.is_some() {
        writeln!(out, "{SIMULATED_MARK}")?;
    }
    if let Some(view) = args.view {
        let period = (from_ns.div_euclid(NS_PER_S), to_ns.div_euclid(NS_PER_S));
        return write_windows(args.format(), loaded, reader, (view, period), &wanted, out);
    }
    let mut writer = LineWriter::new(args.format(), loaded, wanted, out)?;
    let Some((mut next, last)) = reader.bounds()? else {
        return Ok(0);
    };
    let (mut written, mut told) = (0, next);
    let show_progress = args.output.is_some() && std::io::stderr().is_terminal();
    while next <= last {
        let page = reader.page(next, last, PAGE_PULSES)?;
        for entry in page
            .entries
            .iter()
            .filter(|e| (from_ns..to_ns).contains(&e.wall_ns))
        {
            written += u64::from(writer.write(entry)?);
        }
        let reached = page
            .covered
            .iter()
            .chain(&page.held)
            .map(|range| range.1)
            .max();
        next = reached.unwrap_or(last) + 1;
        if show_progress && next - told >= PROGRESS_PULSES {
            told = next;
            let _ = write!(
                std::io::stderr(),
                "\r{written} pulses, {} to read ",
                last - next + 1
            );
        }
    }
    if show_progress && told > PROGRESS_PULSES {
        let _ = writeln!(std::io::stderr());
    }
    Ok(written)
}

/// Windows read at a time.
const WINDOWS_S: i64 = 1_440;

fn write_windows(
    format: Format,
    loaded: &Loaded,
    reader: &Reader,
    (view, (from_s, to_s)): (View, (i64, i64)),
    names: &BTreeMap<i64, String>,
    out: &mut dyn Write,
) -> Result<u64> {
    let Some(first_s) = reader.first_window(view)? else {
        return Ok(0);
    };
    let now_s = SystemClock.wall_ns().div_euclid(NS_PER_S);
    // A simulated house may be ahead of the machine's clock.
    let end_s = to_s.min(now_s + 366 * 86_400);
    let mut lines = BTreeMap::new();
    for (row, name) in names {
        let line = LineEncoder::new(measurement(loaded), &[(TAG, name)], FIELD)?;
        let meter = loaded
            .settings
            .meters
            .iter()
            .find(|meter| meter.name == *name);
        let imp_per_kwh = meter.and_then(|meter| meter.imp_per_kwh);
        lines.insert(*row, (line, name, imp_per_kwh));
    }
    if format == Format::Csv {
        writeln!(out, "start,start_s,meter,pulses,energy_kwh")?;
    }
    let (mut next_s, mut written) = (from_s.max(first_s), 0);
    let mut buffer = Vec::new();
    while next_s < end_s {
        let until_s = end_s.min(next_s + WINDOWS_S * view.width_s());
        for window in reader.windows(view, next_s, until_s)? {
            let Some((line, name, imp_per_kwh)) = lines.get(&window.meter) else {
                continue;
            };
            let pulses = window.pulses;
            if format == Format::Lp {
                buffer.clear();
                line.push(&mut buffer, pulses, window.start_s * NS_PER_S);
                out.write_all(&buffer)?;
            } else {
                let start = Timestamp::from_second(window.start_s)?;
                let energy = imp_per_kwh
                    .map_or_else(String::new, |imp| format!("{:.6}", pulses as f64 / imp));
                let name = quoted(name);
                writeln!(out, "{start},{},{name},{pulses},{energy}", window.start_s)?;
            }
            written += 1;
        }
        next_s = until_s;
    }
    Ok(written)
}

/// Writes entries in the format that was asked for.
struct LineWriter<'a> {
    out: &'a mut dyn Write,
    lines: BTreeMap<i64, Option<LineEncoder>>,
    names: BTreeMap<i64, String>,
    buffer: Vec<u8>,
}

impl<'a> LineWriter<'a> {
    fn new(
        format: Format,
        loaded: &Loaded,
        names: BTreeMap<i64, String>,
        out: &'a mut dyn Write,
    ) -> Result<LineWriter<'a>> {
        let mut lines = BTreeMap::new();
        for (row, name) in &names {
            let line = match format {
                Format::Lp => Some(LineEncoder::new(
                    measurement(loaded),
                    &[(TAG, name)],
                    FIELD,
                )?),
                Format::Csv => None,
            };
            lines.insert(*row, line);
        }
        if format == Format::Csv {
            writeln!(out, "time,time_ns,meter,estimated")?;
        }
        Ok(LineWriter {
            out,
            lines,
            names,
            buffer: Vec::new(),
        })
    }

    /// True if the entry's meter is wanted.
    fn write(&mut self, entry: &StoredPulse) -> Result<bool> {
        let (Some(line), Some(name)) = (self.lines.get(&entry.meter), self.names.get(&entry.meter))
        else {
            return Ok(false);
        };
        match line {
            Some(line) => {
                self.buffer.clear();
                line.push(&mut self.buffer, 1, entry.wall_ns);
                self.out.write_all(&self.buffer)?;
            }
            None => {
                let time = Timestamp::from_nanosecond(i128::from(entry.wall_ns))?;
                let (name, estimated) = (quoted(name), i32::from(entry.estimated));
                writeln!(self.out, "{time:.9},{},{name},{estimated}", entry.wall_ns)?;
            }
        }
        Ok(true)
    }
}

/// The measurement that `run` would write to.
fn measurement(loaded: &Loaded) -> &str {
    match &loaded.settings.influx {
        Influx::Configured(influx) => &influx.measurement,
        Influx::NotConfigured(_) => "PowerPulse",
    }
}
