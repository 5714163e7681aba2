//! Does what [`JournalMachine`] decides: keeps the journal open for the stages behind the intake, as long as the
//! run lasts. Capture goes on meanwhile, whatever happens here.

use tracing::{error, warn};

use super::context::{JOURNAL_RETRY, RunContext};
use super::error::RunError;
use super::journal_stages::{JournalStages, say_what_is_lost};
use super::journal_state::{Event, JournalAction, JournalMachine};
use super::opening::Opening;
use super::settings::DaemonSettings;
use super::watchdog::Watchdog;
use crate::clock::{Clock, SystemClock};
use crate::journal::{self, Carryover, Journal, JournalError};
use crate::model::WallNs;
use crate::system::signals::Wakeup;

/// What the journal is kept with, and what there is of it now.
pub(super) struct JournalKeeper<'a> {
    // Dependencies.
    run: &'a RunContext<'a>,
    in_use: &'a mut DaemonSettings,
    watchdog: &'a mut Watchdog,
    wakeup: &'a mut Wakeup,
    // State.
    /// Open, and not used yet.
    journal: Option<Journal>,
    stages: Option<JournalStages>,
    /// What a journal that was closed leaves to the next one.
    carryover: Option<Carryover>,
    vouches_from_ns: WallNs,
    /// What was refused last.
    refusal: Option<JournalError>,
}

impl<'a> JournalKeeper<'a> {
    /// One that has opened nothing yet.
    pub(super) fn new(
        run: &'a RunContext<'a>,
        in_use: &'a mut DaemonSettings,
        watchdog: &'a mut Watchdog,
        wakeup: &'a mut Wakeup,
    ) -> JournalKeeper<'a> {
        JournalKeeper {
            run,
            in_use,
            watchdog,
            wakeup,
            journal: None,
            stages: None,
            carryover: None,
            vouches_from_ns: WallNs::MIN,
            refusal: None,
        }
    }

    /// Keeps it open until the end. Returns the stages, which are to be drained; None: the end came before there
    /// were any.
    ///
    /// # Errors
    /// When a stage has died, no line was read, or the journal will never open.
    pub(super) fn keep(mut self) -> Result<Option<JournalStages>, RunError> {
        let (mut machine, mut actions) = JournalMachine::begin();
        while let Some(event) = self.perform(actions)? {
            (machine, actions) = machine.next(event, SystemClock.mono_ns());
        }
        Ok(self.stages)
    }

    /// Performs the actions in order, up to the first that leads to an event.
    fn perform(&mut self, actions: &[JournalAction]) -> Result<Option<Event>, RunError> {
        for action in actions {
            let event = self.act(*action)?;
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    fn act(&mut self, action: JournalAction) -> Result<Option<Event>, RunError> {
        match action {
            JournalAction::Open => return self.open(false).map(Some),
            JournalAction::Reopen => return self.open(true).map(Some),
            JournalAction::GiveBack => return Ok(self.give_back()),
            JournalAction::Start => return self.start(),
            JournalAction::Watch => {
                if let Some(stages) = &self.stages {
                    let (watchdog, wakeup) = (&mut *self.watchdog, &mut *self.wakeup);
                    let stopped = stages.watch(self.run, self.in_use, watchdog, wakeup)?;
                    return Ok(Some(Event::Stopped(stopped)));
                }
            }
            JournalAction::Close => {
                self.in_use.use_directory(false);
                if let Some(stages) = self.stages.take() {
                    self.carryover = Some(stages.close()?);
                }
            }
            JournalAction::PutBackStanding => {
                if let Some(carryover) = self.carryover.take() {
                    let intake = self.run.intake;
                    intake.put_back(carryover.into_standing(), SystemClock.wall_ns());
                }
            }
            JournalAction::MoveAside => return Ok(Some(self.move_aside())),
            JournalAction::VouchFromNow => self.vouches_from_ns = self.run.clock.wall_ns(),
            JournalAction::Pause => {
                self.wakeup.wait(JOURNAL_RETRY);
            }
            JournalAction::Say(text) => warn!("{text}"),
            JournalAction::Complain(text) => self.complain(text),
            JournalAction::SayWhatIsLost => {
                let carried = self.carryover.as_ref().map_or(0, Carryover::pulses);
                say_what_is_lost(self.run.intake.len() + carried);
            }
        }
        Ok(None)
    }

    fn open(&mut self, again: bool) -> Result<Event, RunError> {
        let mut opening = Opening::new(self.run, again);
        self.journal = opening.open(self.watchdog, self.wakeup)?;
        Ok(match &self.journal {
            Some(journal) => Event::Opened {
                moved_aside: journal.moved_aside().is_some(),
            },
            None => Event::NotOpened,
        })
    }

    fn give_back(&mut self) -> Option<Event> {
        let (journal, carryover) = (self.journal.as_mut()?, self.carryover.as_mut()?);
        let now_ns = self.run.clock.wall_ns();
        match carryover.give_back(journal, self.run.intake, now_ns) {
            Ok(_) => {
                self.carryover = None;
                None
            }
            Err(failed) => {
                self.journal = None;
                Some(self.refused(failed))
            }
        }
    }

    fn start(&mut self) -> Result<Option<Event>, RunError> {
        let Some(mut journal) = self.journal.take() else {
            return Ok(None);
        };
        journal.vouch_from(self.vouches_from_ns);
        self.in_use.take_up();
        let (intake, clock) = (self.run.intake, self.run.clock);
        match JournalStages::start(self.in_use, journal, intake, clock, self.wakeup) {
            Ok(stages) => {
                self.in_use.use_directory(true);
                self.stages = Some(stages);
                Ok(None)
            }
            Err(RunError::Journal(failed)) => Ok(Some(self.refused(failed))),
            Err(failed) => Err(failed),
        }
    }

    fn move_aside(&mut self) -> Event {
        let dir = &self.run.settings.journal.dir;
        let why = "it was found while running";
        match journal::set_aside(dir, SystemClock.wall_ns(), &why) {
            Ok(_) => Event::MovedAside,
            Err(failed) => self.refused(failed),
        }
    }

    fn refused(&mut self, failed: JournalError) -> Event {
        self.refusal = Some(failed);
        Event::Refused
    }

    fn complain(&mut self, text: &str) {
        if let Some(failed) = self.refusal.take() {
            let cause = std::error::Error::source(&failed).map(ToString::to_string);
            error!(error = %failed, cause, "{text}");
        }
    }
}
