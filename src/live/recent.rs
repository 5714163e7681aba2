//! The last edges of a line, for a look at it from another process: `watch` and `tune` read them from the daemon, so that
//! they need not have the line themselves.

use std::collections::VecDeque;

use crate::model::{EdgeKind, MonoNs};

/// So many are kept: more than a line brings between two looks, unless it hums.
const KEPT: usize = 256;

/// An edge of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentEdge {
    /// Its direction.
    pub kind: EdgeKind,
    /// The kernel's stamp.
    pub mono_ns: MonoNs,
    /// The kernel's number of it, since the line was requested.
    pub line_seqno: u32,
}

/// The last edges of a line; older ones are forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecentEdges(VecDeque<RecentEdge>);

impl RecentEdges {
    /// An edge came.
    pub fn push(&mut self, edge: RecentEdge) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(edge);
    }

    /// The line was requested again: its numbers begin again.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// All that are kept, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &RecentEdge> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_kept_in_order() {
        let mut edges = RecentEdges::default();
        for line_seqno in 1..=1_000 {
            edges.push(RecentEdge {
                kind: EdgeKind::Rising,
                mono_ns: 7,
                line_seqno,
            });
        }
        let kept: Vec<u32> = edges.iter().map(|edge| edge.line_seqno).collect();
        assert_eq!(kept, (745..=1_000).collect::<Vec<_>>());
        edges.clear();
        assert_eq!(edges.iter().count(), 0);
    }
}
