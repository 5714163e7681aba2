//! Which addresses are of a local network: private ones, and those of the networks of this machine's own interfaces.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kernel's list of this machine's IPv6 addresses.
const ADDRESSES: &str = "/proc/net/if_inet6";

/// Whether an address is of a local network.
pub(super) fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_local_v4(v4),
        IpAddr::V6(v6) if is_private_v6(v6) => true,
        // A household's own addresses are often public ones.
        IpAddr::V6(v6) => {
            let networks = fs::read_to_string(ADDRESSES).unwrap_or_default();
            is_in(&networks, v6)
        }
    }
}

fn is_local_v4(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.is_private() || address.is_link_local()
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
}

/// Whether an address is in a network of this list: an address in hex, interface, length of the prefix in hex, ….
fn is_in(networks: &str, address: Ipv6Addr) -> bool {
    let wanted = u128::from(address);
    networks.lines().any(|line| {
        let mut words = line.split_whitespace();
        let own = words
            .next()
            .and_then(|hex| u128::from_str_radix(hex, 16).ok());
        let prefix = words
            .nth(1)
            .and_then(|hex| u32::from_str_radix(hex, 16).ok());
        own.zip(prefix).is_some_and(|(own, prefix)| {
            let mask = u128::MAX
                .checked_shl(128_u32.saturating_sub(prefix))
                .unwrap_or(0);
            // Of another length nothing is said of neighbours.
            (48..=127).contains(&prefix) && (own ^ wanted) & mask == 0
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_is_local_and_the_world_is_not() {
        for local in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.9",
            "169.254.1.1",
            "::1",
            "fd00::1",
            "fe80::2",
        ] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for far in ["8.8.8.8", "172.32.0.1", "100.64.0.1", "::ffff:8.8.8.8"] {
            assert!(!is_local(far.parse().unwrap()), "{far}");
        }
    }

    #[test]
    fn the_networks_of_its_own_interfaces_are_local() {
        let list = "20010db8000000010000000000000005 02 40 00 00     eth0\n\
                    00000000000000000000000000000001 01 80 10 80       lo\nbroken\n";
        assert!(is_in(list, "2001:db8:0:1::77".parse().unwrap()));
        assert!(!is_in(list, "2001:db8:0:2::77".parse().unwrap()));
        assert!(!is_in(
            "20010db8000000010000000000000005 02 00 00 00 eth0\n",
            "2a00::1".parse().unwrap()
        ));
    }
}
