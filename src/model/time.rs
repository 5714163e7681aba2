//! Stamps and the units of time.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A stamp of `CLOCK_MONOTONIC` (or of a simulated clock in its place), in nanoseconds. A plain number: what tells the
/// two clocks apart is that wall time is not.
pub type MonoNs = i64;

/// A stamp of wall time: nanoseconds since 1970-01-01T00:00:00Z, without leap seconds. A type of its own: neither a
/// stamp of the other clock nor seconds, which are plain numbers, pass for it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct WallNs(pub i64);

impl WallNs {
    /// Before any other.
    pub const MIN: WallNs = WallNs(i64::MIN);
    /// After any other.
    pub const MAX: WallNs = WallNs(i64::MAX);

    /// The stamp of a full second since 1970.
    pub const fn of_s(wall_s: i64) -> WallNs {
        WallNs(wall_s * NS_PER_S)
    }

    /// The wall time of a monotonic stamp, where the wall clock is ahead of it by `offset_ns`.
    pub const fn of_mono(mono_ns: MonoNs, offset_ns: i64) -> WallNs {
        WallNs(mono_ns + offset_ns)
    }

    /// How far the wall clock is ahead of the monotonic one, if the two show these at one moment.
    pub const fn ahead_of(self, mono_ns: MonoNs) -> i64 {
        self.0 - mono_ns
    }

    /// The second since 1970 that it lies in.
    pub const fn s(self) -> i64 {
        self.0.div_euclid(NS_PER_S)
    }

    /// The millisecond since 1970 that it lies in.
    pub const fn ms(self) -> i64 {
        self.0.div_euclid(NS_PER_MS)
    }

    /// The nanoseconds since `earlier`, of stamps that may be damaged or of a clock that is anywhere.
    pub const fn saturating_since(self, earlier: WallNs) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// So many nanoseconds later, of a stamp that may be damaged or of a clock that is anywhere.
    pub const fn saturating_add(self, ns: i64) -> WallNs {
        WallNs(self.0.saturating_add(ns))
    }
}

impl fmt::Display for WallNs {
    /// As the number it is.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl Add<i64> for WallNs {
    type Output = WallNs;

    /// So many nanoseconds later.
    fn add(self, ns: i64) -> WallNs {
        WallNs(self.0 + ns)
    }
}

impl Sub<i64> for WallNs {
    type Output = WallNs;

    /// So many nanoseconds earlier.
    fn sub(self, ns: i64) -> WallNs {
        WallNs(self.0 - ns)
    }
}

impl Sub for WallNs {
    type Output = i64;

    /// The nanoseconds between.
    fn sub(self, earlier: WallNs) -> i64 {
        self.0 - earlier.0
    }
}

/// Nanoseconds in one second.
pub const NS_PER_S: i64 = 1_000_000_000;

/// Nanoseconds in one millisecond.
pub const NS_PER_MS: i64 = 1_000_000;

/// Seconds in one day of 24 hours.
pub const S_PER_DAY: i64 = 86_400;

/// Nanoseconds in one day of 24 hours.
pub const NS_PER_DAY: i64 = S_PER_DAY * NS_PER_S;

/// Stamps are kept to this many nanoseconds. The journal puts the clock segment's number into
/// the low bits of a wall stamp that this leaves free, so that pulses of one meter cannot
/// share a stamp even where the wall clock ran twice over the same minute.
pub const STAMP_STEP_NS: i64 = 1024;
