//! What the rows of a file are judged by.

use crate::civil::Zone;
use crate::config::{BUCKETS, InfluxSettings, MEASUREMENT};
use crate::journal::salvage::KnownSegments;
use crate::model::WallNs;

/// What rows are judged by.
#[derive(Debug, Clone)]
pub struct Context {
    /// The measurement of lines that are ours.
    pub measurement: String,
    /// The bucket whose lines are pulses.
    pub raw_bucket: String,
    /// The buckets whose lines are windows.
    pub view_buckets: Vec<String>,
    /// The zone of times without an offset.
    pub zone: Zone,
    /// The clock segments of the journal here: by them its pulses are known in another one.
    pub here: KnownSegments,
    /// The time: nothing has come after it.
    pub now_ns: WallNs,
}

impl Context {
    /// With the buckets and the measurement of a server.
    pub fn of_server(influx: &InfluxSettings, now_ns: WallNs) -> Context {
        let views = [&influx.b1m_bucket, &influx.b5m_bucket, &influx.b1h_bucket];
        Context {
            measurement: influx.measurement.clone(),
            raw_bucket: influx.raw_bucket.clone(),
            view_buckets: views.into_iter().cloned().collect(),
            zone: Zone::system(),
            here: KnownSegments::default(),
            now_ns,
        }
    }

    /// With the names that are default.
    pub fn of_defaults(now_ns: WallNs) -> Context {
        let [raw, views @ ..] = BUCKETS;
        Context {
            measurement: MEASUREMENT.to_owned(),
            raw_bucket: raw.to_owned(),
            view_buckets: views.map(str::to_owned).to_vec(),
            zone: Zone::system(),
            here: KnownSegments::default(),
            now_ns,
        }
    }
}
