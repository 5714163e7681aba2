//! The same comparison over any period, asked for by hand: reading only, or putting right.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::{Counts, Difference, Found, Sides, Verdict};
use super::examine::{Examiner, Ours, Trouble};
use super::server::Server;
use crate::rollup::{Level, View};

/// Windows in one stretch of one level.
const STRETCH_WINDOWS: i64 = 1_440;

/// What to audit, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The levels.
    pub levels: Vec<Level>,
    /// The period, in seconds since 1970; cut to what is settled and kept, level by level.
    pub from_s: i64,
    /// Its end.
    pub to_s: i64,
    /// Now.
    pub now_s: i64,
    /// Raw keeps points from here on.
    pub raw_from_s: i64,
    /// Put right what differs.
    pub repair: bool,
    /// Where the journal knows less, views are recomputed from raw.
    pub from_raw: bool,
}

/// What was found of one level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelReport {
    /// The level.
    pub level: Level,
    /// What was compared of it, in seconds since 1970; empty where both are equal.
    pub from_s: i64,
    /// Its end.
    pub to_s: i64,
    /// By meter: pulses in the journal, in raw (None: it has expired), on the level.
    pub totals: BTreeMap<String, Totals>,
    /// The windows that differ.
    pub differences: Vec<Difference>,
    /// Windows written, or pulses sent again.
    pub repaired: usize,
}

/// Pulses of a meter over the period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// In the journal.
    pub journal: i64,
    /// In raw, as far as that reaches.
    pub raw: Option<i64>,
    /// In the level's bucket.
    pub server: i64,
}

impl LevelReport {
    /// Windows that differ and were not put right.
    pub fn left(&self, repair: bool) -> usize {
        let left = self.differences.iter();
        left.filter(|difference| !repair || difference.verdict == Verdict::Foreign)
            .count()
    }
}

/// How far an audit is: what level, and which share of all (0 to 1).
pub type Progress<'a> = &'a mut dyn FnMut(Level, f64);

/// Audits.
///
/// # Errors
/// When one of the sides cannot be read, or the server does not take a repair. What was put right
/// before stays so.
pub fn audit(
    examiner: &mut Examiner<'_>,
    server: &mut dyn Server,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Vec<LevelReport>, Trouble> {
    // Views are recomputed from the first hour that raw has.
    let raw_first_s = if options.from_raw {
        let hours = server.raw(
            View::Hour,
            options.raw_from_s,
            View::Hour.floor_s(options.now_s),
        )?;
        hours.keys().map(|(_, start_s)| *start_s).min()
    } else {
        None
    };
    let spans: Vec<(Level, i64, i64)> = options
        .levels
        .iter()
        .map(|level| span(*level, options, raw_first_s))
        .collect();
    let stretches = |(level, from_s, to_s): &(Level, i64, i64)| {
        let stretch_s = STRETCH_WINDOWS * level.windows().width_s();
        (to_s - from_s).max(0) as f64 / stretch_s as f64
    };
    let all: f64 = spans.iter().map(stretches).sum();
    let (mut done, mut reports) = (0.0, Vec::new());
    for (level, from_s, to_s) in spans {
        let mut report = LevelReport {
            level,
            from_s,
            to_s: to_s.max(from_s),
            totals: BTreeMap::new(),
            differences: Vec::new(),
            repaired: 0,
        };
        let stretch_s = STRETCH_WINDOWS * level.windows().width_s();
        let mut next_s = from_s;
        while next_s < to_s {
            progress(level, done / all);
            let end_s = to_s.min(next_s + stretch_s);
            let raw_wins = raw_first_s.is_some_and(|first_s| first_s <= next_s);
            let end_s = match raw_first_s {
                // A stretch is wholly within raw or not at all.
                Some(first_s) if next_s < first_s => end_s.min(first_s),
                _ => end_s,
            };
            stretch(
                examiner,
                server,
                options,
                &mut report,
                (next_s, end_s),
                raw_wins,
            )?;
            done += (end_s - next_s) as f64 / stretch_s as f64;
            next_s = end_s;
        }
        reports.push(report);
    }
    Ok(reports)
}

/// What of the period is to be compared on a level: whole windows, kept, and nobody's but ours.
fn span(level: Level, options: &Options, raw_first_s: Option<i64>) -> (Level, i64, i64) {
    let view = level.windows();
    let kept_s = match level {
        Level::Raw => Some(options.raw_from_s),
        Level::View(view) => view.kept_from_s(options.now_s),
    };
    // A window that has begun before the period is not wholly in it.
    let from_s = view.floor_s(options.from_s + view.width_s() - 1);
    let from_s = from_s.max(kept_s.unwrap_or(from_s));
    let settled_s = view.settled_before_s(options.now_s);
    let to_s = if raw_first_s.is_some() && level != Level::Raw {
        // From raw the tasks would write the same: no need to wait.
        view.floor_s(options.now_s)
    } else {
        settled_s
    };
    (level, from_s, view.floor_s(options.to_s).min(to_s))
}

fn stretch(
    examiner: &mut Examiner<'_>,
    server: &mut dyn Server,
    options: &Options,
    report: &mut LevelReport,
    (from_s, to_s): (i64, i64),
    raw_wins: bool,
) -> Result<(), Trouble> {
    let view = report.level.windows();
    let ours = examiner.ours(view, from_s, to_s)?;
    match report.level {
        Level::Raw => {
            let (raw, differences) = examiner.raw_read(server, (from_s, to_s), &ours)?;
            add(report, &ours, &raw, Some(&raw));
            if options.repair {
                report.repaired += examiner.resend(server, (from_s, to_s), &differences)?;
            }
            report.differences.extend(differences);
        }
        Level::View(view) => {
            let found = server.view(view, from_s, to_s)?;
            let raw = if from_s >= options.raw_from_s {
                Some(server.raw(view, from_s, to_s)?)
            } else {
                None
            };
            add(report, &ours, &found.counts, raw.as_ref());
            let differences = differences(examiner, view, &ours, raw.as_ref(), &found, raw_wins);
            if options.repair {
                report.repaired += examiner.write(server, view, &differences)?;
            }
            report.differences.extend(differences);
        }
    }
    Ok(())
}

fn differences(
    examiner: &Examiner<'_>,
    view: View,
    ours: &Ours,
    raw: Option<&Counts>,
    found: &Found,
    raw_wins: bool,
) -> Vec<Difference> {
    let sides = Sides {
        view,
        journal: &ours.counts,
        coverage: &ours.coverage,
        raw,
        found,
        raw_wins,
    };
    sides.differences(&examiner.meters())
}

/// Adds a stretch to the totals.
fn add(report: &mut LevelReport, ours: &Ours, server: &Counts, raw: Option<&Counts>) {
    let sides = [&ours.counts, server].into_iter().chain(raw);
    let meters: BTreeSet<&String> = sides.flatten().map(|((meter, _), _)| meter).collect();
    for meter in meters {
        let sum = |counts: &Counts| -> i64 {
            let of_meter = counts.iter().filter(|((of, _), _)| of == meter);
            of_meter.map(|(_, pulses)| pulses).sum()
        };
        let totals = report.totals.entry(meter.clone()).or_default();
        totals.journal += sum(&ours.counts);
        totals.server += sum(server);
        if let Some(raw) = raw {
            *totals.raw.get_or_insert(0) += sum(raw);
        }
    }
}
