//! What the segments do with clocks of all kinds.

use super::*;

/// As it is without configuration.
const MAX_WAIT_NS: i64 = 600 * NS_PER_S;

const T0: MonoNs = NS_PER_S;
const H: i64 = 3_600 * NS_PER_S;
const GOOD: i64 = EARLIEST_WALL_NS.0 + 86_400 * NS_PER_S;

const RTC: Rules = Rules {
    earliest_wall_ns: EARLIEST_WALL_NS,
    rtc_from_ns: Some(EARLIEST_WALL_NS),
    max_wait_ns: MAX_WAIT_NS,
    assume: false,
};

const NO_RTC: Rules = Rules {
    rtc_from_ns: None,
    ..RTC
};

fn look(mono_ns: MonoNs, offset_ns: i64) -> ClockLook {
    ClockLook {
        mono_ns,
        offset_ns,
        slept_ns: 0,
        synchronised: false,
    }
}

fn synchronised(mono_ns: MonoNs, offset_ns: i64) -> ClockLook {
    ClockLook {
        synchronised: true,
        ..look(mono_ns, offset_ns)
    }
}

/// What an earlier run of the boot has left.
const STOOD: Stood = Stood {
    first_ns: T0,
    begins_ns: T0,
    offset_ns: GOOD,
    slept_ns: 0,
    trust: Trust::Provisional,
    synchronised: false,
    was_set: false,
    known: None,
};

fn left(stood: Stood) -> Remembered {
    let known = stood.trust.is_final().then_some(Known {
        boot_wall_ns: WallNs(stood.offset_ns - stood.slept_ns),
        trust: stood.trust,
    });
    Remembered {
        stood: Some(Stood {
            known: stood.known.or(known),
            ..stood
        }),
        elapsed: None,
    }
}

fn trusts(segments: &Segments) -> Vec<Trust> {
    segments.all().iter().map(|segment| segment.trust).collect()
}

#[test]
fn small_differences_are_reading_noise() {
    let mut segments = Segments::begin(look(T0, GOOD), RTC, None);
    assert!(
        segments
            .observe(look(2 * T0, GOOD + STEP_MIN_NS - 1))
            .is_empty()
    );
    assert!(
        segments
            .observe(look(3 * T0, GOOD - STEP_MIN_NS + 1))
            .is_empty()
    );
    assert_eq!(segments.all().len(), 1);
}

#[test]
fn a_step_opens_a_segment_and_leaves_the_old_one_as_it_was() {
    let mut segments = Segments::begin(look(T0, GOOD), RTC, None);
    let changed = segments.observe(look(5 * T0, GOOD - H));
    assert_eq!(changed, vec![segments.current()]);
    assert_eq!(segments.at(5 * T0 - 1), SegmentNo(0));
    assert_eq!(segments.at(5 * T0), SegmentNo(1));
    assert_eq!(segments.all()[0].offset_ns, GOOD);
}

#[test]
fn a_boot_in_1970_is_settled_by_the_first_synchronised_time() {
    let mut segments = Segments::begin(look(T0, 0), NO_RTC, None);
    assert_eq!(segments.current().trust, Trust::Provisional);
    let still_1970 = segments.observe(look(2 * T0, 60 * NS_PER_S));
    assert_eq!(still_1970.len(), 1);
    let changed = segments.observe(synchronised(9 * T0, GOOD));
    assert_eq!(changed.len(), 3);
    let right = |s: &Segment| s.offset_ns == GOOD && s.trust == Trust::Synchronised;
    assert!(changed.iter().all(right));
}

/// A board without RTC is given the time of its last shutdown: plausible, and wrong.
#[test]
fn a_plausible_time_that_nobody_confirms_is_held() {
    let mut segments = Segments::begin(look(T0, GOOD), NO_RTC, None);
    assert!(segments.observe(look(48 * H, GOOD)).is_empty());
    assert_eq!(trusts(&segments), [Trust::Provisional]);
    let changed = segments.observe(synchronised(49 * H, GOOD + 7 * H));
    assert!(
        changed
            .iter()
            .all(|s| s.offset_ns == GOOD + 7 * H && s.trust.is_final())
    );
    assert_eq!(changed.len(), 2);
}

#[test]
fn a_time_that_is_right_already_is_settled_where_it_stands() {
    let mut segments = Segments::begin(look(T0, GOOD), NO_RTC, None);
    let changed = segments.observe(synchronised(60 * T0, GOOD + 900));
    assert_eq!(changed.len(), 1);
    assert_eq!(
        (changed[0].no, changed[0].trust),
        (SegmentNo(0), Trust::Synchronised)
    );
}

#[test]
fn what_somebody_has_set_is_assumed_after_a_while() {
    let mut segments = Segments::begin(look(T0, 0), NO_RTC, None);
    segments.observe(look(5 * T0, GOOD));
    assert_eq!(
        trusts(&segments),
        [Trust::Provisional; 2],
        "NTP may come yet"
    );
    segments.observe(look(T0 + MAX_WAIT_NS, GOOD));
    assert_eq!(trusts(&segments), [Trust::Assumed; 2]);
    assert_eq!(segments.all()[0].offset_ns, GOOD);
}

#[test]
fn who_has_no_ntp_can_have_any_plausible_time_assumed() {
    let rules = Rules {
        assume: true,
        ..NO_RTC
    };
    let mut segments = Segments::begin(look(T0, GOOD), rules, None);
    segments.observe(look(T0 + MAX_WAIT_NS, GOOD));
    assert_eq!(trusts(&segments), [Trust::Assumed]);
    let mut segments = Segments::begin(look(T0, 0), rules, None);
    segments.observe(look(T0 + MAX_WAIT_NS, 0));
    assert_eq!(trusts(&segments), [Trust::Provisional], "not 1970");
}

#[test]
fn an_rtc_that_is_behind_what_is_known_waits_for_something_better() {
    let rules = Rules {
        rtc_from_ns: Some(WallNs(GOOD + 100 * H)),
        ..RTC
    };
    let mut segments = Segments::begin(look(T0, GOOD), rules, None);
    assert_eq!(trusts(&segments), [Trust::Provisional]);
    segments.observe(look(T0 + MAX_WAIT_NS, GOOD));
    assert_eq!(trusts(&segments), [Trust::Assumed], "nothing better came");
    // A wrong date from the future locks nothing out: NTP wins over what was known.
    let mut segments = Segments::begin(synchronised(T0, GOOD), rules, None);
    assert_eq!(segments.observe(look(2 * T0, GOOD)), []);
    assert_eq!(trusts(&segments), [Trust::Synchronised]);
}

#[test]
fn what_is_final_never_moves() {
    let mut segments = Segments::begin(look(T0, GOOD), RTC, None);
    segments.observe(look(2 * T0, 0));
    segments.observe(look(3 * T0, GOOD + 7 * NS_PER_S));
    assert_eq!(segments.all()[0].offset_ns, GOOD);
    let set_right = segments.all()[1].offset_ns;
    assert_eq!(set_right, GOOD + 7 * NS_PER_S, "1970 in between");
    let changed = segments.observe(synchronised(4 * T0, GOOD + 7 * NS_PER_S + 5_000));
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].offset_ns, GOOD + 7 * NS_PER_S);
    assert_eq!(changed[0].trust, Trust::Synchronised, "only trusted more");
}

#[test]
fn a_clock_that_was_synchronised_once_stays_so() {
    let mut segments = Segments::begin(synchronised(T0, GOOD), NO_RTC, None);
    segments.observe(look(24 * H, GOOD));
    segments.observe(look(25 * H, GOOD + H));
    assert_eq!(trusts(&segments), [Trust::Synchronised; 2]);
    let remembered = left(Stood {
        trust: Trust::Synchronised,
        synchronised: true,
        ..STOOD
    });
    let segments = Segments::begin(look(26 * H, GOOD), NO_RTC, Some(remembered));
    assert_eq!(
        trusts(&segments),
        [Trust::Synchronised],
        "also over a restart"
    );
}

#[test]
fn stamps_from_before_this_run_stand_on_the_clock_of_then() {
    let remembered = left(Stood {
        trust: Trust::Rtc,
        synchronised: false,
        ..STOOD
    });
    let segments = Segments::begin(look(10 * H, GOOD - H), RTC, Some(remembered));
    assert_eq!(segments.at(10 * H - 1), SegmentNo(0));
    assert_eq!(segments.all()[0].offset_ns, GOOD);
    assert_eq!(segments.at(10 * H), SegmentNo(1));
    let segments = Segments::begin(look(10 * H, GOOD + 900), RTC, Some(remembered));
    assert_eq!(segments.all().len(), 1, "nobody has set it");
}

#[test]
fn a_suspend_opens_a_segment_and_is_nobodys_hand() {
    let asleep = |mono_ns, offset_ns, slept_ns| ClockLook {
        slept_ns,
        ..look(mono_ns, offset_ns)
    };
    let mut segments = Segments::begin(look(T0, GOOD), NO_RTC, None);
    let changed = segments.observe(asleep(5 * T0, GOOD + 8 * H, 8 * H));
    assert_eq!(changed.len(), 1);
    segments.observe(asleep(T0 + MAX_WAIT_NS, GOOD + 8 * H, 8 * H));
    assert_eq!(trusts(&segments), [Trust::Provisional; 2]);
    // Settled hours later: what came before the sleep is so much earlier.
    let mut at_last = asleep(6_000 * T0, GOOD + 9 * H, 8 * H);
    at_last.synchronised = true;
    segments.observe(at_last);
    let offsets: Vec<i64> = segments.all().iter().map(|s| s.offset_ns - GOOD).collect();
    assert_eq!(offsets, [H, 9 * H, 9 * H]);
}

#[test]
fn the_list_stays_short() {
    let mut segments = Segments::begin(look(T0, GOOD), RTC, None);
    for i in 1..500 {
        segments.observe(look(T0 + i, GOOD + i * NS_PER_S));
    }
    assert_eq!(segments.all().len(), KEPT);
    assert_eq!(segments.current().no, SegmentNo(499));
}

#[test]
fn time_runs_as_now_since_the_last_step() {
    let since = |segments: &Segments| segments.runs_since_ns();
    let mut segments = Segments::begin(look(T0, 0), NO_RTC, None);
    assert_eq!(since(&segments), T0, "provisional");
    segments.observe(look(3 * T0, GOOD - 3 * H));
    segments.observe(synchronised(5 * T0, GOOD));
    assert_eq!(since(&segments), T0, "all were settled by the newest");
    segments.observe(look(9 * T0, GOOD + H));
    assert_eq!(since(&segments), 9 * T0, "somebody has set what was final");

    let left = left(Stood {
        begins_ns: 4 * T0,
        trust: Trust::Synchronised,
        synchronised: true,
        ..STOOD
    });
    let goes_on = Segments::begin(look(20 * T0, GOOD), NO_RTC, Some(left));
    assert_eq!(since(&goes_on), 4 * T0);
    let was_set = Segments::begin(look(20 * T0, GOOD + H), NO_RTC, Some(left));
    assert_eq!(since(&was_set), 20 * T0);
}

/// As an earlier run in the same boot leaves it, after `segments` has run.
fn left_by(segments: &Segments) -> Remembered {
    let newest = segments.current();
    let all = segments.all();
    let known = all.iter().rev().find(|s| s.trust.is_final());
    left(Stood {
        offset_ns: newest.offset_ns,
        slept_ns: newest.slept_ns,
        begins_ns: newest.begins_ns,
        trust: newest.trust,
        was_set: all
            .iter()
            .any(|s| s.boot_wall_ns() != newest.boot_wall_ns()),
        known: known.map(|s| Known {
            boot_wall_ns: s.boot_wall_ns(),
            trust: s.trust,
        }),
        ..STOOD
    })
}

#[test]
fn what_somebody_has_set_stays_assumed_over_a_restart() {
    let mut segments = Segments::begin(look(T0, 0), NO_RTC, None);
    segments.observe(look(5 * T0, GOOD));
    segments.observe(look(T0 + MAX_WAIT_NS, GOOD));
    let mut again = Segments::begin(look(H, GOOD), NO_RTC, Some(left_by(&segments)));
    assert_eq!(trusts(&again), [Trust::Assumed]);
    assert_eq!(again.observe(look(2 * H, GOOD)), []);
    // Also if it slept meanwhile, and if the first run ended before the wait was over.
    let asleep = ClockLook {
        slept_ns: 3 * H,
        ..look(2 * H, GOOD + 3 * H)
    };
    let again = Segments::begin(asleep, NO_RTC, Some(left_by(&again)));
    assert_eq!(again.current().trust, Trust::Assumed);
    let mut early = Segments::begin(look(T0, 0), NO_RTC, None);
    early.observe(look(5 * T0, GOOD));
    let early = Segments::begin(look(T0 + MAX_WAIT_NS, GOOD), NO_RTC, Some(left_by(&early)));
    assert_eq!(trusts(&early), [Trust::Assumed], "the wait goes on, too");
}

#[test]
fn a_clock_that_is_set_while_nobody_runs_was_set() {
    let before = Segments::begin(look(T0, GOOD - 9 * H), NO_RTC, None);
    let left = left_by(&before);
    let mut segments = Segments::begin(look(60 * T0, GOOD), NO_RTC, Some(left));
    assert_eq!(trusts(&segments), [Trust::Provisional], "NTP may come yet");
    segments.observe(look(T0 + MAX_WAIT_NS, GOOD));
    assert_eq!(trusts(&segments), [Trust::Assumed]);
    // Sleep is nobody's hand.
    let asleep = ClockLook {
        slept_ns: 9 * H,
        ..look(60 * T0, GOOD)
    };
    let mut segments = Segments::begin(asleep, NO_RTC, Some(left));
    segments.observe(ClockLook {
        mono_ns: T0 + MAX_WAIT_NS,
        ..asleep
    });
    assert_eq!(trusts(&segments), [Trust::Provisional]);
}

#[test]
fn a_wrong_year_holds_what_comes_until_the_right_one_is_back() {
    const YEAR: i64 = 365 * 24 * H;
    for (wrong, says) in [(10 * YEAR, true), (YEAR, false), (-YEAR / 4, true)] {
        let wrong = |mono_ns| ClockLook {
            synchronised: says,
            ..look(mono_ns, GOOD + YEAR + wrong)
        };
        let right = |mono_ns| look(mono_ns, GOOD + YEAR);
        let mut segments = Segments::begin(right(T0), RTC, None);
        let changed = segments.observe(wrong(H));
        assert_eq!(changed[0].trust, Trust::Provisional);
        segments.observe(wrong(H + 600 * T0));
        assert_eq!(segments.current().trust, Trust::Provisional);
        // Also over a restart.
        let again = Segments::begin(wrong(2 * H), RTC, Some(left_by(&segments)));
        assert_eq!(again.current().trust, Trust::Provisional);
        let changed = segments.observe(right(3 * H));
        assert!(
            changed
                .iter()
                .all(|s| s.trust.is_final() && s.offset_ns == GOOD + YEAR)
        );
        assert_eq!(changed.len(), 2);
    }
}

#[test]
fn nothing_is_believed_before_it_is_known_what_earlier_runs_have_left() {
    let mut segments = Segments::begin(synchronised(2 * T0, GOOD), Rules::NOT_KNOWN_YET, None);
    assert_eq!(segments.observe(synchronised(9 * T0, GOOD)), []);
    assert_eq!(trusts(&segments), [Trust::Provisional]);
    // Unmoved: it is trusted as it was, from the first pulse on.
    let stood = Stood {
        trust: Trust::Rtc,
        ..STOOD
    };
    let mut unmoved = Segments::begin(look(2 * T0, GOOD), Rules::NOT_KNOWN_YET, None);
    let changed = unmoved.learn(look(30 * T0, GOOD), NO_RTC, Some(left(stood)));
    assert_eq!(changed, unmoved.all());
    assert_eq!(trusts(&unmoved), [Trust::Rtc]);
    // Set since: somebody's hand is known, and is waited for.
    let mut set = Segments::begin(look(2 * T0, GOOD + H), Rules::NOT_KNOWN_YET, None);
    let learnt = set.learn(look(30 * T0, GOOD + H), NO_RTC, Some(left(stood)));
    assert_eq!((learnt.len(), trusts(&set)), (0, vec![Trust::Provisional]));
    set.observe(look(30 * T0 + MAX_WAIT_NS, GOOD + H));
    assert_eq!(trusts(&set), [Trust::Assumed]);
    // Nothing was left: as at any first start.
    let changed = segments.learn(synchronised(30 * T0, GOOD), NO_RTC, None);
    assert_eq!(changed, segments.all());
    assert_eq!(trusts(&segments), [Trust::Synchronised]);
}
