//! A small InfluxDB 2 client that knows nothing of meters, pulses and journals.
//!
//! Facts of the protocol are those of InfluxDB v2.9.1 (`http/write_handler.go`, `http/tokens.go`):
//! a write is synchronous and answered by exactly 204; everything outside `/api/v2` may answer
//! 200 with a page, whatever the method.

pub mod answer;
pub mod entities;
pub mod error;
pub mod flux;
pub mod gzip;
pub mod line_protocol;
pub mod management;
pub mod proxy;

mod tls;

use std::fmt;
use std::io::BufReader;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector as _, TcpConnector};
use ureq::{Agent, Proxy, ProxyProtocol};

use tls::TlsConnector;

use answer::{ANSWER_BYTES_MAX, Response, read_answer};

pub use answer::Answer;
pub use error::Error;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the server is and who we are.
#[derive(Clone)]
pub struct ClientSettings {
    /// Base URL, `http://` or `https://`, without a trailing slash.
    pub host: String,
    /// Organization name.
    pub org: String,
    /// API token.
    pub token: Option<String>,
    /// Certificates (PEM) to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The longest a request may take.
    pub timeout: Duration,
}

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut show = f.debug_struct("ClientSettings");
        show.field("host", &self.host)
            .field("org", &self.org)
            .finish_non_exhaustive()
    }
}

/// A client with one connection that is kept alive.
pub struct Client {
    agent: Agent,
    /// The proxy that leads there, for people.
    proxy: Option<String>,
    host: String,
    org: String,
    authorization: Option<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client; nothing is sent yet. Certificates are read only when the server speaks https.
    ///
    /// # Errors
    /// When the CA file cannot be read or holds no certificate.
    pub fn new(settings: &ClientSettings) -> Result<Client, Error> {
        let proxy = proxy::chosen(&settings.host, &|name| std::env::var(name).ok());
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(settings.timeout))
            .user_agent(concat!("powerlogger/", env!("CARGO_PKG_VERSION")))
            .proxy(proxy.as_ref().map(open_proxy).transpose()?)
            .build();
        let is_https = |address: &str| address.starts_with("https:");
        let proxy_is_https = proxy.as_ref().is_some_and(|proxy| is_https(&proxy.address));
        let connector = ().chain(ConnectProxyConnector::default());
        let connector = connector.chain(TcpConnector::default());
        let resolver = DefaultResolver::default();
        let agent = if is_https(&settings.host) || proxy_is_https {
            let tls = TlsConnector::new(settings.ca_file.as_deref())?;
            Agent::with_parts(config, connector.chain(tls), resolver)
        } else {
            Agent::with_parts(config, connector, resolver)
        };
        let mut client = Client {
            agent,
            proxy: proxy.map(|proxy| proxy.shown()),
            host: settings.host.clone(),
            org: settings.org.clone(),
            authorization: None,
        };
        client.set_token(settings.token.clone());
        Ok(client)
    }

    /// Uses another token from now on.
    pub fn set_token(&mut self, token: Option<String>) {
        self.authorization = token.map(|token| format!("Token {token}"));
    }

    /// Writes line protocol with nanosecond stamps into a bucket. Ok: the server has it all.
    ///
    /// # Errors
    /// Any other answer than 204, or none.
    pub fn write(&self, bucket: &str, body: &[u8], gzipped: bool) -> Result<(), Error> {
        let path = format!(
            "/api/v2/write?org={}&bucket={}&precision=ns",
            encode(&self.org),
            encode(bucket)
        );
        let mut headers = vec![("Content-Type", "text/plain; charset=utf-8")];
        if gzipped {
            headers.push(("Content-Encoding", "gzip"));
        }
        let answer = self.request("POST", &path, &headers, body)?;
        if answer.status == 204 {
            Ok(())
        } else {
            Err(answer.into_error())
        }
    }

    /// Sends any request below the base URL and returns the answer, whatever its status.
    ///
    /// # Errors
    /// When there was no answer.
    pub fn request(
        &self,
        method: &str,
        path_and_query: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, Error> {
        let response = self.send(method, path_and_query, headers, body)?;
        read_answer(response, ANSWER_BYTES_MAX)
    }

    /// Runs a Flux script and hands each row of its answer to `each`, as it comes in. `now_s`: what
    /// `now()` is in it, in seconds since 1970; None: the server's time.
    ///
    /// # Errors
    /// When there was no answer, another than 200, or the query failed on its way: rows that were
    /// handed over are not all then.
    pub fn query(
        &self,
        flux: &str,
        now_s: Option<i64>,
        each: &mut dyn FnMut(flux::Row<'_>),
    ) -> Result<(), Error> {
        let mut asked = serde_json::json!({
            "query": flux, "type": "flux",
            "dialect": { "header": true, "delimiter": ",", "annotations": [] },
        });
        if let Some(now_s) = now_s {
            asked["now"] = flux::time_s(now_s).into();
        }
        let path = format!("/api/v2/query?{}", org_parameter(&self.org));
        let headers = [
            ("Content-Type", "application/json"),
            ("Accept", "application/csv"),
        ];
        let response = self.send("POST", &path, &headers, asked.to_string().as_bytes())?;
        if response.status().as_u16() != 200 {
            return Err(read_answer(response, ANSWER_BYTES_MAX)?.into_error());
        }
        let content = response.headers().get("Content-Type");
        if content.is_none_or(|kind| !kind.as_bytes().starts_with(b"text/csv")) {
            return Err(read_answer(response, ANSWER_BYTES_MAX)?.into_error());
        }
        let mut body = BufReader::new(response.into_body().into_reader());
        flux::read_rows(&mut body, each).map_err(|failed| match failed {
            flux::CsvError::Query(message) => Error::Query(error::tidy(&message)),
            flux::CsvError::TooLong(what) => Error::TooLong(what),
            flux::CsvError::Io(io) => Error::from(ureq::Error::from(io)),
        })
    }

    fn send(
        &self,
        method: &str,
        path_and_query: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response, Error> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path_and_query}", self.host));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(body)
            .map_err(|error| Error::from(ureq::Error::Http(error)))?;
        self.agent.run(request).map_err(|error| match &self.proxy {
            Some(proxy) => Error::from(error).through(proxy),
            None => error.into(),
        })
    }
}

/// The proxy, where it is one that we can use.
fn open_proxy(chosen: &proxy::Chosen) -> Result<Proxy, Error> {
    let opened = Proxy::new(&chosen.address);
    match opened.map(|proxy| (proxy.protocol(), proxy)) {
        Ok((ProxyProtocol::Http | ProxyProtocol::Https, proxy)) => Ok(proxy),
        _ => Err(Error::Proxy(chosen.shown())),
    }
}

/// Whether a text is an id as InfluxDB gives them.
pub fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// How a request names an organization, which may be configured by its id.
fn org_parameter(org: &str) -> String {
    let name = if is_id(org) { "orgID" } else { "org" };
    format!("{name}={}", encode(org))
}

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Percent-encodes a name for a query string.
pub fn encode(name: &str) -> String {
    utf8_percent_encode(name, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_percent_encoded() {
        assert_eq!(
            encode("Mein Haus & \"Hof\"/ü"),
            "Mein%20Haus%20%26%20%22Hof%22%2F%C3%BC"
        );
        assert_eq!(encode("PowerLogger_raw-1.~"), "PowerLogger_raw-1.~");
    }

    #[test]
    fn neither_client_nor_settings_show_the_token() {
        let settings = ClientSettings {
            host: "http://127.0.0.1:1".to_owned(),
            org: "o".to_owned(),
            token: Some("secret".to_owned()),
            ca_file: None,
            timeout: Duration::from_secs(1),
        };
        let client = Client::new(&settings).unwrap();
        assert!(!format!("{settings:?} {client:?}").contains("secret"));
    }

    #[test]
    fn a_ca_file_without_a_certificate_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let ca_file = dir.path().join("ca.pem");
        let settings = ClientSettings {
            host: "https://127.0.0.1:1".to_owned(),
            org: "o".to_owned(),
            token: None,
            ca_file: Some(ca_file.clone()),
            timeout: Duration::from_secs(1),
        };
        assert_eq!(Client::new(&settings).unwrap_err().kind(), "ca_file");
        std::fs::write(&ca_file, "not PEM").unwrap();
        assert_eq!(Client::new(&settings).unwrap_err().kind(), "ca_file");
    }
}
