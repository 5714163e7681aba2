//! The last few of something, in bounded memory and without allocation.

/// The last `N` items that were pushed.
#[derive(Debug, Clone)]
pub(super) struct Ring<T, const N: usize> {
    items: [T; N],
    /// Where the next item goes.
    next: usize,
    len: usize,
}

impl<T: Copy + Default, const N: usize> Ring<T, N> {
    pub(super) fn new() -> Ring<T, N> {
        Ring {
            items: [T::default(); N],
            next: 0,
            len: 0,
        }
    }

    /// Adds an item; the oldest leaves where there are `N`.
    pub(super) fn push(&mut self, item: T) {
        self.items[self.next] = item;
        self.next = (self.next + 1) % N;
        self.len = (self.len + 1).min(N);
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The item that was pushed `back` items before the newest.
    pub(super) fn back(&self, back: usize) -> Option<T> {
        (back < self.len).then(|| self.items[(self.next + N - 1 - back) % N])
    }

    /// How many of the newest items `is_newer` holds for; it holds for none that is older than one it does not hold for.
    pub(super) fn count_newest(&self, is_newer: impl Fn(T) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low.midpoint(high);
            match self.back(middle) {
                Some(item) if is_newer(item) => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_leave() {
        let mut ring = Ring::<i64, 4>::new();
        assert_eq!((ring.len(), ring.back(0)), (0, None));
        for n in 1..=6 {
            ring.push(n);
        }
        let kept: Vec<_> = (0..5).map_while(|back| ring.back(back)).collect();
        assert_eq!(kept, [6, 5, 4, 3]);
        for newer in 0..8 {
            let want = kept.iter().filter(|item| **item > newer).count();
            assert_eq!(ring.count_newest(|item| item > newer), want);
        }
        ring.clear();
        assert_eq!((ring.len(), ring.back(0)), (0, None));
    }
}
