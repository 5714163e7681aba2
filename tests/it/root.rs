//! The true binary as root, in directories of another user who has planted links: nothing behind them changes, and
//! what root makes is that user's. Skipped where the tests are not run by root.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::gpio::without_chips;
use crate::support::program::{said, skip};
use crate::support::remote::{OPERATOR, ORG, of_fake, start_fake};
use crate::support::wait::{PATIENCE, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A user that no system has.
const ANOTHER: u32 = 54_321;

const CSV: &str = "time,meter\n2024-03-01T12:00:00Z,Import\n2024-03-01T12:00:01Z,Export\n";

/// Every command that somebody may run with sudo: `%` stands for the place.
const COMMANDS: &[&[&str]] = &[
    &[
        "run",
        "--simulate",
        "--speed",
        "max",
        "--from=-3h",
        "--for",
        "2h",
    ],
    &["status"],
    &["losses"],
    &["report"],
    &["report", "--html", "%/home/report.html", "--force"],
    &["register"],
    &["register", "set", "Import", "12.5"],
    &["export"],
    &["export", "-o", "%/home/out.lp"],
    &["import", "%/pulses.csv"],
    &["verify"],
    &["audit"],
    &["setup", "--yes"],
    &["setup", "--yes", "--new-read-token", "--take-over"],
    &[
        "delete-buckets",
        "--yes-delete-all-data",
        "--tasks-and-tokens",
    ],
    &["config", "show"],
    &["config", "check"],
    &[],
    &["status", "--json"],
    &[
        "register", "exchange", "Import", "--old", "12.6", "--new", "0", "--yes",
    ],
    &["register", "undo", "Import"],
    &["losses", "--refused"],
    &["losses", "--send-again"],
    &["backup", "--force", "%/home/copy.sqlite"],
    &["backup", "--keep", "1", "%/home"],
    &["watch", "--for", "1ms"],
    &["tune", "Import", "--for", "1ms"],
    &[
        "tune",
        "Import",
        "--recording",
        "%/edges.txt",
        "--html",
        "%/home/out.html",
        "--write",
        "--yes",
    ],
    &[
        "run",
        "--simulate",
        "--speed",
        "max",
        "--for",
        "1h",
        "--record",
        "%/home/record.txt",
    ],
    &["completions", "bash"],
    &["man", "%/home/man"],
];

/// A meter whose flashes are shorter than the usual bounce time, so that there is something to recommend.
const EDGES: &str = include_str!("../waveforms/2ms-flashes.txt");

struct Place {
    top: TempDir,
    env: Vec<(String, String)>,
}

impl Place {
    /// A home of another user, with configuration and the journal's directory; None: we are not root.
    fn new(test: &str, url: &str) -> Option<Place> {
        if !rustix::process::geteuid().is_root() {
            skip(test, "needs root");
            return None;
        }
        let top = tempfile::tempdir().unwrap();
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let env = [
            ("INFLUX_HOST", url),
            ("INFLUX_ORG", ORG),
            ("INFLUX_TOKEN", OPERATOR),
            ("RAW_BUCKET", "simulated_raw"),
            ("B1M_BUCKET", "simulated_1m"),
            ("B5M_BUCKET", "simulated_5m"),
            ("B1H_BUCKET", "simulated_1h"),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let place = Place {
            top,
            env: env.to_vec(),
        };
        for dir in ["home", "home/queue", "home/man", "root"] {
            fs::create_dir(place.at(dir)).unwrap();
        }
        let toml = "[[meter]]\nname = \"Import\"\nline = 20\nimp_per_kwh = 1000\n\n[[meter]]\nname = \"Export\"\nline = 26\n\n[web]\nlisten = \"off\"\n";
        fs::write(place.at("home/powerlogger.toml"), toml).unwrap();
        fs::write(place.at("pulses.csv"), CSV).unwrap();
        fs::write(place.at("edges.txt"), EDGES).unwrap();
        for theirs in ["home", "home/queue", "home/man", "home/powerlogger.toml"] {
            chown(place.at(theirs), Some(ANOTHER), Some(ANOTHER)).unwrap();
        }
        fs::set_permissions(place.at("root"), fs::Permissions::from_mode(0o700)).unwrap();
        Some(place)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let top = self.top.path().to_str().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_powerlogger"));
        command
            .args(["--config-dir", &format!("{top}/home")])
            .args(["--queue-dir", &format!("{top}/home/queue")])
            .args(args.iter().map(|arg| arg.replace('%', top)))
            .current_dir(self.top.path())
            .env_clear()
            .envs(self.env.iter().cloned());
        command
    }

    /// Runs a command to its end; a daemon that cannot open its journal goes on trying, and is told to end.
    fn run(&self, args: &[&str]) -> String {
        let _lines = without_chips();
        let log = self.at("log");
        let out = fs::File::create(&log).unwrap();
        let mut command = self.command(args);
        command
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap());
        let mut child = command.stderr(out).spawn().unwrap();
        let said = || String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
        let mut told = false;
        let status = wait_for("the command's end", PATIENCE, || {
            if said().contains("remedy=") && !told {
                told = true;
                kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
            }
            child.try_wait().unwrap()
        });
        format!("{status:?}\n{}", said())
    }

    /// Files below their home that do not belong to them.
    fn foreign(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut dirs = vec![self.at("home")];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let meta = fs::symlink_metadata(&path).unwrap();
                if meta.uid() != ANOTHER {
                    found.push(path.clone());
                }
                if meta.is_dir() {
                    dirs.push(path);
                }
            }
        }
        found
    }
}

fn ended(output: &Output) -> String {
    format!("{:?}\n{}", output.status, said(output))
}

/// All that a file is: what it holds, whose it is, what may be done with it.
fn look(path: &Path) -> (Vec<u8>, u32, u32, u32, u64) {
    let meta = fs::symlink_metadata(path).unwrap();
    let content = fs::read(path).unwrap();
    (content, meta.uid(), meta.gid(), meta.mode(), meta.nlink())
}

#[test]
fn what_root_makes_belongs_to_whoever_owns_the_directory() {
    let fake = start_fake();
    let server = of_fake(&fake);
    let test = "what_root_makes_belongs_to_whoever_owns_the_directory";
    let Some(place) = Place::new(test, &server.url()) else {
        return;
    };
    for command in COMMANDS {
        let output = place.run(command);
        let good = match command {
            [] => "ExitStatus(unix_wait_status(512))",
            // No line is there, and the server's windows are as young as the journal.
            ["verify" | "audit" | "watch", ..] | ["tune", _, "--for", _] => "",
            _ => "ExitStatus(unix_wait_status(0))",
        };
        if !good.is_empty() {
            assert!(output.starts_with(good), "{command:?}: {output}");
        }
        assert_eq!(
            place.foreign(),
            Vec::<PathBuf>::new(),
            "{command:?}: {output}"
        );
    }
    // The owner goes on where root was.
    let run = ["run", "--simulate", "--speed", "max", "--for", "1h"];
    let output = place
        .command(&run)
        .uid(ANOTHER)
        .gid(ANOTHER)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", ended(&output));
    assert!(!ended(&output).contains("denied"), "{}", ended(&output));
}

#[test]
fn no_command_of_root_follows_a_link_that_another_user_has_planted() {
    let fake = start_fake();
    let server = of_fake(&fake);
    let test = "no_command_of_root_follows_a_link_that_another_user_has_planted";
    let Some(place) = Place::new(test, &server.url()) else {
        return;
    };
    // Together, where no command is kept from the one by the other.
    let planted: [&[&str]; 5] = [
        &["queue/lock"],
        &["queue/reserve"],
        &["queue/journal.sqlite"],
        &[
            "queue/journal.sqlite-wal",
            "queue/journal.sqlite-shm",
            "queue/api.lock",
            "queue/api.sock",
        ],
        &[
            "installation.id",
            "writer.token",
            "web.token",
            "out.lp",
            "out.html",
            "copy.sqlite",
            ".copy.sqlite.part",
            "record.txt",
            "man/powerlogger.1",
        ],
    ];
    let victim = place.at("root/victim");
    for (hard, names) in planted
        .iter()
        .flat_map(|names| [(false, names), (true, names)])
    {
        fs::write(&victim, "root's own\n").unwrap();
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o600)).unwrap();
        let planted: Vec<PathBuf> = names
            .iter()
            .map(|name| place.at("home").join(name))
            .collect();
        for command in COMMANDS {
            for planted in &planted {
                let _ = fs::remove_file(planted);
                if hard {
                    fs::hard_link(&victim, planted).unwrap();
                } else {
                    symlink(&victim, planted).unwrap();
                    lchown(planted, Some(ANOTHER), Some(ANOTHER)).unwrap();
                }
            }
            let before = look(&victim);
            let output = place.run(command);
            let mut after = look(&victim);
            // A second name that was replaced by another file is gone; nothing else may have changed.
            after.4 = before.4;
            assert_eq!(before, after, "{names:?} {command:?}: {output}");
        }
        for planted in &planted {
            let _ = fs::remove_file(planted);
        }
        fs::remove_file(&victim).unwrap();
    }
}

#[test]
fn no_command_of_root_waits_for_a_pipe_that_another_user_has_put_in_the_place_of_a_file() {
    let fake = start_fake();
    let server = of_fake(&fake);
    let test =
        "no_command_of_root_waits_for_a_pipe_that_another_user_has_put_in_the_place_of_a_file";
    let Some(place) = Place::new(test, &server.url()) else {
        return;
    };
    let all = [
        "powerlogger.toml",
        ".env",
        "writer.token",
        "web.token",
        "installation.id",
        "queue/lock",
    ];
    for name in all {
        let pipe = place.at("home").join(name);
        let kept = fs::read(&pipe).ok();
        let _ = fs::remove_file(&pipe);
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        lchown(&pipe, Some(ANOTHER), Some(ANOTHER)).unwrap();
        // One of each kind: all others read these files in the same place.
        for command in [
            &["status"][..],
            &[],
            &["verify"],
            &["setup", "--dry-run"],
            &["register"],
        ] {
            let output = place.run(command);
            let is_config = name == "powerlogger.toml" && !command.is_empty();
            assert!(
                !is_config || output.contains("it is a pipe"),
                "{name} {command:?}: {output}"
            );
        }
        fs::remove_file(&pipe).unwrap();
        if let Some(kept) = kept {
            fs::write(&pipe, kept).unwrap();
            chown(&pipe, Some(ANOTHER), Some(ANOTHER)).unwrap();
        }
    }
}

#[test]
fn a_copy_of_the_journal_goes_where_root_may_write() {
    let test = "a_copy_of_the_journal_goes_where_root_may_write";
    let Some(place) = Place::new(test, "http://127.0.0.1:9") else {
        return;
    };
    place.run(COMMANDS[0]);
    for to in ["%/root/copy.sqlite", "%/root", "%/home/copy.sqlite"] {
        let output = place.run(&["backup", to]);
        assert!(output.contains("read again and sound"), "{to}: {output}");
    }
    assert_eq!(place.foreign(), Vec::<PathBuf>::new());
    let copies = fs::read_dir(place.at("root")).unwrap();
    let mut owners = copies.map(|copy| copy.unwrap().metadata().unwrap().uid());
    assert_eq!(
        (owners.next(), owners.next(), owners.next()),
        (Some(0), Some(0), None)
    );
}

#[test]
fn a_directory_that_another_user_has_turned_into_a_link_is_worked_in_with_his_rights() {
    let Some(place) = Place::new(
        "a_directory_that_another_user_has_turned_into_a_link_is_worked_in_with_his_rights",
        "http://127.0.0.1:9",
    ) else {
        return;
    };
    fs::remove_dir(place.at("home/queue")).unwrap();
    symlink(place.at("root"), place.at("home/queue")).unwrap();
    lchown(place.at("home/queue"), Some(ANOTHER), Some(ANOTHER)).unwrap();
    for command in COMMANDS {
        let output = place.run(command);
        let made = fs::read_dir(place.at("root")).unwrap().count();
        assert_eq!(made, 0, "{command:?}: {output}");
    }
}

#[test]
fn verify_judges_as_the_user_of_the_daemon() {
    let test = "verify_judges_as_the_user_of_the_daemon";
    let Some(place) = Place::new(test, "http://127.0.0.1:9") else {
        return;
    };
    place.run(COMMANDS[0]);
    let directory = || {
        let output = place
            .command(&["verify", "--local", "--json"])
            .output()
            .unwrap();
        let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = all["checks"].as_array().unwrap().clone();
        let mut found = checks.into_iter();
        found
            .find(|check| check["what"] == "journal, directory")
            .unwrap()
    };
    assert_eq!(directory()["outcome"], "good");
    for file in ["lock", "journal.sqlite", "journal.sqlite-wal"] {
        let path = place.at("home/queue").join(file);
        let mode = fs::metadata(&path).unwrap().permissions();
        chown(&path, Some(0), Some(0)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let said = directory();
        assert_eq!(said["outcome"], "bad", "{file}: {said}");
        assert!(said["seen"].as_str().unwrap().contains(file), "{said}");
        assert!(said["text"].as_str().unwrap().contains("chown"), "{said}");
        chown(&path, Some(ANOTHER), Some(ANOTHER)).unwrap();
        fs::set_permissions(&path, mode).unwrap();
    }
    // A directory that root owns is root's daemon's.
    chown(place.at("home/queue"), Some(0), Some(0)).unwrap();
    assert_eq!(directory()["outcome"], "good");
}

#[test]
fn whoever_may_not_read_is_told_what_to_do() {
    let Some(place) = Place::new("whoever_may_not_read_is_told_what_to_do", "") else {
        return;
    };
    let said = place.run(&[
        "run",
        "--simulate",
        "--speed",
        "max",
        "--since=-3h",
        "--for",
        "2h",
    ]);
    assert!(place.at("home/queue/journal.sqlite").exists(), "{said}");
    let commands: [&[&str]; 8] = [
        &["status"],
        &["losses"],
        &["register"],
        &["register", "set", "Import", "1"],
        &["export"],
        &["import", "-n", "%/pulses.csv"],
        &["verify", "--local"],
        &["run"],
    ];
    let ask = |args: &[&str]| {
        let output = place
            .command(args)
            .uid(ANOTHER + 1)
            .gid(ANOTHER + 1)
            .output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    // The configuration, then the journal; each time one line and nothing else.
    for (closed, also_run) in [("home/powerlogger.toml", true), ("home/queue", false)] {
        let path = place.at(closed);
        let mode = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for args in &commands[..if also_run { 8 } else { 7 }] {
            let (code, said) = ask(args);
            let want = format!("powerlogger: you may not read {}: use sudo", path.display());
            assert!(code == Some(1), "{args:?}: {code:?} {said}");
            assert!(
                said.starts_with(&want) && said.lines().count() == 1,
                "{said}"
            );
        }
        if closed == "home/queue" {
            let (_, said) = ask(&[]);
            assert!(said.contains("\n  sudo powerlogger "), "{said}");
            assert!(!said.contains("--watch"), "it may not: {said}");
        }
        fs::set_permissions(&path, mode).unwrap();
    }
    let (code, said) = ask(&["status"]);
    assert_eq!(code, Some(0), "{said}");
}
