//! Organizations, buckets, tasks, tokens, queries and deletions, answered as v2.9.1 answers them.

pub mod authorizations;
pub mod buckets;
pub mod data;
pub mod organizations;
pub mod runs;
pub mod tasks;

use serde_json::Value;

use super::http::Request;
use super::reply::Reply;
use super::rights::{Denied, Resource};
use super::store::Store;

/// A request on its way.
#[derive(Debug)]
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
        return organizations::setup(store, request);
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
        ("GET", ["me"]) => organizations::me(&asked),
        (_, ["orgs", ..]) => organizations::answer(&mut asked, &parts[1..]),
        (_, ["buckets", ..]) => buckets::answer(&mut asked, &parts[1..]),
        (_, ["tasks", ..]) => tasks::answer(&mut asked, &parts[1..]),
        (_, ["authorizations", ..]) => authorizations::answer(&mut asked, &parts[1..]),
        ("POST", ["query"]) => data::query(&mut asked),
        ("POST", ["delete"]) => data::delete(&mut asked),
        (_, ["me" | "query" | "delete"]) => Err(not_allowed()),
        _ => Err(not_found("path not found")),
    };
    answered.unwrap_or_else(|refused| refused)
}

impl Asked<'_> {
    /// The body as JSON; `before` stands before the parser's complaint.
    pub fn json(&self, before: &str) -> Result<Value, Reply> {
        serde_json::from_slice(&self.request.body)
            .map_err(|error| invalid(&format!("{before}invalid character: {error}")))
    }

    /// Whether the token may do this.
    pub fn may(&self, action: &str, wanted: &Resource<'_>) -> bool {
        let tokens = &self.store.tokens;
        tokens.allowed(&self.token, action, wanted).is_ok()
    }

    /// Refuses those who may not, in the words of the management API: 401, not 403.
    pub fn require(&self, action: &str, wanted: &Resource<'_>) -> Result<(), Reply> {
        let allowed = self.store.tokens.allowed(&self.token, action, wanted);
        let message = match allowed {
            Ok(()) => return Ok(()),
            Err(Denied::Inactive) => "token is inactive".to_owned(),
            Err(Denied::Missing) => format!("{action}:{wanted} is unauthorized"),
        };
        Err(Reply::error(401, "unauthorized", &message))
    }

    /// The organization with this name: its id.
    pub fn org_named(&self, name: &str) -> Result<String, Reply> {
        let id = self.store.organizations.get(name).cloned();
        id.ok_or_else(|| not_found(&format!("organization name {name:?} not found")))
    }

    /// The organization that `org` or `orgID` names: its id. None: neither is given.
    pub fn org_asked(&self) -> Result<Option<String>, Reply> {
        let given = |name| self.request.query(name).filter(|text| !text.is_empty());
        match (given("org"), given("orgID")) {
            (Some(name), _) => self.org_named(name).map(Some),
            (None, Some(id)) => id_of(id).map(|id| Some(id.to_owned())),
            (None, None) => Ok(None),
        }
    }

    /// The name of the organization with this id.
    pub fn org_name(&self, id: &str) -> Option<String> {
        let mut all = self.store.organizations.iter();
        all.find(|(_, known)| *known == id)
            .map(|(name, _)| name.clone())
    }
}

/// An id as it must be: sixteen hexadecimal digits.
pub fn id_of(text: &str) -> Result<&str, Reply> {
    if text.len() != 16 {
        return Err(invalid("id must have a length of 16 bytes"));
    }
    Ok(text)
}

/// An answer in JSON.
pub fn ok(status: u16, body: &Value) -> Reply {
    Reply {
        status,
        headers: vec![("Content-Type", "application/json; charset=utf-8".to_owned())],
        body: body.to_string(),
    }
}

/// 400.
pub fn invalid(message: &str) -> Reply {
    Reply::error(400, "invalid", message)
}

/// 404.
pub fn not_found(message: &str) -> Reply {
    Reply::error(404, "not found", message)
}

/// 405, which has no body.
pub fn not_allowed() -> Reply {
    Reply {
        status: 405,
        headers: Vec::new(),
        body: String::new(),
    }
}

/// The message of a refusal with something before it.
pub fn prefixed(refused: Reply, status: u16, code: &str, before: &str) -> Reply {
    Reply::error(status, code, &format!("{before}{}", refused.message()))
}

/// A text in a body; absent and empty are the same.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A time as the server writes it.
pub fn time(ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(ns))
        .expect("a near year")
        .to_string()
}

/// The same, in whole seconds.
pub fn time_s(ns: i64) -> String {
    time(ns - ns.rem_euclid(1_000_000_000))
}
