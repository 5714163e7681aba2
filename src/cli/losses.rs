//! `powerlogger losses`: the ledger. Every pulse that was rejected or lost, by meter and cause.

use std::io::Write;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

use super::numbers::{count, grouped};
use super::simulated::NOTE;
use super::table::{Column, Table};
use super::time;
use crate::config::destination_name;
use crate::config::in_use::configured_meters;
use crate::config::{Influx, Loaded};
use crate::journal::Unwatched;
use crate::journal::holder;
use crate::journal::{LedgerEntry, Reader};
use crate::journal::{Quarantine, Quarantined};
use crate::model::View;
use crate::model::{LossCause, NS_PER_S};
use crate::status::line::{Daemon, line_status};

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
    let reader = Reader::open(&loaded.settings.journal.dir)?;
    if args.refused {
        return list_refused(&reader.quarantine()?, args.json, out);
    }
    let ledger = reader.ledger()?;
    // Windows of an hour are kept for ever: the first one is when counting began.
    let since_s = reader.first_window(View::Hour)?;
    let unwatched = reader.unwatched()?;
    let open = open_stretches(loaded, &reader)?;
    let lost: u64 = ledger
        .iter()
        .filter(|(_, cause, _)| cause.is_loss())
        .map(|(_, _, loss)| loss.pulses)
        .sum();
    if args.json {
        let entries = ledger.iter().map(|(meter, cause, loss)| {
            json!({
                "meter": meter, "cause": cause.as_str(), "filter": cause.is_filter(),
                "lost": cause.is_loss(), "pulses": loss.pulses, "first_ns": loss.first_ns, "last_ns": loss.last_ns,
            })
        });
        let entries: Vec<_> = entries.collect();
        let unwatched = unwatched.iter().map(|stretch| {
            json!({ "meter": stretch.meter, "from_s": stretch.from_s, "until_s": stretch.until_s })
        });
        let open = open.iter().map(|open| {
            json!({ "meter": open.meter, "from_s": open.from_s, "until_s": null, "why": open.why })
        });
        let unwatched: Vec<_> = unwatched.chain(open).collect();
        let all = json!({
            "simulated": reader.is_simulated()?, "lost": lost, "since_s": since_s, "entries": entries, "unwatched": unwatched,
        });
        writeln!(out, "{all:#}")?;
        return Ok(());
    }
    if reader.is_simulated()? {
        writeln!(out, "{NOTE}")?;
    }
    print_entries(&ledger, out)?;
    print_unwatched(&unwatched, &open, out)?;
    let since = since_s.map_or_else(
        || "the journal began".to_owned(),
        |since_s| time::local(since_s * NS_PER_S),
    );
    if unwatched.is_empty() && open.is_empty() {
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

/// A stretch over which a meter's line is not watched now.
struct OpenStretch {
    meter: String,
    /// Its begin, in seconds since 1970; None: it was never watched, and nobody knows since when it should be.
    from_s: Option<i64>,
    why: String,
}

/// The configured meters whose lines are not watched now: they are not read, or no daemon runs.
fn open_stretches(loaded: &Loaded, reader: &Reader) -> Result<Vec<OpenStretch>> {
    let until_s = reader.watched_until_s()?;
    let mut lines = reader.lines_now()?;
    let is_simulated = reader.is_simulated()?;
    let daemon = Daemon::from(holder(&loaded.settings.journal.dir));
    let open = configured_meters(loaded).into_iter().filter_map(|meter| {
        let until_s = until_s.get(&meter).copied();
        let until_ns = until_s.map(|until_s| until_s * NS_PER_S);
        let told = lines.remove(&meter);
        let told = told.map(|told| (told.since_ns, told.why));
        let line = line_status(daemon, is_simulated, told, until_ns)?;
        let since_s = line.since_ns.map(|since_ns| since_ns.div_euclid(NS_PER_S));
        let (from_s, why) = (until_s.or(since_s), line.why);
        (!line.is_read).then_some(OpenStretch { meter, from_s, why })
    });
    Ok(open.collect())
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
                "destination": point.destination, "meter": point.meter, "pulse": point.pulse,
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
fn print_entries(ledger: &[LedgerEntry], out: &mut dyn Write) -> Result<()> {
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
            .filter(|(_, cause, _)| wanted(*cause))
            .collect();
        if entries.is_empty() {
            continue;
        }
        writeln!(out, "{title}")?;
        let columns = [Column::Left(12), Column::Left(16), Column::Right(9)];
        let mut table = Table::new("  ", &columns);
        for (meter, cause, loss) in entries {
            let (first, last) = (time::local(loss.first_ns), time::local(loss.last_ns));
            let (cause, pulses) = (cause.to_string(), grouped(loss.pulses));
            table.row(&[meter, &cause, &pulses], format!(" {first} to {last}"));
        }
        table.write(out)?;
        writeln!(out)?;
    }
    Ok(())
}

/// When nobody counted: the machine was off, the program stopped, the line not readable.
fn print_unwatched(all: &[Unwatched], open: &[OpenStretch], out: &mut dyn Write) -> Result<()> {
    if all.is_empty() && open.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "Not watched: what came then is not known (machine off, program stopped, line lost, clock set ahead)"
    )?;
    let left_out = all.len().saturating_sub(UNWATCHED_MAX);
    if left_out > 0 {
        writeln!(out, "  {left_out} earlier ones (--json shows all)")?;
    }
    let mut table = Table::new("  ", &[Column::Left(12)]);
    for stretch in &all[left_out..] {
        let (from_ns, until_ns) = (stretch.from_s * NS_PER_S, stretch.until_s * NS_PER_S);
        let (from, until) = (time::local(from_ns), time::local(until_ns));
        let length = time::span(until_ns - from_ns);
        table.row(&[&stretch.meter], format!("{from} to {until} ({length})"));
    }
    for OpenStretch { meter, from_s, why } in open {
        let since = from_s.map_or_else(
            || "the beginning".to_owned(),
            |from_s| time::local(from_s * NS_PER_S),
        );
        table.row(&[meter], format!("since {since}, until now: {why}"));
    }
    table.write(out)?;
    writeln!(out)?;
    Ok(())
}
