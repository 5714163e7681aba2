//! Windows in the form that was asked for.

use std::collections::BTreeMap;
use std::io::Write;

use jiff::Timestamp;

use super::request::{ExportError, ExportFormat, ExportRequest, measurement};
use crate::clock::{Clock, SystemClock};
use crate::config::{Loaded, MeterSettings};
use crate::energy::factors::{Factor, FactorHistory};
use crate::energy::periods::Calendar;
use crate::import::csv::quoted;
use crate::influx::line_protocol::LineEncoder;
use crate::journal::Reader;
use crate::model::{FIELD, MeterRow, NS_PER_S, S_PER_DAY, TAG, View};

/// Windows of a meter in one read.
const PAGE_WINDOWS: i64 = 1_440;

/// A simulated household may be ahead of the machine's clock by so much.
const AHEAD_S: i64 = 366 * S_PER_DAY;

/// Writes windows and returns how many.
pub(super) fn write(
    request: &ExportRequest,
    view: View,
    loaded: &Loaded,
    reader: &mut Reader,
    names: &BTreeMap<MeterRow, String>,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(f64),
) -> Result<u64, ExportError> {
    let mut first_s = reader.first_window(view)?.unwrap_or(i64::MAX);
    reader.each_uncounted(&mut |_, at_s| first_s = first_s.min(view.floor_s(at_s)))?;
    let now_s = SystemClock.wall_ns().s();
    let from_s = request.from_ns.s().max(first_s);
    let end_s = request.to_ns.s().min(now_s + AHEAD_S);
    let calendar = Calendar::new(loaded.settings.site.zone());
    let kept = reader.factors()?;
    let mut lines = BTreeMap::new();
    for (row, name) in names {
        let line = LineEncoder::new(measurement(loaded), &[(TAG, name)], FIELD)?;
        let mut meters = loaded.settings.meters.iter();
        let meter = meters.find(|meter| meter.name == *name);
        let kept = kept.get(name).map_or(&[][..], Vec::as_slice);
        let factors = meter.map(|meter| factors_of(meter, kept, &calendar));
        lines.insert(*row, (line, name, factors.unwrap_or_default()));
    }
    if request.format == ExportFormat::Csv {
        writeln!(out, "start,start_s,meter,pulses,energy_kwh,amount,unit")?;
    }
    let (mut next_s, mut written) = (from_s, 0);
    let mut buffer = Vec::new();
    while next_s < end_s {
        let until_s = end_s.min(next_s + PAGE_WINDOWS * view.width_s());
        for window in reader.windows_by_now(view, (next_s, until_s))? {
            let Some((line, name, factors)) = lines.get(&window.meter) else {
                continue;
            };
            let pulses = window.pulses;
            if request.format == ExportFormat::LineProtocol {
                buffer.clear();
                line.push(&mut buffer, pulses, window.start_s * NS_PER_S);
                out.write_all(&buffer)?;
            } else {
                let start = Timestamp::from_second(window.start_s)?;
                let worth = factors.at(window.start_s);
                let number = |amount: Option<f64>| {
                    amount.map_or_else(String::new, |amount| format!("{amount:.6}"))
                };
                let energy = number(worth.and_then(|worth| worth.kwh(pulses)));
                let amount = number(worth.map(|worth| worth.amount(pulses)));
                let unit = worth.map_or("", |worth| worth.quantity.as_str());
                let (start_s, name) = (window.start_s, quoted(name));
                writeln!(
                    out,
                    "{start},{start_s},{name},{pulses},{energy},{amount},{unit}"
                )?;
            }
            written += 1;
        }
        next_s = until_s;
        progress((next_s - from_s) as f64 / (end_s - from_s) as f64);
    }
    Ok(written)
}

/// What pulses of a meter were worth: what is dated in the configuration, and what the journal has noted.
fn factors_of(meter: &MeterSettings, kept: &[Factor], calendar: &Calendar) -> FactorHistory {
    FactorHistory::new(kept, &meter.dated_factors(calendar), meter.worth())
}
