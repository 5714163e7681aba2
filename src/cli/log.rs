//! The log of `run`: to stderr, by a thread of its own. Whatever reads the log may stop, hang or be gone: a
//! pipe that is full, a terminal that was closed, a disk without room. Counting never waits for it.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::paint;
use crate::capture::waker::timespec;
use crate::model::NS_PER_S;

/// Bytes that wait for stderr, at most: some thousand lines.
const WAITING_MAX: usize = 256 << 10;

/// The end of the program waits so long for what is not written yet.
const END_MAX: Duration = Duration::from_secs(1);

/// A stderr that another program has made non-blocking, and that is full, is looked at again after this.
const FULL_LOOK_NS: i64 = NS_PER_S;

/// The log goes to stderr; under systemd without the time, which the system's journal adds. What is returned
/// waits a moment for the last lines when it is dropped.
///
/// # Errors
/// When the machine gives no thread.
pub(super) fn start(debug: bool) -> io::Result<Log> {
    let level = if debug {
        LevelFilter::DEBUG
    } else {
        LevelFilter::INFO
    };
    let log = Log::to(io::stderr())?;
    // Were a line not written, tracing would say so on stderr, and panic because that fails as well.
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(log.lines())
        .log_internal_errors(false)
        .with_target(false);
    let has_colours = io::IsTerminal::is_terminal(&io::stderr()) && paint::colours_are_wanted();
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        builder.with_ansi(false).without_time().init();
    } else {
        builder.with_ansi(has_colours).init();
    }
    Ok(log)
}

/// What waits to be written, shared by all that log and the thread that writes.
#[derive(Debug, Default)]
struct WaitingLines {
    lines: VecDeque<LogLine>,
    bytes: usize,
    /// Lines that found no room, or could not be written.
    lost: u64,
    writing: bool,
}

/// What is written in one go.
#[derive(Debug)]
struct LogLine {
    text: Vec<u8>,
    /// How many lines are lost if it is.
    worth: u64,
}

impl WaitingLines {
    fn add(&mut self, text: Vec<u8>, worth: u64) {
        self.bytes += text.len();
        self.lines.push_back(LogLine { text, worth });
    }
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<WaitingLines>,
    changed: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, WaitingLines> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.bytes + line.len() > WAITING_MAX {
            waiting.lost += 1;
            return;
        }
        if waiting.lost > 0 {
            let lost = std::mem::take(&mut waiting.lost);
            let told = format!("{lost} lines of the log were lost: it could not be written\n");
            waiting.add(told.into_bytes(), lost);
        }
        waiting.add(line.to_vec(), 1);
        drop(waiting);
        self.changed.notify_all();
    }

    /// The next line; waits for one.
    fn take(&self) -> LogLine {
        let mut waiting = self.lock();
        waiting.writing = false;
        self.changed.notify_all();
        loop {
            if let Some(line) = waiting.lines.pop_front() {
                waiting.bytes -= line.text.len();
                waiting.writing = true;
                return line;
            }
            waiting = self
                .changed
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until all is written, at most `longest`.
    fn settle(&self, longest: Duration) {
        let unwritten = |waiting: &mut WaitingLines| waiting.writing || !waiting.lines.is_empty();
        drop(
            self.changed
                .wait_timeout_while(self.lock(), longest, unwritten),
        );
    }
}

/// The log; dropped at the end of the program.
#[derive(Debug)]
pub(super) struct Log {
    queue: Arc<Queue>,
    /// The end waits so long for what is not written yet.
    end_max: Duration,
}

impl Log {
    /// Starts the thread that writes to `out`; it ends with the process.
    fn to(out: impl AsFd + Send + 'static) -> io::Result<Log> {
        let queue: Arc<Queue> = Arc::default();
        let lines = Arc::clone(&queue);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(&lines, &out))?;
        Ok(Log {
            queue,
            end_max: END_MAX,
        })
    }

    fn lines(&self) -> LogLines {
        LogLines(Arc::clone(&self.queue))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.queue.settle(self.end_max);
    }
}

/// Where tracing writes its lines; never waits and never fails.
#[derive(Debug, Clone)]
struct LogLines(Arc<Queue>);

impl MakeWriter<'_> for LogLines {
    type Writer = LogLines;

    fn make_writer(&self) -> LogLines {
        self.clone()
    }
}

impl Write for LogLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_all(queue: &Queue, out: &impl AsFd) {
    loop {
        let line = queue.take();
        if write(out.as_fd(), &line.text).is_err() {
            queue.lock().lost += line.worth;
        }
    }
}

/// Writes all of it, or as much as is taken. A write that may wait waits.
fn write(out: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(out, bytes) {
            Ok(0) => return Err(Errno::IO),
            Ok(taken) => bytes = &bytes[taken..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let mut ready = [PollFd::from_borrowed_fd(out, PollFlags::OUT)];
                match poll(&mut ready, Some(&timespec(FULL_LOOK_NS))) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(failed) => return Err(failed),
                }
            }
            Err(failed) => return Err(failed),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{BufRead, BufReader, Read};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_reader_that_hangs_costs_lines_and_no_time_and_is_told_so() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let log = Log::to(ours).unwrap();
        let mut lines = log.lines();
        let line = [&[b'.'; 1023][..], b"\n"].concat();
        // More than a socket and our own queue hold together: would it wait, this would not end.
        for _ in 0..2_000 {
            lines.write_all(&line).unwrap();
        }
        let reading = std::thread::spawn(move || {
            let read = BufReader::new(theirs).lines().map(Result::unwrap);
            read.take_while(|line| line != "the last")
                .collect::<Vec<_>>()
        });
        log.queue.settle(Duration::from_secs(300));
        lines.write_all(b"the last\n").unwrap();
        let read = reading.join().unwrap();
        // It may have been told more than once: whenever there was room again.
        let lost_in = |line: &String| -> Option<u64> {
            let (number, _) = line.split_once(" lines of the log were lost")?;
            number.parse().ok()
        };
        let told: Vec<u64> = read.iter().filter_map(lost_in).collect();
        let lost: u64 = told.iter().sum();
        assert!(lost > 500, "{told:?}");
        let whole = u64::try_from(read.len() - told.len()).unwrap();
        assert_eq!(whole + lost, 2_000);
    }

    #[test]
    fn a_log_that_cannot_be_written_is_lost_alone() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        for log in [Log::to(full).unwrap(), Log::to(ours).unwrap()] {
            for written in 1..=3 {
                log.lines().write_all(b"a line\n").unwrap();
                log.queue.settle(Duration::from_secs(300));
                assert_eq!(log.queue.lock().lost, written);
            }
        }
    }

    #[test]
    fn the_end_waits_for_the_last_line() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut log = Log::to(ours).unwrap();
        // No machine is too slow for it.
        log.end_max = Duration::from_secs(300);
        log.lines().write_all(b"the last\n").unwrap();
        drop(log);
        let mut read = [0; 9];
        theirs.set_nonblocking(true).unwrap();
        theirs.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"the last\n");
    }
}
