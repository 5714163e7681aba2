//! What is ours on a server: everything we make there says so in its description, with the id of this
//! installation, so that two loggers in one organization leave each other's things alone.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::model::View;

/// What a marked thing is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkRole {
    /// The task of a view.
    Task(View),
    /// The token of `run`.
    Writer,
    /// The token for Grafana.
    Reader,
}

impl MarkRole {
    fn word(self) -> String {
        match self {
            MarkRole::Task(view) => format!("task-{}", view.as_str()),
            MarkRole::Writer => "writer".to_owned(),
            MarkRole::Reader => "reader".to_owned(),
        }
    }

    fn from_word(word: &str) -> Option<MarkRole> {
        match word {
            "writer" => Some(MarkRole::Writer),
            "reader" => Some(MarkRole::Reader),
            word => View::from_word(word.strip_prefix("task-")?).map(MarkRole::Task),
        }
    }
}

const BEGIN: &str = "[powerlogger:";

/// A description that bears our mark.
pub fn describe(what: &str, installation: &str, role: MarkRole) -> String {
    format!("{what} {BEGIN}{installation}:{}]", role.word())
}

/// Whose a described thing is, and what for; None: it bears no mark of any PowerLogger.
pub fn read(description: &str) -> Option<(&str, MarkRole)> {
    let (_, rest) = description.rsplit_once(BEGIN)?;
    let (mark, _) = rest.split_once(']')?;
    let (installation, role) = mark.split_once(':')?;
    Some((installation, MarkRole::from_word(role)?))
}

/// What an installation writes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The measurement.
    pub measurement: String,
    /// The names of its meters.
    pub meters: Vec<String>,
}

const SERIES: &str = "series ";

/// The description of the token of `run`. It tells what is written with it, so that other installations see whether
/// they write the same.
pub fn describe_writer(installation: &str, series: &Series) -> String {
    let series = json!(series);
    let what = format!("PowerLogger: writes pulses and reads them back, {SERIES}{series}");
    describe(&what, installation, MarkRole::Writer)
}

/// What is written with a described token; None: it does not tell, as those made by older versions.
pub fn series(description: &str) -> Option<Series> {
    let (what, _) = description.rsplit_once(BEGIN)?;
    let (_, series) = what.split_once(SERIES)?;
    serde_json::from_str(series.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_again() {
        let roles = [
            MarkRole::Writer,
            MarkRole::Reader,
            MarkRole::Task(View::FiveMinutes),
        ];
        for role in roles {
            let description = describe("what [it] is", "01ab23cd", role);
            assert_eq!(read(&description), Some(("01ab23cd", role)));
        }
        for foreign in ["", "a task", "[powerlogger:", "[powerlogger:x:cleaner]"] {
            assert_eq!(read(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn what_is_written_is_told_by_the_token() {
        let odd = "series {[powerlogger:89abcdef:reader] \"größe\" ]";
        for meters in [vec![], vec!["Import", "Export"], vec![odd, "x"]] {
            let series = Series {
                measurement: "Power series {\"Pulse\"}".to_owned(),
                meters: meters.into_iter().map(str::to_owned).collect(),
            };
            let description = describe_writer("01ab23cd", &series);
            assert_eq!(super::series(&description), Some(series));
            assert_eq!(read(&description), Some(("01ab23cd", MarkRole::Writer)));
        }
        let former = describe("PowerLogger: writes pulses", "01ab23cd", MarkRole::Writer);
        assert_eq!(super::series(&former), None);
    }
}
