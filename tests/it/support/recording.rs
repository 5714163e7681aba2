//! Recordings of edges that are counted within a second, and after which the board stands still.

use std::fmt::Write as _;

/// Each meter, by name, has so many pulses, and then nothing comes for hours.
pub fn recording(meters: &[(&str, u64)]) -> String {
    let mut text = "# powerlogger edges 1\n# offset_ns 1781956799000000000\n".to_owned();
    for (id, (name, _)) in meters.iter().enumerate() {
        let _ = writeln!(text, "# meter {id} {name}");
    }
    for id in 0..meters.len() {
        let _ = writeln!(text, "up 1000000000 {id} high {}", id + 1);
    }
    let mut edges = Vec::new();
    for (id, (_, pulses)) in meters.iter().enumerate() {
        for n in 0..*pulses {
            let at_us = 1_000_000 + (n + 1) * 40_000 + id as u64 * 1_000;
            edges.push((at_us, id, 'f', 2 * n + 1));
            edges.push((at_us + 15_000, id, 'r', 2 * n + 2));
        }
        edges.push((20_000_000_000 + id as u64, id, 'f', 2 * pulses + 1));
    }
    edges.sort_unstable();
    for (at_us, id, kind, number) in edges {
        let _ = writeln!(text, "{at_us}000 {id} {kind} {number}");
    }
    text
}
