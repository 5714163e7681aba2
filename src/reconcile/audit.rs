//! The same comparison over any period, asked for by hand: reading only, or putting right.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::compare::{Counts, Difference};
use super::examine::{AskRaw, Examiner, Ours};
use super::from_raw::FromRaw;
use super::server::Server;
use super::trouble::{Trouble, asks_for_less};
use crate::model::{Tier, View};
use crate::server::failure::Failure;

/// Windows in one stretch of one level.
const STRETCH_WINDOWS: i64 = 1_440;

/// A server that is slow is asked for fewer at a time, but not for less than this.
const STRETCH_WINDOWS_MIN: i64 = 60;

/// A window that has just been settled is the daemon's for this long before it is judged, in seconds.
const GRACE_S: i64 = 60;

/// What to audit, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The levels.
    pub levels: Vec<Tier>,
    /// The period, in seconds since 1970; cut to what is settled and kept, level by level.
    pub from_s: i64,
    /// Its end.
    pub to_s: i64,
    /// Now.
    pub now_s: i64,
    /// Raw keeps points from here on; None: no pulses are sent there.
    pub raw_from_s: Option<i64>,
    /// Put right what differs.
    pub repair: bool,
    /// Where the journal knows less, views are recomputed from raw.
    pub from_raw: bool,
    /// Recomputing from raw may lower windows although pulses vanish by it.
    pub may_lower: bool,
    /// Recomputing from raw: tasks that book pulses late, as the Python edition's do, have written the views.
    pub late: bool,
}

/// What was found of one level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelReport {
    /// The level.
    pub level: Tier,
    /// What was compared of it, in seconds since 1970; empty where both are equal.
    pub from_s: i64,
    /// Its end.
    pub to_s: i64,
    /// By meter: pulses in the journal, in raw (None: it has expired), on the level.
    pub totals: BTreeMap<String, Totals>,
    /// The windows that differ.
    pub differences: Vec<Difference>,
    /// Raw could be read from here on, in seconds since 1970.
    pub raw_from_s: i64,
    /// Windows written, or pulses sent again.
    pub repaired: usize,
}

/// Pulses of a meter over the period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
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
        left.filter(|difference| !repair || !difference.is_put_right())
            .count()
    }
}

/// How far an audit is: what level, and which share of all (0 to 1).
pub type AuditProgress<'a> = &'a mut dyn FnMut(Tier, f64);

/// Audits.
///
/// # Errors
/// When one of the sides cannot be read, or the server does not take a repair. What was put right
/// before stays so.
pub fn audit(
    examiner: &mut Examiner<'_>,
    server: &mut dyn Server,
    options: &Options,
    progress: AuditProgress<'_>,
) -> Result<Vec<LevelReport>, Trouble> {
    let whole_from_s = match options.raw_from_s.filter(|_| options.from_raw) {
        Some(raw_from_s) => Some(raw_begins(server, raw_from_s, options.now_s)?),
        None => None,
    };
    let spans: Vec<(Tier, i64, i64)> = options
        .levels
        .iter()
        .map(|level| span(*level, options))
        .collect();
    let stretches = |(level, from_s, to_s): &(Tier, i64, i64)| {
        let stretch_s = STRETCH_WINDOWS * level.windows().width_s();
        (to_s - from_s).max(0) as f64 / stretch_s as f64
    };
    let all: f64 = spans.iter().map(stretches).sum();
    let (mut done, mut reports) = (0.0, Vec::new());
    for (level, from_s, to_s) in spans {
        let stretch_s = STRETCH_WINDOWS * level.windows().width_s();
        let whole_from_s = whole_from_s.as_ref().filter(|_| level != Tier::Raw);
        let from_raw = whole_from_s
            .map(|from_s| FromRaw::new(from_s.clone(), options.may_lower, options.late));
        let report = audit_level(
            examiner,
            server,
            options,
            (level, from_s, to_s),
            from_raw,
            &mut |looked_s| {
                done += looked_s as f64 / stretch_s as f64;
                progress(level, done / all);
            },
        )?;
        reports.push(report);
    }
    Ok(reports)
}

fn audit_level(
    examiner: &mut Examiner<'_>,
    server: &mut dyn Server,
    options: &Options,
    (level, from_s, to_s): (Tier, i64, i64),
    mut from_raw: Option<FromRaw>,
    looked: &mut dyn FnMut(i64),
) -> Result<LevelReport, Trouble> {
    let mut report = LevelReport {
        level,
        from_s,
        to_s: to_s.max(from_s),
        totals: BTreeMap::new(),
        differences: Vec::new(),
        raw_from_s: options.raw_from_s.unwrap_or(i64::MAX),
        repaired: 0,
    };
    let width_s = level.windows().width_s();
    let (mut next_s, mut windows) = (from_s, STRETCH_WINDOWS);
    looked(0);
    while next_s < to_s {
        let span = (next_s, to_s.min(next_s + windows * width_s));
        let before = from_raw.clone();
        let seen = stretch(
            examiner,
            server,
            options,
            &mut report,
            span,
            from_raw.as_mut(),
        );
        match seen {
            Ok(()) => {
                looked(span.1 - span.0);
                next_s = span.1;
            }
            Err(Trouble::Server(failure))
                if asks_for_less(&failure) && windows > STRETCH_WINDOWS_MIN =>
            {
                windows = (windows / 2).max(STRETCH_WINDOWS_MIN);
                from_raw = before;
            }
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(report)
}

/// By meter: since when raw holds everything. Its first point may stand anywhere in its hour, which begins to
/// be whole with the next one; raw may still have an hour that its retention is over for.
fn raw_begins(
    server: &mut dyn Server,
    raw_from_s: i64,
    now_s: i64,
) -> Result<BTreeMap<String, i64>, Failure> {
    let hour_s = View::Hour.width_s();
    let hours = server.raw(
        View::Hour,
        raw_from_s - hour_s,
        View::Hour.floor_s(now_s) + hour_s,
    )?;
    let mut begins: BTreeMap<String, i64> = BTreeMap::new();
    for (meter, start_s) in hours.into_keys() {
        let first = begins.entry(meter).or_insert(start_s + hour_s);
        *first = (*first).min(start_s + hour_s);
    }
    Ok(begins)
}

/// What of the period is to be compared on a level: whole windows, kept, and ours alone.
fn span(level: Tier, options: &Options) -> (Tier, i64, i64) {
    let view = level.windows();
    let kept_s = match level {
        Tier::Raw => options.raw_from_s,
        Tier::View(view) => view.kept_from_s(options.now_s),
    };
    // A window that has begun before the period is not wholly in it.
    let from_s = view.floor_s(options.from_s + view.width_s() - 1);
    let from_s = from_s.max(kept_s.unwrap_or(from_s));
    let settled_s = view.settled_before_s(options.now_s - GRACE_S);
    let to_s = if options.from_raw && level != Tier::Raw {
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
    from_raw: Option<&mut FromRaw>,
) -> Result<(), Trouble> {
    let Tier::View(view) = report.level else {
        let ours = examiner.ours(report.level.windows(), from_s, to_s)?;
        let seen = examiner.raw_read(server, (from_s, to_s), &ours)?;
        examiner.note_lost(&seen.lost)?;
        let mut differences = seen.differences;
        if options.repair {
            report.repaired += examiner.resend(server, (from_s, to_s), &mut differences)?;
        }
        add(report, &ours, &seen.counts, Some(&seen.counts));
        report.differences.extend(differences);
        return Ok(());
    };
    let ask = options.raw_from_s.map_or(AskRaw::Never, AskRaw::Always);
    let seen = examiner.view(server, view, (from_s, to_s), ask)?;
    let meters = examiner.meters();
    let sides = seen.sides(view);
    let mut differences = match from_raw {
        Some(from_raw) => from_raw.differences(&sides, &meters),
        None => sides.differences(&meters),
    };
    if options.repair {
        report.repaired += examiner.write(server, view, &mut differences)?;
    }
    let raw = seen.raw.as_ref().map(|raw| &raw.counts);
    add(report, &seen.ours, &seen.found.counts, raw);
    report.differences.extend(differences);
    Ok(())
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
