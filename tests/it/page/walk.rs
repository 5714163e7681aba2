//! Chromium walks through the page of the true binary: every view on a phone and wide, in both themes; keys and fingers; the stream;
//! what some need; axe; each answer against its schema. What to look at is in `tests/page/browser`.

use std::process::Command;

use crate::support::browser::{Walk, node, package};
use crate::support::daemon::Daemon;
use crate::support::port::Port;
use crate::support::program::{find, good, skip};
use crate::web::{get, over_tcp, over_unix};

/// A moment of a summer's evening, by the house's own clock: a month is behind it, and there is still some sun.
const EVENING: &str = "2026-06-21T16:30:00Z";

/// Three meters. Few pulses a kWh make a past that is soon counted.
fn config(port: u16, zone: &str, imp_per_kwh: u32) -> String {
    let mut text = format!(
        "[site]\nname = \"The house by the lake in the north\"\ntime_zone = \"{zone}\"\n\
         [web]\nlisten = \"127.0.0.1:{port}\"\ntoken = \"s3cret\"\n"
    );
    for (name, line) in [("Import", 20), ("Export", 26), ("Generate", 21)] {
        text +=
            &format!("[[meter]]\nname = \"{name}\"\nline = {line}\nimp_per_kwh = {imp_per_kwh}\n");
    }
    text
}

/// A daemon whose page is walked through.
pub(crate) struct Walked {
    pub(crate) daemon: Daemon,
    pub(crate) port: u16,
    _kept: Port,
}

impl Walked {
    /// A simulated house in Berlin.
    pub(crate) fn house(imp_per_kwh: u32, more: &[&str]) -> Walked {
        Walked::house_in("Europe/Berlin", imp_per_kwh, more)
    }

    /// The same in another zone.
    pub(crate) fn house_in(zone: &str, imp_per_kwh: u32, more: &[&str]) -> Walked {
        let kept = Port::keep();
        let port = kept.number();
        let mut args = vec!["--simulate"];
        args.extend(more);
        Walked::with(&config(port, zone, imp_per_kwh), kept, &args)
    }

    /// A daemon with this configuration, which serves at the port that is kept.
    pub(crate) fn with(config: &str, kept: Port, args: &[&str]) -> Walked {
        let mut walked = Walked {
            daemon: Daemon::start(config, args),
            port: kept.number(),
            _kept: kept,
        };
        walked.wait_for_door();
        walked
    }

    /// What it answers over TCP.
    pub(crate) fn get(&self, path: &str) -> String {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = over_tcp(self.port, &request);
        assert_eq!(answer.status, 200, "{path}: {}", answer.head);
        answer.json().to_string()
    }

    /// Waits until all of its past has been counted.
    pub(crate) fn wait_for_past(&mut self) {
        self.daemon.wait_for_past();
    }

    /// With so much of its past behind it.
    pub(crate) fn with_past(past: &str) -> Walked {
        let more = ["--since", EVENING, "--past", past, "--speed", "10"];
        let mut walked = Walked::house(50, &more);
        walked.wait_for_past();
        walked
    }

    pub(crate) fn wait_for_door(&mut self) {
        self.daemon.wait_for_door(self.port);
    }

    /// Does to the daemon what a walk asks for.
    fn answer(&mut self, word: &str) -> String {
        match word {
            "stop" => self.daemon.stop(),
            "start" => self.daemon.start_again(),
            _ => panic!("asked for {word}"),
        }
        "done".to_owned()
    }
}

/// Parts that look at what has been counted.
const LOOKS: [&str; 12] = [
    "views", "tables", "compared", "negative", "still", "start", "keys", "fingers", "motion",
    "contrast", "forced", "narrow",
];

#[test]
fn every_view_is_whole_on_a_phone_and_wide_in_both_themes() {
    let name = "every_view_is_whole_on_a_phone_and_wide_in_both_themes";
    let parts = [&LOOKS[..], &["leaks", "appended"]].concat();
    let Some(walk) = Walk::of(name, &parts) else {
        return;
    };
    walk.alone(Walked::with_past("40days").port);
}

#[test]
fn a_page_that_stays_open_does_not_grow() {
    let name = "a_page_that_stays_open_does_not_grow";
    let Some(walk) = Walk::of(name, &["month"]) else {
        return;
    };
    let days = std::env::var("PAGE_DAYS").unwrap_or_else(|_| "10".to_owned());
    // Every minute is told up to twice this speed; beyond it, those who were late load all again.
    let more = ["--since", EVENING, "--past", "2days", "--speed", "7200"];
    let mut walked = Walked::house(50, &more);
    walked.wait_for_past();
    walk.env("PAGE_DAYS", days).alone(walked.port);
}

/// What import costs by day and by night, and what feed-in earns.
const TARIFFS: &str = "[[tariff]]\ndirection = \"import\"\nprice_per_kwh = 0.3215\nstanding_per_month = 12.90\n\
    [[tariff]]\nname = \"night\"\nprice_per_kwh = 0.2745\ntimes = \"22:00-06:00\"\n\
    [[tariff]]\ndirection = \"feed_in\"\nprice_per_kwh = 0.0811\n";

#[test]
fn bars_are_energy_or_what_it_costs() {
    let Some(walk) = Walk::of("bars_are_energy_or_what_it_costs", &["costs"]) else {
        return;
    };
    let kept = Port::keep();
    let config = config(kept.number(), "Europe/Berlin", 50) + TARIFFS;
    let more = ["--since", EVENING, "--past", "9days", "--speed", "10"];
    let args = [&["--simulate"], &more[..]].concat();
    let mut walked = Walked::with(&config, kept, &args);
    walked.wait_for_past();
    walk.alone(walked.port);
}

#[test]
fn axe_finds_nothing() {
    let name = "axe_finds_nothing";
    let (Some(walk), Some(tools)) = (Walk::of(name, &["axe"]), package(name, "axe-core")) else {
        return;
    };
    let walked = Walked::with_past("9days");
    walk.env("PAGE_TOOLS", tools).alone(walked.port);
}

#[test]
fn a_pulse_is_seen_a_hidden_page_is_silent_and_a_restart_is_survived() {
    let name = "a_pulse_is_seen_a_hidden_page_is_silent_and_a_restart_is_survived";
    let Some(walk) = Walk::of(name, &["pulse", "hidden", "restart", "readings"]) else {
        return;
    };
    // As fast as life, so that a pulse's time is that of this machine.
    let mut walked = Walked::house(10_000, &[]);
    walked.daemon.wait_for_pulses(20);
    let port = walked.port;
    walk.env("TOKEN", "s3cret")
        .through(port, |word| walked.answer(word));
}

#[test]
fn each_answer_is_as_the_contract_describes_it() {
    let name = "each_answer_is_as_the_contract_describes_it";
    let (Some(mut node), Some(tools)) = (node(name), package(name, "ajv")) else {
        return;
    };
    let walked = Walked::with_past("4days");
    let base = format!("http://127.0.0.1:{}", walked.port);
    let asked = node.args(["tests/page/contract.mjs", &base]);
    let said = asked.env("PAGE_TOOLS", tools).output();
    good(&said.expect("it was there"));
}

#[test]
fn questions_at_random_break_nothing_and_are_answered_as_described() {
    let name = "questions_at_random_break_nothing_and_are_answered_as_described";
    let Some(program) = find(Some("SCHEMATHESIS"), "schemathesis") else {
        skip(name, "no schemathesis: see tests/page/tools");
        return;
    };
    let walked = Walked::with_past("2days");
    let base = format!("http://127.0.0.1:{}", walked.port);
    let description = format!("{base}/api/v1/openapi.json");
    let examples = std::env::var("SCHEMATHESIS_EXAMPLES").unwrap_or_else(|_| "10".to_owned());
    // The same questions each time; others by another seed.
    let seed = std::env::var("SCHEMATHESIS_SEED").unwrap_or_else(|_| "1".to_owned());
    let dir = tempfile::tempdir().expect("a temporary directory");
    // A stream has no end; that only right questions are described is told by the other checks.
    let args = [
        "run",
        &description,
        "--url",
        &base,
        "--exclude-path",
        "/api/v1/events",
        "--phases",
        "examples,coverage,fuzzing",
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,\
         response_headers_conformance,response_schema_conformance",
        "--max-examples",
        &examples,
        "--seed",
        &seed,
        "--continue-on-failure",
        "--request-timeout",
        "120",
        "--suppress-health-check",
        "all",
    ];
    let asked = Command::new(program)
        .args(args)
        .current_dir(dir.path())
        .env("NO_COLOR", "1")
        .output();
    let said = good(&asked.expect("it was there"));
    assert!(said.contains("passed"), "{said}");
    over_unix(&walked.daemon, &get("/livez"));
}
