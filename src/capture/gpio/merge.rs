//! Edges of several lines in one order, by stamp. Pure.

use super::line::RawEdge;
use crate::capture::Signal;
use crate::model::{Edge, MeterId, MonoNs};

/// Edges of several lines on their way to one order.
#[derive(Debug, Default)]
pub(super) struct Merge {
    /// With the key to sort by: the stamp, but never less than that of an earlier edge of the
    /// same line, so that a line keeps its order whatever its stamps.
    edges: Vec<(MonoNs, Edge)>,
}

impl Merge {
    /// Takes the edges of one line, in their order.
    pub(super) fn take(&mut self, meter: MeterId, raw: &mut Vec<RawEdge>) {
        let mut key = MonoNs::MIN;
        for edge in raw.drain(..) {
            key = key.max(edge.mono_ns);
            let edge = Edge {
                meter,
                kind: edge.kind,
                mono_ns: edge.mono_ns,
                line_seqno: edge.line_seqno,
            };
            self.edges.push((key, edge));
        }
    }

    /// Gives all that was taken, by stamp.
    pub(super) fn flush(&mut self, signals: &mut Vec<Signal>) {
        self.edges.sort_by_key(|(key, _)| *key);
        signals.extend(self.edges.drain(..).map(|(_, edge)| Signal::Edge(edge)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EdgeKind;

    fn raw(stamps: &[MonoNs]) -> Vec<RawEdge> {
        let edge = |(line_seqno, mono_ns): (u32, &MonoNs)| RawEdge {
            kind: EdgeKind::Rising,
            mono_ns: *mono_ns,
            line_seqno,
        };
        (1..).zip(stamps).map(edge).collect()
    }

    fn merged(lines: &[&[MonoNs]]) -> Vec<(u16, u32)> {
        let mut merge = Merge::default();
        for (meter, stamps) in (0..).zip(lines) {
            merge.take(MeterId(meter), &mut raw(stamps));
        }
        let mut signals = Vec::new();
        merge.flush(&mut signals);
        let place = |signal: Signal| match signal {
            Signal::Edge(edge) => (edge.meter.0, edge.line_seqno),
            other => panic!("not an edge: {other:?}"),
        };
        signals.into_iter().map(place).collect()
    }

    #[test]
    fn edges_of_several_lines_come_by_stamp() {
        let order = merged(&[&[10, 40], &[20, 30, 50]]);
        assert_eq!(order, [(0, 1), (1, 1), (1, 2), (0, 2), (1, 3)]);
    }

    #[test]
    fn equal_stamps_come_in_the_order_of_the_lines() {
        assert_eq!(merged(&[&[10, 10], &[10]]), [(0, 1), (0, 2), (1, 1)]);
    }

    #[test]
    fn a_line_keeps_its_order_whatever_its_stamps() {
        let order = merged(&[&[50, 10, 60], &[20, 55]]);
        assert_eq!(order, [(1, 1), (0, 1), (0, 2), (1, 2), (0, 3)]);
    }
}
