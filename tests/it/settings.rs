//! Settings that are written, broken and mended while the daemon runs: counting never stops, what concerns the
//! server is taken up without a restart, and the commands say what the daemon uses. True binary, real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::fs;
use std::process::Command;

use crate::support::daemon::{Daemon, NO_ANSWER};
use crate::support::gpio::without_chips;
use crate::support::program::outcome;
use crate::support::remote::{ALL_S, OPERATOR, ORG, Remote, of_fake, on_both, start_fake};
use crate::support::tls::Authority;
use crate::support::wait::{PATIENCE, wait_for};
use serde_json::Value;

/// Simulated pulses go to buckets that are named for them.
const BUCKETS: &str = "RAW_BUCKET=simulated_raw\nB1M_BUCKET=simulated_1m\nB5M_BUCKET=simulated_5m\n\
    B1H_BUCKET=simulated_1h\n";

const EXAMPLE: &str = include_str!("../../.env.example");

const HOUSE: [&str; 3] = ["--simulate", "--speed", "600"];

fn connected(url: &str) -> String {
    format!("INFLUX_HOST={url}\nINFLUX_ORG={ORG}\nINFLUX_TOKEN={OPERATOR}\n{BUCKETS}")
}

/// Writes `.env` as an editor does: a new file in place of the old one.
fn edit(daemon: &Daemon, name: &str, text: &str) {
    let new = daemon.dir().join("edited");
    fs::write(&new, text).unwrap();
    fs::rename(new, daemon.dir().join(name)).unwrap();
}

/// A command beside the daemon, which has answered it if it was asked: its exit code and its words.
fn tell(daemon: &Daemon, args: &[&str]) -> (i32, String) {
    let _lines = without_chips();
    let mut command = Command::new(env!("CARGO_BIN_EXE_powerlogger"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).args(args);
    let dir = daemon.dir();
    command.arg("--config-dir").arg(dir);
    command.arg("--queue-dir").arg(dir);
    wait_for("an answer", PATIENCE, || {
        let (code, said) = outcome(&mut command);
        (!said.contains(NO_ANSWER)).then_some((code, said))
    })
}

/// What a check of `verify` has shown, and its words.
fn verified(daemon: &Daemon, what: &str) -> (String, String) {
    let (_, said) = tell(daemon, &["verify", "--json"]);
    let all: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    let checks = all["checks"].as_array().unwrap();
    let check = checks
        .iter()
        .find(|check| check["what"].as_str().unwrap().starts_with(what));
    let Some(check) = check else {
        // A daemon that takes settings up is not seen for a moment.
        assert!(what.contains("running daemon"), "no {what}: {said}");
        return Default::default();
    };
    let text = |key: &str| check[key].as_str().unwrap().to_owned();
    (
        text("outcome"),
        format!("{} {}", text("seen"), text("text")),
    )
}

/// The text of a condition of `status`; None: it is not so.
fn condition(daemon: &Daemon, word: &str) -> Option<String> {
    let (_, said) = tell(daemon, &["status", "--json"]);
    let status: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    let conditions = status["conditions"].as_array().unwrap();
    let found = conditions
        .iter()
        .find(|condition| condition["word"] == word)?;
    Some(found["text"].as_str().unwrap_or_default().to_owned())
}

fn points(server: &Remote) -> usize {
    server.pulses("simulated_raw", ALL_S).len()
}

#[test]
fn the_steps_of_the_readme_end_with_pulses_in_the_server_without_a_restart() {
    on_both("the_steps_of_the_readme", |server| {
        let mut daemon = Daemon::start_with_env("", EXAMPLE, &HOUSE);
        daemon.wait_for_pulses(5);
        assert_eq!(
            tell(&daemon, &["setup"]).0,
            1,
            "there is nothing to set up yet"
        );

        edit(&daemon, ".env", &connected(&server.url()));
        let (code, said) = tell(&daemon, &["setup", "--yes"]);
        assert_eq!(code, 0, "{said}");
        // It may have looked at the files while `setup` worked.
        let told = [
            "The running daemon takes this up within about 10 s".to_owned(),
            format!(
                "The running daemon sends to {}; it takes a new token up within about 10 s",
                server.url()
            ),
        ];
        // Or just then: its journal is closed for a moment, and it is not seen.
        let is_unseen = !said.contains("The running daemon");
        assert!(
            is_unseen || told.iter().any(|told| said.contains(told)),
            "{said}"
        );
        // It waits for the daemon, which looks at the files every 10 s; not as long as a slow machine may take.
        daemon.wait_for("the settings taken up", |daemon| {
            let (outcome, said) = verified(daemon, "settings of the running daemon");
            outcome == "good" && said.contains(&server.url())
        });
        daemon.wait_for("points in the server", |_| points(server) > 5);
        assert_eq!(condition(&daemon, "configuration_differs"), None);
        daemon.stop();
    });
}

#[test]
fn a_server_that_is_configured_wrongly_stops_no_counting_and_is_used_when_it_is_mended() {
    let fake = start_fake();
    let server = of_fake(&fake);
    for (name, days) in [
        ("simulated_raw", 30),
        ("simulated_1m", 90),
        ("simulated_5m", 365),
        ("simulated_1h", 0),
    ] {
        server.create_bucket(name, days * 86_400);
    }
    let good = connected(&server.url());
    let wrong = good.replace("INFLUX_HOST=http://", "INFLUX_HOST=");
    let mut daemon = Daemon::start_with_env("", &wrong, &HOUSE);
    daemon.wait_for_pulses(5);
    let told = condition(&daemon, "configuration_wrong").unwrap();
    assert!(
        told.contains(".env:1: INFLUX_HOST: ") && told.contains("did you mean http://"),
        "{told}"
    );
    let (outcome, said) = verified(&daemon, "InfluxDB");
    assert!(
        outcome == "bad" && said.contains(".env:1: "),
        "{outcome} {said}"
    );
    assert_eq!(tell(&daemon, &["config", "check"]).0, 78);
    assert_eq!(tell(&daemon, &["setup"]).0, 78);
    daemon.wait_for("a word in the log", |daemon| {
        daemon.log().contains("configuration_wrong")
    });

    edit(&daemon, ".env", &good);
    daemon.wait_for("points in the server", |_| points(&server) > 5);
    assert_eq!(condition(&daemon, "configuration_wrong"), None);

    // A port that is none: nothing is sent any more, to whatever port.
    let port = server.url().rsplit(':').next().unwrap().to_owned();
    edit(&daemon, ".env", &good.replace(&port, &format!("{port}o")));
    daemon.wait_for("a word in the log", |daemon| {
        daemon.log().contains("nothing is sent from now on")
    });
    let pulses = daemon.pulses();
    daemon.wait_for_pulses(pulses + 5);

    edit(&daemon, ".env", &good);
    let before = points(&server);
    daemon.wait_for("more points", |_| points(&server) > before + 5);
    daemon.stop();
}

#[test]
fn what_takes_a_restart_is_told_and_a_mistake_in_it_changes_nothing() {
    let mut daemon = Daemon::start_with_env("", "", &HOUSE);
    daemon.wait_for_pulses(5);
    edit(
        &daemon,
        "powerlogger.toml",
        "[journal]\nmax_bytes = \"2 GiB\"\n[[meter]]\nname = \"Import\"\nline = 5\n",
    );
    let (outcome, said) = verified(&daemon, "settings of the running daemon");
    assert_eq!(outcome, "bad");
    for want in [
        "journal.max_bytes: 1073741824",
        "meter \"Import\" line: GPIO20; the files say: GPIO5",
        "restart",
    ] {
        assert!(said.contains(want), "{want}: {said}");
    }
    assert!(
        condition(&daemon, "configuration_differs")
            .unwrap()
            .contains("meter \"Export\" line")
    );
    let (code, said) = tell(&daemon, &["config", "check"]);
    assert!(
        code == 0 && said.contains("meter \"Export\": the journal holds"),
        "{said}"
    );
    daemon.wait_for("a word in the log", |daemon| {
        daemon.log().contains("configuration_differs")
    });

    edit(&daemon, "powerlogger.toml", "[[meter]]\nname = Import\n");
    daemon.wait_for("a word in the log", |daemon| {
        daemon.log().contains("keeps the settings it has")
    });
    // Who looks meanwhile sees the daemon, with its meters, and what is wrong.
    let (code, said) = tell(&daemon, &["status"]);
    assert!(
        code == 0 && said.contains("keeps the settings it has"),
        "{code} {said}"
    );
    for meter in ["Import", "Export", "Generate"] {
        let told = said.lines().find(|line| line.starts_with(meter));
        assert!(
            told.is_some_and(|line| !line.contains("configured")),
            "{said}"
        );
    }
    assert_eq!(condition(&daemon, "configuration_differs"), None);
    let pulses = daemon.pulses();
    daemon.wait_for_pulses(pulses + 5);
    daemon.stop();
    // With none that runs there are no settings but those of the files.
    let (code, said) = tell(&daemon, &["status"]);
    assert!(
        code == 78 && said.contains("powerlogger.toml:2"),
        "{code} {said}"
    );
}

#[test]
fn certificates_that_are_missing_are_named_and_taken_up_when_they_are_there() {
    let fake = start_fake();
    let https = of_fake(&fake).url().replace("http:", "https:");
    let toml = "[influx]\nca_file = \"certificates/ca.pem\"\ntimeout_ms = 500\n";
    let mut daemon = Daemon::start_with_env(toml, &connected(&https), &HOUSE);
    daemon.wait_for_pulses(5);
    let told = condition(&daemon, "configuration_wrong").unwrap();
    assert!(
        told.contains("powerlogger.toml:2: influx.ca_file: ") && told.contains("ca.pem"),
        "{told}"
    );
    let (outcome, said) = verified(&daemon, "InfluxDB");
    assert!(
        outcome == "bad" && said.contains("ca.pem"),
        "{outcome} {said}"
    );

    fs::create_dir(daemon.dir().join("certificates")).unwrap();
    edit(&daemon, "certificates/ca.pem", &Authority::new().pem);
    // It speaks no TLS; that it is tried shows that the certificates were taken up.
    daemon.wait_for("a try", |daemon| {
        daemon.log().contains("delivery does not work")
    });
    assert_eq!(condition(&daemon, "configuration_wrong"), None);
    daemon.stop();
}
