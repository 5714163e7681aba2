//! The stamps of a meter's last pulses.

use crate::model::MonoNs;

/// So many are kept.
const KEPT: usize = 32;

/// The monotonic stamps of the last pulses of a meter; older ones are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    ring: [MonoNs; KEPT],
    seen: usize,
}

impl Default for Stamps {
    fn default() -> Stamps {
        Stamps {
            ring: [0; KEPT],
            seen: 0,
        }
    }
}

impl Stamps {
    /// A pulse came.
    pub fn push(&mut self, mono_ns: MonoNs) {
        self.ring[self.seen % KEPT] = mono_ns;
        self.seen += 1;
    }

    /// The last one; None: there was none.
    pub fn last(&self) -> Option<MonoNs> {
        let at = self.seen.checked_sub(1)?;
        Some(self.ring[at % KEPT])
    }

    /// All that are kept, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = MonoNs> + '_ {
        (self.seen.saturating_sub(KEPT)..self.seen).map(|at| self.ring[at % KEPT])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_kept_in_order() {
        let mut stamps = Stamps::default();
        assert_eq!((stamps.last(), stamps.iter().count()), (None, 0));
        (1..=3).for_each(|at| stamps.push(at));
        assert_eq!(stamps.iter().collect::<Vec<_>>(), [1, 2, 3]);
        (4..=50).for_each(|at| stamps.push(at));
        assert_eq!(stamps.last(), Some(50));
        assert_eq!(
            stamps.iter().collect::<Vec<_>>(),
            (19..=50).collect::<Vec<_>>()
        );
    }
}
