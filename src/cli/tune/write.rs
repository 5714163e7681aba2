//! Puts what is recommended into `powerlogger.toml`, after it was shown and asked for.

use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::cli::new_file::NewFile;
use crate::config::content;
use crate::config::edit::{NewText, NewValue, with_meter_keys};
use crate::config::{Loaded, TOML_FILE};
use crate::text::diff::{DiffLine, diff};
use crate::tune::LineReport;
use crate::tune::settings::KeyValue;

/// Shows the change, asks, and writes.
pub(super) fn write(
    report: &LineReport,
    loaded: &Loaded,
    is_sure: bool,
    is_json: bool,
    out: &mut dyn Write,
) -> Result<()> {
    // Beside an answer for programs, people are told elsewhere.
    let mut aside = std::io::stderr();
    let out: &mut dyn Write = if is_json { &mut aside } else { out };
    let Some(better) = &report.recommended else {
        return Ok(writeln!(
            out,
            "\nNothing is written: nothing is recommended."
        )?);
    };
    if better.changes.is_empty() {
        return Ok(writeln!(out, "\nNothing is to be written.")?);
    }
    let keys: Vec<NewValue> = better
        .changes
        .iter()
        .map(|change| NewValue {
            key: change.key,
            value: match &change.to {
                KeyValue::Word(word) => NewText::Word((*word).to_owned()),
                KeyValue::Ms(ms) => NewText::Number(*ms),
            },
        })
        .collect();
    let path = loaded.config_dir.join(TOML_FILE);
    let old = read(&path)?;
    let new = with_meter_keys(&old, &report.meter, &keys, &loaded.settings.meters)?;
    show(&path, &old, &new, out)?;
    overridden(&keys, report, loaded, out)?;
    if !is_sure {
        confirm(out)?;
    }
    // A question takes its time.
    if read(&path)? != old {
        bail!(
            "{} has changed meanwhile: nothing was written",
            path.display()
        );
    }
    let mut file = NewFile::begin(&path, &loaded.settings.journal.dir, true)?;
    file.out().write_all(new.as_bytes())?;
    file.finish()?;
    writeln!(
        out,
        "{} is written. A restart of the daemon takes it up, and loses no pulse.",
        path.display()
    )?;
    Ok(())
}

/// What is in the file; nothing where there is none.
fn read(path: &Path) -> Result<String> {
    match content::text(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn show(path: &Path, old: &str, new: &str, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "\n{}:", path.display())?;
    for line in diff(old, new) {
        match line {
            DiffLine::Same(line) => writeln!(out, "    {line}")?,
            DiffLine::Old(line) => writeln!(out, "  - {line}")?,
            DiffLine::New(line) => writeln!(out, "  + {line}")?,
        }
    }
    writeln!(out)?;
    Ok(())
}

/// Says which of the keys count from somewhere else than the file.
fn overridden(
    keys: &[NewValue],
    report: &LineReport,
    loaded: &Loaded,
    out: &mut dyn Write,
) -> Result<()> {
    let mut meters = loaded.settings.meters.iter().zip(&loaded.meters);
    let Some((_, filled)) = meters.find(|(meter, _)| meter.name == report.meter) else {
        return Ok(());
    };
    for new in keys {
        let given = filled.get(new.key).map(|value| &value.origin);
        if let Some(origin) = given.filter(|origin| origin.is_env()) {
            writeln!(
                out,
                "Note: {} is also set by {origin}, which wins: take it out there.",
                new.key
            )?;
        }
    }
    Ok(())
}

fn confirm(out: &mut dyn Write) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!(
            "nothing was written: there is no terminal to ask on; --yes writes without a question"
        );
    }
    write!(out, "Write it? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        bail!("nothing was written");
    }
    Ok(())
}
