//! What entering a reading and an exchange share: the meter that is meant, the question, why nothing is kept.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use anyhow::{Result, anyhow, bail};

use super::said::{why_refused, words};
use crate::answers::entering::NotKept;
use crate::cli::names::meant;
use crate::cli::time;
use crate::config::{Loaded, MeterSettings};
use crate::energy::register::{Drift, MeterFace, NewReading};
use crate::import::tidy::give_to_owner;
use crate::journal::JournalError;
use crate::model::Reading;

/// The settings of a meter with this name.
pub(super) fn settings<'a>(loaded: &'a Loaded, name: &str) -> Option<&'a MeterSettings> {
    let mut meters = loaded.settings.meters.iter();
    meters.find(|meter| meter.name == name)
}

/// The configured meter that is meant, and what is configured of it.
pub(super) fn configured(wanted: &str, loaded: &Loaded) -> Result<(String, MeterFace)> {
    let meters = || {
        loaded
            .settings
            .meters
            .iter()
            .map(|meter| meter.name.as_str())
    };
    let name = meant(wanted, meters());
    let Some(meter) = settings(loaded, &name) else {
        let names: Vec<&str> = meters().collect();
        bail!(
            "there is no meter \"{wanted}\"; there are {}",
            names.join(", ")
        );
    };
    let Some(worth) = meter.worth() else {
        let (unit, key) = (meter.unit.symbol(), meter.worth_key());
        bail!(
            "it is not known how many pulses of \"{name}\" are one {unit}: set {key} in its [[meter]] in \
             powerlogger.toml; it is printed on the meter (imp/{unit})"
        );
    };
    let digits = meter.register_digits;
    Ok((name, MeterFace { worth, digits }))
}

/// Why a reading is not kept, in words.
fn not_kept(failed: NotKept, name: &str, new: &NewReading) -> anyhow::Error {
    match failed {
        NotKept::Refused(refused) => anyhow::Error::msg(why_refused(new, refused)),
        NotKept::NotHeld => anyhow!(
            "the journal no longer holds every pulse since {}; read the meter again and leave out --at",
            time::local(new.at_ns)
        ),
        NotKept::Implausible(..) => anyhow!("nothing was kept: {failed}"),
        NotKept::UnknownMeter => {
            anyhow!("the journal does not know \"{name}\" yet: start `powerlogger run` first")
        }
        NotKept::Journal(failed) => unwritable(failed),
    }
}

/// Why the journal does not take it.
pub(super) fn unwritable(failed: JournalError) -> anyhow::Error {
    match failed.kind() {
        "read_only" => anyhow::Error::new(failed)
            .context("nothing was kept: run it as a user who may write to the journal (sudo)"),
        _ => failed.into(),
    }
}

/// Keeps what is entered of a meter by `keep`, which is told whether it is right however far it is from what was counted: where
/// that is not said yet, it is asked.
pub(super) fn entered<T>(
    dir: &Path,
    (name, new): (&str, &NewReading),
    is_confirmed: bool,
    out: &mut dyn Write,
    keep: impl Fn(bool) -> Result<T, NotKept>,
) -> Result<T> {
    let mut entered = keep(is_confirmed);
    if let Err(NotKept::Implausible(reading, by)) = &entered {
        confirm(name, reading, by, out)?;
        entered = keep(true);
    }
    let kept = entered.map_err(|failed| not_kept(failed, name, new))?;
    give_to_owner(dir)?;
    Ok(kept)
}

/// Asks whether a reading is right that pulses which were missed do not explain.
fn confirm(name: &str, reading: &Reading, by: &Drift, out: &mut dyn Write) -> Result<()> {
    let differs = format!(
        "{} {} is {} for \"{name}\": {:.3} {} were expected",
        reading.shown,
        reading.worth.quantity.symbol(),
        words(by),
        by.expected,
        by.unit.symbol()
    );
    if !std::io::stdin().is_terminal() {
        bail!("nothing was kept: {differs}. If it is what the meter shows, add --yes");
    }
    write!(out, "{differs}. Count from it all the same? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        bail!("nothing was kept");
    }
    Ok(())
}
