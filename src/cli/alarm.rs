//! `powerlogger alarm`: whether those who are to be told when something is wrong can be.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Subcommand;
use serde_json::json;

use super::exit::EXIT_FAILED;
use crate::alarm::{AlarmMessage, sinks};
use crate::clock::{Clock, SystemClock};
use crate::config::Loaded;

/// The commands below `alarm`.
#[derive(Debug, Subcommand)]
pub enum AlarmCommand {
    /// Send a test message to each receiver, and say what came of it.
    Test {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Sends a test to all receivers; the exit code is 1 if one does not take it.
///
/// # Errors
/// When there is no receiver, or the answer cannot be written.
pub fn alarm(command: &AlarmCommand, loaded: &Loaded, out: &mut dyn Write) -> Result<ExitCode> {
    let AlarmCommand::Test { json } = command;
    let settings = &loaded.settings.alarms;
    let mut receivers = sinks(settings);
    if receivers.is_empty() && settings.left_out.is_empty() {
        bail!(
            "nobody is told when something is wrong: write [[webhook]], or sendmail_to or mqtt in [alarms], into {}",
            loaded.config_dir.join("powerlogger.toml").display()
        );
    }
    let message = AlarmMessage::test(SystemClock.wall_ns(), loaded.settings.site.name.clone());
    let mut results: Vec<(String, Result<(), String>)> = Vec::new();
    let left_out = settings.left_out.iter();
    results.extend(left_out.map(|name| {
        let why =
            "left out, because it is written with a mistake (`powerlogger config check` names it)";
        (name.clone(), Err(why.to_owned()))
    }));
    if !json {
        for (name, result) in &results {
            say(name, result, out)?;
        }
    }
    for receiver in &mut receivers {
        let sent = receiver.send(&message).map_err(|failed| failed.why);
        let name = receiver.name().to_owned();
        if !json {
            say(&name, &sent, out)?;
        }
        results.push((name, sent));
    }
    if *json {
        let all = results.iter().map(|(name, sent)| {
            json!({ "receiver": name, "taken": sent.is_ok(), "why": sent.as_ref().err() })
        });
        let all: Vec<_> = all.collect();
        writeln!(out, "{:#}", json!({ "receivers": all }))?;
    }
    Ok(match results.iter().all(|(_, sent)| sent.is_ok()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(EXIT_FAILED),
    })
}

fn say(name: &str, sent: &Result<(), String>, out: &mut dyn Write) -> std::io::Result<()> {
    match sent {
        Ok(()) => writeln!(out, "✓ {name}: a test is sent")?,
        Err(why) => writeln!(out, "✗ {name}: {why}")?,
    }
    out.flush()
}
