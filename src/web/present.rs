//! What is known of each configured meter at this moment: its role, its factor, its power. Pure, from the board.

use crate::config::MeterSettings;
use crate::energy::derived::Role;
use crate::energy::power::PulseRate;
use crate::energy::quantity::PulseWorth;
use crate::live::{LineLive, Snapshot};
use crate::model::{MonoNs, SIMULATED_IMP_PER_KWH};

/// Seconds at the edges of what is watched that are not known.
pub(super) const EDGES_S: i64 = 5;

/// All configured meters, in the order of the configuration.
#[derive(Debug, Clone)]
pub(super) struct Present {
    pub(super) meters: Vec<PresentMeter>,
    /// By the clock that stamps the pulses.
    pub(super) now_ns: MonoNs,
}

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct PresentMeter {
    pub(super) name: String,
    pub(super) role: Option<Role>,
    pub(super) imp_per_kwh: Option<f64>,
    /// Its line is read.
    pub(super) is_read: bool,
    /// Since when, in seconds since 1970.
    pub(super) since_s: i64,
    /// Its latest pulses; None: what one is worth is not known.
    pub(super) rate: Option<PulseRate>,
}

impl PresentMeter {
    /// What of `from_s..to_s` its line was watched and is not saved yet. `saved_until_s`: the end of what is. What is
    /// watched now began when the line was last requested; before that there may be a gap.
    pub(super) fn live(
        &self,
        saved_until_s: i64,
        (from_s, to_s): (i64, i64),
    ) -> Option<(i64, i64)> {
        let since_s = self.since_s.max(saved_until_s).max(from_s);
        (self.is_read && since_s < to_s).then_some((since_s, to_s))
    }

    /// For how many seconds that is.
    pub(super) fn live_s(&self, saved_until_s: i64, span_s: (i64, i64)) -> i64 {
        let live = self.live(saved_until_s, span_s);
        live.map_or(0, |(since_s, to_s)| to_s - since_s)
    }
}

impl Present {
    /// `now_ns`: by the clock that stamps the pulses.
    pub(super) fn of(now: &Snapshot, meters: &[MeterSettings], now_ns: MonoNs) -> Present {
        let of_meter = |settings: &MeterSettings| {
            let mut lines = now.capture.lines.iter();
            let line = lines.find(|line| *line.meter == *settings.name);
            let simulated = now.journal.simulated.then_some(SIMULATED_IMP_PER_KWH);
            let imp_per_kwh = settings.imp_per_kwh.or(simulated);
            let worth = imp_per_kwh.map(PulseWorth::of_kwh);
            PresentMeter {
                name: settings.name.clone(),
                role: role_of(&settings.name),
                imp_per_kwh,
                is_read: line.is_some_and(LineLive::is_read),
                since_s: line.map_or(0, |line| line.now.since_ns.s()),
                rate: worth.zip(line).map(|(worth, line)| rate_of(worth, line)),
            }
        };
        Present {
            meters: meters.iter().map(of_meter).collect(),
            now_ns,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&PresentMeter> {
        self.meters.iter().find(|meter| meter.name == name)
    }

    /// The roles that the meters have.
    pub(super) fn roles(&self) -> Vec<Role> {
        self.meters.iter().filter_map(|meter| meter.role).collect()
    }

    /// Pulses for one kWh of a meter, where that is known.
    pub(super) fn imp_per_kwh(&self, name: &str) -> Option<f64> {
        self.get(name)?.imp_per_kwh
    }

    /// Its power, where the line is read and an interval is known.
    pub(super) fn power_w(&self, name: &str) -> Option<f64> {
        let meter = self.get(name).filter(|meter| meter.is_read)?;
        meter.rate.as_ref()?.at(self.now_ns).shown
    }
}

/// A power to a tenth of a watt.
pub(super) fn rounded(power_w: f64) -> f64 {
    (power_w * 10.0).round() / 10.0
}

/// Of the stamps that the board keeps.
fn rate_of(worth: PulseWorth, line: &LineLive) -> PulseRate {
    let first_ns = line.stamps.iter().next().unwrap_or(0);
    let mut rate = PulseRate::new(worth, 0, first_ns);
    line.stamps.iter().for_each(|stamp_ns| rate.pulse(stamp_ns));
    rate
}

/// What a meter counts, by its name; None: a load of its own.
pub(super) fn role_of(name: &str) -> Option<Role> {
    match name.to_lowercase().as_str() {
        "import" => Some(Role::Import),
        "export" => Some(Role::Export),
        "generate" | "generation" => Some(Role::Generation),
        _ => None,
    }
}

/// A role as a word.
pub(super) fn role_word(role: Option<Role>) -> &'static str {
    match role {
        Some(Role::Import) => "import",
        Some(Role::Export) => "export",
        Some(Role::Generation) => "generation",
        None => "other",
    }
}
