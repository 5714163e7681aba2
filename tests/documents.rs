//! What is written beside the code is true: links lead somewhere, the data model names every table and column of a
//! journal, the changelog has the program's version, the workflows of a forge call what is there.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on may panic; a journal is looked at from outside; what is skipped is said"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rusqlite::{Connection, OpenFlags};

const CLONE: &str = env!("CARGO_MANIFEST_DIR");

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(CLONE).join(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// The project's files by name: those that git tracks, or, in an archive, those that are there.
fn files() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(CLONE)
        .output();
    // An archive may lie in another project's clone, which knows nothing of it.
    let is_ours = |output: &Output| output.status.success() && !output.stdout.is_empty();
    let listed = listed.ok().filter(is_ours);
    let names: Vec<String> = match listed {
        Some(output) => {
            let names = String::from_utf8(output.stdout).unwrap();
            names.split_terminator('\0').map(str::to_owned).collect()
        }
        None => {
            let mut found = Vec::new();
            walk(Path::new(CLONE), &mut found);
            found
        }
    };
    let top = Path::new(CLONE);
    names
        .into_iter()
        .filter(|name| top.join(name).is_file())
        .collect()
}

fn walk(dir: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(CLONE).unwrap().to_str().unwrap();
        if path.is_dir() {
            if ![".git", "target", "queue", "venv"].contains(&name) {
                walk(&path, found);
            }
        } else {
            found.push(name.to_owned());
        }
    }
}

/// A page without its blocks and spans of code: what looks like a link there is none.
fn prose(page: &str) -> String {
    let mut text = String::new();
    let mut in_code = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            for (number, part) in line.split('`').enumerate() {
                text.push_str(if number % 2 == 0 { part } else { "code" });
            }
            text.push('\n');
        }
    }
    text
}

/// The anchors of a page, as GitHub makes them of its headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut in_code = false;
    let mut found = BTreeSet::new();
    for line in page.lines() {
        in_code ^= line.trim_start().starts_with("```");
        let title = line.trim_start_matches('#');
        if in_code || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let letters = title.trim().chars().filter_map(|letter| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            _ => letter.is_alphanumeric().then_some(letter),
        });
        let anchor = letters.collect::<String>().to_lowercase();
        let times = seen.entry(anchor.clone()).or_default();
        found.insert(match *times {
            0 => anchor,
            n => format!("{anchor}-{n}"),
        });
        *times += 1;
    }
    found
}

/// Where the links of a page lead: `](target)`.
fn targets(page: &str) -> Vec<String> {
    let text = prose(page);
    let links = text.split("](").skip(1);
    let targets = links.filter_map(|link| link.split_once(')'));
    targets
        .map(|(target, _)| target.trim_matches(['<', '>']).to_owned())
        .collect()
}

/// `a/../b` without the detour.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => assert!(plain.pop(), "{}", path.display()),
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn anchors_are_those_of_github() {
    let page = "# `run`: the Pi's *lines*\n## A_b - c\n## A_b - c\n```\n# none\n```\n#none\n";
    let want = ["run-the-pis-lines", "a_b---c", "a_b---c-1"];
    assert_eq!(anchors(page), want.map(str::to_owned).into());
    let page = "[a](b.md#c) `[d](e)` ![f](<g.svg>)\n```\n[h](i)\n```\n";
    assert_eq!(targets(page), ["b.md#c", "g.svg"]);
}

#[test]
fn every_link_leads_somewhere() {
    let files = files();
    let pages = files.iter().filter(|name| name.ends_with(".md"));
    let (mut links, mut broken) = (0, Vec::new());
    for name in pages {
        let page = read(name);
        for target in targets(&page) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            links += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let to = match path {
                "" => PathBuf::from(name),
                path => plain(&Path::new(name).with_file_name(path)),
            };
            let to_name = to.to_str().unwrap();
            let is_there = Path::new(CLONE).join(&to).exists();
            if !is_there || !(anchor.is_empty() || anchors(&read(to_name)).contains(anchor)) {
                broken.push(format!("{name}: {target}"));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
    assert!(links > 50, "{links}");
}

/// Comments, scripts and messages name pages, too.
#[test]
fn every_page_that_is_named_is_there() {
    let files = files();
    let mut named = 0;
    let mut missing = Vec::new();
    for name in files.iter().filter(|name| {
        let kinds = [
            "rs", "sh", "md", "toml", "yml", "yaml", "example", "service",
        ];
        let extension = Path::new(name).extension().and_then(|kind| kind.to_str());
        extension.is_some_and(|kind| kinds.contains(&kind)) || name.as_str() == "Makefile"
    }) {
        let text = String::from_utf8(fs::read(Path::new(CLONE).join(name)).unwrap()).unwrap();
        for part in text.split("docs/").skip(1) {
            let is_of_a_path = |letter: &char| letter.is_alphanumeric() || "/._-".contains(*letter);
            let path: String = part.chars().take_while(is_of_a_path).collect();
            let Some((path, _)) = path.split_once(".md") else {
                continue;
            };
            named += 1;
            let path = format!("docs/{path}.md");
            if !Path::new(CLONE).join(&path).exists() {
                missing.push(format!("{name}: {path}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    assert!(named > 20, "{named}");
}

/// `src/…`, `tests/…` in a page: what is named so has not moved away.
#[test]
fn every_file_that_a_page_names_is_there() {
    let files = files();
    let mut named = 0;
    let mut missing = Vec::new();
    for name in files.iter().filter(|name| name.ends_with(".md")) {
        let page = read(name);
        for span in page.split('`').skip(1).step_by(2) {
            let roots = ["src/", "tests/", "scripts/", "dist/", "bench/", ".github/"];
            let is_path = roots.iter().any(|root| span.starts_with(root))
                && !span.contains([' ', '*', '{', '…', '\n']);
            if is_path {
                named += 1;
                if !Path::new(CLONE).join(span).exists() {
                    missing.push(format!("{name}: {span}"));
                }
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    assert!(named > 20, "{named}");
}

/// Table → its columns, as docs/development/journal.md tells them: a line that begins with the table's name in bold,
/// then a table whose first column names columns.
fn described() -> BTreeMap<String, BTreeSet<String>> {
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut table = None;
    let mut columns_follow = false;
    for line in read("docs/development/journal.md").lines() {
        if let Some(rest) = line.strip_prefix("**`") {
            table = rest.split_once("`**").map(|(name, _)| name.to_owned());
            tables.insert(table.clone().unwrap(), BTreeSet::new());
        }
        if let (Some(table), true, true) = (&table, columns_follow, line.starts_with("| `")) {
            let cell = line.split('|').nth(1).unwrap();
            let columns = cell.split('`').skip(1).step_by(2);
            tables
                .get_mut(table)
                .unwrap()
                .extend(columns.map(str::to_owned));
        }
        if line.starts_with("| column ") {
            columns_follow = true;
        } else if !line.starts_with('|') {
            columns_follow = false;
        }
    }
    tables
}

#[test]
fn the_data_model_names_every_table_and_column() {
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_powerlogger"))
        .args(["--queue-dir", "queue", "run", "--simulate"])
        .args(["--speed", "600", "--for", "2m"])
        .current_dir(dir.path())
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");
    let file = dir.path().join("queue/journal.sqlite");
    let journal = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut there: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut select = journal
        .prepare(
            "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'",
        )
        .unwrap();
    let columns = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    for column in columns.unwrap() {
        let (table, column): (String, String) = column.unwrap();
        there.entry(table).or_default().insert(column);
    }
    let mut described = described();
    // What does not change is said in a sentence.
    for (table, columns) in [
        ("journal", &["key", "value"][..]),
        ("elapsed", &["one"][..]),
    ] {
        let known = described.get_mut(table).unwrap();
        known.extend(columns.iter().map(|column| (*column).to_owned()));
    }
    assert_eq!(described, there);
    let steps: u32 = journal
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    let page = read("docs/development/journal.md");
    let migrations = page.split("## Migrations").nth(1).unwrap();
    let rows = migrations.lines().filter(|line| {
        let number = line
            .strip_prefix("| ")
            .and_then(|rest| rest.split(' ').next());
        number.is_some_and(|number| number.parse::<usize>().is_ok())
    });
    assert_eq!(
        u32::try_from(rows.count()).unwrap(),
        steps,
        "a row for each migration"
    );
}

#[test]
fn the_changelog_begins_with_what_comes_and_has_this_version() {
    let changelog = read("CHANGELOG.md");
    let sections: Vec<&str> = changelog
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    assert_eq!(sections[0], "[Unreleased]");
    let version = env!("CARGO_PKG_VERSION");
    let ours = format!("[{version}]");
    assert!(
        sections.iter().any(|section| section.starts_with(&ours)),
        "{version}: {sections:?}"
    );
    let kinds = [
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    ];
    for kind in changelog
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
    {
        assert!(kinds.contains(&kind), "{kind}");
    }
    // The notes of a release are its section, and nothing else.
    let notes = Command::new("scripts/package/notes.sh")
        .arg(format!("v{version}"))
        .current_dir(CLONE)
        .output()
        .unwrap();
    let said = String::from_utf8(notes.stdout).unwrap();
    assert!(notes.status.success(), "{said}");
    assert!(said.contains("\n### Added\n"), "{said}");
    assert!(!said.contains("## ["), "{said}");
    let other = Command::new("scripts/package/notes.sh")
        .arg("v99.0.0")
        .current_dir(CLONE)
        .output();
    assert!(!other.unwrap().status.success(), "no such version");
}

fn workflows() -> BTreeMap<String, String> {
    let names = files().into_iter();
    names
        .filter(|name| name.starts_with(".github/workflows/"))
        .map(|name| (name.clone(), read(&name)))
        .collect()
}

/// Every word that follows `word` in lines that are no comments.
fn after<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
    {
        let rest = line.split(word).skip(1);
        found.extend(rest.filter_map(|rest| rest.split_whitespace().next()));
    }
    found
}

#[test]
fn the_workflows_call_what_is_there() {
    let workflows = workflows();
    assert!(workflows.len() >= 2, "{:?}", workflows.keys());
    let makefile = read("Makefile");
    let all: String = workflows.values().map(String::as_str).collect();
    for call in [".ci/run", "make cross-setup", "make deb", "make tarball"] {
        assert!(all.contains(call), "{call}");
    }
    for (name, text) in &workflows {
        for target in after(text, "make ") {
            let rule = format!("\n{target}: ## ");
            assert!(makefile.contains(&rule), "{name}: make {target}");
        }
        let scripts = text
            .split_whitespace()
            .filter(|word| word.starts_with("scripts/") || word.starts_with(".ci/"));
        for script in scripts {
            assert!(Path::new(CLONE).join(script).exists(), "{name}: {script}");
        }
        // A tag of an action can be moved; a commit cannot. The comment names the version for people.
        for (action, line) in text.lines().filter_map(|line| {
            let (_, action) = line.split_once("uses: ")?;
            Some((action.split_whitespace().next()?, line))
        }) {
            let (_, commit) = action.split_once('@').unwrap();
            let is_hex = |letter: char| letter.is_ascii_hexdigit();
            assert!(commit.len() == 40 && commit.chars().all(is_hex), "{action}");
            assert!(line.contains(" # v"), "{line}");
        }
        let top = text.lines().any(|line| line.starts_with("permissions:"));
        assert!(top, "{name}: rights are given, not inherited");
        let jobs = text.matches("runs-on: ").count();
        assert_eq!(text.matches("timeout-minutes: ").count(), jobs, "{name}");
    }
}

#[test]
fn the_workflows_are_valid() {
    let names: Vec<String> = workflows().into_keys().collect();
    match Command::new("actionlint")
        .args(&names)
        .current_dir(CLONE)
        .output()
    {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{said}");
        }
        Err(_) => eprintln!("skipped: the_workflows_are_valid (no actionlint)"),
    }
}

/// The rows of the table of meters, as the catalogue has them.
fn catalogue_rows() -> Vec<String> {
    let list = |numbers: &[f64]| {
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        numbers.join(", ")
    };
    let meters = powerlogger::tune::catalogue::catalogue().iter();
    let row = |meter: &powerlogger::tune::catalogue::CatalogueMeter| {
        let output = match meter.output {
            powerlogger::tune::catalogue::PulseOutput::S0 => "S0",
            powerlogger::tune::catalogue::PulseOutput::Led => "LED",
            powerlogger::tune::catalogue::PulseOutput::Reed => "reed",
        };
        let pulses = if meter.imp_per_kwh.is_empty() {
            format!("{} a m³", list(&meter.imp_per_m3))
        } else {
            format!("{} a kWh", list(&meter.imp_per_kwh))
        };
        let least = if meter.is_least_width {
            "at least "
        } else {
            ""
        };
        let width = match meter.width_ms.as_slice() {
            [] => "–".to_owned(),
            widths => format!("{least}{} ms", list(widths)),
        };
        let (name, note, source) = (&meter.name, &meter.note, &meter.source);
        let note = if note.is_empty() {
            String::new()
        } else {
            format!("{note}; ")
        };
        format!("| {name} | {output} | {pulses} | {width} | {note}[source]({source}) |")
    };
    meters.map(row).collect()
}

#[test]
fn the_table_of_meters_is_the_catalogue() {
    let page = read("docs/usage/tune.md");
    let wanted = catalogue_rows();
    let table: Vec<&str> = page
        .lines()
        .filter(|line| line.contains("[source]("))
        .collect();
    assert_eq!(table, wanted, "the table should be:\n{}", wanted.join("\n"));
}
