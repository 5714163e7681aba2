//! Reads rows around the pages that are damaged.

use rusqlite::{Connection, Params, Row, Statement};

/// Ids that are tried one by one without finding a row.
pub(super) const BLIND_IDS: i64 = 20_000;

/// Reads rows until they end or one cannot be read.
pub(super) fn each_row<T>(
    (connection, select): (&Connection, &str),
    asked: impl Params,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    mut each: impl FnMut(T),
) -> rusqlite::Result<()> {
    let mut select = connection.prepare(select)?;
    let mut rows = select.query(asked)?;
    while let Some(row) = rows.next()? {
        each(read(row)?);
    }
    Ok(())
}

/// Rows a read.
const PAGE_ROWS: i64 = 10_000;

/// Reads the rows from the first id (1 if it is not known) to the last (as far as there are any) around what is
/// damaged, a page at a time: the rows, and how much is read, of 1. `select` is asked for rows from ?1 to ?2, at
/// most ?3 of them. Returns how many ids are lost.
pub(super) fn each_page<T>(
    select: &mut Statement<'_>,
    (first, last): (Option<i64>, Option<i64>),
    row: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    id_of: impl Fn(&T) -> i64,
    each: &mut dyn FnMut(&[T], f64),
) -> i64 {
    let first = first.unwrap_or(1);
    let share = |id: i64| {
        let last = last.unwrap_or(id).max(first.saturating_add(1));
        id.saturating_sub(first) as f64 / last.saturating_sub(first) as f64
    };
    let mut read = |first: i64, last: i64| {
        let rows = select.query_map((first, last, PAGE_ROWS), &row)?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    let mut emit = |rows: Vec<T>| {
        let at = rows.last().map_or(0.0, |row| share(id_of(row)));
        each(&rows, at);
    };
    around_damage((first, last), PAGE_ROWS, &mut read, &id_of, &mut emit)
}

/// Reads rows by ranges of ids, of which `read` gives at most `limit`, around what cannot be read: a
/// range that fails is halved until what is damaged stands alone. Returns how many ids are lost.
fn around_damage<T>(
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
