//! Looks at a server: is it there, may we, and what is on it.

use crate::config::InfluxSettings;
use crate::influx::error::chain;
use crate::influx::management::{Authorization, Bucket, Organization, Task};
use crate::influx::{Client, Error};

/// What of the four is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// The address, or the server is not running.
    Host,
    /// What answers there: another program, or a server that fails.
    Answer,
    /// The token.
    Token,
    /// The organization's name.
    Org,
    /// What the token may do.
    Rights,
}

/// Why the server cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", match wrong {
    Wrong::Host => "the server cannot be reached",
    Wrong::Answer => "the server does not answer as InfluxDB 2 does",
    Wrong::Token => "the token is not valid",
    Wrong::Org => "there is no such organization",
    Wrong::Rights => "the token may not do this",
})]
pub struct Refused {
    /// What is wrong.
    pub wrong: Wrong,
    /// What the server said.
    pub why: String,
}

/// What is on the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The organization's id.
    pub org_id: String,
    /// Its buckets.
    pub buckets: Vec<Bucket>,
    /// Its tasks.
    pub tasks: Vec<Task>,
    /// The entries of its tokens.
    pub authorizations: Vec<Authorization>,
}

/// Checks in this order: is there a server, is the token good, is there the organization, may we. Returns
/// the organization's id.
///
/// # Errors
/// The first check that fails.
pub fn check(client: &Client, influx: &InfluxSettings) -> Result<String, Refused> {
    let refused = |wrong, why: String| Refused { wrong, why };
    client
        .health()
        .map_err(|error| refused(unanswered(&error), unreached(&error)))?;
    let organization = client
        .organization(&influx.org)
        .map_err(|error| refused(wrong_of(&error), unreached(&error)))?;
    let org_id = match organization {
        Organization::Found(id) => id,
        Organization::Missing => {
            let why = format!("the server knows no organization named \"{}\"", influx.org);
            return Err(refused(Wrong::Org, why));
        }
        Organization::Hidden => {
            let why =
                "it may not see the organization; setting up needs a token with all rights in it";
            return Err(refused(Wrong::Rights, why.to_owned()));
        }
    };
    match client.may_set_up(&org_id) {
        Ok(Ok(())) => Ok(org_id),
        Ok(Err(why)) => Err(refused(Wrong::Rights, why)),
        Err(error) => Err(refused(wrong_of(&error), unreached(&error))),
    }
}

/// What is wrong where a request with the token fails.
fn wrong_of(error: &Error) -> Wrong {
    match error {
        Error::Status { status: 401, .. } => Wrong::Token,
        Error::Status { status: 403, .. } => Wrong::Rights,
        error => unanswered(error),
    }
}

/// What is wrong where one without it fails.
fn unanswered(error: &Error) -> Wrong {
    match error {
        Error::Status { .. } | Error::TooLong(_) | Error::Query(_) | Error::Broken(_) => {
            Wrong::Answer
        }
        Error::ThroughProxy { failed, .. } => unanswered(failed),
        _ => Wrong::Host,
    }
}

/// What happened; that the server cannot be reached is said by [`Wrong::Host`].
fn unreached(error: &Error) -> String {
    let said = chain(error);
    match said.strip_prefix("cannot reach the server: ") {
        Some(why) => why.to_owned(),
        None => said,
    }
}

/// Looks at all that a set-up is concerned with.
///
/// # Errors
/// When the server does not tell.
pub fn look(client: &Client, org_id: &str) -> Result<Inventory, Error> {
    Ok(Inventory {
        org_id: org_id.to_owned(),
        buckets: client.buckets(org_id)?,
        tasks: client.tasks(org_id)?,
        authorizations: client.authorizations(org_id)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_server_says_of_the_token_is_said_of_it() {
        let status = |status| Error::Status {
            status,
            code: String::new(),
            message: String::new(),
            retry_after: None,
        };
        for (code, want) in [
            (401, Wrong::Token),
            (403, Wrong::Rights),
            (400, Wrong::Answer),
            (404, Wrong::Answer),
            (429, Wrong::Answer),
            (500, Wrong::Answer),
            (503, Wrong::Answer),
        ] {
            assert_eq!(wrong_of(&status(code)), want, "{code}");
            assert_eq!(unanswered(&status(code)), Wrong::Answer, "{code}");
        }
        assert_eq!(wrong_of(&Error::TooLong("a list")), Wrong::Answer);
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        assert_eq!(wrong_of(&ureq::Error::Io(refused).into()), Wrong::Host);
    }
}
