//! The address of the page as another machine reaches it. Pure.

use std::net::{IpAddr, SocketAddr};

use crate::config::{Listen, WEB_PORT, WebSettings};

/// The address; None: no other machine reaches it. `from`: our own address on the way to the broker, which is in the network
/// that the broker, and whoever shows what is published, is in.
pub(super) fn address(web: &WebSettings, from: Option<IpAddr>) -> Option<String> {
    let addresses = web.listen.addresses();
    let port = addresses.first()?.port();
    let reached = addresses.iter().find(|address| !address.ip().is_loopback());
    let is_same_machine = from.is_some_and(|from| from.is_loopback());
    if reached.is_none() && !is_same_machine {
        return None;
    }
    if let (Some(name), Some(_)) = (web.hosts.first(), reached) {
        return Some(format!("http://{name}:{port}/"));
    }
    let at = match (&web.listen, reached) {
        (Listen::At(_), Some(address)) if !address.ip().is_unspecified() => *address,
        (_, Some(address)) => SocketAddr::new(from?, address.port()),
        (Listen::At(_), None) => *addresses.first()?,
        (_, None) => SocketAddr::new(from?, WEB_PORT),
    };
    Some(format!("http://{at}/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_one_that_others_reach() {
        let lan: IpAddr = "192.168.1.5".parse().unwrap();
        let own: IpAddr = "::1".parse().unwrap();
        let at = |text: &str| Listen::At(vec![text.parse().unwrap()]);
        let of = |listen: Listen, hosts: &[&str], from| {
            let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
            let web = WebSettings {
                listen,
                hosts,
                token: None,
            };
            address(&web, Some(from))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of(Listen::Lan, &[], lan), some("http://192.168.1.5:8077/"));
        assert_eq!(of(Listen::Lan, &[], own), some("http://[::1]:8077/"));
        assert_eq!(of(Listen::Loopback, &[], lan), None);
        assert_eq!(of(Listen::Loopback, &[], own), some("http://[::1]:8077/"));
        assert_eq!(of(Listen::Off, &[], lan), None);
        assert_eq!(
            of(Listen::Lan, &["meter.lan"], lan),
            some("http://meter.lan:8077/")
        );
        assert_eq!(of(at("10.0.0.1:80"), &[], lan), some("http://10.0.0.1:80/"));
        assert_eq!(
            of(at("0.0.0.0:81"), &[], lan),
            some("http://192.168.1.5:81/")
        );
        assert_eq!(of(at("127.0.0.1:81"), &["meter.lan"], lan), None);
        assert_eq!(
            of(at("127.0.0.1:81"), &[], own),
            some("http://127.0.0.1:81/")
        );
    }
}
