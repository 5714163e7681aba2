//! What a run learns of earlier ones before it writes anything: who works in the journal's directory, how the clock
//! was left, where the lines stood. A thread of its own asks the disk, which may not answer for long: lines are
//! requested meanwhile. Where systemd keeps requests of an earlier run it is waited for, because the kernel counts.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tracing::{info, warn};

use crate::capture::Trusting;
use crate::clock::kernel::{boot_id, has_rtc};
use crate::clock::segment::{EARLIEST_WALL_NS, Rules};
use crate::clock::{Clock, SystemClock};
use crate::config::{ClockSettings, Loaded, MeterSettings};
use crate::daemon::RunError;
use crate::journal::JournalError;
use crate::journal::Reader;
use crate::live::Snapshot;
use crate::model::FilterState;
use crate::model::NS_PER_S;
use crate::owner::rights::{RightsError, work_as_owner};
use crate::owner::{self, Keep, User};
use crate::status::systemd_text::status_text;
use crate::system::systemd;

/// For so long root waits to be told whose the directory is, before it requests lines as root.
const OWNER_PATIENCE: Duration = Duration::from_millis(500);

/// How often systemd is told while the kernel counts alone.
const TELL: Duration = Duration::from_secs(1);

/// After so long it is told that all is ready: the kernel counts, and a start that takes long would be ended.
const READY_NS: i64 = 10 * NS_PER_S;

/// A line of an earlier run: the meter's name, the id of the request, the filter's memory.
type KnownLine = (String, u64, FilterState);

/// What the disk tells.
struct Learnt {
    lines: Result<Vec<KnownLine>, JournalError>,
    /// Files that wait to be imported.
    waiting: Vec<PathBuf>,
}

/// What is being learnt.
pub(super) struct Learning {
    keep: Keep,
    owner: Receiver<Result<Option<User>, RightsError>>,
    /// Whether this thread has become the owner, or need not.
    settled: bool,
    learnt: Receiver<Learnt>,
    lines: Option<Result<Vec<KnownLine>, JournalError>>,
}

impl Learning {
    /// Begins. `clock`: when its time is trusted; None: it is a simulated one. What is known of it goes into the
    /// channel that is returned.
    ///
    /// # Errors
    /// When the machine has no thread to give.
    pub(super) fn begin(
        loaded: &Loaded,
        keep: Keep,
        clock: Option<ClockSettings>,
    ) -> io::Result<(Learning, Receiver<Trusting>)> {
        let (told_owner, owner) = channel();
        let (told_learnt, learnt) = channel();
        let (told_trusting, trusting) = channel();
        if clock.is_none() {
            // It cannot fail: the receiver is here.
            let _ = told_trusting.send((Rules::BELIEVE, None));
        }
        let loaded = loaded.clone();
        let ask = move || {
            let dir = &loaded.settings.journal.dir;
            // For this thread alone; the others follow when they are told.
            let _ = told_owner.send(work_as_owner(dir, keep));
            let _ = told_learnt.send(learn(&loaded, clock, &told_trusting));
        };
        std::thread::Builder::new()
            .name("learn".to_owned())
            .spawn(ask)?;
        let mut learning = Learning {
            keep,
            owner,
            settled: false,
            learnt,
            lines: None,
        };
        learning.settle(OWNER_PATIENCE);
        Ok((learning, trusting))
    }

    /// Becomes the owner, if that is told within this time.
    fn settle(&mut self, patience: Duration) {
        if self.settled {
            return;
        }
        let Ok(told) = self.owner.recv_timeout(patience) else {
            return;
        };
        self.settled = true;
        let became = match told {
            Ok(Some(user)) => owner::become_user(&user, self.keep).map_err(|failed| {
                let because = failed.to_string();
                (because.clone(), because)
            }),
            Ok(None) => Ok(()),
            Err(failed) => Err((failed.to_string(), failed.source.to_string())),
        };
        if let Err((failed, because)) = became {
            // Counting depends on nothing.
            warn!(because, "{failed}; counting goes on as root");
        }
    }

    /// Waits so long at most; true: all is known, and this thread may work in the directory.
    pub(super) fn wait(&mut self, patience: Duration) -> bool {
        if self.lines.is_some() {
            return true;
        }
        let learnt = match self.learnt.recv_timeout(patience) {
            Ok(learnt) => learnt,
            Err(RecvTimeoutError::Timeout) => return false,
            // A defect, which has been logged: nothing more will come.
            Err(RecvTimeoutError::Disconnected) => Learnt {
                lines: Ok(Vec::new()),
                waiting: Vec::new(),
            },
        };
        self.settle(Duration::ZERO);
        for path in learnt.waiting {
            warn!(file = %path.display(), "{}", crate::import::how_to_import(&path));
        }
        self.lines = Some(learnt.lines);
        true
    }

    /// Waits as long as it takes: the kernel counts for `kept` requests of an earlier run. Returns what is
    /// remembered of each meter's line: the id of its request and the filter's memory. A journal that is not there,
    /// or is damaged, remembers nothing.
    ///
    /// # Errors
    /// When the journal cannot be read now and may be readable later: the requests are left alone until then.
    pub(super) fn lines_of(
        &mut self,
        meters: &[MeterSettings],
        kept: usize,
    ) -> Result<Vec<Option<(u64, FilterState)>>, RunError> {
        let began_ns = SystemClock.mono_ns();
        let (mut told, mut ready) = (false, false);
        while !self.wait(TELL) {
            if !std::mem::replace(&mut told, true) {
                warn!(
                    kept,
                    "the disk does not answer; the kernel counts on for the line requests of the run before"
                );
            }
            if let Some(text) = status_text(&Snapshot::default(), (began_ns, SystemClock.wall_ns()))
            {
                systemd::status(&text);
            }
            systemd::alive();
            let slow = SystemClock.mono_ns() - began_ns >= READY_NS;
            if slow && !ready {
                ready = systemd::ready();
            }
        }
        if told {
            info!("the disk answers");
        }
        let mut known = match self.lines.take().unwrap_or_else(|| Ok(Vec::new())) {
            Ok(known) => known,
            Err(failed) if failed.kind() == "missing" || failed.is_corrupt() => Vec::new(),
            Err(failed) => {
                return Err(RunError::LinesKept {
                    kept,
                    failed: failed.to_string(),
                });
            }
        };
        self.lines = Some(Ok(Vec::new()));
        let of_meter = |meter: &MeterSettings| {
            let at = known.iter().position(|(name, ..)| *name == meter.name)?;
            let (_, id, state) = known.swap_remove(at);
            state.is_sound(SystemClock.mono_ns()).then_some((id, state))
        };
        Ok(meters.iter().map(of_meter).collect())
    }
}

/// Asks the disk.
fn learn(
    loaded: &Loaded,
    clock: Option<ClockSettings>,
    told_trusting: &Sender<Trusting>,
) -> Learnt {
    let dir = &loaded.settings.journal.dir;
    let Some(clock) = clock else {
        let (lines, waiting) = (Ok(Vec::new()), crate::import::waiting(dir));
        return Learnt { lines, waiting };
    };
    let reader = Reader::open(dir);
    let lines = match &reader {
        Ok(reader) => reader.lines(),
        Err(_) => Ok(Vec::new()),
    };
    // What was simulated tells nothing of this machine's clock.
    let true_one = reader.as_ref().ok();
    let true_one = true_one.filter(|reader| !reader.is_simulated().unwrap_or(false));
    // When the run has ended meanwhile the receiver is gone.
    let _ = told_trusting.send(trusting(clock, true_one));
    Learnt {
        lines: reader.and(lines),
        waiting: crate::import::waiting(dir),
    }
}

/// When the machine's clock is trusted, and how the last run of this boot left it. A journal that is not
/// there, or cannot be read, knows nothing.
fn trusting(settings: ClockSettings, reader: Option<&Reader>) -> Trusting {
    let confirmed_ns = reader.and_then(|reader| reader.confirmed_ns().ok().flatten());
    let from_ns = confirmed_ns
        .unwrap_or(EARLIEST_WALL_NS)
        .max(EARLIEST_WALL_NS);
    let rtc = settings
        .rtc
        .unwrap_or_else(|| has_rtc(SystemClock.wall_ns()));
    let max_wait_s = i64::try_from(settings.max_wait_s).unwrap_or(i64::MAX / NS_PER_S);
    let rules = Rules {
        earliest_wall_ns: EARLIEST_WALL_NS,
        rtc_from_ns: rtc.then_some(from_ns),
        max_wait_ns: max_wait_s * NS_PER_S,
        assume: settings.assume,
    };
    let known = reader.and_then(|reader| reader.clock_of_boot(&boot_id()).ok().flatten());
    (rules, known)
}
