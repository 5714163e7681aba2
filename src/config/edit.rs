//! Changes keys of a meter in `powerlogger.toml` and leaves everything else as it is written: comments, order, blanks.
//! Pure.

use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

use super::{LineName, MeterSettings};
use crate::model::{Bias, Level};

/// A key and its new value.
#[derive(Debug, Clone, PartialEq)]
pub struct NewValue {
    /// The key.
    pub key: &'static str,
    /// The value.
    pub value: NewText,
}

/// What is written.
#[derive(Debug, Clone, PartialEq)]
pub enum NewText {
    /// A word, in quotes.
    Word(String),
    /// A number.
    Number(f64),
}

/// Why the file cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It is not TOML.
    #[error("powerlogger.toml is not TOML: {0}")]
    Syntax(String),
    /// It has meters, and not this one.
    #[error("powerlogger.toml has no meter \"{0}\"")]
    NoMeter(String),
}

/// The file with these keys of a meter. Where it has no meters yet, all that are counted are written into it: one alone
/// would take the place of the others.
///
/// # Errors
/// When it is not TOML, or has other meters.
pub fn with_meter_keys(
    text: &str,
    meter: &str,
    keys: &[NewValue],
    counted: &[MeterSettings],
) -> Result<String, EditError> {
    let (bom, text) = match text.strip_prefix('\u{feff}') {
        Some(rest) => ("\u{feff}", rest),
        None => ("", text),
    };
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| EditError::Syntax(error.to_string()))?;
    let unknown = || EditError::NoMeter(meter.to_owned());
    match document.get_mut("meter") {
        None | Some(Item::None) => {
            let tables: ArrayOfTables = counted.iter().map(table_of).collect();
            document.insert("meter", Item::ArrayOfTables(tables));
            let meters = document["meter"].as_array_of_tables_mut();
            let mut meters = meters.into_iter().flat_map(ArrayOfTables::iter_mut);
            let table = meters.find(|table| is_named(table.get("name"), meter));
            set(table.ok_or_else(unknown)?, keys);
        }
        Some(Item::ArrayOfTables(meters)) => {
            let mut meters = meters.iter_mut();
            let table = meters.find(|table| is_named(table.get("name"), meter));
            set(table.ok_or_else(unknown)?, keys);
        }
        Some(Item::Table(table)) if is_named(table.get("name"), meter) => set(table, keys),
        Some(Item::Value(Value::Array(meters))) => {
            let mut tables = meters.iter_mut().filter_map(Value::as_inline_table_mut);
            let named =
                |table: &&mut InlineTable| table.get("name").and_then(Value::as_str) == Some(meter);
            let table = tables.find(named).ok_or_else(unknown)?;
            for new in keys {
                put(
                    table.entry(new.key).or_insert(value_of(&new.value)),
                    &new.value,
                );
            }
        }
        Some(_) => return Err(unknown()),
    }
    Ok(format!("{bom}{document}"))
}

fn is_named(name: Option<&Item>, meter: &str) -> bool {
    name.and_then(Item::as_str) == Some(meter)
}

fn set(table: &mut Table, keys: &[NewValue]) {
    for new in keys {
        match table.get_mut(new.key).and_then(Item::as_value_mut) {
            Some(known) => put(known, &new.value),
            None => drop(table.insert(new.key, Item::Value(value_of(&new.value)))),
        }
    }
}

/// In place of what stands there: what is around it, a comment behind it too, stays.
fn put(known: &mut Value, new: &NewText) {
    let decor = known.decor().clone();
    *known = value_of(new);
    *known.decor_mut() = decor;
}

fn value_of(new: &NewText) -> Value {
    match new {
        NewText::Word(word) => Value::from(word.as_str()),
        NewText::Number(number) if number.fract() == 0.0 => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a whole number of milliseconds"
            )]
            let whole = *number as i64;
            Value::from(whole)
        }
        NewText::Number(number) => Value::from(*number),
    }
}

/// A meter as it is counted without a table of its own.
fn table_of(meter: &MeterSettings) -> Table {
    let mut table = Table::new();
    let number = |ns: i64| NewText::Number((ns as f64 / 1e3).round() / 1e3);
    let filter = &meter.filter;
    let active = match filter.active {
        Level::Low => "low",
        Level::High => "high",
    };
    let word = |word: &str| NewText::Word(word.to_owned());
    let mut rows = vec![
        ("name", word(&meter.name)),
        ("line", line_of(&meter.line.line)),
        ("bias", word(meter.line.bias.as_str())),
        ("edge", word(filter.counted.as_str())),
        ("bounce_ms", number(filter.bounce_ns)),
        ("min_interval_ms", number(filter.min_interval_ns)),
    ];
    if let Some(chip) = &meter.line.chip {
        rows.insert(2, ("chip", word(chip)));
    }
    if meter.line.bias == Bias::None {
        rows.push(("active", word(active)));
    }
    for (key, value) in rows {
        table.insert(key, Item::Value(value_of(&value)));
    }
    table
}

fn line_of(line: &LineName) -> NewText {
    match line {
        LineName::Number(number) => NewText::Number(f64::from(*number)),
        LineName::Name(name) => NewText::Word(name.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Vec<NewValue> {
        let number = |key, number| NewValue {
            key,
            value: NewText::Number(number),
        };
        vec![
            number("bounce_ms", 0.5),
            number("max_width_ms", 400.0),
            NewValue {
                key: "edge",
                value: NewText::Word("falling".to_owned()),
            },
        ]
    }

    fn edited(text: &str, meter: &str) -> Result<String, EditError> {
        let counted = ["Import", "Export"].map(MeterSettings::plain);
        with_meter_keys(text, meter, &keys(), &counted)
    }

    #[test]
    fn only_the_keys_of_the_meter_change() {
        let text = "# The house.\n[[meter]]\nname = \"Import\" # grid\nline = 20\nbounce_ms = 5   # S0\n\n\
            [[meter]]\nname = \"Export\"\nline = 26\nbounce_ms = 7\n\n[web]\nlisten = \"off\" # none\n";
        let want = "# The house.\n[[meter]]\nname = \"Import\" # grid\nline = 20\nbounce_ms = 0.5   # S0\n\
            max_width_ms = 400\nedge = \"falling\"\n\n\
            [[meter]]\nname = \"Export\"\nline = 26\nbounce_ms = 7\n\n[web]\nlisten = \"off\" # none\n";
        assert_eq!(edited(text, "Import").unwrap(), want);
        assert_eq!(
            edited(want, "Import").unwrap(),
            want,
            "the second time nothing"
        );
        let with_bom = format!("\u{feff}{text}");
        assert_eq!(
            edited(&with_bom, "Import").unwrap(),
            format!("\u{feff}{want}")
        );
    }

    #[test]
    fn meters_in_one_line_are_found_too() {
        let text = "meter = [{ name = \"Import\", line = 20 }, { name = \"Export\", line = 26 }]\n";
        let new = edited(text, "Export").unwrap();
        assert!(new.contains("{ name = \"Import\", line = 20 }"), "{new}");
        assert!(new.contains("max_width_ms = 400"), "{new}");
    }

    #[test]
    fn without_meters_all_that_are_counted_are_written() {
        let new = edited("[web]\nlisten = \"off\"\n", "Export").unwrap();
        assert_eq!(new.matches("[[meter]]").count(), 2, "{new}");
        assert_eq!(new.matches("bounce_ms = 0.5").count(), 1, "{new}");
        assert_eq!(new.matches("line = 20\n").count(), 2, "{new}");
        assert!(new.starts_with("[web]\nlisten = \"off\"\n"), "{new}");
    }

    #[test]
    fn what_cannot_be_changed_is_left() {
        let other = edited("[[meter]]\nname = \"Flat\"\nline = 3\n", "Import");
        assert!(matches!(other, Err(EditError::NoMeter(_))));
        assert!(matches!(
            edited("[[meter", "Import"),
            Err(EditError::Syntax(_))
        ));
        assert!(matches!(
            edited("meter = 5\n", "Import"),
            Err(EditError::NoMeter(_))
        ));
    }
}
