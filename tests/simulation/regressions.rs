//! Shrunk failures of the simulation, by name.

use powerlogger::model::Tier;

use crate::model::{Op, Run};
use crate::support::fake_influx::Fault;
use crate::world::play;

fn holds(rtc: bool, lines_max: usize, ops: Vec<Op>) {
    play(&Run {
        rtc,
        lines_max,
        ops,
    })
    .unwrap();
}

#[test]
fn the_plain_way() {
    let way = [Op::Capture, Op::Commit, Op::Sync, Op::Deliver];
    let pulses = Op::Pulses { meter: 0, count: 3 };
    holds(
        true,
        5_000,
        [Op::Capture, pulses, Op::Advance(100)]
            .into_iter()
            .chain(way)
            .collect(),
    );
}

#[test]
fn an_overflow_is_put_back_to_the_pulse() {
    holds(
        true,
        5_000,
        vec![
            Op::Capture,
            Op::Pulses {
                meter: 0,
                count: 700,
            },
            Op::Capture,
        ],
    );
}

#[test]
fn a_lost_reply_makes_no_second_pulse() {
    let ops = vec![
        Op::Capture,
        Op::Pulses {
            meter: 1,
            count: 30,
        },
        Op::Capture,
        Op::Advance(100),
        Op::Capture,
        Op::Commit,
        Op::Sync,
        Op::Server(Some(Fault::LoseReply)),
        Op::Deliver,
        Op::Crash,
    ];
    holds(true, 5_000, ops);
}

#[test]
fn a_boot_in_1970_delivers_nothing_before_the_time_is_known() {
    let ops = vec![
        Op::Capture,
        Op::Pulses {
            meter: 0,
            count: 30,
        },
        Op::Capture,
        Op::Commit,
        Op::Sync,
        Op::Deliver,
        Op::Crash,
        Op::Pulses { meter: 0, count: 5 },
    ];
    holds(false, 10, ops);
}

/// An orderly end before capture had looked at the clocks handed on pulses of a clock segment that
/// the journal had never heard of.
#[test]
fn an_end_before_the_first_look_at_the_clocks_keeps_its_pulses() {
    holds(
        true,
        5_000,
        vec![Op::Pulses { meter: 0, count: 3 }, Op::Restart],
    );
}

/// What the server has makes room on a full disk: those pulses leave, and stay in their windows.
#[test]
fn pulses_that_leave_a_full_disk_stay_in_their_windows() {
    let pulses = |count| Op::Pulses { meter: 0, count };
    holds(
        true,
        5_000,
        vec![
            pulses(500),
            pulses(503),
            Op::Restart,
            Op::DiskFull(true),
            Op::Deliver,
            Op::Restart,
            pulses(20),
            Op::Capture,
            Op::Advance(1),
            Op::Commit,
        ],
    );
}

/// A machine that starts with a wrong date believes it. Set right, it compared windows by the minute until that
/// date came.
#[test]
fn a_wrong_date_at_the_start_leads_no_comparison_astray() {
    let start = [Op::Capture, Op::Commit, Op::Sync, Op::Capture, Op::Commit];
    let wrong = Op::WrongYears {
        days: 8,
        says: true,
    };
    let pulses = Op::Pulses { meter: 0, count: 9 };
    let cut = Op::PowerCut {
        minutes: 300,
        in_1970: false,
    };
    let counted = [Op::Capture, Op::AdvanceMinutes(3), Op::Capture, Op::Commit];
    let sent = [Op::Sync, Op::Deliver, Op::Commit, Op::Reconcile];
    let ops = start.into_iter().chain([wrong, cut, Op::Capture, pulses]);
    let ops = ops.chain(counted).chain(sent);
    holds(true, 5_000, ops.collect());
}

/// A time that contradicts the boot's own is held. Set right again, but killed and cut off before that was kept,
/// its pulse was put just before the next boot, however long the machine was off, or left at the wrong time.
#[test]
fn a_time_that_was_contradicted_when_the_boot_ended_is_not_guessed() {
    let pulse = Op::Pulses { meter: 0, count: 1 };
    for (days, minutes) in [(3, 0), (3, 2_900), (-3, 0), (-3, 2_900)] {
        let wrong = Op::WrongYears { days, says: false };
        let cut = Op::PowerCut {
            minutes,
            in_1970: false,
        };
        let began = [Op::Capture, Op::Commit, wrong, pulse.clone(), Op::Capture];
        let ended = [Op::Commit, Op::Ntp, Op::Crash, cut];
        holds(true, 5_000, began.into_iter().chain(ended).collect());
    }
}

/// What leaves a full disk was delivered to the server as it is spelt now, not as it was.
#[test]
fn pulses_leave_that_the_server_has_under_its_new_name() {
    let ops = vec![
        Op::Pulses {
            meter: 0,
            count: 1_117,
        },
        Op::Capture,
        Op::Commit,
        Op::DiskStall,
        Op::Ntp,
        Op::Respell,
        Op::Deliver,
        Op::Pulses {
            meter: 1,
            count: 22,
        },
        Op::Commit,
        Op::WrongYears {
            days: 3,
            says: false,
        },
        Op::DiskFull(true),
        Op::Commit,
    ];
    holds(false, 5_000, ops);
}

/// A clock that was twenty minutes ahead led the comparison ahead. The daily look began before the writer had closed the
/// windows up to there, ended where they were closed, and left a lost pulse beyond to the next day's.
#[test]
fn a_look_reaches_as_far_as_was_compared_while_the_clock_was_ahead() {
    let pulses = |count| Op::Pulses { meter: 0, count };
    let cut = Op::PowerCut {
        minutes: 0,
        in_1970: false,
    };
    let ahead = [Op::JumpWall(1_255), cut, pulses(1), Op::Capture, Op::Commit];
    let again = [
        Op::Crash,
        Op::Advance(3_900),
        Op::Capture,
        Op::Commit,
        Op::Ntp,
    ];
    let right = [Op::Bounce { meter: 1 }, Op::Ntp, Op::Commit, pulses(9)];
    let compared = [
        Op::Commit,
        Op::AdvanceMinutes(96),
        Op::Reconcile,
        Op::Deliver,
        Op::NewBuckets,
    ];
    let ops = ahead.into_iter().chain(again).chain(right).chain(compared);
    holds(true, 5_000, ops.collect());
}

/// Its pulse has the stamp of a time that has come four hours before the end.
#[test]
fn an_hour_that_is_still_the_tasks_is_not_compared() {
    let ops = vec![
        Op::AdvanceMinutes(197),
        Op::AdvanceMinutes(165),
        Op::WrongYears {
            days: 8,
            says: false,
        },
        Op::Suspend(212),
        Op::Suspend(318),
        Op::WrongYears {
            days: 6,
            says: false,
        },
        Op::PowerCut {
            minutes: 1_420,
            in_1970: false,
        },
        Op::LoseBucket(Tier::Raw),
        Op::Pulses { meter: 0, count: 1 },
    ];
    holds(true, 5_000, ops);
}

/// They have stamps of four weeks ago, and leave two days later.
#[test]
fn pulses_of_a_wrong_date_that_was_believed_leave_when_they_are_as_old_as_they_say() {
    let pulses = |count| Op::Pulses { meter: 0, count };
    let ops = vec![
        pulses(500),
        Op::Suspend(1),
        Op::Commit,
        Op::DiskStall,
        pulses(500),
        Op::Restart,
        Op::Ntp,
        Op::WrongYears {
            days: -28,
            says: false,
        },
        Op::Crash,
    ];
    holds(false, 5_000, ops);
}

#[test]
fn what_was_lost_before_the_sweep_of_a_day_comes_back_by_that_of_a_week() {
    let ops = vec![
        Op::Pulses { meter: 0, count: 1 },
        Op::Respell,
        Op::PowerCut {
            minutes: 2_801,
            in_1970: false,
        },
        Op::AdvanceMinutes(155),
        Op::Capture,
        Op::Commit,
        Op::Reconcile,
        Op::Deliver,
        Op::NewBuckets,
    ];
    holds(true, 5_000, ops);
}
