//! What time may be used to delete or to give up anything, and which times contradict what is known. Pure.
//!
//! A wall clock may be wrong by years for minutes: an NTP server that answers zero means 2036, a battery
//! fails, a person types the wrong year. What is deleted on such a date is gone. So the wall clock alone
//! decides nothing final:
//!
//! * **Surely passed** ([`Elapsed::sure_ns`]) is a time that the true time has reached in any case. It moves with
//!   the monotonic clock and never faster. Only as old as that says is anything that leaves for its age.
//! * How long a machine was off is not known. The first trusted time of a boot is accepted when it is less than
//!   two days later than what had surely passed before; a longer leap, or a step forward while the machine runs,
//!   when the clock has stayed trusted and steady for a day of the monotonic clock.
//! * **A contradiction**: once a time of this boot was final, one that differs from it by more than two days is
//!   not made final before it has stayed so for a day. Pulses of such a time are held, and get the time that
//!   turns out to be true.

use super::trust::{ClockLook, Trust};
use crate::model::{MonoNs, NS_PER_S, WallNs};

/// A leap of the clock up to this is accepted over a reboot, and contradicts nothing within a boot.
pub const LEAP_MAX_NS: i64 = 2 * 86_400 * NS_PER_S;

/// A longer leap is accepted when the clock has been trusted and steady for so long.
pub const STEADY_NS: i64 = 86_400 * NS_PER_S;

/// A clock whose steps stay within this of where it stood first is steady.
const WANDERS_MAX_NS: i64 = 60 * NS_PER_S;

/// A clock that is trusted and has not been set by more than a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steady {
    /// When the boot began, by this clock: what every step changes and no sleep does.
    pub boot_wall_ns: WallNs,
    /// What it showed at the last look.
    pub wall_ns: WallNs,
    /// For how long it has been looked at.
    pub for_ns: i64,
}

/// The newest time of this boot that became final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// When the boot began, by that time.
    pub boot_wall_ns: WallNs,
    /// How far it was trusted.
    pub trust: Trust,
}

/// What a later run has to know of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ElapsedRecord {
    /// Where the monotonic clock stood; None: in another boot, it tells nothing here.
    pub mono_ns: Option<MonoNs>,
    /// So late it was, surely; None: no clock has been steady for long enough yet.
    pub sure_ns: Option<WallNs>,
    /// What a clock showed then that could be trusted and contradicted nothing.
    pub shown_ns: Option<WallNs>,
    /// No trusted time of this boot has been accepted yet.
    pub over_a_boot: bool,
    /// How steady the clock was.
    pub steady: Option<Steady>,
}

impl ElapsedRecord {
    /// The time by which an age may be judged once, at `look`, by a program that does not follow the clock: what
    /// the clock shows, unless that is later than can have passed since the last run.
    pub fn bounds(kept: Option<ElapsedRecord>, look: ClockLook) -> WallNs {
        let wall_ns = look.wall_ns();
        let Some((kept, known_ns)) =
            kept.and_then(|kept| Some((kept, kept.sure_ns.or(kept.shown_ns)?)))
        else {
            return wall_ns;
        };
        match kept.mono_ns.filter(|mono_ns| *mono_ns <= look.mono_ns) {
            Some(mono_ns) => wall_ns.min(known_ns + (look.mono_ns - mono_ns)),
            None if wall_ns - known_ns > LEAP_MAX_NS => known_ns,
            None => wall_ns,
        }
    }
}

/// Follows the clocks of one run.
#[derive(Debug)]
pub struct Elapsed {
    /// What has surely passed: a wall time, and where the monotonic clock stood then.
    sure: Option<(WallNs, MonoNs)>,
    over_a_boot: bool,
    known: Option<Known>,
    steady: Option<Steady>,
    /// How steady the clock was in another boot, until the first trusted look in this one.
    before: Option<Steady>,
    shown: Option<(WallNs, MonoNs)>,
    looked_ns: MonoNs,
    /// The clock shows a later time than has surely passed.
    behind: bool,
    contradicted_by_ns: Option<i64>,
}

impl Elapsed {
    /// Begins where an earlier run has ended; `known`: the newest final time of this boot.
    pub fn begin(mono_ns: MonoNs, kept: Option<ElapsedRecord>, known: Option<Known>) -> Elapsed {
        let kept = kept.unwrap_or_default();
        // A monotonic clock that stands before that of the earlier run is another one.
        let same_boot = kept.mono_ns.filter(|then_ns| *then_ns <= mono_ns);
        let (before, steady) = match same_boot {
            Some(_) => (None, kept.steady),
            None => (kept.steady, None),
        };
        Elapsed {
            sure: kept
                .sure_ns
                .map(|sure_ns| (sure_ns, same_boot.unwrap_or(mono_ns))),
            over_a_boot: kept.over_a_boot || same_boot.is_none(),
            known,
            steady,
            before,
            shown: None,
            looked_ns: mono_ns,
            behind: true,
            contradicted_by_ns: None,
        }
    }

    /// A look at the clocks, and how far the wall clock is trusted by what the machine says of it. Returns how
    /// far it is trusted all in all: not at all while it contradicts what is known. `assumed_ns`: what a time
    /// that was but assumed contradicts is accepted after so long.
    pub fn judge(&mut self, look: ClockLook, trust: Trust, assumed_ns: i64) -> Trust {
        let looked_ns = std::mem::replace(&mut self.looked_ns, look.mono_ns);
        self.contradicted_by_ns = None;
        if !trust.is_final() {
            self.steady = None;
            return trust;
        }
        let steady_ns = self.note_steady(look, look.mono_ns - looked_ns);
        let boot_wall_ns = look.boot_wall_ns();
        if let Some(known) = self.known {
            let by_ns = boot_wall_ns.saturating_since(known.boot_wall_ns);
            let wanted_ns = match known.trust {
                Trust::Assumed => assumed_ns.min(STEADY_NS),
                _ => STEADY_NS,
            };
            if by_ns.saturating_abs() > LEAP_MAX_NS && steady_ns < wanted_ns {
                self.contradicted_by_ns = Some(by_ns);
                return Trust::Provisional;
            }
        }
        self.known = Some(Known {
            boot_wall_ns,
            trust,
        });
        self.believe(look, steady_ns);
        trust
    }

    fn note_steady(&mut self, look: ClockLook, since_ns: i64) -> i64 {
        let (boot_wall_ns, wall_ns) = (look.boot_wall_ns(), look.wall_ns());
        let near = |steady: &Steady| {
            boot_wall_ns
                .saturating_since(steady.boot_wall_ns)
                .saturating_abs()
                <= WANDERS_MAX_NS
        };
        let goes_on = |steady: &Steady| {
            let off_ns = wall_ns.saturating_since(steady.wall_ns);
            (0..=LEAP_MAX_NS).contains(&off_ns)
        };
        let before = self.before.take().filter(goes_on);
        let steady = match self.steady.filter(near) {
            Some(steady) => Steady {
                wall_ns,
                for_ns: steady.for_ns + since_ns.max(0),
                ..steady
            },
            None => Steady {
                boot_wall_ns,
                wall_ns,
                for_ns: before.map_or(0, |before| before.for_ns),
            },
        };
        self.steady = Some(steady);
        steady.for_ns
    }

    /// Takes what a trusted clock shows for the time that has surely passed, if it may be.
    fn believe(&mut self, look: ClockLook, steady_ns: i64) {
        let wall_ns = look.wall_ns();
        self.shown = Some((wall_ns, look.mono_ns));
        let is_steady = steady_ns >= STEADY_NS;
        let believed = is_steady
            || self.sure_ns(look.mono_ns).is_some_and(|sure_ns| {
                let ahead_ns = wall_ns.saturating_since(sure_ns);
                ahead_ns <= 0 || (self.over_a_boot && ahead_ns <= LEAP_MAX_NS)
            });
        if believed {
            self.sure = Some((wall_ns, look.mono_ns));
            self.over_a_boot = false;
        }
        self.behind = !(believed && is_steady);
    }

    /// So late it surely is; None: no clock has been steady for long enough yet.
    pub fn sure_ns(&self, mono_ns: MonoNs) -> Option<WallNs> {
        let (wall_ns, then_ns) = self.sure?;
        Some(wall_ns.saturating_add((mono_ns - then_ns).max(0)))
    }

    /// Whether a wall time is so late that it cannot be what has surely passed: nothing is vouched for by it.
    pub fn is_leap(&self, wall_ns: WallNs, mono_ns: MonoNs) -> bool {
        self.sure_ns(mono_ns)
            .is_some_and(|sure_ns| wall_ns.saturating_since(sure_ns) > LEAP_MAX_NS)
    }

    /// Whether more looks may tell more, although nothing has changed.
    pub fn is_behind(&self) -> bool {
        self.behind
    }

    /// By how much the wall clock contradicts what is known, if it does.
    pub fn contradicted_by_ns(&self) -> Option<i64> {
        self.contradicted_by_ns
    }

    /// What a later run has to know.
    pub fn kept(&self, mono_ns: MonoNs) -> ElapsedRecord {
        let since =
            |wall_ns: WallNs, then_ns: MonoNs| wall_ns.saturating_add((mono_ns - then_ns).max(0));
        let steady = self.steady.map(|steady| Steady {
            wall_ns: since(steady.wall_ns, self.looked_ns),
            ..steady
        });
        ElapsedRecord {
            mono_ns: Some(mono_ns),
            sure_ns: self.sure_ns(mono_ns),
            shown_ns: self.shown.map(|(wall_ns, then_ns)| since(wall_ns, then_ns)),
            over_a_boot: self.over_a_boot,
            steady: steady.or(self.before),
        }
    }
}

#[cfg(test)]
#[path = "elapsed_tests.rs"]
mod tests;
