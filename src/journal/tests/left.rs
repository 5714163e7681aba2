//! What HTTP tells of a time whose minutes and five minutes have left the journal: by coarser windows, with every pulse, and
//! with what was not watched.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::clock::Clock;
use crate::clock::segment::Trust;
use crate::config::{Listen, MeterSettings, SiteSettings, WebSettings};
use crate::journal::tests::{Bench, WALL, pending, segment};
use crate::live::Board;
use crate::model::{MeterId, NS_PER_S, Pulse, S_PER_DAY, SegmentNo, View};
use crate::web::source::{InUse, Source};
use crate::web::{Doors, Web};

/// A pulse comes so often.
const STEP_S: i64 = 1_200;

/// Days after the begin in which nothing was watched: the 201st.
const HOLE: [i64; 2] = [200, 201];
const DAYS: i64 = 400;

/// Counts so many days after [`WALL`], which were watched.
pub(super) fn count(bench: &mut Bench, [from, to]: [i64; 2]) {
    let [from_s, to_s] = [from, to].map(|days| days * S_PER_DAY);
    let pulses = (from_s..to_s).step_by(1_200).map(|at_s| Pulse {
        meter: MeterId(0),
        segment: SegmentNo(0),
        mono_ns: (at_s + STEP_S / 2) * NS_PER_S,
        estimated: false,
    });
    bench.push(pending(
        vec![segment(0, WALL, Trust::Assumed)],
        pulses.collect(),
    ));
    bench.see(MeterId(0), (from_s, to_s));
    bench.writer.step();
    bench.durable.step().unwrap();
    while bench.writer.step() == Duration::ZERO {}
}

fn import() -> MeterSettings {
    MeterSettings {
        pulses_per_unit: Some(1_000.0),
        ..MeterSettings::plain("Import")
    }
}

/// A daemon's HTTP server on the journal, at a socket in this directory; `board`: what that daemon shows.
pub(super) fn serve(bench: &Bench, board: &Arc<Board>, zone: TimeZone, unix_dir: &Path) -> Web {
    serve_by(
        Arc::new(bench.clock.clone()),
        bench,
        board,
        (zone, unix_dir),
    )
}

/// The same, by another clock.
pub(super) fn serve_by(
    clock: Arc<dyn Clock>,
    bench: &Bench,
    board: &Arc<Board>,
    (zone, unix_dir): (TimeZone, &Path),
) -> Web {
    let source = Source::new(Arc::clone(board), clock);
    source.use_settings(InUse {
        dir: bench.dir.path().to_owned(),
        meters: vec![import()],
        site: SiteSettings {
            time_zone: Some(zone),
            ..SiteSettings::default()
        },
        ..InUse::default()
    });
    let settings = WebSettings {
        listen: Listen::Off,
        ..WebSettings::default()
    };
    let unix_dir = unix_dir.to_owned();
    Web::begin(source, Doors { unix_dir, settings }).unwrap()
}

pub(super) fn ask(unix_dir: &Path, path: &str) -> Value {
    serde_json::from_str(&get(unix_dir, &format!("/api/v1/{path}"))).unwrap()
}

/// The body of what is at this path.
pub(super) fn get(unix_dir: &Path, path: &str) -> String {
    let mut stream = asked(unix_dir, path);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    body.to_owned()
}

/// A connection on which what is at this path was asked for.
pub(super) fn asked(unix_dir: &Path, path: &str) -> UnixStream {
    // The server opens it in a thread of its own.
    let connected = (0..60_000).find_map(|_| {
        let stream = UnixStream::connect(unix_dir.join("api.sock"));
        stream
            .inspect_err(|_| thread::park_timeout(Duration::from_millis(5)))
            .ok()
    });
    let mut stream = connected.expect("some minutes are enough");
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

fn numbers(column: &Value) -> Vec<Option<i64>> {
    column
        .as_array()
        .unwrap()
        .iter()
        .map(Value::as_i64)
        .collect()
}

fn sum(column: &Value) -> i64 {
    numbers(column).into_iter().flatten().sum()
}

#[test]
fn a_time_whose_windows_have_left_is_told_by_coarser_ones_and_nothing_of_it_is_lost() {
    let mut bench = Bench::new(|_| {});
    bench.writer.count_days_in(&TimeZone::UTC).unwrap();
    count(&mut bench, [0, HOLE[0]]);
    bench.clock.advance(S_PER_DAY * NS_PER_S);
    count(&mut bench, [HOLE[1], DAYS]);
    let now_s = bench.clock.wall_ns().s();
    let begin_s = WALL.s();
    // They leave by and by, a day of them at a time.
    for _ in 0..DAYS {
        bench.close();
    }
    for view in [View::Minute, View::FiveMinutes] {
        let kept_s = view.kept_from_s(now_s).unwrap();
        let windows = bench.reader().windows(view, 0, i64::MAX).unwrap();
        let oldest_s = windows.iter().map(|window| window.start_s).min().unwrap();
        let days = (oldest_s - kept_s) / S_PER_DAY;
        assert!(oldest_s >= kept_s && days == 0, "{view:?}: {days} days");
    }
    // Every pulse is still there to be counted again.
    let stamps: Vec<i64> = bench.stamps().iter().map(|(_, at_ns)| at_ns.s()).collect();
    let truth = |from_s: i64, to_s: i64| {
        let of = stamps.iter().filter(|at_s| (from_s..to_s).contains(*at_s));
        i64::try_from(of.count()).unwrap()
    };
    let unix_dir = tempfile::tempdir().unwrap();
    let web = serve(&bench, &Arc::default(), TimeZone::UTC, unix_dir.path());
    let ask = |path: &str| ask(unix_dir.path(), path);
    let day_of = |at_s: i64| at_s - at_s.rem_euclid(S_PER_DAY);
    let date = |day_s: i64| Timestamp::from_second(day_s).unwrap().to_string()[..10].to_owned();

    // Windows of a minute were kept of 90 days, those of five minutes of 365: of a day before that there are quarters.
    for (ago, level, width_s) in [(395, "15m", 900), (300, "5m", 300), (30, "1m", 60)] {
        let from_s = day_of(now_s) - ago * S_PER_DAY;
        let to_s = from_s + S_PER_DAY;
        let told = ask(&format!("history?from={from_s}&to={to_s}&window=1m"));
        assert_eq!(
            (&told["level"], &told["width_s"]),
            (&level.into(), &width_s.into())
        );
        assert_eq!(told["complete"], true, "{ago} days ago");
        let meter = &told["meters"][0];
        assert_eq!(sum(&meter["pulses"]), truth(from_s, to_s));
        let watched = numbers(&meter["watched_s"]);
        assert!(
            watched.iter().all(|seconds| *seconds == Some(width_s)),
            "{watched:?}"
        );

        let day = ask(&format!("energy?period=day&date={}", date(from_s)));
        assert_eq!(day["complete"], true, "{ago} days ago");
        let meter = &day["meters"][0];
        assert_eq!(numbers(&meter["watched_s"]), [Some(3_600); 24]);
        let hours: Vec<_> = (0..24)
            .map(|n| from_s + n * 3_600)
            .map(|s| Some(truth(s, s + 3_600)))
            .collect();
        assert_eq!(numbers(&meter["pulses"]), hours);
        assert_eq!(meter["total"]["pulses"], truth(from_s, to_s));
    }

    // A span that begins before the oldest minute is told by one level, whole.
    let from_s = day_of(now_s) - 91 * S_PER_DAY;
    let to_s = from_s + 3 * S_PER_DAY;
    let told = ask(&format!("history?from={from_s}&to={to_s}&points=2000"));
    assert_eq!(
        (&told["level"], &told["complete"]),
        (&"5m".into(), &true.into())
    );
    assert_eq!(sum(&told["meters"][0]["pulses"]), truth(from_s, to_s));

    // What was not watched is not known, and not complete, in windows that were merged too.
    let hole = HOLE.map(|days| begin_s + days * S_PER_DAY);
    let from_s = day_of(hole[0]);
    let to_s = from_s + 2 * S_PER_DAY;
    let told = ask(&format!("history?from={from_s}&to={to_s}&window=5m"));
    assert_eq!(
        (&told["level"], &told["complete"]),
        (&"5m".into(), &false.into())
    );
    let meter = &told["meters"][0];
    let columns = numbers(&meter["pulses"])
        .into_iter()
        .zip(numbers(&meter["watched_s"]));
    for (n, (pulses, watched_s)) in (0..).zip(columns) {
        let [start_s, end_s] = [n, n + 1].map(|n| from_s + n * 300);
        let unwatched_s = (end_s.min(hole[1]) - start_s.max(hole[0])).max(0);
        // A second that was not watched to its end does not count.
        let short_s = 300 - unwatched_s - watched_s.unwrap();
        assert!(
            short_s == 0 || (short_s == 1 && unwatched_s > 0),
            "window {n}: {short_s} s"
        );
        let known = (unwatched_s < 300).then(|| truth(start_s, end_s));
        assert_eq!(pulses, known, "window {n}");
    }
    for period in ["day", "month", "year"] {
        let told = ask(&format!("energy?period={period}&date={}", date(from_s)));
        assert_eq!(told["complete"], false, "{period}");
        let starts = numbers(&told["starts_s"]);
        let (first_s, last_s) = (starts[0].unwrap(), starts[starts.len() - 1].unwrap());
        let meter = &told["meters"][0];
        assert_eq!(meter["total"]["pulses"], truth(first_s, last_s), "{period}");
        let passed_s = last_s.min(begin_s + DAYS * S_PER_DAY) - first_s.max(begin_s);
        let inside_s = last_s.min(hole[1]) - first_s.max(hole[0]);
        let short_s = passed_s - inside_s - sum(&meter["watched_s"]);
        assert!((0..=2).contains(&short_s), "{period}: {short_s} s");
    }
    let all = ask("energy?period=total");
    assert_eq!(all["meters"][0]["total"]["pulses"], truth(0, i64::MAX));
    web.end();
}
