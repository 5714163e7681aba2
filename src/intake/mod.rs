//! The queue in memory between capture and the journal.
//!
//! Capture adds and never waits; the journal's writer takes all that is there at once. While
//! the disk does not answer the queue grows up to [`PULSES_MAX`]; what does not fit then is
//! counted as lost for `memory_full`, by meter. Everything but pulses is merged as it comes, so
//! that the bound on pulses bounds the whole.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::elapsed::ElapsedRecord;
use crate::clock::segment::Segment;
use crate::live::Board;
use crate::model::{
    LineState, Loss, LossCause, Losses, MeterId, MonoNs, Pulse, WallNs, Watched, WatchedStretch,
};

/// The most pulses that wait for the disk: 24 MB, or a day at 10 pulses/s.
pub const PULSES_MAX: usize = 1_000_000;

/// What waits to be journaled; one commit takes it all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pending {
    /// Clock segments that are new or have become final.
    pub segments: Vec<Segment>,
    /// Pulses in the order in which they were decided.
    pub pulses: Vec<Pulse>,
    /// The newest state of each line.
    pub lines: BTreeMap<MeterId, LineState>,
    /// A line among them was requested: a later run must know the request's id, or else it cannot go on
    /// with it.
    pub requested: bool,
    /// What was rejected or lost.
    pub losses: Losses,
}

impl Pending {
    /// Whether a commit is worth it. The state of a line alone is not, unless its request is new: it rides
    /// along with the next pulse or loss, and until then edges that do not count are the only ones missing.
    pub fn is_urgent(&self) -> bool {
        let empty = self.pulses.is_empty() && self.losses.is_empty() && self.segments.is_empty();
        self.requested || !empty
    }

    /// Counts a loss.
    pub fn lose(&mut self, meter: MeterId, cause: LossCause, loss: Loss) {
        self.losses
            .entry((meter, cause))
            .and_modify(|known| known.merge(loss))
            .or_insert(loss);
    }

    /// Adds what came later. Pulses above `pulses_max` are counted as lost at `now_ns`.
    fn append(&mut self, later: Pending, pulses_max: usize, now_ns: WallNs) {
        self.segments.extend(later.segments);
        self.lines.extend(later.lines);
        self.requested |= later.requested;
        for ((meter, cause), loss) in later.losses {
            self.lose(meter, cause, loss);
        }
        let room = pulses_max
            .saturating_sub(self.pulses.len())
            .min(later.pulses.len());
        self.pulses.extend_from_slice(&later.pulses[..room]);
        for pulse in &later.pulses[room..] {
            self.lose(pulse.meter, LossCause::MemoryFull, Loss::at(1, now_ns));
        }
    }
}

/// The queue, and how many pulses of it are in the writer's hands.
#[derive(Debug, Default)]
struct Queue {
    pending: Pending,
    taken: usize,
}

/// The queue itself, shared by one that adds and one that takes.
#[derive(Debug)]
pub struct Intake {
    queue: Mutex<Queue>,
    watched: Mutex<Watched>,
    ended: Mutex<Vec<(MeterId, WatchedStretch)>>,
    elapsed: Mutex<Option<ElapsedRecord>>,
    arrived: Condvar,
    pulses_max: usize,
    board: Arc<Board>,
}

impl Intake {
    /// An empty queue for at most `pulses_max` pulses. How many wait is published on the board.
    pub fn new(pulses_max: usize, board: Arc<Board>) -> Intake {
        Intake {
            queue: Mutex::default(),
            watched: Mutex::default(),
            ended: Mutex::default(),
            elapsed: Mutex::default(),
            arrived: Condvar::new(),
            pulses_max,
            board,
        }
    }

    /// The board of the run, for both sides of the queue.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Adds; never waits for anything but another thread's few instructions.
    pub fn push(&self, new: Pending, now_ns: WallNs) {
        let urgent = new.is_urgent();
        let mut queue = self.lock();
        queue.pending.append(new, self.pulses_max, now_ns);
        self.tell_waiting(&queue);
        drop(queue);
        if urgent {
            self.arrived.notify_one();
        }
    }

    /// Notes how far capture has seen, after everything up to there was added.
    pub fn note_watched(&self, watched: Watched) {
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = watched;
    }

    /// How far capture has seen. All pulses up to there can be taken.
    pub fn watched(&self) -> Watched {
        let watched = self.watched.lock();
        watched.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what a later run has to know of the time that has passed.
    pub fn note_elapsed(&self, kept: ElapsedRecord) {
        *self.elapsed.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }

    /// What a later run has to know of the time that has passed; None: capture has not looked yet.
    pub fn elapsed(&self) -> Option<ElapsedRecord> {
        *self.elapsed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stretch over which a line was watched is over.
    pub fn note_ended(&self, meter: MeterId, watch: WatchedStretch) {
        self.lock_ended().push((meter, watch));
    }

    /// The stretches that are over, until they are kept.
    pub fn ended(&self) -> Vec<(MeterId, WatchedStretch)> {
        self.lock_ended().clone()
    }

    /// The first `kept` of them are kept.
    pub fn ended_kept(&self, kept: usize) {
        self.lock_ended().drain(..kept);
    }

    /// Takes everything, if it is worth a commit. `also_lines`: the state of lines alone is. What is taken counts as
    /// waiting until [`Intake::settled`] or [`Intake::put_back`].
    pub fn take(&self, also_lines: bool) -> Option<Pending> {
        let mut queue = self.lock();
        let pending = &queue.pending;
        let worth = pending.is_urgent() || (also_lines && !pending.lines.is_empty());
        let taken = worth.then(|| std::mem::take(&mut queue.pending))?;
        queue.taken = taken.pulses.len();
        Some(taken)
    }

    /// What was taken is in the journal.
    pub fn settled(&self) {
        let mut queue = self.lock();
        queue.taken = 0;
        self.tell_waiting(&queue);
    }

    /// Puts back what could not be journaled, before what has come since.
    pub fn put_back(&self, mut taken: Pending, now_ns: WallNs) {
        let mut queue = self.lock();
        let since = std::mem::take(&mut queue.pending);
        taken.append(since, self.pulses_max, now_ns);
        (queue.pending, queue.taken) = (taken, 0);
        self.tell_waiting(&queue);
    }

    /// How many of these the queue begins with.
    pub fn begins_with(&self, pulses: &[(MeterId, MonoNs)]) -> usize {
        let queue = self.lock();
        let waiting = queue.pending.pulses.iter().zip(pulses);
        waiting
            .take_while(|(pulse, (meter, mono_ns))| {
                pulse.meter == *meter && pulse.mono_ns == *mono_ns
            })
            .count()
    }

    /// Drops the first pulses that wait, and these losses, because they were found to be in the journal. Returns
    /// how many pulses.
    pub fn drop_found(&self, pulses: usize, losses: &Losses) -> usize {
        let mut queue = self.lock();
        let pending = &mut queue.pending;
        let found = pulses.min(pending.pulses.len());
        pending.pulses.drain(..found);
        for (what, loss) in losses {
            if let Some(waiting) = pending.losses.get_mut(what) {
                waiting.pulses = waiting.pulses.saturating_sub(loss.pulses);
            }
        }
        pending.losses.retain(|_, loss| loss.pulses > 0);
        self.tell_waiting(&queue);
        found
    }

    /// Waits until there is something worth a commit, or [`Intake::wake`] is called, or `timeout` is over.
    pub fn wait(&self, timeout: Duration) {
        let queue = self.lock();
        if !queue.pending.is_urgent() {
            drop(self.arrived.wait_timeout(queue, timeout));
        }
    }

    /// Ends the wait of the one that takes.
    pub fn wake(&self) {
        // The lock makes sure that a waiter is either waiting or has yet to look.
        let _queue = self.lock();
        self.arrived.notify_one();
    }

    /// How many pulses wait to be taken.
    pub fn len(&self) -> usize {
        self.lock().pending.pulses.len()
    }

    /// Whether no pulse waits to be taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// With the queue locked: what is published last is how it stands.
    fn tell_waiting(&self, queue: &Queue) {
        self.board
            .publish_waiting(queue.pending.pulses.len() + queue.taken);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic elsewhere cannot leave the queue half changed in a way that matters more than
        // the pulses in it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_ended(&self) -> MutexGuard<'_, Vec<(MeterId, WatchedStretch)>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SegmentNo;

    fn pulses(range: std::ops::Range<i64>) -> Pending {
        let pulses = range
            .map(|n| Pulse {
                meter: MeterId(0),
                segment: SegmentNo(0),
                mono_ns: n,
                estimated: false,
            })
            .collect();
        Pending {
            pulses,
            ..Pending::default()
        }
    }

    #[test]
    fn order_is_kept_when_a_commit_failed() {
        let intake = Intake::new(100, Arc::default());
        intake.push(pulses(0..3), WallNs(0));
        let taken = intake.take(false).unwrap();
        intake.push(pulses(3..5), WallNs(0));
        intake.put_back(taken, WallNs(0));
        let stamps: Vec<_> = intake
            .take(false)
            .unwrap()
            .pulses
            .iter()
            .map(|p| p.mono_ns)
            .collect();
        assert_eq!(stamps, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let intake = Intake::new(4, Arc::default());
        intake.push(pulses(0..3), WallNs(7));
        intake.push(pulses(3..6), WallNs(8));
        let taken = intake.take(false).unwrap();
        assert_eq!(taken.pulses.len(), 4);
        let lost = taken.losses[&(MeterId(0), LossCause::MemoryFull)];
        assert_eq!(lost, Loss::at(2, WallNs(8)));
    }

    #[test]
    fn a_line_state_alone_is_not_urgent() {
        assert!(!Pending::default().is_urgent());
        assert!(pulses(0..1).is_urgent());
    }

    #[test]
    fn a_new_request_is_urgent_until_it_is_committed() {
        let intake = Intake::new(4, Arc::default());
        let requested = Pending {
            requested: true,
            ..Pending::default()
        };
        intake.push(requested, WallNs(0));
        intake.push(Pending::default(), WallNs(0));
        let taken = intake.take(false).unwrap();
        assert_eq!(intake.take(false), None);
        intake.put_back(taken, WallNs(0));
        assert!(intake.take(false).unwrap().requested);
    }

    #[test]
    fn a_stretch_that_ended_is_told_until_it_is_kept() {
        let intake = Intake::new(1, Arc::default());
        let watch = |since_ns| WatchedStretch {
            since_ns,
            until_ns: since_ns + 5,
        };
        intake.note_ended(MeterId(1), watch(WallNs(1)));
        let kept = intake.ended();
        intake.note_ended(MeterId(1), watch(WallNs(9)));
        intake.ended_kept(kept.len());
        assert_eq!(intake.ended(), [(MeterId(1), watch(WallNs(9)))]);
    }

    #[test]
    fn what_a_commit_has_not_taken_waits_wherever_it_is() {
        let board = Arc::new(Board::default());
        let intake = Intake::new(4, Arc::clone(&board));
        let waiting = || board.snapshot().waiting;
        intake.push(pulses(0..3), WallNs(0));
        assert_eq!(waiting(), 3);
        let taken = intake.take(false).unwrap();
        intake.push(pulses(3..4), WallNs(0));
        assert_eq!((waiting(), intake.len()), (4, 1), "the disk is slow");
        intake.put_back(taken, WallNs(0));
        assert_eq!(waiting(), 4);
        intake.take(false).unwrap();
        intake.settled();
        assert_eq!(waiting(), 0);
    }

    #[test]
    fn a_waiter_is_woken() {
        let intake = Arc::new(Intake::new(4, Arc::default()));
        let other = Arc::clone(&intake);
        let waiter = std::thread::spawn(move || {
            while other.is_empty() {
                other.wait(Duration::from_secs(60));
            }
        });
        intake.push(pulses(0..1), WallNs(0));
        waiter.join().unwrap();
    }
}
