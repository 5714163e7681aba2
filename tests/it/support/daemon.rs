//! The true binary as a child process, with its configuration, its journal and its log.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "waits have deadlines"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use powerlogger::clock::{Clock, SystemClock};
use powerlogger::journal::Reader;
use powerlogger::model::NS_PER_S;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::program::stands_still;

/// How long a condition may take to come true: it ends a test that hangs; no machine is too slow for it.
const PATIENCE_NS: i64 = 300 * NS_PER_S;

/// What a command says that the daemon has kept waiting, and that answers by the journal alone.
pub(crate) const NO_ANSWER: &str = "the daemon does not answer within";

/// All tests' daemons cannot have the one port that is the page's where none is named.
const NO_PORT: &str = "\n[web]\nlisten = \"off\"\n";

/// A daemon and its directory, which goes with it.
#[derive(Debug)]
pub(crate) struct Daemon {
    dir: tempfile::TempDir,
    queue: PathBuf,
    args: Vec<String>,
    env: Vec<(String, String)>,
    child: Child,
}

impl Daemon {
    /// `powerlogger run` with this `powerlogger.toml`, further arguments, and nothing else. It listens at no port where
    /// there is no `[web]`.
    pub(crate) fn start(config: &str, args: &[&str]) -> Daemon {
        Daemon::start_with_env(config, "", args)
    }

    /// The same, with a `.env`.
    pub(crate) fn start_with_env(config: &str, dotenv: &str, args: &[&str]) -> Daemon {
        Daemon::start_on(None, config, dotenv, args, &[])
    }

    /// The same with its journal elsewhere than beside its configuration, and with this in its
    /// environment.
    pub(crate) fn start_on(
        queue: Option<&Path>,
        config: &str,
        dotenv: &str,
        args: &[&str],
        env: &[(String, String)],
    ) -> Daemon {
        // In memory where there is such a place: what a process has written there survives its
        // death as on any disk, and a slow disk stalls nobody.
        let shm = Path::new("/dev/shm");
        let dir = if shm.is_dir() {
            tempfile::tempdir_in(shm)
        } else {
            tempfile::tempdir()
        };
        let dir = dir.unwrap();
        let port = if config.contains("[web]") {
            ""
        } else {
            NO_PORT
        };
        fs::write(
            dir.path().join("powerlogger.toml"),
            format!("{config}{port}"),
        )
        .unwrap();
        fs::write(dir.path().join(".env"), dotenv).unwrap();
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let queue = queue.unwrap_or(dir.path()).to_owned();
        let env = env.to_vec();
        let child = spawn(dir.path(), &queue, &args, &env);
        Daemon {
            dir,
            queue,
            args,
            env,
            child,
        }
    }

    /// Starts it again after its end, on the same directory; the log begins anew.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(self.dir.path(), &self.queue, &self.args, &self.env);
    }

    /// The same with other arguments.
    pub(crate) fn start_again_with(&mut self, args: &[&str]) {
        self.args = args.iter().map(|arg| (*arg).to_owned()).collect();
        self.start_again();
    }

    /// Another command of the binary on the same configuration.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = command(self.dir.path(), &self.queue);
        command.args(args);
        command
    }

    /// Its journal's directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.queue
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged since its last start.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(log_in(self.dir.path())).unwrap_or_default()
    }

    /// Runs another command of the binary on the same configuration; its standard output.
    pub(crate) fn ask(&self, args: &[&str]) -> String {
        let output = self.answered(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// All that it says, even if the daemon had not the time to answer it.
    pub(crate) fn output(&self, args: &[&str]) -> Output {
        command(self.dir.path(), &self.queue)
            .args(args)
            .output()
            .unwrap()
    }

    /// The same by the daemon's own answer, if one runs.
    fn answered(&self, args: &[&str]) -> Output {
        let deadline_ns = SystemClock.mono_ns() + PATIENCE_NS;
        loop {
            let output = self.output(args);
            let stderr = String::from_utf8_lossy(&output.stderr);
            if !stderr.contains(NO_ANSWER) {
                return output;
            }
            assert!(SystemClock.mono_ns() < deadline_ns, "{args:?}: {stderr}");
        }
    }

    /// The same, whatever its exit code, which is returned with the answer.
    pub(crate) fn answer(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = self.answered(args);
        let answer = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), answer)
    }

    /// How things stand by its own answer, whatever is not as it should be. None: it does not answer yet.
    pub(crate) fn status(&self) -> Option<Value> {
        let status: Value = serde_json::from_str(&self.answer(&["status", "--json"]).1).ok()?;
        // What is read of the journal has none.
        status["version"].is_string().then_some(status)
    }

    /// Waits until `holds`.
    pub(crate) fn wait_for(&mut self, what: &str, holds: impl Fn(&Daemon) -> bool) {
        self.wait_for_within(PATIENCE_NS, what, holds);
    }

    /// Waits until the past that it was to begin with has been counted. Weeks of it are minutes of a processor.
    pub(crate) fn wait_for_past(&mut self) {
        self.wait_for_within(6 * PATIENCE_NS, "its past", |daemon| {
            daemon.log().contains("what is past has been counted")
        });
    }

    fn wait_for_within(&mut self, longest_ns: i64, what: &str, holds: impl Fn(&Daemon) -> bool) {
        self.await_within(longest_ns, what, |daemon| {
            if holds(daemon) {
                return Some(());
            }
            let ended = daemon.child.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "ended ({ended:?}) before {what}\n{}",
                daemon.log()
            );
            None
        });
    }

    /// Looks until that gives something; with what it has logged, if it never does.
    fn await_within<T>(
        &mut self,
        longest_ns: i64,
        what: &str,
        mut look: impl FnMut(&mut Daemon) -> Option<T>,
    ) -> T {
        let deadline_ns = SystemClock.mono_ns() + longest_ns;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            let patient = SystemClock.mono_ns() < deadline_ns;
            assert!(patient, "no {what}\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until its page is served on this port of the machine.
    pub(crate) fn wait_for_door(&mut self, port: u16) {
        let url = format!("http://127.0.0.1:{port}/");
        self.wait_for("an open door", |daemon| daemon.log().contains(&url));
    }

    /// Waits until the journal is open and it has said `lines` times that it requested a line.
    pub(crate) fn wait_for_lines(&mut self, lines: usize) {
        self.wait_for("an open journal", |daemon| {
            daemon.log().contains("journal open")
        });
        self.wait_for("lines", |daemon| {
            daemon.log().matches("counting on line").count() >= lines
        });
    }

    /// Waits until the journal has so many pulses in all.
    pub(crate) fn wait_for_pulses(&mut self, pulses: i64) {
        self.wait_for("pulses", |daemon| daemon.pulses() >= pulses);
    }

    /// Pulses in the journal, of all meters.
    pub(crate) fn pulses(&self) -> i64 {
        let Ok(reader) = Reader::open(self.dir()) else {
            return 0;
        };
        reader
            .totals()
            .map_or(0, |totals| totals.iter().map(|meter| meter.pulses).sum())
    }

    /// Stops it with SIGTERM, which it may have yet to listen for, and waits for a good end.
    pub(crate) fn stop(&mut self) {
        self.await_within(PATIENCE_NS, "ear for signals", |daemon| {
            let has_ended = daemon.child.try_wait().unwrap().is_some();
            let pid = daemon.pid().to_string();
            (has_ended || is_in_mask(&pid, "SigCgt:", Signal::TERM)).then_some(())
        });
        self.signal(Signal::TERM);
        let code = self.wait_for_exit();
        assert_eq!(code, Some(0), "{}", self.log());
    }

    /// The same, again after a start, until `holds`: an end waits some seconds for the server, and what a slow machine
    /// has not delivered by then is for the next run.
    pub(crate) fn stop_when(&mut self, what: &str, holds: impl Fn(&Daemon) -> bool) {
        let deadline_ns = SystemClock.mono_ns() + PATIENCE_NS;
        loop {
            self.stop();
            if holds(self) {
                return;
            }
            let patient = SystemClock.mono_ns() < deadline_ns;
            assert!(patient, "no {what}\n{}", self.log());
            let pulses = self.pulses();
            self.start_again();
            self.wait_for_pulses(pulses + 1);
        }
    }

    /// Waits for its end; its exit code.
    pub(crate) fn wait_for_exit(&mut self) -> Option<i32> {
        self.await_within(PATIENCE_NS, "end", |daemon| {
            daemon.child.try_wait().unwrap()
        })
        .code()
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Takes its processor time away; all its threads stand still when this returns.
    pub(crate) fn freeze(&mut self) {
        self.signal(Signal::STOP);
        self.wait_for("standstill", |daemon| stands_still(daemon.pid()));
    }

    /// Gives it back.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary, told of this directory and of nothing in the environment. `PROGRAM` names another one, in
/// words: one that is installed, or is run by qemu.
fn command(dir: &Path, queue: &Path) -> Command {
    let named = std::env::var("PROGRAM").unwrap_or_default();
    let mut words = named.split_whitespace();
    let program = words.next().unwrap_or(env!("CARGO_BIN_EXE_powerlogger"));
    let mut command = if ignores_hangup() {
        let mut env = Command::new("env");
        env.args(["--default-signal=HUP", program]);
        env
    } else {
        Command::new(program)
    };
    command.args(words);
    for (name, _) in std::env::vars() {
        if name.starts_with("INFLUX") || name.starts_with("GPIO_") || name == "QUEUE_DIR" {
            command.env_remove(name);
        }
    }
    command
        .arg("--config-dir")
        .arg(dir)
        .arg("--queue-dir")
        .arg(queue)
        .stdin(Stdio::null());
    command
}

/// Whether the tests run under `nohup` or the like, which children inherit and the daemon respects.
fn ignores_hangup() -> bool {
    is_in_mask("self", "SigIgn:", Signal::HUP)
}

/// Whether a signal is in this mask of a process.
fn is_in_mask(pid: &str, mask: &str, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix(mask));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> (signal.as_raw() - 1) & 1 != 0)
}

fn spawn(dir: &Path, queue: &Path, args: &[String], env: &[(String, String)]) -> Child {
    let log = File::create(log_in(dir)).unwrap();
    let mut run = command(dir, queue);
    run.arg("run").args(args).env("NO_COLOR", "1");
    run.envs(env.iter().cloned());
    run.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

fn log_in(dir: &Path) -> PathBuf {
    dir.join("log")
}
