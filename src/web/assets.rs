//! The page's files, compressed when the program was built: what a browser gets, and for how long it may keep it.

use std::io::Read;

use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;

use super::problem::{NOT_FOUND, Problem};

/// One file.
#[derive(Debug)]
struct Asset {
    name: &'static str,
    content_type: &'static str,
    etag: &'static str,
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The description of the API.
const OPENAPI: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// Its address changes with its content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The one document, at the address of each view.
pub(super) async fn document(headers: HeaderMap) -> Response {
    served("index.html", "no-cache", &headers)
}

/// A file below `/assets/`.
pub(super) async fn asset(
    Path((hash, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if hash != HASH {
        let detail = "this file is of another version of the page";
        return Problem::new(NOT_FOUND, detail)
            .remedy("Load the page again.")
            .into_response();
    }
    served(&name, FOR_EVER, &headers)
}

/// The description of the API.
pub(super) async fn openapi() -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, json)], OPENAPI).into_response()
}

fn served(name: &str, cache: &'static str, headers: &HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return Problem::new(NOT_FOUND, format!("there is no file \"{name}\"")).into_response();
    };
    let mut response = if is_known(headers, asset.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if takes_gzip(headers) {
        let mut response = asset.gzip.into_response();
        let gzip = HeaderValue::from_static("gzip");
        response.headers_mut().insert(CONTENT_ENCODING, gzip);
        response
    } else {
        let mut plain = Vec::new();
        // What this program was built with can be inflated.
        let _ = GzDecoder::new(asset.gzip).read_to_end(&mut plain);
        plain.into_response()
    };
    let own = [
        (CONTENT_TYPE, asset.content_type),
        (ETAG, asset.etag),
        (CACHE_CONTROL, cache),
        (VARY, "Accept-Encoding"),
    ];
    for (name, value) in own {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

fn listed<'a>(headers: &'a HeaderMap, name: &axum::http::HeaderName) -> Vec<&'a str> {
    let values = headers.get_all(name).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .collect()
}

/// Whether the request names this as what it has already.
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let known = listed(headers, &IF_NONE_MATCH);
    known
        .iter()
        .any(|known| *known == "*" || known.trim_start_matches("W/") == etag)
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    listed(headers, &ACCEPT_ENCODING).iter().any(|encoding| {
        let (name, weight) = encoding.split_once(';').unwrap_or((encoding, ""));
        let is_refused = weight
            .trim()
            .strip_prefix("q=")
            .is_some_and(|weight| weight.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let name = axum::http::HeaderName::from_static(name);
        headers.insert(name, HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let takes = |value| takes_gzip(&accepting("accept-encoding", value));
        assert!(takes("gzip, deflate, br") && takes("br;q=1.0, GZIP;q=0.2"));
        assert!(!takes("identity") && !takes("gzip;q=0") && !takes("br"));
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn every_file_inflates_and_the_document_names_those_there_are() {
        let text = |asset: &Asset| {
            let mut plain = Vec::new();
            GzDecoder::new(asset.gzip).read_to_end(&mut plain).unwrap();
            plain
        };
        assert!(ASSETS.iter().all(|asset| !text(asset).is_empty()));
        let index = ASSETS
            .iter()
            .find(|asset| asset.name == "index.html")
            .unwrap();
        let index = String::from_utf8(text(index)).unwrap();
        let base = format!("\"/assets/{HASH}/");
        assert!(!index.contains("/assets/dev/") && index.contains(&base));
        for (at, _) in index.match_indices(&base) {
            let name = &index[at + base.len()..];
            let name = &name[..name.find('"').unwrap()];
            assert!(ASSETS.iter().any(|asset| asset.name == name), "{name}");
        }
        let all: usize = ASSETS.iter().map(|asset| asset.gzip.len()).sum();
        assert!(all < 128 * 1024, "{all} bytes");
    }

    #[test]
    fn the_description_is_json() {
        let description: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
        assert_eq!(description["openapi"], "3.1.0");
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let asset = ASSETS
            .iter()
            .find(|asset| asset.name == "index.html")
            .unwrap();
        let headers = accepting("if-none-match", "W/\"0\", *");
        assert_eq!(
            served(asset.name, "no-cache", &headers).status(),
            StatusCode::NOT_MODIFIED
        );
        let fresh = served(asset.name, "no-cache", &HeaderMap::new());
        assert_eq!(fresh.status(), StatusCode::OK);
        assert_eq!(fresh.headers()[ETAG], asset.etag);
    }
}
