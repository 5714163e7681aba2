//! Where the configuration's files are looked for.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::place::place;
use super::problem::{DOTENV_FILE, TOML_FILE};

/// The configuration's place on an installed system.
pub(super) const SYSTEM_DIR: &str = "/etc/powerlogger";

/// Where to look; by default nowhere but in the place of an installed system, whatever the environment says.
#[derive(Debug, Clone, Default)]
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
            env,
            cwd: std::env::current_dir()?,
            ..LoadOptions::default()
        })
    }
}

/// The directory of the files.
pub(super) fn config_dir(options: &LoadOptions) -> PathBuf {
    if let Some(dir) = &options.config_dir {
        return place(&options.cwd, dir);
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

/// Whether this is the directory of the installed service, however it is spelt.
pub(super) fn is_system_dir(dir: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real(dir) == real(Path::new(SYSTEM_DIR))
}
