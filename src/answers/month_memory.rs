//! What was computed of whole months before: quarter hours of ten years are a million rows, and nothing of a month that has passed
//! changes but by what comes late.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Months that are kept: those of fifty years.
const MONTHS_MAX: usize = 600;

/// Values of months by when they begin, each with a name for all that it was computed of.
#[derive(Debug)]
pub struct MonthMemory<T>(Mutex<BTreeMap<i64, (u64, T)>>);

impl<T> Default for MonthMemory<T> {
    fn default() -> MonthMemory<T> {
        MonthMemory(Mutex::default())
    }
}

impl<T: Clone> MonthMemory<T> {
    /// The value of the month that begins at `start_s`, if it was computed of what has this name.
    pub(super) fn get(&self, start_s: i64, name: u64) -> Option<T> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, value) = known.get(&start_s).filter(|(of, _)| *of == name)?;
        Some(value.clone())
    }

    /// How many are kept.
    #[cfg(test)]
    pub fn known(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Keeps it.
    pub(super) fn put(&self, start_s: i64, name: u64, value: T) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MONTHS_MAX {
            known.pop_first();
        }
        known.insert(start_s, (name, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_computed_of_something_else_is_not_known() {
        let memory = MonthMemory::default();
        memory.put(0, 1, "seven");
        assert_eq!(memory.get(0, 1), Some("seven"));
        assert_eq!((memory.get(0, 2), memory.get(1, 1)), (None, None));
        for month in 1..=700 {
            memory.put(month, 1, "");
        }
        assert_eq!(memory.0.lock().unwrap().len(), MONTHS_MAX);
    }
}
