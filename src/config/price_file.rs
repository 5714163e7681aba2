//! A file of dynamic prices that another program writes: CSV or JSON, a price a quarter hour or longer.
//!
//! CSV: `start,price` or `start,end,price`, with `,` `;` or a tab between them. JSON: a list of objects, alone or below `prices`,
//! `rates`, `data`, with one of the names below; what EVCC, Tibber and aWATTar answer fits. An instant is RFC 3339 with its offset, or
//! seconds or milliseconds since 1970. A price without an end lasts as long as the shorter of the times to the starts before
//! and after it, at most an hour: a file may go from hours to quarter hours. What cannot be read is told and has no price; all else holds.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read};
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::content;
use super::problem::{ConfigPart, ConfigProblem, Findings, Origin};
use crate::energy::decimal::Decimal;
use crate::energy::tariff::DynamicPrices;
use crate::model::QUARTER_S;

/// Some twenty years of quarter hours.
const BYTES_MAX: u64 = 64 << 20;

/// A price lasts no longer than this: more is a slip in the file.
const LENGTH_MAX_S: i64 = 86_400;

/// Characters of a value that a message repeats.
const TEXT_CHARS_MAX: usize = 40;

const HOUR_S: i64 = 3_600;

/// Numbers from here on are milliseconds: as seconds they are in the year 5138.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

const LISTS: [&str; 3] = ["prices", "rates", "data"];
const STARTS: [&str; 4] = ["start", "startsAt", "starts_at", "start_timestamp"];
const ENDS: [&str; 4] = ["end", "endsAt", "ends_at", "end_timestamp"];
const PRICES: [&str; 4] = ["price", "value", "total", "marketprice"];

/// A price as it stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    start_s: i64,
    end_s: Option<i64>,
    price: Decimal,
}

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Parsed {
    prices: DynamicPrices,
    /// The first thing that is wrong, and how many more.
    wrong: Option<(String, usize)>,
}

/// Reads the file; what is wrong with it is told, with what to do.
pub(super) fn read(path: &Path, findings: &mut Findings) -> DynamicPrices {
    let Parsed { prices, wrong } = match text_of(path) {
        Ok(text) => parse(&text),
        Err(why) => Parsed {
            wrong: Some((why, 0)),
            ..Parsed::default()
        },
    };
    if let Some((first, more)) = wrong {
        let more = match more {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let message =
            format!("dynamic prices: {first}{more}; what it does not price is shown as incomplete");
        let problem = ConfigProblem::new(Origin::File(path.to_owned()), message);
        findings.add(problem.of(ConfigPart::Aside));
    }
    prices
}

fn text_of(path: &Path) -> Result<String, String> {
    let said = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => {
            "there is no such file yet: run the program that writes it, or mend dynamic_prices"
                .to_owned()
        }
        ErrorKind::PermissionDenied => {
            "the daemon's user may not read it: give it to that user's group, or chmod 644"
                .to_owned()
        }
        _ => format!("it cannot be read: {error}"),
    };
    let file = content::open(path).map_err(said)?;
    if !file.metadata().map_err(said)?.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let mut bounded = file.take(BYTES_MAX + 1);
    bounded.read_to_end(&mut bytes).map_err(said)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(format!("it is larger than {} MiB", BYTES_MAX >> 20));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// Reads the text of a file.
fn parse(text: &str) -> Parsed {
    let text = text.trim_start_matches('\u{feff}');
    let mut wrong = Wrong::default();
    let entries = match text.trim_start().chars().next() {
        Some('{' | '[') => json(text, &mut wrong),
        _ => csv(text, &mut wrong),
    };
    if entries.is_empty() {
        wrong.add("it has no price, such as 2026-01-01T00:00:00+01:00,0.2815".to_owned());
    }
    Parsed {
        prices: by_quarter(&entries),
        wrong: wrong.first.map(|first| (first, wrong.more)),
    }
}

#[derive(Default)]
struct Wrong {
    first: Option<String>,
    more: usize,
}

impl Wrong {
    fn add(&mut self, what: String) {
        match self.first {
            Some(_) => self.more += 1,
            None => self.first = Some(what),
        }
    }
}

/// Each quarter hour with its price.
fn by_quarter(entries: &[Entry]) -> DynamicPrices {
    let starts: BTreeSet<i64> = entries.iter().map(|entry| entry.start_s).collect();
    let quarters = entries.iter().flat_map(|entry| {
        let start_s = entry.start_s;
        let end_s = entry
            .end_s
            .unwrap_or_else(|| start_s + length_s(start_s, &starts));
        let starts_s =
            std::iter::successors(Some(entry.start_s), |start_s| Some(start_s + QUARTER_S));
        let starts_s = starts_s.take_while(move |start_s| *start_s < end_s);
        starts_s.map(|start_s| (start_s, entry.price))
    });
    DynamicPrices::new(quarters)
}

/// How long a price without an end lasts. Both neighbours are asked, so that it does not last over a gap.
fn length_s(start_s: i64, starts: &BTreeSet<i64>) -> i64 {
    let before = starts.range(..start_s).next_back();
    let after = starts.range(start_s + 1..).next();
    let apart = [before, after].into_iter().flatten();
    let shorter = apart.map(|other_s| (other_s - start_s).abs()).min();
    shorter.unwrap_or(QUARTER_S).min(HOUR_S)
}

fn csv(text: &str, wrong: &mut Wrong) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut is_first = true;
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let separator = [';', '\t', ','].into_iter().find(|of| line.contains(*of));
        let cells = line.split(separator.unwrap_or(','));
        let cells: Vec<&str> = cells.map(|cell| cell.trim().trim_matches('"')).collect();
        // The first line that is no comment may be a heading, such as `start;€/MWh`.
        if std::mem::take(&mut is_first) && !cells.iter().any(|cell| begins_number(cell)) {
            continue;
        }
        let has_comma = separator != Some(',');
        match row(&cells, has_comma) {
            Ok(entry) => entries.push(entry),
            Err(why) => wrong.add(format!("line {}: {why}", n + 1)),
        }
    }
    entries
}

/// Whether a cell may be a time or a price, and is no word of a heading.
fn begins_number(cell: &str) -> bool {
    cell.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first))
}

/// `has_comma`: decimals may stand behind a comma.
fn row(cells: &[&str], has_comma: bool) -> Result<Entry, String> {
    let (start, end, price_text) = match cells {
        [start, price] => (start, None, price),
        [start, end, price] => (start, Some(end), price),
        _ => {
            return Err(format!(
                "{} columns, not start,price or start,end,price",
                cells.len()
            ));
        }
    };
    let written = match has_comma {
        true => price_text.replace(',', "."),
        false => (*price_text).to_owned(),
    };
    // A spreadsheet writes more digits than there are.
    let rounded = || written.parse().ok().and_then(Decimal::from_f64_rounded);
    let price = written.parse().ok().or_else(rounded);
    let price =
        price.ok_or_else(|| format!("\"{}\" is no price, such as 0.2815", shown(price_text)))?;
    let end = end.map(|end| instant(end)).transpose()?;
    checked(instant(start)?, end, price)
}

fn json(text: &str, wrong: &mut Wrong) -> Vec<Entry> {
    let parsed: Json = match serde_json::from_str(text) {
        Ok(parsed) => parsed,
        Err(error) => {
            wrong.add(format!("line {}: it is no JSON: {error}", error.line()));
            return Vec::new();
        }
    };
    let list = LISTS.iter().find_map(|name| parsed.get(name));
    let Some(list) = list.unwrap_or(&parsed).as_array() else {
        wrong.add("it has no list of prices, alone or below \"prices\"".to_owned());
        return Vec::new();
    };
    let mut entries = Vec::new();
    for (n, item) in list.iter().enumerate() {
        match object(item) {
            Ok(entry) => entries.push(entry),
            Err(why) => wrong.add(format!("price {}: {why}", n + 1)),
        }
    }
    entries
}

fn object(item: &Json) -> Result<Entry, String> {
    let named = |names: [&str; 4]| names.iter().find_map(|name| item.get(name));
    let at = |value: &Json| match value {
        Json::String(text) => instant(text),
        Json::Number(number) => instant(&number.to_string()),
        _ => Err("a time is a text or a number".to_owned()),
    };
    let start = named(STARTS).ok_or("it has no \"start\"")?;
    let end = named(ENDS).map(at).transpose()?;
    let price = match named(PRICES).ok_or("it has no \"price\"")? {
        Json::String(text) => text
            .parse()
            .map_err(|_| format!("\"{}\" is no price, such as 0.2815", shown(text)))?,
        Json::Number(number) => {
            let number = number.as_f64().and_then(Decimal::from_f64_rounded);
            number.ok_or("its price is no price")?
        }
        _ => return Err("its price is neither a number nor a text".to_owned()),
    };
    checked(at(start)?, end, price)
}

/// An instant, in seconds since 1970.
fn instant(text: &str) -> Result<i64, String> {
    if let Ok(number) = text.parse::<i64>() {
        return Ok(match number >= MILLISECONDS_FROM {
            true => number / 1_000,
            false => number,
        });
    }
    let at = text.parse::<Timestamp>().map_err(|_| {
        format!(
            "\"{}\" is no time with its offset, such as 2026-01-01T00:00:00+01:00",
            shown(text)
        )
    })?;
    Ok(at.as_second())
}

/// The begin of what is written, for a message: without what a terminal would act on.
fn shown(text: &str) -> String {
    let begin: String = text.chars().take(TEXT_CHARS_MAX).collect();
    begin.escape_debug().to_string()
}

fn checked(start_s: i64, end_s: Option<i64>, price: Decimal) -> Result<Entry, String> {
    let is_quarter = |at_s: i64| at_s.rem_euclid(QUARTER_S) == 0;
    if !is_quarter(start_s) || !end_s.is_none_or(is_quarter) {
        return Err("a price begins and ends with a quarter hour".to_owned());
    }
    // Beyond what any calendar has, and far from where sums overflow.
    if start_s.abs() > MILLISECONDS_FROM {
        return Err("its time is in no year that there is".to_owned());
    }
    if let Some(end_s) = end_s {
        let length_s = end_s.saturating_sub(start_s);
        if length_s <= 0 || length_s > LENGTH_MAX_S {
            return Err("it ends before it begins, or lasts longer than a day".to_owned());
        }
    }
    let limit = Decimal::whole(1_000_000);
    if price <= -limit || limit <= price {
        return Err(format!("a price of {price} is a slip"));
    }
    Ok(Entry {
        start_s,
        end_s,
        price,
    })
}

#[cfg(test)]
#[path = "price_file_tests.rs"]
mod tests;
