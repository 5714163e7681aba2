//! The checks of the server: is it there, is everything on it that is needed, does a point come back.

use super::check::{Check, Checks};
use super::end_to_end::end_to_end;
use super::error::VerifyError;
use super::others;
use super::skipped::{self, NEEDS_ADMIN};
use crate::config::in_use::configured_meters;
use crate::config::{Downsampling, Influx, InfluxSettings, Loaded, TokenSource};
use crate::influx::error::chain;
use crate::influx::management::Organization;
use crate::influx::{Client, Error, flux};
use crate::model::{Tier, View};
use crate::setup::inspect::{Inventory, look};
use crate::setup::installation::{self, FoundInstallation, Installation};
use crate::setup::plan::{Wanted, conflicts, days};
use crate::setup::session::client;
use crate::setup::{mark, sharing, tasks};

/// Checks the server and what is on it.
pub(super) fn server(loaded: &Loaded, checks: &mut Checks<'_>) -> Result<(), VerifyError> {
    let influx = match &loaded.settings.influx {
        Influx::Configured(influx) => influx,
        Influx::NotConfigured(why) => return checks.add(off(loaded, why)),
    };
    let run_token = influx
        .token
        .as_ref()
        .map(|token| token.secret.expose().to_owned());
    let client = match client(influx, run_token) {
        Ok(client) => client,
        Err(error) => {
            let remedy = "correct influx.ca_file; nothing is sent until then";
            let what = format!("server {}", influx.host);
            checks.add(Check::bad(what, chain(&error), remedy))?;
            return skipped::rest(loaded, influx, "the server cannot be asked", checks);
        }
    };
    if let Err(error) = client.health() {
        let remedy = match error {
            Error::Status { .. } | Error::Broken(_) | Error::TooLong(_) => {
                "see the log of the server, or of the proxy before it, and check INFLUX_HOST"
            }
            _ => "start the server, and check INFLUX_HOST (http://localhost:8086 on this machine)",
        };
        checks.add(Check::bad(
            format!("server {}", influx.host),
            chain(&error),
            remedy,
        ))?;
        return skipped::rest(loaded, influx, "the server does not answer", checks);
    }
    checks.add(Check::good("server", influx.host.as_str()))?;
    let installation = installation::find(&loaded.config_dir).unwrap_or(FoundInstallation::Nothing);
    if let Some(check) = others::installation(&installation, loaded) {
        checks.add(check)?;
    }
    if !token(&client, influx, checks)? {
        return skipped::behind_token(loaded, influx, "the token of `run` is not taken", checks);
    }
    buckets(&client, influx, checks)?;
    end_to_end(&client, influx, checks)?;
    let admin = loaded.admin_token();
    match admin {
        Some(admin) => {
            let here = installation.here();
            with_admin((loaded, here), influx, admin.expose().to_owned(), checks)
        }
        None => skipped::skip(&skipped::ADMIN_CHECKS, NEEDS_ADMIN, checks),
    }
}

/// Why nothing is sent: there is no server yet, or a mistake that names its place.
fn off(loaded: &Loaded, why: &str) -> Check {
    match loaded.check() {
        Ok(()) if !loaded.names_server() => Check::off(
            "InfluxDB",
            "not configured",
            "pulses are counted and kept on this machine; INFLUX_HOST, INFLUX_ORG and INFLUX_TOKEN in .env name a \
             server to send them to",
        ),
        Ok(()) => Check::bad("InfluxDB", "not configured", why),
        Err(_) => Check::bad(
            "InfluxDB",
            format!("off: {why}"),
            "correct it; a running daemon takes it up by itself",
        ),
    }
}

/// The token of `run`, and the organization. A body without points is checked in all but its points.
fn token(
    client: &Client,
    influx: &InfluxSettings,
    checks: &mut Checks<'_>,
) -> Result<bool, VerifyError> {
    let source = influx.token.as_ref().map(|token| token.source.clone());
    let of = match source {
        Some(TokenSource::Credential) => "a systemd credential",
        Some(TokenSource::WriterEnv) => "INFLUX_WRITER_TOKEN",
        Some(TokenSource::WriterFile) => "writer.token",
        Some(TokenSource::AdminEnv) => "INFLUX_TOKEN",
        None => "nowhere",
    };
    let what = "token of `run`";
    let nothing = b"# is it allowed?\n";
    let (check, on) = match client.write(&influx.raw_bucket, nothing, false) {
        Ok(()) if source == Some(TokenSource::AdminEnv) => {
            let note = "this is the admin token: `powerlogger setup` makes one that may only write";
            (
                Check::note(what, format!("from {of}, may write"), note),
                true,
            )
        }
        Ok(()) => (Check::good(what, format!("from {of}, may write")), true),
        Err(Error::Status { status: 401, .. }) => {
            let seen = format!("from {of}: refused, it is not valid");
            (
                Check::bad(what, seen, replace_token(source.as_ref())),
                false,
            )
        }
        Err(Error::Status {
            status: 404,
            message,
            ..
        }) if names_organization(&message) => (
            Check::bad("organization", message, "correct INFLUX_ORG"),
            false,
        ),
        Err(Error::Status { status: 404, .. }) => (
            Check::good(what, format!("from {of}, known to the server")),
            true,
        ),
        Err(Error::Status { status: 403, .. }) => {
            let seen = format!(
                "from {of}: forbidden, it may not write to the raw bucket (a recreated bucket needs a new token)"
            );
            (Check::bad(what, seen, replace_token(source.as_ref())), true)
        }
        Err(error) => (
            Check::bad(what, chain(&error), "see INFLUX_HOST and INFLUX_ORG"),
            false,
        ),
    };
    checks.add(check)?;
    if on {
        checks.add(Check::good("organization", influx.org.as_str()))?;
    }
    Ok(on)
}

/// How a token that is not good is replaced. `setup` makes one only with a good INFLUX_TOKEN, and only where no other
/// place comes before `writer.token`.
fn replace_token(source: Option<&TokenSource>) -> &'static str {
    match source {
        Some(TokenSource::AdminEnv) => {
            "put a token with all rights in the organization into INFLUX_TOKEN (`powerlogger setup` needs it, too), then \
             run `powerlogger setup`, which makes one for `run`"
        }
        Some(TokenSource::WriterEnv) => {
            "correct INFLUX_WRITER_TOKEN, or take it out and run `powerlogger setup`"
        }
        Some(TokenSource::Credential) => {
            "put a good one into the credential `influx-token`, or take it out of the unit and run `powerlogger setup`"
        }
        Some(TokenSource::WriterFile) | None => {
            "`powerlogger setup` makes a new one, with a good INFLUX_TOKEN"
        }
    }
}

/// Whether the server misses the organization, and not a bucket whose name has the word in it.
fn names_organization(message: &str) -> bool {
    message.starts_with("organization")
}

/// Are they there, and may we read them?
fn buckets(
    client: &Client,
    influx: &InfluxSettings,
    checks: &mut Checks<'_>,
) -> Result<(), VerifyError> {
    for level in Tier::ALL {
        let name = influx.bucket(level);
        let what = format!("bucket {name}");
        let reading = format!(
            "from(bucket: {}) |> range(start: -1m) |> limit(n: 1)",
            flux::string(name)
        );
        let check = match client.query(&reading, None, &mut |_| {}) {
            Ok(()) => Check::good(what, "there, readable"),
            Err(Error::Status { status: 404, .. }) => Check::bad(
                what,
                "not there, or the token may not read it",
                "`powerlogger setup` makes it, and a token for it",
            ),
            Err(error) if influx.downsampling == Downsampling::Client => Check::note(
                what,
                chain(&error),
                "windows are written without reading back",
            ),
            Err(error) => Check::bad(what, chain(&error), "see the server's log"),
        };
        checks.add(check)?;
    }
    Ok(())
}

/// What only the admin token may see.
fn with_admin(
    (loaded, here): (&Loaded, Option<Installation>),
    influx: &InfluxSettings,
    admin: String,
    checks: &mut Checks<'_>,
) -> Result<(), VerifyError> {
    let client = client(influx, Some(admin))?;
    let looked = client.organization(&influx.org).and_then(|org| match org {
        Organization::Found(id) => look(&client, &id).map(Some),
        Organization::Missing | Organization::Hidden => Ok(None),
    });
    let seen = match looked {
        Ok(Some(seen)) => seen,
        Ok(None) => {
            return skipped::skip(&skipped::ADMIN_CHECKS, NEEDS_ADMIN, checks);
        }
        Err(error) => {
            let remedy = match &error {
                Error::Status { status: 401, .. } => {
                    ": it is not valid; correct it, or take it out of .env: `run` does not need it"
                }
                _ => "",
            };
            let why = format!("INFLUX_TOKEN: {}{remedy}", chain(&error));
            return skipped::skip(&skipped::ADMIN_CHECKS, &why, checks);
        }
    };
    let here = here.as_ref();
    let meters = configured_meters(loaded);
    let wanted = Wanted {
        influx,
        raw_retention_d: loaded.settings.journal.raw_retention_d,
        installation: here.map(|here| here.id.as_str()).unwrap_or_default(),
        tokens: &[],
        meters: &meters,
        writer_id: None,
        take_over: false,
        new_read_token: false,
    };
    retention(&seen, &wanted, checks)?;
    for view in View::ALL {
        if influx.downsampling == Downsampling::Tasks {
            checks.add(task(&seen, &wanted, view))?;
        } else if let Some(check) = left_over(&seen, &wanted, view) {
            checks.add(check)?;
        }
    }
    let conflicts = conflicts(&seen, influx);
    for conflict in &conflicts {
        checks.add(Check::bad(
            format!("foreign task \"{}\" ({})", conflict.name, conflict.id),
            format!("writes into {}", conflict.bucket),
            "the Python edition's, or another program's: `powerlogger setup --take-over` deactivates it \
             and computes the windows anew",
        ))?;
    }
    if conflicts.is_empty() {
        checks.add(Check::good("foreign tasks", "none writes into our buckets"))?;
    }
    others::shared_meters(&seen, &wanted, checks)
}

fn retention(
    seen: &Inventory,
    wanted: &Wanted<'_>,
    checks: &mut Checks<'_>,
) -> Result<(), VerifyError> {
    let others = sharing::others(seen, wanted.influx, wanted.installation);
    for level in Tier::ALL {
        let name = wanted.influx.bucket(level);
        let Some(bucket) = seen.buckets.iter().find(|bucket| bucket.name == name) else {
            continue;
        };
        let kept_s = wanted.retention_s(level);
        let what = format!("retention of {name}");
        checks.add(if bucket.retention_s == kept_s {
            Check::good(what, days(kept_s))
        } else if let Some(other) = sharing::keeps_longer(&others, level, bucket, kept_s) {
            let found = days(bucket.retention_s);
            let seen = format!("{found}: installation {other} writes into it, too");
            Check::good(what, seen)
        } else {
            let found = format!("{} instead of {}", days(bucket.retention_s), days(kept_s));
            Check::bad(what, found, "`powerlogger setup` puts it right")
        })?;
    }
    Ok(())
}

/// A task of ours that is still active though none is wanted: it overwrites the daemon's windows.
fn left_over(seen: &Inventory, wanted: &Wanted<'_>, view: View) -> Option<Check> {
    let role = mark::MarkRole::Task(view);
    let mut ours = seen.tasks.iter().filter(|task| {
        task.is_active() && mark::read(&task.description) == Some((wanted.installation, role))
    });
    let task = ours.next()?;
    let mode = wanted.influx.downsampling.as_str();
    Some(Check::bad(
        format!("task {}", view.as_str()),
        format!(
            "our task \"{}\" is still active, and influx.downsampling is \"{mode}\": it overwrites windows",
            task.name
        ),
        "`powerlogger setup` deletes it; the daemon looks at its windows again when they are settled",
    ))
}

fn task(seen: &Inventory, wanted: &Wanted<'_>, view: View) -> Check {
    let what = format!("task {}", view.as_str());
    let role = mark::MarkRole::Task(view);
    let ours: Vec<_> = seen
        .tasks
        .iter()
        .filter(|task| mark::read(&task.description) == Some((wanted.installation, role)))
        .collect();
    let setup = "`powerlogger setup` puts it right";
    match ours.as_slice() {
        [] => Check::bad(what, "not there", "`powerlogger setup` makes it"),
        [task] if !task.is_active() => Check::bad(what, "inactive", setup),
        [task] if task.flux != tasks::script(wanted.influx, view, wanted.installation) => {
            Check::bad(what, "its script is another", setup)
        }
        [task] if task.last_run_status == "failed" => {
            let seen = format!("the last run failed: {}", task.last_run_error);
            Check::bad(
                what,
                seen,
                "see the task's runs in InfluxDB; the daemon fills in what is missing",
            )
        }
        [task] if task.last_run_status.is_empty() => {
            Check::note(what, "active", "it has not run yet")
        }
        [_] => Check::good(what, "active, the last run was good"),
        more => Check::bad(what, format!("there are {}", more.len()), setup),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_that_is_called_organization_is_a_bucket() {
        assert!(names_organization("organization name \"home\" not found"));
        assert!(names_organization("organization not found"));
        assert!(!names_organization(
            "bucket \"organization of pulses\" not found"
        ));
    }
}
