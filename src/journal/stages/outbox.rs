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
        if news.delivered.is_some() {
            waiting.delivered = news.delivered;
        }
        if news.state.is_some() {
            waiting.state = news.state;
        }
        if news.views.is_some() {
            waiting.views = news.views;
        }
        waiting.much |= news.much;
        waiting.refused.extend(news.refused);
        waiting.expired.extend(news.expired);
        waiting.released.extend(news.released);
        for reconciled in news.reconciled {
            match waiting.reconciled.last_mut() {
                Some(last) if last.takes(&reconciled) => last.merge(reconciled),
                _ => waiting.reconciled.push(reconciled),
            }
        }
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

    /// Up to where each level (by its code) is being compared or has been, and nobody has kept it yet.
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
        let since = std::mem::take(&mut *waiting);
        taken.delivered = since.delivered.or(taken.delivered);
        taken.state = since.state.or(taken.state);
        taken.views = since.views.or(taken.views);
        taken.reconciled.extend(since.reconciled);
        taken.refused.extend(since.refused);
        taken.expired.extend(since.expired);
        taken.released.extend(since.released);
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
