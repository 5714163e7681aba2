//! The settings that the daemon uses, as the server is told of them.

use std::path::PathBuf;

use crate::answers::costs::{PricedMeters, Pricer, priced};
use crate::answers::factors::Factors;
use crate::answers::socket;
use crate::config::described::Described;
use crate::config::{MeterSettings, SiteSettings, TariffSettings};
use crate::energy::periods::Calendar;

/// What the daemon tells of the settings it uses.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InUse {
    /// The journal's directory.
    pub dir: PathBuf,
    /// Its meters.
    pub meters: Vec<MeterSettings>,
    /// The place they are at.
    pub site: SiteSettings,
    /// What energy costs.
    pub tariffs: TariffSettings,
    /// All settings as words.
    pub described: Described,
}

impl InUse {
    /// A name for these settings.
    pub(super) fn name(&self) -> u64 {
        socket::number_of(&self.described)
    }

    /// The meters that are priced.
    pub(super) fn priced_meters(&self) -> PricedMeters {
        priced(self.meters.iter())
    }

    /// What prices them.
    pub(super) fn pricer<'a>(
        &'a self,
        (meters, factors): (&'a PricedMeters, &'a Factors),
        calendar: &'a Calendar,
    ) -> Pricer<'a> {
        Pricer {
            tariffs: &self.tariffs,
            currency: &self.site.currency,
            meters,
            factors,
            calendar,
            memory: None,
        }
    }
}
