//! The checks of the meters' lines: who reads each of them, and whether the filter fits what comes.

use std::collections::BTreeMap;

use super::check::{Check, Checks};
use super::error::VerifyError;
use crate::capture::gpio::{FORMER_CONSUMER, GpioError, probe, request_of};
use crate::config::{Loaded, MeterSettings};
use crate::journal::Reader;
use crate::journal::is_locked;
use crate::model::Quantity;
use crate::status::{Condition, Status};
use crate::text::names;

/// The line requests that this journal knows, and whether their daemon runs.
struct KnownRequests {
    /// The meter's name by the request's id.
    requests: BTreeMap<u64, String>,
    running: bool,
}

pub(super) fn lines(loaded: &Loaded, checks: &mut Checks<'_>) -> Result<(), VerifyError> {
    let dir = &loaded.settings.journal.dir;
    let lines = Reader::open(dir).and_then(|reader| reader.lines());
    let requests = lines.unwrap_or_default().into_iter();
    let known = KnownRequests {
        requests: requests.map(|(name, id, _)| (id, name)).collect(),
        running: is_locked(dir),
    };
    for meter in &loaded.settings.meters {
        checks.add(line(meter, &known))?;
    }
    Ok(())
}

fn line(meter: &MeterSettings, known: &KnownRequests) -> Check {
    let what = format!("line of {} ({})", meter.name, meter.line.line);
    match probe(&meter.line) {
        Ok(probe) => {
            let active = probe
                .levels
                .iter()
                .filter(|level| **level == meter.filter.active);
            if active.count() == probe.levels.len() {
                let remedy = format!(
                    "it stands at its active level ({:?}) without a pulse: check the wiring, `bias` and \
                     `active` of the meter",
                    meter.filter.active
                );
                Check::bad(what, probe.shown, remedy)
            } else if known.running {
                Check::bad(
                    what,
                    format!(
                        "{}, free: the running powerlogger does not read it",
                        probe.shown
                    ),
                    "its log tells why; after a change of the configuration restart it",
                )
            } else {
                Check::good(what, format!("{}, free, at rest", probe.shown))
            }
        }
        Err(GpioError::Busy { line, consumer }) => busy(what, meter, &line, &consumer, known),
        Err(failed) => {
            let hint = failed.hint();
            Check::bad(what, failed.to_string(), hint)
        }
    }
}

/// A line that is in use: well only where it is this meter that this journal's daemon reads there.
fn busy(
    what: String,
    meter: &MeterSettings,
    line: &str,
    consumer: &str,
    known: &KnownRequests,
) -> Check {
    if consumer == FORMER_CONSUMER && known.running {
        return Check::not_checked(
            what,
            format!(
                "a former version requested {line}, and nothing tells for which meter; it can be told once the \
                 machine was restarted"
            ),
        );
    }
    let owner = request_of(consumer).map(|id| known.requests.get(&id));
    match owner {
        Some(Some(owner)) if *owner == meter.name && known.running => {
            Check::good(what, format!("{line}, read by the running powerlogger"))
        }
        Some(Some(owner)) if *owner == meter.name => Check::note(
            what,
            format!("{line}, kept for the daemon's next start"),
            "it does not run; what comes meanwhile is counted when it starts again",
        ),
        Some(Some(owner)) => Check::bad(
            what,
            format!("{line} is already read for meter \"{owner}\""),
            format!(
                "give meter \"{}\" a line of its own; after a change of the configuration restart the daemon",
                meter.name
            ),
        ),
        Some(None) => Check::bad(
            what,
            format!("{line} is in use by a powerlogger with another journal"),
            "stop that one, or wire the meter to another line; if there is no other, this one's journal takes no \
             commits: see its log",
        ),
        None => Check::bad(
            what,
            format!("{line} is in use by \"{consumer}\""),
            format!("stop \"{consumer}\", or wire the meter to another line"),
        ),
    }
}

/// Whether the filters fit what comes on the lines.
pub(super) fn filters(status: &Status, checks: &mut Checks<'_>) -> Result<(), VerifyError> {
    for condition in status.conditions() {
        let meter = condition.meter().unwrap_or_default().to_owned();
        let known = status.meters.iter().find(|known| known.name == meter);
        let Some(filter) = known.and_then(|meter| meter.filter.as_ref()) else {
            continue;
        };
        let seen = match &condition {
            Condition::Rejected { .. } => format!(
                "{} of the last {} that look like pulses are rejected",
                filter.rejected, filter.judged
            ),
            Condition::PowerImplausible { .. } => {
                let meant_w = f64::from(filter.excess_w.unwrap_or_default());
                format!("they mean {:.1} kW", meant_w / 1_000.0)
            }
            Condition::FlowImplausible { .. } => {
                let unit = known.and_then(|known| known.register_unit);
                let unit = unit.map_or("units an hour", Quantity::rate_unit);
                format!(
                    "they mean {} {unit}",
                    filter.excess_flow.unwrap_or_default()
                )
            }
            _ => continue,
        };
        let what = format!("pulses of {meter}");
        let tune = names::shell_word(&meter);
        let remedy = format!(
            "{}; {}; `powerlogger tune {tune}` finds what fits",
            condition.matter(),
            condition.remedy()
        );
        checks.add(Check::bad(what, seen, remedy))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::check::CheckOutcome;
    use super::*;

    #[test]
    fn a_busy_line_is_well_only_where_this_meter_of_this_daemon_has_it() {
        let known = |running| KnownRequests {
            requests: BTreeMap::from([(7, "A".to_owned()), (8, "B".to_owned())]),
            running,
        };
        let seven = "powerlogger-0000000000000007";
        let look = |name, consumer, running| {
            busy(
                String::new(),
                &MeterSettings::plain(name),
                "GPIO20",
                consumer,
                &known(running),
            )
        };
        assert_eq!(look("A", seven, true).outcome, CheckOutcome::Good);
        for (name, consumer, running, says) in [
            ("A", seven, false, "next start"),
            ("B", seven, true, "already read for meter \"A\""),
            ("A", "powerlogger-0000000000000009", true, "another journal"),
            ("A", "powerlogger", true, "former version"),
            ("A", "powerlogger", false, "\"powerlogger\""),
            ("A", "lirc", true, "in use by \"lirc\""),
        ] {
            let check = look(name, consumer, running);
            assert_ne!(check.outcome, CheckOutcome::Good);
            let words = format!("{} {}", check.detail, check.remedy);
            assert!(words.contains(says), "{words}");
        }
    }
}
