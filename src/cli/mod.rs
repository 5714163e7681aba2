//! The command line: one file a command. Doc comments are the help.

pub mod alarm;
pub mod audit;
pub mod backup;
pub mod completions;
pub mod config;
pub mod delete_buckets;
pub mod export;
pub mod import;
pub mod losses;
pub mod man;
pub mod register;
pub mod report;
pub mod run;
pub mod setup;
pub mod status;
pub mod time;
pub mod tune;
pub mod verify;
pub mod watch;

mod asking;
mod examples;
mod exit;
mod log;
mod new_file;
mod paint;
mod progress;
mod rights;
mod screen;
mod simulated;
mod table;
mod terminal;
mod version;
mod welcome;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::load::load_what_can_be_read;
use crate::config::{ConfigError, LoadOptions, Loaded};
use crate::journal::{Holder, JournalError, holder};
use crate::owner::Keep;
use crate::owner::rights::{judge_as_daemon, work_as_owner};
use crate::text::{names, numbers};

pub use exit::{EXIT_CONFIG, EXIT_FAILED, EXIT_TRY_LATER, EXIT_USAGE, exit_code, explain};
pub use screen::standard_output;
pub use version::VERSION;

const EXIT_CODES: &str =
    "Exit codes: 0 ok, 1 failed, 2 usage, 75 try later, 78 configuration or a newer journal.";

/// The heading of the options that every command has.
const EVERYWHERE: &str = "Options of all commands";

/// Counts the pulses of electricity meters, keeps every one, delivers them to InfluxDB 2.
#[derive(Debug, Parser)]
#[command(name = "powerlogger", version = VERSION, about, after_help = EXIT_CODES, max_term_width = 100,
    override_usage = welcome::USAGE)]
pub struct Cli {
    /// The directory of `.env` and `powerlogger.toml` [default: ./ if it holds one of them, else
    /// /etc/powerlogger].
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERYWHERE)]
    config_dir: Option<PathBuf>,

    /// The journal's directory [default: QUEUE_DIR, else /var/lib/powerlogger if it exists, else
    /// ./queue].
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERYWHERE)]
    queue_dir: Option<PathBuf>,

    /// Speak of the journal of simulated pulses, which lies in `simulated` below the other; `run --simulate` and
    /// `--replay` then write into it.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    simulated: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Count, keep and deliver until told to stop.
    Run(run::RunArgs),
    /// Make or repair the server's buckets, tasks and tokens; safe to run again.
    Setup(setup::SetupArgs),
    /// Check everything from the wire to the server, and say what to do.
    Verify(verify::VerifyArgs),
    /// Delete the four buckets from the server, with everything in them.
    DeleteBuckets(delete_buckets::DeleteArgs),
    /// Compare raw, 1m, 5m and 1h on the server with the journal, window by window.
    Audit(audit::AuditArgs),
    /// Show what has been counted, what waits and what was lost; also while `run` runs.
    Status(status::StatusArgs),
    /// Show the registers (kWh on the meters' faces), or enter a reading.
    Register(register::RegisterArgs),
    /// Report a period: energy, cost, registers and what is missing; as text, JSON, CSV or a page of A4.
    Report(report::ReportArgs),
    /// Show every pulse that was rejected or lost, by meter and cause.
    Losses(losses::LossesArgs),
    /// Write the journal's pulses of a period as line protocol or CSV.
    Export(export::ExportArgs),
    /// Write a copy of the journal, checked and whole, while `run` runs.
    Backup(backup::BackupArgs),
    /// Bring pulses in: the Python edition's queue, CSV or line protocol files, damaged journals.
    Import(import::ImportArgs),
    /// Show what comes on lines at this moment: levels, edges, widths, and who has them.
    Watch(watch::WatchArgs),
    /// Listen to a meter's line and say which settings fit it.
    Tune(tune::TuneArgs),
    /// Try whether those who are told when something is wrong can be.
    #[command(subcommand)]
    Alarm(alarm::AlarmCommand),
    /// Show or check the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Write the completions of a shell to the standard output.
    Completions(completions::CompletionsArgs),
    /// Print the version, as --version does.
    #[command(hide = true)]
    Version,
    /// Write the man pages into a directory; for those who make packages.
    #[command(hide = true)]
    Man(man::ManArgs),
}

/// Does what the command line says. Answers go to `out`, errors to the caller. A command that has
/// answered, and the answer is no, ends with 1.
///
/// # Errors
/// Whatever the command ran into; [`exit_code`] and [`explain`] know what to make of it.
pub fn main(cli: Cli, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let mut options = LoadOptions::from_process(cli.config_dir, cli.queue_dir)?;
    options.simulated_dir = cli.simulated;
    let Some(command) = cli.command else {
        welcome::welcome(&options, &mut std::io::stderr())?;
        return Ok(ExitCode::from(EXIT_USAGE));
    };
    let uses_journal = !matches!(
        command,
        Command::Run(_) | Command::Completions(_) | Command::Version | Command::Man(_)
    );
    if uses_journal {
        rights::may_read_config(&options)?;
    }
    perform(command, &options, out).map_err(|error| {
        if uses_journal && error.is::<JournalError>() {
            let loaded = load_what_can_be_read(&options);
            exit::with_remedy(error, &loaded.settings.journal.dir)
        } else {
            error
        }
    })
}

fn perform(
    command: Command,
    options: &LoadOptions,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => {
            let makes_pulses = args.makes_time();
            run::run(
                &args,
                &simulated::load_for_run(options.clone(), makes_pulses)?,
            )?;
        }
        Command::Setup(args) => return setup::setup(&args, &load(options)?, out),
        Command::Verify(args) => {
            let loaded = simulated::load_known(options)?;
            judge_as_daemon(&loaded.settings.journal.dir, loaded.is_system())?;
            return verify::verify(&args, &loaded, out);
        }
        Command::DeleteBuckets(args) => {
            return delete_buckets::delete_buckets(&args, &load(options)?, out);
        }
        Command::Audit(args) => return audit::audit(&args, &of_journal(options)?, out),
        Command::Status(args) => {
            let loaded = of_journal(options);
            let loaded = loaded.or_else(|wrong| load_beside_daemon(options, wrong))?;
            return status::status(&args, &loaded, out);
        }
        Command::Register(args) => register::register(&args, &of_journal(options)?, out)?,
        Command::Report(args) => report::report(&args, &simulated::load_known(options)?, out)?,
        Command::Losses(args) => losses::losses(&args, &of_journal(options)?, out)?,
        Command::Export(args) => {
            return export::export(&args, &simulated::load_known(options)?, out);
        }
        Command::Backup(args) => backup::backup(&args, &simulated::load_known(options)?, out)?,
        Command::Import(args) => {
            return import::import(&args, &simulated::load_known(options)?, out);
        }
        Command::Watch(args) => return watch::watch(&args, &load(options)?, out),
        Command::Tune(args) => return tune::tune(&args, &load(options)?, out),
        Command::Alarm(command) => return alarm::alarm(&command, &of_journal(options)?, out),
        Command::Config(command) => config::config(&command, options, out)?,
        Command::Completions(args) => completions::completions(&args, &Cli::command(), out)?,
        Command::Version => writeln!(out, "powerlogger {VERSION}")?,
        Command::Man(args) => man::man(&args, Cli::command())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn load(options: &LoadOptions) -> Result<Loaded, ConfigError> {
    crate::config::load(options).map(simulated::in_its_zone)
}

/// The configuration, for a command that looks at nothing but the journal afterwards.
fn of_journal(options: &LoadOptions) -> anyhow::Result<Loaded> {
    let loaded = simulated::load_known(options)?;
    work_as_owner(&loaded.settings.journal.dir, Keep::Nothing)?;
    Ok(loaded)
}

/// The configuration for a look at the daemon that runs, after [`load`] has found something `wrong` that the daemon
/// could not have begun with.
///
/// # Errors
/// With what was wrong, when no daemon runs where the files say.
fn load_beside_daemon(options: &LoadOptions, wrong: anyhow::Error) -> anyhow::Result<Loaded> {
    if !wrong.is::<ConfigError>() {
        return Err(wrong);
    }
    let loaded = simulated::in_its_zone(load_what_can_be_read(options));
    let dir = &loaded.settings.journal.dir;
    work_as_owner(dir, Keep::Nothing)?;
    match holder(dir) {
        Holder::InUse => Ok(loaded),
        _ => Err(wrong),
    }
}
