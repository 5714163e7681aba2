//! A batch: entries of the journal as line protocol, plain and compressed.

use std::collections::HashMap;

use crate::influx::gzip::Gzip;
use crate::influx::line_protocol::{LineEncoder, without_extra_fields};
use crate::journal::{ExpiredPulse, JournalError, Reader, RefusedPulse, StoredPulse};
use crate::model::{FIELD, MeterRow, TAG, WallNs};
use crate::server::Extras;

/// Entries on their way.
#[derive(Debug)]
pub struct Batch {
    /// Those that are in the bodies, in order.
    pub entries: Vec<StoredPulse>,
    /// Those that line protocol cannot carry, with the reason.
    pub unsendable: Vec<RefusedPulse>,
    /// Line protocol, a line an entry.
    pub plain: Vec<u8>,
    /// The same, compressed.
    pub compressed: Vec<u8>,
}

impl Batch {
    /// How many entries are older than `limit_ns`.
    pub fn older_than(&self, limit_ns: WallNs) -> usize {
        self.entries
            .iter()
            .filter(|entry| entry.wall_ns < limit_ns)
            .count()
    }

    /// The `count` oldest entries: those that a server drops as too old.
    pub fn oldest(&self, count: usize) -> Vec<ExpiredPulse> {
        let mut entries: Vec<&StoredPulse> = self.entries.iter().collect();
        entries.sort_unstable_by_key(|entry| (entry.wall_ns, entry.id));
        let oldest = entries.into_iter().take(count);
        let expired = oldest.map(|entry| ExpiredPulse {
            pulse: entry.id,
            meter: entry.meter,
            wall_ns: entry.wall_ns,
        });
        expired.collect()
    }
}

/// Makes batches; knows the meters' names.
#[derive(Debug)]
pub struct Encoder {
    measurement: String,
    extras: Extras,
    /// By row of the meter, with its name; an error where line protocol cannot carry that.
    meters: HashMap<MeterRow, (Result<LineEncoder, String>, String)>,
    gzip: Gzip,
}

impl Encoder {
    /// For points of this measurement, with this beside the pulses.
    pub fn new(measurement: &str, extras: Extras) -> Encoder {
        let (measurement, meters, gzip) = (measurement.to_owned(), HashMap::new(), Gzip::new());
        Encoder {
            measurement,
            extras,
            meters,
            gzip,
        }
    }

    /// Makes points without extra fields from now on. The body that was refused for them comes back without them, plain and
    /// compressed.
    pub fn leave_extras_out(&mut self, body: &[u8]) -> (Vec<u8>, Vec<u8>) {
        self.extras = Extras::default();
        let bare = without_extra_fields(body);
        let compressed = self.gzip.compress(&bare);
        (bare, compressed)
    }

    /// Encodes and compresses entries.
    ///
    /// # Errors
    /// When a meter's name cannot be read from the journal.
    pub fn encode(
        &mut self,
        entries: &[StoredPulse],
        reader: &Reader,
    ) -> Result<Batch, JournalError> {
        let (mut good, mut unsendable, mut plain) = (Vec::new(), Vec::new(), Vec::new());
        good.reserve(entries.len());
        self.extras.read(reader)?;
        for entry in entries {
            if !self.meters.contains_key(&entry.meter) {
                self.learn_meters(reader)?;
            }
            match self.meters.get(&entry.meter) {
                Some((Ok(line), name)) => {
                    let extra = self.extras.of_pulse(name, entry.wall_ns);
                    line.push_with(&mut plain, 1, &extra, entry.wall_ns.0);
                    good.push(*entry);
                }
                Some((Err(why), _)) => unsendable.push(refused(entry, why)),
                None => unsendable.push(refused(entry, "its meter has no name")),
            }
        }
        let compressed = if good.is_empty() {
            Vec::new()
        } else {
            self.gzip.compress(&plain)
        };
        Ok(Batch {
            entries: good,
            unsendable,
            plain,
            compressed,
        })
    }

    fn learn_meters(&mut self, reader: &Reader) -> Result<(), JournalError> {
        for (row, name) in reader.meter_names()? {
            let line = LineEncoder::new(&self.measurement, &[(TAG, &name)], FIELD);
            let line = line.map_err(|error| error.to_string());
            self.meters.insert(row, (line, name));
        }
        Ok(())
    }
}

/// A point that no server can be asked to take.
fn refused(entry: &StoredPulse, why: &str) -> RefusedPulse {
    let message = why.to_owned();
    RefusedPulse {
        pulse: entry.id,
        meter: entry.meter,
        wall_ns: entry.wall_ns,
        message,
    }
}
