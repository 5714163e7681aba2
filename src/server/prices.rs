//! What a unit of energy costs in a quarter of an hour, by the tariffs that are in use.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::{Settings, TariffSettings};
use crate::energy::periods::Calendar;
use crate::energy::tariff::Direction;

/// The tariffs, which change while the daemon runs. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct TariffsInUse(Arc<Mutex<Arc<TariffSettings>>>);

impl TariffsInUse {
    /// These, until others are used.
    pub fn new(tariffs: &TariffSettings) -> TariffsInUse {
        TariffsInUse(Arc::new(Mutex::new(Arc::new(tariffs.clone()))))
    }

    /// From now on these are used. Where a file of dynamic prices says nothing any more, what it said last: a point that is written
    /// without its cost while the file is moved or broken does not get it later.
    pub fn put(&self, tariffs: &TariffSettings) {
        let mut tariffs = tariffs.clone();
        let before = self.get();
        for (now, before) in [
            (&mut tariffs.import, &before.import),
            (&mut tariffs.feed_in, &before.feed_in),
        ] {
            let (Some(now), Some(before)) = (now, before) else {
                continue;
            };
            if now.prices_file == before.prices_file && now.dynamic.is_empty() {
                now.dynamic = Arc::clone(&before.dynamic);
            }
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(tariffs);
    }

    pub(super) fn get(&self) -> Arc<TariffSettings> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The prices of meters.
#[derive(Debug, Clone)]
pub(super) struct Prices {
    in_use: TariffsInUse,
    /// As they were at the last [`Prices::read`].
    tariffs: Arc<TariffSettings>,
    calendar: Calendar,
    /// By which tariff a meter is priced.
    meters: BTreeMap<String, Direction>,
}

impl Prices {
    pub(super) fn new(settings: &Settings, in_use: &TariffsInUse) -> Prices {
        let meters = settings.meters.iter();
        Prices {
            in_use: in_use.clone(),
            tariffs: in_use.get(),
            calendar: Calendar::new(settings.site.zone()),
            meters: meters
                .filter_map(|meter| Some((meter.name.clone(), meter.priced_by()?)))
                .collect(),
        }
    }

    /// Takes up the tariffs that are in use now.
    pub(super) fn read(&mut self) {
        self.tariffs = self.in_use.get();
    }

    /// Of one kWh of a meter in the quarter of an hour that begins at `start_s`: less than nothing where it earns. None: that is not
    /// known, or the meter is priced by no tariff.
    pub(super) fn of_kwh(&self, meter: &str, start_s: i64) -> Option<f64> {
        let direction = *self.meters.get(meter)?;
        let pricing = self.tariffs.of(direction)?;
        let price = pricing
            .tariff
            .price_at(&self.calendar, start_s, &pricing.dynamic)?;
        Some(direction.as_cost(price).to_f64())
    }
}
