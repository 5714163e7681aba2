//! `powerlogger export` and what `import` reads, with the true binary: what is written is read back the same, files
//! that are there stay, what is not understood is said with an exit code, and no time is taken as UTC because its zone
//! is not known.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "pulses of an unknown time are put into the file; a test that cannot go on may panic"
)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::program::outcome;

const METERS: [&str; 5] = ["Haus;1", "Haus", " a\"b, c ", "#1=x", "Zähler 'ü'"];

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        let dir = tempfile::tempdir().unwrap();
        let meters = METERS.iter().zip(20..).map(|(name, line)| {
            format!(
                "[[meter]]\nname = \"{}\"\nline = {line}\n",
                name.replace('"', "\\\"")
            )
        });
        fs::write(
            dir.path().join("powerlogger.toml"),
            meters.collect::<String>(),
        )
        .unwrap();
        Home(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Its exit code and what it said.
    fn ask_in(&self, zone: &str, args: &[&str]) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_powerlogger"));
        command
            .args(["--queue-dir", "queue"])
            .args(args)
            .current_dir(self.0.path())
            .env_clear()
            .env("TZ", zone);
        outcome(&mut command)
    }

    fn ask(&self, args: &[&str]) -> (i32, String) {
        self.ask_in("Europe/Berlin", args)
    }

    fn import(&self, name: &str, text: impl AsRef<[u8]>) -> (i32, String) {
        fs::write(self.path(name), text).unwrap();
        self.ask(&["import", name])
    }

    /// A journal with a pulse of each meter.
    fn filled() -> Home {
        let home = Home::new();
        let rows = METERS.iter().zip(0..).map(|(name, second)| {
            format!(
                "2026-01-01T12:00:0{second}Z,\"{}\"\n",
                name.replace('"', "\"\"")
            )
        });
        let (code, said) = home.import(
            "in.csv",
            format!("time,meter\n{}", rows.collect::<String>()),
        );
        assert_eq!(code, 0, "{said}");
        home
    }

    fn all(&self) -> String {
        let (code, said) = self.ask(&["export", "--format", "csv"]);
        assert_eq!(code, 0, "{said}");
        said
    }
}

#[test]
fn what_is_exported_is_read_back_the_same() {
    let home = Home::filled();
    let all = home.all();
    assert_eq!(all.lines().count(), 1 + METERS.len(), "{all}");
    let (code, said) = home.ask(&["export", "--meter", "hAUS"]);
    assert!(
        code == 0
            && said.starts_with("PowerPulse,PulseType=Haus Pulse=1i")
            && said.lines().count() == 1,
        "{said}"
    );
    let other = Home::new();
    for name in ["all.csv", "all.lp"] {
        let file = other.path(name);
        let (code, said) = home.ask(&["export", "-o", file.to_str().unwrap()]);
        assert!(code == 0 && said.contains("5 pulses written"), "{said}");
        let (code, said) = other.ask(&["import", name]);
        assert_eq!(code, 0, "{said}");
        assert_eq!(other.all(), all);
    }
    assert!(
        fs::read_to_string(other.path("all.csv"))
            .unwrap()
            .starts_with("time,")
    );
    assert!(
        fs::read_to_string(other.path("all.lp"))
            .unwrap()
            .starts_with("PowerPulse,")
    );
}

#[test]
fn a_file_that_is_there_stays_until_there_is_another() {
    let home = Home::filled();
    fs::write(home.path("backup.csv"), "old").unwrap();
    let old = || fs::read_to_string(home.path("backup.csv")).unwrap();
    let (code, said) = home.ask(&["export", "-o", "backup.csv"]);
    assert!(
        code == 1 && said.contains("--force") && old() == "old",
        "{said}"
    );
    let (code, said) = home.ask(&[
        "--queue-dir",
        "none",
        "export",
        "--force",
        "-o",
        "backup.csv",
    ]);
    assert!(code != 0 && old() == "old", "{said}");
    let (code, said) = home.ask(&["export", "--force", "-o", "backup.csv"]);
    assert!(code == 0 && old() == home.all(), "{said}");
    let (code, said) = home.ask(&["export", "--force", "-o", "queue/journal.sqlite"]);
    assert!(
        code == 1 && said.contains("belongs to the journal"),
        "{said}"
    );
    assert_eq!(home.all().lines().count(), 6);
}

#[test]
fn a_period_without_pulses_is_said_to_be_one() {
    let home = Home::filled();
    let (code, said) = home.ask(&["export", "--since", "today"]);
    assert!(
        code == 0 && said.contains("no pulse in that period"),
        "{said}"
    );
    let (code, said) = home.ask(&["export", "--from=2026-01-02", "--until=01.01.2026"]);
    assert!(
        code == 1 && said.contains("must be the later one"),
        "{said}"
    );
    let (code, said) = home.ask(&[
        "export",
        "--from=2026-01-01 13:00:01",
        "--to=2026-01-01 13:00:02",
    ]);
    assert!(code == 0 && said.lines().count() == 1, "{said}");
}

#[test]
fn what_is_not_understood_is_no_success() {
    let home = Home::filled();
    for (name, text, why) in [
        (
            "decimal.csv",
            "time,meter\n1767268800,25,Haus\n",
            "decimal comma",
        ),
        (
            "slashes.csv",
            "time,meter\n01/02/2026 12:00,Haus\n",
            "day or the month",
        ),
        (
            "half.csv",
            "time,meter,pulses\n1767268800,Haus,1.5\n",
            "not a number of pulses",
        ),
        (
            "other.lp",
            "Other,PulseType=Haus Pulse=1i 1767268800000000000\n",
            "MEASUREMENT",
        ),
        ("packed.csv.gz", "\u{1f}\u{8b}", "neither"),
    ] {
        let (code, said) = home.import(name, text);
        assert!(code == 1 && said.contains(why), "{name}: {said}");
    }
    let (code, said) = home.import("packed.gz", [0x1f, 0x8b, 8, 0]);
    assert!(code == 1 && said.contains("gunzip"), "{said}");
    assert_eq!(home.all().lines().count(), 6);
}

#[test]
fn forms_that_other_programs_write() {
    let home = Home::new();
    let utf16: Vec<u8> = "\u{feff}time\tmeter\tpulses\r\n01.01.2026 13:00:00\tHaus\t1,0\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let answer = "#group,false,false\n#datatype,string,long\n,result,table,_time,_value,_field,_measurement,PulseType\n\
                  ,,0,2026-01-01T12:00:01Z,1,Pulse,PowerPulse,Haus\n\n\
                  ,result,table,_value,_time,_field,_measurement,PulseType\n\
                  ,,1,1,2026-01-01T12:00:02Z,Pulse,PowerPulse,Haus\n";
    let dump = "# DDL\nCREATE DATABASE x WITH NAME y\n# DML\n# CONTEXT-DATABASE:x\n\
                PowerPulse,PulseType=Haus Pulse=1i 1767268804000000000\n";
    for (name, text) in [
        ("sheet.txt", utf16.as_slice()),
        ("answer.csv", answer.as_bytes()),
        (
            "sheet.csv",
            b"sep=;\r\n\"time\";\"meter\"\r\n1767268803,5;Haus\r\n",
        ),
        ("dump.lp", dump.as_bytes()),
        (
            "seconds.lp",
            b"PowerPulse,PulseType=Haus Pulse=1i 1767268805\n",
        ),
    ] {
        let (code, said) = home.import(name, text);
        assert!(
            code == 0 && !said.contains("NOT UNDERSTOOD"),
            "{name}: {said}"
        );
    }
    let stamps: Vec<String> = home
        .all()
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(1).unwrap().to_owned())
        .collect();
    let want = ["0000", "1000", "2000", "3500", "4000", "5000"];
    assert_eq!(stamps, want.map(|ms| format!("176726880{ms}000000")));
}

#[test]
fn no_time_is_utc_because_its_zone_is_not_known() {
    let home = Home::filled();
    fs::write(
        home.path("local.csv"),
        "time,meter\n2026-06-20 14:00:00,Haus\n",
    )
    .unwrap();
    for zone in ["Europe/Berlim", "CEST"] {
        let (code, said) = home.ask_in(zone, &["import", "local.csv"]);
        assert!(
            code == 1 && said.contains(zone) && said.contains("offset"),
            "{said}"
        );
        for args in [
            ["export", "--from=2026-06-20"],
            ["export", "--to=2026-06-20 14:00"],
            ["export", "--since=today"],
            ["audit", "--since=2026-06-20"],
        ] {
            let (code, said) = home.ask_in(zone, &args);
            assert!(code == 2 && said.contains(zone), "{args:?}: {said}");
        }
        let (code, said) = home.ask_in(zone, &["export", "--from=2026-01-01T00:00:00Z"]);
        assert_eq!((code, said.lines().count()), (0, 5), "{said}");
    }
    let (code, said) = home.ask_in("UTC", &["import", "local.csv"]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn held_pulses_are_told() {
    let home = Home::filled();
    let before = home.all();
    rusqlite::Connection::open(home.path("queue/journal.sqlite"))
        .unwrap()
        .execute_batch(
            "INSERT INTO clock_segment (id, boot_id, begins_ns, offset_ns, trust)
                 VALUES (90, 'a boot', 1, 0, 0);
             INSERT INTO pulse VALUES (1001, 1, 90, 5, 0), (1002, 1, 90, 6, 0);",
        )
        .unwrap();
    for args in [
        ["export", "--format=csv"].as_slice(),
        ["export", "--view=1h"].as_slice(),
        ["export", "-o", "out.csv"].as_slice(),
    ] {
        let (code, said) = home.ask(args);
        assert!(
            code == 1 && said.contains("2 pulses NOT written"),
            "{args:?}: {said}"
        );
    }
    assert_eq!(fs::read_to_string(home.path("out.csv")).unwrap(), before);
}
