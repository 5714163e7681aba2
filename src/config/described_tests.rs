//! Settings as words, and how they differ.

use std::path::PathBuf;

use super::*;
use crate::config::{LoadOptions, load};

fn described(toml: &str, dotenv: &str) -> Described {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("powerlogger.toml"), toml).unwrap();
    std::fs::write(dir.path().join(".env"), dotenv).unwrap();
    let loaded = load(&LoadOptions {
        config_dir: Some(dir.path().to_owned()),
        queue_dir: Some(PathBuf::from("/q")),
        cwd: dir.path().to_owned(),
        ..LoadOptions::default()
    });
    describe(&loaded.unwrap().settings, Path::new("/etc/powerlogger"))
}

const CONNECTED: &str = "INFLUX_HOST=http://db:8086\nINFLUX_ORG=home\nINFLUX_TOKEN=secret\n";

#[test]
fn what_differs_is_told_key_by_key_and_no_secret_is() {
    let one = described("", CONNECTED);
    assert!(
        one.values().all(|value| !value.contains("secret")),
        "{one:?}"
    );
    assert_eq!(differences(&one, &one, true), Vec::<String>::new());
    let other = described(
        "[journal]\nmax_bytes = \"2 GiB\"\n[[meter]]\nname = \"Import\"\nline = 5\n",
        &CONNECTED.replace("db:", "elsewhere:"),
    );
    let server = differences(&one, &other, true);
    assert_eq!(
        server,
        ["influx.host: http://db:8086; the files say: http://elsewhere:8086"]
    );
    let rest = differences(&one, &other, false).join("\n");
    assert!(
        rest.contains("journal.max_bytes: 1073741824; the files say: 2147483648"),
        "{rest}"
    );
    assert!(
        rest.contains("meter \"Import\" line: GPIO20; the files say: GPIO5"),
        "{rest}"
    );
    assert!(
        rest.contains("meter \"Export\" line: GPIO26; the files say: not set"),
        "{rest}"
    );
}

#[test]
fn off_is_one_difference() {
    let (on, off) = (described("", CONNECTED), described("", ""));
    assert_eq!(
        differences(&off, &on, true),
        ["InfluxDB: off; the files say: http://db:8086"]
    );
    assert_eq!(
        differences(&on, &off, true),
        ["InfluxDB: in use; the files say: off"]
    );
    let wrong = described("", "INFLUX_HOST=x:y\n");
    assert_eq!(differences(&off, &wrong, true), Vec::<String>::new());
}

/// The sample, with every key switched on.
fn every_key() -> String {
    let sample = include_str!("../../dist/powerlogger.toml");
    let lines = sample.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_key_but_secrets_is_compared() {
    let described = described(&every_key().replace("ca.pem", "/ca.pem"), CONNECTED);
    for form in &crate::config::catalogue::catalogue().tables {
        for (own, key) in form.written_keys().filter(|(_, key)| !key.secret) {
            // Some keys are of meters that count something else.
            let names = match form.name {
                "meter" => ["Import", "Gas"].map(|meter| format!("meter \"{meter}\" {own}")),
                "webhook" => [format!("webhook \"ntfy\" {own}"), String::new()],
                // All keys of a price list together; a file of prices that is not there leaves them as they are.
                "tariff" => ["tariff import 1970-01-01".to_owned(), String::new()],
                _ => [key.name.to_owned(), String::new()],
            };
            // The name is in all the others.
            let is_name = ["name", "service"].contains(&own) && form.is_many;
            let is_there = is_name || names.iter().any(|name| described.contains_key(name));
            assert!(is_there, "{names:?}: {described:#?}");
        }
        let secrets = form.keys.iter().filter(|key| key.secret);
        for key in secrets {
            assert!(!described.contains_key(key.name), "{}", key.name);
        }
    }
}

#[test]
fn what_is_taken_up_at_once_is_no_difference() {
    let hook = "[[webhook]]\nservice = \"a\"\nurl = \"http://h/secret\"\ntoken = \"secret\"\n";
    let (without, with) = (described("", ""), described(hook, ""));
    assert_ne!(without, with);
    assert!(!format!("{with:?}").contains("secret"), "{with:?}");
    for of_server in [false, true] {
        assert_eq!(
            differences(&without, &with, of_server),
            Vec::<String>::new()
        );
    }
}
