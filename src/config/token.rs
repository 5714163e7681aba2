//! The token that `run` uses: the first that is there of a systemd credential,
//! `INFLUX_WRITER_TOKEN`, the file `writer.token`, `INFLUX_TOKEN`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::merge::Values;
use super::resolve::is_placeholder;
use super::{InfluxSettings, Secret, Token, TokenSource};

/// Written by `setup` beside the configuration.
pub const WRITER_FILE: &str = "writer.token";

/// The name of the credential in the unit (`LoadCredential=influx-token`).
pub const CREDENTIAL: &str = "influx-token";

/// Where root finds what the running service was given, so that `status` and `verify` speak of the same token.
const OF_THE_SERVICE: &str = "/run/credentials/powerlogger.service";

/// Finds the token. What is worth knowing about a file that is not used goes into `notes`.
pub(super) fn find(
    values: &Values,
    env: &BTreeMap<String, String>,
    dir: &Path,
    influx: &InfluxSettings,
    notes: &mut Vec<String>,
) -> Option<Token> {
    let token = |text: &str, source| {
        let text = text.trim();
        (!text.is_empty() && !is_placeholder(text)).then(|| Token {
            secret: Secret::new(text),
            source,
        })
    };
    let credential = || {
        let given = env.get("CREDENTIALS_DIRECTORY").map(String::as_str);
        let path = Path::new(given.unwrap_or(OF_THE_SERVICE)).join(CREDENTIAL);
        token(&fs::read_to_string(path).ok()?, TokenSource::Credential)
    };
    let set = |name: &str, source| token(&values.get(name)?.text, source);
    credential()
        .or_else(|| set("INFLUX_WRITER_TOKEN", TokenSource::WriterEnv))
        .or_else(|| {
            let text = from_file(&dir.join(WRITER_FILE), influx, notes)?;
            token(&text, TokenSource::WriterFile)
        })
        .or_else(|| set("INFLUX_TOKEN", TokenSource::AdminEnv))
}

/// The token in the file, if it is for this server and nobody else can read it.
fn from_file(path: &Path, influx: &InfluxSettings, notes: &mut Vec<String>) -> Option<String> {
    let shown = path.display();
    let meta = fs::metadata(path).ok()?;
    if meta.mode() & 0o077 != 0 {
        notes.push(format!(
            "{shown} is ignored: others can read it; chmod 600 {shown}"
        ));
        return None;
    }
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            notes.push(format!("{shown} is ignored: {error}"));
            return None;
        }
    };
    let fields: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    for (name, wanted) in [("host", &influx.host), ("org", &influx.org)] {
        if fields.get(name).is_some_and(|found| found != wanted) {
            notes.push(format!(
                "{shown} is ignored: it is for another {name}; run setup again"
            ));
            return None;
        }
    }
    fields.get("token").map(|token| (*token).to_owned())
}
