//! The whole way of a pulse under random misfortune, in virtual time: the true stages from the
//! filter to the sink, a journal on a real file, and a server in memory that answers as
//! InfluxDB 2 does.
//!
//! A run is a list of [`model::Op`]: pulses on the wires, steps of single stages, faults of the
//! server and its tasks, lost buckets, restored backups, a full disk, a card that hangs, a clock that is set, confirmed or
//! wrong, sleep, crashes, restarts with the descriptor store, power cuts (the journal's files as they were
//! when last synced). Whatever the list, once everything is healed and run to rest:
//!
//! * for each meter: pulses on the wire = pulses in the journal (those the kernel had to drop are put
//!   back by number) + those that were only in memory when the process was killed;
//! * the destination holds exactly the journal's pulses, each once, under the journal's stamp,
//!   but for those in quarantine, and for those that left a full disk because the server had them;
//! * nothing is counted as lost that is not;
//! * where nobody set the clock wrong by hours, each stamp is that of the wire to the millisecond, whenever the
//!   time became known, also where the clock was wrong by years for a while, whatever the kernel said of it;
//! * no window and no undelivered pulse leaves that is younger than its retention in true time;
//! * after a power cut the journal holds what was durable;
//! * views agree: the journal's windows are its pulses, and each of the server's three views is
//!   the journal's windows, whether its tasks ran or not, whatever it lost or was restored from, also where all
//!   buckets were deleted or the server is spelt in another way. Where another writes the same meter, no
//!   window is less than the journal's or raw's.
//!
//! How many stories were judged in full is printed, and must not be below a fifth.
//!
//! `SIMULATION_CASES` sets the number of runs (500 in the ordinary test run), in four parts with a seed each.
//! `SIMULATION_SEED` (1, or `random`) makes them others, and repeats those of the seed that the part that failed has printed. A failure prints the shrunk
//! list of operations; it then becomes a named test in `regressions.rs`.

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "the seed is printed; a test that cannot go on may panic"
)]

#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "it uses a part of it"
)]
#[path = "../it/support/mod.rs"]
mod support;

mod model;
mod regressions;
mod views;
mod wires;
mod world;

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use model::Run;
use support::chance;

const CASES: u32 = 500;

/// The parts that they are played in, beside each other.
const PARTS: u32 = 4;

/// Plays so many stories of a seed; what failed.
fn play(cases: u32, seed: u64) -> Result<(), String> {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outcome = runner.run(&model::run(), |run: Run| {
        world::play(&run).map_err(TestCaseError::fail)
    });
    outcome.map_err(|failure| format!("SIMULATION_SEED={seed}: {failure}"))
}

#[test]
fn every_captured_pulse_is_at_the_destination_once() {
    let cases = std::env::var("SIMULATION_CASES").ok();
    let cases = cases.map_or(CASES, |cases| {
        cases.parse().expect("SIMULATION_CASES is a number")
    });
    let seed = chance::seed("SIMULATION_SEED");
    // The same parts on each machine, however many processors it has. The first part's seed is that which was asked for.
    let (next, failures) = (AtomicU32::new(0), Mutex::new(Vec::new()));
    let play_parts = || {
        while let part @ 0..PARTS = next.fetch_add(1, Ordering::Relaxed) {
            if let Err(failure) = play(cases.div_ceil(PARTS), seed.wrapping_add(part.into())) {
                failures.lock().unwrap().push(failure);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(play_parts);
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    let (told, in_full) = world::judged();
    eprintln!("{in_full} of {told} stories were judged in full: no count and no stamp left out");
    assert!(
        told < 100 || 5 * in_full >= told,
        "too many of them are hardly judged"
    );
}
