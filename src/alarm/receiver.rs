//! A receiver, and how it does: when it is tried again.

use std::time::Duration;

use tracing::{info, warn};

use super::sink::{AlarmSink, SinkError};
use crate::model::MonoNs;
use crate::server::RetryPolicy;

/// Failures in a row after which a receiver fails: a short one is none.
pub(super) const FAILURES_SHOWN: u32 = 3;

/// When a receiver that failed is tried again.
const RETRY: RetryPolicy = RetryPolicy {
    retries_max: 8,
    interval: Duration::from_secs(60),
};

/// A receiver.
pub(super) struct Receiver {
    pub(super) sink: Box<dyn AlarmSink>,
    failures: u32,
    /// It is left alone until then.
    pub(super) retry_ns: MonoNs,
    why: String,
}

impl Receiver {
    /// One that was not tried yet.
    pub(super) fn new(sink: Box<dyn AlarmSink>) -> Receiver {
        Receiver {
            sink,
            failures: 0,
            retry_ns: MonoNs::MIN,
            why: String::new(),
        }
    }

    /// It has taken a message.
    pub(super) fn succeeded(&mut self) {
        if self.failures >= FAILURES_SHOWN {
            info!(receiver = self.sink.name(), "alarms are taken again");
        }
        (self.failures, self.retry_ns) = (0, MonoNs::MIN);
        self.why.clear();
    }

    /// It has not.
    pub(super) fn failed(&mut self, SinkError { why, retry_after }: SinkError, now_ns: MonoNs) {
        self.failures = self.failures.saturating_add(1);
        let pause = RETRY.asked(retry_after, self.failures, fastrand::f64());
        self.retry_ns = now_ns + i64::try_from(pause.as_nanos()).unwrap_or(i64::MAX / 2);
        if self.failures == FAILURES_SHOWN {
            let receiver = self.sink.name();
            warn!(
                receiver,
                why, "alarms are not taken; they are kept and tried again"
            );
        }
        self.why = why;
    }

    /// Its name, and why it fails; None: it does not.
    pub(super) fn failing(&self) -> Option<(String, String)> {
        let is_failing = self.failures >= FAILURES_SHOWN;
        is_failing.then(|| (self.sink.name().to_owned(), self.why.clone()))
    }
}
