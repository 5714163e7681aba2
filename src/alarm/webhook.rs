//! A service that gets a request.

use std::fmt::Write as _;
use std::time::Duration;

use super::http::Request;
use super::message::AlarmMessage;
use super::sink::{AlarmSink, SinkError};
use crate::config::{BodyForm, Placeholder, Secret, WebhookSettings};
use crate::influx::encode;

/// A service.
#[derive(Debug)]
pub(super) struct WebhookSink {
    settings: WebhookSettings,
}

impl WebhookSink {
    pub(super) fn new(settings: &WebhookSettings) -> WebhookSink {
        WebhookSink {
            settings: settings.clone(),
        }
    }

    fn headers(&self, fill: &dyn Fn(Placeholder) -> String) -> Vec<(String, String)> {
        let settings = &self.settings;
        let mut headers: Vec<(String, String)> = settings
            .headers
            .iter()
            .map(|(name, value)| {
                let value = value.render(|placeholder| in_header(&fill(placeholder)));
                (name.clone(), value)
            })
            .collect();
        let has = |wanted: &str| {
            let mut names = settings.headers.iter();
            names.any(|(name, _)| name.eq_ignore_ascii_case(wanted))
        };
        if !has("Content-Type") {
            let json = "application/json; charset=utf-8".to_owned();
            headers.push(("Content-Type".to_owned(), json));
        }
        let bodies = settings.body.iter();
        let values = settings.headers.iter().map(|(_, value)| value);
        let mut templates = bodies.chain(values).chain([&settings.url.rest]);
        let is_placed = templates.any(|template| template.has_token());
        if let Some(token) = settings.token.as_ref().filter(|_| !is_placed) {
            if !has("Authorization") {
                let bearer = format!("Bearer {}", token.expose());
                headers.push(("Authorization".to_owned(), bearer));
            }
        }
        headers
    }
}

impl AlarmSink for WebhookSink {
    fn name(&self) -> &str {
        &self.settings.service
    }

    fn send(&mut self, message: &AlarmMessage) -> Result<(), SinkError> {
        let settings = &self.settings;
        let fill = |placeholder| match (placeholder, &settings.token) {
            (Placeholder::Token, Some(token)) => Secret::expose(token).to_owned(),
            (placeholder, _) => message.fill(placeholder),
        };
        let path = settings
            .url
            .rest
            .render(|placeholder| encode(&fill(placeholder)));
        let body = match (&settings.body, settings.form) {
            (None, _) => message.to_json().to_string(),
            (Some(body), BodyForm::Json) => body.render(|placeholder| in_json(&fill(placeholder))),
            (Some(body), BodyForm::Form) => body.render(|placeholder| encode(&fill(placeholder))),
            (Some(body), BodyForm::Text) => body.render(fill),
        };
        let request = Request {
            method: "POST",
            origin: &settings.url.origin,
            path: &path,
            headers: &self.headers(&fill),
            body: body.as_bytes(),
            ca_file: settings.ca_file.clone(),
            timeout: Duration::from_millis(settings.timeout_ms),
        };
        request.send()
    }
}

/// A text as it stands between the quotes of a JSON string.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// A text as a header carries it: in one line, and what is not ASCII as RFC 2047 says.
pub(super) fn in_header(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if line.is_ascii() {
        return line;
    }
    // An encoded word has 75 letters at most: 45 bytes, and no letter is split.
    let (mut words, mut word) = (Vec::new(), String::new());
    for c in line.chars() {
        if word.len() + c.len_utf8() > 45 {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let encoded = words
        .iter()
        .map(|word| format!("=?UTF-8?B?{}?=", base64(word.as_bytes())));
    encoded.collect::<Vec<_>>().join(" ")
}

/// Base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let byte = |n: usize| u32::from(three.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            if n > three.len() {
                text.push('=');
                continue;
            }
            let letter = LETTERS[(bits >> (18 - 6 * n) & 63) as usize];
            let _ = text.write_char(char::from(letter));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_message_break_no_json() {
        let odd = "a \"b\" \\ c\nd\u{1} ü";
        let body = format!("{{\"a\": \"{}\"}}", in_json(odd));
        let read: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(read["a"], odd);
    }

    #[test]
    fn a_header_has_one_line_of_ascii() {
        assert_eq!(in_header("plain: text"), "plain: text");
        assert_eq!(in_header("a\r\nX-Evil: 1"), "a  X-Evil: 1");
        assert_eq!(in_header("Zähler"), "=?UTF-8?B?WsOkaGxlcg==?=");
        let long = in_header(&"ü".repeat(60));
        assert!(long.is_ascii() && long.split(' ').all(|word| word.len() <= 75));
        assert_eq!(long.split(' ').count(), 3);
    }

    #[test]
    fn base64_of_every_length() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
