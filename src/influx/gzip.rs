//! gzip of request bodies.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Level 1: pulses a second apart compress to a tenth at any level, and this one keeps up with
/// the fastest server (docs/performance.md).
const LEVEL: u32 = 1;

/// Compresses bodies, one after another.
#[derive(Debug, Default)]
pub struct Gzip {
    last_bytes: usize,
}

impl Gzip {
    /// A compressor.
    pub fn new() -> Gzip {
        Gzip::default()
    }

    /// The body, compressed.
    pub fn compress(&mut self, body: &[u8]) -> Vec<u8> {
        let into = Vec::with_capacity(self.last_bytes + 64);
        let mut encoder = GzEncoder::new(into, Compression::new(LEVEL));
        let compressed = encoder
            .write_all(body)
            .and_then(|()| encoder.finish())
            .expect("memory takes everything");
        self.last_bytes = compressed.len();
        compressed
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let mut gzip = Gzip::new();
        for body in [
            &b""[..],
            b"PowerPulse,PulseType=Import Pulse=1i 1\n",
            &[7; 100_000],
        ] {
            let mut plain = Vec::new();
            let compressed = gzip.compress(body);
            flate2::read::GzDecoder::new(&compressed[..])
                .read_to_end(&mut plain)
                .unwrap();
            assert_eq!(plain, body);
        }
    }
}
