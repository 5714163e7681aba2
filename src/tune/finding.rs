//! What tune has found on a line, in words, each with what to do. Pure.

use serde::{Serialize, Serializer};

use super::signs::{Chatter, Hum, SteadyPhases, Widths};
use super::words::length;
use crate::model::{Bias, Level};
use crate::text::numbers::count;

/// Something that is worth knowing of a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// No edge came.
    Silent {
        /// The level it stood at.
        level: Level,
        /// Whether that is the active one by the configuration.
        is_active: bool,
        /// The resistor that is switched on.
        bias: Bias,
    },
    /// Too few pulses to tell their rhythm.
    TooFew {
        /// How many.
        pulses: usize,
    },
    /// Mains hum.
    Hum {
        /// What was seen of it.
        hum: Hum,
        /// The resistor that is switched on.
        bias: Bias,
    },
    /// Edges without any rhythm.
    Random {
        /// The resistor that is switched on.
        bias: Bias,
    },
    /// Contacts that bounce.
    Bounces(Chatter),
    /// Short interference.
    Spikes(Chatter),
    /// A sensor at the edge of its mark.
    Hovers(Chatter),
    /// Light that is lit steadily.
    SteadyLight(SteadyPhases),
    /// Mark and space are equal.
    EqualMarkSpace {
        /// Cycles from one mark to the next.
        cycles: usize,
        /// They were equal at different loads.
        at_loads: bool,
    },
    /// Both edges of pulses are counted that have one width.
    CountedTwice,
    /// The line rests at the level that the configuration calls active.
    Inverted {
        /// The level of the pulses.
        active: Level,
        /// The resistor that is switched on.
        bias: Bias,
    },
    /// Pulses that are too short for the filter.
    ShorterThanBounce(Widths),
    /// Pulses that are narrower than the filter lets through.
    Narrow(Widths),
    /// Pulses that are wider than the filter lets through.
    Wide(Widths),
    /// Pulses that come sooner than the filter lets them.
    TooClose {
        /// The shortest interval, in nanoseconds.
        interval_ns: i64,
    },
    /// Edges were missed.
    Missed {
        /// How many.
        edges: u64,
    },
    /// The kernel debounces: what it takes away is not seen.
    KernelDebounce,
    /// Nothing is wrong.
    Clean(Widths),
}

impl Finding {
    /// The machine word.
    pub fn word(&self) -> &'static str {
        match self {
            Finding::Silent { .. } => "silent",
            Finding::TooFew { .. } => "too_few",
            Finding::Hum { .. } => "hum",
            Finding::Random { .. } => "open_wire",
            Finding::Bounces(_) => "bounce",
            Finding::Spikes(_) => "spikes",
            Finding::Hovers(_) => "hovering",
            Finding::SteadyLight(_) => "steady_light",
            Finding::EqualMarkSpace { .. } => "equal_mark_space",
            Finding::CountedTwice => "counted_twice",
            Finding::Inverted { .. } => "inverted",
            Finding::ShorterThanBounce(_) => "shorter_than_bounce",
            Finding::Narrow(_) => "narrow",
            Finding::Wide(_) => "wide",
            Finding::TooClose { .. } => "too_close",
            Finding::Missed { .. } => "missed",
            Finding::KernelDebounce => "kernel_debounce",
            Finding::Clean(_) => "clean",
        }
    }

    /// Whether no settings can be recommended because of it.
    pub fn forbids(&self) -> bool {
        matches!(self, Finding::Silent { .. } | Finding::Random { .. })
    }

    /// What is so.
    pub fn what(&self) -> String {
        match self {
            Finding::Silent {
                level,
                is_active: true,
                ..
            } => format!(
                "no edge came, and the line stands {} all the time: its active level",
                word(*level)
            ),
            Finding::Silent { level, .. } => {
                format!("no edge came; the line stands {}, at rest", word(*level))
            }
            Finding::TooFew { pulses } => format!("only {} came", count(*pulses as i128, "pulse")),
            Finding::Hum { hum, .. } => {
                format!("mains hum: {} periods of {} Hz", hum.periods, hum.hz)
            }
            Finding::Random { .. } => {
                "edges without any rhythm, as on a wire that leads to nothing".to_owned()
            }
            Finding::Bounces(chatter) => format!(
                "contacts bounce: at {}, for up to {}",
                count(chatter.bounced as i128, "change"),
                length(chatter.bounce_ns)
            ),
            Finding::Spikes(chatter) => format!(
                "interference: {} of up to {}",
                count(chatter.spikes as i128, "spike"),
                length(chatter.spike_ns)
            ),
            Finding::Hovers(chatter) => format!(
                "the sensor hovers at the edge of its mark: {}, for up to {}",
                count(chatter.hovers as i128, "time"),
                length(chatter.hover_ns)
            ),
            Finding::SteadyLight(steady) => format!(
                "light that is lit steadily: {}, for up to {}",
                count(steady.phases as i128, "time"),
                length(steady.longest_ns)
            ),
            Finding::EqualMarkSpace { cycles, .. } => format!(
                "mark and space are equal, over {}",
                count(*cycles as i128, "cycle")
            ),
            Finding::CountedTwice => "both edges of each pulse are counted".to_owned(),
            Finding::Inverted { active, .. } => format!(
                "the line rests {} and its pulses are {}: the other way round than the configuration has it",
                word(active.inverted()),
                word(*active)
            ),
            Finding::Missed { edges } => format!("{} not read in time", were(*edges)),
            Finding::KernelDebounce => {
                "kernel_debounce_ms is set: what the kernel takes away is not seen here".to_owned()
            }
            Finding::ShorterThanBounce(_)
            | Finding::Narrow(_)
            | Finding::Wide(_)
            | Finding::TooClose { .. }
            | Finding::Clean(_) => self.what_of_pulses(),
        }
    }

    /// What is so of pulses that were told apart.
    fn what_of_pulses(&self) -> String {
        match self {
            Finding::ShorterThanBounce(widths) => format!(
                "pulses of {} are shorter than bounce_ms",
                length(widths.median_ns)
            ),
            Finding::Narrow(widths) => format!(
                "pulses of {} are narrower than min_width_ms",
                length(widths.narrowest_ns)
            ),
            Finding::Wide(widths) => format!(
                "pulses of {} are wider than max_width_ms",
                length(widths.widest_ns)
            ),
            Finding::TooClose { interval_ns } => format!(
                "pulses come {} after each other, sooner than min_interval_ms",
                length(*interval_ns)
            ),
            Finding::Clean(widths) if widths.is_fixed => {
                format!("clean pulses of {}", length(widths.median_ns))
            }
            Finding::Clean(widths) => format!(
                "clean pulses of {} to {}",
                length(widths.narrowest_ns),
                length(widths.widest_ns)
            ),
            _ => String::new(),
        }
    }

    /// What to do, or why nothing.
    pub fn remedy(&self) -> String {
        let text = match self {
            Finding::Silent {
                is_active: true, ..
            } => {
                "look for a short circuit, a sensor that sees light all the time (an LED that is lit steadily without a \
                 load, sunlight), or an output that rests at this level: then turn `bias` (with bias none: `active`) round"
            }
            Finding::Silent { .. } => {
                "check that something flows through the meter, that the wires are the right way round (S0+ to the line), \
                 and that it is this line; `powerlogger watch --lines 2-27` shows which line moves"
            }
            Finding::TooFew { .. } => {
                "listen for longer (--for 10m), or switch on a load of one kilowatt or more: a meter of 1000 imp/kWh gives \
                 a pulse each 3.6 s then"
            }
            Finding::Hum {
                bias: Bias::None, ..
            }
            | Finding::Random { bias: Bias::None } => {
                "the wire is open or has no resistor: set bias = \"up\" for an S0 output or a reed contact, and check both \
                 wires; filters do not mend a wire that leads to nothing"
            }
            Finding::Hum { .. } => {
                "check that both wires are connected; then a twisted pair away from mains cables, and 1 to 10 kΩ from the \
                 line to 3.3 V close to the board; filters do not mend this"
            }
            Finding::Random { .. } => {
                "check that both wires are connected and that it is this line; filters do not mend this"
            }
            Finding::Bounces(_) => {
                "bounce_ms has to be longer than its parts and shorter than a pulse"
            }
            Finding::Spikes(_) => {
                "bounce_ms takes them away; a twisted pair and a resistor of 1 to 10 kΩ to 3.3 V keep them away"
            }
            Finding::Hovers(_) => {
                "the mark has stopped at the edge of the sensor: bounce_ms has to be longer than the chatter; an interval \
                 does not help. Turn the sensor's screw, or move it a little"
            }
            Finding::SteadyLight(_) => {
                "the end of steady light is no pulse: max_width_ms takes it away"
            }
            Finding::EqualMarkSpace { at_loads: true, .. } => {
                "such a meter gives a pulse at each edge, or one at each second one: compare with its face \
                 (--from-kwh and --to-kwh, or --load-w); edge = \"both\" counts each edge"
            }
            Finding::EqualMarkSpace { .. } => {
                "it may be so at this load only: listen once more at another one"
            }
            Finding::CountedTwice => "edge = \"rising\" or \"falling\" counts each pulse once",
            Finding::Inverted {
                bias: Bias::None, ..
            } => "`active` says which level is the pulse",
            Finding::Inverted { .. } => {
                "each pulse is counted once all the same; its width is not measured. A sensor that drives the line itself \
                 needs no resistor: bias = \"none\" with `active` then"
            }
            Finding::ShorterThanBounce(_) => "a shorter bounce_ms counts them",
            Finding::Narrow(_) => "a smaller min_width_ms counts them",
            Finding::Wide(_) => "a larger max_width_ms counts them",
            Finding::TooClose { .. } => "a smaller min_interval_ms counts them",
            Finding::Missed { .. } => {
                "the line is busier than can be read: what is said here may be off"
            }
            Finding::KernelDebounce => "set it to 0 and tune again, if pulses are missing",
            Finding::Clean(_) => "nothing to do",
        };
        text.to_owned()
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Words<'a> {
            finding: &'a str,
            what: String,
            remedy: String,
        }
        Words {
            finding: self.word(),
            what: self.what(),
            remedy: self.remedy(),
        }
        .serialize(serializer)
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Low => "low",
        Level::High => "high",
    }
}

fn were(edges: u64) -> String {
    let were = if edges == 1 { "was" } else { "were" };
    format!("{} {were}", count(edges, "edge"))
}
