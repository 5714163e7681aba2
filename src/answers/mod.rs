//! The answers that commands and the daemon's API have in common: one type an answer, how it is taken from the
//! journal, and how a command asks the daemon that runs for it ([`ask`]).
//!
//! [`entering`] has the rules of a reading that is entered, by a command or over HTTP.
//!
//! Field by field they are the JSON of `powerlogger status --json`, `losses --json` and `register --json`, and of
//! `/api/v1/status`, `/losses` and `/registers`; what a person wants first ([`overview`]) is put together from others.
//! What energy costs ([`costs`], [`money`]) is computed in one place for all of them.
//! [`present`] is what is known of each meter at this moment, by the board.
//! `/api/v1/lines` is what `watch` and `tune` read.

pub mod ask;
pub mod costs;
pub mod counted_span;
pub mod entering;
pub mod events;
pub mod exchanging;
pub mod factors;
pub mod lines;
pub mod losses;
pub mod money;
pub mod month_memory;
pub mod now;
pub mod overview;
pub mod present;
pub mod reach;
pub mod registers;
pub mod report;
pub mod reported;
pub mod socket;
pub mod status;
