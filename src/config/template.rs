//! Texts with placeholders, `{text}`, for messages to services that want a form of their own. Pure.

use std::fmt;

use super::nearest::did_you_mean;

/// What stands for something of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// The message's number.
    Id,
    /// `begin`, `end`, `digest` or `test`.
    Event,
    /// The condition's machine word.
    Condition,
    /// The meter; empty: all of it.
    Meter,
    /// `info`, `warning`, `critical`.
    Severity,
    /// 2 (good news), 3, 4 or 5 (critical).
    Priority,
    /// A line.
    Title,
    /// What is the matter, and what to do about it.
    Text,
    /// What to do about it.
    Remedy,
    /// What the place is called.
    Site,
    /// When it was found, as RFC 3339.
    At,
    /// Since when it has been so, as RFC 3339.
    Since,
    /// The secret of the configuration.
    Token,
}

/// All of them, with the words that they are written by.
const PLACEHOLDERS: [(&str, Placeholder); 13] = [
    ("id", Placeholder::Id),
    ("event", Placeholder::Event),
    ("condition", Placeholder::Condition),
    ("meter", Placeholder::Meter),
    ("severity", Placeholder::Severity),
    ("priority", Placeholder::Priority),
    ("title", Placeholder::Title),
    ("text", Placeholder::Text),
    ("remedy", Placeholder::Remedy),
    ("site", Placeholder::Site),
    ("at", Placeholder::At),
    ("since", Placeholder::Since),
    ("token", Placeholder::Token),
];

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(Placeholder),
}

/// A text with placeholders. It may hold a secret, so it cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Template")
    }
}

impl Template {
    /// Takes a text apart. A brace that no word and closing brace follows is a brace: so JSON needs no escaping.
    ///
    /// # Errors
    /// When a word in braces is no placeholder.
    pub(super) fn parse(text: &str) -> Result<Template, String> {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find('{') {
            plain.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let word = rest.split('}').next().filter(|word| is_word(word));
            let Some(word) = word.filter(|word| rest.len() > word.len()) else {
                plain.push('{');
                continue;
            };
            let known = PLACEHOLDERS.iter().find(|(known, _)| *known == word);
            let Some((_, placeholder)) = known else {
                let words = PLACEHOLDERS.iter().map(|(known, _)| *known);
                let hint = did_you_mean(word, words);
                return Err(format!("{{{word}}} is no placeholder{hint}"));
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Placeholder(*placeholder));
            rest = &rest[word.len() + 1..];
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Template(parts))
    }

    /// The text with what `fill` gives for each placeholder, which escapes it as the place needs.
    pub fn render(&self, fill: impl Fn(Placeholder) -> String) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Placeholder(placeholder) => fill(*placeholder),
        });
        parts.collect()
    }

    /// Whether the secret stands in it.
    pub fn has_token(&self) -> bool {
        self.0.contains(&Part::Placeholder(Placeholder::Token))
    }

    /// Whether anything in it is to be filled.
    pub(super) fn has_placeholder(&self) -> bool {
        let is_placeholder = |part: &Part| matches!(part, Part::Placeholder(_));
        self.0.iter().any(is_placeholder)
    }

    /// Whether all that is written, but for the placeholders, is good by `is_good`.
    pub(super) fn is_all(&self, is_good: impl Fn(char) -> bool) -> bool {
        self.0.iter().all(|part| match part {
            Part::Text(text) => text.chars().all(&is_good),
            Part::Placeholder(_) => true,
        })
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str) -> String {
        let template = Template::parse(text).unwrap();
        template.render(|placeholder| format!("<{placeholder:?}>"))
    }

    #[test]
    fn words_in_braces_are_filled_and_other_braces_stay() {
        assert_eq!(rendered("a {text} b{id}"), "a <Text> b<Id>");
        assert_eq!(
            rendered(r#"{"message": "{text}", "extras": {"a": {}}}"#),
            r#"{"message": "<Text>", "extras": {"a": {}}}"#
        );
        assert_eq!(rendered("{ text } {{title}} {"), "{ text } {<Title>} {");
        assert_eq!(rendered("{text"), "{text");
        assert_eq!(rendered(""), "");
    }

    #[test]
    fn a_word_that_is_none_is_told_with_the_nearest_one() {
        let wrong = Template::parse("{titel}").unwrap_err();
        assert!(wrong.contains("did you mean \"title\"?"), "{wrong}");
        assert!(Template::parse("{message_of_the_day}").is_err());
    }

    #[test]
    fn it_cannot_be_printed() {
        let template = Template::parse("https://host/secret").unwrap();
        assert!(!format!("{template:?}").contains("secret"));
    }
}
