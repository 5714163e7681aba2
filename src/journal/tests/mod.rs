//! The journal's stages stepped together with a virtual clock.

mod arrivals;
mod beside;
mod ledger;
mod left;
mod opening;
mod prices;
mod quarters;
mod readings;
mod unsynced;
mod windows;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::segment::{EARLIEST_WALL_NS, Segment, Trust};
use crate::clock::{Clock, VirtualClock};
use crate::config::JournalSettings;
use crate::intake::{Intake, PULSES_MAX, Pending};
use crate::journal::SIMULATED_BOOT;
use crate::journal::handles::journal::Journal;
use crate::journal::handles::reader::Reader;
use crate::journal::ids::IdRanges;
use crate::journal::stages::durable::Durable;
use crate::journal::stages::marks::Marks;
use crate::journal::stages::writer::Writer;
use crate::journal::tables::deliveries::{
    DeliveryNews, DestinationState, ExpiredPulse, RefusedPulse,
};
use crate::journal::tables::quarantine::Quarantine;
use crate::model::{
    IdRange, Loss, LossCause, MeterId, MeterRow, NS_PER_S, Pulse, PulseId, SegmentNo, WallNs,
    Watched, WatchedStretch,
};

pub(in crate::journal) const WALL: WallNs = WallNs::of_s(EARLIEST_WALL_NS.s() + 1_000);

pub(in crate::journal) struct Bench {
    pub(in crate::journal) dir: tempfile::TempDir,
    pub(in crate::journal) clock: VirtualClock,
    pub(in crate::journal) intake: Arc<Intake>,
    pub(in crate::journal) marks: Arc<Marks>,
    pub(in crate::journal) writer: Writer,
    pub(in crate::journal) durable: Durable,
}

fn settings(dir: &std::path::Path) -> JournalSettings {
    JournalSettings {
        dir: dir.to_owned(),
        sync_interval_ms: 1_000,
        max_bytes: 1 << 30,
        raw_retention_d: 30,
    }
}

pub(in crate::journal) fn names() -> Vec<String> {
    vec!["Import".to_owned(), "Export".to_owned()]
}

impl Bench {
    pub(in crate::journal) fn new(change: impl FnOnce(&mut JournalSettings)) -> Bench {
        Bench::open(tempfile::tempdir().unwrap(), "boot", change)
    }

    /// Ends the run; its directory stays.
    pub(in crate::journal) fn into_dir(self) -> tempfile::TempDir {
        let Bench {
            dir,
            writer,
            durable,
            ..
        } = self;
        drop((writer, durable));
        dir
    }

    /// The same journal in another boot.
    pub(in crate::journal) fn reboot(self, boot_id: &str) -> Bench {
        let dir = self.into_dir();
        Bench::open(dir, boot_id, |_| {})
    }

    fn open(
        dir: tempfile::TempDir,
        boot_id: &str,
        change: impl FnOnce(&mut JournalSettings),
    ) -> Bench {
        let journal = Journal::open(dir.path(), &names(), boot_id, WALL).unwrap();
        let intake = Intake::new(PULSES_MAX, Arc::default());
        Bench::on(dir, journal, Arc::new(intake), change)
    }

    /// A writer on a journal that is open, with the intake of a run.
    fn on(
        dir: tempfile::TempDir,
        journal: Journal,
        intake: Arc<Intake>,
        change: impl FnOnce(&mut JournalSettings),
    ) -> Bench {
        let clock = VirtualClock::at(WALL);
        let destination = journal.destination("influx").unwrap();
        let marks = Arc::new(Marks::at(journal.newest()));
        let arc: Arc<dyn Clock> = Arc::new(clock.clone());
        let durable =
            Durable::open(dir.path(), Arc::clone(&marks), Arc::clone(&arc), 1_000).unwrap();
        let mut settings = settings(dir.path());
        change(&mut settings);
        let mut writer = Writer::new(
            journal,
            Arc::clone(&intake),
            Arc::clone(&marks),
            arc,
            settings,
            Some((destination, IdRanges::default())),
        )
        .unwrap();
        writer.show_earlier_pulses(&clock).unwrap();
        Bench {
            dir,
            clock,
            intake,
            marks,
            writer,
            durable,
        }
    }

    pub(in crate::journal) fn push(&self, pending: Pending) {
        self.intake.push(pending, self.clock.wall_ns());
    }

    /// Everything up to now has been seen and is durable; the writer counts what it can.
    pub(in crate::journal) fn close(&mut self) {
        self.close_in(|bench| while bench.writer.step() == Duration::ZERO {});
    }

    /// The same, but the writer's steps are taken by `steps`.
    pub(in crate::journal) fn close_in(&mut self, steps: impl FnOnce(&mut Bench)) {
        self.clock.advance(60 * NS_PER_S);
        self.looked(BTreeMap::new());
        self.writer.step();
        self.durable.step().unwrap();
        steps(self);
    }

    /// A clean end.
    pub(in crate::journal) fn finish(&mut self) {
        self.writer.finish(&mut self.durable).unwrap();
    }

    /// A meter's line was read from so many seconds after [`WALL`] until so many, and that time has passed.
    pub(in crate::journal) fn see(&mut self, meter: MeterId, (from_s, to_s): (i64, i64)) {
        self.clock.advance((to_s - from_s) * NS_PER_S);
        let stretch = WatchedStretch {
            since_ns: WALL + from_s * NS_PER_S,
            until_ns: WALL + to_s * NS_PER_S,
        };
        self.looked(BTreeMap::from([(meter, stretch)]));
    }

    /// Capture has looked at its clocks now, and has watched these.
    pub(in crate::journal) fn looked(&self, meters: BTreeMap<MeterId, WatchedStretch>) {
        let now_ns = Some(self.clock.wall_ns());
        self.intake.note_watched(Watched {
            looked_ns: now_ns,
            sure_ns: now_ns,
            synchronised: false,
            meters,
        });
    }

    /// For how many whole seconds it says that lines were watched.
    pub(in crate::journal) fn watched_s(&self) -> i64 {
        let watched = self.reader().watched(0, i64::MAX).unwrap();
        watched.iter().map(|(_, from_s, to_s)| to_s - from_s).sum()
    }

    pub(in crate::journal) fn reader(&self) -> Reader {
        Reader::open(self.dir.path()).unwrap()
    }

    pub(in crate::journal) fn stamps(&self) -> Vec<(i64, WallNs)> {
        let page = self.reader().page(IdRange::ALL, usize::MAX).unwrap();
        page.entries
            .iter()
            .map(|entry| (entry.meter.0, entry.wall_ns))
            .collect()
    }
}

/// A segment; `zero_ns`: the wall time at which the monotonic clock stood at 0.
pub(in crate::journal) fn segment(no: u32, zero_ns: WallNs, trust: Trust) -> Segment {
    Segment {
        no: SegmentNo(no),
        begins_ns: 0,
        offset_ns: zero_ns.0,
        slept_ns: 0,
        trust,
    }
}

pub(in crate::journal) fn pulses(meter: u16, no: u32, count: i64) -> Vec<Pulse> {
    (1..=count)
        .map(|n| Pulse {
            meter: MeterId(meter),
            segment: SegmentNo(no),
            mono_ns: n * 1024,
            estimated: false,
        })
        .collect()
}

pub(in crate::journal) fn pending(segments: Vec<Segment>, pulses: Vec<Pulse>) -> Pending {
    Pending {
        segments,
        pulses,
        ..Pending::default()
    }
}

#[test]
fn committed_at_once_durable_within_the_interval() {
    let mut bench = Bench::new(|_| {});
    bench.push(pending(
        vec![segment(0, WALL, Trust::Assumed)],
        pulses(0, 0, 3),
    ));
    bench.writer.step();
    assert_eq!(
        (bench.marks.now().committed, bench.marks.now().durable),
        (PulseId(3), PulseId(0))
    );
    assert_eq!(bench.durable.due_in(), Some(Duration::from_secs(1)));
    bench.clock.advance(NS_PER_S);
    assert_eq!(bench.durable.due_in(), Some(Duration::ZERO));
    bench.durable.step().unwrap();
    assert_eq!(bench.marks.now().durable, PulseId(3));
    assert_eq!(
        bench.durable.due_in(),
        None,
        "nothing new, nothing to write"
    );
}

#[test]
fn a_clock_set_back_never_makes_two_pulses_one() {
    let mut bench = Bench::new(|_| {});
    // The second segment shows the very same wall times again.
    for no in 0..2 {
        bench.push(pending(
            vec![segment(no, WALL, Trust::Assumed)],
            pulses(0, no, 500),
        ));
        bench.writer.step();
    }
    let mut stamps = bench.stamps();
    assert_eq!(stamps.len(), 1_000);
    stamps.sort_unstable();
    stamps.dedup();
    assert_eq!(stamps.len(), 1_000);
}

#[test]
fn provisional_pulses_are_kept_and_held_until_the_clock_is_known() {
    let mut bench = Bench::new(|_| {});
    bench.push(pending(
        vec![segment(0, WALL, Trust::Assumed)],
        pulses(0, 0, 2),
    ));
    bench.push(pending(
        vec![segment(1, WallNs(0), Trust::Provisional)],
        pulses(0, 1, 3),
    ));
    bench.push(pending(
        vec![segment(2, WALL + NS_PER_S, Trust::Assumed)],
        pulses(1, 2, 1),
    ));
    // A later run of the same boot settles what this one could not; here segment 2 does already.
    bench.writer.step();
    assert_eq!(bench.stamps().len(), 6);

    let mut bench = Bench::new(|_| {});
    bench.push(pending(
        vec![segment(0, WALL, Trust::Assumed)],
        pulses(0, 0, 2),
    ));
    bench.push(pending(
        vec![segment(1, WallNs(0), Trust::Provisional)],
        pulses(0, 1, 3),
    ));
    bench.writer.step();
    let page = bench.reader().page(IdRange::of(1, 5), 100).unwrap();
    assert_eq!(
        (page.entries.len(), page.covered, page.held),
        (2, vec![IdRange::of(1, 2)], vec![IdRange::of(3, 5)])
    );
    bench.push(pending(vec![segment(1, WALL, Trust::Assumed)], vec![]));
    bench.writer.step();
    assert_eq!(bench.stamps().len(), 5);
    assert_eq!(bench.marks.now().segments_settled, 2);
}

#[test]
fn ids_are_never_given_twice_and_totals_outlive_the_pulses() {
    let mut bench = Bench::new(|settings| settings.max_bytes = 60_000);
    bench.push(pending(
        vec![segment(0, WALL, Trust::Assumed)],
        pulses(0, 0, 20_000),
    ));
    while bench.writer.step() == Duration::ZERO {}
    let bounds = bench.reader().bounds().unwrap().unwrap();
    let (oldest, newest) = (bounds.first.0, bounds.last.0);
    assert_eq!(newest, 20_000);
    assert!(oldest > 10_000, "the bound bit: {oldest}");
    let totals = bench.reader().totals().unwrap();
    assert_eq!(totals[0].pulses, 20_000);
    let ledger = bench.reader().ledger().unwrap();
    let (_, cause, loss) = &ledger[0];
    assert_eq!(
        (*cause, loss.pulses),
        (LossCause::DiskBound, oldest.unsigned_abs() - 1)
    );
    assert!(
        loss.first_ns >= WALL && loss.last_ns > loss.first_ns,
        "{loss:?}"
    );
    bench.finish();
    let dir = bench.into_dir();
    let journal = Journal::open(dir.path(), &names(), "boot", WALL).unwrap();
    assert_eq!(journal.newest(), PulseId(20_000));
}

#[test]
fn delivered_pulses_leave_after_the_raw_retention_and_not_before() {
    let mut bench = Bench::new(|_| {});
    bench.push(pending(
        vec![segment(0, WALL, Trust::Assumed)],
        pulses(0, 0, 3_000),
    ));
    bench.writer.step();
    let oldest = |bench: &Bench| bench.reader().bounds().unwrap().unwrap().first.0;
    bench.clock.advance(31 * 86_400 * NS_PER_S);
    bench.close();
    while bench.writer.step() == Duration::ZERO {}
    assert_eq!(oldest(&bench), 1, "nobody has them yet");
    let delivered = Some(IdRanges::from_ranges([IdRange::of(1, 2_000)]));
    bench.writer.outbox().leave(DeliveryNews {
        delivered,
        ..DeliveryNews::default()
    });
    bench.clock.advance(61 * NS_PER_S);
    while bench.writer.step() == Duration::ZERO {}
    assert_eq!(oldest(&bench), 2_001);
    assert!(
        bench.reader().ledger().unwrap().is_empty(),
        "delivered is not lost"
    );
}

#[test]
fn what_delivery_tells_is_kept() {
    let mut bench = Bench::new(|_| {});
    bench.push(pending(
        vec![segment(0, WALL, Trust::Assumed)],
        pulses(1, 0, 3),
    ));
    bench.writer.step();
    let refused = RefusedPulse {
        pulse: PulseId(2),
        meter: MeterRow(2),
        wall_ns: WALL,
        message: "no".to_owned(),
    };
    let state = DestinationState {
        state: "refused".to_owned(),
        message: "m".to_owned(),
        since_ns: WallNs(5),
    };
    let news = DeliveryNews {
        refused: vec![refused.clone(), refused],
        expired: vec![expired(PulseId(1), WALL + 5), expired(PulseId(3), WALL + 7)],
        state: Some(state.clone()),
        delivered: Some(IdRanges::from_ranges([IdRange::of(1, 3)])),
        much: false,
        ..DeliveryNews::default()
    };
    // Another server says the same, or the same one after a crash: it is told once.
    for _ in 0..2 {
        bench.writer.outbox().leave(news.clone());
        bench.writer.step();
    }
    let reader = bench.reader();
    let (row, name, kept) = reader.destinations().unwrap().remove(0);
    assert_eq!((name.as_str(), kept), ("influx", state));
    assert_eq!(reader.delivered(row).unwrap().ranges(), [IdRange::of(1, 3)]);
    let lost: Vec<_> = reader
        .ledger()
        .unwrap()
        .into_iter()
        .map(|(_, cause, loss)| (cause, loss.pulses))
        .collect();
    assert_eq!(lost, [(LossCause::Refused, 1), (LossCause::Retention, 2)]);
    let ledger = reader.ledger().unwrap();
    let expired = &ledger
        .iter()
        .find(|(_, cause, _)| !cause.is_loss())
        .unwrap()
        .2;
    // Their own times, not that of the refusal.
    assert_eq!((expired.first_ns, expired.last_ns), (WALL + 5, WALL + 7));
}

fn expired(pulse: PulseId, wall_ns: WallNs) -> ExpiredPulse {
    ExpiredPulse {
        pulse,
        meter: MeterRow(2),
        wall_ns,
    }
}

#[test]
fn what_is_sent_again_is_out_of_quarantine_and_ledger() {
    let mut bench = Bench::new(|_| {});
    bench.push(pending(
        vec![segment(0, WALL, Trust::Assumed)],
        pulses(0, 0, 5),
    ));
    bench.writer.step();
    let refused = |pulse| RefusedPulse {
        pulse: PulseId(pulse),
        meter: MeterRow(1),
        wall_ns: WALL + pulse,
        message: "no".to_owned(),
    };
    // One of them has left the journal since.
    bench.writer.outbox().leave(DeliveryNews {
        refused: vec![refused(2), refused(4), refused(99)],
        ..DeliveryNews::default()
    });
    bench.writer.step();
    let row = bench.reader().destinations().unwrap()[0].0;
    assert!(bench.reader().to_send_again(row).unwrap().is_empty());
    let mut beside = Quarantine::open(bench.dir.path()).unwrap();
    assert_eq!(beside.send_again("elsewhere").unwrap(), 0);
    assert_eq!(beside.send_again("influx").unwrap(), 2);
    assert_eq!(
        bench.reader().to_send_again(row).unwrap(),
        [2, 4].map(PulseId)
    );
    // Twice is once, and what nobody has marked stays.
    for _ in 0..2 {
        bench.writer.outbox().leave(DeliveryNews {
            released: [2, 4, 99].map(PulseId).to_vec(),
            ..DeliveryNews::default()
        });
        bench.writer.step();
    }
    let reader = bench.reader();
    let left = reader.quarantine().unwrap();
    let left: Vec<_> = left.iter().map(|q| (q.pulse.0, q.kept, q.again)).collect();
    assert_eq!(left, [(99, false, false)]);
    assert_eq!(reader.ledger().unwrap()[0].2.pulses, 1);
    assert_eq!(reader.dated_ledger().unwrap()[0].2.pulses, 1);
}

#[test]
fn pages_go_on_where_the_last_one_ended() {
    let mut bench = Bench::new(|_| {});
    bench.push(pending(
        vec![segment(0, WALL, Trust::Assumed)],
        pulses(0, 0, 25),
    ));
    bench.writer.step();
    let mut reader = bench.reader();
    let (mut next, mut seen) = (1, 0);
    while next <= 25 {
        let page = reader.page(IdRange::of(next, 25), 10).unwrap();
        seen += page.entries.len();
        next = page.covered.last().unwrap().last.0 + 1;
    }
    assert_eq!(seen, 25);
    let page = reader.page(IdRange::of(26, 40), 10).unwrap();
    assert_eq!(
        (page.entries.len(), page.covered),
        (0, vec![IdRange::of(26, 40)]),
        "not there: covered"
    );
}

#[test]
fn a_commit_that_fails_loses_nothing() {
    // The limit stands for the full disk: SQLite answers SQLITE_FULL alike.
    let mut bench = Bench::new(|_| {});
    bench.push(pending(
        vec![segment(0, WALL, Trust::Assumed)],
        pulses(0, 0, 10),
    ));
    bench.writer.step();
    let limit = |bench: &Bench, pages: i64| {
        let connection = &bench.writer.journal().connection;
        connection
            .pragma_update(None, "max_page_count", pages)
            .unwrap();
    };
    limit(&bench, 1);
    bench.push(pending(vec![], pulses(1, 0, 5_000)));
    bench.writer.step();
    assert_eq!(bench.marks.now().failing, Some("disk_full"));
    assert_eq!(bench.marks.now().committed, PulseId(10));
    assert_eq!(bench.intake.len(), 5_000);
    bench.writer.journal().limit(1 << 30).unwrap();
    bench.writer.step();
    assert_eq!(bench.marks.now().failing, None);
    assert_eq!(bench.stamps().len(), 5_010);
}

#[test]
fn the_board_begins_with_the_last_pulses_of_this_boot() {
    let mut bench = Bench::new(|_| {});
    let trusted = vec![segment(0, WALL, Trust::Assumed)];
    let all = [pulses(0, 0, 40), pulses(1, 0, 2)].concat();
    bench.push(pending(trusted, all));
    bench.writer.step();
    let shown = |bench: &Bench, meter: &str| {
        let meters = Arc::clone(&bench.intake.board().snapshot().meters);
        let meter = meters.get(meter).expect("it is configured");
        meter.earlier.iter().collect::<Vec<_>>()
    };
    let nothing: Vec<i64> = Vec::new();
    assert_eq!(shown(&bench, "Import"), nothing);
    let bench = bench.reboot("boot");
    let stamps = shown(&bench, "Import");
    assert_eq!(stamps.len(), 32, "as many as are kept");
    assert!(stamps.is_sorted());
    assert_eq!(shown(&bench, "Export").len(), 2);
    let bench = bench.reboot("another boot");
    assert_eq!(shown(&bench, "Import"), nothing, "of another clock");
}

#[test]
fn usual_silences_of_a_simulated_house_are_those_of_its_days() {
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), SIMULATED_BOOT, |_| {});
    let begun = vec![segment(0, WALL, Trust::Assumed)];
    let mut hourly = pulses(0, 0, 24 * 6);
    for (n, pulse) in (0..).zip(&mut hourly) {
        pulse.mono_ns = n * 3_600 * NS_PER_S;
    }
    bench.push(pending(begun, hourly));
    bench.clock.advance(7 * 86_400 * NS_PER_S);
    bench.close();
    let house = VirtualClock::at(bench.clock.wall_ns());
    // The machine's clock stands where the house's stood a week ago.
    let mut bench = bench.reboot(SIMULATED_BOOT);
    let usual_s = |bench: &Bench| {
        let meters = Arc::clone(&bench.intake.board().snapshot().meters);
        meters.get("Import").unwrap().usual_silence_s
    };
    assert_eq!(usual_s(&bench), None);
    bench.writer.show_earlier_pulses(&house).unwrap();
    assert_eq!(usual_s(&bench), Some(3 * 3_600));
    // So it stays when the machine has looked again.
    bench.intake.note_watched(Watched {
        looked_ns: Some(house.wall_ns()),
        sure_ns: None,
        synchronised: false,
        meters: BTreeMap::new(),
    });
    bench.writer.step();
    bench.clock.advance(3_700 * NS_PER_S);
    bench.writer.step();
    assert_eq!(usual_s(&bench), Some(3 * 3_600));
}

#[test]
fn pulses_of_an_earlier_simulated_run_stand_on_the_clock_of_this_one() {
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), SIMULATED_BOOT, |_| {});
    let begun = vec![segment(0, WALL, Trust::Assumed)];
    bench.push(pending(begun, pulses(0, 0, 3)));
    bench.writer.step();
    let wall_ns = bench.stamps().last().unwrap().1;
    let mut bench = bench.reboot(SIMULATED_BOOT);
    // The machine's clock, by which the journal works, stands elsewhere than that of the made-up house.
    bench.clock.advance(50_000 * NS_PER_S);
    let house = VirtualClock::at(wall_ns);
    house.advance(7 * NS_PER_S);
    bench.writer.show_earlier_pulses(&house).unwrap();
    let meters = Arc::clone(&bench.intake.board().snapshot().meters);
    let last_ns = meters.get("Import").unwrap().earlier.iter().last();
    assert_eq!(
        last_ns.map(|last_ns| house.mono_ns() - last_ns),
        Some(7 * NS_PER_S)
    );
}
