//! What MQTT must not forget: by which names the meters are published, how much each had counted when what a pulse is
//! worth last changed, and on which topics something stands at the broker.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::journal::db::open;
use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};
use crate::model::Quantity;

/// Where the installation's name and its machine are kept.
const KEYS: [&str; 2] = ["mqtt_id", "mqtt_machine"];

/// A meter as it is published.
#[derive(Debug, Clone, PartialEq)]
pub struct MqttMeter {
    /// Its part of topics and of unique ids; it stays when the meter is renamed.
    pub slug: String,
    /// The name that the meter has, or had last.
    pub meter: String,
    /// The line that it is wired to: a meter of another name on it is the same one, unless it counts something else. Empty:
    /// another one is wired to it now.
    pub line: String,
    /// So many pulses had been counted,
    pub pulses: i64,
    /// and they were so many units, when what a pulse is worth last changed.
    pub amount: f64,
    /// The unit: kWh, m³ or litres; None: an earlier version did not note it.
    pub unit: Option<Quantity>,
    /// Pulses for one unit since then; None: not known.
    pub pulses_per_unit: Option<f64>,
}

/// All that is kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MqttKept {
    /// The installation's name; empty: it has none yet.
    pub id: String,
    /// The machine that it was given on, hashed.
    pub machine: String,
    /// The meters, also those that are not configured any more.
    pub meters: Vec<MqttMeter>,
    /// Topics on which something may stand at the broker.
    pub topics: BTreeSet<String>,
}

/// A connection that keeps it, beside the journal's writer: that one never writes to these tables and keys.
#[derive(Debug)]
pub struct MqttKeeper {
    connection: Connection,
}

impl MqttKeeper {
    /// Opens the journal in `dir`.
    ///
    /// # Errors
    /// When there is none, it may not be written to, or another version has made it.
    pub fn open(dir: &Path) -> Result<MqttKeeper, JournalError> {
        let connection = open::open_beside(dir)?;
        Ok(MqttKeeper { connection })
    }

    /// Keeps it in the place of what was kept before, in a commit that is durable.
    ///
    /// # Errors
    /// When the disk does not take it; what was kept before still is.
    pub fn keep(&mut self, kept: &MqttKept) -> Result<(), JournalError> {
        let transaction = self.connection.transaction().op("begin a commit")?;
        put(&transaction, kept).op("keep what is published")?;
        transaction.commit().op("commit")
    }
}

fn put(transaction: &Transaction<'_>, kept: &MqttKept) -> rusqlite::Result<()> {
    for (key, value) in KEYS.into_iter().zip([&kept.id, &kept.machine]) {
        let insert = "INSERT OR REPLACE INTO journal VALUES (?1, ?2)";
        transaction.execute(insert, (key, value))?;
    }
    transaction.execute("DELETE FROM mqtt_meter", [])?;
    transaction.execute("DELETE FROM mqtt_topic", [])?;
    let mut meter =
        transaction.prepare("INSERT INTO mqtt_meter VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for one in &kept.meters {
        let names = (&one.slug, &one.meter, &one.line);
        let (slug, name, line) = names;
        meter.execute((
            slug,
            name,
            line,
            one.pulses,
            one.amount,
            one.pulses_per_unit,
            one.unit.map(Quantity::as_str),
        ))?;
    }
    let mut topic = transaction.prepare("INSERT INTO mqtt_topic VALUES (?1)")?;
    for one in &kept.topics {
        topic.execute([one])?;
    }
    Ok(())
}

impl Reader {
    /// What was kept for MQTT.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn mqtt_kept(&self) -> Result<MqttKept, JournalError> {
        let [id, machine] = KEYS.map(|key| {
            let select = "SELECT value FROM journal WHERE key = ?1";
            let value = self.connection.query_row(select, [key], |row| row.get(0));
            value.optional().map(Option::unwrap_or_default)
        });
        let meters = self
            .connection
            .prepare_cached(
                "SELECT slug, meter, line, pulses, amount, pulses_per_unit, unit FROM mqtt_meter ORDER BY slug",
            )
            .and_then(|mut select| {
                let meter = |row: &rusqlite::Row<'_>| {
                    let unit: Option<String> = row.get(6)?;
                    Ok(MqttMeter {
                        slug: row.get(0)?,
                        meter: row.get(1)?,
                        line: row.get(2)?,
                        pulses: row.get(3)?,
                        amount: row.get(4)?,
                        pulses_per_unit: row.get(5)?,
                        unit: unit.and_then(|word| Quantity::from_word(&word)),
                    })
                };
                select.query_map([], meter)?.collect()
            });
        let topics = self
            .connection
            .prepare_cached("SELECT topic FROM mqtt_topic")
            .and_then(|mut select| select.query_map([], |row| row.get(0))?.collect());
        Ok(MqttKept {
            id: id.op("be read")?,
            machine: machine.op("be read")?,
            meters: meters.op("be read")?,
            topics: topics.op("be read")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::OpenFlags;

    use crate::journal::Journal;
    use crate::journal::db::migrations::MIGRATIONS;
    use crate::journal::tests::{WALL, names};

    #[test]
    fn what_is_kept_is_read_again_and_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        drop(Journal::open(dir.path(), &names(), "boot", WALL).unwrap());
        let kept = || Reader::open(dir.path()).unwrap().mqtt_kept().unwrap();
        assert_eq!(kept(), MqttKept::default());
        let meter = |slug: &str, pulses_per_unit: Option<f64>| MqttMeter {
            slug: slug.to_owned(),
            meter: "Bezug \"1\"".to_owned(),
            line: "GPIO20".to_owned(),
            pulses: 12,
            amount: 0.1,
            unit: pulses_per_unit.map(|_| Quantity::CubicMetres),
            pulses_per_unit,
        };
        let one = MqttKept {
            id: "1a2b3c4d".to_owned(),
            machine: "system:1".to_owned(),
            meters: vec![meter("export", None), meter("import", Some(800.0))],
            topics: ["a/b".to_owned(), "a/c".to_owned()].into(),
        };
        let mut keeper = MqttKeeper::open(dir.path()).unwrap();
        keeper.keep(&one).unwrap();
        assert_eq!(kept(), one);
        let other = MqttKept {
            meters: vec![meter("import", Some(1_000.0))],
            topics: ["a/b".to_owned()].into(),
            ..one
        };
        keeper.keep(&other).unwrap();
        assert_eq!(kept(), other);
    }

    #[test]
    fn what_meters_count_that_an_older_version_kept_is_told_by_their_pulses() {
        let dir = tempfile::tempdir().unwrap();
        let file = crate::journal::file_in(dir.path());
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let old = open::connect(&file, flags).unwrap();
        // Before the step that adds it.
        for step in &MIGRATIONS[..17] {
            old.execute_batch(step).unwrap();
        }
        old.execute_batch(
            "INSERT INTO meter VALUES (1, 'Import'), (2, 'Heater'), (3, 'Gas');
             INSERT INTO factor VALUES (1, 0, 1, 'l'), (1, 9, 1000, 'kWh'), (2, 0, 1, 'Wh'), (3, 0, 100, 'm3');
             INSERT INTO mqtt_meter VALUES ('a', 'Import', '', 0, 0, 1), ('b', 'Heater', '', 0, 0, 1),
                 ('c', 'Gas', '', 0, 0, 1), ('d', 'Nobody', '', 0, 0, NULL);
             PRAGMA user_version = 17;",
        )
        .unwrap();
        drop(old);
        let units = || -> Vec<Option<Quantity>> {
            let kept = Reader::open(dir.path()).unwrap().mqtt_kept().unwrap();
            kept.meters.iter().map(|meter| meter.unit).collect()
        };
        assert_eq!(units(), [None; 4], "it is read as it is");
        drop(Journal::open(dir.path(), &names(), "boot", WALL).unwrap());
        let electric = Some(Quantity::KilowattHours);
        let want = [electric, electric, Some(Quantity::CubicMetres), None];
        assert_eq!(units(), want);
    }
}
