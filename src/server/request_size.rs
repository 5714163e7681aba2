//! How many lines go into one request: fewer after a server has found one too large or too slow, and
//! more again once that many go through. Pure; one for each connection that writes.

/// Requests that must go through before a larger one is tried, at the most: a size that fails again and again
/// is tried ever more rarely.
const PATIENCE_MAX: u32 = 64;

/// The size of requests.
#[derive(Debug, Clone)]
pub struct RequestSize {
    lines_max: usize,
    lines: usize,
    /// Full requests that must go through before the next is twice as large.
    patience: u32,
    went_through: u32,
    /// It has grown since the last refusal.
    grown: bool,
}

impl RequestSize {
    /// Begins with `lines_max`, the most there will ever be.
    pub fn new(lines_max: usize) -> RequestSize {
        let lines_max = lines_max.max(1);
        RequestSize {
            lines_max,
            lines: lines_max,
            patience: 1,
            went_through: 0,
            grown: false,
        }
    }

    /// The most lines of the next request.
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// A request of so many lines was too large. False: it cannot be made smaller.
    pub fn refused(&mut self, lines: usize) -> bool {
        if std::mem::replace(&mut self.grown, false) {
            self.patience = (self.patience * 2).min(PATIENCE_MAX);
        }
        self.went_through = 0;
        if lines <= 1 {
            self.lines = 1;
            return false;
        }
        self.lines = self.lines.min(lines / 2);
        true
    }

    /// A request of so many lines went through. Smaller ones than asked for say nothing.
    pub fn went_through(&mut self, lines: usize) {
        if lines < self.lines {
            return;
        }
        if self.lines == self.lines_max {
            self.patience = 1;
            self.grown = false;
            return;
        }
        self.went_through += 1;
        if self.went_through < self.patience {
            return;
        }
        self.went_through = 0;
        self.grown = true;
        self.lines = (self.lines * 2).min(self.lines_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends requests to a server that takes at most `taken` lines; how many of `tries` failed.
    fn failures(size: &mut RequestSize, taken: usize, tries: usize) -> usize {
        (0..tries)
            .filter(|_| {
                let lines = size.lines();
                let fails = lines > taken;
                if fails {
                    size.refused(lines);
                } else {
                    size.went_through(lines);
                }
                fails
            })
            .count()
    }

    #[test]
    fn what_is_refused_is_halved_down_to_one_line() {
        let mut size = RequestSize::new(5_000);
        let sizes: Vec<usize> = std::iter::from_fn(|| {
            let lines = size.lines();
            size.refused(lines).then_some(lines)
        })
        .collect();
        let want = [5_000, 2_500, 1_250, 625, 312, 156, 78, 39, 19, 9, 4, 2];
        assert_eq!(sizes, want);
        assert_eq!(size.lines(), 1);
        assert!(!size.refused(1));
    }

    #[test]
    fn a_server_that_is_well_again_gets_large_requests_soon() {
        let mut size = RequestSize::new(5_000);
        assert_eq!(failures(&mut size, 0, 40), 40);
        assert_eq!(failures(&mut size, usize::MAX, 13), 0);
        assert_eq!(size.lines(), 5_000);
    }

    #[test]
    fn a_size_that_fails_is_tried_ever_more_rarely() {
        for taken in [1, 7, 300, 4_999] {
            let mut size = RequestSize::new(5_000);
            failures(&mut size, taken, 1_000);
            let failed = failures(&mut size, taken, 6_500);
            assert!((50..=110).contains(&failed), "{taken}: {failed}");
        }
    }

    #[test]
    fn small_requests_say_nothing_of_large_ones() {
        let mut size = RequestSize::new(5_000);
        size.refused(5_000);
        for _ in 0..100 {
            size.went_through(1);
        }
        assert_eq!(size.lines(), 2_500);
        // A live request that is refused is no reason to make the others larger.
        size.refused(5_000);
        assert_eq!(size.lines(), 2_500);
        size.refused(10);
        assert_eq!(size.lines(), 5);
    }
}
