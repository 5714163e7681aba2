//! How the meters' lines stand, written by capture when it changes and read by all who tell of it.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

use super::Intake;
use crate::model::{LineNow, MeterId, WallNs, WatchedStretch};

/// How all lines stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// Grows with each change.
    pub version: u64,
    /// By meter.
    pub now: BTreeMap<MeterId, LineNow>,
    /// Stretches that were watched and are over, until they are kept.
    pub ended: Vec<(MeterId, WatchedStretch)>,
}

impl Intake {
    /// A line is read from `at_ns` on, or is not for this reason.
    pub fn note_line(&self, meter: MeterId, why: Option<String>, at_ns: WallNs) {
        let mut lines = self.lock_lines();
        let known = lines.now.get(&meter);
        if known.is_some_and(|known| known.why == why) {
            return;
        }
        // Another reason is not another stretch.
        let goes_on = known.filter(|known| known.why.is_some() && why.is_some());
        let since_ns = goes_on.map_or(at_ns, |known| known.since_ns);
        lines.now.insert(meter, LineNow { since_ns, why });
        lines.version += 1;
    }

    /// A line is not read, for this reason: what was watched of it so far is over.
    pub fn line_down(&self, meter: MeterId, why: &str, at_ns: WallNs) {
        if let Some(watch) = self.watched().meters.get(&meter) {
            self.note_ended(meter, *watch);
        }
        self.note_line(meter, Some(why.to_owned()), at_ns);
    }

    /// A stretch over which a line was watched is over.
    pub fn note_ended(&self, meter: MeterId, watch: WatchedStretch) {
        let mut lines = self.lock_lines();
        lines.ended.push((meter, watch));
        lines.version += 1;
    }

    /// How the lines stand, if that is not known by this version.
    pub fn lines_since(&self, version: u64) -> Option<Lines> {
        let lines = self.lock_lines();
        (lines.version != version).then(|| lines.clone())
    }

    /// These are kept; their stretches need not be told again.
    pub fn lines_kept(&self, kept: &Lines) {
        self.lock_lines().ended.drain(..kept.ended.len());
    }

    fn lock_lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_not_read_since_it_was_last_read_whatever_the_reason() {
        let intake = Intake::new(1);
        let why = |text: &str| Some(text.to_owned());
        intake.note_line(MeterId(0), why("busy"), 10);
        intake.note_line(MeterId(0), why("gone"), 20);
        let lines = intake.lines_since(0).unwrap();
        assert_eq!(lines.now[&MeterId(0)].since_ns, 10);
        assert_eq!(lines.now[&MeterId(0)].why, why("gone"));
        intake.note_line(MeterId(0), why("gone"), 30);
        assert_eq!(intake.lines_since(lines.version), None, "nothing is new");
        intake.note_line(MeterId(0), None, 40);
        let lines = intake.lines_since(lines.version).unwrap();
        assert_eq!(
            lines.now[&MeterId(0)],
            LineNow {
                since_ns: 40,
                why: None
            }
        );
    }

    #[test]
    fn a_stretch_that_ended_is_told_until_it_is_kept() {
        let intake = Intake::new(1);
        let watch = |since_ns| WatchedStretch {
            since_ns,
            until_ns: since_ns + 5,
        };
        intake.note_ended(MeterId(1), watch(1));
        let kept = intake.lines_since(0).unwrap();
        intake.note_ended(MeterId(1), watch(9));
        intake.lines_kept(&kept);
        let left = intake.lines_since(kept.version).unwrap();
        assert_eq!(left.ended, [(MeterId(1), watch(9))]);
    }
}
