//! Where the page is to be found: addresses that can be clicked, and what opens it to the network.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use crate::config::{Listen, TOML_FILE, WEB_PORT};

/// The kernel's lists of this machine's addresses.
const V4: &str = "/proc/net/fib_trie";
const V6: &str = "/proc/net/if_inet6";

/// Flags in the list of IPv6: temporary, deprecated, tentative.
const PASSING: u32 = 0x01 | 0x20 | 0x40;

/// By what this machine can be reached: its name, and its addresses that others can use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    name: String,
    addresses: Vec<IpAddr>,
}

impl Reach {
    /// As it is now.
    pub fn look() -> Reach {
        let name = rustix::system::uname();
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Reach {
            name: name.nodename().to_string_lossy().into_owned(),
            addresses: addresses(&read(V4), &read(V6)),
        }
    }

    /// The name in the local network, as mDNS gives it.
    pub fn local_name(&self) -> Option<String> {
        let short = self.name.split('.').next().unwrap_or_default();
        let short = short.to_ascii_lowercase();
        (!short.is_empty() && short != "localhost").then(|| format!("{short}.local"))
    }

    /// Where the page is: to be clicked, the easiest to remember first. Empty: nowhere.
    pub fn pages(&self, listen: &Listen) -> Vec<String> {
        let mut pages = Vec::new();
        for address in listen.addresses() {
            for page in self.pages_at(address) {
                if !pages.contains(&page) {
                    pages.push(page);
                }
            }
        }
        pages
    }

    /// Where it is by one address that is listened at.
    pub fn pages_at(&self, address: SocketAddr) -> Vec<String> {
        let (ip, port) = (address.ip(), address.port());
        let page = |ip: &IpAddr| format!("http://{}/", SocketAddr::new(*ip, port));
        if !ip.is_unspecified() {
            return vec![page(&ip)];
        }
        let of_family = |own: &&IpAddr| own.is_ipv4() == ip.is_ipv4();
        let own: Vec<String> = self.addresses.iter().filter(of_family).map(page).collect();
        // It stands before the addresses of IPv4, where there are any.
        let is_named = ip.is_ipv4() || !self.addresses.iter().any(IpAddr::is_ipv4);
        let name = self.local_name().filter(|_| is_named);
        let name = name.map(|name| format!("http://{name}:{port}/"));
        match own.as_slice() {
            // A machine without a network yet, or without this kind of it.
            [] if ip.is_ipv6() => Vec::new(),
            [] => vec![page(&IpAddr::V4(Ipv4Addr::LOCALHOST))],
            own => name.into_iter().chain(own.iter().cloned()).collect(),
        }
    }
}

/// What opens the page to the network; None: it is open, or was closed on purpose.
pub fn how_to_open(listen: &Listen, config_dir: &Path, reach: &Reach) -> Option<String> {
    let name = reach.local_name()?;
    (*listen == Listen::Loopback).then(|| {
        format!(
            "for the page on a phone or another computer: listen = \"lan\" below [web] in {}, and a restart, open it to the \
             local networks, to read only, as http://{name}:{WEB_PORT}/",
            config_dir.join(TOML_FILE).display()
        )
    })
}

/// The addresses of this machine's interfaces, without those of this machine alone.
fn addresses(v4: &str, v6: &str) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    let mut last = None;
    for line in v4.lines() {
        if let Some(address) = line.trim().strip_prefix("|-- ") {
            last = address.parse::<Ipv4Addr>().ok();
        } else if line.contains("/32 host LOCAL") {
            let own = last.filter(|own| !own.is_loopback()).map(IpAddr::V4);
            found.extend(own.filter(|own| !found.contains(own)));
        }
    }
    // An address in hex, interface, length of the prefix, scope, flags.
    let of_line = |line: &str| {
        let mut words = line.split_whitespace();
        let address = u128::from_str_radix(words.next()?, 16).ok()?;
        let mut words = words.skip(2);
        let mut hex = || u32::from_str_radix(words.next()?, 16).ok();
        let (scope, flags) = (hex()?, hex()?);
        let is_lasting = scope == 0 && flags & PASSING == 0;
        is_lasting.then(|| IpAddr::V6(Ipv6Addr::from(address)))
    };
    found.extend(v6.lines().filter_map(of_line));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIB: &str = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 192.168.1.0\n        \
        /24 link UNICAST\nLocal:\n  +-- 0.0.0.0/0 2 0 2\n        |-- 127.0.0.1\n           /32 host LOCAL\n        \
        |-- 192.168.1.5\n           /32 host LOCAL\n        |-- 192.168.1.255\n           /32 link BROADCAST\n";
    const INET6: &str = "00000000000000000000000000000001 01 80 10 80       lo\n\
        20010db8000000010000000000000005 02 40 00 80     eth0\n\
        20010db80000000100000000000000ff 02 40 00 01     eth0\n\
        fe800000000000000000000000000005 02 40 20 80     eth0\nbroken\n";

    fn meters() -> Reach {
        Reach {
            name: "Meters.example.org".to_owned(),
            addresses: addresses(FIB, INET6),
        }
    }

    #[test]
    fn pages_can_be_clicked() {
        let reach = meters();
        assert_eq!(
            reach.pages(&Listen::Lan),
            [
                "http://meters.local:8077/",
                "http://192.168.1.5:8077/",
                "http://[2001:db8:0:1::5]:8077/"
            ]
        );
        assert_eq!(
            reach.pages(&Listen::Loopback),
            ["http://127.0.0.1:8077/", "http://[::1]:8077/"]
        );
        let at = Listen::At(vec!["192.168.1.5:80".parse().unwrap()]);
        assert_eq!(reach.pages(&at), ["http://192.168.1.5:80/"]);
        assert!(reach.pages(&Listen::Off).is_empty());
        let lonely = Reach::default();
        assert_eq!(lonely.pages(&Listen::Lan), ["http://127.0.0.1:8077/"]);
    }

    #[test]
    fn what_is_closed_says_how_it_is_opened() {
        let dir = Path::new("/etc/powerlogger");
        let said = how_to_open(&Listen::Loopback, dir, &meters()).unwrap();
        for part in [
            "listen = \"lan\"",
            "/etc/powerlogger/powerlogger.toml",
            "meters.local",
        ] {
            assert!(said.contains(part), "{said}");
        }
        for open in [Listen::Lan, Listen::Off] {
            assert_eq!(how_to_open(&open, dir, &meters()), None);
        }
    }
}
