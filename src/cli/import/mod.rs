//! `powerlogger import`: pulses from elsewhere into the journal.

mod words;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::progress::Progress;
use crate::config::Loaded;
use crate::import::error::ImportError;
use crate::import::meters::Choice;
use crate::import::run::{self, Doing, ImportEvent, ImportRequest};
use crate::text::numbers::count;

const HELP: &str = "\
What a file is, is told by what it holds:
  * the queue of the Python edition (write_queue.sqlite): every pulse that it never delivered
  * a journal of PowerLogger, damaged or whole: whatever can be read of it
  * CSV, as `export --format csv` writes it, or time,meter[,pulses]; separated by commas, semicolons or
    tabs; also what InfluxDB answers to a query (with the columns _time, _value and PulseType)
  * line protocol, as `export` and `influxd inspect export-lp` write it

Times are written with an offset (Z, +02:00), as seconds, milliseconds, microseconds or nanoseconds since
1970, or as local time; the latter only where the time zone is known (TZ, /etc/localtime).

Each pulse keeps its stamp, so that a point that has been delivered before is overwritten, not
doubled. Importing the same again changes nothing. The files are not changed; those that lie in
the journal's directory are renamed afterwards, to end in .imported.

The journal has one writer: stop the daemon first (systemctl stop powerlogger) and start it
afterwards; it delivers what was imported. --dry-run only looks, also while the daemon runs.

Exit codes: 0 ok, 1 failed or not all understood, 2 usage, 75 the daemon runs, 78 configuration.";

/// Options of `import`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct ImportArgs {
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Show what would be imported, and change nothing.
    #[arg(long, short = 'n')]
    dry_run: bool,

    /// The pulses of the meter OLD in the files are those of NEW here; may be given more than once.
    #[arg(long, value_name = "OLD=NEW", value_parser = parse_map)]
    map: Vec<(String, String)>,

    /// Leave this meter's pulses out; may be given more than once.
    #[arg(long, value_name = "NAME")]
    without: Vec<String>,

    /// The bucket whose lines are pulses in the Python edition's queue [default: RAW_BUCKET].
    #[arg(long, value_name = "NAME")]
    raw_bucket: Option<String>,
}

fn parse_map(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => {
            Ok((old.to_owned(), new.to_owned()))
        }
        _ => Err("OLD=NEW, both of them names of meters".to_owned()),
    }
}

/// Imports, and prints what came of it.
///
/// # Errors
/// When a file cannot be read or is nothing to import; when a meter is not known; when the journal is in
/// use or the disk does not take it.
pub fn import(args: &ImportArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<ExitCode> {
    let request = ImportRequest {
        files: args.files.clone(),
        dry_run: args.dry_run,
        choice: Choice {
            map: args.map.clone(),
            without: args.without.clone(),
        },
        raw_bucket: args.raw_bucket.clone(),
    };
    let mut bar = Progress::on_terminal(std::io::stderr().is_terminal());
    let done = run::import(&request, loaded, &mut |event| {
        if let ImportEvent::Progress(doing, path, share) = event {
            let word = match doing {
                Doing::Reading => "reading",
                Doing::Comparing => "comparing",
                Doing::Importing => "importing",
            };
            bar.show(&format!("{word} {}", path.display()), share);
            return Ok(());
        }
        bar.clear();
        print(&event, args, loaded, out)
    });
    bar.clear();
    let done = done.map_err(plain)?;
    if !args.dry_run {
        words::closing(loaded, done.counted, &done.files, out)?;
    }
    Ok(if done.is_whole() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(super::EXIT_FAILED)
    })
}

/// Prints a step.
fn print(
    event: &ImportEvent<'_>,
    args: &ImportArgs,
    loaded: &Loaded,
    out: &mut dyn Write,
) -> io::Result<()> {
    match event {
        ImportEvent::Progress(..) => Ok(()),
        ImportEvent::Judged(files) => words::among_simulated(loaded, files, out),
        ImportEvent::Begun(file) => words::describe(file, out),
        ImportEvent::Brought {
            file,
            names,
            meter_of,
            outcomes,
        } => words::tell_meters(file, (names, meter_of), outcomes, out),
        ImportEvent::Inherited(file, inherited) => {
            words::tell_inherited(file, *inherited, args.dry_run, out)
        }
        ImportEvent::Ended(files, new) => {
            let new = count(*new, "pulse");
            if args.dry_run {
                writeln!(out, "\n{new} would be imported; nothing was changed")?;
            } else {
                writeln!(out, "\n{new} imported")?;
            }
            words::tell_not_understood(files, out)
        }
        ImportEvent::PutAway(file, to) => {
            let path = file.source.path().display();
            let then = match file.survey.unclear {
                0 => "it may be deleted".to_owned(),
                n => format!("the {n} rows that are not understood are still in it"),
            };
            writeln!(out, "{path} is now {}; {then}", to.display())
        }
    }
}

/// The error itself, for the exit code.
fn plain(failed: ImportError) -> anyhow::Error {
    let said = failed.to_string();
    match failed {
        ImportError::Told(failed) => failed.into(),
        ImportError::Journal(failed) => failed.into(),
        ImportError::Simulated { source, .. } => anyhow::Error::from(source).context(said),
        failed => failed.into(),
    }
}
