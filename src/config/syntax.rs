//! What is no TOML: told in words for people, with what it concerns. Pure.

use super::catalogue::{catalogue, part_of};
use super::problem::ConfigPart;

/// What is between quotes that TOML does not know.
const TYPOGRAPHIC: &str = "“”„‟«»‘’‚‛";

/// What to say of a line that is no TOML; `said`: what the parser says.
pub(super) fn explain(line: &str, said: &str) -> String {
    let plain: String = line
        .chars()
        .map(|c| if TYPOGRAPHIC.contains(c) { '"' } else { c })
        .collect();
    if plain != line {
        return format!("typographic quotes: write {}", plain.trim());
    }
    let Some((key, value)) = line.split_once('=') else {
        return said.to_owned();
    };
    let (key, value) = (
        key.trim(),
        value.split('#').next().unwrap_or_default().trim(),
    );
    let is_word =
        value.starts_with(|c: char| c.is_alphanumeric() || c == '/' || c == '.' || c == '_');
    if is_word && !value.contains(['"', '\'', '[', '{']) {
        return format!("a text stands between quotes: {key} = \"{value}\"");
    }
    said.to_owned()
}

/// The table that a line of the file stands in, or is the header of; as it is written.
fn table_of_line(text: &str, line: usize) -> Option<&str> {
    let above = text.lines().take(line).collect::<Vec<_>>();
    above.iter().rev().find_map(|line| header(line))
}

/// The table that a line of the file stands in, by its name or what that is near to.
pub(super) fn known_table_of_line(text: &str, line: usize) -> Option<&'static str> {
    near_table(table_of_line(text, line)?)
}

/// What a line of the file concerns, by the table that it stands in.
pub(super) fn part_of_line(text: &str, line: usize) -> ConfigPart {
    match table_of_line(text, line) {
        Some(table) => part_of_table(table),
        None => ConfigPart::Counting,
    }
}

/// What a table concerns, by its name or what that is near to.
pub(super) fn part_of_table(table: &str) -> ConfigPart {
    near_table(table).map_or(ConfigPart::Aside, part_of)
}

/// The table with this name, or one that is near to it.
fn near_table(table: &str) -> Option<&'static str> {
    let known = catalogue().table_names();
    let near = known.map(|known| (strsim::damerau_levenshtein(known, table), known));
    let (slips, near) = near.min()?;
    (slips <= 2).then_some(near)
}

/// What a key concerns that stands in no table.
pub(super) fn part_of_stray(key: &str) -> ConfigPart {
    let tables = || catalogue().tables.iter();
    let in_many = tables().filter(|table| table.is_many);
    let in_one = tables().filter(|table| !table.is_many);
    let mut found = in_many.chain(in_one);
    found
        .find(|table| table.table_key(key).is_some())
        .map_or_else(|| part_of_table(key), |table| table.part)
}

/// Whether all tables that counting depends on have been read, each where its header stands: a bracket or a
/// quote that is not closed swallows what follows it.
pub(super) fn tables_are_whole(text: &str, meters: usize, has_journal: bool) -> bool {
    let headers = || text.lines().filter_map(header);
    let of_meters = headers().filter(|table| *table == "meter").count();
    of_meters == meters && headers().any(|table| table == "journal") == has_journal
}

/// The table whose header this line is.
fn header(line: &str) -> Option<&str> {
    let line = line.split('#').next()?.trim();
    let inner = line.strip_prefix('[')?.trim_start_matches('[');
    let name = inner.trim_end_matches(']').trim();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
#[path = "syntax_tests.rs"]
mod tests;
