//! The report as one file of HTML that needs nothing else: no script, no font, no image from elsewhere. Pure.

use std::fmt::Write;

use super::histogram::Class;
use super::report::LineReport;
use super::text::{numbers, runs, titled, watched};
use super::wave::WavePhase;
use super::words::length;
use crate::model::Level;
use crate::text::numbers::{count, grouped};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;\
background:#fff}h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse}td,th{text-align:left;\
padding:.2rem .8rem .2rem 0;vertical-align:top}td.n,th.n{text-align:right}code,pre{font:14px/1.5 ui-monospace,monospace}\
pre{background:#f2f2f2;padding:.8rem;overflow:auto}svg{max-width:100%;height:auto}svg text{font:12px system-ui,sans-serif;\
fill:currentColor}.bar{fill:#2f6db0}.wire{fill:none;stroke:#2f6db0;stroke-width:1.5}li p{margin:.2rem 0 .8rem}\
@media(prefers-color-scheme:dark){body{color:#e8e8e8;background:#16181b}pre{background:#24272b}.bar{fill:#6aa5e3}\
.wire{stroke:#6aa5e3}}@media print{body{margin:0}}";

/// Width of a drawing, and the parts of it that are left and right of the bars.
const WIDTH: f64 = 720.0;
const LEFT: f64 = 170.0;
const RIGHT: f64 = 70.0;
const ROW: f64 = 20.0;

/// The whole file. `at`: when it was made, in words.
pub fn render(report: &LineReport, at: &str) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = page(report, at, &mut out);
    out
}

fn page(report: &LineReport, at: &str, out: &mut String) -> std::fmt::Result {
    let title = format!("{} on {}", escape(&report.meter), escape(&report.line));
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>"
    )?;
    let edges = count(report.edges, "edge");
    writeln!(out, "<p>{edges} in {}. {}</p>", watched(report), escape(at))?;
    writeln!(out, "<h2>Found</h2>\n<ul>")?;
    for finding in &report.findings {
        let (what, remedy) = (escape(&finding.what()), escape(&finding.remedy()));
        writeln!(out, "<li><strong>{what}</strong><p>{remedy}</p></li>")?;
    }
    writeln!(out, "</ul>")?;
    settings(report, out)?;
    meters(report, out)?;
    writeln!(out, "<h2>The beginning of the wave</h2>")?;
    wave(&report.piece, out)?;
    for (title, classes) in titled(report) {
        if !classes.is_empty() {
            writeln!(out, "<h2>{title}</h2>")?;
            bars(title, classes, out)?;
        }
    }
    writeln!(out, "</body>\n</html>")
}

fn settings(report: &LineReport, out: &mut String) -> std::fmt::Result {
    writeln!(out, "<h2>Settings</h2>")?;
    let Some(better) = &report.recommended else {
        return writeln!(
            out,
            "<p>The present ones count {}. Nothing is recommended before that is mended.</p>",
            count(report.counted.pulses, "pulse")
        );
    };
    writeln!(
        out,
        "<table>\n<tr><th>key</th><th>now</th><th>better</th><th class=\"n\">alone it counts</th><th>why</th></tr>"
    )?;
    for change in &better.changes {
        writeln!(
            out,
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
            change.key,
            escape(&change.from.to_string()),
            escape(&change.to.to_string()),
            grouped(change.pulses_alone),
            escape(&change.why)
        )?;
    }
    let (now, then) = (report.counted.pulses, better.counted.pulses);
    writeln!(
        out,
        "</table>\n<p>The present settings count {}, the better ones {}.</p>",
        grouped(now),
        grouped(then)
    )?;
    if !better.changes.is_empty() {
        writeln!(out, "<pre>")?;
        for change in &better.changes {
            writeln!(out, "{} = {}", change.key, escape(&change.to.to_string()))?;
        }
        writeln!(out, "</pre>")?;
    }
    for tried in &report.others {
        let pulses = grouped(tried.pulses);
        writeln!(
            out,
            "<p><code>{}</code> counts {pulses}.</p>",
            escape(&tried.what)
        )?;
    }
    Ok(())
}

fn meters(report: &LineReport, out: &mut String) -> std::fmt::Result {
    if let Some(worth) = report.worth {
        let usual = worth
            .usual
            .map_or_else(String::new, |usual| format!(" It may well be {usual}."));
        writeln!(
            out,
            "<p>{:.0} imp/{} by what is known of load or face, give or take {:.0} %.{usual}</p>",
            worth.imp_per_kwh,
            report.worth_unit(),
            worth.within * 100.0
        )?;
    }
    if report.likely.is_empty() {
        return Ok(());
    }
    writeln!(out, "<h2>Meters that make such pulses</h2>\n<ul>")?;
    for meter in &report.likely {
        let numbers = numbers(meter);
        writeln!(out, "<li>{}: {numbers}</li>", escape(&meter.name))?;
    }
    writeln!(out, "</ul>")
}

/// A histogram: a bar a class.
fn bars(title: &str, classes: &[Class], out: &mut String) -> std::fmt::Result {
    let rows: Vec<&[Class]> = runs(classes).collect();
    let height = ROW * rows.len() as f64;
    writeln!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n<title>{title}</title>"
    )?;
    let most = classes
        .iter()
        .map(|class| class.count)
        .max()
        .unwrap_or(1)
        .max(1) as f64;
    for (row, run) in rows.into_iter().enumerate() {
        let y = ROW * row as f64;
        let [class] = run else {
            let (x, y) = (LEFT - 8.0, y + 14.0);
            writeln!(
                out,
                "<text x=\"{x:.0}\" y=\"{y:.0}\" text-anchor=\"end\">…</text>"
            )?;
            continue;
        };
        let width = (WIDTH - LEFT - RIGHT) * class.count as f64 / most;
        let (from, to) = (length(class.from_ns), length(class.to_ns));
        writeln!(
            out,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{from} to {to}</text>\
             <rect class=\"bar\" x=\"{LEFT}\" y=\"{:.0}\" width=\"{width:.1}\" height=\"14\"/>\
             <text x=\"{:.1}\" y=\"{:.0}\">{}</text>",
            LEFT - 8.0,
            y + 14.0,
            y + 3.0,
            LEFT + width + 6.0,
            y + 14.0,
            grouped(class.count)
        )?;
    }
    writeln!(out, "</svg>")
}

/// The first phases. Each is as wide as the logarithm of its length, so that bounce shows beside hours of rest.
fn wave(phases: &[WavePhase], out: &mut String) -> std::fmt::Result {
    let drawn = |phase: &WavePhase| (phase.length_ns.max(1) as f64 / 1e5).max(1.0).ln() + 0.5;
    let all: f64 = phases.iter().map(drawn).sum();
    if phases.is_empty() || all <= 0.0 {
        return Ok(());
    }
    writeln!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} 60\" width=\"{WIDTH}\" height=\"60\" role=\"img\"><title>The level of the line; \
         lengths are drawn by their logarithm</title>"
    )?;
    write!(out, "<path class=\"wire\" d=\"")?;
    let mut x = 2.0;
    for (at, phase) in phases.iter().enumerate() {
        let y = if phase.level == Level::High { 10 } else { 50 };
        let command = if at == 0 { "M" } else { "L" };
        write!(out, "{command}{x:.1} {y}")?;
        x += drawn(phase) / all * (WIDTH - 4.0);
        write!(out, "L{x:.1} {y}")?;
    }
    writeln!(
        out,
        "\"/></svg>\n<p>Lengths are drawn by their logarithm.</p>"
    )
}

/// Text as it stands in HTML, and in attributes.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            char => safe.push(char),
        }
    }
    safe
}
