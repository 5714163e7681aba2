//! `[[tariff]]`: what energy costs. Each entry is a price; those of one direction and one first day are one price list.
//!
//! A price list has a price for each quarter hour, and no more than one: what is left out, or priced twice, is a mistake with its
//! line. While anything is wrong with a tariff there is no money anywhere, so that no amount is a guess.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;

use super::given::Given;
use super::key::key;
use super::place::place;
use super::price_file;
use super::price_lists::{self, PriceEntry, Problems};
use super::problem::{ConfigPart, Findings, Origin};
use super::section::Section;
use super::tariff_times::{self, ALL_DAY, ALL_WEEK};
use crate::energy::decimal::Decimal;
use crate::energy::tariff::{
    ChargePer, Direction, DynamicPrices, PriceWindow, Rated, StandingCharge, Tariff, UnitPrice,
};

/// More than any supplier has ever changed its prices.
const ENTRIES_MAX: usize = 1_000;

const DIRECTIONS: &[(&str, Direction)] = &[
    ("import", Direction::Import),
    ("feed_in", Direction::FeedIn),
];

/// What a price is called that has no name.
const STANDARD: &str = "standard";

/// What energy costs and earns. Empty: no money is shown anywhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TariffSettings {
    /// What is paid for import.
    pub import: Option<Pricing>,
    /// What is earned with export.
    pub feed_in: Option<Pricing>,
}

/// The tariff of one direction, and the dynamic prices that it goes by.
#[derive(Debug, Clone, PartialEq)]
pub struct Pricing {
    /// The price lists.
    pub tariff: Tariff,
    /// The file of dynamic prices, as it is configured.
    pub prices_file: Option<PathBuf>,
    /// What that says.
    pub dynamic: Arc<DynamicPrices>,
}

impl TariffSettings {
    /// The tariff of a direction.
    pub fn of(&self, direction: Direction) -> Option<&Pricing> {
        match direction {
            Direction::Import => self.import.as_ref(),
            Direction::FeedIn => self.feed_in.as_ref(),
        }
    }

    /// Whether nothing has a price.
    pub fn is_empty(&self) -> bool {
        self.import.is_none() && self.feed_in.is_none()
    }

    /// Whether any price may change within a day.
    pub fn change_within_days(&self) -> bool {
        self.all().any(|pricing| !pricing.tariff.is_always_flat())
    }

    fn all(&self) -> impl Iterator<Item = &Pricing> {
        [&self.import, &self.feed_in].into_iter().flatten()
    }

    /// The files of dynamic prices.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.all()
            .filter_map(|pricing| pricing.prices_file.as_ref())
    }

    /// Each price list by its name, with all that it says.
    pub(super) fn described(&self) -> Vec<(String, String)> {
        let lists = self.all().flat_map(|pricing| {
            let lists = pricing.tariff.lists().iter();
            lists.map(move |list| {
                let direction = DIRECTIONS
                    .iter()
                    .find(|(_, of)| *of == pricing.tariff.direction());
                let word = direction.map_or("", |(word, _)| word);
                let name = format!("tariff {word} {}", list.valid_from);
                (name, format!("{list:?} {:?}", pricing.prices_file))
            })
        });
        lists.collect()
    }

    /// Reads the files of dynamic prices, which lie relative to `dir`. What is wrong with one is told; prices that can be read
    /// hold all the same.
    pub(super) fn read_files(&mut self, dir: &Path, findings: &mut Findings) {
        for pricing in [&mut self.import, &mut self.feed_in].into_iter().flatten() {
            let Some(file) = &mut pricing.prices_file else {
                continue;
            };
            *file = place(dir, &*file);
            pricing.dynamic = Arc::new(price_file::read(file, findings));
        }
    }
}

/// Reads the entries.
pub(super) fn read(root: &mut Section<'_>) -> TariffSettings {
    let written = root.take_tables("tariff");
    if let Some(beyond) = written.get(ENTRIES_MAX) {
        let message = format!("more than {ENTRIES_MAX} prices: some are written twice");
        root.problem_of(ConfigPart::Aside, &Origin::Toml(beyond.line), message);
        return TariffSettings::default();
    }
    let (mut entries, mut is_wrong) = (Vec::new(), false);
    for table in written {
        let entry = root.entry("tariff", ConfigPart::Aside, table, |s| {
            let entry = entry(s);
            is_wrong |= s.is_wrong() || s.is_flawed();
            entry
        });
        entries.extend(entry);
    }
    if is_wrong {
        return TariffSettings::default();
    }
    let of = |direction| -> Result<Option<Pricing>, Problems> {
        let entries = entries.iter().filter(|entry| entry.direction == direction);
        let found = price_lists::tariff(direction, &entries.collect::<Vec<_>>())?;
        Ok(found.map(|(tariff, prices_file)| Pricing {
            tariff,
            prices_file,
            dynamic: Arc::default(),
        }))
    };
    match (of(Direction::Import), of(Direction::FeedIn)) {
        (Ok(import), Ok(feed_in)) => TariffSettings { import, feed_in },
        (import, feed_in) => {
            let problems = [import.err(), feed_in.err()].into_iter().flatten();
            for (origin, message) in problems.flatten() {
                root.problem_of(ConfigPart::Aside, &origin, message);
            }
            TariffSettings::default()
        }
    }
}

/// One entry. None: something is wrong with it, and told.
fn entry(s: &mut Section<'_>) -> Option<PriceEntry> {
    let direction = s.choice(
        key(
            "direction",
            "what is priced: energy that is bought, or fed in",
        ),
        DIRECTIONS,
    );
    let valid_from = s.text(
        key("valid_from", "the first local day of the price"),
        "1970-01-01",
    );
    let valid_from = date(s, &valid_from);
    let name = s.text_if_set(key("name", "what the price is called on a bill"));
    let times = s.list(key("times", "times of day; unless set: all day"), "");
    let weekdays = s.list(key("weekdays", "days of the week; unless set: all"), "");
    let season = s.text_if_set(key("season", "days of the year; unless set: all year"));
    let price = price(s);
    let standing = standing(s, direction);
    let windows = windows(s, times.as_ref(), weekdays.as_ref(), season.as_ref());
    let restricted = [times, weekdays, season].into_iter().flatten();
    let restricted: Vec<String> = restricted.map(|given| given.text).collect();
    let name = name.map(|name| name.text.trim().to_owned());
    let name =
        name.filter(|name| !name.is_empty())
            .unwrap_or_else(|| match restricted.as_slice() {
                [] => STANDARD.to_owned(),
                all => all.join(", "),
            });
    let (price, prices_file) = price?;
    Some(PriceEntry {
        direction,
        valid_from: valid_from?,
        rated: Rated { name, price },
        windows: windows?,
        standing,
        prices_file,
        origin: s.begin(),
    })
}

fn date(s: &mut Section<'_>, given: &Given) -> Option<Date> {
    let is_plain = given.text.len() == 10;
    let date = given.text.parse().ok().filter(|_| is_plain);
    if date.is_none() {
        let message = format!("\"{}\" is no date, such as 2026-01-01", given.text);
        s.complain(given, message);
    }
    date
}

/// The price, and the file where it is dynamic.
fn price(s: &mut Section<'_>) -> Option<(UnitPrice, Option<PathBuf>)> {
    let fixed = s.decimal_if_set(key(
        "price_per_kwh",
        "of one kWh, in the currency of the site",
    ));
    let file = s.text_if_set(key(
        "dynamic_prices",
        "file of prices by the quarter hour, CSV or JSON",
    ));
    let factor = s.decimal_if_set(key(
        "dynamic_factor",
        "what a price of the file is multiplied by",
    ));
    let surcharge = s.decimal_if_set(key(
        "surcharge_per_kwh",
        "what is added to each price of the file",
    ));
    let begin = s.begin();
    match (fixed, file) {
        (Some(_), Some(file)) => {
            s.complain(&file, "price_per_kwh is set as well: leave one of them out");
            None
        }
        (None, None) => {
            if !s.is_wrong() {
                s.problem(
                    &begin,
                    "a tariff has no price (such as price_per_kwh = 0.32)",
                );
            }
            None
        }
        (Some(_), None) if factor.is_some() || surcharge.is_some() => {
            let message =
                "dynamic_factor and surcharge_per_kwh belong to dynamic_prices: leave them out";
            s.problem(&begin, message);
            None
        }
        (Some(price), None) => Some((UnitPrice::Fixed(price), None)),
        (None, Some(file)) => Some((
            UnitPrice::Dynamic {
                factor: factor.unwrap_or(Decimal::whole(1)),
                surcharge: surcharge.unwrap_or_default(),
            },
            Some(PathBuf::from(file.text)),
        )),
    }
}

/// The standing charge, if there is one.
fn standing(s: &mut Section<'_>, direction: Direction) -> Option<StandingCharge> {
    let keys = [
        (
            key("standing_per_day", "what is paid a day, whatever flows"),
            ChargePer::Day,
        ),
        (
            key("standing_per_month", "what is paid a month, whatever flows"),
            ChargePer::Month,
        ),
        (
            key("standing_per_year", "what is paid a year, whatever flows"),
            ChargePer::Year,
        ),
    ];
    let charges = keys.map(|(key, per)| {
        let amount = s.decimal_if_set(key);
        amount.map(|amount| StandingCharge { amount, per })
    });
    let charges: Vec<StandingCharge> = charges.into_iter().flatten().collect();
    let begin = s.begin();
    if charges.len() > 1 {
        s.problem(&begin, "one standing charge is possible: add them up");
    }
    if !charges.is_empty() && direction == Direction::FeedIn {
        let message = "a standing charge belongs to direction = \"import\": it is paid, not earned";
        s.problem(&begin, message);
    }
    charges.first().copied()
}

/// When an entry holds; empty: at all times. None: it cannot be read.
fn windows(
    s: &mut Section<'_>,
    times: Option<&Given>,
    weekdays: Option<&Given>,
    season: Option<&Given>,
) -> Option<Vec<PriceWindow>> {
    let mut check = |given: Option<&Given>, what: &str, is_read: bool| {
        if let Some(given) = given.filter(|_| !is_read) {
            s.complain(given, format!("\"{}\" is not {what}", given.text));
        }
    };
    let of_times = times.map(|given| given.items().map(tariff_times::times).collect());
    let of_times: Option<Option<Vec<(u16, u16)>>> = of_times;
    let is_read = of_times.as_ref().is_none_or(|times| {
        let times = times.as_ref();
        times.is_some_and(|times| !times.is_empty())
    });
    check(
        times,
        "a time of day such as \"22:00-06:00\", in quarter hours",
        is_read,
    );
    let of_week = weekdays.map(|given| tariff_times::weekdays(given.items()));
    let days = "days of the week such as \"mon-fri\" or \"sat, sun\"";
    check(weekdays, days, of_week.as_ref().is_none_or(Option::is_some));
    let of_year = season.map(|given| tariff_times::season(&given.text));
    let days = "days of the year such as \"10-01 to 03-31\"";
    check(season, days, of_year.as_ref().is_none_or(Option::is_some));
    if times.is_none() && weekdays.is_none() && season.is_none() {
        return Some(Vec::new());
    }
    let of_times = of_times.unwrap_or_else(|| Some(vec![ALL_DAY]))?;
    let weekdays = of_week.unwrap_or(Some(ALL_WEEK))?;
    let season = of_year.map_or(Some(None), |season| season.map(Some))?;
    let window = |(from_minute, to_minute)| PriceWindow {
        from_minute,
        to_minute,
        weekdays,
        season,
    };
    Some(of_times.into_iter().map(window).collect())
}

#[cfg(test)]
#[path = "tariffs_tests.rs"]
mod tests;
