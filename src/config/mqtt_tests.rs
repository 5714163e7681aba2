//! Where the broker is, as people write it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::config::{LoadOptions, Loaded, load};

fn loaded_in(dir: &Path, toml: &str, options: impl FnOnce(&mut LoadOptions)) -> Loaded {
    fs::write(dir.join("powerlogger.toml"), toml).unwrap();
    let mut all = LoadOptions {
        config_dir: Some(dir.to_owned()),
        cwd: dir.to_owned(),
        ..LoadOptions::default()
    };
    options(&mut all);
    load(&all).expect("counting depends on no broker")
}

fn loaded(toml: &str) -> (Option<MqttSettings>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let loaded = loaded_in(dir.path(), toml, |_| ());
    let problems = loaded.problems.iter().map(ToString::to_string).collect();
    (loaded.settings.mqtt, problems)
}

#[test]
fn an_address_is_a_name_and_a_port() {
    for (written, want) in [
        ("mqtt://broker", "mqtt://broker:1883"),
        ("broker", "mqtt://broker:1883"),
        ("MQTTS://broker/", "mqtts://broker:8883"),
        ("192.168.1.5:1884", "mqtt://192.168.1.5:1884"),
        ("mqtts://[fe80::1]:1", "mqtts://[fe80::1]:1"),
        ("mqtt://[::1]", "mqtt://[::1]:1883"),
    ] {
        assert_eq!(parse(written).unwrap().to_string(), want);
    }
    for (written, want) in [
        ("http://broker", "neither with mqtt://"),
        ("tcp://broker", "neither with mqtt://"),
        ("mqtt://", "name is missing"),
        ("mqtt://me:secret@broker", "mqtt.password"),
        ("mqtt://broker/powerlogger", "mqtt.prefix"),
        ("mqtt://::1", "in brackets"),
        ("mqtt://[::1", "] is missing"),
        ("mqtt://[::g]", "not an IPv6"),
        ("mqtt://[::1]1883", "the port \"\""),
        ("mqtt://broker:", "the port \"\""),
        ("mqtt://broker:+1", "the port \"+1\""),
        ("mqtt://broker:65536", "65536"),
        ("mqtt://999.1.1.1", "IPv4"),
        ("mqtt://bro ker", "not the name"),
    ] {
        let why = parse(written).unwrap_err();
        assert!(why.contains(want), "{written}: {why}");
        assert!(!why.contains("secret"), "{why}");
    }
}

#[test]
fn nothing_is_published_where_no_broker_is_named() {
    assert_eq!(loaded(""), (None, Vec::new()));
    assert_eq!(loaded("[mqtt]\nprefix = \"a/b\""), (None, Vec::new()));
    let (mqtt, problems) = loaded("[mqtt]\nurl = \"mqtt://broker\"");
    assert_eq!(problems, Vec::<String>::new());
    let mqtt = mqtt.unwrap();
    assert_eq!(
        (mqtt.prefix.as_str(), mqtt.discovery_prefix.as_str()),
        ("powerlogger", "homeassistant")
    );
    assert_eq!((mqtt.discovery, mqtt.interval_s), (true, 10));
    assert_eq!(mqtt.language, Language::English);
}

#[test]
fn a_mistake_has_its_place_and_its_remedy_and_keeps_it_off() {
    for (toml, want) in [
        ("url = \"http://b\"", ":2: mqtt.url: \"http://b\" begins"),
        (
            "url = \"b\"\npassword = \"p\"",
            ":3: mqtt.password: a password is of a user",
        ),
        (
            "url = \"b\"\nprefix = \"a/#\"",
            ":3: mqtt.prefix: \"a/#\": # is a wildcard",
        ),
        ("url = \"b\"\nprefix = \"/a\"", "none at its ends"),
        ("url = \"b\"\nprefix = \"$SYS\"", "the broker's own"),
        ("url = \"b\"\nprefix = \"my meter\"", "neither blanks"),
        ("url = \"b\"\ndiscovery_prefix = \"a//b\"", "a single slash"),
        (
            "url = \"b\"\nprefix = \"homeassistant\"",
            "discovery_prefix already",
        ),
        ("url = \"b\"\ninterval_s = 0", "out of range (1 to 3600)"),
        ("url = \"b\"\nlanguage = \"fr\"", "none of en, de"),
        (
            "url = \"mqtts://b\"\nca_file = \"no.pem\"",
            "no.pem: No such file",
        ),
    ] {
        let (mqtt, problems) = loaded(&format!("[mqtt]\n{toml}\n"));
        assert_eq!((mqtt, problems.len()), (None, 1), "{toml}: {problems:?}");
        assert!(problems[0].contains(want), "{toml}: {problems:?}");
    }
}

#[test]
fn the_password_is_in_a_file_of_its_own_or_a_credential_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let toml = "[mqtt]\nurl = \"b\"\nuser = \"me\"\n";
    let file = dir.path().join("mqtt.password");
    fs::write(&file, "  from a file \n").unwrap();
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(&file, open).unwrap();
    let password = |loaded: &Loaded| {
        let mqtt = loaded.settings.mqtt.clone().unwrap();
        mqtt.password.map(|password| password.expose().to_owned())
    };
    let loaded = loaded_in(dir.path(), toml, |_| ());
    assert_eq!(password(&loaded), None, "others can read it");
    assert!(loaded.notes.iter().any(|note| note.contains("chmod 600")));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let loaded = loaded_in(dir.path(), toml, |_| ());
    assert_eq!(password(&loaded).as_deref(), Some("  from a file "));
    let shown = format!("{:?}", loaded.settings.mqtt);
    assert!(
        shown.contains("[redacted]") && !shown.contains("from a file"),
        "{shown}"
    );
    assert!(loaded.depends_on().contains(&file));
    let given = tempfile::tempdir().unwrap();
    fs::write(given.path().join("mqtt.password"), "from systemd\n").unwrap();
    let given = given.path().display().to_string();
    let loaded = loaded_in(dir.path(), toml, |options| {
        options
            .env
            .insert("CREDENTIALS_DIRECTORY".to_owned(), given);
    });
    assert_eq!(password(&loaded).as_deref(), Some("from systemd"));
}

#[test]
fn simulated_pulses_are_published_only_where_the_prefix_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let simulated = |options: &mut LoadOptions| options.simulated = true;
    let loaded = loaded_in(dir.path(), "[mqtt]\nurl = \"b\"\n", simulated);
    assert_eq!(loaded.settings.mqtt, None);
    assert!(loaded.problems.is_empty());
    assert!(loaded.notes.iter().any(|note| note.contains("mqtt.prefix")));
    let toml = "[mqtt]\nurl = \"b\"\nprefix = \"Simulated/a\"\n";
    assert!(
        loaded_in(dir.path(), toml, simulated)
            .settings
            .mqtt
            .is_some()
    );
}
