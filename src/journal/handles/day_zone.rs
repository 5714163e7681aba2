//! The zone of the local days that a journal counts, as it is kept in it.

use jiff::tz::TimeZone;
use rusqlite::{Connection, OptionalExtension};

use crate::energy::periods::{Calendar, Period, PeriodUnit};
use crate::journal::{JournalError, OpContext};

/// In place of a name: the system's zone, where nothing tells what it is called.
const UNNAMED: &str = "system";

/// The zone, and the row by which its days are kept.
#[derive(Debug, Clone)]
pub(in crate::journal) struct DayZone {
    pub(in crate::journal) row: i64,
    pub(in crate::journal) calendar: Calendar,
}

/// The name under which a zone's days are kept.
pub(in crate::journal) fn name_of(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or(UNNAMED)
}

impl DayZone {
    /// The zone whose days were kept last; None: none were, or this machine does not know it.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(in crate::journal) fn load(
        connection: &Connection,
    ) -> Result<Option<DayZone>, JournalError> {
        let Some((row, name)) = newest(connection)? else {
            return Ok(None);
        };
        let zone = match name.as_str() {
            UNNAMED => Some(TimeZone::system()),
            name => TimeZone::get(name).ok(),
        };
        Ok(zone.map(|zone| DayZone {
            row,
            calendar: Calendar::new(zone),
        }))
    }

    /// Keeps the days of `zone` from now on, under a row of their own where `is_new`, or where another zone's were kept so
    /// far. Days of which the journal has counted something already are then not told before they are filled.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(in crate::journal) fn keep(
        connection: &Connection,
        zone: &TimeZone,
        is_new: bool,
    ) -> Result<DayZone, JournalError> {
        let name = name_of(zone);
        let known = newest(connection)?.filter(|(_, known)| known == name && !is_new);
        let row = match known {
            Some((row, _)) => row,
            None => {
                connection
                    .execute(
                        "INSERT INTO zone (name, days_from_s) VALUES (?1,
                             CASE WHEN EXISTS (SELECT 1 FROM window) THEN ?2 ELSE 0 END)",
                        (name, i64::MAX),
                    )
                    .op("keep the zone of the days")?;
                connection.last_insert_rowid()
            }
        };
        Ok(DayZone {
            row,
            calendar: Calendar::new(zone.clone()),
        })
    }

    /// The first second of the local day that holds `wall_s`.
    pub(in crate::journal) fn day_start_s(&self, wall_s: i64) -> i64 {
        self.calendar.day_start_s(self.calendar.date_at(wall_s))
    }

    /// The first second after the local day that holds `wall_s`.
    pub(in crate::journal) fn day_end_s(&self, wall_s: i64) -> i64 {
        let day = Period::containing(PeriodUnit::Day, self.calendar.date_at(wall_s));
        self.calendar.span(day).end_s
    }
}

fn newest(connection: &Connection) -> Result<Option<(i64, String)>, JournalError> {
    connection
        .query_row(
            "SELECT id, name FROM zone ORDER BY id DESC LIMIT 1",
            [],
            |row| row.try_into(),
        )
        .optional()
        .op("be read")
}
