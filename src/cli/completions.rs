//! `powerlogger completions`: what a shell needs to complete our commands.

use std::io::Write;

use anyhow::Result;
use clap::{Args, Command};
use clap_complete::Shell;

/// What `completions` is told.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell. Packages and `make install` have put those of bash, fish and zsh in place.
    shell: Shell,
}

/// Writes the completions of `program`.
///
/// # Errors
/// When they cannot be written.
pub fn completions(args: &CompletionsArgs, program: &Command, out: &mut dyn Write) -> Result<()> {
    // In memory first: the generator panics where a pipe breaks.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut shown(program), "powerlogger", &mut script);
    out.write_all(&script)?;
    Ok(())
}

/// The commands without those that are hidden: the generators offer these, too.
fn shown(all: &Command) -> Command {
    let shown = all.get_subcommands().filter(|below| !below.is_hide_set());
    Command::new("powerlogger")
        .version(env!("CARGO_PKG_VERSION"))
        .args(all.get_arguments().cloned())
        .subcommands(shown.cloned())
}
