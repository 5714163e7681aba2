//! `powerlogger` alone: what it is, how it stands on this machine, and what comes next.

use std::io::{self, Write};
use std::path::Path;

use super::asking::ask;
use super::numbers::count;
use super::table::{Column, Table};
use super::version::VERSION;
use super::{rights, simulated};
use crate::answers::ask::Asked;
use crate::answers::reach::{Reach, how_to_open};
use crate::answers::status::StatusAnswer;
use crate::config::load::load_what_can_be_read;
use crate::config::{Influx, LoadOptions, Loaded};
use crate::journal::{Holder, holder};
use crate::model::DeliveryState;
use crate::start::has_chip;
use crate::verify::installed;

/// How a command line is made.
pub(super) const USAGE: &str = "powerlogger [OPTIONS] <COMMAND>";

/// Prints it.
///
/// # Errors
/// When it cannot be written.
pub(super) fn welcome(options: &LoadOptions, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "PowerLogger {VERSION} counts the pulses of electricity meters, keeps every one, delivers them to InfluxDB 2.\n\n\
         On this machine:"
    )?;
    let mut facts = Table::new("  ", &[Column::Left(14)]);
    let mut next = Table::new("  ", &[Column::Left(14)]);
    match rights::may_read_config(options) {
        Err(why) => facts.row(&["configuration"], why.to_string()),
        Ok(()) => {
            // Of a configuration with mistakes what is understood of it.
            let loaded = simulated::load_known(options);
            let loaded = loaded.unwrap_or_else(|_| load_what_can_be_read(options));
            let here = Here::look(loaded);
            here.facts(&mut facts);
            here.next(&mut next);
        }
    }
    next.row(&["powerlogger --help"], "all commands");
    facts.write(out)?;
    writeln!(out, "\nNext:")?;
    next.write(out)?;
    writeln!(out, "\nUsage: {USAGE}")
}

/// How it stands here.
struct Here {
    loaded: Loaded,
    holder: Holder,
    /// What the daemon answers.
    asked: Asked<StatusAnswer>,
    reach: Reach,
}

impl Here {
    fn look(loaded: Loaded) -> Here {
        let holder = holder(&loaded.settings.journal.dir);
        let is_asked = holder != Holder::Free;
        Here {
            asked: match is_asked {
                true => ask("/api/v1/status", &loaded),
                false => Asked::NoDaemon,
            },
            reach: Reach::look(),
            holder,
            loaded,
        }
    }

    fn facts(&self, table: &mut Table) {
        table.row(&["configuration"], self.configuration());
        table.row(&["daemon"], self.daemon());
        let pages = self.reach.pages(&self.loaded.settings.web.listen);
        let page = match (pages.is_empty(), self.holder) {
            (true, _) => "off ([web] listen)".to_owned(),
            (false, Holder::Free | Holder::Unknown) => "there while the daemon runs".to_owned(),
            (false, _) => pages.join(" "),
        };
        table.row(&["page"], page);
        table.row(&["server"], self.server());
    }

    fn configuration(&self) -> String {
        let dir = self.loaded.config_dir.display();
        let meters = count(
            i128::try_from(self.loaded.settings.meters.len()).unwrap_or(0),
            "meter",
        );
        match (self.loaded.problems.len(), self.loaded.files.as_slice()) {
            (0, []) => format!("no file in {dir}: {meters} on the usual lines"),
            (0, files) => format!("{} in {dir}: {meters}", files.join(" and ")),
            (problems, _) => {
                let problems = i128::try_from(problems).unwrap_or(0);
                format!("{} in {dir}", count(problems, "mistake"))
            }
        }
    }

    fn is_silent(&self) -> bool {
        matches!(self.asked, Asked::Silent)
    }

    fn answer(&self) -> Option<&StatusAnswer> {
        self.asked.as_ref().answered()
    }

    fn unread(&self) -> Option<(usize, usize)> {
        let status = &self.answer()?.status;
        let configured = status.meters.iter().filter(|meter| meter.is_configured);
        Some((status.unread().count(), configured.count()))
    }

    fn daemon(&self) -> String {
        let is_simulated = self.answer().is_some_and(|answer| answer.status.simulated);
        let counts = match self.unread() {
            None if self.is_silent() => "runs, and DOES NOT ANSWER".to_owned(),
            None => "runs".to_owned(),
            Some((0, meters)) => format!("runs, and counts {meters} of {meters} meters"),
            Some((unread, meters)) => {
                format!("runs, and does NOT COUNT {unread} of {meters} meters")
            }
        };
        match self.holder {
            Holder::InUse if is_simulated => format!("{counts}, SIMULATED"),
            Holder::InUse => counts,
            Holder::Free => "does not run: nothing is counted".to_owned(),
            Holder::Unknown => {
                "not seen by this user: use sudo, or the group powerlogger".to_owned()
            }
        }
    }

    fn server(&self) -> String {
        let host = match &self.loaded.settings.influx {
            Influx::Configured(influx) => influx.host.clone(),
            Influx::NotConfigured(why) if self.loaded.names_server() => return why.to_string(),
            Influx::NotConfigured(_) => {
                return "none: pulses are counted and kept on this machine".to_owned();
            }
        };
        let delivery = self
            .answer()
            .and_then(|answer| answer.status.delivery.as_ref());
        match delivery.map(|delivery| &delivery.state) {
            Some(DeliveryState::Works) => format!("{host}: works"),
            Some(DeliveryState::Fails(state)) => format!("{host}: FAILS ({state})"),
            Some(DeliveryState::NoAnswer) | None => host,
        }
    }

    /// What to do, the most urgent first.
    fn next(&self, table: &mut Table) {
        if !self.loaded.problems.is_empty() {
            table.row(
                &["powerlogger config check"],
                "what is wrong with the configuration",
            );
        }
        let is_stopped = self.holder == Holder::Free;
        match self.unread() {
            _ if is_stopped && !has_chip(Path::new("/dev")) => {
                let why = "counts a simulated house: there is no GPIO chip here";
                table.row(&["powerlogger run --simulate"], why);
            }
            _ if is_stopped => {
                let what = "checks everything from the wire to the server";
                table.row(&["powerlogger verify"], what);
                let start = installed::start();
                table.row(&["start counting"], start);
            }
            Some((1.., _)) => table.row(&["powerlogger verify"], "why meters are not counted"),
            _ => {}
        }
        match self.holder {
            Holder::InUse => table.row(&["powerlogger status --watch"], "power and energy, live"),
            Holder::Unknown => table.row(&["sudo powerlogger"], "how the daemon stands"),
            Holder::Free => {}
        }
        let settings = &self.loaded.settings;
        if !self.loaded.names_server() {
            let env = self.loaded.config_dir.join(".env");
            let what = format!(
                "sends to InfluxDB 2, once {} names the server",
                env.display()
            );
            table.row(&["powerlogger setup"], what);
        }
        let how = how_to_open(&settings.web.listen, &self.loaded.config_dir, &self.reach);
        if let Some(how) = how {
            table.row(&["[web]"], how);
        }
    }
}
