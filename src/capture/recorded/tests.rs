//! Tests of recordings: the format and the replay.

use proptest::prelude::*;

use super::*;
use crate::capture::recorder::{Recorder, RecordingSource};
use crate::capture::simulated::{SimulatedOptions, SimulatedSource};
use crate::clock::VirtualClock;
use crate::model::{Edge, EdgeKind, Level, MeterId, WallNs};

fn meters(names: &[&str]) -> Vec<MeterSettings> {
    names
        .iter()
        .map(|name| MeterSettings::plain(name))
        .collect()
}

fn read(text: &str, names: &[&str]) -> Result<RecordedSource, RecordingError> {
    RecordedSource::read(text.as_bytes(), &meters(names), None, Waker::new().unwrap())
}

/// Replays to the end.
fn replay(source: &mut RecordedSource) -> Vec<Signal> {
    let mut signals = Vec::new();
    while source.poll(None, &mut signals) != Polled::Ended {}
    signals
}

const HEAD: &str = "# powerlogger edges 1\n# offset_ns 500\n# meter 3 Import\n";

#[test]
fn the_example_of_the_format_reads() {
    let text = include_str!("mod.rs")
        .lines()
        .skip_while(|line| *line != "//! ```text")
        .skip(1)
        .take_while(|line| *line != "//! ```")
        .map(|line| format!("{}\n", line.trim_start_matches("//! ")))
        .collect::<String>();
    assert_eq!(replay(&mut read(&text, &["Import"]).unwrap()).len(), 4);
}

#[test]
fn faults_are_named_with_their_line() {
    let fault = |body: &str| match read(&format!("{HEAD}{body}\n"), &["Import"]) {
        Err(error @ RecordingError::Line { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        fault("# ofset_ns 3"),
        "line 4: not a record: `# ofset_ns 3`"
    );
    assert_eq!(fault(""), "line 4: not a record: ``");
    assert_eq!(fault("1 3 r"), "line 4: a line_seqno is missing");
    assert_eq!(fault("1 3 x 1"), "line 4: not r or f: `x`");
    assert_eq!(fault("1 3 r 1 9"), "line 4: not the end of the line: `9`");
    assert_eq!(fault("1 4 r 1"), "line 4: no `# meter 4 …` before");
    assert_eq!(
        fault("# meter 3 Export"),
        "line 4: meter 3 Import is there already"
    );
    assert_eq!(
        fault("# meter 4 Import"),
        "line 4: meter 3 Import is there already"
    );
    assert_eq!(
        fault("9000000000000000000 3 r 1"),
        "line 4: not a stamp in nanoseconds: `9000000000000000000`"
    );
    assert!(fault("down 1 3 \\x").contains("not text"));
    let early = "# powerlogger edges 1\n# meter 3 Import\n1 3 r 1\n";
    let early = read(early, &["Import"]).unwrap_err().to_string();
    assert_eq!(early, "line 3: no `# offset_ns …` before the first stamp");
    for header in ["", "# powerlogger edges 2\n", "\n"] {
        let error = read(header, &[]).unwrap_err().to_string();
        assert!(
            error.starts_with("line 1: the first line must be"),
            "{error}"
        );
    }
}

#[test]
fn meters_are_found_by_name_and_unknown_ones_listed() {
    let text = format!("{HEAD}# meter 0 Garage\n# meter 9 Barn\n7 3 r 1\n");
    let error = read(&text, &["Export", "Import"]).unwrap_err().to_string();
    assert_eq!(
        error,
        "not configured, but in the recording: Garage, Barn; configured: Export, Import"
    );
    let mut source = read(&text, &["Barn", "Garage", "Import"]).unwrap();
    let signals = replay(&mut source);
    assert!(matches!(&signals[..], [Signal::Edge(edge)] if edge.meter == MeterId(2)));
}

#[test]
fn a_line_cut_short_is_left_out() {
    let text = format!("{HEAD}7 3 r 12\n8 3 f 1");
    assert_eq!(replay(&mut read(&text, &["Import"]).unwrap()).len(), 1);
}

#[test]
fn wall_stamps_are_as_recorded() {
    let text =
        format!("{HEAD}7000 3 r 1\n# offset_ns -90\n9000 3 f 2\n8000 3 r 3\n# offset_ns 0\n");
    let mut source = read(&text, &["Import"]).unwrap();
    let clock = source.clock();
    assert_eq!((clock.mono_ns(), clock.wall_ns()), (7000, WallNs(7500)));
    let mut signals = Vec::new();
    let mut step = |deadline| {
        let polled = source.poll(deadline, &mut signals);
        (polled, signals.len(), clock.mono_ns(), clock.offset_ns())
    };
    assert_eq!(step(None), (Polled::Signals, 1, 7000, 500));
    assert_eq!(step(Some(7500)), (Polled::TimedOut, 1, 7500, 500));
    assert_eq!(step(None), (Polled::Woken, 1, 9000, -90));
    // A stamp behind its neighbour's comes with it.
    assert_eq!(step(None), (Polled::Signals, 3, 9000, -90));
    assert_eq!(step(None), (Polled::Woken, 3, 9000, 0));
    // The filter has time to judge the last edge.
    assert_eq!(step(Some(9005)), (Polled::TimedOut, 3, 9005, 0));
    assert_eq!(step(None), (Polled::Ended, 3, 9000 + REST_NS, 0));
}

#[test]
fn a_recording_of_the_house_replays_as_it_was() {
    let meters = meters(&["Import", "Export", "Generate"]);
    let clock = VirtualClock::at(WallNs::of_s(1_718_964_000));
    let house = SimulatedSource::new(
        &meters,
        Pace::Free(clock.clone()),
        Waker::new().unwrap(),
        SimulatedOptions {
            seed: 4,
            span_ns: Some(3600 * NS_PER_S),
        },
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    let out = file.reopen().unwrap();
    let recorder = Recorder::new(out, &meters, clock.offset_ns()).unwrap();
    let mut source = RecordingSource::new(Box::new(house), Arc::new(clock.clone()), recorder);
    let mut told = Vec::new();
    while source.poll(None, &mut told) != Polled::Ended {}
    let file = io::BufReader::new(file.reopen().unwrap());
    let waker = Waker::new().unwrap();
    let mut replayed = RecordedSource::read(file, &meters, None, waker).unwrap();
    assert_eq!(replayed.clock().offset_ns(), clock.offset_ns());
    assert!(told.len() > 100);
    assert_eq!(replay(&mut replayed), told);
}

fn signal() -> impl Strategy<Value = Signal> {
    let edge = (0..3_u16, any::<bool>(), 0..=STAMP_MAX_NS, any::<u32>());
    let edge = edge.prop_map(|(meter, rising, mono_ns, line_seqno)| {
        Signal::Edge(Edge {
            meter: MeterId(meter),
            kind: if rising {
                EdgeKind::Rising
            } else {
                EdgeKind::Falling
            },
            mono_ns,
            line_seqno,
        })
    });
    let up = (0..3_u16, any::<u64>(), any::<bool>(), 0..=STAMP_MAX_NS);
    let up = up.prop_map(|(meter, request_id, high, mono_ns)| Signal::LineUp {
        meter: MeterId(meter),
        request_id,
        level: if high { Level::High } else { Level::Low },
        mono_ns,
    });
    let down = (0..3_u16, "(?s)[\\\\\n\r a-zß]{0,12}|.*");
    let down = down.prop_map(|(meter, reason)| Signal::LineDown {
        meter: MeterId(meter),
        reason,
    });
    prop_oneof![4 => edge, 1 => up, 1 => down]
}

proptest! {
    #[test]
    fn what_is_recorded_is_read(
        signals in prop::collection::vec((signal(), 0..10_i64), 0..60),
        names in prop::collection::hash_set("(?s)[\\\\\n\r a-z]{0,5}|.*", 3),
    ) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut file = Vec::new();
        let mut recorder = Recorder::new(&mut file, &meters(&names), 0).unwrap();
        for (signal, offset_s) in &signals {
            recorder.offset(offset_s * NS_PER_S).unwrap();
            recorder.signal(signal, 17).unwrap();
        }
        drop(recorder);
        let waker = Waker::new().unwrap();
        let mut source = RecordedSource::read(&*file, &meters(&names), None, waker).unwrap();
        let signals: Vec<Signal> = signals.into_iter().map(|(signal, _)| signal).collect();
        prop_assert_eq!(replay(&mut source), signals);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let waker = Waker::new().unwrap();
        let _ = RecordedSource::read(&*bytes, &meters(&["Import"]), None, waker);
    }

    #[test]
    fn no_likely_text_makes_it_panic(
        lines in prop::collection::vec(
            "(# offset_ns|# meter|up|down)? ?(-?[0-9]{1,20}|[0-3]|[rf]|high|low|\\PC)( [0-9rf]{1,3}){0,3}",
            0..12,
        ),
    ) {
        let text = format!("{HEAD}{}\n", lines.join("\n"));
        if let Ok(mut source) = read(&text, &["Import"]) {
            replay(&mut source);
        }
    }
}
