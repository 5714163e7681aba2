//! The meters: their names, rows and totals.

use std::collections::BTreeMap;

use rusqlite::Row;

use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};
use crate::model::{MeterRow, WallNs};

/// One meter as the journal knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterTotals {
    /// Its name.
    pub name: String,
    /// Pulses ever journaled.
    pub pulses: i64,
    /// The last one's wall time, if there was one and its clock segment is final.
    pub last_ns: Option<WallNs>,
}

impl Reader {
    /// Names of the meters by row.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn meter_names(&self) -> Result<BTreeMap<MeterRow, String>, JournalError> {
        self.connection
            .prepare_cached("SELECT id, name FROM meter")
            .and_then(|mut select| select.query_map([], |row| row.try_into())?.collect())
            .op("be read")
    }

    /// The rows of meters by name.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn meter_rows(&self, names: &[String]) -> Result<Vec<Option<MeterRow>>, JournalError> {
        let known = self.meter_names()?;
        let row = |name: &String| {
            known
                .iter()
                .find(|(_, of)| *of == name)
                .map(|(row, _)| *row)
        };
        Ok(names.iter().map(row).collect())
    }

    /// The meters' totals, in the order in which they were first seen.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn totals(&self) -> Result<Vec<MeterTotals>, JournalError> {
        let totals = |row: &Row<'_>| {
            Ok(MeterTotals {
                name: row.get(0)?,
                pulses: row.get(1)?,
                last_ns: row.get(2)?,
            })
        };
        self.connection
            .prepare_cached(
                "SELECT name, coalesce(pulses, 0), last_mono_ns + offset_ns
                 FROM meter LEFT JOIN line ON line.meter = meter.id
                     LEFT JOIN clock_segment s ON s.id = last_segment AND s.trust > 0
                 ORDER BY meter.id",
            )
            .and_then(|mut select| select.query_map([], totals)?.collect())
            .op("be read")
    }
}
