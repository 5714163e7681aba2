//! The units in which quantities are published. Pure.

use crate::model::Quantity;

/// How a quantity is published: in units that Home Assistant has.
pub(super) struct ShownUnit {
    /// The quantity that this is a unit of.
    pub quantity: Quantity,
    /// Of the amount.
    pub amount: &'static str,
    /// So many of these are one unit of the meter.
    pub amount_factor: f64,
    /// Of the rate.
    pub rate: &'static str,
    /// So many of these are one of the meter's.
    pub rate_factor: f64,
}

/// The units of a quantity: energy in kWh whatever the meter is read in; a flow of litres by the minute.
pub(super) fn shown_unit(quantity: Quantity) -> ShownUnit {
    let (shown, amount, amount_factor, rate, rate_factor) = match quantity {
        Quantity::KilowattHours => (quantity, "kWh", 1.0, "W", 1.0),
        Quantity::WattHours => (Quantity::KilowattHours, "kWh", 1e-3, "W", 1.0),
        Quantity::CubicMetres => (quantity, "m³", 1.0, "m³/h", 1.0),
        Quantity::Litres => (quantity, "L", 1.0, "L/min", 1.0 / 60.0),
    };
    ShownUnit {
        quantity: shown,
        amount,
        amount_factor,
        rate,
        rate_factor,
    }
}
