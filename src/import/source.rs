//! Where pulses come from: recognises a file by its content, and reads it row by row. It can be read
//! as often as is needed; nothing in it is changed.

use std::fs::File;
use std::io::Seek;
use std::path::{Path, PathBuf};

use super::reading::{TextReading, text_kind};
use super::records::Records;
use super::text;
use super::{ImportRow, Taken, Unclear, check_stamp, line};
use crate::journal::JournalError;
use crate::journal::salvage::{Foreign, Holds, QueueRow, is_sqlite};
use crate::model::WallNs;

pub use super::context::Context;
pub use super::file_kind::{FileKind, SourceError};

/// A file with pulses.
#[derive(Debug)]
pub struct ImportFile {
    path: PathBuf,
    kind: FileKind,
    foreign: Option<Foreign>,
    /// A text, open: the user who reads it later may not have the right to open it.
    text: Option<File>,
    is_simulated: bool,
}

impl ImportFile {
    /// Opens a file and looks what it is.
    ///
    /// # Errors
    /// When it cannot be read, or is nothing that can be imported.
    pub fn open(path: &Path) -> Result<ImportFile, SourceError> {
        let io = |source| SourceError::Io {
            path: path.to_owned(),
            source,
        };
        let database = |failed| SourceError::database(path, failed);
        let unknown = |why: String| SourceError::Unknown {
            path: path.to_owned(),
            why,
        };
        if let Some(what) = text::packed(path).map_err(io)? {
            return Err(unknown(what.to_owned()));
        }
        let (kind, foreign) = if is_sqlite(path).map_err(io)? {
            let opened = Foreign::open(path);
            match opened.and_then(|foreign| Ok((foreign.holds()?, foreign))) {
                Ok((Holds::PythonQueue, foreign)) => (FileKind::PythonQueue, Some(foreign)),
                Ok((Holds::Journal, foreign)) => (FileKind::Journal, Some(foreign)),
                Ok((Holds::Other, _)) => {
                    let why = "it is an SQLite database, but neither the Python edition's queue (table \
                               lp_queue) nor a journal of PowerLogger";
                    return Err(unknown(why.to_owned()));
                }
                Err(failed) => (
                    FileKind::Journal,
                    Some(headless(path).ok_or(database(failed))?),
                ),
            }
        } else {
            match text_kind(path, &io, &unknown) {
                Ok(kind) => (kind, None),
                Err(no_text) => (FileKind::Journal, Some(headless(path).ok_or(no_text)?)),
            }
        };
        let text = match foreign {
            Some(_) => None,
            None => Some(File::open(path).map_err(io)?),
        };
        let is_simulated = match &foreign {
            Some(foreign) => kind == FileKind::Journal && foreign.is_simulated(),
            None => text::is_simulated(path).map_err(io)?,
        };
        let path = path.to_owned();
        Ok(ImportFile {
            path,
            kind,
            foreign,
            text,
            is_simulated,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is.
    pub fn kind(&self) -> &FileKind {
        &self.kind
    }

    /// Whether its pulses are simulated, as it says itself.
    pub fn is_simulated(&self) -> bool {
        self.is_simulated
    }

    /// The database, if it is a journal.
    pub fn journal(&self) -> Option<&Foreign> {
        self.foreign
            .as_ref()
            .filter(|_| self.kind == FileKind::Journal)
    }

    /// Reads all rows in order. Returns how many could not be read because the file is damaged.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(
        &self,
        context: &Context,
        each: &mut dyn FnMut(ImportRow<'_>),
    ) -> Result<i64, SourceError> {
        let database = |failed| SourceError::database(&self.path, failed);
        match (&self.kind, &self.foreign) {
            (FileKind::PythonQueue, Some(foreign)) => foreign
                .queue(&mut |rows, share| {
                    for row in rows {
                        queue_row(row, share, context, each);
                    }
                })
                .map_err(database),
            (_, Some(foreign)) => self.read_journal(foreign, context, each).map_err(database),
            (_, None) => self.read_text(context, each).map(|()| 0),
        }
    }

    fn read_journal(
        &self,
        foreign: &Foreign,
        context: &Context,
        each: &mut dyn FnMut(ImportRow<'_>),
    ) -> Result<i64, JournalError> {
        let meters = foreign.meters();
        foreign.pulses(&context.here, &mut |pulses, share| {
            for pulse in pulses {
                let unnamed;
                let meter = match meters.get(&pulse.meter) {
                    Some(name) => name,
                    // Its name is damaged: it can be given one by --map.
                    None => {
                        unnamed = format!("#{}", pulse.meter.0);
                        &unnamed
                    }
                };
                let stamp = pulse.wall_ns.map_err(str::to_owned);
                let taken = stamp.and_then(|ns| check_stamp(ns, context.now_ns));
                let taken = taken.map(|wall_ns| Taken::Pulses {
                    meter,
                    wall_ns,
                    pulses: 1,
                    estimated: pulse.estimated,
                });
                let (number, text) = (pulse.id.0, meter);
                each(ImportRow {
                    number,
                    share,
                    taken,
                    text,
                    here_ns: Some(pulse.here_ns),
                });
            }
        })
    }

    /// The text from its beginning.
    fn reopened(&self) -> std::io::Result<File> {
        let Some(text) = &self.text else {
            return File::open(&self.path);
        };
        let mut text = text.try_clone()?;
        text.rewind()?;
        Ok(text)
    }

    fn read_text(
        &self,
        context: &Context,
        each: &mut dyn FnMut(ImportRow<'_>),
    ) -> Result<(), SourceError> {
        let io = |source| SourceError::Io {
            path: self.path.clone(),
            source,
        };
        let file = self.reopened().map_err(io)?;
        let bytes = file.metadata().map_err(io)?.len().max(1);
        let (mut records, mut done) = (Records::open(file).map_err(io)?, 0);
        let mut reading = TextReading::of(&self.kind);
        while let Some(record) = records.next(reading.columns()).map_err(io)? {
            done += record.bytes;
            let share = done as f64 / bytes as f64;
            let number = record.number;
            let mut say = |taken: Result<Taken<'_>, Unclear>, text: &str| {
                let taken = taken.and_then(|taken| check(taken, context.now_ns));
                each(ImportRow {
                    number,
                    share,
                    taken,
                    text,
                    here_ns: None,
                });
            };
            match &record.text {
                Ok(text) if text.trim().is_empty() || text.starts_with('#') => {}
                Ok(text) => reading.line(text, context, &mut say),
                Err(why) => say(Err((*why).to_owned()), ""),
            }
        }
        Ok(())
    }
}

/// A row of the queue: one line, or more.
fn queue_row(row: &QueueRow, share: f64, context: &Context, each: &mut dyn FnMut(ImportRow<'_>)) {
    let mut say = |taken: Result<Taken<'_>, Unclear>, text: &str| {
        each(ImportRow {
            number: row.id,
            share,
            taken,
            text,
            here_ns: None,
        });
    };
    let (bucket, lp) = match (&row.bucket, &row.lp) {
        (Ok(bucket), Ok(lp)) => (bucket, lp),
        (Err(why), _) => return say(Err(format!("its bucket: {why}")), ""),
        (_, Err(why)) => return say(Err(format!("its line: {why}")), ""),
    };
    if context.view_buckets.contains(bucket) {
        let why = "lines of windows (views are counted from the pulses)";
        return say(Ok(Taken::LeftOut(why)), lp);
    }
    if *bucket != context.raw_bucket {
        let why = format!(
            "it is for the bucket {bucket:?}; pulses are those for {:?} (RAW_BUCKET; --raw-bucket \
             names another one)",
            context.raw_bucket
        );
        return say(Err(why), lp);
    }
    if lp.trim().is_empty() {
        return say(Err("its line: it is empty".to_owned()), lp);
    }
    for text in lp.lines().map(str::trim).filter(|text| !text.is_empty()) {
        match line::parse(text) {
            Ok(line) => {
                let taken = line.taken(&context.measurement);
                say(taken.and_then(|taken| check(taken, context.now_ns)), text);
            }
            Err(why) => say(Err(why), text),
        }
    }
}

fn check(taken: Taken<'_>, now_ns: WallNs) -> Result<Taken<'_>, Unclear> {
    if let Taken::Pulses {
        wall_ns, pulses, ..
    } = taken
    {
        check_stamp(wall_ns, now_ns - i64::from(pulses))?;
    }
    Ok(taken)
}

/// A journal whose first page is damaged, if it is one: then meters have names under a new page.
fn headless(path: &Path) -> Option<Foreign> {
    let foreign = Foreign::open_without_head(path).ok()?;
    let named = !foreign.meters().is_empty();
    named.then_some(foreign)
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
