//! What a command ends with: its exit code, and the words about an error.

use std::path::Path;
use std::process::ExitCode;

use crate::config::ConfigError;
use crate::daemon::RunError;
use crate::journal::{JournalError, Refusal};
use crate::text::visible::visible;

/// Something failed.
pub const EXIT_FAILED: u8 = 1;
/// The command line is not understood, or names no command: what clap ends with.
pub const EXIT_USAGE: u8 = 2;
/// Not now; a later try may go better (EX_TEMPFAIL of sysexits.h).
pub const EXIT_TRY_LATER: u8 = 75;
/// The configuration is wrong, or the journal is of a newer version; trying again is of no use (EX_CONFIG
/// of sysexits.h).
pub const EXIT_CONFIG: u8 = 78;

/// The exit code that an error deserves.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    let journal = match error.downcast_ref::<RunError>() {
        Some(RunError::Journal(error)) => Some(error),
        _ => error.downcast_ref::<JournalError>(),
    };
    let temporary = error
        .downcast_ref::<RunError>()
        .is_some_and(RunError::is_temporary);
    let code = match journal.map(JournalError::kind) {
        _ if error.is::<ConfigError>() => EXIT_CONFIG,
        Some("newer_schema" | "holds_real") => EXIT_CONFIG,
        Some("in_use") => EXIT_TRY_LATER,
        _ if temporary => EXIT_TRY_LATER,
        _ => EXIT_FAILED,
    };
    ExitCode::from(code)
}

/// Puts before an error of the journal in `dir` what kind of trouble it is and what to do about it, where its own words
/// do not say that.
pub(super) fn with_remedy(error: anyhow::Error, dir: &Path) -> anyhow::Error {
    let Some(failed) = error.downcast_ref::<JournalError>() else {
        return error;
    };
    let says_it_itself = !matches!(
        failed,
        JournalError::Sql { .. } | JournalError::Unreadable { .. } | JournalError::Sync { .. }
    );
    if says_it_itself || error.to_string() != failed.to_string() {
        return error;
    }
    let Refusal { kind, remedy } = Refusal::of(failed, dir);
    // What keeps this user or this moment from the journal does not concern the daemon.
    let daemon = match kind {
        "permission" | "busy" | "directory" => "",
        _ => ". A daemon that runs counts on in memory: `systemctl status powerlogger`",
    };
    // The daemon's own word for it says what it does next; a command does nothing.
    let remedy = match kind {
        "corrupt" => {
            "`powerlogger run` opens it again, and moves it aside if it is really damaged; \
             `powerlogger import` brings what is whole of it into a new one"
        }
        _ => remedy,
    };
    let dir = dir.display();
    error.context(format!(
        "the journal in {dir} cannot be read ({kind}): {remedy}{daemon}"
    ))
}

/// The chain of an error, a line a cause. Words of files that are in it command no terminal.
pub fn explain(error: &anyhow::Error) -> String {
    let mut lines = vec![format!("powerlogger: {error}")];
    lines.extend(
        error
            .chain()
            .skip(1)
            .map(|cause| format!("  because: {cause}")),
    );
    let text = lines.join("\n");
    visible(&text, &[]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_damaged_journal_it_is_told_who_mends_it() {
        let failure = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        let source = rusqlite::Error::SqliteFailure(failure, None);
        let damaged = JournalError::Sql {
            op: "be read",
            source,
        };
        let told = explain(&with_remedy(damaged.into(), Path::new("/queue")));
        assert!(
            told.contains("(corrupt): `powerlogger run` opens it again"),
            "{told}"
        );
    }

    #[test]
    fn what_sqlite_says_comes_with_its_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        let source = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let unreadable = JournalError::Unreadable { path, source };
        let told = explain(&with_remedy(unreadable.into(), dir.path()));
        let first = told.lines().next().unwrap();
        assert!(
            first.contains("cannot be read (permission): this user may not"),
            "{told}"
        );
        assert!(!told.contains("A daemon that runs"), "{told}");
        let newer = JournalError::NewerSchema { found: 9, known: 3 };
        let told = explain(&with_remedy(newer.into(), dir.path()));
        assert!(
            told.starts_with("powerlogger: the journal has schema 9"),
            "{told}"
        );
    }

    #[test]
    fn no_terminal_obeys_a_file() {
        let error = anyhow::anyhow!("\u{1b}[2J\u{7}\u{9b}5m").context("line 3:\n\tx");
        let told = explain(&error);
        assert!(!told.contains(['\u{1b}', '\u{7}', '\u{9b}']), "{told:?}");
        assert!(told.contains("line 3:\n\tx"), "{told:?}");
    }

    #[test]
    fn a_newer_journal_is_not_tried_again() {
        let newer = || JournalError::NewerSchema { found: 9, known: 3 };
        for error in [
            anyhow::Error::from(newer()),
            anyhow::Error::from(RunError::Journal(newer())),
        ] {
            assert_eq!(exit_code(&error), ExitCode::from(EXIT_CONFIG));
        }
        let no_line = anyhow::Error::from(RunError::NoLine);
        assert_eq!(exit_code(&no_line), ExitCode::from(EXIT_TRY_LATER));
    }
}
