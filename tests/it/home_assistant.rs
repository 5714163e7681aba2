//! A true Home Assistant, a true broker and the true binary: which entities there are, and that the statistics behind the
//! energy dashboard are the pulses, whatever happens to any of the three.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use crate::support::daemon::Daemon;
use crate::support::home_assistant::HomeAssistant;
use crate::support::mosquitto::Mosquitto;
use crate::support::program::skip;
use crate::support::recording::recording;
use crate::support::wait::{PATIENCE, wait_for, wait_until};
use serde_json::{Value, json};

/// A meter, as it is called at first.
struct Meter {
    name: &'static str,
    /// Its part of ids.
    slug: &'static str,
    /// What it has counted.
    amount: &'static str,
    /// Its pulses in each recording.
    pulses: u64,
    /// So many are one unit.
    per_unit: u64,
    keys: &'static str,
}

const METERS: [Meter; 4] = [
    Meter {
        name: "Import",
        slug: "import",
        amount: "energy",
        pulses: 25,
        per_unit: 800,
        keys: "imp_per_kwh = 800\nrole = 'import'",
    },
    Meter {
        name: "Export",
        slug: "export",
        amount: "energy",
        pulses: 10,
        per_unit: 1_000,
        keys: "imp_per_kwh = 1000\nrole = 'export'",
    },
    Meter {
        name: "Generate",
        slug: "generate",
        amount: "energy",
        pulses: 15,
        per_unit: 1_000,
        keys: "imp_per_kwh = 1000\nrole = 'generate'",
    },
    Meter {
        name: "Gas",
        slug: "gas",
        amount: "volume",
        pulses: 4,
        per_unit: 100,
        keys: "unit = 'm3'\npulses_per_unit = 100",
    },
];

/// The place of one of them.
const IMPORT: usize = 0;

impl Meter {
    /// The id of what it has counted.
    fn entity(&self) -> String {
        entity(&format!("{}_{}", self.slug, self.amount))
    }

    /// So many pulses, in its unit.
    fn worth(&self, pulses: u64) -> f64 {
        pulses as f64 / self.per_unit as f64
    }
}

/// Whether two sums of pulses are the same.
fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

fn entity(object: &str) -> String {
    format!("sensor.powerlogger_simulated_{object}")
}

/// The three, and what was counted.
struct House {
    broker: Mosquitto,
    home: HomeAssistant,
    daemon: Daemon,
    edges: tempfile::NamedTempFile,
    /// The meters as they are configured now: their places above, and their names.
    meters: Vec<(usize, &'static str)>,
    /// Pulses of each since the journal began,
    counted: [u64; 4],
    /// and, of all journals, since Home Assistant is there.
    summed: [u64; 4],
}

impl House {
    /// The daemon has counted a recording when Home Assistant begins.
    fn new(broker: Mosquitto, mut home: HomeAssistant) -> House {
        let meters: Vec<_> = (0..).zip(METERS.iter().map(|meter| meter.name)).collect();
        let edges = tempfile::NamedTempFile::new().unwrap();
        fs::write(edges.path(), recording(&pulses(&meters))).unwrap();
        let args = ["--replay", edges.path().to_str().unwrap()];
        let mut daemon = Daemon::start(&config(&broker, &meters), &args);
        let counted = METERS.map(|meter| meter.pulses);
        // What Home Assistant sees first is where its sums begin.
        daemon.wait_for("all of it at the broker", |_| {
            let kept = broker.kept(None);
            METERS.iter().all(|meter| {
                let topic = format!("simulated/a/{}/{}", meter.slug, meter.amount);
                let shown = kept.get(&topic).and_then(|shown| shown.parse().ok());
                shown.is_some_and(|shown| is_near(shown, meter.worth(meter.pulses)))
            })
        });
        home.begin(broker.port());
        House {
            broker,
            home,
            daemon,
            edges,
            meters,
            counted,
            summed: [0; 4],
        }
    }

    /// The daemon starts and counts a recording, which Home Assistant sees now or later.
    fn count(&mut self) {
        let meters = pulses(&self.meters);
        fs::write(self.edges.path(), recording(&meters)).unwrap();
        let before = self.daemon.pulses();
        self.daemon.start_again();
        let pulses: u64 = meters.iter().map(|(_, pulses)| pulses).sum();
        self.daemon
            .wait_for_pulses(before + i64::try_from(pulses).unwrap());
        for (place, _) in &self.meters {
            self.counted[*place] += METERS[*place].pulses;
            self.summed[*place] += METERS[*place].pulses;
        }
    }

    /// Waits until Home Assistant shows what was counted.
    fn wait_for_states(&self) {
        for (place, _) in &self.meters {
            let meter = &METERS[*place];
            let want = meter.worth(self.counted[*place]);
            self.home.wait_for_state(&meter.entity(), |state| {
                state.parse().is_ok_and(|shown| is_near(shown, want))
            });
        }
    }

    /// Home Assistant ends; meanwhile `change`; it starts again when statistics of all until its end are due. They are what
    /// was counted until then, or also what came since, and without a step back.
    fn compile(&mut self, change: impl FnOnce(&mut House)) {
        self.wait_for_states();
        let before = self.summed;
        self.home.stop();
        change(self);
        self.home.let_time_pass();
        self.home.go();
        for (meter, (before, now)) in METERS.iter().zip(before.into_iter().zip(self.summed)) {
            let (least, most) = (meter.worth(before), meter.worth(now));
            let sums = wait_for(&format!("{} {least}", meter.name), PATIENCE, || {
                let sums = self.home.sums(&meter.entity());
                let last = sums.last().copied().unwrap_or_default();
                (last > least - 1e-9).then_some(sums)
            });
            let last = sums.last().copied().unwrap();
            assert!(last < most + 1e-9, "{}: {sums:?} {most}", meter.name);
            assert!(sums.is_sorted(), "{}: {sums:?}", meter.name);
        }
        self.wait_for_states();
    }

    /// Another configuration for the next start.
    fn configure(&mut self, meters: &[(usize, &'static str)]) {
        self.meters = meters.to_vec();
        let text = config(&self.broker, meters);
        fs::write(self.daemon.dir().join("powerlogger.toml"), text).unwrap();
    }

    /// Our entities: their ids, and what they are now.
    fn entities(&self) -> Vec<(String, Value)> {
        let list = json!({ "type": "config/entity_registry/list" });
        let answers = self.home.ask(&[list, json!({ "type": "get_states" })]);
        let [all, states] = [0, 1].map(|place| answers[place].as_array().unwrap().iter());
        let ours = all.filter(|entity| entity["platform"] == "mqtt");
        ours.map(|entity| {
            let id = &entity["entity_id"];
            let state = states.clone().find(|state| state["entity_id"] == *id);
            let attributes = state.map_or(Value::Null, |state| state["attributes"].clone());
            (id.as_str().unwrap().to_owned(), attributes)
        })
        .collect()
    }

    /// Their names, by id.
    fn names(&self) -> BTreeMap<String, String> {
        let ours = self.entities().into_iter();
        ours.map(|(id, attributes)| (id, name(&attributes)))
            .collect()
    }

    /// What the energy dashboard says against what it was given.
    fn dashboard_complaints(&self) -> Vec<String> {
        fn collect(value: &Value, all: &mut Vec<String>) {
            match value {
                Value::Object(object) if object.contains_key("type") => all.push(value.to_string()),
                Value::Object(object) => object.values().for_each(|value| collect(value, all)),
                Value::Array(array) => array.iter().for_each(|value| collect(value, all)),
                _ => {}
            }
        }
        let said = self.home.ask(&[json!({ "type": "energy/validate" })]);
        let mut all = Vec::new();
        collect(&said[0], &mut all);
        all
    }
}

/// The meters as they are recorded.
fn pulses(meters: &[(usize, &'static str)]) -> Vec<(&'static str, u64)> {
    let of = |(place, name): &(usize, _)| (*name, METERS[*place].pulses);
    meters.iter().map(of).collect()
}

/// The configuration with these meters.
fn config(broker: &Mosquitto, meters: &[(usize, &'static str)]) -> String {
    let mut text = String::new();
    for (place, name) in meters {
        let (line, keys) = (20 + place, METERS[*place].keys);
        let _ = writeln!(
            text,
            "[[meter]]\nname = '{name}'\nline = {line}\n{keys}\nbounce_ms = 1\nmin_interval_ms = 20"
        );
    }
    let url = format!("mqtt://127.0.0.1:{}", broker.port());
    text + &format!(
        "[web]\nlisten = 'off'\n[mqtt]\nurl = '{url}'\nprefix = 'simulated/a'\ninterval_s = 1\n"
    )
}

/// What each entity has to be: its id behind that of the device, its name, device class, state class, unit.
fn expected() -> BTreeSet<[String; 5]> {
    let mut all = BTreeSet::new();
    let mut put = |object: String, name: String, rest: [&str; 3]| {
        let [class, kind, unit] = rest.map(str::to_owned);
        all.insert([entity(&object), name, class, kind, unit]);
    };
    for Meter { name, slug, .. } in &METERS {
        let mut of = |leaf: &str, noun: &str, rest| {
            put(format!("{slug}_{leaf}"), format!("{name} {noun}"), rest)
        };
        let (class, unit) = if *slug == "gas" {
            of("volume", "volume", ["gas", "total_increasing", "m³"]);
            of("flow", "flow", ["volume_flow_rate", "measurement", "m³/h"]);
            ("gas", "m³")
        } else {
            of("energy", "energy", ["energy", "total_increasing", "kWh"]);
            of("power", "power", ["power", "measurement", "W"]);
            ("energy", "kWh")
        };
        of("register", "register", [class, "", unit]);
        of("pulses", "pulses", ["", "total_increasing", "pulses"]);
        of(
            "lost_pulses",
            "lost pulses",
            ["", "total_increasing", "pulses"],
        );
        of("last_pulse", "last pulse", ["timestamp", "", ""]);
    }
    for name in ["Grid power", "House power", "Self-consumed power"] {
        let object = name.to_lowercase().replace([' ', '-'], "_");
        put(object, name.to_owned(), ["power", "measurement", "W"]);
    }
    all
}

/// What they are.
fn shown(house: &House) -> BTreeSet<[String; 5]> {
    let all = house.entities().into_iter();
    let sensors = all.filter(|(id, _)| id.starts_with("sensor."));
    sensors
        .map(|(id, attributes)| {
            let keys = ["device_class", "state_class", "unit_of_measurement"];
            let [class, kind, unit] =
                keys.map(|key| attributes[key].as_str().unwrap_or_default().to_owned());
            [id, name(&attributes), class, kind, unit]
        })
        .collect()
}

/// The name of an entity without that of the device, which Home Assistant puts in front.
fn name(attributes: &Value) -> String {
    let shown = attributes["friendly_name"].as_str().unwrap_or_default();
    let own = shown.strip_prefix("PowerLogger (simulated) ");
    own.unwrap_or(shown).to_owned()
}

/// A dashboard with everything in its place, and prices.
fn dashboard() -> Value {
    let of = |place: usize| METERS[place].entity();
    json!({
        "type": "energy/save_prefs",
        "energy_sources": [
            {
                "type": "grid",
                "flow_from": [{
                    "stat_energy_from": of(0), "stat_cost": null,
                    "entity_energy_price": null, "number_energy_price": 0.34,
                }],
                "flow_to": [{
                    "stat_energy_to": of(1), "stat_compensation": null,
                    "entity_energy_price": null, "number_energy_price": 0.08,
                }],
                "cost_adjustment_day": 0.0,
            },
            { "type": "solar", "stat_energy_from": of(2), "config_entry_solar_forecast": null },
            {
                "type": "gas", "stat_energy_from": of(3), "stat_cost": null,
                "entity_energy_price": null, "number_energy_price": null,
            },
        ],
    })
}

#[test]
fn statistics_are_the_pulses_whatever_happens() {
    let test = "statistics_are_the_pulses_whatever_happens";
    // Without one the installation has another name after its journal was lost.
    if fs::read_to_string("/etc/machine-id").map_or(0, |id| id.len()) < 32 {
        return skip(test, "this machine has no number in /etc/machine-id");
    }
    let Some(home) = HomeAssistant::prepare(test) else {
        return;
    };
    let Some(broker) = Mosquitto::start(test) else {
        return;
    };
    let mut house = House::new(broker, home);
    entities_are_as_announced(&mut house);
    the_daemon_comes_and_goes(&mut house);
    a_register_is_no_consumption(&mut house);
    a_meter_is_renamed_and_another_removed(&mut house);
    the_journal_is_lost(&mut house);
    let complaints = house.home.complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// What was counted before is no consumption.
fn entities_are_as_announced(house: &mut House) {
    house.wait_for_states();
    // Each has its name as soon as it has a state.
    wait_until("all entities", PATIENCE, || {
        let shown = shown(house);
        shown.len() >= expected().len() && shown.iter().all(|[_, name, ..]| !name.is_empty())
    });
    assert_eq!(shown(house), expected(), "{}", house.home.version());
    let problem = "binary_sensor.powerlogger_simulated_problem";
    house.home.wait_for_state(problem, |state| state == "off");
    let problem = house.home.state(problem).unwrap();
    let attributes = &problem["attributes"];
    assert_eq!(attributes["device_class"], "problem");
    assert_eq!(attributes["conditions"], json!([]), "{attributes}");
    let devices = house
        .home
        .ask(&[json!({ "type": "config/device_registry/list" })]);
    let mut devices = devices[0].as_array().unwrap().iter();
    let device = devices.find(|device| device["manufacturer"] == "PowerLogger");
    let device = device.unwrap();
    assert_eq!(device["name"], "PowerLogger (simulated)");
    assert_eq!(device["model"], "Pulse logger");
    assert_eq!(device["sw_version"], env!("CARGO_PKG_VERSION"));
    house.home.ask(&[dashboard()]);
}

/// It ends, is killed, and counts while Home Assistant is away.
fn the_daemon_comes_and_goes(house: &mut House) {
    let import = METERS[IMPORT].entity();
    house.daemon.stop();
    let is_away = |state: &str| state == "unavailable";
    house.home.wait_for_state(&import, is_away);
    house.count();
    house.compile(|_| ());
    let complaints = house.dashboard_complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
    house.daemon.kill();
    house.home.wait_for_state(&import, is_away);
    house.count();
    house.compile(|house| {
        house.daemon.stop();
        house.count();
    });
}

/// Readings are entered: what was counted stays, and the register cannot be chosen for statistics.
fn a_register_is_no_consumption(house: &mut House) {
    let register = entity("import_register");
    house
        .home
        .wait_for_state(&register, |state| state == "unknown");
    for reading in ["88123.4", "88000.0", "88200.0"] {
        let words = ["register", "set", "Import", reading, "--adopt", "--yes"];
        house.daemon.ask(&words);
        house.home.wait_for_state(&register, |state| {
            state.parse::<f64>().ok() == reading.parse().ok()
        });
    }
    let mut wrong = dashboard();
    wrong["energy_sources"][1]["stat_energy_from"] = json!(register);
    house.home.ask(&[wrong]);
    let complaints = house.dashboard_complaints();
    let is_refused = complaints.iter().any(|text| text.contains("state_class"));
    assert!(is_refused, "{complaints:#?}");
    house.home.ask(&[dashboard()]);
    house.daemon.stop();
    house.count();
    house.compile(|_| ());
    let question = json!({ "type": "recorder/list_statistic_ids" });
    let all = house.home.ask(&[question]).remove(0);
    let all = all.as_array().unwrap();
    let of = |id: &str| all.iter().find(|of| of["statistic_id"] == id);
    for (meter, unit) in METERS.iter().zip(["kWh", "kWh", "kWh", "m³"]) {
        let found = of(&meter.entity()).unwrap();
        assert_eq!(found["has_sum"], true);
        assert_eq!(found["statistics_unit_of_measurement"], unit);
    }
    assert_eq!(of(&register), None);
}

/// Its entities keep their ids, history and sums; those of the other go, and come back with it.
fn a_meter_is_renamed_and_another_removed(house: &mut House) {
    let before = house.names();
    house.daemon.stop();
    house.configure(&[(0, "Bezug"), (1, "Export"), (2, "Generate")]);
    house.count();
    house.wait_for_states();
    let of_gas = entity("gas_");
    let stays = before
        .into_iter()
        .filter(|(id, _)| !id.starts_with(&of_gas));
    let stays: BTreeMap<_, _> = stays
        .map(|(id, name)| (id, name.replace("Import", "Bezug")))
        .collect();
    wait_until("other names", PATIENCE, || house.names() == stays);
    house.compile(|_| ());
    house.daemon.stop();
    house.configure(&[(0, "Bezug"), (1, "Export"), (2, "Generate"), (3, "Gas")]);
    house.count();
    house.compile(|_| ());
}

/// A new journal counts from 0: that is no consumption either, and nothing is lost of what was.
fn the_journal_is_lost(house: &mut House) {
    house.daemon.stop();
    house.configure(&[(0, "Import"), (1, "Export"), (2, "Generate"), (3, "Gas")]);
    house.count();
    house.compile(|_| ());
    house.daemon.stop();
    for name in ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"] {
        let _ = fs::remove_file(house.daemon.dir().join(name));
    }
    house.counted = [0; 4];
    house.count();
    house.compile(|_| ());
    let complaints = house.dashboard_complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
}
