//! Pulses that have gone missing since the alarms looked last. Pure.

use std::collections::BTreeMap;

use super::look::Found;
use crate::model::PULSES_LOST;
use crate::status::Severity;

/// How many lost pulses of each meter are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LossWatch {
    known: BTreeMap<String, u64>,
}

impl LossWatch {
    /// An earlier run knew of these.
    pub fn restore(&mut self, known: BTreeMap<String, u64>) {
        self.known.extend(known);
    }

    /// So many are lost now. What a meter has lost before it was looked at for the first time is no news.
    pub fn look(&mut self, lost: &BTreeMap<String, u64>) -> Vec<Found> {
        let mut found = Vec::new();
        for (meter, now) in lost {
            let before = self.known.insert(meter.clone(), *now).unwrap_or(*now);
            // Fewer: refused points were sent again, or it is another journal.
            let more = now.saturating_sub(before);
            if more > 0 {
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

    /// How many are known, by meter.
    pub fn known(&self) -> &BTreeMap<String, u64> {
        &self.known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_told_also_over_a_reboot() {
        let lost = |pulses| BTreeMap::from([("Import".to_owned(), pulses)]);
        let mut watch = LossWatch::default();
        assert!(watch.look(&lost(5)).is_empty(), "it is no news");
        assert_eq!(watch.look(&lost(6))[0].sentence, "Import: 1 pulse is lost");
        assert!(watch.look(&lost(6)).is_empty());
        let mut again = LossWatch::default();
        again.restore(watch.known().clone());
        assert_eq!(
            again.look(&lost(9))[0].sentence,
            "Import: 3 pulses are lost"
        );
        assert!(again.look(&lost(2)).is_empty());
        assert_eq!(again.look(&lost(3)).len(), 1);
    }
}
