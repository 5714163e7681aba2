//! Reads the files, finds the directories, and puts everything together.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::given::Filled;
use super::influx::InfluxSettings;
use super::merge::{Merged, part_of_name};
use super::options::{LoadOptions, SYSTEM_DIR, config_dir, is_system_dir};
use super::place::place;
use super::problem::{
    ConfigError, ConfigPart, ConfigProblem, DOTENV_FILE, Findings, Origin, TOML_FILE, Value,
};
use super::secret::{Secret, Token};
use super::section::{Done, Section, SectionContext};
use super::sections::{self, Sections};
use super::server::{self, Influx};
use super::settings::Settings;
use super::syntax::part_of_line;
use super::text::{Decoded, decode, is_bad_in_comment};
use super::{content, dotenv, journal, token};

/// The journal of simulated pulses, in the directory of the other.
const SIMULATED_DIR: &str = "simulated";

/// The configuration, and where it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What the rooms see.
    pub settings: Settings,
    /// What is worth knowing about it.
    pub notes: Vec<String>,
    /// What is wrong with it, in parts that counting does not depend on.
    pub problems: Vec<ConfigProblem>,
    /// The directory of the two files.
    pub config_dir: PathBuf,
    /// Which of the two files are there.
    pub files: Vec<&'static str>,
    /// Where the journal's directory was named.
    pub journal_dir_origin: Origin,
    /// Every value as written, by key.
    pub values: Filled,
    /// The same for each meter.
    pub meters: Vec<Filled>,
    /// The same for each webhook.
    pub webhooks: Vec<Filled>,
    /// The same for each price.
    pub tariffs: Vec<Filled>,
    options: LoadOptions,
}

impl Loaded {
    /// The token that may set the server up (`INFLUX_TOKEN`), if it is there.
    pub fn admin_token(&self) -> Option<Secret> {
        let text = self.values.get("INFLUX_TOKEN")?.text.trim();
        token::is_set(text).then(|| Secret::new(text))
    }

    /// Whether tariffs are written of which none can be used.
    pub fn has_mistyped_tariffs(&self) -> bool {
        self.settings.tariffs.is_empty() && !self.tariffs.is_empty()
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
        self.settings.journal.dir == Path::new(journal::SYSTEM_DIR)
    }

    /// Whether something is wrong with it that concerns lines, meters or the journal: nothing begins with it.
    pub fn forbids_counting(&self) -> bool {
        let mut problems = self.problems.iter();
        problems.any(|problem| problem.part == ConfigPart::Counting)
    }

    /// Whether nothing is wrong with the settings themselves: a file of prices that cannot be read leaves them as they are.
    pub fn says_all_that_is_meant(&self) -> bool {
        let is_of_prices = |problem: &ConfigProblem| match &problem.origin {
            Origin::File(path) => self.settings.tariffs.files().any(|file| file == path),
            _ => false,
        };
        self.problems.iter().all(is_of_prices)
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
        let names = [
            TOML_FILE,
            DOTENV_FILE,
            token::WRITER_FILE,
            token::WEB_TOKEN,
            token::MQTT_PASSWORD,
        ];
        let in_dirs = dirs.iter().flat_map(|dir| names.map(|name| dir.join(name)));
        let ca_files = ["influx.ca_file", "mqtt.ca_file"].map(|key| {
            let value = self.values.get(key)?;
            Some(self.config_dir.join(&value.text))
        });
        let of_webhooks = self.webhooks.iter();
        let of_webhooks = of_webhooks.filter_map(|webhook| webhook.get("credential"));
        let of_webhooks = of_webhooks.map(|value| self.config_dir.join(value.text.trim()));
        let prices = self.settings.tariffs.files().cloned();
        let named = ca_files
            .into_iter()
            .flatten()
            .chain(of_webhooks)
            .chain(prices);
        in_dirs.chain(named).collect()
    }

    /// Looks for the token of `influx` again: `setup` may have written a new one. A token of a server that has
    /// been configured since goes to no other server.
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
    let (mut merged, files) = read_files(options, &dir);
    if let Some(dir) = &options.queue_dir {
        let text = dir.to_string_lossy().into_owned();
        let origin = Origin::CommandLine;
        merged.env.insert("QUEUE_DIR", Value { text, origin });
    }
    for secret in &token::KEPT_SECRETS {
        token::put(secret, &mut merged, &options.env, &dir);
    }
    token::put_webhook_tokens(&mut merged, &options.env, &dir);
    let mut shared = SectionContext::new(merged.env, merged.findings);
    let mut root = Section::root(&mut shared, merged.toml);
    let sections = sections::read(&mut root, &dir);
    let Done { filled, many, .. } = root.finish();
    finish(
        options,
        dir,
        files,
        sections,
        (filled, many),
        shared.findings,
    )
}

/// Reads the two files and the environment; also which of the files are there.
fn read_files(options: &LoadOptions, dir: &Path) -> (Merged, Vec<&'static str>) {
    let mut files = ConfigFiles::default();
    if options.config_dir.is_some() && !dir.is_dir() {
        let message = format!("--config-dir {}: there is no such directory", dir.display());
        files
            .problems
            .push(ConfigProblem::new(Origin::CommandLine, message));
    }
    let toml = files.read(dir, TOML_FILE, Origin::Toml);
    let dotenv = files.read(dir, DOTENV_FILE, Origin::Dotenv);
    let mut merged = Merged::new(&toml, &dotenv, &options.env);
    // A line that cannot be read has one fault, not another one for what is understood of it.
    let is_read = |problem: &ConfigProblem| {
        files
            .problems
            .iter()
            .all(|bad| bad.origin != problem.origin)
    };
    merged.findings.problems.retain(is_read);
    merged.findings.problems.splice(0..0, files.problems);
    (merged, files.found)
}

/// Puts what was read together. `values`: those of the tables, and those of each table of which there are several.
fn finish(
    options: &LoadOptions,
    dir: PathBuf,
    files: Vec<&'static str>,
    sections: Sections,
    (values, mut many): (Filled, BTreeMap<&'static str, Vec<Filled>>),
    mut findings: Findings,
) -> Loaded {
    let influx = server::find(sections.influx, &values, &mut findings, options, &dir);
    let mut prices = sections.tariffs;
    prices.read_files(&dir, &mut findings);
    let mqtt = sections.mqtt.filter(|mqtt| {
        let why = mqtt.not_for_simulated().filter(|_| options.simulated);
        let is_used = why.is_none();
        findings.notes.extend(why);
        is_used
    });
    let mut alarms = sections.alarms;
    if mqtt.is_none() {
        // Alarms of simulated pulses belong below such a prefix as well.
        alarms.mqtt = None;
    }
    let mut journal = sections.journal;
    journal.dir = place(&options.cwd, journal.dir);
    if options.simulated_dir {
        journal.dir.push(SIMULATED_DIR);
    }
    let Findings {
        mut problems,
        notes,
    } = findings;
    problems.sort_by(|a, b| a.origin.cmp(&b.origin));
    Loaded {
        settings: Settings {
            meters: sections.meters,
            journal,
            waiting_pulses_max: sections.waiting_pulses_max,
            clock: sections.clock,
            deliver: sections.deliver,
            influx,
            log: sections.log,
            site: sections.site,
            tariffs: prices,
            web: sections.web,
            mqtt,
            alarms,
        },
        notes,
        problems,
        config_dir: dir,
        files,
        journal_dir_origin: values
            .get("journal.dir")
            .map_or(Origin::Default, |dir| dir.origin.clone()),
        values,
        meters: many.remove("meter").unwrap_or_default(),
        tariffs: many.remove("tariff").unwrap_or_default(),
        webhooks: many.remove("webhook").unwrap_or_default(),
        options: options.clone(),
    }
}

/// The file of the configuration that is there and that this user may not read.
pub fn unreadable(options: &LoadOptions) -> Option<PathBuf> {
    let dir = config_dir(options);
    let mut files = [TOML_FILE, DOTENV_FILE]
        .into_iter()
        .map(|name| dir.join(name));
    files.find(|file| {
        let refused = content::open(file).err();
        refused.is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    })
}

/// The two files, as they are read.
#[derive(Default)]
struct ConfigFiles {
    found: Vec<&'static str>,
    problems: Vec<ConfigProblem>,
}

impl ConfigFiles {
    /// The text of a file; none where there is none.
    fn read(&mut self, dir: &Path, name: &'static str, origin: fn(usize) -> Origin) -> String {
        let bytes = match content::bytes(&dir.join(name)) {
            Ok(bytes) => bytes,
            // No directory: told already, once.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return String::new();
            }
            Err(error) => {
                let message = format!("cannot be read: {error}");
                self.problems.push(ConfigProblem::new(origin(0), message));
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
                .push(ConfigProblem::new(origin(0), message).of(ConfigPart::Aside));
        }
        for number in bad_lines {
            let line = text.lines().nth(number - 1).unwrap_or_default();
            let part = match origin(number) {
                _ if is_bad_in_comment(line) => ConfigPart::Aside,
                Origin::Dotenv(_) => {
                    dotenv::first_word(line).map_or(ConfigPart::Aside, |key| part_of_name(&key))
                }
                _ => part_of_line(&text, number),
            };
            let message = "a letter on this line is not UTF-8: save the file as UTF-8";
            self.problems
                .push(ConfigProblem::new(origin(number), message).of(part));
        }
        text
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
