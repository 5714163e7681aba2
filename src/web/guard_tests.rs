//! Requests of programs, browsers, other sites' pages and rebound names, against the guard.

use std::net::Ipv4Addr;

use axum::body::Body;

use super::*;

const VISITOR: Peer = Peer::Tcp(IpAddr::V4(Ipv4Addr::new(192, 168, 1, 7)));

fn asked(
    host: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<(), &'static str> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let hosts = ["meter.example".to_owned()];
    let guard = Guard::new("Pi.lan", &hosts, false, Source::default());
    guard
        .check(&request, VISITOR)
        .map_err(|problem| problem.kind.word)
}

#[test]
fn names_that_somebody_else_may_own_are_refused() {
    for host in [
        "localhost",
        "localhost:8077",
        "a.localhost",
        "127.0.0.1:8077",
        "[::1]:8077",
        "[fe80::1%25eth0]",
        "192.168.1.2",
        "pi.lan",
        "PI.local:80",
        "pi",
        "pi.lan.",
        "METER.example",
    ] {
        assert_eq!(asked(host, "GET", "/", &[]), Ok(()), "{host}");
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "pi.lan.evil",
        "1.2.3",
    ] {
        assert_eq!(asked(host, "GET", "/", &[]), Err("wrong-host"), "{host}");
    }
    for host in ["", ":80", "pi:80:80", "pi:x", "[::1"] {
        assert_eq!(asked(host, "GET", "/", &[]), Err("bad-request"), "{host}");
    }
}

#[test]
fn a_page_of_another_origin_is_refused_and_ours_is_not() {
    let from = |origin: &str| {
        asked(
            "192.168.1.2:8077",
            "GET",
            "/api/v1/now",
            &[("origin", origin)],
        )
    };
    assert_eq!(from("http://192.168.1.2:8077"), Ok(()));
    for origin in [
        "http://192.168.1.2:80",
        "http://evil.example",
        "null",
        "",
        "http://192.168.1.2:8077.evil.example",
    ] {
        assert_eq!(from(origin), Err("cross-site"), "{origin}");
    }
    let through_proxy = [("origin", "https://meter.example")];
    assert_eq!(asked("meter.example", "GET", "/", &through_proxy), Ok(()));
}

#[test]
fn a_link_to_the_page_may_be_followed_and_no_data_fetched() {
    let visit = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    assert_eq!(
        asked("localhost", "GET", "/energy/day/2026-10-25", &visit),
        Ok(())
    );
    assert_eq!(
        asked("localhost", "GET", "/api/v1/now", &visit),
        Err("cross-site")
    );
    assert_eq!(asked("localhost", "POST", "/", &visit), Err("cross-site"));
    let frame = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "iframe"),
    ];
    assert_eq!(asked("localhost", "GET", "/", &frame), Err("cross-site"));
    let script = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "no-cors"),
        ("sec-fetch-dest", "script"),
    ];
    assert_eq!(
        asked("localhost", "GET", "/api/v1/now", &script),
        Err("cross-site")
    );
    let own = [
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "cors"),
    ];
    assert_eq!(asked("localhost", "GET", "/api/v1/now", &own), Ok(()));
}

#[test]
fn only_the_page_itself_and_programs_may_send() {
    let from = |site: &str| asked("localhost", "POST", "/x", &[("sec-fetch-site", site)]);
    assert_eq!(asked("localhost", "POST", "/x", &[]), Ok(()), "a program");
    assert_eq!((from("same-origin"), from("none")), (Ok(()), Ok(())));
    // Another port of the same machine is the same site.
    for site in ["same-site", "cross-site", "new-word"] {
        assert_eq!(from(site), Err("cross-site"), "{site}");
    }
}

#[test]
fn other_methods_and_two_hosts_are_refused() {
    for method in ["OPTIONS", "PUT", "DELETE", "TRACE", "PATCH"] {
        assert_eq!(
            asked("localhost", method, "/", &[]),
            Err("method-not-allowed"),
            "{method}"
        );
    }
    assert_eq!(
        asked("localhost", "GET", "/", &[("host", "localhost")]),
        Err("bad-request")
    );
    assert_eq!(
        asked("localhost", "GET", "http://pi/", &[]),
        Err("bad-request")
    );
    assert_eq!(asked("localhost", "GET", "http://localhost/", &[]), Ok(()));
}

#[test]
fn another_daemon_is_not_taken_for_the_one_that_is_meant() {
    let own = Source::default().tag();
    assert_eq!(
        asked("localhost", "GET", "/", &[("if-match", &own)]),
        Ok(())
    );
    assert_eq!(asked("localhost", "GET", "/", &[("if-match", "*")]), Ok(()));
    assert_eq!(
        asked("localhost", "GET", "/", &[("if-match", "\"0\"")]),
        Err("other-settings")
    );
}

#[test]
fn every_answer_bears_the_headers_and_a_bare_refusal_gets_words() {
    let bare = StatusCode::METHOD_NOT_ALLOWED.into_response();
    let dressed = dressed(bare, "/x", false);
    let header = |name: &str| dressed.headers()[name].to_str().unwrap();
    assert_eq!(header("content-type"), "application/problem+json");
    assert_eq!(header("allow"), "GET, HEAD");
    assert_eq!(header("cache-control"), "no-store");
    assert!(header("content-security-policy").contains("default-src 'none'"));
    assert!(!header("content-security-policy").contains("unsafe"));
}
