//! What may be deleted by which clock, and what contradicts what is known.

use proptest::prelude::*;

use super::super::segment::EARLIEST_WALL_NS;
use super::*;

const S: i64 = NS_PER_S;
const H: i64 = 3_600 * S;
const DAY: i64 = 24 * H;
const YEAR: i64 = 365 * DAY;
const GOOD: WallNs = WallNs(EARLIEST_WALL_NS.0 + 300 * DAY);

/// A machine whose clock shows what the test wants; true time is `GOOD` and the monotonic clock.
struct Machine {
    elapsed: Elapsed,
    mono_ns: MonoNs,
    wrong_by_ns: i64,
    slept_ns: i64,
    trust: Trust,
}

impl Machine {
    fn begin(kept: Option<ElapsedRecord>, known: Option<Known>) -> Machine {
        Machine {
            elapsed: Elapsed::begin(S, kept, known),
            mono_ns: S,
            wrong_by_ns: 0,
            slept_ns: 0,
            trust: Trust::Synchronised,
        }
    }

    fn look(&mut self) -> Trust {
        let look = ClockLook {
            mono_ns: self.mono_ns,
            offset_ns: GOOD.0 + self.wrong_by_ns + self.slept_ns,
            slept_ns: self.slept_ns,
            synchronised: self.trust == Trust::Synchronised,
        };
        self.elapsed.judge(look, self.trust, 600 * S)
    }

    /// Time passes, with a look a minute.
    fn run(&mut self, ns: i64) -> Trust {
        let until_ns = self.mono_ns + ns;
        while self.mono_ns < until_ns {
            self.mono_ns = until_ns.min(self.mono_ns + 60 * S);
            self.look();
        }
        self.look()
    }

    /// By how much what has surely passed is behind the true time.
    fn behind_ns(&self) -> Option<i64> {
        let true_ns = GOOD + self.slept_ns + self.mono_ns;
        self.elapsed
            .sure_ns(self.mono_ns)
            .map(|sure_ns| true_ns - sure_ns)
    }

    /// The same machine after a reboot that took so long, by the true time.
    fn reboot(&self, off_ns: i64) -> Machine {
        let kept = ElapsedRecord {
            mono_ns: None,
            ..self.elapsed.kept(self.mono_ns)
        };
        let passed_ns = self.mono_ns + self.slept_ns + off_ns - S;
        let ahead = |wall_ns: WallNs| wall_ns - passed_ns;
        let kept = ElapsedRecord {
            sure_ns: kept.sure_ns.map(ahead),
            shown_ns: kept.shown_ns.map(ahead),
            steady: kept.steady.map(|steady| Steady {
                wall_ns: ahead(steady.wall_ns),
                ..steady
            }),
            ..kept
        };
        Machine::begin(Some(kept), None)
    }
}

/// A machine whose clock is known well.
fn settled() -> Machine {
    let mut machine = Machine::begin(None, None);
    assert_eq!(machine.run(2 * DAY), Trust::Synchronised);
    assert_eq!(machine.behind_ns(), Some(0));
    machine
}

#[test]
fn nothing_has_surely_passed_before_a_clock_was_steady_for_a_day() {
    let mut machine = Machine::begin(None, None);
    machine.run(23 * H);
    assert_eq!(machine.behind_ns(), None);
    machine.run(2 * H);
    assert_eq!(machine.behind_ns(), Some(0));
}

#[test]
fn a_clock_that_is_ahead_for_minutes_deletes_nothing_and_makes_nothing_final() {
    for (ahead, trust) in [
        (400 * DAY, Trust::Rtc),
        (10 * YEAR, Trust::Synchronised),
        (3 * DAY, Trust::Assumed),
        (-5 * YEAR, Trust::Synchronised),
        (-49 * H, Trust::Rtc),
    ] {
        let mut machine = settled();
        (machine.wrong_by_ns, machine.trust) = (ahead, trust);
        assert_eq!(machine.run(H), Trust::Provisional, "{ahead}");
        assert_eq!(machine.elapsed.contradicted_by_ns(), Some(ahead));
        assert_eq!(machine.behind_ns(), Some(0), "{ahead}");
        machine.wrong_by_ns = 0;
        assert_eq!(machine.look(), trust, "set right");
        assert_eq!(machine.behind_ns(), Some(0));
    }
}

#[test]
fn what_stays_so_for_a_day_is_believed() {
    let mut machine = settled();
    machine.wrong_by_ns = YEAR;
    assert_eq!(machine.run(23 * H), Trust::Provisional);
    machine.wrong_by_ns = YEAR + 20 * S;
    assert_eq!(
        machine.run(2 * H),
        Trust::Synchronised,
        "a small step is steady"
    );
    assert_eq!(machine.behind_ns(), Some(-YEAR - 20 * S));
    // And back: again a day.
    machine.wrong_by_ns = 0;
    assert_eq!(machine.run(23 * H), Trust::Provisional);
    assert_eq!(machine.run(2 * H), Trust::Synchronised);
    assert_eq!(
        machine.behind_ns(),
        Some(0),
        "what is earlier is believed at once"
    );
}

#[test]
fn a_clock_that_wanders_is_not_steady() {
    let mut machine = settled();
    for n in 1..200 {
        machine.wrong_by_ns = YEAR + n * 3_000 * S;
        assert_eq!(machine.run(20 * H), Trust::Provisional);
    }
    assert_eq!(machine.behind_ns(), Some(0));
}

#[test]
fn a_time_that_was_but_assumed_gives_way_sooner() {
    let mut machine = Machine::begin(None, None);
    machine.trust = Trust::Assumed;
    assert_eq!(machine.run(H), Trust::Assumed);
    (machine.wrong_by_ns, machine.trust) = (30 * DAY, Trust::Synchronised);
    assert_eq!(machine.run(540 * S), Trust::Provisional);
    assert_eq!(machine.run(120 * S), Trust::Synchronised);
}

#[test]
fn steps_of_hours_are_believed_at_once_but_delete_nothing() {
    let mut machine = settled();
    machine.wrong_by_ns = 30 * H;
    assert_eq!(machine.run(H), Trust::Synchronised);
    assert_eq!(machine.behind_ns(), Some(0));
    machine.wrong_by_ns = -2 * H;
    machine.look();
    assert_eq!(
        machine.behind_ns(),
        Some(2 * H),
        "earlier is on the safe side"
    );
}

#[test]
fn over_a_reboot_two_days_are_believed_and_more_after_a_day() {
    let mut machine = settled().reboot(47 * H);
    assert_eq!(machine.look(), Trust::Synchronised);
    assert_eq!(machine.behind_ns(), Some(0));
    // The second leap is in the same boot.
    machine.wrong_by_ns = 40 * H;
    machine.run(H);
    assert_eq!(machine.behind_ns(), Some(0));

    let mut machine = settled().reboot(50 * DAY);
    assert_eq!(
        machine.look(),
        Trust::Synchronised,
        "nothing in this boot contradicts"
    );
    assert!(
        machine
            .elapsed
            .is_leap(GOOD + machine.mono_ns, machine.mono_ns)
    );
    machine.run(23 * H);
    assert_eq!(
        machine.behind_ns(),
        Some(50 * DAY - S + S),
        "it was not off for less than no time"
    );
    machine.run(2 * H);
    assert_eq!(machine.behind_ns(), Some(0));
}

#[test]
fn a_wrong_first_time_does_not_hide_the_right_one() {
    let mut machine = settled().reboot(H);
    (machine.wrong_by_ns, machine.trust) = (9 * YEAR, Trust::Rtc);
    machine.run(60 * S);
    assert!(machine.behind_ns().unwrap() >= 0);
    (machine.wrong_by_ns, machine.trust) = (0, Trust::Synchronised);
    assert_eq!(machine.run(23 * H), Trust::Provisional);
    assert_eq!(machine.run(2 * H), Trust::Synchronised);
    assert_eq!(machine.behind_ns(), Some(0));
}

#[test]
fn a_machine_that_runs_but_some_hours_a_day_is_believed_in_the_end() {
    let mut machine = settled().reboot(30 * DAY);
    machine.run(9 * H);
    for _ in 0..2 {
        assert!(machine.behind_ns().unwrap() > 0);
        machine = machine.reboot(15 * H);
        machine.run(9 * H);
    }
    assert_eq!(machine.behind_ns(), Some(0));
}

#[test]
fn a_restart_in_the_same_boot_goes_on() {
    let mut machine = settled();
    machine.wrong_by_ns = 60 * DAY;
    machine.run(20 * H);
    let (kept, known) = (machine.elapsed.kept(machine.mono_ns), machine.elapsed.known);
    machine.mono_ns += 600 * S;
    machine.elapsed = Elapsed::begin(machine.mono_ns, Some(kept), known);
    assert_eq!(machine.behind_ns(), Some(0), "the monotonic clock went on");
    assert_eq!(machine.run(3 * H), Trust::Provisional);
    assert_eq!(machine.run(H + 120 * S), Trust::Synchronised);
}

#[test]
fn sleep_is_no_contradiction_and_deletes_nothing_at_once() {
    let mut machine = settled();
    machine.slept_ns = 5 * DAY;
    assert_eq!(machine.run(60 * S), Trust::Synchronised);
    assert_eq!(
        machine.behind_ns(),
        Some(0),
        "the clock was steady for longer than a day"
    );
    let mut machine = Machine::begin(None, None).reboot(0);
    machine.run(2 * H);
    machine.slept_ns = 5 * DAY;
    machine.run(60 * S);
    assert_eq!(machine.behind_ns(), None);
}

#[test]
fn an_age_that_is_judged_once_is_bounded_by_what_can_have_passed() {
    let look = |wall_ns: WallNs, mono_ns| ClockLook {
        mono_ns,
        offset_ns: wall_ns.ahead_of(mono_ns),
        slept_ns: 0,
        synchronised: true,
    };
    let kept = ElapsedRecord {
        mono_ns: Some(100 * S),
        sure_ns: Some(GOOD),
        ..ElapsedRecord::default()
    };
    let same_boot = |wall_ns| ElapsedRecord::bounds(Some(kept), look(wall_ns, 400 * S));
    assert_eq!(same_boot(GOOD + YEAR), GOOD + 300 * S);
    assert_eq!(same_boot(GOOD - DAY), GOOD - DAY);
    let other = ElapsedRecord {
        mono_ns: None,
        sure_ns: None,
        shown_ns: Some(GOOD),
        ..kept
    };
    let other_boot = |wall_ns| ElapsedRecord::bounds(Some(other), look(wall_ns, 7 * S));
    assert_eq!(other_boot(GOOD + YEAR), GOOD);
    assert_eq!(other_boot(GOOD + DAY), GOOD + DAY);
    assert_eq!(
        ElapsedRecord::bounds(None, look(GOOD, 7 * S)),
        GOOD,
        "nothing is known"
    );
}

proptest! {
    /// Whatever the clock shows within a boot: while it is not left alone for a day, nothing passes that has not.
    #[test]
    fn no_clock_makes_time_pass(steps in prop::collection::vec((-20 * YEAR..20 * YEAR, 1i64..23 * H, 0u8..3), 1..40)) {
        let mut machine = settled();
        for (wrong_by_ns, for_ns, trust) in steps {
            machine.wrong_by_ns = wrong_by_ns;
            machine.trust = [Trust::Assumed, Trust::Rtc, Trust::Synchronised][usize::from(trust)];
            machine.run(for_ns);
            prop_assert!(machine.behind_ns().unwrap() >= 0);
        }
    }
}
