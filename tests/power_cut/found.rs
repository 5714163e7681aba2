//! A journal as it was found after the power came back, and what must be true of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use powerlogger::journal::{FILE_NAME, JournalError, Reader};
use powerlogger::model::{IdRange, NS_PER_MS, PulseId, WallNs};
use rusqlite::{Connection, OpenFlags};

use super::works::Made;

/// How far a stamp may lie outside the two readings of the clock around its edge.
const STAMP_SLACK_NS: i64 = NS_PER_MS / 5;

/// A pulse by meter and stamp: what a point at the server is known by.
pub(crate) type Point = (String, WallNs);

/// The pulses, in the journal's order, what it says was delivered, and the copies of it beside it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) pulses: Vec<Point>,
    pub(crate) delivered: Vec<(i64, i64)>,
    pub(crate) copies: BTreeSet<u64>,
}

impl Found {
    /// Reads the journal in `dir`. What is torn in it, or twice, or not at its place, ends the test.
    pub(crate) fn read(dir: &Path) -> Found {
        let aside: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains("damaged"))
            .collect();
        assert_eq!(aside, Vec::<String>::new(), "nothing was moved aside");
        let file = dir.join(FILE_NAME);
        let checker = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let says: String = checker
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(says, "ok", "the integrity check");
        let mut reader = Reader::open(dir).unwrap();
        let names = reader.meter_names().unwrap();
        let page = reader.page(IdRange::ALL, usize::MAX).unwrap();
        assert_eq!(page.held, [], "the clock is known");
        let mut pulses = Vec::new();
        for (entry, id) in page.entries.iter().zip(1..) {
            assert_eq!(entry.id, PulseId(id), "ids are contiguous");
            assert!(!entry.estimated, "nothing can be put back by number");
            pulses.push((names[&entry.meter].clone(), entry.wall_ns));
        }
        let totals: i64 = reader
            .totals()
            .unwrap()
            .iter()
            .map(|meter| meter.pulses)
            .sum();
        assert_eq!(totals, pulses.len() as i64, "totals belong to their pulses");
        let known: BTreeSet<&Point> = pulses.iter().collect();
        assert_eq!(known.len(), pulses.len(), "no two share meter and stamp");
        let delivered = delivered(&reader);
        let copies = BTreeSet::new();
        Found {
            pulses,
            delivered,
            copies,
        }
    }

    /// What the journal in `dir` says was delivered, while the daemon uses it.
    pub(crate) fn delivered_in(dir: &Path) -> Vec<(i64, i64)> {
        delivered(&Reader::open(dir).unwrap())
    }

    /// As it lies on the disk: the files are read elsewhere, so that nothing is mended on the way.
    pub(crate) fn read_copy(dir: &Path) -> Found {
        let copy = tempfile::tempdir_in("/dev/shm").unwrap();
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            // What SQLite shares between processes does not outlive the power.
            if name.starts_with("journal.") && !name.ends_with("-shm") {
                fs::copy(&path, copy.path().join(name)).unwrap();
            }
        }
        Found::read(copy.path())
    }

    /// Whether there is a journal with a schema in it: a power cut may come before the first commit
    /// is durable.
    pub(crate) fn is_there(dir: &Path) -> bool {
        let copy = tempfile::tempdir_in("/dev/shm").unwrap();
        let mut files = 0;
        for name in [FILE_NAME.to_owned(), format!("{FILE_NAME}-wal")] {
            files += usize::from(fs::copy(dir.join(&name), copy.path().join(name)).is_ok());
        }
        match Reader::open(copy.path()) {
            Ok(_) => true,
            Err(JournalError::Missing { .. }) => false,
            Err(error) => panic!("{files} files: {error} ({error:?})"),
        }
    }

    /// On a tape.
    pub(crate) fn to_lines(&self) -> String {
        let pulses = self.pulses.iter();
        let pulses = pulses.map(|(meter, wall_ns)| format!("pulse {meter} {wall_ns}\n"));
        let ranges = self.delivered.iter();
        let ranges = ranges.map(|(first, last)| format!("delivered {first} {last}\n"));
        let copies = self.copies.iter().map(|copy| format!("copy {copy}\n"));
        let lines = pulses.chain(ranges).chain(copies);
        lines.chain(["end\n".to_owned()]).collect()
    }

    /// From a tape; None: not all of it is there.
    pub(crate) fn from_lines(lines: &str) -> Option<Found> {
        let mut found = Found::default();
        for line in lines.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["pulse", meter, wall_ns] => {
                    found
                        .pulses
                        .push((meter.to_owned(), WallNs(wall_ns.parse().unwrap())));
                }
                ["delivered", first, last] => {
                    let range = (first.parse().unwrap(), last.parse().unwrap());
                    found.delivered.push(range);
                }
                ["copy", copy] => {
                    found.copies.insert(copy.parse().unwrap());
                }
                ["end"] => return Some(found),
                _ => panic!("{line:?} on the tape"),
            }
        }
        None
    }

    /// Of each meter exactly the first pulses that were made, each stamped when it was made. `new`
    /// are the journal's since they began. Returns how many of each meter's are there.
    pub(crate) fn assert_made(new: &[Point], made: &[Made]) -> BTreeMap<String, usize> {
        let mut next: BTreeMap<&str, Vec<&Made>> = BTreeMap::new();
        for made in made.iter().rev() {
            next.entry(&made.meter).or_default().push(made);
        }
        let mut kept = BTreeMap::new();
        for (meter, wall_ns) in new {
            let next = next.get_mut(meter.as_str()).and_then(Vec::pop);
            let next = next.unwrap_or_else(|| panic!("{meter} {wall_ns} was not made"));
            let fits = next.from_ns - STAMP_SLACK_NS..=next.to_ns + STAMP_SLACK_NS;
            assert!(fits.contains(wall_ns), "{wall_ns} is not that of {next:?}");
            *kept.entry(meter.clone()).or_default() += 1;
        }
        kept
    }

    /// The server has nothing that is not here, and what is said to be delivered is here and there.
    pub(crate) fn assert_ahead_of(&self, held: &BTreeSet<Point>) {
        let here: BTreeSet<&Point> = self.pulses.iter().collect();
        let strange = held.iter().find(|point| !here.contains(point));
        assert_eq!(strange, None, "the server has what the journal lacks");
        for (first, last) in &self.delivered {
            assert!(*first >= 1, "ids begin with 1");
            for id in *first..=*last {
                let at = usize::try_from(id - 1).unwrap();
                let pulse = self.pulses.get(at);
                let pulse = pulse.unwrap_or_else(|| panic!("{id} is delivered and not here"));
                assert!(held.contains(pulse), "{id} is delivered and not there");
            }
        }
    }
}

fn delivered(reader: &Reader) -> Vec<(i64, i64)> {
    let destinations = reader.destinations().unwrap();
    destinations
        .iter()
        .flat_map(|(row, ..)| reader.delivered(*row).unwrap().ranges().to_vec())
        .map(|range| (range.first.0, range.last.0))
        .collect()
}

/// The points in what a server was sent.
pub(crate) fn points(lines: &str) -> impl Iterator<Item = Point> {
    lines.lines().map(|line| {
        let rest = line.strip_prefix("PowerPulse,PulseType=");
        let rest = rest.unwrap_or_else(|| panic!("{line:?} was sent"));
        let (meter, rest) = rest.split_once(' ').unwrap();
        let (_, wall_ns) = rest.split_once(' ').unwrap();
        (meter.to_owned(), WallNs(wall_ns.parse().unwrap()))
    })
}
