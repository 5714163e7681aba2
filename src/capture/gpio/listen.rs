//! Lines of the machine for a look at them: where they are, who has them, and their edges, without a meter and for a
//! moment.

use std::path::PathBuf;

use gpiocdev::chip::Chip;
use rustix::event::{PollFd, PollFlags, poll};

use super::error::GpioError;
use super::find::{FoundLine, Scan, choose, resolve_device, scan};
use super::line::{EventBuffer, RawEdge, RequestedLine};
use crate::capture::waker::timespec;
use crate::clock::{Clock, SystemClock};
use crate::config::LineSettings;
use crate::model::{Edge, Level, MeterId, MonoNs};
use crate::owner::chip_rights;

/// A line of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinePlace {
    found: FoundLine,
}

impl LinePlace {
    /// The line and its chip, for people.
    pub fn shown(&self) -> &str {
        &self.found.shown
    }

    /// Its device file and its position on it: no other line has both.
    pub fn key(&self) -> (PathBuf, u32) {
        (self.found.device.clone(), self.found.offset)
    }

    /// The name under which it is requested; None: it is free, or nothing can be said.
    pub fn consumer(&self) -> Option<String> {
        let _rights = chip_rights();
        let chip = Chip::from_path(&self.found.device).ok()?;
        let info = chip.line_info(self.found.offset).ok()?;
        let name = if info.consumer.is_empty() {
            "the kernel".to_owned()
        } else {
            info.consumer
        };
        info.used.then_some(name)
    }
}

/// The chips of this machine, as they were a moment ago.
#[derive(Debug)]
pub struct Chips(Scan);

impl Chips {
    /// Looks at them.
    pub fn look() -> Chips {
        Chips(scan())
    }

    /// The line that is meant.
    ///
    /// # Errors
    /// When there is none, or it could be any of several.
    pub fn place(&self, wanted: &LineSettings) -> Result<LinePlace, GpioError> {
        let found = choose(&self.0, wanted, resolve_device)?;
        Ok(LinePlace { found })
    }
}

/// What is heard of a line.
#[derive(Debug)]
pub enum Heard {
    /// An edge; its meter is the number that [`Listener::request`] gave.
    Edge(Edge),
    /// The line is lost.
    Lost(u16, GpioError),
}

/// Lines that are requested for a while.
#[derive(Debug)]
pub struct Listener {
    /// The consumer at the kernel.
    name: &'static str,
    /// None: it was lost.
    lines: Vec<Option<RequestedLine>>,
    buffer: EventBuffer,
    raw: Vec<RawEdge>,
}

impl Listener {
    /// One that has no line yet; `name` is what `gpioinfo` shows of those that it will have.
    pub fn new(name: &'static str) -> Listener {
        Listener {
            name,
            lines: Vec::new(),
            buffer: EventBuffer::new(),
            raw: Vec::new(),
        }
    }

    /// Requests a line. Its number, its level at that moment, and when that was; `heard` is what has come since.
    ///
    /// # Errors
    /// When it is not to be had: [`GpioError::Busy`] where another process has it.
    pub fn request(
        &mut self,
        place: &LinePlace,
        settings: &LineSettings,
        heard: &mut Vec<Heard>,
    ) -> Result<(u16, Level, MonoNs), GpioError> {
        let number = u16::try_from(self.lines.len()).unwrap_or(u16::MAX);
        let mono_ns = SystemClock.mono_ns();
        let line = RequestedLine::request(place.found.clone(), settings, self.name)?;
        self.raw.clear();
        let level = line.level_at_request(&mut self.buffer, &mut self.raw)?;
        self.lines.push(Some(line));
        self.tell(number, heard);
        Ok((number, level, mono_ns))
    }

    /// Waits for edges, `timeout_ns` at most, and appends what has come.
    pub fn wait(&mut self, timeout_ns: i64, heard: &mut Vec<Heard>) {
        let timeout = timespec(timeout_ns);
        let mut numbers = Vec::with_capacity(self.lines.len());
        let mut fds = Vec::with_capacity(self.lines.len());
        for (number, line) in (0u16..).zip(&self.lines) {
            if let Some(line) = line {
                numbers.push(number);
                fds.push(line.poll_fd());
            }
        }
        if poll(&mut fds, Some(&timeout)).is_err() {
            return;
        }
        let found: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
        drop(fds);
        for (number, flags) in numbers.into_iter().zip(found) {
            if !flags.is_empty() {
                self.read(number, flags, heard);
            }
        }
    }

    fn read(&mut self, number: u16, flags: PollFlags, heard: &mut Vec<Heard>) {
        let slot = &mut self.lines[usize::from(number)];
        let Some(line) = slot else {
            return;
        };
        self.raw.clear();
        let outcome = if flags == PollFlags::IN {
            line.read(&mut self.buffer, &mut self.raw)
        } else {
            Err(line.hung_up())
        };
        let lost = outcome.err();
        if lost.is_some() {
            *slot = None;
        }
        self.tell(number, heard);
        heard.extend(lost.map(|lost| Heard::Lost(number, lost)));
    }

    fn tell(&mut self, number: u16, heard: &mut Vec<Heard>) {
        let edges = self.raw.drain(..).map(|edge| {
            Heard::Edge(Edge {
                meter: MeterId(number),
                kind: edge.kind,
                mono_ns: edge.mono_ns,
                line_seqno: edge.line_seqno,
            })
        });
        heard.extend(edges);
    }
}
