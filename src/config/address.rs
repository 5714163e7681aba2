//! The address of a server, taken apart: what cannot be meant is told before anything, least of all a token,
//! is sent to another port than the one that is written. Pure.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The port of InfluxDB 2 unless it is told another.
const INFLUX_PORT: u16 = 8086;

/// An address that can be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Scheme, host, port and path, without a slash at the end.
    pub url: String,
    /// What is worth knowing about it.
    pub note: Option<String>,
}

/// Takes the text apart.
///
/// # Errors
/// What is wrong with it, with the remedy.
pub fn parse(text: &str) -> Result<Address, String> {
    let text = text.trim_end_matches('/');
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None if text.is_empty() || text.starts_with("http:") || text.starts_with("https:") => {
            return Err(not_an_address(text));
        }
        None => {
            let hint = format!("; did you mean http://{text}?");
            return Err(not_an_address(text) + &hint);
        }
    };
    if !matches!(scheme.as_str(), "http" | "https") {
        return Err(format!(
            "{}: it begins with http:// or https://",
            not_an_address(text)
        ));
    }
    let at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    if authority.contains('@') {
        return Err(
            "no user and password belong into it: a token goes into INFLUX_TOKEN".to_owned(),
        );
    }
    if let Some(odd) = rest.chars().find(|c| !is_carried(*c)) {
        return Err(format!(
            "{}: \"{odd}\" cannot be in it",
            not_an_address(text)
        ));
    }
    let (host, port) = split_port(authority)?;
    check_host(host)?;
    let port = port.map(parse_port).transpose()?;
    let note = (scheme == "http" && port.is_none()).then(|| {
        format!(
            "no port is named, so it is 80; InfluxDB itself answers at {INFLUX_PORT}: did you mean \
             http://{host}:{INFLUX_PORT}{path}?"
        )
    });
    Ok(Address {
        url: format!("{scheme}://{rest}"),
        note,
    })
}

fn not_an_address(text: &str) -> String {
    format!("\"{text}\" is not an address like http://localhost:{INFLUX_PORT}")
}

/// What a URL carries as it stands.
fn is_carried(c: char) -> bool {
    c.is_ascii_graphic() && !"?#\"<>\\^`{|}".contains(c)
}

/// The host, and the port as written; a host that is a number of IPv6 stands in brackets.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest
            .split_once(']')
            .ok_or_else(|| format!("the ] is missing in \"{authority}\""))?;
        if host.parse::<Ipv6Addr>().is_err() {
            return Err(format!("[{host}] is not an IPv6 address"));
        }
        return match after.strip_prefix(':') {
            Some(port) => Ok((&authority[..host.len() + 2], Some(port))),
            None if after.is_empty() => Ok((authority, None)),
            None => Err(format!("\"{after}\" after the ] is not a port")),
        };
    }
    if authority.matches(':').count() > 1 {
        return Err(format!(
            "\"{authority}\" has more than one colon: an IPv6 address stands in brackets, such as \
             http://[::1]:{INFLUX_PORT}"
        ));
    }
    Ok(match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    })
}

fn check_host(host: &str) -> Result<(), String> {
    if host.starts_with('[') {
        return Ok(());
    }
    if host.is_empty() {
        return Err("the server's name is missing".to_owned());
    }
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !host.chars().all(known) {
        return Err(format!("\"{host}\" is not the name of a server"));
    }
    let is_number = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    if is_number && host.parse::<Ipv4Addr>().is_err() {
        return Err(format!("\"{host}\" is not an IPv4 address"));
    }
    Ok(())
}

fn parse_port(port: &str) -> Result<u16, String> {
    if port.is_empty() {
        return Err(format!(
            "the port is missing after the colon (InfluxDB's is {INFLUX_PORT})"
        ));
    }
    let digits = port.chars().all(|c| c.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(number) if digits && number > 0 => Ok(number),
        _ => Err(format!(
            "the port \"{port}\" is not a number from 1 to 65535 (InfluxDB's is {INFLUX_PORT})"
        )),
    }
}

#[cfg(test)]
mod tests {
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
}
