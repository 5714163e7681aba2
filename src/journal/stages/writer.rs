//! The single writer: commits what waits, at once. It never waits for the card: the
//! [`crate::journal::stages::durable`] thread does.

use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::config::JournalSettings;
use crate::intake::Intake;
use crate::journal::JournalError;
use crate::journal::db::file::file_in;
use crate::journal::db::reserve::Reserve;
use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::ids::IdRanges;
use crate::journal::refusal::Refusal;
use crate::journal::stages::alarm_shelf::AlarmShelf;
use crate::journal::stages::backfill::Backfill;
use crate::journal::stages::durable::Durable;
use crate::journal::stages::factor_note::FactorNote;
use crate::journal::stages::marks::Marks;
use crate::journal::stages::outbox::Outbox;
use crate::journal::stages::publisher::Publisher;
use crate::journal::stages::roller::Roller;
use crate::journal::stages::unsynced::{Carryover, Unsynced};
use crate::journal::stages::unused::UnusedSegments;
use crate::model::{Backoff, DestinationRow, MonoNs, NS_PER_S, PulseId, Watched};

/// What was delivered is saved this often: after a crash so many seconds are sent again, which is
/// harmless, and the card is spared a write a second.
const DELIVERED_SAVE_NS: i64 = 10 * NS_PER_S;

/// How often retention looks for something to do.
const RETENTION_LOOK_NS: i64 = 60 * NS_PER_S;

/// What has surely passed is kept this often.
const ELAPSED_SAVE_NS: i64 = 600 * NS_PER_S;

/// Windows are counted at most this often, whatever the clock that capture stands on.
pub(super) const ROLL_MIN_NS: i64 = NS_PER_S;

/// Waits between tries while the disk does not take commits.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// Retention keeps the journal below its bound; a burst that outruns it ends at twice the bound
/// and this, which is more than one commit of all that can wait in memory.
const HARD_BOUND_EXTRA_BYTES: u64 = 64 << 20;

/// With nothing to do the writer looks again after this; what is to be committed at once wakes it.
const IDLE_WAIT: Duration = Duration::from_secs(5);

/// Minutes that are over: their windows are counted as soon as the pulses in them are durable.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) watched: Watched,
    pub(super) newest: PulseId,
}

/// The stage.
#[derive(Debug)]
pub struct Writer {
    // Dependencies.
    pub(in crate::journal) journal: Journal,
    pub(super) intake: Arc<Intake>,
    pub(super) marks: Arc<Marks>,
    pub(super) outbox: Arc<Outbox>,
    /// None: nobody is told of alarms.
    alarms: Option<Arc<AlarmShelf>>,
    pub(super) clock: Arc<dyn Clock>,
    // Settings.
    pub(super) settings: JournalSettings,
    pub(super) destination: Option<DestinationRow>,
    // State.
    pub(super) reserve: Reserve,
    unused: UnusedSegments,
    pub(super) publisher: Publisher,
    pub(super) roller: Roller,
    pub(super) backfill: Backfill,
    pub(super) factors: FactorNote,
    unsynced: Unsynced,
    pub(super) closing: Option<Closing>,
    pub(super) looked_minute_s: i64,
    pub(super) rolled_ns: MonoNs,
    /// When how far the lines were watched was kept, and the newest pulse then.
    pub(super) watched_kept: Option<(MonoNs, PulseId)>,
    pub(super) delivered: IdRanges,
    saved_ns: MonoNs,
    /// What is kept of the lines: the version, and whether the clock was trusted then.
    pub(super) lines: (u64, bool),
    looked_ns: MonoNs,
    elapsed_ns: MonoNs,
    pruning: bool,
    preallocating: bool,
    retry: Backoff,
}

impl Writer {
    /// A writer for an open journal. `destination` is the row of the destination whose
    /// acknowledgement lets pulses go after the raw retention, with what it has already.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn new(
        journal: Journal,
        intake: Arc<Intake>,
        marks: Arc<Marks>,
        clock: Arc<dyn Clock>,
        settings: JournalSettings,
        destination: Option<(DestinationRow, IdRanges)>,
    ) -> Result<Writer, JournalError> {
        let now_ns = clock.mono_ns();
        let hard_bound = settings
            .max_bytes
            .saturating_mul(2)
            .saturating_add(HARD_BOUND_EXTRA_BYTES);
        if let Err(failed) = journal.limit(hard_bound) {
            warn!(error = %failed, "the journal's size is bounded by retention alone");
        }
        let (destination, delivered) = destination.unzip();
        Ok(Writer {
            reserve: Reserve::of(journal.dir()),
            unused: UnusedSegments::default(),
            publisher: Publisher::open(&journal, intake.board(), now_ns)?,
            roller: Roller::open(&journal)?,
            backfill: Backfill::default(),
            factors: FactorNote::default(),
            unsynced: Unsynced::default(),
            closing: None,
            looked_minute_s: 0,
            rolled_ns: now_ns - ROLL_MIN_NS,
            watched_kept: None,
            journal,
            outbox: Arc::new(Outbox::waking(Arc::clone(&intake))),
            alarms: None,
            intake,
            marks,
            clock,
            settings,
            destination,
            delivered: delivered.unwrap_or_default(),
            saved_ns: now_ns,
            lines: (0, false),
            looked_ns: now_ns - RETENTION_LOOK_NS,
            elapsed_ns: now_ns - ELAPSED_SAVE_NS,
            pruning: false,
            preallocating: false,
            retry: Backoff::new(RETRY_MIN, RETRY_MAX),
        })
    }

    /// Shows the last pulses of earlier runs on the board, and how long meters are silent usually. `stamped_by`: the clock that
    /// stamps the pulses, which is not the machine's where they are made up.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn show_earlier_pulses(&mut self, stamped_by: &dyn Clock) -> Result<(), JournalError> {
        let now = (stamped_by.mono_ns(), stamped_by.wall_ns());
        self.publisher.read_newest(&self.journal.boot_id, now)?;
        self.publisher.read_silences(now.1)
    }

    /// Lets the following steps grow the WAL to its full size, for the card's sake.
    pub fn preallocate(&mut self) {
        self.preallocating = true;
    }

    /// Where delivery leaves what is to be kept.
    pub fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.outbox)
    }

    /// What the alarms leave on the shelf is kept from here on; what the journal has of them lies there.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn keep_alarms_of(&mut self, shelf: Arc<AlarmShelf>) -> Result<(), JournalError> {
        shelf.opened(Reader::open(self.journal.dir())?.alarm_book()?);
        self.alarms = Some(shelf);
        Ok(())
    }

    /// The journal it writes.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Commits what waits, keeps what delivery tells, and prunes a little. Returns how long to
    /// wait for more.
    pub fn step(&mut self) -> Duration {
        let round = self.try_step();
        self.marks.round();
        match round {
            Ok(wait) => {
                if let Some(kind) = self.marks.failing(None, self.clock.mono_ns()) {
                    info!(kind, "the journal takes commits again");
                }
                self.retry.reset();
                wait
            }
            Err(failed) => {
                self.complain(&failed);
                self.retry.failed()
            }
        }
    }

    /// Commits and saves all that is left, for a clean end; `durable` takes it to the disk.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn finish(&mut self, durable: &mut Durable) -> Result<(), JournalError> {
        let watched = self.intake.watched();
        self.commit(true)?;
        self.keep_delivery(true)?;
        self.keep_alarms()?;
        durable.step()?;
        while self.count_windows(self.marks.now().durable)? {}
        if let Some(kept) = self.intake.elapsed() {
            self.journal.keep_elapsed(&kept)?;
        }
        // Where a reader keeps pulses from being durable the next run counts them: until then windows hold less than was seen.
        if self.marks.now().durable >= self.journal.newest() {
            self.journal.keep_watched(&watched)?;
        }
        durable.finish()
    }

    /// Closes the journal, so that another, or the same once more, can be opened in its place.
    pub fn leave(self) -> Carryover {
        Carryover {
            newest: self.journal.newest(),
            standing: self.journal.standing(),
            segments: self.journal.segments.clone(),
            unsynced: self.unsynced,
            file: file_in(self.journal.dir()),
        }
    }

    fn try_step(&mut self) -> Result<Duration, JournalError> {
        // What capture had seen before is in this commit or in an earlier one.
        let watched = self.intake.watched();
        if let Err(failed) = self.commit(false) {
            if failed.kind() == "disk_full" {
                self.make_room_on_disk()?;
            }
            return Err(failed);
        }
        let now_ns = self.clock.mono_ns();
        // Before it is told what time it is: who asks then is to find what a pulse is worth.
        self.factors
            .note(&mut self.journal, watched.looked_ns, now_ns)?;
        if let Some(until_ns) = watched.looked_ns {
            self.intake.board().kept_until(until_ns);
        }
        self.keep_lines(&watched)?;
        let save_due = now_ns - self.saved_ns >= DELIVERED_SAVE_NS;
        self.keep_delivery(save_due)?;
        if save_due {
            self.saved_ns = now_ns;
        }
        self.keep_alarms()?;
        self.marks.sure(watched.sure_ns);
        self.keep_elapsed(now_ns)?;
        if self.pruning || now_ns - self.looked_ns >= RETENTION_LOOK_NS {
            self.looked_ns = now_ns;
            self.pruning = self.prune()?;
            self.unused.step(&self.journal)?;
            self.reserve.take();
        }
        self.preallocating = self.preallocating && self.grow_wal();
        let rolling = self.roll(watched)?;
        // What has come comes first.
        let filling = !rolling && self.backfill.step(&mut self.journal, now_ns)?;
        self.bring_board_up_to_date(now_ns);
        let busy = self.pruning || self.preallocating || rolling || filling;
        Ok(if busy { Duration::ZERO } else { IDLE_WAIT })
    }

    /// Keeps what has surely passed, now and then.
    fn keep_elapsed(&mut self, now_ns: MonoNs) -> Result<(), JournalError> {
        if now_ns - self.elapsed_ns < ELAPSED_SAVE_NS {
            return Ok(());
        }
        if let Some(kept) = self.intake.elapsed() {
            self.journal.keep_elapsed(&kept)?;
            self.elapsed_ns = now_ns;
        }
        Ok(())
    }

    /// Commits what waits. `also_lines`: even if it is but the state of lines.
    fn commit(&mut self, also_lines: bool) -> Result<(), JournalError> {
        let Some(pending) = self.intake.take(also_lines) else {
            return Ok(());
        };
        match self.journal.commit(&pending) {
            Ok(settled) => {
                let newest = self.journal.newest();
                self.marks.committed(newest, settled, self.clock.mono_ns());
                let mark = self.marks.now();
                self.publisher.committed(&self.journal, &pending, newest);
                self.intake.settled();
                self.unsynced.keep(mark.commits, newest, pending);
                self.unsynced.durable(mark.durable_commits);
                Ok(())
            }
            Err(failed) => {
                self.unsynced.failed(&pending);
                self.intake.put_back(pending, self.clock.wall_ns());
                Err(failed)
            }
        }
    }

    fn keep_delivery(&mut self, also_ranges: bool) -> Result<(), JournalError> {
        let Some(destination) = self.destination else {
            return Ok(());
        };
        let Some(news) = self.outbox.collect(also_ranges) else {
            return Ok(());
        };
        if let Err(failed) = self
            .journal
            .keep_delivery(destination, &news, self.clock.wall_ns())
        {
            self.outbox.put_back(news);
            return Err(failed);
        }
        if !news.refused.is_empty() || !news.expired.is_empty() {
            self.publisher.is_outdated();
        }
        if let Some(delivered) = news.delivered {
            self.delivered = delivered;
        }
        self.marks
            .committed(self.journal.newest(), false, self.clock.mono_ns());
        Ok(())
    }

    /// Keeps what the alarms have left, if they have.
    fn keep_alarms(&mut self) -> Result<(), JournalError> {
        let Some(shelf) = &self.alarms else {
            return Ok(());
        };
        let Some((version, book)) = shelf.to_keep() else {
            return Ok(());
        };
        self.journal.keep_alarms(&book)?;
        shelf.kept(version);
        self.marks
            .committed(self.journal.newest(), false, self.clock.mono_ns());
        Ok(())
    }

    /// One bounded piece of growing the WAL; true if there is more to do.
    fn grow_wal(&self) -> bool {
        self.journal.preallocate().unwrap_or_else(|failed| {
            warn!(error = %failed, "the journal's WAL is not preallocated; it works without");
            false
        })
    }

    fn complain(&mut self, failed: &JournalError) {
        let Refusal { kind, remedy } = Refusal::of(failed, self.journal.dir());
        if failed.is_corrupt() {
            self.marks.damaged();
        }
        if self.marks.failing(Some(kind), self.clock.mono_ns()) != Some(kind) {
            let cause = std::error::Error::source(failed).map(ToString::to_string);
            let waiting = self.intake.len();
            error!(
                error = %failed, cause, kind, waiting, remedy,
                "the journal does not take commits; pulses wait in memory"
            );
        }
    }
}
