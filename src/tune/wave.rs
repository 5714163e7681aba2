//! What came on one line: its levels and edges, over stretches that were watched without a gap. Pure.

use crate::capture::Signal;
use crate::model::{Edge, EdgeKind, Level, MeterId, MonoNs, NS_PER_S};

/// So long a recording goes on after its last edge, for the filter to judge it.
const AFTER_NS: i64 = NS_PER_S;

/// What came on one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wave {
    /// In the order in which they were watched.
    pub stretches: Vec<WaveStretch>,
    /// Edges that the kernel or a slow reader had to drop: the stretches end there.
    pub missed: u64,
    /// Edges that came too close to another to be seen apart.
    pub merged: u64,
}

/// A stretch over which no edge was missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaveStretch {
    /// The level at its begin.
    pub level: Level,
    /// When it begins, by the clock that stamps the edges.
    pub begin_ns: MonoNs,
    /// When it ends; not before the last edge.
    pub end_ns: MonoNs,
    /// What came, in order.
    pub edges: Vec<Edge>,
}

/// A time at one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WavePhase {
    /// The level.
    pub level: Level,
    /// When it begins.
    pub begin_ns: MonoNs,
    /// How long it is, in nanoseconds.
    pub length_ns: i64,
    /// Both its ends were seen.
    pub is_whole: bool,
}

impl WavePhase {
    /// When it ends.
    pub fn end_ns(&self) -> MonoNs {
        self.begin_ns + self.length_ns
    }
}

impl Wave {
    /// The line was requested, and had this level.
    pub fn begin(&mut self, level: Level, mono_ns: MonoNs) {
        self.stretches.push(WaveStretch {
            level,
            begin_ns: mono_ns,
            end_ns: mono_ns,
            edges: Vec::new(),
        });
    }

    /// An edge came. A number that is not the next one tells what was missed.
    pub fn edge(&mut self, edge: Edge) {
        let before = edge.kind.level_after().inverted();
        let Some(stretch) = self.stretches.last_mut() else {
            self.begin(before, edge.mono_ns);
            return self.edge(edge);
        };
        let known = stretch.edges.last().map(|last| last.line_seqno);
        let missing = known.map_or(0, |known| {
            edge.line_seqno.wrapping_sub(known).wrapping_sub(1)
        });
        if missing > 0 {
            self.missed += u64::from(missing);
            self.begin(before, edge.mono_ns);
            return self.edge(edge);
        }
        // Two equal transitions in a row: the phase between was too short for the chip.
        self.merged += u64::from(stretch.level_now() != before);
        stretch.end_ns = stretch.end_ns.max(edge.mono_ns);
        stretch.edges.push(edge);
    }

    /// It was watched up to here.
    pub fn end(&mut self, mono_ns: MonoNs) {
        if let Some(stretch) = self.stretches.last_mut() {
            stretch.end_ns = stretch.end_ns.max(mono_ns);
        }
    }

    /// What a source told of one meter's line; the last stamp of all ends it.
    pub fn of_signals(signals: &[Signal], meter: MeterId) -> Wave {
        let mut wave = Wave::default();
        let mut last_ns = 0;
        for signal in signals {
            match signal {
                Signal::LineUp {
                    meter: of,
                    level,
                    mono_ns,
                    ..
                } if *of == meter => {
                    wave.begin(*level, *mono_ns);
                }
                Signal::Edge(edge) => {
                    last_ns = last_ns.max(edge.mono_ns);
                    if edge.meter == meter {
                        wave.edge(*edge);
                    }
                }
                _ => {}
            }
        }
        wave.end(last_ns + AFTER_NS);
        wave
    }

    /// All edges, in order.
    pub fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.stretches.iter().flat_map(|stretch| &stretch.edges)
    }

    /// How many edges came.
    pub fn edge_count(&self) -> usize {
        self.stretches
            .iter()
            .map(|stretch| stretch.edges.len())
            .sum()
    }

    /// For how long the line was watched, in nanoseconds.
    pub fn watched_ns(&self) -> i64 {
        let lengths = self.stretches.iter();
        lengths
            .map(|stretch| stretch.end_ns - stretch.begin_ns)
            .sum()
    }

    /// The phases between the edges as they came.
    pub fn phases(&self) -> Vec<WavePhase> {
        self.stretches
            .iter()
            .flat_map(WaveStretch::phases)
            .collect()
    }

    /// The phases that are left where a level must stay for `bounce_ns` to count, as the filter has it.
    pub fn settled(&self, bounce_ns: i64) -> Vec<WavePhase> {
        let of_stretch = |stretch: &WaveStretch| settled(&stretch.phases(), bounce_ns);
        self.stretches.iter().flat_map(of_stretch).collect()
    }

    /// At most so many of its first edges.
    pub fn beginning(&self, edges_max: usize) -> Wave {
        let mut left = edges_max;
        let mut wave = Wave::default();
        for stretch in &self.stretches {
            let mut stretch = stretch.clone();
            if stretch.edges.len() > left {
                stretch.edges.truncate(left);
                stretch.end_ns = stretch
                    .edges
                    .last()
                    .map_or(stretch.begin_ns, |edge| edge.mono_ns);
            }
            left -= stretch.edges.len();
            wave.stretches.push(stretch);
            if left == 0 {
                break;
            }
        }
        wave
    }
}

impl WaveStretch {
    fn level_now(&self) -> Level {
        self.edges
            .last()
            .map_or(self.level, |edge| edge.kind.level_after())
    }

    fn phases(&self) -> Vec<WavePhase> {
        let (mut level, mut begin_ns, mut is_first) = (self.level, self.begin_ns, true);
        let mut phases = Vec::with_capacity(self.edges.len() + 1);
        for edge in &self.edges {
            if edge.kind.level_after() == level {
                continue;
            }
            phases.push(WavePhase {
                level,
                begin_ns,
                length_ns: edge.mono_ns - begin_ns,
                is_whole: !is_first,
            });
            (level, begin_ns, is_first) = (edge.kind.level_after(), edge.mono_ns, false);
        }
        phases.push(WavePhase {
            level,
            begin_ns,
            length_ns: self.end_ns - begin_ns,
            is_whole: false,
        });
        phases
    }
}

/// What is left of the phases of one stretch: a level that stays shorter is part of the change around it, which begins
/// where the last level that stayed has ended.
fn settled(phases: &[WavePhase], bounce_ns: i64) -> Vec<WavePhase> {
    let Some((first, rest)) = phases.split_first() else {
        return Vec::new();
    };
    let mut settled = Vec::new();
    let mut current = *first;
    let mut stayed_until_ns = first.end_ns();
    for phase in rest.iter().filter(|phase| phase.length_ns >= bounce_ns) {
        if phase.level != current.level {
            settled.push(WavePhase {
                length_ns: stayed_until_ns - current.begin_ns,
                ..current
            });
            current = WavePhase {
                level: phase.level,
                begin_ns: stayed_until_ns,
                length_ns: 0,
                is_whole: true,
            };
        }
        stayed_until_ns = phase.end_ns();
    }
    let end_ns = phases.last().map_or(stayed_until_ns, WavePhase::end_ns);
    settled.push(WavePhase {
        length_ns: end_ns - current.begin_ns,
        is_whole: false,
        ..current
    });
    settled
}

/// A wave of levels that last so long each, one after the other, from the level `first` on. In nanoseconds.
pub fn of_lengths(first: Level, lengths_ns: impl IntoIterator<Item = i64>) -> Wave {
    let (mut wave, mut at_ns, mut level) = (Wave::default(), 0, first);
    wave.begin(first, 0);
    let mut lengths = lengths_ns.into_iter().peekable();
    let mut line_seqno = 0;
    while let Some(length_ns) = lengths.next() {
        at_ns += length_ns;
        if lengths.peek().is_none() {
            break;
        }
        level = level.inverted();
        line_seqno += 1;
        wave.edge(Edge {
            meter: MeterId(0),
            kind: EdgeKind::towards(level),
            mono_ns: at_ns,
            line_seqno,
        });
    }
    wave.end(at_ns);
    wave
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NS_PER_MS;

    fn lengths(phases: &[WavePhase]) -> Vec<i64> {
        phases
            .iter()
            .map(|phase| phase.length_ns / NS_PER_MS)
            .collect()
    }

    fn wave(lengths_ms: &[i64]) -> Wave {
        of_lengths(
            Level::High,
            lengths_ms.iter().map(|length| length * NS_PER_MS),
        )
    }

    #[test]
    fn phases_are_between_the_edges() {
        let wave = wave(&[100, 30, 200, 40, 100]);
        let phases = wave.phases();
        assert_eq!(lengths(&phases), [100, 30, 200, 40, 100]);
        let whole: Vec<bool> = phases.iter().map(|phase| phase.is_whole).collect();
        assert_eq!(whole, [false, true, true, true, false]);
        assert_eq!((wave.edge_count(), wave.missed, wave.merged), (4, 0, 0));
        assert_eq!(wave.watched_ns(), 470 * NS_PER_MS);
    }

    #[test]
    fn what_bounces_is_part_of_the_change() {
        // Closes with a bounce, is closed for 80 ms, opens with a bounce, and a spike comes later.
        let wave = wave(&[100, 2, 1, 80, 1, 2, 300, 1, 100]);
        let settled = wave.settled(5 * NS_PER_MS);
        assert_eq!(lengths(&settled), [100, 83, 404]);
        assert_eq!(settled[1].level, Level::Low);
        assert!(settled[1].is_whole && !settled[2].is_whole);
        assert_eq!(lengths(&wave.settled(0)).len(), 9);
    }

    #[test]
    fn a_gap_ends_a_stretch() {
        let mut wave = wave(&[100, 30, 200]);
        let edge = |line_seqno, mono_ns, kind| Edge {
            meter: MeterId(0),
            kind,
            mono_ns,
            line_seqno,
        };
        wave.edge(edge(5, 900 * NS_PER_MS, EdgeKind::Falling));
        assert_eq!((wave.missed, wave.stretches.len()), (2, 2));
        // The same kind again: a short phase was not seen.
        wave.edge(edge(6, 950 * NS_PER_MS, EdgeKind::Falling));
        assert_eq!((wave.missed, wave.merged), (2, 1));
        assert_eq!(wave.beginning(2).edge_count(), 2);
    }
}
