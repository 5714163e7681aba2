//! `powerlogger watch`: what comes on lines at this moment.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::table::{Column, Table};
use super::terminal::Terminal;
use super::time;
use crate::clock::{Clock, SystemClock};
use crate::config::Loaded;
use crate::model::{Bias, EdgeKind, Level, NS_PER_MS, NS_PER_S, WallNs};
use crate::system::signals::{Shutdown, Wakeup};
use crate::text::numbers::grouped;
use crate::tune::words::length;
use crate::watch::feeds::EdgeFeed;
use crate::watch::selection::Selection;
use crate::watch::{EdgeNews, Feeds, WatchOptions, WatchedLine};

/// The table is drawn again so often.
const DRAW_NS: i64 = 250 * NS_PER_MS;

/// Signals and keys are looked at so often.
const LOOK_NS: i64 = 100 * NS_PER_MS;

/// The longest debounce period.
const DEBOUNCE_MAX_MS: f64 = 1_000.0;

/// Options of `watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The lines, such as 2-27, 20,26 or GPIO20,SENSOR [default: those of the meters].
    #[arg(long, value_name = "LINES")]
    lines: Option<Selection>,

    /// Their chip: label, name or path [default: any that has the line].
    #[arg(long, value_name = "CHIP", requires = "lines")]
    chip: Option<String>,

    /// The resistor to switch on [default: the meter's, else up].
    #[arg(long, value_name = "BIAS")]
    bias: Option<BiasArg>,

    /// Let the kernel debounce for so long: what is shorter is not shown.
    #[arg(long, value_name = "MS", value_parser = parse_debounce_us)]
    debounce_ms: Option<u32>,

    /// End after this time, such as 30s or 10m [default: at q or Ctrl-C].
    #[arg(long = "for", value_name = "SPAN", value_parser = time::parse_span_ns)]
    span_ns: Option<i64>,

    /// One JSON object a line: each edge, and at the end each line.
    #[arg(long)]
    json: bool,
}

/// A resistor, as the configuration calls it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum BiasArg {
    Up,
    Down,
    None,
}

impl BiasArg {
    fn bias(self) -> Bias {
        match self {
            BiasArg::Up => Bias::Up,
            BiasArg::Down => Bias::Down,
            BiasArg::None => Bias::None,
        }
    }
}

fn parse_debounce_us(text: &str) -> Result<u32, String> {
    match text.parse::<f64>() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 1e6"
        )]
        Ok(ms) if (0.0..=DEBOUNCE_MAX_MS).contains(&ms) => Ok((ms * 1_000.0).round() as u32),
        _ => Err("0 to 1000 milliseconds".to_owned()),
    }
}

/// Watches until it is told to end.
///
/// # Errors
/// When the answer cannot be written.
pub fn watch(args: &WatchArgs, loaded: &Loaded, out: &mut dyn Write) -> Result<ExitCode> {
    let options = WatchOptions {
        lines: args.lines.clone().map(|Selection(lines)| lines),
        chip: args.chip.clone(),
        bias: args.bias.map(BiasArg::bias),
        debounce_us: args.debounce_ms.unwrap_or(0),
        journal: loaded.settings.journal.dir.clone(),
    };
    let shutdown = Shutdown::default();
    // Signals end the wait below as they come.
    let _signals = Wakeup::new(&shutdown).context("cannot take signals")?;
    let mut feeds = Feeds::open(&options, &loaded.settings.meters);
    let is_drawn = !args.json && Terminal::is_there();
    let screen = is_drawn.then(Terminal::take).transpose()?;
    if screen.is_none() {
        introduce(&feeds, args.json, out)?;
    }
    let began_ns = SystemClock.mono_ns();
    let mut draw_ns = began_ns;
    while !shutdown.is_requested() {
        let now_ns = SystemClock.mono_ns();
        let is_over = args
            .span_ns
            .is_some_and(|span_ns| now_ns - began_ns >= span_ns);
        if is_over || screen.is_some() && Terminal::wants_to_end(Duration::ZERO) {
            break;
        }
        for news in feeds.wait(LOOK_NS) {
            if screen.is_none() {
                tell(&feeds, news, args.json, out)?;
            }
        }
        if screen.is_some() && now_ns >= draw_ns {
            draw_ns = now_ns + DRAW_NS;
            let lines: Vec<String> = table(&feeds)?.lines().map(str::to_owned).collect();
            Terminal::draw(&lines, "q quits")?;
        }
    }
    drop(screen);
    conclude(&feeds, args.json, out)?;
    let is_any = |line: &WatchedLine| !matches!(line.feed, EdgeFeed::None(_));
    Ok(if feeds.lines.iter().any(is_any) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(super::EXIT_FAILED)
    })
}

/// What is watched, and what is not and why.
fn introduce(feeds: &Feeds, is_json: bool, out: &mut dyn Write) -> io::Result<()> {
    for line in &feeds.lines {
        if is_json {
            let (source, why) = feed_words(&line.feed);
            let value = json!({
                "event": "line", "line": line.name, "meter": line.meter, "source": source, "why": why,
                "level": line.stats.level.map(level_word),
            });
            writeln!(out, "{value}")?;
            continue;
        }
        let level = line.stats.level.map_or("", level_word);
        let said = match &line.feed {
            EdgeFeed::Own => format!("watched, {level}"),
            EdgeFeed::Daemon => format!("read by the running daemon, {level}"),
            EdgeFeed::None(why) => format!("not watched: {why}"),
        };
        writeln!(out, "{}: {said}", called(line))?;
    }
    out.flush()
}

/// An edge.
fn tell(feeds: &Feeds, news: EdgeNews, is_json: bool, out: &mut dyn Write) -> io::Result<()> {
    let line = &feeds.lines[news.line];
    let offset_ns = match line.feed {
        EdgeFeed::Daemon => feeds.offset_ns,
        _ => SystemClock.offset_ns(),
    };
    let at_ns = news.mono_ns + offset_ns;
    let edge = match news.kind {
        EdgeKind::Rising => "rising",
        EdgeKind::Falling => "falling",
    };
    if is_json {
        let value = json!({
            "event": "edge", "line": line.name, "meter": line.meter, "edge": edge, "at_ns": at_ns,
            "mono_ns": news.mono_ns, "width_ns": news.width_ns,
        });
        writeln!(out, "{value}")?;
    } else {
        let width = news.width_ns.map_or_else(String::new, |width_ns| {
            format!(", after {}", length(width_ns))
        });
        let at = time::local(WallNs(at_ns));
        let ms = at_ns.div_euclid(NS_PER_MS).rem_euclid(1_000);
        writeln!(out, "{at}.{ms:03} {} {edge}{width}", called(line))?;
    }
    out.flush()
}

/// The sum of all that came.
fn conclude(feeds: &Feeds, is_json: bool, out: &mut dyn Write) -> Result<()> {
    if !is_json {
        return Ok(write!(out, "{}", table(feeds)?)?);
    }
    for line in &feeds.lines {
        let (source, why) = feed_words(&line.feed);
        let widths = line.stats.widths();
        let value = json!({
            "event": "total", "line": line.name, "meter": line.meter, "source": source, "why": why,
            "level": line.stats.level.map(level_word), "edges": line.stats.edges, "missed": line.stats.missed,
            "per_minute": line.stats.per_minute(feeds.now_ns(line)),
            "width_ns": widths.map(|widths| json!({
                "last": widths.last_ns, "least": widths.least_ns, "median": widths.median_ns,
            })),
        });
        writeln!(out, "{value}")?;
    }
    Ok(())
}

fn table(feeds: &Feeds) -> io::Result<String> {
    let mut table = Table::new(
        "",
        &[
            Column::Left(6),
            Column::Left(6),
            Column::Left(5),
            Column::Right(5),
            Column::Right(4),
            Column::Right(6),
            Column::Right(6),
            Column::Right(6),
            Column::Left(10),
        ],
    );
    table.row(
        &[
            "line",
            "meter",
            "level",
            "edges",
            "/min",
            "width",
            "least",
            "median",
            " last edge",
        ],
        "",
    );
    for line in &feeds.lines {
        add_line(feeds, line, &mut table);
    }
    let mut text = Vec::new();
    table.write(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn add_line(feeds: &Feeds, line: &WatchedLine, table: &mut Table) {
    let meter = line.meter.as_deref().unwrap_or("-");
    let stats = &line.stats;
    let said = match &line.feed {
        EdgeFeed::None(why) => {
            return table.row(&[&line.name, meter], why.clone());
        }
        EdgeFeed::Own => String::new(),
        EdgeFeed::Daemon => "by the daemon".to_owned(),
    };
    let missed = match stats.missed {
        0 => String::new(),
        missed => format!(" {} not read in time", grouped(missed)),
    };
    let now_ns = feeds.now_ns(line);
    let widths = stats.widths();
    let width = |of: Option<i64>| of.map_or_else(|| "-".to_owned(), length);
    let ago = |last_ns: i64| {
        if now_ns - last_ns < NS_PER_S {
            "now".to_owned()
        } else {
            format!("{} ago", time::span(now_ns - last_ns))
        }
    };
    table.row(
        &[
            &line.name,
            meter,
            stats.level.map_or("-", level_word),
            &grouped(stats.edges),
            &format!("{:.0}", stats.per_minute(now_ns)),
            &width(widths.map(|widths| widths.last_ns)),
            &width(widths.map(|widths| widths.least_ns)),
            &width(widths.map(|widths| widths.median_ns)),
            &format!(" {}", stats.last_ns.map_or_else(|| "-".to_owned(), ago)),
        ],
        format!("{said}{missed}"),
    );
}

fn called(line: &WatchedLine) -> String {
    match &line.meter {
        Some(meter) => format!("{} ({meter})", line.name),
        None => line.name.clone(),
    }
}

fn feed_words(feed: &EdgeFeed) -> (&'static str, Option<&str>) {
    match feed {
        EdgeFeed::Own => ("line", None),
        EdgeFeed::Daemon => ("daemon", None),
        EdgeFeed::None(why) => ("none", Some(why)),
    }
}

fn level_word(level: Level) -> &'static str {
    match level {
        Level::Low => "low",
        Level::High => "high",
    }
}
