//! Reads the files, finds the directories, and puts everything together.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::merge::Values;
use super::problem::{ConfigError, DOTENV_FILE, Origin, Problem, TOML_FILE, Value};
use super::raw::MeterValues;
use super::{Influx, Secret, Settings, Token, meters, resolve, token};

/// The configuration's place on an installed system.
const SYSTEM_DIR: &str = "/etc/powerlogger";

/// The journal's place on an installed system.
const SYSTEM_JOURNAL_DIR: &str = "/var/lib/powerlogger";

/// The journal's place elsewhere.
const LOCAL_JOURNAL_DIR: &str = "queue";

/// Where to look.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The directory of the files, if it was named.
    pub config_dir: Option<PathBuf>,
    /// The directory of the journal, if it was named.
    pub queue_dir: Option<PathBuf>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// The current directory.
    pub cwd: PathBuf,
}

impl LoadOptions {
    /// With the environment and the current directory of the process.
    ///
    /// # Errors
    /// When the current directory is gone.
    pub fn from_process(
        config_dir: Option<PathBuf>,
        queue_dir: Option<PathBuf>,
    ) -> io::Result<LoadOptions> {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let env = std::env::vars_os().filter_map(text).collect();
        Ok(LoadOptions {
            config_dir,
            queue_dir,
            env,
            cwd: std::env::current_dir()?,
        })
    }
}

/// The configuration, and where it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What the rooms see.
    pub settings: Settings,
    /// What is worth knowing about it.
    pub notes: Vec<String>,
    /// The directory of the two files.
    pub config_dir: PathBuf,
    /// Which of the two files are there.
    pub files: Vec<&'static str>,
    /// Where the journal's directory was named.
    pub journal_dir_origin: Origin,
    /// Every value as written, by key.
    pub values: BTreeMap<&'static str, Value>,
    /// The same for each meter.
    pub meters: Vec<MeterValues>,
    options: LoadOptions,
}

impl Loaded {
    /// The token of somebody who may set the server up (`INFLUX_TOKEN`), if it is there.
    pub fn admin_token(&self) -> Option<Secret> {
        let text = self.values.get("INFLUX_TOKEN")?.text.trim();
        let there = !text.is_empty() && !resolve::is_placeholder(text);
        there.then(|| Secret::new(text))
    }

    /// Whether this is the configuration of the installed service.
    pub fn is_system(&self) -> bool {
        self.config_dir == Path::new(SYSTEM_DIR)
    }

    /// Looks for the token again: `setup` may have written a new one.
    pub fn reload_token(&self) -> Option<Token> {
        let loaded = load(&self.options).ok()?;
        match loaded.settings.influx {
            Influx::Configured(influx) => influx.token,
            Influx::NotConfigured(_) => None,
        }
    }
}

/// Loads the configuration. No file at all is valid.
///
/// # Errors
/// With all problems at once.
pub fn load(options: &LoadOptions) -> Result<Loaded, ConfigError> {
    let dir = config_dir(options);
    let mut problems = Vec::new();
    let mut files = Vec::new();
    let toml = read(&dir, TOML_FILE, Origin::Toml(0), &mut files, &mut problems);
    let dotenv = read(
        &dir,
        DOTENV_FILE,
        Origin::Dotenv(0),
        &mut files,
        &mut problems,
    );
    let mut values = Values::merge(&toml, &dotenv, &options.env);
    values.problems.splice(0..0, problems);

    let (meter_values, meters): (Vec<_>, Vec<_>) = meters::resolve(&mut values).into_iter().unzip();
    if let Some(dir) = &options.queue_dir {
        let text = dir.to_string_lossy().into_owned();
        values.values.insert(
            "journal.dir",
            Value {
                text,
                origin: Origin::CommandLine,
            },
        );
    }
    let mut journal = resolve::journal(&mut values, &journal_dir());
    journal.dir = options.cwd.join(journal.dir);
    let waiting_pulses_max = resolve::waiting_pulses_max(&mut values);
    let clock = resolve::clock(&mut values);
    let deliver = resolve::deliver(&mut values);
    let log = resolve::log(&mut values);
    let mut influx = resolve::influx(&mut values, &dir);
    let mut notes = values.notes.clone();
    if let Influx::Configured(settings) = &mut influx {
        settings.token = token::find(&values, &options.env, &dir, settings, &mut notes);
        if settings.token.is_none() {
            let why = "INFLUX_TOKEN is not set (or still holds the example's placeholder)";
            influx = Influx::NotConfigured(format!("{why}; edit .env (see .env.example)"));
        }
    }
    if !values.problems.is_empty() {
        let mut problems = values.problems;
        problems.sort_by(|a, b| a.origin.cmp(&b.origin));
        return Err(ConfigError { problems, dir });
    }
    Ok(Loaded {
        settings: Settings {
            meters,
            journal,
            waiting_pulses_max,
            clock,
            deliver,
            influx,
            log,
        },
        notes,
        config_dir: dir,
        files,
        journal_dir_origin: resolve::origin_of(&values, "journal.dir"),
        values: values.values,
        meters: meter_values,
        options: options.clone(),
    })
}

fn config_dir(options: &LoadOptions) -> PathBuf {
    if let Some(dir) = &options.config_dir {
        return options.cwd.join(dir);
    }
    let here = [TOML_FILE, DOTENV_FILE]
        .iter()
        .any(|name| options.cwd.join(name).exists());
    if here {
        options.cwd.clone()
    } else {
        PathBuf::from(SYSTEM_DIR)
    }
}

fn journal_dir() -> PathBuf {
    let system = PathBuf::from(SYSTEM_JOURNAL_DIR);
    if system.is_dir() {
        system
    } else {
        PathBuf::from(LOCAL_JOURNAL_DIR)
    }
}

fn read(
    dir: &Path,
    name: &'static str,
    origin: Origin,
    files: &mut Vec<&'static str>,
    problems: &mut Vec<Problem>,
) -> String {
    match fs::read_to_string(dir.join(name)) {
        Ok(text) => {
            files.push(name);
            text
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            problems.push(Problem::new(origin, format!("cannot be read: {error}")));
            String::new()
        }
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
