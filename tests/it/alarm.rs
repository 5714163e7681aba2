//! Those who are told when something is wrong: by the true binary, over real sockets, to servers that fail, stall, refuse
//! and answer late; once each, over kills. The examples of the documentation are sent to a server that checks them by the
//! services' documented contracts.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::daemon::Daemon;
use crate::support::fake_influx::http::Request;
use crate::support::gpio::{Hand, Place, ground, test_path, without_chips};
use crate::support::hooks::{Answer, Hooks};
use crate::support::port::Port;
use crate::support::program::executable;

const DOCUMENT: &str = include_str!("../../docs/usage/alarms.md");

/// At once, so that a test need not wait. How long the disk of a busy machine takes is no matter here.
const AT_ONCE: &str = "[alarms]\nafter_s = 0\nclear_after_s = 0\nexcept = [\"disk_stalled\"]\n";

/// What is answered late is told again: so late is no answer here, however busy the machine is.
fn hook(service: &str, url: &str) -> String {
    format!("[[webhook]]\nservice = \"{service}\"\nurl = \"{url}/{service}\"\ntimeout_ms = 15000\n")
}

/// The body of a request, as JSON.
fn json(request: &Request) -> Value {
    let text = String::from_utf8_lossy(&request.body).into_owned();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Each event that was told: its id, whether it has ended, its condition and meter.
fn events(hooks: &Hooks) -> Vec<(i64, String)> {
    let told = hooks.each(|request| {
        let message = json(request);
        let events = message["events"].as_array().unwrap().iter();
        let events = events.map(|event| {
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            let what = format!("{} {} {}", text("event"), text("condition"), text("meter"));
            (event["id"].as_i64().unwrap(), what.trim_end().to_owned())
        });
        events.collect::<Vec<_>>()
    });
    told.into_iter().flatten().collect()
}

fn words(hooks: &Hooks) -> BTreeSet<String> {
    events(hooks).into_iter().map(|(_, what)| what).collect()
}

fn edit(daemon: &Daemon, text: &str) {
    let new = daemon.dir().join("edited");
    fs::write(&new, format!("{text}\n[web]\nlisten = \"off\"\n")).unwrap();
    fs::rename(new, daemon.dir().join("powerlogger.toml")).unwrap();
}

/// What stays wrong on a machine without lines, of each of the three meters.
const NOT_READ: [&str; 3] = [
    "begin line_not_read Export",
    "begin line_not_read Generate",
    "begin line_not_read Import",
];

#[test]
fn a_receiver_that_fails_in_every_way_is_told_all_once_also_over_kills() {
    let _lines = without_chips();
    let hooks = Hooks::closed(&[
        Answer::Status(500, "", "<h1>broken</h1>"),
        Answer::Stall,
        Answer::Close,
        Answer::Status(429, "Retry-After: 1\r\n", "later"),
        Answer::Status(404, "", "{\"error\":\"no such hook\"}"),
        Answer::Status(301, "Location: https://elsewhere/\r\n", ""),
    ]);
    let config = format!("{AT_ONCE}{}", hook("a", &hooks.url()));
    let mut daemon = Daemon::start(&config, &[]);
    let journal = daemon.dir().to_owned();
    let book = || {
        let reader = powerlogger::journal::Reader::open(&journal).ok();
        let book = reader.and_then(|reader| reader.alarm_book().ok());
        book.unwrap_or_default()
    };
    // That the receiver fails stands as well, as long as it does, and is told to none.
    let undelivered = || {
        let book = book();
        let standing = book.standing.iter();
        let not_read = standing.filter(|alarm| alarm.word == "line_not_read");
        (not_read.count(), book.waiting.len())
    };
    daemon.wait_for("alarms kept", |_| undelivered() == (3, 3));
    daemon.wait_for("the receiver asked, and refusing", |_| {
        hooks.asked("/a") >= 2
    });
    daemon.kill();
    assert_eq!(undelivered(), (3, 3), "they wait");
    daemon.start_again();
    daemon.wait_for("all failures", |_| hooks.asked("/a") >= 6);
    hooks.open();
    daemon.wait_for("all of it told", |_| undelivered() == (3, 0));
    daemon.wait_for("nothing else to stand", |_| book().standing.len() == 3);
    // What was refused was not taken.
    let all = events(&hooks);
    let taken: Vec<_> = hooks.each_taken(json);
    let taken: Vec<Value> = taken
        .iter()
        .flat_map(|message| message["events"].as_array().unwrap().clone())
        .collect();
    let ids: BTreeSet<i64> = taken
        .iter()
        .map(|event| event["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids.len(), taken.len(), "none twice: {taken:#?}");
    let told: BTreeSet<(i64, String)> = all.into_iter().collect();
    assert_eq!(
        told.len(),
        3,
        "a repetition has the number of what it repeats"
    );
    assert!(
        words(&hooks)
            .iter()
            .all(|what| NOT_READ.contains(&what.as_str()))
    );
    // Another run does not repeat what was told; a settled heart tells when it has begun.
    let before = hooks.asked("/");
    daemon.kill();
    daemon.start_again();
    daemon.wait_for("lines tried", |daemon| {
        daemon.log().contains("journal open")
    });
    let late = format!("{config}{}", hook("late", &hooks.url()));
    edit(&daemon, &late);
    let (_, said) = daemon.answer(&["alarm", "test", "--json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["receivers"].as_array().unwrap().len(), 2, "{said}");
    assert_eq!(hooks.asked("/"), before + 2, "two tests, and nothing else");
}

#[test]
fn a_mistake_begins_and_ends_to_be_wrong_while_the_daemon_runs_and_is_called_simulated() {
    let _lines = without_chips();
    let hooks = Hooks::start(&[]);
    let good = format!("{AT_ONCE}{}", hook("a", &hooks.url()));
    // Nobody is told at first.
    let mut daemon = Daemon::start("", &["--simulate"]);
    daemon.wait_for_pulses(1);
    edit(&daemon, &format!("{good}[log]\ndebug = \"maybe\"\n"));
    daemon.wait_for("the mistake told", |_| {
        words(&hooks).contains("begin configuration_wrong")
    });
    edit(&daemon, &good);
    daemon.wait_for("its end told", |_| {
        words(&hooks).contains("end configuration_wrong")
    });
    let titles = hooks.each(|request| json(request)["title"].as_str().unwrap().to_owned());
    assert!(
        titles.iter().all(|title| title.starts_with("SIMULATED. ")),
        "{titles:?}"
    );
    assert_eq!(events(&hooks).len(), 2);
    daemon.stop();
}

#[test]
fn a_receiver_with_a_mistake_is_told_when_it_is_mended_and_others_hear_of_it() {
    let _lines = without_chips();
    let (a, b) = (Hooks::start(&[]), Hooks::start(&[]));
    let (good_a, good_b) = (hook("a", &a.url()), hook("b", &b.url()));
    let wrong = format!("{AT_ONCE}{good_b}{}", good_a.replace("http:", "http"));
    let mut daemon = Daemon::start(&wrong, &["--simulate"]);
    daemon.wait_for("b to hear of it", |_| {
        words(&b).contains("begin configuration_wrong")
    });
    // What b has heard is told as soon as its answer is read.
    daemon.wait_for("what waits for a alone", |daemon| {
        let (_, status) = daemon.answer(&["status", "--json"]);
        let status: Value = serde_json::from_str(&status).unwrap();
        status["alarms"]["undelivered"] == 1
    });
    let (code, said) = daemon.answer(&["alarm", "test"]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("✗ a: left out") && said.contains("✓ b: "),
        "{said}"
    );
    edit(&daemon, &format!("{AT_ONCE}{good_b}{good_a}"));
    daemon.wait_for("a to hear of it, too", |_| {
        let heard = words(&a);
        heard.contains("begin configuration_wrong") && heard.contains("end configuration_wrong")
    });
    daemon.stop();
}

#[test]
fn one_that_takes_nothing_is_a_condition_and_another_hears_of_it() {
    let _lines = without_chips();
    let (a, b) = (Port::keep(), Hooks::start(&[]));
    let url = format!("http://127.0.0.1:{}", a.number());
    let config = format!("{AT_ONCE}{}{}", hook("a", &url), hook("b", &b.url()));
    let mistake = "[log]\ndebug = \"maybe\"\n";
    let mut daemon = Daemon::start(&format!("{config}{mistake}"), &["--simulate"]);
    daemon.wait_for("b to hear of it", |_| {
        words(&b).contains("begin alarms_fail")
    });
    daemon.wait_for("the condition", |daemon| {
        daemon.log().contains("alarms do not get through to a")
    });
    // What b has heard is told as soon as its answer is read.
    daemon.wait_for("what waits for a alone", |daemon| {
        let (_, status) = daemon.answer(&["status"]);
        status.contains("alarms     1 message not delivered yet")
    });
    let secret = "/a";
    assert!(
        !daemon.log().contains(&format!("{url}{secret}")),
        "an address may be a secret"
    );
    let (code, said) = daemon.answer(&["verify", "--json"]);
    assert_eq!(code, Some(1));
    let checks: Value = serde_json::from_str(&said).unwrap();
    let outcome = |name: &str| {
        let mut checks = checks["checks"].as_array().unwrap().iter();
        let check = checks.find(|check| check["what"] == name);
        check.unwrap_or_else(|| panic!("no {name}: {said}"))["outcome"].clone()
    };
    assert_eq!(
        (outcome("webhook a"), outcome("webhook b")),
        ("bad".into(), "good".into())
    );
    daemon.stop();
}

#[test]
fn mail_goes_through_the_program() {
    let _lines = without_chips();
    let dir = tempfile::tempdir().unwrap();
    let (program, mail) = (dir.path().join("sendmail"), dir.path().join("mail"));
    let text = format!(
        "#!/bin/sh\necho \"$@\" >> {0}\ncat >> {0}\n",
        mail.display()
    );
    executable(&program, &text);
    let config = format!(
        "{AT_ONCE}sendmail = \"{}\"\nsendmail_to = \"me@example.org\"\n[site]\nname = \"Büro\"\n\
         [log]\ndebug = \"maybe\"\n",
        program.display()
    );
    let mut daemon = Daemon::start(&config, &["--simulate"]);
    let read = || fs::read_to_string(&mail).unwrap_or_default();
    daemon.wait_for("a mail", |_| read().contains("powerlogger.toml:"));
    let mail = read();
    assert!(
        mail.starts_with("-i -- me@example.org\nTo: me@example.org\n"),
        "{mail}"
    );
    assert!(mail.contains("\nSubject: =?UTF-8?B?"), "{mail}");
    daemon.stop();
}

#[test]
fn simulated_pulses_have_no_heartbeat() {
    let _lines = without_chips();
    let hooks = Hooks::start(&[]);
    let config = format!(
        "{AT_ONCE}{}[heartbeat]\nurl = \"{}/beat\"\n[log]\ndebug = \"maybe\"\n",
        hook("a", &hooks.url()),
        hooks.url()
    );
    let mut daemon = Daemon::start(&config, &["--simulate"]);
    daemon.wait_for("an alarm", |_| hooks.asked("/a") > 0);
    daemon.stop();
    assert_eq!(hooks.asked("/beat"), 0);
}

#[test]
fn the_heartbeat_stops_when_a_line_is_not_read_and_goes_on() {
    let Some(ground) = ground(
        test_path!("the_heartbeat_stops_when_a_line_is_not_read_and_goes_on"),
        Place::REAL,
    ) else {
        return;
    };
    let chip = ground.chip("pinctrl-bcm2711", 32);
    let hooks = Hooks::start(&[Answer::Status(503, "", "")]);
    let url = hooks.url();
    let config = format!(
        "{AT_ONCE}[heartbeat]\nurl = \"{url}/beat\"\nfail_url = \"{url}/fail\"\ninterval_s = 10\n\
         [[meter]]\nname = \"Import\"\nline = 20\nbias = \"down\"\n"
    );
    let mut daemon = Daemon::start(&config, &[]);
    daemon.wait_for_lines(1);
    Hand::on(&chip, 20).toggles(4, std::time::Duration::from_millis(60));
    daemon.wait_for("a beat", |_| hooks.asked("/beat") >= 1);
    // Where the line was requested late it was not read before, which is told at once.
    let before = hooks.asked("/fail");
    daemon.wait_for("three beats, the first one refused", |_| {
        hooks.asked("/beat") >= 3
    });
    assert_eq!(hooks.asked("/fail"), before);
    chip.unplug();
    daemon.wait_for("that it is wrong", |_| hooks.asked("/fail") > before);
    let beats = hooks.asked("/beat");
    let chip = ground.chip("pinctrl-bcm2711", 32);
    daemon.wait_for("another beat", |_| hooks.asked("/beat") > beats);
    assert_eq!(hooks.asked("/fail"), before + 1, "it is said once");
    drop(chip);
    daemon.stop();
}

/// The first example below a heading of the documentation.
fn example(heading: &str) -> String {
    let after = DOCUMENT
        .split_once(&format!("\n### {heading}\n"))
        .unwrap()
        .1;
    let block = after.split_once("```toml\n").unwrap().1;
    block.split_once("```").unwrap().0.to_owned()
}

/// Sends a test by an example of the documentation, to a server of ours in the service's place. The token is `the-token`.
fn sent_by(heading: &str, host: &str) -> (String, Option<String>, Option<String>, Value) {
    let hooks = Hooks::start(&[]);
    let text = example(heading).replace(host, &hooks.url());
    assert!(text.contains(&hooks.url()), "{host} is in {text}");
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("powerlogger.toml"), &text).unwrap();
    let credential = text
        .lines()
        .find_map(|line| line.strip_prefix("credential = \""));
    if let Some(name) = credential {
        let file = dir.path().join(name.trim_end_matches('"'));
        fs::write(&file, "the-token\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_powerlogger"));
    command
        .env_remove("CREDENTIALS_DIRECTORY")
        .args(["alarm", "test"]);
    command.arg("--config-dir").arg(dir.path());
    command.arg("--queue-dir").arg(dir.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let requests = hooks.each(|request| {
        assert_eq!(request.method, "POST");
        let header = |name: &str| request.header(name).map(str::to_owned);
        assert!(
            header("Content-Type")
                .unwrap()
                .starts_with("application/json")
        );
        (
            request.path.clone(),
            header("Authorization"),
            header("X-Gotify-Key"),
            json(request),
        )
    });
    let [request] = requests.try_into().unwrap();
    request
}

#[test]
fn the_examples_of_the_documentation_keep_the_contracts_of_the_services() {
    // https://docs.ntfy.sh/publish/#publish-as-json
    let (path, authorization, _, body) = sent_by("ntfy", "https://ntfy.sh");
    assert_eq!(
        (path.as_str(), authorization.as_deref()),
        ("/", Some("Bearer the-token"))
    );
    let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["message", "priority", "title", "topic"]);
    assert!(
        (1..=5).contains(&body["priority"].as_i64().unwrap()),
        "{body}"
    );
    assert!(
        body["message"].as_str().unwrap().contains("reach you"),
        "{body}"
    );
    // https://gotify.net/docs/pushmsg
    let (path, authorization, key, body) = sent_by("Gotify", "https://gotify.example.org");
    assert_eq!(
        (path.as_str(), authorization, key.as_deref()),
        ("/message", None, Some("the-token"))
    );
    assert!(
        body["message"].is_string() && body["title"].is_string(),
        "{body}"
    );
    assert!(
        (0..=10).contains(&body["priority"].as_i64().unwrap()),
        "{body}"
    );
    // https://core.telegram.org/bots/api#sendmessage
    let (path, authorization, _, body) = sent_by("Telegram", "https://api.telegram.org");
    assert_eq!(
        (path.as_str(), authorization),
        ("/botthe-token/sendMessage", None)
    );
    assert_eq!(body["chat_id"], "123456789");
    let text = body["text"].as_str().unwrap();
    assert!(text.contains('\n') && text.len() < 4_096, "{text}");
    // https://www.home-assistant.io/docs/automation/trigger/#webhook-trigger
    let (path, _, _, body) = sent_by("Home Assistant", "http://homeassistant.local:8123");
    assert_eq!(path, "/api/webhook/powerlogger-3f9c1d");
    assert!(
        body["title"].is_string() && body["text"].is_string(),
        "{body}"
    );
    assert_eq!(body["event"], "test");
}

#[test]
fn a_test_says_what_came_of_it_and_nobody_to_tell_is_told() {
    let _lines = without_chips();
    let hooks = Hooks::start(&[Answer::Status(401, "", "{\"error\":\"unauthorized\"}")]);
    let mut daemon = Daemon::start(&hook("a", &hooks.url()), &["--simulate"]);
    daemon.wait_for_pulses(1);
    let (code, said) = daemon.answer(&["alarm", "test"]);
    assert_eq!(
        (code, said.as_str()),
        (Some(1), "✗ a: HTTP 401: unauthorized (look at its token)\n")
    );
    let (code, said) = daemon.answer(&["alarm", "test"]);
    assert_eq!((code, said.as_str()), (Some(0), "✓ a: a test is sent\n"));
    edit(&daemon, "");
    let output = daemon.output(&["alarm", "test"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("[[webhook]]"));
    daemon.stop();
}
