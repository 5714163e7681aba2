//! The configuration as a whole: defaults, samples, directories, problems.

use std::fs;

use super::*;
use crate::config::LineName;
use crate::config::catalogue::catalogue;
use crate::config::described::describe;
use crate::config::fixture::{CONNECTED, Dir, counts_without_server, problems, told};
use crate::config::key::Key;
use crate::model::{Bias, CountedEdge, Level, NS_PER_MS, Role};

#[test]
fn how_a_directory_is_spelt_makes_no_other_settings() {
    let dir = Dir::new("[[tariff]]\ndynamic_prices = \"./prices.csv\"\n", "");
    let spelt = |config_dir: &str, queue_dir: &str| {
        let cwd = dir.0.path().to_owned();
        let loaded = load_what_can_be_read(&LoadOptions {
            config_dir: Some(cwd.join(config_dir)),
            queue_dir: Some(queue_dir.into()),
            cwd,
            ..LoadOptions::default()
        });
        let files: Vec<_> = loaded.settings.tariffs.files().cloned().collect();
        (describe(&loaded.settings, &loaded.config_dir), files)
    };
    let whole = dir.0.path().join("queue");
    let (want, files) = spelt("", whole.to_str().unwrap());
    assert_eq!(
        files[0].as_os_str(),
        dir.0.path().join("prices.csv").as_os_str()
    );
    for (config_dir, queue_dir) in [(".", "./queue"), ("./", "queue/"), ("./.", ".//queue/.")] {
        assert_eq!(
            spelt(config_dir, queue_dir).0,
            want,
            "{config_dir} {queue_dir}"
        );
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
    // Why there is no server names the directory, which differs.
    let load = |toml, dotenv| {
        let loaded = Dir::new(toml, dotenv)
            .load_with(&[("QUEUE_DIR", "/q")])
            .unwrap();
        loaded.check().unwrap();
        let Influx::NotConfigured(why) = loaded.settings.influx else {
            panic!("it is configured");
        };
        let influx = Influx::NotConfigured(String::new());
        let settings = Settings {
            influx,
            ..loaded.settings
        };
        (settings, why)
    };
    let (defaults, _) = load("", "");
    assert_eq!(load(TOML_SAMPLE, "").0, defaults);
    let (settings, why) = load("", DOTENV_SAMPLE);
    assert!(why.contains("placeholder"), "{why}");
    assert_eq!(settings, defaults);
}

/// Where a value of the first meter or webhook that has one, or of what is there once, came from.
fn found<'a>(loaded: &'a Loaded, key: &Key) -> &'a Value {
    let several = loaded.meters.iter().chain(&loaded.webhooks);
    let mut several = several.chain(&loaded.tariffs);
    let of_one = several.find_map(|one| one.get(key.name));
    let found = of_one.or_else(|| loaded.values.get(key.name));
    found.unwrap_or_else(|| panic!("{} has no value", key.name))
}

#[test]
fn the_samples_show_every_key_at_its_default() {
    let on = switched_on(TOML_SAMPLE);
    let loaded = Dir::new(&on, "").load();
    let keys = catalogue().all_keys();
    for (key, _) in keys.iter().filter(|(key, _)| key.name_in_table().is_some()) {
        let value = found(&loaded, key);
        assert!(
            matches!(value.origin, Origin::Toml(_)),
            "{} is in the sample",
            key.name
        );
        if !key.default.is_empty() {
            assert_eq!(value.text, key.default, "{}", key.name);
        }
    }
    let on = switched_on(DOTENV_SAMPLE).replace("INFLUX_WRITER_TOKEN=", "INFLUX_WRITER_TOKEN=x");
    let loaded = Dir::new("", &on).load();
    for (key, _) in keys
        .iter()
        .filter(|(key, _)| key.env.is_some() && !key.name.starts_with("GPIO_POLL"))
    {
        // Each meter of the three has its own.
        let value = found(&loaded, key);
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
            .any(|note| note.contains("shorter than 100 ms")),
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
fn the_edges_to_log_may_be_named_and_are_shown_as_written() {
    for (toml, dotenv) in [
        ("", "GPIO_LOG_EDGES=Rising\n"),
        ("[log]\nedges = \"Rising\"\n", ""),
    ] {
        let loaded = Dir::new(toml, dotenv).load();
        loaded.check().unwrap();
        assert!(loaded.settings.log.edges);
        assert_eq!(loaded.values["log.edges"].text, "Rising");
    }
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
        (meters[0].filter.bounce_ns, meters[0].pulses_per_unit),
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
fn a_mistake_with_lines_meters_or_the_journal_does() {
    for (toml, dotenv) in [
        ("", "GPIO_PULL=sideways"),
        ("", "GPIO_IMPORT_PIN=twenty"),
        ("", "GPIO_PUL=up"),
        ("", "GPIO_IMPORT_PIN 20"),
        ("[journal]\nmax_bytes = \"lots\"", ""),
        ("[[meter]]\nname = Import\nline = 20", ""),
        ("[[meters]]\nname = \"A\"\nline = 20", ""),
        (
            "[influx]\nhost = \"\"\"x\n[[meter]]\nname = \"A\"\nline = 5",
            "",
        ),
    ] {
        let loaded = Dir::new(toml, dotenv).load_with(&[]);
        assert!(loaded.is_err(), "{toml}{dotenv}");
    }
    let missing = load(&LoadOptions {
        config_dir: Some(PathBuf::from("not-there")),
        cwd: PathBuf::from("/nowhere"),
        ..LoadOptions::default()
    });
    let told = missing.unwrap_err().to_string();
    assert!(
        told.contains("/nowhere/not-there: there is no such directory"),
        "{told}"
    );
}

#[test]
fn what_concerns_neither_is_told_and_something_safe_holds() {
    let toml =
        "[clock]\nrtc = \"perhaps\"\nwithout_ntp = \"assume\"\n[log]\ndebug = 7\n[modbus]\nx = 1\n";
    let dir = Dir::new(toml, &format!("{CONNECTED}DEBUG=maybe\njust words\n"));
    let loaded = dir.load();
    assert!(matches!(loaded.settings.influx, Influx::Configured(_)));
    let clock = loaded.settings.clock;
    assert_eq!(
        (clock.assume, clock.rtc),
        (false, Some(false)),
        "held until NTP confirms it"
    );
    let told = told(Ok(loaded));
    for want in [
        "powerlogger.toml:2: clock.rtc: \"perhaps\" is none of true, false, 1, 0, yes, no, on, off",
        "powerlogger.toml:6: unknown table \"modbus\"",
        ".env:4: DEBUG: \"maybe\" is none of true, false, 1, 0, yes, no, on, off",
        ".env:5: this is not KEY=value",
    ] {
        assert!(
            told.iter().any(|told| told.starts_with(want)),
            "{want}\n{told:#?}"
        );
    }
}

#[test]
fn one_fault_is_told_once() {
    let told = problems("", "GPIO_PULL=sideways\n");
    assert_eq!(
        told,
        [".env:1: GPIO_PULL: \"sideways\" is none of up, down, none"]
    );
    let loaded = Dir::new("", "GPIO_BOUNCE_TIME=5\nGPIO_MIN_PULSE_INTERVAL=30\n").load();
    let notes = loaded.notes.join("\n");
    assert_eq!(loaded.notes.len(), 3, "{notes}");
    assert!(
        notes.contains("did you mean 0.005?") && notes.contains("did you mean 0.03?"),
        "{notes}"
    );
}

#[test]
fn letters_that_are_not_utf8_spoil_their_own_line() {
    let write = |toml: &[u8], dotenv: &[u8]| {
        let dir = Dir::new("", "");
        fs::write(dir.0.path().join(TOML_FILE), toml).unwrap();
        fs::write(dir.0.path().join(DOTENV_FILE), dotenv).unwrap();
        dir
    };
    let comment = write(
        b"# Z\xe4hler\n",
        &[b"# K\xfcche\n", CONNECTED.as_bytes()].concat(),
    );
    let loaded = comment.load();
    assert!(
        matches!(loaded.settings.influx, Influx::Configured(_)),
        "a comment says nothing"
    );
    let said = told(Ok(loaded));
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(
        said[0]
            .starts_with("powerlogger.toml:1: a letter on this line is not UTF-8: save the file")
    );
    assert!(
        said[1].starts_with(".env:1: a letter on this line is not UTF-8: save the file as UTF-8")
    );

    let org = write(
        b"",
        &[CONNECTED.as_bytes(), b"INFLUX_ORG=K\xfcche\n"].concat(),
    );
    counts_without_server(&org, &[], ".env:4: a letter on this line is not UTF-8");
    let name = write(b"[[meter]]\nname = \"K\xfcche\"\nline = 5\n", b"");
    let told = told(name.load_with(&[]));
    assert_eq!(
        told,
        ["powerlogger.toml:2: a letter on this line is not UTF-8: save the file as UTF-8"]
    );

    let utf16 = format!("\u{feff}{CONNECTED}GPIO_IMPORT_PIN=5\r\n");
    let utf16: Vec<u8> = utf16.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let loaded = write(b"", &utf16).load();
    assert_eq!(loaded.settings.meters[0].line.line, LineName::Number(5));
    assert!(matches!(loaded.settings.influx, Influx::Configured(_)));
    assert!(
        loaded
            .check()
            .unwrap_err()
            .to_string()
            .contains(".env: this is UTF-16: save it as UTF-8")
    );
}

#[test]
fn settings_that_cannot_count_what_a_house_draws_are_noted() {
    let toml = "[[meter]]\nname = \"LED\"\nline = 20\nimp_per_kwh = 10000\n[[meter]]\nname = \"S0\"\n\
        line = 21\nimp_per_kwh = 1000\n";
    let loaded = Dir::new(toml, "").load();
    let notes: Vec<_> = loaded
        .notes
        .iter()
        .filter(|note| note.contains("kW"))
        .collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].contains("min_interval_ms (30 ms) lets no more than 12.0 kW of meter \"LED\""),
        "{notes:?}"
    );
    let enough = toml.replace("line = 20\n", "line = 20\nmin_interval_ms = 5\n");
    let loaded = Dir::new(&enough, "").load();
    assert!(
        loaded.notes.iter().all(|note| !note.contains("kW")),
        "{:?}",
        loaded.notes
    );
}

#[test]
fn the_power_that_is_to_be_counted_is_what_the_configuration_says() {
    let noted = |max_power_kw: &str| {
        let toml = format!(
            "[[meter]]\nname = \"LED\"\nline = 20\nimp_per_kwh = 10000\nmax_power_kw = {max_power_kw}\n"
        );
        let notes = Dir::new(&toml, "").load().notes;
        notes
            .iter()
            .any(|note| note.contains("lets no more than 12.0 kW"))
    };
    assert!(!noted("9"), "a flat on one phase");
    assert!(noted("15") && noted("100"));
}

#[test]
fn one_line_in_two_spellings_and_a_longest_width_below_the_shortest_are_refused() {
    let toml = "[[meter]]\nname = \"A\"\nline = 20\nmax_width_ms = 4\n[[meter]]\nname = \"B\"\nline = \"GPIO20\"\n";
    let failed = Dir::new(toml, "").load_with(&[]).unwrap_err().to_string();
    for part in [
        "powerlogger.toml:4: max_width_ms = 4 lets no pulse through",
        "powerlogger.toml:7: line GPIO20 belongs to meter \"A\" already: meter \"B\"",
    ] {
        assert!(failed.contains(part), "{part}\n{failed}");
    }
}

#[test]
fn what_a_meter_is_to_the_house_is_said_or_taken_from_its_name() {
    let toml = "[[meter]]\nname = \"import\"\nline = 20\n\
                [[meter]]\nname = \"Generation\"\nline = 21\nrole = \"none\"\n\
                [[meter]]\nname = \"Solar\"\nline = 22\nrole = \"generate\"\n\
                [[meter]]\nname = \"Heat pump\"\nline = 23\n";
    let dir = Dir::new(toml, "");
    let settings = dir.load().settings;
    let roles: Vec<_> = settings.meters.iter().map(|meter| meter.role).collect();
    assert_eq!(
        roles,
        [Some(Role::Import), None, Some(Role::Generation), None]
    );
    let described = crate::config::described::describe(&settings, dir.0.path());
    assert_eq!(described["meter \"Solar\" role"], "generate");
    assert_eq!(described["meter \"Heat pump\" role"], "none");
    let wrong = "[[meter]]\nname = \"a\"\nline = 20\nrole = \"solar\"\n";
    let told = problems(wrong, "");
    assert!(told.len() == 1 && told[0].contains("role"), "{told:?}");
}

#[test]
fn a_mistake_is_told_once() {
    let lines = "GPIO_IMPORT_PIN=thirty\nGPIO_EXPORT_PIN=Pin 38\nGPIO_GENERATE_PIN=gpio 21\n";
    let told = problems("", lines);
    assert_eq!(told.len(), 3, "{told:#?}");
    let nameless = "[[meter]]\nline = 20\n\n[[meter]]\nline = 26\n\n[[meter]]\nname = \"A\"\n";
    let told = problems(nameless, "");
    assert_eq!(told.len(), 3, "{told:#?}");
    let dir = Dir::new("", "");
    let file = dir.0.path().join(DOTENV_FILE);
    let told = load(&LoadOptions {
        config_dir: Some(file),
        cwd: dir.0.path().to_owned(),
        ..LoadOptions::default()
    });
    assert_eq!(told.unwrap_err().problems.len(), 1);
}
