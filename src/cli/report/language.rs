//! The words, numbers and dates of the page of A4, in each language. Pure.

use clap::ValueEnum;
use clap::builder::PossibleValue;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::cli::numbers::grouped_to;
use crate::config::Language;

impl ValueEnum for Language {
    fn value_variants<'a>() -> &'a [Language] {
        &Language::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let name = match self {
            Language::English => "English",
            Language::German => "German",
        };
        Some(PossibleValue::new(self.as_str()).help(name))
    }
}

/// A text of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageWord {
    /// The title.
    Report,
    /// From a day to another.
    To,
    /// A table of energy.
    Energy,
    /// A column.
    Meter,
    /// A column.
    Pulses,
    /// A column.
    PerUnit,
    /// A column.
    Counted,
    /// A note to a meter.
    Restored,
    /// A table of money.
    Cost,
    /// A column.
    What,
    /// A column.
    Quantity,
    /// A column.
    Price,
    /// A column.
    Amount,
    /// A position.
    Import,
    /// A position.
    FeedIn,
    /// A position.
    Standing,
    /// A position without a price.
    Unpriced,
    /// The sum.
    Total,
    /// A note below the sum.
    NotPriced,
    /// A unit.
    Days,
    /// For what a standing charge is paid.
    PerDay,
    /// The same.
    PerMonth,
    /// The same.
    PerYear,
    /// A table of what is derived.
    House,
    /// What the house used.
    Used,
    /// What it used of its own.
    OwnUse,
    /// The share of generation that was used.
    OwnShare,
    /// The share of the house that was generated.
    Autarky,
    /// A table of registers.
    Register,
    /// A column.
    AtBegin,
    /// A column.
    AtEnd,
    /// A column.
    Difference,
    /// A reading.
    Read,
    /// How a reading differs from the count.
    Drift,
    /// The first of a meter.
    FirstReading,
    /// The statement.
    Completeness,
    /// Nothing is missing.
    Complete,
    /// Something is.
    NotComplete,
    /// When counting began.
    Began,
    /// A stretch.
    NotWatched,
    /// There is nothing.
    NothingCounted,
    /// For how long a meter was not there.
    NotCounted,
    /// More of them.
    More,
    /// Pulses.
    Lost,
    /// Some of them may be of another time.
    AtMost,
    /// Pulses that were put back.
    RestoredNote,
    /// The period has not ended.
    GoesOn,
    /// The pulses are made up.
    Simulated,
    /// When and by what it was made.
    Made,
    /// What the numbers are.
    Legal,
}

impl Language {
    /// A text of the page.
    pub(super) fn word(self, word: PageWord) -> &'static str {
        let found = WORDS.iter().find(|(known, ..)| *known == word);
        match (found, self) {
            (Some((_, english, _)), Language::English) => english,
            (Some((.., german)), Language::German) => german,
            (None, _) => "",
        }
    }

    /// A number with so many decimals.
    pub(super) fn number(self, number: f64, decimals: usize) -> String {
        let english = grouped_to(number, decimals);
        let minus = english.replace('-', "\u{2212}");
        match self {
            Language::English => minus,
            Language::German => minus
                .chars()
                .map(|c| match c {
                    ',' => '.',
                    '.' => ',',
                    c => c,
                })
                .collect(),
        }
    }

    /// A day.
    pub(super) fn date(self, date: Date) -> String {
        let form = match self {
            Language::English => "%-d %B %Y",
            Language::German => "%-d.%-m.%Y",
        };
        date.strftime(form).to_string()
    }

    /// A day as it stands in the report.
    pub(super) fn day(self, text: &str) -> String {
        text.parse()
            .map_or_else(|_| text.to_owned(), |date| self.date(date))
    }

    /// An instant, to the minute.
    pub(super) fn at(self, at: Timestamp, zone: &TimeZone) -> String {
        let local = at.to_zoned_datetime(zone.clone());
        format!("{} {}", self.date(local.date()), local.strftime("%H:%M"))
    }
}

/// Each in English and in German.
const WORDS: &[(PageWord, &str, &str)] = &[
    (PageWord::Report, "Energy report", "Energiebericht"),
    (PageWord::To, "to", "bis"),
    (PageWord::Energy, "Energy", "Energie"),
    (PageWord::Meter, "Meter", "Zähler"),
    (PageWord::Pulses, "Pulses", "Impulse"),
    (PageWord::PerUnit, "Pulses a unit", "Impulse je Einheit"),
    (PageWord::Counted, "Counted", "Gezählt"),
    (
        PageWord::Restored,
        "of it restored by number",
        "davon nach Zahl ergänzt",
    ),
    (PageWord::Cost, "Cost", "Kosten"),
    (PageWord::What, "Position", "Position"),
    (PageWord::Quantity, "Quantity", "Menge"),
    (PageWord::Price, "Price", "Preis"),
    (PageWord::Amount, "Amount", "Betrag"),
    (PageWord::Import, "Import", "Bezug"),
    (PageWord::FeedIn, "Feed-in", "Einspeisung"),
    (PageWord::Standing, "Standing charge", "Grundpreis"),
    (PageWord::Unpriced, "without a price", "ohne Preis"),
    (PageWord::Total, "Total", "Summe"),
    (
        PageWord::NotPriced,
        "Energy without a price is not in the total.",
        "Energie ohne Preis ist in der Summe nicht enthalten.",
    ),
    (PageWord::Days, "days", "Tage"),
    (PageWord::PerDay, "a day", "je Tag"),
    (PageWord::PerMonth, "a month", "je Monat"),
    (PageWord::PerYear, "a year", "je Jahr"),
    (PageWord::House, "House", "Haus"),
    (PageWord::Used, "Used in the house", "Verbrauch im Haus"),
    (
        PageWord::OwnUse,
        "Of it own generation",
        "davon selbst erzeugt",
    ),
    (
        PageWord::OwnShare,
        "Share of the generation that was used",
        "Eigenverbrauchsquote",
    ),
    (PageWord::Autarky, "Autarky", "Autarkiegrad"),
    (PageWord::Register, "Meter registers", "Zählerstände"),
    (PageWord::AtBegin, "At the begin", "Am Anfang"),
    (PageWord::AtEnd, "At the end", "Am Ende"),
    (PageWord::Difference, "Difference", "Differenz"),
    (PageWord::Read, "read", "abgelesen"),
    (
        PageWord::Drift,
        "off what was counted",
        "Abweichung von der Zählung",
    ),
    (PageWord::FirstReading, "first reading", "erste Ablesung"),
    (PageWord::Completeness, "Completeness", "Vollständigkeit"),
    (
        PageWord::Complete,
        "Complete: the lines of the meters were watched all the time, and no pulse was lost.",
        "Vollständig: die Leitungen der Zähler wurden durchgehend beobachtet, und kein Impuls ging verloren.",
    ),
    (
        PageWord::NotComplete,
        "Not complete: more may have flowed than is reported.",
        "Nicht vollständig: es kann mehr geflossen sein, als hier steht.",
    ),
    (
        PageWord::Began,
        "Counting began on",
        "Die Zählung begann am",
    ),
    (PageWord::NotWatched, "not watched", "nicht beobachtet"),
    (
        PageWord::NothingCounted,
        "Nothing was counted.",
        "Nichts wurde gezählt.",
    ),
    (
        PageWord::NotCounted,
        "not counted for",
        "nicht gezählt für die Dauer von",
    ),
    (PageWord::More, "times more", "weitere Male"),
    (PageWord::Lost, "pulses lost", "Impulse verloren"),
    (PageWord::AtMost, "at most", "höchstens"),
    (
        PageWord::RestoredNote,
        "pulses were restored by number: they are counted, their times are estimated.",
        "Impulse wurden nach Zahl ergänzt: sie sind gezählt, ihre Zeiten geschätzt.",
    ),
    (
        PageWord::GoesOn,
        "The period goes on: this is what was counted until",
        "Der Zeitraum dauert an: gezählt bis",
    ),
    (
        PageWord::Simulated,
        "SIMULATED: the pulses are made up.",
        "SIMULIERT: die Impulse sind erfunden.",
    ),
    (PageWord::Made, "Made on", "Erstellt am"),
    (
        PageWord::Legal,
        "Counted from the pulses of the meters; the faces of the meters hold.",
        "Aus den Impulsen der Zähler gezählt; maßgeblich sind die Zähler selbst.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_dates_are_those_of_the_language() {
        let date = jiff::civil::date(2026, 10, 5);
        assert_eq!(Language::German.number(-1_234.5, 2), "\u{2212}1.234,50");
        assert_eq!(Language::English.number(-1_234.5, 2), "\u{2212}1,234.50");
        assert_eq!(Language::German.date(date), "5.10.2026");
        assert_eq!(Language::English.date(date), "5 October 2026");
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let at = Timestamp::from_second(1_791_158_400).unwrap();
        assert_eq!(Language::German.at(at, &berlin), "5.10.2026 02:00");
        assert_eq!(Language::German.day("2026-10-05"), "5.10.2026");
    }
}
