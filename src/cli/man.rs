//! `powerlogger man`: the man pages, one a command, from the same definitions as the help.
//!
//! It is a hidden command and no program of its own, so that `make install` on a small board need not build
//! everything a second time, and the pages are those of the very binary.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Command};
use clap_mangen::Man;

use crate::owner::rights;

/// What the definitions do not know, for the first page.
const FILES: &str = r#".SH FILES
.TP
.I /etc/powerlogger/.env
Address, organisation and token of InfluxDB; the GPIO lines of the three usual meters
.TP
.I /etc/powerlogger/powerlogger.toml
Everything else: meters, journal, delivery. Every key is there, with its default
.TP
.I /etc/powerlogger/writer.token
What
.B powerlogger setup
has got from the server: it may write to the buckets and do nothing else
.TP
.I /var/lib/powerlogger
The journal: every pulse, and the windows of 1 minute, 5 minutes and 1 hour
.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1),
.BR gpioinfo (1)
"#;

/// What `man` is told.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The directory; it is made if it is missing.
    dir: PathBuf,
}

/// Writes the pages of `program`: `powerlogger.1`, `powerlogger-run.1` and so on.
///
/// # Errors
/// When a file cannot be written.
pub fn man(args: &ManArgs, program: Command) -> Result<()> {
    let _acting = rights::as_owner(&args.dir)?;
    fs::create_dir_all(&args.dir).with_context(|| args.dir.display().to_string())?;
    // The same pages go into the packages of all architectures: they name no build.
    let mut command = program
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true);
    command.build();
    page(command, &args.dir)
}

/// Writes the page of a command and those of the commands below it.
fn page(command: Command, dir: &Path) -> Result<()> {
    for below in command.get_subcommands() {
        if !below.is_hide_set() {
            page(below.clone(), dir)?;
        }
    }
    // `build` has made it `powerlogger-config-show`.
    let name = command
        .get_display_name()
        .unwrap_or("powerlogger")
        .to_owned();
    let path = dir.join(format!("{name}.1"));
    let mut text = Vec::new();
    Man::new(command)
        .source(concat!("powerlogger ", env!("CARGO_PKG_VERSION")))
        .manual("PowerLogger")
        .render(&mut text)?;
    if name == "powerlogger" {
        text.extend_from_slice(FILES.as_bytes());
    }
    fs::write(&path, text).with_context(|| path.display().to_string())
}
