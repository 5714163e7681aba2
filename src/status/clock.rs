//! What there is to say of the clock on which the newest pulses stand.

use super::ClockStatus;

/// On which clock the newest pulses stand, and what to do about it.
pub fn clock_words(clock: &ClockStatus) -> &'static str {
    match clock.trust {
        "synchronised" => "synchronised (NTP)",
        "rtc" => "set by the machine's battery-backed clock",
        "assumed" => {
            "taken as it is: nothing has confirmed it (`timedatectl set-ntp true` switches NTP on)"
        }
        _ => {
            "NOT KNOWN to be right: pulses are counted and kept, and delivered when it is; switch NTP on \
             (`timedatectl set-ntp true`), or set clock.without_ntp = \"assume\""
        }
    }
}
