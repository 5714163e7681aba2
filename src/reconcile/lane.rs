//! One level's own pace: what of it is to be compared next, and what is still to be looked at once more.
//! Pure.
//!
//! What has been compared may be lost later: a server may have been restored from a backup, or have
//! lost a bucket, and nothing tells. So the newest two days are looked at again at the start, once a day,
//! and when the server has been away; everything once a week, and at once where something was missing. A
//! look only ever adds to what is still to be looked at: none makes an older one shorter.

use std::collections::HashMap;

use super::compare::{Difference, WindowVerdict};
use super::held::Held;
use crate::clock::elapsed::LEAP_MAX_NS;
use crate::journal::{Changed, Compared, Looked};
use crate::model::Spans;
use crate::model::Tier;
use crate::model::{MonoNs, NS_PER_S};
use crate::server::request_size::RequestSize;

/// Changed windows that are looked at together.
pub(super) const CHANGED_MAX: usize = 500;

/// Windows in a stretch, over all meters: what a query's answer may cost in memory.
const WINDOWS_MAX: usize = 6_000;

/// A server that is slow is not asked for less than this.
const WINDOWS_MIN: usize = 60;

/// After so many stretches a size that was halved is doubled again.
const REGROW_AFTER: u32 = 20;

/// A look goes back this far at least.
const BACK_S: i64 = 48 * 3_600;

/// All that is kept is looked at this often.
const ALL_EVERY_S: i64 = 7 * 86_400;

/// Why a stretch is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StretchKind {
    /// It is due for the first time.
    Ahead,
    /// Windows in it have changed.
    Changed,
    /// To be sure.
    Look,
}

/// A stretch of windows to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) kind: StretchKind,
    pub(super) from_s: i64,
    pub(super) to_s: i64,
    pub(super) changed: Vec<Changed>,
}

/// What of a level can be compared now, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Windows before this are not kept.
    pub(super) oldest_s: i64,
    /// Windows from this on are not ours yet.
    pub(super) edge_s: i64,
    /// No task reaches windows before this any more.
    pub(super) settled_s: i64,
}

/// What has to be kept in the journal before the lane may go on: what was mended must not look, after a
/// crash, as if nothing had been missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeping {
    /// Nothing.
    Nothing,
    /// That this span is to be looked at.
    Span(i64, i64),
    /// Where raw has lost points.
    Lost,
    /// It is committed.
    Committed,
    /// So many commits have to be durable.
    Durable(u64),
}

/// A level.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) level: Tier,
    /// What is compared, and what is to be looked at.
    pub(super) known: Compared,
    pub(super) failures: u32,
    pub(super) not_before_ns: MonoNs,
    pub(super) trouble: Option<(&'static str, String)>,
    pub(super) keeping: Keeping,
    /// Where raw has lost points, until that is kept.
    pub(super) lost: Spans,
    /// Lines in a request.
    pub(super) size: RequestSize,
    /// Windows that were young then are compared as soon as they are settled, not by the hour.
    pub(super) catch_up_s: Option<i64>,
    /// The server has dropped what was written for the time before this.
    pub(super) dropped_before_s: i64,
    /// Windows that could not be put right: they are not tried again until the next look over all.
    pub(super) hopeless: Spans,
    /// Windows that the server does not take: tried again now and then.
    pub(super) held: Held,
    windows: usize,
    went_well: u32,
    /// Windows before this that were not equal are not kept any more, and that is not kept yet.
    cut_s: Option<i64>,
    /// Changes that have been compared and may still stand in the journal: it is told late.
    compared: HashMap<i64, i64>,
}

impl Lane {
    pub(super) fn new(level: Tier, known: Compared, lines_max: usize) -> Lane {
        Lane {
            level,
            known,
            failures: 0,
            not_before_ns: 0,
            trouble: None,
            keeping: Keeping::Nothing,
            lost: Spans::default(),
            size: RequestSize::new(lines_max),
            catch_up_s: None,
            dropped_before_s: i64::MIN,
            hopeless: Spans::default(),
            held: Held::default(),
            windows: WINDOWS_MAX,
            went_well: 0,
            cut_s: None,
            compared: HashMap::new(),
        }
    }

    /// Begins a look at what was compared before. `newest_s`: the start of the newest window in the
    /// journal that is not younger than that.
    pub(super) fn look_back(&mut self, newest_s: Option<i64>, bounds: Bounds, now_s: i64) {
        let Some(until_s) = self.known.until_s else {
            return;
        };
        let end_s = compared_end_s(until_s, bounds.edge_s);
        let until_s = until_s.min(bounds.edge_s);
        let width_s = self.level.windows().width_s();
        // Hours without a pulse prove nothing.
        let newest_s = newest_s.map_or(until_s, |start_s| until_s.min(start_s + width_s));
        let from_s = (newest_s - BACK_S).max(bounds.oldest_s);
        self.known.to_look.add(from_s, end_s);
        self.known.from_s = from_s;
        let since_s = now_s - self.known.all_s;
        if !(0..ALL_EVERY_S).contains(&since_s) {
            self.known.to_look.add(bounds.oldest_s, end_s);
            self.known.from_s = from_s.min(bounds.oldest_s);
            self.known.all_s = now_s;
            self.hopeless = Spans::default();
            self.dropped_before_s = i64::MIN;
        }
    }

    /// Leaves out what could not be put right before.
    pub(super) fn leave_out_hopeless(
        &mut self,
        stretch: &Stretch,
        differences: &mut Vec<Difference>,
    ) {
        let width_s = self.level.windows().width_s();
        for window in &stretch.changed {
            // Pulses that have come since may be put right.
            self.hopeless
                .remove(window.start_s, window.start_s + width_s);
        }
        let hopeless = &self.hopeless;
        differences.retain(|d| !hopeless.covers(d.start_s, d.start_s + width_s));
    }

    /// Whether a difference says that something has been lost that was there: in a look, or beside windows
    /// that have changed. What the server has not taken before says nothing.
    pub(super) fn is_a_loss(&self, stretch: &Stretch, difference: &Difference) -> bool {
        let start_s = difference.start_s;
        let end_s = start_s + self.level.windows().width_s();
        let changed = || stretch.changed.iter().any(|w| w.start_s == start_s);
        stretch.kind != StretchKind::Ahead
            && difference.verdict != WindowVerdict::Foreign
            && !self.held.windows().covers(start_s, end_s)
            && !changed()
    }

    /// Something was missing in this stretch: whatever is older is looked at, too, and where it was no look
    /// that has found it, also what is newer. False: it is, already.
    pub(super) fn deepen(&mut self, stretch: &Stretch, bounds: Bounds) -> bool {
        let oldest_s = bounds.oldest_s;
        let from_s = match stretch.kind {
            StretchKind::Look => stretch.from_s,
            StretchKind::Ahead | StretchKind::Changed => {
                let until_s = self.known.until_s.unwrap_or(stretch.to_s);
                compared_end_s(until_s, bounds.edge_s)
            }
        };
        if self.known.to_look.covers(oldest_s, from_s) {
            return false;
        }
        self.known.to_look.add(oldest_s, from_s);
        self.known.from_s = self.known.from_s.min(oldest_s);
        self.keeping = Keeping::Span(oldest_s, from_s);
        true
    }

    /// Raw has lost points here; `kept`: where it is known to have lost some. True: that has to be kept before it is
    /// mended.
    pub(super) fn notes_lost(&mut self, lost: Spans, kept: &Spans) -> bool {
        if kept.covers_all(&lost) {
            return false;
        }
        (self.lost, self.keeping) = (lost, Keeping::Lost);
        true
    }

    /// A clock that was years ahead once has led too far: comparing goes on where it is now.
    pub(super) fn pull_back(&mut self, edge_s: i64) {
        let until_s = self.known.until_s;
        self.known.until_s = until_s.map(|until_s| compared_end_s(until_s, edge_s));
        self.catch_up_s = self.catch_up_s.filter(|young_s| *young_s <= led_s(edge_s));
    }

    /// Removes what is not kept any more from what is to be compared. Returns the changed windows among it.
    pub(super) fn forget(&mut self, changed: &mut Vec<Changed>, oldest_s: i64) -> Vec<Changed> {
        self.known.to_look.remove(i64::MIN / 2, oldest_s);
        let unequal = &mut self.known.unequal;
        if unequal
            .iter()
            .next()
            .is_some_and(|(from_s, _)| from_s < oldest_s)
        {
            unequal.remove(i64::MIN / 2, oldest_s);
            self.cut_s = Some(oldest_s);
        }
        changed.retain(|window| self.compared.get(&window.start_s) != Some(&window.roll));
        let (gone, rest) = changed.iter().partition(|window| window.start_s < oldest_s);
        *changed = rest;
        let gone: Vec<Changed> = gone;
        self.note_compared(&gone);
        gone
    }

    /// What to compare next. `look`: the server can be read.
    pub(super) fn next(
        &self,
        mut changed: Vec<Changed>,
        bounds: Bounds,
        meters: usize,
        look: bool,
    ) -> Option<Stretch> {
        let width_s = self.level.windows().width_s();
        let windows = (self.windows / meters.max(1)).max(WINDOWS_MIN);
        let longest_s = i64::try_from(windows).unwrap_or(60) * width_s;
        if let Some(first) = changed.first() {
            let from_s = first.start_s;
            changed.retain(|window| window.start_s < from_s + longest_s);
            let to_s = changed.last().map_or(from_s, |window| window.start_s) + width_s;
            return Some(Stretch {
                kind: StretchKind::Changed,
                from_s,
                to_s,
                changed,
            });
        }
        let stretch = |kind, from_s, to_s| {
            Some(Stretch {
                kind,
                from_s,
                to_s,
                changed: Vec::new(),
            })
        };
        let from_s = self.known.until_s.unwrap_or(bounds.oldest_s);
        let from_s = from_s.max(bounds.oldest_s);
        if from_s < bounds.edge_s {
            let to_s = bounds.edge_s.min(from_s + longest_s);
            return stretch(StretchKind::Ahead, from_s, to_s);
        }
        let due_s = bounds.edge_s.min(bounds.settled_s);
        let mut due = self.known.to_look.within(bounds.oldest_s, due_s);
        for (from_s, to_s) in self.held.waiting().iter() {
            due.remove(from_s, to_s);
        }
        let (from_s, to_s) = due.iter().next_back().filter(|_| look)?;
        stretch(StretchKind::Look, from_s.max(to_s - longest_s), to_s)
    }

    /// A stretch has been compared and put right, but for the windows in `unequal`.
    /// Returns what is to be kept of it.
    pub(super) fn done(
        &mut self,
        stretch: &Stretch,
        unequal: Spans,
        bounds: Bounds,
        now_s: i64,
    ) -> Looked {
        self.went_well += 1;
        if self.went_well >= REGROW_AFTER && self.windows < WINDOWS_MAX {
            self.windows = (self.windows * 2).min(WINDOWS_MAX);
            self.went_well = 0;
        }
        let (from_s, to_s) = (stretch.from_s, stretch.to_s);
        match stretch.kind {
            StretchKind::Ahead => {
                if self.known.until_s.is_none() {
                    (self.known.from_s, self.known.all_s) = (from_s, now_s);
                }
                self.known.until_s = Some(to_s);
                // A task that should not be there may still write them.
                self.known.to_look.add(from_s.max(bounds.settled_s), to_s);
            }
            StretchKind::Changed => self.note_compared(&stretch.changed),
            StretchKind::Look => self.known.to_look.remove(from_s, to_s),
        }
        for (from_s, to_s) in self.held.windows().within(from_s, to_s).iter() {
            self.known.to_look.add(from_s, to_s);
        }
        let before = self.known.unequal.within(from_s, to_s);
        if before == unequal {
            return self.looked();
        }
        let cut_s = self.cut_s.take();
        let mut looked = self.looked();
        self.cut_s = cut_s;
        self.known.unequal.remove(from_s, to_s);
        self.known.unequal.add_all(&unequal);
        looked.unequal = Some(((from_s, to_s), unequal));
        looked
    }

    /// How the look stands.
    pub(super) fn looked(&mut self) -> Looked {
        let cut_s = self.cut_s.take();
        Looked {
            to_look: self.known.to_look.clone(),
            from_s: self.known.from_s,
            all_s: self.known.all_s,
            unequal: cut_s.map(|cut_s| ((i64::MIN / 2, cut_s), Spans::default())),
            lost: self.lost.clone(),
            at_once: self.keeping != Keeping::Nothing,
        }
    }

    /// The server took too long over a stretch, or found it too large.
    pub(super) fn ask_for_less(&mut self) {
        self.windows = (self.windows / 2).max(WINDOWS_MIN);
        self.went_well = 0;
    }

    fn note_compared(&mut self, changed: &[Changed]) {
        if self.compared.len() > 4 * CHANGED_MAX {
            // They are long gone from the journal, or are compared once more.
            self.compared.clear();
        }
        let compared = changed.iter().map(|w| (w.start_s, w.roll));
        self.compared.extend(compared);
    }
}

/// Where a look at all that was compared ends. A clock that was ahead once has led beyond the edge: what was compared there is
/// looked at when the edge has come to it, but not where it was ahead by years.
fn compared_end_s(until_s: i64, edge_s: i64) -> i64 {
    if until_s > led_s(edge_s) {
        edge_s
    } else {
        until_s
    }
}

/// What was compared beyond this was compared by a clock that was years ahead.
fn led_s(edge_s: i64) -> i64 {
    edge_s.saturating_add(LEAP_MAX_NS / NS_PER_S)
}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;
