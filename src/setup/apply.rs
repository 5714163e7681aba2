//! Does what a plan says, one action after another.

use std::io;
use std::path::Path;

use serde_json::json;

use super::mark::{self, MarkRole};
use super::plan::{Action, Wanted, permissions};
use super::{installation, tasks, writer_file};
use crate::influx::{Client, Error};
use crate::model::{Tier, View};

/// Why an action failed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The server does not do it.
    #[error("the server refuses")]
    Server(#[source] Error),
    /// The token may not do it.
    #[error(
        "the token in INFLUX_TOKEN may not do this; setup needs one with all rights in the \
         organization (an all-access token)"
    )]
    Rights(#[source] Error),
    /// The token may make such things and not see them: the next run would not find them, and make
    /// more of them.
    #[error(
        "the token in INFLUX_TOKEN may make {0} and not read them, so that every run would make \
         more; setup needs one with all rights in the organization (an all-access token)"
    )]
    Blind(&'static str),
    /// What has to be kept here of a token cannot be; a new one has been deleted again.
    #[error("{} cannot be written", path.display())]
    Keep {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A bucket is gone that was there a moment ago.
    #[error("the bucket \"{0}\" is not there; run setup again")]
    NoBucket(String),
}

impl From<Error> for ApplyError {
    fn from(error: Error) -> ApplyError {
        match error {
            Error::Status {
                status: 401 | 403, ..
            } => ApplyError::Rights(error),
            error => ApplyError::Server(error),
        }
    }
}

/// Applies actions.
#[derive(Debug)]
pub struct Applier<'a> {
    /// With a token that may.
    pub client: &'a Client,
    /// What is wanted.
    pub wanted: &'a Wanted<'a>,
    /// The organization's id.
    pub org_id: &'a str,
    /// Where the writer token is kept.
    pub config_dir: &'a Path,
    /// That is the configuration of the service, which runs as a user of its own.
    pub for_service: bool,
}

impl Applier<'_> {
    /// Does one action. A read-only token that was made is returned: the server tells it only once.
    ///
    /// # Errors
    /// When it could not be done; everything before it stands.
    pub fn apply(&self, action: &Action) -> Result<Option<String>, ApplyError> {
        match action {
            Action::CreateBucket { name, retention_s } => {
                self.create_bucket(name, *retention_s)?;
            }
            Action::SetRetention { id, to_s, .. } => self.client.set_retention(id, *to_s)?,
            Action::CreateTask { view } => self.create_task(*view)?,
            Action::RepairTask { view, id, .. } => {
                let (script, description) = self.task(*view);
                let change =
                    json!({ "flux": script, "status": "active", "description": description });
                self.client.change_task(id, &change)?;
            }
            Action::DeleteTask { id, .. } => self.client.delete_task(id)?,
            Action::Deactivate { id, .. } => {
                self.client
                    .change_task(id, &json!({ "status": "inactive" }))?;
            }
            Action::CreateWriter { .. } => self.create_writer()?,
            Action::DescribeWriter { id } => {
                let description = self.describe_writer();
                self.client.describe_authorization(id, &description)?;
            }
            Action::CreateReader { .. } => {
                let (_, token) = self.create_token(MarkRole::Reader)?;
                return Ok(Some(token));
            }
            Action::DeleteToken { id, .. } => {
                self.client.delete_authorization(id)?;
                let forgotten = installation::forget_token(self.config_dir, id);
                forgotten.map_err(|source| self.cannot_keep(source))?;
            }
        }
        Ok(None)
    }

    fn task(&self, view: View) -> (String, String) {
        let installation = self.wanted.installation;
        let script = tasks::script(self.wanted.influx, view, installation);
        let what = format!("Pulses in windows of {}", view.as_str());
        (
            script,
            mark::describe(&what, installation, MarkRole::Task(view)),
        )
    }

    /// What the token may not see is there already for all it knows, or will be: either way the next
    /// run could not go on from it.
    fn create_bucket(&self, name: &str, retention_s: u64) -> Result<(), ApplyError> {
        let description = "PowerLogger: pulses of electricity meters";
        let made = self
            .client
            .create_bucket(self.org_id, name, retention_s, description);
        let conflicts = matches!(&made, Err(Error::Status { code, .. }) if code == "conflict");
        let sees = (conflicts || made.is_ok())
            .then(|| self.client.bucket(&self.wanted.influx.org, name))
            .transpose()?;
        match sees {
            Some(None) => Err(ApplyError::Blind("buckets")),
            // Another client made it a moment ago.
            Some(Some(_)) => Ok(()),
            None => made.map(drop).map_err(ApplyError::from),
        }
    }

    fn create_task(&self, view: View) -> Result<(), ApplyError> {
        let (script, description) = self.task(view);
        let id = self
            .client
            .create_task(self.org_id, &script, &description)?;
        if self.client.sees_task(&id)? {
            return Ok(());
        }
        self.client.delete_task(&id)?;
        Err(ApplyError::Blind("tasks"))
    }

    fn create_token(&self, role: MarkRole) -> Result<(String, String), ApplyError> {
        let influx = self.wanted.influx;
        let mut ids = Vec::new();
        for level in Tier::ALL {
            let name = influx.bucket(level);
            let bucket = self.client.bucket(&influx.org, name)?;
            ids.push(
                bucket
                    .ok_or_else(|| ApplyError::NoBucket(name.to_owned()))?
                    .id,
            );
        }
        let description = match role {
            MarkRole::Writer => self.describe_writer(),
            MarkRole::Reader | MarkRole::Task(_) => {
                let what = "PowerLogger: read-only, for Grafana";
                mark::describe(what, self.wanted.installation, role)
            }
        };
        let permissions = permissions(role, &ids);
        let (id, token) =
            self.client
                .create_authorization(self.org_id, &description, &permissions)?;
        if !self.client.sees_authorization(&id)? {
            self.client.delete_authorization(&id)?;
            return Err(ApplyError::Blind("tokens"));
        }
        // What is not noted is never deleted: it might be a copy's.
        installation::note_token(self.config_dir, &id).or_else(|source| {
            self.client.delete_authorization(&id)?;
            Err(self.cannot_keep(source))
        })?;
        Ok((id, token))
    }

    fn describe_writer(&self) -> String {
        mark::describe_writer(self.wanted.installation, &self.wanted.series())
    }

    fn cannot_keep(&self, source: io::Error) -> ApplyError {
        let path = self.config_dir.join(installation::ID_FILE);
        ApplyError::Keep { path, source }
    }

    /// The token is kept the moment it exists.
    fn create_writer(&self) -> Result<(), ApplyError> {
        let (id, token) = self.create_token(MarkRole::Writer)?;
        let influx = self.wanted.influx;
        let kept = writer_file::write(
            self.config_dir,
            self.for_service,
            (&influx.host, &influx.org),
            (&id, &token),
        );
        kept.or_else(|source| {
            self.client.delete_authorization(&id)?;
            Err(ApplyError::Keep {
                path: writer_file::path(self.config_dir),
                source,
            })
        })
    }
}
