//! Reads both sides of a stretch of time, and writes what is to be put right. Used by the daemon's
//! reconciler and by `audit`, a stretch at a time.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use super::compare::{
    Counts, Coverage, Difference, Failed, RawRead, Sides, ViewRead, WindowVerdict,
};
use super::point_queue::PointQueue;
use super::server::Server;
pub use super::trouble::Trouble;
use crate::influx::line_protocol::LineEncoder;
use crate::journal::{IdRanges, JournalError, Reader, StoredPulse};
use crate::model::{DestinationRow, FIELD, MeterRow, PulseId, Spans, TAG, Tier, View, WallNs};
use crate::server::Extras;
use crate::server::request_size::RequestSize;

/// The journal's side of a stretch, in the windows of one view.
#[derive(Debug, Default)]
pub struct Ours {
    /// Pulses.
    pub counts: Counts,
    /// Where everything is known.
    pub coverage: Coverage,
}

/// What is known of a stretch of a view.
#[derive(Debug)]
pub struct Seen {
    /// The journal's side.
    pub ours: Ours,
    /// What the view holds.
    pub found: ViewRead,
    /// What raw holds; None: it was not asked, or is not there.
    pub raw: Option<RawRead>,
}

impl Seen {
    /// The same for the comparison.
    pub fn sides(&self, view: View) -> Sides<'_> {
        Sides {
            view,
            journal: &self.ours.counts,
            coverage: &self.ours.coverage,
            raw: self.raw.as_ref(),
            found: &self.found,
        }
    }
}

/// When raw is asked as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskRaw {
    /// Never: there are no pulses on the server.
    Never,
    /// Where the view has more than the journal, for windows from here on, in seconds since 1970.
    IfMore(i64),
    /// For all windows from here on.
    Always(i64),
}

/// Reads the journal and names the meters.
#[derive(Debug)]
pub struct Examiner<'a> {
    /// The journal; None: there is none yet.
    pub reader: Option<&'a mut Reader>,
    /// The row of the destination; None: it has never been delivered to.
    pub destination: Option<DestinationRow>,
    /// Names by row.
    pub names: &'a BTreeMap<MeterRow, String>,
    /// The measurement.
    pub measurement: &'a str,
    /// Where raw was seen to have lost points, beside what is kept of that.
    pub lost: Spans,
    /// The journal's directory, where that is noted beside its daemon; None: the daemon itself notes it, or nothing
    /// is written.
    pub notes_in: Option<&'a Path>,
    /// What points have beside the pulses.
    pub extras: &'a Extras,
    /// Also what no window has yet: a daemon that has ended may have left some. Where one works it has counted all that is compared.
    pub by_now: bool,
    /// Lines in a request.
    pub size: &'a mut RequestSize,
}

impl Examiner<'_> {
    /// The journal's side, with `from_s <= start < to_s`.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn ours(&mut self, view: View, from_s: i64, to_s: i64) -> Result<Ours, JournalError> {
        let Some(reader) = &mut self.reader else {
            return Ok(Ours::default());
        };
        let windows = match self.by_now {
            true => reader.windows_by_now(view, (from_s, to_s))?,
            false => reader.windows(view, from_s, to_s)?,
        };
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

    /// Both sides of a stretch of a view.
    ///
    /// # Errors
    /// When one of the sides cannot be read.
    pub fn view(
        &mut self,
        server: &mut dyn Server,
        view: View,
        (from_s, to_s): (i64, i64),
        ask: AskRaw,
    ) -> Result<Seen, Trouble> {
        let ours = self.ours(view, from_s, to_s)?;
        let found = server.view(view, from_s, to_s)?;
        let more = || {
            let mut counts = found.counts.iter();
            counts.any(|(window, n)| *n > ours.counts.get(window).copied().unwrap_or(0))
        };
        let raw_from_s = match ask {
            AskRaw::Always(raw_from_s) => Some(raw_from_s),
            AskRaw::IfMore(raw_from_s) if more() => Some(raw_from_s),
            AskRaw::IfMore(_) | AskRaw::Never => None,
        };
        let raw = match raw_from_s.map(|raw_from_s| raw_from_s.max(from_s)) {
            Some(raw_from_s) if raw_from_s < to_s => {
                self.raw_of(server, view, (raw_from_s, to_s))?
            }
            _ => None,
        };
        Ok(Seen { ours, found, raw })
    }

    /// Between which ids the pulses of a stretch are found; others may be among them.
    pub(super) fn ids(&mut self, (from_s, to_s): (i64, i64)) -> Result<IdRanges, JournalError> {
        let Some(reader) = &mut self.reader else {
            return Ok(IdRanges::default());
        };
        match self.by_now {
            true => reader.ids_by_now((from_s, to_s)),
            false => Ok(IdRanges::from_ranges(reader.ids_between(from_s, to_s)?)),
        }
    }

    pub(super) fn refused(
        &self,
        from_s: i64,
        to_s: i64,
    ) -> Result<Vec<(PulseId, MeterRow, WallNs)>, JournalError> {
        match (&self.reader, self.destination) {
            (Some(reader), Some(row)) => {
                reader.quarantined(row, WallNs::of_s(from_s), WallNs::of_s(to_s))
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Writes the windows that are to be written, and marks those that the server has not taken. Returns
    /// how many it has taken.
    ///
    /// # Errors
    /// When the server does not take them.
    pub fn write(
        &mut self,
        server: &mut dyn Server,
        view: View,
        differences: &mut [Difference],
    ) -> Result<usize, Trouble> {
        let lines = LineEncoders {
            measurement: self.measurement,
        };
        let mut queue = PointQueue::new(server, Tier::View(view), self.size);
        let (mut reader, names, by_now) = (self.reader.as_deref_mut(), self.names, self.by_now);
        let mut written = 0;
        for (of, difference) in differences.iter().enumerate() {
            let WindowVerdict::Write(pulses) = difference.verdict else {
                continue;
            };
            let Some(line) = lines.of(&difference.meter) else {
                continue;
            };
            let (meter, start_s) = (&difference.meter, difference.start_s);
            let mut extra = |pulses| {
                let quarters = || match &mut reader {
                    Some(reader) => quarters_of(reader, by_now, names, (meter, start_s)),
                    None => Ok(Vec::new()),
                };
                let window = (start_s, pulses);
                self.extras.of_window(meter, view, window, quarters)
            };
            for stray_ns in &difference.strays {
                queue.push(&line, (0, *stray_ns), &extra(0)?, of)?;
            }
            let start_ns = WallNs::of_s(start_s);
            queue.push(&line, (pulses, start_ns), &extra(pulses)?, of)?;
            written += 1;
        }
        let outcome = queue.finish()?;
        for (of, why) in &outcome.failed {
            differences[*of].failed = Some(*why);
        }
        Ok(written - outcome.failed.len())
    }

    /// Sends the pulses of windows again that raw lacks, and marks the windows of which the server has
    /// not taken some, or of which the journal has none any more. Returns how many pulses it has taken.
    ///
    /// # Errors
    /// When the server does not take them, or the journal cannot be read.
    pub fn resend(
        &mut self,
        server: &mut dyn Server,
        (from_s, to_s): (i64, i64),
        differences: &mut [Difference],
    ) -> Result<usize, Trouble> {
        let view = Tier::Raw.windows();
        let lacking: BTreeMap<(&str, i64), usize> = differences
            .iter()
            .enumerate()
            .filter(|(_, difference)| difference.verdict == WindowVerdict::Resend)
            .map(|(of, difference)| ((difference.meter.as_str(), difference.start_s), of))
            .collect();
        if lacking.is_empty() {
            return Ok(0);
        }
        let refused = self.refused(from_s, to_s)?;
        let refused: HashSet<PulseId> = refused.into_iter().map(|(pulse, ..)| pulse).collect();
        let lines = LineEncoders {
            measurement: self.measurement,
        };
        let lines: BTreeMap<MeterRow, LineEncoder> = self
            .names
            .iter()
            .filter_map(|(row, name)| Some((*row, lines.of(name)?)))
            .collect();
        let ids = self.ids((from_s, to_s))?;
        let Some(reader) = self.reader.as_mut() else {
            return Ok(0);
        };
        let mut hopeless: BTreeSet<usize> = lacking.values().copied().collect();
        let (mut queue, extras) = (PointQueue::new(server, Tier::Raw, self.size), self.extras);
        let mut send = |entry: &StoredPulse| {
            let name = self.names.get(&entry.meter).map_or("", String::as_str);
            let of = lacking.get(&(name, view.start_of(entry.wall_ns)));
            let line = lines.get(&entry.meter);
            if let (Some(of), Some(line)) = (of, line.filter(|_| !refused.contains(&entry.id))) {
                hopeless.remove(of);
                let extra = extras.of_pulse(name, entry.wall_ns);
                queue.push(line, (1, entry.wall_ns), &extra, *of)?;
            }
            Ok::<(), Trouble>(())
        };
        for ids in ids.ranges() {
            reader.each_pulse(*ids, &mut send)?;
        }
        let outcome = queue.finish()?;
        let gone = hopeless.into_iter().map(|of| (of, Failed::Gone));
        for (of, why) in gone.chain(outcome.failed) {
            differences[of].failed = Some(why);
        }
        Ok(outcome.lines)
    }
}

/// What the quarters of an hour that begins at `start_s` have counted of a meter, by their first second; `by_now`: with what no
/// window has yet.
fn quarters_of(
    reader: &mut Reader,
    by_now: bool,
    names: &BTreeMap<MeterRow, String>,
    (meter, start_s): (&str, i64),
) -> Result<Vec<(i64, i64)>, JournalError> {
    let span_s = (start_s, start_s + View::Hour.width_s());
    let is_of_meter = |row: &MeterRow| names.get(row).is_some_and(|name| name == meter);
    let counted = match by_now {
        true => reader.quarter_pulses_by_now(span_s)?,
        false => reader.quarter_pulses(span_s)?,
    };
    let counted = counted.into_iter();
    let counted = counted.filter(|((_, row), _)| is_of_meter(row));
    Ok(counted.map(|((at_s, _), pulses)| (at_s, pulses)).collect())
}

/// What writes the points of meters.
struct LineEncoders<'a> {
    measurement: &'a str,
}

impl LineEncoders<'_> {
    /// None: line protocol cannot carry the name.
    fn of(&self, meter: &str) -> Option<LineEncoder> {
        LineEncoder::new(self.measurement, &[(TAG, meter)], FIELD).ok()
    }
}

/// The windows of a stretch that are written where nothing can be read back: those that the journal knows
/// wholly. What another may hold on the server is not known.
pub fn unread(view: View, ours: &Ours) -> Vec<Difference> {
    let nothing = Seen {
        ours: Ours {
            counts: ours.counts.clone(),
            coverage: ours.coverage.clone(),
        },
        found: ViewRead::default(),
        raw: None,
    };
    let meters = ours.counts.keys().map(|(meter, _)| meter.as_str());
    let all = nothing.sides(view).differences(&meters.collect());
    let covered = |d: &Difference| ours.coverage.covers(view, &d.meter, d.start_s);
    all.into_iter().filter(covered).collect()
}
