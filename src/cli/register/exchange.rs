//! `powerlogger register exchange`: another meter in the place of the one that was counted.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;

use super::entry::{configured, entered, settings};
use super::said::words;
use crate::answers::exchanging::{self, ExchangeEntry, Exchanged, ExchangedAnswer};
use crate::cli::names::shell_word;
use crate::cli::time::{self, Moment};
use crate::clock::{Clock, SystemClock};
use crate::config::Loaded;
use crate::energy::register::{NewReading, parse_shown};

/// Options of `register exchange`.
#[derive(Debug, Args)]
pub(super) struct ExchangeArgs {
    /// The meter's name: it stays.
    meter: String,

    /// What the old meter showed at its end, with the digits it has.
    #[arg(long, value_name = "READING", value_parser = parse_shown)]
    old: (f64, usize),

    /// What the new meter showed at its begin.
    #[arg(long, value_name = "READING", value_parser = parse_shown)]
    new: (f64, usize),

    /// When it was exchanged, as for `register set`.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "now",
        allow_hyphen_values = true
    )]
    at: Moment,

    /// The number on the new meter.
    #[arg(long, value_name = "NUMBER", value_parser = parse_serial)]
    serial: Option<String>,

    /// Pulses for one kWh of the new meter (for one of the meter's unit) [default: as configured].
    #[arg(long, value_name = "N", visible_alias = "pulses-per-unit", value_parser = parse_factor)]
    imp_per_kwh: Option<f64>,

    /// Where the old reading is far from what was counted: do not ask.
    #[arg(long, short)]
    yes: bool,
}

/// Longer no number on a meter is.
const SERIAL_MAX: usize = 64;

fn parse_serial(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_good = !text.is_empty()
        && text.chars().count() <= SERIAL_MAX
        && !text.chars().any(char::is_control);
    is_good
        .then(|| text.to_owned())
        .ok_or_else(|| format!("a number as it stands on a meter, at most {SERIAL_MAX} characters"))
}

fn parse_factor(text: &str) -> Result<f64, String> {
    let factor = text.replace(',', ".").parse::<f64>().ok();
    let factor = factor.filter(|factor| (0.001..=1_000_000.0).contains(factor));
    factor.ok_or_else(|| "a number from 0.001 to 1000000, as printed on the meter".to_owned())
}

/// Enters an exchange.
///
/// # Errors
/// When there is no such meter, or it cannot be kept.
pub(super) fn exchange(
    args: &ExchangeArgs,
    as_json: bool,
    loaded: &Loaded,
    out: &mut dyn Write,
) -> Result<()> {
    let (name, face) = configured(&args.meter, loaded)?;
    let dir = &loaded.settings.journal.dir;
    let now_ns = SystemClock.wall_ns();
    let old = NewReading {
        at_ns: args.at.resolve(now_ns)?,
        is_now: matches!(args.at, Moment::FromNow(0)),
        shown: args.old.0,
        adopt: false,
    };
    let kept = entered(dir, (&name, &old), args.yes, out, |is_confirmed| {
        let entry = ExchangeEntry {
            meter: &name,
            old,
            decimals: args.old.1,
            new_shown: args.new.0,
            configured: face,
            pulses_per_unit: args.imp_per_kwh,
            serial: args.serial.as_deref(),
            is_confirmed,
        };
        exchanging::exchange(dir, &entry, now_ns)
    })?;
    if as_json {
        let said = serde_json::to_value(ExchangedAnswer::of(&name, &kept))?;
        writeln!(out, "{said:#}")?;
        return Ok(());
    }
    tell(&name, &kept, loaded, out)
}

fn tell(name: &str, kept: &Exchanged, loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    let Exchanged { old, new, drift } = kept;
    let at = time::local(new.at_ns);
    let by = drift
        .as_ref()
        .map_or(String::new(), |by| format!(": {}", words(by)));
    writeln!(
        out,
        "✓ {name}: exchanged {at}. The old meter ended at {} {}{by}",
        old.shown,
        old.worth.quantity.symbol()
    )?;
    let serial = new.serial.as_ref();
    let serial = serial.map_or(String::new(), |serial| format!(", number {serial}"));
    writeln!(
        out,
        "  The new one began at {} {} ({}{serial}); the register is counted from there on.",
        new.shown,
        new.worth.quantity.symbol(),
        new.worth
    )?;
    let meter = settings(loaded, name);
    if let Some(meter) = meter.filter(|meter| meter.worth() != Some(new.worth)) {
        let (key, factor) = (meter.worth_key(), new.worth.pulses_per_unit);
        writeln!(
            out,
            "  Now write {key} = {factor} into its [[meter]] in powerlogger.toml, and restart the daemon: until then power \
             is shown by the old number, and MQTT's energy is counted by it."
        )?;
    }
    let since = meter.filter(|meter| !meter.factors_since.is_empty());
    if let Some(meter) = since {
        writeln!(
            out,
            "  {}_since is set there and holds alone: add \"{} {}\" to it.",
            meter.worth_key(),
            Timestamp::from_second(new.at_ns.s())?,
            new.worth.pulses_per_unit
        )?;
    }
    writeln!(
        out,
        "  If it was a slip: `powerlogger register undo {}`",
        shell_word(name)
    )?;
    Ok(())
}
