//! One meter's line: its filter, and how it is read.

use super::STAMP_STEP_NS;
use super::filter::{Filter, FilterState};
use crate::clock::segment::Segments;
use crate::config::MeterSettings;
use crate::pulse::{Level, MeterId, MonoNs, Pulse};

/// One meter's line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) filter: Filter,
    pub(super) request_id: u64,
    pub(super) up: bool,
    /// Since when this run reads it.
    pub(super) up_since_ns: MonoNs,
    /// Something was decided, or an edge seen, that the next commit is to carry.
    pub(super) touched: bool,
    last_stamp_ns: MonoNs,
    /// What an earlier run has left, should its request go on.
    pub(super) remembered: Option<FilterState>,
}

impl Line {
    /// A line that is not read yet.
    pub(super) fn new(meter: &MeterSettings, now_ns: MonoNs) -> Line {
        Line {
            name: meter.name.clone(),
            filter: Filter::new(meter.filter, Level::High, now_ns),
            request_id: 0,
            up: false,
            up_since_ns: now_ns,
            touched: false,
            last_stamp_ns: 0,
            remembered: None,
        }
    }

    /// A pulse of this line. Stamps are multiples of [`STAMP_STEP_NS`] and grow.
    pub(super) fn pulse(&mut self, meter: MeterId, mono_ns: MonoNs, segments: &Segments) -> Pulse {
        let stamp = (mono_ns & !(STAMP_STEP_NS - 1)).max(self.last_stamp_ns + STAMP_STEP_NS);
        self.last_stamp_ns = stamp;
        Pulse {
            meter,
            segment: segments.at(mono_ns),
            mono_ns: stamp,
            estimated: false,
        }
    }
}
