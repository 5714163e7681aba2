//! `powerlogger delete-buckets`: deletes the four buckets, after saying what will be lost.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::setup::{admin, cannot_connect, client};
use crate::config::{InfluxSettings, Loaded};
use crate::influx::management::Bucket;
use crate::influx::{Client, flux};
use crate::rollup::Level;
use crate::setup::inspect::{Look, check, look};
use crate::setup::{mark, writer_file};

/// What must be typed.
const WORD: &str = "DELETE";

/// Options of `delete-buckets`.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// Do not ask: for scripts.
    #[arg(long)]
    yes_delete_all_data: bool,

    /// Delete the tasks and tokens that `setup` made here, too.
    #[arg(long)]
    tasks_and_tokens: bool,
}

/// A bucket that will go, and what is in it.
struct Doomed {
    bucket: Bucket,
    points: i64,
    since: Option<String>,
}

/// Deletes, if it is confirmed.
///
/// # Errors
/// When the server, or somebody asked, says no.
pub fn delete_buckets(args: &DeleteArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<ExitCode> {
    let (influx, token) = admin(loaded)?;
    let client = client(influx, &token)?;
    let org_id = check(&client, influx)
        .map_err(|refused| anyhow::anyhow!(cannot_connect(&refused, influx, &token)))?;
    let look = look(&client, &org_id).context("the server does not tell what is on it")?;
    let mut doomed = Vec::new();
    let mut missing = Vec::new();
    for level in Level::ALL {
        let name = influx.bucket(level);
        match look.buckets.iter().find(|bucket| bucket.name == name) {
            Some(bucket) => doomed.push(weigh(&client, bucket)?),
            None => missing.push(name),
        }
    }
    for name in &missing {
        writeln!(out, "• {name} does not exist; skipped")?;
    }
    if doomed.is_empty() {
        writeln!(out, "There is no bucket to delete on {}.", influx.host)?;
    } else {
        warn(&doomed, influx, out)?;
        confirm(args, out)?;
        delete(&client, &doomed, out)?;
    }
    if args.tasks_and_tokens {
        delete_ours(&client, &look, loaded, out)?;
    } else if !doomed.is_empty() {
        writeln!(
            out,
            "\nTasks and tokens of `setup` are still there (--tasks-and-tokens deletes them, too)."
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How many points are in a bucket, and since when.
fn weigh(client: &Client, bucket: &Bucket) -> Result<Doomed> {
    let all = format!(
        "from(bucketID: {})\n  |> range(start: 1678-01-01T00:00:00Z, stop: 2262-01-01T00:00:00Z)\n  ",
        flux::string(&bucket.id)
    );
    let counting = format!("{all}|> count() |> keep(columns: [\"_value\"])");
    let failed = || format!("cannot count what is in \"{}\"", bucket.name);
    let mut points = 0;
    let count = |row: flux::Row<'_>| {
        let value = row
            .get("_value")
            .and_then(|value| value.parse::<i64>().ok());
        points += value.unwrap_or(0);
    };
    let mut count = count;
    client
        .query(&counting, None, &mut count)
        .with_context(failed)?;
    let finding = format!("{all}|> first() |> keep(columns: [\"_time\"])");
    let mut since: Option<String> = None;
    let mut find = |row: flux::Row<'_>| {
        // RFC 3339 in UTC: the order of the texts is that of the times, to the second.
        if let Some(time) = row.get("_time") {
            if since.as_deref().is_none_or(|since| time < since) {
                since = Some(time.to_owned());
            }
        }
    };
    client
        .query(&finding, None, &mut find)
        .with_context(failed)?;
    Ok(Doomed {
        bucket: bucket.clone(),
        points,
        since,
    })
}

fn warn(doomed: &[Doomed], influx: &InfluxSettings, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "⚠️  DANGER: This will DELETE all PowerLogger buckets from InfluxDB!\n"
    )?;
    writeln!(
        out,
        "Server: {}, organization \"{}\"\n",
        influx.host, influx.org
    )?;
    writeln!(
        out,
        "This action is IRREVERSIBLE and will permanently delete:"
    )?;
    for Doomed {
        bucket,
        points,
        since,
    } in doomed
    {
        let what = match since {
            Some(since) => format!("{points} points since {since}"),
            None => "empty".to_owned(),
        };
        writeln!(out, "  • {}  ({what})", bucket.name)?;
    }
    writeln!(out, "\nAll data in these buckets will be LOST FOREVER!")?;
    writeln!(out, "(The journal of this machine is not touched.)\n")?;
    Ok(())
}

fn confirm(args: &DeleteArgs, out: &mut dyn Write) -> Result<()> {
    if args.yes_delete_all_data {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        bail!(
            "nothing was deleted: there is no terminal to confirm on; --yes-delete-all-data does it \
             without asking"
        );
    }
    write!(out, "Type '{WORD}' to confirm deletion: ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim() != WORD {
        bail!("nothing was deleted");
    }
    Ok(())
}

fn delete(client: &Client, doomed: &[Doomed], out: &mut dyn Write) -> Result<()> {
    for (n, Doomed { bucket, .. }) in doomed.iter().enumerate() {
        write!(
            out,
            "[{}/{}] deleting {} ... ",
            n + 1,
            doomed.len(),
            bucket.name
        )?;
        out.flush()?;
        client
            .delete_bucket(&bucket.id)
            .with_context(|| format!("cannot delete \"{}\"", bucket.name))?;
        writeln!(out, "done")?;
    }
    writeln!(out, "\n✅ All PowerLogger buckets are deleted.")?;
    Ok(())
}

/// Deletes the tasks and tokens that bear our mark.
fn delete_ours(client: &Client, look: &Look, loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    let Some(installation) = mark::find(&loaded.config_dir)? else {
        let dir = loaded.config_dir.display();
        writeln!(
            out,
            "There is no {} in {dir}: no task or token is known to be ours.",
            mark::ID_FILE
        )?;
        return Ok(());
    };
    let is_ours =
        |description: &str| mark::read(description).is_some_and(|(whose, _)| whose == installation);
    for task in look.tasks.iter().filter(|task| is_ours(&task.description)) {
        client.delete_task(&task.id)?;
        writeln!(out, "✓ task \"{}\" deleted", task.name)?;
    }
    for entry in look
        .authorizations
        .iter()
        .filter(|entry| is_ours(&entry.description))
    {
        client.delete_authorization(&entry.id)?;
        let role = mark::read(&entry.description).map(|(_, role)| role);
        let role = if role == Some(mark::Role::Writer) {
            "writer"
        } else {
            "read-only"
        };
        writeln!(out, "✓ {role} token deleted")?;
    }
    writer_file::remove(&loaded.config_dir)?;
    Ok(())
}
