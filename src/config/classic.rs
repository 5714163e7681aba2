//! The keys of the Python edition that are none of a table: three meters' lines, and what has another form now or
//! does nothing.

use super::given::Given;
use super::key::env_key;
use super::problem::{Origin, Value};
use super::raw_table::RawTable;
use super::section::Section;

/// The Python edition's meters, on its lines.
#[derive(Debug)]
pub(super) struct ClassicMeters([(&'static str, Given); 3]);

/// Reads the keys.
pub(super) fn read(root: &mut Section<'_>) -> ClassicMeters {
    let import = env_key("GPIO_IMPORT_PIN", "the line of the meter Import");
    let export = env_key("GPIO_EXPORT_PIN", "the line of the meter Export");
    let generate = env_key("GPIO_GENERATE_PIN", "the line of the meter Generate");
    let meters = ClassicMeters([
        ("Import", root.text(import, "20")),
        ("Export", root.text(export, "26")),
        ("Generate", root.text(generate, "21")),
    ]);
    read_pull_up(root);
    for name in ["GPIO_POLL_DEBUG", "GPIO_POLL_INTERVAL"] {
        if let Some(given) = root.text_if_set(env_key(name, "does nothing any more")) {
            root.note(format!(
                "{}: {name} does nothing any more: edges are not polled for",
                given.origin
            ));
        }
    }
    meters
}

/// The older form of `GPIO_PULL`, which wins over it.
fn read_pull_up(root: &mut Section<'_>) {
    let name = "GPIO_PULL_UP";
    let up = root.flag_if_set(env_key(name, "older form of GPIO_PULL"));
    let origin = root.filled(name).map(|value| value.origin.clone());
    let (Some(up), Some(origin), None) = (up, origin, root.of_env("GPIO_PULL")) else {
        return;
    };
    let text = if up { "up" } else { "down" }.to_owned();
    root.set_env("GPIO_PULL", Value { text, origin });
}

impl ClassicMeters {
    /// Import, Export and Generate, as tables.
    pub(super) fn meters(self) -> Vec<RawTable> {
        let table = |(name, line): (&str, Given)| {
            let mut table = RawTable::default();
            let (text, origin) = (name.to_owned(), Origin::Default);
            table.set("name", Value { text, origin });
            let (text, origin) = (line.text, line.origin);
            table.set("line", Value { text, origin });
            table
        };
        self.0.into_iter().map(table).collect()
    }

    /// `[[meter]]` tables replace the three; keys for the lines of those then say nothing.
    pub(super) fn note_ignored(&self, root: &mut Section<'_>) {
        let set = |given: &&Given| given.origin != Origin::Default;
        for given in self.0.iter().map(|(_, line)| line).filter(set) {
            root.note(format!(
                "{}: {} is ignored: powerlogger.toml lists the meters",
                given.origin, given.name
            ));
        }
    }
}
