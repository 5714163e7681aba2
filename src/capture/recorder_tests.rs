//! Tests of the recorder.

use std::sync::{Mutex, PoisonError};

use super::*;
use crate::clock::VirtualClock;
use crate::model::{Edge, MeterId, WallNs};

/// A file in memory that can be looked at and can be full.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<(String, bool)>>);

impl Disk {
    fn text(&self) -> String {
        self.0.lock().unwrap().0.clone()
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut disk = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if disk.1 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.0.push_str(std::str::from_utf8(bytes).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tells one edge a poll, and what it is told to return.
#[derive(Debug)]
struct Ticking {
    clock: VirtualClock,
    polled: Polled,
}

impl EdgeSource for Ticking {
    fn poll(&mut self, _: Option<MonoNs>, signals: &mut Vec<Signal>) -> Polled {
        self.clock.advance(NS_PER_S / 4);
        signals.push(Signal::Edge(Edge {
            meter: MeterId(0),
            kind: EdgeKind::Rising,
            mono_ns: self.clock.mono_ns(),
            line_seqno: 1,
        }));
        self.polled
    }
}

fn recording(polled: Polled) -> (RecordingSource<Disk>, Disk, VirtualClock) {
    let (disk, clock) = (Disk::default(), VirtualClock::at(WallNs(0)));
    let mut recorder = Recorder::new(disk.clone(), &[], clock.offset_ns()).unwrap();
    recorder.flush(clock.mono_ns()).unwrap();
    let inner = Box::new(Ticking {
        clock: clock.clone(),
        polled,
    });
    let source = RecordingSource::new(inner, Arc::new(clock.clone()), recorder);
    (source, disk, clock)
}

#[test]
fn flushes_once_a_second_of_stamps_and_at_every_pause() {
    let (mut source, disk, _) = recording(Polled::Signals);
    let head = disk.text().len();
    for _ in 0..3 {
        source.poll(None, &mut Vec::new());
    }
    assert_eq!(disk.text().len(), head);
    source.poll(None, &mut Vec::new());
    assert_eq!(disk.text()[head..].lines().count(), 4);
    let (mut source, disk, _) = recording(Polled::Woken);
    source.poll(None, &mut Vec::new());
    assert!(disk.text().ends_with("1250000000 0 r 1\n"));
}

#[test]
fn a_set_clock_is_recorded_once_and_before_the_next_edge() {
    let (mut source, disk, clock) = recording(Polled::Woken);
    source.poll(None, &mut Vec::new());
    clock.jump_wall(5 * NS_PER_S);
    source.poll(None, &mut Vec::new());
    clock.jump_wall(1000);
    source.poll(None, &mut Vec::new());
    let text = disk.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            HEADER,
            "# offset_ns -1000000000",
            "1250000000 0 r 1",
            "# offset_ns 4000000000",
            "1500000000 0 r 1",
            "1750000000 0 r 1",
        ]
    );
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_capture() {
    let (mut source, disk, _) = recording(Polled::TimedOut);
    disk.0.lock().unwrap().1 = true;
    let mut signals = Vec::new();
    for count in 1..4 {
        assert_eq!(source.poll(None, &mut signals), Polled::TimedOut);
        assert_eq!(signals.len(), count);
        assert!(source.recorder.is_none());
    }
}
