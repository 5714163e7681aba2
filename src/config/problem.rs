//! Where a value came from, and what is wrong with it.

use std::fmt;
use std::path::PathBuf;

/// The name of the structured file.
pub const TOML_FILE: &str = "powerlogger.toml";

/// The name of the file of connection and secrets.
pub const DOTENV_FILE: &str = ".env";

/// Where a value came from; later ones win over earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nothing was said.
    Default,
    /// This line of `powerlogger.toml`.
    Toml(usize),
    /// This line of `.env`.
    Dotenv(usize),
    /// This variable of the environment.
    Environment(&'static str),
    /// Another file, such as one that holds a token.
    File(PathBuf),
    /// The command line.
    CommandLine,
}

impl Origin {
    /// Whether it is `.env` or the environment, which call a key by another name than the TOML file.
    pub fn is_env(&self) -> bool {
        matches!(self, Origin::Dotenv(_) | Origin::Environment(_))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Toml(0) => f.write_str(TOML_FILE),
            Origin::Dotenv(0) => f.write_str(DOTENV_FILE),
            Origin::Toml(line) => write!(f, "{TOML_FILE}:{line}"),
            Origin::Dotenv(line) => write!(f, "{DOTENV_FILE}:{line}"),
            Origin::Environment(name) => write!(f, "environment ({name})"),
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::CommandLine => f.write_str("command line"),
        }
    }
}

/// A value as text, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// As written, without quotes.
    pub text: String,
    /// Where.
    pub origin: Origin,
}

/// What a mistake concerns, and so what it keeps from working.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigPart {
    /// Lines, meters or the journal: nothing is counted by settings that may be wrong.
    Counting,
    /// The server: nothing is sent until it is mended. Counting goes on.
    Server,
    /// Neither: something safe holds in its place.
    Aside,
}

/// Something that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// What it concerns.
    pub part: ConfigPart,
    /// Where.
    pub origin: Origin,
    /// What, and what to do about it.
    pub message: String,
}

impl ConfigProblem {
    /// A problem of lines, meters or the journal, at a place.
    pub fn new(origin: Origin, message: impl Into<String>) -> ConfigProblem {
        ConfigProblem {
            part: ConfigPart::Counting,
            origin,
            message: message.into(),
        }
    }

    /// The same, of another part.
    pub fn of(mut self, part: ConfigPart) -> ConfigProblem {
        self.part = part;
        self
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)
    }
}

/// What is wrong with the configuration, and what is worth knowing, as it is found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// What is wrong.
    pub problems: Vec<ConfigProblem>,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

impl Findings {
    /// Adds a problem, once.
    pub fn add(&mut self, problem: ConfigProblem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Adds what is worth knowing, once.
    pub fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// All that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The problems, file by file, line by line.
    pub problems: Vec<ConfigProblem>,
    /// The directory that the files are in.
    pub dir: std::path::PathBuf,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dir = self.dir.display();
        match self.problems.len() {
            1 => write!(f, "the configuration in {dir} has a problem:")?,
            n => write!(f, "the configuration in {dir} has {n} problems:")?,
        }
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}
