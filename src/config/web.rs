//! `[web]`: where the page and its API answer, and to whom.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::given::Given;
use super::key::key;
use super::nearest::nearest;
use super::secret::{Secret, check_carried};
use super::section::Section;

/// The port of the page where none is written.
pub const WEB_PORT: u16 = 8077;

/// Where the page answers, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebSettings {
    /// Where it answers.
    pub listen: Listen,
    /// Names, in small letters, by which it may be asked for beside the machine's own.
    pub hosts: Vec<String>,
    /// What a client has to know that changes anything; None: nothing can be changed.
    pub token: Option<Secret>,
}

/// Where the page answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Listen {
    /// To this machine only.
    #[default]
    Loopback,
    /// To the networks that the machine is in.
    Lan,
    /// At no port.
    Off,
    /// At these addresses.
    At(Vec<SocketAddr>),
}

/// The words for where the page answers.
static LISTEN: [(&str, Listen); 3] = [
    ("loopback", Listen::Loopback),
    ("lan", Listen::Lan),
    ("off", Listen::Off),
];

impl Listen {
    /// The addresses to listen at.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let both = |v4: Ipv4Addr, v6: Ipv6Addr| {
            [IpAddr::from(v4), IpAddr::from(v6)].map(|ip| SocketAddr::new(ip, WEB_PORT))
        };
        match self {
            Listen::Loopback => both(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST).to_vec(),
            Listen::Lan => both(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED).to_vec(),
            Listen::Off => Vec::new(),
            Listen::At(addresses) => addresses.clone(),
        }
    }

    /// As it is written.
    pub fn shown(&self) -> String {
        match self {
            Listen::At(addresses) => shown(addresses),
            word => {
                let found = LISTEN.iter().find(|(_, listen)| listen == word);
                found.map_or_else(String::new, |(word, _)| (*word).to_owned())
            }
        }
    }
}

fn shown(items: &[impl ToString]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    items.join(", ")
}

/// Reads the table. What is wrong with it is left out: the page then answers to this machine only, or changes
/// nothing.
pub(super) fn read(s: &mut Section<'_>) -> WebSettings {
    let listen = s.list(
        key(
            "web.listen",
            "where the page answers: loopback, lan, off, or addresses",
        ),
        "loopback",
    );
    let hosts = s.list(
        key("web.hosts", "other names by which the page is asked for"),
        "",
    );
    let token = key(
        "web.token",
        "what a client has to know that changes anything",
    )
    .secret();
    let token = s.text_if_set(token);
    let listen = listen.and_then(|given| match parse_listen(&given) {
        Ok(listen) => Some(listen),
        Err(why) => {
            s.complain(&given, why);
            None
        }
    });
    WebSettings {
        listen: listen.unwrap_or_default(),
        hosts: hosts.map_or_else(Vec::new, |given| checked_hosts(s, &given)),
        token: token.and_then(|given| checked_token(s, &given)),
    }
}

fn parse_listen(given: &Given) -> Result<Listen, String> {
    let items: Vec<&str> = given.items().collect();
    let is_word = |item: &str| {
        let mut words = LISTEN.iter();
        words.find(|(word, _)| item.eq_ignore_ascii_case(word))
    };
    match items.as_slice() {
        [] => return Err("it names no address; \"off\" closes the port".to_owned()),
        [one] => {
            if let Some((_, listen)) = is_word(one) {
                return Ok(listen.clone());
            }
        }
        more => {
            if let Some((word, _)) = more.iter().find_map(|item| is_word(item)) {
                return Err(format!("\"{word}\" stands alone, without addresses"));
            }
        }
    }
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for item in items {
        let address = parse_address(item)?;
        if addresses.contains(&address) {
            return Err(format!("{address} is in it twice"));
        }
        addresses.push(address);
    }
    Ok(Listen::At(addresses))
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return match address.port() {
            0 => Err(format!("\"{text}\": a port is a number from 1 to 65535")),
            _ => Ok(address),
        };
    }
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    if let Ok(ip) = inner.unwrap_or(text).parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, WEB_PORT));
    }
    let words = LISTEN.iter().map(|(word, _)| *word);
    let hint = match nearest(&text.to_ascii_lowercase(), words) {
        _ if text.to_ascii_lowercase().starts_with("localhost") => {
            ": did you mean \"loopback\"?".to_owned()
        }
        Some(word) => format!(": did you mean \"{word}\"?"),
        None => format!(
            ": write loopback, lan, off, or addresses such as \"192.168.1.5\" or \"[::1]:{WEB_PORT}\""
        ),
    };
    Err(format!("\"{text}\" is not an address{hint}"))
}

fn checked_hosts(s: &mut Section<'_>, given: &Given) -> Vec<String> {
    let mut hosts = Vec::new();
    for item in given.items() {
        let name = item.trim_end_matches('.').to_ascii_lowercase();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.is_empty() || !name.chars().all(is_name) {
            let message = format!(
                "\"{item}\" is not a name such as \"meter.example.org\", without scheme and port"
            );
            s.complain(given, message);
        } else if !hosts.contains(&name) {
            hosts.push(name);
        }
    }
    hosts
}

fn checked_token(s: &mut Section<'_>, given: &Given) -> Option<Secret> {
    match check_carried(&given.text) {
        Ok("") => None,
        Ok(token) => Some(Secret::new(token)),
        Err(why) => {
            s.complain(given, why);
            None
        }
    }
}

#[cfg(test)]
#[path = "web_tests.rs"]
mod tests;
