//! Where the page answers, as people write it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::config::{LoadOptions, Loaded, load};

struct Home(tempfile::TempDir);

impl Home {
    fn new(toml: &str) -> Home {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("powerlogger.toml"), toml).unwrap();
        let home = Home(dir);
        home.set_mode("powerlogger.toml", 0o600);
        home
    }

    fn set_mode(&self, name: &str, mode: u32) {
        let path = self.0.path().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn load(&self, env: &[(&str, &str)]) -> Loaded {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let options = LoadOptions {
            config_dir: Some(self.0.path().to_owned()),
            env: env.iter().map(own).collect::<BTreeMap<_, _>>(),
            cwd: self.0.path().to_owned(),
            ..LoadOptions::default()
        };
        load(&options).expect("counting depends on nothing of the page")
    }
}

fn web(toml: &str) -> (WebSettings, Vec<String>) {
    let loaded = Home::new(&format!("[web]\n{toml}\n")).load(&[]);
    let problems = loaded.problems.iter().map(ToString::to_string).collect();
    (loaded.settings.web, problems)
}

fn at(addresses: &[&str]) -> Listen {
    Listen::At(addresses.iter().map(|text| text.parse().unwrap()).collect())
}

#[test]
fn words_and_addresses() {
    for (written, want) in [
        ("", Listen::Loopback),
        ("listen = \"loopback\"", Listen::Loopback),
        ("listen = \"LAN\"", Listen::Lan),
        ("listen = [\"off\"]", Listen::Off),
        ("listen = \"192.168.1.5\"", at(&["192.168.1.5:8077"])),
        (
            "listen = [\"192.168.1.5:80\", \"::1\", \"[fe80::2]\", \"[::]:9000\"]",
            at(&[
                "192.168.1.5:80",
                "[::1]:8077",
                "[fe80::2]:8077",
                "[::]:9000",
            ]),
        ),
        (
            "listen = \"10.0.0.1, 10.0.0.2\"",
            at(&["10.0.0.1:8077", "10.0.0.2:8077"]),
        ),
    ] {
        assert_eq!(
            (web(written).0.listen, web(written).1),
            (want, Vec::new()),
            "{written}"
        );
    }
}

#[test]
fn a_mistake_leaves_this_machine_only_and_counting_goes_on() {
    for (written, want) in [
        ("listen = \"lann\"", "did you mean \"lan\"?"),
        ("listen = \"localhost\"", "did you mean \"loopback\"?"),
        ("listen = \"localhost:8077\"", "did you mean \"loopback\"?"),
        (
            "listen = \"example.org\"",
            "write loopback, lan, off, or addresses",
        ),
        (
            "listen = \"10.0.0.1:0\"",
            "a port is a number from 1 to 65535",
        ),
        ("listen = \"10.0.0.1:80777\"", "is not an address"),
        ("listen = [\"lan\", \"10.0.0.1\"]", "\"lan\" stands alone"),
        (
            "listen = [\"10.0.0.1\", \"10.0.0.1:8077\"]",
            "10.0.0.1:8077 is in it twice",
        ),
        ("listen = []", "it names no address"),
        (
            "listen = [[\"lan\"]]",
            "\"listen\" takes a list of plain values",
        ),
        (
            "lisen = \"lan\"",
            "unknown key \"lisen\" in [web]: did you mean \"listen\"?",
        ),
        (
            "listen = lan",
            "a text stands between quotes: listen = \"lan\"",
        ),
    ] {
        let (settings, problems) = web(written);
        assert_eq!(settings.listen, Listen::Loopback, "{written}");
        assert_eq!(problems.len(), 1, "{written}: {problems:#?}");
        assert!(
            problems[0].starts_with("powerlogger.toml:2: ") && problems[0].contains(want),
            "{written}: {problems:?}"
        );
    }
}

#[test]
fn addresses_and_words_as_they_are_shown() {
    assert_eq!(
        Listen::Loopback.addresses(),
        [
            "127.0.0.1:8077".parse().unwrap(),
            "[::1]:8077".parse().unwrap()
        ]
    );
    assert_eq!(Listen::Lan.addresses().len(), 2);
    assert_eq!(Listen::Off.addresses(), []);
    assert_eq!(
        at(&["10.0.0.1:80"]).addresses(),
        ["10.0.0.1:80".parse().unwrap()]
    );
    for text in ["loopback", "lan", "off", "10.0.0.1:8077, [::1]:80"] {
        let (settings, _) = web(&format!("listen = \"{text}\""));
        assert_eq!(settings.listen.shown(), text);
    }
}

#[test]
fn hosts_are_names_and_a_wrong_one_is_left_out() {
    let (settings, problems) =
        web("hosts = [\"Meter.Example.org.\", \"http://x\", \"meter.example.org\", \"pi:8077\"]");
    assert_eq!(settings.hosts, ["meter.example.org"]);
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems[0].contains("web.hosts: \"http://x\" is not a name such as"));
}

#[test]
fn the_token_comes_from_the_first_place_that_has_one_and_is_never_shown() {
    let home = Home::new("[web]\ntoken = \"from the toml\"\n");
    let token = |home: &Home, env: &[(&str, &str)]| {
        let loaded = home.load(env);
        assert!(!format!("{:?}", loaded.settings.web).contains("from"));
        let origin = loaded.values["web.token"].origin.to_string();
        let secret = loaded
            .settings
            .web
            .token
            .map(|token| token.expose().to_owned());
        (secret.unwrap(), origin, loaded.notes)
    };
    let (secret, origin, notes) = token(&home, &[]);
    assert_eq!(
        (secret.as_str(), origin.as_str()),
        ("from the toml", "powerlogger.toml:2")
    );
    assert!(
        notes.iter().all(|note| !note.contains("web.token")),
        "{notes:?}"
    );

    home.set_mode("powerlogger.toml", 0o644);
    let (_, _, notes) = token(&home, &[]);
    assert!(
        notes.iter().any(|note| note.contains("others can read")),
        "{notes:?}"
    );

    let file = home.0.path().join("web.token");
    fs::write(&file, "from the file\n").unwrap();
    home.set_mode("web.token", 0o600);
    let (secret, origin, _) = token(&home, &[]);
    assert_eq!(
        (secret.as_str(), origin),
        ("from the file", file.display().to_string())
    );
    home.set_mode("web.token", 0o644);
    let (secret, _, notes) = token(&home, &[]);
    assert_eq!(secret, "from the toml");
    assert!(
        notes.iter().any(|note| note.contains("chmod 600")),
        "{notes:?}"
    );

    let credentials = tempfile::tempdir().unwrap();
    fs::write(credentials.path().join("web.token"), "from systemd\n").unwrap();
    let env = [(
        "CREDENTIALS_DIRECTORY",
        credentials.path().to_str().unwrap(),
    )];
    assert_eq!(token(&home, &env).0, "from systemd");
}

#[test]
fn a_token_that_no_header_carries_is_none() {
    let (settings, problems) = web("token = \"„abc“\"");
    assert_eq!(settings.token, None);
    assert!(
        problems[0].contains("powerlogger.toml:2: web.token: \"„\" (U+201E"),
        "{problems:?}"
    );
}
