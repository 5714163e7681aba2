//! Price lists: what one unit (a kilowatt-hour) costs or earns in a quarter hour, and what is paid for each day.
//!
//! Times of day, weekdays, seasons and "valid from" are local, of the configured zone: on the days when clocks are set, a window
//! has an hour less or more, as on the meter that switches tariffs by the clock.

use jiff::civil::{Date, Weekday};

use super::decimal::Decimal;
use super::periods::Calendar;
use crate::model::Role;

/// Windows begin and end on a multiple of this.
const MINUTES: u16 = 15;

/// Minutes in a day without a change of the clock.
const DAY_MINUTES: u16 = 24 * 60;

/// Prices of one unit stay below this; more is a slip.
const PRICE_MAX: i64 = 10_000;

/// Which way the energy goes that a tariff prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// It is bought: prices are costs.
    Import,
    /// It is fed in: prices are revenue.
    FeedIn,
}

impl Direction {
    /// By which tariff a meter with this role is priced. None: by none; what is generated and used is not imported, which is all
    /// that it saves.
    pub fn of_role(role: Role) -> Option<Direction> {
        match role {
            Role::Import => Some(Direction::Import),
            Role::Export => Some(Direction::FeedIn),
            Role::Generation => None,
        }
    }

    /// The amount as a cost: revenue is less than nothing.
    pub fn as_cost(self, amount: Decimal) -> Decimal {
        match self {
            Direction::Import => amount,
            Direction::FeedIn => -amount,
        }
    }
}

/// The price of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitPrice {
    /// The same at any time.
    Fixed(Decimal),
    /// That of the quarter hour ([`DynamicPrices`]) times the factor, and the surcharge.
    Dynamic {
        /// Such as 0.00119: EUR/MWh without 19 % of tax.
        factor: Decimal,
        /// What is added to each unit.
        surcharge: Decimal,
    },
}

impl UnitPrice {
    /// The price in the quarter hour that begins at `start_s`; None: it is not known.
    pub(super) fn at(self, start_s: i64, dynamic: &DynamicPrices) -> Option<Decimal> {
        match self {
            UnitPrice::Fixed(price) => Some(price),
            UnitPrice::Dynamic { factor, surcharge } => {
                Some(dynamic.at(start_s)?.times(factor)? + surcharge)
            }
        }
    }

    /// The numbers that it is made of.
    fn parts(self) -> [Decimal; 2] {
        match self {
            UnitPrice::Fixed(price) => [price, Decimal::ZERO],
            UnitPrice::Dynamic { factor, surcharge } => [factor, surcharge],
        }
    }
}

/// A price with the name under which it is on the bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rated {
    /// Such as "day" or "night".
    pub name: String,
    /// Of one unit.
    pub price: UnitPrice,
}

/// When a price holds: all three conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceWindow {
    /// The first minute of the day, 0 to 1,439, a multiple of 15.
    pub from_minute: u16,
    /// The first minute after; not after `from_minute`: over midnight, of whichever date the clock shows. Both equal: all day.
    pub to_minute: u16,
    /// Monday first.
    pub weekdays: [bool; 7],
    /// The first and the last day (month, day) of a season; the last before the first: over new year.
    pub season: Option<((i8, i8), (i8, i8))>,
}

impl PriceWindow {
    /// Whether the quarter hour that begins then is in it.
    fn holds(&self, date: Date, minute: u16) -> bool {
        let weekday = date.weekday().to_monday_zero_offset();
        let day = (date.month(), date.day());
        usize::try_from(weekday).is_ok_and(|weekday| self.holds_on(day, weekday, minute))
    }

    /// Whether it holds on a day (month, day), a weekday (0: Monday) and a minute of the day.
    pub(super) fn holds_on(&self, day: (i8, i8), weekday: usize, minute: u16) -> bool {
        let is_weekday = self.weekdays[weekday];
        let is_season = self.season.is_none_or(|(first, last)| {
            if first <= last {
                first <= day && day <= last
            } else {
                first <= day || day <= last
            }
        });
        let (from, to) = (self.from_minute, self.to_minute);
        let is_time = if from < to {
            from <= minute && minute < to
        } else {
            from == to || from <= minute || minute < to
        };
        is_weekday && is_season && is_time
    }

    /// A window on some weekdays at any time of the year.
    pub fn on(weekdays: &[Weekday], from_minute: u16, to_minute: u16) -> PriceWindow {
        let mut on = [false; 7];
        for weekday in weekdays {
            if let Ok(weekday) = usize::try_from(weekday.to_monday_zero_offset()) {
                on[weekday] = true;
            }
        }
        PriceWindow {
            from_minute,
            to_minute,
            weekdays: on,
            season: None,
        }
    }
}

/// For how long a standing charge pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChargePer {
    /// A day.
    Day,
    /// A calendar month; each of its days is an equal part of it.
    Month,
    /// A calendar year; each of its 365 or 366 days is an equal part of it.
    Year,
}

impl ChargePer {
    /// The days among which the charge of the period that holds `date` is divided.
    pub(super) fn days(self, date: Date) -> i64 {
        match self {
            ChargePer::Day => 1,
            ChargePer::Month => date.days_in_month().into(),
            ChargePer::Year => date.days_in_year().into(),
        }
    }
}

/// What is paid whether or not anything flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandingCharge {
    /// The charge.
    pub amount: Decimal,
    /// For so long.
    pub per: ChargePer,
}

/// What holds from a date on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceList {
    /// The first local day.
    pub valid_from: Date,
    /// Where no window holds.
    pub base: Rated,
    /// The first one that holds gives the price.
    pub windows: Vec<(PriceWindow, Rated)>,
    /// If any.
    pub standing: Option<StandingCharge>,
}

impl PriceList {
    /// The price by its number: 0 is the base, then the windows.
    pub(super) fn rated(&self, number: usize) -> &Rated {
        match number.checked_sub(1).and_then(|n| self.windows.get(n)) {
            Some((_, rated)) => rated,
            None => &self.base,
        }
    }

    /// Whether one price holds at all times.
    fn is_flat(&self) -> bool {
        self.windows.is_empty() && matches!(self.base.price, UnitPrice::Fixed(_))
    }

    fn check(&self) -> Result<(), TariffError> {
        let from = self.valid_from;
        for (window, _) in &self.windows {
            let minutes = [window.from_minute, window.to_minute];
            let is_time = |minute: &u16| *minute <= DAY_MINUTES && minute % MINUTES == 0;
            if !minutes.iter().all(is_time) || window.from_minute == DAY_MINUTES {
                return Err(TariffError::NotAQuarter(from));
            }
            let days = window.season.into_iter().flat_map(|(a, b)| [a, b]);
            // 29 February is a day of a season in any year.
            if days
                .into_iter()
                .any(|(m, d)| Date::new(2000, m, d).is_err())
            {
                return Err(TariffError::NoSuchDay(from));
            }
        }
        let all = (0..=self.windows.len()).flat_map(|number| self.rated(number).price.parts());
        let standing = self.standing.map(|standing| standing.amount);
        let most = Decimal::whole(PRICE_MAX);
        let is_price = |price: Decimal| -most < price && price < most;
        if all.chain(standing).all(is_price) {
            Ok(())
        } else {
            Err(TariffError::TooDear(from))
        }
    }
}

/// Why a tariff is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TariffError {
    /// It has no price list.
    #[error("a tariff needs prices: add a list with its first day")]
    Empty,
    /// Two lists begin on one day.
    #[error("two price lists are valid from {0}: leave one")]
    Twice(Date),
    /// A window's time.
    #[error("prices valid from {0}: times of day are quarter hours from 00:00 to 24:00")]
    NotAQuarter(Date),
    /// A season's day.
    #[error("prices valid from {0}: a season begins or ends on a day that no year has")]
    NoSuchDay(Date),
    /// A price out of bounds.
    #[error("prices valid from {0}: a price of 10000 or more is a slip")]
    TooDear(Date),
}

/// Price lists, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tariff {
    direction: Direction,
    /// By their first day.
    lists: Vec<PriceList>,
}

impl Tariff {
    /// From lists in any order.
    ///
    /// # Errors
    /// When one of them breaks a rule.
    pub fn new(direction: Direction, lists: Vec<PriceList>) -> Result<Tariff, TariffError> {
        let mut lists = lists;
        lists.sort_by_key(|list| list.valid_from);
        if lists.is_empty() {
            return Err(TariffError::Empty);
        }
        if let Some(pair) = lists
            .windows(2)
            .find(|pair| pair[0].valid_from == pair[1].valid_from)
        {
            return Err(TariffError::Twice(pair[0].valid_from));
        }
        lists.iter().try_for_each(PriceList::check)?;
        Ok(Tariff { direction, lists })
    }

    /// Which way the energy goes.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The lists, by their first day.
    pub fn lists(&self) -> &[PriceList] {
        &self.lists
    }

    /// The list that holds on a local day, if any does.
    pub fn list_on(&self, date: Date) -> Option<&PriceList> {
        let after = self.lists.partition_point(|list| list.valid_from <= date);
        self.lists.get(after.checked_sub(1)?)
    }

    /// Whether all quarter hours of a local day have one price: what the day has counted is enough to know its cost.
    pub fn is_flat_on(&self, date: Date) -> bool {
        self.list_on(date).is_none_or(PriceList::is_flat)
    }

    /// The same of all days.
    pub fn is_always_flat(&self) -> bool {
        self.lists.iter().all(PriceList::is_flat)
    }

    /// The list, and the number of the price in it, of the quarter hour that begins at `start_s`.
    pub(super) fn rated_at(
        &self,
        calendar: &Calendar,
        start_s: i64,
    ) -> Option<(&PriceList, usize)> {
        let (date, minute) = calendar.wall_clock(start_s);
        let list = self.list_on(date)?;
        let window = list
            .windows
            .iter()
            .position(|(window, _)| window.holds(date, minute));
        let found = window.map_or(0, |window| window + 1);
        // One price of several windows is one position of the bill.
        let rated = list.rated(found);
        let first = (0..found).find(|number| list.rated(*number) == rated);
        Some((list, first.unwrap_or(found)))
    }

    /// The price of a unit in the quarter hour that begins at `start_s`; None: it is not known.
    pub fn price_at(
        &self,
        calendar: &Calendar,
        start_s: i64,
        dynamic: &DynamicPrices,
    ) -> Option<Decimal> {
        let (list, number) = self.rated_at(calendar, start_s)?;
        list.rated(number).price.at(start_s, dynamic)
    }
}

/// Prices of quarter hours that another program has fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DynamicPrices(Vec<(i64, Decimal)>);

impl DynamicPrices {
    /// From quarter hours by their first second since 1970, and the price of a unit, in any order. Of two for one quarter the later
    /// in the list holds: it was corrected.
    pub fn new(prices: impl IntoIterator<Item = (i64, Decimal)>) -> DynamicPrices {
        let by_quarter: std::collections::BTreeMap<_, _> = prices.into_iter().collect();
        DynamicPrices(by_quarter.into_iter().collect())
    }

    /// Whether no price is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The price of the quarter hour that begins at `start_s`; None: it is not known.
    pub fn at(&self, start_s: i64) -> Option<Decimal> {
        let at = self
            .0
            .binary_search_by_key(&start_s, |(start_s, _)| *start_s);
        at.ok().map(|at| self.0[at].1)
    }

    /// The quarter hours with `from_s <= start < to_s` of which the price is known, in order.
    pub fn within(&self, from_s: i64, to_s: i64) -> &[(i64, Decimal)] {
        let begin = self.0.partition_point(|(start_s, _)| *start_s < from_s);
        let end = self.0.partition_point(|(start_s, _)| *start_s < to_s);
        &self.0[begin..end.max(begin)]
    }
}
