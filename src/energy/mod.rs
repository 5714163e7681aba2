//! What pulses mean: power and flow, local days, money, the register of a meter. Pure: no I/O, and no clock is
//! asked; times come in as arguments.
//!
//! | file | answers |
//! |---|---|
//! | [`derived`] | House load, self-consumption, autarky; whether the meters agree. |
//! | [`periods`] | Which instants are a local day, week, month, year. |
//! | [`days`] | To which local day a quarter hour belongs. |
//! | [`factors`] | How many pulses were one kWh, over time. |
//! | [`power`] | How much flows now, and how sure that is. |
//! | [`tariff`] | What a price list says about one quarter hour. |
//! | [`coverage`] | Whether each quarter hour of a price list has one price. |
//! | [`cost`] | What energy costs. |
//! | [`decimal`] | Decimal arithmetic for prices and money. |
//! | [`register`] | What stands on a meter's face, and how a reading compares with the count. |

pub mod cost;
pub mod coverage;
pub mod days;
pub mod decimal;
pub mod derived;
pub mod factors;
pub mod periods;
pub mod power;
pub mod register;
mod ring;
pub mod tariff;

#[cfg(test)]
mod cost_tests;
#[cfg(test)]
mod derived_tests;
#[cfg(test)]
mod periods_tests;
#[cfg(test)]
mod power_tests;
#[cfg(test)]
mod register_tests;
#[cfg(test)]
mod tariff_tests;
