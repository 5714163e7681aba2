//! Text as a person may see it: without what a terminal, or whatever shows it, would act on. Pure.

use std::borrow::Cow;

/// What stands for a character that is not shown.
const REPLACED: char = '\u{fffd}';

/// The end of a line in files of some formats.
const CRLF: &str = "\r\n";

/// The text, with control characters (but for ends of lines and tab) and characters that turn the direction of what follows replaced.
/// `codes`: whole escape sequences that stay as they are.
pub fn visible<'a>(text: &'a str, codes: &[&str]) -> Cow<'a, str> {
    if !text.contains(is_acted_on) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let mut codes = codes.iter().chain([&CRLF]);
        let code = codes.find(|code| rest.starts_with(**code));
        let taken = code.map_or(letter.len_utf8(), |code| code.len());
        match code.is_none() && is_acted_on(letter) {
            true => shown.push(REPLACED),
            false => shown.push_str(&rest[..taken]),
        }
        rest = &rest[taken..];
    }
    Cow::Owned(shown)
}

/// Controls of ASCII and of Latin-1, and those of Unicode that embed, override or isolate a direction of writing.
fn is_acted_on(letter: char) -> bool {
    let turns = matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || letter.is_control() && !matches!(letter, '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_replaced_and_all_else_stays() {
        for plain in ["Zähler 電力 مرحبا\t1\n", ""] {
            assert!(matches!(visible(plain, &[]), Cow::Borrowed(same) if same == plain));
        }
        assert_eq!(
            visible("\x1b[2J\u{7}\u{9b}5m\r", &[]),
            "\u{fffd}[2J\u{fffd}\u{fffd}5m\u{fffd}"
        );
        assert_eq!(visible("a\u{202e}cba\u{2069}", &[]), "a\u{fffd}cba\u{fffd}");
    }

    #[test]
    fn lines_end_as_they_do() {
        assert_eq!(visible("1;2\r\n\r3\r\n", &[]), "1;2\r\n\u{fffd}3\r\n");
    }

    #[test]
    fn codes_that_are_wanted_stay() {
        let codes = ["\x1b[33m", "\x1b[0m"];
        let told = visible("\x1b[33m\x1b[31mlost\x1b[0m\x1b", &codes);
        assert_eq!(told, "\x1b[33m\u{fffd}[31mlost\x1b[0m\u{fffd}");
    }
}
