//! Energy of a local day, week, month or year, or of all years, in its parts.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use serde::Serialize;

use super::derived::{Count, Derived, why_of};
use super::ended::Caching;
use super::energy_asked::{compared, date, unit};
use super::head::{Head, rfc3339};
use super::meter_head::MeterHead;
use super::money::SpanMoney;
use super::part_sums::PartSums;
use super::{Api, Json, csv};
use crate::answers::counted_span::{EDGES_S, told_wh};
use crate::answers::factors::Factors;
use crate::answers::present::{Present, PresentMeter};
use crate::energy::derived::Balance;
use crate::energy::periods::{Calendar, Period, PeriodUnit};
use crate::journal::Grain;
use crate::model::WallNs;
use crate::web::problem::Problem;
use crate::web::query::Query;
use crate::web::source::Source;
use crate::web::worth_sums::WorthSums;

/// The whole answer.
#[derive(Debug, Serialize)]
pub(super) struct Energy {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    span: EnergySpan,
    today: String,
    first_date: Option<String>,
    compared: Option<EnergySpan>,
}

#[derive(Debug, Serialize)]
struct EnergySpan {
    period: &'static str,
    date: Option<String>,
    from: String,
    to: String,
    part: &'static str,
    starts_s: Vec<i64>,
    dates: Vec<String>,
    complete: bool,
    meters: Vec<EnergyMeter>,
    house_wh: Option<Vec<Option<f64>>>,
    self_wh: Option<Vec<Option<f64>>>,
    derived: Derived,
    money: Option<SpanMoney>,
}

#[derive(Debug, Serialize)]
struct EnergyMeter {
    #[serde(flatten)]
    head: MeterHead,
    pulses: Vec<Option<i64>>,
    energy_wh: Vec<Option<f64>>,
    amount: Vec<Option<f64>>,
    watched_s: Vec<i64>,
    total: Count,
    restored: i64,
    min_w: Option<f64>,
    max_w: Option<f64>,
    /// The same in the unit of the meter's rate.
    min_rate: Option<f64>,
    max_rate: Option<f64>,
    #[serde(skip)]
    worth: Vec<WorthSums>,
}

/// A span in its parts, before it is counted.
#[derive(Debug, Clone)]
struct Parts {
    period: &'static str,
    date: Option<Date>,
    part: &'static str,
    starts_s: Vec<i64>,
    dates: Vec<Date>,
}

pub(super) async fn energy(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::of(&uri, &["period", "date", "compare"])?;
    let source = &api.source;
    let (calendar, now_ns) = (source.calendar(), source.wall_ns());
    let now_s = now_ns.s();
    let today = calendar.date_at(now_s);
    let first_s = source.ask(|reader, _| reader.counting_since_s()).await?;
    let first_date = first_s.map(|first_s| calendar.date_at(first_s));
    let unit = unit(query.get("period"))?;
    let date = date(&query, unit, today)?;
    let parts = match unit {
        Some(unit) => Parts::of(&calendar, Period::containing(unit, date)),
        None => Parts::total(&calendar, first_date, today),
    };
    let compared = compared(&query, &calendar, unit, date)?;
    let compared = compared.map(|period| Parts::of(&calendar, period));
    let of_compared = compared.as_ref().map_or(&[][..], |of| &of.starts_s);
    let spans = [&parts.starts_s[..], of_compared];
    let state = (now_s, Some(today), first_s);
    let kept = Caching::of(source, (&uri, &headers), &spans, state).await?;
    if let Some(known) = kept.not_modified() {
        return Ok(known);
    }
    let span = counted(source, parts, (now_s, first_s)).await?;
    let compared = match compared {
        Some(parts) => Some(counted(source, parts, (now_s, first_s)).await?),
        None => None,
    };
    if csv::is_wanted(&uri, &headers) {
        return Ok(kept.dress(source, span.table(&calendar)));
    }
    let energy = Energy {
        head: source.head(now_ns, source.status().simulated),
        span,
        today: today.to_string(),
        first_date: first_date.map(|date| date.to_string()),
        compared,
    };
    Ok(kept.dress(source, Json(energy).into_response()))
}

impl Parts {
    fn of(calendar: &Calendar, period: Period) -> Parts {
        let unit = period.unit();
        let span = calendar.span(period);
        let named = |part, starts: Vec<(i64, Date)>| Parts {
            period: unit.as_str(),
            date: Some(period.first()),
            part,
            dates: starts.iter().map(|(_, date)| *date).collect(),
            starts_s: starts
                .iter()
                .map(|(start_s, _)| *start_s)
                .chain([span.end_s])
                .collect(),
        };
        let part = match unit {
            PeriodUnit::Day => {
                let hours = calendar.hours(period.first());
                let hours = hours.iter().map(|hour| (hour.start_s, period.first()));
                return named("hour", hours.collect());
            }
            PeriodUnit::Week | PeriodUnit::Month => PeriodUnit::Day,
            PeriodUnit::Year => PeriodUnit::Month,
        };
        let spans = calendar.spans(period, part);
        named(
            part.as_str(),
            spans
                .map(|span| (span.start_s, span.period.first()))
                .collect(),
        )
    }

    /// Of what its parts consist, as coarse as can be.
    fn grain(&self) -> Grain {
        match self.part {
            "hour" => Grain::Quarter,
            _ => Grain::Day,
        }
    }

    /// All years with data.
    fn total(calendar: &Calendar, first: Option<Date>, today: Date) -> Parts {
        let year = |date| Period::containing(PeriodUnit::Year, date);
        let years = first.map(|first| {
            let years = std::iter::successors(Some(year(first)), |year| Some(year.next()));
            years
                .take_while(|year| year.first() <= today)
                .collect::<Vec<_>>()
        });
        let years = years.unwrap_or_default();
        let spans: Vec<_> = calendar.spans_of(years.iter().copied()).collect();
        let end_s = spans.last().map(|span| span.end_s);
        Parts {
            period: "total",
            date: spans.first().map(|span| span.period.first()),
            part: "year",
            dates: spans.iter().map(|span| span.period.first()).collect(),
            starts_s: spans.iter().map(|span| span.start_s).chain(end_s).collect(),
        }
    }
}

async fn counted(
    source: &Source,
    parts: Parts,
    (now_s, first_s): (i64, Option<i64>),
) -> Result<EnergySpan, Problem> {
    let starts_s = parts.starts_s.clone();
    let (calendar, present) = (source.calendar(), source.present());
    let (grain, known, months) = (parts.grain(), present.worths(), source.months());
    let read = source.ask(move |reader, in_use| {
        let from_s = starts_s.first().copied().unwrap_or(now_s);
        let to_s = starts_s.last().copied().unwrap_or(now_s);
        let factors = Factors::read(reader, &in_use.meters, &known, &calendar)?;
        // By the very settings that price them: others may be put into use meanwhile.
        let months = (months, in_use.name());
        let (fine_s, counted) =
            factors.counted_parts(reader, (&starts_s, grain), &calendar, now_s)?;
        let restored = reader.restored_between(from_s, to_s)?;
        let parts = (&starts_s[..], grain == Grain::Day);
        let when = (now_s, first_s);
        let money = SpanMoney::read(
            reader,
            (in_use, &months),
            (&factors, &calendar),
            parts,
            when,
        )?;
        Ok((factors, fine_s, counted, restored, money))
    });
    let (factors, fine_s, counted, restored, money) = read.await?;
    let meters = present.meters.iter().filter_map(|meter| {
        let counted = counted.iter().find(|counted| counted.meter == meter.name)?;
        let restored = restored.get(&meter.name).copied().unwrap_or(0);
        let sums = PartSums::of(
            (counted, meter, &factors.of(&meter.name)),
            (&parts.starts_s, &fine_s),
            now_s,
        );
        Some(EnergyMeter::of(sums, meter, restored))
    });
    let meters: Vec<EnergyMeter> = meters.collect();
    Ok(EnergySpan {
        money,
        ..EnergySpan::of(parts, meters, &present, (now_s, first_s))
    })
}

impl EnergyMeter {
    fn of(sums: PartSums, present: &PresentMeter, restored: i64) -> EnergyMeter {
        let whole = sums.whole();
        let (least, most) = (sums.least, sums.most);
        let is_power = present.unit.is_electric();
        EnergyMeter {
            head: MeterHead::of(present),
            energy_wh: sums.energy_wh(),
            amount: sums.amount(),
            total: Count::of(&whole, present.unit, sums.watched_s.iter().sum()),
            pulses: sums.pulses,
            watched_s: sums.watched_s,
            restored,
            min_w: least.filter(|_| is_power),
            max_w: most.filter(|_| is_power),
            min_rate: least,
            max_rate: most,
            worth: sums.worth,
        }
    }
}

impl EnergySpan {
    /// A row a part.
    fn table(&self, calendar: &Calendar) -> Response {
        let mut header = vec!["start".to_owned()];
        for meter in &self.meters {
            let name = csv::name(&meter.head.meter);
            let unit = meter.head.unit;
            let amount = if unit.is_electric() {
                "Wh"
            } else {
                unit.symbol()
            };
            let columns = ["pulses", amount, "watched s"];
            header.extend(columns.map(|column| format!("{name} {column}")));
        }
        let sums = [("house Wh", &self.house_wh), ("self Wh", &self.self_wh)];
        let sums = sums.map(|(name, sum)| sum.as_ref().map(|sum| (name, sum)));
        header.extend(sums.iter().flatten().map(|(name, _)| (*name).to_owned()));
        header.extend(self.money.iter().flat_map(SpanMoney::columns));
        let mut table = csv::CsvTable::new(header);
        for part in 0..self.dates.len() {
            let mut row = vec![csv::local(self.starts_s[part] * 1_000, calendar.zone())];
            for meter in &self.meters {
                row.push(csv::number(meter.pulses[part]));
                let amount = match meter.head.unit.is_electric() {
                    true => meter.energy_wh[part],
                    false => meter.amount[part],
                };
                row.push(csv::number(amount));
                row.push(meter.watched_s[part].to_string());
            }
            row.extend(sums.iter().flatten().map(|(_, sum)| csv::number(sum[part])));
            row.extend(self.money.iter().flat_map(|money| money.cells(part)));
            table.row(row);
        }
        let date = self.date.as_deref().unwrap_or("none");
        table.response(&format!("energy-{}-{date}", self.period))
    }

    fn of(
        parts: Parts,
        meters: Vec<EnergyMeter>,
        present: &Present,
        (now_s, first_s): (i64, Option<i64>),
    ) -> EnergySpan {
        let from_s = parts.starts_s.first().copied().unwrap_or(now_s);
        let to_s = parts.starts_s.last().copied().unwrap_or(now_s);
        let why = why_of(present);
        let passed_s = (now_s.min(to_s) - from_s.max(first_s.unwrap_or(now_s))).max(0);
        let balance_of = |worth: &dyn Fn(&EnergyMeter) -> WorthSums| {
            let mut balance = Balance::default();
            for meter in &meters {
                let role = present.get(&meter.head.meter).and_then(|meter| meter.role);
                for (pulses, worth) in worth(meter).iter() {
                    if let (Some(role), Some(worth)) = (role, worth) {
                        balance.add(role, pulses, worth);
                    }
                }
            }
            balance
        };
        let of_part = |meter: &EnergyMeter, part: usize| {
            let is_known = meter.pulses[part].is_some();
            let worth = is_known.then(|| meter.worth[part].clone());
            worth.unwrap_or_default()
        };
        let by_part: Vec<Balance> = (0..parts.dates.len())
            .map(|part| balance_of(&|meter| of_part(meter, part)))
            .collect();
        let wh = |of: fn(&Balance) -> Option<f64>| {
            let sums = by_part.iter().map(|balance| of(balance).map(told_wh));
            why.is_none().then(|| sums.collect())
        };
        let whole = balance_of(&|meter| WorthSums::of_all(&meter.worth));
        EnergySpan {
            period: parts.period,
            date: parts.date.map(|date| date.to_string()),
            from: rfc3339(WallNs::of_s(from_s)),
            to: rfc3339(WallNs::of_s(to_s)),
            part: parts.part,
            dates: parts.dates.iter().map(ToString::to_string).collect(),
            complete: !meters.is_empty()
                && meters
                    .iter()
                    .all(|meter| meter.total.watched_s + EDGES_S >= passed_s),
            house_wh: wh(Balance::house_kwh),
            self_wh: wh(Balance::self_consumption_kwh),
            derived: Derived::of(&whole, why),
            money: None,
            starts_s: parts.starts_s,
            meters,
        }
    }
}
