//! What the answers are made from: what the daemon tells of itself, and the journal, read on at most two threads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::amounts::Counters;
use super::day_read::DayRead;
pub use super::in_use::InUse;
use super::problem::{BUSY, INTERNAL, JOURNAL, Problem};
use super::served::Served;
use crate::answers::costs::Costs;
use crate::answers::month_memory::MonthMemory;
use crate::answers::present::Present;
use crate::answers::socket;
use crate::clock::{Clock, SystemClock};
use crate::energy::periods::Calendar;
use crate::journal::{JournalError, Reader, Refusal};
use crate::live::{Board, Snapshot, Subscription};
use crate::model::{MonoNs, Notice, WallNs};
use crate::status::Status;

/// Questions to the journal at a time.
const QUERIES_MAX: usize = 2;

/// How long a question waits for its turn, and then for its answer: the client has given up by then.
const TURN_MAX: Duration = Duration::from_secs(2);
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// What the board shows at one moment. Parts of two looks may not fit each other: the journal is opened between them.
#[derive(Debug)]
pub(super) struct BoardLook {
    pub(super) board: Snapshot,
    pub(super) status: Status,
    pub(super) present: Present,
}

/// How its loops move, as the main thread saw it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loops {
    /// When it looked; 0: never yet.
    pub looked_ns: MonoNs,
    /// For how long capture has not moved, in nanoseconds.
    pub capture_ns: i64,
    /// For how long the journal's writer has not moved: it waits for the disk.
    pub journal_ns: i64,
}

/// What the answers are made from. Clones share it.
#[derive(Debug, Clone)]
pub struct Source {
    board: Arc<Board>,
    /// Stamps the pulses.
    clock: Arc<dyn Clock>,
    told: Arc<Mutex<Told>>,
    queries: Arc<Semaphore>,
    carrying: Arc<Mutex<()>>,
    /// What months have cost.
    months: Arc<MonthMemory<Costs>>,
    changes: Arc<Changes>,
    /// Whether the journal's directory may be used: not while the journal is closed.
    directory: Arc<watch::Sender<bool>>,
}

/// What streams wait for, fed by the board.
#[derive(Debug)]
struct Changes(
    watch::Sender<u64>,
    #[expect(dead_code, reason = "it ends when it is dropped")] Subscription,
);

impl Changes {
    fn of(board: &Board) -> Changes {
        let sender = watch::Sender::new(0);
        let told = sender.clone();
        let subscription = board.subscribe(move || {
            // Mostly no thread listens.
            if told.receiver_count() > 0 {
                told.send_modify(|version| *version += 1);
            }
        });
        Changes(sender, subscription)
    }
}

#[derive(Debug, Default)]
struct Told {
    in_use: Arc<InUse>,
    tag: String,
    loops: Loops,
    /// Doors that are not open: which, and why.
    doors: BTreeMap<String, String>,
    /// What was counted of the local day, as read last.
    day: Option<Arc<DayRead>>,
    /// What the counters of all pulses go on from.
    counters: Counters,
    /// For which settings the months that have passed are priced, or are being.
    months_begun: Option<u64>,
    /// Answers by their status.
    answers: BTreeMap<u16, u64>,
    started_ns: WallNs,
}

impl Default for Source {
    fn default() -> Source {
        Source::new(Arc::default(), Arc::new(SystemClock))
    }
}

impl Source {
    /// The journal was closed because of its disk, or is open: a file system that is to be unmounted must not be
    /// kept busy by a socket.
    pub fn use_directory(&self, is_used: bool) {
        self.directory.send_replace(is_used);
    }

    /// Tells whether the journal's directory may be used.
    pub(super) fn directory(&self) -> watch::Receiver<bool> {
        self.directory.subscribe()
    }

    /// What `board` shows; all else is told. `clock`: the one that stamps the pulses.
    pub fn new(board: Arc<Board>, clock: Arc<dyn Clock>) -> Source {
        let told = Told {
            started_ns: SystemClock.wall_ns(),
            ..Told::default()
        };
        Source {
            changes: Arc::new(Changes::of(&board)),
            directory: Arc::new(watch::Sender::new(true)),
            board,
            clock,
            told: Arc::new(Mutex::new(told)),
            queries: Arc::new(Semaphore::new(QUERIES_MAX)),
            carrying: Arc::default(),
            months: Arc::default(),
        }
    }

    /// These are the settings from here on.
    pub fn use_settings(&self, in_use: InUse) {
        let tag = socket::tag(&in_use.described);
        self.with(|told| {
            told.in_use = Arc::new(in_use);
            told.tag = tag;
        });
    }

    /// So the loops move.
    pub fn tell_loops(&self, loops: Loops) {
        self.with(|told| told.loops = loops);
    }

    /// A door is open, or (with the reason) is not.
    pub(super) fn tell_door(&self, door: &str, closed: Option<String>) {
        self.with(|told| match closed {
            Some(why) => drop(told.doors.insert(door.to_owned(), why)),
            None => drop(told.doors.remove(door)),
        });
    }

    pub(super) fn in_use(&self) -> Arc<InUse> {
        self.with(|told| Arc::clone(&told.in_use))
    }

    pub(super) fn loops(&self) -> Loops {
        self.with(|told| told.loops)
    }

    /// The name of the settings: a client that asks about others is refused.
    pub(super) fn tag(&self) -> String {
        self.with(|told| told.tag.clone())
    }

    /// What months have cost, by the [`InUse::name`] of the settings.
    pub(super) fn months(&self) -> Arc<MonthMemory<Costs>> {
        Arc::clone(&self.months)
    }

    /// Months are about to be priced for these settings. False: that was begun before.
    pub(super) fn begins_months(&self, settings: u64) -> bool {
        self.with(|told| told.months_begun.replace(settings) != Some(settings))
    }

    /// They could not all be priced.
    pub(super) fn ended_months(&self, settings: u64) {
        self.with(|told| told.months_begun.take_if(|begun| *begun == settings));
    }

    /// Counts up whenever anything changes on the board, as long as any of these is there.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.0.subscribe()
    }

    /// The wall clock of the pulses: another one than the machine's where they are made up.
    pub(super) fn wall_ns(&self) -> WallNs {
        self.clock.wall_ns()
    }

    /// The clock that stamps the edges.
    pub(super) fn mono_ns(&self) -> MonoNs {
        self.clock.mono_ns()
    }

    /// What the board shows.
    pub(super) fn board(&self) -> Snapshot {
        self.board.snapshot()
    }

    /// What time it is by the clock of the pulses, and up to when the journal has all that came, in seconds since 1970.
    pub(super) fn now_and_kept_s(&self) -> (i64, i64) {
        let (now_ns, kept_ns) = (self.wall_ns(), self.board.kept_until_ns());
        // A clock that was set back: nothing is known of the time that it shows now until that is believed.
        let kept_s = if kept_ns <= now_ns { kept_ns.s() } else { 0 };
        (now_ns.s(), kept_s)
    }

    /// The same, with what follows from it.
    pub(super) fn look(&self) -> BoardLook {
        let board = self.board();
        BoardLook {
            status: self.status_of(&board),
            present: self.present_of(&board),
            board,
        }
    }

    /// What is known of each configured meter at this moment.
    pub(super) fn present(&self) -> Present {
        self.present_of(&self.board())
    }

    fn present_of(&self, board: &Snapshot) -> Present {
        Present::of(board, &self.in_use().meters, self.clock.mono_ns())
    }

    /// The zone of local days.
    pub(super) fn calendar(&self) -> Calendar {
        let zone = self.in_use().site.time_zone.clone();
        Calendar::new(zone.unwrap_or_else(TimeZone::system))
    }

    /// What the place is called.
    pub(super) fn site(&self) -> Option<String> {
        self.in_use().site.name.clone()
    }

    /// What was counted of the local day, as read last; None: not yet, or it was priced by other settings.
    pub(super) fn day(&self) -> Option<Arc<DayRead>> {
        self.with(|told| {
            let day = told.day.as_ref();
            day.filter(|day| day.priced.is_by(&told.in_use)).cloned()
        })
    }

    /// This is what was counted of it.
    pub(super) fn set_day(&self, day: Arc<DayRead>) {
        self.with(|told| told.day = Some(day));
    }

    /// Looks at what the counters of all pulses go on from, or tells it.
    pub(super) fn counters<T>(&self, look: impl FnOnce(&mut Counters) -> T) -> T {
        self.with(|told| look(&mut told.counters))
    }

    /// Held by the one who has the journal keep that.
    pub(super) fn carrying(&self) -> Arc<Mutex<()>> {
        Arc::clone(&self.carrying)
    }

    /// An answer was given.
    pub(super) fn count_answer(&self, status: u16) {
        self.with(|told| *told.answers.entry(status).or_default() += 1);
    }

    /// When the process began.
    pub(super) fn started_ns(&self) -> WallNs {
        self.with(|told| told.started_ns)
    }

    /// What was served so far.
    pub(super) fn served(&self) -> Served {
        self.with(|told| Served {
            started_s: told.started_ns.ms() as f64 / 1e3,
            answers: told
                .answers
                .iter()
                .map(|(status, answers)| (*status, *answers))
                .collect(),
        })
    }

    /// How things stand by the board, with what is told of the doors. No disk is asked.
    pub(super) fn status(&self) -> Status {
        self.status_of(&self.board())
    }

    fn status_of(&self, board: &Snapshot) -> Status {
        let mut status = Status::from_board(board, self.wall_ns());
        let closed = self.with(|told| told.doors.values().cloned().collect::<Vec<_>>());
        let closed = closed.into_iter().map(Notice::PageNotReachable);
        status.notices.extend(closed);
        status
    }

    fn with<T>(&self, look: impl FnOnce(&mut Told) -> T) -> T {
        // What is in it is whole, even if a thread has died while holding it.
        look(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks the journal, on a thread that may wait for the disk.
    ///
    /// # Errors
    /// When it is busy with other questions, or cannot be read.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Reader, &InUse) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, Problem> {
        let in_use = self.in_use();
        let answer = self.beside(move || {
            // Opened each time: a journal that is closed must not be held open by questions.
            let answer =
                Reader::open(&in_use.dir).and_then(|mut reader| question(&mut reader, &in_use));
            answer.map_err(|failed| unreadable(&failed, &in_use))
        });
        answer.await?
    }

    /// Does what may wait for the disk, on a thread for that.
    ///
    /// # Errors
    /// When it is busy with other questions, or the disk does not answer.
    pub(super) async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let busy = || Problem::new(BUSY, "two questions are being answered").retry_after(2);
        let turn = Arc::clone(&self.queries).acquire_owned();
        let turn = timeout(TURN_MAX, turn).await.map_err(|_| busy())?;
        let answering = tokio::task::spawn_blocking(move || {
            // Held until the disk has answered, however long ago everybody gave up.
            let _turn = turn;
            work()
        });
        let silent = |_| {
            let detail = format!("the disk has not answered for {} s", ANSWER_MAX.as_secs());
            Problem::new(JOURNAL, detail).retry_after(10)
        };
        let answered = timeout(ANSWER_MAX, answering).await.map_err(silent)?;
        answered.map_err(|_| Problem::new(INTERNAL, "the question has failed"))
    }
}

/// A problem with the journal, and what to do about it.
pub(super) fn unreadable(failed: &JournalError, in_use: &InUse) -> Problem {
    let Refusal { kind, remedy } = Refusal::of(failed, &in_use.dir);
    Problem::new(JOURNAL, format!("{failed} ({kind})"))
        .remedy(remedy)
        .retry_after(5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::VirtualClock;
    use crate::model::NS_PER_S;

    #[test]
    fn nothing_is_known_to_be_kept_of_a_clock_that_was_set_back() {
        let clock = VirtualClock::at(WallNs::of_s(1_800_000_000));
        let board = Arc::<Board>::default();
        let source = Source::new(Arc::clone(&board), Arc::new(clock.clone()));
        board.kept_until(clock.wall_ns() - 2 * NS_PER_S);
        assert_eq!(source.now_and_kept_s(), (1_800_000_000, 1_799_999_998));
        clock.jump_wall(-3 * 86_400 * NS_PER_S);
        assert_eq!(source.now_and_kept_s().1, 0);
    }
}
