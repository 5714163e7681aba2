//! What a period came to, for people who pay by it: energy, cost, registers, and whether anything is missing.

use jiff::Timestamp;
use jiff::civil::Date;

use super::costs::{PricedMeters, Pricer, priced};
use super::counted_span::{CountedSpan, HouseEnergy};
use super::factors::{Factors, worths_now};
use super::losses::{LossesAnswer, UnwatchedStretch};
use super::money::{Money, Position, priced_span};
use super::present::role_word;
use super::reported::{
    PeriodReport, ReportLoss, ReportMeter, ReportReading, ReportRegister, losses_within,
};
use crate::config::{MeterSettings, Settings};
use crate::energy::periods::Calendar;
use crate::energy::register;
use crate::energy::tariff::Direction;
use crate::journal::{CountedParts, Grain, JournalError, Reader};
use crate::model::{PulseWorth, Quantity, Role, S_PER_DAY, WallNs};
use crate::status::line::Daemon;

/// Less than this, in seconds, is no stretch in which a line was not watched.
const UNSURE_S: i64 = 120;

/// What is to be reported.
#[derive(Debug, Clone)]
pub struct ReportOf<'a> {
    /// The settings by which it is.
    pub settings: &'a Settings,
    /// The local days.
    pub calendar: &'a Calendar,
    /// Whether a daemon runs.
    pub daemon: Daemon,
    /// The first day, and the first one after the period.
    pub days: (Date, Date),
    /// The present.
    pub now_ns: WallNs,
    /// One meter alone; None: all.
    pub meter: Option<&'a str>,
}

/// What is read of the journal before it is put together.
struct Counted {
    factors: Factors,
    /// The period, split where a factor changes, and what comes after it.
    span: CountedSpan,
    /// Pulses of the period and of what comes after it, by meter.
    plain: Vec<CountedParts>,
    present: Vec<(String, Option<PulseWorth>)>,
    began_s: Option<i64>,
}

impl ReportOf<'_> {
    /// The meters that are reported.
    fn meters(&self) -> impl Iterator<Item = &MeterSettings> {
        let meters = self.settings.meters.iter();
        meters.filter(|meter| self.meter.is_none_or(|name| meter.name == name))
    }

    fn span_s(&self) -> (i64, i64) {
        let (first, end) = self.days;
        (
            self.calendar.day_start_s(first),
            self.calendar.day_start_s(end),
        )
    }

    /// What is priced. One meter that is nothing to the house is a load in it: what it takes is bought.
    fn priced(&self) -> PricedMeters {
        match self.meters().next().filter(|_| self.meter.is_some()) {
            Some(meter) if meter.role.is_none() => vec![(meter.name.clone(), Direction::Import)],
            _ => priced(self.meters()),
        }
    }

    /// Reads the report.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn read(&self, reader: &mut Reader) -> Result<PeriodReport, JournalError> {
        let (from_s, to_s) = self.span_s();
        let now_s = self.now_ns.s();
        let counted = self.counted(reader)?;
        let restored = reader.restored_between(from_s, to_s)?;
        let names: Vec<String> = self.meters().map(|meter| meter.name.clone()).collect();
        let ledger = LossesAnswer::take(reader, &names, self.daemon)?;
        let unwatched = self.unwatched(&ledger, &names);
        let losses = losses_within(&ledger.dated, &names, (from_s, to_s));
        let money = self.money(reader, &counted)?;
        let (money, positions) = money.unzip();
        let mut meters = Vec::new();
        for meter in self.meters() {
            let restored = restored.get(&meter.name).copied().unwrap_or(0);
            let mut reported = self.meter_of(reader, meter, &counted, restored)?;
            reported.uncounted_s = self.uncounted_s(&meter.name, &counted, &unwatched);
            meters.push(reported);
        }
        let date = |at_s| self.calendar.date_at(at_s);
        let began = counted
            .began_s
            .map(date)
            .filter(|began| *began > self.days.0);
        let is_lost = |loss: &ReportLoss| loss.entry.loss.lost;
        Ok(PeriodReport {
            site: self.settings.site.name.clone(),
            zone: self.calendar.zone().iana_name().unwrap_or("UTC").to_owned(),
            first_day: self.days.0.to_string(),
            last_day: self.days.1.yesterday().unwrap_or(self.days.1).to_string(),
            from: rfc3339(from_s),
            to: rfc3339(to_s),
            made_at: rfc3339(now_s),
            goes_on: to_s > now_s,
            counting_since: began.map(|began| began.to_string()),
            simulated: ledger.simulated,
            complete: unwatched.is_empty()
                && meters.iter().all(|meter| meter.uncounted_s == 0)
                && !losses.iter().any(is_lost)
                && began.is_none()
                && counted.began_s.is_some(),
            house: self.house(&counted),
            meters,
            money,
            positions: positions.unwrap_or_default(),
            unwatched,
            losses,
        })
    }

    fn counted(&self, reader: &mut Reader) -> Result<Counted, JournalError> {
        let ((from_s, to_s), now_s) = (self.span_s(), self.now_ns.s());
        let meters = &self.settings.meters;
        let present = worths_now(meters, reader.is_simulated()?);
        let factors = Factors::read(reader, meters, &present, self.calendar)?;
        let (starts_s, parts) =
            factors.counted_parts(reader, (&[from_s, to_s], Grain::Day), self.calendar, now_s)?;
        // Also what a wrong clock has put into the future.
        let after_s = to_s.max(now_s) + 400 * S_PER_DAY;
        let after_s = self.calendar.day_start_s(self.calendar.date_at(after_s));
        let from = reader.read_from(self.calendar.zone(), now_s)?;
        let plain = reader.counted_parts(&[from_s, to_s, after_s], Grain::Day, &from)?;
        Ok(Counted {
            span: CountedSpan::new(starts_s, parts, &present, 0),
            factors,
            plain,
            present,
            began_s: reader.counting_since_s()?,
        })
    }

    fn meter_of(
        &self,
        reader: &Reader,
        meter: &MeterSettings,
        counted: &Counted,
        restored: i64,
    ) -> Result<ReportMeter, JournalError> {
        let (from_s, to_s) = self.span_s();
        let energy = counted
            .span
            .energy(&counted.factors, &meter.name, meter.unit);
        let mut parts = counted.plain.iter();
        let parts = parts.find(|parts| parts.meter == meter.name);
        let readings = reader.readings(&meter.name)?;
        let register = parts.and_then(|parts| {
            let end = parts.total - parts.pulses.get(1)?;
            let begin = end - parts.pulses.first()?;
            let at = |at_s, pulses| register::shown_at(&readings, WallNs::of_s(at_s), pulses);
            Some(ReportRegister {
                unit: register::base(&readings)?.worth.quantity,
                begin: at(from_s, begin)?,
                end: at(to_s, end)?,
            })
        });
        let is_of = |at_ns: WallNs| (from_s..to_s).contains(&at_ns.s());
        let taken = readings
            .iter()
            .enumerate()
            .filter(|(_, reading)| is_of(reading.at_ns));
        let taken = taken.map(|(n, reading)| ReportReading {
            at: rfc3339(reading.at_ns.s()),
            shown: reading.shown,
            unit: reading.worth.quantity,
            is_exchange: reading.exchange.is_some(),
            drift: register::drift(&readings[..n], reading, 0).map(|drift| drift.by),
        });
        let present = counted.present.iter().find(|(name, _)| *name == meter.name);
        Ok(ReportMeter {
            meter: meter.name.clone(),
            role: role_word(meter.role),
            unit: meter.unit,
            pulses_per_unit: present
                .and_then(|(_, worth)| worth.as_ref())
                .map(|worth| worth.pulses_per_unit),
            pulses: energy.pulses.unwrap_or(0),
            amount: energy.amount,
            kwh: energy
                .energy_wh
                .map(|wh| Quantity::KilowattHours.told(wh / 1_000.0)),
            restored,
            uncounted_s: 0,
            register,
            readings: taken.collect(),
        })
    }

    /// For how many seconds of what has passed of the period a line was neither watched nor is listed as not watched.
    fn uncounted_s(&self, meter: &str, counted: &Counted, unwatched: &[UnwatchedStretch]) -> i64 {
        let (from_s, to_s) = self.span_s();
        // When counting began is told by itself.
        let since_s = counted.began_s.unwrap_or(to_s).max(from_s);
        let passed_s = (to_s.min(self.now_ns.s()) - since_s).max(0);
        let mut parts = counted.plain.iter();
        let parts = parts.find(|parts| parts.meter == meter);
        let watched_s = parts.and_then(|parts| parts.watched_s.first()).copied();
        let listed = unwatched.iter().filter(|stretch| stretch.meter == meter);
        let listed_s =
            listed.map(|stretch| stretch.until_s.unwrap_or(0) - stretch.from_s.unwrap_or(0));
        let missing_s = passed_s - watched_s.unwrap_or(0) - listed_s.sum::<i64>();
        // What was watched last is saved now and then, and each start has an edge of a second.
        if missing_s > UNSURE_S { missing_s } else { 0 }
    }

    fn house(&self, counted: &Counted) -> Option<HouseEnergy> {
        let roles: Vec<Role> = self.meters().filter_map(|meter| meter.role).collect();
        let has = |role| roles.contains(&role);
        let has_all = has(Role::Import) && has(Role::Export) && has(Role::Generation);
        let meters = self.meters().zip(&counted.present);
        let meters = meters.map(|(meter, (name, worth))| (name.as_str(), meter.role, *worth));
        (has_all && self.meter.is_none()).then(|| counted.span.house(&counted.factors, meters))
    }

    fn money(
        &self,
        reader: &mut Reader,
        counted: &Counted,
    ) -> Result<Option<(Money, Vec<Position>)>, JournalError> {
        let (meters, (from_s, to_s)) = (self.priced(), self.span_s());
        let pricer = Pricer {
            tariffs: &self.settings.tariffs,
            currency: &self.settings.site.currency,
            meters: &meters,
            factors: &counted.factors,
            calendar: self.calendar,
            memory: None,
        };
        // What is paid for the connection is no affair of a load in the house.
        let is_load =
            self.meter.is_some() && self.meters().all(|meter| meter.priced_by().is_none());
        let began_s = counted.began_s.filter(|_| !is_load);
        let when = (self.now_ns.s(), began_s);
        let priced = priced_span(&pricer, reader, (&[from_s, to_s], true), when)?;
        Ok(priced.map(|priced| (priced.bill.money, priced.bill.positions)))
    }

    /// What of the stretches is within the period.
    fn unwatched(&self, ledger: &LossesAnswer, names: &[String]) -> Vec<UnwatchedStretch> {
        let (from_s, to_s) = self.span_s();
        let end_s = to_s.min(self.now_ns.s());
        let stretches = ledger
            .unwatched
            .iter()
            .filter(|stretch| names.contains(&stretch.meter));
        let within = stretches.filter_map(|stretch| {
            let begins_s = stretch.from_s.unwrap_or(from_s).max(from_s);
            let ends_s = stretch.until_s.unwrap_or(end_s).min(end_s);
            (begins_s < ends_s).then(|| UnwatchedStretch {
                meter: stretch.meter.clone(),
                from_s: Some(begins_s),
                until_s: Some(ends_s),
                why: stretch.why.clone(),
            })
        });
        within.collect()
    }
}

fn rfc3339(at_s: i64) -> String {
    Timestamp::from_second(at_s).map_or_else(|_| at_s.to_string(), |at| at.to_string())
}
