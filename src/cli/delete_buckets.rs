//! `powerlogger delete-buckets`: deletes the four buckets, after saying what will be lost.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::refused;
use super::setup::{admin, client};
use crate::config::{InfluxSettings, Loaded};
use crate::influx::error::chain;
use crate::influx::management::{Authorization, Bucket, Task};
use crate::influx::{Client, Error, flux};
use crate::model::Tier;
use crate::setup::inspect::{Inventory, check, look};
use crate::setup::installation::{self, ID_FILE};
use crate::setup::{mark, sharing, writer_file};

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
    content: String,
}

/// The tasks and tokens that bear our mark.
#[derive(Default)]
struct Ours<'a> {
    tasks: Vec<&'a Task>,
    tokens: Vec<&'a Authorization>,
}

impl Ours<'_> {
    fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.tokens.is_empty()
    }
}

/// Deletes, if it is confirmed.
///
/// # Errors
/// When the server, or somebody asked, says no.
pub fn delete_buckets(args: &DeleteArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<ExitCode> {
    let (influx, token) = admin(loaded)?;
    let client = client(influx, &token)?;
    let org_id = check(&client, influx)
        .map_err(|found| anyhow::anyhow!(refused::line(&found, influx, &loaded.config_dir)))?;
    let look = look(&client, &org_id).context("the server does not tell what is on it")?;
    let mut doomed = Vec::new();
    for level in Tier::ALL {
        let name = influx.bucket(level);
        match look.buckets.iter().find(|bucket| bucket.name == name) {
            Some(bucket) => doomed.push(Doomed {
                bucket: bucket.clone(),
                content: weigh(&client, bucket),
            }),
            None => writeln!(out, "• {name} does not exist; skipped")?,
        }
    }
    if doomed.is_empty() {
        writeln!(out, "There is no bucket to delete on {}.", influx.host)?;
    }
    let ours = if args.tasks_and_tokens {
        find_ours(&look, loaded, influx, out)?
    } else {
        Ours::default()
    };
    if !doomed.is_empty() {
        tell_others(&look, loaded, influx, out)?;
    }
    if !doomed.is_empty() || !ours.is_empty() {
        warn(&doomed, &ours, influx, out)?;
        confirm(args, out)?;
    }
    delete(&client, &doomed, out)?;
    if args.tasks_and_tokens {
        delete_ours(&client, &ours, loaded, out)?;
        if writer_file::is_for(&loaded.config_dir, &influx.host, &influx.org) {
            writer_file::remove(&loaded.config_dir)?;
        }
    } else if !doomed.is_empty() {
        writeln!(
            out,
            "\nTasks and tokens of `setup` are still there (--tasks-and-tokens deletes them, too)."
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How many points are in a bucket, and since when. Where that takes longer than the server is waited for
/// it is still to be deleted.
fn weigh(client: &Client, bucket: &Bucket) -> String {
    match count(client, bucket) {
        Ok((points, Some(since))) => format!("{points} points since {since}"),
        Ok((_, None)) => "empty".to_owned(),
        Err(error) => format!("it is not known how many points: {}", chain(&error)),
    }
}

fn count(client: &Client, bucket: &Bucket) -> Result<(i64, Option<String>), Error> {
    let all = format!(
        "from(bucketID: {})\n  |> range(start: 1678-01-01T00:00:00Z, stop: 2262-01-01T00:00:00Z)\n  ",
        flux::string(&bucket.id)
    );
    let counting = format!("{all}|> count() |> keep(columns: [\"_value\"])");
    let mut points = 0;
    let mut count = |row: flux::Row<'_>| {
        let value = row
            .get("_value")
            .and_then(|value| value.parse::<i64>().ok());
        points += value.unwrap_or(0);
    };
    client.query(&counting, None, &mut count)?;
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
    client.query(&finding, None, &mut find)?;
    Ok((points, since))
}

fn warn(
    doomed: &[Doomed],
    ours: &Ours<'_>,
    influx: &InfluxSettings,
    out: &mut dyn Write,
) -> Result<()> {
    let (host, org) = (&influx.host, &influx.org);
    let what = if doomed.is_empty() {
        "the tasks and tokens of PowerLogger"
    } else {
        "all PowerLogger buckets"
    };
    writeln!(
        out,
        "⚠️  DANGER: This will DELETE {what} from InfluxDB!\n\n\
         Server: {host}, organization \"{org}\"\n\n\
         This action is IRREVERSIBLE and will permanently delete:"
    )?;
    for Doomed { bucket, content } in doomed {
        writeln!(out, "  • {}  ({content})", bucket.name)?;
    }
    for task in &ours.tasks {
        writeln!(out, "  • task \"{}\"", task.name)?;
    }
    for entry in &ours.tokens {
        writeln!(out, "  • the {}", token_of(entry))?;
    }
    if !doomed.is_empty() {
        writeln!(out, "\nAll data in these buckets will be LOST FOREVER!")?;
        writeln!(out, "(The journal of this machine is not touched.)")?;
    }
    writeln!(out)?;
    Ok(())
}

/// Whoever else writes into the buckets loses what is in them, too.
fn tell_others(
    look: &Inventory,
    loaded: &Loaded,
    influx: &InfluxSettings,
    out: &mut dyn Write,
) -> Result<()> {
    let here = installation::find(&loaded.config_dir)?.here();
    let id = here.map(|here| here.id).unwrap_or_default();
    for other in sharing::others(look, influx, &id) {
        let id = other.installation;
        writeln!(out, "⚠️  Installation {id} writes into these buckets, too.")?;
    }
    Ok(())
}

/// What a token of ours is called.
fn token_of(entry: &Authorization) -> &'static str {
    match mark::read(&entry.description) {
        Some((_, mark::MarkRole::Writer)) => "writer token, which `powerlogger run` uses",
        _ => "read-only token, which Grafana may use",
    }
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
    if !doomed.is_empty() {
        writeln!(out, "\n✅ All PowerLogger buckets are deleted.")?;
    }
    Ok(())
}

/// What this installation has made. A token that is not known to be made here may be a copy's, with the same mark.
fn find_ours<'a>(
    look: &'a Inventory,
    loaded: &Loaded,
    influx: &InfluxSettings,
    out: &mut dyn Write,
) -> Result<Ours<'a>> {
    let Some(here) = installation::find(&loaded.config_dir)?.here() else {
        let dir = loaded.config_dir.display();
        writeln!(
            out,
            "There is no {ID_FILE} of this machine in {dir}: no task or token is known to be ours."
        )?;
        return Ok(Ours::default());
    };
    let is_ours =
        |description: &str| mark::read(description).is_some_and(|(whose, _)| whose == here.id);
    let tasks = look.tasks.iter();
    let marked = look.authorizations.iter();
    let marked = marked.filter(|entry| is_ours(&entry.description));
    let writer_id = writer_file::authorization_id(&loaded.config_dir, &influx.host, &influx.org);
    let (tokens, others): (Vec<_>, Vec<_>) = marked.partition(|entry| {
        here.tokens.contains(&entry.id) || writer_id.as_ref() == Some(&entry.id)
    });
    for entry in others {
        let (what, id) = (token_of(entry), &entry.id);
        writeln!(
            out,
            "The {what} ({id}) is not known to be made here and stays: delete it in InfluxDB if nothing uses it."
        )?;
    }
    Ok(Ours {
        tasks: tasks.filter(|task| is_ours(&task.description)).collect(),
        tokens,
    })
}

fn delete_ours(
    client: &Client,
    ours: &Ours<'_>,
    loaded: &Loaded,
    out: &mut dyn Write,
) -> Result<()> {
    for task in &ours.tasks {
        client
            .delete_task(&task.id)
            .with_context(|| format!("cannot delete the task \"{}\"", task.name))?;
        writeln!(out, "✓ task \"{}\" deleted", task.name)?;
    }
    for entry in &ours.tokens {
        let what = token_of(entry);
        client
            .delete_authorization(&entry.id)
            .with_context(|| format!("cannot delete the {what}"))?;
        installation::forget_token(&loaded.config_dir, &entry.id)?;
        writeln!(out, "✓ {what}: deleted")?;
    }
    Ok(())
}
