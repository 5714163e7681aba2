//! Delivery stepped with a virtual clock against servers that answer as they like.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::sink::Sink;
use super::{DeliverStep, Deliverer};
use crate::clock::segment::{EARLIEST_WALL_NS, Segment, Trust};
use crate::clock::{Clock, VirtualClock};
use crate::config::{DeliverSettings, JournalSettings};
use crate::intake::{Intake, Pending};
use crate::journal::Journal;
use crate::journal::Quarantine;
use crate::journal::Reader;
use crate::journal::Registers;
use crate::journal::Writer;
use crate::journal::{Mark, Marks};
use crate::live::{Board, ServerPart};
use crate::model::{
    IdRange, Loss, LossCause, MeterId, NS_PER_S, Pulse, PulseId, Reading, SegmentNo, WallNs,
    Watched,
};
use crate::server::failure::Failure;
use crate::server::{Dependencies, Extras};
use crate::status::line::Daemon;
use crate::status::{Status, StatusOf};

const WALL: WallNs = WallNs::of_s(EARLIEST_WALL_NS.s() + 40 * 86_400);

/// How a server answers: to which lines, compressed or not.
type Answers = Box<dyn FnMut(&[String], bool) -> Result<(), Failure> + Send>;

#[derive(Default)]
struct Server {
    answers: Option<Answers>,
    taken: BTreeSet<String>,
    requests: usize,
    /// Requests since the pause before, and the most there were.
    at_once: usize,
    most_at_once: usize,
}

#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<Server>>);

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl Sink for Scripted {
    fn send(&mut self, body: &[u8], compressed: bool) -> Result<(), Failure> {
        let mut text = String::new();
        if compressed {
            let mut decoder = flate2::read::GzDecoder::new(body);
            decoder.read_to_string(&mut text).unwrap();
        } else {
            text = String::from_utf8(body.to_vec()).unwrap();
        }
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut server = self.0.lock().unwrap();
        server.requests += 1;
        server.at_once += 1;
        server.most_at_once = server.most_at_once.max(server.at_once);
        let mut answers = server.answers.take().expect("it has answers");
        let answer = answers(&lines, compressed);
        if answer.is_ok() {
            server.taken.extend(lines);
        }
        server.answers = Some(answers);
        answer
    }

    fn refresh_token(&mut self) {}
}

pub(super) fn status(status: u16, message: &str) -> Failure {
    Failure::Status {
        status,
        message: message.to_owned(),
        retry_after: None,
        foreign: message.starts_with('<'),
    }
}

/// The second of a line's stamp.
fn second(line: &str) -> i64 {
    let (_, stamp) = line.rsplit_once(' ').unwrap();
    // The journal shifts stamps by less than a microsecond.
    (stamp.parse::<i64>().unwrap() + 1_024) / NS_PER_S
}

struct Bench {
    dir: tempfile::TempDir,
    clock: VirtualClock,
    intake: Arc<Intake>,
    marks: Arc<Marks>,
    writer: Writer,
    deliverer: Deliverer,
    server: Scripted,
}

impl Bench {
    /// So many pulses of one meter, `apart_s` seconds from each other, up to now.
    fn new(pulses: i64, apart_s: i64) -> Bench {
        Bench::with(pulses, apart_s, Extras::default())
    }

    /// The same, with this beside the pulses.
    fn with(pulses: i64, apart_s: i64, extras: Extras) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let clock = VirtualClock::at(WALL);
        let journal = Journal::open(dir.path(), &["Import".to_owned()], "boot", WALL).unwrap();
        let destination = journal.destination("influx").unwrap();
        let board = Arc::<Board>::default();
        let marks = Arc::new(Marks::at(PulseId::default()).on(Arc::clone(&board)));
        let intake = Arc::new(Intake::new(1_000_000, Arc::clone(&board)));
        let settings = JournalSettings {
            dir: dir.path().to_owned(),
            sync_interval_ms: 1_000,
            max_bytes: 1 << 30,
            raw_retention_d: 30,
        };
        let arc: Arc<dyn Clock> = Arc::new(clock.clone());
        let writer = Writer::new(
            journal,
            Arc::clone(&intake),
            Arc::clone(&marks),
            Arc::clone(&arc),
            settings,
            Some((destination, Default::default())),
        )
        .unwrap();
        let server = Scripted::default();
        let mut reader = Reader::open(dir.path()).unwrap();
        let (delivery, views) = reader.delivery_live("influx", None).unwrap().unwrap();
        let dependencies = Dependencies {
            reader,
            outbox: writer.outbox(),
            shown_on: ServerPart::begin(&board, delivery, views),
            clock: arc,
            settings: DeliverSettings {
                batch_lines_max: 400,
                flush_ms: 0,
                retries_max: 3,
                replay_interval_ms: 1_000,
            },
            retention_d: 30,
            measurement: "PowerPulse".to_owned(),
            extras,
            destination,
        };
        let deliverer = Deliverer::begin(dependencies, Box::new(server.clone())).unwrap();
        let bench = Bench {
            dir,
            clock,
            intake,
            marks,
            writer,
            deliverer,
            server,
        };
        let segment = Segment {
            no: SegmentNo(0),
            begins_ns: 0,
            offset_ns: WALL.ahead_of(pulses * apart_s * NS_PER_S),
            slept_ns: 0,
            trust: Trust::Assumed,
        };
        bench.push(vec![segment], 1..=pulses, apart_s);
        bench
    }

    fn push(&self, segments: Vec<Segment>, numbers: impl Iterator<Item = i64>, apart_s: i64) {
        let pulses = numbers.map(|n| Pulse {
            meter: MeterId(0),
            segment: SegmentNo(0),
            mono_ns: n * apart_s * NS_PER_S,
            estimated: false,
        });
        let pending = Pending {
            segments,
            pulses: pulses.collect(),
            ..Pending::default()
        };
        self.intake.push(pending, self.clock.wall_ns());
    }

    fn answer(&self, answers: impl FnMut(&[String], bool) -> Result<(), Failure> + Send + 'static) {
        self.server.0.lock().unwrap().answers = Some(Box::new(answers));
    }

    /// Steps until so much time has passed, or all is delivered; true: all is.
    fn run(&mut self, seconds: i64) -> bool {
        let until_ns = self.clock.mono_ns() + seconds * NS_PER_S;
        let mut idle = false;
        while self.clock.mono_ns() < until_ns && !idle {
            self.writer.step();
            let mark = Mark {
                durable: self.marks.now().committed,
                ..self.marks.now()
            };
            match self.deliverer.step(mark).unwrap() {
                DeliverStep::Again => {}
                DeliverStep::Pause(pause) => self.pass(pause),
                DeliverStep::Idle => {
                    idle = self.waiting() == 0;
                    self.pass(Duration::from_secs(1));
                }
            }
        }
        self.pass(Duration::from_secs(60));
        self.writer.step();
        idle
    }

    fn pass(&mut self, time: Duration) {
        self.server.0.lock().unwrap().at_once = 0;
        let ns = i64::try_from(time.as_nanos()).unwrap();
        self.clock.advance(ns);
    }

    /// Pulses that are not acknowledged.
    fn waiting(&self) -> i64 {
        self.deliverer
            .delivered
            .missing(IdRange::up_to(self.marks.now().committed))
    }

    fn taken(&self) -> usize {
        self.server.0.lock().unwrap().taken.len()
    }

    fn requests(&self) -> usize {
        self.server.0.lock().unwrap().requests
    }

    fn refused(&self) -> u64 {
        let ledger = Reader::open(self.dir.path()).unwrap().ledger().unwrap();
        let refused = ledger
            .iter()
            .filter(|(_, cause, _)| *cause == LossCause::Refused);
        refused.map(|(_, _, loss)| loss.pulses).sum()
    }

    fn word(&self) -> &str {
        self.deliverer.condition.word()
    }
}

#[test]
fn a_server_that_takes_no_gzip_gets_plain_bodies_and_loses_nothing() {
    for refusal in [
        status(400, "<html>400"),
        status(415, "<html>415"),
        status(400, ""),
    ] {
        let mut bench = Bench::new(3_000, 1);
        bench.answer(move |_, compressed| {
            if compressed {
                Err(refusal.clone())
            } else {
                Ok(())
            }
        });
        assert!(bench.run(60));
        assert_eq!((bench.taken(), bench.refused()), (3_000, 0));
        assert!(bench.requests() < 20, "{}", bench.requests());
    }
}

#[test]
fn what_is_refused_for_no_line_s_fault_is_held_and_none_is_quarantined() {
    for (refusal, word) in [
        (status(400, "<html>go away"), "lines_refused"),
        (
            status(400, "unable to parse 'x': for every line"),
            "lines_refused",
        ),
        (
            status(422, "partial write: who knows dropped=1"),
            "lines_refused",
        ),
        (status(415, "<html>"), "bad_request"),
        (
            status(
                422,
                "partial write: max-series-per-database limit exceeded: (9) dropped=1",
            ),
            "limit",
        ),
        (
            status(422, "partial write: shard 7 is pending deletion dropped=1"),
            "http_error",
        ),
        (status(404, "<html>nginx"), "not_the_api"),
    ] {
        let mut bench = Bench::new(900, 1);
        let refuses = refusal.clone();
        bench.answer(move |_, _| Err(refuses.clone()));
        assert!(!bench.run(120));
        assert_eq!((bench.word(), bench.refused()), (word, 0), "{refusal:?}");
        assert_eq!(bench.waiting(), 900);
        bench.answer(|_, _| Ok(()));
        assert!(bench.run(60), "{refusal:?}");
        assert_eq!((bench.taken(), bench.word()), (900, "ok"));
    }
}

#[test]
fn a_bad_line_alone_is_found_whatever_the_words() {
    for message in ["unable to parse 'PowerPulse': bad", "computer says no"] {
        for compressed_only in [false, true] {
            let mut bench = Bench::new(1_000, 1);
            bench.answer(move |lines, compressed| {
                let bad = lines.iter().any(|line| second(line) % 100 == 77);
                if bad && (compressed || !compressed_only) {
                    return Err(status(400, message));
                }
                Ok(())
            });
            assert!(bench.run(200), "{message}");
            // What a plain body carries is no bad line.
            let quoted = message.starts_with("unable");
            let bad = if compressed_only && !quoted { 0 } else { 10 };
            assert_eq!(bench.refused(), bad, "{message} {compressed_only}");
            assert_eq!(bench.taken(), 1_000 - usize::try_from(bad).unwrap());
        }
    }
}

#[test]
fn a_single_line_that_is_refused_waits_for_one_that_goes_through() {
    let mut bench = Bench::new(1, 1);
    bench.answer(|_, _| Err(status(400, "unable to parse 'x': bad")));
    assert!(!bench.run(60), "nothing has gone through yet");
    assert_eq!((bench.refused(), bench.word()), (0, "lines_refused"));
    bench.push(Vec::new(), 2..=3, 1);
    let first = WALL.s();
    bench.answer(move |lines, _| {
        if lines.iter().any(|line| second(line) == first) {
            return Err(status(400, "unable to parse 'x': bad"));
        }
        Ok(())
    });
    assert!(bench.run(60));
    let outcome = (bench.refused(), bench.taken(), bench.word());
    assert_eq!(outcome, (1, 2, "ok"));
}

#[test]
fn a_slow_server_gets_what_it_can_take() {
    for refusal in [
        Failure::Transport {
            kind: "timeout",
            message: "no answer in time".to_owned(),
        },
        status(413, "<html>413"),
        status(408, ""),
        status(504, "<html>504"),
    ] {
        let mut bench = Bench::new(2_000, 1);
        bench.answer(move |lines, _| {
            if lines.len() > 30 {
                Err(refusal.clone())
            } else {
                Ok(())
            }
        });
        assert!(bench.run(300));
        assert_eq!(bench.taken(), 2_000);
        assert!(bench.requests() < 2_000 / 25 + 40, "{}", bench.requests());
    }
}

#[test]
fn a_server_that_asks_for_no_pause_is_not_hammered() {
    for status_code in [429, 503] {
        let mut bench = Bench::new(100, 1);
        bench.answer(move |_, _| {
            Err(Failure::Status {
                status: status_code,
                message: "busy".to_owned(),
                retry_after: Some(Duration::ZERO),
                foreign: true,
            })
        });
        assert!(!bench.run(60));
        let requests = bench.requests();
        assert!((55..=65).contains(&requests), "{requests} in a minute");
        assert_eq!(bench.server.0.lock().unwrap().most_at_once, 1);
    }
}

#[test]
fn a_day_that_holds_another_type_waits_and_all_others_go() {
    // Six days, ten minutes apart.
    let mut bench = Bench::new(6 * 144, 600);
    let day = |line: &str| {
        let (_, stamp) = line.rsplit_once(' ').unwrap();
        stamp.parse::<i64>().unwrap() / (86_400 * NS_PER_S)
    };
    let held = WALL.s() / 86_400 - 3;
    let conflict = "partial write: field type conflict: input field \"Pulse\" on measurement \
         \"PowerPulse\" is type integer, already exists as type float dropped=1";
    bench.answer(move |lines, _| {
        if lines.iter().any(|line| day(line) == held) {
            return Err(status(422, conflict));
        }
        Ok(())
    });
    assert!(!bench.run(120));
    assert_eq!((bench.waiting(), bench.taken()), (144, 720));
    assert_eq!((bench.word(), bench.refused()), ("field_type", 0));
    assert!(!bench.deliverer.is_failing, "the others go");
    // New pulses go out at once, and the state stays as it is.
    let newest = bench.writer.journal().newest().0;
    let told = |bench: &Bench| {
        let reader = Reader::open(bench.dir.path()).unwrap();
        reader.destinations().unwrap().remove(0).2
    };
    let before = told(&bench);
    assert!(
        before.message.contains("are held, all others"),
        "{}",
        before.message
    );
    for n in 1..=50 {
        bench.push(Vec::new(), (newest + n)..=(newest + n), 600);
        assert!(!bench.run(3));
    }
    assert_eq!((bench.taken(), bench.waiting()), (770, 144));
    assert_eq!(told(&bench), before, "nothing flaps");
    bench.answer(|_, _| Ok(()));
    assert!(bench.run(120));
    assert_eq!((bench.taken(), bench.word()), (914, "ok"));
}

#[test]
fn an_extra_field_of_another_type_is_left_out_and_no_pulse_waits() {
    let mut bench = Bench::with(1_000, 1, Extras::of_energy("Import", 800.0));
    // One line is refused for its own sake, and goes into quarantine.
    let conflict = "partial write: field type conflict: input field \"energy_wh\" on measurement \
         \"PowerPulse\" is type float, already exists as type integer dropped=1";
    let bad = WALL.s() - 300;
    let (refuses, seen) = (Arc::new(Mutex::new(false)), Arc::new(Mutex::new([0, 0])));
    let (type_differs, counted) = (Arc::clone(&refuses), Arc::clone(&seen));
    bench.answer(move |lines, _| {
        let with = lines
            .iter()
            .filter(|line| line.contains(",energy_wh=1.25 "));
        let with = with.count();
        assert!(with == 0 || with == lines.len(), "{lines:?}");
        counted.lock().unwrap()[usize::from(with > 0)] += 1;
        if with > 0 && *type_differs.lock().unwrap() {
            return Err(status(422, conflict));
        }
        match lines.iter().find(|line| second(line) == bad) {
            Some(line) => Err(status(400, &format!("unable to parse '{line}': bad"))),
            None => Ok(()),
        }
    });
    assert!(bench.run(120));
    assert_eq!((bench.taken(), bench.refused()), (999, 1));
    assert_eq!(seen.lock().unwrap()[0], 0, "all lines have it");

    *refuses.lock().unwrap() = true;
    let newest = bench.writer.journal().newest().0;
    for n in 1..=3 {
        let begin = newest + n * 100;
        bench.push(Vec::new(), begin + 1..=begin + 100, 1);
        assert!(bench.run(30));
    }
    assert_eq!((bench.taken(), bench.refused()), (1_299, 1));
    assert_eq!((bench.word(), bench.waiting()), ("ok", 0));
    let with_it = seen.lock().unwrap()[1];
    // It is asked for once, and left out from then on.
    bench.push(Vec::new(), newest + 500..=newest + 599, 1);
    assert!(bench.run(30));
    assert_eq!(seen.lock().unwrap()[1], with_it);
}

#[test]
fn a_bucket_that_was_gone_is_filled_again_also_behind_other_troubles() {
    let mut bench = Bench::new(300, 1);
    bench.answer(|_, _| Ok(()));
    assert!(bench.run(60));
    bench.server.0.lock().unwrap().taken.clear();
    bench.push(Vec::new(), 301..=310, 1);
    let troubles = [
        status(404, "bucket \"x\" not found"),
        status(401, "unauthorized access"),
        Failure::Transport {
            kind: "unreachable",
            message: String::new(),
        },
    ];
    for trouble in troubles {
        bench.answer(move |_, _| Err(trouble.clone()));
        assert!(!bench.run(10));
    }
    bench.answer(|_, _| Ok(()));
    assert!(bench.run(60));
    assert_eq!(bench.taken(), 310);
}

/// By a clock that is years ahead every pulse is older than raw's retention: that is not believed.
#[test]
fn a_bucket_that_was_gone_is_filled_again_whatever_the_wall_clock_shows() {
    for sure in [true, false] {
        let mut bench = Bench::new(300, 1);
        bench.answer(|_, _| Ok(()));
        assert!(bench.run(60));
        bench.server.0.lock().unwrap().taken.clear();
        bench.intake.note_watched(Watched {
            sure_ns: sure.then(|| bench.clock.wall_ns()),
            ..Watched::default()
        });
        bench.clock.jump_wall(9 * 365 * 86_400 * NS_PER_S);
        bench.push(Vec::new(), 301..=310, 1);
        bench.answer(|_, _| Err(status(404, "bucket \"x\" not found")));
        assert!(!bench.run(10));
        bench.answer(|_, _| Ok(()));
        assert!(bench.run(60));
        assert_eq!(bench.taken(), 310);
    }
}

#[test]
fn what_was_refused_is_sent_again_when_somebody_asks() {
    let mut bench = Bench::new(100, 1);
    bench.answer(|lines, _| {
        if lines.iter().any(|line| second(line) % 10 == 7) {
            return Err(status(400, "unable to parse 'x': bad"));
        }
        Ok(())
    });
    assert!(bench.run(60));
    assert_eq!((bench.refused(), bench.taken()), (10, 90));
    let mut beside = Quarantine::open(bench.dir.path()).unwrap();
    assert_eq!(beside.send_again("influx").unwrap(), 10);
    // Still refused: back into quarantine, counted once.
    bench.run(60);
    assert_eq!((bench.refused(), bench.taken()), (10, 90));
    assert_eq!(beside.send_again("influx").unwrap(), 10);
    bench.answer(|_, _| Ok(()));
    bench.run(60);
    assert!(bench.run(60));
    assert_eq!((bench.refused(), bench.taken()), (0, 100));
}

/// The status as the board tells it, and as the journal does once all is saved.
fn both_ways(bench: &mut Bench) -> [serde_json::Value; 2] {
    bench.pass(Duration::from_secs(61));
    bench.writer.step();
    let now_ns = bench.clock.wall_ns();
    let by_board = Status::from_board(&bench.intake.board().snapshot(), now_ns);
    let mut reader = Reader::open(bench.dir.path()).unwrap();
    let wanted = StatusOf {
        destination: Some("influx"),
        meters: &["Import".to_owned()],
        daemon: Daemon::Running,
    };
    let by_journal = Status::take(&mut reader, wanted, now_ns).unwrap();
    assert_eq!(by_board.conditions(), by_journal.conditions());
    [by_board, by_journal].map(|status| serde_json::to_value(status).unwrap())
}

#[test]
fn the_board_and_the_journal_tell_the_same_status() {
    let mut bench = Bench::new(50, 1);
    bench.answer(|_, _| Err(status(503, "")));
    bench.run(20);
    let [by_board, by_journal] = both_ways(&mut bench);
    assert_eq!(by_board, by_journal, "nothing goes");
    assert_eq!(by_board["meters"][0]["pulses"], 50);
    assert_eq!(by_board["delivery"]["backlog"], 50);
    assert!(by_board["delivery"]["lag_ns"].as_i64().unwrap() > 60 * NS_PER_S);

    // Pulses of a time that is not known yet, and edges that were rejected.
    let provisional = Segment {
        no: SegmentNo(1),
        begins_ns: 0,
        offset_ns: 0,
        slept_ns: 0,
        trust: Trust::Provisional,
    };
    let mut pending = Pending {
        segments: vec![provisional],
        ..Pending::default()
    };
    pending.pulses.push(Pulse {
        meter: MeterId(0),
        segment: SegmentNo(1),
        mono_ns: 90_000 * NS_PER_S,
        estimated: false,
    });
    pending.lose(MeterId(0), LossCause::Bounce, Loss::at(3, WALL));
    bench.intake.push(pending, WALL);
    let [by_board, by_journal] = both_ways(&mut bench);
    assert_eq!(by_board, by_journal, "a pulse is held");
    assert!(by_board["meters"][0]["last_pulse_ns"].is_null());
    assert_eq!(by_board["meters"][0]["losses"][0]["pulses"], 3);
    assert_eq!(by_board["clock"]["holding"], true);

    // One line is refused, a reading is entered beside the daemon, all else goes.
    bench.answer(|lines, _| {
        let bad = lines.iter().any(|line| second(line) == WALL.s() - 25);
        if bad {
            return Err(status(400, "unable to parse 'x'"));
        }
        Ok(())
    });
    bench.run(300);
    let reading = Reading {
        at_ns: WALL,
        pulses: 0,
        shown: 100.0,
        worth: crate::model::PulseWorth::of_kwh(1_000.0),
        adopted: true,
        digits: None,
        exchange: None,
        serial: None,
    };
    let mut registers = Registers::open(bench.dir.path()).unwrap();
    registers.put("Import", reading, None).unwrap();
    let [by_board, by_journal] = both_ways(&mut bench);
    assert_eq!(by_board, by_journal, "all but one goes");
    assert_eq!(by_board["meters"][0]["register_kwh"], 100.0);
    assert_eq!(by_board["delivery"]["state"], "ok");
}

#[test]
fn the_backlog_counts_what_is_on_its_way() {
    let mut bench = Bench::new(382, 1);
    bench.answer(|_, _| Err(status(503, "")));
    assert!(!bench.run(20));
    let board = Arc::clone(bench.intake.board());
    let delivery = || board.snapshot().delivery.unwrap();
    assert_eq!((delivery().missing, delivery().failures > 0), (382, true));
    bench.push(Vec::new(), 383..=400, 1);
    bench.writer.step();
    let newest = bench.writer.journal().newest();
    assert_eq!(delivery().backlog(newest), 400, "before delivery looks");
    bench.answer(|_, _| Ok(()));
    assert!(bench.run(60));
    assert_eq!((delivery().missing, delivery().backlog(newest)), (0, 0));
    assert_eq!(delivery().points, 400);
}
