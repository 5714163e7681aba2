//! Lines of a file, whatever bytes are in it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

/// A line longer than this is none.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// Lines of a file, whatever bytes are in it.
pub(super) struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
    pub(super) number: i64,
}

impl Lines {
    pub(super) fn new(file: File) -> Lines {
        Lines {
            reader: BufReader::new(file),
            line: Vec::new(),
            number: 0,
        }
    }

    /// Reads the next line; its bytes.
    pub(super) fn next(&mut self) -> std::io::Result<Option<u64>> {
        self.line.clear();
        let mut read = (&mut self.reader)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        // The rest of a line that is too long is passed over.
        while self.line.last() != Some(&b'\n') {
            let mut rest = Vec::new();
            let more = (&mut self.reader)
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut rest)?;
            if more == 0 {
                break;
            }
            read += more;
            let ended = rest.last() == Some(&b'\n');
            self.line.extend(rest.first());
            if ended {
                break;
            }
        }
        Ok(Some(u64::try_from(read).unwrap_or(0)))
    }

    /// The line that was read last, without what is around it.
    pub(super) fn text(&self) -> Result<&str, &'static str> {
        if u64::try_from(self.line.len()).unwrap_or(0) > LINE_BYTES_MAX {
            return Err("it is longer than any line of pulses");
        }
        let text = std::str::from_utf8(&self.line).map_err(|_| "it is not text (UTF-8)")?;
        Ok(text.trim().trim_start_matches('\u{feff}'))
    }
}
