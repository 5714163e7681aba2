//! `[[webhook]]`: a service that gets a request when something begins or ends to be wrong.

use std::path::{Path, PathBuf};

use super::given::Given;
use super::key::key;
use super::place::place;
use super::problem::ConfigPart;
use super::receivers::{MQTT, SENDMAIL};
use super::secret::{Secret, check_carried};
use super::section::Section;
use super::template::{Placeholder, Template};
use super::web_address::{self, WebAddress};

/// More are a mistake.
const WEBHOOKS_MAX: usize = 16;

/// Names that stand for other ways of telling.
const TAKEN: [&str; 3] = [SENDMAIL, MQTT, "heartbeat"];

/// A service that gets a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// What it is called; no two have one name.
    pub service: String,
    /// Where it is.
    pub url: WebAddress,
    /// What it is sent; None: the program's own JSON.
    pub body: Option<Template>,
    /// What that is.
    pub form: BodyForm,
    /// Headers, beside those that every request has.
    pub headers: Vec<(String, Template)>,
    /// The secret; where no template has its place, it goes as `Authorization: Bearer`.
    pub token: Option<Secret>,
    /// The name of the credential, or of the file, that it came from; None: it stands in the configuration itself.
    pub credential: Option<String>,
    /// Certificates (PEM) to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The longest a request may take, in milliseconds.
    pub timeout_ms: u64,
}

/// What a body is, by its `Content-Type`: so what fills its placeholders is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyForm {
    /// JSON: placeholders stand in its strings.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// Anything else, as it is.
    Text,
}

/// Reads the tables; `dir`: where the files are. One with a mistake is left out, because what is sent to a wrong place, or
/// in a wrong form, reaches nobody; also the names of these.
pub(super) fn read(root: &mut Section<'_>, dir: &Path) -> (Vec<WebhookSettings>, Vec<String>) {
    let written = root.take_tables("webhook");
    let (mut webhooks, mut left_out): (Vec<WebhookSettings>, Vec<String>) = Default::default();
    for (number, table) in written.into_iter().enumerate() {
        let (name, read) = root.entry("webhook", ConfigPart::Aside, table, |s| {
            let webhook = webhook(s, dir);
            let name = s
                .filled("service")
                .map(|value| value.text.trim().to_owned());
            let name = name.unwrap_or_default();
            let is_named = check_service(s, &name, webhooks.iter().map(|other| &*other.service));
            if number >= WEBHOOKS_MAX {
                let message = format!("at most {WEBHOOKS_MAX} webhooks are possible");
                s.problem(&s.begin(), message);
            }
            let name = Some(name).filter(|_| is_named);
            (name, webhook.filter(|_| !s.is_wrong()))
        });
        match read {
            Some(webhook) => webhooks.push(webhook),
            None => left_out.extend(name),
        }
    }
    (webhooks, left_out)
}

fn webhook(s: &mut Section<'_>, dir: &Path) -> Option<WebhookSettings> {
    let service = s.text_if_set(key("service", "what it is called in messages"));
    let url = s.text_if_set(key("url", "where it is").secret());
    let body = s.text_if_set(
        key(
            "body",
            "what it is sent; unless set: JSON with all there is",
        )
        .secret(),
    );
    let headers = s.list(key("headers", "headers beside the usual ones").secret(), "");
    let token = s.text_if_set(key("token", "the secret for {token}, else a bearer token").secret());
    let credential = s.text_if_set(key(
        "credential",
        "the systemd credential, or the file beside the configuration, with the token",
    ));
    let ca_file = s.text_if_set(key(
        "ca_file",
        "certificates to trust beside the system's (PEM)",
    ));
    let timeout = key("timeout_ms", "the longest a request may take");
    let timeout_ms = s.number(timeout, 10_000, 100..=60_000);
    let url = address(s, url)?;
    let named = credential
        .as_ref()
        .map(|given| given.text.trim().to_owned());
    let headers = headers.map_or_else(Vec::new, |given| headers_of(s, &given));
    let form = form_of(&headers);
    Some(WebhookSettings {
        service: service.map_or_else(String::new, |given| given.text.trim().to_owned()),
        url,
        body: body.and_then(|given| body_of(s, &given, form)),
        form,
        headers,
        token: secret(s, token, credential),
        credential: named.filter(|name| !name.is_empty()),
        ca_file: ca_file.map(|given| place(dir, given.text)),
        timeout_ms,
    })
}

/// Whether the name is one, and its own.
fn check_service<'a>(
    s: &mut Section<'_>,
    service: &str,
    mut others: impl Iterator<Item = &'a str>,
) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_');
    let message = if service.is_empty() {
        "a webhook needs a name: service = \"…\"".to_owned()
    } else if !service.chars().all(is_name) || service.chars().count() > 40 {
        "service: a name has letters, digits, blanks, dots and hyphens, 40 at most".to_owned()
    } else if TAKEN.contains(&service) {
        format!("service: \"{service}\" is another way of telling: choose another name")
    } else if others.any(|other| other == service) {
        format!("service: there are two webhooks \"{service}\"")
    } else {
        return true;
    };
    let place = s.filled("service").map(|value| value.origin.clone());
    s.problem(&place.unwrap_or_else(|| s.begin()), message);
    false
}

fn address(s: &mut Section<'_>, given: Option<Given>) -> Option<WebAddress> {
    let Some(given) = given.filter(|given| !given.text.trim().is_empty()) else {
        let message = "a webhook needs an address: url = \"https://…\"";
        // Nothing is written where only the keys are asked for.
        s.problem(&s.begin(), message);
        return None;
    };
    match web_address::parse(&given.text) {
        Ok(address) => Some(address),
        Err(why) => {
            s.complain(&given, why);
            None
        }
    }
}

fn headers_of(s: &mut Section<'_>, given: &Given) -> Vec<(String, Template)> {
    let mut headers = Vec::new();
    for item in given.items() {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let split = item.split_once(':');
        let named = split.filter(|(name, _)| !name.is_empty() && name.chars().all(is_token));
        let Some((name, value)) = named else {
            s.complain(
                given,
                "a header is written \"Name: value\", and no comma is in its value",
            );
            continue;
        };
        match Template::parse(value.trim()) {
            Ok(value) if value.is_all(|c| matches!(c, ' '..='~')) => {
                headers.push((name.to_owned(), value));
            }
            Ok(_) => s.complain(given, format!("{name}: only ASCII stands in a header")),
            Err(why) => s.complain(given, format!("{name}: {why}")),
        }
    }
    headers
}

fn form_of(headers: &[(String, Template)]) -> BodyForm {
    let mut types = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let Some((_, kind)) = types.next() else {
        return BodyForm::Json;
    };
    let kind = kind.render(|_| String::new()).to_ascii_lowercase();
    if kind.contains("json") {
        BodyForm::Json
    } else if kind.contains("form-urlencoded") {
        BodyForm::Form
    } else {
        BodyForm::Text
    }
}

/// A body is tried with words of each kind: one that is no JSON then never is.
fn body_of(s: &mut Section<'_>, given: &Given, form: BodyForm) -> Option<Template> {
    let template = match Template::parse(&given.text) {
        Ok(template) => template,
        Err(why) => {
            s.complain(given, why);
            return None;
        }
    };
    let tried = template.render(|placeholder| match placeholder {
        Placeholder::Id | Placeholder::Priority => "4".to_owned(),
        _ => "a".to_owned(),
    });
    if form == BodyForm::Json && serde_json::from_str::<serde_json::Value>(&tried).is_err() {
        s.complain(
            given,
            "with its placeholders filled it is no JSON (they stand in quotes, but for {id} and {priority}); another \
             form needs a header Content-Type",
        );
        return None;
    }
    Some(template)
}

fn secret(s: &mut Section<'_>, token: Option<Given>, credential: Option<Given>) -> Option<Secret> {
    if let Some(credential) = credential.filter(|given| !given.text.trim().is_empty()) {
        if token.is_none() {
            let message = format!(
                "there is neither a credential \"{0}\" nor a file {0} beside the configuration that only its owner can \
                 read (chmod 600), with a token in it",
                credential.text.trim()
            );
            s.complain(&credential, message);
            return None;
        }
    }
    let given = token?;
    match check_carried(&given.text) {
        Ok("") => None,
        Ok(token) => Some(Secret::new(token)),
        Err(why) => {
            s.complain(&given, why);
            None
        }
    }
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
