//! The ledger as it is answered: what was rejected or lost, and when a line was not watched.

use serde::{Deserialize, Serialize};

use crate::journal::{JournalError, Reader};
use crate::model::{LossCause, View, WallNs};
use crate::status::LossStatus;
use crate::status::line::{Daemon, line_status};

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossesAnswer {
    /// The pulses are made up: by the simulated house, or from a recording.
    pub simulated: bool,
    /// Pulses that are lost for good.
    pub lost: u64,
    /// When counting began, in seconds since 1970; None: nothing is counted yet.
    pub since_s: Option<i64>,
    /// By meter and cause.
    pub entries: Vec<LossEntry>,
    /// When lines were not watched: what came then is not known.
    pub unwatched: Vec<UnwatchedStretch>,
}

/// LossesAnswer of a meter for one cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossEntry {
    /// The meter's name.
    pub meter: String,
    /// What and how many.
    #[serde(flatten)]
    pub loss: LossStatus,
}

/// A stretch over which a meter's line was not watched, or is not now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnwatchedStretch {
    /// The meter's name.
    pub meter: String,
    /// Its begin, in seconds since 1970; None: it was never watched, and since when it should be is not known.
    pub from_s: Option<i64>,
    /// Its end; None: it goes on.
    pub until_s: Option<i64>,
    /// Why it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl LossEntry {
    /// Why; None: a version to come knows a cause that this one does not.
    pub fn cause(&self) -> Option<LossCause> {
        LossCause::from_word(self.loss.cause)
    }
}

impl LossesAnswer {
    /// Takes the answer from the journal. `configured`: the meters whose lines are to be watched.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn take(
        reader: &Reader,
        configured: &[String],
        daemon: Daemon,
    ) -> Result<LossesAnswer, JournalError> {
        let ledger = reader.ledger()?;
        let entries: Vec<LossEntry> = ledger
            .into_iter()
            .map(|(meter, cause, loss)| LossEntry {
                meter,
                loss: LossStatus::of(cause, loss),
            })
            .collect();
        let lost = entries.iter().filter(|entry| entry.loss.lost);
        let closed = reader
            .unwatched()?
            .into_iter()
            .map(|stretch| UnwatchedStretch {
                meter: stretch.meter,
                from_s: Some(stretch.from_s),
                until_s: Some(stretch.until_s),
                why: None,
            });
        let open = open_stretches(reader, configured, daemon)?;
        Ok(LossesAnswer {
            simulated: reader.is_simulated()?,
            lost: lost.map(|entry| entry.loss.pulses).sum(),
            // Windows of an hour are kept for ever: the first one is when counting began.
            since_s: reader.first_window(View::Hour)?,
            unwatched: closed.chain(open).collect(),
            entries,
        })
    }
}

/// The configured meters whose lines are not watched now: they are not read, or no daemon runs.
fn open_stretches(
    reader: &Reader,
    configured: &[String],
    daemon: Daemon,
) -> Result<Vec<UnwatchedStretch>, JournalError> {
    let until_s = reader.watched_until_s()?;
    let mut lines = reader.lines_now()?;
    let is_simulated = reader.is_simulated()?;
    let open = configured.iter().filter_map(|meter| {
        let until_s = until_s.get(meter).copied();
        let until_ns = until_s.map(WallNs::of_s);
        let told = lines.remove(meter).map(|told| (told.since_ns, told.why));
        let line = line_status(daemon, is_simulated, told, until_ns)?;
        let since_s = line.since_ns.map(WallNs::s);
        (!line.is_read).then(|| UnwatchedStretch {
            meter: meter.clone(),
            // The one is rounded up, the other is what the line itself tells.
            from_s: until_s.into_iter().chain(since_s).min(),
            until_s: None,
            why: Some(line.why),
        })
    });
    Ok(open.collect())
}
