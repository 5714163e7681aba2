//! `powerlogger export`: the journal's pulses of a period, as line protocol or CSV.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::time::Moment;
use crate::clock::{Clock, SystemClock};
use crate::config::{Influx, Loaded};
use crate::deliver::batch::{FIELD, TAG};
use crate::influx::line_protocol::LineEncoder;
use crate::journal::reader::{Entry, Reader};

/// Pulses a read: short transactions, so that a running daemon's WAL can be reused.
const PAGE_PULSES: usize = 10_000;

/// Progress is told this often, in pulses read; about a second on a Pi.
const PROGRESS_PULSES: i64 = 500_000;

/// Options of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The first instant, such as 2026-06-01 (local time), 2026-06-01T00:00:00Z or -24h
    /// [default: the oldest pulse].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<Moment>,

    /// The instant after the last one [default: the newest pulse].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<Moment>,

    /// How to write them.
    #[arg(long, value_enum, default_value_t = Format::Lp)]
    format: Format,

    /// Only this meter; may be given more than once.
    #[arg(long, value_name = "NAME")]
    meter: Vec<String>,

    /// Write to a file [default: standard output].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How pulses are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// InfluxDB line protocol, as it is delivered.
    Lp,
    /// Comma-separated: time (UTC), nanoseconds since 1970, meter, estimated (0 or 1).
    Csv,
}

/// Writes the pulses.
///
/// # Errors
/// When the journal cannot be read, or the output cannot be written.
pub fn export(args: &ExportArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    let Some(path) = &args.output else {
        let mut out = BufWriter::new(out);
        write_all(args, loaded, &mut out)?;
        return Ok(out.flush()?);
    };
    let failed = || format!("cannot write {}", path.display());
    let mut file = BufWriter::new(File::create(path).with_context(failed)?);
    let pulses = write_all(args, loaded, &mut file)?;
    file.flush().with_context(failed)?;
    writeln!(out, "{pulses} pulses written to {}", path.display())?;
    Ok(())
}

fn write_all(args: &ExportArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<u64> {
    let now_ns = SystemClock.wall_ns();
    let from_ns = args.from.map_or(i64::MIN, |from| from.resolve(now_ns));
    let to_ns = args.to.map_or(i64::MAX, |to| to.resolve(now_ns));
    let mut reader = Reader::open(&loaded.settings.journal.dir)?;
    let names = reader.meter_names()?;
    for wanted in &args.meter {
        if !names.values().any(|name| name == wanted) {
            let known = names
                .values()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ");
            bail!("the journal has no meter {wanted:?}; it has {known}");
        }
    }
    let wanted = names
        .into_iter()
        .filter(|(_, name)| args.meter.is_empty() || args.meter.contains(name));
    let mut writer = LineWriter::new(args.format, loaded, wanted.collect(), out)?;
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
    fn write(&mut self, entry: &Entry) -> Result<bool> {
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
                let (name, estimated) = (csv_field(name), i32::from(entry.estimated));
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

/// Quoted where it has to be (RFC 4180).
fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}
