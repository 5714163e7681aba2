//! Node, Chromium and what npm brings, for the tests of the page (`tests/page`): found, or said to be missing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::program::{find, skip};

/// The oldest Node that is known to run them: that of Debian 12.
const NODE_MIN: u32 = 18;

/// Names under which distributions have it.
const CHROMIUMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// A command of Node, in the project's directory. None: it is missing, which has been said.
pub fn node(test: &str) -> Option<Command> {
    let version = Command::new("node").arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let major = version.ok().and_then(|version| {
        let (major, _) = version.strip_prefix('v')?.split_once('.')?;
        major.parse::<u32>().ok()
    });
    if major.is_none_or(|major| major < NODE_MIN) {
        skip(test, &format!("no Node {NODE_MIN} or newer"));
        return None;
    }
    let mut node = Command::new("node");
    node.current_dir(env!("CARGO_MANIFEST_DIR"));
    Some(node)
}

/// The directory with the packages of npm, if this one is in it. None: it is missing, which has been said.
pub fn package(test: &str, name: &str) -> Option<PathBuf> {
    let dir = std::env::var_os("PAGE_TOOLS").map(PathBuf::from);
    let dir = dir.filter(|dir| dir.join("node_modules").join(name).is_dir());
    if dir.is_none() {
        skip(test, &format!("no {name} of npm: see tests/page/tools"));
    }
    dir
}

/// A walk through the page of a daemon, in Chromium.
#[derive(Debug)]
pub struct Walk {
    command: Command,
}

impl Walk {
    /// These parts of `tests/page/browser.mjs`. None: Node or Chromium is missing, which has been said.
    pub fn of(test: &str, parts: &[&str]) -> Option<Walk> {
        let mut command = node(test)?;
        let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
        let chromium = named.or_else(|| CHROMIUMS.iter().find_map(|name| find(None, name)));
        let Some(chromium) = chromium else {
            skip(test, "no Chromium");
            return None;
        };
        command
            .arg("tests/page/browser.mjs")
            .args(parts)
            .env("CHROMIUM", chromium);
        Some(Walk { command })
    }

    /// With this in its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Walk {
        self.command.env(name, value);
        self
    }

    /// Walks; what it asks for is answered by `answer`.
    ///
    /// # Panics
    /// It found something.
    #[expect(
        clippy::print_stderr,
        reason = "what was measured is printed, and not judged"
    )]
    pub fn through(mut self, port: u16, mut answer: impl FnMut(&str) -> String) {
        self.command
            .env("BASE", format!("http://127.0.0.1:{port}"))
            .env("ASKED", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut child = self.command.spawn().unwrap();
        let mut to = child.stdin.take().unwrap();
        let mut said = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(word) = line.strip_prefix("ask: ") {
                let reply = answer(word);
                writeln!(to, "{reply}").unwrap();
                continue;
            }
            if line.starts_with("measured: ") {
                eprintln!("{line}");
            }
            said += &line;
            said.push('\n');
        }
        let status = child.wait().unwrap();
        assert!(status.success(), "{status}\n{said}");
    }

    /// The same, where nothing is asked for.
    pub fn alone(self, port: u16) {
        self.through(port, |word| panic!("asked for {word}"));
    }
}
