//! Who may ask: the host by its name, the origin of a request, the method. And what stands on every answer.
//!
//! A page of another site, open in the same browser, can send requests here. It is told apart by `Origin` and
//! `Sec-Fetch-Site`, and, where it has made a name of its own point to this machine (DNS rebinding), by `Host`: an IP
//! address needs no name, and every other name is known or refused. Who has come through the unix socket is no browser.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName, IF_MATCH, ORIGIN,
    WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::networks::is_local;
use super::problem::{
    BAD_REQUEST, CROSS_SITE, INTERNAL, Kind, METHOD_NOT_ALLOWED, NOT_FOUND, NOT_LOCAL,
    OTHER_SETTINGS, Problem, TOO_LARGE, WRONG_HOST,
};
use super::source::Source;

/// Where a request has come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// The unix socket.
    Unix,
    /// An address.
    Tcp(IpAddr),
}

/// What is asked of every request.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// Names by which this daemon is known, in lower case.
    hosts: Vec<String>,
    /// Only the local networks may ask.
    local_only: bool,
    source: Source,
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// On every answer.
const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), midi=(), \
         payment=(), usb=()",
    ),
];

impl Guard {
    /// `machine`: this machine's own name; `hosts`: further names, as configured.
    pub(super) fn new(machine: &str, hosts: &[String], local_only: bool, source: Source) -> Guard {
        let machine = machine.to_ascii_lowercase();
        let short = machine.split('.').next().unwrap_or_default().to_owned();
        let own = [machine.clone(), format!("{short}.local"), short];
        let configured = hosts.iter().map(|host| host.to_ascii_lowercase());
        let hosts = own.into_iter().chain(configured);
        Guard {
            hosts: hosts.filter(|host| !host.is_empty()).collect(),
            local_only,
            source,
        }
    }

    fn check(&self, request: &Request, peer: Peer) -> Result<(), Problem> {
        let headers = request.headers();
        if let Peer::Tcp(address) = peer {
            if self.local_only && !is_local(address) {
                let detail = format!("{address} is in no network of this machine");
                return Err(Problem::new(NOT_LOCAL, detail));
            }
            let host = host_of(request)?;
            self.check_host(&host)?;
            check_origin(request, &host)?;
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST) {
            let detail = format!("{} is done nowhere here", request.method());
            return Err(Problem::new(METHOD_NOT_ALLOWED, detail));
        }
        let own = self.source.tag();
        match headers.get(IF_MATCH) {
            Some(wanted) if wanted != "*" && wanted.as_bytes() != own.as_bytes() => Err(
                Problem::new(OTHER_SETTINGS, "If-Match names other settings"),
            ),
            _ => Ok(()),
        }
    }

    fn check_host(&self, host: &str) -> Result<(), Problem> {
        let name = name_of(host)
            .ok_or_else(|| Problem::new(BAD_REQUEST, format!("\"{host}\" is no host")))?;
        let is_own = name == "localhost" || name.ends_with(".localhost");
        if is_own || is_address(&name) || self.hosts.contains(&name) {
            return Ok(());
        }
        let detail = format!("the request is for \"{name}\"");
        Err(Problem::new(WRONG_HOST, detail).remedy(format!(
            "Add hosts = \"{name}\" to [web] in powerlogger.toml and restart the daemon, or use its IP address."
        )))
    }
}

/// The host that a request is for, with its port.
fn host_of(request: &Request) -> Result<String, Problem> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let header = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        (None, _) => None,
        (Some(_), Some(_)) => return Err(Problem::new(BAD_REQUEST, "there are two hosts")),
    };
    // Where the target names one, too, both must be the same.
    let target = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    match (header, target) {
        (Some(host), Some(target)) if !host.eq_ignore_ascii_case(target) => {
            Err(Problem::new(BAD_REQUEST, "target and host differ"))
        }
        (Some(host), _) | (None, Some(host)) => Ok(host.to_owned()),
        (None, None) => Err(Problem::new(BAD_REQUEST, "there is no Host")),
    }
}

/// The name in a host, in lower case and without its port; None: it is none.
fn name_of(host: &str) -> Option<String> {
    let host = host.trim().to_ascii_lowercase();
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']')?;
            (format!("[{address}]"), rest.strip_prefix(':'))
        }
        None => match host.split_once(':') {
            Some((name, port)) => (name.to_owned(), Some(port)),
            None => (host, None),
        },
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = name.strip_suffix('.').map_or(name.clone(), str::to_owned);
    (!name.is_empty() && port.is_none_or(is_port)).then_some(name)
}

fn is_address(name: &str) -> bool {
    let v6 = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match v6 {
        // A zone (%eth0) names an interface of the client.
        Some(v6) => v6
            .split('%')
            .next()
            .is_some_and(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok()),
        None => name.parse::<std::net::Ipv4Addr>().is_ok(),
    }
}

/// A page of another origin is refused; a link to ours is none of its requests.
fn check_origin(request: &Request, host: &str) -> Result<(), Problem> {
    let headers = request.headers();
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let refused = |what: String| Err(Problem::new(CROSS_SITE, what));
    if headers.contains_key(ORIGIN) {
        let origin = text(&ORIGIN).unwrap_or_default();
        let of = origin.split_once("://").map(|(_, host)| host);
        if of.is_none_or(|of| without_port(of) != without_port(host)) {
            return refused(format!("Origin is \"{origin}\""));
        }
    }
    let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
    let site = text(&SEC_FETCH_SITE);
    if !is_get && !matches!(site, None | Some("same-origin" | "none")) {
        return refused(format!(
            "Sec-Fetch-Site is \"{}\"",
            site.unwrap_or_default()
        ));
    }
    if site == Some("cross-site") {
        let is_visit =
            text(&SEC_FETCH_MODE) == Some("navigate") && text(&SEC_FETCH_DEST) == Some("document");
        if !(is_get && is_visit && !is_data(request.uri().path())) {
            return refused("Sec-Fetch-Site is \"cross-site\"".to_owned());
        }
    }
    Ok(())
}

/// Whether this is data, and no page.
fn is_data(path: &str) -> bool {
    path.starts_with("/api/") || path == "/metrics"
}

/// A host in lower case, without the port that its scheme has anyway: a proxy may speak TLS.
fn without_port(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let of_scheme = host.strip_suffix(":80").or(host.strip_suffix(":443"));
    of_scheme.map_or(host.clone(), str::to_owned)
}

/// Lets a request through, or not, and dresses the answer.
pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let path = request.uri().path().to_owned();
    let as_page = wants_page(request.headers());
    let response = match guard.check(&request, peer.unwrap_or(Peer::Unix)) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let dressed = dressed(response, &path, as_page);
    guard.source.count_answer(dressed.status().as_u16());
    dressed
}

/// Whether a person is to read the answer.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

fn dressed(mut response: Response, path: &str, as_page: bool) -> Response {
    let bare = is_bare(&response).then(|| of_status(response.status()));
    if let Some(problem) = response.extensions_mut().remove::<Problem>().or(bare) {
        let kept = [ALLOW, WWW_AUTHENTICATE].map(|name| {
            let value = response.headers_mut().remove(&name);
            (name, value)
        });
        response = problem.render(path, as_page);
        for (name, value) in kept {
            if let Some(value) = value {
                response.headers_mut().insert(name, value);
            }
        }
        if problem.kind == METHOD_NOT_ALLOWED {
            let allow = response.headers_mut().entry(ALLOW);
            allow.or_insert(HeaderValue::from_static("GET, HEAD"));
        }
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        let (name, value) = (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        headers.insert(name, value);
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Whether it is a refusal of the router's, without words.
fn is_bare(response: &Response) -> bool {
    let is_refusal = response.status().is_client_error() || response.status().is_server_error();
    let content_type = response.headers().get(CONTENT_TYPE);
    let is_problem = content_type.is_some_and(|is| is == "application/problem+json");
    is_refusal && !is_problem
}

fn of_status(status: StatusCode) -> Problem {
    let kind: &'static Kind = match status {
        StatusCode::NOT_FOUND => NOT_FOUND,
        StatusCode::METHOD_NOT_ALLOWED => METHOD_NOT_ALLOWED,
        StatusCode::PAYLOAD_TOO_LARGE => TOO_LARGE,
        status if status.is_client_error() => BAD_REQUEST,
        _ => INTERNAL,
    };
    Problem::new(kind, kind.title)
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
