//! The check of the card: how much the journal writes to it in a year.

use super::check::{Check, Checks};
use super::error::VerifyError;
use crate::clock::{Clock, SystemClock};
use crate::config::Loaded;
use crate::journal::{Reader, Window};
use crate::model::View;

/// So far back is looked.
const HISTORY_S: i64 = 28 * 86_400;

/// Before so much is known, a year cannot be told.
const HISTORY_MIN_S: i64 = 86_400;

/// Bytes that reach the card for a pulse and for a durable point, the file system's own among them: measured at 1 and
/// at 8 pulses a second (docs/performance.md).
const PULSE_BYTES: i64 = 1_730;
const POINT_BYTES: i64 = 7_020;

/// For a minute with pulses of a meter: a page of its quarters of an hour and one of its days, each in the WAL and in the
/// database. (Its windows are in what was measured.)
const MINUTE_BYTES: i64 = 2 * (512 + 24 + 512);

/// What a plain card takes of such small writes before it wears out, in GB: some terabytes.
const CARD_GB: f64 = 5_000.0;

/// A card that is worn out sooner is worth a thought.
const LONG_YEARS: f64 = 20.0;

/// A card that is worn out sooner than this is the wrong place for the journal.
const SHORT_YEARS: f64 = 3.0;

/// The longest interval that the configuration takes.
const LONG_INTERVAL_MS: u64 = 60_000;

const YEAR_S: f64 = 365.25 * 86_400.0;

/// GB a year, from windows of a minute with pulses of all meters.
fn gb_a_year(windows: &[Window], interval_ms: u64, now_s: i64) -> Option<f64> {
    let first_s = windows.first()?.start_s;
    if now_s - first_s < HISTORY_MIN_S {
        return None;
    }
    let points_max = i64::try_from(60_000 / interval_ms.max(1))
        .unwrap_or(i64::MAX)
        .max(1);
    let bytes = windows.iter().map(|window| {
        let points = window.pulses.min(points_max);
        window.pulses * PULSE_BYTES + points * POINT_BYTES + MINUTE_BYTES
    });
    Some(bytes.sum::<i64>() as f64 / 1e9 / (now_s - first_s) as f64 * YEAR_S)
}

pub(super) fn wear(loaded: &Loaded, checks: &mut Checks<'_>) -> Result<(), VerifyError> {
    let Ok(reader) = Reader::open(&loaded.settings.journal.dir) else {
        return Ok(());
    };
    let now_s = SystemClock.wall_ns().s();
    let windows = reader.windows(View::Minute, now_s - HISTORY_S, now_s)?;
    let interval_ms = loaded.settings.journal.sync_interval_ms;
    let Some(gb) = gb_a_year(&windows, interval_ms, now_s) else {
        return Ok(());
    };
    let less = gb_a_year(&windows, LONG_INTERVAL_MS, now_s).unwrap_or(gb);
    checks.add(judge(gb, less, interval_ms))
}

/// Judges by how long a plain card lasts. `less_gb`: what the longest interval would make of it.
fn judge(gb: f64, less_gb: f64, interval_ms: u64) -> Check {
    let what = "the journal's card";
    let years = CARD_GB / gb.max(f64::MIN_POSITIVE);
    let lasts = if years > 100.0 {
        "more than 100 years".to_owned()
    } else {
        format!("some {years:.0} years")
    };
    let interval_s = interval_ms as f64 / 1_000.0;
    let seen = format!(
        "{gb:.1} GB a year are written to it (durable after {interval_s} s); a plain card lasts {lasts}"
    );
    if years >= LONG_YEARS {
        return Check::good(what, seen);
    }
    let mut remedy = "put the journal on an SSD or an endurance card".to_owned();
    if less_gb < gb * 0.8 {
        remedy = format!(
            "journal.sync_interval_ms = {LONG_INTERVAL_MS} makes it {less_gb:.1} GB (a power cut then costs the pulses \
             of a minute at most), or {remedy}"
        );
    }
    if years >= SHORT_YEARS {
        Check::note(what, seen, remedy)
    } else {
        Check::bad(what, seen, remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_a_second_is_what_was_measured() {
        let windows: Vec<Window> = (0..2_880)
            .map(|minute| Window {
                start_s: minute * 60,
                meter: crate::model::MeterRow(1),
                pulses: 60,
            })
            .collect();
        let gb = gb_a_year(&windows, 1_000, 2_880 * 60).unwrap();
        let measured = 7.7 / 0.9 * 1_024.0 * YEAR_S / 1e9;
        assert!((gb / measured - 1.0).abs() < 0.02, "{gb} {measured}");
        let long = gb_a_year(&windows, 60_000, 2_880 * 60).unwrap();
        assert!(long < gb / 2.0, "{long}");
        assert_eq!(gb_a_year(&windows[..60], 1_000, 3_600), None);
    }

    #[test]
    fn a_card_is_judged_by_how_long_it_lasts() {
        use super::super::check::CheckOutcome;
        let of = |gb, less_gb| judge(gb, less_gb, 1_000).outcome;
        assert_eq!(of(0.0, 0.0), CheckOutcome::Good);
        assert_eq!(of(46.8, 20.0), CheckOutcome::Good);
        assert!(
            matches!(judge(276.0, 130.0, 1_000), Check { outcome: CheckOutcome::Note, remedy, .. }
                if remedy.contains("sync_interval_ms"))
        );
        assert!(
            matches!(judge(2_000.0, 1_900.0, 1_000), Check { outcome: CheckOutcome::Bad, remedy, .. }
            if remedy.contains("SSD") && !remedy.contains("sync_interval_ms"))
        );
        assert!(judge(276.0, 130.0, 1_000).detail.contains("some 18 years"));
    }
}
