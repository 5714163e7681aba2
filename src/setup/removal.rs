//! What goes when the buckets are deleted: found first, so that it can be shown and confirmed, then deleted.

use std::io;
use std::path::Path;

use super::inspect::Inventory;
use super::installation::{self, Installation};
use super::{mark, sharing, writer_file};
use crate::config::InfluxSettings;
use crate::influx::error::chain;
use crate::influx::management::{Authorization, Bucket, Task};
use crate::influx::{Client, Error, flux};
use crate::model::Tier;

/// A bucket that will go, and what is in it.
#[derive(Debug)]
pub struct DoomedBucket {
    /// The bucket.
    pub bucket: Bucket,
    /// How many points it holds, and since when, for people.
    pub content: String,
}

/// The buckets, and who loses by it.
#[derive(Debug, Default)]
pub struct Buckets {
    /// Those that are there.
    pub doomed: Vec<DoomedBucket>,
    /// The names of those that are not.
    pub missing: Vec<String>,
}

/// The tasks and tokens that bear this installation's mark.
#[derive(Debug, Default)]
pub struct OwnEntries<'a> {
    /// The tasks.
    pub tasks: Vec<&'a Task>,
    /// The tokens that are known to be made here.
    pub tokens: Vec<&'a Authorization>,
    /// Those that bear the mark and may be a copy's: they stay.
    pub unknown: Vec<&'a Authorization>,
}

impl OwnEntries<'_> {
    /// Whether there is nothing to delete.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.tokens.is_empty()
    }
}

/// The buckets of the configuration, of those that `look` has found.
pub fn buckets(client: &Client, look: &Inventory, influx: &InfluxSettings) -> Buckets {
    let mut buckets = Buckets::default();
    for level in Tier::ALL {
        let name = influx.bucket(level);
        match look.buckets.iter().find(|bucket| bucket.name == name) {
            Some(bucket) => buckets.doomed.push(DoomedBucket {
                bucket: bucket.clone(),
                content: weigh(client, bucket),
            }),
            None => buckets.missing.push(name.to_owned()),
        }
    }
    buckets
}

/// How many points are in a bucket, and since when. Where that takes longer than the server is waited for
/// it is still to be deleted.
fn weigh(client: &Client, bucket: &Bucket) -> String {
    match count(client, bucket) {
        Ok((points, Some(since))) => format!("{points} points since {since}"),
        Ok((_, None)) => "empty".to_owned(),
        Err(error) => format!("it is not known how many points: {}", chain(&error)),
    }
}

fn count(client: &Client, bucket: &Bucket) -> Result<(i64, Option<String>), Error> {
    let all = format!(
        "from(bucketID: {})\n  |> range(start: 1678-01-01T00:00:00Z, stop: 2262-01-01T00:00:00Z)\n  ",
        flux::string(&bucket.id)
    );
    let counting = format!("{all}|> count() |> keep(columns: [\"_value\"])");
    let mut points = 0;
    let mut count = |row: flux::Row<'_>| {
        let value = row
            .get("_value")
            .and_then(|value| value.parse::<i64>().ok());
        points += value.unwrap_or(0);
    };
    client.query(&counting, None, &mut count)?;
    let finding = format!("{all}|> first() |> keep(columns: [\"_time\"])");
    let mut since: Option<String> = None;
    let mut find = |row: flux::Row<'_>| {
        // RFC 3339 in UTC: the order of the texts is that of the times, to the second.
        if let Some(time) = row.get("_time") {
            if since.as_deref().is_none_or(|since| time < since) {
                since = Some(time.to_owned());
            }
        }
    };
    client.query(&finding, None, &mut find)?;
    Ok((points, since))
}

/// The other installations that write into the buckets: they lose what is in them, too.
pub fn others(
    look: &Inventory,
    influx: &InfluxSettings,
    here: Option<&Installation>,
) -> Vec<String> {
    let id = here.map(|here| here.id.as_str()).unwrap_or_default();
    let others = sharing::others(look, influx, id).into_iter();
    others.map(|other| other.installation).collect()
}

/// What this installation has made. A token that is not known to be made here may be a copy's, with the same mark.
pub fn own_entries<'a>(
    look: &'a Inventory,
    influx: &InfluxSettings,
    config_dir: &Path,
    here: &Installation,
) -> OwnEntries<'a> {
    let is_ours =
        |description: &str| mark::read(description).is_some_and(|(whose, _)| whose == here.id);
    let marked = look.authorizations.iter();
    let marked = marked.filter(|entry| is_ours(&entry.description));
    let writer_id = writer_file::authorization_id(config_dir, &influx.host, &influx.org);
    let (tokens, unknown): (Vec<_>, Vec<_>) = marked.partition(|entry| {
        here.tokens.contains(&entry.id) || writer_id.as_ref() == Some(&entry.id)
    });
    let tasks = look.tasks.iter();
    OwnEntries {
        tasks: tasks.filter(|task| is_ours(&task.description)).collect(),
        tokens,
        unknown,
    }
}

/// What a token of ours is called.
pub fn token_of(entry: &Authorization) -> &'static str {
    match mark::read(&entry.description) {
        Some((_, mark::MarkRole::Writer)) => "writer token, which `powerlogger run` uses",
        _ => "read-only token, which Grafana may use",
    }
}

/// Deletes the file with the writer's token, if it is for this server.
///
/// # Errors
/// When the directory keeps it.
pub fn forget_writer(config_dir: &Path, influx: &InfluxSettings) -> io::Result<()> {
    if writer_file::is_for(config_dir, &influx.host, &influx.org) {
        writer_file::remove(config_dir)?;
    }
    Ok(())
}

/// Why a token is still there, or still noted.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    /// The server keeps it.
    #[error("cannot delete the {what}")]
    Server {
        /// What it is called.
        what: &'static str,
        /// What the server says.
        source: Error,
    },
    /// It is deleted, and the file of the installation still lists it.
    #[error(transparent)]
    File(#[from] io::Error),
}

/// Deletes a token, and forgets that it was made here.
///
/// # Errors
/// When the server or the directory does not do it.
pub fn delete_token(
    client: &Client,
    config_dir: &Path,
    entry: &Authorization,
) -> Result<(), ForgetError> {
    let what = token_of(entry);
    client
        .delete_authorization(&entry.id)
        .map_err(|source| ForgetError::Server { what, source })?;
    Ok(installation::forget_token(config_dir, &entry.id)?)
}
