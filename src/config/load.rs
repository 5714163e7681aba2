//! Reads the files, finds the directories, and puts everything together.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::merge::{Values, part_of_name};
use super::problem::{ConfigError, DOTENV_FILE, Origin, Part, Problem, TOML_FILE, Value};
use super::raw::MeterValues;
use super::resolve::Lacking;
use super::syntax::part_of_line;
use super::text::{Decoded, decode, is_bad_in_comment};
use super::{Influx, InfluxSettings, Secret, Settings, Token, dotenv, meters, resolve, token, web};

/// The configuration's place on an installed system.
const SYSTEM_DIR: &str = "/etc/powerlogger";

/// The journal's place on an installed system.
const SYSTEM_JOURNAL_DIR: &str = "/var/lib/powerlogger";

/// The journal's place elsewhere.
const LOCAL_JOURNAL_DIR: &str = "queue";

/// Where the ways of installing put the example of `.env`.
const EXAMPLES: [&str; 2] = [
    "/usr/share/powerlogger/env.example",
    "/usr/local/share/powerlogger/env.example",
];

/// What a file of certificates holds.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// The journal of simulated pulses, in the directory of the other.
const SIMULATED_DIR: &str = "simulated";

/// Where to look.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The directory of the files, if it was named.
    pub config_dir: Option<PathBuf>,
    /// The directory of the journal, if it was named.
    pub queue_dir: Option<PathBuf>,
    /// The pulses are simulated, or come from a recording: they go to no server but into buckets that are named
    /// for it.
    pub simulated: bool,
    /// The journal is the one of simulated pulses that lies in the directory of the other.
    pub simulated_dir: bool,
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
            simulated: false,
            simulated_dir: false,
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
    /// What is wrong with it, in parts that counting does not depend on.
    pub problems: Vec<Problem>,
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

    /// Whether any of the keys that a server needs is set, be it to a placeholder: then one is meant.
    pub fn names_server(&self) -> bool {
        let keys = [
            "influx.host",
            "influx.org",
            "INFLUX_TOKEN",
            "INFLUX_WRITER_TOKEN",
        ];
        let mut values = keys.iter().filter_map(|key| self.values.get(key));
        values.any(|value| !value.text.trim().is_empty())
    }

    /// Whether this is the configuration of the installed service.
    pub fn is_system(&self) -> bool {
        is_system_dir(&self.config_dir)
    }

    /// Whether it was loaded for pulses that are simulated.
    pub fn is_simulated(&self) -> bool {
        self.options.simulated
    }

    /// Whether the journal's directory is the installed service's.
    pub fn is_system_journal(&self) -> bool {
        self.settings.journal.dir == Path::new(SYSTEM_JOURNAL_DIR)
    }

    /// Whether something is wrong with it that concerns lines, meters or the journal: nothing begins with it.
    pub fn forbids_counting(&self) -> bool {
        let mut problems = self.problems.iter();
        problems.any(|problem| problem.part == Part::Counting)
    }

    /// That nothing at all is wrong with it.
    ///
    /// # Errors
    /// With all problems at once.
    pub fn check(&self) -> Result<(), ConfigError> {
        match self.problems.as_slice() {
            [] => Ok(()),
            problems => Err(ConfigError {
                problems: problems.to_vec(),
                dir: self.config_dir.clone(),
            }),
        }
    }

    /// Where it was looked for, and is to be looked for again.
    pub fn options(&self) -> &LoadOptions {
        &self.options
    }

    /// The files that the configuration depends on, whether or not they are there.
    pub fn depends_on(&self) -> Vec<PathBuf> {
        let dirs = match &self.options.config_dir {
            Some(_) => vec![self.config_dir.clone()],
            None => vec![self.options.cwd.clone(), PathBuf::from(SYSTEM_DIR)],
        };
        let names = [TOML_FILE, DOTENV_FILE, token::WRITER_FILE];
        let in_dirs = dirs.iter().flat_map(|dir| names.map(|name| dir.join(name)));
        let ca_file = self
            .values
            .get("influx.ca_file")
            .map(|value| self.config_dir.join(&value.text));
        in_dirs.chain(ca_file).collect()
    }

    /// Looks for the token of `influx` again: `setup` may have written a new one. A token of a server that has
    /// been configured since goes to nobody else.
    pub fn reload_token(&self, influx: &InfluxSettings) -> Option<Token> {
        let Influx::Configured(now) = load(&self.options).ok()?.settings.influx else {
            return None;
        };
        let is_same = now.host == influx.host && now.org == influx.org;
        now.token.filter(|_| is_same)
    }
}

/// Loads the configuration. No file at all is valid. A mistake in what concerns a server does not keep
/// anybody from counting: the server is off then, and [`Loaded::problems`] says why.
///
/// # Errors
/// With all problems at once, if one of them concerns lines, meters or the journal.
pub fn load(options: &LoadOptions) -> Result<Loaded, ConfigError> {
    let loaded = load_what_can_be_read(options);
    if loaded.forbids_counting() {
        loaded.check()?;
    }
    Ok(loaded)
}

/// What can be understood of the configuration, whatever is wrong with it: for looks at a daemon that has begun
/// with other files and goes on with those. [`Loaded::problems`] says what is wrong.
pub fn load_what_can_be_read(options: &LoadOptions) -> Loaded {
    let dir = config_dir(options);
    let mut files = Files::default();
    if options.config_dir.is_some() && !dir.is_dir() {
        let message = format!("--config-dir {}: there is no such directory", dir.display());
        files
            .problems
            .push(Problem::new(Origin::CommandLine, message));
    }
    let toml = files.read(&dir, TOML_FILE, Origin::Toml);
    let dotenv = files.read(&dir, DOTENV_FILE, Origin::Dotenv);
    let mut values = Values::merge(&toml, &dotenv, &options.env);
    // A line that cannot be read has one fault, not another one for what is understood of it.
    let is_read = |problem: &Problem| {
        files
            .problems
            .iter()
            .all(|bad| bad.origin != problem.origin)
    };
    values.problems.retain(is_read);
    values.problems.splice(0..0, files.problems);

    let (meter_values, meters): (Vec<_>, Vec<_>) = meters::resolve(&mut values).into_iter().unzip();
    if let Some(dir) = &options.queue_dir {
        let text = dir.to_string_lossy().into_owned();
        let origin = Origin::CommandLine;
        values.values.insert("journal.dir", Value { text, origin });
    }
    let mut journal = resolve::journal(&mut values, &journal_dir());
    journal.dir = options.cwd.join(journal.dir);
    if options.simulated_dir {
        journal.dir.push(SIMULATED_DIR);
    }
    let waiting_pulses_max = resolve::waiting_pulses_max(&mut values);
    let clock = resolve::clock(&mut values);
    let deliver = resolve::deliver(&mut values);
    let log = resolve::log(&mut values);
    let web = web::resolve(&mut values, &options.env, &dir);
    let mut notes = values.notes.clone();
    let influx = influx(&mut values, options, &dir, &mut notes);
    let mut problems = values.problems;
    problems.sort_by(|a, b| a.origin.cmp(&b.origin));
    Loaded {
        settings: Settings {
            meters,
            journal,
            waiting_pulses_max,
            clock,
            deliver,
            influx,
            web,
            log,
        },
        notes,
        problems,
        config_dir: dir,
        files: files.found,
        journal_dir_origin: values
            .values
            .get("journal.dir")
            .map_or(Origin::Default, |dir| dir.origin.clone()),
        values: values.values,
        meters: meter_values,
        options: options.clone(),
    }
}

/// The server, if there is all of it and nothing is wrong with it.
fn influx(
    values: &mut Values,
    options: &LoadOptions,
    dir: &Path,
    notes: &mut Vec<String>,
) -> Influx {
    let (mut settings, mut lacking) = resolve::influx(values, dir);
    notes.clone_from(&values.notes);
    check_ca_file(values, &settings);
    let found = token::find(values, &options.env, dir, &settings, notes);
    settings.token = found.unwrap_or_else(|problem| {
        values.problems.push(problem);
        None
    });
    let of_server = |problem: &&Problem| problem.part == Part::Server;
    let wrong: Vec<String> = values
        .problems
        .iter()
        .filter(of_server)
        .map(ToString::to_string)
        .collect();
    if !wrong.is_empty() {
        return Influx::NotConfigured(format!("there is a mistake: {}", wrong.join("; ")));
    }
    if settings.token.is_none() && !token::may_be_in_file(dir, &lacking) {
        let name = "INFLUX_TOKEN";
        let is_placeholder = values
            .get(name)
            .is_some_and(|value| resolve::is_placeholder(&value.text));
        lacking.push(Lacking {
            name,
            is_placeholder,
        });
    }
    if lacking.is_empty() {
        return match settings.not_for_simulated() {
            Some(bucket) if options.simulated => Influx::NotConfigured(format!(
                "the pulses are simulated, and the bucket \"{bucket}\" is not named for them: they are sent only where \
                 RAW_BUCKET, B1M_BUCKET, B5M_BUCKET and B1H_BUCKET have \"simulated\" in their names"
            )),
            _ => Influx::Configured(Box::new(settings)),
        };
    }
    let beside = dir.join(".env.example");
    let examples = [
        beside.as_path(),
        Path::new(EXAMPLES[0]),
        Path::new(EXAMPLES[1]),
    ];
    let example = examples.into_iter().find(|path| path.exists());
    Influx::NotConfigured(resolve::remedy(&lacking, &dir.join(DOTENV_FILE), example))
}

/// A server that speaks TLS is not asked with other certificates than the ones that were meant.
fn check_ca_file(values: &mut Values, settings: &InfluxSettings) {
    let Some(path) = settings
        .ca_file
        .as_ref()
        .filter(|_| settings.host.starts_with("https:"))
    else {
        return;
    };
    let why = match fs::read(path) {
        Ok(bytes) if String::from_utf8_lossy(&bytes).contains(CERTIFICATE) => return,
        Ok(_) => "it holds no certificate (-----BEGIN CERTIFICATE-----)".to_owned(),
        Err(error) => error.to_string(),
    };
    let name = "influx.ca_file";
    let origin = values
        .get(name)
        .map_or(Origin::Default, |value| value.origin.clone());
    let message = format!(
        "{name}: {}: {why}; put the certificate there, or correct the path",
        path.display()
    );
    values.complain_about(name, &origin, message);
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

/// The file of the configuration that is there and that this user may not read.
pub fn unreadable(options: &LoadOptions) -> Option<PathBuf> {
    let dir = config_dir(options);
    let mut files = [TOML_FILE, DOTENV_FILE]
        .into_iter()
        .map(|name| dir.join(name));
    files.find(|file| {
        let refused = fs::File::open(file).err();
        refused.is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    })
}

/// Whether this is the directory of the installed service, however it is spelt.
pub(super) fn is_system_dir(dir: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real(dir) == real(Path::new(SYSTEM_DIR))
}

fn journal_dir() -> PathBuf {
    let system = PathBuf::from(SYSTEM_JOURNAL_DIR);
    if system.is_dir() {
        system
    } else {
        PathBuf::from(LOCAL_JOURNAL_DIR)
    }
}

/// The two files, as they are read.
#[derive(Default)]
struct Files {
    found: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl Files {
    /// The text of a file; none where there is none.
    fn read(&mut self, dir: &Path, name: &'static str, origin: fn(usize) -> Origin) -> String {
        let bytes = match fs::read(dir.join(name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return String::new(),
            Err(error) => {
                let message = format!("cannot be read: {error}");
                self.problems.push(Problem::new(origin(0), message));
                return String::new();
            }
        };
        self.found.push(name);
        let Decoded {
            text,
            bad_lines,
            is_utf16,
        } = decode(&bytes);
        if is_utf16 {
            let message = "this is UTF-16: save it as UTF-8 (it is read all the same)";
            self.problems
                .push(Problem::new(origin(0), message).of(Part::Aside));
        }
        for number in bad_lines {
            let line = text.lines().nth(number - 1).unwrap_or_default();
            let part = match origin(number) {
                _ if is_bad_in_comment(line) => Part::Aside,
                Origin::Dotenv(_) => {
                    dotenv::first_word(line).map_or(Part::Aside, |key| part_of_name(&key))
                }
                _ => part_of_line(&text, number),
            };
            let message = "a letter on this line is not UTF-8: save the file as UTF-8";
            self.problems
                .push(Problem::new(origin(number), message).of(part));
        }
        text
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
