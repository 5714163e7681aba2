//! Opening the journal, as long as it takes: capture goes on meanwhile, systemd is told so, and a disk that
//! does not answer at all holds up a thread of its own.

use std::error::Error;
use std::time::Duration;

use tracing::{error, info, warn};

use super::context::{JOURNAL_RETRY, RunContext, UntilLearnt};
use super::error::RunError;
use super::stages::{Stage, THREAD_ENDS};
use super::watchdog::Watchdog;
use crate::clock::{Clock, SystemClock};
use crate::journal::{Journal, JournalError, Refusal};
use crate::live::JournalPhase;
use crate::model::{MonoNs, NS_PER_S};
use crate::system::signals::{Wakeup, Woken};

/// Between looks at a try that is under way, and at what systemd is to be told.
const LOOK: Duration = Duration::from_secs(1);

/// A journal that is not open after so long is a matter to be told.
const SLOW_NS: i64 = 5 * NS_PER_S;

/// While it is not open the state is logged this often.
const SAY_NS: i64 = 60 * NS_PER_S;

/// For so long a try that is under way is waited for when the end was asked for.
const END_NS: i64 = 5 * NS_PER_S;

/// The tries to open the journal.
pub(super) struct Opening<'a> {
    // Dependencies.
    run: &'a RunContext<'a>,
    // Settings.
    again: bool,
    // State.
    began_ns: MonoNs,
    said_ns: MonoNs,
    looks: u64,
    refused: Option<&'static str>,
}

impl<'a> Opening<'a> {
    /// `again`: the journal was open before and was closed, so it must be there.
    pub(super) fn new(run: &'a RunContext<'a>, again: bool) -> Opening<'a> {
        let began_ns = SystemClock.mono_ns();
        let phase = JournalPhase::Opening {
            since_ns: began_ns,
            refused: None,
        };
        let board = run.intake.board();
        board.publish_journal(|journal| journal.phase = phase);
        Opening {
            run,
            again,
            began_ns,
            said_ns: began_ns,
            looks: 0,
            refused: None,
        }
    }

    /// Waits until all is learnt of earlier runs that they have left, or the end is asked for.
    pub(super) fn wait_until_learnt(&mut self, mut learning: UntilLearnt, watchdog: &mut Watchdog) {
        while !(learning.0)(LOOK) && !self.run.shutdown.is_requested() {
            self.tell(watchdog);
        }
    }

    /// Opens the journal. None: the end was asked for before.
    pub(super) fn open(
        &mut self,
        watchdog: &mut Watchdog,
        wakeup: &mut Wakeup,
    ) -> Result<Option<Journal>, RunError> {
        while !self.run.shutdown.is_requested() {
            let Some(tried) = self.attempt(watchdog, wakeup)? else {
                return Ok(None);
            };
            match tried {
                Ok(journal) => {
                    if let Some(kind) = self.refused {
                        info!(kind, "the journal can be opened again");
                    }
                    return Ok(Some(journal));
                }
                Err(refused) if self.is_final(&refused) => return Err(refused.into()),
                Err(failed) => self.complain(&failed),
            }
            let retry_ns =
                SystemClock.mono_ns() + i64::try_from(JOURNAL_RETRY.as_nanos()).expect("5 s");
            while SystemClock.mono_ns() < retry_ns && !self.run.shutdown.is_requested() {
                self.tell(watchdog);
                wakeup.wait(LOOK);
            }
        }
        Ok(None)
    }

    /// Whether trying again is of no use. A journal that was closed may be in use by an import, which ends.
    fn is_final(&self, refused: &JournalError) -> bool {
        match refused.kind() {
            "newer_schema" | "holds_real" => true,
            "in_use" => !self.again,
            _ => false,
        }
    }

    /// One try, in a thread of its own. None: it hangs, and the end was asked for.
    fn attempt(
        &mut self,
        watchdog: &mut Watchdog,
        wakeup: &mut Wakeup,
    ) -> Result<Option<Result<Journal, JournalError>>, RunError> {
        let settings = self.run.settings;
        let names: Vec<String> = settings
            .meters
            .iter()
            .map(|meter| meter.name.clone())
            .collect();
        let (dir, boot_id) = (settings.journal.dir.clone(), self.run.boot_id.to_owned());
        let open = if self.again {
            Journal::open_again
        } else {
            Journal::open
        };
        // What it waits for, the disk, cannot be ended.
        let work = move || open(&dir, &names, &boot_id, SystemClock.wall_ns());
        let (trying, opened) = Stage::spawn("open", wakeup, || (), work)?;
        let mut end_ns = None;
        while !trying.is_finished() {
            if wakeup.wait(LOOK) == Woken::Thread {
                // It wakes a moment before it has ended.
                wakeup.wait(THREAD_ENDS);
            }
            self.tell(watchdog);
            if self.run.shutdown.is_requested() {
                let now_ns = SystemClock.mono_ns();
                if now_ns > *end_ns.get_or_insert(now_ns + END_NS) {
                    return Ok(None);
                }
            }
        }
        trying.join()?;
        opened.take().map(Some)
    }

    /// Tells systemd that we are alive, and the log now and then how the journal stands.
    fn tell(&mut self, watchdog: &mut Watchdog) {
        let now_ns = SystemClock.mono_ns();
        self.looks += 1;
        let board = self.run.intake.board();
        if self.refused.is_some() || now_ns - self.began_ns >= SLOW_NS {
            let counting = board.snapshot().capture.lines_up() > 0;
            let steps = board.capture_steps();
            watchdog.look(board, counting, (steps, self.looks), now_ns);
            if now_ns - self.said_ns >= SAY_NS {
                self.said_ns = now_ns;
                let waiting = board.snapshot().waiting;
                let why = self.refused.unwrap_or("the disk does not answer");
                warn!(
                    waiting,
                    why, "counting in memory alone: the journal is not open"
                );
            }
        }
        watchdog.tell(board);
    }

    fn complain(&mut self, failed: &JournalError) {
        let Refusal { kind, remedy } = Refusal::of(failed, &self.run.settings.journal.dir);
        if self.refused != Some(kind) {
            let cause = failed.source().map(ToString::to_string);
            let waiting = self.run.intake.len();
            error!(
                error = %failed, cause, kind, waiting, remedy,
                "the journal cannot be opened; pulses wait in memory; trying again every {} s",
                JOURNAL_RETRY.as_secs()
            );
            self.refused = Some(kind);
            let phase = JournalPhase::Opening {
                since_ns: self.began_ns,
                refused: Some(kind),
            };
            let board = self.run.intake.board();
            board.publish_journal(|journal| journal.phase = phase);
        }
    }
}
