//! What `import` says of a file before, and of what is to be done after.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::cli::table::{Column, Table};
use crate::cli::time;
use crate::config::{Influx, Loaded};
use crate::import::bring::{BroughtPulses, Inherited, MeterOf};
use crate::import::source::FileKind;
use crate::import::survey::{FoundPulses, Surveyed};
use crate::text::numbers::{count, grouped};

/// Says what a file is and holds.
pub(super) fn describe(file: &Surveyed, out: &mut dyn Write) -> io::Result<()> {
    let Surveyed { source, survey } = file;
    writeln!(
        out,
        "\n{}: {}",
        source.path().display(),
        source.kind().as_str()
    )?;
    if survey.meters.is_empty() {
        writeln!(out, "  no pulses")?;
    }
    for (why, rows) in &survey.left_out {
        writeln!(out, "  left out: {} {why}", grouped(*rows))?;
    }
    if survey.damaged > 0 {
        writeln!(
            out,
            "  damaged: up to {} in pages that cannot be read",
            count(survey.damaged, "row")
        )?;
    }
    if survey.unclear > 0 {
        writeln!(
            out,
            "  NOT UNDERSTOOD, and not imported: {}",
            count(survey.unclear, "row")
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
            writeln!(out, "    and {} more", grouped(survey.unclear - listed))?;
        }
    }
    Ok(())
}

/// Says what a file holds of each meter, and what of it is new here. `names`, `meter_of`: the meters here, by position.
pub(super) fn tell_meters(
    file: &Surveyed,
    (names, meter_of): (&[String], &MeterOf),
    outcomes: &BTreeMap<u16, BroughtPulses>,
    out: &mut dyn Write,
) -> io::Result<()> {
    // Two meters there may be one here.
    let mut here: BTreeMap<Option<u16>, Vec<(&str, &FoundPulses)>> = BTreeMap::new();
    for (theirs, found) in &file.survey.meters {
        let position = meter_of.get(theirs).copied().flatten();
        here.entry(position).or_default().push((theirs, found));
    }
    let shown = |position: u16| names[usize::from(position)].as_str();
    let mut table = Table::new("  ", &[Column::Left(12)]);
    for (position, found) in &here {
        let Some(position) = position else {
            for (theirs, found) in found {
                table.row(&[theirs], format!("{}: left out", period(&[*found])));
            }
            continue;
        };
        let name = shown(*position);
        let others: Vec<String> = found
            .iter()
            .filter(|(theirs, _)| *theirs != name)
            .map(|(theirs, _)| format!("{theirs:?}"))
            .collect();
        let called = match &others[..] {
            [] => String::new(),
            others => format!(" (there {})", others.join(", ")),
        };
        let found: Vec<&FoundPulses> = found.iter().map(|(_, found)| *found).collect();
        let BroughtPulses {
            new,
            known,
            repeated,
            ..
        } = outcomes.get(position).copied().unwrap_or_default();
        let twice = match repeated {
            0 => String::new(),
            n => format!(", {} more than once in the file", grouped(n)),
        };
        let came = format!(
            "{}{called}: {} new, {} in the journal already{twice}",
            period(&found),
            grouped(new),
            grouped(known)
        );
        table.row(&[name], came);
    }
    table.write(out)
}

/// How many pulses, from when to when.
fn period(found: &[&FoundPulses]) -> String {
    let pulses: u64 = found.iter().map(|found| found.pulses).sum();
    let first_ns = found.iter().map(|found| found.first_ns).min();
    let last_ns = found.iter().map(|found| found.last_ns).max();
    format!(
        "{}, {} to {}",
        count(pulses, "pulse"),
        time::local(first_ns.unwrap_or_default()),
        time::local(last_ns.unwrap_or_default())
    )
}

/// Says at the end that rows are missing, and what can be done.
pub(super) fn tell_not_understood(files: &[Surveyed], out: &mut dyn Write) -> io::Result<()> {
    for Surveyed { source, survey } in files.iter().filter(|file| file.survey.unclear > 0) {
        writeln!(
            out,
            "{}: NOT ALL is imported: {} not understood, listed above. Mend them in a copy and import that: \
             what is here already does not count twice",
            source.path().display(),
            match survey.unclear {
                1 => "1 row is".to_owned(),
                rows => format!("{} rows are", grouped(rows)),
            }
        )?;
    }
    Ok(())
}

/// Says what a journal brings besides its pulses. `would`: it was only looked at.
pub(super) fn tell_inherited(
    file: &Surveyed,
    inherited: Inherited,
    would: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
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
            grouped(inherited.pulses)
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
    files: &[Surveyed],
    out: &mut dyn Write,
) -> io::Result<()> {
    let meant = !loaded.is_simulated() || loaded.options().simulated_dir;
    if meant || files.iter().all(|file| file.source.is_simulated()) {
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
) -> io::Result<()> {
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
    let mut kinds = files.iter().map(|file| file.source.kind());
    if kinds.any(|kind| *kind != FileKind::Journal) {
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
