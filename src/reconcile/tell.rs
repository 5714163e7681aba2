//! What the reconciler says: what was put right, what was left, what a hand must do.

use tracing::{debug, info, warn};

use super::compare::{Difference, Verdict};
use super::lane::{Kind, Stretch};
use crate::deliver::retry::Hold;
use crate::rollup::Level;

/// What to do about a trouble that only a hand can help.
pub(super) fn advice(hold: Hold) -> &'static str {
    match hold {
        Hold::NotFound | Hold::Forbidden => {
            "; the bucket is not there, or the token may not read and write it: run `powerlogger setup`"
        }
        Hold::Unauthorized => "; the token is not valid: run `powerlogger setup`",
        Hold::BadRequest | Hold::NotTheApi => "; check INFLUX_HOST and INFLUX_ORG",
        Hold::LinesRefused | Hold::Limit => "; see the server's log",
        Hold::FieldType => "; another program writes the field Pulse with another type there",
    }
}

/// Says what was put right, and what was not.
pub(super) fn differences(
    level: Level,
    stretch: &Stretch,
    differences: &[Difference],
    done: usize,
    read: bool,
) {
    let from = crate::influx::flux::time_s(stretch.from_s);
    let to = crate::influx::flux::time_s(stretch.to_s);
    let level = level.as_str();
    for Difference {
        meter,
        start_s,
        journal,
        raw,
        found,
        verdict,
        ..
    } in differences
    {
        debug!(
            level,
            meter,
            start_s,
            journal,
            raw,
            found,
            ?verdict,
            "a window differs"
        );
    }
    if done > 0 && read {
        info!(level, from, to, done, "the server's windows were put right");
    }
    let mut foreign = differences
        .iter()
        .filter(|difference| difference.verdict == Verdict::Foreign);
    if let Some(first) = foreign.next().filter(|_| stretch.kind != Kind::Look) {
        warn!(
            level,
            from,
            to,
            windows = foreign.count() + 1,
            meter = first.meter,
            "the server holds more pulses than the journal knows: another writer? Left as it is \
             (`powerlogger audit` lists them)"
        );
    }
}
