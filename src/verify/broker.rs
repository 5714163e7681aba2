//! The check of the MQTT broker: does it take us, does what is published come back, does the daemon publish.

use super::check::{Check, Checks};
use super::error::VerifyError;
use crate::config::Loaded;
use crate::journal::{Reader, is_locked};
use crate::mqtt;

/// Checks the broker, where one is configured.
pub(super) fn broker(
    loaded: &Loaded,
    local: bool,
    checks: &mut Checks<'_>,
) -> Result<(), VerifyError> {
    let Some(settings) = &loaded.settings.mqtt else {
        return Ok(());
    };
    let name = "MQTT broker";
    if local {
        return checks.add(Check::not_checked(name, "--local"));
    }
    let dir = &loaded.settings.journal.dir;
    let kept = Reader::open(dir).and_then(|reader| reader.mqtt_kept());
    let id = kept.map(|kept| kept.id).unwrap_or_default();
    let broker = settings.broker.to_string();
    let seen = match mqtt::check(settings, &id) {
        Ok(seen) => seen,
        Err(error) => return checks.add(Check::not_checked(name, error.to_string())),
    };
    if let Some(why) = seen.failed {
        let remedy = "start the broker, and correct mqtt.url, mqtt.user and mqtt.password (a file mqtt.password), or \
                      mqtt.ca_file; nothing is published until then";
        return checks.add(Check::bad(name, format!("{broker}: {why}"), remedy));
    }
    let user = settings.user.as_deref();
    let user = user.map_or_else(
        || ", without a user".to_owned(),
        |user| format!(", as {user}"),
    );
    checks.add(Check::good(name, format!("{broker}{user}")))?;
    if !seen.silent.is_empty() {
        let remedy = format!(
            "allow the user to write and to read {}/# and {}/# in the access rules of the broker",
            settings.prefix, settings.discovery_prefix
        );
        let detail = format!(
            "what is published does not come back: {}",
            seen.silent.join(", ")
        );
        return checks.add(Check::bad("MQTT topics", detail, remedy));
    }
    let detail = format!("what is published below {}/ comes back", settings.prefix);
    if seen.is_online() || !is_locked(dir) {
        return checks.add(Check::good("MQTT topics", detail));
    }
    let note = "the running daemon does not publish yet: `powerlogger status` says why, if it is not in a few seconds";
    checks.add(Check::note("MQTT topics", detail, note))
}
