//! One requested line: its descriptor, and bulk reads from it.
//!
//! One request a line, because the kernel's buffer belongs to the request: in a shared one a
//! busy line pushes out the events of a quiet one. Both edges are always asked for; what
//! counts is judged later, on the interrupt's own stamps. Of gpiocdev only the request's
//! builder is used: its `read_edge_event` loses what it read ahead, and a descriptor that was
//! kept over a restart can be read by the functions under it only.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use gpiocdev::Request;
use gpiocdev::chip::Chip;
use gpiocdev::line;
use gpiocdev_uapi::v2::{
    LineConfig, LineEdgeEvent, LineEdgeEventKind, LineFlags, LineValues, get_line_values,
    set_line_config,
};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;

use crate::capture::waker::timespec;
use crate::config::LineSettings;
use crate::model::{Bias, EdgeKind, Level, MonoNs, NS_PER_MS};
use crate::owner::chip_rights;

use super::error::{GpioError, kernel_error, uapi_error};
use super::find::FoundLine;

/// Edges the kernel keeps for a line; it gives no more (a larger number is cut silently).
pub(super) const KERNEL_BUFFER_EVENTS: u32 = 1024;

/// Without an event for so long after the level was read, no edge came before the reading:
/// the kernel stamps an edge in the interrupt but delivers it from a thread a little later.
const SETTLE_NS: i64 = NS_PER_MS / 2;

/// How often an undisturbed level is tried for on a line that is busy from the start.
const SETTLE_TRIES: usize = 8;

/// An edge of a line that knows nothing of meters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RawEdge {
    pub(super) kind: EdgeKind,
    pub(super) mono_ns: MonoNs,
    pub(super) line_seqno: u32,
}

/// A line that is ours.
#[derive(Debug)]
pub(super) struct RequestedLine {
    file: File,
    /// What the kernel's debounce adds to each stamp: it stamps when the level has stayed for
    /// the period, not when it changed.
    stamp_delay_ns: i64,
    found: FoundLine,
}

impl RequestedLine {
    /// Requests the line under a name that `gpioinfo` shows.
    pub(super) fn request(
        found: FoundLine,
        settings: &LineSettings,
        name: &str,
    ) -> Result<RequestedLine, GpioError> {
        let requested = request(&found, settings, name).map_err(|error| {
            let busy = || consumer(&found);
            GpioError::from_kernel("request", &found.shown, &found.device, error, busy)
        })?;
        Ok(RequestedLine {
            file: requested,
            stamp_delay_ns: i64::from(settings.kernel_debounce_us) * 1_000,
            found,
        })
    }

    /// Goes on with a request that another process has made, where the kernel debounces for so long.
    pub(super) fn adopt(found: FoundLine, kernel_debounce_us: u32, file: File) -> RequestedLine {
        RequestedLine {
            file,
            stamp_delay_ns: i64::from(kernel_debounce_us) * 1_000,
            found,
        }
    }

    /// Gives the request other settings. It stays the same: its edges count on, and what the kernel has kept of
    /// them is read before, appended to `edges`. An edge within the moment that it takes (some 0.1 ms, and
    /// the former debounce) may be missing: the next one is like the one before then.
    pub(super) fn reconfigure(
        &mut self,
        settings: &LineSettings,
        buffer: &mut EventBuffer,
        edges: &mut Vec<RawEdge>,
    ) -> Result<(), GpioError> {
        self.read(buffer, edges)?;
        set_line_config(&self.file, config(settings))
            .map_err(|error| self.failed("reconfigure", uapi_error(error)))?;
        self.stamp_delay_ns = i64::from(settings.kernel_debounce_us) * 1_000;
        Ok(())
    }

    /// The descriptor, to be kept over a restart.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// The line and its chip, for people.
    pub(super) fn shown(&self) -> &str {
        &self.found.shown
    }

    /// Whether this is the line at that place.
    pub(super) fn is_at(&self, found: &FoundLine) -> bool {
        self.found.device == found.device && self.found.offset == found.offset
    }

    /// What poll(2) is told about this line.
    pub(super) fn poll_fd(&self) -> PollFd<'_> {
        PollFd::new(&self.file, PollFlags::IN)
    }

    /// The level the line had when it was requested. Edges that came since are appended to
    /// `edges`; the level is told consistently with them.
    pub(super) fn level_at_request(
        &self,
        buffer: &mut EventBuffer,
        edges: &mut Vec<RawEdge>,
    ) -> Result<Level, GpioError> {
        for _ in 0..SETTLE_TRIES {
            let level = self.level().map_err(|error| self.failed("read", error))?;
            if !self.ready_within(SETTLE_NS) {
                // Each edge turned the level once: undo them.
                let turned = edges.last().is_some_and(|edge| edge.line_seqno % 2 == 1);
                return Ok(if turned { level.inverted() } else { level });
            }
            self.read(buffer, edges)?;
        }
        // Never undisturbed: the first edge tells what was before it.
        match edges.first() {
            Some(first) => Ok(first.kind.level_after().inverted()),
            None => self.level().map_err(|error| self.failed("read", error)),
        }
    }

    /// The level that the line had before what the kernel has kept of it, which is appended to `edges`: of a
    /// request that had edges before, so many as nobody knows. An error leaves `edges` as they are.
    pub(super) fn level_before(
        &self,
        buffer: &mut EventBuffer,
        edges: &mut Vec<RawEdge>,
    ) -> Result<Level, GpioError> {
        self.read(buffer, edges)?;
        if let Some(first) = edges.first() {
            return Ok(first.kind.level_after().inverted());
        }
        let level = self.level_now()?;
        if self.ready_within(SETTLE_NS) {
            self.read(buffer, edges)?;
        }
        let first = edges.first();
        Ok(first.map_or(level, |first| first.kind.level_after().inverted()))
    }

    /// Appends the edges that the kernel has for us, as many as fit into one read. Does not
    /// wait for any.
    pub(super) fn read(
        &self,
        buffer: &mut EventBuffer,
        edges: &mut Vec<RawEdge>,
    ) -> Result<(), GpioError> {
        match buffer.read(&self.file) {
            Ok(words) => {
                for event in words.chunks_exact(LineEdgeEvent::u64_size()) {
                    edges.push(self.edge(event));
                }
                Ok(())
            }
            Err(error) if is_try_later(&error) => Ok(()),
            Err(error) => Err(self.failed("read", error)),
        }
    }

    /// What it means that poll(2) no longer offers this line for reading.
    pub(super) fn hung_up(&self) -> GpioError {
        let line = self.found.shown.clone();
        GpioError::Gone { line }
    }

    fn edge(&self, words: &[u64]) -> RawEdge {
        let event = LineEdgeEvent::from_slice(words).expect("the chunk has an event's size");
        let falling = LineEdgeEventKind::FallingEdge as u32;
        RawEdge {
            kind: if event.kind == falling {
                EdgeKind::Falling
            } else {
                EdgeKind::Rising
            },
            mono_ns: event.timestamp_ns as i64 - self.stamp_delay_ns,
            line_seqno: event.line_seqno,
        }
    }

    /// The level it has now.
    pub(super) fn level_now(&self) -> Result<Level, GpioError> {
        self.level().map_err(|error| self.failed("read", error))
    }

    fn level(&self) -> io::Result<Level> {
        // Bit and mask count lines within the request, and it has one.
        let mut values = LineValues { bits: 0, mask: 1 };
        get_line_values(&self.file, &mut values).map_err(uapi_error)?;
        Ok(if values.bits & 1 == 1 {
            Level::High
        } else {
            Level::Low
        })
    }

    /// Whether there is something to read, or an error to find out about, within `ns`.
    fn ready_within(&self, ns: i64) -> bool {
        matches!(poll(&mut [self.poll_fd()], Some(&timespec(ns))), Ok(n) if n > 0)
    }

    fn failed(&self, call: &'static str, error: io::Error) -> GpioError {
        let found = &self.found;
        GpioError::from_kernel(call, &found.shown, &found.device, error, || None)
    }
}

/// Room for all that the kernel can have for a line, so that one read empties it: a thousand
/// edges cost 26 ms one by one and 0.3 ms at once.
#[derive(Debug)]
pub(super) struct EventBuffer(Vec<u64>);

impl EventBuffer {
    pub(super) fn new() -> EventBuffer {
        let events = usize::try_from(KERNEL_BUFFER_EVENTS).expect("1024 fits");
        EventBuffer(vec![0; events * LineEdgeEvent::u64_size()])
    }

    fn read(&mut self, file: &File) -> io::Result<&[u64]> {
        let words = gpiocdev_uapi::read_event(file, &mut self.0).map_err(uapi_error)?;
        Ok(&self.0[..words])
    }
}

fn request(found: &FoundLine, settings: &LineSettings, name: &str) -> io::Result<File> {
    let _rights = chip_rights();
    let mut builder = Request::builder();
    builder
        .on_chip(&found.device)
        .with_consumer(name)
        .with_kernel_event_buffer_size(KERNEL_BUFFER_EVENTS)
        .with_line(found.offset)
        .as_input()
        .with_bias(match settings.bias {
            Bias::Up => line::Bias::PullUp,
            Bias::Down => line::Bias::PullDown,
            Bias::None => line::Bias::Disabled,
        })
        .with_edge_detection(line::EdgeDetection::BothEdges)
        .with_event_clock(line::EventClock::Monotonic);
    if settings.kernel_debounce_us > 0 {
        let period = Duration::from_micros(settings.kernel_debounce_us.into());
        builder.with_debounce_period(period);
    }
    let request = builder.request().map_err(kernel_error)?;
    let file = File::from(request.as_fd().try_clone_to_owned()?);
    // A thread blocked in read(2) makes the removal of the chip hang, and nothing wakes it.
    rustix::fs::fcntl_setfl(&file, OFlags::NONBLOCK)?;
    Ok(file)
}

/// What [`request`] asks of a line, for a request that is there.
fn config(settings: &LineSettings) -> LineConfig {
    let bias = match settings.bias {
        Bias::Up => LineFlags::BIAS_PULL_UP,
        Bias::Down => LineFlags::BIAS_PULL_DOWN,
        Bias::None => LineFlags::BIAS_DISABLED,
    };
    let mut config = LineConfig {
        flags: LineFlags::INPUT | LineFlags::EDGE_RISING | LineFlags::EDGE_FALLING | bias,
        ..LineConfig::default()
    };
    if settings.kernel_debounce_us > 0 {
        config.add_debounce(settings.kernel_debounce_us, 1);
    }
    config
}

/// The name under which another process has the line.
fn consumer(found: &FoundLine) -> Option<String> {
    let _rights = chip_rights();
    let chip = Chip::from_path(&found.device).ok()?;
    let info = chip.line_info(found.offset).ok()?;
    Some(info.consumer).filter(|name| !name.is_empty())
}

fn is_try_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    /// What is told without its begin would count as edges of another request, by numbers that mean nothing there.
    #[test]
    fn edges_that_were_kept_tell_the_level_before_them_where_it_cannot_be_read() {
        let (read, mut write) = UnixStream::pair().unwrap();
        read.set_nonblocking(true).unwrap();
        let found = FoundLine {
            device: "/dev/gpiochip0".into(),
            label: "chip".to_owned(),
            offset: 4,
            shown: "chip 4".to_owned(),
        };
        let line = RequestedLine::adopt(found, 0, File::from(OwnedFd::from(read)));
        let (mut buffer, mut edges) = (EventBuffer::new(), Vec::new());
        let refused = line.level_before(&mut buffer, &mut edges);
        assert!(
            refused.is_err() && edges.is_empty(),
            "a socket has no level"
        );

        let kinds = [
            LineEdgeEventKind::FallingEdge,
            LineEdgeEventKind::RisingEdge,
        ];
        for (kind, line_seqno) in kinds.into_iter().zip(4_000u32..) {
            let mut event = 17u64.to_ne_bytes().to_vec();
            for word in [kind as u32, 4, line_seqno, line_seqno]
                .into_iter()
                .chain([0; 6])
            {
                event.extend(word.to_ne_bytes());
            }
            write.write_all(&event).unwrap();
        }
        let level = line.level_before(&mut buffer, &mut edges);
        assert_eq!(level.unwrap(), Level::High);
        let numbers: Vec<u32> = edges.iter().map(|edge| edge.line_seqno).collect();
        assert_eq!(numbers, [4_000, 4_001]);
    }
}
