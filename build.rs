//! What `powerlogger --version` says beside the version: commit, its day, profile and target.
//!
//! The same sources give the same bytes, so the day is that of the commit, never that of the build. In this order
//! the commit comes from `POWERLOGGER_COMMIT` (with `SOURCE_DATE_EPOCH`), from the git clone this is, or from
//! `dist/COMMIT`, which `git archive` fills in. A development build names none, so that a commit does not
//! make everything be built again.

#[path = "build_assets.rs"]
mod assets;

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    if let Err(failed) = assets::write(Path::new(&out)) {
        panic!("the page cannot be built in: {failed}");
    }
    println!("cargo::rerun-if-env-changed=POWERLOGGER_COMMIT");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let target = env::var("TARGET").unwrap_or_default();
    let build = if env::var("PROFILE").as_deref() == Ok("release") {
        let source = from_env().or_else(from_git).or_else(from_archive);
        let source = source.unwrap_or_else(|| "commit unknown".to_owned());
        format!("{source}, {target}")
    } else {
        format!("development build, {target}")
    };
    println!("cargo::rustc-env=POWERLOGGER_BUILD={build}");
}

fn from_env() -> Option<String> {
    let commit = env::var("POWERLOGGER_COMMIT").ok()?;
    let seconds = env::var("SOURCE_DATE_EPOCH").ok()?.parse().ok()?;
    Some(format!("commit {commit} of {}", day(seconds)))
}

fn from_git() -> Option<String> {
    for watched in [
        "src",
        "Cargo.toml",
        "Cargo.lock",
        ".git/HEAD",
        ".git/refs/heads",
        ".git/packed-refs",
    ] {
        if Path::new(watched).exists() {
            println!("cargo::rerun-if-changed={watched}");
        }
    }
    // Not that of somebody else's repository in which this source lies.
    if !Path::new(".git").exists() {
        return None;
    }
    let shown = git(&["log", "-1", "--format=%h %ct", "--abbrev=12"])?;
    let (commit, seconds) = shown.split_once(' ')?;
    let seconds = seconds.parse().ok()?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    let changed = if changed.is_empty() {
        ""
    } else {
        " and changes"
    };
    Some(format!("commit {commit}{changed} of {}", day(seconds)))
}

fn from_archive() -> Option<String> {
    println!("cargo::rerun-if-changed=dist/COMMIT");
    let line = std::fs::read_to_string("dist/COMMIT").ok()?;
    let (commit, seconds) = line.trim().split_once(' ')?;
    let seconds = seconds.parse().ok()?;
    Some(format!("commit {commit} of {}", day(seconds)))
}

/// What git says; nothing where it is missing or refuses.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| said.trim().to_owned())
}

/// The day (UTC) of seconds since 1970, by the civil calendar.
fn day(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = era * 400 + year + carry;
    format!("{year:04}-{month:02}-{date:02}")
}
