//! A bar on the terminal for what takes longer than a moment.

use std::io::Write;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::model::MonoNs;
use crate::text::visible::visible;

/// It is drawn this often.
const EVERY: Duration = Duration::from_millis(100);

/// Characters of the bar.
const WIDTH: usize = 30;

/// A bar on standard error, if that is a terminal.
#[derive(Debug)]
pub(super) struct Progress {
    shown: bool,
    drawn_ns: Option<MonoNs>,
}

impl Progress {
    pub(super) fn on_terminal(shown: bool) -> Progress {
        Progress {
            shown,
            drawn_ns: None,
        }
    }

    /// Shows how far it is: `share` of 1.
    pub(super) fn show(&mut self, what: &str, share: f64) {
        let now_ns = SystemClock.mono_ns();
        let every_ns = i64::try_from(EVERY.as_nanos()).unwrap_or(i64::MAX);
        if !self.shown
            || self
                .drawn_ns
                .is_some_and(|drawn_ns| now_ns - drawn_ns < every_ns)
        {
            return;
        }
        self.drawn_ns = Some(now_ns);
        let share = share.clamp(0.0, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the width"
        )]
        let full = (share * WIDTH as f64) as usize;
        let bar = format!("{}{}", "#".repeat(full), ".".repeat(WIDTH - full));
        let percent = share * 100.0;
        let what = visible(what, &[]);
        let mut terminal = std::io::stderr();
        // A terminal that cannot be written to is no reason to stop.
        let _ = write!(terminal, "\r\x1b[K[{bar}] {percent:3.0} % {what}");
        let _ = terminal.flush();
    }

    /// Takes the bar away.
    pub(super) fn clear(&mut self) {
        if self.drawn_ns.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
