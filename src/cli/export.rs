//! `powerlogger export`: the journal's pulses of a period, as line protocol or CSV.

use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::new_file::NewFile;
use super::progress::Progress;
use super::time::Moment;
use crate::clock::{Clock, SystemClock};
use crate::config::Loaded;
use crate::export::{self, ExportError, ExportFormat, ExportRequest};
use crate::journal::Reader;
use crate::model::{View, WallNs};
use crate::owner::rights;
use crate::text::numbers::count;

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
    /// energy in kWh, or amount in the meter's unit, where what a pulse is worth is configured.
    #[arg(long, value_name = "VIEW", value_parser = views())]
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
    fn format(&self) -> ExportFormat {
        let extension = self.output.as_ref().and_then(|path| path.extension());
        let is_csv = extension.is_some_and(|end| end.eq_ignore_ascii_case("csv"));
        match self.format {
            Some(Format::Csv) => ExportFormat::Csv,
            None if is_csv => ExportFormat::Csv,
            Some(Format::Lp) | None => ExportFormat::LineProtocol,
        }
    }

    fn things(&self) -> &'static str {
        if self.view.is_some() {
            "window"
        } else {
            "pulse"
        }
    }
}

/// The words, so that shells can complete them.
fn views() -> impl TypedValueParser<Value = View> {
    let words = PossibleValuesParser::new(View::ALL.map(View::as_str));
    words.try_map(|word| View::from_word(&word).ok_or("no view"))
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
    let resolved = |moment: Option<Moment>, else_ns| {
        moment.map_or(Ok(else_ns), |moment| moment.resolve(now_ns))
    };
    let from_ns = resolved(args.from, WallNs::MIN)?;
    let to_ns = resolved(args.to, WallNs::MAX)?;
    if from_ns >= to_ns {
        let (from, to) = (super::time::local(from_ns), super::time::local(to_ns));
        bail!(
            "nothing lies between --since {from} and --until {to}: --until must be the later one"
        );
    }
    let dir = &loaded.settings.journal.dir;
    let acting = rights::as_owner(dir)?;
    let mut reader = Reader::open(dir)?;
    let held = export::held(&mut reader)?;
    let request = ExportRequest {
        from_ns,
        to_ns,
        format: args.format(),
        view: args.view,
        meters: args.meter.clone(),
        // A pipe is read by a program that wants rows.
        marks_simulated: args.output.is_some(),
    };
    let written = match &args.output {
        None => {
            let mut out = BufWriter::new(&mut *out);
            let written = export::write(&request, loaded, &mut reader, &mut out, &mut |_| {});
            let written = written.map_err(plain)?;
            out.flush()?;
            written
        }
        Some(path) => {
            drop(acting);
            let mut file = NewFile::begin(path, dir, args.force)?;
            let acting = rights::as_owner(dir)?;
            let mut bar = Progress::on_terminal(std::io::stderr().is_terminal());
            let shown = format!("writing {}", path.display());
            let mut show = |share| bar.show(&shown, share);
            let written = export::write(&request, loaded, &mut reader, file.out(), &mut show);
            bar.clear();
            let written = written.map_err(plain)?;
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

/// The error itself, for the exit code and for a reader that has gone.
fn plain(failed: ExportError) -> anyhow::Error {
    match failed {
        ExportError::Journal(failed) => failed.into(),
        ExportError::Io(failed) => failed.into(),
        failed => failed.into(),
    }
}
