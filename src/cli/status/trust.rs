//! Whether what is shown can be relied upon: journal, clock, delivery, each meter's line, what was lost.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::Result;

use crate::answers::status::StatusAnswer;
use crate::cli::numbers::{count, grouped, size};
use crate::cli::paint::Paint;
use crate::cli::table::{Column, Table};
use crate::cli::time;
use crate::config::{Downsampling, Influx, Loaded};
use crate::model::{DeliveryState, Tier, ViewsState, WallNs, face_text};
use crate::status::line::NOT_RUNNING;
use crate::status::{DeliveryStatus, LevelStatus, MeterStatus, Status, ViewsStatus, clock_words};

/// All of it, a line each. `now_ns`: by which ages are told.
pub(super) fn trust(
    answer: &StatusAnswer,
    now_ns: WallNs,
    loaded: &Loaded,
    paint: Paint,
) -> Result<Vec<String>> {
    let status = &answer.status;
    let dir = &loaded.settings.journal.dir;
    let mut text = Vec::new();
    let out: &mut dyn Write = &mut text;
    let (pulses, bytes) = (status.journal_pulses, status.journal_bytes);
    let (pulses, bytes) = (count(pulses, "pulse"), size(bytes));
    let dir_shown = dir.display();
    if status.counted {
        writeln!(out, "journal    {dir_shown}: {pulses}, {bytes}")?;
    } else {
        let waiting = i64::try_from(status.waiting).unwrap_or(i64::MAX);
        let waiting = count(waiting, "pulse");
        writeln!(
            out,
            "journal    {dir_shown}: not open yet; in memory: {waiting}"
        )?;
    }
    if let Some(clock) = &status.clock {
        writeln!(out, "clock      {}", clock_words(clock))?;
    }
    let later_ns = status.at_ns - now_ns;
    if status.counted {
        delivery(loaded, status.delivery.as_ref(), later_ns, out)?;
    }
    let mut table = Table::new("", &[Column::Left(10)]);
    for meter in &status.meters {
        add_meter(meter, (status.counted, now_ns), paint, &mut table);
    }
    table.write(out)?;
    if let Some(alarms) = status
        .alarms
        .as_ref()
        .filter(|alarms| alarms.undelivered > 0)
    {
        let undelivered = i64::try_from(alarms.undelivered).unwrap_or(i64::MAX);
        writeln!(
            out,
            "alarms     {} not delivered yet",
            count(undelivered, "message")
        )?;
    }
    to_import(dir, out)?;
    for condition in &answer.conditions {
        let condition = format!("⚠          {}", condition.advice());
        writeln!(out, "{}", paint.warning(&condition))?;
    }
    lost(status, paint, out)?;
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().map(str::to_owned).collect())
}

/// What lies beside the journal and could be brought in.
fn to_import(dir: &Path, out: &mut dyn Write) -> Result<()> {
    for path in crate::import::waiting(dir) {
        writeln!(out, "TO IMPORT  {}", path.display())?;
        writeln!(out, "           {}", crate::import::how_to_import(&path))?;
    }
    Ok(())
}

/// Pulses that are lost for good; those of a line that is not read are not known.
fn lost(status: &Status, paint: Paint, out: &mut dyn Write) -> Result<()> {
    match status.lost() {
        _ if !status.counted => writeln!(out, "lost       not known: the journal is not open yet")?,
        0 if status.unread().count() > 0 => writeln!(
            out,
            "lost       not known: what comes on a line that is not read is not counted"
        )?,
        0 => writeln!(out, "lost       0 pulses")?,
        lost => {
            let lost = format!("lost       {} (by cause above)", count(lost, "pulse"));
            writeln!(out, "{}", paint.warning(&lost))?;
        }
    }
    Ok(())
}

/// `later_ns`: so much later than ages are told by was its lag.
fn delivery(
    loaded: &Loaded,
    status: Option<&DeliveryStatus>,
    later_ns: i64,
    out: &mut dyn Write,
) -> Result<()> {
    if let Influx::NotConfigured(why) = &loaded.settings.influx {
        writeln!(out, "delivery   off: {why}")?;
        return Ok(());
    }
    let Some(delivery) = status else {
        writeln!(out, "delivery   nothing sent to this server and bucket yet")?;
        return Ok(());
    };
    let lag = delivery.lag_ns.map_or_else(String::new, |ns| {
        format!(", the oldest {} old", time::span((ns - later_ns).max(0)))
    });
    writeln!(
        out,
        "delivery   to {}: {}",
        delivery.destination,
        if delivery.raw {
            format!("backlog {}{lag}", grouped(delivery.backlog))
        } else {
            "windows only (influx.raw is off)".to_owned()
        }
    )?;
    match &delivery.state {
        DeliveryState::NoAnswer if !delivery.raw => {}
        DeliveryState::NoAnswer => writeln!(out, "           no answer yet")?,
        DeliveryState::Works => writeln!(
            out,
            "           works since {}",
            time::local(delivery.since_ns)
        )?,
        DeliveryState::Fails(state) => {
            let since = time::local(delivery.since_ns);
            writeln!(
                out,
                "           FAILS ({state}) since {since}: {}",
                delivery.message
            )?;
        }
    }
    views(loaded, &delivery.views, out)
}

/// How far the server's windows are known to be right.
fn views(loaded: &Loaded, views: &ViewsStatus, out: &mut dyn Write) -> Result<()> {
    let Influx::Configured(influx) = &loaded.settings.influx else {
        return Ok(());
    };
    if influx.downsampling == Downsampling::Off {
        writeln!(out, "windows    off (influx.downsampling)")?;
        return Ok(());
    }
    if views.state == ViewsState::Unread {
        writeln!(out, "windows    {}", views.message)?;
        return Ok(());
    }
    if views.state.is_failing() {
        let (since, message) = (time::local(views.since_ns), &views.message);
        let state = views.state.word();
        let all_but_some_days = views.state == ViewsState::SomeDaysHeld;
        let what = if all_but_some_days { "NOT ALL" } else { "NOT" };
        writeln!(
            out,
            "windows    {what} COMPARED ({state}) since {since}: {message}"
        )?;
        if !all_but_some_days {
            return Ok(());
        }
    }
    let names = Tier::ALL.map(Tier::as_str).into_iter();
    let names = names.filter(|name| influx.raw || *name != Tier::Raw.as_str());
    let names: Vec<&str> = names.collect();
    for line in compared(&names, &views.levels) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// What was compared, and what came of it: never more than that.
fn compared(names: &[&str], levels: &BTreeMap<&'static str, LevelStatus>) -> Vec<String> {
    let at = |s: i64| time::local(WallNs::of_s(s));
    let known: Vec<(&str, &LevelStatus)> = names
        .iter()
        .filter_map(|name| Some((*name, levels.get(name)?)))
        .collect();
    let listed = |wanted: &dyn Fn(&LevelStatus) -> Option<String>| {
        let said = known
            .iter()
            .filter_map(|(name, level)| Some(format!("{name} {}", wanted(level)?)));
        said.collect::<Vec<_>>().join(", ")
    };
    let mut lines = Vec::new();
    let from_s = known
        .iter()
        .map(|(_, level)| level.from_s)
        .collect::<Option<Vec<_>>>();
    let to_s = known
        .iter()
        .map(|(_, level)| level.to_s)
        .collect::<Option<Vec<_>>>();
    let span = from_s.zip(to_s).and_then(|(from_s, to_s)| {
        let span = (from_s.into_iter().max()?, to_s.into_iter().min()?);
        (known.len() == names.len() && span.0 < span.1).then_some(span)
    });
    let unequal = listed(&|level| (level.unequal > 0).then(|| level.unequal.to_string()));
    match span {
        None if known.is_empty() => {
            lines.push("windows    not compared with the server yet".to_owned());
        }
        None => lines.push("windows    being compared with the server".to_owned()),
        Some((from_s, to_s)) => {
            let word = if unequal.is_empty() {
                "equal to"
            } else {
                "compared with"
            };
            let (from, to) = (at(from_s), at(to_s));
            lines.push(format!(
                "windows    {word} the journal from {from} up to {to}"
            ));
        }
    }
    if !unequal.is_empty() {
        lines.push(format!(
            "           NOT EQUAL: {unequal} windows; the server holds more than the journal knows (another \
             writer?), or does not take what it lacks (`powerlogger audit` lists them)"
        ));
    }
    let left = listed(&|level| {
        level
            .to_look_from_s
            .map(|from_s| format!("back to {}", at(from_s)))
    });
    if !left.is_empty() {
        lines.push(format!("           still to be looked at: {left}"));
    } else if let Some(all_s) = known.iter().map(|(_, level)| level.all_s).min() {
        if span.is_some() && all_s > 0 {
            let all = at(all_s);
            lines.push(format!(
                "           all that is kept was last looked over on {all}"
            ));
        }
    }
    lines
}

/// `is_counted`: what the journal has of it is known.
fn add_meter(
    meter: &MeterStatus,
    (is_counted, now_ns): (bool, WallNs),
    paint: Paint,
    table: &mut Table,
) {
    let last = match meter.last_pulse_ns {
        Some(last) => {
            format!("last {} ({})", time::local(last), time::ago(last, now_ns))
        }
        None if meter.pulses > 0 => "last one's time not known yet".to_owned(),
        None => "none yet".to_owned(),
    };
    let register = meter.register.zip(meter.register_unit);
    let register = register.map_or(String::new(), |(shown, unit)| {
        let face = face_text(meter.register_digits, shown);
        format!("{face} {}, ", unit.symbol())
    });
    let pulses = match is_counted {
        true => format!("{}, {last}", count(meter.pulses, "pulse")),
        false => "not known yet".to_owned(),
    };
    let former = if meter.is_configured {
        ""
    } else {
        "; no longer configured"
    };
    table.row(&[&meter.name], format!("{register}{pulses}{former}"));
    // That none runs is told once for all.
    let is_told = |why: &str| why == NOT_RUNNING;
    let line = meter.line.as_ref();
    if let Some(line) = line.filter(|line| !line.is_read && !is_told(&line.why)) {
        let since = line.since_ns.map(time::local);
        let since = since.map_or_else(String::new, |since| format!(" since {since}"));
        let text = format!("           NOT READ{since}: {}", line.why);
        table.text(paint.warning(&text));
    }
    for loss in &meter.losses {
        let word = match (loss.filter, loss.lost) {
            (true, _) => "rejected",
            (false, true) => "LOST",
            (false, false) => "put back by number",
        };
        table.text(format!(
            "           {word} {} ({}), {} to {}",
            grouped(loss.pulses),
            loss.cause,
            time::local(loss.first_ns),
            time::local(loss.last_ns)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LoadOptions, load};
    use crate::live::{Board, LineLive};
    use crate::model::LineNow;

    const NAMES: [&str; 2] = ["raw", "1h"];

    fn said(raw: LevelStatus, hour: Option<LevelStatus>) -> String {
        let levels = [("raw", Some(raw)), ("1h", hour)];
        let levels = levels
            .into_iter()
            .filter_map(|(name, level)| Some((name, level?)));
        compared(&NAMES, &levels.collect()).join("\n")
    }

    fn level(from_s: i64, to_s: i64) -> LevelStatus {
        LevelStatus {
            from_s: Some(from_s),
            to_s: Some(to_s),
            unequal: 0,
            to_look_from_s: None,
            all_s: 1_700_000_000,
        }
    }

    #[test]
    fn nothing_is_said_of_counts_before_the_journal_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let loaded = load(&LoadOptions {
            config_dir: Some(dir.path().to_owned()),
            cwd: dir.path().to_owned(),
            ..LoadOptions::default()
        })
        .unwrap();
        let board = Board::default();
        board.publish_waiting(41);
        board.publish_capture(|capture| {
            let (since_ns, why) = (WallNs(1), None);
            capture.lines = vec![LineLive::new("Import", LineNow { since_ns, why })];
        });
        let status = Status::from_board(&board.snapshot(), WallNs(1));
        let answer = StatusAnswer::of(status, dir.path()).unwrap();
        let said = trust(&answer, WallNs(1), &loaded, Paint::of_stdout()).unwrap();
        let said = said.join("\n");
        assert!(
            said.contains("not open yet; in memory: 41 pulses"),
            "{said}"
        );
        assert!(said.contains("Import     not known yet"), "{said}");
        assert!(said.contains("lost       not known"), "{said}");
        assert!(!said.contains("delivery"), "{said}");
    }

    #[test]
    fn equal_is_said_of_what_was_compared_alone() {
        let (from_s, to_s) = (1_767_268_800, 1_767_441_600);
        let good = said(level(from_s, to_s), Some(level(from_s - 99_999, to_s + 9)));
        let want = format!(
            "windows    equal to the journal from {} up to {}",
            time::local(WallNs::of_s(from_s)),
            time::local(WallNs::of_s(to_s))
        );
        assert!(good.starts_with(&want), "{good}");
        assert!(good.contains("last looked over on"), "{good}");

        let half = LevelStatus {
            from_s: None,
            to_s: None,
            to_look_from_s: Some(0),
            ..level(0, 0)
        };
        for said in [
            said(level(from_s, to_s), None),
            said(level(from_s, to_s), Some(half)),
        ] {
            assert!(
                said.contains("being compared") && !said.contains("equal"),
                "{said}"
            );
        }

        let other = LevelStatus {
            unequal: 582,
            to_look_from_s: Some(from_s - 99_999),
            ..level(from_s, to_s)
        };
        let said = said(level(from_s, to_s), Some(other));
        assert!(said.contains("compared with the journal from"), "{said}");
        assert!(said.contains("NOT EQUAL: 1h 582 windows"), "{said}");
        assert!(said.contains("still to be looked at: 1h back to"), "{said}");
        assert!(!said.contains("equal to the journal"), "{said}");
    }
}
