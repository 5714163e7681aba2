//! Other programs that tests run: found by name, killed when the test is over.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::wait::{PATIENCE, wait_for, wait_until};

/// A program named by an environment variable, or on PATH.
pub fn find(variable: Option<&str>, name: &str) -> Option<PathBuf> {
    if let Some(path) = variable.and_then(std::env::var_os) {
        return Some(PathBuf::from(path));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Says that a test has not run, on a line that begins so and can be counted.
#[expect(
    clippy::print_stderr,
    reason = "the one line that a skipped test leaves"
)]
pub fn skip(test: &str, why: &str) {
    // With one test thread the test's name stands on the line already.
    eprintln!("\nskipped: {test} ({why})");
}

/// What a command that has ended said, on both ways.
pub fn said(output: &Output) -> String {
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    said.concat()
}

/// The same of one that must have succeeded.
pub fn good(output: &Output) -> String {
    let said = said(output);
    assert!(output.status.success(), "{said}");
    said
}

/// Runs a command; its exit code and what it said.
pub fn outcome(command: &mut Command) -> (i32, String) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let code = output.status.code();
    (code.expect("no signal ends it"), said(&output))
}

/// Whether all threads of a process that was sent SIGSTOP stand still.
pub fn stands_still(pid: u32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it is there");
    tasks.flatten().all(|task| {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // The state stands behind the name, which ends in the last bracket.
        stat.rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('T'))
    })
}

/// Makes a script that can be started. Another process writes it: a file that this one has open for writing may be open in
/// a child as well that another test is about to start a program in, and cannot be started as long as it is.
pub fn executable(path: &Path, text: &str) {
    let mut child = Command::new("sh")
        .args([
            "-c",
            "umask 022 && cat >\"$0.new\" && chmod 755 \"$0.new\" && mv -f \"$0.new\" \"$0\"",
        ])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(text.as_bytes()).expect("it is read");
    drop(stdin);
    let status = child.wait().expect("our own child");
    assert!(status.success(), "{}: {status}", path.display());
}

/// A running program.
#[derive(Debug)]
pub struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts a command; what it says goes to a file.
    pub fn start(command: &mut Command, log: &Path) -> Program {
        let out = File::create(log).expect("the test's own directory");
        let err = out.try_clone().expect("a descriptor");
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Program {
            child,
            log: log.to_owned(),
        }
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until it has said something that `find` finds.
    pub fn wait_for_log<T>(&mut self, longest: Duration, find: impl Fn(&str) -> Option<T>) -> T {
        wait_for("the program's log", longest, || {
            let log = self.log();
            let found = find(&log);
            let ended = self.child.try_wait().expect("our own child");
            assert!(
                found.is_some() || ended.is_none(),
                "it ended: {ended:?}\n{log}"
            );
            found
        })
    }

    /// The TCP port (IPv4) on which it listens, as the kernel tells: for a program that does
    /// not say which one it got.
    pub fn listening_port(&self) -> Option<u16> {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let sockets: Vec<String> = std::fs::read_dir(process.join("fd"))
            .ok()?
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.replace(']', "")))
            .collect();
        let table = std::fs::read_to_string(process.join("net/tcp")).ok()?;
        table.lines().skip(1).find_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, local, _, "0A", _, _, _, _, _, inode, ..] = words[..] else {
                return None;
            };
            let (_, port) = local.split_once(':')?;
            let ours = sockets.iter().any(|socket| socket == inode);
            ours.then(|| u16::from_str_radix(port, 16).ok())?
        })
    }

    /// Takes its processor time away; all its threads stand still when this returns.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        wait_until("standstill", PATIENCE, || stands_still(self.child.id()));
    }

    /// Gives it back.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Sends a signal and waits for the end.
    pub fn end(mut self, signal: Signal, longest: Duration) -> ExitStatus {
        self.signal(signal);
        wait_for("the program's end", longest, || {
            self.child.try_wait().expect("our own child")
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
