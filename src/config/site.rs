//! `[site]`: what the place is called, and whose days it counts.

use jiff::tz::TimeZone;

use super::given::Given;
use super::key::key;
use super::nearest::nearest;
use super::section::Section;
use super::text::invisible;

/// What money is counted in unless something else is said.
const CURRENCY: &str = "EUR";

/// The longest text that stands for a currency.
const CURRENCY_CHARS_MAX: usize = 8;

/// The place that the meters are at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SiteSettings {
    /// The zone of its days; None: the system's.
    pub time_zone: Option<TimeZone>,
    /// What it is called on the page and by what else shows it.
    pub name: Option<String>,
    /// What money is counted in: `EUR`.
    pub currency: Currency,
}

/// A currency, by its code of ISO 4217 or a sign.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Currency(String);

impl Default for Currency {
    fn default() -> Currency {
        Currency(CURRENCY.to_owned())
    }
}

impl Currency {
    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Digits behind the point of an amount on a bill, as ISO 4217 has them.
    pub fn places(&self) -> u32 {
        match self.0.as_str() {
            "CLP" | "ISK" | "JPY" | "KRW" | "PYG" | "UGX" | "VND" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            _ => 2,
        }
    }
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
    let currency = s.text(
        key("site.currency", "what money is counted in, such as EUR"),
        CURRENCY,
    );
    SiteSettings {
        currency: checked_currency(s, &currency),
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

fn checked_currency(s: &mut Section<'_>, given: &Given) -> Currency {
    let text = given.text.trim();
    let is_short = (1..=CURRENCY_CHARS_MAX).contains(&text.chars().count());
    if !is_short || text.chars().any(char::is_control) || invisible(text).is_some() {
        let message = format!("\"{text}\" is no currency, such as EUR");
        s.complain(given, message);
        return Currency::default();
    }
    let is_code = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    Currency(match is_code {
        true => text.to_ascii_uppercase(),
        false => text.to_owned(),
    })
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
