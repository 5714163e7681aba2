//! The section `[web]`: where the page and the API are served, and to whom.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Secret;
use super::keys::Key;
use super::merge::Values;
use super::problem::{Origin, Part, Problem, Value};
use super::resolve::number;

/// The keys.
pub(super) const LISTEN: &str = "web.listen";
const PORT: &str = "web.port";
const HOSTS: &str = "web.hosts";
const TOKEN_FILE: &str = "web.token_file";

const fn key(name: &'static str, default: &'static str) -> Key {
    Key {
        name,
        env: None,
        default,
        secret: false,
    }
}

/// All of them.
pub(super) const KEYS: [Key; 4] = [
    key(LISTEN, "loopback"),
    key(PORT, "8077"),
    key(HOSTS, ""),
    key(TOKEN_FILE, ""),
];

/// The name of the credential in the unit (`LoadCredential=web-token`).
const CREDENTIAL: &str = "web-token";

/// A token that can be guessed is none.
const TOKEN_CHARS_MIN: usize = 16;

/// Where to listen, and who may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSettings {
    /// Where.
    pub listen: Listen,
    /// The TCP port, where an address names none.
    pub port: u16,
    /// Names by which this daemon may be asked for, besides its own.
    pub hosts: Vec<String>,
    /// Who has it may enter readings; None: nobody may, over HTTP.
    pub token: Option<Secret>,
}

/// On which addresses TCP is listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// On none: the unix socket alone.
    Off,
    /// On this machine's own.
    Loopback,
    /// On all, for the local networks only.
    Lan,
    /// On these. Port 0: one that is free.
    Addresses(Vec<SocketAddr>),
}

impl WebSettings {
    /// The addresses to listen on.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let both = |v4: Ipv4Addr, v6: Ipv6Addr| {
            let both = [IpAddr::V4(v4), IpAddr::V6(v6)];
            both.map(|address| SocketAddr::new(address, self.port))
                .to_vec()
        };
        match &self.listen {
            Listen::Off => Vec::new(),
            Listen::Loopback => both(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST),
            Listen::Lan => both(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED),
            Listen::Addresses(addresses) => addresses.clone(),
        }
    }
}

/// As it is described, without the token.
pub(super) fn describe(settings: &WebSettings, put: &mut dyn FnMut(&str, String)) {
    let listen = match &settings.listen {
        Listen::Off => "off".to_owned(),
        Listen::Loopback => "loopback".to_owned(),
        Listen::Lan => "lan".to_owned(),
        Listen::Addresses(addresses) => addresses
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    };
    put(LISTEN, listen);
    put(PORT, settings.port.to_string());
    put(HOSTS, settings.hosts.join(", "));
    let token = if settings.token.is_some() {
        "set"
    } else {
        "not set"
    };
    put("web.token", token.to_owned());
}

/// The section. Where something is wrong with it, what is safe holds.
pub(super) fn resolve(
    values: &mut Values,
    env: &BTreeMap<String, String>,
    dir: &Path,
) -> WebSettings {
    let port = values.get(PORT).expect("it has a default").clone();
    let port = number(values, PORT, &port, 1..=u16::MAX);
    let listen = values.get(LISTEN).expect("it has a default").clone();
    let listen = parse_listen(&listen.text, port).unwrap_or_else(|why| {
        complain(values, &listen.origin, format!("{LISTEN}: {why}"));
        Listen::Loopback
    });
    let hosts = values
        .get(HOSTS)
        .cloned()
        .map(|value| hosts(values, &value));
    WebSettings {
        listen,
        port,
        hosts: hosts.unwrap_or_default(),
        token: token(values, env, dir),
    }
}

fn complain(values: &mut Values, origin: &Origin, message: String) {
    let problem = Problem::new(origin.clone(), message).of(Part::Aside);
    values.problems.push(problem);
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).filter(|word| !word.is_empty())
}

fn parse_listen(text: &str, port: u16) -> Result<Listen, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "off" | "false" => return Ok(Listen::Off),
        "loopback" => return Ok(Listen::Loopback),
        "lan" => return Ok(Listen::Lan),
        _ => {}
    }
    let addresses = words(text).map(|word| {
        let bare = word.trim_start_matches('[').trim_end_matches(']');
        word.parse()
            .or_else(|_| bare.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, port)))
            .map_err(|_| {
                format!("\"{word}\" is none of off, loopback, lan, and no IP address such as 192.168.1.2 or [fd00::2]:80")
            })
    });
    match addresses.collect::<Result<Vec<SocketAddr>, String>>()? {
        addresses if addresses.is_empty() => {
            Err("it names no address; \"off\" switches it off".to_owned())
        }
        addresses => Ok(Listen::Addresses(addresses)),
    }
}

/// Names without scheme, port or path.
fn hosts(values: &mut Values, value: &Value) -> Vec<String> {
    let is_name = |name: &str| {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
        name.chars().all(is_part)
    };
    let all: Vec<String> = words(&value.text).map(str::to_lowercase).collect();
    for wrong in all.iter().filter(|name| !is_name(name)) {
        let message = format!(
            "{HOSTS}: \"{wrong}\" is no name of a host, such as meter.example (without http:// and port)"
        );
        complain(values, &value.origin, message);
    }
    all.into_iter().filter(|name| is_name(name)).collect()
}

/// The token: a systemd credential, or the file that is named.
fn token(values: &mut Values, env: &BTreeMap<String, String>, dir: &Path) -> Option<Secret> {
    let credential = env.get("CREDENTIALS_DIRECTORY");
    let credential = credential.map(|given| Path::new(given).join(CREDENTIAL));
    if let Some(path) = credential.filter(|path| path.exists()) {
        return from_file(values, Origin::File(path.clone()), &path);
    }
    let file = values.get(TOKEN_FILE).cloned()?;
    from_file(values, file.origin, &dir.join(&file.text))
}

fn from_file(values: &mut Values, origin: Origin, path: &PathBuf) -> Option<Secret> {
    let read = fs::metadata(path).and_then(|meta| Ok((meta, fs::read_to_string(path)?)));
    let (meta, text) = match read {
        Ok(read) => read,
        Err(error) => {
            let message = format!("{TOKEN_FILE}: {} cannot be read: {error}", path.display());
            complain(values, &origin, message);
            return None;
        }
    };
    if meta.mode() & 0o007 != 0 {
        let path = path.display();
        let message = format!(
            "{TOKEN_FILE}: everybody may read {path}, so it is not used: chmod 0640 {path}"
        );
        complain(values, &origin, message);
        return None;
    }
    sound(values, &origin, &text)
}

fn sound(values: &mut Values, origin: &Origin, text: &str) -> Option<Secret> {
    let text = text.trim();
    let is_visible = text.chars().all(|c| matches!(c, '!'..='~'));
    if is_visible && text.len() >= TOKEN_CHARS_MIN {
        return Some(Secret::new(text));
    }
    let message = format!(
        "the token of [web] takes at least {TOKEN_CHARS_MIN} characters that can be seen, without blanks: `openssl rand \
         -hex 16` makes one"
    );
    complain(values, origin, message);
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn with(toml: &str, env: &[(&str, &str)], dir: &Path) -> (WebSettings, Vec<String>) {
        let env = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let env: BTreeMap<String, String> = env.collect();
        let mut values = Values::merge(toml, "", &env);
        let settings = resolve(&mut values, &env, dir);
        let problems = values.problems.iter();
        assert!(problems.clone().all(|problem| problem.part == Part::Aside));
        (settings, problems.map(ToString::to_string).collect())
    }

    fn listening(toml: &str) -> Vec<String> {
        let (settings, problems) = with(toml, &[], Path::new("/"));
        assert_eq!(problems, Vec::<String>::new());
        settings
            .addresses()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn where_it_listens() {
        assert_eq!(listening(""), ["127.0.0.1:8077", "[::1]:8077"]);
        assert_eq!(listening("[web]\nlisten = \"off\"\n"), Vec::<String>::new());
        assert_eq!(
            listening("[web]\nlisten = \"lan\"\nport = 80\n"),
            ["0.0.0.0:80", "[::]:80"]
        );
        assert_eq!(
            listening("[web]\nlisten = \"192.168.1.2, [fd00::2]:81 fd00::3\"\n"),
            ["192.168.1.2:8077", "[fd00::2]:81", "[fd00::3]:8077"]
        );
    }

    #[test]
    fn a_mistake_opens_nothing() {
        for wrong in [
            "listen = \"lann\"",
            "listen = \"\"",
            "listen = \"192.168.1\"",
            "port = 0",
            "hosts = \"http://x/\"",
        ] {
            let (settings, problems) = with(&format!("[web]\n{wrong}\n"), &[], Path::new("/"));
            assert_eq!(problems.len(), 1, "{wrong}: {problems:?}");
            assert_eq!(settings.listen, Listen::Loopback, "{wrong}");
            assert_eq!(settings.hosts, Vec::<String>::new());
        }
    }

    #[test]
    fn a_token_comes_from_where_not_everybody_looks() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        fs::write(&file, "0123456789abcdef\n").unwrap();
        let mode = |mode| {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        };
        let toml = "[web]\ntoken_file = \"token\"\n";
        mode(0o600);
        let (settings, problems) = with(toml, &[], dir.path());
        assert_eq!(
            settings.token,
            Some(Secret::new("0123456789abcdef")),
            "{problems:?}"
        );
        mode(0o644);
        let (settings, problems) = with(toml, &[], dir.path());
        assert!(
            settings.token.is_none() && problems[0].contains("everybody may read"),
            "{problems:?}"
        );
        mode(0o600);
        fs::write(&file, "short").unwrap();
        let (settings, problems) = with(toml, &[], dir.path());
        assert!(settings.token.is_none() && problems.len() == 1);
        let credential = dir.path().join(CREDENTIAL);
        fs::write(credential, "abcdefghijklmnop").unwrap();
        fs::set_permissions(
            dir.path().join(CREDENTIAL),
            fs::Permissions::from_mode(0o400),
        )
        .unwrap();
        let given = [("CREDENTIALS_DIRECTORY", dir.path().to_str().unwrap())];
        let (settings, _) = with(toml, &given, dir.path());
        assert_eq!(settings.token, Some(Secret::new("abcdefghijklmnop")));
    }
}
