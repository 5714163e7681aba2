//! How things stand with the server, as types; the words are those of the journal's columns and of JSON.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The word of a state in which all is well.
const WORKS: &str = "ok";

/// The word of windows on a server that answers no queries.
const UNREAD: &str = "unread";

/// The word of windows some days of which the server does not take.
const FIELD_TYPE: &str = "field_type";

/// How delivery to a destination stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DeliveryState {
    /// There was no answer yet.
    #[default]
    NoAnswer,
    /// The last request was acknowledged.
    Works,
    /// It fails, in this way: `unauthorized`, `timeout`, …
    Fails(String),
}

impl DeliveryState {
    /// The state with this word.
    pub fn from_word(word: &str) -> DeliveryState {
        match word {
            "" => DeliveryState::NoAnswer,
            WORKS => DeliveryState::Works,
            kind => DeliveryState::Fails(kind.to_owned()),
        }
    }

    /// The machine word: `ok`, the kind of failure, or empty before the first answer.
    pub fn word(&self) -> &str {
        match self {
            DeliveryState::NoAnswer => "",
            DeliveryState::Works => WORKS,
            DeliveryState::Fails(kind) => kind,
        }
    }

    /// Whether the server does not take what is sent.
    pub fn is_failing(&self) -> bool {
        matches!(self, DeliveryState::Fails(_))
    }
}

impl<'de> Deserialize<'de> for DeliveryState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<DeliveryState, D::Error> {
        String::deserialize(deserializer).map(|word| DeliveryState::from_word(&word))
    }
}

impl Serialize for DeliveryState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// How the comparison of the server's windows with the journal's stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ViewsState {
    /// None was made yet.
    #[default]
    NotCompared,
    /// They are compared.
    Works,
    /// The server answers no queries: windows are written once, and not compared.
    Unread,
    /// The server does not take some days, because of another type of field; all others are compared.
    SomeDaysHeld,
    /// They cannot be compared, for this kind of failure.
    Fails(String),
}

impl ViewsState {
    /// The state with this word.
    pub fn from_word(word: &str) -> ViewsState {
        match word {
            "" => ViewsState::NotCompared,
            WORKS => ViewsState::Works,
            UNREAD => ViewsState::Unread,
            FIELD_TYPE => ViewsState::SomeDaysHeld,
            kind => ViewsState::Fails(kind.to_owned()),
        }
    }

    /// The machine word: `ok`, `unread`, the kind of failure, or empty before the first comparison.
    pub fn word(&self) -> &str {
        match self {
            ViewsState::NotCompared => "",
            ViewsState::Works => WORKS,
            ViewsState::Unread => UNREAD,
            ViewsState::SomeDaysHeld => FIELD_TYPE,
            ViewsState::Fails(kind) => kind,
        }
    }

    /// Whether some windows, or all, are not compared although they could be.
    pub fn is_failing(&self) -> bool {
        matches!(self, ViewsState::SomeDaysHeld | ViewsState::Fails(_))
    }
}

impl<'de> Deserialize<'de> for ViewsState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ViewsState, D::Error> {
        String::deserialize(deserializer).map(|word| ViewsState::from_word(&word))
    }
}

impl Serialize for ViewsState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_state_and_back() {
        for (word, fails) in [("", false), ("ok", false), ("timeout", true)] {
            let state = DeliveryState::from_word(word);
            assert_eq!((state.word(), state.is_failing()), (word, fails));
        }
        for (word, fails) in [
            ("", false),
            ("ok", false),
            ("unread", false),
            ("field_type", true),
            ("busy", true),
        ] {
            let state = ViewsState::from_word(word);
            assert_eq!((state.word(), state.is_failing()), (word, fails));
            assert_eq!(serde_json::to_value(&state).unwrap(), word);
        }
    }
}
