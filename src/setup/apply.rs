//! Does what a plan says, one action after another.

use std::io;
use std::path::Path;

use serde_json::json;

use super::mark::{self, Role};
use super::plan::{Action, Wanted, permissions};
use super::{tasks, writer_file};
use crate::influx::{Client, Error};
use crate::rollup::{Level, View};

/// Why an action failed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The server does not do it.
    #[error("the server refuses")]
    Server(#[from] Error),
    /// The token cannot be kept; it has been deleted again.
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

/// Applies actions.
#[derive(Debug)]
pub struct Applier<'a> {
    /// With the token of somebody who may.
    pub client: &'a Client,
    /// What is wanted.
    pub wanted: &'a Wanted<'a>,
    /// The organisation's id.
    pub org_id: &'a str,
    /// Where the writer token is kept.
    pub config_dir: &'a Path,
    /// That is the configuration of the service, which runs as a user of its own.
    pub for_service: bool,
}

impl Applier<'_> {
    /// Does one action. A read-only token that was made is returned: nobody will tell it again.
    ///
    /// # Errors
    /// When it could not be done; everything before it stands.
    pub fn apply(&self, action: &Action) -> Result<Option<String>, ApplyError> {
        match action {
            Action::CreateBucket { name, retention_s } => {
                let description = "PowerLogger: pulses of electricity meters";
                self.client
                    .create_bucket(self.org_id, name, *retention_s, description)?;
            }
            Action::SetRetention { id, to_s, .. } => self.client.set_retention(id, *to_s)?,
            Action::CreateTask { view } => {
                let (script, description) = self.task(*view);
                self.client
                    .create_task(self.org_id, &script, &description)?;
            }
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
            Action::CreateReader { .. } => {
                let (_, token) = self.create_token(Role::Reader)?;
                return Ok(Some(token));
            }
            Action::DeleteToken { id, .. } => self.client.delete_authorization(id)?,
        }
        Ok(None)
    }

    fn task(&self, view: View) -> (String, String) {
        let installation = self.wanted.installation;
        let script = tasks::script(self.wanted.influx, view, installation);
        let what = format!("Pulses in windows of {}", view.as_str());
        (
            script,
            mark::describe(&what, installation, Role::Task(view)),
        )
    }

    fn create_token(&self, role: Role) -> Result<(String, String), ApplyError> {
        let influx = self.wanted.influx;
        let mut ids = Vec::new();
        for level in Level::ALL {
            let name = influx.bucket(level);
            let bucket = self.client.bucket(&influx.org, name)?;
            ids.push(
                bucket
                    .ok_or_else(|| ApplyError::NoBucket(name.to_owned()))?
                    .id,
            );
        }
        let what = match role {
            Role::Writer => "PowerLogger: writes pulses and reads them back",
            Role::Reader | Role::Task(_) => "PowerLogger: read-only, for Grafana",
        };
        let description = mark::describe(what, self.wanted.installation, role);
        let permissions = permissions(role, &ids);
        Ok(self
            .client
            .create_authorization(self.org_id, &description, &permissions)?)
    }

    /// The token is kept the moment it exists.
    fn create_writer(&self) -> Result<(), ApplyError> {
        let (id, token) = self.create_token(Role::Writer)?;
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
