//! Power per pulse: nanoseconds. Budget: a microsecond for a pulse and the rate after it, on the thread that counts.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a program that measures"
)]

use std::hint::black_box;
use std::time::Instant;

use powerlogger::energy::power::PulseRate;
use powerlogger::energy::quantity::{PulseWorth, Quantity};

const PULSES: i64 = 2_000_000;

fn main() {
    for (name, apart_ns) in [
        ("1 pulse/s", 1_000_000_000),
        ("30 pulses/s", 33_000_000),
        ("120 pulses/s", 8_300_000),
    ] {
        power(name, apart_ns);
    }
}

fn power(name: &str, apart_ns: i64) {
    let worth = PulseWorth {
        quantity: Quantity::KilowattHours,
        pulses_per_unit: 10_000.0,
    };
    let mut rate = PulseRate::new(worth, 1_000_000, 0);
    let begin = Instant::now();
    for n in 1..=PULSES {
        rate.pulse(n * apart_ns);
    }
    let pulse_ns = each_ns(begin, PULSES);
    let end_ns = PULSES * apart_ns;
    let begin = Instant::now();
    for n in 0..PULSES {
        black_box(rate.at(end_ns + n));
    }
    let at_ns = each_ns(begin, PULSES);
    let begin = Instant::now();
    for n in 0..PULSES {
        black_box(rate.mean(end_ns + n, 60_000_000_000));
    }
    let mean_ns = each_ns(begin, PULSES);
    println!(
        "power, {name:<14} pulse {pulse_ns:>4.0} ns, rate {at_ns:>4.0} ns, mean of a minute {mean_ns:>4.0} ns"
    );
}

fn each_ns(begin: Instant, times: i64) -> f64 {
    begin.elapsed().as_secs_f64() * 1e9 / times as f64
}
