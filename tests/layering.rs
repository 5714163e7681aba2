//! Who may call whom, that no files lean on each other, what a word may mean, and how large a file may grow: the
//! table of ARCHITECTURE.md, kept true.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

/// Room → the rooms it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("text", &[]),
    ("civil", &["model"]),
    ("clock", &["model"]),
    ("config", &["model", "energy"]),
    ("live", &["model"]),
    ("intake", &["model", "clock", "live"]),
    ("system", &[]),
    ("owner", &[]),
    (
        "capture",
        &[
            "model", "clock", "config", "live", "intake", "system", "owner",
        ],
    ),
    (
        "journal",
        &[
            "model", "clock", "config", "energy", "live", "intake", "owner",
        ],
    ),
    ("energy", &["model"]),
    ("tune", &["text", "model", "config", "capture"]),
    ("tls", &[]),
    ("influx", &["text", "tls"]),
    (
        "server",
        &[
            "model", "clock", "config", "influx", "journal", "live", "energy",
        ],
    ),
    (
        "deliver",
        &[
            "civil", "model", "clock", "config", "live", "journal", "influx", "server",
        ],
    ),
    (
        "reconcile",
        &[
            "civil", "model", "clock", "config", "live", "journal", "influx", "server",
        ],
    ),
    (
        "import",
        &[
            "text", "civil", "model", "clock", "config", "journal", "owner",
        ],
    ),
    (
        "export",
        &[
            "text", "model", "clock", "config", "energy", "journal", "influx", "import",
        ],
    ),
    ("backup", &["model", "journal", "owner"]),
    ("setup", &["model", "config", "influx", "owner"]),
    (
        "answers",
        &[
            "model", "config", "energy", "journal", "live", "status", "import", "owner",
        ],
    ),
    (
        "web",
        &[
            "model", "clock", "config", "energy", "live", "journal", "owner", "status", "answers",
            "system",
        ],
    ),
    ("status", &["model", "clock", "energy", "journal", "live"]),
    (
        "alarm",
        &[
            "civil", "model", "clock", "config", "journal", "live", "influx", "server", "status",
            "mqtt",
        ],
    ),
    (
        "verify",
        &[
            "alarm", "text", "civil", "model", "clock", "config", "capture", "journal", "influx",
            "owner", "import", "setup", "status", "answers", "mqtt",
        ],
    ),
    (
        "mqtt",
        &[
            "model", "clock", "config", "energy", "live", "journal", "status", "answers", "tls",
            "setup", "system",
        ],
    ),
    ("watch", &["model", "clock", "config", "capture", "answers"]),
    (
        "daemon",
        &[
            "model",
            "clock",
            "config",
            "intake",
            "capture",
            "journal",
            "deliver",
            "reconcile",
            "server",
            "status",
            "live",
            "system",
            "mqtt",
            "web",
            "alarm",
        ],
    ),
    (
        "start",
        &[
            "civil",
            "model",
            "clock",
            "config",
            "capture",
            "journal",
            "deliver",
            "reconcile",
            "influx",
            "import",
            "system",
            "owner",
            "live",
            "status",
            "daemon",
            "answers",
        ],
    ),
    (
        "cli",
        &[
            "text",
            "civil",
            "model",
            "clock",
            "config",
            "capture",
            "journal",
            "deliver",
            "reconcile",
            "influx",
            "server",
            "import",
            "export",
            "backup",
            "system",
            "owner",
            "setup",
            "energy",
            "live",
            "status",
            "verify",
            "daemon",
            "start",
            "answers",
            "tune",
            "watch",
            "alarm",
        ],
    ),
];

/// Production lines (those above the tests) that a file may have.
const FILE_LINES_MAX: usize = 400;

/// Lines that a function may have.
const FUNCTION_LINES_MAX: usize = 70;

fn sources() -> Vec<PathBuf> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    found.sort();
    assert!(found.len() > 20, "the walk finds the sources");
    found
}

/// The production part of a file: without items that are made for tests only.
fn production(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let mut kept = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            kept.push_str(line);
            kept.push('\n');
            continue;
        }
        // The item ends where rustfmt closes it, or with its semicolon.
        let close = format!("{}}}", " ".repeat(line.len() - line.trim_start().len()));
        for line in lines.by_ref() {
            if line == close
                || line.ends_with(';') && line.len() - line.trim_start().len() < close.len()
            {
                break;
            }
        }
    }
    kept
}

fn is_test_file(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_str().unwrap();
    name == "tests" || name.ends_with("_tests") || path.parent().unwrap().ends_with("tests")
}

fn room(path: &Path) -> String {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let first = path.strip_prefix(src).unwrap().components().next().unwrap();
    first
        .as_os_str()
        .to_str()
        .unwrap()
        .trim_end_matches(".rs")
        .to_owned()
}

#[test]
fn rooms_use_only_whom_they_may() {
    let table: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    let mut wrong = Vec::new();
    for path in sources().iter().filter(|path| !is_test_file(path)) {
        let room = room(path);
        if room == "main" || room == "lib" {
            continue;
        }
        let allowed = table
            .get(room.as_str())
            .unwrap_or_else(|| panic!("{room} is in the table"));
        for line in production(path).lines() {
            let line = line.trim_start();
            if line.starts_with("//") {
                continue;
            }
            for used in line.split("crate::").skip(1) {
                let used: String = used
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                if used != room && !allowed.contains(&used.as_str()) {
                    wrong.push(format!("{}: {room} uses {used}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_room_swallows_the_house() {
    let mut wrong = Vec::new();
    for path in sources().iter().filter(|path| !is_test_file(path)) {
        let lines = production(path).lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{}: {lines} lines", path.display()));
        }
        for (name, lines) in functions(&production(path)) {
            if lines > FUNCTION_LINES_MAX {
                wrong.push(format!("{}: {name} has {lines} lines", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The packages are built with Rust 1.85, which has no chain of conditions with `let`; clippy warns of newer functions alone.
#[test]
fn no_condition_is_newer_than_the_compiler_of_the_packages() {
    let mut wrong = Vec::new();
    for path in sources() {
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let code = line.trim_start();
            if !code.starts_with("//") && code.contains("&& let ") {
                wrong.push(format!("{}:{}: {code}", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Functions with their length, by indentation: rustfmt closes each at the column of its `fn`.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        if !is_function(code) || line.ends_with(';') {
            continue;
        }
        let indent = line.len() - code.len();
        let close = format!("{}}}", " ".repeat(indent));
        let length = lines[start..].iter().position(|line| *line == close);
        found.push((code.to_owned(), length.map_or(1, |length| length + 1)));
    }
    found
}

/// Whether a line begins a function, whoever may call it and of whatever kind it is.
fn is_function(code: &str) -> bool {
    let mut code = without_visibility(code);
    for word in ["default ", "const ", "async ", "unsafe ", "extern \"C\" "] {
        code = code.strip_prefix(word).unwrap_or(code);
    }
    code.starts_with("fn ")
}

/// A line without `pub`, `pub(crate)`, `pub(in …)`.
fn without_visibility(code: &str) -> &str {
    let Some(rest) = code.strip_prefix("pub") else {
        return code;
    };
    let rest = match rest.strip_prefix('(') {
        Some(rest) => rest.split_once(')').map_or(rest, |(_, rest)| rest),
        None => rest,
    };
    rest.strip_prefix(' ').unwrap_or(code)
}

#[test]
fn functions_of_every_kind_are_seen() {
    for code in [
        "fn a() {",
        "pub fn a() {",
        "pub(in crate::journal) fn a() {",
        "const fn a() {",
        "pub async fn a() {",
        "pub(crate) const unsafe fn a() {",
    ] {
        assert!(is_function(code), "{code}");
    }
    assert!(!is_function("const A: fn() = b;") && !is_function("publish();"));
}

#[test]
fn every_file_says_what_it_is_for() {
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("//!"),
            "{} begins with a //! line",
            path.display()
        );
    }
}

/// A module's path below `crate`.
type ModulePath = Vec<String>;

/// A file as the compiler sees it: where it is in the tree of modules, and what it names.
#[derive(Debug, Default)]
struct Module {
    file: PathBuf,
    /// Its imports: the name here, what it stands for, whether others see it.
    imports: Vec<(String, ModulePath, bool)>,
    /// Paths beside the imports.
    paths: Vec<ModulePath>,
    /// The code without the imports.
    code: String,
}

/// All modules of the program.
struct Modules(BTreeMap<ModulePath, Module>);

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
}

fn module_path(path: &Path) -> ModulePath {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let below = path.strip_prefix(src).unwrap().with_extension("");
    let mut parts: ModulePath = below
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// The paths that a tree of imports stands for, with the name of each here.
fn expand(prefix: &[String], tree: &str, found: &mut Vec<(String, ModulePath)>) {
    let tree = tree.trim();
    if let Some((head, list)) = tree.split_once('{') {
        let list = list.trim_end().strip_suffix('}').unwrap_or(list);
        let mut prefix = prefix.to_vec();
        prefix.extend(words(head).map(str::to_owned));
        let (mut depth, mut from) = (0, 0);
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    expand(&prefix, &list[from..at], found);
                    from = at + 1;
                }
                _ => {}
            }
        }
        expand(&prefix, &list[from..], found);
    } else if !tree.is_empty() {
        let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
        let mut full = prefix.to_vec();
        full.extend(words(path).map(str::to_owned));
        if path.ends_with("::*") || path == "*" {
            full.push("*".to_owned());
        }
        if full.last().is_some_and(|last| last == "self") {
            full.pop();
        }
        let name = words(alias).next().or(full.last().map(String::as_str));
        found.push((name.unwrap_or_default().to_owned(), full));
    }
}

/// A path from `crate`; None: it is of another crate, or of a name within the file.
fn absolute(from: &[String], path: &[String], children: &[String]) -> Option<ModulePath> {
    let mut base = from.to_vec();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => {
            base.clear();
            rest = &path[1..];
        }
        "self" => rest = &path[1..],
        "super" => {}
        first if children.iter().any(|child| child == first) => {}
        _ => return None,
    }
    while let Some(("super", after)) = rest.split_first().map(|(word, rest)| (word.as_str(), rest))
    {
        base.pop()?;
        rest = after;
    }
    base.extend(rest.iter().cloned());
    Some(base)
}

/// The file without comments.
fn code_of(path: &Path) -> String {
    let text = production(path);
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.map(|line| format!("{line}\n")).collect()
}

impl Modules {
    fn read() -> Modules {
        let files = sources().into_iter().filter(|path| !is_test_file(path));
        let mut modules: BTreeMap<ModulePath, Module> = files
            .map(|file| {
                (
                    module_path(&file),
                    Module {
                        file,
                        ..Module::default()
                    },
                )
            })
            .collect();
        let known: Vec<ModulePath> = modules.keys().cloned().collect();
        for (at, module) in &mut modules {
            let children = known
                .iter()
                .filter(|path| path.len() == at.len() + 1 && path.starts_with(at));
            let children: Vec<String> = children.map(|path| path[at.len()].clone()).collect();
            module.look_at(at, &children);
        }
        Modules(modules)
    }

    /// The module whose file defines what a path names.
    fn definer(&self, path: &[String], depth: usize) -> Option<&ModulePath> {
        let length = (0..=path.len())
            .rev()
            .find(|length| self.0.contains_key(&path[..*length]))?;
        let (at, module) = self.0.get_key_value(&path[..length])?;
        let Some(name) = path.get(length).filter(|name| *name != "*" && depth < 8) else {
            return Some(at);
        };
        let import = module.imports.iter().find(|import| import.0 == *name);
        match import {
            Some((_, to, _)) if to.as_slice() != path => {
                let mut to = to.clone();
                to.extend(path[length + 1..].iter().cloned());
                self.definer(&to, depth + 1)
            }
            _ => Some(at),
        }
    }

    /// What each file of a room needs of the other files of it.
    fn arrows(&self, room: &str) -> BTreeMap<&ModulePath, Vec<&ModulePath>> {
        let of_room = |path: &&ModulePath| path.first().is_some_and(|first| first == room);
        let mut arrows = BTreeMap::new();
        for (at, module) in self.0.iter().filter(|(at, _)| of_room(at)) {
            let used = |name: &str| name == "*" || words(&module.code).any(|word| word == name);
            let imports = module
                .imports
                .iter()
                .filter(|(name, _, is_seen)| !is_seen || used(name));
            let named = imports.map(|(_, path, _)| path).chain(&module.paths);
            let mut to: Vec<_> = named
                .filter_map(|path| self.definer(path, 0))
                .filter(|to| *to != at && of_room(to) && !self.0[*to].is_face())
                .collect();
            to.sort();
            to.dedup();
            arrows.insert(at, to);
        }
        arrows
    }
}

impl Module {
    fn look_at(&mut self, at: &[String], children: &[String]) {
        let text = code_of(&self.file);
        let mut rest = text.as_str();
        while let Some((line, after)) = rest.split_once('\n') {
            let code = without_visibility(line.trim_start());
            let Some(tree) = code.strip_prefix("use ") else {
                self.code.push_str(line);
                self.code.push('\n');
                rest = after;
                continue;
            };
            let is_seen = code.len() < line.trim_start().len();
            let from = text.len() - rest.len() + line.len() - tree.len();
            let to = from + text[from..].find(';').unwrap();
            let mut found = Vec::new();
            expand(&[], &text[from..to], &mut found);
            let found = found
                .into_iter()
                .filter_map(|(name, path)| Some((name, absolute(at, &path, children)?, is_seen)));
            self.imports.extend(found);
            rest = &text[to + 1..];
        }
        for place in self.code.match_indices("::").map(|(place, _)| place) {
            let start = self.code[..place]
                .rfind(|c: char| !(c.is_alphanumeric() || c == '_'))
                .map_or(0, |at| at + 1);
            // The first word of a path alone.
            if self.code[..start].ends_with("::") {
                continue;
            }
            let end =
                self.code[start..].find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let path = &self.code[start..end.map_or(self.code.len(), |end| start + end)];
            let path: ModulePath = words(path).map(str::to_owned).collect();
            self.paths.extend(absolute(at, &path, children));
        }
    }

    /// Whether it only declares modules and names what is in them.
    fn is_face(&self) -> bool {
        let mut lines = self
            .code
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty());
        lines.all(|line| without_visibility(line).starts_with("mod ") || line.starts_with("#["))
    }
}

/// The shortest circle through `start`; empty: there is none.
fn circle<'a>(
    arrows: &BTreeMap<&'a ModulePath, Vec<&'a ModulePath>>,
    start: &'a ModulePath,
) -> Vec<&'a ModulePath> {
    let mut ways: VecDeque<Vec<&ModulePath>> = [vec![start]].into();
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in &arrows[way[way.len() - 1]] {
            let mut way = way.clone();
            way.push(next);
            if *next == start {
                return way;
            }
            if seen.insert(*next) {
                ways.push_back(way);
            }
        }
    }
    Vec::new()
}

#[test]
fn no_circle_of_files_in_any_room() {
    let modules = Modules::read();
    let mut wrong = Vec::new();
    for (room, _) in MAY_USE {
        let arrows = modules.arrows(room);
        let mut told = BTreeSet::new();
        for start in arrows.keys() {
            let found = circle(&arrows, start);
            if told.insert(found.iter().copied().collect::<BTreeSet<_>>()) && !found.is_empty() {
                let names: Vec<String> = found.iter().map(|at| at.join("::")).collect();
                wrong.push(names.join(" → "));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The folders of the journal, from the ground up: none uses one above it.
const JOURNAL_FLOORS: &[&str] = &["db", "handles", "tables", "stages", "salvage"];

#[test]
fn floors_of_the_journal_use_only_those_below() {
    let modules = Modules::read();
    let floor = |at: &ModulePath| {
        JOURNAL_FLOORS
            .iter()
            .position(|floor| at.get(1).is_some_and(|folder| folder == floor))
    };
    let mut wrong = Vec::new();
    for (at, to) in modules.arrows("journal") {
        for to in to
            .into_iter()
            .filter(|to| floor(at).is_some() && floor(to) > floor(at))
        {
            wrong.push(format!("{} uses {}", at.join("::"), to.join("::")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_type_name_has_two_meanings() {
    let mut known: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in sources().into_iter().filter(|path| !is_test_file(path)) {
        for line in code_of(&path).lines() {
            let code = without_visibility(line.trim_start());
            let kinds = ["struct ", "enum ", "trait ", "type "];
            let Some(name) = kinds.iter().find_map(|kind| code.strip_prefix(kind)) else {
                continue;
            };
            // What is private to a file, or belongs to a trait, is nobody else's word.
            if code.len() == line.trim_start().len() {
                continue;
            }
            let name = words(name).next().unwrap().to_owned();
            known.entry(name).or_default().push(path.clone());
        }
    }
    known.retain(|_, paths| paths.len() > 1);
    assert!(known.is_empty(), "{known:#?}");
}
