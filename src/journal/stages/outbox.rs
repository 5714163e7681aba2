//! What delivery and the reconciler have to tell, on its way to the one writer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::intake::Intake;
use crate::journal::tables::compared::Reconciled;
use crate::journal::tables::deliveries::DeliveryNews;
use crate::model::Tier;

/// Where delivery and the reconciler leave what is to be kept; the writer collects it.
#[derive(Debug, Default)]
pub struct Outbox {
    news: Mutex<DeliveryNews>,
    comparing: Mutex<BTreeMap<i64, i64>>,
    /// Where the writer waits.
    intake: Option<Arc<Intake>>,
}

impl Outbox {
    /// One that wakes the writer, which waits at `intake`, for news that are urgent.
    pub(super) fn waking(intake: Arc<Intake>) -> Outbox {
        Outbox {
            intake: Some(intake),
            ..Outbox::default()
        }
    }

    /// Leaves news; newer ranges and states replace older ones.
    pub fn leave(&self, news: DeliveryNews) {
        let mut waiting = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.append(news);
        let urgent = is_urgent(&waiting);
        drop(waiting);
        if let Some(intake) = self.intake.as_ref().filter(|_| urgent) {
            intake.wake();
        }
    }

    /// Says before windows of a level up to `until_s` are compared for the first time: how they change
    /// from now on is to be told.
    pub fn comparing(&self, level: Tier, until_s: i64) {
        let mut comparing = self
            .comparing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        comparing.insert(level.as_code(), until_s);
    }

    /// Up to where each level (by its code) is being compared or has been, and is not kept yet.
    pub(in crate::journal) fn compared_until_s(&self) -> BTreeMap<i64, i64> {
        let comparing = self.comparing.lock();
        comparing.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes what is there. Ranges, and how far was compared, are left until `also_ranges`.
    pub(in crate::journal) fn collect(&self, also_ranges: bool) -> Option<DeliveryNews> {
        let mut waiting = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let urgent = is_urgent(&waiting);
        let ranges = waiting.delivered.is_some() || !waiting.reconciled.is_empty();
        if urgent || (also_ranges && ranges) {
            return Some(std::mem::take(&mut waiting));
        }
        None
    }

    /// Gives back what could not be kept, below what has come since.
    pub(in crate::journal) fn put_back(&self, mut taken: DeliveryNews) {
        let mut waiting = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        taken.append(std::mem::take(&mut *waiting));
        *waiting = taken;
    }
}

/// Whether it cannot wait until the next time that what was delivered is saved.
fn is_urgent(news: &DeliveryNews) -> bool {
    news.much
        || news.state.is_some()
        || news.views.is_some()
        || !news.refused.is_empty()
        || !news.expired.is_empty()
        || !news.released.is_empty()
        || news.reconciled.iter().any(Reconciled::is_urgent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::ids::IdRanges;
    use crate::model::{IdRange, PulseId};

    #[test]
    fn what_is_put_back_lies_below_what_has_come_since() {
        let outbox = Outbox::default();
        let news = |last, much| DeliveryNews {
            delivered: Some(IdRanges::from_ranges([IdRange::up_to(PulseId(last))])),
            much,
            released: vec![PulseId(last)],
            ..DeliveryNews::default()
        };
        outbox.leave(news(5, false));
        let taken = outbox.collect(true).unwrap();
        outbox.leave(news(9, true));
        outbox.put_back(taken);
        let all = outbox.collect(false).unwrap();
        assert_eq!(
            all,
            DeliveryNews {
                released: vec![PulseId(5), PulseId(9)],
                ..news(9, true)
            }
        );
    }
}
