//! The page's questions over ten years of three meters, as the daemon answers them over its unix socket: the least and the median
//! of some times each, and the first (the least is what a busy machine disturbs least), without tariffs and with them. Budget: 20 ms. And what a daemon has to fill in that starts with a journal which is older than quarters and days.
//!
//! The journal is made by the program; the rows of ten years are then put into its tables as the roller would have put them:
//! windows as long as each view keeps them, a week of pulses. `BENCH_DIR` keeps it there, and finds it there again.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a program that measures"
)]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use powerlogger::clock::{Clock, VirtualClock};
use powerlogger::config::{
    FilterSettings, JournalSettings, LineName, LineSettings, Listen, MeterSettings, Pricing,
    SiteSettings, TariffSettings, WebSettings,
};
use powerlogger::energy::tariff::{Direction, PriceList, PriceWindow, Rated, Tariff, UnitPrice};
use powerlogger::intake::{Intake, PULSES_MAX};
use powerlogger::journal::{Journal, Marks, Reader, Writer, file_in};
use powerlogger::model::{Bias, CountedEdge, Level, NS_PER_S, Role, WallNs};
use powerlogger::web::source::{InUse, Source};
use powerlogger::web::{Doors, Web};
use rusqlite::{Connection, Transaction, params};

const METERS: [&str; 3] = ["Import", "Export", "Generate"];

/// 2026-10-25T12:00:00Z, and ten years before that.
const NOW_S: i64 = 1_792_929_600;
const DAY_S: i64 = 86_400;
const BEGIN_S: i64 = NOW_S - 3_652 * DAY_S - NOW_S % 3_600;

/// For how many days the views and the pulses are kept; a pulse of each meter so often.
const KEPT_D: [(i64, i64); 3] = [(60, 90), (300, 365), (3_600, 3_652)];
const RAW_D: i64 = 7;
const PULSE_EVERY_S: i64 = 4;

const BUDGET_MS: f64 = 20.0;
const TIMES: usize = 9;

fn main() {
    let kept = std::env::var_os("BENCH_DIR").map(PathBuf::from);
    let passing = tempfile::tempdir().unwrap();
    let dir = kept.unwrap_or_else(|| passing.path().to_owned());
    std::fs::create_dir_all(&dir).unwrap();
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    if file_in(&dir).exists() {
        println!("the journal in {} is used", dir.display());
    } else {
        make(&dir, &zone);
    }
    questions(&dir, &zone, TariffSettings::default());
    println!("with a tariff whose price changes at 7 and at 22, which is read by quarter hours");
    questions(&dir, &zone, day_and_night());
}

fn names() -> Vec<String> {
    METERS.map(str::to_owned).to_vec()
}

fn connect(dir: &Path) -> Connection {
    let connection = Connection::open(file_in(dir)).unwrap();
    connection
        .pragma_update(None, "wal_autocheckpoint", 0)
        .unwrap();
    connection
}

/// Makes the journal: as an older program has left it, then filled in, then as one that has had quarters all the time.
fn make(dir: &Path, zone: &TimeZone) {
    drop(Journal::open(dir, &names(), "boot", WallNs::of_s(NOW_S)).unwrap());
    let begin = Instant::now();
    let mut connection = connect(dir);
    let transaction = connection.transaction().unwrap();
    let mut rows = windows(&transaction);
    rows += pulses(&transaction);
    rows += watched(&transaction);
    transaction
        .execute(
            "UPDATE journal SET value = ?1 WHERE key = 'quarters_from_s'",
            [i64::MAX],
        )
        .unwrap();
    transaction.commit().unwrap();
    drop(connection);
    let per_s = rows as f64 / begin.elapsed().as_secs_f64();
    println!("{rows} rows generated, {per_s:.0}/s");
    fill(dir, zone, "quarters and days of ten years");
    let connection = connect(dir);
    // As they are where they were counted, and not filled in.
    quarters(&connection);
    connection
        .execute_batch(
            "UPDATE quarter SET coarse = 0, pulses = 100 + start_s / 900 % 57,
                 shortest_gap_ms = 1500 + start_s / 900 % 977, longest_gap_ms = 9000 + start_s / 900 % 7919;
             UPDATE zone SET days_from_s = 9223372036854775807;",
        )
        .unwrap();
    drop(connection);
    fill(dir, zone, "days of ten years");
    let connection = connect(dir);
    for table in ["window", "quarter", "day", "pulse"] {
        let count = format!("SELECT count(*) FROM {table}");
        let rows: i64 = connection.query_row(&count, [], |row| row.get(0)).unwrap();
        println!("{table}: {rows} rows");
    }
}

/// A pattern that has every length of number, and is the same each time.
fn some(start_s: i64, meter: i64) -> i64 {
    (start_s / 60).wrapping_mul(2_654_435_761 + meter) % 97 + 3
}

fn windows(transaction: &Transaction<'_>) -> i64 {
    let mut put = transaction
        .prepare("INSERT INTO window VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        .unwrap();
    let mut rows = 0;
    for (width_s, kept_d) in KEPT_D {
        let first_s = (NOW_S - kept_d * DAY_S).max(BEGIN_S);
        let first_s = first_s - first_s.rem_euclid(width_s);
        for start_s in (first_s..NOW_S).step_by(usize::try_from(width_s).unwrap()) {
            for meter in 1..=3 {
                let pulses = some(start_s, meter) * width_s / 60;
                put.execute(params![
                    width_s,
                    start_s,
                    meter,
                    pulses,
                    1_000 + pulses,
                    9_000 + pulses
                ])
                .unwrap();
                rows += 1;
            }
        }
    }
    rows
}

/// Those that older windows could not tell.
fn quarters(connection: &Connection) {
    connection
        .execute(
            "WITH RECURSIVE time (start_s) AS (
                 SELECT ?1 UNION ALL SELECT start_s + 900 FROM time WHERE start_s + 900 < ?2)
             INSERT OR IGNORE INTO quarter (start_s, meter, pulses, coarse)
                 SELECT start_s, meter.id, 1, 0 FROM time, meter",
            (BEGIN_S, NOW_S),
        )
        .unwrap();
}

fn pulses(transaction: &Transaction<'_>) -> i64 {
    transaction
        .execute_batch("INSERT INTO clock_segment (id, boot_id, begins_ns, offset_ns, trust) VALUES (1, 'boot', 0, 1, 3)")
        .unwrap();
    let mut put = transaction
        .prepare("INSERT INTO pulse VALUES (?1, ?2, 1, ?3, 0)")
        .unwrap();
    let mut hour = transaction
        .prepare("INSERT INTO hour_ids VALUES (?1, ?2, ?3)")
        .unwrap();
    let (mut id, mut first) = (0, 1);
    let first_s = NOW_S - RAW_D * DAY_S;
    for at_s in (first_s..NOW_S).step_by(usize::try_from(PULSE_EVERY_S).unwrap()) {
        for meter in 1..=3 {
            id += 1;
            let mono_ns = (at_s * NS_PER_S + meter * 333_000_000) / 1_024 * 1_024;
            put.execute((id, meter, mono_ns)).unwrap();
        }
        if (at_s + PULSE_EVERY_S) % 3_600 < PULSE_EVERY_S {
            hour.execute((at_s - at_s % 3_600, first, id)).unwrap();
            first = id + 1;
        }
    }
    transaction
        .execute("INSERT INTO rolled VALUES (1, ?1)", [id])
        .unwrap();
    for meter in 1..=3 {
        transaction
            .execute(
                "INSERT INTO line (meter, pulses, last_segment, last_mono_ns) VALUES (?1, ?2, 1, ?3)",
                (meter, 10 * id, NOW_S * NS_PER_S / 1_024 * 1_024),
            )
            .unwrap();
    }
    id
}

/// The daemon was restarted every twelve days.
fn watched(transaction: &Transaction<'_>) -> i64 {
    let mut rows = 0;
    for begins_s in (BEGIN_S..NOW_S).step_by(12 * 86_400) {
        for meter in 1..=3 {
            let ends_s = (begins_s + 12 * DAY_S - 7).min(NOW_S);
            transaction
                .execute(
                    "INSERT INTO watched VALUES (?1, ?2, ?3)",
                    (meter, begins_s, ends_s),
                )
                .unwrap();
            rows += 1;
        }
    }
    rows
}

/// Lets the writer fill in what is lacking.
fn fill(dir: &Path, zone: &TimeZone, what: &str) {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::at(WallNs::of_s(NOW_S)));
    let journal = Journal::open(dir, &names(), "boot", WallNs::of_s(NOW_S)).unwrap();
    let settings = JournalSettings {
        dir: dir.to_owned(),
        sync_interval_ms: 1_000,
        max_bytes: 1 << 33,
        raw_retention_d: 36_500,
    };
    let intake = Arc::new(Intake::new(PULSES_MAX, Arc::default()));
    let marks = Arc::new(Marks::at(journal.newest()));
    let mut writer = Writer::new(journal, intake, marks, clock, settings, None).unwrap();
    writer.count_days_in(zone).unwrap();
    let (begin, mut longest, mut steps) = (Instant::now(), Duration::ZERO, 0);
    loop {
        let step = Instant::now();
        let wait = writer.step();
        longest = longest.max(step.elapsed());
        steps += 1;
        if wait > Duration::ZERO {
            break;
        }
        if steps % 50 == 0 {
            // In a daemon another thread does that.
            writer.journal().sync().unwrap();
        }
    }
    let filled = Reader::open(dir).unwrap().filled(zone).unwrap();
    assert_eq!((filled.quarters_from_s, filled.days_from_s), (0, 0));
    println!(
        "{what} filled in: {:.1} s in {steps} steps, the longest {:.1} ms",
        begin.elapsed().as_secs_f64(),
        longest.as_secs_f64() * 1e3
    );
}

fn meter(name: &str) -> MeterSettings {
    MeterSettings {
        name: name.to_owned(),
        role: Role::of_name(name),
        line: LineSettings {
            chip: None,
            line: LineName::Number(20),
            bias: Bias::Up,
            kernel_debounce_us: 0,
        },
        filter: FilterSettings {
            counted: CountedEdge::Rising,
            active: Level::Low,
            bounce_ns: 0,
            min_width_ns: 0,
            max_width_ns: 0,
            min_interval_ns: 0,
        },
        unit: powerlogger::model::Quantity::KilowattHours,
        pulses_per_unit: Some(1_000.0),
        factors_since: Vec::new(),
        register_digits: None,
        max_rate: 30_000.0,
    }
}

/// What costs more by day than by night, both ways.
fn day_and_night() -> TariffSettings {
    let of = |direction| {
        let rated = |name: &str, price: &str| Rated {
            name: name.to_owned(),
            price: UnitPrice::Fixed(price.parse().unwrap()),
        };
        let by_day = PriceWindow {
            from_minute: 7 * 60,
            to_minute: 22 * 60,
            weekdays: [true; 7],
            season: None,
        };
        let list = PriceList {
            valid_from: jiff::civil::date(2010, 1, 1),
            base: rated("night", "0.2410"),
            windows: vec![(by_day, rated("day", "0.3519"))],
            standing: None,
        };
        Some(Pricing {
            tariff: Tariff::new(direction, vec![list]).unwrap(),
            prices_file: None,
            dynamic: Arc::default(),
        })
    };
    TariffSettings {
        import: of(Direction::Import),
        feed_in: of(Direction::FeedIn),
    }
}

fn questions(dir: &Path, zone: &TimeZone, tariffs: TariffSettings) {
    let clock = Arc::new(VirtualClock::at(WallNs::of_s(NOW_S)));
    let source = Source::new(Arc::default(), clock);
    source.use_settings(InUse {
        dir: dir.to_owned(),
        meters: METERS.map(meter).to_vec(),
        site: SiteSettings {
            time_zone: Some(zone.clone()),
            ..SiteSettings::default()
        },
        tariffs,
        ..InUse::default()
    });
    let unix_dir = tempfile::tempdir().unwrap();
    let settings = WebSettings {
        listen: Listen::Off,
        ..WebSettings::default()
    };
    let doors = Doors {
        unix_dir: unix_dir.path().to_owned(),
        settings,
    };
    let web = Web::begin(source, doors).unwrap();
    let ago = |days: i64| format!("from={}&to={NOW_S}", NOW_S - days * DAY_S);
    let hour = format!("from={}&to={NOW_S}", NOW_S - 3_600);
    let asked = [
        ("now", "now".to_owned()),
        (
            "energy day",
            "energy?period=day&date=2026-10-24&compare=year".to_owned(),
        ),
        (
            "energy week",
            "energy?period=week&date=2026-10-19&compare=previous".to_owned(),
        ),
        (
            "energy month",
            "energy?period=month&date=2026-10-01&compare=year".to_owned(),
        ),
        (
            "energy year",
            "energy?period=year&date=2026-01-01&compare=year".to_owned(),
        ),
        ("energy total", "energy?period=total".to_owned()),
        ("history 1 h, pulses", format!("history?{hour}&window=raw")),
        ("history 1 day", format!("history?{}", ago(1))),
        (
            "history 1 day, 2000 points",
            format!("history?{}&points=2000", ago(1)),
        ),
        ("history 1 week", format!("history?{}", ago(7))),
        (
            "history 20 days of quarters",
            format!("history?{}&window=15m", ago(20)),
        ),
        ("history 1 month", format!("history?{}", ago(31))),
        (
            "history 80 days of hours",
            format!("history?{}&window=1h", ago(80)),
        ),
        ("history 1 year", format!("history?{}", ago(366))),
        (
            "history 10 years",
            format!("history?{}&points=2000", ago(3_650)),
        ),
    ];
    println!(
        "{:<30} {:>8} {:>8} {:>8} {:>8} {:>6} {:>9}",
        "", "first ms", "least", "median", "budget", "ratio", "bytes"
    );
    for (what, path) in asked {
        let mut spent: Vec<f64> = Vec::new();
        let mut bytes = 0;
        for _ in 0..TIMES {
            let begin = Instant::now();
            bytes = ask(unix_dir.path(), &path);
            spent.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        let first_ms = spent[0];
        spent.sort_by(f64::total_cmp);
        let (least_ms, ms) = (spent[0], spent[TIMES / 2]);
        let ratio = least_ms / BUDGET_MS;
        println!(
            "{what:<30} {first_ms:>8.2} {least_ms:>8.2} {ms:>8.2} {BUDGET_MS:>8} {ratio:>6.2} {bytes:>9}"
        );
    }
    web.end();
}

/// The bytes of the answer.
fn ask(unix_dir: &Path, path: &str) -> usize {
    let socket = unix_dir.join("api.sock");
    let until = Instant::now() + Duration::from_secs(10);
    let mut stream = loop {
        match UnixStream::connect(&socket) {
            Ok(stream) => break stream,
            Err(failed) => assert!(Instant::now() < until, "{}: {failed}", socket.display()),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let head =
        format!("GET /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let head = String::from_utf8_lossy(&answer[..answer.len().min(300)]);
    assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
    answer.len()
}
