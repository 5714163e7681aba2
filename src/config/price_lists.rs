//! Price lists of the entries of a direction: each quarter hour has one price, and no more than one. Pure.

use std::path::PathBuf;

use jiff::civil::Date;

use super::problem::Origin;
use crate::energy::coverage::{overlap, uncovered};
use crate::energy::tariff::{Direction, PriceList, PriceWindow, Rated, StandingCharge, Tariff};

/// An entry: what it prices.
#[derive(Debug)]
pub(super) struct PriceEntry {
    pub(super) direction: Direction,
    pub(super) valid_from: Date,
    pub(super) rated: Rated,
    /// When; empty: at all times.
    pub(super) windows: Vec<PriceWindow>,
    pub(super) standing: Option<StandingCharge>,
    pub(super) prices_file: Option<PathBuf>,
    /// Where it begins.
    pub(super) origin: Origin,
}

pub(super) type Problems = Vec<(Origin, String)>;

/// The tariff of a direction, with the file of its dynamic prices; None: nothing is priced.
pub(super) fn tariff(
    direction: Direction,
    entries: &[&PriceEntry],
) -> Result<Option<(Tariff, Option<PathBuf>)>, Problems> {
    let mut dates: Vec<Date> = entries.iter().map(|entry| entry.valid_from).collect();
    dates.sort_unstable();
    dates.dedup();
    let (mut lists, mut problems) = (Vec::new(), Problems::new());
    for date in dates {
        let entries = entries.iter().filter(|entry| entry.valid_from == date);
        match price_list(date, &entries.copied().collect::<Vec<_>>()) {
            Ok(list) => lists.push(list),
            Err(wrong) => problems.extend(wrong),
        }
    }
    let mut files = entries
        .iter()
        .filter_map(|entry| Some((entry.prices_file.as_ref()?, entry)));
    let prices_file = files.next().map(|(file, _)| file.clone());
    if let Some((file, entry)) = files.find(|(file, _)| Some(*file) != prices_file.as_ref()) {
        let message = format!(
            "dynamic_prices: \"{}\" is another file than above: the prices of one direction stand in one file",
            file.display()
        );
        problems.push((entry.origin.clone(), message));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let Some(first) = entries.first() else {
        return Ok(None);
    };
    let tariff = Tariff::new(direction, lists);
    let tariff = tariff.map_err(|wrong| vec![(first.origin.clone(), wrong.to_string())])?;
    Ok(Some((tariff, prices_file)))
}

/// The price list of the entries of one day.
fn price_list(valid_from: Date, entries: &[&PriceEntry]) -> Result<PriceList, Problems> {
    let mut problems = Problems::new();
    let base: Vec<&&PriceEntry> = entries
        .iter()
        .filter(|entry| entry.windows.is_empty())
        .collect();
    if let [first, second, ..] = base.as_slice() {
        let message = format!(
            "{} has a price for all times already, from the same day on: give one of them times, weekdays, a season or another valid_from",
            first.origin
        );
        problems.push((second.origin.clone(), message));
    }
    let windows: Vec<(PriceWindow, &&PriceEntry)> = entries
        .iter()
        .flat_map(|entry| entry.windows.iter().map(move |window| (*window, entry)))
        .collect();
    problems.extend(overlaps(&windows));
    let all: Vec<PriceWindow> = windows.iter().map(|(window, _)| *window).collect();
    let without_price = uncovered(&all).filter(|_| base.is_empty());
    if let (Some(moment), [first, ..]) = (without_price, entries) {
        let message = format!(
            "{moment} has no price: add one without times, weekdays and season, for all that is left"
        );
        problems.push((first.origin.clone(), message));
    }
    let mut standing = entries.iter().filter(|entry| entry.standing.is_some());
    let charge = standing.next().and_then(|entry| entry.standing);
    if let Some(second) = standing.next() {
        let message = "there is a standing charge from the same day on already: leave one";
        problems.push((second.origin.clone(), message.to_owned()));
    }
    // Where windows leave nothing, their first price stands for what is left.
    let base = base.first().copied().or(entries.first());
    match base.filter(|_| problems.is_empty()) {
        Some(base) => Ok(PriceList {
            valid_from,
            base: base.rated.clone(),
            windows: windows
                .into_iter()
                .map(|(window, entry)| (window, entry.rated.clone()))
                .collect(),
            standing: charge,
        }),
        None => Err(problems),
    }
}

/// Entries that price one quarter hour.
fn overlaps(windows: &[(PriceWindow, &&PriceEntry)]) -> Problems {
    let mut problems = Problems::new();
    for (n, (window, entry)) in windows.iter().enumerate() {
        let others = windows[..n]
            .iter()
            .filter(|(_, other)| other.origin != entry.origin);
        let twice = others.filter_map(|(earlier, other)| Some((overlap(earlier, window)?, other)));
        for (moment, other) in twice.take(1) {
            let message = format!(
                "{moment} has a price from {} already: times, weekdays and season of one of them must leave it out",
                other.origin
            );
            problems.push((entry.origin.clone(), message));
        }
    }
    problems
}
