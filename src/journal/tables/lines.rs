//! How the meters' lines stand now, both sides: what a running daemon says to the commands beside it.

use std::collections::BTreeMap;

use rusqlite::{Transaction, params};

use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::tables::windows::put_watched;
use crate::journal::{JournalError, OpContext};
use crate::model::{FilterState, LineNow, LineState, MeterId, MeterRow, WatchedStretch};

/// Keeps the state of a meter's line.
pub(in crate::journal) fn put_line(
    transaction: &Transaction<'_>,
    meter: MeterRow,
    state: &LineState,
) -> Result<(), JournalError> {
    let filter = serde_json::to_string(&state.filter).expect("numbers and flags");
    let tally = serde_json::to_string(&state.tally).expect("numbers");
    #[expect(clippy::cast_possible_wrap, reason = "an id: only its bits matter")]
    let request = state.request_id as i64;
    transaction
        .prepare_cached(
            "INSERT INTO line (meter, request_id, line_seqno, filter, tally)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (meter) DO UPDATE SET request_id = excluded.request_id,
                 line_seqno = excluded.line_seqno, filter = excluded.filter,
                 tally = excluded.tally",
        )
        .and_then(|mut put| put.execute(params![meter, request, state.line_seqno, filter, tally]))
        .op("keep a line's state")?;
    Ok(())
}

/// How the lines stand, as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::journal) struct Lines {
    /// By meter.
    pub(in crate::journal) now: BTreeMap<MeterId, LineNow>,
    /// Stretches that were watched and are over.
    pub(in crate::journal) ended: Vec<(MeterId, WatchedStretch)>,
}

impl Journal {
    /// Keeps how the lines stand, and the stretches over which they were watched. `is_timed`: the clock can be
    /// trusted. Then the journal knows from now on that every line is to be watched: a line that was never
    /// read is not watched since then.
    ///
    /// # Errors
    /// When the disk does not take it; nothing is kept then.
    pub(in crate::journal) fn keep_lines(
        &mut self,
        lines: &Lines,
        is_timed: bool,
    ) -> Result<(), JournalError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        transaction
            .execute("DELETE FROM line_now", [])
            .op("keep the lines")?;
        let (mut watched, mut unread) = (lines.ended.clone(), Vec::new());
        for (meter, now) in &lines.now {
            let row = self.meters[meter.index()];
            transaction
                .execute(
                    "INSERT INTO line_now VALUES (?1, ?2, ?3)",
                    (row, now.since_ns, &now.why),
                )
                .op("keep the lines")?;
            let (since_ns, until_ns) = (now.since_ns, now.since_ns);
            let stretch = (*meter, WatchedStretch { since_ns, until_ns });
            let is_read = now.why.is_none();
            if is_read { &mut watched } else { &mut unread }.push(stretch);
        }
        let put = |(meter, watch): &(MeterId, WatchedStretch), unless_known: bool| {
            let row = self.meters[meter.index()];
            if unless_known && is_known(&transaction, row)? {
                return Ok(());
            }
            // Inwards to whole seconds, as all that is watched.
            let since_ns = watch.since_ns.max(self.vouches_from_ns);
            let begins_s = since_ns.s() + 1;
            let ends_s = watch.until_ns.s().max(begins_s);
            put_watched(&transaction, row, (begins_s, ends_s))
        };
        if is_timed {
            watched.iter().try_for_each(|stretch| put(stretch, false))?;
            // One that was watched before is missed since then.
            unread.iter().try_for_each(|stretch| put(stretch, true))?;
        }
        transaction.commit().op("commit")
    }
}

/// Whether it is known since when a meter's line is to be watched.
fn is_known(transaction: &Transaction<'_>, meter: MeterRow) -> Result<bool, JournalError> {
    transaction
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM watched WHERE meter = ?1)")
        .and_then(|mut select| select.query_row([meter], |row| row.get(0)))
        .op("be read")
}

impl Reader {
    /// Where each meter's line stood at the last commit: its name, the id of its request, the filter's
    /// memory.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn lines(&self) -> Result<Vec<(String, u64, FilterState)>, JournalError> {
        let rows: Vec<(String, i64, String)> = self
            .connection
            .prepare_cached(
                "SELECT name, request_id, filter FROM line JOIN meter ON meter.id = meter
                 WHERE request_id IS NOT NULL AND filter IS NOT NULL",
            )
            .and_then(|mut select| select.query_map([], |row| row.try_into())?.collect())
            .op("be read")?;
        let line = |(name, request_id, filter): (String, i64, String)| {
            #[expect(clippy::cast_sign_loss, reason = "an id: only its bits matter")]
            let request_id = request_id as u64;
            // What an older version has written and this one cannot read is not remembered.
            Some((name, request_id, serde_json::from_str(&filter).ok()?))
        };
        Ok(rows.into_iter().filter_map(line).collect())
    }

    /// How the lines of the running daemon stand, by meter's name. Of a daemon that has ended: how they stood.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn lines_now(&self) -> Result<BTreeMap<String, LineNow>, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT name, since_ns, why FROM line_now JOIN meter ON meter.id = line_now.meter",
            )
            .and_then(|mut select| {
                let lines = select.query_map([], |row| {
                    let (since_ns, why) = (row.get(1)?, row.get(2)?);
                    Ok((row.get(0)?, LineNow { since_ns, why }))
                })?;
                lines.collect()
            })
            .op("be read")
    }

    /// Until when each meter's line was last watched, in seconds since 1970, by meter's name; of one that never was:
    /// since when it is to be watched.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn watched_until_s(&self) -> Result<BTreeMap<String, i64>, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT name, max(ends_s) FROM watched JOIN meter ON meter.id = watched.meter
                 GROUP BY name",
            )
            .and_then(|mut select| select.query_map([], |row| row.try_into())?.collect())
            .op("be read")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::{WALL, names};
    use crate::model::NS_PER_S;

    #[test]
    fn a_line_that_was_never_read_is_missed_from_the_first_second() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path(), &names(), "boot", WALL).unwrap();
        let mut lines = Lines::default();
        let why = Some("in use".to_owned());
        lines.now.insert(
            MeterId(0),
            LineNow {
                since_ns: WALL,
                why: why.clone(),
            },
        );
        journal.keep_lines(&lines, true).unwrap();
        let reader = Reader::open(dir.path()).unwrap();
        assert_eq!(reader.lines_now().unwrap()["Import"].why, why);
        let wall_s = WALL.s();
        assert_eq!(reader.watched_until_s().unwrap()["Import"], wall_s + 1);
        // 84 s later it is read, for 20 s, within a minute.
        let up_ns = WALL + 84 * NS_PER_S;
        lines.now.insert(
            MeterId(0),
            LineNow {
                since_ns: up_ns,
                why: None,
            },
        );
        journal.keep_lines(&lines, true).unwrap();
        let watch = WatchedStretch {
            since_ns: up_ns,
            until_ns: up_ns + 20 * NS_PER_S,
        };
        lines.ended.push((MeterId(0), watch));
        journal.keep_lines(&lines, true).unwrap();
        let unwatched = reader.unwatched().unwrap();
        assert_eq!(unwatched.len(), 1);
        assert_eq!(
            (unwatched[0].from_s, unwatched[0].until_s),
            (wall_s + 1, wall_s + 85)
        );
        assert_eq!(reader.watched_until_s().unwrap()["Import"], wall_s + 104);
    }

    #[test]
    fn a_line_that_goes_and_comes_is_missed_once_from_the_second_it_went() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path(), &names(), "boot", WALL).unwrap();
        let mut lines = Lines::default();
        let mut told = |since_s: i64, why: Option<&str>, ended: Option<(i64, i64)>| {
            let at_ns = |s: i64| WALL + s * NS_PER_S;
            let (since_ns, why) = (at_ns(since_s), why.map(str::to_owned));
            lines.now.insert(MeterId(0), LineNow { since_ns, why });
            lines.ended = ended
                .map(|(since_s, until_s)| {
                    let (since_ns, until_ns) = (at_ns(since_s), at_ns(until_s));
                    (MeterId(0), WatchedStretch { since_ns, until_ns })
                })
                .into_iter()
                .collect();
            journal.keep_lines(&lines, true).unwrap();
        };
        let wall_s = WALL.s();
        let found = || {
            let reader = Reader::open(dir.path()).unwrap();
            let unwatched = reader.unwatched().unwrap().into_iter();
            let gaps: Vec<_> = unwatched
                .map(|gap| (gap.from_s - wall_s, gap.until_s - wall_s))
                .collect();
            (gaps, reader.watched_until_s().unwrap()["Import"] - wall_s)
        };
        told(0, None, None);
        told(49, Some("gone"), Some((0, 49)));
        assert_eq!(found(), (vec![], 49));
        told(55, Some("busy"), None);
        assert_eq!(found(), (vec![], 49));
        told(60, None, None);
        assert_eq!(found(), (vec![(49, 61)], 61));
        told(80, Some("gone"), Some((60, 80)));
        assert_eq!(found(), (vec![(49, 61)], 80));
    }

    #[test]
    fn what_an_earlier_run_told_of_its_lines_is_forgotten_at_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let open = |again| {
            let open = if again {
                Journal::open_again
            } else {
                Journal::open
            };
            open(dir.path(), &names(), "boot", WALL).unwrap()
        };
        let told = || Reader::open(dir.path()).unwrap().lines_now().unwrap().len();
        let mut lines = Lines::default();
        let (since_ns, why) = (WALL, None);
        lines.now.insert(MeterId(0), LineNow { since_ns, why });
        open(false).keep_lines(&lines, true).unwrap();
        assert_eq!(told(), 1);
        drop(open(true));
        assert_eq!(told(), 1, "the same run goes on");
        drop(open(false));
        assert_eq!(told(), 0);
    }

    #[test]
    fn without_a_time_nothing_is_said_to_be_watched() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path(), &names(), "boot", WALL).unwrap();
        let mut lines = Lines::default();
        let (since_ns, why) = (WALL, None);
        lines.now.insert(MeterId(1), LineNow { since_ns, why });
        journal.keep_lines(&lines, false).unwrap();
        let reader = Reader::open(dir.path()).unwrap();
        assert!(reader.watched_until_s().unwrap().is_empty());
        assert_eq!(reader.lines_now().unwrap().len(), 1);
    }
}
