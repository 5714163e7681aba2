//! Answers about periods that have ended: a browser keeps them for a minute, and then asks whether they have changed.

use std::hash::Hasher;
use std::sync::Arc;

use axum::http::header::{ACCEPT, CACHE_CONTROL, ETAG, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;

use crate::answers::socket::Fnv;
use crate::config::TariffSettings;
use crate::journal::SpanVersion;
use crate::web::assets::is_known;
use crate::web::problem::Problem;
use crate::web::source::{InUse, Source};

/// What comes late has come by then: the last pulses, and how long a line was watched.
const SETTLED_S: i64 = 15 * 60;

/// Not asked for again within a minute.
const CACHE: &str = "private, max-age=60";

/// How an answer is kept by those who have asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Caching {
    /// Not at all: it grows.
    Growing,
    /// For a minute, under this name, if it is made with these settings.
    Ended(String, Arc<InUse>),
    /// They have it already, under this name.
    Known(String),
}

impl Caching {
    /// Of an answer about these spans (begins of their parts and their end, in seconds since 1970) that also says what `today` is, and when counting began. What
    /// else an answer comes to depend on must become a part of its name, as prices that are told late are.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) async fn of(
        source: &Source,
        (uri, headers): (&Uri, &HeaderMap),
        spans: &[&[i64]],
        (now_s, today, first_s): (i64, Option<Date>, Option<i64>),
    ) -> Result<Caching, Problem> {
        let ends = |span: &&[i64]| Some((*span.first()?, *span.last()?));
        let spans: Vec<(i64, i64)> = spans.iter().filter_map(ends).collect();
        let has_ended = spans.iter().all(|(_, to_s)| to_s + SETTLED_S <= now_s);
        if !has_ended || spans.is_empty() {
            return Ok(Caching::Growing);
        }
        let in_use = source.in_use();
        let tag = in_use.name().to_le_bytes();
        let prices = prices(&in_use.tariffs, &spans);
        let read = source.ask(move |reader, _| {
            let versions = spans
                .into_iter()
                .map(|(from_s, to_s)| reader.span_version(from_s, to_s));
            let versions = versions.collect::<Result<Option<Vec<_>>, _>>()?;
            // An exchange that is entered later is another factor from then on.
            let factors = format!("{:?}", reader.factors()?);
            Ok(versions.map(|versions| (versions, factors)))
        });
        let Some((versions, factors)) = read.await? else {
            return Ok(Caching::Growing);
        };
        let accept = headers.get(ACCEPT).map_or(&[][..], HeaderValue::as_bytes);
        let said = format!("{uri} {today:?} {first_s:?} {}", env!("CARGO_PKG_VERSION"));
        let etag = etag(
            &[said.as_bytes(), accept, &tag, &prices, factors.as_bytes()],
            &versions,
        );
        Ok(match is_known(headers, &etag) {
            true => Caching::Known(etag),
            false => Caching::Ended(etag, in_use),
        })
    }

    /// The whole answer to those who have it.
    pub(super) fn not_modified(&self) -> Option<Response> {
        match self {
            Caching::Known(etag) => Some(kept(StatusCode::NOT_MODIFIED.into_response(), etag)),
            Caching::Growing | Caching::Ended(..) => None,
        }
    }

    /// The answer, with how it is kept. Where settings or prices have changed since, it may be of the former or of the later ones, and
    /// has no name.
    pub(super) fn dress(&self, source: &Source, answer: Response) -> Response {
        match self {
            Caching::Ended(etag, in_use) if **in_use == *source.in_use() => kept(answer, etag),
            Caching::Known(etag) => kept(answer, etag),
            Caching::Growing | Caching::Ended(..) => answer,
        }
    }
}

fn kept(mut answer: Response, etag: &str) -> Response {
    let headers = answer.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(ETAG, etag);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(CACHE));
        headers.insert(VARY, HeaderValue::from_static("Accept"));
    }
    answer
}

/// What dynamic prices of these spans are known, as a number to compare.
fn prices(tariffs: &TariffSettings, spans: &[(i64, i64)]) -> [u8; 8] {
    let mut hasher = Fnv::default();
    for pricing in [&tariffs.import, &tariffs.feed_in].into_iter().flatten() {
        for (from_s, to_s) in spans {
            for (start_s, price) in pricing.dynamic.within(*from_s, *to_s) {
                hasher.write(&start_s.to_le_bytes());
                hasher.write(price.to_string().as_bytes());
            }
        }
        hasher.write(&[0]);
    }
    hasher.finish().to_le_bytes()
}

/// A name for all that an answer depends on: the question, the settings, what is counted.
fn etag(texts: &[&[u8]], versions: &[SpanVersion]) -> String {
    let mut hasher = Fnv::default();
    for text in texts {
        hasher.write(text);
        hasher.write(&[0]);
    }
    for version in versions {
        let SpanVersion {
            pulses,
            windows,
            watched_s,
            quarters_from_s,
        } = *version;
        for number in [pulses, windows, watched_s, quarters_from_s] {
            hasher.write(&number.to_le_bytes());
        }
    }
    format!("\"{:016x}\"", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SiteSettings;

    #[test]
    fn an_answer_during_which_settings_change_has_no_name() {
        let source = Source::default();
        let before = source.in_use();
        let ended = Caching::Ended("\"a\"".to_owned(), Arc::clone(&before));
        let name = || {
            let answer = ended.dress(&source, StatusCode::OK.into_response());
            answer.headers().get(ETAG).cloned()
        };
        assert!(name().is_some());
        // Told again, they are the same.
        source.use_settings((*before).clone());
        assert!(name().is_some());
        source.use_settings(InUse {
            site: SiteSettings {
                name: Some("lake".to_owned()),
                ..SiteSettings::default()
            },
            ..(*before).clone()
        });
        assert_eq!(name(), None);
    }

    #[test]
    fn another_question_or_another_count_has_another_name() {
        let version = SpanVersion {
            pulses: 10,
            windows: 2,
            watched_s: 7_200,
            quarters_from_s: 0,
        };
        let name = |text: &str, change: fn(&mut SpanVersion)| {
            let mut version = version;
            change(&mut version);
            etag(&[text.as_bytes(), b"settings"], &[version])
        };
        let same = name("/energy", |_| {});
        assert_eq!(same, name("/energy", |_| {}));
        let others = [
            name("/energy.csv", |_| {}),
            name("/energy", |version| version.pulses += 1),
            name("/energy", |version| version.windows += 1),
            name("/energy", |version| version.watched_s += 1),
            name("/energy", |version| version.quarters_from_s += 900),
        ];
        assert!(others.iter().all(|other| *other != same), "{others:?}");
        let answer = Caching::Known(same.clone()).not_modified().unwrap();
        assert_eq!(
            (answer.status(), &answer.headers()[ETAG]),
            (
                StatusCode::NOT_MODIFIED,
                &same.as_str().parse::<HeaderValue>().unwrap()
            )
        );
    }
}
