//! What HTTP tells while the daemon has not opened the journal yet, and a reader can: no count is told to be nothing.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::clock::Clock;
use crate::journal::tests::Bench;
use crate::journal::tests::left::{ask, count, get, serve};
use crate::live::Board;
use crate::model::S_PER_DAY;

#[test]
fn until_the_journal_is_open_its_counts_are_those_that_are_read_and_nothing_is_said_to_be_kept() {
    let mut bench = Bench::new(|_| {});
    bench.writer.count_days_in(&TimeZone::UTC).unwrap();
    count(&mut bench, [0, 2]);
    bench.close();
    let now_s = bench.clock.wall_ns().s();
    let day_s = now_s - now_s.rem_euclid(S_PER_DAY);
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
    let aside = tempfile::tempdir().unwrap();
    let file = bench.dir.path().join("journal.sqlite");
    std::fs::rename(&file, aside.path().join("journal.sqlite")).unwrap();
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
    assert_eq!(now["today"]["derived"]["house_wh"], Value::Null);
    let table = get(unix_dir.path(), "/api/v1/now.csv");
    assert!(table.contains("Import,import,kWh,,,"), "{table}");
    web.end();
}
