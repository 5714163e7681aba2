//! Addresses as people write them.

use proptest::prelude::*;

use super::*;

fn url(text: &str) -> String {
    parse(text).unwrap().url
}

#[test]
fn addresses_as_people_write_them() {
    assert_eq!(url("http://localhost:8086/"), "http://localhost:8086");
    assert_eq!(
        url("HTTPS://db.example/influx/"),
        "https://db.example/influx"
    );
    assert_eq!(url("http://[fe80::1]:8086"), "http://[fe80::1]:8086");
    assert_eq!(url("http://192.168.1.5:1"), "http://192.168.1.5:1");
    assert_eq!(url("http://my_pi.local:65535"), "http://my_pi.local:65535");
}

#[test]
fn a_port_that_cannot_be_is_not_left_out() {
    for (text, want) in [
        ("http://h:80862", "\"80862\""),
        ("http://h:8o86", "\"8o86\""),
        ("http://h:0", "\"0\""),
        ("http://h:+80", "\"+80\""),
        ("http://h:-1/x", "\"-1\""),
        ("https://h:", "the port is missing"),
        ("http://h:/x", "the port is missing"),
        ("http://[::1]:x", "\"x\""),
        ("http://[::1]8086", "not a port"),
        ("http://h:80:80", "more than one colon"),
        ("http://::1:8086", "brackets"),
        ("http://[::g]:1", "not an IPv6 address"),
        ("http://192.168.1.300:8086", "not an IPv4 address"),
        ("http://:8086", "name is missing"),
        ("http://", "not an address"),
        ("http:/h", "not an address"),
        ("", "not an address"),
        ("ftp://h", "http:// or https://"),
        ("http://u:p@h", "INFLUX_TOKEN"),
        ("http://h?org=x", "\"?\""),
        ("http://h a", "\" \""),
        ("http://gerät:8086", "\"ä\""),
        ("http://“h”:8086", "\"“\""),
    ] {
        let told = parse(text).unwrap_err();
        assert!(told.contains(want), "{text}: {told}");
    }
    assert!(
        parse("localhost:8086")
            .unwrap_err()
            .contains("did you mean http://localhost:8086?")
    );
}

#[test]
fn a_port_that_is_not_named_is_told() {
    let note = |text| parse(text).unwrap().note;
    assert!(
        note("http://localhost")
            .unwrap()
            .contains("http://localhost:8086?")
    );
    assert!(
        note("http://[::1]/x")
            .unwrap()
            .contains("http://[::1]:8086/x?")
    );
    assert_eq!((note("https://h"), note("http://h:80")), (None, None));
}

proptest! {
    #[test]
    fn what_is_taken_names_its_port_as_written(text in "(http://|https://)?[a-z\\[\\]:0-9./@-]{0,20}") {
        if let Ok(address) = parse(&text) {
            let rest = address.url.split_once("://").unwrap().1;
            let authority = rest.split('/').next().unwrap();
            if let Some((_, port)) = authority.rsplit_once(':').filter(|(_, p)| !p.ends_with(']')) {
                prop_assert!(port.parse::<u16>().is_ok_and(|port| port > 0), "{}", address.url);
            }
        }
    }

    #[test]
    fn never_panics(text in "\\PC*") {
        let _ = parse(&text);
    }
}
