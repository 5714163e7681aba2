//! What is done with the journal while the daemon runs.

pub(super) mod alarm_shelf;
pub(super) mod backfill;
mod board_sync;
mod closing;
pub(super) mod commit;
mod counting;
pub(super) mod durable;
mod factor_note;
pub(super) mod marks;
pub(super) mod neighbours;
pub(super) mod outbox;
pub(super) mod publisher;
pub(super) mod retention;
pub(super) mod roller;
mod room;
pub(super) mod unsynced;
pub(super) mod unused;
pub(super) mod writer;
