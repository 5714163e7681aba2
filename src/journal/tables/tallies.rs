//! What the filters made lately of what looks like pulses, as the daemon last committed it.

use std::collections::BTreeMap;

use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};
use crate::model::FilterTally;

impl Reader {
    /// The tallies, by meter's name. A journal of an older version holds none.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn tallies(&self) -> Result<BTreeMap<String, FilterTally>, JournalError> {
        let rows: Vec<(String, String)> = self
            .connection
            .prepare_cached(
                "SELECT name, tally FROM line JOIN meter ON meter.id = meter WHERE tally IS NOT NULL",
            )
            .and_then(|mut select| select.query_map([], |row| row.try_into())?.collect())
            .op("be read")?;
        // What another version has written and this one cannot read says nothing.
        let tally =
            |(name, text): (String, String)| Some((name, serde_json::from_str(&text).ok()?));
        Ok(rows.into_iter().filter_map(tally).collect())
    }
}
