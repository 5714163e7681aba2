//! `setup`, `verify` and `delete-buckets` against the fake and a real InfluxDB 2: made, repaired, interrupted at
//! every step, beside other people's things, and taken over from the Python edition.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use crate::support::fake_influx::shapes::{self, POINTS};
use crate::support::gpio::without_chips;
use crate::support::influxd::Influxd;
use crate::support::program::outcome;
use crate::support::remote::{
    ALL_S, OPERATOR, ORG, Remote, is_readable, of_fake, on_both, start_fake,
};
use crate::support::wait::{PATIENCE, wait_until};
use powerlogger::clock::{Clock, SystemClock};
use powerlogger::config::{Influx, InfluxSettings, LoadOptions, load};
use powerlogger::influx::{flux, management::Task};
use powerlogger::model::{NS_PER_S, WallNs};
use powerlogger::model::{Tier, View};
use powerlogger::setup::apply::Applier;
use powerlogger::setup::inspect::{check, look};
use powerlogger::setup::plan::{Action, Wanted, plan};
use powerlogger::setup::{installation, mark, tasks, writer_file};
use serde_json::{Value, json};
use tempfile::TempDir;

const BUCKETS: [(&str, u64); 4] = [
    ("PowerLogger_raw", 30),
    ("PowerLogger_1m", 90),
    ("PowerLogger_5m", 365),
    ("PowerLogger_1h", 0),
];

/// A configuration in a directory of its own.
struct Place(TempDir);

impl Place {
    fn new(server: &Remote, more: &str) -> Place {
        let dir = tempfile::tempdir().unwrap();
        let queue = dir.path().join("queue");
        let dotenv = format!(
            "INFLUX_HOST={}\nINFLUX_ORG={ORG}\nINFLUX_TOKEN={OPERATOR}\nQUEUE_DIR={}\n{more}",
            server.url(),
            queue.display()
        );
        fs::write(dir.path().join(".env"), dotenv).unwrap();
        Place(dir)
    }

    fn dir(&self) -> &Path {
        self.0.path()
    }

    fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> (i32, String) {
        let _lines = without_chips();
        let mut command = Command::new(env!("CARGO_BIN_EXE_powerlogger"));
        command
            .args(args)
            .current_dir(self.dir())
            .env_clear()
            .envs(env.iter().copied());
        outcome(&mut command)
    }

    fn run(&self, args: &[&str]) -> (i32, String) {
        self.run_with(args, &[])
    }

    fn good(&self, args: &[&str]) -> String {
        let (code, said) = self.run(args);
        assert_eq!(code, 0, "{args:?}: {said}");
        said
    }

    fn settings(&self) -> Box<InfluxSettings> {
        let options = LoadOptions {
            config_dir: Some(self.dir().to_owned()),
            cwd: self.dir().to_owned(),
            ..LoadOptions::default()
        };
        match load(&options).unwrap().settings.influx {
            Influx::Configured(influx) => influx,
            Influx::NotConfigured(why) => panic!("{why}"),
        }
    }

    /// The id of its installation.
    fn id(&self) -> String {
        installation::find(self.dir()).unwrap().here().unwrap().id
    }

    /// The plan as JSON, without doing anything.
    fn plan(&self) -> Value {
        serde_json::from_str(&self.good(&["setup", "--dry-run", "--json"])).unwrap()
    }

    fn is_complete(&self) -> bool {
        self.plan()["actions"].as_array().unwrap().is_empty()
    }
}

fn buckets(server: &Remote) -> BTreeMap<String, u64> {
    let client = server.client(Some(OPERATOR));
    let buckets = client.buckets(server.org_id()).unwrap().into_iter();
    buckets
        .map(|bucket| (bucket.name, bucket.retention_s / 86_400))
        .collect()
}

fn all_tasks(server: &Remote) -> Vec<Task> {
    server
        .client(Some(OPERATOR))
        .tasks(server.org_id())
        .unwrap()
}

/// The numbers of a view's or raw's points, by time in seconds.
fn points(server: &Remote, bucket: &str) -> BTreeMap<i64, i64> {
    let rows = server.pulses(bucket, ALL_S);
    let number = |row: &BTreeMap<String, String>| {
        let time: jiff::Timestamp = row["_time"].parse().unwrap();
        (time.as_second(), row["_value"].parse::<i64>().unwrap())
    };
    let mut points = BTreeMap::new();
    for (time_s, value) in rows.iter().map(number) {
        *points.entry(time_s).or_default() += value;
    }
    points.retain(|_, value| *value != 0);
    points
}

fn write(server: &Remote, bucket: &str, stamps_ns: impl IntoIterator<Item = i64>) {
    let lines = stamps_ns
        .into_iter()
        .map(|ns| format!("PowerPulse,PulseType=Import Pulse=1i {ns}\n"));
    let body: String = lines.collect();
    server
        .client(Some(OPERATOR))
        .write(bucket, body.as_bytes(), false)
        .unwrap();
}

fn now_s() -> i64 {
    SystemClock.wall_ns().s()
}

#[test]
fn the_whole_cycle() {
    on_both("the_whole_cycle", check_the_whole_cycle);
}

fn check_the_whole_cycle(server: &Remote) {
    let place = Place::new(server, "");
    let said = place.good(&["setup", "--dry-run"]);
    assert!(said.contains("Would be done"), "{said}");
    assert!(
        !buckets(server).contains_key("PowerLogger_raw"),
        "a dry run does nothing"
    );
    assert!(!place.dir().join(installation::ID_FILE).exists());

    let said = place.good(&["setup"]);
    assert!(said.contains("Setup is complete"), "{said}");
    let made = buckets(server);
    for (name, days) in BUCKETS {
        assert_eq!(made.get(name), Some(&days), "{name}");
    }
    assert_eq!(all_tasks(server).len(), 3);
    let token = fs::metadata(writer_file::path(place.dir())).unwrap();
    assert_eq!(token.mode() & 0o777, 0o600);
    let read_token = said
        .lines()
        .map(str::trim)
        .find(|line| line.len() > 80)
        .unwrap()
        .to_owned();

    let said = place.good(&["setup"]);
    assert!(
        said.contains("✅ All PowerLogger buckets already exist!"),
        "{said}"
    );
    assert!(
        said.contains("Nothing to do") && !said.contains(&read_token),
        "{said}"
    );

    // The admin token may leave; run's token reads and writes the four buckets and nothing else.
    let dotenv = fs::read_to_string(place.dir().join(".env")).unwrap();
    fs::write(place.dir().join(".env"), dotenv.replace(OPERATOR, "")).unwrap();
    let (_, said) = place.run(&["verify"]);
    assert!(
        said.contains("✓ token of `run`: from writer.token, may write"),
        "{said}"
    );
    assert!(said.contains("✓ end to end"), "{said}");
    assert!(
        said.contains("– tasks: not checked (needs the admin token"),
        "{said}"
    );
    let (code, said) = place.run(&["setup"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("INFLUX_TOKEN"), "{said}");
    fs::write(place.dir().join(".env"), dotenv).unwrap();
    let (_, said) = place.run(&["verify"]);
    for line in [
        "✓ retention of PowerLogger_1h: for ever",
        "✓ task 5m: active",
        "✓ foreign tasks",
    ] {
        assert!(said.contains(line), "{said}");
    }
    let reader = server.client(Some(&read_token));
    assert!(reader.write("PowerLogger_raw", b"m f=1i 1", false).is_err());
    let reading = is_readable("PowerLogger_1h");
    reader.query(&reading, None, &mut |_| {}).unwrap();

    write(server, "PowerLogger_raw", [SystemClock.wall_ns().0]);
    let (code, said) = place.run(&["delete-buckets"]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("DANGER") && said.contains("PowerLogger_raw  (1 points since "),
        "{said}"
    );
    assert!(
        buckets(server).contains_key("PowerLogger_raw"),
        "there was nobody to confirm"
    );
    let said = place.good(&[
        "delete-buckets",
        "--yes-delete-all-data",
        "--tasks-and-tokens",
    ]);
    assert!(
        said.contains("[4/4] deleting PowerLogger_1h ... done"),
        "{said}"
    );
    let left = buckets(server);
    assert!(!left.keys().any(|name| name.starts_with("PowerLogger")) && left.contains_key("first"));
    assert!(all_tasks(server).is_empty());
    assert!(!writer_file::path(place.dir()).exists());
    let said = place.good(&["delete-buckets", "--yes-delete-all-data"]);
    assert!(said.contains("does not exist; skipped"), "{said}");
}

#[test]
fn every_retention_is_repaired_also_to_for_ever() {
    on_both("every_retention_is_repaired_also_to_for_ever", |server| {
        let place = Place::new(server, "");
        let are = |raw_d: u64| {
            let made = buckets(server);
            for (name, days) in BUCKETS {
                let want = if name == "PowerLogger_raw" {
                    raw_d
                } else {
                    days
                };
                assert_eq!(made.get(name), Some(&want), "{name}");
            }
            assert!(place.is_complete());
        };
        for (name, _) in BUCKETS {
            server.create_bucket(name, 2 * 86_400);
        }
        place.good(&["setup"]);
        are(30);
        // From for ever down to less than a group of shards that is kept for ever.
        let toml = place.dir().join("powerlogger.toml");
        for days in [1, 3] {
            let client = server.client(Some(OPERATOR));
            let raw = client.bucket(ORG, "PowerLogger_raw").unwrap().unwrap();
            client.set_retention(&raw.id, 0).unwrap();
            fs::write(&toml, format!("[journal]\nraw_retention_d = {days}\n")).unwrap();
            place.good(&["setup", "--yes"]);
            are(days);
        }
    });
}

#[test]
fn tasks_and_tokens_go_only_when_it_is_confirmed() {
    on_both("tasks_and_tokens_go_only_when_it_is_confirmed", |server| {
        let place = Place::new(server, "");
        place.good(&["setup"]);
        let said = place.good(&["delete-buckets", "--yes-delete-all-data"]);
        assert!(said.contains("are still there"), "{said}");
        // Without buckets, too.
        let (code, said) = place.run(&["delete-buckets", "--tasks-and-tokens"]);
        assert_eq!(code, 1, "{said}");
        for line in [
            "DELETE the tasks and tokens of PowerLogger",
            "• task \"PowerLogger 1h ",
            "• the read-only token",
            "--yes-delete-all-data",
        ] {
            assert!(said.contains(line), "{line}: {said}");
        }
        assert_eq!(all_tasks(server).len(), 3);
        assert!(writer_file::path(place.dir()).exists());

        // The file of another server's token is not this one's to delete.
        let file = writer_file::path(place.dir());
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("host=http://", "host=http://other.")).unwrap();
        let command = [
            "delete-buckets",
            "--tasks-and-tokens",
            "--yes-delete-all-data",
        ];
        place.good(&command);
        assert!(all_tasks(server).is_empty() && file.exists());
        fs::write(&file, text).unwrap();
        let said = place.good(&command);
        assert!(!said.contains("DANGER") && !file.exists(), "{said}");
    });
}

#[test]
fn a_writer_token_that_run_would_not_take_is_replaced() {
    on_both(
        "a_writer_token_that_run_would_not_take_is_replaced",
        |server| {
            let place = Place::new(server, "");
            place.good(&["setup"]);
            let file = writer_file::path(place.dir());
            let before = fs::read_to_string(&file).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
            let said = place.good(&["setup"]);
            assert!(said.contains("create the writer token"), "{said}");
            assert_ne!(fs::read_to_string(&file).unwrap(), before);
            assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
            assert!(place.is_complete());
        },
    );
}

/// A token with all rights in the organization but one. The fake knows only all or nothing.
fn all_rights_but(server: &Remote, action: &str, kind: &str) -> String {
    let org_id = server.org_id();
    let mut permissions = Vec::new();
    for of in ["buckets", "tasks", "authorizations", "orgs", "users"] {
        let resource = match of {
            "users" => json!({ "type": of }),
            "orgs" => json!({ "type": of, "id": org_id }),
            of => json!({ "type": of, "orgID": org_id }),
        };
        let actions = ["read", "write"].into_iter();
        let actions = actions.filter(|does| (*does, of) != (action, kind));
        permissions.extend(actions.map(|does| json!({ "action": does, "resource": resource })));
    }
    let wanted = json!({ "orgID": org_id, "permissions": permissions });
    let made = server.call("POST", "/api/v2/authorizations", Some(&wanted));
    made["token"].as_str().unwrap().to_owned()
}

#[test]
fn a_token_that_lacks_one_right_leaves_no_duplicates() {
    let Some(server) = Influxd::start("a_token_that_lacks_one_right_leaves_no_duplicates") else {
        return;
    };
    let client = server.client(Some(OPERATOR));
    let cases = [
        ("read", "buckets", "may make buckets and not read them"),
        ("write", "buckets", "may not do this"),
        ("read", "tasks", "may make tasks and not read them"),
        ("write", "tasks", "may not do this"),
        (
            "read",
            "authorizations",
            "may make tokens and not read them",
        ),
        ("write", "authorizations", "may not do this"),
        ("read", "users", "may make tokens and not read them"),
        ("write", "users", "may not do this"),
        ("read", "orgs", "may not do this"),
    ];
    for (n, (action, kind, want)) in cases.into_iter().enumerate() {
        let names = ["RAW_BUCKET", "B1M_BUCKET", "B5M_BUCKET", "B1H_BUCKET"];
        let place = Place::new(
            &server,
            &names.map(|key| format!("{key}={key}_{n}\n")).concat(),
        );
        let token = all_rights_but(&server, action, kind);
        for run in 0..3 {
            let (code, said) = place.run_with(&["setup"], &[("INFLUX_TOKEN", &token)]);
            assert_eq!(code, 1, "{action} {kind}, run {run}: {said}");
            assert!(said.contains(want), "{action} {kind}, run {run}: {said}");
            assert!(!said.contains(&token[..5]), "a token is shown: {said}");
        }
        assert!(!writer_file::path(place.dir()).exists(), "{action} {kind}");
        // Somebody who may goes on from there.
        place.good(&["setup"]);
        let installation = place.id();
        let is_ours = |description: &str| description.contains(&installation);
        let tasks = all_tasks(&server).into_iter();
        let tasks = tasks.filter(|task| is_ours(&task.description)).count();
        let tokens = client.authorizations(server.org_id()).unwrap();
        let tokens = tokens.iter().filter(|token| is_ours(&token.description));
        assert_eq!((tasks, tokens.count()), (3, 2), "{action} {kind}");
        assert!(place.is_complete());
    }
}

#[test]
fn foreign_tasks_are_found_whatever_the_buckets_are_called() {
    on_both(
        "foreign_tasks_are_found_whatever_the_buckets_are_called",
        |server| {
            let names =
                "RAW_BUCKET=c (raw)\nB1M_BUCKET=c (1m)\nB5M_BUCKET=c) 5m\nB1H_BUCKET=c (1h)\n";
            let place = Place::new(server, names);
            let script = "option task = {name: \"theirs\", every: 1h}\n\
                          from(bucket: \"c (raw)\") |> range(start: -1h) \
                          |> to(org: \"home\", bucket: \"c (1m)\")";
            server
                .client(Some(OPERATOR))
                .create_task(server.org_id(), script, "")
                .unwrap();
            let (code, said) = place.run(&["setup"]);
            assert_eq!(code, 1, "{said}");
            assert!(said.contains("\"theirs\""), "{said}");
            assert!(said.contains("writes into \"c (1m)\""), "{said}");
        },
    );
}

#[test]
fn what_is_wrong_is_named() {
    on_both("what_is_wrong_is_named", check_what_is_wrong_is_named);
}

/// The end of the message that the Python edition's documents show. `org`: as it is configured, if not ours.
fn as_ever(org: &str) -> String {
    let org = if org.is_empty() { ORG } else { org };
    format!("\n  • Org:    {org}\n  • Token:  ")
}

const PLEASE_CHECK: &str = "...\n\nPlease check:\n  \
    1. InfluxDB server is running and accessible\n  \
    2. INFLUX_HOST is correct\n  \
    3. INFLUX_ORG matches your organization name\n  \
    4. INFLUX_TOKEN is valid and has admin permissions\n";

fn check_what_is_wrong_is_named(server: &Remote) {
    let place = Place::new(server, "");
    let first = server
        .client(Some(OPERATOR))
        .bucket(ORG, "first")
        .unwrap()
        .unwrap();
    let reader = server.create_authorization(&["read"], &[&first.id]);
    for (key, value, want) in [
        ("INFLUX_HOST", "http://127.0.0.1:9", "cannot be reached"),
        ("INFLUX_TOKEN", "wrong-token", "the token is not valid"),
        ("INFLUX_ORG", "elsewhere", "there is no such organization"),
        ("INFLUX_TOKEN", &reader.token, "the token may not do this"),
    ] {
        let (code, said) = place.run_with(&["setup"], &[(key, value)]);
        assert_eq!(code, 1, "{said}");
        let first = said.lines().next().unwrap();
        assert!(first.contains(want) && first.contains(" → "), "{said}");
        assert!(first.contains(key), "the remedy names it: {said}");
        let shown = |of: &str| if key == of { value } else { "" };
        assert!(said.contains(&as_ever(shown("INFLUX_ORG"))), "{said}");
        let title = "\n\n❌ ERROR: Cannot connect to InfluxDB or credentials are invalid!\n\n\
                     Current configuration from .env:\n  • Host:   http://";
        assert!(
            said.contains(title) && said.ends_with(PLEASE_CHECK),
            "{said}"
        );
        // Everywhere else one line says it.
        for command in [
            &["delete-buckets", "--yes-delete-all-data"][..],
            &["audit", "--repair", "--from", "raw", "--level", "1h"],
        ] {
            let (code, other) = place.run_with(command, &[(key, value)]);
            assert_eq!(code, 1, "{command:?}: {other}");
            assert!(other.contains(" → "), "{command:?}: {other}");
            assert_eq!(other.lines().count(), 1, "{command:?}: {other}");
            if command[0] == "delete-buckets" {
                assert_eq!(other.trim_end(), first, "{command:?}");
            }
        }
        assert!(
            key != "INFLUX_TOKEN" || !said.contains(&value[..6]),
            "a token is shown: {said}"
        );
    }
    assert_eq!(all_tasks(server).len(), 0);
    let (code, said) = place.run_with(&["setup"], &[("RAW_BUCKET", "a\"b")]);
    assert_eq!(code, 78, "{said}");
}

#[test]
fn a_run_that_dies_in_the_middle_is_completed_by_the_next() {
    on_both(
        "a_run_that_dies_in_the_middle_is_completed_by_the_next",
        check_a_run_that_dies_in_the_middle_is_completed_by_the_next,
    );
}

fn check_a_run_that_dies_in_the_middle_is_completed_by_the_next(server: &Remote) {
    let client = server.client(Some(OPERATOR));
    let mut steps = 1;
    let mut died_after = 0;
    while died_after < steps {
        let more: String = ["RAW_BUCKET", "B1M_BUCKET", "B5M_BUCKET", "B1H_BUCKET"]
            .map(|key| format!("{key}={key}_{died_after}\n"))
            .concat();
        let place = Place::new(server, &more);
        let influx = place.settings();
        let here = installation::find_or_make(place.dir()).unwrap().0;
        let installation = here.id.clone();
        let meters = ["Import", "Export", "Generate"].map(str::to_owned);
        let wanted = Wanted {
            influx: &influx,
            raw_retention_d: 30,
            installation: &installation,
            tokens: &here.tokens,
            meters: &meters,
            writer_id: None,
            take_over: false,
            new_read_token: false,
        };
        let org_id = check(&client, &influx).unwrap();
        let plan = plan(&look(&client, &org_id).unwrap(), &wanted);
        steps = plan.actions.len();
        assert_eq!(steps, 9);
        let applier = Applier {
            client: &client,
            wanted: &wanted,
            org_id: &org_id,
            config_dir: place.dir(),
            for_service: false,
        };
        for action in &plan.actions[..died_after] {
            applier.apply(action).unwrap();
        }
        if matches!(
            plan.actions.get(died_after),
            Some(Action::CreateWriter { .. })
        ) {
            // Between the making of the token and its keeping.
            applier.apply(&plan.actions[died_after]).unwrap();
            writer_file::remove(place.dir()).unwrap();
        }
        place.good(&["setup"]);
        assert!(place.is_complete(), "after {died_after} steps");
        let ours = client.authorizations(&org_id).unwrap();
        let ours = ours.iter().filter(|entry| {
            mark::read(&entry.description).is_some_and(|(whose, _)| whose == installation)
        });
        assert_eq!(ours.count(), 2, "after {died_after} steps");
        died_after += 1;
    }
    assert_eq!(all_tasks(server).len(), 3 * steps);
}

#[test]
fn what_differs_is_repaired_in_place_and_nothing_else_is_touched() {
    on_both(
        "what_differs_is_repaired_in_place_and_nothing_else_is_touched",
        check_what_differs_is_repaired_in_place_and_nothing_else_is_touched,
    );
}

fn check_what_differs_is_repaired_in_place_and_nothing_else_is_touched(server: &Remote) {
    let client = server.client(Some(OPERATOR));
    let org_id = server.org_id().to_owned();
    // Other people's things, more than a page of each.
    for n in 0..200 {
        server.create_bucket(&format!("a foreign bucket {n:03}"), 0);
    }
    for n in 0..600 {
        let script = format!(
            "option task = {{name: \"foreign {n}\", every: 1h}}\nfrom(bucket: \"first\") |> range(start: -1h)"
        );
        let task = json!({ "orgID": org_id, "flux": script, "status": "inactive" });
        server.call("POST", "/api/v2/tasks", Some(&task));
    }
    let place = Place::new(server, "");
    let other = Place::new(
        server,
        "RAW_BUCKET=o_raw\nB1M_BUCKET=o_1m\nB5M_BUCKET=o_5m\nB1H_BUCKET=o_1h\n",
    );
    server.create_bucket("PowerLogger_1m", 3_600);
    let (code, said) = place.run(&["setup"]);
    assert_eq!(code, 0, "longer retention loses nothing: {said}");
    other.good(&["setup"]);
    assert_eq!(buckets(server)["PowerLogger_1m"], 90);
    let before: Vec<Task> = all_tasks(server);
    assert_eq!(before.len(), 606);

    let installation = place.id();
    let ours = |view: View| {
        let role = mark::MarkRole::Task(view);
        let of_view = all_tasks(server).into_iter();
        let of_view =
            of_view.filter(|task| mark::read(&task.description) == Some((&installation, role)));
        of_view.collect::<Vec<Task>>()
    };
    let minute = ours(View::Minute).remove(0);
    client
        .change_task(&minute.id, &json!({ "status": "inactive" }))
        .unwrap();
    let five = ours(View::FiveMinutes).remove(0);
    let changed = five.flux.replace("PowerLogger_5m", "PowerLogger_old");
    client
        .change_task(&five.id, &json!({ "flux": changed }))
        .unwrap();
    let hour = ours(View::Hour).remove(0);
    client
        .create_task(&org_id, &hour.flux, &hour.description)
        .unwrap();
    let raw = client.bucket(ORG, "PowerLogger_raw").unwrap().unwrap();
    client.set_retention(&raw.id, 365 * 86_400).unwrap();
    let h1 = client.bucket(ORG, "PowerLogger_1h").unwrap().unwrap();
    client.delete_bucket(&h1.id).unwrap();

    let (code, said) = place.run(&["setup"]);
    assert_eq!(code, 1, "a shorter retention loses points: {said}");
    assert!(
        said.contains("OLDER POINTS ARE DELETED") && said.contains("nothing was done"),
        "{said}"
    );
    assert_eq!(buckets(server)["PowerLogger_raw"], 365);
    let said = place.good(&["setup", "--yes"]);
    assert!(
        said.contains("Read-only token"),
        "the old one names the bucket that is gone: {said}"
    );
    assert!(place.is_complete());
    assert_eq!(ours(View::Minute)[0].id, minute.id, "in place");
    assert_eq!(ours(View::FiveMinutes)[0].id, five.id, "in place");
    assert_eq!(ours(View::FiveMinutes)[0].flux, five.flux);
    assert_eq!(ours(View::Hour).len(), 1);
    let (_, said) = place.run(&["verify"]);
    assert!(
        said.contains("✓ token of `run`: from writer.token, may write"),
        "{said}"
    );

    // Former names are repaired, too.
    let renamed = [("MEASUREMENT", "Power ${x} \"2\"")];
    let (code, said) = place.run_with(&["setup"], &renamed);
    assert_eq!(code, 0, "{said}");
    assert!(
        ours(View::Hour)[0].flux.contains(r#""Power \${x} \"2\"""#),
        "{}",
        ours(View::Hour)[0].flux
    );
    place.good(&["setup"]);

    assert!(
        other.is_complete(),
        "the other logger's things are as they were"
    );
    let foreign = |tasks: &[Task]| {
        let foreign = tasks.iter().filter(|task| task.name.starts_with("foreign"));
        foreign.cloned().collect::<Vec<Task>>()
    };
    assert_eq!(foreign(&all_tasks(server)), foreign(&before));
}

#[test]
fn two_installations_live_together() {
    on_both("two_installations_live_together", |server| {
        let first = Place::new(server, "");
        let second = Place::new(server, "");
        let toml = |place: &Place, name: &str, days: u32| {
            let text = format!(
                "[journal]\nraw_retention_d = {days}\n[[meter]]\nname = \"{name}\"\nline = 17\n"
            );
            fs::write(place.dir().join("powerlogger.toml"), text).unwrap();
        };
        toml(&first, "Heating", 60);
        toml(&second, "Cooling", 7);
        first.good(&["setup"]);
        let said = second.good(&["setup"]);
        assert!(said.contains("kept 60 d and not 7 d"), "{said}");
        for _ in 0..2 {
            for place in [&first, &second] {
                let said = place.good(&["setup", "--take-over"]);
                assert!(!said.contains("deactivate"), "{said}");
                assert!(place.is_complete());
            }
        }
        assert_eq!(buckets(server)["PowerLogger_raw"], 60);
        let tasks = all_tasks(server);
        assert!(tasks.len() == 6 && tasks.iter().all(Task::is_active));
        for (place, other) in [(&first, &second), (&second, &first)] {
            let (_, said) = place.run(&["verify"]);
            for line in [
                "✓ token of `run`: from writer.token, may write".to_owned(),
                "✓ retention of PowerLogger_raw: 60 d".to_owned(),
                "✓ foreign tasks".to_owned(),
                format!("✓ meters of installation {}: writes into our", other.id()),
            ] {
                assert!(said.contains(&line), "{line}: {said}");
            }
            assert!(
                !said.contains("✗ retention") && !said.contains("✗ meters"),
                "{said}"
            );
        }

        // A name that both use cannot be told apart on the server.
        toml(&second, "Heating", 7);
        let said = second.good(&["setup"]);
        for words in [
            "write the meters' names to the writer token's entry",
            &format!(
                "Installation {} writes Heating into the same buckets",
                first.id()
            ),
            "names of their own",
            "RAW_BUCKET",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert!(second.is_complete());
        for (place, other) in [(&first, &second), (&second, &first)] {
            let (code, said) = place.run(&["verify"]);
            let line = format!("✗ meters of installation {}: it writes Heating", other.id());
            assert!(code == 1 && said.contains(&line), "{said}");
        }
        // What the writer's token does not show is not called good.
        let file = first.dir().join(".env");
        let dotenv = fs::read_to_string(&file).unwrap().replace(OPERATOR, "");
        fs::write(&file, dotenv).unwrap();
        let (_, said) = first.run(&["verify"]);
        assert!(
            said.contains("– other installations: not checked"),
            "{said}"
        );
    });
}

#[test]
fn a_copied_card_leaves_the_originals_token_and_tasks() {
    let fake = start_fake();
    let server = &of_fake(&fake);
    let original = Place::new(server, "");
    original.good(&["setup"]);
    let id = original.id();
    // A copy on another machine, which spells the server in another way.
    let other_host = server.url().replace("127.0.0.1", "localhost");
    let copy = Place::new(server, &format!("INFLUX_HOST={other_host}\n"));
    let dotenv = fs::read_to_string(copy.dir().join(".env")).unwrap();
    let (_, dotenv) = dotenv.split_once('\n').unwrap();
    fs::write(copy.dir().join(".env"), dotenv).unwrap();
    fs::copy(
        writer_file::path(original.dir()),
        writer_file::path(copy.dir()),
    )
    .unwrap();
    let text = fs::read_to_string(original.dir().join(installation::ID_FILE)).unwrap();
    let of_another: String = text
        .lines()
        .map(|line| match line.split_once('=') {
            Some((name @ ("machine" | "board"), _)) => format!("{name}=of another machine\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let knows_machines = text != of_another;
    fs::write(copy.dir().join(installation::ID_FILE), &of_another).unwrap();
    if knows_machines {
        let (code, said) = copy.run(&["verify"]);
        assert!(
            code == 1 && said.contains("✗ installation") && said.contains("a copy"),
            "{said}"
        );
        let (_, said) = copy.run(&["delete-buckets", "--tasks-and-tokens"]);
        assert!(
            said.contains("no task or token is known to be ours"),
            "{said}"
        );
        let said = copy.good(&["setup"]);
        assert!(
            said.contains(&format!("on another machine ({id})")),
            "{said}"
        );
        assert_ne!(copy.id(), id);
        assert_eq!(all_tasks(server).len(), 6);
    } else {
        copy.good(&["setup"]);
    }
    assert!(copy.is_complete() && original.is_complete());
    let (_, said) = original.run(&["verify"]);
    assert!(
        said.contains("✓ token of `run`: from writer.token, may write"),
        "{said}"
    );

    // A copy of a file that names no machine yet has the same mark: the original's token stays all the same.
    let third = Place::new(server, &format!("INFLUX_HOST={other_host}\n"));
    fs::write(third.dir().join(".env"), dotenv).unwrap();
    fs::write(third.dir().join(installation::ID_FILE), format!("{id}\n")).unwrap();
    let said = third.good(&["setup"]);
    assert!(said.contains("not known to be made here"), "{said}");
    assert_eq!(third.id(), id);
    let (_, said) = original.run(&["verify"]);
    assert!(
        said.contains("✓ token of `run`: from writer.token, may write"),
        "{said}"
    );
}

#[test]
fn a_token_that_is_refused_is_replaced_where_it_comes_from() {
    let fake = start_fake();
    let server = &of_fake(&fake);
    let place = Place::new(server, "");
    let wrong = [("INFLUX_TOKEN", "wrong-token")];
    let (code, said) = place.run_with(&["verify"], &wrong);
    assert_eq!(code, 1, "{said}");
    let remedy = said
        .lines()
        .skip_while(|line| !line.contains("✗ token of `run`"));
    let remedy = remedy.take(2).collect::<String>();
    assert!(
        remedy.contains("from INFLUX_TOKEN: refused")
            && remedy.contains("put a token with all rights"),
        "setup would fail with it: {said}"
    );
    place.good(&["setup"]);
    let (_, said) = place.run_with(&["verify"], &wrong);
    assert!(
        said.contains("✓ token of `run`: from writer.token"),
        "{said}"
    );
    assert!(
        said.contains("– retention of the buckets") && said.contains("take it out"),
        "{said}"
    );
    let (_, said) = place.run_with(&["verify"], &[("INFLUX_WRITER_TOKEN", "wrong-token")]);
    assert!(said.contains("correct INFLUX_WRITER_TOKEN"), "{said}");
}

#[test]
fn verify_is_green_on_a_machine_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place(dir);
    let env = [("QUEUE_DIR", "journal"), ("PATH", "/nowhere")];
    let verify = |env: &[(&str, &str)]| {
        let (_, said) = place.run_with(&["verify", "--json"], env);
        let all: Value = serde_json::from_str(&said).unwrap();
        let checks = all["checks"].as_array().unwrap().clone();
        checks
            .into_iter()
            .map(|check| (text_of(&check["what"]), text_of(&check["outcome"])))
            .collect::<BTreeMap<String, String>>()
    };
    let checks = verify(&env);
    assert_eq!(checks["InfluxDB"], "off");
    assert_eq!(checks["daemon"], "off");
    // A machine without GPIO has no line to read: nothing else may fail.
    let failed = checks.iter().filter(|(_, outcome)| *outcome == "bad");
    for (what, _) in failed.clone() {
        assert!(what.starts_with("line"), "{what}: {checks:?}");
    }
    let (code, said) = place.run_with(&["verify"], &env);
    assert_eq!(code, i32::from(failed.count() > 0), "{said}");
    for line in [
        "– InfluxDB: not configured",
        "– daemon: not running: nothing is counted",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    // A server that is meant and not named in full is a fault, a placeholder among them.
    for half in [
        ("INFLUX_HOST", "http://127.0.0.1:9"),
        ("INFLUX_TOKEN", "paste_your_token_here"),
    ] {
        let checks = verify(&[env[0], env[1], half]);
        assert_eq!(checks["InfluxDB"], "bad", "{half:?}");
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The three tasks of the Python edition, chained, stamped with the end of each window.
fn python_task(name: &str, every: &str, reach: &str, from: &str, to: &str) -> String {
    format!(
        "option task = {{name: \"{name}\", every: {every}}}\n\
         from(bucket: \"{from}\") |> range(start: -{reach}) \
         |> filter(fn: (r) => r._measurement == \"PowerPulse\") \
         |> aggregateWindow(every: {every}, fn: sum, createEmpty: false) \
         |> to(bucket: \"{to}\", org: \"{ORG}\")"
    )
}

#[test]
fn the_python_edition_is_taken_over() {
    // Its own scripts run on a real server alone.
    if let Some(server) = Influxd::start("the_python_edition_is_taken_over") {
        check_the_python_edition_is_taken_over(&server);
    }
}

fn check_the_python_edition_is_taken_over(server: &Remote) {
    for (name, days) in BUCKETS {
        server.create_bucket(name, days * 86_400);
    }
    let chain = [
        python_task(
            "PowerLogger_1m",
            "1m",
            "5m",
            "PowerLogger_raw",
            "PowerLogger_1m",
        ),
        python_task(
            "PowerLogger_5m",
            "5m",
            "30m",
            "PowerLogger_1m",
            "PowerLogger_5m",
        ),
        python_task(
            "PowerLogger_1h",
            "1h",
            "6h",
            "PowerLogger_5m",
            "PowerLogger_1h",
        ),
    ];
    let client = server.client(Some(OPERATOR));
    for script in &chain {
        client.create_task(server.org_id(), script, "").unwrap();
    }
    // One pulse a second over an hour, downsampled as the Python edition did.
    // No run of these tasks reaches so far back.
    let hour_s = View::Hour.floor_s(now_s()) - 24 * 3_600;
    write(
        server,
        "PowerLogger_raw",
        (0..3_600).map(|s| (hour_s + s) * NS_PER_S),
    );
    for (script, step_s, reach_s) in [
        (&chain[0], 60, 300),
        (&chain[1], 300, 1_800),
        (&chain[2], 3_600, 21_600),
    ] {
        let mut tick_s = hour_s + step_s;
        while tick_s <= hour_s + 3_600 + reach_s {
            client.query(script, Some(tick_s), &mut |_| {}).unwrap();
            tick_s += step_s;
        }
    }
    let hours = points(server, "PowerLogger_1h");
    assert_eq!(
        hours,
        BTreeMap::from([(hour_s + 3_600, 3_240), (hour_s + 7_200, 360)]),
        "a tenth is late"
    );

    let place = Place::new(server, "");
    let (code, said) = place.run(&["setup"]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("Somebody else's tasks") && said.contains("--take-over"),
        "{said}"
    );
    let (_, said) = place.run(&["verify"]);
    assert!(said.contains("✗ foreign task \"PowerLogger_5m\""), "{said}");
    let said = place.good(&["setup", "--take-over"]);
    assert!(said.contains("recomputed from raw"), "{said}");
    let active = all_tasks(server).into_iter().filter(Task::is_active);
    let names: Vec<String> = active.map(|task| task.name).collect();
    assert!(
        names.len() == 3 && names.iter().all(|name| name.starts_with("PowerLogger ")),
        "{names:?}"
    );

    assert_eq!(
        points(server, "PowerLogger_1h"),
        BTreeMap::from([(hour_s, 3_600)])
    );
    for (bucket, width_s) in [("PowerLogger_1m", 60), ("PowerLogger_5m", 300)] {
        let want: BTreeMap<i64, i64> = (0..3_600 / width_s)
            .map(|n| (hour_s + n * width_s, width_s))
            .collect();
        assert_eq!(points(server, bucket), want, "{bucket}");
    }
    let said = place.good(&["setup", "--take-over"]);
    assert!(
        said.contains("1h: 0 windows recomputed"),
        "again, nothing to do: {said}"
    );
}

#[test]
fn names_may_hold_anything_that_the_server_takes() {
    on_both(
        "names_may_hold_anything_that_the_server_takes",
        check_names_may_hold_anything_that_the_server_takes,
    );
}

fn check_names_may_hold_anything_that_the_server_takes(server: &Remote) {
    let org = "Mein \"Haus\", Süd ${x}";
    server.call("POST", "/api/v2/orgs", Some(&json!({ "name": org })));
    let more = format!(
        "INFLUX_ORG={org}\nRAW_BUCKET=raw, größer = 'besser' \\ so\nB1M_BUCKET=1m ${{y}}\nB5M_BUCKET=5 m\n\
         B1H_BUCKET=日々\nMEASUREMENT=Strom, \"Puls\" = ja\n"
    );
    let place = Place::new(server, "");
    let dotenv = fs::read_to_string(place.dir().join(".env")).unwrap();
    let dotenv = dotenv.replace(&format!("INFLUX_ORG={ORG}\n"), "") + &more;
    fs::write(place.dir().join(".env"), dotenv).unwrap();
    let influx = place.settings();
    assert_eq!(influx.org, org);
    place.good(&["setup"]);
    assert!(place.is_complete());
    let (_, said) = place.run(&["verify"]);
    assert!(said.contains("✓ end to end"), "{said}");
    for line in [
        "bucket 日々: there",
        "bucket 1m ${y}: there",
        "✓ task 1m: active",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    // The script counts what is in there.
    let client = powerlogger::influx::Client::new(&powerlogger::influx::ClientSettings {
        host: server.url(),
        org: org.to_owned(),
        token: Some(OPERATOR.to_owned()),
        ca_file: None,
        timeout: PATIENCE,
    })
    .unwrap();
    let minute_s = View::Minute.floor_s(now_s()) - 600;
    let line = format!(
        "Strom\\,\\ \"Puls\"\\ =\\ ja,PulseType=Import Pulse=1i {}\n",
        minute_s * NS_PER_S
    );
    client
        .write(&influx.raw_bucket, line.as_bytes(), false)
        .unwrap();
    for view in View::ALL {
        let script = tasks::script(&influx, view, "01234567");
        client
            .query(&script, Some(minute_s + 3_600), &mut |_| {})
            .unwrap();
        let bucket = flux::string(influx.bucket(Tier::View(view)));
        let mut found = Vec::new();
        let reading = shapes::fill(
            POINTS,
            &[
                ("bucket", &bucket),
                ("start", &flux::time_s(now_s() - 3 * 3_600)),
                ("stop", &flux::time_s(now_s() + 1)),
                ("measurement", &flux::string(&influx.measurement)),
                ("field", "\"Pulse\""),
            ],
        );
        let mut each =
            |row: flux::Row<'_>| found.push(row.get("_value").unwrap_or_default().to_owned());
        client.query(&reading, None, &mut each).unwrap();
        assert_eq!(found, ["1"], "{view:?}");
    }
    place.good(&[
        "delete-buckets",
        "--yes-delete-all-data",
        "--tasks-and-tokens",
    ]);
}

#[test]
fn the_tasks_count_every_pulse_in_its_window_at_every_level() {
    on_both(
        "the_tasks_count_every_pulse_in_its_window_at_every_level",
        check_the_tasks_count_every_pulse_in_its_window_at_every_level,
    );
}

fn check_the_tasks_count_every_pulse_in_its_window_at_every_level(server: &Remote) {
    let place = Place::new(server, "");
    place.good(&["setup"]);
    let influx = place.settings();
    let client = server.client(Some(OPERATOR));
    let run = |view: View, now_s: i64| {
        let script = tasks::script(&influx, view, "01234567");
        client.query(&script, Some(now_s), &mut |_| {}).unwrap();
    };
    let hour_s = View::Hour.floor_s(now_s()) - 10 * 3_600;
    let at = |s: i64, ns: i64| (hour_s + s) * NS_PER_S + ns;
    // At the edges, in the last second before a tick, and in the middle.
    let edges = [0, 60, 300, 3_600]
        .map(|s| [at(s, -1), at(s, 0), at(s, 1)])
        .concat();
    let first: Vec<i64> = edges
        .into_iter()
        .chain([at(3_599, 900_000_000), at(1_234, 567)])
        .collect();
    write(server, "PowerLogger_raw", first.iter().copied());
    // Every tick of every task over the two hours after.
    let ticks = |from_s: i64, to_s: i64| {
        for view in View::ALL {
            let mut tick_s = view.floor_s(from_s) + view.width_s();
            while tick_s <= to_s {
                run(view, tick_s);
                tick_s += view.width_s() * if view == View::Minute { 15 } else { 1 };
            }
        }
    };
    ticks(hour_s, hour_s + 2 * 3_600);
    // Late by one, six and forty minutes: the next ticks still reach them.
    let late = [at(7_200 - 60, 5), at(7_200 - 360, 5), at(7_200 - 2_400, 5)];
    write(server, "PowerLogger_raw", late);
    ticks(hour_s + 2 * 3_600, hour_s + 3 * 3_600);
    let pulses: Vec<i64> = first.into_iter().chain(late).collect();
    let views_are = |pulses: &[i64]| {
        for view in View::ALL {
            let mut want = BTreeMap::new();
            for pulse in pulses {
                *want.entry(view.start_of(WallNs(*pulse))).or_default() += 1;
            }
            assert_eq!(
                points(server, influx.bucket(Tier::View(view))),
                want,
                "{view:?}"
            );
        }
    };
    views_are(&pulses);

    // By hand, at odd times, also for the long past.
    for task in all_tasks(server) {
        let path = format!("/api/v2/tasks/{}/runs", task.id);
        // One at a time: queued ones are run in any order, and many at once.
        let odd_times = [hour_s + 4_021, hour_s + 90, hour_s - 400 * 86_400 + 7];
        for scheduled_s in odd_times.map(flux::time_s) {
            server.call("POST", &path, Some(&json!({ "scheduledFor": scheduled_s })));
            wait_until("the run to end", PATIENCE, || {
                let runs = server.call("GET", &path, None);
                let mut runs = runs["runs"].as_array().unwrap().iter();
                runs.any(|run| {
                    run["scheduledFor"] == scheduled_s.as_str() && run["status"] == "success"
                })
            });
        }
    }
    views_are(&pulses);

    // Late by seven hours: no tick reaches it. What a query reads before the late point and writes
    // after it is put right, too: that is the reconciler's, which `audit` runs by hand.
    write(server, "PowerLogger_raw", [at(600, 3)]);
    ticks(hour_s + 7 * 3_600, hour_s + 8 * 3_600);
    views_are(&pulses);
    place.good(&["audit", "--repair", "--from", "raw", "--since=-2 days"]);
    let pulses: Vec<i64> = pulses.into_iter().chain([at(600, 3)]).collect();
    views_are(&pulses);
}
