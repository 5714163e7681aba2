//! A message about alarms, for people and for programs. Pure.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::civil;
use crate::config::Placeholder;
use crate::model::{ALARMS_FAIL, AlarmEvent, WallNs};
use crate::status::Severity;

/// More lines than these are counted and not written.
const LINES_MAX: usize = 20;

/// A message: one event, several in a digest, or none in a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmMessage {
    /// Tells it from others; that of its last event.
    pub id: i64,
    /// When it was made.
    pub at_ns: WallNs,
    /// What the place is called.
    pub site: Option<String>,
    /// The pulses are made up.
    pub is_simulated: bool,
    /// What it tells, in order; none: it is a test.
    pub events: Vec<AlarmEvent>,
}

impl AlarmMessage {
    /// A test.
    pub fn test(at_ns: WallNs, site: Option<String>) -> AlarmMessage {
        AlarmMessage {
            id: at_ns.ms(),
            at_ns,
            site,
            is_simulated: false,
            events: Vec::new(),
        }
    }

    /// What it is: `begin`, `end`, `digest` or `test`.
    pub fn event(&self) -> &'static str {
        match self.events.as_slice() {
            [] => "test",
            [event] if event.is_end => "end",
            [_] => "begin",
            _ => "digest",
        }
    }

    /// A line.
    pub fn title(&self) -> String {
        let what = match self.events.as_slice() {
            [] => "Test of the alarms".to_owned(),
            [event] => {
                let word = event.alarm.word.replace('_', " ");
                let begin = if event.is_end { "Over" } else { "Alarm" };
                match event.alarm.subject.as_str() {
                    "" => format!("{begin}: {word}"),
                    subject => format!("{begin}: {word}, {subject}"),
                }
            }
            events => {
                let over = events.iter().filter(|event| event.is_end).count();
                match (events.len() - over, over) {
                    (begun, 0) => format!("{begun} alarms"),
                    (0, over) => format!("{over} alarms are over"),
                    (1, over) => format!("1 alarm, {over} over"),
                    (begun, over) => format!("{begun} alarms, {over} over"),
                }
            }
        };
        let simulated = if self.is_simulated { "SIMULATED. " } else { "" };
        let site = self.site.as_ref();
        let site = site.map_or_else(String::new, |site| format!(" ({site})"));
        format!("{simulated}PowerLogger{site}: {what}")
    }

    /// What is the matter, and what to do about it; a line an event.
    pub fn text(&self) -> String {
        match self.events.as_slice() {
            [] => "Alarms of this PowerLogger reach you here.".to_owned(),
            [event] => sentence(event),
            events => {
                let mut text = String::new();
                for event in events.iter().take(LINES_MAX) {
                    let at = civil::to_the_minute(event.at_ns);
                    let _ = writeln!(text, "{at}: {}", sentence(event));
                }
                if events.len() > LINES_MAX {
                    let _ = writeln!(text, "and {} more", events.len() - LINES_MAX);
                }
                text.trim_end().to_owned()
            }
        }
    }

    /// The gravest of what it tells to have begun; `info` where all is over.
    pub fn severity(&self) -> Severity {
        let begun = self.events.iter().filter(|event| !event.is_end);
        let words = [Severity::Critical, Severity::Warning];
        let mut begun = begun.map(|event| event.alarm.severity.as_str());
        let gravest = begun.by_ref().filter_map(|word| {
            let known = words.into_iter();
            known.rev().find(|severity| severity.as_str() == word)
        });
        gravest.max().unwrap_or(Severity::Info)
    }

    /// From 2 to 5, as ntfy and Gotify have it.
    pub fn priority(&self) -> u8 {
        let is_news = self.events.iter().any(|event| !event.is_end);
        match self.severity() {
            Severity::Critical => 5,
            Severity::Warning => 4,
            Severity::Info if is_news || self.events.is_empty() => 3,
            Severity::Info => 2,
        }
    }

    /// What a placeholder stands for, as it is.
    pub fn fill(&self, placeholder: Placeholder) -> String {
        let single = match self.events.as_slice() {
            [event] => Some(&event.alarm),
            _ => None,
        };
        match placeholder {
            Placeholder::Id => self.id.to_string(),
            Placeholder::Event => self.event().to_owned(),
            Placeholder::Condition => single.map_or_else(String::new, |alarm| alarm.word.clone()),
            Placeholder::Meter => single.map_or_else(String::new, |alarm| alarm.subject.clone()),
            Placeholder::Severity => self.severity().as_str().to_owned(),
            Placeholder::Priority => self.priority().to_string(),
            Placeholder::Title => self.title(),
            Placeholder::Text => self.text(),
            Placeholder::Remedy => single.map_or_else(String::new, |alarm| alarm.remedy.clone()),
            Placeholder::Site => self.site.clone().unwrap_or_default(),
            Placeholder::At => rfc3339(self.at_ns),
            Placeholder::Since => rfc3339(single.map_or(self.at_ns, |alarm| alarm.since_ns)),
            // Only who knows the secret fills it in.
            Placeholder::Token => String::new(),
        }
    }

    /// All of it, for programs.
    pub fn to_json(&self) -> Value {
        let events = self.events.iter().map(|event| {
            json!({
                "id": event.id,
                "event": if event.is_end { "end" } else { "begin" },
                "condition": event.alarm.word,
                "meter": meter(event),
                "severity": event.alarm.severity,
                "sentence": event.alarm.sentence,
                "remedy": event.alarm.remedy,
                "at": rfc3339(event.at_ns),
                "since": rfc3339(event.alarm.since_ns),
            })
        });
        let single = match self.events.as_slice() {
            [event] => Some(event),
            _ => None,
        };
        json!({
            "id": self.id,
            "event": self.event(),
            "condition": single.map(|event| event.alarm.word.as_str()),
            "meter": single.and_then(meter),
            "severity": self.severity().as_str(),
            "title": self.title(),
            "text": self.text(),
            "site": self.site,
            "simulated": self.is_simulated,
            "at": rfc3339(self.at_ns),
            "events": events.collect::<Vec<_>>(),
        })
    }
}

fn meter(event: &AlarmEvent) -> Option<&str> {
    let is_meter = event.alarm.word != ALARMS_FAIL;
    Some(event.alarm.subject.as_str()).filter(|subject| is_meter && !subject.is_empty())
}

fn sentence(event: &AlarmEvent) -> String {
    let alarm = &event.alarm;
    if event.is_end {
        let lasted = civil::span(event.at_ns.saturating_since(alarm.since_ns));
        return format!("Over after {lasted}: {}", alarm.sentence);
    }
    match alarm.remedy.as_str() {
        "" => alarm.sentence.clone(),
        remedy => format!("{}; {remedy}", alarm.sentence),
    }
}

/// To the second, in UTC.
fn rfc3339(at_ns: WallNs) -> String {
    let at = Timestamp::from_second(at_ns.s());
    at.map_or_else(|_| at_ns.to_string(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Alarm;

    fn event(id: i64, severity: Severity, is_end: bool, subject: &str) -> AlarmEvent {
        AlarmEvent {
            id,
            at_ns: WallNs::of_s(90),
            is_end,
            alarm: Alarm {
                word: "line_not_read".to_owned(),
                subject: subject.to_owned(),
                severity: severity.as_str().to_owned(),
                since_ns: WallNs::of_s(30),
                sentence: "Import: its line is not read".to_owned(),
                remedy: "look at it".to_owned(),
            },
            waits_for: Default::default(),
        }
    }

    fn message(events: Vec<AlarmEvent>) -> AlarmMessage {
        AlarmMessage {
            id: 7,
            at_ns: WallNs::of_s(90),
            site: Some("Home".to_owned()),
            is_simulated: false,
            events,
        }
    }

    #[test]
    fn one_event() {
        let begun = message(vec![event(7, Severity::Critical, false, "Import")]);
        assert_eq!(
            begun.title(),
            "PowerLogger (Home): Alarm: line not read, Import"
        );
        assert_eq!(begun.text(), "Import: its line is not read; look at it");
        assert_eq!((begun.priority(), begun.event()), (5, "begin"));
        let json = begun.to_json();
        assert_eq!(json["meter"], "Import");
        assert_eq!(json["events"][0]["since"], "1970-01-01T00:00:30Z");
        let ended = message(vec![event(8, Severity::Critical, true, "")]);
        assert_eq!(ended.title(), "PowerLogger (Home): Over: line not read");
        assert_eq!(
            ended.text(),
            "Over after 1 min: Import: its line is not read"
        );
        assert_eq!((ended.priority(), ended.event()), (2, "end"));
        assert_eq!(ended.to_json()["meter"], Value::Null);
    }

    #[test]
    fn a_digest_has_a_line_an_event_and_is_as_grave_as_the_gravest() {
        let begun = |id| event(id, Severity::Warning, false, "Import");
        let over = |id| event(id, Severity::Critical, true, "Import");
        let digest = message(vec![begun(1), over(2)]);
        assert_eq!(digest.title(), "PowerLogger (Home): 1 alarm, 1 over");
        assert_eq!(digest.text().lines().count(), 2);
        assert_eq!((digest.priority(), digest.event()), (4, "digest"));
        let long = message((0..50).map(begun).collect());
        assert_eq!(long.text().lines().count(), LINES_MAX + 1);
        assert!(long.text().ends_with("and 30 more"));
        assert_eq!(long.title(), "PowerLogger (Home): 50 alarms");
        assert_eq!(long.to_json()["events"].as_array().unwrap().len(), 50);
    }

    #[test]
    fn what_is_made_up_is_called_so_and_a_test_is_one() {
        let mut test = AlarmMessage::test(WallNs::of_s(1), None);
        assert_eq!((test.event(), test.priority()), ("test", 3));
        test.is_simulated = true;
        assert_eq!(test.title(), "SIMULATED. PowerLogger: Test of the alarms");
        assert_eq!(test.fill(Placeholder::Token), "");
        assert_eq!(test.fill(Placeholder::At), "1970-01-01T00:00:01Z");
    }
}
