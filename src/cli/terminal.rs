//! A terminal that is drawn over and over, and gives single keys. Whatever happens, it is as before afterwards.

use std::io::{self, IsTerminal, Write, stdin, stdout};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use unicode_width::UnicodeWidthChar;

use super::paint::{CODES, is_dumb};
use crate::capture::waker::timespec;
use crate::text::visible::visible;

/// Where the terminal does not tell its size: columns and rows.
const SIZE: (usize, usize) = (80, 24);

/// To the other screen, without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// What Ctrl-C, Ctrl-D and Ctrl-\ send while they send no signal.
const ENDS: [u8; 3] = [3, 4, 28];

/// The terminal, until it is dropped.
#[derive(Debug)]
pub(super) struct Terminal {
    before: Termios,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = write!(stdout(), "{LEAVE}");
        let _ = stdout().flush();
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}

impl Terminal {
    /// Whether input and output are one, and it does more than print.
    pub(super) fn is_there() -> bool {
        stdin().is_terminal() && stdout().is_terminal() && !is_dumb()
    }

    /// Takes it over.
    ///
    /// # Errors
    /// When the terminal refuses.
    pub(super) fn take() -> io::Result<Terminal> {
        let before = tcgetattr(stdin())?;
        let mut keys = before.clone();
        // Single keys, not shown. Ctrl-Z would leave the terminal as it is now.
        keys.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(stdin(), OptionalActions::Now, &keys)?;
        let terminal = Terminal { before };
        write!(stdout(), "{ENTER}")?;
        stdout().flush()?;
        Ok(terminal)
    }

    /// Columns and rows, now.
    pub(super) fn size() -> (usize, usize) {
        match tcgetwinsize(stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                (usize::from(size.ws_col), usize::from(size.ws_row))
            }
            _ => SIZE,
        }
    }

    /// Waits for a key that ends it, at most so long. The end of the input is one.
    pub(super) fn wants_to_end(wait: Duration) -> bool {
        let input = stdin();
        let wait_ns = i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX);
        let mut waited = [PollFd::new(&input, PollFlags::IN)];
        if !poll(&mut waited, Some(&timespec(wait_ns))).is_ok_and(|ready| ready > 0) {
            return false;
        }
        let mut keys = [0; 64];
        match rustix::io::read(&input, &mut keys) {
            Ok(0) => true,
            Ok(read) => keys[..read]
                .iter()
                .any(|key| matches!(key, b'q' | b'Q') || ENDS.contains(key)),
            Err(error) => error != rustix::io::Errno::INTR,
        }
    }

    /// Draws these lines, as many as there is room for, and another one at the foot.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(super) fn draw(lines: &[String], foot: &str) -> io::Result<()> {
        let (columns, rows) = Terminal::size();
        let mut text = "\x1b[H".to_owned();
        for line in lines.iter().take(rows.saturating_sub(1)) {
            text.push_str(cut(&visible(line, &CODES), columns));
            text.push_str("\x1b[0m\x1b[K\r\n");
        }
        text.push_str(cut(&visible(foot, &CODES), columns));
        text.push_str("\x1b[0m\x1b[J");
        let mut out = stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

/// As much of a line as fits; codes of colour take no room.
fn cut(line: &str, columns: usize) -> &str {
    let (mut taken, mut in_code) = (0, false);
    for (at, letter) in line.char_indices() {
        if letter == '\x1b' {
            in_code = true;
        } else if in_code {
            in_code = !letter.is_ascii_alphabetic();
        } else {
            taken += letter.width().unwrap_or(0);
            if taken > columns {
                return &line[..at];
            }
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_the_terminal_ends() {
        assert_eq!(cut("power", 9), "power");
        assert_eq!(cut("power", 3), "pow");
        assert_eq!(cut("電力量", 5), "電力");
        assert_eq!(cut("\x1b[33mlost\x1b[0m", 2), "\x1b[33mlo");
        assert_eq!(cut("\x1b[33mlo\x1b[0m", 2), "\x1b[33mlo\x1b[0m");
    }
}
