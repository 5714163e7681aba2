//! Stamps and the units of time.

/// A stamp of `CLOCK_MONOTONIC` (or of a simulated clock in its place), in nanoseconds.
pub type MonoNs = i64;

/// A stamp of wall time: nanoseconds since 1970-01-01T00:00:00Z, without leap seconds.
pub type WallNs = i64;

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
