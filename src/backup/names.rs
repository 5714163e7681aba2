//! The names of copies.

use std::path::Path;

use jiff::Timestamp;

use crate::model::WallNs;

const BEGIN: &str = "powerlogger-";

const END: &str = ".sqlite";

/// `powerlogger-2026-11-27T071500Z.sqlite`: the order of the names is that of the times, and any file system takes them.
pub(super) fn name_at(now_ns: WallNs) -> String {
    let at = Timestamp::from_second(now_ns.s()).unwrap_or_default();
    let at = at.to_string().replace(':', "");
    format!("{BEGIN}{at}{END}")
}

/// Whether [`name_at`] gives such names.
pub(super) fn is_copy_name(name: &str) -> bool {
    let at = name
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.strip_suffix(END));
    at.is_some_and(|at| {
        let shape: String = at
            .chars()
            .map(|c| if c.is_ascii_digit() { '9' } else { c })
            .collect();
        shape == "9999-99-99T999999Z"
    })
}

/// The name of a copy while it is written: in a directory one for each journal, whose id is `id`.
pub(super) fn part_name(path: &Path, id: Option<&str>) -> String {
    match id {
        Some(id) => {
            let plain = id.chars().filter(char::is_ascii_alphanumeric).take(16);
            format!(".{BEGIN}{}.part", plain.collect::<String>())
        }
        None => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            format!(".{name}.part")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NS_PER_S;

    #[test]
    fn names_are_known_again() {
        let name = name_at(WallNs(1_795_763_700 * NS_PER_S + 5));
        assert_eq!(name, "powerlogger-2026-11-27T071500Z.sqlite");
        assert!(is_copy_name(&name));
        for other in [
            "powerlogger-2026-11-27T071500Z.sqlite-wal",
            "powerlogger-2026.sqlite",
            "journal.sqlite",
            "powerlogger-.sqlite",
            "",
        ] {
            assert!(!is_copy_name(other), "{other}");
        }
        let part = part_name(Path::new("/x/a.sqlite"), None);
        assert_eq!(part, ".a.sqlite.part");
        assert_eq!(
            part_name(Path::new("x"), Some("ab/../1 2")),
            ".powerlogger-ab12.part"
        );
    }
}
