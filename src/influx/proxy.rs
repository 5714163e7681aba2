//! Which proxy leads to a server, by the environment. Pure.
//!
//! The rules are curl's, with two of our own: a server on this machine is never reached through a proxy, and
//! `NO_PROXY` knows networks (`192.168.0.0/16`). A proxy is asked to CONNECT, for http, too: many refuse that
//! for ports other than 443, which the error then says.

use std::net::IpAddr;

/// A proxy, and which variable names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// As it stands there; may hold a password.
    pub address: String,
    /// The variable.
    pub variable: &'static str,
}

impl Chosen {
    /// For people: without user and password.
    pub fn shown(&self) -> String {
        let Some((before, host)) = self.address.rsplit_once('@') else {
            return format!("{} ({})", self.address, self.variable);
        };
        // However it is written, nothing before the host is shown but a scheme.
        let is_scheme = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let scheme = before.split_once("://").map(|(scheme, _)| scheme);
        let scheme = scheme
            .filter(is_scheme)
            .map(|scheme| format!("{scheme}://"));
        format!("{}{host} ({})", scheme.unwrap_or_default(), self.variable)
    }
}

/// The proxy for a base URL. `variable` looks into the environment.
pub fn chosen(base: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<Chosen> {
    let (scheme, rest) = base.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = host_and_port(authority);
    if is_this_machine(&host) {
        return None;
    }
    // An uppercase HTTP_PROXY can come from a request's header where a web server runs us: curl does
    // not read it either.
    let names: [&'static str; 4] = if scheme.eq_ignore_ascii_case("https") {
        ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    } else {
        ["http_proxy", "http_proxy", "all_proxy", "ALL_PROXY"]
    };
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let found = names.into_iter().find_map(|name| Some((name, set(name)?)));
    let (variable, address) = found?;
    let without = set("no_proxy").or_else(|| set("NO_PROXY"));
    let without = without.unwrap_or_default();
    let mut without = without.split([',', ' ']).filter(|entry| !entry.is_empty());
    if without.any(|entry| is_meant(entry, &host, port)) {
        return None;
    }
    let address = address.trim().to_owned();
    Some(Chosen { address, variable })
}

/// Host in lower case without brackets, and the port if there is one.
fn host_and_port(authority: &str) -> (String, Option<u16>) {
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let (host, port) = match authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        // More than one colon without brackets is an address of version 6.
        None => match authority.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') => (host, Some(port)),
            _ => (authority, None),
        },
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    (host, port.and_then(|port| port.parse().ok()))
}

fn is_this_machine(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => address.to_canonical().is_loopback(),
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// Whether an entry of `NO_PROXY` means this host: a name (and what is below it), an address, a network,
/// each with a port where it is for that one only; `*` is all.
fn is_meant(entry: &str, host: &str, port: Option<u16>) -> bool {
    if entry == "*" {
        return true;
    }
    if let Some((network, bits)) = entry.split_once('/') {
        return is_within(host, network, bits);
    }
    let (name, of_port) = host_and_port(entry);
    if of_port.is_some() && of_port != port {
        return false;
    }
    let name = name.trim_start_matches('*').trim_start_matches('.');
    if let (Ok(one), Ok(other)) = (name.parse::<IpAddr>(), host.parse::<IpAddr>()) {
        return one.to_canonical() == other.to_canonical();
    }
    let below = host
        .strip_suffix(name)
        .is_some_and(|rest| rest.ends_with('.'));
    !name.is_empty() && (host == name || below)
}

fn is_within(host: &str, network: &str, bits: &str) -> bool {
    let (Ok(host), Ok(network)) = (host.parse::<IpAddr>(), network.parse::<IpAddr>()) else {
        return false;
    };
    let Ok(bits) = bits.parse::<u32>() else {
        return false;
    };
    let equal = |one: u128, other: u128, width: u32| {
        bits <= width && (bits == 0 || (one ^ other) >> (width - bits) == 0)
    };
    match (host.to_canonical(), network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            equal(u32::from(one).into(), u32::from(other).into(), 32)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => equal(one.into(), other.into(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(base: &str, variables: &[(&str, &str)]) -> Option<String> {
        let look = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        chosen(base, &look).map(|chosen| chosen.shown())
    }

    #[test]
    fn each_scheme_has_its_own_variable() {
        let both = [("http_proxy", "http://p:1"), ("https_proxy", "http://s:2")];
        let by = |base, variables| by(base, variables).unwrap_or_default();
        assert_eq!(by("http://influx:8086", &both), "http://p:1 (http_proxy)");
        assert_eq!(by("https://influx/x", &both), "http://s:2 (https_proxy)");
        assert_eq!(by("http://influx", &both[1..]), "");
        assert_eq!(by("https://influx", &both[..1]), "");
        assert_eq!(by("http://influx", &[("HTTP_PROXY", "http://p:1")]), "");
        assert_eq!(by("http://influx", &[("http_proxy", " ")]), "");
        let all = [("ALL_PROXY", "p:1"), ("HTTPS_PROXY", "http://u:secret@s:2")];
        assert_eq!(by("http://influx", &all), "p:1 (ALL_PROXY)");
        assert_eq!(by("https://influx", &all), "http://s:2 (HTTPS_PROXY)");
    }

    #[test]
    fn no_password_is_shown_however_the_proxy_is_written() {
        for (address, want) in [
            ("http://u:secret@p:1", "http://p:1"),
            ("u:secret@p:1", "p:1"),
            ("u:secret@http://p:1", "http://p:1"),
            ("http:/u:secret@p", "p"),
            ("u:sec://ret@p", "p"),
            ("http://u:se@cret@p/x", "http://p/x"),
            ("p:1", "p:1"),
        ] {
            let shown = by("http://influx", &[("http_proxy", address)]);
            assert_eq!(shown, Some(format!("{want} (http_proxy)")), "{address}");
        }
    }

    #[test]
    fn this_machine_is_reached_without() {
        for host in [
            "localhost",
            "LOCALHOST:8086",
            "localhost.:8086",
            "db.localhost",
            "127.0.0.1:8086",
            "127.9.9.9",
            "[::1]:8086",
            "[::ffff:127.0.0.1]",
            "user@localhost",
        ] {
            let base = format!("http://{host}/path");
            assert_eq!(by(&base, &[("http_proxy", "p:1")]), None, "{host}");
        }
        for host in ["localhost.example", "128.0.0.1", "[::2]", "mylocalhost"] {
            let base = format!("http://{host}");
            assert!(by(&base, &[("http_proxy", "p:1")]).is_some(), "{host}");
        }
    }

    #[test]
    fn no_proxy_knows_names_addresses_networks_and_ports() {
        for (entry, meant, not_meant) in [
            ("influx", "influx:8086", "influxdb"),
            ("example.com", "a.example.com", "badexample.com"),
            (".example.com", "a.b.EXAMPLE.com", "example.org"),
            ("*.example.com", "a.example.com", "example.com.evil"),
            ("influx:8086", "influx:8086", "influx:9999"),
            ("10.1.2.3", "10.1.2.3:8086", "10.1.2.30"),
            ("192.168.0.0/16", "192.168.7.9:8086", "192.169.0.1"),
            ("10.0.0.0/9", "10.127.0.1", "10.128.0.1"),
            ("0.0.0.0/0", "8.8.8.8", "[fd00::1]"),
            ("fd00::/8", "[fd12::1]:8086", "[fe80::1]"),
            ("fe80::1", "[fe80::1]", "[fe80::2]"),
            ("x, 10.0.0.1 ,y", "10.0.0.1", "10.0.0.2"),
        ] {
            let variables = [("http_proxy", "p:1"), ("NO_PROXY", entry)];
            let without = |host| by(&format!("http://{host}"), &variables).is_none();
            assert!(without(meant), "{entry}: {meant}");
            assert!(!without(not_meant), "{entry}: {not_meant}");
        }
        let all = [("all_proxy", "p:1"), ("no_proxy", "*")];
        assert_eq!(by("https://anything", &all), None);
        for nonsense in ["10.0.0.0/33", "10.0.0.0/x", "/8", ",", ":", "[", "."] {
            let variables = [("http_proxy", "p:1"), ("NO_PROXY", nonsense)];
            assert!(by("http://10.0.0.1", &variables).is_some(), "{nonsense}");
        }
    }
}
