//! The client over real sockets, against servers that fail in every way we know of.

use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::support::fake_influx::{FakeInflux, Fault, Store};
use crate::support::tls::{Authority, SelfMade};
use crate::support::wait::{PATIENCE, wait_until};
use powerlogger::influx::gzip::Gzip;
use powerlogger::influx::{Client, ClientSettings, Error};

const ENOUGH: Duration = PATIENCE;
const SHORT: Duration = Duration::from_secs(1);

fn client_of(host: &str, timeout: Duration, ca_file: Option<PathBuf>) -> Client {
    let settings = ClientSettings {
        host: host.to_owned(),
        org: "home & garden".to_owned(),
        token: Some("writer".to_owned()),
        ca_file,
        timeout,
    };
    Client::new(&settings).expect("the CA file is right")
}

fn store() -> Store {
    let mut store = Store::new("home & garden");
    let raw = store.create_bucket("home & garden", "raw/1", 0);
    store.add_token("writer", &[&raw]);
    store
}

/// Writes a point of its own.
fn write(client: &Client, ts: i64, gzipped: bool) -> Result<(), Error> {
    let body = format!("PowerPulse,PulseType=Import Pulse=1i {ts}\n").into_bytes();
    let body = if gzipped {
        Gzip::new().compress(&body)
    } else {
        body
    };
    client.write("raw/1", &body, gzipped)
}

/// The error in few words: kind, or status and Retry-After.
fn word(outcome: Result<(), Error>) -> String {
    match outcome {
        Ok(()) => "ok".to_owned(),
        Err(Error::Status {
            status,
            retry_after,
            ..
        }) => match retry_after {
            Some(after) => format!("{status} after {}", after.as_secs()),
            None => status.to_string(),
        },
        Err(other) => other.kind().to_owned(),
    }
}

#[test]
fn every_fault_is_told_from_the_others() {
    let mut server = FakeInflux::start(store());
    let client = client_of(&server.url(), ENOUGH, None);
    let hasty = client_of(&server.url(), SHORT, None);
    assert_eq!(word(write(&client, 0, true)), "ok");
    let poison = |text: &str| Fault::Poison {
        contains: text.to_owned(),
    };
    for (n, (fault, want, written)) in [
        (Fault::Refuse, "unreachable", 0),
        (Fault::LoseRequest, "broken", 0),
        (Fault::LoseReply, "broken", 1),
        (Fault::TooMany { retry_after_s: 7 }, "429 after 7", 0),
        (
            Fault::Unavailable {
                retry_after_s: Some(3),
            },
            "503 after 3",
            0,
        ),
        (
            Fault::Unavailable {
                retry_after_s: None,
            },
            "503",
            0,
        ),
        (poison("Import"), "400", 0),
        (poison("Export"), "ok", 1),
        (Fault::Unauthorized, "401", 0),
        (Fault::TooLarge { body_bytes_max: 10 }, "413", 0),
        (
            Fault::TooLarge {
                body_bytes_max: 1_000,
            },
            "ok",
            1,
        ),
        (Fault::Stall, "timeout", 0),
        (Fault::CloseMidBody, "broken", 1),
        (Fault::HtmlPage200, "200", 0),
        (Fault::CorruptGzip, "500", 0),
    ]
    .into_iter()
    .enumerate()
    {
        let ts = 1 + i64::try_from(n).unwrap();
        let before = server.store().count("raw/1");
        server.set_fault(Some(fault.clone()));
        let who = if fault == Fault::Stall {
            &hasty
        } else {
            &client
        };
        assert_eq!(word(write(who, ts, true)), want, "{fault:?}");
        assert_eq!(server.store().count("raw/1") - before, written, "{fault:?}");
        if fault == Fault::CorruptGzip {
            assert_eq!(
                word(write(&client, ts, false)),
                "ok",
                "a plain body is none the worse"
            );
        }
        server.set_fault(None);
        // The hasty one may give up on a slow machine.
        wait_until(&format!("the end of {fault:?}"), PATIENCE, || {
            let word = word(write(who, ts, true));
            assert!(
                word == "ok" || (fault == Fault::Stall && word == "timeout"),
                "{word} after {fault:?}"
            );
            word == "ok"
        });
    }
    assert_eq!(server.store().count("raw/1"), 16);
}

#[test]
fn messages_say_what_to_look_at() {
    let mut server = FakeInflux::start(store());
    let message = |host: String, bucket: &str| {
        let outcome = client_of(&host, ENOUGH, None).write(bucket, b"p v=1i 1\nbad\n", false);
        match outcome.unwrap_err() {
            Error::Status {
                status,
                code,
                message,
                ..
            } => format!("{status} {code}: {message}"),
            other => panic!("{other:?}"),
        }
    };
    let url = server.url();
    assert_eq!(
        message(url.clone(), "no \"x\""),
        r#"404 not found: bucket "no \"x\"" not found"#
    );
    let parse = message(url.clone(), "raw/1");
    assert_eq!(parse, "400 invalid: unable to parse 'bad': missing fields");
    let page = message(format!("{url}/influx"), "raw/1");
    assert!(
        page.starts_with("200 : ") && page.contains("INFLUX_HOST"),
        "{page}"
    );
    server.set_fault(Some(Fault::TooLarge { body_bytes_max: 1 }));
    assert_eq!(
        message(url.clone(), "raw/1"),
        "413 : 413 Request Entity Too Large"
    );
    // The status is what counts, also of an answer that breaks off, and what there is of its text is kept.
    server.set_fault(Some(Fault::CloseMidBody));
    assert_eq!(message(url, "raw/1"), "400 invalid: unabl");
}

#[test]
fn one_connection_serves_until_it_breaks() {
    let mut server = FakeInflux::start(store());
    let client = client_of(&server.url(), ENOUGH, None);
    for ts in 0..50 {
        assert_eq!(word(write(&client, ts, ts % 2 == 0)), "ok");
    }
    assert_eq!(server.connections_seen(), 1);
    server.queue([None, Some(Fault::LoseReply), Some(Fault::Unauthorized)]);
    let words: Vec<_> = (50..54).map(|ts| word(write(&client, ts, true))).collect();
    assert_eq!(words, ["ok", "broken", "401", "ok"]);
    assert_eq!(
        server.connections_seen(),
        2,
        "an error that was answered breaks nothing"
    );
    // A server that restarts between two writes costs one try at the most.
    for ts in 54..60 {
        server.stop();
        server.start_again();
        let first = word(write(&client, ts, true));
        assert!(["ok", "broken"].contains(&first.as_str()), "{first}");
        assert_eq!(word(write(&client, ts, true)), "ok");
    }
    assert_eq!(server.store().count("raw/1"), 59);
    let health = client.request("GET", "/health", &[], b"").unwrap();
    assert!(
        health.status == 200 && health.body.contains("pass"),
        "{health:?}"
    );
    assert_eq!(
        client.request("GET", "/ping", &[], b"").unwrap().status,
        204
    );
}

/// A server for one connection: reads a head, answers these bytes, takes in the rest.
fn answering(answer: &'static [u8]) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut head = BufReader::new(stream.try_clone().expect("a descriptor"));
        let mut line = Vec::new();
        // A client that speaks TLS sends no lines, and waits after its first words.
        if head
            .fill_buf()
            .is_ok_and(|bytes| bytes.first() == Some(&b'P'))
        {
            while head
                .read_until(b'\n', &mut line)
                .is_ok_and(|bytes| bytes > 2)
            {}
        }
        // The client may have had enough before the end.
        let _ = stream.write_all(answer);
        let _ = stream.shutdown(Shutdown::Write);
        let _ = head.read_to_end(&mut Vec::new());
    });
    (url, thread)
}

#[test]
fn strange_answers() {
    const MIB: usize = 1 << 20;
    let endless = |head: &str| [head.as_bytes(), &vec![b'x'; 3 * MIB]].concat().leak();
    let cases: [(&'static [u8], &str); 10] = [
        (b"", "broken"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "broken"),
        (b"HTTP/1.1 204 No Content\r\nX-Cut: o", "broken"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "ok"),
        (
            b"HTTP/1.1 301 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
            "301",
        ),
        (
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 12\r\n\r\n<html>",
            "502",
        ),
        (
            b"HTTP/1.1 503 No\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n",
            "503",
        ),
        (b"HTTP/1.0 413 Too Large\r\n\r\n", "413"),
        (
            endless("HTTP/1.1 500 Oh\r\nConnection: close\r\n\r\n"),
            "500",
        ),
        (
            endless("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"),
            "broken",
        ),
    ];
    for (answer, want) in cases {
        let (url, server) = answering(answer);
        let client = client_of(&url, ENOUGH, None);
        // Large enough that the answer comes while it is still being sent.
        let outcome = client.write("raw/1", &vec![b'x'; 4 * MIB], false);
        let shown = String::from_utf8_lossy(&answer[..answer.len().min(40)]);
        assert_eq!(word(outcome), want, "{shown:?}");
        drop(client);
        server.join().unwrap();
    }
}

#[test]
fn addresses_that_lead_nowhere() {
    for (host, want) in [
        ("http://nowhere.invalid:8086", "unreachable"),
        ("http://127.0.0.1:1", "unreachable"),
        ("http://not an address", "address"),
        ("ftp://127.0.0.1:1", "address"),
        ("127.0.0.1:8086", "address"),
    ] {
        assert_eq!(
            word(write(&client_of(host, ENOUGH, None), 0, false)),
            want,
            "{host}"
        );
    }
}

#[test]
fn certificates_must_be_right() {
    let authority = Authority::new();
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, pem: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, pem).unwrap();
        Some(path)
    };
    let ours = file("ours.pem", &authority.pem);
    let theirs = file("theirs.pem", &Authority::new().pem);
    let store = Arc::new(Mutex::new(store()));
    let start = |name, expired| {
        FakeInflux::start_with(Arc::clone(&store), Some(authority.server(name, expired)))
    };
    let (right, stale) = (start("127.0.0.1", false), start("127.0.0.1", true));
    let elsewhere = start("influx.example", false);
    for (server, ca_file, want, why) in [
        (
            &right,
            &None,
            "tls",
            "the system does not know our authority",
        ),
        (&right, &theirs, "tls", "another authority"),
        (&elsewhere, &ours, "tls", "another host's certificate"),
        (&stale, &ours, "tls", "expired"),
        (&right, &ours, "ok", "as it should be"),
    ] {
        let client = client_of(&server.url(), ENOUGH, ca_file.clone());
        assert_eq!(word(write(&client, 1, true)), want, "{why}");
    }
    assert_eq!(store.lock().unwrap().max_writes_of_a_point("raw/1"), 1);
    // Each speaks to the port of the other.
    let plain = right.url().replace("https:", "http:");
    let outcome = word(write(&client_of(&plain, ENOUGH, None), 2, true));
    assert_eq!(outcome, "broken");
    let (url, server) = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let client = client_of(&url.replace("http:", "https:"), ENOUGH, ours);
    assert_eq!(word(write(&client, 2, true)), "tls");
    drop(client);
    server.join().unwrap();
}

#[test]
fn a_certificate_that_is_named_byte_for_byte_is_the_servers() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Mutex::new(store()));
    let mut outcomes = Vec::new();
    for (n, (names, common, days, is_named)) in [
        (vec!["127.0.0.1"], "x", 30, true),
        (vec!["127.0.0.1"], "x", 30, false),
        (vec!["influx.example"], "127.0.0.1", 30, true),
        // What `openssl req -x509` makes without further options has the old place for a name only.
        (vec![], "127.0.0.1", 30, true),
        (vec![], "influx.example", 30, true),
        (vec!["127.0.0.1"], "x", -1, true),
    ]
    .into_iter()
    .enumerate()
    {
        let (pem, config) = SelfMade::new(&names, common, days);
        let server = FakeInflux::start_with(Arc::clone(&store), Some(config));
        let other = SelfMade::new(&names, common, days).0;
        let path = dir.path().join(format!("{n}.pem"));
        std::fs::write(&path, if is_named { pem } else { other }).unwrap();
        let client = client_of(&server.url(), ENOUGH, Some(path));
        outcomes.push(word(write(&client, i64::try_from(n).unwrap(), true)));
    }
    assert_eq!(outcomes, ["ok", "tls", "tls", "ok", "tls", "tls"]);
}

#[test]
fn an_answer_to_a_query_that_has_no_end_is_given_up() {
    const MIB: usize = 1 << 20;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nConnection: close\r\n\r\n";
    for body in [vec![b'x'; 4 * MIB], b"a,b\n".repeat(MIB)] {
        let (url, server) = answering([head.as_bytes(), &body].concat().leak());
        let client = client_of(&url, ENOUGH, None);
        let error = client.query("x", None, &mut |_| {}).unwrap_err();
        assert_eq!(error.kind(), "too_long", "{error}");
        drop(client);
        server.join().unwrap();
    }
}

#[test]
fn a_long_error_keeps_its_beginning() {
    let text = "unable to parse 'PowerPulse x': bad ".repeat(60_000);
    let body = format!(r#"{{"code":"invalid","message":"{text}"}}"#);
    let head = format!("HTTP/1.1 400 No\r\nContent-Length: {}\r\n\r\n", body.len());
    let (url, server) = answering(format!("{head}{body}").into_bytes().leak());
    let client = client_of(&url, ENOUGH, None);
    match client.write("raw/1", b"x", false).unwrap_err() {
        Error::Status {
            status: 400,
            code,
            message,
            ..
        } => {
            assert_eq!(code, "invalid");
            assert!(
                message.starts_with("unable to parse 'PowerPulse x'"),
                "{message}"
            );
        }
        other => panic!("{other}"),
    }
    drop(client);
    server.join().unwrap();
}
