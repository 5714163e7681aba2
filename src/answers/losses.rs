//! The ledger as it is answered: what was rejected or lost, and when a line was not watched.

use serde::{Deserialize, Serialize};

use crate::journal::{JournalError, Reader};
use crate::model::{LossCause, View, WallNs};
use crate::status::LossStatus;
use crate::status::line::{Daemon, line_status};

/// The most stretches and dated losses that may be asked for: two outages each day for sixty years.
pub const STRETCHES_MAX: usize = 50_000;

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
    /// When pulses were lost or put back: by meter, cause and quarter of an hour, in order of time. Of what an earlier version
    /// or another journal has lost only between when and when is known.
    #[serde(default)]
    pub dated: Vec<LossEntry>,
    /// When lines were not watched: what came then is not known.
    pub unwatched: Vec<UnwatchedStretch>,
    /// Where to ask for what was before, if this is not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The losses of a meter for one cause.
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
        let told = |(meter, cause, loss)| LossEntry {
            meter,
            loss: LossStatus::of(cause, loss),
        };
        let entries: Vec<LossEntry> = reader.ledger()?.into_iter().map(told).collect();
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
            dated: reader.dated_ledger()?.into_iter().map(told).collect(),
            entries,
            next: None,
        })
    }

    /// Leaves of what has a time the latest `limit` of each kind that began before `before_s` (seconds since 1970).
    pub fn keep_latest(&mut self, limit: usize, before_s: Option<i64>) {
        let began_s = |entry: &LossEntry| entry.loss.first_ns.s();
        // What goes on is not of the past, whenever it has begun.
        let unwatched_s = |stretch: &UnwatchedStretch| match stretch.until_s {
            Some(_) => stretch.from_s.unwrap_or(i64::MIN),
            None => i64::MAX,
        };
        let ends = [
            keep_latest(&mut self.dated, limit, before_s, began_s),
            keep_latest(&mut self.unwatched, limit, before_s, unwatched_s),
        ];
        // What both have told is told again, rather than left out.
        let oldest_s = ends.into_iter().flatten().max();
        self.next =
            oldest_s.map(|before_s| format!("/api/v1/losses?limit={limit}&before={before_s}"));
    }
}

/// Leaves the latest that began before `before_s`; when the oldest of them began, if there are older ones.
fn keep_latest<T>(
    all: &mut Vec<T>,
    limit: usize,
    before_s: Option<i64>,
    began_s: impl Fn(&T) -> i64,
) -> Option<i64> {
    all.retain(|one| before_s.is_none_or(|before_s| began_s(one) < before_s));
    all.sort_by_key(&began_s);
    let left_out = all.len().saturating_sub(limit);
    // Those that began together are told together.
    let first_s = began_s(all.get(left_out)?);
    let left_out = all.partition_point(|one| began_s(one) < first_s);
    all.drain(..left_out);
    (left_out > 0).then_some(first_s)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_told_and_lead_to_those_before() {
        let stretch = |from_s, until_s| UnwatchedStretch {
            meter: "Import".to_owned(),
            from_s,
            until_s,
            why: None,
        };
        let all = LossesAnswer {
            simulated: false,
            lost: 0,
            since_s: None,
            entries: Vec::new(),
            dated: Vec::new(),
            // By meter, and what goes on, also what never was.
            unwatched: vec![
                stretch(Some(10), Some(12)),
                stretch(Some(30), Some(32)),
                stretch(Some(20), Some(22)),
                stretch(Some(30), Some(35)),
                stretch(None, None),
            ],
            next: None,
        };
        let page = |limit, before_s| {
            let mut page = all.clone();
            page.keep_latest(limit, before_s);
            let begins = page.unwatched.iter().map(|stretch| stretch.from_s);
            (begins.collect::<Vec<_>>(), page.next)
        };
        let next = |before_s| Some(format!("/api/v1/losses?limit=2&before={before_s}"));
        // Those that began together are told together.
        let (told, then) = page(2, None);
        assert_eq!((told, then), (vec![Some(30), Some(30), None], next(30)));
        let (told, then) = page(2, Some(30));
        assert_eq!((told, then), (vec![Some(10), Some(20)], None));
        assert_eq!(page(9, None).1, None);
        assert_eq!(page(9, None).0.len(), 5);
    }
}
