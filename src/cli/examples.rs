//! Examples of each command, for its man page.

/// The page, and its command lines with what they do.
pub(super) const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    (
        "powerlogger",
        &[("powerlogger", "How it stands here, and what comes next")],
    ),
    (
        "powerlogger-run",
        &[
            ("powerlogger run", "Count in the foreground; Ctrl-C ends it"),
            (
                "powerlogger run --simulate --past '30 days'",
                "A simulated house with a month behind it: no hardware, no server",
            ),
            (
                "powerlogger run --record edges.txt",
                "Write all edges to a file as well",
            ),
        ],
    ),
    (
        "powerlogger-setup",
        &[
            ("powerlogger setup --dry-run", "Show what would be done"),
            ("powerlogger setup", "Do it; safe to run again"),
        ],
    ),
    (
        "powerlogger-verify",
        &[
            ("powerlogger verify", "From the wire to the server"),
            ("powerlogger verify --local", "Without the server"),
        ],
    ),
    (
        "powerlogger-status",
        &[
            (
                "powerlogger status",
                "Power, energy, what waits, what was lost",
            ),
            ("powerlogger status --watch", "The same, live; q ends it"),
        ],
    ),
    (
        "powerlogger-audit",
        &[
            (
                "powerlogger audit --since '-28 days'",
                "Is the server equal to the journal?",
            ),
            ("powerlogger audit --repair", "Write what differs"),
        ],
    ),
    (
        "powerlogger-register-exchange",
        &[(
            "powerlogger register exchange Import --old 98765.4 --new 0.2 --serial 1EMH0012345678",
            "The utility has exchanged the meter: the history goes on",
        )],
    ),
    (
        "powerlogger-alarm-test",
        &[(
            "powerlogger alarm test",
            "Send a test to every receiver, and say which take it",
        )],
    ),
    (
        "powerlogger-register-set",
        &[
            (
                "powerlogger register set Import 12345.6",
                "What the meter's face shows now",
            ),
            (
                "powerlogger register set 'Heat pump' 512,3 --at '2 hours ago'",
                "A name with a blank, a reading taken earlier",
            ),
        ],
    ),
    (
        "powerlogger-report",
        &[
            (
                "powerlogger report last-month",
                "Energy, cost, what is missing",
            ),
            (
                "powerlogger report 2026-10 --html october.html",
                "The same as a page of A4",
            ),
            (
                "powerlogger report --from 2026-01-15 --to 2026-04-14 --meter 'Flat 1'",
                "Of one meter, over any days",
            ),
        ],
    ),
    (
        "powerlogger-losses",
        &[(
            "powerlogger losses --refused",
            "What the server has refused for good",
        )],
    ),
    (
        "powerlogger-export",
        &[
            (
                "powerlogger export --since 2026-06-01 --until 2026-07-01 -o june.csv",
                "The pulses of a month as CSV",
            ),
            (
                "powerlogger export --view 1h --format csv -o hours.csv",
                "Energy by the hour, since counting began",
            ),
        ],
    ),
    (
        "powerlogger-import",
        &[
            (
                "powerlogger import --dry-run old.csv",
                "What it would bring; nothing is changed",
            ),
            (
                "powerlogger import --map Bezug=Import old.csv",
                "A meter that has another name there",
            ),
        ],
    ),
    (
        "powerlogger-backup",
        &[(
            "powerlogger backup --keep 14 /mnt/backup",
            "A copy while the daemon counts; the newest 14 stay",
        )],
    ),
    (
        "powerlogger-watch",
        &[(
            "powerlogger watch --lines 2-27",
            "Which line moves when the kettle is on?",
        )],
    ),
    (
        "powerlogger-tune",
        &[
            (
                "powerlogger tune Import --for 10m --load-w 2000",
                "Listen, with a load that is known",
            ),
            (
                "powerlogger tune Import --recording edges.txt --write",
                "Take a recording, and write the settings",
            ),
        ],
    ),
    (
        "powerlogger-delete-buckets",
        &[("powerlogger delete-buckets", "Asks for DELETE first")],
    ),
];

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    /// A command line as a shell splits it, with single quotes alone.
    fn words(line: &str) -> Vec<String> {
        let mut parts = line.split('\'');
        let mut words = Vec::new();
        while let Some(plain) = parts.next() {
            words.extend(plain.split_whitespace().map(str::to_owned));
            words.extend(parts.next().map(str::to_owned));
        }
        words
    }

    #[test]
    fn each_example_is_a_command_of_its_page() {
        for (page, examples) in EXAMPLES {
            for (line, _) in *examples {
                if let Err(wrong) = Cli::try_parse_from(words(line)) {
                    panic!("{line}: {wrong}");
                }
                let begin = page
                    .replace("delete-buckets", "delete_buckets")
                    .replace('-', " ");
                let begin = begin.replace("delete_buckets", "delete-buckets");
                assert!(line.starts_with(&begin), "{page}: {line}");
            }
        }
    }
}
