//! Line protocol and gzip: lines a second. Budget: 1,000,000 with both.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a program that measures"
)]

use std::time::Instant;

use powerlogger::influx::gzip::Gzip;
use powerlogger::influx::line_protocol::LineEncoder;

const LINES: i64 = 5_000;
const ROUNDS: i64 = 400;

fn main() {
    let line = LineEncoder::new("PowerPulse", &[("PulseType", "Import")], "Pulse").unwrap();
    let mut gzip = Gzip::new();
    let mut random = fastrand::Rng::with_seed(1);
    let (mut plain_s, mut gzip_s, mut plain_bytes, mut gzip_bytes) = (0.0, 0.0, 0, 0);
    let mut stamp = 1_764_000_000_000_000_000;
    for _ in 0..ROUNDS {
        let stamps: Vec<i64> = (0..LINES)
            .map(|_| {
                stamp += random.i64(500_000_000..2_000_000_000);
                stamp
            })
            .collect();
        let begin = Instant::now();
        let mut body = Vec::new();
        for stamp in &stamps {
            line.push(&mut body, 1, *stamp);
        }
        plain_s += begin.elapsed().as_secs_f64();
        plain_bytes += body.len();
        let begin = Instant::now();
        gzip_bytes += gzip.compress(&body).len();
        gzip_s += begin.elapsed().as_secs_f64();
    }
    let lines = (LINES * ROUNDS) as f64;
    println!("encode          {:>12.0} lines/s", lines / plain_s);
    println!(
        "encode + gzip   {:>12.0} lines/s   budget 1,000,000",
        lines / (plain_s + gzip_s)
    );
    println!(
        "bytes a line    {:.1} plain, {:.1} gzip",
        plain_bytes as f64 / lines,
        gzip_bytes as f64 / lines
    );
}
