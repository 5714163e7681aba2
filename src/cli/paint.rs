//! What a terminal can show: colours, and characters beyond ASCII.

use std::env;
use std::io::{IsTerminal, stdout};

/// All escape sequences that an answer has.
pub(super) const CODES: [&str; 3] = ["\x1b[1m", "\x1b[33m", "\x1b[0m"];

/// Colours, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paint(bool);

impl Paint {
    /// Colours where the standard output is a terminal that has them, unless `NO_COLOR` is set.
    pub(super) fn of_stdout() -> Paint {
        Paint(colours_are_wanted() && stdout().is_terminal() && !is_dumb())
    }

    /// A heading.
    pub(super) fn heading(self, text: &str) -> String {
        self.with("1", text)
    }

    /// What is not as it should be.
    pub(super) fn warning(self, text: &str) -> String {
        self.with("33", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Whether nobody asks to do without.
pub(super) fn colours_are_wanted() -> bool {
    env::var_os("NO_COLOR").is_none_or(|none| none.is_empty())
}

/// Whether the terminal does nothing but print.
pub(super) fn is_dumb() -> bool {
    env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

/// Characters for what ASCII has no sign for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Glyphs {
    /// The locale is one of UTF-8.
    pub(super) is_utf8: bool,
}

impl Glyphs {
    /// Those of the locale.
    pub(super) fn of_locale() -> Glyphs {
        let names = ["LC_ALL", "LC_CTYPE", "LANG"];
        let mut values = names.iter().filter_map(|name| env::var(name).ok());
        let locale = values.find(|value| !value.is_empty());
        Glyphs {
            is_utf8: locale.is_some_and(|locale| is_utf8(&locale)),
        }
    }

    /// What stands where nothing is known.
    pub(super) fn unknown(self) -> &'static str {
        if self.is_utf8 { "–" } else { "-" }
    }

    /// At least as much.
    pub(super) fn at_least(self) -> &'static str {
        if self.is_utf8 { "≥" } else { ">=" }
    }

    /// At most as much.
    pub(super) fn at_most(self) -> &'static str {
        if self.is_utf8 { "≤" } else { "<=" }
    }
}

fn is_utf8(locale: &str) -> bool {
    let charset = locale.split('@').next().unwrap_or_default();
    let charset = charset.rsplit('.').next().unwrap_or_default();
    matches!(charset.to_ascii_lowercase().as_str(), "utf-8" | "utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_tells_its_characters() {
        for locale in ["de_DE.UTF-8", "C.utf8", "en_GB.UTF-8@euro"] {
            assert!(is_utf8(locale), "{locale}");
        }
        for locale in ["C", "POSIX", "de_DE@euro", "de_DE.ISO-8859-15", "utf"] {
            assert!(!is_utf8(locale), "{locale}");
        }
    }

    #[test]
    fn without_colours_a_text_stays_as_it_is() {
        assert_eq!(Paint(false).warning("lost"), "lost");
        assert_eq!(Paint(true).warning("lost"), "\x1b[33mlost\x1b[0m");
    }
}
