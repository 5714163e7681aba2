//! When a minute is over: the writer counts its windows, and keeps how far the lines were watched.

use crate::journal::JournalError;
use crate::journal::handles::journal::Comparing;
use crate::journal::stages::writer::{Closing, ROLL_MIN_NS, Writer};
use crate::model::{MonoNs, NS_PER_S, PulseId, View, Watched};

/// With no pulse and no server, how far the lines were watched is kept this often: after a crash that much is not
/// known to be watched. A reconciler needs to know of each minute.
const WATCHED_SAVE_NS: i64 = 600 * NS_PER_S;

impl Writer {
    /// One bounded piece of rolling up, when a minute is over; true if there is more to do.
    pub(super) fn roll(&mut self, watched: Watched) -> Result<bool, JournalError> {
        let now_ns = self.clock.mono_ns();
        if self.closing.is_none() && now_ns - self.rolled_ns >= ROLL_MIN_NS {
            let minute_s = watched.looked_ns.map(|ns| View::Minute.start_of(ns));
            // Not "later": the clock may have been set back.
            if minute_s.is_some_and(|minute_s| minute_s != self.looked_minute_s) {
                self.looked_minute_s = minute_s.unwrap_or_default();
                let newest = self.journal.newest();
                self.closing = Some(Closing { watched, newest });
            }
        }
        let mark = self.marks.now();
        let Some(closing) = self
            .closing
            .take_if(|closing| mark.durable >= closing.newest)
        else {
            return Ok(false);
        };
        match self.count_windows(closing.newest) {
            Ok(false) => {}
            unfinished => {
                self.closing = Some(closing);
                return unfinished;
            }
        }
        let is_news = self.keep_watched(&closing, now_ns)?;
        self.rolled_ns = now_ns;
        self.marks.closed(self.looked_minute_s);
        // A clock that is wrong must not delete.
        match closing.watched.sure_ns {
            Some(sure_ns) if is_news => self.journal.prune_windows(sure_ns),
            _ => Ok(false),
        }
    }

    /// Keeps how far the lines were watched, if that is worth a write. False: it is not.
    fn keep_watched(&mut self, closing: &Closing, now_ns: MonoNs) -> Result<bool, JournalError> {
        let newest = closing.newest;
        let is_known = self
            .watched_kept
            .is_some_and(|(kept_ns, known)| known == newest && now_ns - kept_ns < WATCHED_SAVE_NS);
        if self.destination.is_none() && is_known {
            return Ok(false);
        }
        self.journal.keep_watched(&closing.watched)?;
        self.watched_kept = Some((now_ns, newest));
        Ok(true)
    }

    /// Counts some of the pulses up to id `newest` in windows; true if there is more to do.
    pub(super) fn count_windows(&mut self, newest: PulseId) -> Result<bool, JournalError> {
        if let Some(destination) = self.destination {
            let until_s = self.outbox.compared_until_s();
            self.journal.comparing = Comparing {
                destination,
                until_s,
            };
        }
        let settled = self.marks.now().segments_settled;
        let since = self.watched_since();
        self.roller.step(&mut self.journal, newest, settled, &since)
    }
}
