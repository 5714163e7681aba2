//! The targets, plain functions over bytes, and what they begin with. `tests/fuzz` runs them on any toolchain,
//! `fuzz/` under libFuzzer.
#![allow(dead_code, reason = "each program under libFuzzer has one target")]

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use powerlogger::capture::filter::Filter;
use powerlogger::capture::gpio::GpioSource;
use powerlogger::capture::recorded::RecordedSource;
use powerlogger::capture::waker::Waker;
use powerlogger::capture::{EdgeSource as _, Polled};
use powerlogger::clock::{Clock, SystemClock, VirtualClock};
use powerlogger::config::{self, LoadOptions, MeterSettings, address};
use powerlogger::import::source::{Context, ImportFile};
use powerlogger::import::survey::Survey;
use powerlogger::influx::error::{Error, retry_after};
use powerlogger::influx::{flux, proxy};
use powerlogger::journal::salvage::{Arrival, Foreign, KnownSegments, would_raise};
use powerlogger::journal::{Journal, Reader, Registers, open_database};
use powerlogger::model::{
    DestinationRow, Edge, EdgeKind, FilterState, IdRange, MeterId, MeterRow, Reading, View, WallNs,
};
use powerlogger::mqtt::packet::{self, InMessage, Incoming, Packets};
use powerlogger::server::RetryPolicy;
use powerlogger::server::connection::failure;
use powerlogger::server::encoding::Encoding;
use powerlogger::server::failure::{Failure, judge};
use powerlogger::system::systemd::StoredDescriptor;
use rusqlite::Connection;

/// 2026-06-21T12:00:00Z.
const WALL: WallNs = WallNs::of_s(1_782_043_200);

/// A target.
pub(crate) struct Target {
    /// Its name.
    pub(crate) name: &'static str,
    /// What mutation begins with.
    pub(crate) corpus: fn() -> Vec<Vec<u8>>,
    /// So many mutants are a second or two.
    pub(crate) mutants: u64,
    /// Panics where it finds something.
    pub(crate) run: fn(&[u8]),
}

/// All of them.
pub(crate) const TARGETS: [Target; 9] = [
    Target {
        name: "configuration",
        corpus: configuration_corpus,
        mutants: 600,
        run: configuration,
    },
    Target {
        name: "recordings",
        corpus: recordings_corpus,
        mutants: 100_000,
        run: recordings,
    },
    Target {
        name: "answers",
        corpus: answers_corpus,
        mutants: 20_000,
        run: answers,
    },
    Target {
        name: "error_texts",
        corpus: error_texts_corpus,
        mutants: 15_000,
        run: error_texts,
    },
    Target {
        name: "addresses",
        corpus: addresses_corpus,
        mutants: 50_000,
        run: addresses,
    },
    Target {
        name: "journals",
        corpus: journals_corpus,
        mutants: 60,
        run: journals,
    },
    Target {
        name: "files_to_import",
        corpus: files_to_import_corpus,
        mutants: 20,
        run: files_to_import,
    },
    Target {
        name: "left_behind",
        corpus: left_behind_corpus,
        mutants: 100_000,
        run: left_behind,
    },
    Target {
        name: "brokers",
        corpus: brokers_corpus,
        mutants: 8_000,
        run: brokers,
    },
];

fn brokers_corpus() -> Vec<Vec<u8>> {
    let message = packet::publish("homeassistant/status", b"online", false, None);
    let asked = packet::publish("a/\u{e4}", &[b'x'; 300], true, Some(7));
    let large = packet::publish("a", &vec![b'x'; 70_000], true, None);
    let mut all = vec![
        b"\x20\x02\x00\x00\x90\x05\x00\x01\x00\x80\x00\x40\x02\x01\x02\xd0\x00".to_vec(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        [message, asked, large].concat(),
    ];
    // Its first byte is the length of the pieces.
    all.iter_mut().for_each(|bytes| bytes.insert(0, 13));
    all
}

/// What an MQTT broker sends, in pieces: no more is kept of it than one packet, and a message comes back as it was sent.
pub(crate) fn brokers(bytes: &[u8]) {
    let Some((length, bytes)) = bytes.split_first() else {
        return;
    };
    let mut packets = Packets::default();
    for piece in bytes.chunks(usize::from(*length).max(1)) {
        packets.push(piece);
        loop {
            match packets.take() {
                Ok(Some(Incoming::Message(message))) => {
                    let InMessage {
                        topic,
                        payload,
                        is_retained,
                        id,
                    } = &message;
                    let mut again = Packets::default();
                    again.push(&packet::publish(topic, payload, *is_retained, *id));
                    assert_eq!(again.take(), Ok(Some(Incoming::Message(message))));
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(packets.kept() <= (64 << 10) + 5, "no more than one packet");
    }
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// A directory that costs no disk.
fn scratch() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    let dir = if shm.is_dir() {
        tempfile::tempdir_in(shm)
    } else {
        tempfile::tempdir()
    };
    dir.unwrap()
}

/// The default meters.
static METERS: LazyLock<Vec<MeterSettings>> = LazyLock::new(|| {
    let dir = scratch();
    let options = LoadOptions {
        config_dir: Some(dir.path().to_owned()),
        cwd: dir.path().to_owned(),
        ..LoadOptions::default()
    };
    config::load(&options).unwrap().settings.meters
});

fn configuration_corpus() -> Vec<Vec<u8>> {
    texts(&[
        "",
        include_str!("../../dist/powerlogger.toml"),
        include_str!("../../.env.example"),
        "[[meter]]\nname = \"Import\"\nline = 20\nedge = \"both\"\nimp_per_kwh = 1000.5\nbounce_ms = 5\n",
        "[journal]\nmax_bytes = \"1 GiB\"\nraw_retention_d = 30\n[influx]\ndownsampling = \"client\"\n",
        "INFLUX_HOST=http://h:8086\nINFLUX_ORG='o'\nINFLUX_TOKEN=\"t\"\nGPIO_BOUNCE_TIME=0.1\nGPIO_PULL=up\n",
        "GPIO_IMPORT_PIN=20\nGPIO_EXPORT_PIN=20\nGPIO_MIN_PULSE_INTERVAL=1e9\nexport X=1 # comment\n",
    ])
}

pub(crate) fn configuration(bytes: &[u8]) {
    let dir = scratch();
    for name in ["powerlogger.toml", ".env", "writer.token"] {
        fs::write(dir.path().join(name), bytes).unwrap();
        let options = LoadOptions {
            config_dir: Some(dir.path().to_owned()),
            cwd: dir.path().to_owned(),
            ..LoadOptions::default()
        };
        match config::load(&options) {
            Ok(loaded) => assert!(!loaded.settings.meters.is_empty()),
            Err(problems) => assert!(!problems.to_string().is_empty()),
        }
        fs::remove_file(dir.path().join(name)).unwrap();
    }
}

fn recordings_corpus() -> Vec<Vec<u8>> {
    texts(&[
        "# powerlogger edges 1\n# offset_ns 1718927999000000000\n# meter 0 Import\n\
         up 1000000000 0 high 17446744073709551615\n1034000000 0 f 1\n1084000000 0 r 2\n\
         down 9000000000 0 the chip was unplugged\n",
        "# powerlogger edges 1\n# offset_ns 0\n# meter 7 Export\nup 5 7 low 1\n6 7 r 1\n# offset_ns 99\n7 7 f 2\n",
    ])
}

pub(crate) fn recordings(bytes: &[u8]) {
    let waker = Waker::new().unwrap();
    let Ok(mut source) = RecordedSource::read(bytes, &METERS, None, waker) else {
        return;
    };
    let mut signals = Vec::new();
    for _ in 0..10_000 {
        if source.poll(None, &mut signals) == Polled::Ended {
            return;
        }
        signals.clear();
    }
}

fn answers_corpus() -> Vec<Vec<u8>> {
    texts(&[
        ",result,table,_time,_value,PulseType\r\n,_result,0,2026-06-21T12:00:00Z,5,Import\r\n\r\n",
        "error,reference\r\n\"failed to execute query: \"\"x\"\"\",897\r\n",
        ",result,table,_value\r\n,_result,0,\"a, \"\"b\"\"\nc\"\r\n",
        "{\"code\":\"unprocessable entity\",\"message\":\"failure writing points to database: partial write: \
         points beyond retention policy dropped=3\"}",
        "{\"code\":\"invalid\",\"message\":\"unable to parse 'x': missing fields\"}",
        "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
        "partial write: field type conflict: input field \"Pulse\" on measurement \"PowerPulse\" is type \
         float, already exists as type integer dropped=1",
    ])
}

pub(crate) fn answers(bytes: &[u8]) {
    let mut rows = 0;
    let _ = flux::read_rows(&mut &bytes[..], &mut |row| {
        rows += 1;
        let _ = (row.get("_time"), row.get("_value"));
    });
    let body = String::from_utf8_lossy(bytes).into_owned();
    let _ = flux::string(&body);
    for status in [200, 400, 401, 404, 413, 422, 429, 500, 503] {
        let failure = Failure::Status {
            status,
            message: body.clone(),
            retry_after: None,
            foreign: rows % 2 == 0,
        };
        let _ = judge(&failure);
        assert!(!failure.message().is_empty());
    }
}

fn error_texts_corpus() -> Vec<Vec<u8>> {
    texts(&[
        "120",
        "0",
        "Wed, 21 Oct 2015 07:28:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "99999999999999999999999999",
        "http://influx.example/base/api/v2/write?org=o&bucket=b",
        "{\"code\":\"invalid\",\"message\":\"unable to parse 'PowerPulse,PulseType=Import Pulse=1i x': bad \\u001b[2J\"}",
        "{\"code\":\"invalid\",\"message\":\"unable to parse 'a \\\"b\\\" c': it breaks o",
        "{\"error\":\"partial write of line protocol occurred\",\"data\":[{\"original_line\":\"p v=\",\
         \"line_number\":1,\"error_message\":\"no value\"}]}",
        "{\"error\":[\"a\",{\"b\":null}],\"data\":null}",
        "<html><head><title>413</title></head><body><h1>Request Entity Too Large</h1></body></html>",
    ])
}

/// The bytes as an answer's text, as `Retry-After`, and as where a redirect leads.
pub(crate) fn error_texts(bytes: &[u8]) {
    const BACKOFF: RetryPolicy = RetryPolicy {
        retries_max: 8,
        interval: Duration::from_secs(10),
    };
    let text = String::from_utf8_lossy(bytes);
    let after = retry_after(&text);
    for failures in [0, 1, 9, u32::MAX] {
        let pause = BACKOFF.asked(after, failures, 0.0);
        let bounds = BACKOFF.after(failures, 0.0)..=Duration::from_secs(600);
        assert!(bounds.contains(&pause), "{after:?} {failures}: {pause:?}");
    }
    for (status, location) in [(400, None), (404, None), (422, None), (308, Some(&*text))] {
        let error = Error::from_answer(status, &text, after, location);
        let shown = error.to_string();
        assert!(!shown.contains(char::is_control), "{shown:?}");
        assert!(shown.chars().count() < 1_000, "{shown}");
        let failure = failure(&error);
        let _ = judge(&failure);
        let mut requests = 0;
        let mut send = |_: &[u8], _| {
            requests += 1;
            Err(failure.clone())
        };
        let sent = Encoding::default().send(bytes, b"gzip", &mut send);
        assert!(sent.is_err() && requests <= 2);
    }
}

fn addresses_corpus() -> Vec<Vec<u8>> {
    texts(&[
        "http://influx:8086\nhttp://user:S3CRET@proxy:3128\n10.0.0.0/8,.example.com,[::1]:80,*",
        "https://[fd00::1]:8086/base\nproxy:1\nfd00::/8 influx",
        "http://192.168.1.5:1/\nsocks5://S3CRET@p\n192.168.0.0/33,/,:,[",
        "http://h:80862\n\n",
    ])
}

/// Three lines: the server, the proxy, and what needs none.
pub(crate) fn addresses(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default().to_owned();
    let (server, address, without) = (line(), line(), line());
    let taken = address::parse(&server);
    if let Ok(taken) = &taken {
        assert_eq!(address::parse(&taken.url).unwrap().url, taken.url);
        let (_, rest) = taken.url.split_once("://").unwrap();
        let authority = rest.split('/').next().unwrap();
        let port = authority.rsplit_once(':').map(|(_, port)| port);
        if let Some(port) = port.filter(|port| !port.ends_with(']')) {
            assert!(
                port.parse::<u16>().is_ok_and(|port| port > 0),
                "{}",
                taken.url
            );
        }
    }
    let base = taken.map_or(server, |taken| taken.url);
    let secret = format!("http://user:S3CRET@{address}");
    for named in [address, secret] {
        let variable = |name: &str| match name {
            "http_proxy" | "https_proxy" => Some(named.clone()),
            "no_proxy" => Some(without.clone()),
            _ => None,
        };
        if let Some(chosen) = proxy::chosen(&base, &variable) {
            let shown = chosen.shown();
            // Only what stands where a password does is one: a scheme of that name is shown.
            let hidden = named.rsplit_once('@').is_some_and(|(before, rest)| {
                let (scheme, user) = before.split_once("://").unwrap_or(("", before));
                user.contains("S3CRET") && ![scheme, rest].iter().any(|of| of.contains("S3CRET"))
            });
            assert!(!hidden || !shown.contains("S3CRET"), "{named}: {shown}");
        }
    }
}

/// A journal with pulses, windows and all tables in use, as one file.
fn journal_bytes() -> Vec<u8> {
    let dir = scratch();
    let names = ["Import".to_owned(), "Export".to_owned()];
    let mut journal = Journal::open(dir.path(), &names, "boot", WALL).unwrap();
    journal.destination("influx").unwrap();
    let arrivals: Vec<Arrival> = (0..400)
        .map(|n| {
            Arrival::new(
                u16::try_from(n % 2).unwrap(),
                WALL + n * 7_000_000_000,
                n % 5 == 0,
            )
        })
        .collect();
    journal.put_arrivals(&arrivals, None).unwrap();
    journal.roll_up_all().unwrap();
    drop(journal);
    let reading = Reading {
        at_ns: WALL,
        pulses: 0,
        shown: 12_345.6,
        worth: powerlogger::model::PulseWorth::of_kwh(1_000.0),
        adopted: true,
        digits: None,
        exchange: None,
        serial: None,
    };
    let mut registers = Registers::open(dir.path()).unwrap();
    registers.put("Import", reading, None).unwrap();
    drop(registers);
    let file = dir.path().join("journal.sqlite");
    flatten(&file)
}

/// A database with its WAL moved into it, in the mode that needs none.
fn flatten(file: &Path) -> Vec<u8> {
    let connection = Connection::open(file).unwrap();
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "delete", |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "delete");
    drop(connection);
    fs::read(file).unwrap()
}

fn journals_corpus() -> Vec<Vec<u8>> {
    let whole = journal_bytes();
    vec![whole.clone(), whole[..whole.len() / 2].to_vec()]
}

pub(crate) fn journals(bytes: &[u8]) {
    let names = ["Import".to_owned(), "Export".to_owned()];
    let dir = scratch();
    fs::write(dir.path().join("journal.sqlite"), bytes).unwrap();
    let Ok(opened) = open_database(dir.path(), WALL) else {
        return;
    };
    drop(opened.connection);
    if let Some(aside) = opened.aside {
        salvage(&aside);
    }
    let Ok(mut journal) = Journal::open(dir.path(), &names, "boot", WALL) else {
        return;
    };
    let arrival = Arrival::new(1, WALL, false);
    let _ = journal.put_arrivals(&[arrival], None);
    let _ = journal.roll_up_all();
    let Ok(mut reader) = Reader::open(dir.path()) else {
        return;
    };
    if let Ok(Some(bounds)) = reader.bounds() {
        let _ = reader.page(bounds, 1_000);
        let _ = reader.page(IdRange::one(bounds.last), 1);
    }
    let _ = (
        reader.totals(),
        reader.ledger(),
        reader.lines(),
        reader.rolled(),
    );
    let _ = (
        reader.windows(View::Hour, 0, i64::MAX),
        reader.delivered(DestinationRow(1)),
    );
    let _ = (
        reader.readings("Import"),
        reader.unwatched(),
        reader.pulses_by("Import", WALL),
    );
    let rows = [Some(MeterRow(1)), Some(MeterRow(2))];
    let _ = reader.known_of(&[arrival], &rows, &HashMap::new());
    drop(journal);
    salvage(&dir.path().join("journal.sqlite"));
}

fn salvage(path: &Path) {
    let Ok(foreign) = Foreign::open(path) else {
        return;
    };
    let _ = foreign.holds();
    let _ = (
        foreign.meters(),
        foreign.losses(),
        foreign.readings(),
        foreign.journal_id(),
    );
    let mut pulses = 0;
    let here = KnownSegments::default();
    let _ = foreign.pulses(&here, &mut |page, _| pulses += page.len());
    let meters = foreign.meters().into_keys().map(|row| (row, 0));
    let _ = would_raise(
        None,
        &foreign,
        &meters.collect(),
        &[],
        (&BTreeMap::new(), &BTreeMap::new()),
    );
    assert!(pulses < 100_000, "{pulses}");
}

/// A queue of the Python edition.
fn queue_bytes() -> Vec<u8> {
    let dir = scratch();
    let file: PathBuf = dir.path().join("queue");
    let connection = Connection::open(&file).unwrap();
    connection
        .execute_batch("CREATE TABLE lp_queue(id INTEGER PRIMARY KEY, bucket TEXT, lp TEXT)")
        .unwrap();
    for n in 0..200 {
        let lp = format!(
            "PowerPulse,PulseType=Import Pulse=1i {}",
            WALL - n * 1_000_000_007
        );
        connection
            .execute(
                "INSERT INTO lp_queue (bucket, lp) VALUES ('PowerLogger_raw', ?1)",
                [lp],
            )
            .unwrap();
    }
    drop(connection);
    fs::read(file).unwrap()
}

fn files_to_import_corpus() -> Vec<Vec<u8>> {
    let mut corpus = texts(&[
        "time,time_ns,meter,estimated\n2026-06-21T12:00:00.000000001Z,1782043200000000001,Import,0\n",
        "2026-06-21 12:00:00,Import,3\n1782043200,\"Ex,port\",1\n",
        "time;meter;pulses\n2026-10-25 02:30:00;Import;1\n",
        "PowerPulse,PulseType=Import Pulse=1i 1782043200000000000\nPowerPulse,PulseType=a\\ b Pulse=3i,x=\"y z\" 7\n",
    ]);
    corpus.extend([queue_bytes(), journal_bytes()]);
    corpus
}

pub(crate) fn files_to_import(bytes: &[u8]) {
    let dir = scratch();
    let file = dir.path().join("file");
    let context = Context::of_defaults(WALL);
    fs::write(&file, bytes).unwrap();
    let Ok(source) = ImportFile::open(&file) else {
        return;
    };
    let Ok(survey) = Survey::take(&source, &context, &mut |_| {}) else {
        return;
    };
    for slice in survey.slices(10) {
        assert!(slice.0 < slice.1);
    }
    let held: u64 = survey.meters.values().map(|found| found.pulses).sum();
    assert_eq!(held, survey.pulses());
}

fn left_behind_corpus() -> Vec<Vec<u8>> {
    let fresh = Filter::new(METERS[0].filter, powerlogger::model::Level::Low, 1_000);
    let state = serde_json::to_string(fresh.state()).unwrap();

    texts(&[
        &state,
        "{\"stable_high\":true,\"raw_high\":false,\"burst_since\":5,\"burst_edges\":3,\"last_edge\":9,\
         \"active_since\":2,\"pending\":3,\"last_pulse\":1,\"line_seqno\":4294967295,\"requested\":0}",
        "{\"stable_high\":true,\"raw_high\":false,\"burst_since\":-9223372036854775808,\"burst_edges\":4294967295,\
         \"last_edge\":-9223372036854775808,\"active_since\":-9223372036854775808,\"pending\":null,\
         \"last_pulse\":-9223372036854775808,\"line_seqno\":7,\"requested\":0}",
        "{\"stable_high\":false,\"raw_high\":true,\"burst_since\":9223372036854775807,\"burst_edges\":0,\
         \"last_edge\":9223372036854775807,\"active_since\":null,\"pending\":9223372036854775807,\
         \"last_pulse\":9223372036854775807,\"line_seqno\":99,\"requested\":0}",
        "line-0000000000001234-u0",
        "line-ffffffffffffffff-n1000",
    ])
}

pub(crate) fn left_behind(bytes: &[u8]) {
    let settings = METERS[0].filter;
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::at(WALL));
    let text = String::from_utf8_lossy(bytes).into_owned();
    let file = fs::File::open("/dev/null").unwrap();
    let kept = StoredDescriptor {
        name: text.clone(),
        file,
    };
    let mut lines = GpioSource::new(&METERS, Arc::clone(&clock), Waker::new().unwrap());
    lines.inherit(vec![kept], &[Some(0x1234), None, Some(u64::MAX)]);
    let Ok(state) = serde_json::from_str::<FilterState>(&text) else {
        return;
    };
    let now_ns = SystemClock.mono_ns();
    if !state.is_sound(now_ns) {
        return;
    }
    let mut filter = Filter::resume(settings, state);
    let mut out = Vec::new();
    for (n, kind) in [EdgeKind::Rising, EdgeKind::Falling, EdgeKind::Rising]
        .into_iter()
        .enumerate()
    {
        let n = u32::try_from(n).unwrap();
        let mono_ns = now_ns + i64::from(n) * 100_000_000;
        let edge = Edge {
            meter: MeterId(0),
            kind,
            mono_ns,
            line_seqno: 100 + n,
        };
        let _ = filter.due_ns();
        filter.edge(edge, &mut out);
        filter.settle(mono_ns + 50_000_000, &mut out);
    }
    filter.conclude(&mut out);
}
