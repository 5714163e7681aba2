//! The model behind the simulated house: what it uses, what its roof generates, at any moment.
//!
//! Pure: the power at a moment follows from the seed and the moment alone, in any order of
//! asking. A day has a plan of appliance runs drawn from (seed, day); what wanders, such as
//! clouds, is value noise whose knots are drawn from (seed, number of the knot). Time of day is
//! UTC, taken as local solar time: the house stands near Greenwich, at 51° north.

use std::f64::consts::TAU;

use crate::model::NS_PER_S;

/// Nanoseconds in one day.
const NS_PER_D: i64 = 86_400 * NS_PER_S;

/// Nanoseconds in one minute.
const NS_PER_MIN: i64 = 60 * NS_PER_S;

/// Mean length of a year of the Gregorian calendar, in days.
const YEAR_D: f64 = 365.2425;

/// Latitude of the house, in degrees north.
const LATITUDE_DEG: f64 = 51.0;

/// Nominal power of the panels in watts, at an irradiance of 1000 W/m².
const PV_PEAK_W: f64 = 5000.0;

/// What is left of it after heat, cables and inverter: a usual performance ratio.
const PV_PERFORMANCE: f64 = 0.85;

/// What never sleeps: router, standby, heating pump, in watts.
const STANDBY_W: f64 = 140.0;

/// The compressor of the fridge while it runs, in watts, and how often it starts.
const FRIDGE_W: f64 = 95.0;
const FRIDGE_CYCLE_NS: i64 = 52 * NS_PER_MIN;

/// Screens and music while people are at home and awake, in watts.
const LEISURE_W: f64 = 220.0;

/// Lamps in a dark evening or morning, in watts.
const LAMPS_W: f64 = 120.0;

/// What flows at one moment, in watts; never negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HousePower {
    /// All that the house uses: import + generate − export.
    pub load_w: f64,
    /// From the roof.
    pub generate_w: f64,
    /// From the grid.
    pub import_w: f64,
    /// Into the grid.
    pub export_w: f64,
}

impl HousePower {
    fn balance(load_w: f64, generate_w: f64) -> HousePower {
        HousePower {
            load_w,
            generate_w,
            import_w: (load_w - generate_w).max(0.0),
            export_w: (generate_w - load_w).max(0.0),
        }
    }
}

/// A household of two or three with panels on the roof.
#[derive(Debug, Clone)]
pub struct Household {
    seed: u64,
    day: i64,
    plan: Vec<Run>,
}

impl Household {
    /// The house that belongs to `seed`.
    pub fn new(seed: u64) -> Household {
        Household {
            seed,
            day: 0,
            plan: plan(seed, 0),
        }
    }

    /// The power at a moment. Takes `&mut` only to keep the plan of the day.
    pub fn power_w(&mut self, wall_ns: i64) -> HousePower {
        HousePower::balance(self.load_w(wall_ns), self.generate_w(wall_ns))
    }

    fn load_w(&mut self, wall_ns: i64) -> f64 {
        let day = wall_ns.div_euclid(NS_PER_D);
        if day != self.day {
            self.plan = plan(self.seed, day);
            self.day = day;
        }
        let in_day_ns = wall_ns.rem_euclid(NS_PER_D);
        let runs_w: f64 = self.plan.iter().map(|run| run.power_w(in_day_ns)).sum();
        runs_w + self.standing_w(wall_ns) + self.people_w(wall_ns)
    }

    /// Standby, wandering a little, and the fridge, whose pauses differ.
    fn standing_w(&self, wall_ns: i64) -> f64 {
        let wander = 0.85 + 0.3 * noise(self.seed, Salt::Standby, wall_ns, 3 * NS_PER_MIN);
        let cycle = wall_ns.div_euclid(FRIDGE_CYCLE_NS);
        let share = wall_ns.rem_euclid(FRIDGE_CYCLE_NS) as f64 / FRIDGE_CYCLE_NS as f64;
        let runs = share < 0.25 + 0.2 * unit(self.seed, Salt::Fridge, cycle);
        STANDBY_W * wander + if runs { FRIDGE_W } else { 0.0 }
    }

    /// Lamps and screens.
    fn people_w(&self, wall_ns: i64) -> f64 {
        let hour = wall_ns.rem_euclid(NS_PER_D) as f64 / (3600.0 * NS_PER_S as f64);
        let awake = bump(hour, 6.5, 8.0) * 0.5 + bump(hour, 17.0, 22.5);
        let busy = 0.5 + noise(self.seed, Salt::People, wall_ns, 25 * NS_PER_MIN);
        // Lamps are wanted from a sun at 6° above the horizon downwards.
        let dark = ((0.105 - sun_sine(wall_ns)) / 0.1).clamp(0.0, 1.0);
        awake * busy * (LEISURE_W + dark * LAMPS_W)
    }

    /// Panels under the clouds. Cloud cover N dims the clear sky by 1 − 0.75·N^3.4 (Kasten and
    /// Czeplak 1980).
    fn generate_w(&self, wall_ns: i64) -> f64 {
        let clear_w_m2 = clear_sky_w_m2(sun_sine(wall_ns));
        if clear_w_m2 == 0.0 {
            return 0.0;
        }
        let weather = noise(self.seed, Salt::Weather, wall_ns, 20 * 60 * NS_PER_MIN);
        let fields = noise(self.seed, Salt::CloudFields, wall_ns, 40 * NS_PER_MIN);
        let clouds = noise(self.seed, Salt::Clouds, wall_ns, 4 * NS_PER_MIN);
        let cover = 0.25 + 0.9 * weather + 0.6 * (fields - 0.5) + 0.4 * (clouds - 0.5);
        let left = 1.0 - 0.75 * cover.clamp(0.0, 1.0).powf(3.4);
        PV_PEAK_W * PV_PERFORMANCE * left * clear_w_m2 / 1000.0
    }
}

/// A load with a meter of its own: a machine with a thermostat, independent of the house.
#[derive(Debug, Clone, Copy)]
pub struct SubMeter {
    seed: u64,
}

impl SubMeter {
    /// The load that belongs to the seed and to the meter's name.
    pub fn new(seed: u64, name: &str) -> SubMeter {
        // FNV-1a: std's hashers promise no stable result.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        SubMeter { seed: seed ^ hash }
    }

    /// The power at a moment, in watts: some standby, and a compressor that runs a share of
    /// each cycle, more in some hours than in others.
    pub fn power_w(&self, wall_ns: i64) -> f64 {
        let running_w = 400.0 + 1200.0 * unit(self.seed, Salt::SubSize, 0);
        let cycle_ns = 38 * NS_PER_MIN;
        let share = wall_ns.rem_euclid(cycle_ns) as f64 / cycle_ns as f64;
        let duty = 0.1 + 0.6 * unit(self.seed, Salt::SubCycle, wall_ns.div_euclid(cycle_ns));
        let wander = 0.9 + 0.2 * noise(self.seed, Salt::SubWander, wall_ns, 2 * NS_PER_MIN);
        25.0 + if share < duty {
            running_w * wander
        } else {
            0.0
        }
    }
}

/// The sine of the sun's elevation over the horizon.
///
/// sin h = sin φ · sin δ + cos φ · cos δ · cos H with latitude φ, hour angle H (15° an hour from
/// noon) and declination δ = 23.45° · sin(360° · (284 + n) / 365) on day n of the year (Cooper
/// 1969). The day of the year is good to a day, the equation of time is left out.
fn sun_sine(wall_ns: i64) -> f64 {
    let days = wall_ns as f64 / NS_PER_D as f64;
    let day_of_year = 1.0 + days.rem_euclid(YEAR_D);
    let declination = 23.45_f64.to_radians() * (TAU * (284.0 + day_of_year) / 365.0).sin();
    let hour_angle = TAU * (days.rem_euclid(1.0) - 0.5);
    let latitude = LATITUDE_DEG.to_radians();
    latitude.sin() * declination.sin() + latitude.cos() * declination.cos() * hour_angle.cos()
}

/// Irradiance of the ground under a clear sky, in W/m²: 1098 · sin h · exp(−0.057 / sin h)
/// (Haurwitz 1945); nothing while the sun is down.
fn clear_sky_w_m2(sun_sine: f64) -> f64 {
    if sun_sine <= 0.0 {
        return 0.0;
    }
    1098.0 * sun_sine * (-0.057 / sun_sine).exp()
}

/// One stretch of an appliance's programme. With a thermostat it is on for the first `duty` of
/// each `cycle_s`.
#[derive(Debug)]
struct Phase {
    seconds: i64,
    watts: f64,
    cycle_s: i64,
    duty: f64,
}

const fn steady(seconds: i64, watts: f64) -> Phase {
    thermostat(seconds, watts, seconds, 1.0)
}

const fn thermostat(seconds: i64, watts: f64, cycle_s: i64, duty: f64) -> Phase {
    Phase {
        seconds,
        watts,
        cycle_s,
        duty,
    }
}

const KETTLE: &[Phase] = &[steady(170, 2200.0)];
const TOASTER: &[Phase] = &[steady(200, 900.0)];
const HOB: &[Phase] = &[steady(420, 1800.0), thermostat(1200, 1500.0, 40, 0.4)];
const OVEN: &[Phase] = &[steady(540, 2400.0), thermostat(2100, 2400.0, 240, 0.35)];
const WASHING: &[Phase] = &[
    steady(240, 110.0),
    steady(1080, 2050.0),
    thermostat(2400, 190.0, 24, 0.6),
    steady(540, 420.0),
];
const DISHES: &[Phase] = &[
    steady(300, 70.0),
    steady(780, 2000.0),
    steady(1800, 65.0),
    steady(840, 2000.0),
    steady(1500, 15.0),
];

/// One run of an appliance within a day.
#[derive(Debug, Clone)]
struct Run {
    start_ns: i64,
    programme: &'static [Phase],
}

impl Run {
    fn power_w(&self, in_day_ns: i64) -> f64 {
        if in_day_ns < self.start_ns {
            return 0.0;
        }
        let mut into_s = (in_day_ns - self.start_ns) / NS_PER_S;
        for phase in self.programme {
            if into_s < phase.seconds {
                let share = (into_s % phase.cycle_s) as f64 / phase.cycle_s as f64;
                return if share < phase.duty { phase.watts } else { 0.0 };
            }
            into_s -= phase.seconds;
        }
        0.0
    }
}

/// What the people of the house do on a day. Each run ends before midnight, so that a day's
/// plan is all there is to know about it.
fn plan(seed: u64, day: i64) -> Vec<Run> {
    let mut rng = rng(seed, Salt::Plan, day);
    // 1970-01-01 was a Thursday.
    let weekend = matches!((day + 4).rem_euclid(7), 0 | 6);
    let morning_min = if weekend { 8 * 60 + 15 } else { 6 * 60 + 30 };
    let mut runs = Vec::new();
    // What, from which minute of the day on, within how many minutes, how likely.
    let mut maybe = |programme, from_min: i64, within_min: i64, likely: f64| {
        let start_ns = from_min * NS_PER_MIN + rng.i64(0..within_min * NS_PER_MIN);
        if rng.f64() < likely {
            runs.push(Run {
                start_ns,
                programme,
            });
        }
    };
    maybe(KETTLE, morning_min, 45, 1.0);
    maybe(TOASTER, morning_min + 5, 45, 0.8);
    maybe(KETTLE, 10 * 60, 120, 0.5);
    maybe(HOB, 11 * 60 + 40, 50, if weekend { 0.9 } else { 0.45 });
    maybe(KETTLE, 15 * 60, 90, 0.7);
    maybe(OVEN, 17 * 60 + 40, 60, if weekend { 0.6 } else { 0.4 });
    maybe(HOB, 18 * 60, 60, 0.9);
    maybe(KETTLE, 20 * 60, 90, 0.7);
    maybe(WASHING, 9 * 60, 330, if weekend { 0.7 } else { 0.35 });
    maybe(DISHES, 19 * 60 + 30, 90, 0.7);
    runs
}

/// 0 outside of `from..to` (hours), 1 inside, half an hour of smooth way up and down.
fn bump(hour: f64, from: f64, to: f64) -> f64 {
    smooth((hour - from) / 0.5) * smooth((to - hour) / 0.5)
}

/// The smoothstep polynomial 3x² − 2x³.
fn smooth(x: f64) -> f64 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

/// Keeps the random processes apart that share one seed.
#[derive(Debug, Clone, Copy)]
enum Salt {
    Plan = 1,
    Standby,
    Fridge,
    People,
    Weather,
    CloudFields,
    Clouds,
    SubSize,
    SubCycle,
    SubWander,
}

/// Value noise in 0..1: a knot every `period_ns`, a smooth way between.
fn noise(seed: u64, salt: Salt, wall_ns: i64, period_ns: i64) -> f64 {
    let knot = wall_ns.div_euclid(period_ns);
    let way = smooth(wall_ns.rem_euclid(period_ns) as f64 / period_ns as f64);
    let (a, b) = (unit(seed, salt, knot), unit(seed, salt, knot + 1));
    a + (b - a) * way
}

/// A number in 0..1 that belongs to (seed, salt, number).
fn unit(seed: u64, salt: Salt, number: i64) -> f64 {
    rng(seed, salt, number).f64()
}

/// A generator that belongs to (seed, salt, number). The finaliser of splitmix64 (Steele, Lea
/// and Flood 2014) spreads neighbouring numbers over all bits.
fn rng(seed: u64, salt: Salt, number: i64) -> fastrand::Rng {
    let mut z = seed
        .wrapping_add((salt as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_add((number as u64).wrapping_mul(0xd1b5_4a32_d192_ed03));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    fastrand::Rng::with_seed(z ^ (z >> 31))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Midnights: 2024-06-21 and 2024-12-21.
    const SUMMER_NS: i64 = 1_718_928_000 * NS_PER_S;
    const WINTER_NS: i64 = 1_734_739_200 * NS_PER_S;

    /// Energies of the day from `midnight_ns` on, in kWh: load, generated.
    fn day_kwh(seed: u64, midnight_ns: i64) -> (f64, f64) {
        let mut house = Household::new(seed);
        let (mut load, mut generated) = (0.0, 0.0);
        for step in 0..86_400 / 20 {
            let power = house.power_w(midnight_ns + step * 20 * NS_PER_S);
            load += power.load_w * 20.0 / 3_600_000.0;
            generated += power.generate_w * 20.0 / 3_600_000.0;
        }
        (load, generated)
    }

    #[test]
    fn consumption_of_a_day_is_plausible() {
        let mut sum = 0.0;
        for day in 0..60 {
            let (load, _) = day_kwh(3, SUMMER_NS + day * 5 * NS_PER_D);
            assert!((5.0..20.0).contains(&load), "day {day}: {load} kWh");
            sum += load;
        }
        assert!(
            (6.0..14.0).contains(&(sum / 60.0)),
            "{} kWh a day",
            sum / 60.0
        );
    }

    #[test]
    fn a_summer_day_generates_far_more_than_a_winter_day() {
        for seed in 0..12 {
            let (_, summer) = day_kwh(seed, SUMMER_NS);
            let (_, winter) = day_kwh(seed, WINTER_NS);
            assert!(summer > 2.0 * winter, "{summer} against {winter} kWh");
            assert!((6.0..40.0).contains(&summer), "{summer} kWh");
            assert!((0.1..5.0).contains(&winter), "{winter} kWh");
        }
    }

    #[test]
    fn the_sun_stands_where_it_should() {
        let degrees = |wall_ns| sun_sine(wall_ns).asin().to_degrees();
        let noon = NS_PER_D / 2;
        // 90° − latitude ± obliquity.
        assert!((degrees(SUMMER_NS + noon) - 62.4).abs() < 0.3);
        assert!((degrees(WINTER_NS + noon) - 15.6).abs() < 0.3);
        assert!((degrees(SUMMER_NS) + 15.6).abs() < 0.3);
        // 2024-03-20, 6 o'clock: the equinox rises.
        assert!(degrees(1_710_914_400 * NS_PER_S).abs() < 1.0);
    }

    #[test]
    fn runs_end_before_midnight() {
        for day in 0..400 {
            for run in plan(9, day) {
                let length_s: i64 = run.programme.iter().map(|phase| phase.seconds).sum();
                assert!(run.start_ns + length_s * NS_PER_S < NS_PER_D);
            }
        }
    }

    #[test]
    fn sub_meters_differ_by_name_and_use_something() {
        let (a, b) = (SubMeter::new(1, "Heat pump"), SubMeter::new(1, "Garage"));
        let kwh = |meter: &SubMeter| {
            let sum: f64 = (0..1440).map(|min| meter.power_w(min * NS_PER_MIN)).sum();
            sum / 60_000.0
        };
        assert!((2.0..30.0).contains(&kwh(&a)) && (2.0..30.0).contains(&kwh(&b)));
        assert!((kwh(&a) - kwh(&b)).abs() > 1e-6);
    }

    proptest! {
        #[test]
        fn the_books_balance(seed: u64, s in 0..4_000_000_000_i64) {
            let wall_ns = s * NS_PER_S;
            let p = Household::new(seed).power_w(wall_ns);
            prop_assert!(p.load_w > 0.0 && p.generate_w >= 0.0);
            prop_assert!(p.import_w >= 0.0 && p.export_w >= 0.0);
            prop_assert!((p.import_w + p.generate_w - p.export_w - p.load_w).abs() < 1e-6);
            prop_assert_eq!(p.export_w > 0.0, p.generate_w > p.load_w);
            prop_assert!(p.load_w < 15_000.0 && p.generate_w < PV_PEAK_W);
            // From 22 to 2 o'clock it is night on every day of the year.
            let hour = s / 3600 % 24;
            if !(2..22).contains(&hour) {
                prop_assert_eq!(p.generate_w, 0.0);
            }
        }

        #[test]
        fn the_order_of_asking_does_not_matter(seed: u64, a in 0..3_000_000_i64, b: i32) {
            let b = i64::from(b.unsigned_abs());
            let mut house = Household::new(seed);
            let first = house.power_w(a * NS_PER_S);
            house.power_w(b * NS_PER_S);
            prop_assert_eq!(house.power_w(a * NS_PER_S), first);
        }
    }
}
