//! The report as text for a terminal. Pure.

use std::fmt::Write;

use super::catalogue::CatalogueMeter;
use super::histogram::Class;
use super::report::{LineReport, Recommended};
use super::words::length;
use crate::text::numbers::{count, grouped};

/// The longest bar.
const BAR: u64 = 40;

/// The whole report.
pub fn render(report: &LineReport) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = head(report, &mut out);
    let _ = settings(report, &mut out);
    let _ = worth(report, &mut out);
    let _ = histograms(report, &mut out);
    out
}

fn head(report: &LineReport, out: &mut String) -> std::fmt::Result {
    let edges = count(report.edges, "edge");
    writeln!(
        out,
        "{} on {}: {edges} in {}",
        report.meter,
        report.line,
        watched(report)
    )?;
    for finding in &report.findings {
        writeln!(out, "\n  • {}\n    → {}", finding.what(), finding.remedy())?;
    }
    Ok(())
}

/// For how long it was watched.
pub(super) fn watched(report: &LineReport) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float is cut at the largest"
    )]
    let watched_ns = (report.watched_s * 1e9) as i64;
    length(watched_ns)
}

fn settings(report: &LineReport, out: &mut String) -> std::fmt::Result {
    let counted = report.counted.pulses;
    let Some(better) = &report.recommended else {
        let counted = count(counted, "pulse");
        return writeln!(
            out,
            "\nThe present settings count {counted}. Nothing is recommended before that is mended."
        );
    };
    if better.changes.is_empty() {
        let counted = count(counted, "pulse");
        writeln!(out, "\nThe present settings fit: they count {counted}.")?;
    } else {
        writeln!(
            out,
            "\nThe present settings count {}, those below {}:\n",
            grouped(counted),
            count(better.counted.pulses, "pulse")
        )?;
        changes(better, out)?;
    }
    if !better.is_sure {
        writeln!(
            out,
            "\nNot sure yet: more pulses, or more regular ones, tell more. Listen for longer."
        )?;
    }
    if let Some(most) = better.countable_rate {
        writeln!(
            out,
            "\nUp to {} can be counted with them{}.",
            report.unit.shown_rate(most),
            if better.is_bound {
                ": less than may come"
            } else {
                ""
            }
        )?;
    }
    // What counts as much is no other choice.
    let unlike = |tried: &&super::report::Tried| tried.pulses != better.counted.pulses;
    let others: Vec<_> = report.others.iter().filter(unlike).collect();
    if !others.is_empty() {
        writeln!(out, "\nNot instead:")?;
    }
    for tried in others {
        writeln!(out, "  {} counts {}", tried.what, grouped(tried.pulses))?;
    }
    Ok(())
}

fn changes(better: &Recommended, out: &mut String) -> std::fmt::Result {
    for change in &better.changes {
        let (key, to) = (change.key, change.to.to_string());
        let was = format!("now {}", change.from);
        let alone = grouped(change.pulses_alone);
        writeln!(
            out,
            "  {key:<15} = {to:<9} # {was}; alone it counts {alone}: {}",
            change.why
        )?;
    }
    Ok(())
}

fn worth(report: &LineReport, out: &mut String) -> std::fmt::Result {
    if let Some(worth) = report.worth {
        let usual = worth.usual.map_or_else(
            || "no number that meters bear is that near".to_owned(),
            |usual| format!("it may well be {usual}"),
        );
        writeln!(
            out,
            "\n{:.0} imp/{} by what is known of load or face, give or take {:.0} %: {usual}.",
            worth.imp_per_kwh,
            report.worth_unit(),
            worth.within * 100.0
        )?;
        if let Some(configured) = report.configured().filter(|imp| !worth.may_be(*imp)) {
            writeln!(out, "The configuration says {configured}.")?;
        }
    }
    if !report.likely.is_empty() {
        writeln!(out, "\nMeters that make such pulses:")?;
    }
    for meter in &report.likely {
        writeln!(out, "  {}: {}", meter.name, numbers(meter))?;
    }
    Ok(())
}

/// Numbers of pulses a kilowatt-hour or cubic metre, as they stand on a meter.
pub(super) fn numbers(meter: &CatalogueMeter) -> String {
    let (numbers, unit) = match meter.imp_per_kwh.as_slice() {
        [] => (&meter.imp_per_m3, "m³"),
        _ => (&meter.imp_per_kwh, "kWh"),
    };
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    format!("{} imp/{unit}", numbers.join(", "))
}

fn histograms(report: &LineReport, out: &mut String) -> std::fmt::Result {
    for (title, classes) in titled(report) {
        if !classes.is_empty() {
            writeln!(out, "\n{title}")?;
        }
        let most = classes.iter().map(|class| class.count).max().unwrap_or(1);
        for run in runs(classes) {
            let [class] = run else {
                writeln!(out, "         …")?;
                continue;
            };
            let bar = (class.count * BAR).div_ceil(most.max(1));
            let bar = "#".repeat(usize::try_from(bar).unwrap_or(0));
            let (from, to) = (length(class.from_ns), length(class.to_ns));
            let line = format!("  {from:>8} to {to:>8}  {:>6}  {bar}", grouped(class.count));
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    Ok(())
}

/// The classes one by one; several empty ones in a row together.
pub(super) fn runs(classes: &[Class]) -> impl Iterator<Item = &[Class]> {
    classes.chunk_by(|one, next| one.count == 0 && next.count == 0)
}

/// The histograms with their titles.
pub(super) fn titled(report: &LineReport) -> [(&'static str, &[Class]); 3] {
    [
        (
            "How long the level of the pulses stays",
            &report.active_phases,
        ),
        ("How long the level of rest stays", &report.rest_phases),
        ("How long from one pulse to the next", &report.intervals),
    ]
}
