//! The examples of docs/usage/integrations.md, run: expressions, scripts and files as they stand there, on the answers of the
//! true binary, by the program that they are for, or by the tools that it uses for them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};

use crate::support::daemon::Daemon;
use crate::support::influxd::Influxd;
use crate::support::mosquitto::Mosquitto;
use crate::support::port::Port;
use crate::support::program::{Program, executable, find, good, skip};
use crate::support::prometheus::client;
use crate::support::remote::{OPERATOR, ORG};
use crate::support::wait::{PATIENCE, wait_for};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// What the examples call the board.
const BOARD: &str = "http://raspberrypi.local:8077";

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/usage/integrations.md");
    fs::read_to_string(path).unwrap()
}

/// What stands under a heading.
fn section(heading: &str) -> String {
    let document = document();
    let (_, rest) = document.split_once(&format!("\n## {heading}\n")).unwrap();
    rest.split("\n## ").next().unwrap().to_owned()
}

/// The examples in this language under a heading.
fn examples(heading: &str, language: &str) -> Vec<String> {
    let section = section(heading);
    let begin = format!("```{language}\n");
    let parts = section.split(&begin).skip(1);
    let found: Vec<String> = parts
        .map(|part| part.split("```").next().unwrap().to_owned())
        .collect();
    assert!(!found.is_empty(), "{heading}");
    found
}

/// What stands between two texts, each time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let parts = text.split(before).skip(1);
    parts
        .map(|part| part.split(after).next().unwrap())
        .collect()
}

/// A daemon with a winter evening behind it, at this port.
struct House {
    daemon: Daemon,
    port: u16,
    _kept: Port,
}

impl House {
    fn start() -> House {
        let kept = Port::keep();
        let port = kept.number();
        let config = format!("[web]\nlisten = \"127.0.0.1:{port}\"\n");
        let args = [
            "--simulate",
            "--past",
            "2 hours",
            "--from",
            "2026-01-15T19:00:00Z",
        ];
        let daemon = Daemon::start(&config, &args);
        let house = House {
            daemon,
            port,
            _kept: kept,
        };
        wait_for("power of the import, and its past", PATIENCE, || {
            let now = house.now()?;
            let last =
                "/api/v1/history?from=2026-01-15T18:58:00Z&to=2026-01-15T18:59:00Z&window=1m";
            let last: Value = serde_json::from_str(&house.get(last)?).ok()?;
            let is_counted = last["meters"][0]["pulses"][0].is_u64();
            (is_counted && now["meters"][0]["power_w"].as_f64()? > 0.0).then_some(())
        });
        house
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What the daemon answers at this path; None: not yet, such as before the journal is made.
    fn get(&self, path: &str) -> Option<String> {
        let answer = client(self.port).request("GET", path, &[], b"").ok()?;
        if answer.status == 503 {
            return None;
        }
        assert_eq!(
            answer.status,
            200,
            "{path}: {}\n{}",
            answer.body,
            self.daemon.log()
        );
        Some(answer.body)
    }

    fn now(&self) -> Option<Value> {
        serde_json::from_str(&self.get("/api/v1/now")?).ok()
    }

    fn of(now: &Value, role: &str) -> Value {
        let meters = now["meters"].as_array().unwrap().iter();
        let mut meters = meters.filter(|meter| meter["role"] == role);
        meters.next().unwrap().clone()
    }
}

/// Runs a command with this on its standard input; its output.
fn filtered(command: &mut Command, input: &str) -> String {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    good(&child.wait_with_output().unwrap()).trim().to_owned()
}

#[test]
fn evcc_gets_numbers() {
    let evcc: Value = serde_yaml_ng::from_str(&examples("evcc", "yaml")[0]).unwrap();
    let Some(jq) = find(None, "jq") else {
        return skip("evcc_gets_numbers", "no jq on PATH");
    };
    let house = House::start();
    let now = house.now().unwrap();
    let [import, export, generation] =
        ["import", "export", "generation"].map(|role| House::of(&now, role));
    let power = |meter: &Value| meter["power_w"].as_f64().unwrap_or(0.0);
    let wanted = [
        ("grid", "power", power(&import) - power(&export)),
        (
            "grid",
            "energy",
            import["pulses"].as_f64().unwrap() / 1_000.0,
        ),
        ("pv", "power", power(&generation)),
    ];
    let mut seen = 0;
    for meter in evcc["meters"].as_array().unwrap() {
        for (name, what, want) in wanted.iter().filter(|(name, ..)| meter["name"] == *name) {
            let source = &meter[*what];
            assert_eq!(source["uri"], format!("{BOARD}/api/v1/now"));
            let mut command = Command::new(&jq);
            let said = filtered(
                command.arg(source["jq"].as_str().unwrap()),
                &now.to_string(),
            );
            let got: f64 = said
                .parse()
                .unwrap_or_else(|_| panic!("{name} {what}: {said}"));
            assert!(
                (got - want).abs() < 1e-9,
                "{name} {what}: {want}, not {got}"
            );
            seen += 1;
        }
    }
    assert_eq!(seen, wanted.len());
    for role in ["grid", "pv"] {
        assert_eq!(evcc["site"]["meters"][role], role);
    }
}

/// The value at a path of names and of `[?(@.key=='value')]`, of which one is chosen.
fn at<'a>(path: &str, json: &'a Value) -> Option<&'a Value> {
    let mut found = json;
    let mut rest = path.strip_prefix('$').unwrap();
    while !rest.is_empty() {
        if let Some(chosen) = rest.strip_prefix("[?(@.") {
            let (key, after) = chosen.split_once("=='").unwrap();
            let (value, after) = after.split_once("')]").unwrap();
            found = found.as_array()?.iter().find(|one| one[key] == value)?;
            rest = after;
        } else {
            let name = rest.strip_prefix('.').unwrap();
            let end = name.find(['.', '[']).unwrap_or(name.len());
            found = found.get(&name[..end])?;
            rest = &name[end..];
        }
    }
    Some(found)
}

#[test]
fn paths_for_openhab_lead_somewhere() {
    let examples = examples("openHAB", "java");
    let (things, items) = (&examples[0], &examples[1]);
    assert!(things.contains(&format!("baseURL=\"{BOARD}/api/v1/now\"")));
    let house = House::start();
    let now = house.now().unwrap();
    let paths = between(things, "JSONPATH:", "\"");
    assert_eq!(paths.len(), 7);
    for path in paths {
        let value = at(path, &now).unwrap_or_else(|| panic!("{path}: {now}"));
        let is_right = match path {
            "$.health.sentence" => value.is_string(),
            // The meter for feeding in is silent this evening.
            _ => value.is_number() || value.is_null() && !path.contains("import"),
        };
        assert!(is_right, "{path}: {value}");
    }
    for channel in between(items, "http:url:powerlogger:", "\"") {
        assert!(things.contains(&format!(" : {channel} ")), "{channel}");
    }
}

/// The numbers that an expression finds in the metrics, and those that are to be found.
fn assert_found(
    house: &House,
    expressions: &[String],
    mut found: impl FnMut(&str, &str) -> String,
) {
    assert_eq!(expressions.len(), 4);
    // A meter that has not had a pulse since the start has no power.
    let metrics = wait_for("metrics of all meters", PATIENCE, || {
        let metrics = house.get("/metrics")?;
        let powers = metrics.matches("powerlogger_power_watts{").count();
        (powers == 3).then_some(metrics)
    });
    for (expression, name) in expressions.iter().zip([
        "powerlogger_power_watts{meter=\"Import\"} ",
        "powerlogger_power_watts{meter=\"Export\"} ",
        "powerlogger_power_watts{meter=\"Generate\"} ",
        "powerlogger_energy_joules_total{meter=\"Import\"} ",
    ]) {
        let mut lines = metrics.lines();
        let want = lines.find_map(|line| line.strip_prefix(name)).unwrap();
        assert_eq!(found(expression, &metrics), want, "{expression}");
    }
}

#[test]
fn expressions_for_iobroker_and_a_flow_for_node_red_work() {
    let Some(node) = find(None, "node") else {
        return skip(
            "expressions_for_iobroker_and_a_flow_for_node_red_work",
            "no node on PATH",
        );
    };
    let house = House::start();
    let rows = section("ioBroker");
    let cells = rows.lines().filter(|line| line.starts_with("| `"));
    let expressions: Vec<String> = cells
        .map(|line| line.split('`').nth(3).unwrap().to_owned())
        .collect();
    let script =
        "console.log(new RegExp(process.argv[1]).exec(require('fs').readFileSync(0, 'utf8'))[1])";
    assert_found(&house, &expressions, |expression, metrics| {
        filtered(
            Command::new(&node).args(["-e", script, expression]),
            metrics,
        )
    });

    let flow: Value = serde_json::from_str(&examples("Node-RED", "json")[0]).unwrap();
    let nodes = flow.as_array().unwrap();
    let node_of = |kind: &str| nodes.iter().find(|node| node["type"] == kind).unwrap();
    // Wires lead to nodes of the flow.
    for wire in nodes
        .iter()
        .filter_map(|node| node["wires"][0].as_array())
        .flatten()
    {
        assert!(nodes.iter().any(|node| node["id"] == *wire), "{wire}");
    }
    assert_eq!(
        node_of("http request")["url"],
        format!("{BOARD}/api/v1/now")
    );
    let now = house.now().unwrap();
    let message = json!({ "statusCode": 200, "payload": now }).to_string();
    let body = node_of("function")["func"].as_str().unwrap();
    let script = "const msg = JSON.parse(require('fs').readFileSync(0, 'utf8'));
        console.log(JSON.stringify(new Function('msg', process.argv[1])(msg).payload))";
    let said = filtered(Command::new(&node).args(["-e", script, body]), &message);
    let got: Value = serde_json::from_str(&said).unwrap();
    let import = House::of(&now, "import");
    assert_eq!(got["import_w"], import["power_w"]);
    assert_eq!(got["house_w"], now["flow"]["house_w"]);
    let kwh = got["import_kwh"].as_f64().unwrap() - import["pulses"].as_f64().unwrap() / 1_000.0;
    assert!(kwh.abs() < 1e-9, "{got}");
}

#[test]
fn expressions_for_fhem_work() {
    let Some(perl) = find(None, "perl") else {
        return skip("expressions_for_fhem_work", "no perl on PATH");
    };
    let house = House::start();
    let example = &examples("FHEM", "perl")[0];
    let lines = example.lines().filter(|line| line.contains("Regex "));
    let expressions: Vec<String> = lines
        .map(|line| line.split_once("Regex ").unwrap().1.to_owned())
        .collect();
    assert_found(&house, &expressions, |expression, metrics| {
        let script = "undef $/; my $text = <STDIN>; my $expression = shift; print $1 if $text =~ /$expression/";
        filtered(
            Command::new(&perl).args(["-e", script, expression]),
            metrics,
        )
    });
}

/// A server that takes one request; its first line and its body.
fn taking_one() -> (String, JoinHandle<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let taken = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = Vec::new();
        let mut part = [0; 4_096];
        loop {
            let read = stream.read(&mut part).unwrap();
            assert!(read > 0, "the request breaks off");
            bytes.extend_from_slice(&part[..read]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: "));
            if body.len() >= length.unwrap().parse().unwrap() {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    .unwrap();
                return (head.lines().next().unwrap().to_owned(), body.to_owned());
            }
        }
    });
    (url, taken)
}

/// Runs the shell script of a section; None: a tool is missing.
fn script(
    test: &str,
    heading: &str,
    house: &House,
    dir: &Path,
    server: (&str, &str),
) -> Option<()> {
    for tool in ["curl", "jq"] {
        if find(None, tool).is_none() {
            skip(test, &format!("no {tool} on PATH"));
            return None;
        }
    }
    let file = dir.join("script");
    fs::write(&file, &examples(heading, "sh")[0]).unwrap();
    let path = std::env::join_paths(
        std::iter::once(dir.to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut command = Command::new("/bin/sh");
    command
        .arg(&file)
        .env("PATH", path.unwrap())
        .env("POWERLOGGER", house.url())
        .env(server.0, server.1)
        .envs([("APIKEY", "key"), ("UUID", "1-2-3")]);
    good(&command.output().unwrap());
    Some(())
}

#[test]
fn the_script_for_emoncms_sends_what_is_so() {
    let house = House::start();
    let dir = tempfile::tempdir().unwrap();
    let (url, taken) = taking_one();
    let before = House::of(&house.now().unwrap(), "import");
    let test = "the_script_for_emoncms_sends_what_is_so";
    if script(test, "emoncms", &house, dir.path(), ("EMONCMS", &url)).is_none() {
        return;
    }
    let after = House::of(&house.now().unwrap(), "import");
    let (head, body) = taken.join().unwrap();
    assert_eq!(
        head,
        "POST /input/post?node=powerlogger&apikey=key HTTP/1.1"
    );
    let sent = percent_decode_str(body.strip_prefix("fulljson=").unwrap());
    let sent: Value = serde_json::from_str(&sent.decode_utf8().unwrap()).unwrap();
    let kwh = |meter: &Value| meter["pulses"].as_f64().unwrap() / 1_000.0;
    let got = sent["import_kwh"].as_f64().unwrap();
    assert!(
        (kwh(&before)..=kwh(&after)).contains(&got),
        "{before} {sent} {after}"
    );
    assert!(sent["import_w"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_script_for_volkszaehler_sends_each_minute() {
    let house = House::start();
    let dir = tempfile::tempdir().unwrap();
    // It is seven in the evening, for the script as for the daemon.
    let date = "#!/bin/sh\nexec /bin/date -u -d \"2026-01-15T19:00:00Z $3\" \"$4\"\n";
    executable(&dir.path().join("date"), date);
    let (url, taken) = taking_one();
    let test = "the_script_for_volkszaehler_sends_each_minute";
    if script(test, "volkszaehler", &house, dir.path(), ("VZ", &url)).is_none() {
        return;
    }
    let (head, body) = taken.join().unwrap();
    assert_eq!(
        head,
        "POST /data/1-2-3.json?options=skipduplicates HTTP/1.1"
    );
    let sent: Vec<(i64, i64)> = serde_json::from_str(&body).unwrap();
    let path = "/api/v1/history?from=2026-01-15T18:00:00Z&to=2026-01-15T18:59:00Z&window=1m";
    let history: Value = serde_json::from_str(&house.get(path).unwrap()).unwrap();
    let pulses = House::of(&history, "import")["pulses"].clone();
    let mut end_ms = "2026-01-15T18:00:00Z"
        .parse::<jiff::Timestamp>()
        .unwrap()
        .as_millisecond();
    let mut want = Vec::new();
    for pulses in pulses.as_array().unwrap() {
        end_ms += 60_000;
        want.push((end_ms, pulses.as_i64().unwrap()));
    }
    assert_eq!(sent, want);
    assert_eq!(sent.len(), 59);
    assert!(sent.iter().map(|(_, pulses)| pulses).sum::<i64>() > 100);
}

#[test]
fn victoria_metrics_scrapes_and_telegraf_is_told_where() {
    let telegraf: toml::Value = toml::from_str(&examples("Telegraf", "toml")[0]).unwrap();
    let input = &telegraf["inputs"]["prometheus"][0];
    assert_eq!(
        input["urls"][0].as_str(),
        Some(format!("{BOARD}/metrics").as_str())
    );

    let Some(binary) = find(None, "victoria-metrics") else {
        let why = "no victoria-metrics on PATH";
        return skip("victoria_metrics_scrapes_and_telegraf_is_told_where", why);
    };
    let house = House::start();
    let dir = tempfile::tempdir().unwrap();
    let file: PathBuf = dir.path().join("scrape.yaml");
    let example = &examples("VictoriaMetrics", "yaml")[0];
    let board = BOARD.strip_prefix("http://").unwrap();
    assert!(example.contains(board));
    let example = example
        .replace(board, &format!("127.0.0.1:{}", house.port))
        .replace("10s", "1s");
    fs::write(&file, example).unwrap();
    let mut command = Command::new(binary);
    command
        .args(["-httpListenAddr", "127.0.0.1:0", "-storageDataPath"])
        .arg(dir.path().join("data"))
        .arg("-promscrape.config")
        .arg(&file)
        .args(["-search.latencyOffset", "0s"]);
    let server = Program::start(&mut command, &dir.path().join("log"));
    let port = wait_for("a listening port", PATIENCE, || server.listening_port());
    let query = "/api/v1/query?query=powerlogger_pulses_total%7Bmeter=%22Import%22%7D";
    let counted = wait_for("scraped pulses", PATIENCE, || {
        let answer = client(port).request("GET", query, &[], b"").ok()?;
        let answer: Value = serde_json::from_str(&answer.body).ok()?;
        let value = answer["data"]["result"][0]["value"][1].as_str()?;
        value.parse::<i64>().ok()
    });
    let now = House::of(&house.now().unwrap(), "import")["pulses"].clone();
    assert!(
        counted > 100 && counted <= now.as_i64().unwrap(),
        "{counted} {now}"
    );
}

#[test]
fn the_task_for_solectrus_makes_watts() {
    let test = "the_task_for_solectrus_makes_watts";
    let Some(server) = Influxd::start(test) else {
        return;
    };
    for bucket in ["PowerLogger_1m", "solectrus"] {
        server.create_bucket(bucket, 0);
    }
    let task = &examples("SOLECTRUS", "flux")[0];
    let created = json!({ "org": ORG, "flux": task, "status": "inactive" });
    server.call("POST", "/api/v2/tasks", Some(&created));

    let body = "PowerPulse,PulseType=Import Pulse=12i 1764000000\nPowerPulse,PulseType=Generate Pulse=20i 1764000000\n\
                PowerPulse,PulseType=Export Pulse=6i 1764000000\nPowerPulse,PulseType=Import Pulse=9i 1764000060\n";
    let client = server.client(Some(OPERATOR));
    let path = format!("/api/v2/write?org={ORG}&bucket=PowerLogger_1m&precision=s");
    let answer = client.request("POST", &path, &[], body.as_bytes()).unwrap();
    assert_eq!(answer.status, 204, "{}", answer.body);
    let ask = |query: &str| {
        let body = json!({ "query": query, "now": "2025-11-24T16:02:00Z", "dialect": { "annotations": [] } });
        let headers = [
            ("Content-Type", "application/json"),
            ("Accept", "application/csv"),
        ];
        let path = format!("/api/v2/query?org={ORG}");
        let answer = client
            .request("POST", &path, &headers, body.to_string().as_bytes())
            .unwrap();
        assert_eq!(answer.status, 200, "{}\n{query}", answer.body);
        answer.body
    };
    ask(task);
    let found = ask(
        "from(bucket: \"solectrus\") |> range(start: -1h) |> pivot(rowKey: [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\")
         |> keep(columns: [\"_time\", \"_measurement\", \"export_power\", \"generate_power\", \"house_power\", \"import_power\"])",
    );
    // In which order the columns come is left to the server.
    let mut table = csv::Reader::from_reader(found.as_bytes());
    let rows: Vec<BTreeMap<String, String>> = table.deserialize().map(Result::unwrap).collect();
    let watts = |row: usize| {
        let fields = [
            "_time",
            "export_power",
            "generate_power",
            "house_power",
            "import_power",
        ];
        fields.map(|field| rows[row][field].as_str())
    };
    assert_eq!(rows.len(), 2, "{found}");
    assert_eq!(
        watts(0),
        ["2025-11-24T16:00:00Z", "360", "1200", "1560", "720"]
    );
    assert_eq!(watts(1), ["2025-11-24T16:01:00Z", "0", "0", "540", "540"]);
    // Its settings name fields that are there.
    for line in examples("SOLECTRUS", "properties")[0].lines() {
        let field = line.split_once("=powerlogger:").unwrap().1;
        assert!(found.contains(field), "{field}");
    }
}

/// What the examples by MQTT begin their topics with.
const PREFIX: &str = "powerlogger/";

/// The topics in a text, behind the prefix: those that stand between two others, such as quotes.
fn topics<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let before = format!("{before}{PREFIX}");
    let found = between(text, &before, after);
    assert!(!found.is_empty(), "{before}");
    found
}

/// The value of `jq`, as a number.
fn by_jq(jq: &Path, expression: &str, state: &Value) -> f64 {
    let said = filtered(Command::new(jq).arg(expression), &state.to_string());
    said.parse()
        .unwrap_or_else(|_| panic!("{expression}: {said}"))
}

#[test]
fn topics_of_the_examples_are_published_and_lead_to_numbers() {
    let test = "topics_of_the_examples_are_published_and_lead_to_numbers";
    let Some(broker) = Mosquitto::start(test) else {
        return;
    };
    let config = format!(
        "[web]\nlisten = \"off\"\n[mqtt]\nprefix = \"simulated\"\nurl = \"mqtt://127.0.0.1:{}\"\n",
        broker.port()
    );
    let args = [
        "--simulate",
        "--past",
        "2 hours",
        "--since",
        "2026-01-15T19:00:00Z",
    ];
    let daemon = Daemon::start(&config, &args);
    let of = |kept: &BTreeMap<String, String>, topic: &str| {
        kept.get(&format!("simulated/{topic}")).cloned()
    };
    let (kept, state) = wait_for("all powers", PATIENCE, || {
        let kept = broker.kept(None);
        // That all of it is there is said last.
        of(&kept, "status")?;
        let state: Value = serde_json::from_str(&of(&kept, "state")?).ok()?;
        let has_all = ["import", "export", "generate"].map(|name| state[name]["power"].is_number());
        (!has_all.contains(&false) && state["site"]["house_power"].is_number())
            .then_some((kept, state))
    });
    drop(daemon);
    // Nothing is retained of an alarm.
    let is_there = |topic: &&str| *topic == "alarm" || of(&kept, topic).is_some();
    let openhab = &examples("openHAB", "java")[2];
    let fhem = examples("FHEM", "perl")[1].replace("$DEVICETOPIC", "powerlogger");
    let flow: Value = serde_json::from_str(&examples("Node-RED", "json")[1]).unwrap();
    let flow = flow.to_string();
    let evcc = &examples("evcc", "yaml")[1];
    let solectrus = examples("SOLECTRUS", "properties");
    let solectrus = solectrus.last().unwrap();
    let telegraf: toml::Value = toml::from_str(&examples("Telegraf", "toml")[1]).unwrap();
    let telegraf = telegraf["inputs"]["mqtt_consumer"][0]["topics"].to_string();
    let all = [
        topics(openhab, "Topic=\"", "\""),
        topics(&fhem, " ", ":"),
        topics(&flow, "\"topic\":\"", "\""),
        topics(evcc, "topic: ", "\n"),
        topics(solectrus, "TOPIC=", "\n"),
        topics(&telegraf, "\"", "\""),
    ];
    for topic in all.iter().flatten() {
        assert!(is_there(topic), "{topic}: {kept:#?}");
    }
    for path in between(solectrus, "JSON_PATH=", "\n") {
        let value = at(path, &state);
        assert!(value.is_some_and(Value::is_number), "{path}: {state}");
    }
    let flow: Value = serde_json::from_str(&flow).unwrap();
    let nodes = flow.as_array().unwrap();
    for key in ["broker", "z"] {
        let used = nodes.iter().filter_map(|node| node[key].as_str());
        let used = used.filter(|id| !id.contains('.'));
        used.for_each(|id| assert!(nodes.iter().any(|node| node["id"] == id), "{id}"));
    }
    let Some(jq) = find(None, "jq") else {
        return skip(test, "no jq on PATH");
    };
    let evcc: Value = serde_yaml_ng::from_str(evcc).unwrap();
    let number = |value: &Value| value.as_f64().unwrap();
    let meters = evcc["meters"].as_array().unwrap();
    let of = |name: &str, what: &str| {
        let meter = meters.iter().find(|meter| meter["name"] == name).unwrap();
        by_jq(&jq, meter[what]["jq"].as_str().unwrap(), &state)
    };
    assert_eq!(of("grid", "power"), number(&state["site"]["grid_power"]));
    assert_eq!(of("grid", "energy"), number(&state["import"]["energy"]));
    assert_eq!(of("pv", "power"), number(&state["generate"]["power"]));
}
