//! The way of an answer to a terminal: names in it come from a journal and a configuration that others may have written, and no
//! terminal acts on what they hold. What goes into a file or a pipe stays as it is.

use std::io::{self, IsTerminal, Write};

use super::paint::CODES;
use crate::text::visible::visible;

/// A line is written in parts beyond this, in bytes.
const LINE_MAX: usize = 1 << 16;

/// The standard output, for all commands. To be flushed at the end.
pub fn standard_output() -> Box<dyn Write> {
    let out = io::stdout().lock();
    match out.is_terminal() {
        true => Box::new(Screen::onto(out)),
        false => Box::new(out),
    }
}

/// Text for a terminal, line by line.
#[derive(Debug)]
struct Screen<W: Write> {
    terminal: W,
    /// What has no end yet.
    line: Vec<u8>,
}

impl<W: Write> Screen<W> {
    fn onto(terminal: W) -> Screen<W> {
        let line = Vec::new();
        Screen { terminal, line }
    }

    /// Writes the first bytes of what waits.
    fn show(&mut self, bytes: usize) -> io::Result<()> {
        let shown: Vec<u8> = self.line.drain(..bytes).collect();
        let text = String::from_utf8_lossy(&shown);
        self.terminal.write_all(visible(&text, &CODES).as_bytes())
    }
}

impl<W: Write> Write for Screen<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        let ended = self.line.iter().rposition(|byte| *byte == b'\n');
        let full = (self.line.len() > LINE_MAX).then_some(self.line.len());
        if let Some(ready) = ended.map(|at| at + 1).or(full) {
            self.show(ready)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.show(self.line.len())?;
        self.terminal.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(parts: &[&[u8]]) -> String {
        let mut screen = Screen::onto(Vec::new());
        for part in parts {
            screen.write_all(part).unwrap();
        }
        screen.flush().unwrap();
        String::from_utf8(screen.terminal).unwrap()
    }

    #[test]
    fn no_name_gives_a_terminal_orders() {
        assert_eq!(
            shown(&[b"meter \x1b]0;owned\x07 \x1b[2J\n", b"1 kWh\n"]),
            "meter \u{fffd}]0;owned\u{fffd} \u{fffd}[2J\n1 kWh\n"
        );
        assert_eq!(shown(&[b"\x1b[33mlost\x1b[0m"]), "\x1b[33mlost\x1b[0m");
    }

    #[test]
    fn letters_and_codes_may_come_in_parts() {
        let text = "\x1b[1mZähler 電力\x1b[0m\n".as_bytes();
        let parts: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(shown(&parts).as_bytes(), text);
        assert_eq!(shown(&[&[b'x'; 200_000], b"\n"]).len(), 200_001);
    }
}
