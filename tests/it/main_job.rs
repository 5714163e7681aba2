//! The main job, on real input: edges of real lines, counted at a real InfluxDB 2 by Flux, with the
//! daemon and the server killed in between.
#![allow(
    clippy::disallowed_methods,
    reason = "edges are paced by sleeping, all else waits on conditions with deadlines"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::daemon::Daemon;
use crate::support::gpio::{Hand, Place, ground, play, test_path};
use crate::support::influxd::{Influxd, ORG};
use crate::support::wait::{PATIENCE, wait_until};
use powerlogger::journal::Reader;

const BUCKET: &str = "PowerLogger_raw";
const METERS: [(&str, u32); 3] = [("Import", 20), ("Export", 26), ("Generate", 21)];

/// The three meters of the Python edition, as an active-high output gives them.
const CONFIG: &str = "[deliver]\nreplay_interval_ms = 500\n";

#[test]
fn what_is_toggled_is_counted_at_influxdb() {
    let name = test_path!("what_is_toggled_is_counted_at_influxdb");
    let place = Place {
        timeout_s: 1_800,
        ..Place::REAL
    };
    let Some(ground) = ground(name, place) else {
        return;
    };
    let Some(mut server) = Influxd::start(name) else {
        return;
    };
    let bucket = server.create_bucket(BUCKET, 30 * 86_400);
    let writer = server.create_authorization(&["write"], &[bucket.as_str()]);
    let dotenv = format!(
        "INFLUX_HOST={}\nINFLUX_ORG={ORG}\nINFLUX_TOKEN={}\nGPIO_PULL=down\n",
        server.url(),
        writer.token
    );
    let chip = ground.chip("pinctrl-bcm2711", 32);
    let mut daemon = Daemon::start_with_env(CONFIG, &dotenv, &[]);
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    for round in 0..4 {
        daemon.wait_for_lines(3);
        // 40 ms and more between the edges of a line: bounce time and interval let all pass.
        let hands = METERS.map(|(_, line)| Hand::on(&chip, line));
        let paces = [40, 45, 52].map(Duration::from_millis);
        let mut hands: Vec<(Hand, Duration)> = hands.into_iter().zip(paces).collect();
        play(&mut hands, 240);
        // The last level of each stays long enough, too.
        std::thread::sleep(Duration::from_millis(45));
        for ((meter, _), (mut hand, _)) in METERS.into_iter().zip(hands) {
            // The line ends as it began, so that the next round sees whole pulses.
            if hand.done.len() % 2 == 1 {
                hand.toggle();
            }
            *made.entry(meter.to_owned()).or_default() += hand.rising().len();
        }
        // What is in the journal stays there, whatever comes.
        let total = i64::try_from(made.values().sum::<usize>()).unwrap();
        daemon.wait_for("all pulses in the journal", |daemon| {
            let totals = Reader::open(daemon.dir()).and_then(|reader| reader.totals());
            totals.is_ok_and(|totals| totals.iter().map(|of| of.pulses).sum::<i64>() == total)
        });
        match round {
            0 => {
                daemon.kill();
                daemon.start_again();
            }
            1 => {
                server.kill();
            }
            2 => {
                server.restart();
                daemon.kill();
                daemon.start_again();
            }
            _ => {}
        }
    }
    let count = || server.count_by(BUCKET, "Pulse", "PulseType");
    wait_until("all pulses at the server", PATIENCE, || count() == made);
    daemon.stop();
    assert_eq!(count(), made, "every pulse once");
    eprintln!("toggled and counted: {made:?}");
}
