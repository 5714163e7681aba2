//! Reads both sides of a stretch of time, and writes what is to be put right. Used by the daemon's
//! reconciler and by `audit`, a stretch at a time.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::compare::{Counts, Coverage, Difference, Found, Sides, Verdict, raw_differences};
use super::server::Server;
use crate::deliver::batch::{FIELD, TAG};
use crate::deliver::retry::{Failure, Verdict as Judged, judge};
use crate::influx::line_protocol::LineEncoder;
use crate::journal::JournalError;
use crate::journal::reader::Reader;
use crate::pulse::NS_PER_S;
use crate::rollup::{Level, View};

/// Lines in one request.
const LINES_MAX: usize = 5_000;

/// Pulses in one read.
const PAGE_PULSES: usize = 5_000;

/// Why a stretch could not be looked at or put right.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The server.
    #[error("{}", .0.message())]
    Server(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble::Server(failure)
    }
}

/// The journal's side of a stretch, in the windows of one view.
#[derive(Debug, Default)]
pub struct Ours {
    /// Pulses.
    pub counts: Counts,
    /// Where everything is known.
    pub coverage: Coverage,
}

/// Reads the journal and names the meters.
#[derive(Debug)]
pub struct Examiner<'a> {
    /// The journal; None: there is none yet.
    pub reader: Option<&'a mut Reader>,
    /// The row of the destination; None: it has never been delivered to.
    pub destination: Option<i64>,
    /// Names by row.
    pub names: &'a BTreeMap<i64, String>,
    /// The measurement.
    pub measurement: &'a str,
}

impl Examiner<'_> {
    /// The journal's side, with `from_s <= start < to_s`.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn ours(&self, view: View, from_s: i64, to_s: i64) -> Result<Ours, JournalError> {
        let Some(reader) = &self.reader else {
            return Ok(Ours::default());
        };
        let windows = reader.windows(view, from_s, to_s)?;
        let counts = windows.into_iter().filter_map(|window| {
            let meter = self.names.get(&window.meter)?.clone();
            Some(((meter, window.start_s), window.pulses))
        });
        let counts = counts.collect();
        let watched = reader.watched(from_s, to_s)?;
        let watched = watched.into_iter().filter_map(|(meter, begins_s, ends_s)| {
            Some((self.names.get(&meter)?.clone(), begins_s, ends_s))
        });
        let coverage = Coverage::new(watched);
        Ok(Ours { counts, coverage })
    }

    /// The meters' names.
    pub fn meters(&self) -> BTreeSet<&str> {
        self.names.values().map(String::as_str).collect()
    }

    /// The windows of a view that differ. Raw is asked for only where the view has more than we.
    ///
    /// # Errors
    /// When one of the sides cannot be read.
    pub fn view(
        &self,
        server: &mut dyn Server,
        view: View,
        (from_s, to_s): (i64, i64),
        raw_from_s: i64,
    ) -> Result<Vec<Difference>, Trouble> {
        let ours = self.ours(view, from_s, to_s)?;
        let found = server.view(view, from_s, to_s)?;
        let more = found
            .counts
            .iter()
            .any(|(window, pulses)| *pulses > ours.counts.get(window).copied().unwrap_or(0));
        let raw = if more && from_s >= raw_from_s {
            Some(server.raw(view, from_s, to_s)?)
        } else {
            None
        };
        let sides = Sides {
            view,
            journal: &ours.counts,
            coverage: &ours.coverage,
            raw: raw.as_ref(),
            found: &found,
            raw_wins: false,
        };
        Ok(sides.differences(&self.meters()))
    }

    /// The minutes in which raw differs.
    ///
    /// # Errors
    /// When one of the sides cannot be read.
    pub fn raw(
        &self,
        server: &mut dyn Server,
        (from_s, to_s): (i64, i64),
    ) -> Result<Vec<Difference>, Trouble> {
        let ours = self.ours(Level::Raw.windows(), from_s, to_s)?;
        let (_, differences) = self.raw_read(server, (from_s, to_s), &ours)?;
        Ok(differences)
    }

    /// The same, with what raw holds.
    pub(super) fn raw_read(
        &self,
        server: &mut dyn Server,
        (from_s, to_s): (i64, i64),
        ours: &Ours,
    ) -> Result<(Counts, Vec<Difference>), Trouble> {
        let view = Level::Raw.windows();
        let raw = server.raw(view, from_s, to_s)?;
        let mut refused = Counts::new();
        for (_, meter, wall_ns) in self.refused(from_s, to_s)? {
            if let Some(name) = self.names.get(&meter) {
                let window = (name.clone(), view.start_of(wall_ns));
                *refused.entry(window).or_default() += 1;
            }
        }
        let differences = raw_differences(&ours.counts, &refused, &raw, &self.meters());
        Ok((raw, differences))
    }

    fn refused(&self, from_s: i64, to_s: i64) -> Result<Vec<(i64, i64, i64)>, JournalError> {
        match (&self.reader, self.destination) {
            (Some(reader), Some(row)) => {
                reader.quarantined(row, from_s * NS_PER_S, to_s * NS_PER_S)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Writes the windows that are to be written. Returns how many.
    ///
    /// # Errors
    /// When the server does not take them.
    pub fn write(
        &self,
        server: &mut dyn Server,
        view: View,
        differences: &[Difference],
    ) -> Result<usize, Trouble> {
        let (mut lines, mut written) = (Lines::new(server, Level::View(view)), 0);
        for difference in differences {
            let Verdict::Write(pulses) = difference.verdict else {
                continue;
            };
            let Some(line) = self.line(&difference.meter) else {
                continue;
            };
            for stray_ns in &difference.strays {
                lines.push(&line, 0, *stray_ns)?;
            }
            lines.push(&line, pulses, difference.start_s * NS_PER_S)?;
            written += 1;
        }
        lines.finish()?;
        Ok(written)
    }

    /// Sends the pulses of windows again that raw lacks. Returns how many.
    ///
    /// # Errors
    /// When the server does not take them, or the journal cannot be read.
    pub fn resend(
        &mut self,
        server: &mut dyn Server,
        (from_s, to_s): (i64, i64),
        differences: &[Difference],
    ) -> Result<usize, Trouble> {
        let view = Level::Raw.windows();
        let lacking: HashSet<(&str, i64)> = differences
            .iter()
            .filter(|difference| difference.verdict == Verdict::Resend)
            .map(|difference| (difference.meter.as_str(), difference.start_s))
            .collect();
        if lacking.is_empty() {
            return Ok(0);
        }
        let Some(ids) = self.reader.as_ref().map(|r| r.ids_between(from_s, to_s)) else {
            return Ok(0);
        };
        let Some((mut next, last)) = ids? else {
            return Ok(0);
        };
        let refused = self.refused(from_s, to_s)?;
        let refused: HashSet<i64> = refused.into_iter().map(|(pulse, ..)| pulse).collect();
        let encoders: BTreeMap<i64, LineEncoder> = self
            .names
            .iter()
            .filter_map(|(row, name)| Some((*row, self.line(name)?)))
            .collect();
        let (mut lines, mut sent) = (Lines::new(server, Level::Raw), 0);
        while next <= last {
            let reader = self.reader.as_mut().expect("it was there above");
            let page = reader.page(next, last, PAGE_PULSES)?;
            let reached = page.covered.iter().chain(&page.held).map(|range| range.1);
            next = reached.max().unwrap_or(last) + 1;
            for entry in page.entries {
                let window = (
                    self.names.get(&entry.meter).map_or("", String::as_str),
                    view.start_of(entry.wall_ns),
                );
                if lacking.contains(&window) && !refused.contains(&entry.id) {
                    if let Some(line) = encoders.get(&entry.meter) {
                        lines.push(line, 1, entry.wall_ns)?;
                        sent += 1;
                    }
                }
            }
        }
        lines.finish()?;
        Ok(sent)
    }

    /// What writes the points of a meter; None: line protocol cannot carry its name.
    fn line(&self, meter: &str) -> Option<LineEncoder> {
        LineEncoder::new(self.measurement, &[(TAG, meter)], FIELD).ok()
    }
}

/// Lines on their way, a request at a time.
struct Lines<'a> {
    server: &'a mut dyn Server,
    level: Level,
    body: Vec<u8>,
    count: usize,
}

impl<'a> Lines<'a> {
    fn new(server: &'a mut dyn Server, level: Level) -> Lines<'a> {
        Lines {
            server,
            level,
            body: Vec::new(),
            count: 0,
        }
    }

    fn push(&mut self, line: &LineEncoder, pulses: i64, time_ns: i64) -> Result<(), Trouble> {
        line.push(&mut self.body, pulses, time_ns);
        self.count += 1;
        if self.count == LINES_MAX {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Trouble> {
        if self.count > 0 {
            match self.server.write(self.level, &self.body) {
                Ok(()) => {}
                // Older than the bucket keeps: so be it, the rest is written.
                Err(failure) if matches!(judge(&failure), Judged::Expired { .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        self.body.clear();
        self.count = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<(), Trouble> {
        self.flush()
    }
}

/// The differences of a view where nothing can be read back: every window we have is written.
pub fn unread(view: View, ours: &Ours) -> Vec<Difference> {
    let nothing = Found::default();
    let sides = Sides {
        view,
        journal: &ours.counts,
        coverage: &ours.coverage,
        raw: None,
        found: &nothing,
        raw_wins: false,
    };
    let meters = ours.counts.keys().map(|(meter, _)| meter.as_str());
    sides.differences(&meters.collect())
}
