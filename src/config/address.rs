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
#[path = "address_tests.rs"]
mod tests;
