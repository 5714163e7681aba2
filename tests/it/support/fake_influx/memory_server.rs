//! The reconciler's seam over the store, without sockets: for simulations in virtual time. The
//! tasks of a real server are a call of [`MemoryServer::tick`].

use powerlogger::deliver::sink::Sink;
use powerlogger::model::{NS_PER_S, WallNs};
use powerlogger::model::{Tier, View};
use powerlogger::reconcile::compare::{Counts, ViewRead};
use powerlogger::reconcile::server::Server;
use powerlogger::server::failure::Failure;

use super::fault::Fault;
use super::memory_sink::MemorySink;

/// The four buckets of a store.
#[derive(Debug, Clone)]
pub struct MemoryServer {
    sinks: Vec<(Tier, MemorySink)>,
    measurement: String,
}

impl MemoryServer {
    /// The buckets that `sinks` write to. All share one store and one fault.
    pub fn new(sinks: Vec<(Tier, MemorySink)>, measurement: &str) -> MemoryServer {
        MemoryServer {
            sinks,
            measurement: measurement.to_owned(),
        }
    }

    fn sink(&mut self, level: Tier) -> &mut MemorySink {
        let found = self.sinks.iter_mut().find(|(of, _)| *of == level);
        &mut found.expect("all levels have one").1
    }

    /// The points of a bucket: meter, time, pulses. None: there is no such bucket.
    pub fn points(&mut self, level: Tier) -> Option<Vec<(String, i64, i64)>> {
        let prefix = format!("{},PulseType=", self.measurement);
        let sink = self.sink(level);
        let (store, bucket) = (sink.store(), sink.bucket().to_owned());
        if !store.has_bucket(&bucket) {
            return None;
        }
        let points = store.points(&bucket).iter();
        let points = points.filter_map(|((series, time_ns), point)| {
            let meter = series.strip_prefix(&prefix)?.to_owned();
            Some((meter, *time_ns, point.integer("Pulse")?))
        });
        Some(points.collect())
    }

    /// Runs the tasks of this tick as the server does: each view from raw, whole windows only.
    pub fn tick(&mut self, view: View, tick_s: i64) {
        let stop_s = view.floor_s(tick_s);
        let start_s = view.floor_s(stop_s - view.reach_s());
        let Ok(counts) = self.raw(view, start_s, stop_s) else {
            return;
        };
        let lines = counts.iter().map(|((meter, start_s), pulses)| {
            let measurement = &self.measurement;
            format!("{measurement},PulseType={meter} Pulse={pulses}i {start_s}000000000\n")
        });
        let body: String = lines.collect();
        let _ = self.write(Tier::View(view), body.as_bytes());
    }

    fn read(&mut self, level: Tier, from_s: i64, to_s: i64) -> Result<Points, Failure> {
        match self.sink(level).fault() {
            None | Some(Fault::Poison { .. } | Fault::TooLarge { .. } | Fault::CorruptGzip) => {}
            Some(Fault::Unauthorized) => return Err(status(401, "unauthorized access")),
            Some(Fault::TooMany { .. } | Fault::Unavailable { .. }) => {
                return Err(status(503, "not now"));
            }
            Some(Fault::HtmlPage200) => return Err(status(200, "InfluxDB")),
            Some(_) => {
                return Err(Failure::Transport {
                    kind: "broken",
                    message: "the connection broke".to_owned(),
                });
            }
        }
        let points = self.points(level);
        let points = points.ok_or_else(|| status(404, "could not find bucket"))?;
        let within = |time_ns: i64| from_s * NS_PER_S <= time_ns && time_ns < to_s * NS_PER_S;
        let points = points
            .into_iter()
            .filter(|(_, time_ns, _)| within(*time_ns));
        Ok(points.collect())
    }
}

/// Meter, time, pulses.
type Points = Vec<(String, i64, i64)>;

impl Server for MemoryServer {
    fn raw(&mut self, every: View, from_s: i64, to_s: i64) -> Result<Counts, Failure> {
        let mut counts = Counts::new();
        for (meter, time_ns, pulses) in self.read(Tier::Raw, from_s, to_s)? {
            *counts
                .entry((meter, every.start_of(WallNs(time_ns))))
                .or_default() += pulses;
        }
        Ok(counts)
    }

    fn view(&mut self, view: View, from_s: i64, to_s: i64) -> Result<ViewRead, Failure> {
        let mut found = ViewRead::default();
        for (meter, time_ns, pulses) in self.read(Tier::View(view), from_s, to_s)? {
            found.add(view, &meter, WallNs(time_ns), pulses);
        }
        Ok(found)
    }

    fn write(&mut self, level: Tier, body: &[u8]) -> Result<(), Failure> {
        self.sink(level).send(body, false)
    }

    fn refresh_token(&mut self) {
        for (_, sink) in &mut self.sinks {
            sink.refresh_token();
        }
    }
}

fn status(status: u16, message: &str) -> Failure {
    Failure::Status {
        status,
        message: message.to_owned(),
        retry_after: None,
        foreign: false,
    }
}
