//! What the journal keeps of delivery: destinations and their state, what each has acknowledged,
//! what it refused.

use rusqlite::{Transaction, params};

use super::append::{Journal, lose};
use super::compared::{Reconciled, put_reconciled};
use super::ranges::IdRanges;
use super::{JournalError, Named};
use crate::pulse::{LossCause, WallNs};

/// A point that a destination refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The pulse's id.
    pub pulse: i64,
    /// The meter's row.
    pub meter: i64,
    /// The pulse's stamp.
    pub wall_ns: WallNs,
    /// What the server said.
    pub message: String,
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
    pub refused: Vec<Refused>,
    /// Points the server dropped as older than its retention: (meter row, how many).
    pub expired: Vec<(i64, u64)>,
    /// A change of state.
    pub state: Option<DestinationState>,
    /// What has been compared of its buckets.
    pub reconciled: Vec<Reconciled>,
    /// A change of the state of its views.
    pub views: Option<DestinationState>,
}

impl Journal {
    /// The row of the destination called `name`, made if it is new.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn destination(&self, name: &str) -> Result<i64, JournalError> {
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

    /// Keeps what delivery has to tell.
    ///
    /// # Errors
    /// When the disk does not take it; nothing is kept then.
    pub fn keep_delivery(
        &mut self,
        destination: i64,
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
        for refused in &news.refused {
            put_refused(&transaction, destination, refused, now_ns)?;
        }
        for (meter, pulses) in &news.expired {
            lose(
                &transaction,
                *meter,
                LossCause::Retention,
                *pulses,
                (now_ns, now_ns),
            )?;
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

pub(super) fn put_delivered(
    transaction: &Transaction<'_>,
    destination: i64,
    delivered: &IdRanges,
) -> Result<(), JournalError> {
    transaction
        .execute(
            "DELETE FROM delivered WHERE destination = ?1",
            [destination],
        )
        .op("keep what was delivered")?;
    for (first, last) in delivered.ranges() {
        transaction
            .execute(
                "INSERT INTO delivered VALUES (?1, ?2, ?3)",
                (destination, first, last),
            )
            .op("keep what was delivered")?;
    }
    Ok(())
}

fn put_refused(
    transaction: &Transaction<'_>,
    destination: i64,
    refused: &Refused,
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
    lose(
        transaction,
        refused.meter,
        LossCause::Refused,
        1,
        (refused.wall_ns, refused.wall_ns),
    )
}
