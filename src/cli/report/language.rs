//! The words, numbers and dates of the page of A4, in each language. Pure.

use clap::ValueEnum;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::cli::numbers::grouped_to;

/// A language of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    /// English.
    En,
    /// German.
    De,
}

/// A text of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
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
    /// Its code, for the page.
    pub(super) fn code(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::De => "de",
        }
    }

    /// A text of the page.
    pub(super) fn word(self, word: Word) -> &'static str {
        let (english, german) = both(word);
        match self {
            Language::En => english,
            Language::De => german,
        }
    }

    /// A number with so many decimals.
    pub(super) fn number(self, number: f64, decimals: usize) -> String {
        let english = grouped_to(number, decimals);
        let minus = english.replace('-', "\u{2212}");
        match self {
            Language::En => minus,
            Language::De => minus
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
            Language::En => "%-d %B %Y",
            Language::De => "%-d.%-m.%Y",
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

/// English and German.
fn both(word: Word) -> (&'static str, &'static str) {
    match word {
        Word::Report => ("Energy report", "Energiebericht"),
        Word::To => ("to", "bis"),
        Word::Energy => ("Energy", "Energie"),
        Word::Meter => ("Meter", "Zähler"),
        Word::Pulses => ("Pulses", "Impulse"),
        Word::Restored => ("of it restored by number", "davon nach Zahl ergänzt"),
        Word::Cost => ("Cost", "Kosten"),
        Word::What => ("Position", "Position"),
        Word::Quantity => ("Quantity", "Menge"),
        Word::Price => ("Price", "Preis"),
        Word::Amount => ("Amount", "Betrag"),
        Word::Import => ("Import", "Bezug"),
        Word::FeedIn => ("Feed-in", "Einspeisung"),
        Word::Standing => ("Standing charge", "Grundpreis"),
        Word::Unpriced => ("without a price", "ohne Preis"),
        Word::Total => ("Total", "Summe"),
        Word::NotPriced => (
            "Energy without a price is not in the total.",
            "Energie ohne Preis ist in der Summe nicht enthalten.",
        ),
        Word::Days => ("days", "Tage"),
        Word::PerDay => ("a day", "je Tag"),
        Word::PerMonth => ("a month", "je Monat"),
        Word::PerYear => ("a year", "je Jahr"),
        Word::House => ("House", "Haus"),
        Word::Used => ("Used in the house", "Verbrauch im Haus"),
        Word::OwnUse => ("Of it own generation", "davon selbst erzeugt"),
        Word::OwnShare => (
            "Share of the generation that was used",
            "Eigenverbrauchsquote",
        ),
        Word::Autarky => ("Autarky", "Autarkiegrad"),
        Word::Register => ("Meter registers", "Zählerstände"),
        Word::AtBegin => ("At the begin", "Am Anfang"),
        Word::AtEnd => ("At the end", "Am Ende"),
        Word::Difference => ("Difference", "Differenz"),
        Word::Read => ("read", "abgelesen"),
        Word::Drift => ("off what was counted", "Abweichung von der Zählung"),
        Word::FirstReading => ("first reading", "erste Ablesung"),
        Word::Completeness => ("Completeness", "Vollständigkeit"),
        Word::Complete => (
            "Complete: the lines of the meters were watched all the time, and no pulse was lost.",
            "Vollständig: die Leitungen der Zähler wurden durchgehend beobachtet, und kein Impuls ging verloren.",
        ),
        Word::NotComplete => (
            "Not complete: more may have flowed than is reported.",
            "Nicht vollständig: es kann mehr geflossen sein, als hier steht.",
        ),
        Word::Began => ("Counting began on", "Die Zählung begann am"),
        Word::NotWatched => ("not watched", "nicht beobachtet"),
        Word::More => ("times more", "weitere Male"),
        Word::Lost => ("pulses lost", "Impulse verloren"),
        Word::AtMost => ("at most", "höchstens"),
        Word::RestoredNote => (
            "pulses were restored by number: they are counted, their times are estimated.",
            "Impulse wurden nach Zahl ergänzt: sie sind gezählt, ihre Zeiten geschätzt.",
        ),
        Word::GoesOn => (
            "The period goes on: this is what was counted until",
            "Der Zeitraum dauert an: gezählt bis",
        ),
        Word::Simulated => (
            "SIMULATED: the pulses are made up.",
            "SIMULIERT: die Impulse sind erfunden.",
        ),
        Word::Made => ("Made on", "Erstellt am"),
        Word::Legal => (
            "Counted from the pulses of the meters; the faces of the meters hold.",
            "Aus den Impulsen der Zähler gezählt; maßgeblich sind die Zähler selbst.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_dates_are_those_of_the_language() {
        let date = jiff::civil::date(2026, 10, 5);
        assert_eq!(Language::De.number(-1_234.5, 2), "\u{2212}1.234,50");
        assert_eq!(Language::En.number(-1_234.5, 2), "\u{2212}1,234.50");
        assert_eq!(Language::De.date(date), "5.10.2026");
        assert_eq!(Language::En.date(date), "5 October 2026");
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let at = Timestamp::from_second(1_791_158_400).unwrap();
        assert_eq!(Language::De.at(at, &berlin), "5.10.2026 02:00");
        assert_eq!(Language::De.day("2026-10-05"), "5.10.2026");
    }
}
