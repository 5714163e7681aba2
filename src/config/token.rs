//! Tokens, and where they are kept: `run` uses the first that is there of a systemd credential,
//! `INFLUX_WRITER_TOKEN`, the file `writer.token`, `INFLUX_TOKEN`; the page the first of a credential, the file
//! `web.token`, `[web] token`; MQTT the first of a credential, the file `mqtt.password`, `[mqtt] password`.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::content;
use super::given::Filled;
use super::influx::InfluxSettings;
use super::lacking::{Lacking, is_placeholder};
use super::merge::Merged;
use super::options::is_system_dir;
use super::problem::{ConfigPart, ConfigProblem, Origin, TOML_FILE, Value};
use super::secret::{Secret, Token, TokenSource, check_carried};

/// Written by `setup` beside the configuration.
pub const WRITER_FILE: &str = "writer.token";

/// The name of the credential in the unit (`LoadCredential=influx-token`).
pub const CREDENTIAL: &str = "influx-token";

/// Where root finds what the running service was given, so that `status` and `verify` speak of the same token.
const OF_THE_SERVICE: &str = "/run/credentials/powerlogger.service";

/// The name of the page's token: of its file beside the configuration, and of the credential.
pub const WEB_TOKEN: &str = "web.token";

/// The name of the password for the MQTT broker: of its file beside the configuration, and of the credential.
pub const MQTT_PASSWORD: &str = "mqtt.password";

/// A secret that has a file of its own beside the configuration, and may be a credential.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeptSecret {
    table: &'static str,
    key: &'static str,
    file: &'static str,
}

/// All of them.
pub(super) const KEPT_SECRETS: [KeptSecret; 2] = [
    KeptSecret {
        table: "web",
        key: "token",
        file: WEB_TOKEN,
    },
    KeptSecret {
        table: "mqtt",
        key: "password",
        file: MQTT_PASSWORD,
    },
];

/// Finds the token. What is worth knowing about a file that is not used goes into `notes`.
///
/// # Errors
/// When the token that would be used cannot be one.
pub(super) fn find(
    values: &Filled,
    env: &BTreeMap<String, String>,
    dir: &Path,
    influx: &InfluxSettings,
    notes: &mut Vec<String>,
) -> Result<Option<Token>, ConfigProblem> {
    if let Some((path, text)) = credential(values, env, dir, influx, notes) {
        return sound(&text, TokenSource::Credential, Origin::File(path)).map(Some);
    }
    let set = |name: &str| values.get(name).filter(|value| is_set(&value.text));
    if let Some(value) = set("INFLUX_WRITER_TOKEN") {
        return sound(&value.text, TokenSource::WriterEnv, value.origin.clone()).map(Some);
    }
    let path = dir.join(WRITER_FILE);
    if let Some(text) = from_file(&path, influx, notes).filter(|text| is_set(text)) {
        return sound(&text, TokenSource::WriterFile, Origin::File(path)).map(Some);
    }
    let admin = set("INFLUX_TOKEN");
    admin
        .map(|value| sound(&value.text, TokenSource::AdminEnv, value.origin.clone()))
        .transpose()
}

/// Whether `writer.token` may hold the token, once it is known for whom: then none is lacking elsewhere.
pub(super) fn may_be_in_file(dir: &Path, lacking: &[Lacking]) -> bool {
    !lacking.is_empty() && dir.join(WRITER_FILE).exists()
}

/// Whether this is a token, and neither nothing nor what stands in the example.
pub(super) fn is_set(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && !is_placeholder(text)
}

fn sound(text: &str, source: TokenSource, origin: Origin) -> Result<Token, ConfigProblem> {
    let name = match source {
        TokenSource::Credential => "the credential",
        TokenSource::WriterEnv => "INFLUX_WRITER_TOKEN",
        TokenSource::WriterFile => "token",
        TokenSource::AdminEnv => "INFLUX_TOKEN",
    };
    match check_carried(text) {
        Ok(text) => {
            let secret = Secret::new(text);
            Ok(Token { secret, source })
        }
        Err(why) => {
            Err(ConfigProblem::new(origin, format!("{name}: {why}")).of(ConfigPart::Server))
        }
    }
}

/// Puts a secret into its table, from the first place that has one.
pub(super) fn put(
    secret: &KeptSecret,
    merged: &mut Merged,
    env: &BTreeMap<String, String>,
    dir: &Path,
) {
    let KeptSecret { table, key, file } = *secret;
    let notes = &mut merged.findings.notes;
    let given = env.get("CREDENTIALS_DIRECTORY").map(String::as_str);
    let credential = credentials_dir(given, is_system_dir(dir)).and_then(|dir| {
        let path = dir.join(file);
        let text = content::text(&path).ok()?;
        Some((path, text))
    });
    let found = credential.filter(|(_, text)| is_set(text)).or_else(|| {
        let path = dir.join(file);
        let text = private_text(&path, notes).filter(|text| is_set(text))?;
        Some((path, text))
    });
    let tables = merged.toml.tables.entry(table).or_default();
    if let Some((path, text)) = found {
        let value = Value {
            text: text.trim_end_matches(['\r', '\n']).to_owned(),
            origin: Origin::File(path),
        };
        if tables.is_empty() {
            tables.push(super::raw_table::RawTable::default());
        }
        tables[0].set(key, value);
        return;
    }
    let is_written = tables.iter().any(|table| table.values.contains_key(key));
    let toml = dir.join(TOML_FILE);
    if is_written && fs::metadata(&toml).is_ok_and(|meta| meta.mode() & 0o007 != 0) {
        notes.push(format!(
            "{table}.{key}: others can read {}: write the {key} into {} (chmod 600)",
            toml.display(),
            dir.join(file).display()
        ));
    }
}

/// What systemd gave to this process. Root's commands speak of the token that the running service was given,
/// and only for the service's own configuration: no other server is told it.
fn credential(
    values: &Filled,
    env: &BTreeMap<String, String>,
    dir: &Path,
    influx: &InfluxSettings,
    notes: &mut Vec<String>,
) -> Option<(PathBuf, String)> {
    let given = env.get("CREDENTIALS_DIRECTORY").map(String::as_str);
    let path = credential_path(given, is_system_dir(dir))?;
    let text = content::text(&path).ok()?;
    // Outside the service only root can read it.
    let is_borrowed = given.is_none();
    let from_environment = is_borrowed && is_from_environment(values);
    let token = of_credential(&text, &path, influx, from_environment, notes)?;
    Some((path, token))
}

/// The token in a credential, if it is for this server. `from_environment`: the server is another one than the service's
/// files name.
fn of_credential(
    text: &str,
    path: &Path,
    influx: &InfluxSettings,
    from_environment: bool,
    notes: &mut Vec<String>,
) -> Option<String> {
    if text.lines().any(|line| line.starts_with("token=")) {
        // In the form of `writer.token` it says for whom it is.
        return of_this_server(text, path, influx, notes).filter(|token| is_set(token));
    }
    if !is_set(text) {
        return None;
    }
    if from_environment {
        notes.push(format!(
            "{} is ignored: it is for the service's server, and INFLUX_HOST comes from the environment",
            path.display()
        ));
        return None;
    }
    Some(text.to_owned())
}

/// Whether the server is named by the environment of this command, and not by the files that the service reads.
fn is_from_environment(values: &Filled) -> bool {
    let host = values.get("influx.host").map(|host| &host.origin);
    matches!(host, Some(Origin::Environment(_)))
}

/// Where a credential is, if one may be used.
fn credential_path(given: Option<&str>, is_system: bool) -> Option<PathBuf> {
    Some(credentials_dir(given, is_system)?.join(CREDENTIAL))
}

/// Where credentials are, if any may be used.
fn credentials_dir(given: Option<&str>, is_system: bool) -> Option<PathBuf> {
    let dir = given.or(is_system.then_some(OF_THE_SERVICE))?;
    Some(PathBuf::from(dir))
}

/// The token in the file, if it is for this server and no other user can read it.
fn from_file(path: &Path, influx: &InfluxSettings, notes: &mut Vec<String>) -> Option<String> {
    if influx.host.is_empty() || influx.org.is_empty() {
        return None;
    }
    let text = private_text(path, notes)?;
    of_this_server(&text, path, influx, notes)
}

/// Whether only its owner can read a file: no other one is a place for a token.
pub fn is_private(meta: &Metadata) -> bool {
    meta.mode() & 0o077 == 0
}

/// What `writer.token` says: a name and a value a line.
pub fn writer_fields(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines();
    lines.filter_map(|line| line.split_once('=')).collect()
}

/// The text of a file that only its owner can read.
fn private_text(path: &Path, notes: &mut Vec<String>) -> Option<String> {
    let shown = path.display();
    let meta = fs::metadata(path).ok()?;
    if !is_private(&meta) {
        notes.push(format!(
            "{shown} is ignored: others can read it; chmod 600 {shown}"
        ));
        return None;
    }
    match content::text(path) {
        Ok(text) => Some(text),
        Err(error) => {
            notes.push(format!("{shown} is ignored: {error}"));
            None
        }
    }
}

/// The token of the text, if it is for this server.
fn of_this_server(
    text: &str,
    path: &Path,
    influx: &InfluxSettings,
    notes: &mut Vec<String>,
) -> Option<String> {
    let shown = path.display();
    let mut fields = writer_fields(text);
    for (name, wanted) in [("host", &influx.host), ("org", &influx.org)] {
        if fields.get(name).is_some_and(|found| *found != wanted) {
            notes.push(format!(
                "{shown} is ignored: it is for another {name}; run setup again"
            ));
            return None;
        }
    }
    fields.remove("token").map(str::to_owned)
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
