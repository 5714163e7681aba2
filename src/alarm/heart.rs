//! When the heartbeat is asked for: again and again while all is well, once when it no longer is. Pure.

use std::time::Duration;

use crate::model::MonoNs;
use crate::server::RetryPolicy;

/// What is to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// All is well.
    Well,
    /// Something is wrong.
    Wrong,
}

/// The heart.
#[derive(Debug)]
pub struct Heart {
    interval_ns: i64,
    /// Somebody wants to know that something is wrong, not only notice it.
    tells_wrong: bool,
    policy: RetryPolicy,
    /// What was said last; None: nothing yet.
    said: Option<Beat>,
    due_ns: MonoNs,
    failures: u32,
}

impl Heart {
    /// One that beats from `now_ns` on.
    pub fn new(interval_ns: i64, tells_wrong: bool, now_ns: MonoNs) -> Heart {
        let interval = Duration::from_nanos(interval_ns.unsigned_abs());
        Heart {
            interval_ns,
            tells_wrong,
            policy: RetryPolicy {
                retries_max: 5,
                interval: interval.min(Duration::from_secs(60)),
            },
            said: None,
            due_ns: now_ns,
            failures: 0,
        }
    }

    /// What is to be asked for now, if anything.
    pub fn beat(&self, is_well: bool, now_ns: MonoNs) -> Option<Beat> {
        let wanted = self.wanted(is_well)?;
        (self.due_in_ns(is_well, now_ns)? == 0).then_some(wanted)
    }

    fn wanted(&self, is_well: bool) -> Option<Beat> {
        if is_well {
            return Some(Beat::Well);
        }
        (self.tells_wrong && self.said != Some(Beat::Wrong)).then_some(Beat::Wrong)
    }

    /// In how many nanoseconds there is something to ask for, if nothing changes; None: never.
    pub fn due_in_ns(&self, is_well: bool, now_ns: MonoNs) -> Option<i64> {
        let wanted = self.wanted(is_well)?;
        // What has changed is told at once, unless the other side did not answer just now.
        let is_new = self.failures == 0 && self.said != Some(wanted);
        Some(if is_new {
            0
        } else {
            (self.due_ns - now_ns).max(0)
        })
    }

    /// It was asked for.
    pub fn said(&mut self, beat: Beat, now_ns: MonoNs) {
        (self.said, self.failures) = (Some(beat), 0);
        self.due_ns = now_ns + self.interval_ns;
    }

    /// It could not be asked for. `random` in 0..1 gives the jitter.
    pub fn failed(&mut self, asked: Option<Duration>, random: f64, now_ns: MonoNs) {
        self.failures = self.failures.saturating_add(1);
        let pause = self.policy.asked(asked, self.failures, random);
        self.due_ns = now_ns + i64::try_from(pause.as_nanos()).unwrap_or(i64::MAX / 2);
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NS_PER_S;

    fn heart(tells_wrong: bool) -> Heart {
        Heart::new(300 * NS_PER_S, tells_wrong, 0)
    }

    #[test]
    fn it_beats_while_all_is_well_stops_and_goes_on() {
        let mut heart = heart(false);
        let at = |s: i64| s * NS_PER_S;
        assert_eq!(heart.beat(true, 0), Some(Beat::Well));
        heart.said(Beat::Well, 0);
        assert_eq!(heart.beat(true, at(299)), None);
        assert_eq!(heart.due_in_ns(true, at(299)), Some(at(1)));
        assert_eq!(heart.beat(true, at(300)), Some(Beat::Well));
        heart.said(Beat::Well, at(300));
        assert_eq!(heart.beat(false, at(900)), None);
        assert_eq!(heart.due_in_ns(false, at(900)), None);
        assert_eq!(heart.beat(true, at(901)), Some(Beat::Well));
    }

    #[test]
    fn what_is_wrong_is_told_once_where_it_is_wanted() {
        let mut heart = heart(true);
        heart.said(Beat::Well, 0);
        assert_eq!(heart.beat(false, 1), Some(Beat::Wrong), "at once");
        heart.said(Beat::Wrong, 1);
        assert_eq!(heart.beat(false, 900 * NS_PER_S), None);
        assert_eq!(heart.beat(true, 2), Some(Beat::Well), "at once, too");
    }

    #[test]
    fn a_failure_is_tried_again_ever_later_and_as_late_as_is_asked() {
        let mut heart = heart(false);
        let mut now_ns = 0;
        for _ in 0..20 {
            heart.failed(None, 1.0, now_ns);
            let pause_ns = heart.due_in_ns(true, now_ns).unwrap();
            assert!((NS_PER_S / 10..=60 * NS_PER_S).contains(&pause_ns));
            now_ns += pause_ns;
        }
        assert_eq!(heart.failures(), 20);
        heart.failed(Some(Duration::from_secs(120)), 1.0, now_ns);
        assert_eq!(heart.due_in_ns(true, now_ns), Some(120 * NS_PER_S));
    }
}
