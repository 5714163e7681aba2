//! Reads a journal that SQLite does not take any more, or one from elsewhere: whatever rows can be
//! read, around the pages that are damaged.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row};

use crate::journal::salvage::file::Foreign;
use crate::journal::salvage::kinship::KnownSegments;
use crate::journal::{JournalError, OpContext};
use crate::model::{Loss, LossCause, Reading, WallNs};

/// Rows a read.
const PAGE_ROWS: i64 = 10_000;

/// Ids that are tried one by one without finding a row.
const BLIND_IDS: i64 = 20_000;

/// A pulse of another journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// Its id there.
    pub id: i64,
    /// The meter's row there.
    pub meter: i64,
    /// Its wall time; or why it cannot be told.
    pub wall_ns: Result<WallNs, &'static str>,
    /// What its wall time is in this journal, if it is here.
    pub here_ns: WallNs,
    /// Put back by number.
    pub estimated: bool,
}

impl Foreign {
    /// The names of another journal's meters, by row. What cannot be read is missing.
    pub fn meters(&self) -> BTreeMap<i64, String> {
        let mut found = BTreeMap::new();
        let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
        let _ = each_row(
            &self.connection,
            "SELECT id, name FROM meter",
            read,
            |row| {
                found.insert(row.0, row.1);
            },
        );
        found
    }

    /// Reads another journal's pulses in its order, a page at a time: the pulses, and how much is
    /// read, of 1. `here`: this journal's clock segments. Returns how many ids could not be read because
    /// their pages are damaged.
    ///
    /// # Errors
    /// When it is not such a journal.
    pub fn pulses(
        &self,
        here: &KnownSegments,
        each: &mut dyn FnMut(&[Salvaged], f64),
    ) -> Result<i64, JournalError> {
        let offsets = self.offsets(here);
        let mut select = self
            .connection
            .prepare(
                "SELECT id, meter, segment, mono_ns, estimated FROM pulse
                 WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3",
            )
            .op("be read")?;
        let salvaged = |row: &Row<'_>| {
            let segment: i64 = row.get(2)?;
            let mono_ns: i64 = row.get(3)?;
            let offsets = offsets.get(&segment).copied();
            let offsets = offsets.unwrap_or(Err("its clock segment is damaged"));
            let stamps = offsets.and_then(|offsets| {
                let at = |offset_ns: i64| mono_ns.checked_add(offset_ns);
                let both = at(offsets.theirs_ns).zip(at(offsets.here_ns));
                both.ok_or("its stamp is damaged")
            });
            Ok(Salvaged {
                id: row.get(0)?,
                meter: row.get(1)?,
                wall_ns: stamps.map(|(theirs_ns, _)| theirs_ns),
                here_ns: stamps.map_or(0, |(_, here_ns)| here_ns),
                estimated: row.get(4)?,
            })
        };
        let mut read = |first: i64, last: i64| {
            let rows = select.query_map((first, last, PAGE_ROWS), salvaged)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let (first, last) = self.pulse_bounds();
        let share = |id: i64| {
            let last = last.unwrap_or(id).max(first.saturating_add(1));
            id.saturating_sub(first) as f64 / last.saturating_sub(first) as f64
        };
        let mut emit = |rows: Vec<Salvaged>| {
            let at = rows.last().map_or(0.0, |row| share(row.id));
            each(&rows, at);
        };
        Ok(around_damage(
            (first, last),
            PAGE_ROWS,
            &mut read,
            |row| row.id,
            &mut emit,
        ))
    }

    /// The least id, and the greatest if anything tells it.
    fn pulse_bounds(&self) -> (i64, Option<i64>) {
        let ask = |what: &str| {
            let found = self
                .connection
                .query_row(what, [], |row| row.get::<_, Option<i64>>(0));
            found.ok().flatten()
        };
        let first =
            ask("SELECT min(id) FROM pulse").or_else(|| ask("SELECT min(first_id) FROM hour_ids"));
        let last = ask("SELECT max(id) FROM pulse");
        let counted = ask("SELECT max(last_id) FROM rolled");
        (
            first.unwrap_or(1),
            last.or(counted.map(|id| id.saturating_add(BLIND_IDS))),
        )
    }

    /// Another journal's ledger, as much as can be read: the meter's row there, cause, losses.
    pub fn losses(&self) -> Vec<(i64, LossCause, Loss)> {
        let mut found = Vec::new();
        let read = |row: &Row<'_>| {
            let (cause, pulses): (String, i64) = (row.get(1)?, row.get(2)?);
            let loss = Loss {
                pulses: pulses.unsigned_abs(),
                first_ns: row.get(3)?,
                last_ns: row.get(4)?,
            };
            Ok((row.get::<_, i64>(0)?, LossCause::from_word(&cause), loss))
        };
        let select = "SELECT meter, cause, pulses, first_ns, last_ns FROM ledger";
        let _ = each_row(&self.connection, select, read, |(meter, cause, loss)| {
            found.extend(cause.map(|cause| (meter, cause, loss)));
        });
        found
    }

    /// Another journal's readings of registers, as many as can be read: the meter's row there, reading.
    pub fn readings(&self) -> Vec<(i64, Reading)> {
        let mut found = Vec::new();
        let read = |row: &Row<'_>| {
            let reading = Reading {
                at_ns: row.get(1)?,
                pulses: row.get(2)?,
                kwh: row.get(3)?,
                imp_per_kwh: row.get(4)?,
                adopted: row.get(5)?,
            };
            Ok((row.get::<_, i64>(0)?, reading))
        };
        let select =
            "SELECT meter, at_ns, pulses, kwh, imp_per_kwh, adopted FROM register ORDER BY id";
        // An older journal has no such table.
        let _ = each_row(&self.connection, select, read, |row| found.push(row));
        found
    }
}

/// Reads rows until they end or one cannot be read.
pub(in crate::journal) fn each_row<T>(
    connection: &Connection,
    select: &str,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    mut each: impl FnMut(T),
) -> rusqlite::Result<()> {
    let mut select = connection.prepare(select)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        each(read(row)?);
    }
    Ok(())
}

/// Reads rows by ranges of ids, of which `read` gives at most `limit`, around what cannot be read: a
/// range that fails is halved until what is damaged stands alone. Returns how many ids are lost.
pub(in crate::journal) fn around_damage<T>(
    (first, last): (i64, Option<i64>),
    limit: i64,
    read: &mut dyn FnMut(i64, i64) -> rusqlite::Result<Vec<T>>,
    id_of: impl Fn(&T) -> i64,
    emit: &mut dyn FnMut(Vec<T>),
) -> i64 {
    let (mut next, mut lost, mut blind, mut leap) = (first, 0_i64, 0, BLIND_IDS);
    let end = last.unwrap_or(i64::MAX);
    while next <= end {
        if let Ok(rows) = read(next, end) {
            let full = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= limit;
            let reached = rows.last().map(&id_of).filter(|_| full);
            emit(rows);
            let Some(after) = reached.and_then(|id| id.checked_add(1)) else {
                return lost;
            };
            (next, blind, leap) = (after, 0, BLIND_IDS);
            continue;
        }
        let until = end.min(next.saturating_add(limit - 1));
        let mut found = 0;
        let mut counting = |rows: Vec<T>| {
            found += rows.len();
            emit(rows);
        };
        lost += halve((next, until), read, &mut counting);
        blind = if found == 0 { blind + limit } else { 0 };
        next = until.saturating_add(1);
        // A page that leads to thousands of others is gone, or an id far out is damage itself: leaps that
        // grow find the end of it, and halving the first id behind.
        while blind >= BLIND_IDS {
            let mut good = until.saturating_add(leap);
            if good >= end {
                return lost;
            }
            leap = leap.saturating_mul(2);
            if read(good, good).is_err() {
                continue;
            }
            let mut bad = until;
            while good - bad > 1 {
                let middle = bad + (good - bad) / 2;
                if read(middle, middle).is_ok() {
                    good = middle;
                } else {
                    bad = middle;
                }
            }
            lost = lost.saturating_add(bad - until);
            (next, blind) = (good, 0);
        }
        if until == i64::MAX {
            return lost;
        }
    }
    lost
}

fn halve<T>(
    (first, last): (i64, i64),
    read: &mut dyn FnMut(i64, i64) -> rusqlite::Result<Vec<T>>,
    emit: &mut dyn FnMut(Vec<T>),
) -> i64 {
    match read(first, last) {
        Ok(rows) => {
            emit(rows);
            0
        }
        Err(_) if first >= last => 1,
        Err(_) => {
            let middle = first + (last - first) / 2;
            halve((first, middle), read, emit) + halve((middle + 1, last), read, emit)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn everything_around_the_damage_is_read_once(
            ids in prop::collection::btree_set(1i64..400, 0..200),
            damaged in prop::collection::btree_set(1i64..400, 0..20),
            known_end in any::<bool>(),
        ) {
            let mut read = |first: i64, last: i64| {
                if damaged.range(first..=last).next().is_some() {
                    // As SQLite does: it fails when it comes to the damage, not before.
                    let before = ids.range(first..=last).take(7).count();
                    let first_damage = *damaged.range(first..=last).next().unwrap();
                    if before < 7 || *ids.range(first..=last).nth(6).unwrap() >= first_damage {
                        return Err(rusqlite::Error::InvalidQuery);
                    }
                }
                Ok(ids.range(first..=last).take(7).copied().collect::<Vec<_>>())
            };
            let mut found = Vec::new();
            let end = known_end.then(|| ids.last().copied().unwrap_or(0));
            let lost = around_damage((1, end), 7, &mut read, |id| *id, &mut |rows| found.extend(rows));
            let want: BTreeSet<i64> = ids.difference(&damaged).copied().collect();
            prop_assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), want);
            let most = i64::try_from(damaged.len()).unwrap();
            prop_assert!(lost <= most, "{} lost of {}", lost, most);
        }
    }
}
