//! `powerlogger delete-buckets`: deletes the four buckets, after saying what will be lost.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::setup::admin;
use crate::config::{InfluxSettings, Loaded};
use crate::influx::Client;
use crate::setup::inspect::{check, look};
use crate::setup::installation::{self, ID_FILE};
use crate::setup::removal::{self, Buckets, DoomedBucket, OwnEntries, token_of};
use crate::setup::{refused, session};

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

/// Deletes, if it is confirmed.
///
/// # Errors
/// If the server refuses, or the user does not confirm.
pub fn delete_buckets(args: &DeleteArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<ExitCode> {
    let (influx, token) = admin(loaded)?;
    let client = session::client(influx, Some(token))?;
    let org_id = check(&client, influx)
        .map_err(|found| anyhow::anyhow!(refused::line(&found, influx, &loaded.config_dir)))?;
    let look = look(&client, &org_id).context("the server does not tell what is on it")?;
    let Buckets { doomed, missing } = removal::buckets(&client, &look, influx);
    for name in missing {
        writeln!(out, "• {name} does not exist; skipped")?;
    }
    if doomed.is_empty() {
        writeln!(out, "There is no bucket to delete on {}.", influx.host)?;
    }
    let here = match args.tasks_and_tokens || !doomed.is_empty() {
        true => installation::find(&loaded.config_dir)?.here(),
        false => None,
    };
    let own = match &here {
        Some(here) if args.tasks_and_tokens => {
            let own = removal::own_entries(&look, influx, &loaded.config_dir, here);
            tell_unknown(&own, out)?;
            own
        }
        None if args.tasks_and_tokens => {
            let dir = loaded.config_dir.display();
            writeln!(
                out,
                "There is no {ID_FILE} of this machine in {dir}: no task or token is known to be ours."
            )?;
            OwnEntries::default()
        }
        _ => OwnEntries::default(),
    };
    if !doomed.is_empty() {
        for id in removal::others(&look, influx, here.as_ref()) {
            writeln!(out, "⚠️  Installation {id} writes into these buckets, too.")?;
        }
    }
    if !doomed.is_empty() || !own.is_empty() {
        warn(&doomed, &own, influx, out)?;
        confirm(args, out)?;
    }
    delete(&client, &doomed, out)?;
    if args.tasks_and_tokens {
        delete_own(&client, &own, loaded, out)?;
        removal::forget_writer(&loaded.config_dir, influx)?;
    } else if !doomed.is_empty() {
        writeln!(
            out,
            "\nTasks and tokens of `setup` are still there (--tasks-and-tokens deletes them, too)."
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Names the tokens that stay.
fn tell_unknown(own: &OwnEntries<'_>, out: &mut dyn Write) -> Result<()> {
    for entry in &own.unknown {
        let (what, id) = (token_of(entry), &entry.id);
        writeln!(
            out,
            "The {what} ({id}) is not known to be made here and stays: delete it in InfluxDB if nothing uses it."
        )?;
    }
    Ok(())
}

fn warn(
    doomed: &[DoomedBucket],
    own: &OwnEntries<'_>,
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
    for DoomedBucket { bucket, content } in doomed {
        writeln!(out, "  • {}  ({content})", bucket.name)?;
    }
    for task in &own.tasks {
        writeln!(out, "  • task \"{}\"", task.name)?;
    }
    for entry in &own.tokens {
        writeln!(out, "  • the {}", token_of(entry))?;
    }
    if !doomed.is_empty() {
        writeln!(out, "\nAll data in these buckets will be LOST FOREVER!")?;
        writeln!(out, "(The journal of this machine is not touched.)")?;
    }
    writeln!(out)?;
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

fn delete(client: &Client, doomed: &[DoomedBucket], out: &mut dyn Write) -> Result<()> {
    for (n, DoomedBucket { bucket, .. }) in doomed.iter().enumerate() {
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

fn delete_own(
    client: &Client,
    own: &OwnEntries<'_>,
    loaded: &Loaded,
    out: &mut dyn Write,
) -> Result<()> {
    for task in &own.tasks {
        client
            .delete_task(&task.id)
            .with_context(|| format!("cannot delete the task \"{}\"", task.name))?;
        writeln!(out, "✓ task \"{}\" deleted", task.name)?;
    }
    for entry in &own.tokens {
        removal::delete_token(client, &loaded.config_dir, entry)?;
        writeln!(out, "✓ {}: deleted", token_of(entry))?;
    }
    Ok(())
}
