//! The reconciler: makes the server's raw bucket and views equal to the journal, whatever happened to
//! the server, its tasks or the network meanwhile, without having to guess which.
//!
//! A window has one lawful writer at any moment: while it is young the Flux task of its view, which
//! recomputes it from raw at each tick; once no tick reaches it any more, the daemon. It reads back
//! what the server has, compares it with the journal's windows ([`compare`]) and writes what differs;
//! pulses that raw lacks are sent again. All of it is idempotent.
//!
//! Each level (raw, 1m, 5m, 1h) is a lane of its own, so that one missing bucket does not hold up the
//! others: first windows that have changed since they were compared, then those that are due for
//! the first time, then a sweep back over the last two days: at the start, once a day, and when the
//! server has been away ([`sweep`]).

pub mod audit;
pub mod compare;
pub mod examine;
pub mod influx_server;
pub mod server;
pub mod stats;
pub mod sweep;

mod lane;
mod tell;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use crate::clock::Clock;
use crate::clock::segment::EARLIEST_WALL_NS;
use crate::config::{DeliverSettings, Downsampling};
use crate::deliver::backoff::Backoff;
use crate::deliver::condition::{Condition, Tell};
use crate::deliver::retry::{Failure, Verdict as Judged, judge};
use crate::deliver::stats::DeliverStats;
use crate::journal::JournalError;
use crate::journal::compared::Reconciled;
use crate::journal::delivery::{DeliveryNews, DestinationState};
use crate::journal::mailbox::Mailbox;
use crate::journal::marks::Mark;
use crate::journal::reader::Reader;
use crate::pulse::{MonoNs, NS_PER_S};
use crate::rollup::{Level, View};
use compare::Difference;
use examine::{Examiner, Trouble, unread};
use lane::{Kind, Lane, Stretch};
use server::Server;
use stats::ReconcileStats;
use sweep::Seen;

/// Between two sweeps.
const SWEEP_EVERY_NS: i64 = 24 * 3_600 * NS_PER_S;

/// While more pulses than this wait to be delivered, raw is not compared: it lacks them anyway.
const BACKLOG_MAX: i64 = 10_000;

/// With nothing to do it looks again after this.
const IDLE: Duration = Duration::from_secs(5);

/// What the reconciler needs to begin.
#[derive(Debug)]
pub struct Start {
    /// A connection of its own.
    pub reader: Reader,
    /// The server.
    pub server: Box<dyn Server>,
    /// Where the writer finds what is to be kept.
    pub mailbox: Arc<Mailbox>,
    /// Real time.
    pub clock: Arc<dyn Clock>,
    /// How to retry.
    pub settings: DeliverSettings,
    /// The raw bucket's retention, in days.
    pub retention_d: u32,
    /// The measurement of the points.
    pub measurement: String,
    /// The destination's row in the journal.
    pub destination: i64,
    /// Who writes young windows.
    pub downsampling: Downsampling,
    /// Whether pulses are sent.
    pub raw: bool,
    /// How delivery stands.
    pub delivery: Option<Arc<DeliverStats>>,
}

/// What [`Reconciler::step`] did, and when to call it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A stretch was compared; there may be more.
    Again,
    /// Nothing to do for so long.
    Pause(Duration),
}

/// The stage.
#[derive(Debug)]
pub struct Reconciler {
    // Dependencies.
    reader: Reader,
    server: Box<dyn Server>,
    mailbox: Arc<Mailbox>,
    clock: Arc<dyn Clock>,
    delivery: Option<Arc<DeliverStats>>,
    // Settings.
    backoff: Backoff,
    retention_d: u32,
    measurement: String,
    destination: i64,
    downsampling: Downsampling,
    // State.
    lanes: Vec<Lane>,
    names: BTreeMap<i64, String>,
    /// The server answers queries; known false only where the daemon writes all windows anyway.
    readable: bool,
    swept_ns: MonoNs,
    saw_failing: bool,
    condition: Condition,
    random: fastrand::Rng,
    stats: Arc<ReconcileStats>,
}

impl Reconciler {
    /// Takes up where the journal says the last run stopped.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn begin(start: Start) -> Result<Reconciler, JournalError> {
        let views = start.downsampling != Downsampling::Off;
        let mut lanes = Vec::new();
        for level in Level::ALL {
            if if level == Level::Raw {
                start.raw
            } else {
                views
            } {
                let until_s = start.reader.reconciled_until_s(start.destination, level)?;
                lanes.push(Lane::new(level, until_s));
            }
        }
        let backoff = Backoff {
            retries_max: start.settings.retries_max,
            interval: Duration::from_millis(start.settings.replay_interval_ms),
        };
        Ok(Reconciler {
            names: start.reader.meter_names()?,
            swept_ns: start.clock.mono_ns(),
            reader: start.reader,
            server: start.server,
            mailbox: start.mailbox,
            clock: start.clock,
            delivery: start.delivery,
            backoff,
            retention_d: start.retention_d,
            measurement: start.measurement,
            destination: start.destination,
            downsampling: start.downsampling,
            lanes,
            readable: true,
            saw_failing: false,
            condition: Condition::default(),
            random: fastrand::Rng::new(),
            stats: Arc::default(),
        })
    }

    /// What it shows while it runs.
    pub fn stats(&self) -> Arc<ReconcileStats> {
        Arc::clone(&self.stats)
    }

    /// Compares one stretch of one level, if there is one to compare.
    ///
    /// # Errors
    /// When the journal cannot be read; to be tried again.
    pub fn step(&mut self, mark: Mark) -> Result<Step, JournalError> {
        let now_ns = self.clock.mono_ns();
        if self.clock.wall_ns() < EARLIEST_WALL_NS || mark.closed_s == 0 {
            return Ok(Step::Pause(IDLE));
        }
        self.begin_sweeps(now_ns);
        for index in 0..self.lanes.len() {
            let lane = &self.lanes[index];
            if lane.not_before_ns > now_ns || self.is_held_up(lane.level) {
                continue;
            }
            let Some(stretch) = self.next_stretch(index, mark)? else {
                continue;
            };
            if stretch.kind == Kind::Ahead {
                let level = self.lanes[index].level;
                self.mailbox.comparing(level, stretch.to_s);
            }
            match self.compare(self.lanes[index].level, &stretch) {
                Ok(seen) => {
                    self.went_well(index, stretch, seen);
                    return Ok(Step::Again);
                }
                Err(Trouble::Journal(failed)) => return Err(failed),
                Err(Trouble::Server(failure)) => self.trouble(index, &failure, now_ns),
            }
        }
        Ok(Step::Pause(IDLE))
    }

    /// Sweeps are due at the start, once a day, and when the server is back.
    fn begin_sweeps(&mut self, now_ns: MonoNs) {
        let failing = self
            .delivery
            .as_ref()
            .is_some_and(|stats| stats.is_failing());
        let back = std::mem::replace(&mut self.saw_failing, failing) && !failing;
        if back || now_ns - self.swept_ns >= SWEEP_EVERY_NS {
            self.swept_ns = now_ns;
            for lane in &mut self.lanes {
                lane.begin_sweep();
            }
        }
    }

    /// Raw is not compared while it is being filled, nor where nothing can be read back.
    fn is_held_up(&self, level: Level) -> bool {
        let busy = |stats: &Arc<DeliverStats>| stats.is_failing() || stats.backlog() > BACKLOG_MAX;
        level == Level::Raw && (!self.readable || self.delivery.as_ref().is_some_and(busy))
    }

    fn next_stretch(&mut self, index: usize, mark: Mark) -> Result<Option<Stretch>, JournalError> {
        let now_s = self.clock.wall_ns().div_euclid(NS_PER_S);
        let level = self.lanes[index].level;
        let view = level.windows();
        let Some(first_s) = self.reader.first_window(view)? else {
            return Ok(None);
        };
        let oldest_s = match level {
            Level::Raw => self.raw_from_s(now_s),
            Level::View(view) => view.kept_from_s(now_s).unwrap_or(first_s),
        };
        let closed_s = view.floor_s(mark.closed_s);
        let edge_s = if self.downsampling == Downsampling::Client && level != Level::Raw {
            closed_s
        } else {
            // By the hour: one look at sixty minutes.
            View::Hour
                .floor_s(view.settled_before_s(now_s))
                .min(closed_s)
        };
        let changed =
            self.reader
                .changed_windows(self.destination, level, edge_s, lane::CHANGED_MAX)?;
        let oldest_s = oldest_s.max(first_s);
        Ok(self.lanes[index].next(changed, oldest_s, edge_s, self.names.len()))
    }

    /// Raw holds everything from here on.
    fn raw_from_s(&self, now_s: i64) -> i64 {
        View::Hour.floor_s(now_s - i64::from(self.retention_d) * 86_400) + View::Hour.width_s()
    }

    /// Compares a stretch and puts right what is to be put right.
    fn compare(&mut self, level: Level, stretch: &Stretch) -> Result<Seen, Trouble> {
        let now_s = self.clock.wall_ns().div_euclid(NS_PER_S);
        let raw_from_s = self.raw_from_s(now_s);
        self.names = self.reader.meter_names()?;
        let mut examiner = Examiner {
            reader: Some(&mut self.reader),
            destination: Some(self.destination),
            names: &self.names,
            measurement: &self.measurement,
        };
        let span = (stretch.from_s, stretch.to_s);
        let server = self.server.as_mut();
        let (differences, done) = match level {
            Level::Raw => {
                let differences = examiner.raw(server, span)?;
                let sent = examiner.resend(server, span, &differences)?;
                self.stats.resent(sent);
                (differences, sent)
            }
            Level::View(view) => {
                let differences = if self.readable {
                    let read = examiner.view(server, view, span, raw_from_s);
                    if self.downsampling == Downsampling::Client && is_unreadable(&read) {
                        info!("the server answers no queries: windows are written without reading");
                        self.readable = false;
                        return self.compare(level, stretch);
                    }
                    read?
                } else {
                    unread(view, &examiner.ours(view, span.0, span.1)?)
                };
                let written = examiner.write(server, view, &differences)?;
                self.stats.written(written);
                (differences, written)
            }
        };
        tell::differences(level, stretch, &differences, done, self.readable);
        if done > 0 {
            return Ok(Seen::Differs);
        }
        let ours = self.reader.windows(level.windows(), span.0, span.1)?;
        Ok(if ours.is_empty() {
            Seen::Nothing
        } else {
            Seen::Agrees
        })
    }

    fn went_well(&mut self, index: usize, stretch: Stretch, seen: Seen) {
        let lane = &mut self.lanes[index];
        lane.failures = 0;
        lane.trouble = None;
        let changed = stretch.changed.clone();
        lane.done(&stretch, seen);
        if stretch.kind != Kind::Sweep {
            let until_s = lane.until_s.filter(|_| stretch.kind == Kind::Ahead);
            self.stats.reconciled(lane.level, lane.until_s);
            let level = lane.level;
            self.mailbox.leave(DeliveryNews {
                reconciled: vec![Reconciled {
                    level,
                    until_s,
                    changed,
                }],
                ..DeliveryNews::default()
            });
        }
        self.tell_condition();
    }

    fn trouble(&mut self, index: usize, failure: &Failure, now_ns: MonoNs) {
        let lane = &mut self.lanes[index];
        lane.failures = lane.failures.saturating_add(1);
        let (word, pause, advice) = match judge(failure) {
            Judged::Hold(hold) => (hold.as_str(), self.backoff.hold(), tell::advice(hold)),
            Judged::Later { after: Some(after) } => {
                let random = self.random.f64();
                let pause = self.backoff.asked(Some(after), lane.failures, random);
                ("busy", pause, "")
            }
            Judged::Isolate { .. } => ("refused", self.backoff.hold(), ""),
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
        if matches!(judge(failure), Judged::Hold(_)) {
            self.server.refresh_token();
        }
        self.tell_condition();
    }

    /// Says how it stands, when that has changed.
    fn tell_condition(&mut self) {
        let trouble = self.lanes.iter().find_map(|lane| lane.trouble.clone());
        let (word, message) = trouble.unwrap_or(("ok", String::new()));
        let tell = self.condition.is_now(word, self.clock.mono_ns());
        if tell == Tell::Quiet {
            return;
        }
        if word == "ok" {
            if tell == Tell::Changed {
                info!("the server's windows are compared with the journal's");
            }
        } else {
            warn!(
                kind = word,
                why = message,
                "the server's windows cannot be compared; trying again"
            );
        }
        if tell == Tell::Changed {
            self.mailbox.leave(DeliveryNews {
                views: Some(DestinationState {
                    state: word.to_owned(),
                    message,
                    since_ns: self.clock.wall_ns(),
                }),
                ..DeliveryNews::default()
            });
        }
    }
}

/// Whether the server has no queries at all. Where the daemon is the only writer of windows it can do
/// without.
fn is_unreadable(read: &Result<Vec<Difference>, Trouble>) -> bool {
    let Err(Trouble::Server(Failure::Status { status, .. })) = read else {
        return false;
    };
    matches!(status, 200 | 400 | 404 | 405 | 422 | 501)
}
