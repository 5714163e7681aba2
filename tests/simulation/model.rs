//! What can happen.

use proptest::prelude::*;

use powerlogger::model::Tier;

use crate::support::fake_influx::Fault;

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// Time passes, in milliseconds.
    Advance(u32),
    /// The same, in minutes.
    AdvanceMinutes(u16),
    /// Somebody sets the wall clock, by so many seconds.
    JumpWall(i32),
    /// The wall clock is wrong by so many days until NTP or somebody sets it; `says`: the kernel is told that it
    /// is synchronised, as by an NTP server that answers zero. Else an RTC or a person is at fault.
    WrongYears { days: i32, says: bool },
    /// Pulses on the wire of a meter.
    Pulses { meter: usize, count: u16 },
    /// One pulse with bouncing contacts.
    Bounce { meter: usize },
    /// Capture reads what the kernel holds.
    Capture,
    /// The writer commits.
    Commit,
    /// The durable thread syncs, or the flush that hangs comes to its end.
    Sync,
    /// The durable thread begins to sync, and the card hangs until the next [`Op::Sync`].
    DiskStall,
    /// Delivery sends.
    Deliver,
    /// The reconciler compares a stretch.
    Reconcile,
    /// The server's tasks run.
    TaskTick,
    /// The server loses what is in the bucket of a level.
    LoseBucket(Tier),
    /// `delete-buckets` and `setup`: all four are new and empty.
    NewBuckets,
    /// The server is spelt in another way: nothing is known of it. The process is stopped and started.
    Respell,
    /// Another logger writes so many pulses of a meter now.
    Another { meter: usize, count: u8 },
    /// Somebody copies the server's files.
    Backup,
    /// The server comes back from the last copy.
    Restore,
    /// The server behaves like this from now on (None: well).
    Server(Option<Fault>),
    /// The disk is full, or has room again.
    DiskFull(bool),
    /// The process is killed and started again.
    Crash,
    /// The process is stopped and started again in an orderly way.
    Restart,
    /// The process is killed; the line requests live on in the descriptor store.
    FdStoreRestart,
    /// The power is cut, for so many minutes: the board comes back with the time it had (but for an
    /// RTC), or in 1970.
    PowerCut { minutes: u16, in_1970: bool },
    /// NTP sets the clock right, and the kernel says so.
    Ntp,
    /// The last contact with NTP is long ago.
    NtpGone,
    /// The machine sleeps, for so many minutes.
    Suspend(u16),
}

/// A whole story.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// The board has a clock that runs while it is off; else it wakes up in 1970 at first.
    pub(crate) rtc: bool,
    /// Lines in a request at most.
    pub(crate) lines_max: usize,
    /// What happens, in order.
    pub(crate) ops: Vec<Op>,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Refuse),
        Just(Fault::LoseRequest),
        Just(Fault::LoseReply),
        Just(Fault::TooMany { retry_after_s: 7 }),
        Just(Fault::Unavailable {
            retry_after_s: None
        }),
        Just(Fault::Unavailable {
            retry_after_s: Some(3)
        }),
        "[0-9]{3}".prop_map(|contains| Fault::Poison { contains }),
        Just(Fault::Unauthorized),
        (60usize..500).prop_map(|body_bytes_max| Fault::TooLarge { body_bytes_max }),
        Just(Fault::Stall),
        Just(Fault::CloseMidBody),
        Just(Fault::HtmlPage200),
        Just(Fault::CorruptGzip),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (1u32..20_000).prop_map(Op::Advance),
        2 => (1u16..300).prop_map(Op::AdvanceMinutes),
        1 => (-7_200i32..7_200).prop_map(Op::JumpWall),
        1 => (prop_oneof![3i32..12, 300i32..5_000, -3_000i32..-3], any::<bool>())
            .prop_map(|(days, says)| Op::WrongYears { days, says }),
        6 => (0usize..2, 1u16..40).prop_map(|(meter, count)| Op::Pulses { meter, count }),
        1 => (500u16..700).prop_map(|count| Op::Pulses { meter: 0, count }),
        2 => Just(Op::Bounce { meter: 1 }),
        6 => Just(Op::Capture),
        5 => Just(Op::Commit),
        4 => Just(Op::Sync),
        6 => Just(Op::Deliver),
        4 => Just(Op::Reconcile),
        3 => Just(Op::TaskTick),
        1 => (0usize..4).prop_map(|level| Op::LoseBucket(Tier::ALL[level])),
        1 => Just(Op::NewBuckets),
        1 => Just(Op::Respell),
        1 => (0usize..2, 1u8..9).prop_map(|(meter, count)| Op::Another { meter, count }),
        1 => Just(Op::Backup),
        1 => Just(Op::Restore),
        3 => prop::option::of(fault()).prop_map(Op::Server),
        1 => any::<bool>().prop_map(Op::DiskFull),
        2 => Just(Op::DiskStall),
        1 => Just(Op::Crash),
        1 => Just(Op::Restart),
        1 => Just(Op::FdStoreRestart),
        1 => (0u16..3_000, any::<bool>())
            .prop_map(|(minutes, in_1970)| Op::PowerCut { minutes, in_1970 }),
        1 => Just(Op::Ntp),
        1 => Just(Op::NtpGone),
        1 => (1u16..600).prop_map(Op::Suspend),
    ]
}

/// Stories.
pub(crate) fn run() -> impl Strategy<Value = Run> {
    (
        any::<bool>(),
        prop_oneof![Just(5_000usize), 1usize..50],
        prop::collection::vec(op(), 1..120),
        (any::<bool>(), any::<bool>(), any::<bool>()),
    )
        .prop_map(
            |(rtc, lines_max, mut ops, (bounces, wrong_hours, wrong_years))| {
                // Most of these make a part of a story impossible to judge; not all of them are in every story.
                ops.retain(|op| match op {
                    Op::Bounce { .. } => bounces,
                    Op::JumpWall(_) => wrong_hours,
                    Op::WrongYears { .. } => wrong_years,
                    _ => true,
                });
                Run {
                    rtc,
                    lines_max,
                    ops,
                }
            },
        )
}
