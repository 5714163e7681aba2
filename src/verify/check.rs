//! One check: what was looked at, what was seen, what to do.

use std::io;

use serde::Serialize;

use super::error::VerifyError;

/// What a check has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// All is well.
    Good,
    /// It will not work like this; the remedy says what to do.
    Bad,
    /// It works; the remedy says what to know about it.
    Note,
    /// It is not in use, which is all right; the remedy says how it would be.
    Off,
    /// It could not be looked at; the remedy says why.
    NotChecked,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    #[serde(rename = "what")]
    pub name: String,
    /// What it has shown.
    pub outcome: CheckOutcome,
    /// What was seen; empty where nothing could be.
    #[serde(rename = "seen")]
    pub detail: String,
    /// What to do or to know, by the outcome; empty where all is well.
    #[serde(rename = "text")]
    pub remedy: String,
}

impl Check {
    pub(super) fn good(name: impl Into<String>, detail: impl Into<String>) -> Check {
        Check::new(name, CheckOutcome::Good, detail, "")
    }

    pub(super) fn bad(
        name: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Check {
        Check::new(name, CheckOutcome::Bad, detail, remedy)
    }

    pub(super) fn note(
        name: impl Into<String>,
        detail: impl Into<String>,
        note: impl Into<String>,
    ) -> Check {
        Check::new(name, CheckOutcome::Note, detail, note)
    }

    pub(super) fn off(
        name: impl Into<String>,
        detail: impl Into<String>,
        how: impl Into<String>,
    ) -> Check {
        Check::new(name, CheckOutcome::Off, detail, how)
    }

    pub(super) fn not_checked(name: impl Into<String>, why: impl Into<String>) -> Check {
        Check::new(name, CheckOutcome::NotChecked, "", why)
    }

    fn new(
        name: impl Into<String>,
        outcome: CheckOutcome,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Check {
        Check {
            name: name.into(),
            outcome,
            detail: detail.into(),
            remedy: remedy.into(),
        }
    }
}

/// All checks, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many have failed.
    pub bad: usize,
    /// Each of them.
    pub checks: Vec<Check>,
}

impl Report {
    /// How many were not made, or are of something that is not in use.
    pub fn skipped(&self) -> usize {
        let is_skipped =
            |check: &&Check| matches!(check.outcome, CheckOutcome::NotChecked | CheckOutcome::Off);
        self.checks.iter().filter(is_skipped).count()
    }

    /// How many are well.
    pub fn good(&self) -> usize {
        self.checks.len() - self.bad - self.skipped()
    }
}

/// Checks, as they are made.
pub(super) struct Checks<'a> {
    /// Is shown each as soon as it is made: some take seconds.
    pub(super) show: &'a mut dyn FnMut(&Check) -> io::Result<()>,
    pub(super) report: Report,
}

impl Checks<'_> {
    pub(super) fn add(&mut self, check: Check) -> Result<(), VerifyError> {
        (self.show)(&check).map_err(VerifyError::Shown)?;
        self.report.bad += usize::from(check.outcome == CheckOutcome::Bad);
        self.report.checks.push(check);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_what_was_shown_and_keeps_the_words_of_its_json() {
        let mut shown = Vec::new();
        let mut show = |check: &Check| {
            shown.push(check.name.clone());
            Ok(())
        };
        let mut checks = Checks {
            show: &mut show,
            report: Report::default(),
        };
        for check in [
            Check::good("a", "seen"),
            Check::note("b", "seen", "known"),
            Check::bad("c", "seen", "remedy"),
            Check::off("d", "seen", "how"),
            Check::not_checked("e", "why"),
        ] {
            checks.add(check).unwrap();
        }
        let report = checks.report;
        assert_eq!((report.good(), report.bad, report.skipped()), (2, 1, 2));
        assert_eq!(shown, ["a", "b", "c", "d", "e"]);
        let json = serde_json::to_value(&report).unwrap();
        let bad = serde_json::json!(
            { "what": "c", "seen": "seen", "outcome": "bad", "text": "remedy" }
        );
        assert_eq!((&json["bad"], &json["checks"][2]), (&1.into(), &bad));
        let words = json["checks"].as_array().unwrap().iter();
        let words: Vec<_> = words.map(|check| check["outcome"].clone()).collect();
        assert_eq!(words, ["good", "note", "bad", "off", "not_checked"]);
    }

    #[test]
    fn what_cannot_be_shown_ends_it() {
        let mut show = |_: &Check| Err(io::ErrorKind::BrokenPipe.into());
        let mut checks = Checks {
            show: &mut show,
            report: Report::default(),
        };
        let failed = checks.add(Check::good("a", "")).unwrap_err();
        assert!(matches!(failed, VerifyError::Shown(_)));
        assert!(checks.report.checks.is_empty());
    }
}
