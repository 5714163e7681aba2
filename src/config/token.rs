//! The token that `run` uses: the first that is there of a systemd credential,
//! `INFLUX_WRITER_TOKEN`, the file `writer.token`, `INFLUX_TOKEN`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::load::is_system_dir;
use super::merge::Values;
use super::problem::{Origin, Part, Problem};
use super::resolve::{Lacking, is_placeholder};
use super::text::invisible;
use super::{InfluxSettings, Secret, Token, TokenSource};

/// Written by `setup` beside the configuration.
pub const WRITER_FILE: &str = "writer.token";

/// The name of the credential in the unit (`LoadCredential=influx-token`).
pub const CREDENTIAL: &str = "influx-token";

/// Where root finds what the running service was given, so that `status` and `verify` speak of the same token.
const OF_THE_SERVICE: &str = "/run/credentials/powerlogger.service";

/// Finds the token. What is worth knowing about a file that is not used goes into `notes`.
///
/// # Errors
/// When the token that would be used cannot be one.
pub(super) fn find(
    values: &Values,
    env: &BTreeMap<String, String>,
    dir: &Path,
    influx: &InfluxSettings,
    notes: &mut Vec<String>,
) -> Result<Option<Token>, Problem> {
    if let Some((path, text)) = credential(env, dir, influx, notes) {
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

/// Whether this is a token that somebody has chosen.
fn is_set(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && !is_placeholder(text)
}

/// A token that a header can carry: what was copied with a quote, a mark or a blank that nobody sees is told
/// here, with its place, and not by a server that does not know it.
fn sound(text: &str, source: TokenSource, origin: Origin) -> Result<Token, Problem> {
    let text = text.trim();
    let Some(odd) = text.chars().find(|c| !matches!(c, ' '..='~')) else {
        let secret = Secret::new(text);
        return Ok(Token { secret, source });
    };
    let name = match source {
        TokenSource::Credential => "the credential",
        TokenSource::WriterEnv => "INFLUX_WRITER_TOKEN",
        TokenSource::WriterFile => "token",
        TokenSource::AdminEnv => "INFLUX_TOKEN",
    };
    let at = text.chars().take_while(|c| matches!(c, ' '..='~')).count() + 1;
    let code = u32::from(odd);
    let shown = if invisible(&odd.to_string()).is_some() || odd.is_whitespace() {
        "an invisible character".to_owned()
    } else {
        format!("\"{odd}\"")
    };
    let message = format!(
        "{name}: {shown} (U+{code:04X}, its character {at}) cannot be in a token: copy it once more, without \
         quotes around it"
    );
    Err(Problem::new(origin, message).of(Part::Server))
}

/// What systemd gave to this process. Root's commands speak of the token that the running service was given,
/// and only for the service's own configuration: nobody else's server is told it.
fn credential(
    env: &BTreeMap<String, String>,
    dir: &Path,
    influx: &InfluxSettings,
    notes: &mut Vec<String>,
) -> Option<(PathBuf, String)> {
    let given = env.get("CREDENTIALS_DIRECTORY").map(String::as_str);
    let path = credential_path(given, is_system_dir(dir))?;
    let text = fs::read_to_string(&path).ok()?;
    if !text.lines().any(|line| line.starts_with("token=")) {
        return is_set(&text).then_some((path, text));
    }
    // In the form of `writer.token` it says for whom it is.
    let token = of_this_server(&text, &path, influx, notes)?;
    is_set(&token).then_some((path, token))
}

/// Where a credential is, if one may be used.
fn credential_path(given: Option<&str>, is_system: bool) -> Option<PathBuf> {
    let dir = given.or(is_system.then_some(OF_THE_SERVICE))?;
    Some(Path::new(dir).join(CREDENTIAL))
}

/// The token in the file, if it is for this server and nobody else can read it.
fn from_file(path: &Path, influx: &InfluxSettings, notes: &mut Vec<String>) -> Option<String> {
    if influx.host.is_empty() || influx.org.is_empty() {
        return None;
    }
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
    of_this_server(&text, path, influx, notes)
}

/// The token of the text, if it is for this server.
fn of_this_server(
    text: &str,
    path: &Path,
    influx: &InfluxSettings,
    notes: &mut Vec<String>,
) -> Option<String> {
    let shown = path.display();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_credential_is_for_its_own_configuration() {
        let of_service = Path::new("/run/credentials/powerlogger.service/influx-token");
        assert_eq!(credential_path(None, true).as_deref(), Some(of_service));
        assert_eq!(credential_path(None, false), None);
        for is_system in [true, false] {
            let own = credential_path(Some("/run/credentials/x"), is_system);
            assert_eq!(
                own.as_deref(),
                Some(Path::new("/run/credentials/x/influx-token"))
            );
        }
    }
}
