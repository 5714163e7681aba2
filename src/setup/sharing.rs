//! Other installations that use the same buckets. They live together: nothing of theirs is touched. Only meters of one
//! name in one measurement do not go together, because the server cannot tell whose pulses they are. Pure.

use std::collections::BTreeMap;

use super::inspect::Inventory;
use super::mark::{self, MarkRole, Series};
use super::tasks;
use crate::config::InfluxSettings;
use crate::influx::management::{Bucket, Task};
use crate::model::Tier;

/// Another installation that writes into our buckets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Other {
    /// Its id.
    pub installation: String,
    /// The levels whose buckets it writes into.
    pub levels: Vec<Tier>,
    /// The entries of its tokens for `run` that are in force, and what is written with each, where it is told.
    pub tokens: Vec<(String, Option<Series>)>,
}

/// Meters that another installation writes, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The id of the other one.
    pub installation: String,
    /// The entry of the token that tells so.
    pub token: String,
    /// The names that both use.
    pub meters: Vec<String>,
}

impl Overlap {
    /// What can be done about it.
    pub fn remedy(&self) -> String {
        format!(
            "the server cannot tell the two apart: give these meters names of their own in powerlogger.toml, or this \
             installation buckets of its own (RAW_BUCKET, B1M_BUCKET, B5M_BUCKET, B1H_BUCKET), then run \
             `powerlogger setup` and restart; if installation {} is no more (a card or board that was replaced), \
             delete its writer token {} in InfluxDB",
            self.installation, self.token
        )
    }
}

/// The levels into whose buckets a task writes.
pub fn written_by(task: &Task, look: &Inventory, influx: &InfluxSettings) -> Vec<Tier> {
    let mut levels = Tier::ALL.to_vec();
    levels.retain(|level| {
        let name = influx.bucket(*level);
        let bucket = look.buckets.iter().find(|bucket| bucket.name == name);
        tasks::writes_to(&task.flux, name, bucket.map(|bucket| bucket.id.as_str()))
    });
    levels
}

/// All others that write into our buckets, by id.
pub fn others(look: &Inventory, influx: &InfluxSettings, installation: &str) -> Vec<Other> {
    let mut others: BTreeMap<&str, Other> = BTreeMap::new();
    for task in look.tasks.iter().filter(|task| task.is_active()) {
        if let Some((whose, MarkRole::Task(_))) = mark::read(&task.description) {
            let levels = written_by(task, look, influx);
            others.entry(whose).or_default().levels.extend(levels);
        }
    }
    for entry in look.authorizations.iter().filter(|entry| entry.active) {
        let Some((whose, MarkRole::Writer)) = mark::read(&entry.description) else {
            continue;
        };
        let writes = |id: &str| {
            let mut permissions = entry.permissions.iter();
            permissions.any(|may| may.action == "write" && may.id.as_deref() == Some(id))
        };
        let levels = Tier::ALL.into_iter().filter(|level| {
            let name = influx.bucket(*level);
            let bucket = look.buckets.iter().find(|bucket| bucket.name == name);
            bucket.is_some_and(|bucket| writes(&bucket.id))
        });
        let levels: Vec<Tier> = levels.collect();
        if !levels.is_empty() {
            let other = others.entry(whose).or_default();
            other.levels.extend(levels);
            let series = mark::series(&entry.description);
            other.tokens.push((entry.id.clone(), series));
        }
    }
    others.retain(|whose, other| *whose != installation && !other.levels.is_empty());
    others
        .into_iter()
        .map(|(whose, other)| Other {
            installation: whose.to_owned(),
            ..other
        })
        .collect()
}

/// The meters that others write, too.
pub fn overlaps(others: &[Other], ours: &Series) -> Vec<Overlap> {
    let tokens = others.iter().flat_map(|other| {
        let tokens = other.tokens.iter();
        tokens.filter_map(move |(token, series)| Some((other, token, series.as_ref()?)))
    });
    let of_same = tokens.filter(|(.., series)| series.measurement == ours.measurement);
    let overlaps = of_same.map(|(other, token, series)| {
        let both = ours.meters.iter();
        let both = both.filter(|meter| series.meters.contains(*meter));
        Overlap {
            installation: other.installation.clone(),
            token: token.clone(),
            meters: both.cloned().collect(),
        }
    });
    overlaps
        .filter(|overlap| !overlap.meters.is_empty())
        .collect()
}

/// The id of an installation for which a bucket stays as it is, though it keeps its points longer than we want.
pub fn keeps_longer<'a>(
    others: &'a [Other],
    level: Tier,
    bucket: &Bucket,
    wanted_s: u64,
) -> Option<&'a str> {
    let is_longer = wanted_s != 0 && (bucket.retention_s == 0 || bucket.retention_s > wanted_s);
    let mut sharing = others.iter().filter(|other| other.levels.contains(&level));
    let other = sharing.next().filter(|_| is_longer)?;
    Some(&other.installation)
}
