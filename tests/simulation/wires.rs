//! The kernel's side of the lines: wires, numbered edges, buffers that drop the oldest.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use powerlogger::capture::{EdgeSource, Polled, Signal};
use powerlogger::model::{Edge, EdgeKind, Level, MeterId};

use crate::world::METERS;

/// Edges that the kernel keeps for a line.
const KERNEL_BUFFER: usize = 1024;

/// The kernel's side of the lines.
#[derive(Debug, Default)]
pub(crate) struct Wires {
    pub(crate) signals: [VecDeque<Signal>; 2],
    seqno: [u32; 2],
    /// Pulses that were put on each wire.
    pub(crate) pulses: [u64; 2],
    /// Names the present request of both lines.
    pub(crate) request_id: u64,
}

impl Wires {
    pub(crate) fn edge(&mut self, meter: usize, kind: EdgeKind, mono_ns: i64) {
        self.seqno[meter] += 1;
        let line_seqno = self.seqno[meter];
        let id = MeterId(u16::try_from(meter).unwrap());
        let edge = Edge {
            meter: id,
            kind,
            mono_ns,
            line_seqno,
        };
        self.signals[meter].push_back(Signal::Edge(edge));
        let is_edge = |signal: &Signal| matches!(signal, Signal::Edge(_));
        let edges = self.signals[meter]
            .iter()
            .filter(|signal| is_edge(signal))
            .count();
        if edges > KERNEL_BUFFER {
            let oldest = self.signals[meter].iter().position(is_edge).unwrap();
            self.signals[meter].remove(oldest);
        }
    }

    /// The lines are requested anew: what was buffered is gone.
    pub(crate) fn request(&mut self, now_ns: i64) {
        self.request_id += 1;
        for meter in 0..METERS.len() {
            self.seqno[meter] = 0;
            self.signals[meter].clear();
            self.signals[meter].push_back(Signal::LineUp {
                meter: MeterId(u16::try_from(meter).unwrap()),
                request_id: self.request_id,
                level: Level::High,
                mono_ns: now_ns,
            });
        }
    }

    /// The requests live on, and what is buffered with them; the journal remembers these meters'.
    pub(crate) fn adopt(&mut self, meter: usize, now_ns: i64) {
        self.signals[meter].push_front(Signal::LineAdopted {
            meter: MeterId(u16::try_from(meter).unwrap()),
            request_id: self.request_id,
            mono_ns: now_ns,
        });
    }

    pub(crate) fn counting_buffered(&self, meter: usize) -> u64 {
        let rising = |s: &&Signal| matches!(s, Signal::Edge(e) if e.kind == EdgeKind::Rising);
        self.signals[meter].iter().filter(rising).count() as u64
    }
}

/// Reads the wires.
#[derive(Debug)]
pub(crate) struct WireSource(pub(crate) Arc<Mutex<Wires>>);

impl EdgeSource for WireSource {
    fn poll(&mut self, _: Option<i64>, signals: &mut Vec<Signal>) -> Polled {
        let mut wires = self.0.lock().unwrap();
        let before = signals.len();
        for buffer in &mut wires.signals {
            signals.extend(buffer.drain(..));
        }
        if signals.len() == before {
            Polled::TimedOut
        } else {
            Polled::Signals
        }
    }
}
