//! Any amount of line protocol, sent as a server takes it: in requests that halve and grow, compressed
//! where that is taken. For all that writes windows or pulses outside of delivery's own lanes.

use super::encoding::{Encoding, Send};
use super::request_size::RequestSize;
use super::retry::{Failure, Verdict, judge};
use crate::influx::gzip::Gzip;

/// Sends bodies to one server; remembers what it takes.
#[derive(Debug)]
pub struct Poster {
    size: RequestSize,
    encoding: Encoding,
    gzip: Gzip,
}

impl Poster {
    /// With at most so many lines in a request.
    pub fn new(lines_max: usize) -> Poster {
        Poster {
            size: RequestSize::new(lines_max),
            encoding: Encoding::default(),
            gzip: Gzip::new(),
        }
    }

    /// Sends all lines of `body` in order. `send` sends one request, whose body it is told to be compressed
    /// or not.
    ///
    /// # Errors
    /// The first failure that smaller requests do not help against; what was sent before it is written. That
    /// points were older than the bucket keeps ([`Verdict::Expired`]) is said at the end: all others are
    /// written.
    pub fn post(&mut self, body: &[u8], send: Send<'_>) -> Result<(), Failure> {
        let (mut rest, mut expired) = (body, Ok(()));
        while !rest.is_empty() {
            let (bytes, lines) = head(rest, self.size.lines());
            let (plain, after) = rest.split_at(bytes);
            let compressed = if self.encoding.is_plain_only() {
                Vec::new()
            } else {
                self.gzip.compress(plain)
            };
            match self.encoding.send(plain, &compressed, send) {
                Ok(()) => self.size.went_through(lines),
                Err(failure) => match judge(&failure) {
                    Verdict::Expired { .. } => expired = Err(failure),
                    Verdict::Halve { .. } if self.size.refused(lines) => continue,
                    _ => return Err(failure),
                },
            }
            rest = after;
        }
        expired
    }
}

/// How many bytes the first lines take, at most `lines_max` of them, and how many lines that are.
fn head(body: &[u8], lines_max: usize) -> (usize, usize) {
    let mut lines = 0;
    for (at, byte) in body.iter().enumerate() {
        if *byte == b'\n' {
            lines += 1;
            if lines == lines_max {
                return (at + 1, lines);
            }
        }
    }
    (body.len(), lines.max(1))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn status(status: u16, message: &str) -> Failure {
        Failure::Status {
            status,
            message: message.to_owned(),
            retry_after: None,
            foreign: false,
        }
    }

    fn text(body: &[u8], compressed: bool) -> String {
        let mut text = String::new();
        if compressed {
            let mut decoder = flate2::read::GzDecoder::new(body);
            decoder.read_to_string(&mut text).unwrap();
        } else {
            text = String::from_utf8(body.to_vec()).unwrap();
        }
        text
    }

    #[test]
    fn all_lines_arrive_in_order_at_a_server_that_takes_few() {
        let timeout = || Failure::Transport {
            kind: "timeout",
            message: String::new(),
        };
        let refusals: [&dyn Fn() -> Failure; 4] = [
            &|| status(413, "large"),
            &timeout,
            &|| status(408, ""),
            &|| status(504, "gateway"),
        ];
        for refusal in refusals {
            let body: String = (0..1_000).map(|line| format!("p v=1i {line}\n")).collect();
            let (mut poster, mut taken, mut requests) = (Poster::new(400), String::new(), 0);
            for _ in 0..2 {
                taken.clear();
                let sent = poster.post(body.as_bytes(), &mut |body, compressed| {
                    requests += 1;
                    assert!(compressed);
                    let lines = text(body, compressed);
                    if lines.lines().count() > 30 {
                        return Err(refusal());
                    }
                    taken.push_str(&lines);
                    Ok(())
                });
                assert_eq!(sent, Ok(()));
                assert_eq!(taken, body);
            }
            assert!(requests < 2 * 1_000 / 25 + 20, "{requests}");
        }
    }

    #[test]
    fn one_line_that_is_too_large_is_a_failure() {
        let mut poster = Poster::new(8);
        let mut send = |_: &[u8], _: bool| Err(status(413, ""));
        assert_eq!(poster.post(b"a\nb\n", &mut send), Err(status(413, "")));
    }

    #[test]
    fn what_is_too_old_keeps_nothing_else_back() {
        let mut poster = Poster::new(2);
        let mut taken = String::new();
        let old = status(422, "points beyond retention policy dropped=1");
        let sent = poster.post(b"old 1\nnew 2\nnew 3\nnew 4\n", &mut |body, compressed| {
            let lines = text(body, compressed);
            taken.push_str(&lines);
            if lines.contains("old") {
                Err(old.clone())
            } else {
                Ok(())
            }
        });
        assert_eq!(sent, Err(old.clone()));
        assert_eq!(taken.lines().count(), 4);
    }
}
