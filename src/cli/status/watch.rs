//! `powerlogger status --watch`: the same, live. Two threads tell what is new: one follows the daemon's stream of events, and
//! takes it up again whenever it ends; the other looks at all of it now and then. The terminal waits for neither.

use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::overview::{self, last_hour, rate};
use super::seen::{StatusNow, see};
use super::spark::spark;
use super::trust;
use crate::answers::events::{StreamEnd, follow};
use crate::answers::now::NowAnswer;
use crate::cli::paint::{Glyphs, Paint};
use crate::cli::table::{Column, Table};
use crate::cli::terminal::Terminal;
use crate::clock::{Clock, SystemClock};
use crate::config::Loaded;
use crate::config::described::describe;
use crate::model::NS_PER_S;
use crate::system::signals::{Shutdown, Wakeup};

/// All of it is looked at again after this.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// And not sooner than this, whatever happens.
const LOOK_APART: Duration = Duration::from_secs(1);

/// Between tries to follow a daemon that does not run, or has other settings.
const FOLLOW_RETRY: Duration = Duration::from_secs(1);

/// A key ends it within this.
const KEY_WAIT: Duration = Duration::from_millis(100);

/// The screen is drawn again after this, because the terminal may have another size.
const DRAW_EVERY_NS: i64 = NS_PER_S;

/// Columns that the name of a meter and its highest power take beside the bars.
const BESIDE_BARS: usize = 34;

/// What the threads tell.
enum News {
    /// A look at all of it.
    Looked(Result<Box<Screenful>>),
    /// What the daemon tells of this moment.
    Now(Box<NowAnswer>),
    /// Its stream has ended.
    Ended,
}

/// All that is shown.
struct Screenful {
    seen: StatusNow,
    /// Power of each minute of the last hour, by meter.
    hour: Vec<Vec<Option<f64>>>,
}

/// Shows it until a key or a signal ends it; in a file or a pipe, a line each time something has changed.
///
/// # Errors
/// When there is no journal, or the output is gone.
pub(super) fn watch(loaded: &Loaded, is_json: bool, out: &mut dyn Write) -> Result<()> {
    let shown = Shown {
        view: Screenful::look(loaded)?,
        trouble: None,
        is_stale: false,
        is_new: true,
    };
    let (tell, news) = channel();
    let (again, asked) = channel();
    begin("look", loaded, &tell, move |loaded, tell| {
        looks(loaded, tell, &asked);
    })?;
    begin("follow", loaded, &tell, follows)?;
    let threads = Threads { news, again };
    match (is_json, Terminal::is_there()) {
        (true, _) => lines(shown, &threads, out, Shown::json),
        (false, true) => screen(shown, &threads, loaded, out),
        (false, false) => lines(shown, &threads, out, Shown::line),
    }
}

/// How the two threads are heard and asked.
struct Threads {
    news: Receiver<News>,
    again: Sender<()>,
}

/// On a terminal.
fn screen(mut shown: Shown, threads: &Threads, loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    // A signal ends it like a key: the terminal is put right first.
    let shutdown = Shutdown::default();
    let _signals = Wakeup::new(&shutdown).context("cannot take over signals")?;
    let terminal = Terminal::take()?;
    let (paint, glyphs) = (Paint::of_stdout(), Glyphs::of_locale());
    let mut drawn_ns = 0;
    while !shutdown.is_requested() {
        let now_ns = SystemClock.mono_ns();
        if shown.is_new || now_ns - drawn_ns >= DRAW_EVERY_NS {
            Terminal::draw(&shown.frame(loaded, paint, glyphs)?, "q quits")?;
            (shown.is_new, drawn_ns) = (false, now_ns);
        }
        if Terminal::wants_to_end(KEY_WAIT) {
            break;
        }
        threads.news.try_iter().for_each(|news| shown.take(news));
        shown.ask(&threads.again);
    }
    drop(terminal);
    for line in shown.frame(loaded, paint, glyphs)? {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// A line each time something has changed.
fn lines(
    mut shown: Shown,
    threads: &Threads,
    out: &mut dyn Write,
    text: impl Fn(&Shown) -> Result<(String, String)>,
) -> Result<()> {
    let mut told = String::new();
    loop {
        let (line, essence) = text(&shown)?;
        if essence != told {
            writeln!(out, "{line}")?;
            out.flush()?;
            told = essence;
        }
        let Ok(news) = threads.news.recv() else {
            return Ok(());
        };
        shown.take(news);
        // Of several the newest is told.
        threads.news.try_iter().for_each(|news| shown.take(news));
        shown.ask(&threads.again);
    }
}

/// A thread that ends with the program.
fn begin(
    name: &str,
    loaded: &Loaded,
    tell: &Sender<News>,
    work: impl FnOnce(&Loaded, &Sender<News>) + Send + 'static,
) -> Result<()> {
    let (loaded, tell) = (loaded.clone(), tell.clone());
    let thread = thread::Builder::new().name(name.to_owned());
    let begun = thread.spawn(move || work(&loaded, &tell));
    begun.map(drop).context("cannot start a thread")
}

/// Looks at all of it, now and then and when that is asked for.
fn looks(loaded: &Loaded, tell: &Sender<News>, asked: &Receiver<()>) {
    loop {
        match asked.recv_timeout(LOOK_EVERY) {
            // Asked for again and again it is not done more often.
            Ok(()) => pause(LOOK_APART),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        asked.try_iter().for_each(drop);
        let seen = Screenful::look(loaded).map(Box::new);
        if tell.send(News::Looked(seen)).is_err() {
            return;
        }
    }
}

/// Follows the daemon's stream, again and again.
fn follows(loaded: &Loaded, tell: &Sender<News>) {
    let settings = describe(&loaded.settings, &loaded.config_dir);
    let dir = &loaded.settings.journal.dir;
    let mut was_told = false;
    loop {
        let mut each = |now| {
            was_told = true;
            tell.send(News::Now(Box::new(now))).is_ok()
        };
        let end = follow(dir, &settings, &mut each);
        let is_news = std::mem::take(&mut was_told);
        if end == StreamEnd::Enough || (is_news && tell.send(News::Ended).is_err()) {
            return;
        }
        pause(FOLLOW_RETRY);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a thread that nothing else wakes, in a command"
)]
fn pause(length: Duration) {
    thread::sleep(length);
}

impl Screenful {
    fn look(loaded: &Loaded) -> Result<Screenful> {
        let seen = see(loaded, true)?;
        let hour = seen.overview.as_ref();
        let hour = hour.and_then(|overview| last_hour(loaded, overview).ok());
        Ok(Screenful {
            seen,
            hour: hour.unwrap_or_default(),
        })
    }
}

/// What is shown, and what is to be done about it.
struct Shown {
    view: Screenful,
    /// Why the last look has failed.
    trouble: Option<String>,
    /// It is to be looked at again.
    is_stale: bool,
    /// Something has changed since it was drawn.
    is_new: bool,
}

impl Shown {
    fn take(&mut self, news: News) {
        self.is_new = true;
        match news {
            News::Looked(Ok(view)) => {
                let was_live = self.view.seen.is_answered;
                (self.view, self.trouble) = (*view, None);
                self.is_stale |= was_live != self.view.seen.is_answered;
            }
            News::Looked(Err(failed)) => self.trouble = Some(format!("{failed:#}")),
            News::Now(now) => {
                let overview = self.view.seen.overview.as_mut();
                let is_taken = overview.is_some_and(|overview| overview.take(&now));
                self.is_stale |= !is_taken || !self.view.seen.is_answered;
            }
            News::Ended => {
                let overview = self.view.seen.overview.iter_mut();
                overview.for_each(|overview| overview.stop());
                self.is_stale = true;
            }
        }
    }

    /// Asks for another look where one is needed.
    fn ask(&mut self, again: &Sender<()>) {
        if std::mem::take(&mut self.is_stale) {
            // The thread that looks ends with the program only.
            let _ = again.send(());
        }
    }

    /// The lines of a screen.
    fn frame(&self, loaded: &Loaded, paint: Paint, glyphs: Glyphs) -> Result<Vec<String>> {
        let seen = &self.view.seen;
        let mut lines = seen.heading(loaded, paint);
        lines.extend(seen.table(paint, glyphs));
        lines.extend(self.hour(paint, glyphs));
        lines.extend(trust::trust(&seen.answer, seen.now_ns(), loaded, paint)?);
        lines.extend(self.trouble.iter().map(|trouble| paint.warning(trouble)));
        Ok(lines)
    }

    /// The last hour as bars, a meter a line.
    fn hour(&self, paint: Paint, glyphs: Glyphs) -> Vec<String> {
        let (columns, _) = Terminal::size();
        let width = columns.saturating_sub(BESIDE_BARS).max(10);
        let mut bars = Table::new("", &[Column::Left(16), Column::Left(1)]);
        let meters = self.view.seen.overview.iter();
        let meters = meters.flat_map(|overview| &overview.meters);
        let mut has_some = false;
        for (meter, minutes) in meters.zip(&self.view.hour) {
            let most = minutes.iter().flatten().copied().reduce(f64::max);
            has_some |= most.is_some();
            let most = most.map_or(String::new(), |most| {
                format!("up to {}", rate(meter.unit, Some(most), false, glyphs))
            });
            bars.row(&[&meter.meter, &spark(minutes, width, glyphs)], most);
        }
        if !has_some {
            return Vec::new();
        }
        let mut lines = vec![paint.heading("The last hour, minute by minute")];
        lines.extend(bars.lines());
        lines.push(String::new());
        lines
    }

    /// One line, and what of it is news: not the time.
    fn line(&self) -> Result<(String, String)> {
        let seen = &self.view.seen;
        let Some(overview) = seen.overview.as_ref().filter(|_| seen.is_answered) else {
            let line = "the daemon does not answer; looking for it".to_owned();
            return Ok((line.clone(), line));
        };
        let (time, line) = overview::line(overview, Glyphs::of_locale());
        Ok((format!("{time}  {line}"), line))
    }

    /// The same for programs.
    fn json(&self) -> Result<(String, String)> {
        let mut json = self.view.seen.json()?;
        let line = json.to_string();
        json["at_ns"].take();
        if let Some(overview) = json["overview"].as_object_mut() {
            overview.remove("at_ns");
        }
        Ok((line, json.to_string()))
    }
}
