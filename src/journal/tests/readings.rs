//! Readings of registers: beside a running writer, before and after pulses from elsewhere, out of another
//! journal.

use crate::clock::segment::Trust;
use crate::energy::register::shown;
use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::salvage::{Arrival, Foreign};
use crate::journal::tables::readings::Registers;
use crate::journal::tests::{Bench, WALL, pending, pulses, segment};
use crate::journal::{JournalError, file_in};
use crate::model::{Exchange, NS_PER_S, PulseWorth, Reading, View, WallNs};

fn reading(at_ns: WallNs, kwh: f64, adopted: bool) -> Reading {
    Reading {
        at_ns,
        pulses: 0,
        shown: kwh,
        worth: PulseWorth::of_kwh(1_000.0),
        adopted,
        digits: None,
        exchange: None,
        serial: None,
    }
}

fn register_kwh(reader: &Reader, meter: &str) -> Option<f64> {
    let total = reader.totals().unwrap();
    let total = total.iter().find(|totals| totals.name == meter).unwrap();
    shown(&reader.readings(meter).unwrap(), total.pulses)
}

#[test]
fn a_reading_stands_beside_a_running_writer() {
    let mut bench = Bench::new(|_| {});
    bench.push(pending(
        vec![segment(0, WALL, Trust::Assumed)],
        pulses(0, 0, 500),
    ));
    bench.writer.step();
    let mut registers = Registers::open(bench.dir.path()).unwrap();
    let kept = registers.put("Import", reading(WALL, 100.0, true), None);
    assert_eq!(kept.unwrap().unwrap().pulses, 500);
    bench.push(pending(vec![], pulses(0, 0, 250)));
    bench.writer.step();
    assert_eq!(register_kwh(&bench.reader(), "Import"), Some(100.25));
    assert_eq!(register_kwh(&bench.reader(), "Export"), None);
    // A note changes nothing.
    let note = registers.put("Import", reading(WALL, 101.0, false), None);
    assert!(note.unwrap().is_some());
    assert_eq!(register_kwh(&bench.reader(), "Import"), Some(100.25));
    let nobody = registers.put("Nobody", reading(WALL, 1.0, true), None);
    assert_eq!(nobody.unwrap(), None);
}

#[test]
fn the_reading_that_was_entered_last_is_taken_back() {
    let mut bench = Bench::new(|_| {});
    bench.push(pending(
        vec![segment(0, WALL, Trust::Assumed)],
        pulses(0, 0, 500),
    ));
    bench.writer.step();
    let mut registers = Registers::open(bench.dir.path()).unwrap();
    assert_eq!(registers.take_back("Import").unwrap(), None);
    let first = registers.put("Import", reading(WALL, 100.0, true), None);
    // By its stamp it is the older one.
    let slip = registers.put("Import", reading(WALL - 5, 5.0, true), Some(400));
    let other = registers.put("Export", reading(WALL, 7.0, true), None);
    assert_eq!(registers.take_back("Import").unwrap(), slip.unwrap());
    assert_eq!(register_kwh(&bench.reader(), "Import"), Some(100.0));
    assert_eq!(registers.take_back("Import").unwrap(), first.unwrap());
    assert_eq!(registers.take_back("Import").unwrap(), None);
    assert_eq!(registers.take_back("Nobody").unwrap(), None);
    assert!(other.unwrap().is_some());
    assert_eq!(register_kwh(&bench.reader(), "Export"), Some(7.0));
}

#[test]
fn a_reading_of_the_past_takes_no_pulse_that_comes_meanwhile() {
    let mut bench = Bench::new(|_| {});
    bench.push(pending(
        vec![segment(0, WALL, Trust::Assumed)],
        pulses(0, 0, 500),
    ));
    bench.writer.step();
    let by = |at_ns| bench.reader().pulses_by("Import", at_ns).unwrap();
    assert_eq!(by(WALL - 1), Some(0));
    let counted = by(WALL + NS_PER_S * 3_600);
    assert_eq!(counted, Some(500));
    bench.push(pending(vec![], pulses(0, 0, 250)));
    bench.writer.step();
    let mut registers = Registers::open(bench.dir.path()).unwrap();
    let kept = registers.put("Import", reading(WALL, 100.0, true), counted);
    assert_eq!(kept.unwrap().unwrap().pulses, 500);
    assert_eq!(register_kwh(&bench.reader(), "Import"), Some(100.25));
}

#[test]
fn there_is_no_reading_without_a_journal() {
    let dir = tempfile::tempdir().unwrap();
    let failed = Registers::open(dir.path()).unwrap_err();
    assert!(matches!(failed, JournalError::Missing { .. }));
    assert!(!file_in(dir.path()).exists(), "and none is made");
}

#[test]
fn what_is_imported_from_before_a_reading_is_in_its_register_already() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["Import".to_owned(), "Export".to_owned()];
    let mut journal = Journal::open(dir.path(), &names, "boot", WALL).unwrap();
    let mut registers = Registers::open(dir.path()).unwrap();
    registers
        .put("Import", reading(WALL + 10, 50.0, true), None)
        .unwrap();
    let arrivals: Vec<Arrival> = [1, 10, 11, 12]
        .map(|ns| Arrival::new(0, WALL + ns, false))
        .into();
    journal.put_arrivals(&arrivals, None).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(register_kwh(&reader, "Import"), Some(50.002));
}

#[test]
fn a_reading_moves_with_a_journal_that_was_set_aside() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let minute = 60 * NS_PER_S;
    let start = WallNs::of_s(View::Hour.start_of(WALL));
    let arrivals = |from: i64, until: i64| -> Vec<Arrival> {
        (from..until)
            .map(|n| Arrival::new(0, start + n * minute + 1, false))
            .collect()
    };
    let names = ["Import".to_owned()];
    let open = |dir: &tempfile::TempDir, boot: &str| {
        Journal::open(dir.path(), &names, boot, start).unwrap()
    };
    let mut theirs = open(&old, "boot one");
    theirs
        .commit(&pending(vec![segment(0, WALL, Trust::Assumed)], vec![]))
        .unwrap();
    theirs.put_arrivals(&arrivals(0, 100), None).unwrap();
    Registers::open(old.path())
        .unwrap()
        .put("Import", reading(start + 60 * minute, 10.0, true), Some(60))
        .unwrap();
    assert_eq!(
        register_kwh(&Reader::open(old.path()).unwrap(), "Import"),
        Some(10.04)
    );

    // The new one has counted on, and has got what could be read of the old one's pulses.
    let mut ours = open(&new, "boot two");
    ours.put_arrivals(&arrivals(0, 130), None).unwrap();
    ours.roll_up_all().unwrap();
    drop(theirs);
    let theirs = Foreign::open(&file_in(old.path())).unwrap();
    let readings: Vec<(u16, Reading)> =
        theirs.readings().into_iter().map(|(_, r)| (0, r)).collect();
    let mut inherit = || ours.inherit_readings(&readings).unwrap();
    assert_eq!(inherit(), 1, "new here");
    assert_eq!(inherit(), 0, "only once");
    let reader = Reader::open(new.path()).unwrap();
    assert_eq!(register_kwh(&reader, "Import"), Some(10.07));
    assert_eq!(reader.readings("Import").unwrap().len(), 1);
}

#[test]
fn an_exchange_is_kept_and_taken_back_as_one() {
    let mut bench = Bench::new(|_| {});
    bench.push(pending(
        vec![segment(0, WALL, Trust::Assumed)],
        pulses(0, 0, 500),
    ));
    bench.writer.step();
    let mut registers = Registers::open(bench.dir.path()).unwrap();
    registers
        .put("Import", reading(WALL, 100.0, true), Some(0))
        .unwrap();
    let at_ns = WALL + 900 * NS_PER_S;
    let old = Reading {
        exchange: Some(Exchange::Old),
        ..reading(at_ns, 100.5, false)
    };
    let new = Reading {
        exchange: Some(Exchange::New),
        serial: Some("17".to_owned()),
        worth: PulseWorth::of_kwh(500.0),
        digits: Some("6.1".parse().unwrap()),
        ..reading(at_ns, 3.0, true)
    };
    let pair = || [old.clone(), new.clone()];
    assert_eq!(registers.exchange("Nobody", pair(), None).unwrap(), None);
    let before = bench.reader().readings("Import").unwrap();
    let kept = registers.exchange("Import", pair(), None).unwrap().unwrap();
    assert_eq!(kept.map(|reading| reading.pulses), [500, 500]);
    bench.push(pending(vec![], pulses(0, 0, 250)));
    bench.writer.step();
    assert_eq!(register_kwh(&bench.reader(), "Import"), Some(3.5));
    let worths = |bench: &Bench| {
        let factors = bench.reader().factors().unwrap();
        let of_import = factors.get("Import").cloned().unwrap_or_default();
        let worths = of_import.into_iter();
        worths
            .map(|factor| (factor.from_s, factor.worth.pulses_per_unit))
            .collect::<Vec<_>>()
    };
    assert_eq!(worths(&bench), [(0, 1_000.0), (at_ns.s(), 500.0)]);
    let readings = bench.reader().readings("Import").unwrap();
    assert_eq!(readings.last().unwrap().serial.as_deref(), Some("17"));
    assert_eq!(readings.last().unwrap().digits, new.digits);
    // Entered once more, with a slip, and that is taken back.
    let slip = Reading {
        worth: PulseWorth::of_kwh(5.0),
        ..new.clone()
    };
    registers
        .exchange("Import", [old.clone(), slip], None)
        .unwrap();
    assert_eq!(worths(&bench), [(0, 1_000.0), (at_ns.s(), 5.0)]);
    registers.take_back("Import").unwrap().unwrap();
    assert_eq!(worths(&bench), [(0, 1_000.0), (at_ns.s(), 500.0)]);
    assert_eq!(bench.reader().readings("Import").unwrap(), readings);
    let taken = registers.take_back("Import").unwrap().unwrap();
    assert_eq!(taken.exchange, Some(Exchange::New));
    assert_eq!(bench.reader().readings("Import").unwrap(), before);
    assert_eq!(worths(&bench), [(0, 1_000.0)]);
    assert_eq!(register_kwh(&bench.reader(), "Import"), Some(100.75));
}
