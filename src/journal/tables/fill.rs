//! Fills in the quarters of hours that were counted before quarters were, or that came from another journal.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction};

use crate::journal::tables::windows::windows_of;
use crate::journal::{JournalError, OpContext};
use crate::model::{MeterRow, QUARTER_S, View};

/// Quarters in an hour.
const A_HOUR: usize = 4;

/// What is counted in quarters, by start and the meter's row.
pub(in crate::journal) type Quarters = BTreeMap<(i64, MeterRow), i64>;

/// What is known of the quarters of one meter's hour.
#[derive(Debug, Default)]
struct HourSplit {
    /// All pulses of the hour.
    pulses: i64,
    /// Pulses that are known to be in each quarter: by five minutes, and by what is counted there already.
    fine: [i64; A_HOUR],
    /// The same, and what another journal knows.
    finer: [i64; A_HOUR],
    /// What stands there now: all pulses, and those that are known by the hour alone.
    there: [(i64, i64); A_HOUR],
}

impl HourSplit {
    /// Pulses of each quarter, and, with the first one, those that are known to be in the hour and no more.
    fn split(&self) -> [(i64, i64); A_HOUR] {
        let is_told = self.finer.iter().sum::<i64>() <= self.pulses;
        let fine = if is_told { self.finer } else { self.fine };
        let coarse = (self.pulses - fine.iter().sum::<i64>()).max(0);
        let mut split = fine.map(|pulses| (pulses, 0));
        split[0] = (fine[0] + coarse, coarse);
        split
    }
}

/// Makes the quarters of the hours `from_s..to_s` add up to what is counted in those hours. Each quarter holds what five minutes
/// tell, what is counted there already, or what `theirs` (another journal's quarters) tell, whichever is most; what none of
/// them tells is known by the hour alone, and stands in its first quarter. To do it again changes nothing: pulses that are
/// counted between two such pieces of work are in windows and quarters alike.
pub(in crate::journal) fn fill_quarters(
    transaction: &Transaction<'_>,
    (from_s, to_s): (i64, i64),
    theirs: &Quarters,
) -> Result<(), JournalError> {
    let mut hours: BTreeMap<(i64, MeterRow), HourSplit> = BTreeMap::new();
    for window in windows_of(transaction, View::Hour, (from_s, to_s))? {
        let split = hours.entry((window.start_s, window.meter)).or_default();
        split.pulses = window.pulses;
    }
    // What hours do not tell of is damage.
    let place = |start_s: i64, meter: MeterRow| {
        let hour_s = View::Hour.floor_s(start_s);
        let quarter = usize::try_from((start_s - hour_s) / QUARTER_S).unwrap_or(0);
        ((hour_s, meter), quarter)
    };
    for five in windows_of(transaction, View::FiveMinutes, (from_s, to_s))? {
        let (hour, quarter) = place(five.start_s, five.meter);
        if let Some(split) = hours.get_mut(&hour) {
            split.fine[quarter] += five.pulses;
        }
    }
    for (start_s, meter, pulses, coarse) in quarter_rows(transaction, (from_s, to_s))? {
        let (hour, quarter) = place(start_s, meter);
        if let Some(split) = hours.get_mut(&hour) {
            split.there[quarter] = (pulses, coarse);
            split.fine[quarter] = split.fine[quarter].max(pulses - coarse);
        }
    }
    for split in hours.values_mut() {
        split.finer = split.fine;
    }
    for ((start_s, meter), pulses) in
        theirs.range((from_s, MeterRow(i64::MIN))..(to_s, MeterRow(i64::MIN)))
    {
        let (hour, quarter) = place(*start_s, *meter);
        if let Some(split) = hours.get_mut(&hour) {
            split.finer[quarter] = split.finer[quarter].max(*pulses);
        }
    }
    for ((hour_s, meter), hour) in hours {
        let starts = (0..).map(|n| hour_s + n * QUARTER_S);
        for ((start_s, new), there) in starts.zip(hour.split()).zip(hour.there) {
            if new != there {
                put_quarter(transaction, (start_s, meter), new)?;
            }
        }
    }
    Ok(())
}

fn put_quarter(
    transaction: &Transaction<'_>,
    (start_s, meter): (i64, MeterRow),
    (pulses, coarse): (i64, i64),
) -> Result<(), JournalError> {
    transaction
        .prepare_cached(
            "INSERT INTO quarter (start_s, meter, pulses, coarse) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET pulses = excluded.pulses, coarse = excluded.coarse",
        )
        .and_then(|mut put| put.execute((start_s, meter, pulses, coarse)))
        .op("keep a quarter of an hour")?;
    Ok(())
}

/// Start, meter, pulses, pulses that are known by the hour alone.
fn quarter_rows(
    connection: &Connection,
    span_s: (i64, i64),
) -> Result<Vec<(i64, MeterRow, i64, i64)>, JournalError> {
    connection
        .prepare_cached(
            "SELECT start_s, meter, pulses, coarse FROM quarter WHERE start_s >= ?1 AND start_s < ?2",
        )
        .and_then(|mut select| select.query_map(span_s, |row| row.try_into())?.collect())
        .op("be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_split_by_the_best_that_is_known() {
        let split = |pulses, fine, finer| {
            let hour = HourSplit {
                pulses,
                fine,
                finer,
                ..HourSplit::default()
            };
            hour.split()
        };
        let all = [(1, 0), (2, 0), (3, 0), (4, 0)];
        assert_eq!(split(10, [1, 2, 3, 4], [1, 2, 3, 4]), all);
        assert_eq!(split(10, [0; 4], [1, 2, 3, 4]), all);
        let rest = [(6, 5), (2, 0), (3, 0), (0, 0)];
        assert_eq!(split(11, [1, 2, 3, 0], [1, 2, 3, 0]), rest);
        // Another journal has counted other pulses: what it tells does not fit.
        assert_eq!(split(11, [1, 2, 3, 0], [9, 2, 3, 0]), rest);
    }
}
