//! What the live board shows of the journal: read from it when it is opened, and kept up to date by the writer
//! as it commits, so that nothing is read to say how things stand.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::debug;

use super::JournalError;
use super::append::Journal;
use super::reader::Reader;
use crate::intake::Pending;
use crate::live::silence;
use crate::live::{
    Board, ClockLive, DeliveryLive, JournalLive, JournalPhase, MeterLive, MetersLive, RegisterBase,
    ViewsLive,
};
use crate::model::{DeliveryState, MeterId, MonoNs, NS_PER_S, Tier, View, ViewsState, WallNs};

/// What a meter's usual silence is changes slowly, and costs a read of four weeks.
const SILENCE_EVERY_NS: i64 = 3_600 * NS_PER_S;

/// How much of the file holds data is looked at this often, if anything was committed.
const BYTES_EVERY_NS: i64 = 60 * NS_PER_S;

/// Commands beside the daemon write, too: readings of registers, points to be sent again. Whether any has is
/// looked at this often, by the stamp of the WAL.
const OTHERS_EVERY_NS: i64 = 5 * NS_PER_S;

impl Reader {
    /// What is counted of each meter, without its usual silence. `configured`: the meters that the configuration lists.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn meters_live(&self, configured: &[String]) -> Result<MetersLive, JournalError> {
        let (ledger, tallies) = (self.ledger()?, self.tallies()?);
        let mut meters = MetersLive::default();
        for totals in self.totals()? {
            let mut meter = MeterLive::new(&totals.name, configured.contains(&totals.name));
            (meter.pulses, meter.last_pulse_ns) = (totals.pulses, totals.last_ns);
            meter.tally = tallies.get(&totals.name).copied();
            for (_, cause, loss) in ledger.iter().filter(|(name, ..)| *name == totals.name) {
                meter.lose(*cause, *loss);
            }
            meter.register = self.register_base(&totals.name)?;
            meters.all.push(meter);
        }
        for name in configured {
            meters.entry(name).is_configured = true;
        }
        Ok(meters)
    }

    /// What the meter's register is counted from: the last reading that was adopted. None: none was.
    fn register_base(&self, meter: &str) -> Result<Option<RegisterBase>, JournalError> {
        let readings = self.readings(meter)?;
        let base = readings.iter().rev().find(|reading| reading.adopted);
        Ok(base.map(|base| RegisterBase {
            kwh: base.kwh,
            pulses: base.pulses,
            imp_per_kwh: base.imp_per_kwh,
        }))
    }

    /// For how many seconds each meter may be silent, by its history; without those of which too little is known.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn usual_silences_s(&self, now_ns: WallNs) -> Result<BTreeMap<String, i64>, JournalError> {
        let now_s = now_ns.div_euclid(NS_PER_S);
        let names = self.meter_names()?;
        let mut hours: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for window in self.windows(View::Hour, silence::history_from_s(now_s), now_s)? {
            if window.pulses > 0 {
                hours.entry(window.meter).or_default().push(window.start_s);
            }
        }
        let usual = hours.into_iter().filter_map(|(meter, hours)| {
            Some((names.get(&meter)?.clone(), silence::usual_s(&hours, now_s)?))
        });
        Ok(usual.collect())
    }

    /// What is there, on which clock. The marks are those of a journal that nobody writes to.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn journal_live(&self) -> Result<JournalLive, JournalError> {
        let bounds = self.bounds()?;
        let newest = bounds.map_or(0, |(_, last)| last);
        let clock = self.clock_trust()?;
        Ok(JournalLive {
            phase: JournalPhase::Open,
            committed: newest,
            durable: newest,
            bounds,
            bytes: self.used_bytes()?,
            simulated: self.is_simulated()?,
            clock: clock.map(|(trust, open)| ClockLive {
                trust: trust.as_str(),
                holding: open > 0,
            }),
            ..JournalLive::default()
        })
    }

    /// How delivery to the destination called `name` was last saved, and its windows. None: it is not known.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn delivery_live(
        &mut self,
        name: &str,
        bounds: Option<(i64, i64)>,
    ) -> Result<Option<(DeliveryLive, ViewsLive)>, JournalError> {
        let destinations = self.destinations()?;
        let known = destinations.into_iter().find(|(_, known, _)| known == name);
        let Some((row, destination, state)) = known else {
            return Ok(None);
        };
        let mut delivery = DeliveryLive {
            destination,
            raw: self.sends_raw(row)?,
            state: DeliveryState::from_word(&state.state),
            message: state.message,
            since_ns: state.since_ns,
            ..DeliveryLive::default()
        };
        if let Some((first, last)) = bounds.filter(|_| delivery.raw) {
            let delivered = self.delivered(row)?;
            (delivery.missing, delivery.seen) = (delivered.missing(first, last), last);
            if let Some(gap) = delivered.gaps(first, last).first() {
                delivery.oldest_ns = self.stamp_of(gap.0)?;
            }
        }
        let state = self.views_state(row)?;
        let mut views = ViewsLive {
            state: ViewsState::from_word(&state.state),
            message: state.message,
            since_ns: state.since_ns,
            ..ViewsLive::default()
        };
        for tier in Tier::ALL {
            if let Some(known) = self.compared(row, tier)?.live(tier) {
                views.tiers.insert(tier, known);
            }
        }
        Ok(Some((delivery, views)))
    }

    /// The stamp of a pulse; None: it is not there, or its time is not known.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn stamp_of(&mut self, id: i64) -> Result<Option<WallNs>, JournalError> {
        let page = self.page(id, id, 1)?;
        Ok(page.entries.first().map(|entry| entry.wall_ns))
    }
}

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
    provisional: HashSet<i64>,
    /// Something has changed that has to be read again.
    is_stale: bool,
    silence_ns: MonoNs,
    bytes_ns: MonoNs,
    bytes_commits: u64,
    others_ns: MonoNs,
    wal_changed: Option<SystemTime>,
    looks_again: bool,
}

impl Publisher {
    /// Reads what `journal` holds onto the board.
    pub(super) fn open(
        journal: &Journal,
        board: &Arc<Board>,
        (now_ns, wall_ns): (MonoNs, WallNs),
    ) -> Result<Publisher, JournalError> {
        let reader = Reader::open(journal.dir())?;
        let names = reader.meter_names()?;
        let configured = journal.meters.iter().map(|row| names.get(row).cloned());
        let mut publisher = Publisher {
            configured: configured.map(Option::unwrap_or_default).collect(),
            reader,
            board: Arc::clone(board),
            wal: journal.dir().join(format!("{}-wal", super::FILE_NAME)),
            provisional: HashSet::new(),
            is_stale: false,
            silence_ns: now_ns,
            bytes_ns: now_ns,
            bytes_commits: 0,
            others_ns: now_ns,
            wal_changed: None,
            looks_again: false,
        };
        publisher.read_totals()?;
        publisher.read_silences(wall_ns)?;
        Ok(publisher)
    }

    fn read_totals(&mut self) -> Result<(), JournalError> {
        let mut meters = self.reader.meters_live(&self.configured)?;
        let read = self.reader.journal_live()?;
        self.provisional.clear();
        self.board.publish_meters(|known| {
            for meter in &mut meters.all {
                let before = known.get(&meter.name);
                meter.usual_silence_s = before.and_then(|before| before.usual_silence_s);
            }
            *known = meters;
        });
        self.board.publish_journal(|journal| {
            (journal.bounds, journal.bytes) = (read.bounds, read.bytes);
            (journal.simulated, journal.clock) = (read.simulated, read.clock);
        });
        self.is_stale = false;
        Ok(())
    }

    fn read_silences(&mut self, wall_ns: WallNs) -> Result<(), JournalError> {
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
    pub(super) fn committed(&mut self, journal: &Journal, pending: &Pending, newest: i64) {
        self.is_stale |= !pending.segments.is_empty();
        let stamps = pending.pulses.iter().map(|pulse| {
            let row = journal.segments.get(&pulse.segment).copied();
            let offset_ns = row.and_then(|row| self.final_offset_ns(row));
            (
                pulse.meter,
                offset_ns.map(|offset_ns| pulse.mono_ns + offset_ns),
            )
        });
        let stamps: Vec<(MeterId, Option<WallNs>)> = stamps.collect();
        let name = |meter: &MeterId| self.configured[meter.index()].as_str();
        self.board.publish_meters(|meters| {
            for (meter, stamp_ns) in &stamps {
                let meter = meters.entry(name(meter));
                meter.pulses += 1;
                meter.last_pulse_ns = *stamp_ns;
            }
            for ((meter, cause), loss) in &pending.losses {
                meters.entry(name(meter)).lose(*cause, *loss);
            }
            for (meter, state) in &pending.lines {
                meters.entry(name(meter)).tally = Some(state.tally);
            }
        });
        let count = i64::try_from(pending.pulses.len()).unwrap_or(0);
        if count > 0 {
            self.board.publish_journal(|journal| {
                let first = journal
                    .bounds
                    .map_or(newest + 1 - count, |(first, _)| first);
                journal.bounds = Some((first, newest));
            });
        }
    }

    /// The offset of a segment, if it is final.
    fn final_offset_ns(&mut self, segment: i64) -> Option<i64> {
        if self.provisional.contains(&segment) {
            return None;
        }
        let offset_ns = self.reader.final_offset_ns(segment).ok().flatten();
        if offset_ns.is_none() {
            self.provisional.insert(segment);
        }
        offset_ns
    }

    /// Looks at what no commit tells, when it is time to. `commits`: so many were made.
    pub(super) fn look(&mut self, commits: u64, (now_ns, wall_ns): (MonoNs, WallNs)) {
        if let Err(failed) = self.try_look(commits, (now_ns, wall_ns)) {
            debug!(error = %failed, "the board is brought up to date later");
            self.is_stale = true;
        }
    }

    fn try_look(
        &mut self,
        commits: u64,
        (now_ns, wall_ns): (MonoNs, WallNs),
    ) -> Result<(), JournalError> {
        if now_ns - self.silence_ns >= SILENCE_EVERY_NS {
            self.silence_ns = now_ns;
            self.read_silences(wall_ns)?;
        }
        if now_ns - self.others_ns >= OTHERS_EVERY_NS {
            self.others_ns = now_ns;
            self.look_for_others()?;
        }
        if std::mem::take(&mut self.is_stale) {
            return self.read_totals();
        }
        if now_ns - self.bytes_ns >= BYTES_EVERY_NS && commits != self.bytes_commits {
            (self.bytes_ns, self.bytes_commits) = (now_ns, commits);
            let bytes = self.reader.used_bytes()?;
            self.board.publish_journal(|journal| journal.bytes = bytes);
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
