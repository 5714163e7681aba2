//! What stands at the head of an answer: its time, the zone of local days, and whether the pulses are made up.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::model::WallNs;
use crate::web::source::Source;

/// The head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::web) struct Head {
    as_of: String,
    zone: String,
    simulated: bool,
}

impl Head {
    pub(in crate::web) fn new(at_ns: WallNs, zone: &TimeZone, simulated: bool) -> Head {
        Head {
            as_of: rfc3339(at_ns),
            zone: zone.iana_name().unwrap_or("UTC").to_owned(),
            simulated,
        }
    }
}

impl Source {
    /// The head of an answer that holds for this time.
    pub(in crate::web) fn head(&self, at_ns: WallNs, simulated: bool) -> Head {
        Head::new(at_ns, self.calendar().zone(), simulated)
    }
}

/// A stamp as RFC 3339 in UTC, to the millisecond.
pub(in crate::web) fn rfc3339(at_ns: WallNs) -> String {
    let millis = at_ns.ms();
    let at = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_utc_to_the_millisecond() {
        assert_eq!(
            rfc3339(WallNs(1_792_936_992_250_999_999)),
            "2026-10-25T14:03:12.250Z"
        );
        assert_eq!(rfc3339(WallNs(-1)), "1969-12-31T23:59:59.999Z");
    }
}
