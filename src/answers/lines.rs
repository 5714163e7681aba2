//! The meters' lines with what came last on them, for a look at them beside the daemon that reads them.

use serde::{Deserialize, Serialize};

use crate::model::{EdgeKind, Level, MonoNs};

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinesAnswer {
    /// The pulses are made up: by the simulated house, or from a recording.
    pub simulated: bool,
    /// What the clock shows that stamps the edges, in nanoseconds.
    pub now_ns: MonoNs,
    /// Wall time less that, in nanoseconds.
    pub offset_ns: i64,
    /// By meter, as configured.
    pub lines: Vec<LineAnswer>,
}

/// A meter's line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineAnswer {
    /// The meter's name.
    pub meter: String,
    /// The chip, as configured; None: any that has the line.
    pub chip: Option<String>,
    /// The line: `GPIO20`, or its name.
    pub line: String,
    /// The resistor that is switched on: up, down or none.
    pub bias: String,
    /// The kernel's debounce period in microseconds; 0: none.
    pub kernel_debounce_us: u32,
    /// Why it is not read; None: it is.
    pub why: Option<String>,
    /// Whether its level is high; None: not known yet.
    pub is_high: Option<bool>,
    /// Edges since the daemon began.
    pub edges: u64,
    /// Pulses since the daemon began.
    pub pulses: u64,
    /// The last edges, in order: number since the line was requested, stamp in nanoseconds, whether it rises.
    pub recent: Vec<(u32, MonoNs, bool)>,
}

impl LineAnswer {
    /// Its level; None: not known yet.
    pub fn level(&self) -> Option<Level> {
        self.is_high
            .map(|is_high| if is_high { Level::High } else { Level::Low })
    }

    /// Whether the line was requested again since its edge `known` was told, by number and stamp: they are numbered from 1 on then.
    pub fn was_requested_again(&self, (known, at_ns): (u32, MonoNs)) -> bool {
        let newest = self.recent.last().map_or(0, |(seqno, ..)| *seqno);
        let mut recent = self.recent.iter();
        newest.wrapping_sub(known) > u32::MAX / 2
            || recent.any(|(seqno, other_ns, _)| *seqno == known && *other_ns != at_ns)
    }

    /// Its edges that came after `last`, by number and stamp; all, if nothing is known of it.
    pub fn edges_after(
        &self,
        last: Option<(u32, MonoNs)>,
    ) -> impl Iterator<Item = (u32, MonoNs, bool)> + '_ {
        let is_new = move |edge: &&(u32, MonoNs, bool)| {
            let after = |(known, _)| (1..=u32::MAX / 2).contains(&edge.0.wrapping_sub(known));
            last.is_none_or(after)
        };
        self.recent.iter().filter(is_new).copied()
    }

    /// A line with these edges, for tests.
    #[cfg(test)]
    pub fn of_edges(recent: &[(u32, MonoNs, bool)]) -> LineAnswer {
        LineAnswer {
            meter: "Import".to_owned(),
            chip: None,
            line: "GPIO20".to_owned(),
            bias: "up".to_owned(),
            kernel_debounce_us: 0,
            why: None,
            is_high: Some(true),
            edges: 0,
            pulses: 0,
            recent: recent.to_vec(),
        }
    }
}

/// The direction of an edge that rises, or does not.
pub fn edge_kind(rises: bool) -> EdgeKind {
    if rises {
        EdgeKind::Rising
    } else {
        EdgeKind::Falling
    }
}
