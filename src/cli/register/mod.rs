//! `powerlogger register`: readings of the meters' faces, and how far the count has drifted from them.

mod entry;
mod exchange;
mod said;

use std::convert::Infallible;
use std::io::Write;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use self::entry::{configured, entered, settings, unwritable};
use self::exchange::ExchangeArgs;
use self::said::{tell, words};
use super::asking::from_daemon;
use super::names::{meant, shell_word};
use super::simulated::NOTE;
use super::table::{Column, Table};
use super::time::{self, Moment};
use crate::answers::entering::{self, Entry, KeptAnswer, TakenBackAnswer};
use crate::answers::registers::{self, Register};
use crate::clock::{Clock, SystemClock};
use crate::config::{Loaded, MeterSettings};
use crate::energy::register::{
    NewReading, base, drift, exchanged, has_outdated_digits, outdated_worth, parse_shown,
};
use crate::import::tidy::give_to_owner;
use crate::journal::Reader;
use crate::model::Exchange;

/// Options of `register`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct RegisterArgs {
    /// Only this meter [default: all].
    meter: Option<String>,

    /// What `register set` takes is told the way, instead of being called no subcommand.
    #[arg(hide = true, value_name = "READING", value_parser = is_not_set_here)]
    shown: Option<Infallible>,

    /// For programs.
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Option<RegisterCommand>,
}

#[derive(Debug, Subcommand)]
enum RegisterCommand {
    /// Enter what a meter shows. The first reading ties the register to the pulses; a later one shows how far
    /// they have drifted apart, and is kept as a note unless --adopt is given.
    Set(SetArgs),
    /// Take the reading back that was entered last for a meter; of an exchange both.
    Undo(UndoArgs),
    /// The meter was exchanged: enter what the old one and the new one showed. The history goes on, and the register
    /// is that of the new one.
    Exchange(ExchangeArgs),
}

/// Options of `register undo`.
#[derive(Debug, Args)]
struct UndoArgs {
    /// The meter's name.
    meter: String,
}

/// Options of `register set`.
#[derive(Debug, Args)]
struct SetArgs {
    /// The meter's name.
    meter: String,

    /// What its face shows, in the meter's unit (kWh, or m3 of gas), with the digits it has: 12345.6.
    #[arg(value_name = "READING", value_parser = parse_shown, allow_negative_numbers = true)]
    shown: (f64, usize),

    /// When it was read: 2026-06-21T12:00:00Z, "2026-06-21 12:00", 21.06.2026, -2h, "2 hours ago".
    #[arg(
        long,
        value_name = "TIME",
        default_value = "now",
        allow_hyphen_values = true
    )]
    at: Moment,

    /// Count the register from this reading on. Where it is far from what was counted, you are asked first.
    #[arg(long)]
    adopt: bool,

    /// With --adopt: do not ask.
    #[arg(long, short, requires = "adopt")]
    yes: bool,
}

fn is_not_set_here(_: &str) -> Result<Infallible, &'static str> {
    Err("what a meter shows is entered with `powerlogger register set METER READING`")
}

/// Shows the registers, or enters a reading.
///
/// # Errors
/// When there is no journal, no such meter, or it cannot be kept.
pub fn register(args: &RegisterArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    match &args.command {
        Some(RegisterCommand::Set(set)) => enter(set, args.json, loaded, out),
        Some(RegisterCommand::Exchange(new)) => exchange::exchange(new, args.json, loaded, out),
        Some(RegisterCommand::Undo(undo)) => take_back(undo, args.json, loaded, out),
        None => show(args.meter.as_deref(), args.json, loaded, out),
    }
}

fn show(only: Option<&str>, as_json: bool, loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    let mut shown: Vec<Register> = match from_daemon("/api/v1/registers", loaded) {
        Some(registers) => registers,
        None => registers::take(&Reader::open(&loaded.settings.journal.dir)?)?,
    };
    if let Some(only) = only {
        let name = meant(only, shown.iter().map(|register| register.meter.as_str()));
        let known: Vec<String> = shown.iter().map(|of| of.meter.clone()).collect();
        shown.retain(|register| register.meter == name);
        if shown.is_empty() {
            bail!(
                "the journal has no meter \"{only}\"; it has {}",
                known.join(", ")
            );
        }
    }
    if as_json {
        writeln!(out, "{:#}", serde_json::to_value(&shown)?)?;
        return Ok(());
    }
    if shown.iter().any(|register| register.simulated) {
        writeln!(out, "{NOTE}")?;
    }
    let mut table = Table::new("", &[Column::Left(10)]);
    for register in &shown {
        show_meter(register, loaded, &mut table);
    }
    table.write(out)?;
    Ok(())
}

fn show_meter(register: &Register, loaded: &Loaded, table: &mut Table) {
    let (name, readings) = (&register.meter, &register.readings);
    let unit = register.unit.symbol();
    let Some(now) = register.shown.or(register.kwh) else {
        let word = shell_word(name);
        let set = format!("no reading yet: `powerlogger register set {word} 12345.6`");
        table.row(&[name], set);
        return;
    };
    let base = base(readings);
    let face = base.map_or_else(|| format!("{now:.3}"), |base| base.face(now));
    let serial = exchanged(readings).and_then(|reading| reading.serial.as_deref());
    let serial = serial.map_or(String::new(), |serial| format!(" (meter {serial})"));
    table.row(&[name], format!("{face} {unit}{serial}"));
    for (n, reading) in readings.iter().enumerate() {
        let what = match reading.exchange {
            Some(Exchange::Old) => "old meter",
            Some(Exchange::New) => "new meter",
            None if reading.adopted => "read",
            None => "noted",
        };
        let at = time::local(reading.at_ns);
        let earlier = &readings[..n];
        // A new meter begins without a difference.
        let is_new = reading.exchange == Some(Exchange::New);
        let differs = drift(earlier, reading, 0)
            .filter(|_| !is_new)
            .map_or(String::new(), |by| format!(", {}", words(&by)));
        let (shown, unit) = (reading.shown, reading.worth.quantity.symbol());
        table.row(&[""], format!("{what} {at}: {shown} {unit}{differs}"));
    }
    let configured = settings(loaded, name);
    let digits = configured.and_then(|meter| meter.register_digits);
    if has_outdated_digits(readings, digits) {
        let outdated =
            "⚠ register_digits was changed since that reading: enter a new reading with --adopt";
        table.row(&[""], outdated.to_owned());
    }
    if let Some(now) = configured.and_then(MeterSettings::worth) {
        if let Some(counted) = outdated_worth(readings, now) {
            let outdated = format!(
                "⚠ counted with {counted}, as configured at that reading; now it is {now}: \
                 enter a new reading with --adopt"
            );
            table.row(&[""], outdated);
        }
    }
}

fn enter(args: &SetArgs, as_json: bool, loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    let (name, face) = configured(&args.meter, loaded)?;
    let dir = &loaded.settings.journal.dir;
    let now_ns = SystemClock.wall_ns();
    let (shown, decimals) = args.shown;
    let new = NewReading {
        at_ns: args.at.resolve(now_ns)?,
        is_now: matches!(args.at, Moment::FromNow(0)),
        shown,
        adopt: args.adopt,
    };
    let kept = entered(dir, (&name, &new), args.yes, out, |is_confirmed| {
        let entry = Entry {
            meter: &name,
            face,
            new,
            decimals,
            is_confirmed,
        };
        entering::enter(dir, &entry, now_ns)
    })?;
    if as_json {
        let said = serde_json::to_value(KeptAnswer::of(&name, &kept))?;
        writeln!(out, "{said:#}")?;
        return Ok(());
    }
    tell(
        &name,
        &kept.earlier,
        &kept.reading,
        kept.drift.as_ref(),
        out,
    )
}

/// Takes the last reading of a meter back.
fn take_back(args: &UndoArgs, as_json: bool, loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    let dir = &loaded.settings.journal.dir;
    let reader = Reader::open(dir)?;
    let totals = reader.totals()?;
    let name = meant(
        &args.meter,
        totals.iter().map(|totals| totals.name.as_str()),
    );
    let taken = entering::take_back(dir, &name).map_err(unwritable)?;
    give_to_owner(dir)?;
    let Some(taken) = taken else {
        bail!("there is no reading of \"{name}\" to take back");
    };
    if as_json {
        let said = TakenBackAnswer::of(&name, &taken);
        writeln!(out, "{:#}", serde_json::to_value(said)?)?;
        return Ok(());
    }
    let (taken, now) = taken;
    let what = match taken.exchange {
        Some(_) => "the exchange",
        None => "the reading",
    };
    let now = now.map_or("it has no register now".to_owned(), |(unit, now)| {
        format!("its register is {now:.3} {}", unit.symbol())
    });
    writeln!(
        out,
        "✓ {name}: {what} of {}, {} {}, is taken back; {now}",
        time::local(taken.at_ns),
        taken.shown,
        taken.worth.quantity.symbol()
    )?;
    Ok(())
}
