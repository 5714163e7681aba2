//! The log of `dm-log-writes` (Documentation/admin-guide/device-mapper/log-writes.rst in the kernel's
//! sources), and the disks that a power cut may leave of it.
//!
//! A write is in the log once it is on the disk for good: before the flush that came after it, or, with
//! FUA, at once. So what stands between two flushes is what a disk could have held back when the power
//! went just before the second one: any part of it, but for what was written with FUA.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// The log's unit, and the least that a disk writes as a whole or not at all.
const SECTOR: usize = 512;

/// The least for most disks.
pub(crate) const BLOCK: usize = 4096;

/// An entry's head, in a sector of its own; a mark's text stands behind it.
const HEAD_BYTES: usize = 32;

const MAGIC: u64 = 0x6a_7366_7773_6872;

const FLUSH: u64 = 1 << 0;
const FUA: u64 = 1 << 1;
const DISCARD: u64 = 1 << 2;
const MARK: u64 = 1 << 3;

/// An entry of the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// What was completed before is on the disk.
    Flush,
    /// Bytes of the log's data that go to the disk at `at`.
    Write {
        at: usize,
        bytes: Range<usize>,
        fua: bool,
    },
    /// A word of the one who watches.
    Mark(String),
}

/// A whole log.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) entries: Vec<Entry>,
    /// What the entries have written.
    data: Vec<u8>,
}

impl Log {
    /// Reads the log on a disk.
    pub(crate) fn read(disk: &File) -> Log {
        let [magic, version, entries, sector_bytes] = numbers(&read_sector(disk, 0));
        assert_eq!(magic, MAGIC, "the log's magic");
        assert_eq!(version, 1, "the log's version");
        assert_eq!(sector_bytes & 0xffff_ffff, SECTOR as u64, "its sectors");
        let mut log = Log::default();
        let mut at = SECTOR;
        for _ in 0..entries {
            at += SECTOR + log.read_entry(disk, at);
        }
        log
    }

    /// Reads the entry at `at`; returns how many bytes of data follow it.
    fn read_entry(&mut self, disk: &File, at: usize) -> usize {
        let head = read_sector(disk, at);
        let [sector, sectors, flags, mark_bytes] = numbers(&head);
        let mark_bytes = usize::try_from(mark_bytes).unwrap();
        if flags & MARK != 0 {
            let text = head[HEAD_BYTES..HEAD_BYTES + mark_bytes].to_vec();
            self.entries
                .push(Entry::Mark(String::from_utf8(text).unwrap()));
            return 0;
        }
        assert_eq!(flags & DISCARD, 0, "nobody discards here");
        assert_eq!(mark_bytes, 0, "nothing but marks has data of its own");
        // The kernel makes a flush and a write of a flush with data; should it not, it is so.
        if flags & FLUSH != 0 {
            self.entries.push(Entry::Flush);
        }
        let length = usize::try_from(sectors).unwrap() * SECTOR;
        if length > 0 {
            let begin = self.data.len();
            self.data.resize(begin + length, 0);
            let data = &mut self.data[begin..];
            disk.read_exact_at(data, (at + SECTOR) as u64).unwrap();
            self.entries.push(Entry::Write {
                at: usize::try_from(sector).unwrap() * SECTOR,
                bytes: begin..begin + length,
                fua: flags & FUA != 0,
            });
        }
        length
    }

    /// The entries from `from` to the next flush.
    pub(crate) fn unflushed(&self, from: usize) -> impl Iterator<Item = &Entry> {
        self.entries[from..]
            .iter()
            .take_while(|entry| **entry != Entry::Flush)
    }
}

fn read_sector(disk: &File, at: usize) -> [u8; SECTOR] {
    let mut sector = [0; SECTOR];
    disk.read_exact_at(&mut sector, at as u64).unwrap();
    sector
}

/// The fields of the log's head, and of an entry's.
fn numbers(sector: &[u8; SECTOR]) -> [u64; 4] {
    [0, 8, 16, 24].map(|at| u64::from_le_bytes(sector[at..at + 8].try_into().unwrap()))
}

/// What of all that was not flushed has reached the disk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// Nothing: the power went as the flush was done.
    Nothing,
    /// So many pieces of a hundred, and all that was written with FUA.
    Pieces { percent: u32, bytes: usize },
}

impl Part {
    pub(crate) fn random(random: &mut fastrand::Rng) -> Part {
        let percent = match random.u32(0..8) {
            0 => return Part::Nothing,
            1 => 0,
            2 => 100,
            3 => 95,
            4 => 5,
            _ => random.u32(10..90),
        };
        let bytes = if random.bool() { SECTOR } else { BLOCK };
        Part::Pieces { percent, bytes }
    }
}

/// A disk that is played from a log, from flush to flush.
#[derive(Debug)]
pub(crate) struct Player<'a> {
    log: &'a Log,
    /// The disk as it is for certain.
    disk: Vec<u8>,
    /// Entries that are done.
    done: usize,
}

impl<'a> Player<'a> {
    /// Begins with the disk as it was before the log.
    pub(crate) fn new(log: &'a Log, disk: Vec<u8>) -> Player<'a> {
        let done = 0;
        Player { log, disk, done }
    }

    /// Goes on to the flush at `flush` among the entries.
    pub(crate) fn play_to(&mut self, flush: usize) {
        assert_eq!(self.log.entries[flush], Entry::Flush);
        for entry in &self.log.entries[self.done..=flush] {
            if let Entry::Write { at, bytes, .. } = entry {
                let to = *at..*at + bytes.len();
                self.disk[to].copy_from_slice(&self.log.data[bytes.clone()]);
            }
        }
        self.done = flush + 1;
    }

    /// Lends the disk as a power cut before the next flush may leave it.
    pub(crate) fn cut(&mut self, part: Part, random: &mut fastrand::Rng, look: impl FnOnce(&[u8])) {
        // A disk is too large to be copied each time.
        let mut before = Vec::new();
        if let Part::Pieces {
            percent,
            bytes: piece_bytes,
        } = part
        {
            for entry in self.log.unflushed(self.done) {
                let Entry::Write { at, bytes, fua } = entry else {
                    continue;
                };
                for (piece, to) in pieces(*at, bytes.len(), piece_bytes) {
                    if *fua || random.u32(0..100) < percent {
                        let from = bytes.start + piece..bytes.start + piece + to.len();
                        before.push((to.start, self.disk[to.clone()].to_vec()));
                        self.disk[to].copy_from_slice(&self.log.data[from]);
                    }
                }
            }
        }
        look(&self.disk);
        for (at, bytes) in before.into_iter().rev() {
            self.disk[at..at + bytes.len()].copy_from_slice(&bytes);
        }
    }
}

/// The pieces that a disk writes one by one: where in the write, and where on the disk.
fn pieces(at: usize, bytes: usize, piece_bytes: usize) -> Vec<(usize, Range<usize>)> {
    let mut pieces = Vec::new();
    let mut next = at;
    while next < at + bytes {
        let end = (next / piece_bytes * piece_bytes + piece_bytes).min(at + bytes);
        pieces.push((next - at, next..end));
        next = end;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// A log as the kernel writes it: sector, flags and what was written, or the mark.
    fn log(entries: &[(u64, u64, &[u8])]) -> Log {
        let sector = |fields: &[u64]| {
            let mut bytes: Vec<u8> = fields.iter().flat_map(|n| n.to_le_bytes()).collect();
            bytes.resize(SECTOR, 0);
            bytes
        };
        let mut log = sector(&[MAGIC, 1, entries.len() as u64, SECTOR as u64]);
        for (at, flags, data) in entries {
            if flags & MARK != 0 {
                let mut mark = sector(&[0, 0, *flags, data.len() as u64]);
                mark[32..32 + data.len()].copy_from_slice(data);
                log.extend(mark);
            } else {
                log.extend(sector(&[*at, (data.len() / SECTOR) as u64, *flags, 0]));
                log.extend(*data);
            }
        }
        let mut disk = tempfile::tempfile().unwrap();
        disk.write_all(&log).unwrap();
        Log::read(&disk)
    }

    fn part(percent: u32) -> Part {
        Part::Pieces {
            percent,
            bytes: BLOCK,
        }
    }

    fn cut(entries: &[(u64, u64, &[u8])], flush: usize, part: Part, seed: u64) -> Vec<u8> {
        let log = log(entries);
        let mut player = Player::new(&log, vec![0; 4 * BLOCK]);
        player.play_to(flush);
        let (certain, mut disk) = (player.disk.clone(), Vec::new());
        let mut random = fastrand::Rng::with_seed(seed);
        player.cut(part, &mut random, |cut| disk = cut.to_vec());
        assert_eq!(player.disk, certain, "nothing of it stays");
        disk
    }

    #[test]
    fn a_log_is_read() {
        let log = log(&[
            (8, 0, &[1; BLOCK]),
            (0, FLUSH, &[]),
            (0, MARK, b"held=7"),
            (1, FLUSH | FUA, &[2; SECTOR]),
        ]);
        let write = |at, start, len: usize, fua| Entry::Write {
            at,
            bytes: start..start + len,
            fua,
        };
        let wanted = [
            write(BLOCK, 0, BLOCK, false),
            Entry::Flush,
            Entry::Mark("held=7".to_owned()),
            Entry::Flush,
            write(SECTOR, BLOCK, SECTOR, true),
        ];
        assert_eq!(log.entries, wanted);
    }

    #[test]
    fn what_was_flushed_is_there_and_what_follows_in_any_part() {
        let (a, b, c) = ([1; BLOCK], [2; 2 * BLOCK], [3; BLOCK]);
        let log: [(u64, u64, &[u8]); 5] = [
            (0, 0, &a),
            (0, FLUSH, &[]),
            (8, 0, &b),
            (0, FUA, &c),
            (0, FLUSH, &[]),
        ];
        let firsts = |disk: Vec<u8>| [0, 1, 2, 3].map(|block| disk[block * BLOCK]);
        let nothing = cut(&log, 1, Part::Nothing, 1);
        assert_eq!(firsts(nothing), [1, 0, 0, 0]);
        let fua_alone = cut(&log, 1, part(0), 1);
        assert_eq!(firsts(fua_alone), [3, 0, 0, 0]);
        assert_eq!(firsts(cut(&log, 1, part(100), 1)), [3, 2, 2, 0]);
        let any: std::collections::BTreeSet<_> = (0..40)
            .map(|seed| firsts(cut(&log, 1, part(50), seed)))
            .collect();
        let wanted = [[3, 0, 0, 0], [3, 0, 2, 0], [3, 2, 0, 0], [3, 2, 2, 0]];
        assert_eq!(any, wanted.into(), "also half of a write");
        assert_eq!(firsts(cut(&log, 4, Part::Nothing, 1)), [3, 2, 2, 0]);
    }
}
