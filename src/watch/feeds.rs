//! Where each line's edges come from: the line itself, the daemon that has it, or nowhere.

use std::path::{Path, PathBuf};

use super::selection::line_name;
use super::stats::LineStats;
use crate::answers::ask::ask;
use crate::answers::lines::{LineAnswer, LinesAnswer, edge_kind};
use crate::capture::gpio::{Chips, GpioError, Heard, LinePlace, Listener};
use crate::clock::{Clock, SystemClock};
use crate::config::{LineName, LineSettings, MeterSettings};
use crate::model::{Bias, EdgeKind, Level, MonoNs, NS_PER_MS};

/// The daemon is asked so often: its memory of edges lasts for more of them than a line brings meanwhile.
const ASK_NS: i64 = 200 * NS_PER_MS;

/// Its answer.
pub const PATH: &str = "/api/v1/lines";

/// The consumer at the kernel, as `gpioinfo` shows it.
const NAME: &str = "powerlogger watch";

/// What is to be watched, and how.
#[derive(Debug, Clone)]
pub struct WatchOptions {
    /// Which lines; None: those of the meters.
    pub lines: Option<Vec<LineName>>,
    /// The chip; None: any that has the line.
    pub chip: Option<String>,
    /// The resistor for lines of no meter.
    pub bias: Option<Bias>,
    /// The kernel's debounce period in microseconds.
    pub debounce_us: u32,
    /// The journal whose daemon may have lines.
    pub journal: PathBuf,
}

/// A line and where its edges come from.
#[derive(Debug)]
pub struct WatchedLine {
    /// Its name, as asked for.
    pub name: String,
    /// The meter on it.
    pub meter: Option<String>,
    /// What came on it.
    pub stats: LineStats,
    /// Where from.
    pub feed: EdgeFeed,
    /// It is the daemon's, whether it tells of it now or not.
    is_daemons: bool,
}

/// Where a line's edges come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgeFeed {
    /// It was requested.
    Own,
    /// The daemon tells of it.
    Daemon,
    /// It is not read here: why.
    None(String),
}

/// Something happened on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeNews {
    /// The line, by its place in [`Feeds::lines`].
    pub line: usize,
    /// The edge.
    pub kind: EdgeKind,
    /// Its stamp.
    pub mono_ns: MonoNs,
    /// The width of the pulse that it ends.
    pub width_ns: Option<i64>,
}

/// All lines that are watched.
#[derive(Debug)]
pub struct Feeds {
    /// In the order in which they were asked for.
    pub lines: Vec<WatchedLine>,
    /// Wall time less the clock of the stamps that the daemon tells; the machine's own where there is none.
    pub offset_ns: i64,
    /// What the daemon's clock showed when it was asked last, and ours.
    daemon_clock: Option<(MonoNs, MonoNs)>,
    journal: PathBuf,
    listener: Listener,
    /// Numbers of the listener → lines.
    own: Vec<usize>,
    asked_ns: MonoNs,
}

impl Feeds {
    /// Finds the lines, asks the daemon for its own, requests those that are free.
    pub fn open(options: &WatchOptions, meters: &[MeterSettings]) -> Feeds {
        let answer = ask_daemon(&options.journal);
        let chips = Chips::look();
        let mut feeds = Feeds {
            lines: Vec::new(),
            offset_ns: SystemClock.offset_ns(),
            daemon_clock: None,
            journal: options.journal.clone(),
            listener: Listener::new(NAME),
            own: Vec::new(),
            asked_ns: SystemClock.mono_ns(),
        };
        feeds.note_clock(answer.as_ref());
        let daemon_lines = answer.map(|answer| answer.lines).unwrap_or_default();
        let mut taken = Vec::new();
        for (settings, meter) in wanted(options, meters) {
            let place = chips.place(&settings);
            if let Ok(place) = &place {
                // Two spellings of one line.
                if taken.contains(&place.key()) {
                    continue;
                }
                taken.push(place.key());
            }
            let told = daemon_lines.iter().find(|line| {
                is_of(
                    line,
                    &settings,
                    meter.as_deref(),
                    place.as_ref().ok(),
                    &chips,
                )
            });
            feeds.add(&settings, meter, place, told);
        }
        feeds
    }

    fn add(
        &mut self,
        settings: &LineSettings,
        meter: Option<String>,
        place: Result<LinePlace, GpioError>,
        told: Option<&LineAnswer>,
    ) {
        let active = active(told.map_or(settings.bias.as_str(), |told| &told.bias));
        let now_ns = SystemClock.mono_ns();
        let mut line = WatchedLine {
            name: settings.line.to_string(),
            meter: told.map(|told| told.meter.clone()).or(meter),
            stats: LineStats::new(active, None, now_ns),
            feed: EdgeFeed::None(String::new()),
            is_daemons: told.is_some(),
        };
        if let Some(told) = told {
            let since_ns = self.daemon_clock.map_or(now_ns, |(now_ns, _)| now_ns);
            line.stats = LineStats::new(active, told.level(), since_ns);
            line.feed = told.why.clone().map_or(EdgeFeed::Daemon, EdgeFeed::None);
            // What came before is not of this look.
            line.stats
                .skip_to(told.recent.last().map(|(seqno, at_ns, _)| (*seqno, *at_ns)));
            self.lines.push(line);
            return;
        }
        let mut heard = Vec::new();
        let requested = place.and_then(|place| {
            if let Some(consumer) = place.consumer() {
                let line = place.shown().to_owned();
                return Err(GpioError::Busy { line, consumer });
            }
            self.listener.request(&place, settings, &mut heard)
        });
        match requested {
            Ok((number, level, mono_ns)) => {
                line.stats = LineStats::new(active, Some(level), mono_ns);
                line.feed = EdgeFeed::Own;
                self.own.resize(usize::from(number) + 1, self.lines.len());
                self.own[usize::from(number)] = self.lines.len();
            }
            Err(GpioError::Busy { consumer, .. }) => {
                line.feed = EdgeFeed::None(format!("in use by {consumer}"));
            }
            Err(failed) => line.feed = EdgeFeed::None(failed.to_string()),
        }
        self.lines.push(line);
        let mut news = Vec::new();
        self.take(heard, &mut news);
    }

    /// Waits for something to happen, `timeout_ns` at most.
    pub fn wait(&mut self, timeout_ns: i64) -> Vec<EdgeNews> {
        let (mut heard, mut news) = (Vec::new(), Vec::new());
        let asks = self.lines.iter().any(|line| line.is_daemons);
        let next_ns = self.asked_ns + ASK_NS - SystemClock.mono_ns();
        let timeout_ns = if asks {
            timeout_ns.min(next_ns)
        } else {
            timeout_ns
        };
        self.listener.wait(timeout_ns.max(0), &mut heard);
        self.take(heard, &mut news);
        if asks && SystemClock.mono_ns() >= self.asked_ns + ASK_NS {
            self.asked_ns = SystemClock.mono_ns();
            let answer = ask_daemon(&self.journal);
            self.note_clock(answer.as_ref());
            self.hear_daemon(answer, &mut news);
        }
        news
    }

    /// What the clock of a line's stamps shows.
    pub fn now_ns(&self, line: &WatchedLine) -> MonoNs {
        let own_ns = SystemClock.mono_ns();
        match (&line.feed, self.daemon_clock) {
            (EdgeFeed::Daemon, Some((then_ns, asked_ns))) => then_ns + own_ns - asked_ns,
            _ => own_ns,
        }
    }

    fn note_clock(&mut self, answer: Option<&LinesAnswer>) {
        if let Some(answer) = answer {
            self.daemon_clock = Some((answer.now_ns, SystemClock.mono_ns()));
            self.offset_ns = answer.offset_ns;
        }
    }

    fn take(&mut self, heard: Vec<Heard>, news: &mut Vec<EdgeNews>) {
        for heard in heard {
            match heard {
                Heard::Edge(edge) => {
                    let index = self.own[edge.meter.index()];
                    let stats = &mut self.lines[index].stats;
                    let width_ns = stats.edge(edge.kind, edge.mono_ns, edge.line_seqno);
                    news.push(EdgeNews {
                        line: index,
                        kind: edge.kind,
                        mono_ns: edge.mono_ns,
                        width_ns,
                    });
                }
                Heard::Lost(number, failed) => {
                    let line = &mut self.lines[self.own[usize::from(number)]];
                    (line.feed, line.stats.level) = (EdgeFeed::None(failed.to_string()), None);
                }
            }
        }
    }

    /// Takes the edges that are new in the daemon's answer.
    fn hear_daemon(&mut self, answer: Option<LinesAnswer>, news: &mut Vec<EdgeNews>) {
        let lines = self.lines.iter_mut().enumerate();
        for (index, line) in lines.filter(|(_, line)| line.is_daemons) {
            let told = answer.as_ref().and_then(|answer| {
                let mut lines = answer.lines.iter();
                lines.find(|told| Some(&told.meter) == line.meter.as_ref())
            });
            let Some(told) = told else {
                line.feed = EdgeFeed::None("the daemon does not answer; asked again".to_owned());
                continue;
            };
            line.feed = told.why.clone().map_or(EdgeFeed::Daemon, EdgeFeed::None);
            for (seqno, mono_ns, rises) in new_edges(told, &mut line.stats) {
                let kind = edge_kind(rises);
                let width_ns = line.stats.edge(kind, mono_ns, seqno);
                news.push(EdgeNews {
                    line: index,
                    kind,
                    mono_ns,
                    width_ns,
                });
            }
        }
    }
}

/// The edges that the daemon tells and that were not seen yet.
fn new_edges(told: &LineAnswer, stats: &mut LineStats) -> Vec<(u32, MonoNs, bool)> {
    let last = stats.last_numbered();
    if last.is_some_and(|last| told.was_requested_again(last)) {
        stats.restart(told.level());
    }
    told.edges_after(stats.last_numbered()).collect()
}

/// The daemon's lines; None: no daemon answers.
pub fn ask_daemon(journal: &Path) -> Option<LinesAnswer> {
    ask(PATH, journal, None).answered()
}

/// Whether the daemon's line is this one: by where it is, and where that is not known by meter and name.
fn is_of(
    told: &LineAnswer,
    settings: &LineSettings,
    meter: Option<&str>,
    place: Option<&LinePlace>,
    chips: &Chips,
) -> bool {
    let there = LineSettings {
        chip: told.chip.clone(),
        line: line_name(&told.line),
        ..settings.clone()
    };
    match (place, chips.place(&there)) {
        (Some(place), Ok(there)) => place.key() == there.key(),
        // A machine without chips, whose daemon counts made-up pulses.
        _ => meter == Some(&told.meter),
    }
}

/// The lines that are wanted, each with its settings and its meter.
fn wanted(options: &WatchOptions, meters: &[MeterSettings]) -> Vec<(LineSettings, Option<String>)> {
    let debounced = |line: &LineSettings| LineSettings {
        kernel_debounce_us: options.debounce_us,
        bias: options.bias.unwrap_or(line.bias),
        ..line.clone()
    };
    let Some(lines) = &options.lines else {
        let of_meter = |meter: &MeterSettings| (debounced(&meter.line), Some(meter.name.clone()));
        return meters.iter().map(of_meter).collect();
    };
    let of_line = |name: &LineName| {
        let meter = meters
            .iter()
            .find(|meter| meter.line.line.to_string() == name.to_string());
        let line = LineSettings {
            chip: options.chip.clone(),
            line: name.clone(),
            bias: meter.map_or(Bias::Up, |meter| meter.line.bias),
            kernel_debounce_us: 0,
        };
        (debounced(&line), meter.map(|meter| meter.name.clone()))
    };
    lines.iter().map(of_line).collect()
}

/// The level of pulses on a line with this resistor.
fn active(bias: &str) -> Level {
    if bias == Bias::Down.as_str() {
        Level::High
    } else {
        Level::Low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_was_started_again_numbers_edges_anew() {
        let numbers = |recent: &[(u32, MonoNs, bool)], stats: &mut LineStats| {
            let new = new_edges(&LineAnswer::of_edges(recent), stats).into_iter();
            new.map(|(seqno, ..)| seqno).collect::<Vec<_>>()
        };
        let mut stats = LineStats::new(Level::High, None, 0);
        stats.skip_to(Some((500, 1_000)));
        let before = [(499, 900, true), (500, 1_000, false)];
        assert!(numbers(&before, &mut stats).is_empty());
        // No edge has come since this look began.
        let again = [(1, 5_000, true), (2, 5_100, false)];
        assert_eq!(numbers(&again, &mut stats), [1, 2]);
        for (seqno, mono_ns, rises) in again {
            stats.edge(edge_kind(rises), mono_ns, seqno);
        }
        assert!(numbers(&again, &mut stats).is_empty());
        // It has come further than before by the next look.
        let more = [(1, 9_000, true), (2, 9_100, false), (3, 9_200, true)];
        assert_eq!(numbers(&more, &mut stats), [1, 2, 3]);
    }
}
