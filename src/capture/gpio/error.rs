//! What can be wrong with a line: a closed set, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use thiserror::Error;

use super::consumer::{FORMER_CONSUMER, request_of};

/// Why a line cannot be found, requested or read.
#[derive(Debug, Error)]
pub enum GpioError {
    /// The machine has no GPIO chip at all, or none yet.
    #[error("this machine has no GPIO chip (no /dev/gpiochip*)")]
    NoChip,
    /// The configured chip is not there.
    #[error("there is no GPIO chip {chip:?}; there are {seen}")]
    ChipNotFound {
        /// The chip as configured.
        chip: String,
        /// The chips that are there.
        seen: String,
    },
    /// None of the chips looked at has the line.
    #[error("there is no line {line} on {place}")]
    LineNotFound {
        /// The line as configured.
        line: String,
        /// The chips looked at.
        place: String,
    },
    /// Several lines fit what is configured.
    #[error("line {line} could be on any of {chips}")]
    Ambiguous {
        /// The line as configured.
        line: String,
        /// The chips it could be on.
        chips: String,
    },
    /// The user may not open the chip.
    #[error("permission denied on {}", path.display())]
    PermissionDenied {
        /// The chip's device file.
        path: PathBuf,
    },
    /// Another process has requested the line.
    #[error("line {line} is in use by {consumer:?}")]
    Busy {
        /// The line and its chip.
        line: String,
        /// The name under which it was requested.
        consumer: String,
    },
    /// Another meter's line is this very line, in another spelling.
    #[error("line {line} is already read for meter {meter:?}")]
    Shared {
        /// The line and its chip.
        line: String,
        /// The meter that has it.
        meter: String,
    },
    /// The chip has gone while its line was requested.
    #[error("the chip of line {line} has gone")]
    Gone {
        /// The line and its chip.
        line: String,
    },
    /// The kernel or the chip cannot watch the edges of the line as configured.
    #[error("the edges of line {line} cannot be watched")]
    Unsupported {
        /// The line and its chip.
        line: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Anything else the kernel said.
    #[error("cannot {call} {what}")]
    Os {
        /// What was tried.
        call: &'static str,
        /// With what.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
}

impl GpioError {
    /// What the kernel's answer to a call about a line or a chip means. `busy` is asked for
    /// the name of the process that has the line.
    pub(super) fn from_kernel(
        call: &'static str,
        what: &str,
        device: &Path,
        source: io::Error,
        busy: impl FnOnce() -> Option<String>,
    ) -> GpioError {
        let line = what.to_owned();
        if source.kind() == io::ErrorKind::PermissionDenied {
            let path = device.to_owned();
            return GpioError::PermissionDenied { path };
        }
        match Errno::from_io_error(&source) {
            Some(Errno::BUSY) => GpioError::Busy {
                line,
                consumer: busy().unwrap_or_else(|| "the kernel".to_owned()),
            },
            Some(Errno::NODEV) => GpioError::Gone { line },
            // No bias or debounce as asked for; a kernel before 5.10; a line without interrupt.
            Some(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOTTY | Errno::NXIO) => {
                GpioError::Unsupported { line, source }
            }
            _ => GpioError::Os {
                call,
                what: line,
                source,
            },
        }
    }

    /// The machine word: log field and metric label.
    pub fn kind(&self) -> &'static str {
        match self {
            GpioError::NoChip => "no_chip",
            GpioError::ChipNotFound { .. } => "chip_not_found",
            GpioError::LineNotFound { .. } => "line_not_found",
            GpioError::Ambiguous { .. } => "ambiguous",
            GpioError::PermissionDenied { .. } => "permission_denied",
            GpioError::Busy { .. } => "busy",
            GpioError::Shared { .. } => "shared",
            GpioError::Gone { .. } => "gone",
            GpioError::Unsupported { .. } => "unsupported",
            GpioError::Os { .. } => "os",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            GpioError::NoChip => {
                "check that GPIO is enabled on this board, or try the program with --simulate"
                    .to_owned()
            }
            GpioError::ChipNotFound { .. } => {
                "correct the meter's chip, or leave it out to search all chips".to_owned()
            }
            GpioError::LineNotFound { .. } => {
                "correct the meter's line; `gpioinfo` lists the lines of this machine".to_owned()
            }
            GpioError::Ambiguous { .. } => {
                "name the chip by label or path in the meter's `chip`".to_owned()
            }
            GpioError::PermissionDenied { path } => format!(
                "add the service's user to the group `gpio` (or the group that owns {}) and \
                 restart the service",
                path.display()
            ),
            GpioError::Busy { consumer, .. } if is_ours(consumer) => {
                "it is another powerlogger, or systemd keeps the line for the service's next start: \
                 `powerlogger verify` tells which; stop the other one, or correct the meter's line"
                    .to_owned()
            }
            GpioError::Busy { consumer, .. } => {
                format!("stop {consumer:?}, or wire the meter to another line")
            }
            GpioError::Shared { .. } => {
                "the two are one line: give each meter a line of its own".to_owned()
            }
            GpioError::Gone { .. } => {
                "plug the chip in again; it is then found by itself".to_owned()
            }
            GpioError::Unsupported { .. } => {
                "choose a line that can interrupt, check the meter's bias and kernel debounce, \
                 and run Linux 5.10 or newer"
                    .to_owned()
            }
            GpioError::Os { .. } => "look into the kernel's log (`dmesg`)".to_owned(),
        }
    }

    /// The whole story on one line: what is wrong, what the kernel said, what to do.
    pub fn reason(&self) -> String {
        use std::error::Error as _;
        match self.source() {
            Some(source) => format!("{self}: {source}; {}", self.hint()),
            None => format!("{self}; {}", self.hint()),
        }
    }
}

/// Whether a line is requested under a name of ours.
fn is_ours(consumer: &str) -> bool {
    consumer == FORMER_CONSUMER || request_of(consumer).is_some()
}

/// The kernel's answer inside an error of gpiocdev, which hides it two levels deep.
pub(super) fn kernel_error(error: gpiocdev::Error) -> io::Error {
    use gpiocdev_uapi::{Errno, Error as UapiError};
    match error {
        gpiocdev::Error::Os(Errno(errno))
        | gpiocdev::Error::Uapi(_, UapiError::Os(Errno(errno))) => {
            io::Error::from_raw_os_error(errno)
        }
        other => io::Error::other(other.to_string()),
    }
}

/// The kernel's answer inside an error of the thin layer under gpiocdev.
pub(super) fn uapi_error(error: gpiocdev_uapi::Error) -> io::Error {
    match error {
        gpiocdev_uapi::Error::Os(gpiocdev_uapi::Errno(errno)) => {
            io::Error::from_raw_os_error(errno)
        }
        other => io::Error::other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_errno(errno: Errno) -> GpioError {
        GpioError::from_kernel(
            "request",
            "GPIO20 (line 20 of gpiochip0)",
            Path::new("/dev/gpiochip0"),
            errno.into(),
            || Some("lirc".to_owned()),
        )
    }

    #[test]
    fn each_answer_of_the_kernel_has_its_kind() {
        let kinds = [
            (Errno::ACCESS, "permission_denied"),
            (Errno::PERM, "permission_denied"),
            (Errno::BUSY, "busy"),
            (Errno::NODEV, "gone"),
            (Errno::INVAL, "unsupported"),
            (Errno::NOTTY, "unsupported"),
            (Errno::NXIO, "unsupported"),
            (Errno::OPNOTSUPP, "unsupported"),
            (Errno::IO, "os"),
        ];
        for (errno, kind) in kinds {
            assert_eq!(from_errno(errno).kind(), kind, "errno {errno}");
        }
    }

    #[test]
    fn a_reason_tells_what_is_wrong_and_ends_with_what_to_do() {
        assert_eq!(
            from_errno(Errno::BUSY).reason(),
            "line GPIO20 (line 20 of gpiochip0) is in use by \"lirc\"; stop \"lirc\", or wire \
             the meter to another line"
        );
        let denied = from_errno(Errno::ACCESS).reason();
        assert!(denied.starts_with("permission denied on /dev/gpiochip0; "));
        assert!(denied.contains("group `gpio`"), "{denied}");
        let other = from_errno(Errno::IO).reason();
        assert!(other.contains("Input/output error"), "{other}");
        assert!(other.ends_with("(`dmesg`)"), "{other}");
    }

    #[test]
    fn a_line_without_a_named_consumer_belongs_to_the_kernel() {
        let error = GpioError::from_kernel(
            "request",
            "GPIO2",
            Path::new("/dev/gpiochip0"),
            Errno::BUSY.into(),
            || None,
        );
        assert_eq!(error.to_string(), "line GPIO2 is in use by \"the kernel\"");
    }
}
