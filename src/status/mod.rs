//! One snapshot of truth, read from the journal: what each meter has counted, what waits, what
//! was lost, how delivery stands. The log, the command line and later the page only render it.

pub mod conditions;
pub mod judgement;
pub mod line;
pub mod silence;
mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::journal::JournalError;
use crate::journal::compared::Compared;
use crate::journal::delivery::DestinationState;
use crate::journal::reader::{MeterTotals, Reader};
use crate::model::{Loss, LossCause, NS_PER_S, WallNs};
use crate::model::{Tier, View};
use crate::register;
use line::{Daemon, LineStatus, line_status};
use words::Word;

/// The state of the whole, at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// When it was taken, in nanoseconds since 1970.
    pub at_ns: WallNs,
    /// Whether a daemon runs. Only one that does sends a snapshot.
    #[serde(skip, default = "Daemon::running")]
    pub daemon: Daemon,
    /// The pulses are made up: by the simulated house, or from a recording.
    pub simulated: bool,
    /// The meters, in the order in which they were first seen.
    pub meters: Vec<MeterStatus>,
    /// Bytes of the journal that hold data.
    pub journal_bytes: u64,
    /// Pulses that are in the journal now.
    pub journal_pulses: i64,
    /// On which clock the newest pulses stand; None: there are none.
    pub clock: Option<ClockStatus>,
    /// Where pulses are delivered to; None: nowhere.
    pub delivery: Option<DeliveryStatus>,
}

/// One meter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeterStatus {
    /// Its name.
    pub name: String,
    /// Pulses ever journaled.
    pub pulses: i64,
    /// The last one; None: none yet, or its time is not known yet.
    pub last_pulse_ns: Option<WallNs>,
    /// What its face shows, in kWh, by the last reading and the pulses since; None: there was no reading.
    pub register_kwh: Option<f64>,
    /// For how many seconds it may be without a pulse, by its own history; None: too little is known.
    pub usual_silence_s: Option<i64>,
    /// The configuration lists it; else it is what is left of a meter that was renamed or removed.
    pub is_configured: bool,
    /// How its line stands; None: the meter is not configured, or nobody knows.
    pub line: Option<LineStatus>,
    /// It has been silent for longer than that.
    pub is_silent: bool,
    /// Whether the filter fits what comes on the line; None: nothing has come since the daemon started.
    pub filter: Option<judgement::FilterStatus>,
    /// What was rejected or lost, by cause.
    pub losses: Vec<LossStatus>,
}

/// What the snapshot is to be of.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The name of the destination that is configured now; None: there is none.
    pub destination: Option<&'a str>,
    /// The names of the meters that are configured now.
    pub meters: &'a [String],
    /// Whether a daemon runs.
    pub daemon: Daemon,
}

/// The clock of the newest pulses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClockStatus {
    /// `synchronised`, `rtc`, `assumed`, or `provisional`.
    #[serde(deserialize_with = "words::trust")]
    pub trust: Word,
    /// Whether pulses are held, not delivered, until their time is known.
    pub holding: bool,
}

/// Losses of one meter for one cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossStatus {
    /// Why.
    #[serde(deserialize_with = "words::cause")]
    pub cause: Word,
    /// Whether it is a filter at work rather than a pulse gone missing.
    pub filter: bool,
    /// Whether a pulse has gone missing by it: neither rejected on purpose nor put back by number.
    pub lost: bool,
    /// How many.
    pub pulses: u64,
    /// The first of them.
    pub first_ns: WallNs,
    /// The last of them.
    pub last_ns: WallNs,
}

/// How delivery stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryStatus {
    /// The destination.
    pub destination: String,
    /// `ok`, a kind of failure, or empty before the first answer.
    pub state: String,
    /// What fails and what to do about it.
    pub message: String,
    /// Since when it is so.
    pub since_ns: WallNs,
    /// Whether it gets the pulses themselves; else windows only, and nothing waits.
    pub raw: bool,
    /// Pulses that it has not acknowledged (as last saved: up to 10 s ago).
    pub backlog: i64,
    /// The age of the oldest of them, in nanoseconds.
    pub lag_ns: Option<i64>,
    /// How the server's windows stand.
    pub views: ViewsStatus,
}

/// How far the server's buckets have been compared with the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViewsStatus {
    /// `ok`, a kind of failure, or empty before the first comparison.
    pub state: String,
    /// What fails and what to do about it.
    pub message: String,
    /// Since when it is so.
    pub since_ns: WallNs,
    /// By level: everything before this, in seconds since 1970, has been compared.
    #[serde(deserialize_with = "words::by_level")]
    pub until_s: BTreeMap<&'static str, i64>,
    /// The same levels, with what can be said of them.
    #[serde(deserialize_with = "words::by_level")]
    pub levels: BTreeMap<&'static str, LevelStatus>,
}

/// What can be said of a level: only of what was compared by the last look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LevelStatus {
    /// What the last look has compared begins here, in seconds since 1970; None: it is still to come.
    pub from_s: Option<i64>,
    /// And ends here.
    pub to_s: Option<i64>,
    /// Windows that are not equal and left as they are: the server holds more than the journal there, or does
    /// not take what it lacks.
    pub unequal: i64,
    /// What is still to be looked at goes back to here, in seconds since 1970; None: nothing is.
    pub to_look_from_s: Option<i64>,
    /// When the last look over all that is kept was begun, in seconds since 1970; 0: never.
    pub all_s: i64,
}

impl Status {
    /// Takes the snapshot.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn take(
        reader: &mut Reader,
        wanted: Wanted<'_>,
        at_ns: WallNs,
    ) -> Result<Status, JournalError> {
        let meters = MeterStatus::take_all(reader, wanted, at_ns)?;
        let bounds = reader.bounds()?;
        let delivery = match wanted.destination {
            Some(name) => DeliveryStatus::take(reader, name, bounds, at_ns)?,
            None => None,
        };
        let clock = reader.clock_trust()?.map(|(trust, open)| ClockStatus {
            trust: trust.as_str(),
            holding: open > 0,
        });
        Ok(Status {
            at_ns,
            daemon: wanted.daemon,
            simulated: reader.is_simulated()?,
            clock,
            meters,
            journal_bytes: reader.used_bytes()?,
            journal_pulses: bounds.map_or(0, |(first, last)| last - first + 1),
            delivery,
        })
    }

    /// Pulses that are lost for good, over all meters.
    pub fn lost(&self) -> u64 {
        let losses = self.meters.iter().flat_map(|meter| &meter.losses);
        losses
            .filter(|loss| loss.lost)
            .map(|loss| loss.pulses)
            .sum()
    }

    /// The meters whose lines are not read: nothing is counted there.
    pub fn unread(&self) -> impl Iterator<Item = (&str, &LineStatus)> {
        self.meters.iter().filter_map(|meter| {
            let line = meter.line.as_ref().filter(|line| !line.is_read)?;
            Some((meter.name.as_str(), line))
        })
    }

    /// Edges that the filters rejected, over all meters.
    pub fn rejected(&self) -> u64 {
        let losses = self.meters.iter().flat_map(|meter| &meter.losses);
        losses
            .filter(|loss| loss.filter)
            .map(|loss| loss.pulses)
            .sum()
    }
}

impl LossStatus {
    /// A loss for this cause.
    pub fn of(cause: LossCause, loss: Loss) -> LossStatus {
        LossStatus {
            cause: cause.as_str(),
            filter: cause.is_filter(),
            lost: cause.is_loss(),
            pulses: loss.pulses,
            first_ns: loss.first_ns,
            last_ns: loss.last_ns,
        }
    }
}

impl MeterStatus {
    fn take_all(
        reader: &Reader,
        wanted: Wanted<'_>,
        at_ns: WallNs,
    ) -> Result<Vec<MeterStatus>, JournalError> {
        let (mut lines, until_s) = (reader.lines_now()?, reader.watched_until_s()?);
        let is_simulated = reader.is_simulated()?;
        let ledger = reader.ledger()?;
        let now_s = at_ns.div_euclid(NS_PER_S);
        let names = reader.meter_names()?;
        let mut hours: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for window in reader.windows(View::Hour, silence::history_from_s(now_s), now_s)? {
            if let Some(name) = names.get(&window.meter).filter(|_| window.pulses > 0) {
                hours.entry(name).or_default().push(window.start_s);
            }
        }
        let tallies = reader.tallies()?;
        let mut meters = Vec::new();
        for totals in all_totals(reader, wanted.meters)? {
            let losses = ledger.iter().filter(|(name, ..)| *name == totals.name);
            let losses = losses.map(|(_, cause, loss)| LossStatus::of(*cause, *loss));
            let known = hours.remove(totals.name.as_str()).unwrap_or_default();
            let usual_s = silence::usual_s(&known, now_s);
            let is_configured = wanted.meters.contains(&totals.name);
            let until_ns = until_s.get(&totals.name).map(|until_s| until_s * NS_PER_S);
            let told = lines.remove(&totals.name);
            let told = told.map(|told| (told.since_ns, told.why));
            let line = line_status(wanted.daemon, is_simulated, told, until_ns);
            let is_silent = is_configured
                && usual_s
                    .zip(totals.last_ns)
                    .is_some_and(|(usual_s, last_ns)| silence::is_unusual(last_ns, usual_s, at_ns));
            meters.push(MeterStatus {
                losses: losses.collect(),
                register_kwh: register::kwh(&reader.readings(&totals.name)?, totals.pulses),
                usual_silence_s: usual_s,
                is_silent,
                filter: tallies.get(&totals.name).map(judgement::FilterStatus::of),
                is_configured,
                line: line.filter(|_| is_configured),
                name: totals.name,
                pulses: totals.pulses,
                last_pulse_ns: totals.last_ns,
            });
        }
        Ok(meters)
    }
}

/// What each meter has counted: those of the journal, and those of the configuration that it does not know yet.
fn all_totals(reader: &Reader, configured: &[String]) -> Result<Vec<MeterTotals>, JournalError> {
    let mut all = reader.totals()?;
    for name in configured {
        if all.iter().all(|known| known.name != *name) {
            let (name, pulses, last_ns) = (name.clone(), 0, None);
            all.push(MeterTotals {
                name,
                pulses,
                last_ns,
            });
        }
    }
    Ok(all)
}

impl DeliveryStatus {
    fn take(
        reader: &mut Reader,
        name: &str,
        bounds: Option<(i64, i64)>,
        at_ns: WallNs,
    ) -> Result<Option<DeliveryStatus>, JournalError> {
        let known = reader
            .destinations()?
            .into_iter()
            .find(|(_, known, _)| known == name);
        let Some((row, destination, state)) = known else {
            return Ok(None);
        };
        let (mut backlog, mut lag_ns) = (0, None);
        let raw = reader.sends_raw(row)?;
        if let Some((first, last)) = bounds.filter(|_| raw) {
            let delivered = reader.delivered(row)?;
            backlog = delivered.missing(first, last);
            if let Some(gap) = delivered.gaps(first, last).first() {
                let oldest = reader.page(gap.0, gap.0, 1)?.entries;
                lag_ns = oldest.first().map(|entry| at_ns - entry.wall_ns);
            }
        }
        let views = ViewsStatus::take(reader, row)?;
        Ok(Some(DeliveryStatus {
            views,
            destination,
            state: state.state,
            message: state.message,
            since_ns: state.since_ns,
            raw,
            backlog,
            lag_ns,
        }))
    }
}

impl ViewsStatus {
    fn take(reader: &Reader, destination: i64) -> Result<ViewsStatus, JournalError> {
        let DestinationState {
            state,
            message,
            since_ns,
        } = reader.views_state(destination)?;
        let (mut until_s, mut levels) = (BTreeMap::new(), BTreeMap::new());
        for level in Tier::ALL {
            let compared = reader.compared(destination, level)?;
            if let Some(until) = compared.until_s {
                until_s.insert(level.as_str(), until);
                levels.insert(level.as_str(), LevelStatus::of(level, &compared));
            }
        }
        Ok(ViewsStatus {
            state,
            message,
            since_ns,
            until_s,
            levels,
        })
    }
}

impl LevelStatus {
    fn of(level: Tier, compared: &Compared) -> LevelStatus {
        let (from_s, to_s) = compared.span().unzip();
        // What was written while it was young is looked at again in any case.
        let left = compared.to_look.iter().next();
        let left = left.filter(|(left_s, _)| to_s.is_none_or(|to_s| *left_s < to_s));
        LevelStatus {
            from_s,
            to_s,
            unequal: compared.unequal.length_s() / level.windows().width_s(),
            to_look_from_s: left.map(|(left_s, _)| left_s),
            all_s: compared.all_s,
        }
    }
}
