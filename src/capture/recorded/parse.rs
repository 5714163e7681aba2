//! The parser of recordings: strict, line by line, every fault with the number of its line.

use std::collections::VecDeque;
use std::io::BufRead;
use std::str;

use super::{
    Entry, HEADER, LineFault, REST_NS, Recording, RecordingError, STAMP_MAX_NS, Tape, What,
};
use crate::capture::Signal;
use crate::config::MeterSettings;
use crate::model::{Edge, EdgeKind, Level, MeterId, MonoNs, NS_PER_S};

impl Tape {
    /// Reads a file whole.
    pub(super) fn read(
        mut file: impl BufRead,
        meters: &[MeterSettings],
    ) -> Result<Tape, RecordingError> {
        let mut parser = Parser::new(Some(meters));
        parser.read(&mut file)?;
        parser.finish()
    }
}

impl Recording {
    /// Reads a file whole, whatever meters are configured.
    ///
    /// # Errors
    /// When it cannot be read, or is not a recording.
    pub fn read(mut file: impl BufRead) -> Result<Recording, RecordingError> {
        let mut parser = Parser::new(None);
        parser.read(&mut file)?;
        let meters = parser.named.iter().map(|named| named.name.clone());
        let meters = meters.collect();
        let tape = parser.finish()?;
        let signal = |entry: Entry| match entry.what {
            What::Signal(signal) => Some(signal),
            What::Offset(_) => None,
        };
        Ok(Recording {
            meters,
            signals: tape.entries.into_iter().filter_map(signal).collect(),
        })
    }
}

impl Parser<'_> {
    fn read(&mut self, file: &mut impl BufRead) -> Result<(), RecordingError> {
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            file.read_until(b'\n', &mut bytes)?;
            // Cut short, or the end. A first line is judged even so: an empty file is no tape.
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
            } else if line > 1 {
                break;
            }
            let read = match str::from_utf8(&bytes) {
                Ok(text) if line == 1 && text == HEADER => Ok(()),
                Ok(_) if line == 1 => Err(LineFault::Header),
                Ok(text) => self.line(text),
                Err(_) => Err(LineFault::NotUtf8),
            };
            read.map_err(|fault| RecordingError::Line { line, fault })?;
        }
        Ok(())
    }
}

/// A meter of the file.
#[derive(Debug)]
struct Named {
    index: u16,
    name: String,
    /// Its place in the configuration; None: not there.
    id: Option<MeterId>,
}

/// Reads line by line.
#[derive(Debug)]
struct Parser<'a> {
    /// None: every meter of the file is wanted, by its place in it.
    meters: Option<&'a [MeterSettings]>,
    named: Vec<Named>,
    /// The offset in force; None before the first.
    offset_ns: Option<i64>,
    first_offset_ns: i64,
    /// The latest stamp so far.
    due_ns: Option<MonoNs>,
    first_due_ns: MonoNs,
    /// An offset that waits for the next stamp.
    jump: Option<i64>,
    entries: VecDeque<Entry>,
}

impl<'a> Parser<'a> {
    fn new(meters: Option<&'a [MeterSettings]>) -> Parser<'a> {
        Parser {
            meters,
            named: Vec::new(),
            offset_ns: None,
            first_offset_ns: 0,
            due_ns: None,
            first_due_ns: NS_PER_S,
            jump: None,
            entries: VecDeque::new(),
        }
    }

    fn line(&mut self, text: &str) -> Result<(), LineFault> {
        if let Some(offset) = text.strip_prefix("# offset_ns ") {
            return self.offset(offset);
        }
        if let Some(meter) = text.strip_prefix("# meter ") {
            return self.meter(meter);
        }
        if let Some(up) = text.strip_prefix("up ") {
            return self.up(up);
        }
        if let Some(down) = text.strip_prefix("down ") {
            return self.down(down);
        }
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return self.edge(text);
        }
        Err(LineFault::Record(text.to_owned()))
    }

    fn offset(&mut self, field: &str) -> Result<(), LineFault> {
        let offset_ns = within(field, -STAMP_MAX_NS, "an offset in nanoseconds")?;
        if self.offset_ns.is_none() || self.due_ns.is_none() {
            self.first_offset_ns = offset_ns;
        } else {
            self.jump = Some(offset_ns);
        }
        self.offset_ns = Some(offset_ns);
        Ok(())
    }

    fn meter(&mut self, fields: &str) -> Result<(), LineFault> {
        let (index, name) = fields.split_once(' ').ok_or(LineFault::Missing("a name"))?;
        let index = number(index, "the number of a meter")?;
        let name = unescape(name)?;
        let twice = |named: &&Named| named.index == index || named.name == name;
        if let Some(named) = self.named.iter().find(twice) {
            let twice = format!("{} {}", named.index, named.name);
            return Err(LineFault::MeterTwice(twice));
        }
        let mut places = (0..=u16::MAX).map(MeterId);
        let id = match self.meters {
            Some(meters) => {
                let mut configured = places.zip(meters);
                let known = configured.find(|(_, meter)| meter.name == name);
                known.map(|(id, _)| id)
            }
            None => places.nth(self.named.len()),
        };
        self.named.push(Named { index, id, name });
        Ok(())
    }

    fn up(&mut self, text: &str) -> Result<(), LineFault> {
        let mut fields = text.split(' ');
        let mono_ns = stamp(fields.next())?;
        let meter = self.meter_id(fields.next())?;
        let level = match fields.next() {
            Some("high") => Level::High,
            Some("low") => Level::Low,
            other => return Err(field("high or low", other)),
        };
        let request_id = fields.next().ok_or(LineFault::Missing("a request id"))?;
        let up = Signal::LineUp {
            meter,
            request_id: number(request_id, "a request id")?,
            level,
            mono_ns,
        };
        nothing_more(fields.next())?;
        self.push(mono_ns, up)
    }

    fn down(&mut self, text: &str) -> Result<(), LineFault> {
        let mut fields = text.splitn(3, ' ');
        let mono_ns = stamp(fields.next())?;
        let meter = self.meter_id(fields.next())?;
        let reason = unescape(fields.next().ok_or(LineFault::Missing("a reason"))?)?;
        self.push(mono_ns, Signal::LineDown { meter, reason })
    }

    fn edge(&mut self, text: &str) -> Result<(), LineFault> {
        let mut fields = text.split(' ');
        let mono_ns = stamp(fields.next())?;
        let meter = self.meter_id(fields.next())?;
        let kind = match fields.next() {
            Some("r") => EdgeKind::Rising,
            Some("f") => EdgeKind::Falling,
            other => return Err(field("r or f", other)),
        };
        let seqno = fields.next().ok_or(LineFault::Missing("a line_seqno"))?;
        let edge = Edge {
            meter,
            kind,
            mono_ns,
            line_seqno: number(seqno, "a line_seqno")?,
        };
        nothing_more(fields.next())?;
        self.push(mono_ns, Signal::Edge(edge))
    }

    /// The meter with this number in the file. One that is not configured stands in as meter 0:
    /// the recording is refused at its end, with all such names at once.
    fn meter_id(&self, field: Option<&str>) -> Result<MeterId, LineFault> {
        let field = field.ok_or(LineFault::Missing("the number of a meter"))?;
        let index = number(field, "the number of a meter")?;
        let named = self.named.iter().find(|named| named.index == index);
        let named = named.ok_or(LineFault::MeterUnnamed(index))?;
        Ok(named.id.unwrap_or(MeterId(0)))
    }

    fn push(&mut self, mono_ns: MonoNs, signal: Signal) -> Result<(), LineFault> {
        if self.offset_ns.is_none() {
            return Err(LineFault::NoOffset);
        }
        if self.due_ns.is_none() {
            self.first_due_ns = mono_ns;
        }
        let due_ns = self.due_ns.map_or(mono_ns, |due_ns| due_ns.max(mono_ns));
        self.due_ns = Some(due_ns);
        let jump = self.jump.take().map(What::Offset);
        for what in jump.into_iter().chain([What::Signal(signal)]) {
            self.entries.push_back(Entry { due_ns, what });
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Tape, RecordingError> {
        let missing = self.named.iter().filter(|named| named.id.is_none());
        let missing: Vec<String> = missing.map(|named| named.name.clone()).collect();
        if !missing.is_empty() {
            let configured = self.meters.unwrap_or_default().iter();
            let configured = configured.map(|meter| meter.name.clone()).collect();
            return Err(RecordingError::UnknownMeters {
                missing,
                configured,
            });
        }
        let due_ns = self.due_ns.unwrap_or(self.first_due_ns);
        if let Some(offset_ns) = self.jump {
            let what = What::Offset(offset_ns);
            self.entries.push_back(Entry { due_ns, what });
        }
        Ok(Tape {
            start_ns: self.first_due_ns,
            offset_ns: self.first_offset_ns,
            end_ns: due_ns + REST_NS,
            entries: self.entries,
        })
    }
}

fn field(expected: &'static str, found: Option<&str>) -> LineFault {
    match found {
        None => LineFault::Missing(expected),
        Some(found) => LineFault::Field {
            expected,
            found: found.to_owned(),
        },
    }
}

fn nothing_more(rest: Option<&str>) -> Result<(), LineFault> {
    rest.map_or(Ok(()), |rest| Err(field("the end of the line", Some(rest))))
}

fn number<T: str::FromStr>(text: &str, expected: &'static str) -> Result<T, LineFault> {
    text.parse().map_err(|_| field(expected, Some(text)))
}

fn within(text: &str, min: i64, expected: &'static str) -> Result<i64, LineFault> {
    let value = number(text, expected)?;
    if (min..=STAMP_MAX_NS).contains(&value) {
        Ok(value)
    } else {
        Err(field(expected, Some(text)))
    }
}

fn stamp(text: Option<&str>) -> Result<MonoNs, LineFault> {
    within(
        text.ok_or(LineFault::Missing("a stamp"))?,
        0,
        "a stamp in nanoseconds",
    )
}

/// Undoes `escape` of [`crate::capture::recorder`].
fn unescape(text: &str) -> Result<String, LineFault> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        plain.push(match char {
            '\\' => match chars.next() {
                Some('\\') => '\\',
                Some('n') => '\n',
                Some('r') => '\r',
                _ => return Err(field("text with `\\\\`, `\\n`, `\\r`", Some(text))),
            },
            plain => plain,
        });
    }
    Ok(plain)
}
