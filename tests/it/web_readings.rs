//! Readings of a meter's face over HTTP, with the true binary on a simulated house: who may enter one, by what rules, and
//! that the command says the same of it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use serde_json::{Value, json};

use crate::web::{Answer, HOUSE, House, house, house_with, over_tcp, over_unix};

const TOKEN: &str = "token = \"s3cret\"\n";

fn posted(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{headers}Connection: close\r\n\r\n{body}"
    )
}

const JSON: &str = "Content-Type: application/json\r\n";
const KNOWN: &str = "Content-Type: application/json\r\nAuthorization: Bearer s3cret\r\n";

fn sent(headers: &str, body: &Value) -> String {
    posted("/api/v1/registers", headers, &body.to_string())
}

fn is(answer: &Answer, status: u16, problem: &str) {
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (status, problem)
    );
}

#[test]
fn a_reading_is_entered_and_taken_back_by_the_rules_of_the_command() {
    let House { daemon, port, .. } = house_with(TOKEN, &HOUSE);
    let enter = |body: Value| over_tcp(port, &sent(KNOWN, &body));
    let kept = enter(json!({ "meter": "Import", "kwh": "12345,6" }));
    assert_eq!(kept.status, 201, "{}", kept.head);
    let kept = kept.json();
    assert_eq!(kept["adopted"], true, "the first one always is: {kept}");
    assert_eq!(
        (&kept["kwh"], &kept["drift"]),
        (&json!(12_345.6), &Value::Null)
    );

    // A second one is a note, with how far the count is off; the time of one that is later counts.
    // More than the house takes meanwhile, however long that is.
    let noted = enter(json!({ "meter": "Import", "kwh": "12354.9" })).json();
    assert_eq!(noted["adopted"], false, "{noted}");
    assert!(noted["drift"]["pulses"].as_f64().unwrap() > 0.0, "{noted}");
    let past = json!({ "meter": "Import", "kwh": "12340", "at": "2020-01-01T00:00:00Z" });
    is(&enter(past), 409, "reading-older");
    let coming = json!({ "meter": "Import", "kwh": "12340", "at": "2990-01-01T00:00:00Z" });
    is(&enter(coming), 400, "wrong-parameter");

    // What pulses that were missed do not explain is kept only when it is confirmed.
    let far = enter(json!({ "meter": "Import", "kwh": "22346.0", "adopt": true }));
    is(&far, 409, "reading-implausible");
    assert!(far.json()["drift"]["kwh"].as_f64().unwrap() > 9_000.0);
    let meters = || daemon.ask(&["register", "--json", "Import"]);
    let readings = |said: &str| {
        let said: Value = serde_json::from_str(said).unwrap();
        said[0]["readings"].as_array().unwrap().len()
    };
    assert_eq!(readings(&meters()), 2);
    let sure = json!({ "meter": "Import", "kwh": "22346.0", "adopt": true, "confirm": true });
    assert_eq!(enter(sure).status, 201);
    assert_eq!(readings(&meters()), 3);

    let undo = |meter: &str| {
        let body = json!({ "meter": meter }).to_string();
        over_tcp(port, &posted("/api/v1/registers/undo", KNOWN, &body))
    };
    let taken = undo("Import");
    assert_eq!(taken.status, 200, "{}", taken.head);
    let taken = taken.json();
    assert_eq!(taken["taken_back_kwh"], 22_346.0);
    assert!(
        (12_345.0..12_400.0).contains(&taken["kwh"].as_f64().unwrap()),
        "{taken}"
    );
    assert_eq!(readings(&meters()), 2);
    is(&undo("Generate"), 404, "no-reading");
    // The command goes on from there.
    let said = daemon.ask(&["register", "undo", "Import"]);
    assert!(said.contains("12354.9"), "{said}");
}

#[test]
fn over_tcp_only_the_token_opens_and_the_socket_needs_none() {
    let House { daemon, port, .. } = house_with(TOKEN, &HOUSE);
    let body = json!({ "meter": "Import", "kwh": "1" });
    let refused = over_tcp(port, &sent(JSON, &body));
    is(&refused, 401, "token");
    assert_eq!(refused.header("www-authenticate"), Some("bearer"));
    let cookie = format!("{JSON}Cookie: token=s3cret\r\n");
    is(&over_tcp(port, &sent(&cookie, &body)), 401, "token");
    // A page of another site that has got hold of the token all the same.
    let foreign = format!("{KNOWN}Origin: http://evil.example\r\n");
    is(&over_tcp(port, &sent(&foreign, &body)), 403, "cross-site");
    let other_port = format!("{KNOWN}Sec-Fetch-Site: same-site\r\n");
    is(
        &over_tcp(port, &sent(&other_port, &body)),
        403,
        "cross-site",
    );
    let form = "Content-Type: text/plain\r\nAuthorization: Bearer s3cret\r\n";
    is(&over_tcp(port, &sent(form, &body)), 415, "not-json");
    let wrong = format!("{JSON}Authorization: Bearer s3crets\r\n");
    for _ in 0..5 {
        is(&over_tcp(port, &sent(&wrong, &body)), 401, "token");
    }
    let locked = over_tcp(port, &sent(KNOWN, &body));
    is(&locked, 429, "too-many-failures");
    let wait_s: u32 = locked.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait_s), "{wait_s}");
    assert_eq!(over_unix(&daemon, &sent(JSON, &body)).status, 201);
    let meters = crate::web::get("/api/v1/meters");
    assert_eq!(over_tcp(port, &meters).json()["can_write"], true);
}

#[test]
fn without_a_token_nothing_is_written_over_tcp() {
    let House { daemon, port, .. } = house();
    let body = json!({ "meter": "Import", "kwh": "1" });
    let refused = over_tcp(port, &sent(JSON, &body));
    is(&refused, 405, "method-not-allowed");
    assert_eq!(refused.header("allow"), Some("get, head"));
    let meters = crate::web::get("/api/v1/meters");
    assert_eq!(over_tcp(port, &meters).json()["can_write"], false);
    assert_eq!(over_unix(&daemon, &meters).json()["can_write"], true);
    assert_eq!(over_unix(&daemon, &sent(JSON, &body)).status, 201);
}

#[test]
fn a_body_that_is_none_of_a_reading_is_refused() {
    let House { daemon, .. } = house();
    let of = |body: &str| over_unix(&daemon, &posted("/api/v1/registers", JSON, body));
    for body in [
        "",
        "{",
        "[]",
        r#"{"meter":"Import"}"#,
        r#"{"meter":"Import","kwh":12}"#,
        r#"{"meter":"Import","kwh":"1","what":1}"#,
        r#"{"meter":"Import","kwh":"-1"}"#,
        r#"{"meter":"Import","kwh":"1e9"}"#,
        r#"{"meter":"Import","kwh":"1","at":"yesterday"}"#,
        r#"{"meter":"Import","kwh":"1","at":"9999-12-31T23:59:59Z"}"#,
    ] {
        is(&of(body), 400, "wrong-parameter");
    }
    is(&of(r#"{"meter":"Export","kwh":"1"}"#), 404, "no-meter");
    is(&of(&" ".repeat(16 * 1024 + 1)), 413, "too-large");
    let query = posted(
        "/api/v1/registers?meter=Import",
        JSON,
        r#"{"meter":"Import","kwh":"1"}"#,
    );
    is(&over_unix(&daemon, &query), 400, "unknown-parameter");
    let got = over_unix(&daemon, &crate::web::get("/api/v1/registers/undo"));
    is(&got, 405, "method-not-allowed");
    assert_eq!(got.header("allow"), Some("post"));
}
