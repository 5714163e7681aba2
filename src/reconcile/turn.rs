//! One turn of a lane: reads both sides of a stretch, and writes what is to be put right.

use super::compare::{Difference, Failed, WindowVerdict};
use super::examine::{AskRaw, Examiner, unread};
use super::lane::{Bounds, Keeping, Stretch, StretchKind};
use super::reconciler::Reconciler;
use super::server::Server;
use super::tell;
use super::trouble::Trouble;
use crate::config::Downsampling;
use crate::journal::{JournalError, Mark};
use crate::model::NS_PER_S;
use crate::model::Spans;
use crate::model::{Tier, View};
use crate::server::failure::Failure;

/// A day that the server does not take is tried again after this.
const HELD_NS: i64 = 3_600 * NS_PER_S;

/// What a turn has come to.
pub(super) enum Turn {
    /// The stretch is put right, as far as that is ours. These windows are not equal, and are left so.
    Done(Spans),
    /// Something is missing: that everything older is to be looked at, and where raw has lost points, has to be kept
    /// before it is mended. Killed afterwards, the next run would find this stretch in order, and stop.
    KeepFirst,
    /// The server answers no queries. What can be done without is done in the next turn.
    Unreadable,
}

impl Reconciler {
    /// Raw holds everything from here on.
    pub(super) fn raw_from_s(&self, now_s: i64) -> i64 {
        View::Hour.floor_s(now_s - i64::from(self.retention_d) * 86_400) + View::Hour.width_s()
    }

    /// What compares a lane with the server, and the server.
    fn examiner(&mut self, index: usize) -> (Examiner<'_>, &mut dyn Server) {
        let examiner = Examiner {
            reader: Some(&mut self.reader),
            destination: Some(self.destination),
            names: &self.names,
            measurement: &self.measurement,
            lost: Spans::default(),
            notes_in: None,
            extras: &self.extras,
            by_now: false,
            size: &mut self.lanes[index].size,
        };
        (examiner, self.server.as_mut())
    }

    /// Compares a stretch and puts right what is to be put right.
    pub(super) fn turn(
        &mut self,
        index: usize,
        stretch: &Stretch,
        bounds: Bounds,
    ) -> Result<Turn, Trouble> {
        self.names = self.reader.meter_names()?;
        self.extras.read(&self.reader)?;
        let ask = self.ask_raw(stretch, bounds);
        let (level, readable) = (self.lanes[index].level, self.readable);
        let span = (stretch.from_s, stretch.to_s);
        let (mut examiner, server) = self.examiner(index);
        let mut lost = Spans::default();
        let read = match level {
            Tier::Raw => examiner.raw(server, span).map(|seen| {
                lost = seen.lost;
                seen.differences
            }),
            Tier::View(view) if readable => examiner
                .view(server, view, span, ask)
                .map(|seen| seen.sides(view).differences(&examiner.meters())),
            Tier::View(view) => Ok(unread(view, &examiner.ours(view, span.0, span.1)?)),
        };
        let mut differences = match read {
            Ok(differences) => differences,
            Err(Trouble::Server(failure))
                if self.downsampling == Downsampling::Client && has_no_queries(&failure) =>
            {
                self.readable = false;
                return Ok(Turn::Unreadable);
            }
            Err(trouble) => return Err(trouble),
        };
        if !lost.is_empty() {
            let known = self.reader.raw_lost(self.destination)?;
            if self.lanes[index].notes_lost(lost, &known) {
                return Ok(Turn::KeepFirst);
            }
        }
        let lane = &mut self.lanes[index];
        lane.leave_out_hopeless(stretch, &mut differences);
        // Where nothing can be read nothing is known to be missing.
        if self.readable
            && differences.iter().any(|d| lane.is_a_loss(stretch, d))
            && lane.deepen(stretch, bounds)
        {
            return Ok(Turn::KeepFirst);
        }
        let done = self.put_right(index, span, &mut differences)?;
        tell::differences(level, stretch, &differences, done, self.readable);
        Ok(Turn::Done(self.note_failed(
            index,
            span,
            &differences,
            done,
        )))
    }

    /// Notes what could not be put right. Returns the windows that are not equal, and are left so.
    fn note_failed(
        &mut self,
        index: usize,
        span: (i64, i64),
        differences: &[Difference],
        done: usize,
    ) -> Spans {
        let now_ns = self.clock.mono_ns();
        let lane = &mut self.lanes[index];
        let view = lane.level.windows();
        lane.held.compared(span.0, span.1);
        for difference in differences {
            let window = (difference.start_s, difference.start_s + view.width_s());
            let Some(why) = difference.failed else {
                continue;
            };
            match why {
                Failed::Held => lane
                    .held
                    .hold(window, now_ns, now_ns.saturating_add(HELD_NS)),
                Failed::Dropped | Failed::Gone => lane.hopeless.add(window.0, window.1),
            }
            // Pulses that have left the journal say nothing about those before them.
            if why == Failed::Dropped && done == 0 {
                lane.dropped_before_s = lane.dropped_before_s.max(window.1);
                lane.known.from_s = lane.known.from_s.max(window.1);
            }
        }
        let mut unequal = unequal(view, differences);
        unequal.add_all(&lane.hopeless.within(span.0, span.1));
        unequal
    }

    /// Writes what differs. Returns how many windows or pulses the server has taken.
    fn put_right(
        &mut self,
        index: usize,
        span: (i64, i64),
        differences: &mut [Difference],
    ) -> Result<usize, Trouble> {
        let level = self.lanes[index].level;
        let (mut examiner, server) = self.examiner(index);
        match level {
            Tier::Raw => {
                let sent = examiner.resend(server, span, differences)?;
                self.board
                    .publish_views(|views| views.resent += number(sent));
                Ok(sent)
            }
            Tier::View(view) => {
                let written = examiner.write(server, view, differences)?;
                self.board
                    .publish_views(|views| views.windows += number(written));
                Ok(written)
            }
        }
    }

    /// Raw says what another writer has counted. While a window is young that is asked only where it
    /// matters at once: the window is looked at again.
    fn ask_raw(&self, stretch: &Stretch, bounds: Bounds) -> AskRaw {
        let now_s = self.clock.wall_ns().s();
        let Some(raw) = self.lanes.iter().find(|lane| lane.level == Tier::Raw) else {
            return AskRaw::Never;
        };
        let from_s = self.raw_from_s(now_s).max(raw.dropped_before_s);
        // Whole hours, so that no window of any view is read in part.
        let from_s = View::Hour.floor_s(from_s + View::Hour.width_s() - 1);
        let young = stretch.kind == StretchKind::Ahead && stretch.from_s >= bounds.settled_s;
        if young && self.downsampling == Downsampling::Client {
            AskRaw::IfMore(from_s)
        } else {
            AskRaw::Always(from_s)
        }
    }

    /// Whether what the lane wants kept is durable.
    pub(super) fn is_kept(&mut self, index: usize, mark: Mark) -> Result<bool, JournalError> {
        let lane = &mut self.lanes[index];
        match lane.keeping {
            Keeping::Nothing => return Ok(true),
            Keeping::Span(from_s, to_s) => {
                let kept = self.reader.compared(self.destination, lane.level)?;
                if kept.to_look.covers(from_s, to_s) {
                    lane.keeping = Keeping::Committed;
                }
            }
            Keeping::Lost => {
                let kept = self.reader.raw_lost(self.destination)?;
                if kept.covers_all(&lane.lost) {
                    (lane.keeping, lane.lost) = (Keeping::Committed, Spans::default());
                }
            }
            // These marks were taken after that commit.
            Keeping::Committed => lane.keeping = Keeping::Durable(mark.commits),
            Keeping::Durable(commits) if mark.durable_commits >= commits => {
                lane.keeping = Keeping::Nothing;
                return Ok(true);
            }
            Keeping::Durable(_) => {}
        }
        Ok(false)
    }
}

/// The windows in which the server holds more than the journal, and was left as it is.
fn unequal(view: View, differences: &[Difference]) -> Spans {
    let foreign = differences
        .iter()
        .filter(|difference| difference.verdict == WindowVerdict::Foreign);
    Spans::new(foreign.map(|d| (d.start_s, d.start_s + view.width_s())))
}

/// Whether the server has no queries at all: the path is not there, or a page answers. Where the daemon is
/// the only writer of windows it can do without. A bucket that is missing, or a query that is refused once, is
/// something else.
fn has_no_queries(failure: &Failure) -> bool {
    let Failure::Status {
        status,
        message,
        foreign,
        ..
    } = failure
    else {
        return false;
    };
    match status {
        200 | 405 | 501 => true,
        // VictoriaMetrics answers so.
        400 => message.contains("unsupported path"),
        // InfluxDB 1 names a bucket that is missing so.
        404 if message.contains("database not found") => false,
        404 => *foreign || message.contains("path not found"),
        _ => false,
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_missing_path_means_that_there_are_no_queries() {
        let answer = |status, foreign, message: &str| {
            has_no_queries(&Failure::Status {
                status,
                message: message.to_owned(),
                retry_after: None,
                foreign,
            })
        };
        assert!(answer(404, false, "path not found"));
        assert!(answer(404, true, "404 page not found"));
        assert!(answer(404, true, ""));
        assert!(answer(405, true, "Method Not Allowed"));
        assert!(answer(501, true, ""));
        assert!(answer(200, true, "this is not the API of InfluxDB 2"));
        assert!(answer(
            400,
            true,
            "unsupported path requested: \"/api/v2/query\""
        ));
        let bucket = "failed to initialize execute state: could not find bucket \"PowerLogger_1h\"";
        assert!(!answer(404, false, bucket));
        assert!(!answer(404, true, "database not found: \"x\""));
        assert!(!answer(404, false, "organization name \"home\" not found"));
        assert!(!answer(400, false, "queue length exceeded"));
        assert!(!answer(422, false, "anything"));
        assert!(!answer(503, false, ""));
    }
}
