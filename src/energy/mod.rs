//! What pulses mean: power and flow, local days, money, the register of a meter. Pure: no I/O, and no clock is
//! asked; times come in as arguments.
//!
//! | file | answers |
//! |---|---|
//! | [`quantity`] | What a meter counts, and what one pulse of it is worth. |
//! | [`power`] | How much flows now, and how sure that is. |

pub mod power;
pub mod quantity;
mod ring;

#[cfg(test)]
mod power_tests;
