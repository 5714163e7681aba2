//! How the ids of rows and pulses stand in SQL: as the integers they are.

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::model::{DestinationRow, IdRange, MeterRow, PulseId, SegmentRow, WallNs};

macro_rules! integer {
    ($($id:ident),*) => {$(
        impl ToSql for $id {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.0.to_sql()
            }
        }

        impl FromSql for $id {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<$id> {
                i64::column_result(value).map($id)
            }
        }
    )*};
}

integer!(WallNs, MeterRow, DestinationRow, SegmentRow, PulseId);

/// A range of ids, from a row whose two columns are the first and the last.
pub(super) fn id_range(row: &Row<'_>) -> rusqlite::Result<IdRange> {
    Ok(IdRange::new(row.get(0)?, row.get(1)?))
}

/// The same where both columns are NULL if there is none.
pub(super) fn id_range_if_any(row: &Row<'_>) -> rusqlite::Result<Option<IdRange>> {
    let ends = Option::zip(row.get(0)?, row.get(1)?);
    Ok(ends.map(|(first, last)| IdRange::new(first, last)))
}
