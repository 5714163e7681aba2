//! `powerlogger man`: the man pages, one a command, from the same definitions as the help, and one of the
//! configuration's keys.
//!
//! It is a hidden command and no program of its own, so that `make install` on a small board need not build
//! everything a second time, and the pages are those of the very binary.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Command};
use clap_mangen::Man;

use super::examples::EXAMPLES;
use crate::owner::rights;

/// What the definitions do not know.
const FILES: &str = r#".SH FILES
.TP
.I /etc/powerlogger/.env
Address, organization and token of InfluxDB; the GPIO lines of the three usual meters
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
"#;

const EXIT_STATUS: &str = r#".SH EXIT STATUS
.TP
.B 0
It is done, or it is so
.TP
.B 1
It has failed, or it is not so
.TP
.B 2
The command line is not understood
.TP
.B 75
Not now: try again later
.TP
.B 78
The configuration is wrong, or the journal is of a newer version
"#;

/// The key reference, as it is installed.
const REFERENCE: &str = include_str!("../../dist/powerlogger.toml");

/// What `man` is told.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The directory; it is made if it is missing.
    dir: PathBuf,
}

/// Writes the pages of `program`, `powerlogger.1`, `powerlogger-run.1` and so on, and `powerlogger.toml.5`.
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
    page(command, &args.dir)?;
    reference(&args.dir)
}

/// Writes the page of a command and those of the commands below it.
fn page(command: Command, dir: &Path) -> Result<()> {
    let shown = |below: &&Command| !below.is_hide_set();
    let below: Vec<Command> = command.get_subcommands().filter(shown).cloned().collect();
    // `build` has made it `powerlogger-config-show`.
    let name = command
        .get_display_name()
        .unwrap_or("powerlogger")
        .to_owned();
    let path = dir.join(format!("{name}.1"));
    let man = Man::new(command)
        .source(concat!("powerlogger ", env!("CARGO_PKG_VERSION")))
        .manual("PowerLogger");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if !below.is_empty() {
        man.render_subcommands_section(&mut text)?;
    }
    text.extend_from_slice(EXIT_STATUS.as_bytes());
    text.extend_from_slice(examples(&name).as_bytes());
    if name == "powerlogger" {
        text.extend_from_slice(FILES.as_bytes());
        man.render_version_section(&mut text)?;
    }
    text.extend_from_slice(see_also(&name).as_bytes());
    fs::write(&path, text).with_context(|| path.display().to_string())?;
    below.into_iter().try_for_each(|below| page(below, dir))
}

/// The examples of a page; nothing where there are none.
fn examples(name: &str) -> String {
    let Some((_, examples)) = EXAMPLES.iter().find(|(page, _)| *page == name) else {
        return String::new();
    };
    let mut text = ".SH EXAMPLES\n".to_owned();
    for (line, what) in *examples {
        text += &format!(".TP\n.B {}\n{}\n", escaped(line), escaped(what));
    }
    text
}

fn see_also(name: &str) -> String {
    let first = if name == "powerlogger" {
        ".BR systemctl (1),\n.BR journalctl (1),\n.BR gpioinfo (1),\n"
    } else {
        ".BR powerlogger (1),\n"
    };
    format!(".SH SEE ALSO\n{first}.BR powerlogger.toml (5)\n")
}

/// Writes the page of `powerlogger.toml`: the file that is installed, in which every key stands with its default.
fn reference(dir: &Path) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!(
        ".TH powerlogger.toml 5 \"\" \"powerlogger {version}\" \"PowerLogger\"\n.SH NAME\npowerlogger.toml \\- meters, \
         journal and delivery of PowerLogger\n.SH DESCRIPTION\nEvery key with its default. What stands in .env or in the \
         environment wins.\n.PP\n.nf\n"
    );
    for line in REFERENCE.lines() {
        text += &escaped(line);
        text.push('\n');
    }
    text += ".fi\n.SH SEE ALSO\n.BR powerlogger (1),\n.BR powerlogger-config-check (1)\n";
    let path = dir.join("powerlogger.toml.5");
    fs::write(&path, text).with_context(|| path.display().to_string())
}

/// Text that roff shows as it is written.
fn escaped(line: &str) -> String {
    let text = line
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq");
    match text.chars().next() {
        Some('.') => format!("\\&{text}"),
        _ => text,
    }
}
