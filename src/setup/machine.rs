//! The machine that an installation is on. A copied card takes all files along, the machine's id among them, so that the
//! number of the board decides where it is known: a card that was rewritten on the same board is the same logger.

use std::fs;

/// Of the system: made once at the first boot.
const SYSTEM_FILES: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/// Of the board, where there is a device tree: burnt in by its maker.
const BOARD_FILES: [&str; 2] = [
    "/proc/device-tree/serial-number",
    "/sys/firmware/devicetree/base/serial-number",
];

/// The numbers of a machine, hashed: the machine's id is not to be known elsewhere. None: it has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// That of its system.
    pub system: Option<String>,
    /// That of its board.
    pub board: Option<String>,
}

impl Machine {
    /// This one.
    pub fn this() -> Machine {
        let first = |files: [&str; 2]| {
            let mut numbers = files
                .iter()
                .filter_map(|file| hashed(&fs::read(file).ok()?));
            numbers.next()
        };
        Machine {
            system: first(SYSTEM_FILES),
            board: first(BOARD_FILES),
        }
    }

    /// Whether they are two machines: by the board, or by the system where one of them has no number of a board.
    pub fn differs_from(&self, other: &Machine) -> bool {
        let known = |one: &Option<String>, other: &Option<String>| match (one, other) {
            (Some(one), Some(other)) => Some(one != other),
            _ => None,
        };
        known(&self.board, &other.board)
            .or_else(|| known(&self.system, &other.system))
            .unwrap_or(false)
    }

    /// This machine's numbers, and the other's where it has none.
    #[must_use]
    pub fn or(self, other: &Machine) -> Machine {
        Machine {
            system: self.system.or_else(|| other.system.clone()),
            board: self.board.or_else(|| other.board.clone()),
        }
    }
}

/// The hash of a number (FNV-1a, 64 bits); None: it is none yet, or one that is the same on many boards.
fn hashed(number: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(number);
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    if text.chars().all(|c| c == '0') || text == "uninitialized" {
        return None;
    }
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Some(format!("{hash:016x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(system: Option<&str>, board: Option<&str>) -> Machine {
        Machine {
            system: system.map(str::to_owned),
            board: board.map(str::to_owned),
        }
    }

    #[test]
    fn the_board_decides_and_else_the_system() {
        let known = machine(Some("a"), Some("1"));
        for (system, board, differs) in [
            (Some("a"), Some("1"), false),
            (Some("a"), Some("2"), true),
            (Some("b"), Some("1"), false),
            (Some("b"), None, true),
            (Some("a"), None, false),
            (None, Some("2"), true),
            (None, Some("1"), false),
            (None, None, false),
        ] {
            let other = machine(system, board);
            assert_eq!(known.differs_from(&other), differs, "{other:?}");
            assert_eq!(other.differs_from(&known), differs, "{other:?}");
        }
    }

    #[test]
    fn only_a_number_of_its_own_tells() {
        assert_eq!(hashed(b""), None);
        assert_eq!(hashed(b"uninitialized\n"), None);
        assert_eq!(hashed(b"0000000000000000\0"), None);
        assert_eq!(hashed(b"10000000abcdef12\0"), hashed(b"10000000abcdef12\n"));
        assert_ne!(hashed(b"10000000abcdef12"), hashed(b"10000000abcdef13"));
        assert_eq!(hashed(b"a").as_deref(), Some("af63dc4c8601ec8c"));
    }
}
