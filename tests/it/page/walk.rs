//! Chromium walks through the page of the true binary: every view on a phone and wide, in both themes; keys and fingers; the stream;
//! what some need; axe; each answer against its schema. What to look at is in `tests/page/browser`.

use crate::support::browser::{Walk, node, package};
use crate::support::daemon::Daemon;
use crate::support::port::Port;
use crate::support::program::good;

/// A moment of a summer's evening, by the house's own clock: a month is behind it, and there is still some sun.
const EVENING: &str = "2026-06-21T16:30:00Z";

/// Three meters. Few pulses a kWh make a past that is soon counted.
fn config(port: u16, imp_per_kwh: u32) -> String {
    let mut text = format!(
        "[site]\nname = \"House by the lake\"\ntime_zone = \"Europe/Berlin\"\n\
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
    /// A simulated house.
    fn house(imp_per_kwh: u32, more: &[&str]) -> Walked {
        let kept = Port::keep();
        let port = kept.number();
        let mut args = vec!["--simulate"];
        args.extend(more);
        let daemon = Daemon::start(&config(port, imp_per_kwh), &args);
        let mut walked = Walked {
            daemon,
            port,
            _kept: kept,
        };
        walked.wait_for_door();
        walked
    }

    /// With so much of its past behind it.
    fn with_past(past: &str) -> Walked {
        let more = ["--since", EVENING, "--past", past, "--speed", "10"];
        let mut walked = Walked::house(50, &more);
        walked.daemon.wait_for("its past", |daemon| {
            daemon.log().contains("what is past has been counted")
        });
        walked
    }

    fn wait_for_door(&mut self) {
        let url = format!("http://127.0.0.1:{}/", self.port);
        self.daemon
            .wait_for("an open door", |daemon| daemon.log().contains(&url));
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
const LOOKS: [&str; 8] = [
    "views", "tables", "keys", "fingers", "motion", "contrast", "forced", "narrow",
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
