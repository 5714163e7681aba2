//! MQTT with a true broker (Debian's `mosquitto`) and the true binary: what the broker keeps is what the board shows, after
//! each of them was killed, emptied, stopped, and after what the operator changes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::daemon::Daemon;
use crate::support::mosquitto::{Mosquitto, Watcher};
use crate::support::recording;
use crate::support::tls::Authority;
use crate::support::wait::{PATIENCE, wait_for, wait_until};
use powerlogger::mqtt::packet::publish;
use rustix::process::Signal;
use serde_json::Value;

/// Topics and what stands there.
type Kept = BTreeMap<String, String>;

/// Pulses of each meter in the recording.
const PULSES: [(&str, u64); 2] = [("Import", 25), ("Gas \"ä\"", 10)];

/// A recording in which each meter has its pulses.
fn recording(names: [&str; 2]) -> String {
    recording::recording(&[(names[0], PULSES[0].1), (names[1], PULSES[1].1)])
}

/// The configuration, with these lines in `[mqtt]`.
fn config(names: [&str; 2], mqtt: &str) -> String {
    let mut text = String::new();
    for (line, (name, imp_per_kwh)) in (20..).zip(names.into_iter().zip([800, 1_000])) {
        let role = if line == 20 { "import" } else { "none" };
        let _ = writeln!(
            text,
            "[[meter]]\nname = '{name}'\nline = {line}\nimp_per_kwh = {imp_per_kwh}\nrole = '{role}'\nbounce_ms = 1\nmin_interval_ms = 20"
        );
    }
    text + "[web]\nlisten = \"off\"\n[mqtt]\nprefix = \"simulated/a\"\ninterval_s = 1\n" + mqtt
}

const NAMES: [&str; 2] = [PULSES[0].0, PULSES[1].0];

/// A daemon that has counted the recording, whose file goes with what is returned beside it.
fn counting(mqtt: &str) -> (Daemon, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), recording(NAMES)).unwrap();
    let args = ["--replay", file.path().to_str().unwrap()];
    let mut daemon = Daemon::start(&config(NAMES, mqtt), &args);
    daemon.wait_for_pulses(35);
    (daemon, file)
}

fn at(broker: &Mosquitto) -> String {
    format!("url = \"mqtt://127.0.0.1:{}\"\n", broker.port())
}

fn status(daemon: &Daemon) -> Value {
    wait_for("its answer", PATIENCE, || daemon.status())
}

/// The text of a condition; None: it is not so.
fn condition(daemon: &Daemon, word: &str) -> Option<String> {
    let status = status(daemon);
    let mut conditions = status["conditions"].as_array().unwrap().iter();
    let found = conditions.find(|condition| condition["word"] == word)?;
    Some(found["sentence"].as_str().unwrap().to_owned())
}

/// Whether what is kept is what the board shows; `pulses`: as the meters are called in topics.
fn is_equal(kept: &Kept, daemon: &Daemon, slugs: [&str; 2]) -> bool {
    let status = status(daemon);
    let of = |slug: &str, leaf: &str| kept.get(&format!("simulated/a/{slug}/{leaf}"));
    let configured = status["meters"].as_array().unwrap().iter();
    let configured = configured.filter(|meter| meter["is_configured"] == true);
    kept.get("simulated/a/status").map(String::as_str) == Some("online")
        && configured.zip(slugs).all(|(meter, slug)| {
            let pulses = meter["pulses"].to_string();
            of(slug, "pulses") == Some(&pulses)
                && of(slug, "lost").map(String::as_str) == Some("0")
                && of(slug, "register").map(String::as_str) == Some("None")
                && of(slug, "last_pulse").is_some_and(|stamp| stamp.starts_with("2026-06-20T"))
        })
}

/// Waits until what the broker keeps is as it is to be; what that is.
fn wait_for_kept(
    broker: &Mosquitto,
    daemon: &mut Daemon,
    what: &str,
    is: impl Fn(&Kept, &Daemon) -> bool,
) -> Kept {
    let found = RefCell::default();
    daemon.wait_for(what, |daemon| {
        let kept = broker.kept(None);
        let is = is(&kept, daemon);
        found.replace(kept);
        is
    });
    found.into_inner()
}

/// Waits until the broker keeps what the board shows.
fn wait_for_equal(broker: &Mosquitto, daemon: &mut Daemon) -> Kept {
    wait_for_kept(broker, daemon, "equality", |kept, daemon| {
        is_equal(kept, daemon, ["import", "gas_ae"])
    })
}

/// Whether all of a run is there, which is said last, and this much energy of the import.
fn has_said_all(kept: &Kept, energy: &str) -> bool {
    let is = |topic: &str, value: &str| kept.get(topic).is_some_and(|said| said == value);
    is("simulated/a/status", "online") && is("simulated/a/import/energy", energy)
}

fn configs(kept: &Kept) -> Vec<(String, Value)> {
    let configs = kept.iter().filter(|(topic, _)| topic.ends_with("/config"));
    configs
        .map(|(topic, text)| (topic.clone(), serde_json::from_str(text).unwrap()))
        .collect()
}

/// Another configuration, in the way of an editor.
fn edit(daemon: &Daemon, name: &str, text: &str) {
    let new = daemon.dir().join("edited");
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(new, daemon.dir().join(name)).unwrap();
}

#[test]
fn what_the_broker_keeps_is_what_the_board_shows_whatever_is_killed() {
    let Some(mut broker) = Mosquitto::start("what_the_broker_keeps_is_what_the_board_shows") else {
        return;
    };
    let (mut daemon, _edges) = counting(&at(&broker));
    // Before its first edge a line is not read, which is a problem.
    let kept = wait_for_kept(
        &broker,
        &mut daemon,
        "equality, no problem",
        |kept, daemon| {
            is_equal(kept, daemon, ["import", "gas_ae"])
                && kept.get("simulated/a/problem").map(String::as_str) == Some("0")
        },
    );
    assert_eq!(
        kept["simulated/a/import/energy"], "0.03125",
        "25 of 800 imp/kWh"
    );
    assert_eq!(kept["simulated/a/gas_ae/energy"], "0.010");
    let announced = configs(&kept);
    assert_eq!(announced.len(), 6 + 6 + 1 + 1 + 1, "{announced:#?}");
    for (topic, config) in &announced {
        let id = config["device"]["identifiers"][0].as_str().unwrap();
        assert!(topic.contains(id), "{topic} {id}");
        let state = config["state_topic"].as_str().unwrap();
        assert!(kept.contains_key(state), "{state}");
        assert_eq!(config["device"]["name"], "PowerLogger (simulated)");
    }

    // The broker forgets everything, in the middle of it all.
    broker.kill();
    broker.go();
    assert_eq!(announced, configs(&wait_for_equal(&broker, &mut daemon)));

    // The daemon dies: the broker says so. It comes back, and says so itself.
    daemon.kill();
    wait_until("the will", PATIENCE, || {
        broker.kept(None)["simulated/a/status"] == "offline"
    });
    daemon.start_again();
    assert_eq!(announced, configs(&wait_for_equal(&broker, &mut daemon)));

    // It ends as it should: the last numbers stand there, and that it is gone. It gives a broker some seconds for that.
    daemon.stop_when("the last numbers at the broker", |daemon| {
        let kept = broker.kept(None);
        let pulses = |slug: &str| kept[&format!("simulated/a/{slug}/pulses")].parse::<i64>();
        kept["simulated/a/status"] == "offline"
            && pulses("import").unwrap() + pulses("gas_ae").unwrap() == daemon.pulses()
    });

    // A broker that keeps its messages on the disk, and loses the latest.
    broker.kill();
    broker.settings.push_str("persistence true\n");
    broker.go();
    daemon.start_again();
    wait_for_equal(&broker, &mut daemon);
    broker.signal(Signal::USR1);
    let old = "homeassistant/sensor/powerlogger_x/y/config";
    let mut other = Watcher::connect(broker.port(), "other", None).unwrap();
    other.send(&publish(old, b"{}", true, None));
    let own = announced[0].0.replace("/import_energy/", "/gone_energy/");
    let own = own.replace("/problem/", "/gone_energy/");
    other.send(&publish(&own, b"{}", true, None));
    wait_until("both", PATIENCE, || broker.kept(None).contains_key(&own));
    // Written to its disk, with a configuration that is none of the daemon's meters.
    let database = broker.dir().join("mosquitto.db");
    wait_until("the first database", PATIENCE, || database.exists());
    fs::remove_file(&database).unwrap();
    broker.signal(Signal::USR1);
    wait_until("another database", PATIENCE, || database.exists());
    broker.kill();
    broker.go();
    wait_for_equal(&broker, &mut daemon);
    wait_until("what is gone to go", PATIENCE, || {
        !broker.kept(None).contains_key(&own)
    });
    daemon.stop();
}

#[test]
fn a_meter_keeps_its_ids_when_it_is_renamed_and_takes_them_away_when_it_is_removed() {
    let Some(broker) = Mosquitto::start("a_meter_keeps_its_ids_when_it_is_renamed") else {
        return;
    };
    let (mut daemon, _edges) = counting(&at(&broker));
    let before = wait_for_equal(&broker, &mut daemon);
    daemon.stop();

    let names = ["Bezug", NAMES[1]];
    let file = daemon.dir().join("again.txt");
    fs::write(&file, recording(names)).unwrap();
    edit(&daemon, "powerlogger.toml", &config(names, &at(&broker)));
    daemon.start_again_with(&["--replay", file.to_str().unwrap()]);
    let after = wait_for_kept(&broker, &mut daemon, "twice the energy", |kept, _| {
        has_said_all(kept, "0.06250")
    });
    let topics = |kept: &Kept| kept.keys().cloned().collect::<Vec<_>>();
    assert_eq!(topics(&before), topics(&after));
    for ((topic, old), (_, new)) in configs(&before).into_iter().zip(configs(&after)) {
        assert_eq!(old["unique_id"], new["unique_id"], "{topic}");
        let name = old["name"].as_str().unwrap().replace("Import", "Bezug");
        assert_eq!(new["name"], name);
    }

    // German, in place, without a restart.
    let text = config(names, &at(&broker)) + "language = \"de\"\n";
    edit(&daemon, "powerlogger.toml", &text);
    daemon.wait_for("German names", |_| {
        let configs = configs(&broker.kept(None));
        configs
            .iter()
            .any(|(_, config)| config["name"] == "Bezug Zählerstand")
    });

    // Without discovery, and with another prefix: nothing of the former is left.
    let text = config(names, &at(&broker)).replace("simulated/a", "simulated/b");
    edit(&daemon, "powerlogger.toml", &(text + "discovery = false\n"));
    daemon.wait_for("other topics alone", |_| {
        let kept = broker.kept(None);
        kept.contains_key("simulated/b/status")
            && kept.keys().all(|topic| topic.starts_with("simulated/b/"))
    });

    // A meter is removed: its topics go, those of the other stay.
    daemon.stop();
    let text = config(names, &at(&broker));
    let (one, rest) = text.split_once("[web]").unwrap();
    let (one, _) = one.rsplit_once("[[meter]]").unwrap();
    edit(&daemon, "powerlogger.toml", &format!("{one}[web]{rest}"));
    let mut edges = recording(names);
    edges = edges.lines().fold(String::new(), |all, line| {
        let of_other = line.contains(" 1 ") && !line.starts_with("up 1000000000 0");
        if of_other { all } else { all + line + "\n" }
    });
    fs::write(&file, edges).unwrap();
    daemon.start_again();
    let kept = wait_for_kept(&broker, &mut daemon, "one meter", |kept, _| {
        kept.get("simulated/a/status")
            .is_some_and(|status| status == "online")
            && kept
                .keys()
                .all(|topic| !topic.contains("gas_ae") && !topic.contains("/b/"))
            && kept.contains_key("simulated/a/import/energy")
    });
    assert_eq!(configs(&kept).len(), 6 + 1 + 1 + 1);
    daemon.stop();
}

#[test]
fn what_a_renamed_meter_counts_before_it_is_published_is_not_lost() {
    let Some(broker) = Mosquitto::start("what_a_renamed_meter_counts_before_it_is_published")
    else {
        return;
    };
    let (mut daemon, edges) = counting(&at(&broker));
    wait_for_equal(&broker, &mut daemon);
    daemon.stop();
    let names = ["Bezug", NAMES[1]];
    fs::write(edges.path(), recording(names)).unwrap();
    edit(&daemon, "powerlogger.toml", &config(names, ""));
    daemon.start_again();
    daemon.wait_for_pulses(70);
    edit(&daemon, "powerlogger.toml", &config(names, &at(&broker)));
    daemon.wait_for("twice the energy", |_| {
        broker.kept(None)["simulated/a/import/energy"] == "0.06250"
    });
    daemon.stop();
}

#[test]
fn a_wrong_password_and_access_rules_are_told_and_taken_up_when_they_are_mended() {
    let Some(mut broker) = Mosquitto::prepare("a_wrong_password_and_access_rules_are_told") else {
        return;
    };
    broker.user("logger", "right ü");
    broker.user("reader", "r");
    let rules = broker.dir().join("rules");
    let reader = "user reader\ntopic readwrite #\n";
    let narrow = format!("{reader}user logger\ntopic readwrite simulated/a/#\n");
    let wide = format!(
        "{narrow}topic readwrite homeassistant/+/+/+/config\ntopic read homeassistant/status\n"
    );
    fs::write(&rules, &narrow).unwrap();
    let users = broker.dir().join("users");
    for file in [&rules, &users] {
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    }
    broker.settings = format!(
        "allow_anonymous false\npassword_file {}\nacl_file {}\n",
        users.display(),
        rules.display()
    );
    broker.go();
    let (mut daemon, _edges) =
        counting(&(at(&broker) + "user = \"logger\"\npassword = \"wrong\"\n"));
    daemon.wait_for("a refusal", |daemon| {
        condition(daemon, "mqtt_refused").is_some_and(|text| text.contains("mqtt.password"))
    });
    let (code, said) = daemon.answer(&["verify", "--json"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("the client may not connect"), "{said}");
    assert!(!said.contains("wrong\"") && !daemon.log().contains("password = "));

    edit(&daemon, "mqtt.password", "right ü\n");
    daemon.wait_for("a refused topic", |daemon| {
        condition(daemon, "mqtt_topic_refused")
            .is_some_and(|text| text.contains("homeassistant/") && text.contains("user \"logger\""))
    });
    assert_eq!(condition(&daemon, "mqtt_refused"), None);
    let reads = Some(("reader", "r"));
    assert!(configs(&broker.kept(reads)).is_empty());
    daemon.wait_for("values", |daemon| {
        is_equal(&broker.kept(reads), daemon, ["import", "gas_ae"])
    });
    let (_, said) = daemon.answer(&["verify", "--json"]);
    assert!(
        said.contains("what is published does not come back: homeassistant/"),
        "{said}"
    );

    fs::write(&rules, &wide).unwrap();
    broker.signal(Signal::HUP);
    daemon.wait_for("configurations", |daemon| {
        configs(&broker.kept(reads)).len() == 15
            && condition(daemon, "mqtt_topic_refused").is_none()
    });
    let (_, said) = daemon.answer(&["verify", "--json"]);
    let seen: Value = serde_json::from_str(&said).unwrap();
    let checks = seen["checks"].as_array().unwrap();
    let of = |name: &str| checks.iter().find(|check| check["what"] == name).unwrap();
    assert_eq!(of("MQTT broker")["outcome"], "good", "{said}");
    assert_eq!(of("MQTT topics")["outcome"], "good", "{said}");
    let words = [said, daemon.log(), daemon.ask(&["config", "show"])].concat();
    assert!(!words.contains("right ü"), "{words}");
    daemon.stop();
    wait_until("that it is gone", PATIENCE, || {
        broker.kept(reads)["simulated/a/status"] == "offline"
    });
}

#[test]
fn a_broker_with_a_certificate_of_its_own_is_trusted_where_its_authority_is_named() {
    let Some(mut broker) = Mosquitto::prepare("a_broker_with_a_certificate_of_its_own") else {
        return;
    };
    let authority = Authority::new();
    let (certificate, key) = authority.pem_of("127.0.0.1");
    for (name, pem) in [("cert.pem", certificate), ("key.pem", key)] {
        fs::write(broker.dir().join(name), pem).unwrap();
    }
    let dir = broker.dir().display().to_string();
    broker.settings += &format!("certfile {dir}/cert.pem\nkeyfile {dir}/key.pem\n");
    broker.go();
    let url = format!("url = \"mqtts://127.0.0.1:{}\"\n", broker.port());
    let (mut daemon, _edges) = counting(&url);
    daemon.wait_for("mistrust", |daemon| {
        condition(daemon, "mqtt_refused").is_some_and(|text| text.contains("mqtt.ca_file"))
    });
    fs::write(daemon.dir().join("ca.pem"), &authority.pem).unwrap();
    let text = config(NAMES, &format!("{url}ca_file = \"ca.pem\"\n"));
    edit(&daemon, "powerlogger.toml", &text);
    daemon.wait_for("trust", |daemon| {
        daemon.log().contains("publishing by MQTT") && condition(daemon, "mqtt_refused").is_none()
    });
    daemon.wait_for("a good check", |daemon| {
        let (_, said) = daemon.answer(&["verify", "--json"]);
        said.contains("what is published below simulated/a/ comes back")
    });
    // Without TLS at that port nothing is said to it, least of all a password.
    let plain = url.replace("mqtts", "mqtt") + "user = \"me\"\npassword = \"p\"\n";
    edit(&daemon, "powerlogger.toml", &config(NAMES, &plain));
    daemon.wait_for("no answer", |daemon| {
        daemon
            .log()
            .contains(&format!("MQTT: mqtt://127.0.0.1:{}:", broker.port()))
    });
    daemon.stop();
}

#[test]
fn another_client_with_our_id_does_not_keep_us_away() {
    let Some(broker) = Mosquitto::start("another_client_with_our_id_does_not_keep_us_away") else {
        return;
    };
    let (mut daemon, _edges) = counting(&at(&broker));
    let kept = wait_for_equal(&broker, &mut daemon);
    let config = configs(&kept).remove(0).1;
    let id = config["device"]["identifiers"][0]
        .as_str()
        .unwrap()
        .to_owned();
    // A copied card: it comes back each time.
    let mut twin = Watcher::connect(broker.port(), &id, None).unwrap();
    wait_until("an id of its own", PATIENCE, || {
        if twin.is_ended() {
            twin = Watcher::connect(broker.port(), &id, None).unwrap();
        }
        daemon.log().contains("this one takes another id")
    });
    wait_for_equal(&broker, &mut daemon);
    assert!(!twin.is_ended(), "it is left alone");
    // It says that we are gone, as its own will would.
    twin.send(&publish("simulated/a/status", b"offline", true, None));
    wait_for("a word against it", PATIENCE, || {
        daemon
            .log()
            .contains("give each logger an mqtt.prefix")
            .then_some(())
    });
    wait_for_equal(&broker, &mut daemon);
    daemon.stop();
}

#[test]
fn a_broker_that_stalls_holds_up_nothing_and_is_used_again() {
    let Some(broker) = Mosquitto::start("a_broker_that_stalls_holds_up_nothing") else {
        return;
    };
    let (mut daemon, _edges) = counting(&at(&broker));
    wait_for_equal(&broker, &mut daemon);
    broker.signal(Signal::STOP);
    daemon.wait_for("no patience", |daemon| {
        daemon.log().contains("no answer within 10 s to")
    });
    let file = daemon.dir().join("again.txt");
    fs::write(&file, recording(NAMES)).unwrap();
    // The end does not wait for it either, and counting goes on without it.
    daemon.stop();
    daemon.start_again_with(&["--replay", file.to_str().unwrap()]);
    daemon.wait_for_pulses(70);
    broker.signal(Signal::CONT);
    let kept = wait_for_equal(&broker, &mut daemon);
    assert_eq!(kept["simulated/a/import/energy"], "0.06250");
    daemon.stop();
}
