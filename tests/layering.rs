//! Who may call whom, and how large a file may grow: the table of ARCHITECTURE.md, kept true.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Room → the rooms it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("text", &[]),
    ("civil", &["model"]),
    ("clock", &["model"]),
    ("config", &["model"]),
    ("live", &["model"]),
    ("intake", &["model", "clock", "live"]),
    ("system", &[]),
    ("owner", &[]),
    (
        "capture",
        &[
            "model", "clock", "config", "live", "intake", "system", "owner",
        ],
    ),
    (
        "journal",
        &["model", "clock", "config", "live", "intake", "owner"],
    ),
    ("energy", &["model"]),
    ("influx", &["text"]),
    (
        "server",
        &["model", "clock", "config", "influx", "journal", "live"],
    ),
    (
        "deliver",
        &[
            "civil", "model", "clock", "config", "live", "journal", "influx", "server",
        ],
    ),
    (
        "reconcile",
        &[
            "civil", "model", "clock", "config", "live", "journal", "influx", "server",
        ],
    ),
    (
        "import",
        &[
            "text", "civil", "model", "clock", "config", "journal", "owner",
        ],
    ),
    (
        "export",
        &[
            "text", "model", "clock", "config", "journal", "influx", "import",
        ],
    ),
    ("setup", &["model", "config", "influx", "owner"]),
    (
        "answers",
        &["model", "config", "energy", "journal", "status", "import"],
    ),
    (
        "web",
        &[
            "model", "clock", "config", "energy", "live", "journal", "owner", "status", "answers",
        ],
    ),
    ("status", &["model", "clock", "energy", "journal", "live"]),
    (
        "verify",
        &[
            "text", "civil", "model", "clock", "config", "capture", "journal", "influx", "owner",
            "import", "setup", "status",
        ],
    ),
    (
        "daemon",
        &[
            "model",
            "clock",
            "config",
            "intake",
            "capture",
            "journal",
            "deliver",
            "reconcile",
            "server",
            "status",
            "live",
            "system",
            "web",
        ],
    ),
    (
        "start",
        &[
            "civil",
            "model",
            "clock",
            "config",
            "capture",
            "journal",
            "deliver",
            "reconcile",
            "influx",
            "import",
            "system",
            "owner",
            "daemon",
            "answers",
        ],
    ),
    (
        "cli",
        &[
            "text",
            "civil",
            "model",
            "clock",
            "config",
            "capture",
            "journal",
            "deliver",
            "reconcile",
            "influx",
            "server",
            "import",
            "export",
            "system",
            "owner",
            "setup",
            "energy",
            "live",
            "status",
            "verify",
            "daemon",
            "start",
            "answers",
        ],
    ),
];

/// Production lines (those above the tests) that a file may have.
const FILE_LINES_MAX: usize = 450;

/// Lines that a function may have.
const FUNCTION_LINES_MAX: usize = 70;

fn sources() -> Vec<PathBuf> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    found.sort();
    assert!(found.len() > 20, "the walk finds the sources");
    found
}

/// The production part of a file.
fn production(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]").next().unwrap().to_owned()
}

fn is_test_file(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_str().unwrap();
    name == "tests" || name.ends_with("_tests") || path.parent().unwrap().ends_with("tests")
}

fn room(path: &Path) -> String {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let first = path.strip_prefix(src).unwrap().components().next().unwrap();
    first
        .as_os_str()
        .to_str()
        .unwrap()
        .trim_end_matches(".rs")
        .to_owned()
}

#[test]
fn rooms_use_only_whom_they_may() {
    let table: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    let mut wrong = Vec::new();
    for path in sources().iter().filter(|path| !is_test_file(path)) {
        let room = room(path);
        if room == "main" || room == "lib" {
            continue;
        }
        let allowed = table
            .get(room.as_str())
            .unwrap_or_else(|| panic!("{room} is in the table"));
        for line in production(path).lines() {
            let line = line.trim_start();
            if line.starts_with("//") {
                continue;
            }
            for used in line.split("crate::").skip(1) {
                let used: String = used
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                if used != room && !allowed.contains(&used.as_str()) {
                    wrong.push(format!("{}: {room} uses {used}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_room_swallows_the_house() {
    let mut wrong = Vec::new();
    for path in sources().iter().filter(|path| !is_test_file(path)) {
        let lines = production(path).lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{}: {lines} lines", path.display()));
        }
        for (name, lines) in functions(&production(path)) {
            if lines > FUNCTION_LINES_MAX {
                wrong.push(format!("{}: {name} has {lines} lines", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Functions with their length, by indentation: rustfmt closes each at the column of its `fn`.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let is_fn = ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn "]
            .iter()
            .any(|prefix| code.starts_with(prefix));
        if !is_fn || line.ends_with(';') {
            continue;
        }
        let indent = line.len() - code.len();
        let close = format!("{}}}", " ".repeat(indent));
        let length = lines[start..].iter().position(|line| *line == close);
        found.push((code.to_owned(), length.map_or(1, |length| length + 1)));
    }
    found
}

#[test]
fn every_file_says_what_it_is_for() {
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("//!"),
            "{} begins with a //! line",
            path.display()
        );
    }
}
