//! The parameters of a query: only those that are known, each once. Pure.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::http::Uri;
use percent_encoding::percent_decode_str;

use super::problem::{Problem, UNKNOWN_PARAMETER, WRONG_PARAMETER};

/// The parameters of a request, all of them known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the query of a request that may have these parameters.
    ///
    /// # Errors
    /// When one is not known, occurs twice, or is not UTF-8.
    pub(super) fn of(uri: &Uri, known: &[&str]) -> Result<Query, Problem> {
        let mut found: Vec<(String, String)> = Vec::new();
        let pairs = uri.query().unwrap_or_default().split('&');
        for pair in pairs.filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if !known.contains(&name.as_str()) {
                let there_are = match known {
                    [] => "there are none here".to_owned(),
                    known => format!("there are {}", known.join(", ")),
                };
                return Err(Problem::of_parameter(UNKNOWN_PARAMETER, &name, there_are));
            }
            if found.iter().any(|(other, _)| *other == name) {
                return Err(Problem::of_parameter(
                    WRONG_PARAMETER,
                    &name,
                    "it occurs twice",
                ));
            }
            found.push((name, value));
        }
        Ok(Query(found))
    }

    /// The value of a parameter; None: it was not given.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.0.iter();
        all.find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// A parameter that is a whole number within these bounds; None: it was not given.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn number<T: FromStr + PartialOrd + Display>(
        &self,
        name: &str,
        bounds: RangeInclusive<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|number| bounds.contains(number));
        let wrong = || {
            let (least, most) = (bounds.start(), bounds.end());
            let detail = format!("\"{text}\" is no number from {least} to {most}");
            Problem::of_parameter(WRONG_PARAMETER, name, detail)
        };
        number.ok_or_else(wrong).map(Some)
    }
}

fn decoded(text: &str) -> Result<String, Problem> {
    let text = text.replace('+', " ");
    let text = percent_decode_str(&text).decode_utf8();
    text.map(std::borrow::Cow::into_owned)
        .map_err(|_| Problem::new(WRONG_PARAMETER, "the query is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Result<Query, &'static str> {
        let uri: Uri = format!("/x?{query}").parse().unwrap();
        Query::of(&uri, &["meter", "from"]).map_err(|problem| problem.kind.word)
    }

    #[test]
    fn only_what_is_known_and_once() {
        let query = of("meter=W%C3%A4rme+2&from=").unwrap();
        assert_eq!(query.get("meter"), Some("Wärme 2"));
        assert_eq!((query.get("from"), query.get("to")), (Some(""), None));
        assert_eq!(of("").unwrap().get("meter"), None);
        assert_eq!(of("metre=1"), Err("unknown-parameter"));
        assert_eq!(of("meter=1&meter=1"), Err("wrong-parameter"));
        assert_eq!(of("meter=%ff"), Err("wrong-parameter"));
    }
}
