//! All that `status` shows, at one moment: asked of the daemon, or read from the journal.

use std::path::Path;

use anyhow::Result;

use super::{overview, trust};
use crate::answers::overview::Overview;
use crate::answers::reach::Reach;
use crate::answers::status::StatusAnswer;
use crate::cli::asking::answer;
use crate::cli::paint::{Glyphs, Paint};
use crate::clock::{Clock, SystemClock};
use crate::config::in_use::{self, notices};
use crate::config::{Influx, Loaded, destination_name};
use crate::journal::{Holder, Reader, holder, is_read_only};
use crate::model::WallNs;
use crate::status::{Status, StatusOf};

/// All that there is to show, at one moment.
pub(super) struct StatusNow {
    pub(super) answer: StatusAnswer,
    holder: Holder,
    /// The daemon has answered; else the journal was read.
    pub(super) is_answered: bool,
    /// None: the journal is of a version that does not tell it.
    pub(super) overview: Option<Overview>,
}

/// Asks the daemon, or reads the journal. `is_quiet`: that it does not answer is not told on the terminal.
pub(super) fn see(loaded: &Loaded, is_quiet: bool) -> Result<StatusNow> {
    let path = "/api/v1/status";
    let answered: Option<StatusAnswer> = answer(path, loaded, is_quiet);
    let is_answered = answered.is_some();
    let (answer, holder) = match answered {
        Some(answer) => (answer, Holder::InUse),
        None => from_journal(loaded)?,
    };
    let overview = overview::overview(loaded, &answer.status, (is_answered, is_quiet));
    Ok(StatusNow {
        answer,
        holder,
        is_answered,
        overview,
    })
}

impl StatusNow {
    /// A daemon runs and does not read the line of a configured meter.
    pub(super) fn counts_not(&self) -> bool {
        self.answer.running == Some(true) && self.answer.status.unread().count() > 0
    }

    /// By which ages are told. Made-up pulses have a time of their own, which stands still without their daemon.
    pub(super) fn now_ns(&self) -> WallNs {
        let at_ns = self.answer.status.at_ns;
        let is_still = self.answer.status.simulated && !self.is_answered;
        let known = self.overview.as_ref().filter(|_| is_still);
        known.map_or(at_ns, |overview| overview.at_ns)
    }

    /// For programs.
    pub(super) fn json(&self) -> serde_json::Result<serde_json::Value> {
        let mut json = serde_json::to_value(&self.answer)?;
        json["overview"] = serde_json::to_value(&self.overview)?;
        Ok(json)
    }

    /// For people: whether it runs, the overview, and whether that can be relied upon.
    pub(super) fn lines(
        &self,
        loaded: &Loaded,
        paint: Paint,
        glyphs: Glyphs,
    ) -> Result<Vec<String>> {
        let mut lines = self.heading(loaded, paint);
        lines.extend(self.table(paint, glyphs));
        lines.extend(trust::trust(&self.answer, self.now_ns(), loaded, paint)?);
        Ok(lines)
    }

    /// Whether it runs, and what is made up.
    pub(super) fn heading(&self, loaded: &Loaded, paint: Paint) -> Vec<String> {
        let status = &self.answer.status;
        let configured = status.meters.iter().filter(|meter| meter.is_configured);
        let unread = status.unread().count();
        let dir = &loaded.settings.journal.dir;
        let state = state(self.holder, unread, configured.count(), dir);
        let state = format!("powerlogger is {state}");
        let mut lines = vec![match self.counts_not() {
            true => paint.warning(&state),
            false => state,
        }];
        if status.simulated {
            lines.push("SIMULATED  the pulses are made up, not yours".to_owned());
        }
        if self.holder == Holder::InUse {
            let pages = Reach::look().pages(&loaded.settings.web.listen);
            let line = format!("page       {}", pages.join(" "));
            lines.extend(Some(line).filter(|_| !pages.is_empty()));
        }
        lines
    }

    /// The overview, with a blank line before and behind it.
    pub(super) fn table(&self, paint: Paint, glyphs: Glyphs) -> Vec<String> {
        let Some(overview) = &self.overview else {
            return Vec::new();
        };
        let mut lines = overview::table(overview, &self.answer.status, glyphs);
        if let Some(heading) = lines.first_mut() {
            *heading = paint.heading(heading);
        }
        lines.insert(0, String::new());
        lines.push(String::new());
        lines
    }
}

/// The same as the daemon answers, read from the journal; and whether one runs.
fn from_journal(loaded: &Loaded) -> Result<(StatusAnswer, Holder)> {
    let dir = &loaded.settings.journal.dir;
    let destination = match &loaded.settings.influx {
        Influx::Configured(influx) => Some(destination_name(influx)),
        Influx::NotConfigured(_) => None,
    };
    let holder = holder(dir);
    let running = holder == Holder::InUse;
    let taken = Reader::open(dir).and_then(|mut reader| {
        let noted = reader.noted_settings()?;
        let wanted = StatusOf {
            destination: destination.as_deref(),
            meters: &in_use::meter_names(loaded, &noted),
            daemon: holder.into(),
        };
        let mut status = Status::take(&mut reader, wanted, SystemClock.wall_ns())?;
        status.notices = notices(loaded, Some(&noted).filter(|_| running));
        Ok(status)
    });
    Ok((StatusAnswer::of(taken?, dir)?, holder))
}

/// Whether the daemon runs, as far as that was seen, and counts.
fn state(holder: Holder, unread: usize, meters: usize, dir: &Path) -> String {
    let state = match holder {
        Holder::InUse if unread > 0 => {
            return format!("running and does NOT COUNT {unread} of {meters} meters");
        }
        Holder::InUse => "running",
        Holder::Unknown => {
            "not seen: this user may not look whether it is running (sudo, or the group powerlogger)"
        }
        Holder::Free if is_read_only(dir) => {
            "not running, or counting in memory: the journal's disk is READ-ONLY \
             (`systemctl status powerlogger` tells which)"
        }
        Holder::Free => "not running",
    };
    state.to_owned()
}
