//! What is told of what is wrong: once when it has been so for a while, once when it has been right again for a while.
//! Pure. Time is the monotonic clock's, so that no clock that is set makes an alarm.

use std::collections::{BTreeMap, BTreeSet};

use super::look::Found;
use crate::config::AlarmSettings;
use crate::model::{Alarm, MonoNs, NS_PER_S, WallNs};
use crate::status::Severity;

/// What is told, and after how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmRules {
    conditions: Vec<&'static str>,
    except: Vec<&'static str>,
    after_ns: i64,
    clear_after_ns: i64,
}

impl AlarmRules {
    /// As configured.
    pub fn of(settings: &AlarmSettings) -> AlarmRules {
        AlarmRules {
            conditions: settings.conditions.clone(),
            except: settings.except.clone(),
            after_ns: i64::from(settings.after_s) * NS_PER_S,
            clear_after_ns: i64::from(settings.clear_after_s) * NS_PER_S,
        }
    }

    /// Whether this is told at all.
    fn tells(&self, word: &str, severity: &str) -> bool {
        let is_wanted = if self.conditions.is_empty() {
            severity != Severity::Info.as_str()
        } else {
            self.conditions.contains(&word)
        };
        is_wanted && !self.except.contains(&word)
    }
}

/// Where something that is or was wrong stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It is wrong since then, and not told yet.
    Beginning(MonoNs),
    /// It was told.
    Standing,
    /// It was told, and is right again since then.
    Ending(MonoNs),
}

/// Something to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmChange {
    /// It has ended; else it has begun.
    pub is_end: bool,
    /// What it is.
    pub alarm: Alarm,
}

/// The machine.
#[derive(Debug)]
pub struct AlarmMachine {
    rules: AlarmRules,
    known: BTreeMap<(String, String), (Alarm, Phase)>,
}

impl AlarmMachine {
    /// One that knows of nothing wrong.
    pub fn new(rules: AlarmRules) -> AlarmMachine {
        AlarmMachine {
            rules,
            known: BTreeMap::new(),
        }
    }

    /// Other rules hold from here on. What they do not tell is forgotten, without a word.
    pub fn use_rules(&mut self, rules: AlarmRules) {
        self.known
            .retain(|_, (alarm, _)| rules.tells(&alarm.word, &alarm.severity));
        self.rules = rules;
    }

    /// An earlier run has told these.
    pub fn restore(&mut self, standing: impl IntoIterator<Item = Alarm>) {
        for alarm in standing {
            if self.rules.tells(&alarm.word, &alarm.severity) {
                self.known.insert(alarm.key(), (alarm, Phase::Standing));
            }
        }
    }

    /// This is wrong now, and of the `undecided`, by word and subject, it is not known. Returns what is to be told.
    pub fn look(
        &mut self,
        now: (MonoNs, WallNs),
        found: &[Found],
        undecided: &BTreeSet<(String, String)>,
    ) -> Vec<AlarmChange> {
        let mut changes = Vec::new();
        let rules = &self.rules;
        let told = |found: &&Found| rules.tells(found.word, found.severity.as_str());
        for found in found.iter().filter(told) {
            let (alarm, phase) = self
                .known
                .entry(found.key())
                .or_insert_with(|| (alarm_of(found, now.1), Phase::Beginning(now.0)));
            match *phase {
                Phase::Beginning(since_ns) => {
                    if found.is_event || now.0 - since_ns >= rules.after_ns {
                        *phase = Phase::Standing;
                        // What it is like now; since when it is so was known before.
                        *alarm = alarm_of(found, alarm.since_ns);
                        changes.push((false, alarm.clone()));
                    }
                }
                Phase::Standing | Phase::Ending(_) => {
                    *phase = Phase::Standing;
                    if found.is_event {
                        // More of it has happened: its end tells all of it.
                        alarm.sentence.clone_from(&found.sentence);
                    }
                }
            }
        }
        let is_found = |key: &(String, String)| {
            let mut all = found.iter();
            all.any(|found| found.word == key.0 && found.subject == key.1)
        };
        let clear_after_ns = rules.clear_after_ns;
        self.known.retain(|key, (alarm, phase)| {
            if is_found(key) {
                return true;
            }
            let since_ns = match *phase {
                Phase::Beginning(_) => return false,
                Phase::Standing if undecided.contains(key) => return true,
                Phase::Standing => now.0,
                Phase::Ending(since_ns) => since_ns,
            };
            *phase = Phase::Ending(since_ns);
            let is_over = now.0 - since_ns >= clear_after_ns;
            if is_over {
                changes.push((true, alarm.clone()));
            }
            !is_over
        });
        let changes = changes.into_iter();
        changes
            .map(|(is_end, alarm)| AlarmChange { is_end, alarm })
            .collect()
    }

    /// In how many nanoseconds the next look tells something, if nothing changes; None: never.
    pub fn due_in_ns(&self, now_ns: MonoNs) -> Option<i64> {
        let due = self.known.values().filter_map(|(_, phase)| match phase {
            Phase::Beginning(since_ns) => Some(since_ns + self.rules.after_ns - now_ns),
            Phase::Ending(since_ns) => Some(since_ns + self.rules.clear_after_ns - now_ns),
            Phase::Standing => None,
        });
        due.min().map(|due_ns| due_ns.max(0))
    }

    /// Whether this was told to have begun, and not to have ended.
    pub fn stands(&self, word: &str, subject: &str) -> bool {
        let mut standing = self.standing();
        standing.any(|alarm| alarm.word == word && alarm.subject == subject)
    }

    /// What was told to have begun and not to have ended.
    pub fn standing(&self) -> impl Iterator<Item = &Alarm> {
        let told = self.known.values();
        told.filter(|(_, phase)| !matches!(phase, Phase::Beginning(_)))
            .map(|(alarm, _)| alarm)
    }
}

fn alarm_of(found: &Found, since_ns: WallNs) -> Alarm {
    Alarm {
        word: found.word.to_owned(),
        subject: found.subject.clone(),
        severity: found.severity.as_str().to_owned(),
        since_ns,
        sentence: found.sentence.clone(),
        remedy: found.remedy.clone(),
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
