//! The order of an import: look at the files, judge them, bring their pulses in, take over what a journal knows
//! besides, put away the files that have done their service. A face is told of each step by [`ImportEvent`]s.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::bring::{Bringer, BroughtPulses, Inherited, MeterOf, inherit, would_inherit};
use super::error::ImportError;
use super::meters::{Choice, meters};
use super::source::{Context, ImportFile};
use super::survey::{Survey, Surveyed};
use super::tidy;
use crate::clock::elapsed::ElapsedRecord;
use crate::clock::kernel::boot_id;
use crate::clock::{Clock, SystemClock};
use crate::config::{Influx, Loaded, destination_name};
use crate::journal::Journal;
use crate::journal::JournalError;
use crate::journal::Reader;
use crate::journal::is_locked;
use crate::journal::salvage::ArrivedHours;
use crate::journal::salvage::Expiry;
use crate::model::{NS_PER_DAY, WallNs};
use crate::owner::rights::{as_owner, directory_of};

/// Bytes that a pulse takes in the journal with its windows, at most, when they come in thousands.
const PULSE_BYTES: u64 = 40;

/// What is to be imported.
#[derive(Debug, Clone, Default)]
pub struct ImportRequest {
    /// The files.
    pub files: Vec<PathBuf>,
    /// Only look what would come of it.
    pub dry_run: bool,
    /// Which meters of the files are which here.
    pub choice: Choice,
    /// The bucket whose lines are pulses in the Python edition's queue; None: the configured one.
    pub raw_bucket: Option<String>,
}

/// What takes a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Reading the file for the first time.
    Reading,
    /// Comparing it with the journal.
    Comparing,
    /// Bringing its pulses in.
    Importing,
}

/// A step of an import.
#[derive(Debug)]
pub enum ImportEvent<'a> {
    /// So much of 1 is done with a file.
    Progress(Doing, &'a Path, f64),
    /// All files are read and may be imported.
    Judged(&'a [Surveyed]),
    /// A file is about to be brought in, or compared.
    Begun(&'a Surveyed),
    /// What came of its pulses, or would come.
    Brought {
        /// The file.
        file: &'a Surveyed,
        /// The names of the meters here, by position.
        names: &'a [String],
        /// The position of each of its meters; None: left out.
        meter_of: &'a MeterOf,
        /// What came of the pulses of each meter here, by position.
        outcomes: &'a BTreeMap<u16, BroughtPulses>,
    },
    /// What it has brought besides its pulses, or would bring.
    Inherited(&'a Surveyed, Inherited),
    /// All is in the journal, or compared: so many pulses are new.
    Ended(&'a [Surveyed], u64),
    /// A file that waited in the journal's directory has another name now.
    PutAway(&'a Surveyed, &'a Path),
}

/// What came of an import.
#[derive(Debug)]
pub struct Imported {
    /// The files.
    pub files: Vec<Surveyed>,
    /// Pulses that have come into the windows, be it by their count alone; none in a dry run.
    pub counted: i64,
}

impl Imported {
    /// Whether every row was understood: others have not been imported, and are not to be taken for done.
    pub fn is_whole(&self) -> bool {
        self.files.iter().all(|file| file.survey.unclear == 0)
    }
}

type Tell<'a> = dyn FnMut(ImportEvent<'_>) -> io::Result<()> + 'a;

/// Imports, or looks what would come of it. `tell` is told of each step.
///
/// # Errors
/// When a file cannot be read or is nothing to import; when a meter is not known; when the journal is in
/// use or the disk does not take it. What was brought in stays; doing it again goes on there.
pub fn import(
    request: &ImportRequest,
    loaded: &Loaded,
    tell: &mut Tell<'_>,
) -> Result<Imported, ImportError> {
    let dir = loaded.settings.journal.dir.as_path();
    let sources = open_sources(&request.files)?;
    let acting = as_owner(dir)?;
    if !request.dry_run && is_locked(dir) {
        let path = dir.to_owned();
        return Err(JournalError::InUse { path }.into());
    }
    let now_ns = SystemClock.wall_ns();
    let mut reader = open_reader(dir)?;
    let context = context(request, loaded, reader.as_ref(), now_ns);
    let age_ns = age_by(reader.as_ref())?;
    let files = survey(sources, &context, tell)?;
    let simulated = check_kind(reader.as_ref(), &files)?;
    tell(ImportEvent::Judged(&files)).map_err(ImportError::Told)?;
    let (names, meter_of) = meters(&request.choice, loaded, reader.as_ref(), &files)?;
    check_room(loaded, reader.as_ref(), &files)?;
    let work = Work {
        loaded,
        names: &names,
        meter_of: &meter_of,
        context: &context,
        age_ns,
    };
    let mut journal = None;
    if !request.dry_run {
        journal = Some(open_journal(dir, &names, now_ns, simulated)?);
        reader = open_reader(dir)?;
    }
    let (mut new, mut moved) = (0, Vec::new());
    for file in &files {
        tell(ImportEvent::Begun(file)).map_err(ImportError::Told)?;
        let (new_of_file, moved_of_file) =
            work.bring(file, journal.as_mut(), reader.as_mut(), tell)?;
        new += new_of_file;
        moved.push(moved_of_file);
    }
    let Some(mut journal) = journal else {
        tell(ImportEvent::Ended(&files, new)).map_err(ImportError::Told)?;
        let counted = 0;
        return Ok(Imported { files, counted });
    };
    journal.roll_up_all()?;
    let mut counted = i64::try_from(new).unwrap_or(i64::MAX);
    for (file, moved) in files.iter().zip(&moved) {
        let inherited = inherit(&file.source, work.meter_of, moved, &mut journal)?;
        tell(ImportEvent::Inherited(file, inherited)).map_err(ImportError::Told)?;
        counted += inherited.pulses;
    }
    journal.sync()?;
    drop(journal);
    tell(ImportEvent::Ended(&files, new)).map_err(ImportError::Told)?;
    for file in &files {
        put_away(file, dir, tell)?;
    }
    drop(acting);
    tidy::give_to_owner(dir).map_err(|source| ImportError::GiveAway {
        dir: dir.to_owned(),
        source,
    })?;
    Ok(Imported { files, counted })
}

/// Reads all files once.
fn survey(
    sources: Vec<ImportFile>,
    context: &Context,
    tell: &mut Tell<'_>,
) -> Result<Vec<Surveyed>, ImportError> {
    let mut files = Vec::new();
    for source in sources {
        let path = source.path();
        let survey = Survey::take(&source, context, &mut |share| {
            // The steps tell whether anything can be told.
            let _ = tell(ImportEvent::Progress(Doing::Reading, path, share));
        })?;
        files.push(Surveyed { source, survey });
    }
    Ok(files)
}

/// What rows are judged by.
fn context(
    request: &ImportRequest,
    loaded: &Loaded,
    reader: Option<&Reader>,
    now_ns: WallNs,
) -> Context {
    let mut context = match &loaded.settings.influx {
        Influx::Configured(influx) => Context::of_server(influx, now_ns),
        Influx::NotConfigured(_) => Context::of_defaults(now_ns),
    };
    if let Some(bucket) = &request.raw_bucket {
        context.raw_bucket.clone_from(bucket);
    }
    if let Some(reader) = reader {
        context.here = reader.segments();
    }
    context
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
fn open_sources(files: &[PathBuf]) -> Result<Vec<ImportFile>, ImportError> {
    let open = |path: &PathBuf| {
        let _acting = as_owner(directory_of(path))?;
        Ok(ImportFile::open(path)?)
    };
    files.iter().map(open).collect()
}

fn open_reader(dir: &Path) -> Result<Option<Reader>, JournalError> {
    match Reader::open(dir) {
        Ok(reader) => Ok(Some(reader)),
        Err(JournalError::Missing { .. }) => Ok(None),
        Err(failed) => Err(failed),
    }
}

fn open_journal(
    dir: &Path,
    names: &[String],
    now_ns: WallNs,
    simulated: bool,
) -> Result<Journal, ImportError> {
    // Pulses have their own stamps: no segment of this boot is opened.
    let mut journal = Journal::open(dir, names, "", now_ns)?;
    if let Some(aside) = journal.moved_aside() {
        let aside = aside.to_owned();
        return Err(ImportError::MovedAside { aside });
    }
    if simulated {
        journal.mark_simulated()?;
    }
    journal.roll_up_all()?;
    Ok(journal)
}

/// Makes sure that what is imported is of the journal's kind. Returns whether an empty journal becomes one of
/// simulated pulses by it.
fn check_kind(reader: Option<&Reader>, files: &[Surveyed]) -> Result<bool, ImportError> {
    let mut simulated = files.iter().filter(|file| file.source.is_simulated());
    let Some(file) = simulated.next() else {
        return Ok(false);
    };
    let here = match reader {
        Some(reader) if reader.is_simulated()? => return Ok(false),
        Some(reader) => reader.has_pulses()?,
        None => false,
    };
    if here || files.iter().any(|file| !file.source.is_simulated()) {
        let path = file.source.path().to_owned();
        let source = JournalError::Simulated { path: path.clone() };
        return Err(ImportError::Simulated { path, source });
    }
    Ok(true)
}

/// Makes sure that the journal's bound does not push out at once what is imported.
fn check_room(
    loaded: &Loaded,
    reader: Option<&Reader>,
    files: &[Surveyed],
) -> Result<(), ImportError> {
    let pulses: u64 = files.iter().map(|file| file.survey.pulses()).sum();
    let used = reader.map_or(Ok(0), Reader::used_bytes)?;
    let needed = used + pulses * PULSE_BYTES;
    let bound = loaded.settings.journal.max_bytes;
    if needed > bound {
        return Err(ImportError::NoRoom {
            bound,
            pulses,
            needed,
        });
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
        tell: &mut Tell<'_>,
    ) -> Result<(u64, ArrivedHours), ImportError> {
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
        let doing = if looks_only {
            Doing::Comparing
        } else {
            Doing::Importing
        };
        let path = file.source.path();
        let outcomes = bringer.bring(&file.source, &file.survey, journal, &mut |share| {
            let _ = tell(ImportEvent::Progress(doing, path, share));
        })?;
        let brought = ImportEvent::Brought {
            file,
            names: self.names,
            meter_of: self.meter_of,
            outcomes: &outcomes,
        };
        tell(brought).map_err(ImportError::Told)?;
        let new = outcomes.values().map(|outcome| outcome.new).sum();
        if looks_only {
            let inherited = would_inherit(&file.source, &mut bringer)?;
            tell(ImportEvent::Inherited(file, inherited)).map_err(ImportError::Told)?;
        }
        Ok((new, bringer.moved))
    }

    /// Pulses before this arrive in their windows only.
    fn before_ns(&self) -> WallNs {
        let days = i64::from(self.loaded.settings.journal.raw_retention_d);
        self.age_ns - days * NS_PER_DAY
    }
}

/// Puts a file away that is announced in the journal's directory.
fn put_away(file: &Surveyed, dir: &Path, tell: &mut Tell<'_>) -> Result<(), ImportError> {
    if file.survey.is_nothing_understood() {
        return Ok(());
    }
    let path = file.source.path();
    let put = tidy::put_away(path, dir).map_err(|source| ImportError::PutAway {
        path: path.to_owned(),
        source,
    })?;
    match put {
        Some(to) => tell(ImportEvent::PutAway(file, &to)).map_err(ImportError::Told),
        None => Ok(()),
    }
}
