//! What is asked of the history: a span, and how fine. Pure.

use jiff::Timestamp;

use crate::energy::days::LocalDays;
use crate::energy::periods::Calendar;
use crate::journal::{FilledFrom, Grain};
use crate::model::WallNs;
use crate::web::problem::{Problem, SPAN_TOO_LONG, WRONG_PARAMETER};
use crate::web::query::Query;

/// Points of each meter: at most, at least, and where none are asked for.
const POINTS_MAX: i64 = 2_000;
const POINTS_MIN: i64 = 10;
const POINTS: i64 = 1_200;

/// A span for which single pulses are looked for.
const RAW_MAX_S: i64 = 86_400;

/// A hundred years: every day of a span is looked at.
const SPAN_MAX_S: i64 = 100 * 366 * 86_400;

/// So many windows of a meter are read at most where finer ones than are wanted show more of the extremes.
const READ_MAX: i64 = 4_100;

/// How fine the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HistoryLevel {
    Raw,
    Of(Grain),
}

impl HistoryLevel {
    pub(super) const ALL: [(&'static str, HistoryLevel); 6] = [
        ("raw", HistoryLevel::Raw),
        ("1m", HistoryLevel::Of(Grain::Minute)),
        ("5m", HistoryLevel::Of(Grain::FiveMinutes)),
        ("15m", HistoryLevel::Of(Grain::Quarter)),
        ("1h", HistoryLevel::Of(Grain::Hour)),
        ("1d", HistoryLevel::Of(Grain::Day)),
    ];

    pub(super) fn word(self) -> &'static str {
        let mut all = HistoryLevel::ALL.iter();
        all.find(|(_, level)| *level == self)
            .map_or("raw", |(word, _)| word)
    }
}

/// What of the journal tells about a span.
#[derive(Debug, Clone, Copy)]
pub(super) struct HistoryKept {
    pub(super) now_s: i64,
    pub(super) filled: FilledFrom,
    /// Of some pulses only the hour is known.
    pub(super) has_coarse: bool,
}

impl HistoryKept {
    fn tells(self, grain: Grain, from_s: i64) -> bool {
        let is_coarse = grain == Grain::Quarter && self.has_coarse;
        !is_coarse && grain.tells_since(from_s, self.now_s, self.filled)
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HistoryAsked {
    pub(super) from_s: i64,
    pub(super) to_s: i64,
    pub(super) points: i64,
    pub(super) window: Option<HistoryLevel>,
}

impl HistoryAsked {
    pub(super) fn of(query: &Query) -> Result<HistoryAsked, Problem> {
        let wrong =
            |name: &str, detail: String| Err(Problem::of_parameter(WRONG_PARAMETER, name, detail));
        let (from_s, to_s) = (moment(query, "from")?, moment(query, "to")?);
        if to_s <= from_s {
            let problem = Problem::of_parameter(WRONG_PARAMETER, "to", "it is not after `from`");
            return Err(problem.remedy("Let `to` be later than `from`."));
        }
        let window = match query.get("window") {
            None => None,
            Some(_) if query.get("points").is_some() => {
                return wrong("window", "not both of window and points".to_owned());
            }
            Some(word) => match HistoryLevel::ALL.iter().find(|(known, _)| *known == word) {
                Some((_, level)) => Some(*level),
                None => {
                    let detail = format!("\"{word}\" is none of raw, 1m, 5m, 15m, 1h, 1d");
                    return wrong("window", detail);
                }
            },
        };
        let points = query.number("points", POINTS_MIN..=POINTS_MAX)?;
        let points = points.unwrap_or(POINTS);
        let asked = HistoryAsked {
            from_s,
            to_s,
            points: if window.is_some() { POINTS_MAX } else { points },
            window,
        };
        if to_s - from_s > SPAN_MAX_S {
            return Err(asked.too_long());
        }
        Ok(asked)
    }

    pub(super) fn may_be_raw(self) -> bool {
        matches!(self.window, None | Some(HistoryLevel::Raw))
            && self.to_s - self.from_s <= RAW_MAX_S
    }

    /// Whether quarters of an hour may be read for it: else they are too many.
    pub(super) fn may_be_quarters(self) -> bool {
        self.windows(Grain::Quarter) <= READ_MAX
    }

    pub(super) fn too_long(self) -> Problem {
        let days = (self.to_s - self.from_s) / 86_400;
        let most = format!("{days} days have more than 2000 of these windows, or are too long");
        Problem::new(SPAN_TOO_LONG, most)
    }

    /// The level of the answer, and where its windows begin, and last where the last one ends: the finest that is kept of all
    /// of the span, and is not finer than was asked for, or than the points allow.
    ///
    /// # Errors
    /// When the span has too many of the windows that were asked for.
    pub(super) fn level(
        self,
        calendar: &Calendar,
        kept: HistoryKept,
    ) -> Result<(Grain, Vec<i64>), Problem> {
        let finest = match self.window {
            Some(HistoryLevel::Of(grain)) => grain,
            _ => Grain::Minute,
        };
        let mut grains = Grain::ALL.into_iter();
        let is_fine = |grain: &Grain| {
            let is_few = self.window.is_some() || self.windows(*grain) <= self.points;
            *grain == Grain::Day || (is_few && kept.tells(*grain, self.from_s))
        };
        let grain = grains.find(|grain| *grain >= finest && is_fine(grain));
        let grain = grain.unwrap_or(Grain::Day);
        if grain < Grain::Day {
            if self.windows(grain) > self.points {
                return Err(self.too_long());
            }
            return Ok((grain, self.starts_s(grain, calendar)));
        }
        let days_s = self.starts_s(grain, calendar);
        let days = i64::try_from(days_s.len()).unwrap_or(i64::MAX) - 1;
        if self.window.is_some() && days > self.points {
            return Err(self.too_long());
        }
        Ok((
            grain,
            merged(&days_s, (days + self.points - 1) / self.points),
        ))
    }

    /// How many windows the span has; of days, about.
    fn windows(self, grain: Grain) -> i64 {
        let width_s = grain.width_s();
        (self.to_s - floor_s(self.from_s, width_s) + width_s - 1).div_euclid(width_s)
    }

    /// Where windows of the span begin, and last where the last one ends.
    pub(super) fn starts_s(self, grain: Grain, calendar: &Calendar) -> Vec<i64> {
        if grain == Grain::Day {
            let days = LocalDays::covering(calendar, self.from_s, self.to_s);
            let end_s = days.iter().next_back().map(|day| day.end_s);
            return days.iter().map(|day| day.start_s).chain(end_s).collect();
        }
        let width_s = grain.width_s();
        let begin_s = floor_s(self.from_s, width_s);
        let starts = (0..=self.windows(grain)).map(|n| begin_s + n * width_s);
        starts.collect()
    }

    /// From what windows of a level are counted: finer ones than they are, so that peaks are seen that happened before gaps
    /// between pulses were kept, where those are there and not too many.
    pub(super) fn read_from(self, level: Grain, kept: HistoryKept) -> Grain {
        let mut grains = Grain::ALL.into_iter();
        let is_good = |grain: &Grain| {
            *grain == level || (self.windows(*grain) <= READ_MAX && kept.tells(*grain, self.from_s))
        };
        grains.find(is_good).unwrap_or(level)
    }
}

fn floor_s(wall_s: i64, width_s: i64) -> i64 {
    wall_s.div_euclid(width_s) * width_s
}

/// So many days each as one.
fn merged(days_s: &[i64], each: i64) -> Vec<i64> {
    let each = usize::try_from(each.max(1)).unwrap_or(1);
    let mut starts_s: Vec<i64> = days_s.iter().copied().step_by(each).collect();
    let last_s = days_s.last().copied();
    if starts_s.last().copied() != last_s {
        starts_s.extend(last_s);
    }
    starts_s
}

/// A time as RFC 3339 with an offset, or as seconds since 1970.
fn moment(query: &Query, name: &str) -> Result<i64, Problem> {
    let wrong = |detail: String| Problem::of_parameter(WRONG_PARAMETER, name, detail);
    let text = query
        .get(name)
        .ok_or_else(|| wrong("it is missing".to_owned()))?;
    // A plus sign of an offset that was not encoded has become a space.
    let text = text.replace(' ', "+");
    let seconds = text.parse::<i64>().ok();
    let seconds = seconds.or_else(|| Some(text.parse::<Timestamp>().ok()?.as_second()));
    let seconds = seconds.filter(|seconds| (0..=WallNs::MAX.s()).contains(seconds));
    seconds.ok_or_else(|| {
        let example = "such as 2026-10-25T00:00:00+02:00 or 1792879200";
        wrong(format!("\"{text}\" is no time {example}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn of(query: &str) -> Result<HistoryAsked, &'static str> {
        let uri: axum::http::Uri = format!("/x?{query}").parse().unwrap();
        let query = Query::of(&uri, &["from", "to", "points", "window"]);
        query
            .and_then(|query| HistoryAsked::of(&query))
            .map_err(|problem| problem.kind.word)
    }

    #[test]
    fn spans_are_read_and_what_is_wrong_is_refused() {
        let asked = of("from=2026-10-25T00:00:00%2B02:00&to=2026-10-25T00:00:01+02:00").unwrap();
        assert_eq!((asked.from_s, asked.to_s), (1_792_879_200, 1_792_879_201));
        for wrong in [
            "from=1",
            "from=2&to=1",
            "from=1&to=1",
            "from=1&to=x",
            "from=1&to=9&points=9",
            "from=1&to=9&points=2001",
            "from=1&to=9&window=2m",
            "from=1&to=9&window=1m&points=10",
            "from=1&to=9223372036854775807",
            "from=9223372036&to=9223372037",
            "from=9999-01-01T00:00:00Z&to=9999-01-01T00:00:01Z",
        ] {
            assert_eq!(of(wrong), Err("wrong-parameter"), "{wrong}");
        }
        assert_eq!(of("from=0&to=9000000000"), Err("span-too-long"));
    }

    const NOW_S: i64 = 1_792_936_800;

    /// Up to now.
    fn asked(days: i64, points: i64) -> HistoryAsked {
        HistoryAsked {
            from_s: NOW_S - days * 86_400,
            to_s: NOW_S,
            points,
            window: None,
        }
    }

    fn kept(has_coarse: bool, quarters_from_s: i64) -> HistoryKept {
        HistoryKept {
            now_s: NOW_S,
            filled: FilledFrom::of_quarters(quarters_from_s),
            has_coarse,
        }
    }

    fn level(asked: HistoryAsked, kept: HistoryKept) -> Option<(Grain, usize)> {
        let calendar = Calendar::new(TimeZone::get("Europe/Berlin").unwrap());
        let (grain, starts_s) = asked.level(&calendar, kept).ok()?;
        assert!(starts_s[0] <= asked.from_s && starts_s[starts_s.len() - 1] >= asked.to_s);
        Some((grain, starts_s.len() - 1))
    }

    #[test]
    fn as_many_windows_as_are_wanted_and_no_finer_than_they_are_kept() {
        let all = kept(false, 0);
        assert_eq!(level(asked(1, 1_440), all), Some((Grain::Minute, 1_440)));
        assert_eq!(level(asked(1, 1_439), all), Some((Grain::FiveMinutes, 288)));
        assert_eq!(level(asked(10, 1_000), all), Some((Grain::Quarter, 960)));
        let old = HistoryAsked {
            to_s: NOW_S - 400 * 86_400 + 60,
            ..asked(400, 2_000)
        };
        assert_eq!(level(old, all), Some((Grain::Quarter, 1)));
        for kept in [kept(true, 0), kept(false, NOW_S)] {
            assert_eq!(level(old, kept), Some((Grain::Hour, 1)));
        }
        let (grain, days) = level(asked(3_652, 400), all).unwrap();
        assert!(grain == Grain::Day && (300..=400).contains(&days), "{days}");
    }

    #[test]
    fn windows_that_are_asked_for_and_have_left_are_answered_by_coarser_ones() {
        let by = |days, width| HistoryAsked {
            to_s: NOW_S - days * 86_400 + 7_200,
            window: Some(HistoryLevel::Of(width)),
            ..asked(days, POINTS_MAX)
        };
        let all = kept(false, 0);
        assert_eq!(level(by(9, Grain::Minute), all), Some((Grain::Minute, 120)));
        let found = level(by(99, Grain::Minute), all);
        assert_eq!(found, Some((Grain::FiveMinutes, 24)));
        assert_eq!(
            level(by(999, Grain::Minute), all),
            Some((Grain::Quarter, 8))
        );
        let found = level(by(999, Grain::Minute), kept(true, 0));
        assert_eq!(found, Some((Grain::Hour, 2)));
        assert_eq!(level(by(9, Grain::Hour), all), Some((Grain::Hour, 2)));
        let too_many = HistoryAsked {
            window: Some(HistoryLevel::Of(Grain::Minute)),
            ..asked(2, POINTS_MAX)
        };
        assert_eq!(level(too_many, all), None);
    }

    #[test]
    fn the_day_of_the_clock_change_has_25_hours() {
        let calendar = Calendar::new(TimeZone::get("Europe/Berlin").unwrap());
        let week = asked(7, 100).starts_s(Grain::Day, &calendar);
        assert_eq!(week.len(), 9);
        assert!(week[0] <= NOW_S - 7 * 86_400 && week[8] >= NOW_S);
        assert_eq!(week[8] - week[7], 25 * 3_600);
    }

    #[test]
    fn finer_windows_are_read_where_they_are_few() {
        let all = kept(false, 0);
        let read = |days, level| asked(days, 1_200).read_from(level, all);
        assert_eq!(read(2, Grain::Hour), Grain::Minute);
        assert_eq!(read(10, Grain::Hour), Grain::FiveMinutes);
        assert_eq!(read(40, Grain::Hour), Grain::Quarter);
        assert_eq!(read(80, Grain::Hour), Grain::Hour);
        assert_eq!(read(300, Grain::Day), Grain::Day);
        assert_eq!(read(2, Grain::Minute), Grain::Minute);
    }
}
