//! The local day, as it was last read from the journal.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use super::source::InUse;
use crate::answers::costs::Costs;
use crate::answers::factors::Factors;
use crate::answers::money::{Bill, Money};
use crate::energy::periods::Calendar;
use crate::journal::CountedParts;
use crate::model::{QUARTER_S, WallNs};

/// What was counted of the local day when the journal was read.
#[derive(Debug, Clone)]
pub(super) struct DayRead {
    pub(super) date: Date,
    pub(super) from_s: i64,
    pub(super) to_s: i64,
    /// When counting began; None: nothing is counted yet.
    pub(super) since_s: Option<i64>,
    /// Seconds since then in which a line was not watched.
    pub(super) unwatched_s: i64,
    pub(super) read_ns: WallNs,
    pub(super) meters: BTreeMap<String, CountedParts>,
    pub(super) priced: PricedDay,
}

/// What the day has cost by then.
#[derive(Debug, Clone)]
pub(super) struct PricedDay {
    /// The settings by which it was priced.
    pub(super) in_use: Arc<InUse>,
    /// What pulses of that day are worth.
    pub(super) factors: Factors,
    /// With the standing charge of the day.
    pub(super) costs: Costs,
}

impl PricedDay {
    /// What the day has cost by now: `since` tells the pulses of a meter since it was read, which are priced by the present quarter
    /// hour. None: nothing has a price.
    pub(super) fn money(
        &self,
        calendar: &Calendar,
        now_s: i64,
        since: &dyn Fn(&str) -> i64,
    ) -> Option<Money> {
        let meters = self.in_use.priced_meters();
        let pricer = self.in_use.pricer((&meters, &self.factors), calendar);
        let mut costs = self.costs.clone();
        let quarter_s = now_s - now_s.rem_euclid(QUARTER_S);
        for (meter, _) in &meters {
            pricer.add(&mut costs, meter, (quarter_s, since(meter)));
        }
        Bill::of(&costs, &pricer).map(|bill| bill.money)
    }
}
