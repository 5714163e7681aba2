//! Has the journal keep what the counters of `/metrics` have told: written where the factor of a meter changes, and never else.
//! Nothing is told before it is kept, so that no kill sets a counter back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::amounts::{CountedMeter, MeterAmounts, in_base};
use super::day_read::MeterRead;
use super::problem::Problem;
use super::source::{BoardLook, Source};
use crate::answers::factors::Factors;
use crate::answers::present::Present;
use crate::energy::periods::Calendar;
use crate::journal::{CarriedAmount, CarriedKeeper, Grain, JournalError, Reader};
use crate::live::{JournalPhase, MeterLive};
use crate::model::{PulseWorth, S_PER_DAY, WallNs};

/// A scrape waits so long for the journal, and else tells what is known.
const WAITED: Duration = Duration::from_secs(1);

/// While nobody asks, the journal is looked at after this: a factor that changes holds from then on.
const PAUSE: Duration = Duration::from_secs(60);

/// The same until the journal is open.
const PAUSE_AT_START: Duration = Duration::from_secs(1);

/// What all pulses of `look` were worth, of the meters of which that is known.
pub(super) async fn amounts(source: &Source, look: &BoardLook) -> MeterAmounts {
    let meters = counted(look);
    let looked = follow(source, &meters, look);
    let _ = timeout(WAITED, looked).await;
    source.counters(|counters| counters.tell(&meters))
}

/// Looks at the journal also while nobody asks. It never ends.
pub(super) async fn keep(source: Source) {
    loop {
        let look = source.look();
        follow(&source, &counted(&look), &look).await;
        let is_begun = look.status.counted;
        sleep(if is_begun { PAUSE } else { PAUSE_AT_START }).await;
    }
}

/// Looks at the journal where that is due. One that is closed is left alone: what it has said before goes on.
async fn follow(source: &Source, meters: &[CountedMeter], look: &BoardLook) {
    let now_ns = source.wall_ns();
    let is_open = look.board.journal.phase == JournalPhase::Open && look.status.counted;
    if is_open && source.counters(|counters| counters.are_old(meters, now_ns)) {
        // What could not be read or kept is not told, and the next one asks again.
        let _ = carry_on(source, meters.to_vec(), &look.present).await;
    }
}

/// The meters whose pulses are worth something.
fn counted(look: &BoardLook) -> Vec<CountedMeter> {
    let meters = look.status.meters.iter();
    let meters = meters.filter(|meter| look.present.worth(&meter.name).is_some());
    let counted = meters.map(|meter| {
        let known = look.board.meters.get(&meter.name);
        let earlier = known.map_or(0, MeterLive::pulses_before_run);
        CountedMeter {
            name: meter.name.clone(),
            pulses: meter.pulses,
            earlier,
        }
    });
    counted.collect()
}

/// Reads what is in force, and keeps what is new.
async fn carry_on(
    source: &Source,
    meters: Vec<CountedMeter>,
    present: &Present,
) -> Result<(), Problem> {
    let (calendar, worths, now_ns) = (source.calendar(), present.worths(), source.wall_ns());
    // Of a time that is not believed yet it is not known which factor holds.
    let is_timed = source.now_and_kept_s().1 > 0;
    let shared = source.clone();
    let done = source.ask(move |reader, in_use| {
        // One after the other: each begins with what the one before has kept.
        let turn = shared.carrying();
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let factors = Factors::read(reader, &in_use.meters, &worths, &calendar)?;
        let kept = reader.carried_amounts()?;
        // The board was looked at before this one's turn came: another one may have kept more since.
        let totals = reader.totals()?;
        let total = |meter: &CountedMeter| {
            let known = totals.iter().find(|total| total.name == meter.name);
            known.map_or(meter.pulses, |known| known.pulses)
        };
        let (mut carried, mut begun) = (BTreeMap::new(), Vec::new());
        let mut waiting = BTreeSet::new();
        for meter in &meters {
            let Some(worth) = factors.at(&meter.name, now_ns.s()) else {
                continue;
            };
            let unit = in_base(worth).map(|(unit, _)| unit);
            let known = kept
                .get(&meter.name)
                .filter(|known| Some(known.unit) == unit);
            let now = CountedMeter {
                pulses: total(meter),
                ..meter.clone()
            };
            let has_one_factor = || {
                let history = factors.of(&meter.name);
                history.changes(i64::MIN, i64::MAX).next().is_none()
            };
            if !is_timed && !has_one_factor() {
                let known = known.filter(|known| known.pulses <= now.pulses);
                carried.extend(known.map(|known| (meter.name.clone(), *known)));
                waiting.insert(meter.name.clone());
                continue;
            }
            match shared.counters(|counters| counters.carried_on(known, &now, worth)) {
                Some(amount) => drop(carried.insert(meter.name.clone(), amount)),
                None => begun.push((meter, worth)),
            }
        }
        if !begun.is_empty() {
            carried.extend(begin(reader, &begun, (&factors, &calendar), now_ns)?);
        }
        let mut new = carried.clone();
        new.retain(|meter, amount| kept.get(meter) != Some(amount));
        if !new.is_empty() {
            CarriedKeeper::open(&in_use.dir)?.keep(&new)?;
        }
        shared.counters(|counters| counters.take(carried, &meters, now_ns, waiting));
        Ok(())
    });
    done.await
}

/// Meters that the journal carries nothing of: what all of their pulses were worth, as far as it is known.
fn begin(
    reader: &mut Reader,
    meters: &[(&CountedMeter, PulseWorth)],
    (factors, calendar): (&Factors, &Calendar),
    now_ns: WallNs,
) -> Result<Vec<(String, CarriedAmount)>, JournalError> {
    let since_s = reader.counting_since_s()?.unwrap_or(now_ns.s());
    let day_s = |at_s: i64| calendar.day_start_s(calendar.date_at(at_s));
    let starts_s = [
        day_s(since_s.min(now_ns.s())),
        day_s(now_ns.s() + 2 * S_PER_DAY),
    ];
    let asked = (&starts_s[..], Grain::Day);
    let (starts_s, counted) = factors.counted_parts(reader, asked, calendar, now_ns.s())?;
    let begun = meters.iter().filter_map(|(meter, worth)| {
        let parts = counted.iter().find(|parts| parts.meter == meter.name);
        let read = parts.map_or_else(MeterRead::none, |parts| {
            MeterRead::of(parts, &starts_s, factors.of(&meter.name))
        });
        let sums = read.all_now(meter.pulses, now_ns.s(), Some(*worth));
        let (unit, pulses_per_unit) = in_base(*worth)?;
        let amount = CarriedAmount {
            pulses: meter.pulses,
            amount: sums.amount_known(unit),
            unit,
            pulses_per_unit,
        };
        Some((meter.name.clone(), amount))
    });
    Ok(begun.collect())
}
