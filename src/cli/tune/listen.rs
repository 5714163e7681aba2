//! Listens to a meter's line for a while: to the line itself, or through the daemon that has it.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::answers::lines::{LineAnswer, LinesAnswer, edge_kind};
use crate::capture::gpio::{Chips, GpioError, Heard, Listener};
use crate::cli::progress::Progress;
use crate::clock::{Clock, SystemClock};
use crate::config::{LineSettings, MeterSettings};
use crate::model::{Edge, MeterId, MonoNs, NS_PER_MS, NS_PER_S};
use crate::system::signals::{Shutdown, Wakeup};
use crate::text::numbers::count;
use crate::tune::Wave;
use crate::watch::feeds::ask_daemon;

/// The consumer at the kernel, as `gpioinfo` shows it.
const NAME: &str = "powerlogger tune";

/// Signals are looked at, and the daemon is asked, so often.
const LOOK_NS: i64 = 100 * NS_PER_MS;

/// A daemon may be busy, or started again, for so long.
const SILENT_MAX_NS: i64 = 15 * NS_PER_S;

/// Listens for so long, or until Ctrl-C. What came, and whether the kernel has debounced it.
pub(super) fn listen(meter: &MeterSettings, span_ns: i64, journal: &Path) -> Result<(Wave, bool)> {
    let shutdown = Shutdown::default();
    let mut wakeup = Wakeup::new(&shutdown).context("cannot take signals")?;
    let mut session = Session {
        meter,
        until_ns: SystemClock.mono_ns() + span_ns,
        span_ns,
        bar: Progress::on_terminal(std::io::stderr().is_terminal()),
        shutdown,
    };
    let told = ask_daemon(journal);
    let read = told.as_ref().and_then(|told| of_meter(told, &meter.name));
    if let Some(line) = read.filter(|line| line.why.is_none()) {
        let level = line
            .level()
            .context("the daemon does not know the line's level yet")?;
        let mut heard = FromDaemon {
            wave: Wave::default(),
            last: line.recent.last().map(|(seqno, at, _)| (*seqno, *at)),
        };
        let now_ns = told.as_ref().map_or(0, |told| told.now_ns);
        heard.wave.begin(level, now_ns);
        let is_debounced = line.kernel_debounce_us > 0;
        let pause = Duration::from_nanos(LOOK_NS.unsigned_abs());
        let wave = session.through_daemon(
            heard,
            || ask_daemon(journal),
            || {
                wakeup.wait(pause);
            },
        )?;
        return Ok((wave, is_debounced));
    }
    Ok((session.on_line()?, false))
}

/// A time of listening.
struct Session<'a> {
    meter: &'a MeterSettings,
    until_ns: MonoNs,
    span_ns: i64,
    bar: Progress,
    shutdown: Shutdown,
}

impl Session<'_> {
    /// Whether to go on.
    fn goes_on(&mut self, wave: &Wave) -> bool {
        let left_ns = self.until_ns - SystemClock.mono_ns();
        if left_ns <= 0 || self.shutdown.is_requested() {
            self.bar.clear();
            return false;
        }
        let edges = count(wave.edge_count() as i128, "edge");
        let what = format!("{}: {edges}; Ctrl-C ends it", self.meter.name);
        self.bar
            .show(&what, 1.0 - left_ns as f64 / self.span_ns as f64);
        true
    }

    /// Requests the line and listens to it, without the kernel's debounce: what it takes away is to be seen.
    fn on_line(&mut self) -> Result<Wave> {
        let settings = LineSettings {
            kernel_debounce_us: 0,
            ..self.meter.line.clone()
        };
        let mut listener = Listener::new(NAME);
        let mut heard = Vec::new();
        let place = Chips::look().place(&settings);
        let requested = place.and_then(|place| listener.request(&place, &settings, &mut heard));
        let (_, level, begin_ns) = requested.map_err(refused)?;
        let mut wave = Wave::default();
        wave.begin(level, begin_ns);
        while self.goes_on(&wave) {
            take(&mut heard, &mut wave)?;
            listener.wait(LOOK_NS, &mut heard);
        }
        // What has come by the end is part of it.
        let end_ns = SystemClock.mono_ns();
        listener.wait(0, &mut heard);
        take(&mut heard, &mut wave)?;
        wave.end(end_ns);
        Ok(wave)
    }

    /// Asks the daemon again and again. Edges that came while it was silent and that it does not tell any more are missed, and
    /// said to be; those that came while it was started again are not known.
    fn through_daemon(
        &mut self,
        mut heard: FromDaemon,
        ask: impl Fn() -> Option<LinesAnswer>,
        mut pause: impl FnMut(),
    ) -> Result<Wave> {
        let mut heard_ns = SystemClock.mono_ns();
        while self.goes_on(&heard.wave) {
            pause();
            let told = ask();
            let line = |told| Some((told, of_meter(told, &self.meter.name)?));
            if let Some((told, line)) = told.as_ref().and_then(line) {
                heard_ns = SystemClock.mono_ns();
                heard.take(line, told.now_ns);
            } else if SystemClock.mono_ns() - heard_ns >= SILENT_MAX_NS {
                bail!(match told {
                    Some(_) => "the daemon does not count this meter any more",
                    None => "the daemon does not answer any more",
                });
            }
        }
        Ok(heard.wave)
    }
}

/// Takes what was heard of the line.
fn take(heard: &mut Vec<Heard>, wave: &mut Wave) -> Result<()> {
    for heard in heard.drain(..) {
        match heard {
            Heard::Edge(edge) => wave.edge(edge),
            Heard::Lost(_, failed) => return Err(refused(failed)),
        }
    }
    Ok(())
}

/// What was heard from the daemon so far.
struct FromDaemon {
    wave: Wave,
    /// The newest edge: its number, and when it was.
    last: Option<(u32, MonoNs)>,
}

impl FromDaemon {
    fn take(&mut self, line: &LineAnswer, now_ns: MonoNs) {
        if self.last.is_some_and(|last| line.was_requested_again(last)) {
            // What came in between is not known, and not counted.
            self.last = None;
            if let Some(first) = line.recent.first() {
                self.wave
                    .begin(edge_kind(first.2).level_after().inverted(), first.1);
            }
        }
        for (line_seqno, mono_ns, rises) in line.edges_after(self.last) {
            self.last = Some((line_seqno, mono_ns));
            self.wave.edge(Edge {
                meter: MeterId(0),
                kind: edge_kind(rises),
                mono_ns,
                line_seqno,
            });
        }
        self.wave.end(now_ns);
    }
}

fn of_meter<'a>(told: &'a LinesAnswer, meter: &str) -> Option<&'a LineAnswer> {
    told.lines.iter().find(|line| line.meter == meter)
}

/// Why the line is not to be had, with what to do.
fn refused(failed: GpioError) -> anyhow::Error {
    let remedy = match &failed {
        GpioError::Busy { consumer, .. } if consumer.starts_with("powerlogger") => {
            "a powerlogger has it and does not answer: ask as its user (sudo), or let it record (`powerlogger run --record \
             FILE`) and give that to --recording"
                .to_owned()
        }
        failed => failed.hint(),
    };
    anyhow::anyhow!("{failed}: {remedy}")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::model::Level;

    #[test]
    fn a_daemon_that_is_silent_for_a_moment_is_asked_again() {
        let meter = MeterSettings::plain("Import");
        let mut session = Session {
            meter: &meter,
            until_ns: i64::MAX,
            span_ns: i64::MAX,
            bar: Progress::on_terminal(false),
            shutdown: Shutdown::default(),
        };
        let shutdown = session.shutdown.clone();
        let answer = |recent: &[(u32, i64, bool)], now_ns| LinesAnswer {
            simulated: false,
            now_ns,
            offset_ns: 0,
            lines: vec![LineAnswer::of_edges(recent)],
        };
        // It is busy; it is started again, and has no lines yet.
        let answers = Cell::new(vec![
            Some(answer(&[(1, 10, false), (2, 20, true)], 25)),
            Some(LinesAnswer {
                lines: Vec::new(),
                ..answer(&[], 22)
            }),
            None,
            Some(answer(&[(1, 10, false)], 15)),
        ]);
        let ask = || {
            let mut left = answers.take();
            let next = left.pop().unwrap();
            if left.is_empty() {
                shutdown.request();
            }
            answers.set(left);
            next
        };
        let mut heard = FromDaemon {
            wave: Wave::default(),
            last: None,
        };
        heard.wave.begin(Level::High, 0);
        let wave = session.through_daemon(heard, ask, || {}).unwrap();
        assert_eq!((wave.edge_count(), wave.missed), (2, 0));
    }

    #[test]
    fn answers_that_overlap_are_one_wave() {
        let mut heard = FromDaemon {
            wave: Wave::default(),
            last: Some((4, 20)),
        };
        heard.wave.begin(Level::High, 100);
        heard.take(
            &LineAnswer::of_edges(&[(3, 10, false), (4, 20, true), (5, 110, false)]),
            150,
        );
        heard.take(
            &LineAnswer::of_edges(&[
                (4, 20, true),
                (5, 110, false),
                (6, 160, true),
                (7, 170, false),
            ]),
            200,
        );
        heard.take(&LineAnswer::of_edges(&[(7, 170, false)]), 300);
        assert_eq!((heard.wave.edge_count(), heard.wave.missed), (3, 0));
        assert_eq!(heard.wave.watched_ns(), 200);
        // More came than is kept.
        heard.take(
            &LineAnswer::of_edges(&[(20, 400, true), (21, 410, false)]),
            420,
        );
        assert_eq!((heard.wave.edge_count(), heard.wave.missed), (5, 12));
        // The line was requested again.
        heard.take(
            &LineAnswer::of_edges(&[(1, 500, false), (2, 510, true)]),
            520,
        );
        assert_eq!((heard.wave.edge_count(), heard.wave.missed), (7, 12));
        // And again, and has come further meanwhile.
        let more = [(1, 600, true), (2, 610, false), (3, 620, true)];
        heard.take(&LineAnswer::of_edges(&more), 630);
        assert_eq!((heard.wave.edge_count(), heard.wave.missed), (10, 12));
    }
}
