//! `powerlogger losses`: the ledger. Every pulse that was rejected or lost, by meter and cause.

use std::io::Write;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

use super::asking::from_daemon;
use super::numbers::{count, grouped};
use super::simulated::NOTE;
use super::table::{Column, Table};
use super::time;
use crate::answers::losses::{LossEntry, LossesAnswer, STRETCHES_MAX, UnwatchedStretch};
use crate::config::destination_name;
use crate::config::in_use::configured_meters;
use crate::config::{Influx, Loaded};
use crate::journal::Reader;
use crate::journal::holder;
use crate::journal::{Quarantine, Quarantined};
use crate::model::{LossCause, WallNs};
use crate::status::line::Daemon;

/// Stretches that are printed, the latest.
const UNWATCHED_MAX: usize = 20;

/// Refused points that are printed, the latest.
const REFUSED_MAX: usize = 50;

/// Options of `losses`.
#[derive(Debug, Args)]
pub struct LossesArgs {
    /// List the points that the server has refused, with what it said.
    #[arg(long)]
    refused: bool,

    /// Send the points again that the configured server has refused: it takes them now, say. A daemon that runs does
    /// so at once, else the next one.
    #[arg(long, conflicts_with_all = ["json", "refused"])]
    send_again: bool,

    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Prints the ledger.
///
/// # Errors
/// When there is no journal or it cannot be read.
pub fn losses(args: &LossesArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    if args.send_again {
        return send_again(loaded, out);
    }
    if args.refused {
        let reader = Reader::open(&loaded.settings.journal.dir)?;
        return list_refused(&reader.quarantine()?, args.json, out);
    }
    let all = format!("/api/v1/losses?limit={STRETCHES_MAX}");
    let losses = match from_daemon(&all, loaded) {
        Some(losses) => losses,
        None => from_journal(loaded)?,
    };
    if args.json {
        writeln!(out, "{:#}", serde_json::to_value(&losses)?)?;
        return Ok(());
    }
    if losses.simulated {
        writeln!(out, "{NOTE}")?;
    }
    print_entries(&losses.entries, out)?;
    print_unwatched(&losses.unwatched, out)?;
    let (lost, since_s) = (losses.lost, losses.since_s);
    let since = since_s.map_or_else(
        || "the journal began".to_owned(),
        |since_s| time::local(WallNs::of_s(since_s)),
    );
    if losses.unwatched.is_empty() {
        writeln!(out, "{} lost since {since}", grouped(lost))?;
    } else {
        // No good news while pulses may be missed.
        let how_many = match lost {
            0 => "none".to_owned(),
            lost => grouped(lost),
        };
        writeln!(
            out,
            "{how_many} known to be lost since {since}; what came while a line was not watched (above) is not known"
        )?;
    }
    Ok(())
}

/// The same as the daemon answers, read from the journal.
fn from_journal(loaded: &Loaded) -> Result<LossesAnswer> {
    let dir = &loaded.settings.journal.dir;
    let daemon = Daemon::from(holder(dir));
    let configured = configured_meters(loaded);
    Ok(LossesAnswer::take(
        &Reader::open(dir)?,
        &configured,
        daemon,
    )?)
}

/// Marks the quarantine of the configured server to be sent again.
fn send_again(loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    let influx = match &loaded.settings.influx {
        Influx::Configured(influx) => influx,
        Influx::NotConfigured(why) => bail!("InfluxDB is not configured: {why}"),
    };
    let dir = &loaded.settings.journal.dir;
    let name = destination_name(influx);
    let marked = Quarantine::open(dir)?.send_again(&name)?;
    let points = Reader::open(dir)?.quarantine()?;
    let here = points.iter().filter(|point| point.destination == name);
    let gone = here.filter(|point| !point.kept).count();
    if marked > 0 {
        writeln!(
            out,
            "to be sent to {name} again: {}; within seconds where powerlogger runs, else when it does",
            count(i128::try_from(marked).unwrap_or(0), "point")
        )?;
    } else {
        writeln!(out, "no point that {name} has refused is to be sent again")?;
    }
    if gone > 0 {
        writeln!(
            out,
            "{gone} are no longer in the journal as pulses, only in its windows: they stay in the list"
        )?;
    }
    Ok(())
}

fn list_refused(points: &[Quarantined], json: bool, out: &mut dyn Write) -> Result<()> {
    if json {
        let points = points.iter().map(|point| {
            json!({
                "destination": point.destination, "meter": point.meter, "pulse": point.pulse.0,
                "wall_ns": point.wall_ns, "refused_ns": point.at_ns, "message": point.message,
                "in_journal": point.kept, "is_sent_again": point.again,
            })
        });
        let points: Vec<_> = points.collect();
        writeln!(out, "{:#}", json!({ "refused": points }))?;
        return Ok(());
    }
    let left_out = points.len().saturating_sub(REFUSED_MAX);
    if left_out > 0 {
        writeln!(out, "{left_out} earlier ones (--json shows all)")?;
    }
    let mut table = Table::new("", &[Column::Left(12)]);
    for point in &points[left_out..] {
        let again = if point.again { " (is sent again)" } else { "" };
        let refused = format!("{}  {}{again}", time::local(point.wall_ns), point.message);
        table.row(&[&point.meter], refused);
    }
    table.write(out)?;
    writeln!(
        out,
        "{} refused by the server and kept{}",
        count(i128::try_from(points.len()).unwrap_or(0), "point"),
        if points.is_empty() {
            ""
        } else {
            "; `powerlogger losses --send-again` sends them again"
        }
    )?;
    Ok(())
}

/// The ledger, in four parts.
fn print_entries(ledger: &[LossEntry], out: &mut dyn Write) -> Result<()> {
    type Wanted = fn(LossCause) -> bool;
    let parts: [(Wanted, &str); 4] = [
        (
            LossCause::is_loss,
            "Lost: pulses that were not kept, or not delivered as points",
        ),
        (
            |cause| cause == LossCause::Retention,
            "In windows only: older than the raw bucket keeps when they were sent; 1m, 5m and 1h have them",
        ),
        (
            |cause| cause == LossCause::Restored,
            "Put back by number: counted, with estimated stamps",
        ),
        (
            LossCause::is_filter,
            "Rejected: edges that a filter did not take for pulses",
        ),
    ];
    for (wanted, title) in parts {
        let entries: Vec<_> = ledger
            .iter()
            .filter(|entry| entry.cause().is_some_and(wanted))
            .collect();
        if entries.is_empty() {
            continue;
        }
        writeln!(out, "{title}")?;
        let columns = [Column::Left(12), Column::Left(16), Column::Right(9)];
        let mut table = Table::new("  ", &columns);
        for LossEntry { meter, loss } in entries {
            let (first, last) = (time::local(loss.first_ns), time::local(loss.last_ns));
            let pulses = grouped(loss.pulses);
            table.row(&[meter, loss.cause, &pulses], format!(" {first} to {last}"));
        }
        table.write(out)?;
        writeln!(out)?;
    }
    Ok(())
}

/// When nothing counted: the machine was off, the program stopped, the line not readable.
fn print_unwatched(all: &[UnwatchedStretch], out: &mut dyn Write) -> Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "Not watched: what came then is not known (machine off, program stopped, line lost, clock set ahead)"
    )?;
    let closed = all.iter().filter(|stretch| stretch.until_s.is_some());
    let left_out = closed.count().saturating_sub(UNWATCHED_MAX);
    if left_out > 0 {
        writeln!(out, "  {left_out} earlier ones (--json shows all)")?;
    }
    let mut table = Table::new("  ", &[Column::Left(12)]);
    for stretch in &all[left_out..] {
        let from_ns = stretch.from_s.map(WallNs::of_s);
        let from = from_ns.map_or_else(|| "the beginning".to_owned(), time::local);
        let said = match stretch.until_s.map(WallNs::of_s) {
            Some(until_ns) => {
                let length = time::span(until_ns - from_ns.unwrap_or(until_ns));
                format!("{from} to {} ({length})", time::local(until_ns))
            }
            None => {
                let why = stretch.why.as_deref().unwrap_or_default();
                format!("since {from}, until now: {why}")
            }
        };
        table.row(&[&stretch.meter], said);
    }
    table.write(out)?;
    writeln!(out)?;
    Ok(())
}
