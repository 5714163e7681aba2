//! Mail, by the machine's own `sendmail`.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::message::AlarmMessage;
use super::sink::{AlarmSink, SinkError};
use super::webhook::in_header;
use crate::clock::{Clock, SystemClock};
use crate::config::{MailSettings, Placeholder, SENDMAIL};
use crate::model::NS_PER_S;

/// A program that takes longer is ended.
const LONGEST_NS: i64 = 30 * NS_PER_S;

/// How often it is looked whether the program has ended.
const LOOK: Duration = Duration::from_millis(50);

/// Bytes of its complaint that are shown.
const SHOWN_BYTES: u64 = 300;

/// The program, and who gets the mail.
#[derive(Debug)]
pub(super) struct MailSink {
    settings: MailSettings,
}

impl MailSink {
    pub(super) fn new(settings: &MailSettings) -> MailSink {
        MailSink {
            settings: settings.clone(),
        }
    }

    /// Whether the program is there.
    ///
    /// # Errors
    /// Why it cannot be started.
    pub(super) fn look(&self) -> Result<String, String> {
        let program = self.settings.program.display();
        match std::fs::metadata(&self.settings.program) {
            Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o111 != 0 => {
                Ok(format!("{program} is there"))
            }
            Ok(_) => Err(format!("{program} is no program")),
            Err(error) => Err(format!("{program}: {error}")),
        }
    }

    fn text(&self, message: &AlarmMessage) -> String {
        let (to, title) = (self.settings.to.join(", "), in_header(&message.title()));
        let (id, at) = (message.id, message.fill(Placeholder::At));
        // Without From and Date: what sends it puts them in. 998 bytes are a mail's longest line, so words are wrapped.
        let text = wrapped(&message.text());
        format!(
            "To: {to}\r\nSubject: {title}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: 8bit\r\nAuto-Submitted: auto-generated\r\nX-PowerLogger-Id: {id}\r\n\r\n\
             {text}\r\n\r\n{at}\r\n"
        )
        .replace("\r\n", "\n")
    }
}

impl AlarmSink for MailSink {
    fn name(&self) -> &str {
        SENDMAIL
    }

    fn send(&mut self, message: &AlarmMessage) -> Result<(), SinkError> {
        let program = self.settings.program.display();
        let failed = |error: std::io::Error| SinkError::new(format!("{program}: {error}"));
        // What it complains of goes to memory: a pipe would be held open by whatever it leaves running.
        let memory = rustix::fs::memfd_create("sendmail", rustix::fs::MemfdFlags::CLOEXEC);
        let mut complaint = File::from(memory.map_err(|error| failed(error.into()))?);
        let errors = complaint.try_clone().map_err(failed)?;
        let mut child = Command::new(&self.settings.program)
            .args(["-i", "--"])
            .args(&self.settings.to)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            // It is less than a pipe holds. One that does not read it says why when it ends.
            let _ = stdin.write_all(self.text(message).as_bytes());
        }
        let ended = wait(&mut child).map_err(failed)?;
        if ended == Some(0) {
            return Ok(());
        }
        let mut said = Vec::new();
        let _ = complaint.rewind();
        let _ = complaint.take(SHOWN_BYTES).read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said).replace(char::is_control, " ");
        let how = match ended {
            Some(code) => format!("ended with {code}"),
            None => "did not end and was killed".to_owned(),
        };
        let why = format!("{program} {how}: {}", said.trim());
        Err(SinkError::new(why.trim_end_matches(": ")))
    }
}

/// Waits for its end; None: it was ended by a signal, ours where it takes too long.
fn wait(child: &mut Child) -> std::io::Result<Option<i32>> {
    let deadline_ns = SystemClock.mono_ns() + LONGEST_NS;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code());
        }
        if SystemClock.mono_ns() > deadline_ns {
            child.kill()?;
            return Ok(child.wait()?.code());
        }
        pause();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "another program's end is waited for, in a thread that does nothing else"
)]
fn pause() {
    std::thread::sleep(LOOK);
}

/// Lines of at most some 200 letters, broken at blanks.
fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let mut now = String::new();
        for word in line.split(' ') {
            if !now.is_empty() && now.chars().count() + word.chars().count() > 200 {
                lines.push(std::mem::take(&mut now));
            }
            if !now.is_empty() {
                now.push(' ');
            }
            now.push_str(word);
        }
        lines.push(now);
    }
    lines.join("\r\n")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::model::WallNs;

    fn script(dir: &Path, text: &str) -> MailSink {
        let program = dir.join("sendmail");
        // Written by another process: one that is being written to cannot be started.
        let made = Command::new("sh")
            .arg("-c")
            .arg(format!(
                "cat > {0}.new && chmod 755 {0}.new && mv {0}.new {0}",
                program.display()
            ))
            .stdin(Stdio::piped())
            .spawn();
        let mut made = made.unwrap();
        let text = format!("#!/bin/sh\n{text}\n");
        made.stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        assert!(made.wait().unwrap().success());
        MailSink::new(&MailSettings {
            program,
            to: vec!["me@example.org".to_owned(), "root".to_owned()],
        })
    }

    fn message() -> AlarmMessage {
        AlarmMessage::test(WallNs::of_s(90), Some("Büro".to_owned()))
    }

    #[test]
    fn the_program_gets_a_mail_and_the_addresses() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().display();
        let mut sink = script(
            dir.path(),
            &format!("echo \"$@\" > {at}/args; cat > {at}/mail"),
        );
        sink.send(&message()).unwrap();
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read("args"), "-i -- me@example.org root\n");
        let mail = read("mail");
        assert!(
            mail.starts_with("To: me@example.org, root\nSubject: =?UTF-8?B?"),
            "{mail}"
        );
        assert!(mail.contains("\n\nAlarms of this PowerLogger"), "{mail}");
        assert!(!mail.contains('\r'));
        assert!(sink.look().is_ok());
    }

    #[test]
    fn what_it_complains_of_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut sink = script(dir.path(), "echo 'no route' >&2; exit 75");
        let failed = sink.send(&message()).unwrap_err();
        assert!(
            failed.why.ends_with("sendmail ended with 75: no route"),
            "{failed:?}"
        );
        sink.settings.program = dir.path().join("none");
        assert!(sink.send(&message()).unwrap_err().why.contains("none: "));
        assert!(sink.look().is_err());
    }

    #[test]
    fn what_it_leaves_running_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().display();
        let mut sink = script(
            dir.path(),
            &format!("(while [ ! -e {at}/end ]; do sleep 0.1; done) & exit 0"),
        );
        sink.send(&message()).unwrap();
        fs::write(dir.path().join("end"), "").unwrap();
    }

    #[test]
    fn long_lines_are_wrapped() {
        let text = wrapped(&"word ".repeat(200));
        assert!(text.lines().all(|line| line.len() <= 210) && text.lines().count() > 4);
    }
}
