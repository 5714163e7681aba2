//! A real InfluxDB 2, for as long as a test.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use super::port::Port;
use super::program::{Program, find, skip};
pub use super::remote::{OPERATOR, ORG};
use super::remote::{Remote, text};
use super::wait::PATIENCE;

/// The server, its files and its port. Killed when dropped.
#[derive(Debug)]
pub struct Influxd {
    binary: PathBuf,
    dir: TempDir,
    program: Option<Program>,
    port: Port,
    remote: Remote,
}

impl Influxd {
    /// Starts the server named by INFLUXD, or found on PATH, and sets it up. None: there is
    /// none, which has been said on standard error.
    pub fn start(test: &str) -> Option<Influxd> {
        let Some(binary) = find(Some("INFLUXD"), "influxd") else {
            skip(test, "no INFLUXD and no influxd on PATH");
            return None;
        };
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut influxd = Influxd {
            binary,
            dir,
            program: None,
            port: Port::keep(),
            remote: Remote::default(),
        };
        influxd.restart();
        let setup = json!({
            "username": "owner", "password": "a-long-password", "org": ORG, "bucket": "first",
            "token": OPERATOR,
        });
        let made = influxd.call("POST", "/api/v2/setup", Some(&setup));
        influxd.remote.org_id = text(&made["org"]["id"]);
        Some(influxd)
    }

    /// Starts again over the same files, on the same port.
    pub fn restart(&mut self) {
        assert!(self.program.is_none(), "it runs already");
        let path = |name: &str| self.dir.path().join(name);
        let mut command = Command::new(&self.binary);
        command
            .arg("--http-bind-address")
            .arg(format!("127.0.0.1:{}", self.port.number()))
            .arg("--bolt-path")
            .arg(path("bolt"))
            .arg("--sqlite-path")
            .arg(path("sqlite"))
            .arg("--engine-path")
            .arg(path("engine"))
            .args([
                "--reporting-disabled",
                "--ui-disabled",
                // It refuses what a busy machine takes longer for.
                "--storage-write-timeout",
                "10m",
                "--http-read-header-timeout",
                "10m",
                "--log-level",
                "info",
            ]);
        let mut program = Program::start(&mut command, &path("log"));
        let port = program.wait_for_log(PATIENCE, port_in_log);
        self.remote.url = format!("http://127.0.0.1:{port}");
        self.program = Some(program);
    }

    /// Ends it as a service manager does that knows it: SIGINT.
    pub fn stop(&mut self) -> ExitStatus {
        self.end(Signal::INT)
    }

    /// SIGTERM, which it does not handle: it dies at once.
    pub fn terminate(&mut self) -> ExitStatus {
        self.end(Signal::TERM)
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> ExitStatus {
        self.end(Signal::KILL)
    }

    fn end(&mut self, signal: Signal) -> ExitStatus {
        self.program.take().expect("it runs").end(signal, PATIENCE)
    }

    /// A copy of its files; it must not run meanwhile.
    pub fn backup(&self) -> TempDir {
        assert!(self.program.is_none(), "it runs");
        let copy = tempfile::tempdir().expect("a temporary directory");
        copy_files(self.dir.path(), copy.path());
        copy
    }

    /// Puts a copy back in place of its files; it must not run meanwhile.
    pub fn restore(&self, copy: &TempDir) {
        assert!(self.program.is_none(), "it runs");
        for entry in fs::read_dir(self.dir.path()).expect("its directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                fs::remove_dir_all(path).expect("its files");
            } else {
                fs::remove_file(path).expect("its file");
            }
        }
        copy_files(copy.path(), self.dir.path());
    }
}

impl Deref for Influxd {
    type Target = Remote;

    fn deref(&self) -> &Remote {
        &self.remote
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            fs::create_dir(&target).expect("a new directory");
            copy_files(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a file");
        }
    }
}

/// The port in the line that says that it listens for HTTP.
fn port_in_log(log: &str) -> Option<u16> {
    let line = log
        .lines()
        .find(|line| line.contains("Listening") && line.contains("http"))?;
    let (_, rest) = line.split_once(" port=")?;
    rest.split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}
