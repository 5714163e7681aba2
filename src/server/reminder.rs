//! How delivery stands, and when to tell of it: at once when it changes, then ever more rarely. Pure.

use crate::model::{MonoNs, NS_PER_S};

/// A trouble that goes on is told again after this, then after twice as long, and so on.
const REMIND_MIN_NS: i64 = 60 * NS_PER_S;
const REMIND_MAX_NS: i64 = 3_600 * NS_PER_S;

/// Whether something is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remind {
    /// It is new.
    Changed,
    /// It has gone on for long enough to be told again.
    Again,
    /// It was told not long ago.
    Quiet,
}

/// The state of delivery as a word: `ok`, a kind of trouble, or empty before the first answer.
#[derive(Debug, Default)]
pub struct Reminder {
    word: String,
    told_ns: MonoNs,
    remind_ns: i64,
}

impl Reminder {
    /// As the last run left it.
    pub fn new(word: String) -> Reminder {
        Reminder {
            word,
            ..Reminder::default()
        }
    }

    /// The word.
    pub fn word(&self) -> &str {
        &self.word
    }

    /// It is like this now.
    pub fn is_now(&mut self, word: &str, now_ns: MonoNs) -> Remind {
        if self.word != word {
            *self = Reminder {
                word: word.to_owned(),
                told_ns: now_ns,
                remind_ns: REMIND_MIN_NS,
            };
            return Remind::Changed;
        }
        if now_ns - self.told_ns < self.remind_ns {
            return Remind::Quiet;
        }
        self.told_ns = now_ns;
        self.remind_ns = (self.remind_ns * 2).clamp(REMIND_MIN_NS, REMIND_MAX_NS);
        Remind::Again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_at_once_and_then_ever_more_rarely() {
        let mut condition = Reminder::new("ok".to_owned());
        assert_eq!(condition.is_now("timeout", 0), Remind::Changed);
        let told: Vec<i64> = (1..400)
            .filter(|min| condition.is_now("timeout", min * 60 * NS_PER_S) == Remind::Again)
            .collect();
        assert_eq!(told, [1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363]);
        assert_eq!(condition.is_now("unauthorized", 0), Remind::Changed);
    }
}
