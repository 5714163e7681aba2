//! The bytes of a file as text. An editor's UTF-16 is read as what it is; bytes that are no UTF-8 spoil their
//! own line only. Pure.

/// Stands where a byte was no UTF-8.
const REPLACED: char = '\u{fffd}';

/// Each of these begins or ends a text that a word processor or a web page has put between quotes.
const TYPOGRAPHIC: &str = "“”„‟«»‘’‚‛";

/// A file's text, and what had to be done to read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decoded {
    /// The text.
    pub text: String,
    /// The lines, from 1, with bytes that are no UTF-8.
    pub bad_lines: Vec<usize>,
    /// It was UTF-16.
    pub is_utf16: bool,
}

/// Reads the bytes.
pub fn decode(bytes: &[u8]) -> Decoded {
    if let Some(text) = utf16(bytes) {
        return Decoded {
            text,
            bad_lines: Vec::new(),
            is_utf16: true,
        };
    }
    let (mut text, mut bad_lines) = (String::with_capacity(bytes.len()), Vec::new());
    for (number, line) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
        let line = String::from_utf8_lossy(line);
        if matches!(line, std::borrow::Cow::Owned(_)) {
            bad_lines.push(number);
        }
        text.push_str(&line);
    }
    Decoded {
        text,
        bad_lines,
        is_utf16: false,
    }
}

/// UTF-16 begins with its mark, or shows by every other byte of what is mostly ASCII being 0.
fn utf16(bytes: &[u8]) -> Option<String> {
    let (little, rest) = match bytes {
        [0xff, 0xfe, rest @ ..] => (true, rest),
        [0xfe, 0xff, rest @ ..] => (false, rest),
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => (true, bytes),
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => (false, bytes),
        _ => return None,
    };
    let units = rest.chunks_exact(2).map(|pair| {
        let pair = [pair[0], pair[1]];
        if little {
            u16::from_le_bytes(pair)
        } else {
            u16::from_be_bytes(pair)
        }
    });
    let text = char::decode_utf16(units).map(|unit| unit.unwrap_or(REPLACED));
    Some(text.collect())
}

/// Whether the first byte that is no UTF-8 stands in the line's comment, where it changes nothing.
pub fn is_bad_in_comment(line: &str) -> bool {
    let Some(at) = line.find(REPLACED) else {
        return false;
    };
    let before = &line[..at];
    let even = |text: &str, quote: char| text.matches(quote).count() % 2 == 0;
    let mut hashes = before.match_indices('#').map(|(at, _)| &line[..at]);
    hashes.any(|text| even(text, '"') && even(text, '\''))
}

/// Whether the text stands between quotes that only people understand.
pub fn has_typographic_quotes(text: &str) -> bool {
    let is = |c: Option<char>| c.is_some_and(|c| TYPOGRAPHIC.contains(c));
    is(text.chars().next()) || is(text.chars().next_back())
}

/// The first character that is not to be seen: a control character, a byte order mark, a blank of no width.
pub fn invisible(text: &str) -> Option<char> {
    text.chars().find(|c| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
    })
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
