//! `tune`: which settings fit what comes on a meter's line. Pure: a wave in, findings and recommended settings out, as
//! text, JSON and a report of one file.
//!
//! ```text
//!  wave ──▶ separation ──▶ signs ──▶ recommend ──▶ report ──▶ text | html
//!  (edges)  (how long must  (hum,     (settings,    (all of it)
//!            a level stay?)  bounce…)  true filter)
//! ```

pub mod catalogue;
pub mod finding;
pub mod histogram;
pub mod html;
pub mod report;
pub mod separation;
pub mod settings;
pub mod signs;
pub mod text;
pub mod wave;
pub mod words;
pub mod worth;

mod count;
mod diagnose;
mod recommend;

#[cfg(test)]
mod tests;

pub use count::{FilterCount, count};
pub use diagnose::diagnose;
pub use report::{LineReport, Subject};
pub use wave::Wave;
pub use worth::Evidence;
