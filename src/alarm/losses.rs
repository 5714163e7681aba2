//! Pulses that have gone missing since the alarms looked last, and since the alarm that tells of them began. Pure.

use std::collections::BTreeMap;

use super::look::Found;
use crate::model::PULSES_LOST;
use crate::status::Severity;

/// How many pulses of each meter are lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LossWatch {
    /// When it was looked last.
    known: BTreeMap<String, u64>,
    /// Before the alarm that stands began; where none stands it is what is known.
    before: BTreeMap<String, u64>,
}

impl LossWatch {
    /// An earlier run has left this as [`Self::before`]. Of an alarm that stands all is found once more, so that it tells all
    /// of it.
    pub fn restore(&mut self, before: BTreeMap<String, u64>) {
        self.known.extend(before.clone());
        self.before.extend(before);
    }

    /// So many are lost now. What a meter has lost before it was looked at for the first time is no news. Where there are more,
    /// it tells how many since the alarm began: the last of what it tells is what the end repeats.
    pub fn look(&mut self, lost: &BTreeMap<String, u64>) -> Vec<Found> {
        let mut found = Vec::new();
        for (meter, now) in lost {
            let known = self.known.insert(meter.clone(), *now).unwrap_or(*now);
            let before = self.before.entry(meter.clone()).or_insert(*now);
            // Fewer: refused points were sent again, or it is another journal.
            *before = (*before).min(*now);
            if *now > known {
                let more = *now - *before;
                let pulses = if more == 1 { "pulse is" } else { "pulses are" };
                found.push(Found {
                    word: PULSES_LOST,
                    subject: meter.clone(),
                    severity: Severity::Critical,
                    is_event: true,
                    sentence: format!("{meter}: {more} {pulses} lost"),
                    remedy: "`powerlogger losses` says when and why".to_owned(),
                });
            }
        }
        found
    }

    /// Of these meters no alarm stands: the next one tells what is lost from here on.
    pub fn rest(&mut self, stands: impl Fn(&str) -> bool) {
        let resting = self.known.iter().filter(|(meter, _)| !stands(meter));
        let resting = resting.map(|(meter, known)| (meter.clone(), *known));
        self.before.extend(resting);
    }

    /// How many were lost before the alarm that stands began, by meter; where none stands, so far.
    pub fn before(&self) -> &BTreeMap<String, u64> {
        &self.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(pulses: u64) -> BTreeMap<String, u64> {
        BTreeMap::from([("Import".to_owned(), pulses)])
    }

    #[test]
    fn what_is_new_is_told_also_over_a_reboot() {
        let mut watch = LossWatch::default();
        assert!(watch.look(&lost(5)).is_empty(), "it is no news");
        assert_eq!(watch.look(&lost(6))[0].sentence, "Import: 1 pulse is lost");
        assert!(watch.look(&lost(6)).is_empty());
        watch.rest(|_| false);
        let mut again = LossWatch::default();
        again.restore(watch.before().clone());
        assert_eq!(
            again.look(&lost(9))[0].sentence,
            "Import: 3 pulses are lost"
        );
        assert!(again.look(&lost(2)).is_empty());
        assert_eq!(again.look(&lost(3))[0].sentence, "Import: 1 pulse is lost");
    }

    #[test]
    fn all_that_is_lost_while_an_alarm_stands_is_told_together() {
        let mut watch = LossWatch::default();
        watch.look(&lost(5));
        watch.rest(|_| false);
        watch.look(&lost(6));
        watch.rest(|_| true);
        let told = watch.look(&lost(100_005));
        assert_eq!(told[0].sentence, "Import: 100000 pulses are lost");
        watch.rest(|_| true);
        // The next run goes on with the alarm.
        let mut again = LossWatch::default();
        again.restore(watch.before().clone());
        assert_eq!(again.look(&lost(100_005)), told);
        again.rest(|_| true);
        assert!(again.look(&lost(100_005)).is_empty(), "it may end");
        assert_eq!(
            again.look(&lost(100_007))[0].sentence,
            "Import: 100002 pulses are lost"
        );
        again.rest(|_| false);
        assert_eq!(
            again.look(&lost(100_008))[0].sentence,
            "Import: 1 pulse is lost"
        );
    }
}
