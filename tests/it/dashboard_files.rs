//! The files in `dist/grafana`: what Grafana reads of them is there, in its own form, and fits together with the compose
//! file.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::grafana::{Dashboard, files, folder, queries};
use crate::support::program::{find, good, outcome, skip};
use serde_json::{Value, json};

const CLONE: &str = env!("CARGO_MANIFEST_DIR");

/// Grafana's grid is so wide.
const COLUMNS: u64 = 24;

/// What Flux functions the dashboard may use: with the version of Flux that brought them. InfluxDB 2.7.0 has 0.193.
const FLUX: [(&str, u32); 23] = [
    ("aggregateWindow", 7),
    ("date.sub", 162),
    ("date.truncate", 37),
    ("date.weekDay", 37),
    ("duration", 7),
    ("elapsed", 36),
    ("filter", 7),
    ("float", 7),
    ("from", 7),
    ("group", 7),
    ("int", 7),
    ("last", 7),
    ("map", 7),
    ("now", 7),
    ("pivot", 7),
    ("range", 7),
    ("sort", 7),
    ("strings.replaceAll", 18),
    ("sum", 7),
    ("tail", 39),
    ("time", 7),
    ("timezone.location", 134),
    ("union", 7),
];

fn dashboards() -> Vec<Dashboard> {
    let found: Vec<Dashboard> = files().iter().map(|path| Dashboard::read(path)).collect();
    assert!(!found.is_empty());
    found
}

fn yaml(path: &Path) -> Value {
    serde_yaml_ng::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn dashboards_name_no_server_and_all_their_variables_exist() {
    let (mut uids, mut titles) = (BTreeSet::new(), BTreeSet::new());
    for board in dashboards() {
        assert!(uids.insert(board.json["uid"].to_string()));
        assert!(titles.insert(board.json["title"].to_string()));
        assert_eq!(board.json["id"], Value::Null, "the number is Grafana's");
        let names = board
            .variables()
            .iter()
            .map(|variable| text(&variable["name"]));
        let grafanas = ["__field.labels.PulseType", "__range_s"];
        let known: BTreeSet<&str> = names.chain(grafanas).collect();
        let sources = board.variables().iter();
        let mut sources = sources.filter(|variable| variable["type"] == "datasource");
        let source = sources.next().unwrap();
        assert_eq!(text(&source["name"]), "ds");
        for panel in board.panels() {
            let from = json!({ "type": source["query"], "uid": "${ds}" });
            assert_eq!(panel["datasource"], from, "{}", panel["title"]);
            for target in panel["targets"].as_array().unwrap() {
                assert_eq!(target["datasource"], from);
            }
            for used in panel.to_string().split("${").skip(1) {
                let name = used.split('}').next().unwrap();
                assert!(known.contains(name), "{name} in {}", panel["title"]);
            }
        }
    }
}

#[test]
fn panels_lie_beside_each_other() {
    for board in dashboards() {
        let (mut ids, mut cells) = (BTreeSet::new(), BTreeMap::new());
        for panel in board.panels() {
            let title = text(&panel["title"]);
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
            let at = |name: &str| panel["gridPos"][name].as_u64().unwrap();
            let (x, y, w, h) = (at("x"), at("y"), at("w"), at("h"));
            assert!(w > 0 && h > 0 && x + w <= COLUMNS, "{title}");
            for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |row| (column, row))) {
                let other = cells.insert(cell, title);
                assert_eq!(other, None, "{title} lies on another panel");
            }
            let targets = panel["targets"].as_array().unwrap().iter();
            let letters: Vec<&str> = targets.map(|target| text(&target["refId"])).collect();
            let different: BTreeSet<&&str> = letters.iter().collect();
            assert_eq!(different.len(), letters.len(), "{title}: {letters:?}");
        }
    }
}

/// Names that are called, and those that the query itself gives to functions.
fn called(query: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut own = BTreeSet::new();
    for line in query.lines() {
        if let Some((name, rest)) = line.trim().split_once(" = (") {
            if rest.contains(") =>") {
                own.insert(name.to_owned());
            }
        }
        for (end, _) in line.match_indices('(') {
            let is_of_a_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '.';
            let before = &line[..end];
            let name = &before[before.rfind(|c| !is_of_a_name(c)).map_or(0, |at| at + 1)..];
            if !name.is_empty() {
                names.insert(name.to_owned());
            }
        }
    }
    &names - &own
}

#[test]
fn flux_is_that_of_influxdb_2_7() {
    let board = Dashboard::read(&folder().join("powerlogger.json"));
    let known: BTreeMap<&str, u32> = FLUX.into_iter().collect();
    assert!(known.values().all(|version| *version <= 193));
    let scripts: Vec<String> = board.panels().iter().flat_map(queries).collect();
    let used: BTreeSet<String> = scripts.iter().flat_map(|query| called(query)).collect();
    let known: BTreeSet<String> = known.into_keys().map(str::to_owned).collect();
    assert_eq!(used, known);
    // Imports stand before any option, or nothing is run.
    for query in scripts {
        let option = query.find("option ").unwrap_or(query.len());
        let import = query.rfind("import ");
        assert!(import.is_none_or(|import| import < option), "{query}");
    }
}

/// The checker, built; none: Go or the schema's module is not to be had.
fn checker(test: &str, dir: &Path) -> Option<PathBuf> {
    let source = Path::new(CLONE).join("tests/grafana_schema");
    let Some(go) = find(None, "go") else {
        skip(test, "no go on PATH");
        return None;
    };
    let call = |args: &[&str]| {
        let mut command = Command::new(&go);
        command.args(args).current_dir(&source);
        outcome(command.env("GOTOOLCHAIN", "local"))
    };
    let (code, said) = call(&["mod", "download"]);
    if code != 0 {
        skip(test, said.lines().next().unwrap_or("no module"));
        return None;
    }
    let binary = dir.join("check");
    let (code, said) = call(&["build", "-o", binary.to_str().unwrap(), "."]);
    assert_eq!(code, 0, "{said}");
    Some(binary)
}

#[test]
fn grafanas_own_schema_takes_the_dashboards() {
    let dir = tempfile::tempdir().unwrap();
    let Some(checker) = checker("grafanas_own_schema_takes_the_dashboards", dir.path()) else {
        return;
    };
    let output = Command::new(&checker).args(files()).output().unwrap();
    assert_eq!(good(&output), "");

    // It looks at each field.
    let mut wrong = Dashboard::read(&files()[0]).json;
    wrong["panels"][0]["options"]["legend"] = json!({ "placment": "bottom" });
    let path = dir.path().join("wrong.json");
    fs::write(&path, wrong.to_string()).unwrap();
    let (code, said) = outcome(Command::new(&checker).arg(&path));
    assert!(code == 1 && said.contains("unexpected field"), "{said}");
}

#[test]
fn the_compose_file_shows_the_dashboard() {
    let container = Path::new(CLONE).join("dist/container");
    let grafana = &yaml(&container.join("compose.yaml"))["services"]["grafana"];
    let mut mounted: BTreeMap<&str, PathBuf> = BTreeMap::new();
    for volume in grafana["volumes"].as_array().unwrap() {
        let mut parts = text(volume).split(':');
        let (from, to) = (parts.next().unwrap(), parts.next().unwrap());
        if from.starts_with('.') {
            assert_eq!(parts.next(), Some("ro"), "{volume}");
            let from = container.join(from);
            assert!(from.is_file(), "{volume}");
            mounted.insert(to, from);
        }
    }
    let provisioned = |kind: &str| {
        let path = format!("/etc/grafana/provisioning/{kind}/powerlogger.yaml");
        yaml(&mounted[path.as_str()])
    };
    // The dashboards lie where Grafana looks for them.
    let path = text(&provisioned("dashboards")["providers"][0]["options"]["path"]).to_owned();
    let shown: Vec<&&str> = mounted.keys().filter(|to| to.starts_with(&path)).collect();
    assert_eq!(shown, [&format!("{path}/powerlogger.json").as_str()]);

    let source = &provisioned("datasources")["datasources"][0];
    let board = Dashboard::read(&folder().join("powerlogger.json"));
    assert_eq!(source["type"], board.variables()[0]["query"]);
    assert_eq!(source["jsonData"]["version"], "Flux");
    // All that is put in from outside is given by the compose file.
    let environment = grafana["environment"].as_object().unwrap();
    let written = source.to_string();
    let variables: Vec<&str> = written
        .split('$')
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(variables.len(), 3);
    for name in variables {
        assert!(environment.contains_key(name), "{name}");
    }
}
