//! The journal's pulses or windows of a period as text: which of them, page by page, in which form.

mod request;
mod windows;
mod writer;

use std::collections::BTreeMap;
use std::io::Write;

use crate::config::Loaded;
use crate::import::SIMULATED_MARK;
use crate::journal::JournalError;
use crate::journal::Reader;
use crate::model::{IdRange, MeterRow};
use crate::text::names::meant;

pub use request::{ExportError, ExportFormat, ExportRequest};

use request::measurement;
use writer::PulseWriter;

/// Writes what is asked for and returns how many pulses or windows that are. `progress` is told how much of 1 is
/// read.
///
/// # Errors
/// When the journal cannot be read, or the output cannot be written.
pub fn write(
    request: &ExportRequest,
    loaded: &Loaded,
    reader: &mut Reader,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(f64),
) -> Result<u64, ExportError> {
    let names = chosen(&request.meters, reader.meter_names()?)?;
    if loaded.is_simulated() && request.marks_simulated {
        writeln!(out, "{SIMULATED_MARK}")?;
    }
    match request.view {
        Some(view) => windows::write(request, view, loaded, reader, &names, out, progress),
        None => write_pulses(request, loaded, reader, names, out, progress),
    }
}

fn write_pulses(
    request: &ExportRequest,
    loaded: &Loaded,
    reader: &mut Reader,
    names: BTreeMap<MeterRow, String>,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(f64),
) -> Result<u64, ExportError> {
    let period = request.from_ns..request.to_ns;
    let mut writer = PulseWriter::new(request.format, measurement(loaded), names, out)?;
    let Some(bounds) = reader.bounds()? else {
        return Ok(0);
    };
    let mut written = 0;
    reader.each_page(bounds, &mut |page, reached| {
        for entry in &page.entries {
            if period.contains(&entry.wall_ns) {
                written += u64::from(writer.write(entry)?);
            }
        }
        let read = IdRange::new(bounds.first, reached);
        progress(read.len() as f64 / bounds.len() as f64);
        Ok::<(), ExportError>(())
    })?;
    Ok(written)
}

/// How many pulses cannot be written because their time is not known.
///
/// # Errors
/// When the journal cannot be read.
pub fn held(reader: &mut Reader) -> Result<i64, JournalError> {
    let mut held = 0;
    for ids in reader.uncounted_ids()? {
        reader.each_page(ids, &mut |page, _| {
            held += page.held.iter().map(|range| range.len()).sum::<i64>();
            Ok::<(), JournalError>(())
        })?;
    }
    Ok(held)
}

/// The meters that are asked for, by row; all, if none is.
fn chosen(
    asked: &[String],
    mut names: BTreeMap<MeterRow, String>,
) -> Result<BTreeMap<MeterRow, String>, ExportError> {
    if asked.is_empty() {
        return Ok(names);
    }
    let known: Vec<&str> = names.values().map(String::as_str).collect();
    let mut found = Vec::new();
    for wanted in asked {
        let name = meant(wanted, known.iter().copied());
        if !known.contains(&name.as_str()) {
            return Err(ExportError::NoMeter {
                wanted: wanted.clone(),
                known: known.into_iter().map(str::to_owned).collect(),
            });
        }
        found.push(name);
    }
    names.retain(|_, name| found.contains(name));
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meters_are_chosen_as_their_names_are_meant() {
        let names = [(1, "Import"), (4, "Wärmepumpe")];
        let names = || BTreeMap::from(names.map(|(row, name)| (MeterRow(row), name.to_owned())));
        assert_eq!(chosen(&[], names()).unwrap(), names());
        let one = chosen(&["wärmepumpe".to_owned()], names()).unwrap();
        assert_eq!(one.into_keys().collect::<Vec<_>>(), [MeterRow(4)]);
        let failed = chosen(&["Gas".to_owned()], names()).unwrap_err();
        assert_eq!(
            failed.to_string(),
            "the journal has no meter \"Gas\"; it has Import, Wärmepumpe"
        );
    }
}
