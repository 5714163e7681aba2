//! What `import` says of a file before, and of what is to be done after.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use anyhow::Result;

use super::Surveyed;
use crate::cli::time;
use crate::config::{Influx, Loaded};
use crate::import::bring::Inherited;

/// Says what a file is and holds.
pub(super) fn describe(file: &Surveyed, out: &mut dyn Write) -> Result<()> {
    let Surveyed { source, survey } = file;
    writeln!(
        out,
        "\n{}: {}",
        source.path().display(),
        source.kind().as_str()
    )?;
    for (name, found) in &survey.meters {
        writeln!(
            out,
            "  {name:<12} {} pulses, {} to {}",
            found.pulses,
            time::local(found.first_ns),
            time::local(found.last_ns)
        )?;
    }
    if survey.meters.is_empty() {
        writeln!(out, "  no pulses")?;
    }
    for (why, rows) in &survey.left_out {
        writeln!(out, "  left out: {rows} {why}")?;
    }
    if survey.damaged > 0 {
        writeln!(
            out,
            "  damaged: up to {} rows are in pages that cannot be read",
            survey.damaged
        )?;
    }
    if survey.unclear > 0 {
        writeln!(
            out,
            "  NOT UNDERSTOOD, and not imported: {} rows",
            survey.unclear
        )?;
        for row in &survey.unclear_rows {
            let text = match row.text.as_str() {
                "" => String::new(),
                text => format!(": {text:?}"),
            };
            writeln!(out, "    row {}: {}{text}", row.number, row.why)?;
        }
        let listed = u64::try_from(survey.unclear_rows.len()).unwrap_or(0);
        if survey.unclear > listed {
            writeln!(out, "    and {} more", survey.unclear - listed)?;
        }
    }
    Ok(())
}

/// Says what a journal brings besides its pulses. `would`: it was only looked at.
pub(super) fn tell_inherited(
    file: &Surveyed,
    inherited: Inherited,
    would: bool,
    out: &mut dyn Write,
) -> Result<()> {
    let (are, was, were) = if would {
        ("would be", "would be", "would be")
    } else {
        ("are now", "was", "were")
    };
    let path = file.source.path().display();
    if inherited.pulses > 0 {
        writeln!(
            out,
            "{path}: {} further pulses, which it only remembers by the count of their minute or hour, {are} \
             in the windows",
            inherited.pulses
        )?;
    }
    if inherited.ledger {
        writeln!(out, "{path}: its ledger of losses {was} added to this one")?;
    }
    if inherited.readings > 0 {
        writeln!(
            out,
            "{path}: {} of its readings of the meters {were} taken over; `powerlogger register` shows them",
            inherited.readings
        )?;
    }
    Ok(())
}

/// What becomes of pulses that are imported into a journal of simulated ones. A file that bears no mark may be
/// one of those that were exported from there; with `--simulated` that is said.
pub(super) fn among_simulated(
    loaded: &Loaded,
    kinds: &[(&Path, bool)],
    out: &mut dyn Write,
) -> Result<()> {
    let meant = !loaded.is_simulated() || loaded.options().simulated_dir;
    if meant || kinds.iter().all(|(_, simulated)| *simulated) {
        return Ok(());
    }
    writeln!(
        out,
        "note: the journal in {} holds SIMULATED pulses; `powerlogger run` moves it aside with all that is in it. Import \
         real pulses after that, or name another directory with --queue-dir.",
        loaded.settings.journal.dir.display()
    )?;
    Ok(())
}

/// What is to be done next; `counted`: pulses that have come into the windows.
pub(super) fn closing(
    loaded: &Loaded,
    counted: i64,
    files: &[Surveyed],
    out: &mut dyn Write,
) -> Result<()> {
    if counted == 0 {
        return Ok(());
    }
    let Influx::Configured(_) = &loaded.settings.influx else {
        writeln!(
            out,
            "They are delivered when InfluxDB is configured and the daemon runs."
        )?;
        return Ok(());
    };
    writeln!(
        out,
        "The daemon delivers them when it runs: systemctl start powerlogger"
    )?;
    let found = files.iter().flat_map(|file| file.survey.meters.values());
    let first_ns = found.map(|found| found.first_ns).min().unwrap_or_default();
    let kinds: BTreeSet<&str> = files
        .iter()
        .map(|file| file.source.kind().as_str())
        .collect();
    if kinds
        .iter()
        .any(|kind| *kind != crate::import::source::Kind::Journal.as_str())
    {
        let day = time::local(first_ns);
        let day = day.split(' ').next().unwrap_or_default().to_owned();
        writeln!(
            out,
            "When it has (`powerlogger status`: 0 waiting), what else the server's raw bucket holds of \
             that time is brought into the windows by\n  powerlogger audit --repair --from raw --since {day}"
        )?;
    }
    Ok(())
}
