//! The report as one page of A4 in HTML that needs nothing else: no script, no font, no image from elsewhere. Pure.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::language::PageWord;
use crate::answers::money::{Money, Position};
use crate::answers::reported::{PeriodReport, ReportMeter};
use crate::config::Language;
use crate::model::{Quantity, Role};

const STYLE: &str = "@page{size:A4;margin:18mm}*{box-sizing:border-box}body{font:10.5pt/1.4 system-ui,sans-serif;max-width:174mm;\
margin:12mm auto;padding:0 4mm;color:#111;background:#fff}h1{font-size:17pt;margin:0 0 1mm}h2{font-size:12pt;margin:6mm 0 1mm}p{margin:1mm 0}\
table{border-collapse:collapse;width:100%;break-inside:avoid}th,td{text-align:left;padding:.8mm 2mm .8mm 0;vertical-align:top;\
overflow-wrap:anywhere}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.n:last-child,th.n:last-child{padding-right:0}\
thead th{border-bottom:.3mm solid #555;font-weight:600}tfoot td{border-top:.3mm solid #555;font-weight:700}.muted{color:#555}\
.small{font-size:9pt}.state{border-left:1.2mm solid #1a7f37;padding-left:3mm;break-inside:avoid}.state.bad{border-color:#b3261e}\
ul{margin:1mm 0;padding-left:5mm}footer{margin-top:8mm;border-top:.2mm solid #999;padding-top:2mm}@media print{body{margin:0;padding:0;max-width:none}}";

/// The whole file; times are of `zone`.
pub(super) fn render(report: &PeriodReport, language: Language, zone: &TimeZone) -> String {
    let page = ReportPage {
        report,
        language,
        zone,
    };
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = page.write(&mut out);
    out
}

pub(super) struct ReportPage<'a> {
    pub(super) report: &'a PeriodReport,
    pub(super) language: Language,
    zone: &'a TimeZone,
}

impl ReportPage<'_> {
    pub(super) fn word(&self, word: PageWord) -> &'static str {
        self.language.word(word)
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let report = self.report;
        let (language, title) = (self.language, self.word(PageWord::Report));
        let days = [&report.first_day, &report.last_day].map(|day| language.day(day));
        let days = match days {
            [first, last] if first == last => first,
            [first, last] => format!("{first} {} {last}", self.word(PageWord::To)),
        };
        writeln!(
            out,
            "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
             <title>{title}, {days}</title>\n<style>{STYLE}</style>\n</head>\n<body>",
            language.as_str()
        )?;
        let site = report
            .site
            .as_deref()
            .map_or_else(String::new, |site| format!("{} · ", escape(site)));
        writeln!(
            out,
            "<h1>{title}</h1>\n<p><strong>{days}</strong></p>\n<p class=\"muted\">{site}{}</p>",
            escape(&report.zone)
        )?;
        if report.simulated {
            writeln!(
                out,
                "<p><strong>{}</strong></p>",
                self.word(PageWord::Simulated)
            )?;
        }
        self.meters(out)?;
        if let Some(money) = &report.money {
            self.bill(money, out)?;
        }
        self.house(out)?;
        self.registers(out)?;
        self.statement(out)?;
        let made = self.at(&report.made_at);
        writeln!(
            out,
            "<footer class=\"muted small\"><p>{} {made}, PowerLogger {}. {}</p></footer>\n</body>\n</html>",
            self.word(PageWord::Made),
            env!("CARGO_PKG_VERSION"),
            self.word(PageWord::Legal)
        )
    }

    pub(super) fn heading(&self, word: PageWord, out: &mut String) -> std::fmt::Result {
        writeln!(out, "<h2>{}</h2>", self.word(word))
    }

    /// A row of headings: the first stands left, the others are of numbers.
    pub(super) fn head(&self, words: &[PageWord], out: &mut String) -> std::fmt::Result {
        write!(out, "<table>\n<thead><tr>")?;
        for (n, word) in words.iter().enumerate() {
            let (class, word) = (class_of(n), self.word(*word));
            write!(out, "<th scope=\"col\"{class}>{word}</th>")?;
        }
        writeln!(out, "</tr></thead>\n<tbody>")
    }

    pub(super) fn row(out: &mut String, cells: &[String]) -> std::fmt::Result {
        write!(out, "<tr>")?;
        for (n, cell) in cells.iter().enumerate() {
            write!(out, "<td{}>{cell}</td>", class_of(n))?;
        }
        writeln!(out, "</tr>")
    }

    fn kwh(&self, kwh: f64) -> String {
        self.amount(kwh, Quantity::KilowattHours)
    }

    pub(super) fn amount(&self, amount: f64, unit: Quantity) -> String {
        format!("{}\u{a0}{}", self.language.number(amount, 3), unit.symbol())
    }

    fn kwh_of(&self, text: Option<&String>) -> String {
        let kwh = text.and_then(|text| text.parse().ok());
        kwh.map_or_else(String::new, |kwh| self.kwh(kwh))
    }

    /// An amount or a price, with the digits that it has.
    fn money(&self, amount: Option<&String>, currency: &str) -> String {
        let Some(amount) = amount else {
            return "\u{2013}".to_owned();
        };
        let places = amount.split_once('.').map_or(0, |(_, part)| part.len());
        let number = amount.parse().map_or_else(
            |_| amount.clone(),
            |number| self.language.number(number, places),
        );
        let sign = match currency {
            "EUR" => "€",
            currency => currency,
        };
        format!("{number}\u{a0}{}", escape(sign))
    }

    fn meters(&self, out: &mut String) -> std::fmt::Result {
        self.heading(PageWord::Energy, out)?;
        let heads = [
            PageWord::Meter,
            PageWord::Pulses,
            PageWord::PerUnit,
            PageWord::Counted,
        ];
        self.head(&heads, out)?;
        for meter in &self.report.meters {
            let mut name = escape(&meter.meter);
            if let Some(role) = self.role(meter) {
                let _ = write!(name, " <span class=\"muted\">{role}</span>");
            }
            if meter.restored > 0 {
                let restored = self.language.number(meter.restored as f64, 0);
                let _ = write!(
                    name,
                    "<br><span class=\"muted small\">{restored} {}</span>",
                    self.word(PageWord::Restored)
                );
            }
            let worth = meter.pulses_per_unit.map_or_else(dash, |imp| {
                trimmed(&self.language.number(imp, 3), self.language)
            });
            let kwh = meter
                .amount
                .map_or_else(dash, |sum| self.amount(sum, meter.unit));
            let pulses = self.language.number(meter.pulses as f64, 0);
            Self::row(out, &[name, pulses, worth, kwh])?;
        }
        writeln!(out, "</tbody></table>")
    }

    /// What a meter is to the house, where its name does not say it.
    fn role(&self, meter: &ReportMeter) -> Option<&'static str> {
        let word = match meter.role {
            "import" => PageWord::Import,
            "export" => PageWord::FeedIn,
            _ => return None,
        };
        let said = Role::of_name(&meter.meter).is_some() && self.language == Language::English;
        (!said).then(|| self.word(word))
    }

    fn bill(&self, money: &Money, out: &mut String) -> std::fmt::Result {
        self.heading(PageWord::Cost, out)?;
        let heads = [
            PageWord::What,
            PageWord::Quantity,
            PageWord::Price,
            PageWord::Amount,
        ];
        self.head(&heads, out)?;
        for position in &self.report.positions {
            Self::row(out, &self.position(position, &money.currency))?;
        }
        let total = self.money(money.total.as_ref(), &money.currency);
        writeln!(
            out,
            "</tbody>\n<tfoot><tr><td colspan=\"3\">{}</td><td class=\"n\">{total}</td></tr></tfoot></table>",
            self.word(PageWord::Total)
        )?;
        if !money.complete {
            writeln!(
                out,
                "<p><strong>{}</strong></p>",
                self.word(PageWord::NotPriced)
            )?;
        }
        Ok(())
    }

    fn position(&self, position: &Position, currency: &str) -> [String; 4] {
        let price = self.money(position.price.as_ref(), currency);
        let amount = self.money(position.amount.as_ref(), currency);
        let kwh = self.kwh_of(position.kwh.as_ref());
        let named = |kind: &str| {
            self.word(if kind == "export" {
                PageWord::FeedIn
            } else {
                PageWord::Import
            })
        };
        let name = position.name.as_deref().unwrap_or_default();
        match position.kind.as_str() {
            "standing" => {
                let per = match position.per.as_deref() {
                    Some("day") => PageWord::PerDay,
                    Some("month") => PageWord::PerMonth,
                    _ => PageWord::PerYear,
                };
                let days = self.language.number(position.days.unwrap_or(0) as f64, 0);
                let quantity = format!("{days}\u{a0}{}", self.word(PageWord::Days));
                let price = format!("{price} {}", self.word(per));
                [
                    self.word(PageWord::Standing).to_owned(),
                    quantity,
                    price,
                    amount,
                ]
            }
            "unpriced" => [
                format!("{}, {}", named(name), self.word(PageWord::Unpriced)),
                kwh,
                dash(),
                dash(),
            ],
            kind => [
                format!("{}, {}", named(kind), escape(name)),
                kwh,
                format!("{price}/kWh"),
                amount,
            ],
        }
    }

    fn house(&self, out: &mut String) -> std::fmt::Result {
        let Some(house) = &self.report.house else {
            return Ok(());
        };
        self.heading(PageWord::House, out)?;
        writeln!(out, "<table>\n<tbody>")?;
        let kwh = |wh: Option<f64>| wh.map_or_else(dash, |wh| self.kwh((wh / 1_000.0).max(0.0)));
        let share = |share: Option<f64>| {
            let percent = share.map(|share| (share * 100.0).clamp(0.0, 100.0));
            percent.map_or_else(dash, |percent| {
                format!("{}\u{a0}%", self.language.number(percent, 0))
            })
        };
        for (word, value) in [
            (PageWord::Used, kwh(house.house_wh)),
            (PageWord::OwnUse, kwh(house.self_wh)),
            (PageWord::OwnShare, share(house.self_rate)),
            (PageWord::Autarky, share(house.autarky)),
        ] {
            Self::row(out, &[self.word(word).to_owned(), value])?;
        }
        writeln!(out, "</tbody></table>")
    }

    pub(super) fn at_s(&self, at_s: i64) -> String {
        Timestamp::from_second(at_s)
            .map_or_else(|_| at_s.to_string(), |at| self.language.at(at, self.zone))
    }

    /// An instant of the report.
    pub(super) fn at(&self, text: &str) -> String {
        text.parse()
            .map_or_else(|_| escape(text), |at| self.language.at(at, self.zone))
    }
}

/// The first cell of a row stands left, the others are numbers.
fn class_of(cell: usize) -> &'static str {
    if cell > 0 { " class=\"n\"" } else { "" }
}

pub(super) fn dash() -> String {
    "\u{2013}".to_owned()
}

/// Without zeros at the end of what is behind the point.
fn trimmed(number: &str, language: Language) -> String {
    let point = if language == Language::German {
        ','
    } else {
        '.'
    };
    match number.contains(point) {
        true => number
            .trim_end_matches('0')
            .trim_end_matches(point)
            .to_owned(),
        false => number.to_owned(),
    }
}

pub(super) fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}
