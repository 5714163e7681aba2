//! What pulses mean: power and flow, local days, money, the register of a meter. Pure: no I/O, and no clock is
//! asked; times come in as arguments.
//!
//! | file | answers |
//! |---|---|
//! | [`quantity`] | What a meter counts, and what one pulse of it is worth. |
//! | [`derived`] | House load, self-consumption, autarky; whether the meters agree. |
//! | [`periods`] | Which instants are a local day, week, month, year. |
//! | [`days`] | To which local day a quarter hour belongs. |
//! | [`power`] | How much flows now, and how sure that is. |
//! | [`register`] | What stands on a meter's face, and how a reading compares with the count. |

pub mod days;
pub mod derived;
pub mod periods;
pub mod power;
pub mod quantity;
pub mod register;
mod ring;

#[cfg(test)]
mod derived_tests;
#[cfg(test)]
mod periods_tests;
#[cfg(test)]
mod power_tests;
#[cfg(test)]
mod register_tests;
