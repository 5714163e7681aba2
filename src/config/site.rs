//! `[site]`: what the place is called, and whose days it counts.

use jiff::tz::TimeZone;

use super::given::Given;
use super::key::key;
use super::nearest::nearest;
use super::section::Section;
use super::text::invisible;

/// The place that the meters are at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SiteSettings {
    /// The zone of its days; None: the system's.
    pub time_zone: Option<TimeZone>,
    /// What it is called on the page and by what else shows it.
    pub name: Option<String>,
}

impl SiteSettings {
    /// The zone of local days: the configured one, else the system's.
    pub fn zone(&self) -> TimeZone {
        self.time_zone.clone().unwrap_or_else(TimeZone::system)
    }
}

/// Reads the table.
pub(super) fn read(s: &mut Section<'_>) -> SiteSettings {
    let time_zone = s.text_if_set(key(
        "site.time_zone",
        "the zone of local days, of the IANA's names",
    ));
    let name = s.text_if_set(key("site.name", "what the place is called"));
    SiteSettings {
        time_zone: time_zone.and_then(|given| zone(s, &given)),
        name: name.and_then(|given| checked_name(s, &given)),
    }
}

fn checked_name(s: &mut Section<'_>, given: &Given) -> Option<String> {
    if let Some(odd) = invisible(&given.text) {
        let code = u32::from(odd);
        s.complain(
            given,
            format!("an invisible character (U+{code:04X}) is in it: type it again"),
        );
        return None;
    }
    let name = given.text.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

fn zone(s: &mut Section<'_>, given: &Given) -> Option<TimeZone> {
    let name = given.text.trim();
    if let Ok(zone) = TimeZone::get(name) {
        return Some(zone);
    }
    let known: Vec<String> = jiff::tz::db()
        .available()
        .map(|known| known.as_str().to_owned())
        .collect();
    let hint = match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!(": did you mean \"{near}\"?"),
        None if known.is_empty() => {
            "; the machine has no list of time zones: install the package tzdata".to_owned()
        }
        None => ", such as \"Europe/Berlin\"".to_owned(),
    };
    s.complain(given, format!("\"{name}\" is no time zone{hint}"));
    None
}
