//! `docs/usage/configuration.md` says of every key what the program knows of it, and of no other.

use std::collections::BTreeMap;

use super::*;
use crate::config::key::Takes;

const REFERENCE: &str = include_str!("../../docs/usage/configuration.md");

/// A row of the reference: cells by the heads of their columns.
type Cells<'a> = BTreeMap<&'a str, &'a str>;

/// The rows of all tables of a text, each with the column that `is_key` names.
fn rows<'a>(text: &'a str, is_key: impl Fn(&str) -> bool) -> Vec<(&'a str, Cells<'a>)> {
    let cells = |line: &'a str| -> Vec<&'a str> {
        let inner = line.trim_start_matches('|').trim_end_matches('|');
        inner.split('|').map(str::trim).collect()
    };
    let (mut rows, mut heads): (_, Vec<&str>) = (Vec::new(), Vec::new());
    for line in text.lines() {
        if !line.starts_with('|') {
            heads.clear();
        } else if heads.is_empty() {
            heads = cells(line);
        } else if let Some(table) = heads.iter().find(|head| is_key(head)) {
            let cells = cells(line);
            assert_eq!(cells.len(), heads.len(), "{line}");
            if !cells[0].starts_with("---") {
                rows.push((*table, heads.iter().copied().zip(cells).collect()));
            }
        }
    }
    rows
}

fn words(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The tables that document a table of the file: what their column of keys is called.
fn column(form: &Form) -> String {
    format!("`{}`", form.header())
}

#[test]
fn every_key_has_one_row_with_its_default_and_range_and_no_row_is_of_another() {
    let forms = &catalogue().tables;
    let is_key = |head: &str| forms.iter().any(|form| column(form) == head);
    let mut rows = rows(REFERENCE, is_key);
    for form in forms {
        for key in &form.keys {
            let is_of = |(table, cells): &(&str, Cells<'_>)| {
                let name = match key.name_in_table() {
                    Some(name) => words(cells[table]) == [name],
                    None => {
                        words(cells[table]).is_empty()
                            && words(env_of(cells)).first() == key.env.as_ref()
                    }
                };
                *table == column(form) && name
            };
            let (of_key, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_of);
            rows = others;
            assert_eq!(of_key.len(), 1, "rows of {}", key.name);
            check(key, &of_key[0].1);
        }
    }
    assert!(rows.is_empty(), "no such keys: {rows:#?}");
}

/// Where a row has the names of `.env`.
fn env_of<'a>(cells: &Cells<'a>) -> &'a str {
    let columns = [".env", "for all meters"];
    let found = cells
        .iter()
        .find(|(head, _)| columns.iter().any(|column| head.contains(column)));
    found.map_or("", |(_, cell)| cell)
}

fn check(key: &Key, cells: &Cells<'_>) {
    let name = key.name;
    let (default, meaning) = (cells["default"].replace('`', ""), cells["meaning"]);
    if !key.default.is_empty() {
        let rest = default.strip_prefix(key.default.as_str());
        let is_it = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ';']));
        assert!(
            is_it,
            "{name}: its default is {}, not {default}",
            key.default
        );
    }
    if let Takes::Number(..) | Takes::Size(_) = key.takes {
        let range = key.allowed();
        assert!(meaning.contains(&range), "{name}: {range}, not: {meaning}");
    }
    if let Takes::OneOf(words_of_key) = &key.takes {
        let named = words(meaning);
        assert!(
            words_of_key.iter().all(|word| named.contains(word)),
            "{name}: {words_of_key:?}, not: {meaning}"
        );
    }
    assert_eq!(
        words(env_of(cells))
            .first()
            .copied()
            .filter(|_| name != "line"),
        key.env,
        "{name}"
    );
}

#[test]
fn the_keys_that_stand_in_no_table_are_named() {
    for key in &catalogue().keys {
        assert!(
            REFERENCE.contains(&format!("`{}`", key.name)),
            "{}",
            key.name
        );
        let default = format!("`{}` ({})", key.name, key.default);
        assert!(
            key.default.is_empty() || REFERENCE.contains(&default),
            "{default}"
        );
    }
}
