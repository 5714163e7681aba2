//! What is published, as numbers: of each meter and of the house, by the board. Pure.

use super::memory::{Configured, amount};
use super::units::shown_unit;
use crate::answers::present::{Present, PresentMeter, rounded};
use crate::config::MeterSettings;
use crate::energy::derived::{LivePower, MeanPower, live_power};
use crate::journal::MqttMeter;
use crate::live::Snapshot;
use crate::model::{MonoNs, PulseWorth, Quantity, Role, WallNs};
use crate::status::{Condition, MeterStatus, Severity, Status};

/// One meter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MeterPicture {
    /// Its part of topics and ids.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What it counts, and what a pulse is worth; None: not known.
    pub worth: Option<PulseWorth>,
    /// What it has counted, in the unit that is published; None: as above.
    pub amount: Option<f64>,
    /// What flows, in the unit of its rate; None: not known at this moment.
    pub rate: Option<f64>,
    /// What its face shows, in the unit that is published; None: there was no reading, or one of something else.
    pub register: Option<f64>,
    /// Pulses ever counted.
    pub pulses: i64,
    /// Pulses lost for good.
    pub lost: u64,
    /// The last one; None: there was none, or its time is not known yet.
    pub last_pulse_ns: Option<WallNs>,
}

/// Power of the house in watts; None in it: not known at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct SitePicture {
    /// From the grid, less than 0 into it; None: there is no meter of the grid.
    pub grid_w: Option<Option<f64>>,
    /// What the house uses; None: it cannot be told from the meters that there are.
    pub house_w: Option<Option<f64>>,
    /// What it uses of its own generation; None: as above.
    pub self_w: Option<Option<f64>>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Picture {
    /// The configured meters.
    pub meters: Vec<MeterPicture>,
    /// The house.
    pub site: SitePicture,
    /// Pulses that wait for delivery; None: they are delivered nowhere.
    pub backlog: Option<i64>,
    /// What is not as it should be.
    pub conditions: Vec<Condition>,
    /// The pulses are made up.
    pub is_simulated: bool,
}

/// The meters as far as their names and factors matter.
pub(super) fn configured(meters: &[MeterSettings], board: &Snapshot) -> Vec<Configured> {
    // Only what a pulse is worth is asked for: the time does not matter.
    let present = Present::of(board, meters, 0);
    let of_meter = |(settings, present): (&MeterSettings, &PresentMeter)| Configured {
        name: settings.name.clone(),
        line: match &settings.line.chip {
            Some(chip) => format!("{chip} {}", settings.line.line),
            None => settings.line.line.to_string(),
        },
        unit: shown_unit(present.unit).quantity,
        pulses_per_unit: worth(present).map(pulses_per_shown),
    };
    meters.iter().zip(&present.meters).map(of_meter).collect()
}

/// Pulses for one of the unit that is published.
pub(super) fn pulses_per_shown(worth: PulseWorth) -> f64 {
    worth.pulses_per_unit / shown_unit(worth.quantity).amount_factor
}

/// What a pulse of a meter is worth; None: not known.
fn worth(meter: &PresentMeter) -> Option<PulseWorth> {
    meter.worth
}

impl Picture {
    /// Of the board at this moment, by the clock that stamps the pulses. `slugs`: the meters with the names under which
    /// they are published.
    pub(super) fn of(
        board: &Snapshot,
        meters: &[MeterSettings],
        slugs: &[MqttMeter],
        (mono_ns, wall_ns): (MonoNs, WallNs),
    ) -> Picture {
        let status = Status::from_board(board, wall_ns);
        let present = Present::of(board, meters, mono_ns);
        let of_meter = |meter: &PresentMeter| {
            let known = slugs.iter().find(|known| known.meter == meter.name)?;
            Some(MeterPicture::of(meter, known, &present, &status))
        };
        Picture {
            meters: present.meters.iter().filter_map(of_meter).collect(),
            site: SitePicture::of(&present),
            backlog: status.delivery.as_ref().map(|delivery| delivery.backlog),
            conditions: status.conditions(),
            is_simulated: status.simulated,
        }
    }

    /// Whether something is wrong, and not merely good to know.
    pub(super) fn has_problem(&self) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.any(|condition| condition.severity() > Severity::Info)
    }
}

impl MeterPicture {
    fn of(
        meter: &PresentMeter,
        known: &MqttMeter,
        present: &Present,
        status: &Status,
    ) -> MeterPicture {
        let counted = status
            .meters
            .iter()
            .find(|counted| counted.name == meter.name);
        let pulses = counted.map_or(0, |counted| counted.pulses);
        let losses = counted.map_or(&[][..], |counted| &counted.losses);
        let lost = losses.iter().filter(|loss| loss.lost);
        MeterPicture {
            slug: known.slug.clone(),
            name: meter.name.clone(),
            worth: worth(meter),
            amount: amount(known, pulses),
            rate: present.rate(&meter.name),
            register: counted.and_then(|counted| register(counted, worth(meter)?.quantity)),
            pulses,
            lost: lost.map(|loss| loss.pulses).sum(),
            last_pulse_ns: counted.and_then(|counted| counted.last_pulse_ns),
        }
    }

    /// What it counts.
    pub(super) fn quantity(&self) -> Option<Quantity> {
        Some(self.worth?.quantity)
    }
}

/// What a meter's face shows, in the unit that is published.
fn register(counted: &MeterStatus, quantity: Quantity) -> Option<f64> {
    let (register, unit) = (counted.register?, counted.register_unit?);
    let amount = quantity.of(unit, register)?;
    Some(amount * shown_unit(quantity).amount_factor)
}

impl SitePicture {
    fn of(present: &Present) -> SitePicture {
        let rates: Vec<_> = present
            .meters
            .iter()
            .filter_map(|meter| Some((meter.role?, meter.rate.as_ref()?)))
            .collect();
        let has = |role| rates.iter().any(|(of, _)| *of == role);
        let LivePower {
            import,
            export,
            house,
            self_consumption,
            ..
        } = live_power(&rates, present.now_ns);
        let of_watts = |w| rounded(Quantity::KilowattHours, w);
        let watts = |power: Option<MeanPower>| power.map(|power| of_watts(power.w));
        let grid = match (has(Role::Import), has(Role::Export)) {
            (true, true) => Some(
                import
                    .zip(export)
                    .map(|(import, export)| import.w - export.w),
            ),
            (true, false) => Some(import.map(|import| import.w)),
            (false, true) => Some(export.map(|export| -export.w)),
            (false, false) => None,
        };
        let has_own = has(Role::Generation) && has(Role::Export);
        let has_house = has(Role::Import) && has(Role::Generation) == has(Role::Export);
        SitePicture {
            grid_w: grid.map(|grid| grid.map(of_watts)),
            house_w: has_house.then(|| watts(house)),
            self_w: has_own.then(|| watts(self_consumption)),
        }
    }
}
