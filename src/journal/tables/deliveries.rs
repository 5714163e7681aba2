//! What the journal keeps of delivery: destinations and their state, what each has acknowledged,
//! what it refused.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Params, Transaction, params};

use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::ids::IdRanges;
use crate::journal::sql::id_range;
use crate::journal::tables::compared::{Reconciled, put_reconciled};
use crate::journal::tables::ledger::lose;
use crate::journal::tables::quarantine::release;
use crate::journal::{JournalError, OpContext};
use crate::model::{DestinationRow, IdRange, Loss, LossCause, MeterRow, PulseId, WallNs};

/// A point that a destination refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedPulse {
    /// The pulse's id.
    pub pulse: PulseId,
    /// The meter's row.
    pub meter: MeterRow,
    /// The pulse's stamp.
    pub wall_ns: WallNs,
    /// What the server said.
    pub message: String,
}

/// A point that is older than the raw bucket keeps: it is in its windows, and nowhere else on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiredPulse {
    /// The pulse's id.
    pub pulse: PulseId,
    /// The meter's row.
    pub meter: MeterRow,
    /// The pulse's stamp.
    pub wall_ns: WallNs,
}

/// How delivery to a destination stands: a word and what is to be said about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DestinationState {
    /// `ok`, or the kind of the failure.
    pub state: String,
    /// What failed and what to do about it; empty when all is well.
    pub message: String,
    /// Since when it is so.
    pub since_ns: WallNs,
}

/// What delivery wants kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryNews {
    /// All that has been acknowledged.
    pub delivered: Option<IdRanges>,
    /// Much has been: it is worth a write at once.
    pub much: bool,
    /// Points refused since the last time.
    pub refused: Vec<RefusedPulse>,
    /// Points the server dropped as older than its retention.
    pub expired: Vec<ExpiredPulse>,
    /// Points that are taken out of quarantine, to be sent again, by the pulse's id.
    pub released: Vec<PulseId>,
    /// A change of state.
    pub state: Option<DestinationState>,
    /// What has been compared of its buckets.
    pub reconciled: Vec<Reconciled>,
    /// A change of the state of its views.
    pub views: Option<DestinationState>,
}

impl DeliveryNews {
    /// Adds what came later: newer ranges and states replace older ones.
    pub(in crate::journal) fn append(&mut self, later: DeliveryNews) {
        self.delivered = later.delivered.or(self.delivered.take());
        self.state = later.state.or(self.state.take());
        self.views = later.views.or(self.views.take());
        self.much |= later.much;
        self.refused.extend(later.refused);
        self.expired.extend(later.expired);
        self.released.extend(later.released);
        for reconciled in later.reconciled {
            match self.reconciled.last_mut() {
                Some(last) if last.takes(&reconciled) => last.merge(reconciled),
                _ => self.reconciled.push(reconciled),
            }
        }
    }
}

impl Journal {
    /// The row of the destination called `name`, made if it is new.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn destination(&self, name: &str) -> Result<DestinationRow, JournalError> {
        self.connection
            .execute(
                "INSERT OR IGNORE INTO destination (name) VALUES (?1)",
                [name],
            )
            .and_then(|_| {
                self.connection.query_row(
                    "SELECT id FROM destination WHERE name = ?1",
                    [name],
                    |row| row.get(0),
                )
            })
            .op("keep a destination")
    }

    /// Keeps whether a destination gets the pulses themselves, or windows only.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn sends_raw(&self, destination: DestinationRow, raw: bool) -> Result<(), JournalError> {
        self.connection
            .execute(
                "UPDATE destination SET raw = ?2 WHERE id = ?1 AND raw <> ?2",
                (destination, raw),
            )
            .op("keep a destination")?;
        Ok(())
    }

    /// Keeps what delivery has to tell.
    ///
    /// # Errors
    /// When the disk does not take it; nothing is kept then.
    pub fn keep_delivery(
        &mut self,
        destination: DestinationRow,
        news: &DeliveryNews,
        now_ns: WallNs,
    ) -> Result<(), JournalError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .op("begin a commit")?;
        if let Some(delivered) = &news.delivered {
            put_delivered(&transaction, destination, delivered)?;
        }
        if !news.released.is_empty() {
            release(&transaction, destination, &news.released)?;
        }
        for refused in &news.refused {
            put_refused(&transaction, destination, refused, now_ns)?;
        }
        if !news.expired.is_empty() {
            put_expired(&transaction, &news.expired)?;
        }
        if let Some(state) = &news.state {
            transaction
                .execute(
                    "UPDATE destination SET state = ?2, message = ?3, since_ns = ?4 WHERE id = ?1",
                    params![destination, state.state, state.message, state.since_ns],
                )
                .op("keep a destination's state")?;
        }
        if let Some(views) = &news.views {
            transaction
                .execute(
                    "UPDATE destination SET views_state = ?2, views_message = ?3,
                         views_since_ns = ?4 WHERE id = ?1",
                    params![destination, views.state, views.message, views.since_ns],
                )
                .op("keep a destination's state")?;
        }
        for reconciled in &news.reconciled {
            put_reconciled(&transaction, destination, reconciled)?;
        }
        transaction.commit().op("commit")
    }
}

/// What a destination has acknowledged.
pub(in crate::journal) fn delivered(
    connection: &Connection,
    destination: DestinationRow,
) -> Result<IdRanges, JournalError> {
    let select = "SELECT first_id, last_id FROM delivered WHERE destination = ?1";
    ranges_of(connection, select, [destination])
}

/// The ranges of ids that a statement tells, each in a row.
pub(in crate::journal) fn ranges_of(
    connection: &Connection,
    select: &str,
    asked: impl Params,
) -> Result<IdRanges, JournalError> {
    connection
        .prepare_cached(select)
        .and_then(|mut select| {
            let ranges = select.query_map(asked, id_range)?;
            ranges.collect::<Result<Vec<_>, _>>()
        })
        .map(IdRanges::from_ranges)
        .op("be read")
}

/// Keeps what a destination has acknowledged.
pub(in crate::journal) fn put_delivered(
    transaction: &Transaction<'_>,
    destination: DestinationRow,
    delivered: &IdRanges,
) -> Result<(), JournalError> {
    transaction
        .execute(
            "DELETE FROM delivered WHERE destination = ?1",
            [destination],
        )
        .op("keep what was delivered")?;
    for range in delivered.ranges() {
        transaction
            .execute(
                "INSERT INTO delivered VALUES (?1, ?2, ?3)",
                (destination, range.first, range.last),
            )
            .op("keep what was delivered")?;
    }
    Ok(())
}

/// Notes pulses as being in windows only, each once: every server that is too late for them says so.
fn put_expired(
    transaction: &Transaction<'_>,
    expired: &[ExpiredPulse],
) -> Result<(), JournalError> {
    let mut known = ranges_of(transaction, "SELECT first_id, last_id FROM expired", [])?;
    let mut meters: BTreeMap<MeterRow, Loss> = BTreeMap::new();
    for ExpiredPulse {
        pulse,
        meter,
        wall_ns,
    } in expired
    {
        if known.contains(*pulse) {
            continue;
        }
        known.add(IdRange::one(*pulse));
        let one = Loss::at(1, *wall_ns);
        meters
            .entry(*meter)
            .and_modify(|loss| loss.merge(one))
            .or_insert(one);
    }
    for (meter, loss) in meters {
        lose(transaction, meter, LossCause::Retention, loss)?;
    }
    let put = transaction.execute("DELETE FROM expired", []);
    put.op("note what is in windows only")?;
    for range in known.ranges() {
        transaction
            .execute(
                "INSERT INTO expired VALUES (?1, ?2)",
                (range.first, range.last),
            )
            .op("note what is in windows only")?;
    }
    Ok(())
}

fn put_refused(
    transaction: &Transaction<'_>,
    destination: DestinationRow,
    refused: &RefusedPulse,
    now_ns: WallNs,
) -> Result<(), JournalError> {
    // A crash before the range was saved sends the point again, and it is refused again.
    let known: bool = transaction
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM quarantine WHERE destination = ?1 AND pulse = ?2)",
            (destination, refused.pulse),
            |row| row.get(0),
        )
        .op("be read")?;
    if known {
        return Ok(());
    }
    transaction
        .execute(
            "INSERT INTO quarantine (destination, pulse, meter, wall_ns, message, at_ns)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                destination,
                refused.pulse,
                refused.meter,
                refused.wall_ns,
                refused.message,
                now_ns
            ],
        )
        .op("keep a refused point")?;
    let loss = Loss::at(1, refused.wall_ns);
    lose(transaction, refused.meter, LossCause::Refused, loss)
}

impl Reader {
    /// What `destination` has acknowledged.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn delivered(&self, destination: DestinationRow) -> Result<IdRanges, JournalError> {
        delivered(&self.connection, destination)
    }

    /// Whether a destination gets the pulses themselves.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn sends_raw(&self, destination: DestinationRow) -> Result<bool, JournalError> {
        self.connection
            .prepare_cached("SELECT raw FROM destination WHERE id = ?1")
            .and_then(|mut select| select.query_row([destination], |row| row.get(0)).optional())
            .op("be read")
            .map(|raw| raw.unwrap_or(true))
    }

    /// Destinations by row: name and state.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn destinations(
        &self,
    ) -> Result<Vec<(DestinationRow, String, DestinationState)>, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT id, name, state, message, since_ns FROM destination ORDER BY id",
            )
            .and_then(|mut select| {
                let destinations = select.query_map([], |row| {
                    let state = DestinationState {
                        state: row.get(2)?,
                        message: row.get(3)?,
                        since_ns: row.get(4)?,
                    };
                    Ok((row.get(0)?, row.get(1)?, state))
                })?;
                destinations.collect()
            })
            .op("be read")
    }

    /// How the comparison of a destination stands.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn views_state(
        &self,
        destination: DestinationRow,
    ) -> Result<DestinationState, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT views_state, views_message, views_since_ns FROM destination WHERE id = ?1",
            )
            .and_then(|mut select| {
                let state = select.query_row([destination], |row| {
                    Ok(DestinationState {
                        state: row.get(0)?,
                        message: row.get(1)?,
                        since_ns: row.get(2)?,
                    })
                });
                state.optional()
            })
            .op("be read")
            .map(Option::unwrap_or_default)
    }
}
