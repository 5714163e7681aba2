//! A directory with the two files, and what is read of it.

use std::fs;

use super::load::{Loaded, load};
use super::options::LoadOptions;
use super::problem::{ConfigError, DOTENV_FILE, TOML_FILE};
use super::{Influx, Token};

pub(super) struct Dir(pub(super) tempfile::TempDir);

impl Dir {
    pub(super) fn new(toml: &str, dotenv: &str) -> Dir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(TOML_FILE), toml).unwrap();
        fs::write(dir.path().join(DOTENV_FILE), dotenv).unwrap();
        Dir(dir)
    }

    pub(super) fn load_with(&self, env: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
        load(&LoadOptions {
            config_dir: Some(self.0.path().to_owned()),
            env: env
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            cwd: self.0.path().to_owned(),
            ..LoadOptions::default()
        })
    }

    pub(super) fn load(&self) -> Loaded {
        self.load_with(&[])
            .unwrap_or_else(|error| panic!("{error}"))
    }
}

pub(super) fn problems(toml: &str, dotenv: &str) -> Vec<String> {
    told(Dir::new(toml, dotenv).load_with(&[]))
}

/// What is wrong, whether or not anything is counted all the same.
pub(super) fn told(loaded: Result<Loaded, ConfigError>) -> Vec<String> {
    let problems = match loaded {
        Ok(loaded) => loaded.check().expect_err("it is not good").problems,
        Err(error) => error.problems,
    };
    problems.iter().map(ToString::to_string).collect()
}

pub(super) const CONNECTED: &str =
    "INFLUX_HOST=http://db:8086/\nINFLUX_ORG=home\nINFLUX_TOKEN=admintoken\n";

pub(super) fn token(loaded: &Loaded) -> Option<Token> {
    match &loaded.settings.influx {
        Influx::Configured(influx) => influx.token.clone(),
        Influx::NotConfigured(why) => panic!("{why}"),
    }
}

/// Counting goes on, and the server is off; why is told with its place.
#[track_caller]
pub(super) fn counts_without_server(dir: &Dir, env: &[(&str, &str)], want: &str) {
    let loaded = dir.load_with(env).unwrap_or_else(|error| panic!("{error}"));
    let Influx::NotConfigured(why) = &loaded.settings.influx else {
        panic!("the server is not off: {want}");
    };
    assert!(why.contains(want), "{why}");
    let told = loaded
        .check()
        .expect_err("`config check` names it")
        .to_string();
    assert!(told.contains(want), "{told}");
}
