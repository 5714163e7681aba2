//! Buckets, tasks and tokens of an organization (InfluxDB v2.9.1: `tenant/http_server_bucket.go`,
//! `http/task_service.go`, `authorization/http_server.go`).

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::answer::{Answer, read_answer};
use super::{Client, Error, encode, is_id, org_parameter};

pub use super::entities::{Authorization, Bucket, Organization, Permission, Task};

/// The most buckets the server gives at once.
const BUCKETS_A_PAGE: usize = 100;

/// Tasks asked for at once: with their texts, well below what is read of an answer.
const TASKS_A_PAGE: usize = 100;

/// Pages of a list, at the most.
const PAGES_MAX: usize = 200;

/// The most of a list that is read: tokens come in one piece, however many there are.
const LIST_BYTES_MAX: u64 = 16 << 20;

const S_PER_DAY: u64 = 86_400;

impl Client {
    /// Whether an InfluxDB 2 listens there.
    ///
    /// # Errors
    /// When no server, or another one, answers.
    pub fn health(&self) -> Result<(), Error> {
        let answer = self.request("GET", "/health", &[], b"")?;
        let said = serde_json::from_str::<Value>(&answer.body).unwrap_or_default();
        if answer.status < 300 && said["name"] == "influxdb" {
            return Ok(());
        }
        Err(answer.into_error())
    }

    /// Looks for an organization.
    ///
    /// # Errors
    /// When the server says anything but yes or no.
    pub fn organization(&self, name: &str) -> Result<Organization, Error> {
        let path = format!("/api/v2/orgs?org={}", encode(name));
        let mut answer = self.get(&path)?;
        if answer.status == 404 && is_id(name) {
            // Writes and queries take an id in place of the name, and so does this.
            answer = self.get(&format!("/api/v2/orgs?orgID={name}"))?;
        }
        if answer.status == 404 {
            return Ok(Organization::Missing);
        }
        let said = json_of(answer)?;
        match said["orgs"][0]["id"].as_str() {
            Some(id) => Ok(Organization::Found(id.to_owned())),
            None => Ok(Organization::Hidden),
        }
    }

    /// Whether the token may make buckets and tasks. Nothing is made: the requests are refused for
    /// another reason if it may.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub fn may_set_up(&self, org_id: &str) -> Result<Result<(), String>, Error> {
        let bucket = json!({ "orgID": org_id, "name": "_" });
        let refused = self.post("/api/v2/buckets", &bucket)?;
        if refused.status == 401 || refused.status == 403 {
            return Ok(Err(refused.into_error().to_string()));
        }
        let task = json!({ "orgID": org_id, "flux": "1" });
        let refused = self.post("/api/v2/tasks", &task)?;
        if refused.body.contains("unauthorized") {
            return Ok(Err(refused.into_error().to_string()));
        }
        Ok(Ok(()))
    }

    /// All buckets of an organization that the token may see, the server's own among them.
    ///
    /// # Errors
    /// When the server does not give them.
    pub fn buckets(&self, org_id: &str) -> Result<Vec<Bucket>, Error> {
        let mut buckets = Vec::new();
        for page in 0..PAGES_MAX {
            let offset = page * BUCKETS_A_PAGE;
            let path =
                format!("/api/v2/buckets?orgID={org_id}&limit={BUCKETS_A_PAGE}&offset={offset}");
            let said = json_of(self.get(&path)?)?;
            buckets.extend(list_of(&said, "buckets")?.iter().map(bucket_of));
            // Rights are applied after paging: a short page need not be the last.
            if said["links"]["next"].is_null() {
                return Ok(buckets);
            }
        }
        Err(Error::TooLong("a list without end"))
    }

    /// Looks for a bucket by name.
    ///
    /// # Errors
    /// When the server says anything but yes or no.
    pub fn bucket(&self, org: &str, name: &str) -> Result<Option<Bucket>, Error> {
        let (org, name) = (org_parameter(org), encode(name));
        let path = format!("/api/v2/buckets?{org}&name={name}");
        let answer = self.get(&path)?;
        if answer.status == 404 {
            return Ok(None);
        }
        Ok(json_of(answer)?["buckets"].get(0).map(bucket_of))
    }

    /// Makes a bucket. Retention 0: for ever.
    ///
    /// # Errors
    /// When the server does not.
    pub fn create_bucket(
        &self,
        org_id: &str,
        name: &str,
        retention_s: u64,
        description: &str,
    ) -> Result<Bucket, Error> {
        let bucket = json!({
            "orgID": org_id, "name": name, "description": description,
            "retentionRules": retention(retention_s),
        });
        Ok(bucket_of(&json_of(self.post("/api/v2/buckets", &bucket)?)?))
    }

    /// Changes how long a bucket keeps its points.
    ///
    /// # Errors
    /// When the server does not.
    pub fn set_retention(&self, bucket_id: &str, retention_s: u64) -> Result<(), Error> {
        let path = format!("/api/v2/buckets/{bucket_id}");
        let change = json!({ "retentionRules": retention(retention_s) });
        json_of(self.send_json("PATCH", &path, &change)?).map(drop)
    }

    /// Deletes a bucket with everything in it.
    ///
    /// # Errors
    /// When the server does not.
    pub fn delete_bucket(&self, bucket_id: &str) -> Result<(), Error> {
        self.delete(&format!("/api/v2/buckets/{bucket_id}"))
    }

    /// All tasks of an organization that the token may see.
    ///
    /// # Errors
    /// When the server does not give them.
    pub fn tasks(&self, org_id: &str) -> Result<Vec<Task>, Error> {
        let mut tasks: Vec<Task> = Vec::new();
        for _ in 0..PAGES_MAX {
            let after = tasks
                .last()
                .map_or(String::new(), |last| format!("&after={}", last.id));
            let path = format!("/api/v2/tasks?orgID={org_id}&limit={TASKS_A_PAGE}{after}");
            let said = json_of(self.get(&path)?)?;
            // A page that is not understood is not an empty one: what is on it would be made again.
            let page = list_of(&said, "tasks")?.iter().map(Task::deserialize);
            let page: Vec<Task> = page.collect::<Result<_, _>>().map_err(|_| not_the_api())?;
            if page.is_empty() {
                return Ok(tasks);
            }
            tasks.extend(page);
        }
        Err(Error::TooLong("a list without end"))
    }

    /// Makes a task; its name and pace are those of the script. Returns its id.
    ///
    /// # Errors
    /// When the server does not.
    pub fn create_task(
        &self,
        org_id: &str,
        flux: &str,
        description: &str,
    ) -> Result<String, Error> {
        let task = json!({
            "orgID": org_id, "flux": flux, "status": "active", "description": description,
        });
        Ok(text(&json_of(self.post("/api/v2/tasks", &task)?)?["id"]))
    }

    /// Whether the token may see this task; lists leave out silently what it may not.
    ///
    /// # Errors
    /// When the server says anything but yes or no.
    pub fn sees_task(&self, task_id: &str) -> Result<bool, Error> {
        self.sees(&format!("/api/v2/tasks/{task_id}"))
    }

    /// Changes a task in place: script, status, description.
    ///
    /// # Errors
    /// When the server does not.
    pub fn change_task(&self, task_id: &str, change: &Value) -> Result<(), Error> {
        let path = format!("/api/v2/tasks/{task_id}");
        json_of(self.send_json("PATCH", &path, change)?).map(drop)
    }

    /// Deletes a task.
    ///
    /// # Errors
    /// When the server does not.
    pub fn delete_task(&self, task_id: &str) -> Result<(), Error> {
        self.delete(&format!("/api/v2/tasks/{task_id}"))
    }

    /// All tokens' entries of an organization that the token may see.
    ///
    /// # Errors
    /// When the server does not give them.
    pub fn authorizations(&self, org_id: &str) -> Result<Vec<Authorization>, Error> {
        let path = format!("/api/v2/authorizations?orgID={org_id}");
        let said = json_of(self.get(&path)?)?;
        let listed = list_of(&said, "authorizations")?;
        Ok(listed.iter().map(authorization_of).collect())
    }

    /// Whether the token may see this token's entry; lists leave out silently what it may not.
    ///
    /// # Errors
    /// When the server says anything but yes or no.
    pub fn sees_authorization(&self, id: &str) -> Result<bool, Error> {
        self.sees(&format!("/api/v2/authorizations/{id}"))
    }

    /// Makes a token that may do this (`read`, `write`) with these buckets. Returns its entry's id and
    /// the token, which the server never tells again.
    ///
    /// # Errors
    /// When the server does not.
    pub fn create_authorization(
        &self,
        org_id: &str,
        description: &str,
        permissions: &[Permission],
    ) -> Result<(String, String), Error> {
        let permissions: Vec<Value> = permissions
            .iter()
            .map(|permission| {
                let kind = &permission.kind;
                let mut resource = json!({ "type": kind, "orgID": org_id });
                if let Some(id) = &permission.id {
                    resource["id"] = id.as_str().into();
                }
                json!({ "action": permission.action, "resource": resource })
            })
            .collect();
        let wanted = json!({
            "orgID": org_id, "description": description, "status": "active",
            "permissions": permissions,
        });
        let made = json_of(self.post("/api/v2/authorizations", &wanted)?)?;
        Ok((text(&made["id"]), text(&made["token"])))
    }

    /// Changes what is written about a token.
    ///
    /// # Errors
    /// When the server does not.
    pub fn describe_authorization(&self, id: &str, description: &str) -> Result<(), Error> {
        let path = format!("/api/v2/authorizations/{id}");
        let change = json!({ "description": description });
        json_of(self.send_json("PATCH", &path, &change)?).map(drop)
    }

    /// Deletes a token.
    ///
    /// # Errors
    /// When the server does not.
    pub fn delete_authorization(&self, id: &str) -> Result<(), Error> {
        self.delete(&format!("/api/v2/authorizations/{id}"))
    }

    /// Deletes the points of a bucket with these times (nanoseconds, both included) that the
    /// predicate names.
    ///
    /// # Errors
    /// When the server does not.
    pub fn delete_points(
        &self,
        org: &str,
        bucket: &str,
        (start, stop): (&str, &str),
        predicate: &str,
    ) -> Result<(), Error> {
        let (org, bucket) = (org_parameter(org), encode(bucket));
        let path = format!("/api/v2/delete?{org}&bucket={bucket}");
        let which = json!({ "start": start, "stop": stop, "predicate": predicate });
        let answer = self.post(&path, &which)?;
        if answer.status == 204 {
            Ok(())
        } else {
            Err(answer.into_error())
        }
    }

    fn sees(&self, path: &str) -> Result<bool, Error> {
        let answer = self.get(path)?;
        match answer.status {
            200..300 => Ok(true),
            401 | 403 | 404 => Ok(false),
            _ => Err(answer.into_error()),
        }
    }

    fn get(&self, path: &str) -> Result<Answer, Error> {
        read_answer(self.send("GET", path, &[], b"")?, LIST_BYTES_MAX)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Answer, Error> {
        self.send_json("POST", path, body)
    }

    fn send_json(&self, method: &str, path: &str, body: &Value) -> Result<Answer, Error> {
        let headers = [("Content-Type", "application/json")];
        self.request(method, path, &headers, body.to_string().as_bytes())
    }

    /// Deletes; what is gone already is as good.
    fn delete(&self, path: &str) -> Result<(), Error> {
        let answer = self.request("DELETE", path, &[], b"")?;
        if answer.status < 300 || answer.status == 404 {
            Ok(())
        } else {
            Err(answer.into_error())
        }
    }
}

/// The JSON of an answer that is a yes.
fn json_of(answer: Answer) -> Result<Value, Error> {
    if answer.status >= 300 {
        return Err(answer.into_error());
    }
    serde_json::from_str(&answer.body).map_err(|_| answer.into_error())
}

fn list_of<'a>(said: &'a Value, name: &str) -> Result<&'a Vec<Value>, Error> {
    said[name].as_array().ok_or_else(not_the_api)
}

/// JSON, and not what InfluxDB says.
fn not_the_api() -> Error {
    Error::from_answer(200, "", None, None)
}

/// Zero is said aloud: no rules at all leave a bucket that is there as it is. So is how long a group of
/// shards is, as the server would choose it for a new bucket (`v1/services/meta/data.go`): it does not
/// choose again for one that is there, and refuses a retention shorter than its groups (tried on v2.9.1).
fn retention(seconds: u64) -> Value {
    let group_s = match seconds / S_PER_DAY {
        _ if seconds == 0 => 7 * S_PER_DAY,
        180.. => 7 * S_PER_DAY,
        2.. => S_PER_DAY,
        _ => 3_600,
    };
    json!([{ "type": "expire", "everySeconds": seconds, "shardGroupDurationSeconds": group_s }])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn bucket_of(value: &Value) -> Bucket {
    let retention_s = value["retentionRules"][0]["everySeconds"].as_u64();
    Bucket {
        id: text(&value["id"]),
        name: text(&value["name"]),
        retention_s: retention_s.unwrap_or(0),
    }
}

fn authorization_of(value: &Value) -> Authorization {
    let permissions = value["permissions"].as_array().cloned().unwrap_or_default();
    let mut permissions: Vec<Permission> = permissions
        .iter()
        .map(|permission| Permission {
            action: text(&permission["action"]),
            kind: text(&permission["resource"]["type"]),
            id: permission["resource"]["id"].as_str().map(str::to_owned),
        })
        .collect();
    permissions.sort();
    Authorization {
        id: text(&value["id"]),
        description: text(&value["description"]),
        active: value["status"] == "active",
        permissions,
    }
}
