//! Whatever bytes come from outside, nothing panics, hangs or grows without bound: configuration,
//! recordings, answers of servers, journals, files to import, what another process has left.
//!
//! Each target is a plain function over bytes. Its corpus is run as it is, then so many mutants of it, or as many as
//! `FUZZ_SECONDS` allow, by `FUZZ_SEED` (1, or `random`), which is printed. An input that fails is
//! written to a file (`FUZZ_INPUT` runs that one alone) and belongs into the corpus, or into a test of its own,
//! once it is understood.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "it runs for real seconds and prints seeds; a test that cannot go on may panic"
)]

#[path = "../it/support/chance.rs"]
mod chance;
mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use targets::{TARGETS, Target};

/// One input may take so long, with two cores that are busy otherwise.
const LONGEST: Duration = Duration::from_secs(120);

/// A mutant is not larger than this.
const BYTES_MAX: usize = 256 << 10;

/// What breaks parsers.
const TOKENS: [&str; 24] = [
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "4294967295",
    "-1",
    "0",
    "1e308",
    "NaN",
    "inf",
    "\0",
    "\n",
    "\r\n",
    ",",
    "=",
    "\"",
    "\\",
    "'",
    " ",
    "#",
    "\u{feff}",
    "ü",
    "[[",
    "${",
    "🔌",
];

/// Runs a target over its corpus, then over mutants. Where `FUZZ_CORPUS` names a directory, only writes the
/// corpus there, for another fuzzer to begin with.
fn campaign(target: &Target) {
    let name = target.name;
    let corpus = &(target.corpus)();
    if let Some(dir) = std::env::var_os("FUZZ_CORPUS") {
        let dir = Path::new(&dir).join(name);
        fs::create_dir_all(&dir).unwrap();
        for (n, input) in corpus.iter().enumerate() {
            fs::write(dir.join(format!("ours-{n}")), input).unwrap();
        }
        return;
    }
    if let Some(file) = std::env::var_os("FUZZ_INPUT") {
        let began = Instant::now();
        (target.run)(&fs::read(file).unwrap());
        eprintln!("{name}: {:?}", began.elapsed());
        return;
    }
    let seed = chance::seed("FUZZ_SEED");
    let seconds = std::env::var("FUZZ_SECONDS").ok();
    let span = seconds.map(|seconds| Duration::from_secs_f64(seconds.parse().unwrap()));
    let mut random = fastrand::Rng::with_seed(seed);
    let (began, mut inputs, mut mutants) = (Instant::now(), 0_u64, 0);
    let mut corpus_left = corpus.iter();
    let goes_on = |mutants| match span {
        Some(span) => began.elapsed() < span,
        // The same on each machine, whatever its speed.
        None => mutants <= target.mutants,
    };
    while let Some(input) = corpus_left.next().cloned().or_else(|| {
        mutants += 1;
        goes_on(mutants).then(|| mutate(corpus, &mut random))
    }) {
        inputs += 1;
        let input_began = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
        let took = input_began.elapsed();
        if outcome.is_err() || took > LONGEST {
            let path =
                Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}-{seed}-{inputs}"));
            fs::write(&path, &input).unwrap();
            panic!(
                "{name}: {took:?}, FUZZ_SEED={seed}, input {inputs}, kept in {}",
                path.display()
            );
        }
    }
    eprintln!("{name}: {inputs} inputs, FUZZ_SEED={seed}");
}

fn mutate(corpus: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = random.choice(corpus).unwrap().clone();
    // Pages of a database stay where they are, mostly: else all is rejected at the first look.
    let in_place = bytes.starts_with(b"SQLite") && random.u8(0..8) > 0;
    for _ in 0..random.usize(1..8) {
        let at = random.usize(0..=bytes.len());
        let end = (at + random.usize(0..64)).min(bytes.len());
        let way = if in_place {
            *random.choice(&[0, 1, 8]).unwrap()
        } else {
            random.u8(0..9)
        };
        match way {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(0..8),
            1 if at < bytes.len() => bytes[at] = *random.choice(&[0, 1, 0x7f, 0x80, 0xff]).unwrap(),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let copy = bytes[at..end].to_vec();
                let to = random.usize(0..=bytes.len());
                bytes.splice(to..to, copy);
            }
            4 => {
                let token = random.choice(&TOKENS).unwrap().bytes();
                bytes.splice(at..at, token);
            }
            5 => {
                let token = random.choice(&TOKENS).unwrap().bytes();
                bytes.splice(at..end, token);
            }
            6 => bytes.truncate(at),
            8 => bytes[at..end].fill_with(|| random.u8(..)),
            _ => {
                let other = random.choice(corpus).unwrap();
                let from = random.usize(0..=other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
        }
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

fn run(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    campaign(target);
}

#[test]
fn configuration() {
    run("configuration");
}

#[test]
fn recordings() {
    run("recordings");
}

#[test]
fn answers() {
    run("answers");
}

#[test]
fn error_texts() {
    run("error_texts");
}

#[test]
fn brokers() {
    run("brokers");
}

#[test]
fn addresses() {
    run("addresses");
}

#[test]
fn journals() {
    run("journals");
}

#[test]
fn files_to_import() {
    run("files_to_import");
}

#[test]
fn what_another_process_has_left() {
    run("left_behind");
}
