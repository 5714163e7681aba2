//! What is asked of the history: a span, and how fine. Pure.

use jiff::Timestamp;

use crate::energy::periods::{Calendar, Period, PeriodUnit};
use crate::model::View;
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

/// Up to this span the extremes of windows of up to a quarter of an hour come from minutes, and up to the other one those of
/// longer windows from five minutes.
const BY_MINUTES_MAX_S: i64 = 14 * 86_400;
const BY_FIVE_MINUTES_MAX_S: i64 = 40 * 86_400;

/// How fine the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HistoryLevel {
    Raw,
    /// Windows in UTC of so many seconds.
    Windows(i64),
    Days,
}

impl HistoryLevel {
    pub(super) const ALL: [(&'static str, HistoryLevel); 6] = [
        ("raw", HistoryLevel::Raw),
        ("1m", HistoryLevel::Windows(60)),
        ("5m", HistoryLevel::Windows(300)),
        ("15m", HistoryLevel::Windows(900)),
        ("1h", HistoryLevel::Windows(3_600)),
        ("1d", HistoryLevel::Days),
    ];

    pub(super) fn word(self) -> &'static str {
        let mut all = HistoryLevel::ALL.iter();
        all.find(|(_, level)| *level == self)
            .map_or("raw", |(word, _)| word)
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
        let points = match query.get("points") {
            None => POINTS,
            Some(text) => match text.parse() {
                Ok(points) if (POINTS_MIN..=POINTS_MAX).contains(&points) => points,
                _ => {
                    let detail = format!("\"{text}\" is no number from 10 to 2000");
                    return wrong("points", detail);
                }
            },
        };
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

    pub(super) fn too_long(self) -> Problem {
        let days = (self.to_s - self.from_s) / 86_400;
        let most = format!("{days} days have more than 2000 of these windows, or are too long");
        Problem::new(SPAN_TOO_LONG, most)
    }

    /// The begins of the windows at a level, and last the end of the last one; None: there are too many, or they are not
    /// kept for so long.
    pub(super) fn starts_s(
        self,
        level: HistoryLevel,
        calendar: &Calendar,
        now_s: i64,
    ) -> Option<Vec<i64>> {
        let HistoryLevel::Windows(width_s) = level else {
            return Some(self.days(calendar));
        };
        let view = if width_s < 300 {
            View::Minute
        } else if width_s < 3_600 {
            View::FiveMinutes
        } else {
            View::Hour
        };
        let is_kept = view.is_kept_since(self.from_s, now_s);
        let begin_s = self.from_s.div_euclid(width_s) * width_s;
        let windows = (self.to_s - begin_s + width_s - 1).div_euclid(width_s);
        let is_wanted = windows <= self.points && (is_kept || self.window.is_some());
        is_wanted.then(|| (0..=windows).map(|n| begin_s + n * width_s).collect())
    }

    /// Local days, merged where they are too many.
    fn days(self, calendar: &Calendar) -> Vec<i64> {
        let first = Period::containing(PeriodUnit::Day, calendar.date_at(self.from_s));
        let mut starts_s = Vec::new();
        for day in std::iter::successors(Some(first), |day| Some(day.next())) {
            let start_s = calendar.span(day).start_s;
            starts_s.push(start_s);
            if start_s >= self.to_s {
                break;
            }
        }
        let days = i64::try_from(starts_s.len()).unwrap_or(i64::MAX) - 1;
        let merged = usize::try_from((days + self.points - 1) / self.points).unwrap_or(1);
        let last_s = starts_s.last().copied();
        let mut starts_s: Vec<i64> = starts_s.into_iter().step_by(merged.max(1)).collect();
        if starts_s.last().copied() != last_s {
            starts_s.extend(last_s);
        }
        starts_s
    }

    /// The view from which windows of a level are counted: finer than they are, so that peaks are seen, where it is kept and
    /// not too much.
    pub(super) fn view(self, level: HistoryLevel, now_s: i64) -> View {
        let span_s = self.to_s - self.from_s;
        let is_short = |most_s| span_s <= most_s;
        let finest = match level {
            HistoryLevel::Windows(60) => View::Minute,
            HistoryLevel::Windows(width_s) if width_s < 3_600 => {
                if is_short(BY_MINUTES_MAX_S) {
                    View::Minute
                } else {
                    View::FiveMinutes
                }
            }
            _ if is_short(BY_FIVE_MINUTES_MAX_S) => View::FiveMinutes,
            _ => View::Hour,
        };
        let is_kept = |view: &View| *view >= finest && view.is_kept_since(self.from_s, now_s);
        View::ALL.into_iter().find(is_kept).unwrap_or(View::Hour)
    }
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
    let seconds = seconds.filter(|seconds| (0..=253_000_000_000).contains(seconds));
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
        ] {
            assert_eq!(of(wrong), Err("wrong-parameter"), "{wrong}");
        }
        assert_eq!(of("from=0&to=9000000000"), Err("span-too-long"));
    }

    #[test]
    fn as_many_windows_as_are_wanted_and_no_finer_than_they_are_kept() {
        let calendar = Calendar::new(TimeZone::get("Europe/Berlin").unwrap());
        let now_s = 1_792_936_800;
        let asked = |days: i64, points| HistoryAsked {
            from_s: now_s - days * 86_400,
            to_s: now_s,
            points,
            window: None,
        };
        let count = |asked: HistoryAsked, level| {
            let starts_s = asked.starts_s(level, &calendar, now_s);
            starts_s.map(|starts_s| starts_s.len() - 1)
        };
        assert_eq!(
            count(asked(1, 1_440), HistoryLevel::Windows(60)),
            Some(1_440)
        );
        assert_eq!(count(asked(1, 1_439), HistoryLevel::Windows(60)), None);
        let old = HistoryAsked {
            to_s: now_s - 400 * 86_400 + 60,
            ..asked(400, 2_000)
        };
        assert_eq!(count(old, HistoryLevel::Windows(300)), None);
        assert_eq!(count(old, HistoryLevel::Windows(3_600)), Some(1));
        let years = asked(3_652, 400);
        let days = count(years, HistoryLevel::Days).unwrap();
        assert!((300..=400).contains(&days), "{days}");
        let week = asked(7, 100)
            .starts_s(HistoryLevel::Days, &calendar, now_s)
            .unwrap();
        assert_eq!(week.len(), 9);
        assert!(week[0] <= now_s - 7 * 86_400 && week[8] >= now_s);
        // The day of the clock change has 25 hours.
        assert_eq!(week[8] - week[7], 25 * 3_600);
    }
}
