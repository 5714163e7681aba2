//! Pulses in the form that was asked for.

use std::collections::BTreeMap;
use std::io::Write;

use jiff::Timestamp;

use super::request::{ExportError, ExportFormat};
use crate::import::csv::quoted;
use crate::influx::line_protocol::LineEncoder;
use crate::journal::StoredPulse;
use crate::model::{FIELD, MeterRow, TAG};

/// Writes pulses of the meters that are wanted.
pub(super) struct PulseWriter<'a> {
    out: &'a mut dyn Write,
    /// By the meter's row; None: as CSV.
    lines: BTreeMap<MeterRow, Option<LineEncoder>>,
    names: BTreeMap<MeterRow, String>,
    buffer: Vec<u8>,
}

impl<'a> PulseWriter<'a> {
    pub(super) fn new(
        format: ExportFormat,
        measurement: &str,
        names: BTreeMap<MeterRow, String>,
        out: &'a mut dyn Write,
    ) -> Result<PulseWriter<'a>, ExportError> {
        let mut lines = BTreeMap::new();
        for (row, name) in &names {
            let line = match format {
                ExportFormat::LineProtocol => {
                    Some(LineEncoder::new(measurement, &[(TAG, name)], FIELD)?)
                }
                ExportFormat::Csv => None,
            };
            lines.insert(*row, line);
        }
        if format == ExportFormat::Csv {
            writeln!(out, "time,time_ns,meter,estimated")?;
        }
        Ok(PulseWriter {
            out,
            lines,
            names,
            buffer: Vec::new(),
        })
    }

    /// True if the entry's meter is wanted.
    pub(super) fn write(&mut self, entry: &StoredPulse) -> Result<bool, ExportError> {
        let (Some(line), Some(name)) = (self.lines.get(&entry.meter), self.names.get(&entry.meter))
        else {
            return Ok(false);
        };
        match line {
            Some(line) => {
                self.buffer.clear();
                line.push(&mut self.buffer, 1, entry.wall_ns.0);
                self.out.write_all(&self.buffer)?;
            }
            None => {
                let time = Timestamp::from_nanosecond(i128::from(entry.wall_ns.0))?;
                let (name, estimated) = (quoted(name), i32::from(entry.estimated));
                writeln!(self.out, "{time:.9},{},{name},{estimated}", entry.wall_ns)?;
            }
        }
        Ok(true)
    }
}
