//! What a token may do, judged as v2.9.1 judges it (`authz.go`, `authorizer/authorize.go`).

use std::collections::HashMap;
use std::fmt;

/// One right: an action on all of a kind, on all of it in an organization, or on one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    pub action: String,
    pub kind: String,
    pub id: Option<String>,
    pub org_id: Option<String>,
}

/// What somebody wants to touch.
#[derive(Debug, Clone, Copy)]
pub struct Resource<'a> {
    pub kind: &'a str,
    pub id: Option<&'a str>,
    pub org_id: Option<&'a str>,
}

impl<'a> Resource<'a> {
    /// One thing of an organization's.
    pub fn one(kind: &'a str, org_id: &'a str, id: &'a str) -> Resource<'a> {
        Resource {
            kind,
            id: Some(id),
            org_id: Some(org_id),
        }
    }

    /// All of a kind in an organization.
    pub fn all(kind: &'a str, org_id: &'a str) -> Resource<'a> {
        Resource {
            kind,
            id: None,
            org_id: Some(org_id),
        }
    }

    /// A thing that belongs to no organization: a user, or the organization itself.
    pub fn global(kind: &'a str, id: Option<&'a str>) -> Resource<'a> {
        Resource {
            kind,
            id,
            org_id: None,
        }
    }
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(org_id) = self.org_id {
            write!(f, "orgs/{org_id}/")?;
        }
        f.write_str(self.kind)?;
        match self.id {
            Some(id) => write!(f, "/{id}"),
            None => Ok(()),
        }
    }
}

impl Right {
    /// What the right is for.
    pub fn resource(&self) -> Resource<'_> {
        Resource {
            kind: &self.kind,
            id: self.id.as_deref(),
            org_id: self.org_id.as_deref(),
        }
    }

    fn covers(&self, action: &str, wanted: &Resource<'_>) -> bool {
        if self.action != action || self.kind != wanted.kind {
            return false;
        }
        match (&self.id, &self.org_id) {
            (None, None) => true,
            (None, Some(org_id)) => wanted.org_id == Some(org_id),
            (Some(id), _) => wanted.id == Some(id),
        }
    }
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    Inactive,
    Missing,
}

#[derive(Debug, Clone)]
struct Token {
    /// None: everything.
    rights: Option<Vec<Right>>,
    active: bool,
}

/// All tokens of a server.
#[derive(Debug, Clone, Default)]
pub struct Tokens(HashMap<String, Token>);

impl Tokens {
    /// Makes a token. No rights: it may do everything.
    pub fn add(&mut self, token: &str, rights: Option<Vec<Right>>) {
        let active = true;
        self.0.insert(token.to_owned(), Token { rights, active });
    }

    /// Forgets one.
    pub fn remove(&mut self, token: &str) {
        self.0.remove(token);
    }

    /// Whether there is such a one, active or not.
    pub fn knows(&self, token: &str) -> bool {
        self.0.contains_key(token)
    }

    /// Switches one off or on.
    pub fn set_active(&mut self, token: &str, active: bool) {
        self.0.get_mut(token).expect("no such token").active = active;
    }

    /// Whether it may do this.
    pub fn allowed(&self, token: &str, action: &str, wanted: &Resource<'_>) -> Result<(), Denied> {
        let token = self.0.get(token).ok_or(Denied::Missing)?;
        if !token.active {
            return Err(Denied::Inactive);
        }
        match &token.rights {
            Some(rights) if !rights.iter().any(|right| right.covers(action, wanted)) => {
                Err(Denied::Missing)
            }
            _ => Ok(()),
        }
    }
}
