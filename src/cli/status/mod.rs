//! `powerlogger status`: what a person wants to know, then whether it can be relied upon; for programs, too.

mod overview;
mod seen;
mod spark;
mod trust;
mod watch;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::exit::EXIT_FAILED;
use super::paint::{Glyphs, Paint};
use crate::config::Loaded;
use seen::see;

/// Options of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,

    /// Go on showing it, live, with the last hour of each meter; q ends it. In a file or a pipe: a line at each change.
    #[arg(long)]
    watch: bool,
}

/// Prints the status.
///
/// The exit code is 1 while the daemon that runs does not read the line of a configured meter. That none runs is told,
/// and no failure of this command.
///
/// # Errors
/// When there is no journal or it cannot be read.
pub fn status(args: &StatusArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<ExitCode> {
    if args.watch {
        watch::watch(loaded, args.json, out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let seen = see(loaded, false)?;
    if args.json {
        writeln!(out, "{:#}", seen.json()?)?;
    } else {
        let (paint, glyphs) = (Paint::of_stdout(), Glyphs::of_locale());
        for line in seen.lines(loaded, paint, glyphs)? {
            writeln!(out, "{line}")?;
        }
    }
    Ok(exit_code(seen.counts_not()))
}

fn exit_code(is_wrong: bool) -> ExitCode {
    if is_wrong {
        ExitCode::from(EXIT_FAILED)
    } else {
        ExitCode::SUCCESS
    }
}
