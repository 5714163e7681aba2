//! Reads what all pulses of the meters were worth, now and then.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::amounts::{AmountsRead, MeterAmounts};
use super::day_read::MeterRead;
use super::source::Source;
use crate::answers::factors::Factors;
use crate::answers::present::Present;
use crate::journal::Grain;
use crate::model::{S_PER_DAY, WallNs};
use crate::status::Status;

/// A scrape waits so long for the journal, and else takes what was read before.
const WAITED: Duration = Duration::from_secs(1);

/// What all pulses of `status` were worth. Empty: the journal could not be read yet.
pub(super) async fn amounts(source: &Source, status: &Status, present: &Present) -> MeterAmounts {
    let now_ns = source.wall_ns();
    let known = source.amounts_read();
    let is_old = known.as_ref().is_none_or(|known| known.is_old(now_ns));
    let read = match is_old {
        true => timeout(WAITED, read(source, present, now_ns)).await,
        false => Ok(None),
    };
    let read = read.ok().flatten();
    if let Some(read) = &read {
        source.set_amounts_read(Arc::clone(read));
    }
    let Some(read) = read.or(known) else {
        return MeterAmounts::default();
    };
    let mut amounts = read.of(status, present, now_ns);
    source.told_amounts(|before| {
        amounts.not_below(before);
        before.clone_from(&amounts);
    });
    amounts
}

async fn read(source: &Source, present: &Present, now_ns: WallNs) -> Option<Arc<AmountsRead>> {
    let (calendar, worths) = (source.calendar(), present.worths());
    let read = source.ask(move |reader, in_use| {
        let factors = Factors::read(reader, &in_use.meters, &worths, &calendar)?;
        let since_s = reader.counting_since_s()?.unwrap_or(now_ns.s());
        let day_s = |at_s: i64| calendar.day_start_s(calendar.date_at(at_s));
        let starts_s = [
            day_s(since_s.min(now_ns.s())),
            day_s(now_ns.s() + 2 * S_PER_DAY),
        ];
        let asked = (&starts_s[..], Grain::Day);
        let (starts_s, counted) = factors.counted_parts(reader, asked, &calendar, now_ns.s())?;
        let meters = counted.iter().map(|counted| {
            let history = factors.of(&counted.meter);
            let read = MeterRead::of(counted, &starts_s, history);
            (counted.meter.clone(), read)
        });
        Ok(meters.collect())
    });
    let meters = read.await.ok()?;
    let read_ns = now_ns;
    Some(Arc::new(AmountsRead { read_ns, meters }))
}
