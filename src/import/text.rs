//! Lines of a file, whatever bytes are in it: UTF-8, or UTF-16 as spreadsheets write "Unicode text".

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// A line longer than this is none.
pub(super) const LINE_BYTES_MAX: u64 = 64 << 10;

/// How files begin that hold others, and what to do with them.
const PACKED: [(&[u8], &str); 5] = [
    (b"\x1f\x8b", "it is compressed: `gunzip` it first"),
    (b"\x28\xb5\x2f\xfd", "it is compressed: `unzstd` it first"),
    (b"\xfd7zXZ\0", "it is compressed: `unxz` it first"),
    (b"BZh", "it is compressed: `bunzip2` it first"),
    (
        b"PK\x03\x04",
        "it is a ZIP archive or a spreadsheet: unzip it first, or save the sheet as CSV",
    ),
];

/// What to do with a file that holds others, by how it begins; None: it does not.
pub(super) fn packed(path: &Path) -> io::Result<Option<&'static str>> {
    let mut begin = Vec::new();
    File::open(path)?.take(8).read_to_end(&mut begin)?;
    let found = PACKED.iter().find(|(magic, _)| begin.starts_with(magic));
    Ok(found.map(|(_, what)| *what))
}

/// Whether a text says of its pulses that they are simulated, in the comments before its first row.
pub(super) fn is_simulated(path: &Path) -> io::Result<bool> {
    let mut lines = TextLines::open(File::open(path)?)?;
    while lines.next()?.is_some() {
        let text = lines.text().unwrap_or_default();
        if text.starts_with(super::SIMULATED_MARK) {
            return Ok(true);
        }
        if !text.trim().is_empty() && !text.starts_with('#') {
            break;
        }
    }
    Ok(false)
}

/// Lines of a file, whatever bytes are in it.
pub(super) struct TextLines {
    reader: BufReader<Box<dyn Read>>,
    line: Vec<u8>,
    /// Bytes of the file for one that is read.
    scale: u64,
    pub(super) number: i64,
}

impl TextLines {
    pub(super) fn open(file: File) -> io::Result<TextLines> {
        let mut bytes = BufReader::new(file);
        let order = match bytes.fill_buf()? {
            [0xff, 0xfe, ..] => Some(u16::from_le_bytes as fn([u8; 2]) -> u16),
            [0xfe, 0xff, ..] => Some(u16::from_be_bytes as fn([u8; 2]) -> u16),
            _ => None,
        };
        let (reader, scale): (Box<dyn Read>, u64) = match order {
            Some(order) => (Box::new(Utf16::new(bytes, order)), 2),
            None => (Box::new(bytes), 1),
        };
        Ok(TextLines {
            reader: BufReader::new(reader),
            line: Vec::new(),
            scale,
            number: 0,
        })
    }

    /// Reads the next line; about how many bytes of the file it takes.
    pub(super) fn next(&mut self) -> io::Result<Option<u64>> {
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
        Ok(Some(u64::try_from(read).unwrap_or(0) * self.scale))
    }

    /// The line that was read last, without its end.
    pub(super) fn text(&self) -> Result<&str, &'static str> {
        if u64::try_from(self.line.len()).unwrap_or(0) > LINE_BYTES_MAX {
            return Err("it is longer than any line of pulses");
        }
        let text = std::str::from_utf8(&self.line);
        let text = text.map_err(|_| "it is not text in UTF-8: save the file in that encoding")?;
        let text = text.trim_end_matches(['\n', '\r']);
        Ok(match self.number {
            1 => text.trim_start_matches('\u{feff}'),
            _ => text,
        })
    }
}

/// UTF-16 as UTF-8.
struct Utf16<R> {
    reader: R,
    order: fn([u8; 2]) -> u16,
    /// The first half of a character.
    half: Option<u16>,
    done: Vec<u8>,
    taken: usize,
}

impl<R: Read> Utf16<R> {
    fn new(reader: R, order: fn([u8; 2]) -> u16) -> Utf16<R> {
        Utf16 {
            reader,
            order,
            half: None,
            done: Vec::new(),
            taken: 0,
        }
    }

    /// Reads some units; false: there are none.
    fn fill(&mut self) -> io::Result<bool> {
        let mut bytes = Vec::new();
        let read = (&mut self.reader).take(8 << 10).read_to_end(&mut bytes)?;
        let units = bytes
            .chunks_exact(2)
            .map(|unit| (self.order)([unit[0], unit[1]]));
        let mut units: Vec<u16> = self.half.take().into_iter().chain(units).collect();
        if read > 0
            && units
                .last()
                .is_some_and(|unit| (0xd800..0xdc00).contains(unit))
        {
            self.half = units.pop();
        }
        self.taken = 0;
        self.done = String::from_utf16_lossy(&units).into_bytes();
        Ok(read > 0)
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.done.len() {
            if !self.fill()? && self.done.is_empty() {
                return Ok(0);
            }
        }
        let count = buffer.len().min(self.done.len() - self.taken);
        buffer[..count].copy_from_slice(&self.done[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let mut lines = TextLines::open(file).unwrap();
        let mut found = Vec::new();
        while lines.next().unwrap().is_some() {
            found.push(lines.text().unwrap().to_owned());
        }
        found
    }

    #[test]
    fn text_in_all_its_encodings() {
        let long = "ü\u{1f4a1}".repeat(5_000);
        let want = ["time\tmeter", "12\tZähler \u{1f4a1}", "", &long, " end "];
        let text = format!("\u{feff}{}", want.join("\r\n"));
        assert_eq!(lines(text.as_bytes()), want);
        let units: Vec<u16> = text.encode_utf16().collect();
        let bytes =
            |of: fn(u16) -> [u8; 2]| units.iter().flat_map(|unit| of(*unit)).collect::<Vec<u8>>();
        assert_eq!(lines(&bytes(u16::to_le_bytes)), want);
        assert_eq!(lines(&bytes(u16::to_be_bytes)), want);
        assert_eq!(lines(b"\xff\xfe"), [""]);
        assert_eq!(lines(b"\xff\xfea"), [""], "half a unit");
    }
}
