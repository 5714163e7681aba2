//! The memory of what is published, on the disk: read when settings are taken up, written before anything new is said.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::identity;
use super::memory::{self, Configured};
use crate::journal::{JournalError, MqttKeeper, MqttKept, Reader};

/// The memory, and where it is kept.
#[derive(Debug)]
pub(super) struct MqttMemory {
    /// The journal's directory.
    dir: PathBuf,
    configured: Vec<Configured>,
    /// All that is known; on the disk, too.
    pub(super) kept: MqttKept,
    /// Pulses of all meters, when it was asked last.
    pulses: i64,
    /// Topics that are said on this connection.
    wanted: BTreeSet<String>,
}

impl MqttMemory {
    /// Reads it, and completes it for the configured meters. `total`: how many pulses have ever been counted of a meter;
    /// `earlier`: how many before this run.
    ///
    /// # Errors
    /// When the journal cannot be read or written to.
    pub(super) fn begin(
        dir: &Path,
        configured: Vec<Configured>,
        total: impl Fn(&str) -> i64,
        earlier: impl Fn(&str) -> i64,
    ) -> Result<MqttMemory, JournalError> {
        let kept = Reader::open(dir)?.mqtt_kept()?;
        let machine = identity::machine();
        let now = MqttKept {
            id: identity::id(&kept, &machine, dir, fastrand::u32(..)),
            machine: if machine.is_empty() {
                kept.machine.clone()
            } else {
                machine
            },
            meters: memory::remembered(&kept.meters, &configured, total, earlier),
            topics: kept.topics.clone(),
        };
        let mut memory = MqttMemory {
            dir: dir.to_owned(),
            configured,
            kept,
            pulses: 0,
            wanted: BTreeSet::new(),
        };
        memory.keep(now)?;
        Ok(memory)
    }

    /// Follows the journal: one that has counted less than before is another one, whose meters begin at 0, and which has
    /// no memory of its own.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn follow(&mut self, total: impl Fn(&str) -> i64) -> Result<(), JournalError> {
        let pulses = self.configured.iter().map(|meter| total(&meter.name)).sum();
        if pulses < self.pulses {
            // Names stay while it runs.
            let meters = memory::remembered(&self.kept.meters, &self.configured, &total, &total);
            let now = MqttKept {
                meters,
                ..self.kept.clone()
            };
            MqttKeeper::open(&self.dir)?.keep(&now)?;
            self.kept = now;
        }
        self.pulses = pulses;
        Ok(())
    }

    /// Something is to stand on these topics: none of them is forgotten, whatever happens. Returns the topics that are to
    /// be empty, where these are others than before.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn announce<'t>(
        &mut self,
        wanted: impl Iterator<Item = &'t String>,
    ) -> Result<Vec<String>, JournalError> {
        let wanted: BTreeSet<String> = wanted.cloned().collect();
        if wanted == self.wanted {
            return Ok(Vec::new());
        }
        let (all, gone) = memory::topics(&self.kept, &wanted);
        self.keep(MqttKept {
            topics: all,
            ..self.kept.clone()
        })?;
        self.wanted = wanted;
        Ok(gone.into_iter().collect())
    }

    /// A connection begins: what is to be empty is asked for again.
    pub(super) fn begin_connection(&mut self) {
        self.wanted.clear();
    }

    /// Nothing stands on these topics any more.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn removed(&mut self, topics: &[String]) -> Result<(), JournalError> {
        let mut now = self.kept.clone();
        now.topics.retain(|topic| !topics.contains(topic));
        self.keep(now)
    }

    /// Writes it, where it is new. The journal is closed again: it must not be kept open where its disk is to be
    /// unmounted.
    fn keep(&mut self, now: MqttKept) -> Result<(), JournalError> {
        if now != self.kept {
            MqttKeeper::open(&self.dir)?.keep(&now)?;
            self.kept = now;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Journal;
    use crate::model::{Quantity, WallNs};

    #[test]
    fn what_was_announced_is_known_to_the_next_run_until_it_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let meters = ["Import".to_owned()];
        drop(Journal::open(dir.path(), &meters, "boot", WallNs(0)).unwrap());
        let configured = vec![Configured {
            name: "Import".to_owned(),
            line: "GPIO20".to_owned(),
            unit: Quantity::KilowattHours,
            pulses_per_unit: Some(1_000.0),
        }];
        let begin = || MqttMemory::begin(dir.path(), configured.clone(), |_| 0, |_| 0).unwrap();
        let mut first = begin();
        let id = first.kept.id.clone();
        assert_eq!((id.len(), first.kept.meters.len()), (8, 1));
        let topics = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let gone = first.announce(topics(&["a", "b"]).iter()).unwrap();
        assert_eq!(gone, topics(&[]));
        // The process dies here.
        let mut second = begin();
        assert_eq!(second.kept.id, id);
        let gone = second.announce(topics(&["b", "c"]).iter()).unwrap();
        assert_eq!(gone, topics(&["a"]));
        let third = begin();
        assert_eq!(third.kept.topics.len(), 3, "a may still stand there");
        second.removed(&topics(&["a"])).unwrap();
        assert_eq!(begin().kept.topics.len(), 2);
    }

    #[test]
    fn another_journal_is_told_what_the_first_one_knew() {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        for dir in &dirs {
            let meters = ["Import".to_owned()];
            drop(Journal::open(dir.path(), &meters, "boot", WallNs(0)).unwrap());
        }
        let configured = vec![Configured {
            name: "Import".to_owned(),
            line: "GPIO20".to_owned(),
            unit: Quantity::KilowattHours,
            pulses_per_unit: Some(1_000.0),
        }];
        let mut memory = MqttMemory::begin(dirs[0].path(), configured, |_| 0, |_| 0).unwrap();
        memory.announce(["a".to_owned()].iter()).unwrap();
        memory.follow(|_| 1_000).unwrap();
        // The journal is moved aside, and a new one counts from 0.
        memory.dir = dirs[1].path().to_owned();
        memory.follow(|_| 1_000).unwrap();
        let kept = || Reader::open(dirs[1].path()).unwrap().mqtt_kept().unwrap();
        assert_eq!(kept(), MqttKept::default(), "nothing is new");
        memory.follow(|_| 3).unwrap();
        assert_eq!(kept(), memory.kept);
        assert_eq!(memory::amount(&memory.kept.meters[0], 3), Some(0.003));
    }
}
