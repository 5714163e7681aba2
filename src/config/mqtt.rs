//! `[mqtt]`: the broker, what is published there, and by which names.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use super::ca_file;
use super::given::Given;
use super::key::key;
use super::place::place;
use super::secret::Secret;
use super::section::Section;

/// The ports of MQTT and of MQTT over TLS (IANA: `mqtt`, `secure-mqtt`).
const PORTS: [(&str, u16, bool); 2] = [("mqtt", 1883, false), ("mqtts", 8883, true)];

/// A topic is at most 65,535 bytes long; the longest name of a meter and what is behind it fit into the rest.
const PREFIX_BYTES_MAX: usize = 200;

/// User and password are preceded by their length in two bytes.
const FIELD_BYTES_MAX: usize = 1_000;

/// What a prefix for simulated pulses has in it.
const SIMULATED: &str = "simulated";

/// The broker, and what it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MqttSettings {
    /// Where the broker is.
    pub broker: BrokerAddress,
    /// Who we are to it; None: it takes clients without a name.
    pub user: Option<String>,
    /// And the password.
    pub password: Option<Secret>,
    /// What all topics begin with.
    pub prefix: String,
    /// Whether Home Assistant is told what there is.
    pub discovery: bool,
    /// What the topics of that begin with.
    pub discovery_prefix: String,
    /// Power is told this often.
    pub interval_s: u32,
    /// A file of certificates (PEM) to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The language of the names in Home Assistant.
    pub language: Language,
}

/// Where a broker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerAddress {
    /// A name or an address, without brackets.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// Whether it is spoken to over TLS.
    pub is_tls: bool,
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "mqtts" } else { "mqtt" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

/// A language of names and of printed pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

impl Language {
    /// All, in the order in which they are documented.
    pub const ALL: [Language; 2] = [Language::English, Language::German];

    /// The word in configuration and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
        }
    }
}

impl MqttSettings {
    /// Why simulated pulses are not published with these settings; None: they are.
    pub(super) fn not_for_simulated(&self) -> Option<String> {
        let is_named = |prefix: &str| prefix.to_lowercase().contains(SIMULATED);
        (!is_named(&self.prefix)).then(|| {
            format!(
                "mqtt: the pulses are simulated, and the prefix \"{}\" is not named for them: they are published only \
                 where mqtt.prefix has \"{SIMULATED}\" in it",
                self.prefix
            )
        })
    }
}

/// Reads the table; None: nothing is published. `dir`: where the files are.
pub(super) fn read(s: &mut Section<'_>, dir: &Path) -> Option<MqttSettings> {
    let url = s.text_if_set(key("mqtt.url", "where the broker is"));
    let user = s.text_if_set(key("mqtt.user", "who the daemon is to the broker"));
    let password = s.text_if_set(key("mqtt.password", "the password of that user").secret());
    let prefix = s.text(
        key("mqtt.prefix", "what all topics begin with"),
        "powerlogger",
    );
    let discovery = s.flag(
        key("mqtt.discovery", "tell Home Assistant what there is"),
        true,
    );
    let discovery_prefix = key("mqtt.discovery_prefix", "where Home Assistant looks for it");
    let discovery_prefix = s.text(discovery_prefix, "homeassistant");
    let interval_s = s.number(
        key("mqtt.interval_s", "time between two messages with power"),
        10,
        1..=3_600,
    );
    let certificates = s.text_if_set(key(
        "mqtt.ca_file",
        "certificates (PEM) to trust beside the system's",
    ));
    let language = s.choice(
        key("mqtt.language", "the language of names in Home Assistant"),
        &Language::ALL.map(|language| (language.as_str(), language)),
    );
    let url = url.filter(|url| !url.text.trim().is_empty())?;
    let broker = match parse(url.text.trim()) {
        Ok(broker) => broker,
        Err(why) => {
            s.complain(&url, why);
            return None;
        }
    };
    let user = user.filter(|user| !user.text.is_empty());
    let password = password.filter(|password| !password.text.is_empty());
    check_names(s, user.as_ref(), password.as_ref());
    for prefix in [&prefix, &discovery_prefix] {
        if let Err(why) = check_prefix(&prefix.text) {
            s.complain(prefix, why);
        }
    }
    if prefix.text == discovery_prefix.text {
        let message = "it is mqtt.discovery_prefix already: values have a prefix of their own";
        s.complain(&prefix, message);
    }
    let ca_file = certificates.map(|given| {
        let path = place(dir, &given.text);
        if let (true, Err(why)) = (broker.is_tls, ca_file::check(&path)) {
            s.complain(&given, why);
        }
        path
    });
    (!s.is_wrong()).then(|| MqttSettings {
        broker,
        user: user.map(|user| user.text),
        password: password.map(|password| Secret::new(password.text)),
        prefix: prefix.text,
        discovery,
        discovery_prefix: discovery_prefix.text,
        interval_s,
        ca_file,
        language,
    })
}

/// Takes the address apart.
fn parse(text: &str) -> Result<BrokerAddress, String> {
    const LIKE: &str = "an address like mqtt://192.168.1.5 or mqtts://broker.example.org:8883";
    let (scheme, rest) = text.split_once("://").unwrap_or(("mqtt", text));
    let known = |(known, ..): &&(&str, u16, bool)| scheme.eq_ignore_ascii_case(known);
    let Some((_, port, is_tls)) = PORTS.iter().find(known) else {
        return Err(format!(
            "\"{text}\" begins neither with mqtt:// nor with mqtts://; it is {LIKE}"
        ));
    };
    if rest.contains('@') {
        return Err(
            "no user and password belong into it: they are mqtt.user and mqtt.password".to_owned(),
        );
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains('/') {
        return Err(format!(
            "nothing stands behind the port: it is {LIKE}; topics begin with mqtt.prefix"
        ));
    }
    let (host, written) = match authority.strip_prefix('[') {
        Some(inner) => {
            let parts = inner.split_once(']');
            let (host, after) = parts.ok_or_else(|| format!("the ] is missing in \"{text}\""))?;
            if host.parse::<Ipv6Addr>().is_err() {
                return Err(format!("[{host}] is not an IPv6 address"));
            }
            (host, after)
        }
        None if authority.matches(':').count() > 1 => {
            return Err(format!(
                "\"{authority}\" has more than one colon: an IPv6 address stands in brackets, such as mqtt://[::1]"
            ));
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    check_host(host)?;
    let port = match written {
        "" => *port,
        written => {
            let digits = written.strip_prefix(':').unwrap_or("");
            let number = digits.parse::<u16>().ok().filter(|number| *number > 0);
            let is_digits = digits.chars().all(|c| c.is_ascii_digit());
            number
                .filter(|_| is_digits)
                .ok_or_else(|| format!("the port \"{digits}\" is not a number from 1 to 65535"))?
        }
    };
    Ok(BrokerAddress {
        host: host.to_owned(),
        port,
        is_tls: *is_tls,
    })
}

fn check_host(host: &str) -> Result<(), String> {
    if host.is_empty() {
        return Err("the broker's name is missing".to_owned());
    }
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if !host.chars().all(known) {
        return Err(format!("\"{host}\" is not the name of a broker"));
    }
    let is_number = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    if is_number && host.parse::<Ipv4Addr>().is_err() {
        return Err(format!("\"{host}\" is not an IPv4 address"));
    }
    Ok(())
}

/// MQTT 3.1.1, 3.1.2.9: a password needs a user; 1.5.3: a text has at most 65,535 bytes, and no NUL.
fn check_names(s: &mut Section<'_>, user: Option<&Given>, password: Option<&Given>) {
    if let (None, Some(password)) = (user, password) {
        let message = "a password is of a user: write mqtt.user, too";
        s.complain(password, message);
    }
    for given in [user, password].into_iter().flatten() {
        if given.text.len() > FIELD_BYTES_MAX {
            s.complain(given, format!("it has more than {FIELD_BYTES_MAX} bytes"));
        } else if given.text.chars().any(char::is_control) {
            s.complain(given, "a control character is in it: type it again");
        }
    }
}

/// A prefix of topics: levels between slashes, without wildcards (MQTT 3.1.1, 4.7).
fn check_prefix(prefix: &str) -> Result<(), String> {
    let shown = format!("\"{prefix}\"");
    if prefix.len() > PREFIX_BYTES_MAX {
        return Err(format!("it has more than {PREFIX_BYTES_MAX} bytes"));
    }
    if let Some(odd) = prefix.chars().find(|c| matches!(c, '#' | '+')) {
        return Err(format!("{shown}: {odd} is a wildcard of those who read"));
    }
    if prefix
        .chars()
        .any(|c| c.is_control() || c.is_whitespace() || c == '"')
    {
        return Err(format!(
            "{shown}: neither blanks nor quotes belong into a topic"
        ));
    }
    if prefix.starts_with('$') {
        return Err(format!("{shown}: topics with $ are the broker's own"));
    }
    if prefix.split('/').any(str::is_empty) {
        return Err(format!(
            "{shown}: it is one or more levels such as \"powerlogger\" or \"home/meter\", with a single slash between \
             two, and none at its ends"
        ));
    }
    Ok(())
}

#[cfg(test)]
#[path = "mqtt_tests.rs"]
mod tests;
