//! The server that is an InfluxDB 2, asked in Flux.

use super::compare::{Counts, ViewRead};
use super::server::Server;
use crate::config::InfluxSettings;
use crate::influx::gzip::Gzip;
use crate::influx::{Error, flux};
use crate::model::WallNs;
use crate::model::{FIELD, TAG};
use crate::model::{Tier, View};
use crate::server::connection::{Connection, TokenLookup, failure};
use crate::server::encoding::Encoding;
use crate::server::failure::Failure;

/// The columns of an answer about our own series.
const COLUMNS: [&str; 6] = ["", "result", "table", "_time", "_value", TAG];

/// The four buckets of a server.
#[derive(Debug)]
pub struct InfluxServer {
    connection: Connection,
    encoding: Encoding,
    settings: InfluxSettings,
    gzip: Gzip,
}

impl InfluxServer {
    /// The buckets that are configured; nothing is sent yet.
    ///
    /// # Errors
    /// When the CA file cannot be read.
    pub fn new(settings: &InfluxSettings, lookup: TokenLookup) -> Result<InfluxServer, Error> {
        Ok(InfluxServer {
            connection: Connection::new(settings, lookup)?,
            encoding: Encoding::default(),
            settings: settings.clone(),
            gzip: Gzip::new(),
        })
    }

    /// Asks for points: meter, time, value.
    fn points(
        &self,
        level: Tier,
        (from_s, to_s): (i64, i64),
        then: &str,
        each: &mut dyn FnMut(&str, WallNs, i64),
    ) -> Result<(), Failure> {
        let script = format!(
            "from(bucket: {bucket})\n  \
             |> range(start: {start}, stop: {stop})\n  \
             |> filter(fn: (r) => r._measurement == {measurement} and r._field == {field})\n  \
             {then}|> drop(columns: [\"_start\", \"_stop\", \"_measurement\", \"_field\"])\n",
            bucket = flux::string(self.settings.bucket(level)),
            start = flux::time_s(from_s),
            stop = flux::time_s(to_s),
            measurement = flux::string(&self.settings.measurement),
            field = flux::string(FIELD),
        );
        let mut odd = None;
        let asked = self.connection.client().query(&script, None, &mut |row| {
            // A series with more tags is another one: what is written here does not touch it.
            if !row.columns().all(|column| COLUMNS.contains(&column)) {
                return;
            }
            let time_ns = row.get("_time").and_then(nanoseconds);
            let pulses = row.get("_value").and_then(whole);
            match (row.get(TAG), time_ns, pulses) {
                (Some(meter), Some(time_ns), Some(pulses)) => each(meter, time_ns, pulses),
                // A point without our tag is not ours.
                (None, ..) => {}
                _ => odd = Some(format!("{row:?}")),
            }
        });
        asked.map_err(|error| failure(&error))?;
        match odd {
            None => Ok(()),
            Some(row) => Err(Failure::Transport {
                kind: "query",
                message: format!("the server's answer cannot be read: {row}"),
            }),
        }
    }
}

impl Server for InfluxServer {
    fn raw(&mut self, every: View, from_s: i64, to_s: i64) -> Result<Counts, Failure> {
        let width = every.as_str();
        let then = format!(
            "|> aggregateWindow(every: {width}, fn: sum, timeSrc: \"_start\", createEmpty: false)\n  "
        );
        let mut counts = Counts::new();
        self.points(
            Tier::Raw,
            (from_s, to_s),
            &then,
            &mut |meter, time_ns, pulses| {
                let window = (meter.to_owned(), every.start_of(time_ns));
                *counts.entry(window).or_default() += pulses;
            },
        )?;
        Ok(counts)
    }

    fn view(&mut self, view: View, from_s: i64, to_s: i64) -> Result<ViewRead, Failure> {
        let mut found = ViewRead::default();
        self.points(
            Tier::View(view),
            (from_s, to_s),
            "",
            &mut |meter, time_ns, pulses| found.add(view, meter, time_ns, pulses),
        )?;
        Ok(found)
    }

    fn write(&mut self, level: Tier, body: &[u8]) -> Result<(), Failure> {
        let bucket = self.settings.bucket(level);
        let client = self.connection.client();
        let compressed = if self.encoding.is_plain_only() {
            Vec::new()
        } else {
            self.gzip.compress(body)
        };
        self.encoding
            .send(body, &compressed, &mut |body, compressed| {
                let written = client.write(bucket, body, compressed);
                written.map_err(|error| failure(&error))
            })
    }

    fn refresh_token(&mut self) {
        self.connection.refresh_token();
    }
}

fn nanoseconds(time: &str) -> Option<WallNs> {
    let time: jiff::Timestamp = time.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok().map(WallNs)
}

/// A number of pulses; one that was written as a float counts as well.
fn whole(value: &str) -> Option<i64> {
    if let Ok(whole) = value.parse() {
        return Some(whole);
    }
    let float: f64 = value.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "checked")]
    let whole = (float.abs() < 1e15).then(|| float.round() as i64);
    whole
}
