//! The configuration as a whole: defaults, samples, directories, tokens, problems.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::config::keys::{KEYS, METER_KEYS};
use crate::config::{CountedEdge, Level, LineName, TokenSource};
use crate::pulse::{Bias, NS_PER_MS};

struct Dir(tempfile::TempDir);

impl Dir {
    fn new(toml: &str, dotenv: &str) -> Dir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(TOML_FILE), toml).unwrap();
        fs::write(dir.path().join(DOTENV_FILE), dotenv).unwrap();
        Dir(dir)
    }

    fn load_with(&self, env: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
        load(&LoadOptions {
            config_dir: Some(self.0.path().to_owned()),
            queue_dir: None,
            env: env
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            cwd: self.0.path().to_owned(),
        })
    }

    fn load(&self) -> Loaded {
        self.load_with(&[])
            .unwrap_or_else(|error| panic!("{error}"))
    }
}

fn problems(toml: &str, dotenv: &str) -> Vec<String> {
    let error = Dir::new(toml, dotenv)
        .load_with(&[])
        .expect_err("it is not good");
    error.problems.iter().map(ToString::to_string).collect()
}

const CONNECTED: &str = "INFLUX_HOST=http://db:8086/\nINFLUX_ORG=home\nINFLUX_TOKEN=admintoken\n";

fn token(loaded: &Loaded) -> Option<Token> {
    match &loaded.settings.influx {
        Influx::Configured(influx) => influx.token.clone(),
        Influx::NotConfigured(why) => panic!("{why}"),
    }
}

#[test]
fn no_configuration_at_all_is_valid() {
    let settings = Dir::new("", "").load().settings;
    let lines: Vec<_> = settings
        .meters
        .iter()
        .map(|m| (m.name.as_str(), &m.line.line))
        .collect();
    let number = LineName::Number;
    assert_eq!(
        lines,
        [
            ("Import", &number(20)),
            ("Export", &number(26)),
            ("Generate", &number(21))
        ]
    );
    let filter = settings.meters[0].filter;
    assert_eq!(
        (filter.counted, filter.active),
        (CountedEdge::Rising, Level::Low)
    );
    assert_eq!(
        (filter.bounce_ns, filter.min_interval_ns),
        (5 * NS_PER_MS, 30 * NS_PER_MS)
    );
    assert_eq!(settings.journal.max_bytes, 1 << 30);
    assert!(matches!(settings.influx, Influx::NotConfigured(why) if why.contains("INFLUX_HOST")));
}

/// The text with everything switched on that is commented out as `#key = …` or `#KEY=…`.
fn switched_on(text: &str) -> String {
    let on = |line: &str| {
        let rest = line.strip_prefix('#').filter(|rest| {
            rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '[')
                && rest.contains(['=', '['])
        });
        rest.unwrap_or(line).to_owned()
    };
    text.lines().map(on).collect::<Vec<_>>().join("\n")
}

const TOML_SAMPLE: &str = include_str!("../../dist/powerlogger.toml");
const DOTENV_SAMPLE: &str = include_str!("../../.env.example");

#[test]
fn the_samples_are_the_defaults() {
    let load = |toml, dotenv| {
        Dir::new(toml, dotenv)
            .load_with(&[("QUEUE_DIR", "/q")])
            .unwrap()
            .settings
    };
    let defaults = load("", "");
    assert_eq!(load(TOML_SAMPLE, ""), defaults);
    let settings = load("", DOTENV_SAMPLE);
    assert!(
        matches!(settings.influx, Influx::NotConfigured(ref why) if why.contains("placeholder"))
    );
    assert_eq!(
        Settings {
            influx: defaults.influx.clone(),
            ..settings
        },
        defaults
    );
}

#[test]
fn the_samples_show_every_key_at_its_default() {
    let on = switched_on(TOML_SAMPLE);
    let loaded = Dir::new(&on, "").load();
    for key in KEYS.iter().filter(|key| key.name.contains('.')) {
        let value = &loaded.values[key.name];
        assert!(
            matches!(value.origin, Origin::Toml(_)),
            "{} is in the sample",
            key.name
        );
        if !key.default.is_empty() {
            assert_eq!(value.text, key.default, "{}", key.name);
        }
    }
    for (name, default) in METER_KEYS {
        let value = &loaded.meters[0][name];
        assert!(
            matches!(value.origin, Origin::Toml(_)),
            "{name} is in the sample"
        );
        assert!(default.is_empty() || value.text == *default, "{name}");
    }
    let on = switched_on(DOTENV_SAMPLE).replace("INFLUX_WRITER_TOKEN=", "INFLUX_WRITER_TOKEN=x");
    let loaded = Dir::new("", &on).load();
    for key in KEYS
        .iter()
        .filter(|key| key.env.is_some() && !key.name.starts_with("GPIO_POLL"))
    {
        let value = &loaded.values[key.name];
        assert!(
            matches!(value.origin, Origin::Dotenv(_)),
            "{} is in .env.example",
            key.name
        );
        let exempt = key.default.is_empty();
        assert!(
            exempt || value.text == key.default,
            "{}: {}",
            key.name,
            value.text
        );
    }
}

#[test]
fn the_reference_names_every_key() {
    let reference = include_str!("../../docs/usage/configuration.md");
    for key in KEYS {
        for name in [Some(key.name.rsplit('.').next().unwrap()), key.env]
            .into_iter()
            .flatten()
        {
            assert!(reference.contains(&format!("`{name}`")), "{name}");
        }
    }
    for (name, _) in METER_KEYS {
        assert!(reference.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_keys_of_the_python_edition_are_honoured() {
    let dotenv = "GPIO_IMPORT_PIN=5\nGPIO_PULL=down\nGPIO_ENQUEUE_EDGES=both\nGPIO_BOUNCE_TIME=0.1\n\
        GPIO_MIN_PULSE_INTERVAL=0.5\nGPIO_LOG_EDGES=true\nDEBUG=1\nQUEUE_DIR=/tmp/q\nGPIO_POLL_DEBUG=x\n";
    let loaded = Dir::new("", dotenv).load();
    let meter = &loaded.settings.meters[0];
    assert_eq!(meter.line.line, LineName::Number(5));
    assert_eq!(meter.line.bias, Bias::Down);
    assert_eq!(meter.filter.active, Level::High);
    assert_eq!(meter.filter.counted, CountedEdge::Both);
    assert_eq!(meter.filter.bounce_ns, 100 * NS_PER_MS);
    assert_eq!(meter.filter.min_interval_ns, 500 * NS_PER_MS);
    assert!(loaded.settings.log.debug && loaded.settings.log.edges);
    assert_eq!(loaded.settings.journal.dir, Path::new("/tmp/q"));
    assert!(
        loaded
            .notes
            .iter()
            .any(|note| note.contains("shorter than that")),
        "{:?}",
        loaded.notes
    );
    assert!(
        loaded
            .notes
            .iter()
            .any(|note| note.contains("GPIO_POLL_DEBUG"))
    );
    let legacy = Dir::new("", "GPIO_PULL_UP=false\n").load().settings;
    assert_eq!(legacy.meters[0].line.bias, Bias::Down);
    let none = Dir::new("", "GPIO_PULL=none\nGPIO_ACTIVE_STATE=high\n")
        .load()
        .settings;
    assert_eq!(none.meters[0].filter.active, Level::High);
}

#[test]
fn meters_of_the_toml_take_common_values_and_set_their_own() {
    let toml = "[[meter]]\nname = \"Flat 1\"\nline = \"GPIO5\"\nchip = \"expander\"\nbounce_ms = 0.5\n\
        imp_per_kwh = 800\n[[meter]]\nname = \"Flat 2\"\nline = 6\n";
    let loaded = Dir::new(toml, "GPIO_BOUNCE_TIME=0.002\nGPIO_EXPORT_PIN=7\n").load();
    let meters = &loaded.settings.meters;
    assert_eq!(meters.len(), 2);
    assert_eq!(meters[0].line.line, LineName::Name("GPIO5".to_owned()));
    assert_eq!(meters[0].line.chip.as_deref(), Some("expander"));
    assert_eq!(
        (meters[0].filter.bounce_ns, meters[0].imp_per_kwh),
        (500_000, Some(800.0))
    );
    assert_eq!(meters[1].filter.bounce_ns, 2 * NS_PER_MS);
    assert!(
        loaded.notes[0].contains("GPIO_EXPORT_PIN is ignored"),
        "{:?}",
        loaded.notes
    );
}

#[test]
fn all_problems_at_once_each_with_its_line() {
    let toml = "[journal]\nmax_bytes = \"lots\"\nsync_interval_ms = 5\n[[meter]]\nname = \"A\"\nline = 20\n\
        [[meter]]\nname = \"A\"\nline = 20\nedge = \"up\"\n[[meter]]\nboune_ms = 4\n";
    let told = problems(toml, "GPIO_BOUNCE_TIME=fast\nINFLUX_TOKN=x\nnonsense\n");
    for want in [
        "powerlogger.toml:2: journal.max_bytes: \"lots\" is not a size",
        "powerlogger.toml:3: journal.sync_interval_ms: 5 is out of range (10 to 60000)",
        "powerlogger.toml:8: there are two meters \"A\"",
        "powerlogger.toml:9: line GPIO20 belongs to meter \"A\" already",
        "powerlogger.toml:10: edge: \"up\" is none of rising, falling, both",
        "powerlogger.toml:11: a meter's name is missing",
        "powerlogger.toml:11: meter \"\" has no line",
        "powerlogger.toml:12: unknown key \"boune_ms\" in [[meter]]: did you mean \"bounce_ms\"?",
        ".env:1: GPIO_BOUNCE_TIME: \"fast\" is not a number of seconds",
        ".env:2: unknown key \"INFLUX_TOKN\": did you mean \"INFLUX_TOKEN\"?",
        ".env:3: this is not KEY=value",
    ] {
        assert!(
            told.iter().any(|told| told.starts_with(want)),
            "{want}\n{told:#?}"
        );
    }
    assert_eq!(told.len(), 11, "{told:#?}");
}

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
    assert_eq!(loaded.reload_token().unwrap().secret.expose(), "newtoken");
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
fn sizes_with_units() {
    let parse = super::super::resolve::parse_bytes;
    assert_eq!(parse("1 GiB"), Some(1 << 30));
    assert_eq!(parse("1.5MiB"), Some(3 << 19));
    assert_eq!(parse("20MB"), Some(20_000_000));
    assert_eq!(parse("123"), Some(123));
    assert_eq!(parse("much"), None);
    assert_eq!(parse("99999999999 TiB"), None);
}
