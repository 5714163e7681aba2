//! The address of a service that is told something: it may hold a secret in its path or query. Pure.

use std::fmt;

use super::address;
use super::template::Template;

/// An address that can be meant.
#[derive(Clone, PartialEq, Eq)]
pub struct WebAddress {
    /// Scheme, host and port: what may be shown.
    pub origin: String,
    /// Path and query, from their slash on.
    pub rest: Template,
}

impl fmt::Debug for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

/// Takes the text apart.
///
/// # Errors
/// What is wrong with it, without its secret.
pub(super) fn parse(text: &str) -> Result<WebAddress, String> {
    let no_address = || "it is not an address like https://ntfy.example.org/topic".to_owned();
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").ok_or_else(no_address)?;
    let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(at);
    if authority.contains('@') {
        return Err(
            "no user and password belong into it: a token goes into `token` or `headers`"
                .to_owned(),
        );
    }
    let origin = format!("{scheme}://{authority}");
    let origin = address::parse(&origin)
        .map_err(|_| format!("{}: \"{origin}\" names no server", no_address()))?;
    let rest = match rest.chars().next() {
        Some('/') => rest.to_owned(),
        _ => format!("/{rest}"),
    };
    let rest = Template::parse(&rest)?;
    if !rest.is_all(is_carried) {
        return Err(
            "a blank, or a letter that no address carries, is in it (it is written with %)"
                .to_owned(),
        );
    }
    Ok(WebAddress {
        origin: origin.url,
        rest,
    })
}

/// What path and query carry as they stand.
fn is_carried(c: char) -> bool {
    c.is_ascii_graphic() && !"#\"<>\\^`{|}".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_and_rest() {
        for (text, origin, rest) in [
            ("https://ntfy.sh/topic", "https://ntfy.sh", "/topic"),
            (
                "http://ha.local:8123/api/webhook/a-b",
                "http://ha.local:8123",
                "/api/webhook/a-b",
            ),
            (" HTTPS://hc-ping.com ", "https://hc-ping.com", "/"),
            ("http://[::1]:80?a=b", "http://[::1]:80", "/?a=b"),
            (
                "https://kuma/api/push/x?status=up&msg=OK&ping=",
                "https://kuma",
                "/api/push/x?status=up&msg=OK&ping=",
            ),
        ] {
            let found = parse(text).unwrap();
            assert_eq!(found.origin, origin);
            assert_eq!(found.rest.render(|_| String::new()), rest);
        }
    }

    #[test]
    fn what_is_none_is_told_without_its_secret() {
        for text in [
            "ntfy.sh/secret",
            "ftp://ntfy.sh/secret",
            "https:///secret",
            "https://host:0/secret",
            "https://me:secret@host/",
            "https://host/se cret",
            "https://host/secret#part",
            "https://{token}/secret",
            "https://host/secret/{tokn}",
        ] {
            let wrong = parse(text).unwrap_err();
            assert!(!wrong.contains("secret"), "{text}: {wrong}");
        }
    }

    #[test]
    fn it_is_printed_without_its_secret() {
        let address = parse("https://host/secret").unwrap();
        assert_eq!(format!("{address:?}"), "https://host");
    }
}
