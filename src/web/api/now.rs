//! How things stand at this moment: power of each meter, the house, today, and the state of health.

use std::sync::Arc;

use serde::Serialize;

use super::derived::{Count, Derived};
use super::head::{Head, rfc3339};
use super::health::Health;
use crate::answers::factors::Factors;
use crate::answers::money::{Money, span_costs};
use crate::energy::derived::{Balance, LivePower, MeanPower, live_power};
use crate::energy::periods::{Period, PeriodUnit};
use crate::journal::Grain;
use crate::model::{NS_PER_S, Role, Spans, WallNs};
use crate::status::Status;
use crate::web::day_read::{DayRead, PricedDay};
use crate::web::present::{EDGES_S, Present, PresentMeter, role_word, rounded};
use crate::web::source::Source;

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
    date: String,
    from: String,
    to: String,
    complete: bool,
    derived: Derived,
    money: Option<Money>,
}

#[derive(Debug, Clone, Serialize)]
struct NowMeter {
    meter: String,
    role: &'static str,
    imp_per_kwh: Option<f64>,
    pulses: i64,
    last_pulse: Option<String>,
    power_w: Option<f64>,
    is_bound: bool,
    is_read: bool,
    today: Count,
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
    let known = source.day().filter(|day| day.date == date);
    if known
        .as_ref()
        .is_some_and(|day| now_ns - day.read_ns < TODAY_KEPT_NS)
    {
        return known;
    }
    let span = calendar.span(Period::containing(PeriodUnit::Day, date));
    let starts_s = [span.start_s, span.end_s];
    let span_s = (span.start_s, span.end_s);
    let known_factors = source.present().factors();
    let in_use = source.in_use();
    let read = source.ask(move |reader, _| {
        let from = reader.read_from(calendar.zone(), now_ns.s())?;
        let counted = reader.counted_parts(&starts_s, Grain::Day, &from)?;
        let since_s = reader.counting_since_s()?;
        let factors = Factors::read(reader, &in_use.meters, &known_factors, &calendar)?;
        let (meters, when) = (in_use.priced_meters(), (now_ns.s(), since_s));
        let pricer = in_use.pricer((&meters, &factors), &calendar);
        let costs = span_costs(&pricer, reader, span_s, when)?;
        let priced = PricedDay {
            in_use,
            factors,
            costs,
        };
        Ok((counted, since_s, reader.unwatched()?, priced))
    });
    let Ok((counted, since_s, unwatched, priced)) = read.await else {
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
            .into_iter()
            .map(|counted| (counted.meter.clone(), counted))
            .collect(),
        priced,
    });
    source.set_day(Arc::clone(&day));
    Some(day)
}

impl Now {
    /// How things stand, with what was read of the day; without the state of health.
    pub(super) fn of(source: &Source, status: &Status, day: Option<&DayRead>) -> Now {
        let (present, now_ns) = (source.present(), source.wall_ns());
        let now_s = now_ns.s();
        let meters: Vec<NowMeter> = present
            .meters
            .iter()
            .map(|meter| NowMeter::of(meter, status, &present, day, now_s))
            .collect();
        let mut balance = Balance::default();
        for (meter, now) in present.meters.iter().zip(&meters) {
            if let (Some(role), Some(rate)) = (meter.role, &meter.rate) {
                balance.add(role, now.today.pulses, rate.worth());
            }
        }
        let passed_s = day.map_or(0, |day| {
            now_s - day.from_s.max(day.since_s.unwrap_or(now_s))
        });
        let is_whole = |meter: &NowMeter| meter.today.watched_s + EDGES_S >= passed_s;
        // What has come since the day was read.
        let since = |name: &str| {
            let pulses = meters.iter().find(|meter| meter.meter == name);
            let read = day.and_then(|day| day.meters.get(name));
            pulses
                .zip(read)
                .map_or(0, |(now, read)| (now.pulses - read.total).max(0))
        };
        let roles = present.roles();
        Now {
            head: source.head(now_ns, status.simulated),
            site: source.site(),
            clock_trusted: status.clock.as_ref().is_none_or(|clock| !clock.holding),
            today: Today {
                date: day.map_or_else(String::new, |day| day.date.to_string()),
                from: rfc3339(WallNs::of_s(day.map_or(now_s, |day| day.from_s))),
                to: rfc3339(WallNs::of_s(day.map_or(now_s, |day| day.to_s))),
                complete: day.is_some() && meters.iter().all(is_whole),
                derived: Derived::of(&balance, &roles),
                money: day.and_then(|day| day.priced.money(&source.calendar(), now_s, &since)),
            },
            flow: Flow::of(&present, &roles),
            meters,
            health: None,
        }
    }

    /// With the state of health, too.
    pub(super) fn with_health(self, health: Health) -> Now {
        Now {
            health: Some(health),
            ..self
        }
    }

    /// The power of a meter, whether it is a bound, and what it has counted today.
    pub(super) fn of_meter(&self, name: &str) -> (Option<f64>, bool, Count) {
        let mut meters = self.meters.iter();
        match meters.find(|meter| meter.meter == name) {
            Some(meter) => (meter.power_w, meter.is_bound, meter.today.clone()),
            None => (None, false, Count::of(0, None, 0)),
        }
    }

    /// What must have changed to be told again: not the time.
    pub(super) fn state(&self) -> String {
        let of_meter = |meter: &NowMeter| {
            (
                meter.pulses,
                meter.today.pulses,
                meter.power_w,
                meter.is_read,
            )
        };
        let meters: Vec<_> = self.meters.iter().map(of_meter).collect();
        format!("{meters:?} {} {}", self.today.date, self.clock_trusted)
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
        let pulses = known.map_or(0, |known| known.pulses);
        let rate = meter.rate.as_ref().map(|rate| rate.at(present.now_ns));
        let power_w = present.power_w(&meter.name);
        // The last interval said more than is shown.
        let is_bound = rate.is_some_and(|rate| power_w.is_some() && rate.at_most == power_w);
        let counted = day.and_then(|day| day.meters.get(&meter.name));
        let today = counted.map_or(0, |counted| {
            counted.pulses.iter().sum::<i64>() + pulses - counted.total
        });
        let watched_s = counted.map_or(0, |counted| {
            let saved_s: i64 = counted.watched_s.iter().sum();
            let from_s = day.map_or(now_s, |day| day.from_s);
            saved_s + meter.live_s(counted.watched_until_s, (from_s, now_s))
        });
        NowMeter {
            meter: meter.name.clone(),
            role: role_word(meter.role),
            imp_per_kwh: meter.imp_per_kwh,
            pulses,
            last_pulse: known.and_then(|known| known.last_pulse_ns).map(rfc3339),
            power_w: power_w.map(rounded),
            is_bound,
            is_read: meter.is_read,
            today: Count::of(today.max(0), meter.imp_per_kwh, watched_s),
        }
    }
}

/// A meter of the house whose line is not read.
fn is_unread(meter: &PresentMeter) -> bool {
    meter.role.is_some() && !meter.is_read
}

impl Flow {
    fn of(present: &Present, roles: &[Role]) -> Flow {
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
        let watts = |power: Option<MeanPower>| power.map(|power| rounded(power.w));
        Flow {
            span_s: span_ns / NS_PER_S,
            import_w: watts(import),
            export_w: watts(export),
            generation_w: watts(generation),
            self_w: watts(self_consumption),
            house_w: watts(house),
            why: super::derived::why(roles).or_else(|| match house {
                Some(_) => None,
                None if present.meters.iter().any(is_unread) => Some("not_watched"),
                None => Some("too_few_pulses"),
            }),
        }
    }
}
