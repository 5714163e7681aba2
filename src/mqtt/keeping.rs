//! The memory of what is published, on the disk: read when settings are taken up, written before anything new is said.

use std::path::Path;

use super::identity;
use super::memory::{self, Configured};
use crate::journal::{JournalError, MqttKeeper, MqttKept, Reader};

/// The memory, and where it is kept.
#[derive(Debug)]
pub(super) struct Keeping<'a> {
    /// The journal's directory.
    dir: &'a Path,
    /// What is on the disk.
    pub kept: MqttKept,
}

impl<'a> Keeping<'a> {
    /// Reads it, and completes it for the configured meters. `total`: how many pulses have ever been counted of a meter.
    ///
    /// # Errors
    /// When the journal cannot be read or written to.
    pub(super) fn begin(
        dir: &'a Path,
        configured: &[Configured],
        total: impl Fn(&str) -> i64,
    ) -> Result<Keeping<'a>, JournalError> {
        let kept = Reader::open(dir)?.mqtt_kept()?;
        let machine = identity::machine();
        let now = MqttKept {
            id: identity::id(&kept, &machine, dir, fastrand::u32(..)),
            machine: if machine.is_empty() {
                kept.machine.clone()
            } else {
                machine
            },
            meters: memory::remembered(&kept.meters, configured, total),
            topics: kept.topics.clone(),
        };
        let mut keeping = Keeping { dir, kept };
        keeping.keep(now)?;
        Ok(keeping)
    }

    /// Something is to stand on these topics: none of them is forgotten, whatever happens. Returns the topics that are to
    /// be empty.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn announce(
        &mut self,
        wanted: impl Iterator<Item = String>,
    ) -> Result<Vec<String>, JournalError> {
        let (all, gone) = memory::topics(&self.kept, wanted);
        self.keep(MqttKept {
            topics: all,
            ..self.kept.clone()
        })?;
        Ok(gone.into_iter().collect())
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
            MqttKeeper::open(self.dir)?.keep(&now)?;
            self.kept = now;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Journal;
    use crate::model::WallNs;

    #[test]
    fn what_was_announced_is_known_to_the_next_run_until_it_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let meters = ["Import".to_owned()];
        drop(Journal::open(dir.path(), &meters, "boot", WallNs(0)).unwrap());
        let configured = [Configured {
            name: "Import".to_owned(),
            line: "GPIO20".to_owned(),
            pulses_per_unit: Some(1_000.0),
        }];
        let begin = || Keeping::begin(dir.path(), &configured, |_| 0).unwrap();
        let mut first = begin();
        let id = first.kept.id.clone();
        assert_eq!((id.len(), first.kept.meters.len()), (8, 1));
        let topics = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let gone = first.announce(topics(&["a", "b"]).into_iter()).unwrap();
        assert_eq!(gone, topics(&[]));
        // The process dies here.
        let mut second = begin();
        assert_eq!(second.kept.id, id);
        let gone = second.announce(topics(&["b", "c"]).into_iter()).unwrap();
        assert_eq!(gone, topics(&["a"]));
        let third = begin();
        assert_eq!(third.kept.topics.len(), 3, "a may still stand there");
        second.removed(&topics(&["a"])).unwrap();
        assert_eq!(begin().kept.topics.len(), 2);
    }
}
