//! Points that a destination has refused: listed, and sent again on request.
//!
//! What is to be sent again is marked beside a running daemon; its delivery finds the mark, takes the pulses
//! out of what it holds for delivered, and the writer takes them out of quarantine and ledger in the same
//! commit. A crash in between leaves the mark.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::journal::db::open;
use crate::journal::handles::reader::Reader;
use crate::journal::tables::ledger::find_again;
use crate::journal::{JournalError, OpContext};
use crate::model::{DestinationRow, LossCause, MeterRow, PulseId, WallNs};

/// A point in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The destination's name.
    pub destination: String,
    /// The pulse's id.
    pub pulse: PulseId,
    /// The meter's name.
    pub meter: String,
    /// The pulse's stamp.
    pub wall_ns: WallNs,
    /// What the server said.
    pub message: String,
    /// When it said so.
    pub at_ns: WallNs,
    /// It is to be sent again.
    pub again: bool,
    /// The pulse itself is still in the journal: else only its windows are.
    pub kept: bool,
}

/// A connection that marks points to be sent again, beside a running daemon or alone.
#[derive(Debug)]
pub struct Quarantine {
    connection: Connection,
}

impl Quarantine {
    /// Opens the journal in `dir`.
    ///
    /// # Errors
    /// When there is none, it may not be written to, or another version has made it.
    pub fn open(dir: &std::path::Path) -> Result<Quarantine, JournalError> {
        let connection = open::open_beside(dir)?;
        Ok(Quarantine { connection })
    }

    /// Marks all points of a destination whose pulses are still in the journal, in a commit that is durable.
    /// Returns how many are marked now.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn send_again(&mut self, destination: &str) -> Result<usize, JournalError> {
        // The daemon commits all the time: a transaction that begins by reading could not go on to write.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .op("begin a commit")?;
        let marked = transaction
            .execute(
                "UPDATE quarantine SET again = 1
                 WHERE destination = (SELECT id FROM destination WHERE name = ?1)
                     AND EXISTS (SELECT 1 FROM pulse WHERE pulse.id = quarantine.pulse)",
                [destination],
            )
            .op("mark points to be sent again")?;
        transaction.commit().op("commit")?;
        Ok(marked)
    }
}

impl Reader {
    /// All points in quarantine, the oldest refusal first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn quarantine(&self) -> Result<Vec<Quarantined>, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT d.name, q.pulse, m.name, q.wall_ns, q.message, q.at_ns, q.again,
                     EXISTS (SELECT 1 FROM pulse WHERE pulse.id = q.pulse)
                 FROM quarantine q JOIN destination d ON d.id = q.destination
                     JOIN meter m ON m.id = q.meter ORDER BY q.id",
            )
            .and_then(|mut select| {
                let points = select.query_map([], |row| {
                    Ok(Quarantined {
                        destination: row.get(0)?,
                        pulse: row.get(1)?,
                        meter: row.get(2)?,
                        wall_ns: row.get(3)?,
                        message: row.get(4)?,
                        at_ns: row.get(5)?,
                        again: row.get(6)?,
                        kept: row.get(7)?,
                    })
                })?;
                points.collect()
            })
            .op("be read")
    }

    /// Points of a time that a destination refused for good: (pulse, meter, stamp).
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn quarantined(
        &self,
        destination: DestinationRow,
        from_ns: WallNs,
        to_ns: WallNs,
    ) -> Result<Vec<(PulseId, MeterRow, WallNs)>, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT pulse, meter, wall_ns FROM quarantine
                 WHERE destination = ?1 AND wall_ns >= ?2 AND wall_ns < ?3",
            )
            .and_then(|mut select| {
                select
                    .query_map((destination, from_ns, to_ns), |row| row.try_into())?
                    .collect()
            })
            .op("be read")
    }

    /// The pulses of a destination that are marked to be sent again.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn to_send_again(&self, destination: DestinationRow) -> Result<Vec<PulseId>, JournalError> {
        self.connection
            .prepare_cached("SELECT pulse FROM quarantine WHERE destination = ?1 AND again = 1")
            .and_then(|mut select| {
                let pulses = select.query_map([destination], |row| row.get(0))?;
                pulses.collect()
            })
            .op("be read")
    }
}

/// Takes pulses out of quarantine that are sent again; they are not lost any more.
pub(in crate::journal) fn release(
    transaction: &Transaction<'_>,
    destination: DestinationRow,
    pulses: &[PulseId],
) -> Result<(), JournalError> {
    for pulse in pulses {
        let released: Vec<(MeterRow, WallNs)> = transaction
            .prepare_cached(
                "DELETE FROM quarantine WHERE destination = ?1 AND pulse = ?2 AND again = 1
                 RETURNING meter, wall_ns",
            )
            .and_then(|mut delete| {
                let rows = delete.query_map((destination, pulse), |row| row.try_into())?;
                rows.collect()
            })
            .op("take a point out of quarantine")?;
        for (meter, wall_ns) in released {
            find_again(transaction, meter, LossCause::Refused, wall_ns)?;
        }
    }
    Ok(())
}
