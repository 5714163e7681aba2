//! The server and its token: what is used, what is lacking, what is a mistake.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::config::fixture::{CONNECTED, Dir, counts_without_server, problems, token};
use crate::config::problem::DOTENV_FILE;
use crate::config::{Influx, TokenSource};

#[test]
fn what_the_server_or_line_protocol_refuses_is_refused_here() {
    for (dotenv, want) in [
        ("RAW_BUCKET='a\"b'", "refuses a bucket name"),
        ("RAW_BUCKET=_raw", "begin with _"),
        ("MEASUREMENT='a\\'", "backslash"),
        ("INFLUX_HOST=db:8086\nINFLUX_ORG=o", "is not an address"),
    ] {
        assert!(problems("", dotenv)[0].contains(want), "{dotenv}");
    }
}

#[test]
fn extra_fields_are_chosen_by_name() {
    let extra = |toml: &str| {
        let loaded = Dir::new(&format!("[influx]\n{toml}"), CONNECTED).load();
        match &loaded.settings.influx {
            Influx::Configured(influx) => influx.extra_fields.names().collect::<Vec<_>>(),
            Influx::NotConfigured(why) => panic!("{why}"),
        }
    };
    let none: [&str; 0] = [];
    assert_eq!(extra(""), none);
    assert_eq!(extra("extra_fields = []"), none);
    assert_eq!(extra("extra_fields = [\"energy_wh\"]"), ["energy_wh"]);
    assert_eq!(extra("extra_fields = \"energy_wh\""), ["energy_wh"]);
    let both = "extra_fields = [\"power_w\", \"energy_wh\"]";
    assert_eq!(extra(both), ["energy_wh", "power_w"]);
    let all = "extra_fields = [\"cost\", \"power_w\", \"energy_wh\"]";
    assert_eq!(extra(all), ["energy_wh", "power_w", "cost"]);
    for (list, want) in [
        ("[\"energy_w\"]", "did you mean \"energy_wh\"?"),
        ("[\"voltage\"]", "there are energy_wh, power_w and cost"),
        ("[\"costs\", \"energy_wh\"]", "did you mean \"cost\"?"),
        ("[\"cost\"]", "cost is made of energy_wh: name both"),
        ("[\"power_w\"]", "power_w is made of energy_wh: name both"),
    ] {
        let toml = format!("[influx]\nextra_fields = {list}");
        let told = problems(&toml, CONNECTED);
        assert!(told.len() == 1 && told[0].contains(want), "{told:?}");
    }
    let priced = "\n[[tariff]]\nprice_per_kwh = 0.3\n";
    for (tariff, notes) in [("", 1), (priced, 0)] {
        let loaded = Dir::new(&format!("[influx]\n{all}{tariff}"), CONNECTED).load();
        let of_cost = loaded.notes.iter().filter(|note| note.contains("cost"));
        assert_eq!(of_cost.count(), notes, "{:?}", loaded.notes);
    }
}

#[test]
fn the_token_comes_from_the_first_that_is_there() {
    let dir = Dir::new("", CONNECTED);
    let path = dir.0.path().join("writer.token");
    let source =
        |dir: &Dir, env: &[(&str, &str)]| token(&dir.load_with(env).unwrap()).unwrap().source;
    assert_eq!(source(&dir, &[]), TokenSource::AdminEnv);
    fs::write(
        &path,
        "token=writer\nhost=http://db:8086\norg=home\nauthorization_id=1\n",
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(source(&dir, &[]), TokenSource::WriterFile);
    assert_eq!(
        source(&dir, &[("INFLUX_WRITER_TOKEN", "w")]),
        TokenSource::WriterEnv
    );
    fs::write(dir.0.path().join("influx-token"), "credential\n").unwrap();
    let directory = dir.0.path().to_str().unwrap();
    assert_eq!(
        source(&dir, &[("CREDENTIALS_DIRECTORY", directory)]),
        TokenSource::Credential
    );

    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let loaded = dir.load();
    assert_eq!(token(&loaded).unwrap().source, TokenSource::AdminEnv);
    assert!(loaded.notes[0].contains("chmod 600"), "{:?}", loaded.notes);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, "token=writer\nhost=http://other:8086\norg=home\n").unwrap();
    assert_eq!(token(&dir.load()).unwrap().source, TokenSource::AdminEnv);
}

#[test]
fn a_token_that_is_new_is_found_again() {
    let dir = Dir::new("", CONNECTED);
    let loaded = dir.load();
    fs::write(
        dir.0.path().join(DOTENV_FILE),
        CONNECTED.replace("admintoken", "newtoken"),
    )
    .unwrap();
    let Influx::Configured(influx) = &loaded.settings.influx else {
        panic!("it is configured");
    };
    let found = loaded.reload_token(influx).unwrap();
    assert_eq!(found.secret.expose(), "newtoken");
}

#[test]
fn placeholders_and_missing_values_mean_not_configured() {
    for dotenv in [
        "INFLUX_HOST=http://your_influx_db_host:8086\nINFLUX_ORG=o\nINFLUX_TOKEN=t",
        "INFLUX_HOST=http://h\nINFLUX_ORG=your_influx_db_org\nINFLUX_TOKEN=t",
        "INFLUX_HOST=http://h\nINFLUX_ORG=o\nINFLUX_TOKEN=your_admin_token_here",
        "INFLUX_HOST=http://h\nINFLUX_ORG=o\nINFLUX_TOKEN=PASTE_YOUR_TOKEN_HERE",
        "INFLUX_HOST=http://h\nINFLUX_TOKEN=t",
    ] {
        let loaded = Dir::new("", dotenv).load();
        assert!(
            matches!(loaded.settings.influx, Influx::NotConfigured(_)),
            "{dotenv}"
        );
    }
}

#[test]
fn no_mistake_with_the_server_keeps_anybody_from_counting() {
    for (toml, dotenv, want) in [
        (
            "",
            "INFLUX_HOST=db:8086",
            ".env:1: INFLUX_HOST: \"db:8086\" is not an address",
        ),
        (
            "",
            "INFLUX_HOST=http://db:8o86",
            ".env:1: INFLUX_HOST: the port \"8o86\"",
        ),
        (
            "",
            "\nINFLUX_URL=http://db:8086",
            ".env:2: unknown key \"INFLUX_URL\": did you mean \"INFLUX_HOST\"?",
        ),
        (
            "",
            "INFLUX_TOKEN=“abc”",
            ".env:1: INFLUX_TOKEN: the value stands between typographic quotes",
        ),
        ("", "INFLUX_ORG=\"home", ".env:1: the closing \" is missing"),
        ("", "RAW_BUCKET=_raw", ".env:1: RAW_BUCKET: bucket names"),
        (
            "[influx]\ndownsampling = \"task\"",
            "",
            "powerlogger.toml:2: influx.downsampling: \"task\" is none",
        ),
        (
            "[influx]\nhost = http://db",
            "",
            "powerlogger.toml:2: a text stands between quotes",
        ),
        (
            "[influx]\nhots = \"x\"",
            "",
            "powerlogger.toml:2: unknown key \"hots\"",
        ),
        (
            "[deliver]\nflush_ms = \"soon\"",
            "",
            "powerlogger.toml:2: deliver.flush_ms",
        ),
    ] {
        let dir = Dir::new(toml, &format!("{CONNECTED}{dotenv}\n"));
        let lines = CONNECTED.lines().count();
        let shift = |want: &str| match want.strip_prefix(".env:") {
            Some(rest) => {
                let (line, rest) = rest.split_once(':').unwrap();
                format!(".env:{}:{rest}", line.parse::<usize>().unwrap() + lines)
            }
            None => want.to_owned(),
        };
        counts_without_server(&dir, &[], &shift(want));
    }
}

#[test]
fn a_token_that_no_header_carries_is_named_with_its_place() {
    for (token, want) in [
        ("„abc“", "typographic quotes"),
        (
            "a\u{feff}bc",
            "INFLUX_TOKEN: an invisible character (U+FEFF, its character 2)",
        ),
        (
            "a\u{7}c",
            "INFLUX_TOKEN: an invisible character (U+0007, its character 2)",
        ),
        ("tokén", "INFLUX_TOKEN: \"é\" (U+00E9, its character 4)"),
    ] {
        let dotenv = CONNECTED.replace("admintoken", token);
        counts_without_server(&Dir::new("", &dotenv), &[], want);
    }
    let dir = Dir::new("", CONNECTED);
    let path = dir.0.path().join("influx-token");
    fs::write(&path, "\u{feff}token\n").unwrap();
    let env = [("CREDENTIALS_DIRECTORY", dir.0.path().to_str().unwrap())];
    counts_without_server(
        &dir,
        &env,
        "influx-token: the credential: an invisible character",
    );
}

#[test]
fn a_credential_may_say_for_whom_it_is() {
    let dir = Dir::new("", CONNECTED);
    let env = [("CREDENTIALS_DIRECTORY", dir.0.path().to_str().unwrap())];
    let source = |text: &str| {
        fs::write(dir.0.path().join("influx-token"), text).unwrap();
        token(&dir.load_with(&env).unwrap()).unwrap()
    };
    let same = source("token=secret\nhost=http://db:8086\norg=home\n");
    assert_eq!(
        (same.secret.expose(), same.source),
        ("secret", TokenSource::Credential)
    );
    let other = source("token=secret\nhost=http://elsewhere:8086\norg=home\n");
    assert_eq!(other.source, TokenSource::AdminEnv);
}

#[test]
fn a_file_of_certificates_that_is_missing_is_a_mistake_until_it_is_there() {
    let toml = "[influx]\nca_file = \"ca.pem\"\n";
    let dir = Dir::new(toml, &CONNECTED.replace("http:", "https:"));
    counts_without_server(&dir, &[], "powerlogger.toml:2: influx.ca_file: ");
    let path = dir.0.path().join("ca.pem");
    fs::write(&path, "words").unwrap();
    counts_without_server(&dir, &[], "holds no certificate");
    fs::write(&path, "-----BEGIN CERTIFICATE-----\n").unwrap();
    assert!(matches!(dir.load().settings.influx, Influx::Configured(_)));
    fs::remove_file(&path).unwrap();
    let plain = Dir::new(toml, CONNECTED);
    assert!(
        matches!(plain.load().settings.influx, Influx::Configured(_)),
        "http asks for none"
    );
}

#[test]
fn a_token_goes_to_no_other_server_than_the_one_it_is_looked_up_for() {
    let dir = Dir::new("", CONNECTED);
    let loaded = dir.load();
    let Influx::Configured(influx) = &loaded.settings.influx else {
        panic!("it is configured");
    };
    let moved = CONNECTED
        .replace("db:8086", "elsewhere:8086")
        .replace("admintoken", "theirs");
    fs::write(dir.0.path().join(DOTENV_FILE), moved).unwrap();
    assert_eq!(loaded.reload_token(influx), None);
}

#[test]
fn all_that_is_lacking_is_listed_with_the_file_to_edit() {
    let dir = Dir::new("", "");
    fs::write(dir.0.path().join(".env.example"), "").unwrap();
    let why = |dotenv: &str| {
        fs::write(dir.0.path().join(DOTENV_FILE), dotenv).unwrap();
        match dir.load().settings.influx {
            Influx::NotConfigured(why) => why,
            Influx::Configured(_) => panic!("it is configured"),
        }
    };
    let path = dir.0.path().display();
    assert_eq!(
        why(""),
        format!(
            "INFLUX_HOST, INFLUX_ORG and INFLUX_TOKEN are not set; edit {path}/.env (an example: \
             {path}/.env.example)"
        )
    );
    let some = why("INFLUX_HOST=http://h:1\nINFLUX_ORG=your_influx_db_org\n");
    let want = "INFLUX_TOKEN is not set; INFLUX_ORG still holds the example's placeholder; edit ";
    assert!(some.starts_with(want), "{some}");
}
