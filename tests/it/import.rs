//! `powerlogger import` with the true binary: the Python edition's queue, killed in the middle and done
//! again, delivered once to a server that had a part of it; files; a journal with damaged pages.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "real servers need real time; seeds are printed; a test that cannot go on may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::chance;
use crate::support::gpio::{at_other_hours, test_path, without_chips};
use crate::support::influxd::Influxd;
use crate::support::program::{Program, outcome};
use crate::support::remote::{OPERATOR, ORG, Remote, of_fake, start_fake};
use crate::support::wait::{PATIENCE, wait_until};
use powerlogger::clock::{Clock, SystemClock};
use powerlogger::model::NS_PER_S;
use rusqlite::{Connection, params};
use serde_json::Value;

const DAY_NS: i64 = 86_400 * NS_PER_S;
const HOUR_NS: i64 = 3_600 * NS_PER_S;

/// 2025-03-30T01:00:00Z and 2025-10-26T01:00:00Z: summer time begins and ends in Berlin.
const DST_EDGES_S: [i64; 2] = [1_743_296_400, 1_761_440_400];

/// 2025-01-01T00:00:00Z to 2025-12-31T00:00:00Z.
const OF_2025_S: (i64, i64) = (1_735_689_600, 1_767_139_200);

const QUICK: &str = "
[web]
listen = \"off\"
[journal]
sync_interval_ms = 20
[deliver]
flush_ms = 10
replay_interval_ms = 100
";

/// Simulated pulses are delivered only to buckets that are named for them.
const SIMULATED: &str = "RAW_BUCKET=simulated_raw
B1M_BUCKET=simulated_1m
B5M_BUCKET=simulated_5m
B1H_BUCKET=simulated_1h
";

/// A pulse: the meter's name and the stamp.
type Stamp = (String, i64);

/// A directory with configuration and journal.
struct Home(tempfile::TempDir);

impl Home {
    fn new(dotenv: &str, config: &str) -> Home {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".env"), dotenv).unwrap();
        fs::write(dir.path().join("powerlogger.toml"), config).unwrap();
        fs::create_dir(dir.path().join("queue")).unwrap();
        Home(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn queue(&self) -> PathBuf {
        self.path("queue/write_queue.sqlite")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_powerlogger"));
        command
            .args(["--queue-dir", "queue"])
            .args(args)
            .current_dir(self.0.path())
            .env_clear()
            .env("TZ", "Europe/Berlin");
        command
    }

    /// Its exit code and what it said.
    fn ask(&self, args: &[&str]) -> (i32, String) {
        let _lines = without_chips();
        outcome(&mut self.command(args))
    }

    fn import(&self, args: &[&str]) -> String {
        let (code, said) = self.ask(&[&["import"], args].concat());
        assert_eq!(code, 0, "{said}");
        assert!(!said.contains("NOT ALL"), "{said}");
        said
    }

    /// The same of a file of which some rows are not understood.
    fn import_partly(&self, args: &[&str], rows: &str) -> String {
        let (code, said) = self.ask(&[&["import"], args].concat());
        assert_eq!(code, 1, "{said}");
        let words = format!("NOT ALL is imported: {rows} not understood");
        assert!(said.contains(&words), "{said}");
        said
    }

    /// What `export` writes as CSV, without comments and head.
    fn csv(&self, args: &[&str]) -> Vec<String> {
        let mut export = self.command(&["export", "--format", "csv"]);
        let output = export.args(args).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let rows = text.lines().filter(|line| !line.starts_with('#')).skip(1);
        rows.map(str::to_owned).collect()
    }

    /// All pulses of the journal; none of them twice.
    fn pulses(&self) -> BTreeSet<Stamp> {
        let rows = self.csv(&[]);
        let stamps: Vec<Stamp> = rows.iter().map(|row| stamp_of_csv(row)).collect();
        let all: BTreeSet<Stamp> = stamps.iter().cloned().collect();
        assert_eq!(all.len(), stamps.len(), "a pulse twice");
        all
    }

    /// Pulses by meter and start of the window, in seconds.
    fn windows(&self, view: &str) -> BTreeMap<Stamp, i64> {
        let window = |line: &String| {
            let fields: Vec<&str> = line.split(',').collect();
            let key = (fields[2].to_owned(), fields[1].parse().unwrap());
            (key, fields[3].parse().unwrap())
        };
        self.csv(&["--view", view]).iter().map(window).collect()
    }

    /// The daemon on a simulated house that begins now.
    fn run(&self) -> Program {
        let mut run = self.command(&["run", "--simulate"]);
        Program::start(run.env("NO_COLOR", "1"), &self.path("log"))
    }
}

fn stamp_of_csv(line: &str) -> Stamp {
    let fields: Vec<&str> = line.split(',').collect();
    (fields[2].to_owned(), fields[1].parse().unwrap())
}

/// What the windows of these pulses are.
fn windows_of<'a>(
    pulses: impl IntoIterator<Item = &'a Stamp>,
    width_s: i64,
) -> BTreeMap<Stamp, i64> {
    let mut windows = BTreeMap::new();
    for (meter, wall_ns) in pulses {
        let second = wall_ns.div_euclid(NS_PER_S);
        let start_s = second - second.rem_euclid(width_s);
        *windows.entry((meter.clone(), start_s)).or_default() += 1;
    }
    windows
}

fn line(stamp: &Stamp) -> String {
    format!("PowerPulse,PulseType={} Pulse=1i {}", stamp.0, stamp.1)
}

/// The queue as the Python edition makes it.
fn make_queue(path: &Path, rows: &[(&str, Option<String>)]) {
    let mut connection = Connection::open(path).unwrap();
    connection
        .pragma_update(None, "journal_mode", "wal")
        .unwrap();
    connection
        .execute_batch("CREATE TABLE lp_queue(id INTEGER PRIMARY KEY, bucket TEXT, lp TEXT)")
        .unwrap();
    let transaction = connection.transaction().unwrap();
    for (bucket, lp) in rows {
        transaction
            .prepare_cached("INSERT INTO lp_queue (bucket, lp) VALUES (?1, ?2)")
            .unwrap()
            .execute(params![bucket, lp])
            .unwrap();
    }
    transaction.commit().unwrap();
    // As a killed program leaves it: the newest rows are in the WAL only.
    std::mem::forget(connection);
}

/// Pulses of the last weeks and of the edges of summer time, at odd nanoseconds.
fn story(random: &mut fastrand::Rng, now_ns: i64, count: i64) -> BTreeSet<Stamp> {
    let meters = ["Import", "Export", "Generate"];
    let mut all = BTreeSet::new();
    for n in 0..count {
        let back_ns = 4 * HOUR_NS + n * (28 * DAY_NS / count);
        let wall_ns = now_ns - back_ns - random.i64(0..NS_PER_S);
        all.insert((random.choice(meters).unwrap().to_owned(), wall_ns));
    }
    for edge_s in DST_EDGES_S {
        for n in -120..120 {
            let wall_ns = (edge_s + n * 60) * NS_PER_S + random.i64(0..NS_PER_S);
            all.insert(("Import".to_owned(), wall_ns));
        }
    }
    all
}

/// A setup for this server.
fn home_of(server: &Remote) -> Home {
    let dotenv = format!(
        "INFLUX_HOST={}\nINFLUX_ORG={ORG}\nINFLUX_TOKEN={OPERATOR}\n{SIMULATED}",
        server.url()
    );
    let home = Home::new(&dotenv, QUICK);
    let (code, said) = home.ask(&["setup"]);
    assert_eq!(code, 0, "{said}");
    // What is imported is delivered by a daemon on a simulated house: the journal is one of those.
    let begin = [
        "run",
        "--simulate",
        "--from=-1h",
        "--for",
        "1ms",
        "--speed",
        "max",
    ];
    let (code, said) = home.ask(&begin);
    assert_eq!(code, 0, "{said}");
    home
}

/// Points of the raw bucket before `now_ns`, by meter.
fn raw_before(server: &Remote, now_ns: i64) -> BTreeMap<String, usize> {
    let now_s = now_ns.div_euclid(NS_PER_S);
    let mut counts = BTreeMap::new();
    for row in server.pulses("simulated_raw", (0, now_s + 1)) {
        let time: jiff::Timestamp = row["_time"].parse().unwrap();
        if time.as_nanosecond() < i128::from(now_ns) {
            *counts.entry(row["PulseType"].clone()).or_default() += 1;
        }
    }
    counts
}

/// Whether the settled windows of the last 27 days are equal on both sides. A server that has not answered in time is asked
/// again.
fn is_equal(home: &Home) -> bool {
    let output = home
        .command(&["audit", "--since=-27 days", "--json"])
        .output()
        .unwrap();
    let audit: Option<Value> = serde_json::from_slice(&output.stdout).ok();
    output.status.success() && audit.is_some_and(|audit| audit["left"] == 0)
}

#[test]
fn a_python_queue_is_delivered_once() {
    let fake = start_fake();
    a_queue(&of_fake(&fake));
    if let Some(influxd) = Influxd::start("a_python_queue_is_delivered_once") {
        a_queue(&influxd);
    }
}

fn a_queue(server: &Remote) {
    let home = home_of(server);
    let mut random = fastrand::Rng::with_seed(chance::seed("IMPORT_SEED"));
    let now_ns = SystemClock.wall_ns();
    let pulses = story(&mut random, now_ns.0, 12_000);
    let raw = "simulated_raw";
    let mut rows: Vec<(&str, Option<String>)> = pulses
        .iter()
        .map(|stamp| (raw, Some(line(stamp))))
        .collect();
    random.shuffle(&mut rows);
    for no in 0..400 {
        let copy = rows[random.usize(0..rows.len())].1.clone().unwrap();
        // Windows of its own, and some pulses twice.
        let row = if no % 4 == 0 {
            (raw, copy)
        } else {
            ("simulated_1m", copy)
        };
        rows.insert(random.usize(0..rows.len()), (row.0, Some(row.1)));
    }
    let future = now_ns + DAY_NS;
    for odd in [
        (raw, None),
        (raw, Some("PowerPulse,PulseType=Import Pulse=1i".to_owned())),
        (
            raw,
            Some("PowerPulse,PulseType=Import Pulse=1i 1767268800".to_owned()),
        ),
        (
            raw,
            Some(format!("PowerPulse,PulseType=Import Pulse=1i {future}")),
        ),
        (
            raw,
            Some(format!("Other,PulseType=Import Pulse=1i {now_ns}")),
        ),
        (raw, Some("\"'\\".to_owned())),
        (
            "somewhere",
            Some(line(&("Import".to_owned(), (now_ns - 1).0))),
        ),
    ] {
        rows.insert(random.usize(0..rows.len()), odd);
    }
    make_queue(&home.queue(), &rows);
    // Some of it has been delivered before, nobody knows how much.
    let recent = pulses
        .iter()
        .filter(|(_, ns)| *ns > (now_ns - 20 * DAY_NS).0);
    let before: Vec<String> = recent.step_by(3).map(line).collect();
    let path = format!("/api/v2/write?org={ORG}&bucket={raw}&precision=ns");
    let client = server.client(Some(OPERATOR));
    let answer = client.request("POST", &path, &[], before.join("\n").as_bytes());
    assert_eq!(answer.unwrap().status, 204);

    let looked = home.import_partly(&["-n", "queue/write_queue.sqlite"], "7 rows are");
    assert!(
        looked.contains("NOT UNDERSTOOD, and not imported: 7 rows"),
        "{looked}"
    );
    assert!(
        looked.contains("left out: 300 lines of windows"),
        "{looked}"
    );
    assert_eq!(pulses.len(), 12_480);
    let would = "\n12,480 pulses would be imported; nothing was changed";
    assert!(looked.contains(would), "{looked}");
    for meter in ["Import", "Export", "Generate"] {
        let rows = looked
            .lines()
            .filter(|line| line.trim_start().starts_with(meter));
        assert_eq!(rows.count(), 1, "each meter once: {looked}");
    }
    assert!(home.pulses().is_empty(), "{looked}");

    kill_in_the_middle(&home, &mut random);
    if home.queue().exists() {
        let said = home.import_partly(&["queue/write_queue.sqlite"], "7 rows are");
        assert!(
            said.contains("rows that are not understood are still in it"),
            "{said}"
        );
    }
    assert!(!home.queue().exists(), "it is announced no more");
    let again = home.import_partly(&["queue/write_queue.sqlite.imported"], "7 rows are");
    assert!(again.contains("\n0 pulses imported"), "{again}");
    assert_eq!(home.pulses(), pulses, "each once, under its own stamp");
    assert_eq!(home.windows("1h"), windows_of(&pulses, 3_600));

    let mut expected: BTreeMap<String, usize> = BTreeMap::new();
    for (meter, _) in pulses
        .iter()
        .filter(|(_, ns)| *ns > (now_ns - 29 * DAY_NS).0)
    {
        *expected.entry(meter.clone()).or_default() += 1;
    }
    let daemon = home.run();
    wait_until("all pulses at the server", PATIENCE, || {
        raw_before(server, now_ns.0) == expected
    });
    wait_until("windows equal to the journal", PATIENCE, || is_equal(&home));
    assert_eq!(
        raw_before(server, now_ns.0),
        expected,
        "none twice:\n{}",
        daemon.log()
    );
    // The old ones arrived in their windows, though raw would not have taken them.
    let hours: i64 = server
        .pulses("simulated_1h", OF_2025_S)
        .iter()
        .map(|row| row["_value"].parse::<i64>().unwrap())
        .sum();
    assert_eq!(hours, 480);
    let (_, losses) = home.ask(&["losses"]);
    assert!(
        losses
            .lines()
            .any(|line| line.starts_with("0 lost since")
                || line.starts_with("none known to be lost")),
        "{losses}"
    );
    let (code, said) = home.ask(&["import", "queue/write_queue.sqlite.imported"]);
    assert_eq!(code, 75, "{said}");
    assert!(said.contains("systemctl stop powerlogger"), "{said}");
}

/// kill -9 at some moment of the import, a few times.
fn kill_in_the_middle(home: &Home, random: &mut fastrand::Rng) {
    for round in 0..4 {
        let mut import = home
            .command(&["import", "queue/write_queue.sqlite"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(random.u64(1..200 + 200 * round)));
        let _ = import.kill();
        import.wait().unwrap();
    }
}

#[test]
fn files_and_what_is_said_about_them() {
    let home = Home::new("", "");
    fs::write(
        home.path("times.csv"),
        "time,meter,pulses\n\
         2025-03-30 01:59:59,Import,1\n2025-03-30 02:30:00,Import,1\n2025-03-30 03:00:00,Import,1\n\
         2025-10-26 01:59:59,Import,1\n2025-10-26 02:30:00,Import,1\n\
         2025-10-26 02:30:00+02:00,Import,2\n2025-10-26 02:30:00+01:00,Import,3\n\
         2025-10-26 03:00:00,Import,1\n",
    )
    .unwrap();
    let said = home.import_partly(&["times.csv"], "2 rows are");
    assert!(
        said.contains("row 3: 2025-03-30 02:30:00 never came"),
        "{said}"
    );
    assert!(
        said.contains("row 6: 2025-10-26 02:30:00 came twice"),
        "{said}"
    );
    let hours: Vec<(i64, i64)> = home
        .windows("1h")
        .into_iter()
        .map(|((_, start_s), pulses)| (start_s, pulses))
        .collect();
    let [spring_s, autumn_s] = DST_EDGES_S;
    let want = [
        (spring_s - 3_600, 1),
        (spring_s, 1),
        (autumn_s - 7_200, 1),
        (autumn_s - 3_600, 2),
        (autumn_s, 3),
        (autumn_s + 3_600, 1),
    ];
    assert_eq!(hours, want);

    // What is exported can be imported elsewhere, in both formats, and is the same.
    let other = Home::new("", "");
    for (format, name) in [("csv", "all.csv"), ("lp", "all.lp")] {
        let file = other.path(name);
        let (code, said) = home.ask(&["export", "--format", format, "-o", file.to_str().unwrap()]);
        assert_eq!(code, 0, "{said}");
        other.import(&[name]);
        assert_eq!(other.pulses(), home.pulses());
    }

    fs::write(
        home.path("solar.csv"),
        "1767268800,Solar\n1767268801,Other\n",
    )
    .unwrap();
    let (code, said) = home.ask(&["import", "solar.csv"]);
    assert_eq!(code, 1, "{said}");
    for part in [
        "\"Other\" (1 pulse) or \"Solar\" (1 pulse)",
        "--map OLD=NEW",
        "[[meter]]",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let said = home.import(&["--map", "Solar=Generate", "--without", "Other", "solar.csv"]);
    assert!(said.contains("\n1 pulse imported"), "{said}");
    for part in [
        "Generate     1 pulse, ",
        "(there \"Solar\"): 1 new, 0 in the journal already",
        "Other        1 pulse, ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }

    // A journal in WAL mode is read, and nothing is left beside it.
    let elsewhere = home.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::copy(
        other.path("queue/journal.sqlite"),
        elsewhere.join("a ?%#.sqlite"),
    )
    .unwrap();
    home.import(&["elsewhere/a ?%#.sqlite"]);
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);

    fs::write(home.path("nothing"), "").unwrap();
    fs::write(home.path("text"), "Dear diary,\ntoday").unwrap();
    fs::write(home.path("bytes"), [0xff, 0xfe, 0, 7]).unwrap();
    Connection::open(home.path("other.sqlite"))
        .and_then(|other| other.execute_batch("CREATE TABLE t (x)"))
        .unwrap();
    for (file, why) in [
        ("nothing", "it is empty"),
        ("text", "columns time and meter"),
        ("bytes", "neither an SQLite database"),
        ("other.sqlite", "neither the Python edition's queue"),
        ("missing", "No such file"),
    ] {
        let (code, said) = home.ask(&["import", file]);
        assert!(code == 1 && said.contains(why), "{file}: {said}");
    }
}

/// Overwrites pages of a table, all but the first: leaves and what leads to them.
fn damage(journal: &Path, table: &str, random: &mut fastrand::Rng, share: f64) -> usize {
    let connection = Connection::open(journal).unwrap();
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    let pages: Vec<i64> = connection
        .prepare("SELECT pageno FROM dbstat WHERE name = ?1 AND pagetype = 'leaf'")
        .and_then(|mut select| select.query_map([table], |row| row.get(0))?.collect())
        .unwrap();
    drop(connection);
    let mut bytes = fs::read(journal).unwrap();
    let mut damaged = 0;
    for page in pages {
        if random.f64() >= share {
            continue;
        }
        let begin = usize::try_from(page - 1).unwrap() * 512;
        bytes[begin..begin + 512].fill_with(|| random.u8(..));
        bytes[begin] = 0x77;
        damaged += 1;
    }
    fs::write(journal, bytes).unwrap();
    damaged
}

#[test]
fn a_damaged_journal_is_moved_aside_and_salvaged() {
    let meters = "[[meter]]\nname = \"Import\"\nline = 20\nimp_per_kwh = 1000\n\
        [[meter]]\nname = \"Export\"\nline = 26\n[[meter]]\nname = \"Generate\"\nline = 21\n";
    let home = Home::new("", &format!("{QUICK}{meters}"));
    let day = [
        "run",
        "--simulate",
        "--from=-26h",
        "--for",
        "24h",
        "--speed",
        "max",
    ];
    let (code, said) = home.ask(&day);
    assert_eq!(code, 0, "{said}");
    let (truth, hours) = (home.pulses(), home.windows("1h"));
    assert!(truth.len() > 3_000, "{}", truth.len());
    let (code, said) = home.ask(&["register", "set", "Import", "1000,5"]);
    assert_eq!(code, 0, "{said}");

    // In the pulses, and in a table without which nothing can go on.
    let mut random = fastrand::Rng::with_seed(chance::seed("IMPORT_SEED"));
    let journal = home.path("queue/journal.sqlite");
    let damaged = damage(&journal, "pulse", &mut random, 0.05);
    assert!(damaged > 3, "{damaged}");
    assert_eq!(damage(&journal, "rolled", &mut random, 1.0), 1);

    let mut daemon = home.run();
    let aside = daemon.wait_for_log(PATIENCE, |log| {
        let begin = log.find("powerlogger import ")? + "powerlogger import ".len();
        let end = log[begin..].find('`')?;
        Some(log[begin..begin + end].to_owned())
    });
    assert!(aside.contains("journal.damaged-"), "{aside}");
    daemon.wait_for_log(PATIENCE, |log| {
        log[log.find("powerlogger import ")?..].find("journal open")
    });
    wait_until("counting to go on", PATIENCE, || !home.pulses().is_empty());
    let (_, status) = home.ask(&["status"]);
    assert!(
        status.contains("TO IMPORT") && status.contains(&aside),
        "{status}"
    );
    let (code, verify) = home.ask(&["verify", "--local"]);
    assert!(
        code == 1 && verify.contains("✗ journal that was damaged"),
        "{verify}"
    );
    daemon.end(rustix::process::Signal::TERM, PATIENCE);
    let since = home.pulses();

    let said = home.import(&[&aside]);
    assert!(said.contains("damaged: up to"), "{said}");
    assert!(
        said.contains("further pulses, which it only remembers by the count"),
        "{said}"
    );
    let after = home.pulses();
    let salvaged: BTreeSet<Stamp> = after.difference(&since).cloned().collect();
    assert!(salvaged.is_subset(&truth), "stamps as they were");
    assert!(
        salvaged.len() > truth.len() / 10 * 8,
        "{} of {}",
        salvaged.len(),
        truth.len()
    );
    assert!(salvaged.len() < truth.len(), "damage was done");
    assert!(
        after.is_superset(&since),
        "nothing of the new journal is gone"
    );
    // Nothing is missing in the windows, nor twice.
    let mut want = hours.clone();
    for (window, pulses) in windows_of(&since, 3_600) {
        *want.entry(window).or_default() += pulses;
    }
    assert_eq!(home.windows("1h"), want);
    let again = home.import(&[&format!("{aside}.imported")]);
    assert!(again.contains("\n0 pulses imported"), "{again}");
    assert_eq!(home.windows("1h"), want);
    let (_, status) = home.ask(&["status"]);
    assert!(!status.contains("TO IMPORT"), "{status}");
    // The reading, and what the new journal has counted since.
    let (_, register) = home.ask(&["register", "--json"]);
    let register: Value = serde_json::from_str(&register).unwrap();
    let kwh = register[0]["kwh"].as_f64().unwrap();
    let counted = since.iter().filter(|(meter, _)| meter == "Import");
    let counted_kwh = counted.count() as f64 / 1_000.0;
    let minute_kwh = 0.2;
    assert!(
        (kwh - 1_000.5 - counted_kwh).abs() < minute_kwh,
        "{register:#} {counted_kwh}"
    );
}

/// The numbers of all pages of a table.
fn pages_of(journal: &Path, table: &str) -> Vec<u32> {
    Connection::open(journal)
        .unwrap()
        .prepare("SELECT pageno FROM dbstat WHERE name = ?1")
        .and_then(|mut select| select.query_map([table], |row| row.get(0))?.collect())
        .unwrap()
}

/// Overwrites pages in the database and in its WAL, under the feet of whoever uses it.
fn damage_in_use(journal: &Path, pages: &[u32]) {
    use std::os::unix::fs::FileExt;
    let overwrite = |path: &Path, at: usize| {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        let at = u64::try_from(at).unwrap();
        file.write_all_at(&[0x77; 512], at).unwrap();
    };
    for page in pages {
        overwrite(journal, (usize::try_from(*page).unwrap() - 1) * 512);
    }
    // A header of 32 bytes, then frames: 24 bytes that begin with the page's number, and the page.
    let wal = journal.with_extension("sqlite-wal");
    let bytes = fs::read(&wal).unwrap();
    for at in (32..bytes.len().saturating_sub(535)).step_by(536) {
        let page = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        if pages.contains(&page) {
            overwrite(&wal, at + 24);
        }
    }
}

#[test]
fn a_journal_that_is_damaged_while_it_is_used_is_replaced_and_counting_goes_on() {
    let home = Home::new("", QUICK);
    let day = [
        "run",
        "--simulate",
        "--from=-40h",
        "--for",
        "30h",
        "--speed",
        "max",
    ];
    let (code, said) = home.ask(&day);
    assert_eq!(code, 0, "{said}");
    let truth = home.pulses();
    let mut run = home.command(&["run", "--simulate", "--speed", "120", "--from=-9h"]);
    let mut daemon = Program::start(run.env("NO_COLOR", "1"), &home.path("log"));
    daemon.wait_for_log(PATIENCE, |log| log.find("journal open"));

    // What is overwritten must be what it was when it was looked for.
    let journal = home.path("queue/journal.sqlite");
    let pages = pages_of(&journal, "ledger");
    daemon.freeze();
    damage_in_use(&journal, &pages);
    daemon.thaw();
    let aside = daemon.wait_for_log(PATIENCE, |log| {
        let begin = log.find("powerlogger import ")? + "powerlogger import ".len();
        let end = log[begin..].find('`')?;
        Some(log[begin..begin + end].to_owned())
    });
    // The new one; the damaged one may have been opened once more before.
    daemon.wait_for_log(PATIENCE, |log| {
        log[log.find("powerlogger import ")?..].find("journal open")
    });
    // At any hour of the year the house either takes from the grid or gives to it; of a roof alone some pulses may
    // come before the first of the grid.
    let of_the_grid = |stamp: &&Stamp| stamp.0 != "Generate";
    wait_until("counting to go on", PATIENCE, || {
        home.pulses().iter().filter(of_the_grid).count() > 5
    });
    daemon.end(rustix::process::Signal::TERM, PATIENCE);
    let since = home.pulses();
    home.import(&[&aside]);
    let all = home.pulses();
    assert!(all.is_superset(&truth) && all.is_superset(&since));
    // The simulated stretch has no hole where the journals meet.
    let grid: BTreeSet<i64> = all
        .difference(&truth)
        .filter(of_the_grid)
        .map(|(_, ns)| *ns)
        .collect();
    let longest = Vec::from_iter(grid)
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .max()
        .unwrap();
    assert!(longest < HOUR_NS, "{longest}");
}

#[test]
fn the_hour_does_not_matter() {
    at_other_hours(
        test_path!("the_hour_does_not_matter"),
        &[
            test_path!(
                "a_journal_that_is_damaged_while_it_is_used_is_replaced_and_counting_goes_on"
            ),
            test_path!("a_damaged_journal_is_moved_aside_and_salvaged"),
        ],
    );
}
