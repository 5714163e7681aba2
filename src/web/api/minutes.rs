//! The minutes that have ended, for appending to what a page shows: each is read from the journal once, for all streams.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::answers::counted_span::EDGES_S;
use crate::answers::factors::energy_wh;
use crate::answers::present::{PresentMeter, mean_rate};
use crate::journal::{CountedParts, Grain};
use crate::model::{MonoNs, NS_PER_S};
use crate::web::problem::{BUSY, Problem};
use crate::web::source::Source;

/// A minute is told so long after its end at the earliest: by then its last pulses are decided.
const AFTER_S: i64 = 5;

/// So many minutes that were missed are told; more are asked for otherwise.
const MISSED_MAX: i64 = 120;

const MINUTE_S: i64 = 60;

/// So long a stream waits for another one that reads.
const TURN_MAX: Duration = Duration::from_secs(1);

/// Events of one minute have numbers of their own.
const NUMBERS: i64 = 1_000 * MINUTE_S;

/// What was counted in a minute.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Minute {
    pub(super) start_s: i64,
    width_s: i64,
    meters: Vec<MinuteMeter>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct MinuteMeter {
    meter: String,
    pulses: Option<i64>,
    energy_wh: Option<f64>,
    amount: Option<f64>,
    watched_s: i64,
    mean_w: Option<f64>,
    min_w: Option<f64>,
    max_w: Option<f64>,
    /// Of a meter that counts no electric energy: its flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_rate: Option<f64>,
}

/// So long a minute that one stream has read is told by the others: they all want it at once. Later, a clock that
/// was set back may have brought more pulses into it.
const READ_AGAIN_NS: MonoNs = 30 * NS_PER_S;

/// What streams have read, for all of them.
pub(super) type KnownMinutes = Arc<Mutex<ReadMinutes>>;

/// Minutes that were read lately.
#[derive(Debug, Default)]
pub(super) struct ReadMinutes {
    by_start_s: BTreeMap<i64, Arc<Minute>>,
    /// When the first of them was read.
    read_ns: MonoNs,
}

impl ReadMinutes {
    /// Forgets them if they were read too long before `now_ns`.
    fn expire(&mut self, now_ns: MonoNs) {
        if self.by_start_s.is_empty() || now_ns - self.read_ns > READ_AGAIN_NS {
            self.by_start_s.clear();
            self.read_ns = now_ns;
        }
    }
}

/// How far a stream has told the minutes. The numbers of its events say so: with the last one that was heard another stream
/// goes on, also of another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ToldUntil {
    next_s: i64,
    events: i64,
}

impl ToldUntil {
    /// A stream that begins at `now_s`, when the journal has all pulses up to `kept_s`; `last`: the number of the last event
    /// that its client has heard. True: too much was missed.
    pub(super) fn begin((now_s, kept_s): (i64, i64), last: Option<i64>) -> (ToldUntil, bool) {
        let Some(last) = last else {
            return (ToldUntil::fresh(now_s, kept_s), false);
        };
        let mut heard = ToldUntil {
            next_s: last.div_euclid(NUMBERS) * MINUTE_S,
            events: last.rem_euclid(NUMBERS),
        };
        let is_too_much = heard.skip(now_s, kept_s);
        (heard, is_too_much)
    }

    /// Of a client that asks for what was before: its answer lacks what the journal does not have yet.
    fn fresh(now_s: i64, kept_s: i64) -> ToldUntil {
        let newest_s = newest_s(now_s);
        let whole_s = newest_s.min(newest_ended_s(kept_s));
        let is_near = newest_s - whole_s <= MISSED_MAX * MINUTE_S;
        ToldUntil::at(if is_near { whole_s } else { newest_s } + MINUTE_S)
    }

    /// Leaves out what is too much to be told at `now_s`. True: something was.
    pub(super) fn skip(&mut self, now_s: i64, kept_s: i64) -> bool {
        let missed = (newest_s(now_s) + MINUTE_S - self.next_s) / MINUTE_S;
        // Less than none: the clock was set back.
        let is_too_much = !(0..=MISSED_MAX).contains(&missed);
        if is_too_much {
            *self = ToldUntil::fresh(now_s, kept_s);
        }
        is_too_much
    }

    fn at(next_s: i64) -> ToldUntil {
        ToldUntil { next_s, events: 0 }
    }

    /// The minutes that are to be told at `now_s`, of which the journal has all pulses up to `kept_s`: the begins of the first and
    /// of the last. None: none are.
    pub(super) fn due(&self, now_s: i64, kept_s: i64) -> Option<(i64, i64)> {
        // A minute is told once: the disk, or a busy machine, may take longer than usual.
        let newest_s = newest_s(now_s).min(newest_ended_s(kept_s));
        (self.next_s <= newest_s).then_some((self.next_s, newest_s))
    }

    /// This minute is told.
    pub(super) fn told(&mut self, start_s: i64) {
        *self = ToldUntil::at(start_s + MINUTE_S);
    }

    /// The number of the next event: it grows.
    pub(super) fn number(&mut self) -> i64 {
        self.events = (self.events + 1).min(NUMBERS - 1);
        self.next_s / MINUTE_S * NUMBERS + self.events
    }
}

/// The begin of the newest minute that may be told at `now_s`.
fn newest_s(now_s: i64) -> i64 {
    newest_ended_s(now_s - AFTER_S)
}

/// The begin of the newest minute that has ended at `at_s`.
fn newest_ended_s(at_s: i64) -> i64 {
    at_s.div_euclid(MINUTE_S) * MINUTE_S - MINUTE_S
}

/// The minutes that begin from `first_s` to `last_s`, in order.
///
/// # Errors
/// When the journal cannot be read.
pub(super) async fn minutes(
    source: Source,
    known: KnownMinutes,
    (first_s, last_s): (i64, i64),
) -> Result<Vec<Arc<Minute>>, Problem> {
    // Streams that want the same wait for the one that reads it; not for a disk that does not answer.
    let busy = |_| Problem::new(BUSY, "another stream reads the minutes");
    let mut known = timeout(TURN_MAX, known.lock()).await.map_err(busy)?;
    known.expire(source.mono_ns());
    let known = &mut known.by_start_s;
    let starts = || (0..=(last_s - first_s) / MINUTE_S).map(|n| first_s + n * MINUTE_S);
    if let Some(from_s) = starts().find(|start_s| !known.contains_key(start_s)) {
        let now_s = source.wall_ns().s();
        let zone = source.calendar().zone().clone();
        let minutes = (last_s - from_s) / MINUTE_S + 1;
        let starts_s: Vec<i64> = (0..=minutes).map(|n| from_s + n * MINUTE_S).collect();
        let read = source.ask(move |reader, _| {
            let from = reader.read_from(&zone, now_s)?;
            let counted = reader.counted_parts(&starts_s, Grain::Minute, &from)?;
            Ok((starts_s, counted))
        });
        let (starts_s, counted) = read.await?;
        let present = source.present();
        for (n, start_s) in starts_s.iter().enumerate().take(starts_s.len() - 1) {
            let meters = present.meters.iter().filter_map(|meter| {
                let counted = counted.iter().find(|of| of.meter == meter.name)?;
                Some(MinuteMeter::of(counted, n, *start_s, meter))
            });
            let minute = Minute {
                start_s: *start_s,
                width_s: MINUTE_S,
                meters: meters.collect(),
            };
            known.entry(*start_s).or_insert_with(|| Arc::new(minute));
        }
    }
    let found = starts().filter_map(|start_s| known.get(&start_s).cloned());
    Ok(found.collect())
}

impl MinuteMeter {
    /// Of the `n`th window.
    fn of(counted: &CountedParts, n: usize, start_s: i64, meter: &PresentMeter) -> MinuteMeter {
        let span_s = (start_s, start_s + MINUTE_S);
        // What was watched last is saved now and then.
        let watched_s = counted.watched_s[n] + meter.live_s(counted.watched_until_s, span_s);
        let pulses = counted.pulses[n];
        let pulses = (pulses > 0 || watched_s > 0).then_some(pulses);
        let worth = meter.worth;
        let amount = pulses
            .zip(worth)
            .map(|(pulses, worth)| worth.amount(pulses));
        let over_ns = watched_s as f64 * NS_PER_S as f64;
        let mean = amount.filter(|_| watched_s >= EDGES_S);
        let mean = mean.map(|amount| mean_rate(meter.unit, amount, over_ns));
        let (mean_w, mean_rate) = match meter.unit.is_electric() {
            true => (mean, None),
            false => (None, mean),
        };
        MinuteMeter {
            meter: meter.name.clone(),
            pulses,
            energy_wh: pulses.and_then(|pulses| energy_wh(pulses, worth)),
            amount,
            watched_s,
            mean_w,
            // A minute is the finest window there is.
            min_w: mean_w,
            max_w: mean_w,
            mean_rate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: i64 = 1_792_936_800;

    /// With all pulses in the journal.
    fn at(now_s: i64) -> (i64, i64) {
        (now_s, now_s)
    }

    #[test]
    fn a_stream_begins_with_nothing_and_tells_each_minute_once() {
        let (mut until, is_too_much) = ToldUntil::begin(at(NOW_S + 3), None);
        assert!(!is_too_much);
        assert_eq!(
            until.due(NOW_S + 4, NOW_S + 4),
            None,
            "its last pulses may be on their way"
        );
        assert_eq!(
            until.due(NOW_S + 5, NOW_S + 5),
            Some((NOW_S - 60, NOW_S - 60))
        );
        until.told(NOW_S - 60);
        assert_eq!(until.due(NOW_S + 64, NOW_S + 64), None);
        assert_eq!(
            until.due(NOW_S + 185, NOW_S + 185),
            Some((NOW_S, NOW_S + 120))
        );
        assert!(!until.skip(NOW_S + 185, 0));
        // The clock is set right by years.
        let right_s = NOW_S + 400_000_000;
        assert!(until.skip(right_s, right_s));
        assert_eq!(until.due(right_s, right_s), None);
        assert!(!until.skip(right_s, right_s) && until.skip(NOW_S, NOW_S));
    }

    #[test]
    fn a_stream_goes_on_where_another_one_broke_off() {
        let (mut first, _) = ToldUntil::begin(at(NOW_S + 10), None);
        let heard = first.number();
        assert!(heard < first.number());
        let again = |at_s: i64, last: i64| {
            let (until, is_too_much) = ToldUntil::begin(at(at_s), Some(last));
            (until.due(at_s, at_s), is_too_much)
        };
        assert_eq!(again(NOW_S + 20, heard), (None, false));
        assert_eq!(
            again(NOW_S + 130, heard),
            (Some((NOW_S, NOW_S + 60)), false)
        );
        // Two hours, and no minute more.
        let later_s = NOW_S + 120 * 60 + 10;
        assert_eq!(
            again(later_s, heard),
            (Some((NOW_S, later_s - 10 - 60)), false)
        );
        assert_eq!(again(later_s + 60, heard), (None, true));
        // The clock was set back; a number that is none of ours.
        assert_eq!(again(NOW_S - 120, heard), (None, true));
        assert_eq!(again(NOW_S, 17), (None, true));
        assert_eq!(again(NOW_S, i64::MAX), (None, true));
    }

    #[test]
    fn no_minute_is_told_before_all_of_it_is_in_the_journal() {
        let (mut until, _) = ToldUntil::begin(at(NOW_S), None);
        let first_s = NOW_S - 60;
        assert_eq!(until.due(NOW_S + 300, NOW_S - 1), None, "the disk stalls");
        assert_eq!(until.due(NOW_S + 300, 0), None, "nothing is known of it");
        let due = until.due(NOW_S + 300, NOW_S + 119);
        assert_eq!(due, Some((first_s, NOW_S)));
        until.told(first_s);
        until.told(NOW_S);
        assert_eq!(until.due(NOW_S + 301, NOW_S + 119), None);
        let due = until.due(NOW_S + 301, NOW_S + 301);
        assert_eq!(due, Some((NOW_S + 60, NOW_S + 180)), "those that waited");
    }

    #[test]
    fn a_stream_that_begins_while_the_journal_lags_tells_what_it_lacks() {
        let lags = |by_s: i64| ToldUntil::begin((NOW_S + 5, NOW_S + 5 - by_s), None).0;
        let due = |until: ToldUntil| until.due(NOW_S + 5, NOW_S + 5);
        assert_eq!(due(lags(0)), None);
        assert_eq!(due(lags(4)), None, "as long as it takes each time");
        assert_eq!(due(lags(6)), Some((NOW_S - 60, NOW_S - 60)));
        assert_eq!(due(lags(186)), Some((NOW_S - 240, NOW_S - 60)));
        // Nothing is known of it, or it stands still: what is asked for is all there is.
        assert_eq!(due(lags(NOW_S)), None);
        let mut lagging = lags(186);
        assert!(!lagging.skip(NOW_S + 5, 0));
        assert!(lagging.skip(NOW_S + 9_000, NOW_S + 9_000 - 186));
        let again = lagging.due(NOW_S + 9_000, NOW_S + 9_000);
        assert_eq!(again, Some((NOW_S + 8_760, NOW_S + 8_880)));
    }

    #[test]
    fn minutes_that_were_read_long_ago_are_read_again() {
        let mut read = ReadMinutes::default();
        let minute = Minute {
            start_s: NOW_S,
            width_s: MINUTE_S,
            meters: Vec::new(),
        };
        read.expire(7);
        read.by_start_s.insert(NOW_S, Arc::new(minute));
        read.expire(7 + READ_AGAIN_NS);
        assert_eq!((read.by_start_s.len(), read.read_ns), (1, 7));
        read.expire(8 + READ_AGAIN_NS);
        assert_eq!(read.by_start_s.len(), 0);
    }

    #[test]
    fn numbers_grow_whatever_comes() {
        let (mut until, _) = ToldUntil::begin(at(NOW_S), None);
        let mut last = until.number();
        for n in 0..100 {
            let next = until.number();
            assert!(next > last);
            until.told(NOW_S + n * 60);
            last = next;
        }
        assert!(last < 1 << 53, "a browser's numbers hold it");
        let (next, _) = ToldUntil::begin(at(NOW_S + 6_000), Some(last));
        let mut next = next;
        assert!(next.number() > last);
    }
}
