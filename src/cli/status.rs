//! `powerlogger status`: the snapshot of truth, for people and programs.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use clap::Args;

use super::time;
use crate::clock::{Clock, SystemClock};
use crate::config::{Downsampling, Influx, Loaded};
use crate::daemon::destination_name;
use crate::journal::JournalError;
use crate::journal::lock::is_locked;
use crate::journal::reader::Reader;
use crate::journal::refusal::{Refusal, is_read_only};
use crate::pulse::NS_PER_S;
use crate::status::conditions::conditions;
use crate::status::{ClockStatus, DeliveryStatus, MeterStatus, Status, ViewsStatus};

/// Options of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the status.
///
/// # Errors
/// When there is no journal or it cannot be read.
pub fn status(args: &StatusArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    let dir = &loaded.settings.journal.dir;
    let destination = match &loaded.settings.influx {
        Influx::Configured(influx) => Some(destination_name(influx)),
        Influx::NotConfigured(_) => None,
    };
    let taken = Reader::open(dir).and_then(|mut reader| {
        Status::take(&mut reader, destination.as_deref(), SystemClock.wall_ns())
    });
    let status = taken.map_err(|failed| explained(failed, dir))?;
    let running = is_locked(dir);
    if args.json {
        let mut json = serde_json::to_value(&status)?;
        json["running"] = running.into();
        json["conditions"] = serde_json::to_value(conditions(&status))?;
        json["journal_dir"] = dir.display().to_string().into();
        let waiting = crate::import::waiting(dir).into_iter();
        let waiting = waiting.map(|path| path.display().to_string());
        json["to_import"] = waiting.collect::<Vec<_>>().into();
        writeln!(out, "{json:#}")?;
        return Ok(());
    }
    let state = match running {
        true => "running",
        false if is_read_only(dir) => {
            "not running, or counting in memory: the journal's disk is READ-ONLY \
             (`systemctl status powerlogger` tells which)"
        }
        false => "not running",
    };
    writeln!(out, "powerlogger is {state}")?;
    writeln!(
        out,
        "journal    {}: {} pulses, {:.1} MiB",
        dir.display(),
        status.journal_pulses,
        status.journal_bytes as f64 / f64::from(1 << 20)
    )?;
    if let Some(clock) = &status.clock {
        writeln!(out, "clock      {}", clock_words(clock))?;
    }
    delivery(loaded, status.delivery.as_ref(), out)?;
    for meter in &status.meters {
        print_meter(meter, status.at_ns, out)?;
    }
    for path in crate::import::waiting(dir) {
        writeln!(out, "TO IMPORT  {}", path.display())?;
        writeln!(
            out,
            "           {}",
            super::verify::local::how_to_import(&path)
        )?;
    }
    for condition in conditions(&status) {
        writeln!(out, "⚠          {}", condition.sentence())?;
    }
    match status.lost() {
        0 => writeln!(out, "lost       0 pulses")?,
        lost => writeln!(out, "lost       {lost} pulses (by cause above)")?,
    }
    Ok(())
}

/// Why the journal cannot be read, with what to do about it.
fn explained(failed: JournalError, dir: &Path) -> anyhow::Error {
    let Refusal { kind, remedy } = Refusal::of(&failed, dir);
    if matches!(kind, "missing" | "newer_schema") {
        return failed.into();
    }
    anyhow::Error::from(failed).context(format!(
        "the journal in {} cannot be read ({kind}): {remedy}. A daemon that runs counts on in memory: \
         `systemctl status powerlogger`",
        dir.display()
    ))
}

/// On which clock the newest pulses stand, and what to do about it.
pub(super) fn clock_words(clock: &ClockStatus) -> &'static str {
    match clock.trust {
        "synchronised" => "synchronised (NTP)",
        "rtc" => "set by the machine's battery-backed clock",
        "assumed" => {
            "taken as it is: nothing has confirmed it (`timedatectl set-ntp true` switches NTP on)"
        }
        _ => {
            "NOT KNOWN to be right: pulses are counted and kept, and delivered when it is; switch NTP on \
             (`timedatectl set-ntp true`), or set clock.without_ntp = \"assume\""
        }
    }
}

fn delivery(loaded: &Loaded, status: Option<&DeliveryStatus>, out: &mut dyn Write) -> Result<()> {
    if let Influx::NotConfigured(why) = &loaded.settings.influx {
        writeln!(out, "delivery   off: {why}")?;
        return Ok(());
    }
    let Some(delivery) = status else {
        writeln!(out, "delivery   nothing sent to this server and bucket yet")?;
        return Ok(());
    };
    let lag = delivery.lag_ns.map_or_else(String::new, |ns| {
        format!(", the oldest {} old", time::span(ns))
    });
    writeln!(
        out,
        "delivery   to {}: {} waiting{lag}",
        delivery.destination, delivery.backlog
    )?;
    match delivery.state.as_str() {
        "" => writeln!(out, "           no answer yet")?,
        "ok" => writeln!(
            out,
            "           works since {}",
            time::local(delivery.since_ns)
        )?,
        state => {
            let since = time::local(delivery.since_ns);
            writeln!(
                out,
                "           FAILS ({state}) since {since}: {}",
                delivery.message
            )?;
        }
    }
    views(loaded, &delivery.views, out)
}

/// How far the server's windows are known to be right.
fn views(loaded: &Loaded, views: &ViewsStatus, out: &mut dyn Write) -> Result<()> {
    let Influx::Configured(influx) = &loaded.settings.influx else {
        return Ok(());
    };
    if influx.downsampling == Downsampling::Off {
        writeln!(out, "windows    off (influx.downsampling)")?;
        return Ok(());
    }
    let until = views.until_s.values().min();
    match (views.state.as_str(), until) {
        ("ok" | "", Some(until_s)) => {
            let until = time::local(until_s * NS_PER_S);
            writeln!(out, "windows    equal to the journal up to {until}")?;
        }
        ("ok" | "", None) => writeln!(out, "windows    not compared with the server yet")?,
        (state, _) => {
            let (since, message) = (time::local(views.since_ns), &views.message);
            writeln!(
                out,
                "windows    NOT COMPARED ({state}) since {since}: {message}"
            )?;
        }
    }
    Ok(())
}

fn print_meter(meter: &MeterStatus, now_ns: i64, out: &mut dyn Write) -> Result<()> {
    let last = match meter.last_pulse_ns {
        Some(last) => {
            format!(
                "last {} ({} ago)",
                time::local(last),
                time::span(now_ns - last)
            )
        }
        None if meter.pulses > 0 => "last one's time not known yet".to_owned(),
        None => "none yet".to_owned(),
    };
    let register = meter
        .register_kwh
        .map_or(String::new(), |kwh| format!("{kwh:.3} kWh, "));
    writeln!(
        out,
        "{:<10} {register}{} pulses, {last}",
        meter.name, meter.pulses
    )?;
    for loss in &meter.losses {
        let word = match (loss.filter, loss.lost) {
            (true, _) => "rejected",
            (false, true) => "LOST",
            (false, false) => "put back by number",
        };
        writeln!(
            out,
            "           {word} {} ({}), {} to {}",
            loss.pulses,
            loss.cause,
            time::local(loss.first_ns),
            time::local(loss.last_ns)
        )?;
    }
    Ok(())
}
