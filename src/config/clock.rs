//! `[clock]`: when the wall clock is trusted.

use super::key::key;
use super::section::Section;

/// When the wall clock is trusted although NTP has not confirmed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSettings {
    /// For so long NTP is waited for, in seconds.
    pub max_wait_s: u64,
    /// What to do afterwards with a time that was never set: trust it, or hold the pulses.
    pub assume: bool,
    /// Whether the machine has a clock that runs while it is off; None: look.
    pub rtc: Option<bool>,
}

/// Reads the table. Where something is wrong with it the clock is trusted when NTP confirms it, so that no pulse
/// gets a time that was not chosen; until then pulses are kept and held.
pub(super) fn read(s: &mut Section<'_>) -> ClockSettings {
    let settings = ClockSettings {
        max_wait_s: s.number(
            key(
                "clock.max_wait_s",
                "for so long NTP is waited for before a time is taken as it is",
            ),
            600,
            0..=31_536_000,
        ),
        assume: s.choice(
            key(
                "clock.without_ntp",
                "what to do then with a time that was never set, without RTC",
            ),
            &[("hold", false), ("assume", true)],
        ),
        rtc: s.flag_if_set(key(
            "clock.rtc",
            "whether the machine has a battery-backed clock",
        )),
    };
    if s.is_wrong() {
        return ClockSettings {
            assume: false,
            rtc: Some(false),
            ..settings
        };
    }
    settings
}
