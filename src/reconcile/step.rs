//! One step: which stretch of which lane is next, what is to be kept of it, when to look again.

use std::time::Duration;

use super::lane::{self, Bounds, Stretch, StretchKind};
use super::reconciler::{ComparedAt, Reconciler};
use super::tell;
use super::trouble::{Trouble, asks_for_less};
use super::turn::Turn;
use crate::clock::segment::EARLIEST_WALL_NS;
use crate::config::Downsampling;
use crate::journal::{Changed, DeliveryNews, JournalError, Looked, Mark, Reconciled};
use crate::live::DeliveryLive;
use crate::model::{MonoNs, NS_PER_S, Spans, Tier, View, WallNs};
use crate::server::failure::{Failure, Hold, Verdict, judge};

/// What [`Reconciler::step`] did, and when to call it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReconcileStep {
    /// A stretch was compared; there may be more.
    Again,
    /// Nothing to do for so long.
    Pause(Duration),
}

/// Between two looks.
const LOOK_EVERY_NS: i64 = 24 * 3_600 * NS_PER_S;

/// While more pulses than this wait to be delivered, raw is not compared: it lacks them anyway.
const BACKLOG_MAX: i64 = 10_000;

/// With nothing to do it looks again after this.
const IDLE: Duration = Duration::from_secs(10);

/// While something has to be durable first, it looks again after this.
const KEEPING: Duration = Duration::from_millis(100);

impl Reconciler {
    /// Compares one stretch of one level, if there is one to compare.
    ///
    /// # Errors
    /// When the journal cannot be read; to be tried again.
    pub fn step(&mut self, mark: Mark) -> Result<ReconcileStep, JournalError> {
        let now_ns = self.clock.mono_ns();
        if self.clock.wall_ns() < EARLIEST_WALL_NS || mark.closed_s == 0 {
            return Ok(ReconcileStep::Pause(IDLE));
        }
        let looks = self.begin_looks(mark, now_ns)?;
        let seen = ComparedAt {
            commits: mark.commits,
            closed_s: mark.closed_s,
            minute_s: View::Minute.start_of(self.clock.wall_ns()),
        };
        if self.nothing_left.take() == Some(seen) && !looks {
            self.nothing_left = Some(seen);
            return Ok(ReconcileStep::Pause(IDLE));
        }
        let (mut keeping, mut waiting) = (false, false);
        for index in 0..self.lanes.len() {
            let lane = &self.lanes[index];
            if lane.not_before_ns > now_ns || self.is_held_up(lane.level) {
                waiting = true;
                continue;
            }
            if !self.is_kept(index, mark)? {
                keeping = true;
                continue;
            }
            let Some((stretch, bounds)) = self.next_stretch(index, mark)? else {
                continue;
            };
            if stretch.kind == StretchKind::Ahead {
                let level = self.lanes[index].level;
                self.outbox.comparing(level, stretch.to_s);
            }
            match self.turn(index, &stretch, bounds) {
                Ok(Turn::Done(unequal)) => {
                    self.went_well(index, &stretch, unequal, bounds, mark)?;
                    return Ok(ReconcileStep::Again);
                }
                Ok(Turn::KeepFirst) => {
                    let looked = self.lanes[index].looked();
                    self.leave(index, None, Vec::new(), looked);
                    keeping = true;
                }
                Ok(Turn::Unreadable) => return Ok(ReconcileStep::Again),
                Err(Trouble::Journal(failed)) => return Err(failed),
                Err(Trouble::Server(failure)) => {
                    self.trouble(index, &failure, now_ns);
                    waiting = true;
                }
            }
        }
        if keeping {
            return Ok(ReconcileStep::Pause(KEEPING));
        }
        self.nothing_left = (!waiting).then_some(seen);
        Ok(ReconcileStep::Pause(IDLE))
    }

    /// Looks are due at the start, once a day, and when the server is back. True if they are now.
    fn begin_looks(&mut self, mark: Mark, now_ns: MonoNs) -> Result<bool, JournalError> {
        let delivery = self.board.snapshot().delivery;
        let failing = delivery.is_some_and(|delivery| delivery.is_failing);
        let back = std::mem::replace(&mut self.saw_failing, failing) && !failing;
        let day = self
            .looked_ns
            .is_some_and(|looked_ns| now_ns - looked_ns >= LOOK_EVERY_NS);
        let first = self.looked_ns.is_none();
        let begin = back || day || first;
        if begin {
            self.looked_ns = Some(now_ns);
            for index in 0..self.lanes.len() {
                self.look_back(index, mark, back || first)?;
            }
        }
        Ok(begin)
    }

    /// Begins a look of a lane. `catch_up`: its windows have not been written for a while.
    fn look_back(&mut self, index: usize, mark: Mark, catch_up: bool) -> Result<(), JournalError> {
        let level = self.lanes[index].level;
        let now_s = self.clock.wall_ns().s();
        // A server that could not be read is asked again.
        self.readable = true;
        if catch_up {
            self.lanes[index].catch_up_s = Some(now_s);
        }
        if let Some(bounds) = self.bounds(index, mark)? {
            let newest_s = self.reader.last_window(level.windows(), bounds.edge_s)?;
            self.lanes[index].look_back(newest_s, bounds, now_s);
            let looked = self.lanes[index].looked();
            self.leave(index, None, Vec::new(), looked);
        }
        Ok(())
    }

    /// Raw is not compared while it is being filled, nor where nothing can be read back.
    fn is_held_up(&self, level: Tier) -> bool {
        let busy = |delivery: &DeliveryLive| delivery.is_failing || delivery.missing > BACKLOG_MAX;
        let delivery = || self.board.snapshot().delivery;
        level == Tier::Raw && (!self.readable || delivery().is_some_and(|now| busy(&now)))
    }

    /// What of a lane can be compared now; None: nothing.
    fn bounds(&self, index: usize, mark: Mark) -> Result<Option<Bounds>, JournalError> {
        let now_s = self.clock.wall_ns().s();
        let lane = &self.lanes[index];
        let view = lane.level.windows();
        let Some(first_s) = self.reader.first_window(view)? else {
            return Ok(None);
        };
        // A wall clock that is ahead must give up nothing.
        let sure_s = mark.sure_ns.map_or(mark.closed_s, WallNs::s);
        let kept_s = match lane.level {
            Tier::Raw => Some(self.raw_from_s(sure_s.min(now_s))),
            Tier::View(view) => view.kept_from_s(sure_s.min(now_s)),
        };
        let closed_s = view.floor_s(mark.closed_s);
        let settled_s = view.settled_before_s(now_s).min(closed_s);
        // By the hour: one look at sixty minutes.
        let hourly_s = View::Hour.floor_s(settled_s);
        let catching_up = lane
            .catch_up_s
            .is_some_and(|young_s| lane.known.until_s.is_none_or(|until_s| until_s < young_s));
        let edge_s = if self.writes_young(lane.level) {
            closed_s
        } else if catching_up {
            settled_s
        } else {
            hourly_s
        };
        Ok(Some(Bounds {
            oldest_s: first_s
                .max(kept_s.unwrap_or(first_s))
                .max(lane.dropped_before_s),
            edge_s,
            settled_s: if catching_up { settled_s } else { hourly_s },
        }))
    }

    /// Whether a window is written as soon as it is closed.
    fn writes_young(&self, level: Tier) -> bool {
        self.downsampling == Downsampling::Client && level != Tier::Raw
    }

    fn next_stretch(
        &mut self,
        index: usize,
        mark: Mark,
    ) -> Result<Option<(Stretch, Bounds)>, JournalError> {
        let Some(bounds) = self.bounds(index, mark)? else {
            return Ok(None);
        };
        self.lanes[index].pull_back(bounds.edge_s);
        self.lanes[index].held.look(self.clock.mono_ns());
        let level = self.lanes[index].level;
        let mut changed = self.reader.changed_windows(
            self.destination,
            level,
            bounds.edge_s,
            lane::CHANGED_MAX,
        )?;
        let gone = self.lanes[index].forget(&mut changed, bounds.oldest_s);
        if !gone.is_empty() {
            let looked = self.lanes[index].looked();
            self.leave(index, None, gone, looked);
        }
        let look = self.readable || !self.writes_young(level);
        let stretch = self.lanes[index].next(changed, bounds, self.names.len(), look);
        Ok(stretch.map(|stretch| (stretch, bounds)))
    }

    fn went_well(
        &mut self,
        index: usize,
        stretch: &Stretch,
        unequal: Spans,
        bounds: Bounds,
        mark: Mark,
    ) -> Result<(), JournalError> {
        let now_s = self.clock.wall_ns().s();
        let lane = &mut self.lanes[index];
        lane.failures = 0;
        let was_away = lane.trouble.take().is_some_and(|(word, _)| is_away(word));
        let looked = lane.done(stretch, unequal, bounds, now_s);
        let until_s = lane
            .known
            .until_s
            .filter(|_| stretch.kind == StretchKind::Ahead);
        self.leave(index, until_s, stretch.changed.clone(), looked);
        if was_away {
            self.look_back(index, mark, true)?;
        }
        self.tell_condition();
        Ok(())
    }

    /// Leaves what is to be kept of a lane, and shows how it stands.
    fn leave(&self, index: usize, until_s: Option<i64>, changed: Vec<Changed>, looked: Looked) {
        let lane = &self.lanes[index];
        if let Some(known) = lane.known.live(lane.level) {
            self.board.publish_views(|views| {
                views.tiers.insert(lane.level, known);
            });
        }
        self.outbox.leave(DeliveryNews {
            reconciled: vec![Reconciled {
                level: self.lanes[index].level,
                until_s,
                changed,
                looked: Some(looked),
            }],
            ..DeliveryNews::default()
        });
    }

    fn trouble(&mut self, index: usize, failure: &Failure, now_ns: MonoNs) {
        let lane = &mut self.lanes[index];
        lane.failures = lane.failures.saturating_add(1);
        if asks_for_less(failure) {
            lane.ask_for_less();
        }
        let (word, pause, advice) = match judge(failure) {
            Verdict::Hold(hold) => (hold.as_str(), self.backoff.hold(), tell::advice(hold)),
            Verdict::Later { after: Some(after) } => {
                let random = self.random.f64();
                let pause = self.backoff.asked(Some(after), lane.failures, random);
                ("busy", pause, "")
            }
            Verdict::Isolate { .. } => ("refused", self.backoff.hold(), ""),
            _ => {
                let word = match failure {
                    Failure::Transport { kind, .. } => kind,
                    Failure::Status { .. } => "http_error",
                };
                let pause = self.backoff.after(lane.failures, self.random.f64());
                (word, pause, "")
            }
        };
        lane.not_before_ns = now_ns + i64::try_from(pause.as_nanos()).unwrap_or(i64::MAX / 2);
        let level = lane.level.as_str();
        let message = format!("{level}: {}{advice}", failure.message());
        lane.trouble = Some((word, message));
        if matches!(judge(failure), Verdict::Hold(_)) {
            self.server.refresh_token();
        }
        self.tell_condition();
    }
}

/// Whether a trouble of this kind means that the server, or a bucket of it, was away: not that it is slow.
fn is_away(word: &str) -> bool {
    let holds = [Hold::NotFound, Hold::Forbidden, Hold::Unauthorized];
    word == "unreachable" || holds.iter().any(|hold| hold.as_str() == word)
}
