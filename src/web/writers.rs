//! Who may change anything: all who came through the unix socket, whose file mode is the right, and over TCP those who know
//! the token. Never a cookie, which a browser sends along of itself.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use subtle::ConstantTimeEq;

use super::connections::household;
use super::guard::Peer;
use super::problem::{METHOD_NOT_ALLOWED, NOT_JSON, Problem, TOKEN, TOO_MANY_FAILURES};
use crate::config::Secret;

/// So many wrong tokens an address may send in a minute.
const FAILURES_MAX: usize = 5;
const MINUTE: Duration = Duration::from_secs(60);

/// Wrong tokens that are remembered, of all addresses together.
const REMEMBERED_MAX: usize = 1_024;

/// Who may change anything.
#[derive(Debug, Default)]
pub(super) struct WriteAccess {
    /// None: over TCP no client may.
    token: Option<Secret>,
    /// Wrong tokens: whose, and when.
    failures: Mutex<VecDeque<(IpAddr, Instant)>>,
}

impl WriteAccess {
    /// Over TCP only those who know `token`.
    pub(super) fn new(token: Option<Secret>) -> WriteAccess {
        WriteAccess {
            token,
            failures: Mutex::default(),
        }
    }

    /// Whether a peer can write at all, if it knows the token where one is needed.
    pub(super) fn is_open_to(&self, peer: Peer) -> bool {
        peer == Peer::Unix || self.token.is_some()
    }

    /// Whether this request may change anything.
    ///
    /// # Errors
    /// When it may not, or its body is not JSON.
    pub(super) fn check(
        &self,
        peer: Peer,
        headers: &HeaderMap,
        now: Instant,
    ) -> Result<(), Problem> {
        if let Peer::Tcp(address) = peer {
            self.check_token(household(address), headers, now)?;
        }
        // A form of another site can send no such body.
        let content_type = headers.get(CONTENT_TYPE);
        if !content_type.is_some_and(is_json) {
            return Err(Problem::new(NOT_JSON, "Content-Type is another one"));
        }
        Ok(())
    }

    fn check_token(
        &self,
        address: IpAddr,
        headers: &HeaderMap,
        now: Instant,
    ) -> Result<(), Problem> {
        let Some(token) = &self.token else {
            return Err(Problem::new(METHOD_NOT_ALLOWED, "no token is configured"));
        };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        while failures
            .front()
            .is_some_and(|(_, at)| now.saturating_duration_since(*at) >= MINUTE)
        {
            failures.pop_front();
        }
        let mut own = failures.iter().filter(|(of, _)| *of == address);
        let first = own.next().map(|(_, at)| *at);
        if own.count() + 1 >= FAILURES_MAX {
            // Also the right one is refused: it must not be told from the others.
            let since = first.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
            let wait_s = MINUTE.saturating_sub(since).as_secs() + 1;
            let detail = format!("{FAILURES_MAX} wrong tokens came from {address} within a minute");
            let problem = Problem::new(TOO_MANY_FAILURES, detail);
            return Err(problem.retry_after(u32::try_from(wait_s).unwrap_or(60)));
        }
        let Some(given) = bearer(headers) else {
            return Err(Problem::new(TOKEN, "there is no token"));
        };
        if bool::from(given.ct_eq(token.expose().as_bytes())) {
            return Ok(());
        }
        if failures.len() == REMEMBERED_MAX {
            failures.pop_front();
        }
        failures.push_back((address, now));
        Err(Problem::new(TOKEN, "it is another token"))
    }
}

/// The one token that is sent.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return None;
    };
    let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(b"Bearer ");
    let token = token.trim_ascii();
    (is_bearer && !token.is_empty()).then_some(token)
}

fn is_json(content_type: &HeaderValue) -> bool {
    let text = content_type.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(token: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if !token.is_empty() {
            headers.insert(AUTHORIZATION, HeaderValue::from_str(token).unwrap());
        }
        headers
    }

    fn peer(address: &str) -> Peer {
        Peer::Tcp(address.parse().unwrap())
    }

    fn word(checked: Result<(), Problem>) -> &'static str {
        checked.map_or_else(|problem| problem.kind.word, |()| "ok")
    }

    #[test]
    fn only_the_token_opens_over_tcp_and_the_socket_needs_none() {
        let writers = WriteAccess::new(Some(Secret::new("s3cret")));
        let now = Instant::now();
        let of = |peer, token: &str| word(writers.check(peer, &sent(token), now));
        assert_eq!(of(peer("10.0.0.1"), "Bearer s3cret"), "ok");
        assert_eq!(of(peer("10.0.0.1"), "bearer  s3cret"), "ok");
        assert_eq!(of(Peer::Unix, ""), "ok");
        let wrong = ["", "Bearer ", "Basic s3cret", "s3cret", "Bearer s3cre"];
        for (n, token) in wrong.iter().enumerate() {
            assert_eq!(of(peer(&format!("10.0.1.{n}")), token), "token", "{token}");
        }
        let mut twice = sent("Bearer s3cret");
        twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer s3cret"));
        assert_eq!(word(writers.check(peer("10.0.0.1"), &twice, now)), "token");
        let without = WriteAccess::new(None);
        assert!(!without.is_open_to(peer("10.0.0.1")) && without.is_open_to(Peer::Unix));
        let refused = without.check(peer("10.0.0.1"), &sent("Bearer "), now);
        assert_eq!(word(refused), "method-not-allowed");
    }

    #[test]
    fn five_wrong_ones_a_minute_and_then_not_even_the_right_one() {
        let writers = WriteAccess::new(Some(Secret::new("s3cret")));
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let of = |address: &str, token: &str, seconds| {
            writers.check(peer(address), &sent(token), at(seconds))
        };
        // A request without a token guesses nothing.
        (0..9).for_each(|n| assert_eq!(word(of("10.0.0.1", "", n)), "token"));
        for n in 0..5 {
            assert_eq!(word(of("10.0.0.1", "Bearer no", 10 + n)), "token");
        }
        let refused = of("10.0.0.1", "Bearer s3cret", 20).unwrap_err();
        assert_eq!(refused.kind.word, "too-many-failures");
        assert_eq!(refused.retry_after_s, Some(51));
        assert_eq!(word(of("10.0.0.2", "Bearer s3cret", 20)), "ok");
        assert_eq!(word(of("10.0.0.1", "Bearer s3cret", 71)), "ok");
        // A household has as many IPv6 addresses as it likes.
        for n in 0..5 {
            let address = format!("2001:db8::{n}");
            assert_eq!(word(of(&address, "Bearer no", 100)), "token");
        }
        let refused = of("2001:db8::99", "Bearer s3cret", 100);
        assert_eq!(word(refused), "too-many-failures");
        // However many there are, so many are remembered.
        for n in 0..2_000 {
            let address = format!("10.1.{}.{}", n / 250, n % 250);
            assert_eq!(word(of(&address, "Bearer no", 100)), "token");
        }
        assert_eq!(writers.failures.lock().unwrap().len(), REMEMBERED_MAX);
    }

    #[test]
    fn a_body_that_a_form_could_send_is_refused() {
        let writers = WriteAccess::new(None);
        let of = |content_type: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            word(writers.check(Peer::Unix, &headers, Instant::now()))
        };
        assert_eq!(of("Application/JSON; charset=utf-8"), "ok");
        assert_eq!(of("text/plain"), "not-json");
        assert_eq!(of("application/x-www-form-urlencoded"), "not-json");
        assert_eq!(of("text/plain; application/json"), "not-json");
    }
}
