//! What HTTP tells while the daemon has not opened the journal yet, and a reader can: no count is told to be nothing.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::clock::{Clock, SystemClock, VirtualClock};
use crate::journal::tests::Bench;
use crate::journal::tests::left::{ask, asked, count, get, serve, serve_by};
use crate::live::Board;
use crate::model::{MonoNs, NS_PER_S, S_PER_DAY, WallNs};

/// The date of this second in UTC.
fn date_at(at_s: i64) -> String {
    Timestamp::from_second(at_s).unwrap().to_string()[..10].to_owned()
}

/// The begin of its day.
fn day_of(at_s: i64) -> i64 {
    at_s - at_s.rem_euclid(S_PER_DAY)
}

/// A journal's file that is somewhere else: it cannot be asked.
struct Away(tempfile::TempDir);

impl Away {
    fn take(bench: &Bench) -> Away {
        let away = Away(tempfile::tempdir().unwrap());
        std::fs::rename(Away::file_in(&bench.dir), Away::file_in(&away.0)).unwrap();
        away
    }

    fn put_back(self, bench: &Bench) {
        std::fs::rename(Away::file_in(&self.0), Away::file_in(&bench.dir)).unwrap();
    }

    fn file_in(dir: &tempfile::TempDir) -> PathBuf {
        dir.path().join("journal.sqlite")
    }
}

/// No machine is too slow for what must come within it.
const PATIENCE_S: i64 = 120;

/// What a stream tells, until that is enough.
struct Listened {
    stream: UnixStream,
    text: String,
}

impl Listened {
    fn to(stream: UnixStream) -> Listened {
        let patience = Duration::from_secs(PATIENCE_S.unsigned_abs());
        stream.set_read_timeout(Some(patience)).unwrap();
        let text = String::new();
        Listened { stream, text }
    }

    /// The events so far, with their data.
    fn events(&self) -> Vec<(String, Value)> {
        let blocks = self.text.split("\n\n").filter_map(|block| {
            let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
            let data = serde_json::from_str(line("data: ")?).ok()?;
            Some((line("event: ")?.to_owned(), data))
        });
        blocks.collect()
    }

    fn until(&mut self, what: &str, is_enough: impl Fn(&[(String, Value)]) -> bool) {
        let begun_ns = SystemClock.mono_ns();
        let mut piece = [0; 4_096];
        while !is_enough(&self.events()) {
            let waited_ns = SystemClock.mono_ns() - begun_ns;
            assert!(waited_ns < PATIENCE_S * NS_PER_S, "{what}: {}", self.text);
            let length = self.stream.read(&mut piece).expect(what);
            assert!(length > 0, "{what}: {}", self.text);
            self.text += std::str::from_utf8(&piece[..length]).unwrap();
        }
    }
}

#[test]
fn until_the_journal_is_open_its_counts_are_those_that_are_read_and_nothing_is_said_to_be_kept() {
    let mut bench = Bench::new(|_| {});
    bench.writer.count_days_in(&TimeZone::UTC).unwrap();
    count(&mut bench, [0, 2]);
    bench.close();
    let day_s = day_of(bench.clock.wall_ns().s());
    let stamps = bench.stamps();
    let today = stamps
        .iter()
        .filter(|(_, at_ns)| at_ns.s() >= day_s)
        .count();
    assert!(today > 0 && today < stamps.len());

    // Its board, of which nothing is known yet, and the one that the writer has read the journal onto.
    let opened = Arc::clone(bench.intake.board());
    for (board, is_open) in [(Arc::<Board>::default(), false), (opened, true)] {
        let unix_dir = tempfile::tempdir().unwrap();
        let web = serve(&bench, &board, TimeZone::UTC, unix_dir.path());
        let now = ask(unix_dir.path(), "now");
        let meter = &now["meters"][0];
        assert_eq!(meter["pulses"], stamps.len(), "{is_open}: {now}");
        assert_eq!(meter["today"]["pulses"], today, "{is_open}: {now}");
        assert_eq!(now["health"]["counted"], is_open);
        assert!(is_open || now["health"]["level"] == "warning", "{now}");
        let sentence = now["health"]["sentence"].as_str().unwrap();
        assert_eq!(
            sentence.contains("journal is not open yet"),
            !is_open,
            "{sentence}"
        );
        let metrics = get(unix_dir.path(), "/metrics");
        assert_eq!(metrics.contains("\npowerlogger_pulses_total{"), is_open);
        web.end();
    }
}

#[test]
fn what_the_journal_could_not_be_asked_is_not_told_to_be_nothing() {
    let bench = Bench::new(|_| {});
    let _away = Away::take(&bench);
    let board = Arc::<Board>::default();
    let unix_dir = tempfile::tempdir().unwrap();
    let web = serve(&bench, &board, TimeZone::UTC, unix_dir.path());
    let now = ask(unix_dir.path(), "now");
    let meter = &now["meters"][0];
    assert!(meter["pulses"].is_null(), "{now}");
    for field in ["pulses", "energy_wh", "amount"] {
        assert!(meter["today"][field].is_null(), "{field}: {now}");
    }
    assert_eq!(now["today"]["complete"], false);
    // Which day it is needs no journal.
    let day_s = day_of(bench.clock.wall_ns().s());
    for (field, at_s) in [("from", day_s), ("to", day_s + S_PER_DAY)] {
        let told: Timestamp = now["today"][field].as_str().unwrap().parse().unwrap();
        assert_eq!(told.as_second(), at_s, "{field}: {now}");
    }
    assert_eq!(now["today"]["date"], date_at(day_s), "{now}");
    assert_eq!(now["today"]["derived"]["house_wh"], Value::Null);
    let table = get(unix_dir.path(), "/api/v1/now.csv");
    assert!(table.contains("Import,import,kWh,,,"), "{table}");
    web.end();
}

#[test]
fn a_day_that_could_not_be_read_has_not_changed_once_it_can_be() {
    let bench = Bench::new(|_| {});
    let away = Away::take(&bench);
    let board = Arc::<Board>::default();
    let unix_dir = tempfile::tempdir().unwrap();
    let web = serve(&bench, &board, TimeZone::UTC, unix_dir.path());
    let mut heard = Listened::to(asked(unix_dir.path(), "/api/v1/events"));
    heard.until("the state", |events| !events.is_empty());
    let pulses = |(_, now): &(String, Value)| now["meters"][0]["today"]["pulses"].clone();
    assert!(pulses(&heard.events()[0]).is_null(), "{}", heard.text);
    away.put_back(&bench);
    heard.until("what was counted", |events| {
        events.iter().any(|event| pulses(event).is_number())
    });
    let is_day = |(name, _): &(String, Value)| name == "day";
    assert!(!heard.events().iter().any(is_day), "{}", heard.text);
    // The next day is told.
    bench.clock.advance(S_PER_DAY * NS_PER_S);
    heard.until("the next day", |events| events.iter().any(is_day));
    let days = heard.events().into_iter().filter(is_day);
    let days: Vec<Value> = days.map(|(_, day)| day["date"].clone()).collect();
    assert_eq!(days, [date_at(bench.clock.wall_ns().s())]);
    drop(heard);
    web.end();
}

/// A minute passes with each look at the wall clock, and the journal has all of it: a machine that is very busy.
#[derive(Debug)]
struct Hasty {
    clock: VirtualClock,
    board: Arc<Board>,
    looks: AtomicI64,
}

impl Clock for Hasty {
    fn mono_ns(&self) -> MonoNs {
        self.clock.mono_ns()
    }

    fn wall_ns(&self) -> WallNs {
        let looks = self.looks.fetch_add(1, Ordering::SeqCst);
        let wall_ns = self.clock.wall_ns() + 60 * looks * NS_PER_S;
        self.board.kept_until(wall_ns);
        wall_ns
    }

    fn offset_ns(&self) -> i64 {
        self.clock.offset_ns()
    }
}

#[test]
fn a_stream_begins_with_the_state_also_where_a_minute_ends_while_it_begins() {
    let bench = Bench::new(|_| {});
    let board = Arc::<Board>::default();
    let clock = Arc::new(Hasty {
        clock: bench.clock.clone(),
        board: Arc::clone(&board),
        looks: AtomicI64::new(0),
    });
    let unix_dir = tempfile::tempdir().unwrap();
    let web = serve_by(clock, &bench, &board, (TimeZone::UTC, unix_dir.path()));
    let mut heard = Listened::to(asked(unix_dir.path(), "/api/v1/events"));
    heard.until("a minute", |events| {
        events.iter().any(|(name, _)| name == "minute")
    });
    assert_eq!(heard.events()[0].0, "now", "{}", heard.text);
    drop(heard);
    web.end();
}
