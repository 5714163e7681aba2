//! Wave forms on a line of the kernel's: what `tune` recommends for each counts it right.

use std::fs;
use std::thread;
use std::time::Duration;

use powerlogger::model::Level;
use rustix::process::Signal;
use serde_json::Value;

use super::{Home, METER, Running, consumer, findings, waveform};
use crate::support::gpio::{Place, SimChip, ground, test_path};
use crate::support::wait::{PATIENCE, wait_for};

/// A meter with the defaults: low for a pulse.
const LOW: &str = "[[meter]]\nname = \"Import\"\nline = 20\n[web]\nlisten = \"off\"\n";
/// The same, high for a pulse.
const HIGH: &str =
    "[[meter]]\nname = \"Import\"\nline = 20\nbias = \"down\"\n[web]\nlisten = \"off\"\n";

/// The same as the first, on a wire that something else pulls.
const FREE: &str =
    "[[meter]]\nname = \"Import\"\nline = 20\nbias = \"none\"\n[web]\nlisten = \"off\"\n";

/// What comes on the wire, and what is right.
struct WaveForm {
    name: &'static str,
    config: &'static str,
    rest: Level,
    /// From the level of rest on, in milliseconds.
    lengths_ms: Vec<f64>,
    /// None: nothing is to be recommended.
    pulses: Option<u64>,
    finding: &'static str,
}

impl WaveForm {
    fn new(name: &'static str, lengths_ms: Vec<f64>, pulses: u64, finding: &'static str) -> Self {
        WaveForm {
            name,
            config: METER,
            rest: Level::Low,
            lengths_ms,
            pulses: Some(pulses),
            finding,
        }
    }

    /// One of `tests/waveforms`.
    fn recorded(
        name: &'static str,
        config: &'static str,
        pulses: u64,
        finding: &'static str,
    ) -> Self {
        let text = fs::read_to_string(waveform(name)).unwrap();
        let mut rest = None;
        let mut times_ms = Vec::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let time_ms = |word: &str| word.parse::<f64>().unwrap() / 1e6;
            match words[..] {
                ["up", at, "0", level, _] => {
                    rest = Some(if level == "high" {
                        Level::High
                    } else {
                        Level::Low
                    });
                    times_ms.push(time_ms(at));
                }
                [at, "0", "r" | "f", _] => times_ms.push(time_ms(at)),
                _ => {}
            }
        }
        let mut lengths_ms: Vec<f64> = times_ms.windows(2).map(|pair| pair[1] - pair[0]).collect();
        lengths_ms.push(1_000.0);
        WaveForm {
            config,
            rest: rest.unwrap(),
            ..WaveForm::new(name, lengths_ms, pulses, finding)
        }
    }

    /// What `tune` says of it.
    fn tuned(&self, chip: &SimChip) -> Value {
        let home = Home::new(self.config);
        let mut wire = chip.wire(20);
        wire.pull(self.rest);
        let args = ["tune", "Import", "--for", "10h", "--json"];
        let tune = Running::start(home.command(&args), &home.0.path().join("tune"));
        wait_for("its request", PATIENCE, || {
            (consumer(chip, 20).as_deref() == Some("powerlogger tune")).then_some(())
        });
        let mut level = self.rest;
        let mut lengths = self
            .lengths_ms
            .iter()
            .map(|ms| Duration::from_secs_f64(ms / 1e3));
        thread::sleep(lengths.next().unwrap());
        for length in lengths {
            level = level.inverted();
            wire.pull(level);
            thread::sleep(length);
        }
        tune.signal(Signal::INT);
        let (code, said) = tune.ended();
        assert_eq!(
            code,
            Some(i32::from(self.pulses.is_none())),
            "{}: {said}",
            self.name
        );
        serde_json::from_str(&said).unwrap()
    }
}

/// So many pulses of a width with bounces of a length at both ends.
fn pulses(count: usize, width_ms: f64, rest_ms: f64, bounces: usize, bounce_ms: f64) -> Vec<f64> {
    let mut lengths = vec![rest_ms];
    for _ in 0..count {
        for end_ms in [width_ms, rest_ms] {
            lengths.extend(vec![bounce_ms; 2 * bounces]);
            lengths.push(end_ms);
        }
    }
    lengths
}

fn wave_forms() -> Vec<WaveForm> {
    let mut all = vec![
        WaveForm::new("2 ms", pulses(20, 2.0, 900.0, 0, 0.0), 20, "clean"),
        WaveForm::new("10 ms", pulses(20, 10.0, 900.0, 0, 0.0), 20, "clean"),
        WaveForm::new("40 ms", pulses(20, 40.0, 900.0, 0, 0.0), 20, "clean"),
        WaveForm::new("500 ms", pulses(20, 500.0, 1_700.0, 0, 0.0), 20, "clean"),
        WaveForm::new("bounce", pulses(20, 200.0, 1_800.0, 4, 3.0), 20, "bounce"),
        WaveForm::new("reed", pulses(20, 3_000.0, 9_000.0, 6, 25.0), 20, "bounce"),
        WaveForm {
            config: HIGH,
            pulses: None,
            ..WaveForm::new("hum", vec![10.0; 601], 0, "hum")
        },
        WaveForm {
            config: FREE,
            ..WaveForm::new(
                "inverted",
                pulses(30, 80.0, 1_800.0, 0, 0.0),
                30,
                "inverted",
            )
        },
        WaveForm::recorded("hovering.txt", HIGH, 11, "hovering"),
        WaveForm::recorded("2ms-flashes.txt", LOW, 200, "shorter_than_bounce"),
        WaveForm::recorded("10000-imp-16kW.txt", LOW, 400, "too_close"),
        WaveForm::recorded("gas-reed-long-cable.txt", LOW, 16, "bounce"),
    ];
    let mut equal = vec![1_000.0];
    for half_ms in [400.0, 900.0, 120.0, 3_000.0] {
        equal.extend([half_ms; 30]);
    }
    equal.push(1_000.0);
    all.push(WaveForm {
        config: HIGH,
        ..WaveForm::new("equal mark and space", equal, 61, "equal_mark_space")
    });
    // Three hours, which the rig's clock jumps over.
    all.push(WaveForm::recorded(
        "steady-led.txt",
        LOW,
        40,
        "steady_light",
    ));
    all
}

#[test]
fn what_is_recommended_for_a_wave_on_a_line_counts_it_right() {
    let name = test_path!("what_is_recommended_for_a_wave_on_a_line_counts_it_right");
    let Some(ground) = ground(name, Place::TIME_TRAVEL) else {
        return;
    };
    let chip = ground.chip("pinctrl-bcm2711", 32);
    let mut wrong = Vec::new();
    for wave in wave_forms() {
        let report = wave.tuned(&chip);
        let findings = findings(&report);
        let counted = report["recommended"]["counted"]["pulses"].as_u64();
        if counted != wave.pulses || !findings.contains(&wave.finding) || report["missed"] != 0 {
            wrong.push(format!(
                "{}: {counted:?} pulses, {findings:?}, {} missed",
                wave.name, report["missed"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
