//! Organisations, buckets, tasks, tokens, queries and deletions, answered as v2.9.1 answers them.

pub mod authorizations;
pub mod buckets;
pub mod data;
pub mod tasks;

use serde_json::{Value, json};

use super::http::Request;
use super::reply::Reply;
use super::store::Store;

/// A request on its way.
pub struct Asked<'a> {
    pub store: &'a mut Store,
    pub request: &'a Request,
    pub token: String,
    pub now_ns: i64,
}

/// Ok and Err alike are answers; Err ends the work on a request.
pub type Answered = Result<Reply, Reply>;

/// Answers whatever is below `/api/v2/` and no write.
pub fn answer(store: &mut Store, request: &Request, now_ns: i64) -> Reply {
    if request.path == "/api/v2/setup" {
        return ok(200, &json!({ "allowed": false }));
    }
    let token = request.token().unwrap_or_default().to_owned();
    if !store.knows_token(&token) {
        return Reply::error(401, "unauthorized", "unauthorized access");
    }
    let mut asked = Asked {
        store,
        request,
        token,
        now_ns,
    };
    let parts: Vec<&str> = request.path["/api/v2/".len()..].split('/').collect();
    let answered = match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["orgs"]) => organisations(&mut asked),
        ("POST", ["orgs"]) => create_organisation(&mut asked),
        (_, ["buckets", ..]) => buckets::answer(&mut asked, &parts[1..]),
        (_, ["tasks", ..]) => tasks::answer(&mut asked, &parts[1..]),
        (_, ["authorizations", ..]) => authorizations::answer(&mut asked, &parts[1..]),
        ("POST", ["query"]) => data::query(&mut asked),
        ("POST", ["delete"]) => data::delete(&mut asked),
        _ => Err(not_found("path not found")),
    };
    answered.unwrap_or_else(|refused| refused)
}

impl Asked<'_> {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value, Reply> {
        serde_json::from_slice(&self.request.body)
            .map_err(|error| Reply::error(400, "invalid", &error.to_string()))
    }

    /// The organisation that the query names: name and id.
    pub fn org(&self) -> Result<(String, String), Reply> {
        let wanted = self.request.query("org").or(self.request.query("orgID"));
        let wanted = wanted.unwrap_or_default();
        let known = self.store.organisations.iter();
        let found = known
            .into_iter()
            .find(|(name, id)| *name == wanted || *id == wanted);
        let found = found.map(|(name, id)| (name.clone(), id.clone()));
        found.ok_or_else(|| {
            let message =
                format!("failed to decode request body: organization name {wanted:?} not found");
            Reply::error(400, "invalid", &message)
        })
    }

    /// Whether the token may do everything; the others have rights on buckets only.
    pub fn is_operator(&self) -> bool {
        self.store.is_operator(&self.token)
    }

    /// Refuses all but the operator, in the words of the management API.
    pub fn only_operator(&self, right: &str) -> Result<(), Reply> {
        if self.is_operator() {
            return Ok(());
        }
        Err(Reply::error(
            401,
            "unauthorized",
            &format!("{right} is unauthorized"),
        ))
    }
}

fn organisations(asked: &mut Asked<'_>) -> Answered {
    let wanted = asked.request.query("org").unwrap_or_default();
    let Some(id) = asked.store.organisations.get(wanted).cloned() else {
        return Err(not_found(&format!(
            "organization name {wanted:?} not found"
        )));
    };
    let listed = if asked.is_operator() {
        json!([{ "id": id, "name": wanted, "description": "" }])
    } else {
        json!([])
    };
    Ok(ok(200, &json!({ "links": {}, "orgs": listed })))
}

fn create_organisation(asked: &mut Asked<'_>) -> Answered {
    asked.only_operator("write:orgs")?;
    let name = asked.json()?["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let id = asked.store.add_organisation(&name);
    Ok(ok(201, &json!({ "id": id, "name": name })))
}

/// An answer in JSON.
pub fn ok(status: u16, body: &Value) -> Reply {
    Reply {
        status,
        headers: vec![("Content-Type", "application/json; charset=utf-8".to_owned())],
        body: body.to_string(),
    }
}

/// 404.
pub fn not_found(message: &str) -> Reply {
    Reply::error(404, "not found", message)
}

/// A number in the query string.
pub fn number(request: &Request, name: &str, default: usize) -> usize {
    let text = request.query(name);
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}
