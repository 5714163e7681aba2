//! `powerlogger backup`: a copy of the journal while the daemon counts.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::numbers::{count, grouped, size};
use super::progress::Progress;
use crate::backup::{BackupError, BackupRequest, back_up};
use crate::clock::{Clock, SystemClock};
use crate::config::Loaded;

/// Options of `backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to write; or a directory, in which the copy is called powerlogger-2026-11-27T071500Z.sqlite.
    #[arg(value_name = "FILE")]
    to: PathBuf,

    /// In a directory: so many copies of this journal stay, this one among them; older ones are deleted once this one
    /// is whole.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,

    /// Replace the file if it is there already.
    #[arg(long)]
    force: bool,

    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Writes the copy.
///
/// # Errors
/// When there is none in the end; what was there before stays then.
pub fn backup(args: &BackupArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    let request = BackupRequest {
        to: args.to.clone(),
        keep: args.keep.map(|keep| keep as usize),
        force: args.force,
    };
    let dir = &loaded.settings.journal.dir;
    let mut bar = Progress::on_terminal(std::io::stderr().is_terminal());
    let shown = format!("copying the journal to {}", args.to.display());
    let mut show = |share| bar.show(&shown, share);
    let done = back_up(dir, &request, SystemClock.wall_ns(), &mut show);
    bar.clear();
    let done = done.map_err(|failed| match failed {
        BackupError::Journal(failed) => anyhow::Error::from(failed),
        failed => failed.into(),
    })?;
    if args.json {
        let answer = json!({
            "path": done.path,
            "bytes": done.bytes,
            "newest_pulse": done.newest.0,
            "deleted": done.deleted,
            "simulated": loaded.is_simulated(),
        });
        writeln!(out, "{answer}")?;
        return Ok(());
    }
    let simulated = if loaded.is_simulated() {
        "SIMULATED: "
    } else {
        ""
    };
    writeln!(
        out,
        "{simulated}{}: {}, up to pulse {}, read again and sound",
        done.path.display(),
        size(done.bytes),
        grouped(done.newest.0)
    )?;
    if !done.deleted.is_empty() {
        let older = i128::try_from(done.deleted.len()).unwrap_or(i128::MAX);
        writeln!(out, "{} deleted", count(older, "older backup"))?;
    }
    Ok(())
}
