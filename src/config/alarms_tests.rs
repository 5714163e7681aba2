//! `[alarms]` and `[heartbeat]` as they are written, and what is wrong with them.

use super::*;
use crate::config::fixture::Dir;

fn settings(toml: &str) -> AlarmSettings {
    Dir::new(toml, "").load().settings.alarms
}

fn problems(toml: &str) -> Vec<String> {
    let loaded = Dir::new(toml, "").load();
    assert!(!loaded.forbids_counting(), "counting goes on");
    loaded.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_is_told_unless_it_is_said_to_whom() {
    let alarms = settings("");
    assert!(alarms.is_off());
    assert_eq!((alarms.after_s, alarms.clear_after_s), (60, 300));
    assert!(alarms.wakes_if_critical && alarms.quiet_hours.is_none());
}

#[test]
fn all_of_it() {
    let alarms = settings(
        "[alarms]\nconditions = [\"line_not_read\", \"pulses_lost\"]\nexcept = \"clock_unknown\"\nafter_s = 0\n\
         clear_after_s = 10\nquiet_hours = \"22:30-7:00\"\nquiet_except = \"none\"\ndigest_s = 600\n\
         sendmail_to = [\"me@example.org\", \"root\"]\nsendmail = \"/bin/true\"\n\
         [heartbeat]\nurl = \"https://hc-ping.com/uuid\"\nfail_url = \"https://hc-ping.com/uuid/fail\"\n\
         interval_s = 60\n",
    );
    assert_eq!(alarms.conditions, ["line_not_read", "pulses_lost"]);
    assert_eq!(alarms.except, ["clock_unknown"]);
    let quiet = alarms.quiet_hours.unwrap();
    let at = |hour, minute| Time::new(hour, minute, 0, 0).unwrap();
    assert_eq!((quiet.from, quiet.to), (at(22, 30), at(7, 0)));
    assert!(!alarms.wakes_if_critical);
    assert_eq!((alarms.digest_s, alarms.after_s), (600, 0));
    let mail = alarms.mail.as_ref().unwrap();
    assert_eq!(mail.to, ["me@example.org", "root"]);
    let heartbeat = alarms.heartbeat.as_ref().unwrap();
    assert_eq!(heartbeat.interval_s, 60);
    assert_eq!(heartbeat.url.origin, "https://hc-ping.com");
    assert!(heartbeat.fail_url.is_some() && !alarms.is_off());
}

#[test]
fn a_mistake_is_told_with_its_line_and_the_remedy_and_the_rest_holds() {
    for (line, word) in [
        (
            "conditions = [\"line_not_raed\"]",
            "did you mean \"line_not_read\"?",
        ),
        ("except = \"x\"", "\"x\" is no condition"),
        ("quiet_hours = \"22-7\"", "22:00-07:00"),
        ("quiet_hours = \"22:00-22:00\"", "22:00-07:00"),
        ("quiet_hours = \"22:00-25:00\"", "22:00-07:00"),
        ("quiet_hours = \"22:00\"", "22:00-07:00"),
        ("quiet_except = \"all\"", "none of critical, none"),
        ("after_s = 86401", "out of range"),
        ("sendmail_to = \"-oQ/tmp\"", "no address of a mail"),
        (
            "sendmail_to = \"Me <me@example.org>\"",
            "no address of a mail",
        ),
        (
            "sendmail = \"sendmail\"\nsendmail_to = \"me\"",
            "/usr/sbin/sendmail",
        ),
        ("webhook = \"https://x\"", "unknown key \"webhook\""),
    ] {
        let found = problems(&format!("[alarms]\n{line}\n"));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].starts_with("powerlogger.toml:2: "), "{}", found[0]);
        assert!(found[0].contains(word), "{line}: {}", found[0]);
    }
    let heartbeat = problems("[heartbeat]\nurl = \"hc-ping.com/uuid\"\n");
    assert!(heartbeat[0].contains("https://"), "{heartbeat:?}");
    assert!(!heartbeat[0].contains("uuid"), "{heartbeat:?}");
}

#[test]
fn the_broker_is_that_of_mqtt_and_alarms_wait_for_one_that_is_mended() {
    let mqtt = "[mqtt]\nurl = \"mqtt://broker\"\nprefix = \"home\"\n";
    assert!(settings(mqtt).is_off(), "values alone");
    let alarms = settings(&format!("{mqtt}[alarms]\nmqtt = true\n"));
    assert!(!alarms.is_off() && alarms.left_out.is_empty());
    assert_eq!(alarms.mqtt.unwrap().prefix, "home");
    let lacking = "[alarms]\nmqtt = true\n";
    let found = problems(lacking);
    assert_eq!(found.len(), 1, "{found:?}");
    let want = "powerlogger.toml:2: alarms.mqtt: there is no broker that can be used";
    assert!(found[0].starts_with(want), "{found:?}");
    let mistaken = format!("{lacking}{}", mqtt.replace("mqtt:", "http:"));
    for toml in [lacking, &mistaken] {
        let alarms = settings(toml);
        assert_eq!(
            (alarms.mqtt, alarms.left_out),
            (None, vec![MQTT.to_owned()])
        );
    }
}

#[test]
fn alarms_of_simulated_pulses_go_where_their_values_may() {
    let toml = "[mqtt]\nurl = \"mqtt://broker\"\n[alarms]\nmqtt = true\n";
    let simulated = |toml: &str| {
        let dir = Dir::new(toml, "");
        let mut options = dir.load().options().clone();
        options.simulated = true;
        let alarms = crate::config::load(&options).unwrap().settings.alarms;
        (alarms.mqtt.is_some(), alarms.left_out)
    };
    assert_eq!(simulated(toml), (false, Vec::new()));
    let named = toml.replace("[alarms]", "prefix = \"simulated\"\n[alarms]");
    assert_eq!(simulated(&named), (true, Vec::new()));
}

#[test]
fn hours_to_midnight_end_there() {
    let quiet = settings("[alarms]\nquiet_hours = \"20:00-24:00\"\n").quiet_hours;
    assert_eq!(quiet.unwrap().to, Time::midnight());
}
