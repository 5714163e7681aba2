//! The end of the page: registers, and whether anything is missing. Pure.

use std::fmt::Write;

use super::html::{ReportPage, dash, escape};
use super::language::PageWord;
use crate::answers::reported::ReportReading;
use crate::cli::time;
use crate::model::NS_PER_S;

/// Stretches that are listed, the first ones: they are to fit on the page.
const UNWATCHED_MAX: usize = 12;

impl ReportPage<'_> {
    pub(super) fn registers(&self, out: &mut String) -> std::fmt::Result {
        let known = self
            .report
            .meters
            .iter()
            .filter_map(|meter| Some((meter, meter.register?)));
        let known: Vec<_> = known.collect();
        if known.is_empty() {
            return Ok(());
        }
        self.heading(PageWord::Register, out)?;
        let heads = [
            PageWord::Meter,
            PageWord::AtBegin,
            PageWord::AtEnd,
            PageWord::Difference,
        ];
        self.head(&heads, out)?;
        for (meter, register) in known {
            let [begin, end] =
                [register.begin, register.end].map(|number| self.amount(number, register.unit));
            // A face that has gone round, or another meter, has no difference.
            let by = register.end - register.begin;
            let is_one = by >= 0.0 && meter.readings.iter().all(|reading| !reading.is_exchange);
            let difference = if is_one {
                self.amount(by, register.unit)
            } else {
                dash()
            };
            Self::row(out, &[escape(&meter.meter), begin, end, difference])?;
            for reading in &meter.readings {
                let text = self.reading(reading);
                writeln!(
                    out,
                    "<tr><td colspan=\"4\" class=\"muted small\">{text}</td></tr>"
                )?;
            }
        }
        writeln!(out, "</tbody></table>")
    }

    fn reading(&self, reading: &ReportReading) -> String {
        let (at, kwh) = (
            self.at(&reading.at),
            self.amount(reading.shown, reading.unit),
        );
        let drift = reading.drift.map_or_else(
            || self.word(PageWord::FirstReading).to_owned(),
            |drift| {
                format!(
                    "{} {}",
                    self.amount(drift, reading.unit),
                    self.word(PageWord::Drift)
                )
            },
        );
        format!("{} {at}: {kwh}, {drift}", self.word(PageWord::Read))
    }

    pub(super) fn statement(&self, out: &mut String) -> std::fmt::Result {
        let report = self.report;
        self.heading(PageWord::Completeness, out)?;
        let (class, word) = match report.complete {
            true => ("state", PageWord::Complete),
            false => ("state bad", PageWord::NotComplete),
        };
        writeln!(
            out,
            "<div class=\"{class}\"><p><strong>{}</strong></p>",
            self.word(word)
        )?;
        let mut items = self.missing();
        if !report.complete && items.is_empty() {
            items.push(self.word(PageWord::NothingCounted).to_owned());
        }
        if !items.is_empty() {
            let items: Vec<String> = items
                .iter()
                .map(|item| format!("<li>{item}</li>"))
                .collect();
            writeln!(out, "<ul>{}</ul>", items.join(""))?;
        }
        let restored: i64 = report.meters.iter().map(|meter| meter.restored).sum();
        if restored > 0 {
            let restored = self.language.number(restored as f64, 0);
            writeln!(
                out,
                "<p>{restored} {}</p>",
                self.word(PageWord::RestoredNote)
            )?;
        }
        if report.goes_on {
            writeln!(
                out,
                "<p>{} {}.</p>",
                self.word(PageWord::GoesOn),
                self.at(&report.made_at)
            )?;
        }
        writeln!(out, "</div>")
    }

    /// What is missing.
    fn missing(&self) -> Vec<String> {
        let report = self.report;
        let mut items = Vec::new();
        if let Some(since) = &report.counting_since {
            items.push(format!(
                "{} {}",
                self.word(PageWord::Began),
                self.language.day(since)
            ));
        }
        for stretch in report.unwatched.iter().take(UNWATCHED_MAX) {
            let at = |at_s: Option<i64>| self.at_s(at_s.unwrap_or(0));
            items.push(format!(
                "{}: {}, {} {} {}",
                escape(&stretch.meter),
                self.word(PageWord::NotWatched),
                at(stretch.from_s),
                self.word(PageWord::To),
                at(stretch.until_s)
            ));
        }
        if let Some(more) = report
            .unwatched
            .len()
            .checked_sub(UNWATCHED_MAX)
            .filter(|more| *more > 0)
        {
            items.push(format!("{more} {}", self.word(PageWord::More)));
        }
        for meter in report.meters.iter().filter(|meter| meter.uncounted_s > 0) {
            let length = time::span(meter.uncounted_s.saturating_mul(NS_PER_S));
            let name = escape(&meter.meter);
            items.push(format!(
                "{name}: {} {length}",
                self.word(PageWord::NotCounted)
            ));
        }
        for loss in &report.losses {
            let at_most = if loss.is_at_most {
                format!("{} ", self.word(PageWord::AtMost))
            } else {
                String::new()
            };
            let pulses = self.language.number(loss.entry.loss.pulses as f64, 0);
            items.push(format!(
                "{}: {at_most}{pulses} {}",
                escape(&loss.entry.meter),
                self.word(PageWord::Lost)
            ));
        }
        items
    }
}
