//! `powerlogger import`: pulses from elsewhere into the journal.

mod words;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use self::words::{closing, describe, tell_inherited, tell_meters, tell_not_understood};
use super::numbers::{count, size};
use super::progress::Progress;
use super::{rights, simulated};
use crate::clock::elapsed::ElapsedRecord;
use crate::clock::kernel::boot_id;
use crate::clock::{Clock, SystemClock};
use crate::config::{Influx, Loaded};
use crate::daemon::destination_name;
use crate::import::bring::{Bringer, MeterOf, inherit, would_inherit};
use crate::import::source::{Context, Source};
use crate::import::survey::Survey;
use crate::import::tidy;
use crate::journal::salvage::{ArrivedHours, Expiry};
use crate::journal::{Journal, JournalError, Reader, is_locked};
use crate::model::{NS_PER_DAY, WallNs};

/// Bytes that a pulse takes in the journal with its windows, at most, when they come in thousands.
const PULSE_BYTES: u64 = 40;

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

/// A file, and what it holds.
struct Surveyed {
    source: Source,
    survey: Survey,
}

impl Surveyed {
    /// The file, and whether its pulses are simulated.
    fn kind(&self) -> (&Path, bool) {
        (self.source.path(), self.source.is_simulated())
    }
}

/// Imports, and prints what came of it.
///
/// # Errors
/// When a file cannot be read or is nothing to import; when a meter is not known; when the journal is in
/// use or the disk does not take it.
pub fn import(args: &ImportArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<ExitCode> {
    let dir = loaded.settings.journal.dir.as_path();
    let sources = open_sources(args)?;
    let acting = rights::as_owner(dir)?;
    if !args.dry_run && is_locked(dir) {
        let path = dir.to_owned();
        return Err(JournalError::InUse { path }.into());
    }
    let now_ns = SystemClock.wall_ns();
    let mut reader = open_reader(dir)?;
    let context = context(args, loaded, reader.as_ref(), now_ns);
    let age_ns = age_by(reader.as_ref())?;
    let mut progress = Progress::on_terminal(std::io::stderr().is_terminal());
    let mut files = Vec::new();
    for source in sources {
        let what = format!("reading {}", source.path().display());
        let survey = Survey::take(&source, &context, &mut |share| progress.show(&what, share))?;
        files.push(Surveyed { source, survey });
    }
    progress.clear();
    let kinds: Vec<(&Path, bool)> = files.iter().map(Surveyed::kind).collect();
    let simulated = simulated::check_import(reader.as_ref(), &kinds)?;
    words::among_simulated(loaded, &kinds, out)?;
    let (names, meter_of) = meters(args, loaded, reader.as_ref(), &files)?;
    check_room(loaded, reader.as_ref(), &files)?;
    let work = Work {
        loaded,
        names: &names,
        meter_of: &meter_of,
        context: &context,
        age_ns,
    };
    let mut journal = None;
    if !args.dry_run {
        journal = Some(open_journal(dir, &names, now_ns, simulated)?);
        reader = open_reader(dir)?;
    }
    let (mut new, mut moved) = (0, Vec::new());
    for file in &files {
        describe(file, out)?;
        let (here, reader) = (journal.as_mut(), reader.as_mut());
        let (new_of_file, moved_of_file) = work.bring(file, here, reader, &mut progress, out)?;
        new += new_of_file;
        moved.push(moved_of_file);
    }
    let code = exit_code(&files);
    let Some(mut journal) = journal else {
        let new = count(new, "pulse");
        writeln!(out, "\n{new} would be imported; nothing was changed")?;
        tell_not_understood(&files, out)?;
        return Ok(code);
    };
    journal.roll_up_all()?;
    let mut counted = i64::try_from(new).unwrap_or(i64::MAX);
    for (file, moved) in files.iter().zip(&moved) {
        let inherited = inherit(&file.source, work.meter_of, moved, &mut journal)?;
        tell_inherited(file, inherited, false, out)?;
        counted += inherited.pulses;
    }
    journal.sync()?;
    drop(journal);
    writeln!(out, "\n{} imported", count(new, "pulse"))?;
    tell_not_understood(&files, out)?;
    put_away(&files, dir, out)?;
    drop(acting);
    let given = tidy::give_to_owner(dir);
    given.with_context(|| format!("cannot give the journal in {} to its owner", dir.display()))?;
    closing(loaded, counted, &files, out)?;
    Ok(code)
}

/// What rows are judged by.
fn context(args: &ImportArgs, loaded: &Loaded, reader: Option<&Reader>, now_ns: WallNs) -> Context {
    let mut context = match &loaded.settings.influx {
        Influx::Configured(influx) => Context::of_server(influx, now_ns),
        Influx::NotConfigured(_) => Context::of_defaults(now_ns),
    };
    if let Some(bucket) = &args.raw_bucket {
        context.raw_bucket.clone_from(bucket);
    }
    if let Some(reader) = reader {
        context.here = reader.segments();
    }
    context
}

/// Rows that are not understood have not been imported: nobody shall take that for done.
fn exit_code(files: &[Surveyed]) -> ExitCode {
    if files.iter().any(|file| file.survey.unclear > 0) {
        ExitCode::from(super::EXIT_FAILED)
    } else {
        ExitCode::SUCCESS
    }
}

/// The time by which pulses are too old for raw. A clock that is wrong must give up nothing.
fn age_by(reader: Option<&Reader>) -> Result<WallNs, JournalError> {
    let kept = reader
        .map(|reader| reader.elapsed(&boot_id()))
        .transpose()?;
    Ok(ElapsedRecord::bounds(kept.flatten(), SystemClock.look()))
}

/// Opens the files, each with no more rights than the owner of its directory: what another user put there may be a
/// link.
fn open_sources(args: &ImportArgs) -> Result<Vec<Source>> {
    let open = |path: &PathBuf| {
        let _acting = rights::as_owner(rights::directory_of(path))?;
        Ok(Source::open(path)?)
    };
    args.files.iter().map(open).collect()
}

fn open_reader(dir: &Path) -> Result<Option<Reader>, JournalError> {
    match Reader::open(dir) {
        Ok(reader) => Ok(Some(reader)),
        Err(JournalError::Missing { .. }) => Ok(None),
        Err(failed) => Err(failed),
    }
}

fn open_journal(dir: &Path, names: &[String], now_ns: WallNs, simulated: bool) -> Result<Journal> {
    // Pulses have their own stamps: no segment of this boot is opened.
    let mut journal = Journal::open(dir, names, "", now_ns)?;
    if let Some(aside) = journal.moved_aside() {
        bail!(
            "the journal was damaged, and is now {}: a new one is started. Import that one, too",
            aside.display()
        );
    }
    if simulated {
        journal.mark_simulated()?;
    }
    journal.roll_up_all()?;
    Ok(journal)
}

/// The meters' names here, and the position in them of each name there.
fn meters(
    args: &ImportArgs,
    loaded: &Loaded,
    reader: Option<&Reader>,
    files: &[Surveyed],
) -> Result<(Vec<String>, MeterOf)> {
    let configured = loaded
        .settings
        .meters
        .iter()
        .map(|meter| meter.name.clone());
    let mut names: Vec<String> = configured.collect();
    if let Some(reader) = reader {
        let known = reader.meter_names()?.into_values();
        names.extend(known.filter(|name| !loaded.settings.meters.iter().any(|m| m.name == *name)));
    }
    let mut theirs: BTreeMap<String, u64> = BTreeMap::new();
    for file in files {
        for (name, found) in &file.survey.meters {
            *theirs.entry(name.clone()).or_default() += found.pulses;
        }
        let former = file.source.journal().map(|journal| journal.meters());
        for name in former.unwrap_or_default().into_values() {
            theirs.entry(name).or_default();
        }
    }
    let (mut meter_of, mut unknown) = (BTreeMap::new(), Vec::new());
    for (name, pulses) in theirs {
        if args.without.contains(&name) {
            meter_of.insert(name, None);
            continue;
        }
        let mapped = args.map.iter().find(|(old, _)| *old == name);
        let here = mapped.map_or(&name, |(_, new)| new);
        match names.iter().position(|known| known == here) {
            Some(at) => drop(meter_of.insert(name, u16::try_from(at).ok())),
            // A meter of a former journal that never counted is nobody's loss.
            None if pulses == 0 => drop(meter_of.insert(name, None)),
            None => unknown.push(format!("{here:?} ({})", count(pulses, "pulse"))),
        }
    }
    if !unknown.is_empty() {
        bail!(
            "no meter here is called {}; nothing was imported. The meters are {}. Say which one it is \
             (--map OLD=NEW), leave it out (--without NAME), or add a [[meter]] of that name to \
             powerlogger.toml",
            unknown.join(" or "),
            names.join(", ")
        );
    }
    Ok((names, meter_of))
}

/// Makes sure that the journal's bound does not push out at once what is imported.
fn check_room(loaded: &Loaded, reader: Option<&Reader>, files: &[Surveyed]) -> Result<()> {
    let pulses: u64 = files.iter().map(|file| file.survey.pulses()).sum();
    let used = reader.map_or(Ok(0), Reader::used_bytes)?;
    let needed = used + pulses * PULSE_BYTES;
    let bound = loaded.settings.journal.max_bytes;
    if needed > bound {
        bail!(
            "the journal may take {} (journal.max_bytes), and with these {} would need up to {}: raise the \
             bound first",
            size(bound),
            count(pulses, "pulse"),
            size(needed)
        );
    }
    Ok(())
}

/// What all files have in common.
struct Work<'a> {
    loaded: &'a Loaded,
    names: &'a [String],
    meter_of: &'a MeterOf,
    context: &'a Context,
    /// The time by which an age is judged.
    age_ns: WallNs,
}

impl Work<'_> {
    /// Brings a file in, or looks; returns how many pulses are new, and those that are here under another
    /// stamp.
    fn bring(
        &self,
        file: &Surveyed,
        journal: Option<&mut Journal>,
        reader: Option<&mut Reader>,
        progress: &mut Progress,
        out: &mut dyn Write,
    ) -> Result<(u64, ArrivedHours)> {
        let expiry = match (&self.loaded.settings.influx, &journal) {
            (Influx::Configured(influx), Some(journal)) => Some(Expiry {
                destination: journal.destination(&destination_name(influx))?,
                before_ns: self.before_ns(),
            }),
            _ => None,
        };
        let looks_only = journal.is_none();
        let mut bringer = Bringer {
            names: self.names,
            meter_of: self.meter_of,
            context: self.context,
            reader,
            expiry,
            arrived: looks_only.then(ArrivedHours::new),
            moved: ArrivedHours::new(),
        };
        let word = if looks_only { "comparing" } else { "importing" };
        let what = format!("{word} {}", file.source.path().display());
        let mut show = |share| progress.show(&what, share);
        let outcomes = bringer.bring(&file.source, &file.survey, journal, &mut show)?;
        progress.clear();
        tell_meters(file, (self.names, self.meter_of), &outcomes, out)?;
        let new = outcomes.values().map(|outcome| outcome.new).sum();
        if looks_only {
            let inherited = would_inherit(&file.source, &mut bringer)?;
            tell_inherited(file, inherited, true, out)?;
        }
        Ok((new, bringer.moved))
    }

    /// Pulses before this arrive in their windows only.
    fn before_ns(&self) -> WallNs {
        let days = i64::from(self.loaded.settings.journal.raw_retention_d);
        self.age_ns - days * NS_PER_DAY
    }
}

/// Puts the files away that have been announced in the journal's directory.
fn put_away(files: &[Surveyed], dir: &Path, out: &mut dyn Write) -> Result<()> {
    for file in files {
        put_one_away(file, dir, out)?;
    }
    Ok(())
}

fn put_one_away(file: &Surveyed, dir: &Path, out: &mut dyn Write) -> Result<()> {
    if file.survey.is_nothing_understood() {
        return Ok(());
    }
    let path = file.source.path();
    let failed = || {
        format!(
            "everything is imported, but {} cannot be renamed",
            path.display()
        )
    };
    let Some(to) = tidy::put_away(path, dir).with_context(failed)? else {
        return Ok(());
    };
    let then = match file.survey.unclear {
        0 => "it may be deleted".to_owned(),
        n => format!("the {n} rows that are not understood are still in it"),
    };
    writeln!(out, "{} is now {}; {then}", path.display(), to.display())?;
    Ok(())
}
