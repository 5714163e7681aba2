//! Looking back over what has been compared already: a server may have been restored from a backup,
//! or have lost a bucket, and nothing tells. Pure.

/// A sweep always looks back this far.
const BACK_S: i64 = 48 * 3_600;

/// It looks at so much at a time in the beginning.
const STRETCH_S: i64 = 24 * 3_600;

/// What a stretch has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Something was to be put right.
    Differs,
    /// Both sides agree.
    Agrees,
    /// There is nothing in it, which proves nothing.
    Nothing,
}

/// A sweep, from now backwards. It goes on, in ever longer stretches, until one agrees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    to_s: i64,
    at_least_s: i64,
    stretch_s: i64,
}

impl Sweep {
    /// A sweep back from `until_s`.
    pub fn back_from(until_s: i64) -> Sweep {
        Sweep {
            to_s: until_s,
            at_least_s: until_s - BACK_S,
            stretch_s: STRETCH_S,
        }
    }

    /// The next stretch; none is older than `oldest_s` or longer than `longest_s`. None: it is over.
    pub fn next(&self, oldest_s: i64, longest_s: i64) -> Option<(i64, i64)> {
        let from_s = (self.to_s - self.stretch_s.min(longest_s)).max(oldest_s);
        (from_s < self.to_s).then_some((from_s, self.to_s))
    }

    /// The stretch from `from_s` on has been looked at. False: the sweep is over.
    pub fn go_on(&mut self, from_s: i64, seen: Seen) -> bool {
        self.to_s = from_s;
        if from_s <= self.at_least_s {
            self.stretch_s *= 2;
            return seen != Seen::Agrees;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const H: i64 = 3_600;

    fn stretches(seen: impl Fn(i64) -> Seen, oldest_s: i64, longest_s: i64) -> Vec<(i64, i64)> {
        let mut sweep = Sweep::back_from(0);
        let mut all = Vec::new();
        while let Some((from_s, to_s)) = sweep.next(oldest_s, longest_s) {
            all.push((from_s / H, to_s / H));
            if !sweep.go_on(from_s, seen(from_s)) {
                break;
            }
        }
        all
    }

    #[test]
    fn two_days_are_looked_at_in_any_case() {
        let all = stretches(|_| Seen::Agrees, -999 * H, 999 * H);
        assert_eq!(all, [(-24, 0), (-48, -24)]);
        assert_eq!(
            stretches(|_| Seen::Agrees, -30 * H, 999 * H),
            [(-24, 0), (-30, -24)]
        );
    }

    #[test]
    fn it_goes_on_until_the_two_agree() {
        let all = stretches(
            |from_s| {
                if from_s < -72 * H {
                    Seen::Agrees
                } else {
                    Seen::Differs
                }
            },
            -999 * H,
            999 * H,
        );
        assert_eq!(all, [(-24, 0), (-48, -24), (-96, -48)]);
        let all = stretches(|_| Seen::Nothing, -500 * H, 100 * H);
        let want = [
            (-24, 0),
            (-48, -24),
            (-96, -48),
            (-192, -96),
            (-292, -192),
            (-392, -292),
            (-492, -392),
            (-500, -492),
        ];
        assert_eq!(all, want);
    }
}
