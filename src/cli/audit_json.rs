//! What `audit --json` prints.

use serde_json::{Value, json};

use crate::reconcile::audit::{LevelReport, Totals};
use crate::reconcile::compare::WindowVerdict;

/// The levels with their totals and differences, and how many windows still differ.
pub(super) fn to_json(reports: &[LevelReport], repair: bool) -> Value {
    let levels = reports.iter().map(|report| {
        let totals = report.totals.iter().map(|(meter, totals)| {
            let Totals {
                journal,
                raw,
                server,
            } = totals;
            let sides = json!({ "journal": journal, "raw": raw, "server": server });
            (meter.clone(), sides)
        });
        let differences = report.differences.iter().map(|difference| {
            let (action, value) = match difference.verdict {
                WindowVerdict::Write(pulses) => ("write", Some(pulses)),
                WindowVerdict::Resend => ("resend", None),
                WindowVerdict::Foreign => ("none", None),
                WindowVerdict::Vanishes(pulses) => ("needs_yes", Some(pulses)),
            };
            json!({
                "meter": difference.meter, "start_s": difference.start_s,
                "journal": difference.journal, "raw": difference.raw, "server": difference.found,
                "action": action, "value": value,
                "repaired": repair && difference.is_put_right(),
            })
        });
        json!({
            "level": report.level.as_str(), "from_s": report.from_s, "to_s": report.to_s,
            "totals": totals.collect::<serde_json::Map<_, _>>(),
            "differences": differences.collect::<Vec<_>>(),
        })
    });
    let left: usize = reports.iter().map(|report| report.left(repair)).sum();
    json!({ "levels": levels.collect::<Vec<_>>(), "left": left })
}
