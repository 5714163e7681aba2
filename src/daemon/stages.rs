//! Threads as a list: each is named once, and started, watched and ended like all others of its list.

use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::error::RunError;
use crate::clock::{Clock, SystemClock};
use crate::model::MonoNs;
use crate::system::signals::{Shutdown, Wakeup};

/// What a thread needs to end once it has woken the main thread.
pub(super) const THREAD_ENDS: Duration = Duration::from_millis(5);

/// How often it is looked whether a thread has ended that is waited for.
const LOOK: Duration = Duration::from_millis(10);

/// How long the end waits for a stage that was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtEnd {
    /// Until it has ended: it holds what must not be lost.
    Join,
    /// Until a deadline: its request may hang.
    UntilDeadline,
    /// Not at all.
    Detach,
}

/// A thread, and what wakes it.
pub(super) struct Stage {
    name: &'static str,
    thread: JoinHandle<()>,
    wake: Box<dyn Fn()>,
}

impl Stage {
    /// Starts `work` in a thread, whose end wakes the main thread. `wake` ends what it waits for.
    ///
    /// # Errors
    /// When the machine gives no thread.
    pub(super) fn spawn<T: Send + 'static>(
        name: &'static str,
        wakeup: &Wakeup,
        wake: impl Fn() + 'static,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(Stage, Returned<T>), RunError> {
        let (sender, from_thread) = channel();
        let woken_by_end = wakeup.wake_on_drop();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // There is no receiver where the result is of no use.
                let _ = sender.send(work());
                drop(woken_by_end);
            })?;
        let stage = Stage {
            name,
            thread,
            wake: Box::new(wake),
        };
        Ok((stage, Returned { name, from_thread }))
    }

    /// Whether it has ended, by a panic too.
    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends what it waits for, so that it sees that it is to stop.
    pub(super) fn wake(&self) {
        (self.wake)();
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When it has died.
    pub(super) fn join(self) -> Result<(), RunError> {
        self.thread.join().map_err(|_| RunError::Died(self.name))
    }
}

/// What the work of a stage returns, once that stage has been joined.
pub(super) struct Returned<T> {
    name: &'static str,
    from_thread: Receiver<T>,
}

impl<T> Returned<T> {
    /// Takes it.
    ///
    /// # Errors
    /// When the thread has died.
    pub(super) fn take(self) -> Result<T, RunError> {
        let taken = self.from_thread.recv();
        taken.map_err(|_| RunError::Died(self.name))
    }
}

/// Stages that stop together: each is started after those that take from it, and joined before them.
#[derive(Default)]
pub(super) struct Stages {
    shutdown: Shutdown,
    list: Vec<(Stage, AtEnd)>,
}

impl Stages {
    /// Starts one more; what its `work` returns is for the thread that joins these stages.
    ///
    /// # Errors
    /// When the machine gives no thread.
    pub(super) fn add<T: Send + 'static>(
        &mut self,
        name: &'static str,
        at_end: AtEnd,
        wakeup: &Wakeup,
        wake: impl Fn() + 'static,
        work: impl FnOnce(&Shutdown) -> T + Send + 'static,
    ) -> Result<Returned<T>, RunError> {
        let shutdown = self.shutdown.clone();
        let (stage, returned) = Stage::spawn(name, wakeup, wake, move || work(&shutdown))?;
        self.list.push((stage, at_end));
        Ok(returned)
    }

    /// Checks that none has ended: none does before it is told to.
    ///
    /// # Errors
    /// When one has died.
    pub(super) fn check_alive(&self) -> Result<(), RunError> {
        for (stage, _) in self.list.iter().rev() {
            if stage.is_finished() {
                return Err(RunError::Died(stage.name));
            }
        }
        Ok(())
    }

    /// Tells all to stop, and returns at once.
    pub(super) fn stop(&self) {
        self.shutdown.request();
        for (stage, _) in self.list.iter().rev() {
            stage.wake();
        }
    }

    /// Waits for those that may hang, at most until `deadline_ns`.
    pub(super) fn wait_until(&self, deadline_ns: MonoNs, wakeup: &mut Wakeup) {
        let is_busy = |(stage, at_end): &(Stage, AtEnd)| {
            *at_end == AtEnd::UntilDeadline && !stage.is_finished()
        };
        while self.list.iter().any(is_busy) && SystemClock.mono_ns() < deadline_ns {
            wakeup.wait(LOOK);
        }
    }

    /// Waits for those that must have ended before what they return is used.
    ///
    /// # Errors
    /// When one of them has died.
    pub(super) fn join(self) -> Result<(), RunError> {
        for (stage, at_end) in self.list.into_iter().rev() {
            if at_end == AtEnd::Join {
                stage.join()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Sender;

    use super::*;
    use crate::model::NS_PER_S;

    fn wakeup() -> Wakeup {
        Wakeup::without_signals().unwrap()
    }

    /// Adds a stage that notes its end, and returns its name.
    fn add(
        stages: &mut Stages,
        name: &'static str,
        wakeup: &Wakeup,
        ended: &Sender<&'static str>,
    ) -> Returned<&'static str> {
        let (wake, woken) = channel();
        let ended = ended.clone();
        let work = move |shutdown: &Shutdown| {
            while !shutdown.is_requested() {
                woken.recv().unwrap();
            }
            ended.send(name).unwrap();
            name
        };
        let wake = move || wake.send(()).unwrap();
        let added = stages.add(name, AtEnd::Join, wakeup, wake, work);
        added.unwrap()
    }

    #[test]
    fn all_stop_together_and_return_what_they_hold() {
        let (wakeup, mut stages) = (wakeup(), Stages::default());
        let (ended, order) = channel();
        let first = add(&mut stages, "first", &wakeup, &ended);
        let second = add(&mut stages, "second", &wakeup, &ended);
        stages.check_alive().unwrap();
        assert!(order.try_recv().is_err(), "none ends by itself");
        stages.stop();
        stages.join().unwrap();
        let mut all: Vec<_> = order.try_iter().collect();
        all.sort_unstable();
        assert_eq!(all, ["first", "second"]);
        assert_eq!(first.take().unwrap(), "first");
        assert_eq!(second.take().unwrap(), "second");
    }

    #[test]
    fn a_stage_that_dies_wakes_the_main_thread_and_is_named() {
        let (mut wakeup, mut stages) = (wakeup(), Stages::default());
        let (ended, _order) = channel();
        let _alive = add(&mut stages, "alive", &wakeup, &ended);
        let dying = stages.add(
            "dying",
            AtEnd::Join,
            &wakeup,
            || (),
            |_| -> u8 { panic!("a defect") },
        );
        let begun_ns = SystemClock.mono_ns();
        wakeup.wait(Duration::from_secs(60));
        assert!(SystemClock.mono_ns() - begun_ns < 50 * NS_PER_S, "woken");
        while stages.check_alive().is_ok() {
            wakeup.wait(THREAD_ENDS);
        }
        let died = |result: Result<(), RunError>| matches!(result, Err(RunError::Died("dying")));
        assert!(died(stages.check_alive()));
        stages.stop();
        assert!(died(stages.join()));
        assert!(died(dying.unwrap().take().map(drop)));
    }

    #[test]
    fn a_request_that_hangs_is_waited_for_until_the_deadline_and_then_left() {
        let (mut wakeup, mut stages) = (wakeup(), Stages::default());
        let (release, released) = channel::<()>();
        let hangs = move |_: &Shutdown| released.recv();
        let added = stages.add("hangs", AtEnd::UntilDeadline, &wakeup, || (), hangs);
        added.unwrap();
        stages.stop();
        let deadline_ns = SystemClock.mono_ns() + NS_PER_S / 20;
        stages.wait_until(deadline_ns, &mut wakeup);
        assert!(SystemClock.mono_ns() >= deadline_ns, "it was waited for");
        stages.join().unwrap();
        release.send(()).unwrap();
    }
}
