//! Machine words as they come back from JSON: only those that this version knows. Pure.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, Error};

use super::condition::Rejection;
use crate::model::{LossCause, Tier};

/// A machine word of this program. (serde takes a field that is written as a reference for borrowed from its input.)
pub(super) type Word = &'static str;

const TRUSTS: [Word; 4] = ["synchronised", "rtc", "assumed", "provisional"];

const REJECTIONS: [Rejection; 5] = [
    Rejection::Bounce,
    Rejection::Width,
    Rejection::Long,
    Rejection::Interval,
    Rejection::Merged,
];

fn among<E: Error>(word: &str, known: impl IntoIterator<Item = Word>) -> Result<Word, E> {
    let found = known.into_iter().find(|known| *known == word);
    found.ok_or_else(|| E::custom(format!("unknown word \"{word}\"")))
}

pub(super) fn trust<'de, D: Deserializer<'de>>(from: D) -> Result<Word, D::Error> {
    among(&String::deserialize(from)?, TRUSTS)
}

pub(super) fn cause<'de, D: Deserializer<'de>>(from: D) -> Result<Word, D::Error> {
    let word = String::deserialize(from)?;
    among(&word, LossCause::ALL.map(LossCause::as_str))
}

pub(super) fn rejection<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Rejection>, D::Error> {
    let word = Option::<String>::deserialize(from)?;
    let known = |word: String| {
        let of_word = |rejection: &Rejection| rejection.cause().as_str() == word;
        let found = REJECTIONS.into_iter().find(of_word);
        found.ok_or_else(|| D::Error::custom(format!("unknown word \"{word}\"")))
    };
    word.map(known).transpose()
}

pub(super) fn by_level<'de, D, T>(from: D) -> Result<BTreeMap<Word, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let by_word = BTreeMap::<String, T>::deserialize(from)?;
    let level = |(word, value): (String, T)| {
        let level = among(&word, Tier::ALL.map(Tier::as_str))?;
        Ok((level, value))
    };
    by_word.into_iter().map(level).collect()
}
