//! The name of a destination.

use super::InfluxSettings;

/// The name of a destination in the journal: another server or bucket is another destination, which has received
/// nothing yet.
pub fn destination_name(influx: &InfluxSettings) -> String {
    format!("{} {} {}", influx.host, influx.org, influx.raw_bucket)
}
