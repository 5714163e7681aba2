//! Keeps the live board up to date with what the writer does, so that nothing is read to say how things stand.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crate::intake::Pending;
use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::{FILE_NAME, JournalError};
use crate::live::Board;
use crate::model::{IdRange, MeterId, MonoNs, NS_PER_S, Pulse, PulseId, SegmentRow, WallNs};

/// What a meter's usual silence is changes slowly, and costs a read of four weeks.
const SILENCE_EVERY_NS: i64 = 3_600 * NS_PER_S;

/// Everything is read again this often, if anything was committed: how much of the file holds data, and whether all
/// that is shown can still be read, because a journal that is damaged must be noticed.
const TOTALS_EVERY_NS: i64 = 30 * NS_PER_S;

/// Commands beside the daemon write, too: readings of registers, points to be sent again. Whether any has is
/// looked at this often, by the stamp of the WAL.
const OTHERS_EVERY_NS: i64 = 5 * NS_PER_S;

/// Keeps the board up to date with what the writer does.
#[derive(Debug)]
pub(super) struct Publisher {
    // Dependencies.
    reader: Reader,
    board: Arc<Board>,
    wal: PathBuf,
    // Settings.
    /// By [`MeterId`].
    configured: Vec<String>,
    // State.
    /// Segments that were not final at the last look.
    provisional: HashSet<SegmentRow>,
    /// Offsets of segments that are: they never change, so a commit asks nothing.
    finals: HashMap<SegmentRow, i64>,
    /// Something has changed that has to be read again.
    is_stale: bool,
    /// The board shows what was counted before the journal was closed.
    is_reopened: bool,
    silence_ns: MonoNs,
    totals_ns: MonoNs,
    totals_commits: u64,
    others_ns: MonoNs,
    wal_changed: Option<SystemTime>,
    looks_again: bool,
}

impl Publisher {
    /// Reads what `journal` holds onto the board. Where that shows what was counted before the journal was closed, it goes on doing
    /// so until the first commit: the disk may have forgotten some, which is committed once more.
    pub(super) fn open(
        journal: &Journal,
        board: &Arc<Board>,
        now_ns: MonoNs,
    ) -> Result<Publisher, JournalError> {
        let reader = Reader::open(journal.dir())?;
        let names = reader.meter_names()?;
        let configured = journal.meters.iter().map(|row| names.get(row).cloned());
        let shown = board.snapshot();
        let is_reopened = !shown.meters.all.is_empty() && shown.journal.id == reader.journal_id();
        let mut publisher = Publisher {
            configured: configured.map(Option::unwrap_or_default).collect(),
            reader,
            board: Arc::clone(board),
            wal: journal.dir().join(format!("{FILE_NAME}-wal")),
            provisional: HashSet::new(),
            finals: HashMap::new(),
            is_stale: is_reopened,
            is_reopened,
            silence_ns: now_ns,
            totals_ns: now_ns,
            totals_commits: 0,
            others_ns: now_ns,
            wal_changed: None,
            looks_again: false,
        };
        match publisher.is_reopened {
            true => publisher.read_journal()?,
            false => publisher.read_totals()?,
        }
        Ok(publisher)
    }

    fn read_totals(&mut self) -> Result<(), JournalError> {
        let mut meters = self.reader.meters_live(&self.configured)?;
        self.provisional.clear();
        let is_reopened = std::mem::take(&mut self.is_reopened);
        self.board.publish_meters(|known| {
            for meter in &mut meters.all {
                let Some(before) = known.get(&meter.name) else {
                    continue;
                };
                meter.usual_silence_s = before.usual_silence_s;
                meter.earlier = before.earlier;
                meter.pulses_of_run = before.pulses_of_run;
                if is_reopened {
                    meter.pulses_of_run += (meter.pulses - before.pulses).max(0);
                }
            }
            *known = meters;
        });
        self.read_journal()?;
        self.is_stale = false;
        Ok(())
    }

    fn read_journal(&mut self) -> Result<(), JournalError> {
        let read = self.reader.journal_live()?;
        self.board.publish_journal(|journal| {
            (journal.id, journal.bounds, journal.bytes) = (read.id, read.bounds, read.bytes);
            (journal.simulated, journal.clock) = (read.simulated, read.clock);
            journal.opened = read.opened;
        });
        Ok(())
    }

    /// The last pulses of earlier runs: power is known before the next ones come. `now`: by the clock that stamps the pulses.
    pub(super) fn read_newest(
        &mut self,
        boot_id: &str,
        now: (MonoNs, WallNs),
    ) -> Result<(), JournalError> {
        let newest = self.reader.newest_stamps(boot_id, now)?;
        self.board.publish_meters(|meters| {
            for (name, stamps) in newest {
                meters.entry(&name).earlier = stamps;
            }
        });
        Ok(())
    }

    pub(super) fn read_silences(&mut self, wall_ns: WallNs) -> Result<(), JournalError> {
        let usual_s = self.reader.usual_silences_s(wall_ns)?;
        self.board.publish_meters(|meters| {
            for meter in &mut meters.all {
                meter.usual_silence_s = usual_s.get(&*meter.name).copied();
            }
        });
        Ok(())
    }

    /// More has changed than is known here: all is read again soon.
    pub(super) fn is_outdated(&mut self) {
        self.is_stale = true;
    }

    /// `pending` is committed; its newest pulse is `newest`.
    pub(super) fn committed(&mut self, journal: &Journal, pending: &Pending, newest: PulseId) {
        self.is_stale |= !pending.segments.is_empty();
        // Where some of them may be on the board already all is read again after this commit.
        if !self.is_reopened {
            self.count(journal, pending);
        }
        let count = i64::try_from(pending.pulses.len()).unwrap_or(0);
        if count > 0 {
            self.board.publish_journal(|journal| {
                let first = journal
                    .bounds
                    .map_or(newest - (count - 1), |bounds| bounds.first);
                journal.bounds = Some(IdRange::new(first, newest));
            });
        }
    }

    /// Adds what is committed to what is shown of the meters.
    fn count(&mut self, journal: &Journal, pending: &Pending) {
        // Of each meter: how many pulses, and the last one.
        let mut counted: BTreeMap<MeterId, (i64, Pulse)> = BTreeMap::new();
        for pulse in &pending.pulses {
            let (pulses, last) = counted.entry(pulse.meter).or_insert((0, *pulse));
            (*pulses, *last) = (*pulses + 1, *pulse);
        }
        let counted = counted.into_values().map(|(pulses, last)| {
            let row = journal.segments.get(&last.segment).copied();
            let offset_ns = row.and_then(|row| self.final_offset_ns(row));
            (
                last.meter,
                pulses,
                offset_ns.map(|offset_ns| WallNs::of_mono(last.mono_ns, offset_ns)),
            )
        });
        let counted: Vec<(MeterId, i64, Option<WallNs>)> = counted.collect();
        let name = |meter: &MeterId| self.configured[meter.index()].as_str();
        self.board.publish_meters(|meters| {
            for (meter, pulses, last_ns) in &counted {
                let meter = meters.entry(name(meter));
                meter.pulses += pulses;
                meter.pulses_of_run += pulses;
                meter.last_pulse_ns = *last_ns;
            }
            for ((meter, cause), loss) in &pending.losses {
                meters.entry(name(meter)).lose(*cause, *loss);
            }
            for (meter, state) in &pending.lines {
                meters.entry(name(meter)).tally = Some(state.tally);
            }
        });
    }

    /// The offset of a segment, if it is final.
    fn final_offset_ns(&mut self, segment: SegmentRow) -> Option<i64> {
        if self.provisional.contains(&segment) {
            return None;
        }
        if let Some(offset_ns) = self.finals.get(&segment) {
            return Some(*offset_ns);
        }
        let Ok(offset_ns) = self.reader.final_offset_ns(segment) else {
            self.is_stale = true;
            return None;
        };
        match offset_ns {
            Some(offset_ns) => drop(self.finals.insert(segment, offset_ns)),
            None => drop(self.provisional.insert(segment)),
        }
        offset_ns
    }

    /// Looks at what no commit tells, when it is time to. `commits`: so many were made.
    ///
    /// # Errors
    /// When the journal cannot be read; the next look reads everything.
    pub(super) fn look(&mut self, commits: u64, now: (MonoNs, WallNs)) -> Result<(), JournalError> {
        let looked = self.try_look(commits, now);
        self.is_stale |= looked.is_err();
        looked
    }

    fn try_look(
        &mut self,
        commits: u64,
        (now_ns, wall_ns): (MonoNs, WallNs),
    ) -> Result<(), JournalError> {
        if now_ns - self.silence_ns >= SILENCE_EVERY_NS {
            self.silence_ns = now_ns;
            // By the clock of the pulses, where that is known.
            let kept_ns = self.board.kept_until_ns();
            let is_known = kept_ns > WallNs(0);
            self.read_silences(if is_known { kept_ns } else { wall_ns })?;
        }
        if now_ns - self.others_ns >= OTHERS_EVERY_NS {
            self.others_ns = now_ns;
            self.look_for_others()?;
        }
        if std::mem::take(&mut self.is_stale) {
            return self.read_totals();
        }
        if now_ns - self.totals_ns >= TOTALS_EVERY_NS && commits != self.totals_commits {
            (self.totals_ns, self.totals_commits) = (now_ns, commits);
            return self.read_totals();
        }
        Ok(())
    }

    /// Reads what commands beside the daemon may have written, if anything was written at all.
    fn look_for_others(&mut self) -> Result<(), JournalError> {
        let changed = fs::metadata(&self.wal).and_then(|wal| wal.modified()).ok();
        let is_new = changed != self.wal_changed;
        // What is written within one tick of the file system's clock does not change the stamp twice.
        if !std::mem::replace(&mut self.looks_again, is_new) && !is_new {
            return Ok(());
        }
        self.wal_changed = changed;
        let mut bases = BTreeMap::new();
        for meter in &self.board.snapshot().meters.all {
            let base = self.reader.register_base(&meter.name)?;
            if base != meter.register {
                bases.insert(Arc::clone(&meter.name), base);
            }
        }
        if !bases.is_empty() {
            self.board.publish_meters(|meters| {
                for (name, base) in bases {
                    meters.entry(&name).register = base;
                }
            });
        }
        self.board
            .publish_journal(|journal| journal.writes_seen += 1);
        Ok(())
    }
}
