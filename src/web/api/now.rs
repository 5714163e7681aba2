//! How things stand at this moment: power of each meter, the house, today, and the state of health.

use std::sync::Arc;

use axum::response::Response;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::csv;
use super::derived::{Count, Derived, NOT_WATCHED, WORTH_UNKNOWN};
use super::head::{Head, rfc3339};
use super::health::Health;
use super::local_day::{LocalDay, known_day, span_of};
use super::meter_head::MeterHead;
use crate::answers::counted_span::EDGES_S;
use crate::answers::factors::Factors;
use crate::answers::money::{Money, span_costs};
use crate::answers::present::{Present, PresentMeter, rounded};
use crate::energy::derived::{Balance, LivePower, MeanPower, live_power};
use crate::journal::Grain;
use crate::model::{NS_PER_S, Quantity, Role, Spans, WallNs};
use crate::status::Status;
use crate::web::day_read::{DayRead, MeterRead, PricedDay};
use crate::web::past_months;
use crate::web::source::{BoardLook, Source};
use crate::web::worth_sums::WorthSums;

/// What was counted of the day is read again after this.
const TODAY_KEPT_NS: i64 = 60 * NS_PER_S;

/// The whole answer.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Now {
    #[serde(flatten)]
    head: Head,
    site: Option<String>,
    clock_trusted: bool,
    today: Today,
    meters: Vec<NowMeter>,
    flow: Flow,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<Health>,
}

#[derive(Debug, Clone, Serialize)]
struct Today {
    #[serde(flatten)]
    local_day: LocalDay,
    complete: bool,
    derived: Derived,
    money: Option<Money>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct NowMeter {
    #[serde(flatten)]
    head: MeterHead,
    /// None: the journal has not said yet.
    pub(super) pulses: Option<i64>,
    last_pulse: Option<String>,
    #[serde(skip)]
    last_pulse_ns: Option<WallNs>,
    power_w: Option<f64>,
    pub(super) rate: Option<f64>,
    pub(super) is_bound: bool,
    is_read: bool,
    pub(super) today: Count,
    #[serde(skip)]
    counted: WorthSums,
}

#[derive(Debug, Clone, Serialize)]
struct Flow {
    span_s: i64,
    import_w: Option<f64>,
    export_w: Option<f64>,
    generation_w: Option<f64>,
    self_w: Option<f64>,
    house_w: Option<f64>,
    why: Option<&'static str>,
}

/// The local day as it was read last, or is read now; None: the journal cannot be read.
pub(super) async fn day(source: &Source) -> Option<Arc<DayRead>> {
    let now_ns = source.wall_ns();
    let calendar = source.calendar();
    let date = calendar.date_at(now_ns.s());
    let known = known_day(source);
    if known
        .as_ref()
        .is_some_and(|day| now_ns - day.read_ns < TODAY_KEPT_NS)
    {
        return known;
    }
    let span = span_of(&calendar, date);
    let starts_s = [span.start_s, span.end_s];
    let (of_zone, worths) = (calendar.clone(), source.present().worths());
    let (span_s, in_use) = ((span.start_s, span.end_s), source.in_use());
    let read = source.ask(move |reader, _| {
        let factors = Factors::read(reader, &in_use.meters, &worths, &of_zone)?;
        let asked = (&starts_s[..], Grain::Day);
        let counted = factors.counted_parts(reader, asked, &of_zone, now_ns.s())?;
        let (since_s, unwatched) = (reader.counting_since_s()?, reader.unwatched()?);
        let meters = in_use.priced_meters();
        let pricer = in_use.pricer((&meters, &factors), &of_zone);
        let costs = span_costs(&pricer, reader, span_s, (now_ns.s(), since_s))?;
        let priced = PricedDay {
            in_use,
            factors,
            costs,
        };
        Ok((counted, since_s, unwatched, priced))
    });
    let Ok(((starts_s, counted), since_s, unwatched, priced)) = read.await else {
        return known;
    };
    let stretches = unwatched
        .iter()
        .map(|stretch| (stretch.from_s, stretch.until_s));
    let day = Arc::new(DayRead {
        date,
        from_s: span.start_s,
        to_s: span.end_s,
        since_s,
        // Seconds that several meters lack count once.
        unwatched_s: Spans::new(stretches).length_s(),
        read_ns: now_ns,
        meters: counted
            .iter()
            .map(|counted| {
                let factors = priced.factors.of(&counted.meter);
                let read = MeterRead::of(counted, &starts_s, factors);
                (counted.meter.clone(), read)
            })
            .collect(),
        priced,
    });
    source.set_day(Arc::clone(&day));
    past_months::begin(source, since_s);
    Some(day)
}

impl Now {
    /// How things stand, with what was read of the day; without the state of health.
    pub(super) fn of(source: &Source, look: &BoardLook, day: Option<&DayRead>) -> Now {
        let (status, present, now_ns) = (&look.status, &look.present, source.wall_ns());
        let now_s = now_ns.s();
        let meters: Vec<NowMeter> = present
            .meters
            .iter()
            .map(|meter| NowMeter::of(meter, status, present, day, now_s))
            .collect();
        let mut balance = Balance::default();
        for (meter, now) in present.meters.iter().zip(&meters) {
            let Some(role) = meter.role else {
                continue;
            };
            // One that has counted nothing is there all the same.
            let present = meter.worth.map(|worth| (0, Some(worth)));
            for (pulses, worth) in present.into_iter().chain(now.counted.iter()) {
                if let Some(worth) = worth {
                    balance.add(role, pulses, worth);
                }
            }
        }
        let passed_s = day.map_or(0, |day| {
            now_s - day.from_s.max(day.since_s.unwrap_or(now_s))
        });
        let is_whole = |meter: &NowMeter| meter.today.watched_s + EDGES_S >= passed_s;
        // What has come since the day was read.
        let since = |name: &str| {
            let pulses = meters.iter().find(|meter| meter.head.meter == name);
            let read = day.and_then(|day| day.meters.get(name));
            let total = pulses.and_then(|now| now.pulses);
            total.zip(read).map_or(0, |(total, read)| read.since(total))
        };
        Now {
            head: source.head(now_ns, status.simulated),
            site: source.site(),
            clock_trusted: status.clock.as_ref().is_none_or(|clock| !clock.holding),
            today: Today {
                local_day: LocalDay::of(&source.calendar(), day, now_s),
                complete: day.is_some() && meters.iter().all(is_whole),
                derived: match day {
                    Some(_) => Derived::of(&balance, super::derived::why_of(present)),
                    None => Derived::unknown(super::derived::why_of(present)),
                },
                money: day.and_then(|day| day.priced.money(&source.calendar(), now_s, &since)),
            },
            flow: Flow::of(present),
            meters,
            health: None,
        }
    }

    pub(super) fn local_day(&self) -> &LocalDay {
        &self.today.local_day
    }

    /// With the state of health, too.
    pub(super) fn with_health(self, health: Health) -> Now {
        Now {
            health: Some(health),
            ..self
        }
    }

    /// A row a meter.
    pub(super) fn table(&self, zone: &TimeZone) -> Response {
        let mut table = csv::CsvTable::new([
            "meter",
            "role",
            "unit",
            "pulses",
            "last pulse",
            "power W",
            "rate",
            "rate unit",
            "bound",
            "read",
            "today pulses",
            "today Wh",
            "today",
            "today watched s",
        ]);
        for meter in &self.meters {
            table.row([
                csv::name(&meter.head.meter),
                meter.head.role.to_owned(),
                meter.head.unit.symbol().to_owned(),
                csv::number(meter.pulses),
                csv::time(meter.last_pulse_ns, zone),
                csv::number(meter.power_w),
                csv::number(meter.rate),
                meter.head.rate_unit.to_owned(),
                meter.is_bound.to_string(),
                meter.is_read.to_string(),
                csv::number(meter.today.pulses),
                csv::number(meter.today.energy_wh),
                csv::number(meter.today.amount),
                meter.today.watched_s.to_string(),
            ]);
        }
        table.response("now")
    }

    /// What is known of a meter; None: it is not configured.
    pub(super) fn of_meter(&self, name: &str) -> Option<&NowMeter> {
        self.meters.iter().find(|meter| meter.head.meter == name)
    }

    /// What must have changed to be told again: not the time.
    pub(super) fn state(&self) -> String {
        let of_meter =
            |meter: &NowMeter| (meter.pulses, meter.today.pulses, meter.rate, meter.is_read);
        let meters: Vec<_> = self.meters.iter().map(of_meter).collect();
        format!(
            "{meters:?} {} {}",
            self.today.local_day.date, self.clock_trusted
        )
    }
}

impl NowMeter {
    fn of(
        meter: &PresentMeter,
        status: &Status,
        present: &Present,
        day: Option<&DayRead>,
        now_s: i64,
    ) -> NowMeter {
        let known = status.meters.iter().find(|known| known.name == meter.name);
        let read = day.and_then(|day| day.meters.get(&meter.name));
        // Until the journal is open for the first time the board tells of none.
        let pulses = match status.counted {
            true => Some(known.map_or(0, |known| known.pulses)),
            false => day.map(|_| read.map_or(0, |read| read.total)),
        };
        let known_rate = meter.rate.as_ref().map(|rate| rate.at(present.now_ns));
        let rate = present.rate(&meter.name);
        // The last interval said more than is shown.
        let is_bound = known_rate.is_some_and(|known| rate.is_some() && known.at_most == rate);
        let counted = match (read, pulses) {
            (Some(read), Some(pulses)) => read.sums_now(pulses, now_s, meter.worth),
            _ => WorthSums::of_none(meter.worth),
        };
        let watched_s = read.map_or(0, |read| {
            let from_s = day.map_or(now_s, |day| day.from_s);
            read.watched_s + meter.live_s(read.watched_until_s, (from_s, now_s))
        });
        let rate = rate.map(|rate| rounded(meter.unit, rate));
        let last_pulse_ns = known.and_then(|known| known.last_pulse_ns);
        NowMeter {
            head: MeterHead::of(meter),
            pulses,
            last_pulse: last_pulse_ns.map(rfc3339),
            last_pulse_ns,
            power_w: rate.filter(|_| meter.unit.is_electric()),
            rate,
            is_bound,
            is_read: meter.is_read,
            today: match day {
                Some(_) => Count::of(&counted, meter.unit, watched_s),
                None => Count::unknown(),
            },
            counted,
        }
    }
}

/// A meter of the house whose line is not read.
fn is_unread(meter: &PresentMeter) -> bool {
    meter.role.is_some() && !meter.is_read
}

impl Flow {
    fn of(present: &Present) -> Flow {
        let why = super::derived::why_of(present);
        let meters: Vec<_> = present
            .meters
            .iter()
            .filter_map(|meter| Some((meter.role?, meter.rate.as_ref()?)))
            .collect();
        let LivePower {
            span_ns,
            import,
            export,
            generation,
            house,
            self_consumption,
        } = live_power(&meters, present.now_ns);
        // What one meter of a role shows is not that of all.
        let is_known = |role: Role| {
            let mut meters = present.meters.iter();
            !meters.any(|meter| meter.role == Some(role) && meter.worth.is_none())
        };
        let [import, export, generation] = [
            (import, Role::Import),
            (export, Role::Export),
            (generation, Role::Generation),
        ]
        .map(|(power, role)| power.filter(|_| is_known(role)));
        let self_consumption =
            self_consumption.filter(|_| is_known(Role::Export) && is_known(Role::Generation));
        let house = house.filter(|_| why != Some(WORTH_UNKNOWN));
        let watts =
            |power: Option<MeanPower>| power.map(|power| rounded(Quantity::WattHours, power.w));
        Flow {
            span_s: span_ns / NS_PER_S,
            import_w: watts(import),
            export_w: watts(export),
            generation_w: watts(generation),
            self_w: watts(self_consumption),
            house_w: watts(house),
            why: why.or_else(|| match house {
                Some(_) => None,
                None if present.meters.iter().any(is_unread) => Some(NOT_WATCHED),
                None => Some("too_few_pulses"),
            }),
        }
    }
}
