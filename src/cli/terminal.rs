//! A terminal that is drawn on again and again, and is as it was before when that is over.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// Another screen than the one with what was said before, and no cursor on it.
const BEGIN: &str = "\x1b[?1049h\x1b[?25l";

/// The one from before, with the cursor.
const END: &str = "\x1b[?25h\x1b[?1049l";

/// To the upper left corner; each line is cleared behind what is written, and all below the last.
const HOME: &str = "\x1b[H";

/// The screen, until it is dropped.
#[derive(Debug)]
pub(super) struct Screen {
    /// How keys were read before; None: they come from no terminal.
    before: Option<Termios>,
}

impl Screen {
    /// Takes the terminal over. None: standard output is none.
    pub(super) fn begin() -> Option<Screen> {
        if !io::stdout().is_terminal() {
            return None;
        }
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut keys = before.clone();
            // Keys come one by one and are not shown. Ctrl-C stays a signal.
            keys.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &keys);
        }
        let mut out = io::stdout();
        let _ = out.write_all(BEGIN.as_bytes());
        let _ = out.flush();
        Some(Screen { before })
    }

    /// Draws a text in place of what is there, as far as it fits.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(super) fn draw(&self, text: &str) -> io::Result<()> {
        let rows = tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_row));
        let mut shown = HOME.to_owned();
        // The last row would scroll.
        let fitting = if rows > 1 { rows - 1 } else { usize::MAX };
        for line in text.lines().take(fitting) {
            shown.push_str(line);
            shown.push_str("\x1b[K\n");
        }
        shown.push_str("\x1b[J");
        let mut out = io::stdout();
        out.write_all(shown.as_bytes())?;
        out.flush()
    }

    /// Whether q was pressed, or its input has ended.
    pub(super) fn wants_to_end(&self) -> bool {
        if self.before.is_none() {
            return false;
        }
        let stdin = io::stdin();
        let mut fds = [PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        if !matches!(poll(&mut fds, Some(&now)), Ok(n) if n > 0) {
            return false;
        }
        let mut keys = [0; 64];
        match rustix::io::read(stdin.as_fd(), &mut keys) {
            Ok(0) => true,
            Ok(read) => keys[..read].iter().any(|key| matches!(key, b'q' | b'Q')),
            Err(_) => false,
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut out = io::stdout();
        let _ = out.write_all(END.as_bytes());
        let _ = out.flush();
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
