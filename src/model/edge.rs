//! Lines and their edges, as the kernel tells of them.

use super::meter::MeterId;
use super::time::MonoNs;

/// The level of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Low, inactive as the wire has it.
    Low,
    /// High.
    High,
}

impl Level {
    /// The other level.
    pub fn inverted(self) -> Level {
        match self {
            Level::Low => Level::High,
            Level::High => Level::Low,
        }
    }
}

/// The direction of a physical transition of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// From low to high.
    Rising,
    /// From high to low.
    Falling,
}

impl EdgeKind {
    /// The level the line has after this edge.
    pub fn level_after(self) -> Level {
        match self {
            EdgeKind::Rising => Level::High,
            EdgeKind::Falling => Level::Low,
        }
    }

    /// The edge that leads to `level`.
    pub fn towards(level: Level) -> EdgeKind {
        match level {
            Level::High => EdgeKind::Rising,
            Level::Low => EdgeKind::Falling,
        }
    }
}

/// One transition of a line, as the kernel stamped it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The meter whose line it is.
    pub meter: MeterId,
    /// Its direction.
    pub kind: EdgeKind,
    /// The kernel's stamp, taken in the interrupt.
    pub mono_ns: MonoNs,
    /// The kernel's count of edges on this line since its request, from 1; wraps at 2^32.
    /// A gap in it is the kernel's only word about events it had to drop.
    pub line_seqno: u32,
}

/// Which physical transitions of a line count as a pulse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedEdge {
    /// Low to high.
    Rising,
    /// High to low.
    Falling,
    /// Each of the two is a pulse (meters with an equal mark-space output).
    Both,
}

impl CountedEdge {
    /// Whether `kind` is among the transitions that count.
    pub fn counts(self, kind: EdgeKind) -> bool {
        matches!(
            (self, kind),
            (CountedEdge::Both, _)
                | (CountedEdge::Rising, EdgeKind::Rising)
                | (CountedEdge::Falling, EdgeKind::Falling)
        )
    }

    /// The word used in configuration and output.
    pub fn as_str(self) -> &'static str {
        match self {
            CountedEdge::Rising => "rising",
            CountedEdge::Falling => "falling",
            CountedEdge::Both => "both",
        }
    }
}

/// The resistor that the chip puts on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bias {
    /// Pulled up: the meter's output pulls the line low while it is active.
    Up,
    /// Pulled down: the meter's output pulls the line high while it is active.
    Down,
    /// None: the wiring has its own resistor.
    None,
}

impl Bias {
    /// The word used in configuration and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Bias::Up => "up",
            Bias::Down => "down",
            Bias::None => "none",
        }
    }
}
