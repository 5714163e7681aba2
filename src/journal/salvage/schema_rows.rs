//! The rows of an SQLite schema, found without the first page: the pages that hold them are known by what is in them.
//! Pure.

use std::collections::BTreeMap;

/// What a page of a table's rows begins with.
const TABLE_LEAF: u8 = 13;

/// A table or an index, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SchemaRow {
    /// `table` or `index`.
    pub(super) kind: String,
    /// Its name.
    pub(super) name: String,
    /// The table that it belongs to.
    pub(super) table: String,
    /// The number of its first page.
    pub(super) root: i64,
    /// How it was made; None: SQLite has made it on its own.
    pub(super) sql: Option<String>,
}

/// Finds the schema's rows in the pages of a file, by name. `page_of` gives a page by its number, from 1.
pub(super) fn find(
    pages: u32,
    page_of: &mut dyn FnMut(u32) -> Option<Vec<u8>>,
) -> BTreeMap<String, SchemaRow> {
    let mut found = BTreeMap::new();
    for number in 2..=pages {
        let Some(page) = page_of(number).filter(|page| page[0] == TABLE_LEAF) else {
            continue;
        };
        for at in cells(&page) {
            let row = payload(&page, at, page_of).and_then(|payload| row(&payload));
            let row = row.filter(|row| (2..=i64::from(pages)).contains(&row.root));
            found.extend(row.map(|row| (row.name.clone(), row)));
        }
    }
    found
}

/// Where the cells of a leaf are.
fn cells(page: &[u8]) -> Vec<usize> {
    let count = usize::from(u16::from_be_bytes([page[3], page[4]]));
    let pointers = page.get(8..8 + 2 * count).unwrap_or_default();
    let pointers = pointers.chunks_exact(2);
    pointers
        .map(|pair| usize::from(u16::from_be_bytes([pair[0], pair[1]])))
        .collect()
}

/// What a cell holds, with what overflows its page.
fn payload(
    page: &[u8],
    at: usize,
    page_of: &mut dyn FnMut(u32) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let mut cell = page.get(at..)?;
    let length = usize::try_from(varint(&mut cell)?).ok()?;
    varint(&mut cell)?;
    let usable = page.len();
    // As the file format says: what does not fit leaves at least the least behind.
    let most = usable - 35;
    // A schema's row is short; what claims more is none.
    if length > 64 * usable {
        return None;
    }
    if length <= most {
        return Some(cell.get(..length)?.to_vec());
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let fits = least + (length - least) % (usable - 4);
    let local = if fits <= most { fits } else { least };
    let mut payload = cell.get(..local)?.to_vec();
    let number = |bytes: &[u8]| Some(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?));
    let mut next = number(cell.get(local..)?)?;
    while payload.len() < length {
        let page = page_of(next)?;
        next = number(&page)?;
        let more = (length - payload.len()).min(usable - 4);
        payload.extend(&page[4..4 + more]);
    }
    Some(payload)
}

/// A row of the schema, if a record is one.
fn row(record: &[u8]) -> Option<SchemaRow> {
    let mut header = record;
    let length = usize::try_from(varint(&mut header)?).ok()?;
    let mut body = record.get(length..)?;
    let read = record.len() - header.len();
    let mut types = record.get(read..length)?;
    let mut next = |types: &mut &[u8]| -> Option<(i64, Vec<u8>)> {
        let kind = varint(types)?;
        let bytes = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            12.. => usize::try_from((kind - 12) / 2).ok()?,
            _ => return None,
        };
        let (value, rest) = body.split_at_checked(bytes)?;
        body = rest;
        Some((kind, value.to_vec()))
    };
    let text = |(kind, bytes): (i64, Vec<u8>)| {
        let is_text = kind >= 13 && kind % 2 == 1;
        is_text.then(|| String::from_utf8(bytes).ok()).flatten()
    };
    let kind = text(next(&mut types)?)?;
    let name = text(next(&mut types)?)?;
    let table = text(next(&mut types)?)?;
    let (root_kind, root) = next(&mut types)?;
    if !(1..=4).contains(&root_kind) || !matches!(kind.as_str(), "table" | "index") {
        return None;
    }
    let root = root
        .iter()
        .fold(0_i64, |sum, byte| sum << 8 | i64::from(*byte));
    let (sql_kind, sql) = next(&mut types)?;
    let sql = match sql_kind {
        0 => None,
        _ => Some(text((sql_kind, sql))?),
    };
    let is_made = sql.as_ref().is_none_or(|sql| sql.starts_with("CREATE "));
    let is_whole = types.is_empty() && (sql.is_some() || name.starts_with("sqlite_autoindex_"));
    (is_made && is_whole).then_some(SchemaRow {
        kind,
        name,
        table,
        root,
        sql,
    })
}

/// SQLite's number of one to nine bytes.
fn varint(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0_i64;
    for place in 0..9 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if place == 8 {
            return Some(value << 8 | i64::from(*byte));
        }
        value = value << 7 | i64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_no_schema_and_no_panic(
            pages in prop::collection::vec(prop::collection::vec(any::<u8>(), 512..=512), 1..4),
        ) {
            let mut pages = pages;
            for page in &mut pages {
                page[0] = TABLE_LEAF;
            }
            let count = u32::try_from(pages.len()).unwrap();
            let mut page_of = |number: u32| pages.get(usize::try_from(number).unwrap().checked_sub(1)?).cloned();
            let found = find(count, &mut page_of);
            prop_assert!(found.values().all(|row| row.root <= i64::from(count)));
        }
    }

    #[test]
    fn numbers_are_read_as_sqlite_writes_them() {
        let read = |mut bytes: &[u8]| varint(&mut bytes);
        assert_eq!(read(&[0x7f]), Some(127));
        assert_eq!(read(&[0x81, 0x00]), Some(128));
        assert_eq!(read(&[0xff; 9]), Some(-1));
        assert_eq!(read(&[0x80]), None);
    }
}
