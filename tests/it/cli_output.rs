//! The words of every command: its help and its main outputs, compared with the files of `tests/it/cli`.
//! `UPDATE_SNAPSHOTS=1 cargo test --test it cli_output::` writes the files; the change of words is then read as a diff.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const CONFIG: &str = r#"[[meter]]
name = "Flat"
line = 20
imp_per_kwh = 1000

[[meter]]
name = "Generate"
line = 21

[web]
listen = "off"
"#;

/// The same pulses each time, long past on each machine.
const RUN: &str =
    "run --simulate --since 2024-06-21T00:00:00Z --for 6h --speed max --seed 1 --queue-dir queue";

/// What differs between machines and moments: the text between the first two, in each line, is replaced by the third.
/// An empty end is that of the line.
const VOLATILE: [(&str, &str, &str); 7] = [
    ("(", " ago)", "SPAN"),
    (" pulses, ", " KiB", "SIZE"),
    ("journal, space: ", " free", "SIZE"),
    ("clock      ", "", "TRUST"),
    ("\"trust\": ", "", "TRUST"),
    ("\"at_ns\": ", ",", "NOW"),
    ("\"journal_bytes\": ", ",", "SIZE"),
];

/// Checks of `verify` whose result is the machine's: its chips, its clock, its services.
const OF_THE_MACHINE: [&str; 3] = ["line of ", "clock", "daemon: "];

/// A directory with a configuration, and commands that run in it.
struct Home(tempfile::TempDir);

impl Home {
    fn new(config: &str) -> Home {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("powerlogger.toml"), config).unwrap();
        Home(dir)
    }

    fn with_pulses() -> Home {
        let home = Home::new(CONFIG);
        let ran = home.run(RUN);
        assert!(ran.status.success(), "{ran:?}");
        home
    }

    fn run(&self, line: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_powerlogger"))
            .args(line.split(' '))
            .current_dir(self.0.path())
            .env_clear()
            .envs([("NO_COLOR", "1"), ("TZ", "UTC0"), ("QUEUE_DIR", "queue")])
            .output()
            .unwrap()
    }

    /// The command and what it said, as a terminal would show it, `kept` lines at most.
    fn shown(&self, line: &str, kept: usize) -> String {
        let output = self.run(line);
        let mut shown = format!("$ powerlogger {line}\n");
        let place = fs::canonicalize(self.0.path()).unwrap();
        for said in [&output.stdout, &output.stderr] {
            let said = String::from_utf8_lossy(said).replace(place.to_str().unwrap(), "HOME");
            for line in said.lines().take(kept) {
                writeln!(shown, "{}", without_the_volatile(line)).unwrap();
            }
        }
        writeln!(shown, "[exit code {}]\n", output.status.code().unwrap()).unwrap();
        shown
    }

    fn all(&self, lines: &[&str]) -> String {
        lines
            .iter()
            .map(|line| self.shown(line, usize::MAX))
            .collect()
    }
}

fn without_the_volatile(line: &str) -> String {
    let mut line = line.trim_end().to_owned();
    for (begin, end, placeholder) in VOLATILE {
        let Some(from) = line.find(begin).map(|at| at + begin.len()) else {
            continue;
        };
        let length = match end {
            "" => Some(line.len() - from),
            end => line[from..].find(end),
        };
        if let Some(length) = length {
            line.replace_range(from..from + length, placeholder);
        }
    }
    line
}

/// What `verify` says of the program's own things: without checks of the machine, their sum and what follows from it.
fn without_the_machine(shown: &str) -> String {
    let mut kept = String::new();
    let mut is_kept = true;
    let checks = shown.split("\n\n").next().unwrap();
    for line in checks.lines() {
        if !line.starts_with(' ') {
            let check = line.split_once(' ').map_or(line, |(_, check)| check);
            is_kept = !OF_THE_MACHINE.iter().any(|name| check.starts_with(name));
        }
        if is_kept {
            writeln!(kept, "{line}").unwrap();
        }
    }
    kept + "…\n\n"
}

/// Compares with the file `name`, or writes it where that is asked for.
fn compare(name: &str, shown: &str) {
    let file: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/cli")
        .join(name);
    let shown = format!("{}\n", shown.trim_end());
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        return fs::write(file, shown).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    if kept == shown {
        return;
    }
    let (was, is): (Vec<_>, Vec<_>) = (kept.lines().collect(), shown.lines().collect());
    let same = was
        .iter()
        .zip(&is)
        .take_while(|(was, is)| was == is)
        .count();
    let excerpt = |lines: &[&str], mark: &str| -> String {
        let lines = lines.iter().skip(same).take(5);
        lines.map(|line| format!("{mark} {line}\n")).collect()
    };
    panic!(
        "tests/it/cli/{name} differs from line {}:\n{}{}if the new words are meant: \
         UPDATE_SNAPSHOTS=1 cargo test --test it cli_output::",
        same + 1,
        excerpt(&was, "-"),
        excerpt(&is, "+")
    );
}

/// The help of a command and of all below it, in the order of the help itself.
fn help(home: &Home, command: &str) -> String {
    let shown = home.shown(format!("{command} --help").trim_start(), usize::MAX);
    let listed = shown
        .split_once("\nCommands:\n")
        .map_or("", |(_, rest)| rest);
    let listed = listed.split("\n\n").next().unwrap();
    // A name stands two columns in; what is further in goes on with the text of the one before.
    let names = listed.lines().filter_map(|line| {
        let line = line.strip_prefix("  ")?;
        let name = line.split(' ').next()?;
        (!name.is_empty() && name != "help").then_some(name)
    });
    let below: Vec<String> = names
        .map(|name| help(home, format!("{command} {name}").trim_start()))
        .collect();
    shown + &below.concat()
}

#[test]
fn the_help_of_every_command() {
    let shown = help(&Home::new(CONFIG), "");
    for command in ["setup", "config check", "register set"] {
        let heading = format!("$ powerlogger {command} --help\n");
        assert!(
            shown.contains(&heading),
            "not found in the lists: {command}"
        );
    }
    compare("help.txt", &shown);
}

#[test]
fn what_is_shown_of_a_journal() {
    let home = Home::with_pulses();
    let status = home.all(&["status", "status --json", "losses", "losses --json"]);
    compare("status.txt", &status);
    let exported = ["export", "export --format csv"].map(|line| home.shown(line, 10));
    compare("export.txt", &exported.concat());
    let register = home.all(&[
        "register",
        "register set Flat 12345.6 --at 2024-06-21T02:00:00Z",
        "register set Flat 12346.6 --at 2024-06-21T03:00:00Z",
        "register set Generate 5",
        "register",
        "register flat --json",
        "register undo Flat",
        "register Cellar",
    ]);
    compare("register.txt", &register);
    let report = home.all(&[
        "report 2024-06-21",
        "report 2024-06 --csv",
        "report 2024-06-21 --meter generate",
        "report 2024-07",
        "report 2024-06-21 --meter Cellar",
    ]);
    compare("report.txt", &report);
}

#[test]
fn what_tune_says_of_recordings() {
    let home = Home::new(CONFIG);
    let waves = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/waveforms");
    let mut shown = String::new();
    for name in ["steady-led.txt", "2ms-flashes.txt"] {
        fs::copy(waves.join(name), home.0.path().join(name)).unwrap();
        shown += &home.all(&[&format!("tune Flat --recording {name}")]);
    }
    shown += &home.all(&[
        "tune Flat --recording steady-led.txt --write",
        "tune Flat --recording steady-led.txt --write --yes",
        "tune Flat --recording steady-led.txt --load-w 1200",
        "tune Flat --recording none.txt",
    ]);
    compare("tune.txt", &shown);
}

#[test]
fn what_is_said_of_configuration_and_server() {
    let home = Home::new(CONFIG);
    let bad =
        Home::new("[[meter]]\nname = \"Flat\"\nlin = 20\n\n[journal]\nsync_interval_ms = 0\n");
    let mut config = home.all(&["config show", "config check"]);
    config += &bad.all(&["config check", "run", "verify"]);
    compare("config.txt", &config);
    let home = Home::with_pulses();
    let verify = home.shown("verify", usize::MAX);
    let server = home.all(&["audit", "delete-buckets", "setup"]);
    compare("server.txt", &(without_the_machine(&verify) + &server));
}

#[test]
fn what_is_said_where_nothing_can_be_done() {
    let home = Home::new(CONFIG);
    let shown = home.all(&[
        "status",
        "losses",
        "register",
        "export",
        "audit",
        "import none.csv",
        "run --replay none.txt",
        "status --config-dir none",
        "status --queue-dir powerlogger.toml",
        "status --nope",
        "statsu",
        "run --speed fast --simulate",
        "run --speed 2",
        "export --format xml",
        "export --since tomorrowish",
        "register set Flat 1e5",
        "register Flat 12345.6",
        "report",
        "report next-month",
        "report --from 2026-02-30 --to 2026-03-01",
        "report --from 2026-03-01",
    ]);
    compare("refusals.txt", &shown);
}
