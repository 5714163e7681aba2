//! `powerlogger setup`: makes and repairs what PowerLogger needs on the server.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::audit;
use crate::clock::{Clock, SystemClock};
use crate::config::in_use::{SOON, SettingsInUse, configured_meters};
use crate::config::{InfluxSettings, Loaded, Secret, Token, TokenSource};
use crate::journal::Reader;
use crate::journal::is_locked;
use crate::model::{S_PER_DAY, Tier, View};
use crate::owner::rights;
use crate::reconcile::compare::WindowVerdict;
use crate::reconcile::period::{AuditRequest, vanishing};
use crate::setup::answer::SetupAnswer;
use crate::setup::apply::Applier;
use crate::setup::inspect::{check, look};
use crate::setup::installation::{ID_FILE, Installation};
use crate::setup::plan::{Plan, Wanted, foreign_writers, plan};
use crate::setup::session::{self, AdminError};
use crate::setup::{refused, writer_file};

/// Options of `setup`.
#[derive(Debug, Args)]
pub struct SetupArgs {
    /// Show what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,

    /// Do not ask, also where points are lost by it.
    #[arg(long, short)]
    yes: bool,

    /// Deactivate other people's tasks that write into our buckets (the Python edition's), and compute
    /// the views anew from raw.
    #[arg(long)]
    take_over: bool,

    /// Make a new read-only token, in place of the one there is.
    #[arg(long)]
    new_read_token: bool,

    /// For programs.
    #[arg(long)]
    json: bool,
}

/// The server as it is configured, and the token that may set it up.
pub(super) fn admin(loaded: &Loaded) -> Result<(&InfluxSettings, String)> {
    session::admin(loaded).map_err(|failed| match failed {
        AdminError::Config(failed) => failed.into(),
        failed => failed.into(),
    })
}

/// Sets up.
///
/// # Errors
/// If the server refuses, or the user does not confirm.
pub fn setup(args: &SetupArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<ExitCode> {
    let (influx, token) = admin(loaded)?;
    let client = session::client(influx, Some(token.clone()))?;
    let org_id = check(&client, influx).map_err(|found| {
        let said = refused::as_ever(&found, influx, &token, &loaded.config_dir);
        anyhow::anyhow!(said)
    })?;
    let (installation, copied_from) = here(args, loaded)?;
    let writer_id = writer_file::authorization_id(&loaded.config_dir, &influx.host, &influx.org);
    let wanted = Wanted {
        influx,
        raw_retention_d: loaded.settings.journal.raw_retention_d,
        installation: &installation.id,
        tokens: &installation.tokens,
        meters: &configured_meters(loaded),
        writer_id: writer_id.as_deref(),
        take_over: args.take_over,
        new_read_token: args.new_read_token,
    };
    let look = look(&client, &org_id).context("the server does not tell what is on it")?;
    let plan = plan(&look, &wanted);
    if !args.json {
        if let Some(other) = &copied_from {
            tell_copied(other, &installation.id, out)?;
        }
        show(&plan, args, influx, out)?;
    }
    if args.dry_run {
        if args.json {
            print_json(&plan, false, None, out)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    confirm(&plan, args, out)?;
    let applier = Applier {
        client: &client,
        wanted: &wanted,
        org_id: &org_id,
        config_dir: &loaded.config_dir,
        for_service: loaded.is_system(),
    };
    let read_token = apply(&plan, &applier, args.json, out)?;
    let recomputed = if args.take_over {
        let late = !foreign_writers(&look, influx).is_empty();
        recompute(loaded, influx, &token, (args, late), out)
            .context("the views are not recomputed; `powerlogger setup --take-over` goes on")
    } else {
        Ok(())
    };
    // The read-only token is told only here, whatever else went wrong.
    if args.json {
        print_json(&plan, true, read_token.as_deref(), out)?;
    }
    recomputed?;
    if !args.json {
        finished(&plan, loaded, read_token.as_deref(), out)?;
    }
    let blocked = !plan.conflicts.is_empty() && !args.take_over;
    Ok(if blocked {
        ExitCode::from(super::EXIT_FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

/// This installation, and the id of the one that it is a copy of.
fn here(args: &SetupArgs, loaded: &Loaded) -> Result<(Installation, Option<String>)> {
    session::here(&loaded.config_dir, args.dry_run).with_context(|| {
        let path = loaded.config_dir.join(ID_FILE);
        format!(
            "cannot read or write {}: run it as a user who may write there (sudo)",
            path.display()
        )
    })
}

fn tell_copied(other: &str, id: &str, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "⚠️  {ID_FILE} was made on another machine ({other}): this card or directory is a copy. This machine is\n    \
         installation {id} from now on, with tasks and tokens of its own; the other's stay as they are.\n"
    )?;
    Ok(())
}

fn show(plan: &Plan, args: &SetupArgs, influx: &InfluxSettings, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "InfluxDB at {}, organization \"{}\"",
        influx.host, influx.org
    )?;
    if plan.buckets_exist {
        writeln!(out, "\n✅ All PowerLogger buckets already exist!")?;
        for level in Tier::ALL {
            writeln!(out, "  • {}", influx.bucket(level))?;
        }
    }
    if !plan.kept.is_empty() {
        writeln!(out, "\nLeft as it is:")?;
        for kept in &plan.kept {
            writeln!(out, "  ✓ {kept}")?;
        }
    }
    if !plan.actions.is_empty() {
        let when = if args.dry_run {
            "Would be done"
        } else {
            "To be done"
        };
        writeln!(out, "\n{when}:")?;
        for action in &plan.actions {
            writeln!(out, "  • {action}")?;
        }
    }
    if !plan.conflicts.is_empty() && !args.take_over {
        writeln!(out, "\n⚠️  Somebody else's tasks write into our buckets:")?;
        for conflict in &plan.conflicts {
            let (name, id, bucket) = (&conflict.name, &conflict.id, &conflict.bucket);
            writeln!(out, "  ✗ \"{name}\" ({id}) writes into \"{bucket}\"")?;
        }
        writeln!(
            out,
            "  They and PowerLogger overwrite each other's windows. `powerlogger setup --take-over`\n  \
             deactivates them and computes the windows anew from the raw points."
        )?;
    }
    for overlap in &plan.overlaps {
        let (other, meters) = (&overlap.installation, overlap.meters.join(", "));
        writeln!(
            out,
            "\n⚠️  Installation {other} writes {meters} into the same buckets, too:\n  {}",
            overlap.remedy()
        )?;
    }
    writeln!(out)?;
    Ok(())
}

/// Asks, where points would be lost.
fn confirm(plan: &Plan, args: &SetupArgs, out: &mut dyn Write) -> Result<()> {
    if args.yes
        || !plan
            .actions
            .iter()
            .any(crate::setup::plan::Action::loses_data)
    {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() || args.json {
        bail!("points would be deleted by the shorter retention; nothing was done. --yes does it");
    }
    write!(
        out,
        "Points will be deleted by the shorter retention. Type 'yes' to go on: "
    )?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim() != "yes" {
        bail!("nothing was done");
    }
    Ok(())
}

/// Does it, telling each step. Returns the read-only token if one was made.
fn apply(
    plan: &Plan,
    applier: &Applier<'_>,
    quiet: bool,
    out: &mut dyn Write,
) -> Result<Option<String>> {
    let mut read_token = None;
    for (done, action) in plan.actions.iter().enumerate() {
        let made = applier.apply(action).with_context(|| {
            let total = plan.actions.len();
            format!("cannot {action} ({done} of {total} steps are done; run setup again to go on)")
        });
        // A token that exists is told, whatever comes after it.
        match made {
            Ok(None) => {}
            Ok(Some(token)) => {
                if !quiet {
                    print_read_token(&token, out)?;
                }
                read_token = Some(token);
            }
            Err(failed) => return Err(failed),
        }
        if !quiet {
            writeln!(out, "  ✓ {action}")?;
            out.flush()?;
        }
    }
    Ok(read_token)
}

fn print_read_token(token: &str, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "\n  Read-only token for Grafana (shown only this once):\n\n    {token}\n"
    )?;
    out.flush()?;
    Ok(())
}

/// The views of the Python edition are a minute, five minutes, an hour late: raw knows better. `late`: there
/// are such tasks.
fn recompute(
    loaded: &Loaded,
    influx: &InfluxSettings,
    token: &str,
    (args, late): (&SetupArgs, bool),
    out: &mut dyn Write,
) -> Result<()> {
    let mut influx = influx.clone();
    influx.token = Some(Token {
        secret: Secret::new(token),
        source: TokenSource::AdminEnv,
    });
    let now_s = SystemClock.wall_ns().s();
    let days = i64::from(loaded.settings.journal.raw_retention_d);
    let request = AuditRequest {
        levels: View::ALL.map(Tier::View).to_vec(),
        from_s: now_s - days * S_PER_DAY,
        to_s: now_s,
        repair: true,
        from_raw: true,
        may_lower: args.yes,
        late,
    };
    let _acting = rights::as_owner(&loaded.settings.journal.dir)?;
    let reports = audit::run(loaded, &influx, &request)?;
    if args.json {
        return Ok(());
    }
    for report in &reports {
        let (level, repaired) = (report.level.as_str(), report.repaired);
        writeln!(out, "  ✓ {level}: {repaired} windows recomputed from raw")?;
        let left = report.differences.iter();
        let left = left.filter(|difference| difference.verdict == WindowVerdict::Foreign);
        match left.count() {
            0 => {}
            left => writeln!(
                out,
                "    {left} windows hold more pulses than raw has (raw begins there, or has lost some): left \
                 as they are"
            )?,
        }
        let (windows, pulses) = vanishing(std::slice::from_ref(report));
        if windows > 0 {
            writeln!(
                out,
                "    {windows} windows hold {pulses} pulses that raw does not have, and would lose them: left \
                 as they are\n    (`powerlogger setup --take-over --yes` lowers them; `powerlogger audit --from \
                 raw` lists them)"
            )?;
        }
    }
    Ok(())
}

fn finished(
    plan: &Plan,
    loaded: &Loaded,
    read_token: Option<&str>,
    out: &mut dyn Write,
) -> Result<()> {
    if plan.actions.is_empty() {
        writeln!(out, "Setup appears to be complete. Nothing to do.")?;
    } else {
        writeln!(out, "\n✅ Setup is complete.")?;
    }
    let file = writer_file::path(&loaded.config_dir);
    if let Some(said) = taken_up(loaded) {
        writeln!(out, "\n{said}")?;
    }
    writeln!(out, "\nNext:")?;
    if read_token.is_some() {
        writeln!(out, "  • give the read-only token above to Grafana")?;
    }
    writeln!(
        out,
        "  • `powerlogger run` uses {}; INFLUX_TOKEN can be removed from .env",
        file.display()
    )?;
    writeln!(out, "  • `powerlogger verify` checks everything")?;
    Ok(())
}

/// What the daemon that runs makes of it; None: none runs.
fn taken_up(loaded: &Loaded) -> Option<String> {
    let dir = &loaded.settings.journal.dir;
    let _acting = rights::as_owner(dir).ok()?;
    if !is_locked(dir) {
        return None;
    }
    let noted = Reader::open(dir)
        .and_then(|reader| reader.noted_settings())
        .ok()?;
    let Some(in_use) = SettingsInUse::new(&noted, loaded) else {
        return Some(
            "The running daemon does not tell what it uses: restart it after an upgrade."
                .to_owned(),
        );
    };
    Some(match &in_use.sends_to {
        _ if in_use.other_dir.is_some() => {
            format!(
                "⚠️  The running daemon is not part of this: {}.",
                in_use.remedy()
            )
        }
        Ok(host) if in_use.of_server.is_empty() => {
            format!("The running daemon sends to {host}; it takes a new token up {SOON}.")
        }
        _ => format!("The running daemon takes this up {SOON}, without a restart."),
    })
}

fn print_json(
    plan: &Plan,
    applied: bool,
    read_token: Option<&str>,
    out: &mut dyn Write,
) -> Result<()> {
    let answer = SetupAnswer::new(plan, applied, read_token);
    writeln!(out, "{:#}", serde_json::to_value(&answer)?)?;
    Ok(())
}
