//! The checks of this machine: configuration, lines, journal, clock, service.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::check::{Check, Checks};
use super::error::VerifyError;
use super::installed;
use super::unlisted::unlisted;
use crate::answers::ask::{Asked, PATIENCE, ask};
use crate::answers::reach::{Reach, how_to_open};
use crate::civil::local;
use crate::clock::kernel;
use crate::clock::segment::EARLIEST_WALL_NS;
use crate::clock::{Clock, SystemClock};
use crate::config::in_use::configured_meters;
use crate::config::{Influx, Loaded};
use crate::journal::Reader;
use crate::journal::Refusal;
use crate::journal::{JournalError, file_in};
use crate::journal::{holder, is_locked};
use crate::model::{DeliveryState, IdRange, ViewsState};
use crate::status::line::Daemon;
use crate::status::{Status, StatusOf, clock_words};
use crate::text::numbers::{count, size};
use serde::de::IgnoredAny;

/// With less than this the journal is soon full.
const FREE_BYTES_MIN: u64 = 100 << 20;

/// The unit.
const UNIT: &str = "powerlogger.service";

pub(super) fn configuration(loaded: &Loaded, checks: &mut Checks<'_>) -> Result<(), VerifyError> {
    let dir = loaded.config_dir.display();
    let files = match loaded.files.as_slice() {
        [] => "no file, everything is default".to_owned(),
        files => files.join(" and "),
    };
    let meters = count(loaded.settings.meters.len() as i128, "meter");
    let seen = format!("{files} in {dir}, {meters}");
    let unlisted = unlisted(loaded);
    let notes: Vec<String> = loaded.notes.iter().cloned().chain(unlisted).collect();
    checks.add(match loaded.check() {
        Err(wrong) => {
            let problems: Vec<String> = wrong.problems.iter().map(ToString::to_string).collect();
            let remedy = "correct it; `powerlogger config check` lists all of it";
            Check::bad(
                "configuration",
                format!("{seen}: {}", problems.join("; ")),
                remedy,
            )
        }
        Ok(()) if notes.is_empty() => Check::good("configuration", seen),
        Ok(()) => Check::note("configuration", seen, notes.join("; ")),
    })
}

pub(super) fn journal(loaded: &Loaded, checks: &mut Checks<'_>) -> Result<(), VerifyError> {
    let dir = &loaded.settings.journal.dir;
    let what = "journal";
    checks.add(writable(dir))?;
    if let Ok(space) = rustix::fs::statvfs(existing(dir)) {
        let free = space.f_bavail * space.f_frsize;
        let seen = format!("{} free", size(free));
        checks.add(if free < FREE_BYTES_MIN {
            let remedy = "make room on this disk, or name another directory in QUEUE_DIR";
            Check::bad("journal, space", seen, remedy)
        } else {
            Check::good("journal, space", seen)
        })?;
    }
    let check = match Reader::open(dir) {
        Ok(reader) => match reader.quick_check() {
            Ok(None) => {
                let pulses = reader.bounds()?.map_or(0, IdRange::len);
                let pulses = count(pulses, "pulse");
                let seen = format!("{}, {pulses}, intact", file_in(dir).display());
                if reader.is_simulated()? {
                    let note = "the pulses in it are SIMULATED, not yours; `powerlogger run` moves it aside";
                    Check::note(what, seen, note)
                } else {
                    Check::good(what, seen)
                }
            }
            Ok(Some(damage)) => Check::bad(
                what,
                format!("damaged: {damage}"),
                "stop the daemon and start it again: it moves a damaged journal aside, starts a new one \
                 and goes on counting",
            ),
            Err(failed) => Check::bad(what, failed.to_string(), Refusal::of(&failed, dir).remedy),
        },
        Err(JournalError::Missing { .. }) => {
            Check::note(what, "there is none yet", "`powerlogger run` makes it")
        }
        Err(failed) => Check::bad(what, failed.to_string(), Refusal::of(&failed, dir).remedy),
    };
    checks.add(check)
}

/// Whether the journal's directory takes files.
fn writable(dir: &Path) -> Check {
    let what = "journal, directory";
    let seen = dir.display().to_string();
    let near = existing(dir);
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    // As the daemon's user, whom root has become.
    match rustix::fs::access(near, access) {
        Ok(()) => match unwritable(dir) {
            None => Check::good(what, format!("{seen}, writable")),
            Some(file) => Check::bad(
                what,
                format!("{} may not be written", file.display()),
                format!(
                    "it belongs to another user than the daemon's: `sudo chown -R --reference={seen} {seen}`"
                ),
            ),
        },
        Err(_) if is_locked(dir) => Check::good(what, format!("{seen}, used by the daemon")),
        Err(errno) => Check::bad(
            what,
            format!("{seen}: {errno}"),
            format!(
                "make {} writable for the user that runs powerlogger",
                near.display()
            ),
        ),
    }
}

/// A file of the journal that is there and does not take what the daemon has to write.
fn unwritable(dir: &Path) -> Option<PathBuf> {
    let file = file_in(dir);
    let beside = |suffix: &str| {
        let mut name = file.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    };
    let files = [beside(""), beside("-wal"), beside("-shm"), dir.join("lock")];
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::READ_OK;
    files
        .into_iter()
        .find(|file| file.exists() && rustix::fs::access(file, access).is_err())
}

/// The path, or the nearest directory above it that is there.
fn existing(path: &Path) -> &Path {
    path.ancestors()
        .find(|path| path.exists())
        .unwrap_or(Path::new("/"))
}

pub(super) fn clock(loaded: &Loaded, checks: &mut Checks<'_>) -> Result<(), VerifyError> {
    if SystemClock.wall_ns() < EARLIEST_WALL_NS {
        return checks.add(Check::bad(
            "clock",
            local(SystemClock.wall_ns()),
            "the date is wrong: set the clock or switch on NTP; pulses are counted and kept meanwhile, \
             and delivered when the time is known",
        ));
    }
    let now = local(SystemClock.wall_ns());
    let settings = loaded.settings.clock;
    let rtc = settings
        .rtc
        .unwrap_or_else(|| kernel::has_rtc(SystemClock.wall_ns()));
    checks.add(if kernel::is_synchronised() {
        Check::good("clock", "synchronised (NTP)")
    } else if rtc {
        Check::note(
            "clock",
            now,
            "not synchronised; the machine's battery-backed clock is trusted: \
             `timedatectl set-ntp true` switches NTP on",
        )
    } else if settings.assume {
        Check::note(
            "clock",
            now,
            format!(
                "not synchronised; trusted {} s after the start all the same \
                 (clock.without_ntp = \"assume\")",
                settings.max_wait_s
            ),
        )
    } else {
        Check::note(
            "clock",
            now,
            "not synchronised, and there is no battery-backed clock: pulses are counted and kept, and \
             delivered once the time is known: switch NTP on (`timedatectl set-ntp true`), set the clock \
             by hand, or set clock.without_ntp = \"assume\"",
        )
    })
}

/// Where the page is, or will be.
pub(super) fn page(loaded: &Loaded, checks: &mut Checks<'_>) -> Result<(), VerifyError> {
    let (what, listen) = ("page", &loaded.settings.web.listen);
    let reach = Reach::look();
    let pages = reach.pages(listen).join(" ");
    checks.add(match how_to_open(listen, &loaded.config_dir, &reach) {
        _ if pages.is_empty() => Check::off(
            what,
            "off",
            "listen = \"loopback\" or \"lan\" below [web] in powerlogger.toml serves it",
        ),
        Some(how) => Check::note(what, format!("{pages} on this machine"), how),
        None => Check::good(what, pages),
    })
}

/// What waits in the journal's directory to be imported.
pub(super) fn waiting(loaded: &Loaded, checks: &mut Checks<'_>) -> Result<(), VerifyError> {
    for path in crate::import::waiting(&loaded.settings.journal.dir) {
        let kib = fs::metadata(&path).map_or(0, |meta| meta.len()) >> 10;
        let seen = format!("{} ({kib} KiB)", path.display());
        checks.add(if crate::import::is_python_queue(&path) {
            Check::note(
                "queue of the Python edition",
                seen,
                crate::import::how_to_import(&path),
            )
        } else {
            Check::bad(
                "journal that was damaged",
                seen,
                crate::import::how_to_import(&path),
            )
        })?;
    }
    Ok(())
}

pub(super) fn service(loaded: &Loaded, checks: &mut Checks<'_>) -> Result<(), VerifyError> {
    let dir = &loaded.settings.journal.dir;
    let running = is_locked(dir);
    let state = run("systemctl", &["is-active", UNIT]);
    let stands_still = || ask::<IgnoredAny>("/api/v1/status", dir, None) == Asked::Silent;
    checks.add(match (state.as_deref(), running) {
        (_, true) if stands_still() => Check::note(
            "daemon",
            format!("holds the journal, and does not answer within {} s", PATIENCE.as_secs()),
            "a machine that is busy, or a daemon that stands still: its log tells (`journalctl -u powerlogger -n 50`)",
        ),
        (Some("active"), true) => Check::good("service", "active; it holds the journal"),
        (Some("active"), false) => Check::bad(
            "service",
            "active, but no daemon holds the journal of this configuration",
            "the service uses another configuration: see `systemctl cat powerlogger`, or look with \
             --config-dir /etc/powerlogger",
        ),
        (_, true) => Check::good("daemon", "running (not as the service)"),
        (Some("failed"), false) => Check::bad(
            "service",
            "failed",
            "`journalctl -u powerlogger -n 50` tells why; then `sudo systemctl restart powerlogger`",
        ),
        (Some(state), false) if is_enabled() => Check::bad(
            "service",
            format!("{state}: nothing is counted"),
            "`sudo systemctl start powerlogger` starts it",
        ),
        // It has not been asked for yet: `verify` comes before the first start.
        (_, false) => Check::off(
            "daemon",
            "not running: nothing is counted",
            format!("what starts it: {}", installed::start()),
        ),
    })?;
    newest(loaded, checks)
}

/// Whether the service is to run on this machine.
fn is_enabled() -> bool {
    run("systemctl", &["is-enabled", UNIT]).as_deref() == Some("enabled")
}

/// What the journal tells of the newest pulses, and of delivery.
fn newest(loaded: &Loaded, checks: &mut Checks<'_>) -> Result<(), VerifyError> {
    let Ok(mut reader) = Reader::open(&loaded.settings.journal.dir) else {
        return Ok(());
    };
    let destination = match &loaded.settings.influx {
        Influx::Configured(influx) => Some(crate::config::destination_name(influx)),
        Influx::NotConfigured(_) => None,
    };
    let wanted = StatusOf {
        destination: destination.as_deref(),
        meters: &configured_meters(loaded),
        daemon: holder(&loaded.settings.journal.dir).into(),
    };
    let status = Status::take(&mut reader, wanted, SystemClock.wall_ns())?;
    if let Some(clock) = &status.clock {
        let words = clock_words(clock);
        let seen = clock.trust.to_owned();
        checks.add(match clock.trust {
            "provisional" => Check::note("clock of the newest pulses", seen, words),
            _ => Check::good("clock of the newest pulses", words),
        })?;
    }
    // That none runs is told already, and no fault of a line.
    let is_stopped = status.daemon == Daemon::Stopped;
    for (meter, line) in status.unread().filter(|_| !is_stopped) {
        checks.add(Check::bad(
            format!("daemon, line of {meter}"),
            "the running daemon does not read it: nothing is counted",
            line.why.clone(),
        ))?;
    }
    for meter in status.meters.iter().filter(|meter| meter.is_silent) {
        checks.add(Check::bad(
            format!("pulses of {}", meter.name),
            "none for longer than usual",
            "look at the meter, its sensor and wires",
        ))?;
    }
    super::lines::filters(&status, checks)?;
    let Some(delivery) = status.delivery else {
        return Ok(());
    };
    let waiting = match delivery.backlog {
        1 => "1 pulse waits".to_owned(),
        backlog => format!("{} wait", count(backlog, "pulse")),
    };
    checks.add(match &delivery.state {
        DeliveryState::NoAnswer | DeliveryState::Works => Check::good("delivery", waiting),
        DeliveryState::Fails(state) => {
            Check::bad("delivery", format!("{state}; {waiting}"), delivery.message)
        }
    })?;
    let views = delivery.views;
    if !matches!(views.state, ViewsState::NotCompared | ViewsState::Works) {
        checks.add(Check::bad("windows", views.state.word(), views.message))?;
    }
    Ok(())
}

/// The answer of a program; None: it is not there, or says nothing.
fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!text.is_empty()).then_some(text)
}
