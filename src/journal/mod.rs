//! The journal: one SQLite file that keeps every pulse before anything else is done with it.
//!
//! # The format
//!
//! `journal.sqlite` in the journal's directory, in WAL mode, pages of 512 bytes.
//!
//! * `pulse(id, meter, segment, mono_ns, estimated)`: a row a pulse; `id` is the journal's order.
//!   Ids are given once, without gaps, and never again (the newest row is never pruned).
//! * `clock_segment(id, boot_id, begins_ns, offset_ns, trust, slept_ns)`: wall time of a pulse is its
//!   `mono_ns` plus the `offset_ns` of its segment. Stamps are multiples of 1024 ns and
//!   `offset_ns` is congruent to the segment's id modulo 1024, so that pulses of one meter in
//!   different segments differ in wall time even where the clock was set back over the same minute.
//!   `trust` 0: provisional, its pulses are not delivered yet; above: final, never changed again.
//!   `slept_ns` is how long the machine had been suspended in that boot.
//!   One segment is special: `boot_id` `import`, offset 0. Its pulses came from elsewhere, and their
//!   `mono_ns` is the wall time that they had there.
//! * `line(meter, pulses, last_segment, last_mono_ns, request_id, line_seqno, filter, tally)`: written in
//!   the commit of the pulses it belongs to, and when the line is requested. `pulses` counts all ever
//!   journaled, also those since pruned; `line_seqno` and `filter` tell a later run what it missed; `tally`
//!   is what the filter made lately of what looks like pulses.
//! * `ledger(meter, cause, pulses, first_ns, last_ns)`: every pulse rejected or lost.
//! * `destination(id, name, …)` and `delivered(destination, first_id, last_id)`: which pulses each
//!   destination has acknowledged, as few ranges of ids. Saved late on purpose: sending again is
//!   harmless, a write a second to the card is not.
//! * `quarantine(…)`: points that a server refused for good, with what it said; `again`: they are to be sent again.
//!   `expired(first_id, last_id)`: pulses that a raw bucket was too late for.
//! * `window(view, start_s, meter, pulses, …)`: how many pulses each minute, five minutes and hour
//!   holds, of pulses that are durable and whose time is final. `rolled(first_id, last_id)`: which
//!   ids are counted in there. Both change in one commit, so that each pulse is counted once for
//!   ever, whenever it comes and whether or not the pulses beside it are still there.
//! * `quarter(start_s, meter, pulses, coarse, …)`, `day(zone, start_s, meter, pulses, …)` and `zone(id, name,
//!   days_from_s)`: the same by quarters of an hour, and by local days of the newest zone; no server has them. Like
//!   windows they tell the shortest and the longest gap between pulses.
//! * `factor(meter, from_s, imp_per_kwh, unit)`: how many pulses of a meter were one unit, from when on.
//! * `mqtt_meter(slug, meter, line, pulses, amount, pulses_per_unit, unit)` and `mqtt_topic(topic)`: by which names meters
//!   are published, and where something stands at the broker.
//! * `hour_ids(start_s, first_id, last_id)`: between which ids the pulses of an hour are found.
//! * `watched(meter, begins_s, ends_s)`: when the meter's line was watched without a break: the
//!   journal knows all of a window that lies in there.
//! * `line_now(meter, since_ns, why)`: how the lines stand while the daemon runs; `why` one is not read, NULL: it
//!   is. Written when it changes.
//! * `reconciled(destination, level, until_s, looked_from_s, all_s)` and `changed_window(destination, level,
//!   start_s, roll)`: up to where the server's buckets were compared with the windows, and what has changed
//!   since. Level 0 is raw, the others are the width of the view's windows in seconds. `looked_from_s`: back
//!   to where the last look goes; `all_s`: when the last look over all that is kept was begun.
//! * `compare_span(destination, level, kind, from_s, to_s)`: kind 0: what is still to be looked at; kind 1:
//!   windows in which the server holds more than the journal; kind 2: where raw had lost points.
//! * `journal(key, value)`: numbers of the journal itself. `id` tells it from all others, and is random since
//!   the journal is given it when it is made; an older one was given one that its copies have, too. `settings` is
//!   what the daemon runs with, without secrets.
//! * `register(meter, at_ns, pulses, kwh, imp_per_kwh, adopted, unit)`: what stood on a meter's face, and how many
//!   of its pulses the journal had counted by then.
//!
//! * `elapsed(…)`: one row, what had surely passed when it was written ([`crate::clock::elapsed`]).
//! * `thinned(segment, minute, meter, pulses, first_id)`: how many pulses of each minute of the monotonic clock
//!   had to leave (the disk bound) before the time of their segment was known; counted in windows when it is.
//!
//! A journal of simulated pulses bears the key `simulated` in `journal(key, value)`; real pulses never go into one
//! of those, nor the other way round.
//!
//! Beside it lies `reserve`, a file of 1 MiB that holds nothing: a full disk cannot even delete.
//!
//! # Durability
//!
//! The [`Writer`] commits what is waiting at once at `synchronous=NORMAL`: that survives the death
//! of the process. The [`Durable`] thread syncs the WAL and publishes the **durable mark**, the
//! newest id that survives a power cut. Only up to that mark anything is sent.

mod backup;
mod db;
mod error;
mod grain;
mod handles;
mod history;
mod ids;
mod refusal;
pub mod salvage;
mod sql;
mod stages;
mod tables;
#[cfg(test)]
mod tests;

pub use backup::{JournalCopy, JournalSnapshot, beside_copy};
pub use db::aside::set_aside;
pub use db::file::{FILE_NAME, file_in};
pub use db::kind::SIMULATED_BOOT;
pub use db::lock::{Holder, Lock, holder, is_locked};
#[cfg(test)]
pub(crate) use db::migrations::GIVE_ID;
pub use db::open::{Opened, open as open_database};
pub use error::JournalError;
pub(in crate::journal) use error::OpContext;
pub use grain::{Grain, ReadFrom};
pub use handles::journal::Journal;
pub use handles::reader::Reader;
pub use history::{CountedParts, MeterPulses, PartPulses};
pub use ids::IdRanges;
pub use refusal::{Refusal, is_read_only, remedy};
pub use stages::alarm_shelf::AlarmShelf;
pub use stages::durable::{Durable, Flush};
pub use stages::marks::{Mark, Marks};
pub use stages::outbox::Outbox;
pub use stages::retention::PRUNE_ROWS;
pub use stages::unsynced::Carryover;
pub use stages::writer::Writer;
pub use tables::carried::{CarriedAmount, CarriedKeeper};
pub use tables::compare_spans::RawLosses;
pub use tables::compared::{Changed, Compared, Looked, Reconciled};
pub use tables::counts::MeterCount;
pub use tables::days::FilledFrom;
pub use tables::deliveries::{DeliveryNews, DestinationState, ExpiredPulse, RefusedPulse};
pub use tables::ledger::LedgerEntry;
pub use tables::meters::MeterTotals;
pub use tables::mqtt::{MqttKeeper, MqttKept, MqttMeter};
pub use tables::pulses::{Page, StoredPulse};
pub use tables::quarantine::{Quarantine, Quarantined};
pub use tables::readings::Registers;
pub use tables::settings::NotedSettings;
pub use tables::span_version::SpanVersion;
pub use tables::windows::{Unwatched, Window};
