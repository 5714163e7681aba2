//! For Prometheus: the state of the board as text, version 0.0.4, or OpenMetrics where it is asked for.
//!
//! Counters start from the journal, so they go on over a restart. 1 pulse is 3.6e6 / imp_per_kwh joules, by the factor by
//! which it was counted; where that is not known a meter has neither energy nor power. Gas and water are cubic metres.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};

use super::amounts::MeterAmounts;
use super::amounts_read::amounts;
use super::api::Api;
use super::problem::Problem;
use super::query::Query;
use super::served::Served;
use crate::answers::present::Present;
use crate::model::{LossCause, NS_PER_S, Quantity, to_millionths};
use crate::status::Status;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Joules in a kilowatt-hour.
const J_PER_KWH: f64 = 3.6e6;

/// Seconds in an hour.
const S_PER_H: f64 = 3_600.0;

/// Conditions that are shown also while they do not hold.
const CONDITIONS: [(&str, &str); 24] = [
    ("line_not_read", "critical"),
    ("journal_fails", "critical"),
    ("disk_stalled", "critical"),
    ("rejected_bounce", "warning"),
    ("rejected_width", "warning"),
    ("rejected_long", "warning"),
    ("rejected_interval", "warning"),
    ("rejected_merged", "warning"),
    ("power_implausible", "warning"),
    ("flow_implausible", "warning"),
    ("meter_silent", "warning"),
    ("delivery_fails", "warning"),
    ("backlog_old", "warning"),
    ("windows_not_compared", "warning"),
    ("clock_unknown", "warning"),
    ("alarms_fail", "warning"),
    ("configuration_wrong", "warning"),
    ("server_unusable", "warning"),
    ("page_not_reachable", "warning"),
    ("mqtt_unreachable", "warning"),
    ("mqtt_refused", "warning"),
    ("mqtt_topic_refused", "warning"),
    ("configuration_differs", "info"),
    ("not_running", "critical"),
];

pub(super) async fn metrics(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::of(&uri, &[])?;
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let form = match accept {
        Some(accept) if accept.contains("application/openmetrics-text") => Form::OpenMetrics,
        _ => Form::Text,
    };
    let look = api.source.look();
    let totals = amounts(&api.source, &look).await;
    let told = (&look.status, &look.present, &totals);
    let text = rendered(told, &api.source.served(), form);
    let content_type = match form {
        Form::Text => TEXT,
        Form::OpenMetrics => OPENMETRICS,
    };
    let content_type = HeaderValue::from_static(content_type);
    Ok(([(CONTENT_TYPE, content_type)], text).into_response())
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    OpenMetrics,
}

/// The lines so far.
struct Lines {
    text: String,
    form: Form,
}

impl Lines {
    /// A family: `kind` is `counter` or `gauge`; a counter's name ends in `_total`.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let bare = match self.form {
            Form::OpenMetrics => name.trim_end_matches("_total"),
            Form::Text => name,
        };
        let _ = write!(self.text, "# HELP {bare} {help}\n# TYPE {bare} {kind}\n");
        let unit = ["seconds", "joules", "watts", "bytes", "cubic_meters"];
        let unit = unit.iter().find(|unit| bare.ends_with(&format!("_{unit}")));
        if let (Form::OpenMetrics, Some(unit)) = (self.form, unit) {
            let _ = writeln!(self.text, "# UNIT {bare} {unit}");
        }
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.text.push_str(name);
        for (n, (label, value)) in labels.iter().enumerate() {
            let before = if n == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{before}{label}=\"{}\"", escaped(value));
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// A whole number as a sample: exact up to 9e15.
fn exact(number: impl TryInto<i64>) -> f64 {
    number.try_into().map_or(f64::NAN, |number| number as f64)
}

fn rendered(
    (status, present, totals): (&Status, &Present, &MeterAmounts),
    served: &Served,
    form: Form,
) -> String {
    let mut lines = Lines {
        text: String::new(),
        form,
    };
    of_build(&mut lines, served);
    // A counter that begins with 0 and goes on with what the journal has would count all of that again.
    let nothing = Status {
        meters: Vec::new(),
        ..status.clone()
    };
    let counted = match status.counted {
        true => status,
        false => &nothing,
    };
    of_meters(&mut lines, counted, (present, totals));
    of_losses(&mut lines, counted);
    of_delivery(&mut lines, status);
    of_conditions(&mut lines, status);
    if form == Form::OpenMetrics {
        lines.text.push_str("# EOF\n");
    }
    lines.text
}

/// The commit that this program was built from, or "unknown".
pub(super) fn built_from() -> &'static str {
    let build = env!("POWERLOGGER_BUILD");
    let commit = build
        .strip_prefix("commit ")
        .and_then(|rest| rest.split(' ').next());
    commit.unwrap_or("unknown")
}

fn of_build(lines: &mut Lines, served: &Served) {
    let name = "powerlogger_build_info";
    lines.family(name, "gauge", "The version that runs.");
    let commit = built_from();
    let version = env!("CARGO_PKG_VERSION");
    lines.sample(name, &[("version", version), ("commit", commit)], 1.0);
    let name = "process_start_time_seconds";
    lines.family(
        name,
        "gauge",
        "When the process was started, in seconds since 1970.",
    );
    lines.sample(name, &[], served.started_s);
    let name = "powerlogger_requests_total";
    lines.family(name, "counter", "Answers over HTTP, by their status.");
    for (status, answers) in &served.answers {
        let status = status.to_string();
        lines.sample(name, &[("status", &status)], exact(*answers));
    }
}

fn of_meters(lines: &mut Lines, status: &Status, (present, totals): (&Present, &MeterAmounts)) {
    let meters = &status.meters;
    let name = "powerlogger_pulses_total";
    lines.family(
        name,
        "counter",
        "Pulses that the journal has counted, ever.",
    );
    for meter in meters {
        lines.sample(name, &[("meter", &meter.name)], exact(meter.pulses));
    }
    of_amounts(lines, status, totals);
    of_rates(lines, status, present);
    of_registers(lines, status);
    of_factors(lines, status, present);
    let name = "powerlogger_last_pulse_timestamp_seconds";
    lines.family(
        name,
        "gauge",
        "When the last pulse came, in seconds since 1970.",
    );
    for meter in meters {
        if let Some(last_ns) = meter.last_pulse_ns {
            let seconds = exact(last_ns.ms()) / 1e3;
            lines.sample(name, &[("meter", &meter.name)], seconds);
        }
    }
}

/// What all pulses were worth: joules of electric energy, cubic metres of gas or water.
fn of_amounts(lines: &mut Lines, status: &Status, totals: &MeterAmounts) {
    let amounts = |unit: Quantity| {
        let meters = status.meters.iter();
        meters
            .filter_map(move |meter| Some((meter.name.as_str(), totals.amount(&meter.name, unit)?)))
    };
    let name = "powerlogger_energy_joules_total";
    lines.family(
        name,
        "counter",
        "The energy of these pulses, each by the factor by which it was counted; kWh: / 3.6e6.",
    );
    for (meter, kwh) in amounts(Quantity::KilowattHours) {
        lines.sample(name, &[("meter", meter)], to_millionths(kwh * J_PER_KWH));
    }
    let name = "powerlogger_volume_cubic_meters_total";
    if amounts(Quantity::CubicMetres).next().is_some() {
        lines.family(name, "counter", "The same of meters for gas and water.");
    }
    for (meter, m3) in amounts(Quantity::CubicMetres) {
        lines.sample(name, &[("meter", meter)], to_millionths(m3));
    }
}

/// What flows now.
fn of_rates(lines: &mut Lines, status: &Status, present: &Present) {
    let rates = |is_power: bool| {
        let meters = status.meters.iter();
        meters.filter_map(move |meter| {
            let unit = present.worth(&meter.name)?.quantity;
            let rate = present.rate(&meter.name)?;
            (unit.is_electric() == is_power).then_some((meter.name.as_str(), unit, rate))
        })
    };
    let name = "powerlogger_power_watts";
    lines.family(
        name,
        "gauge",
        "Power by the last interval, or what the silence since allows.",
    );
    for (meter, _, watts) in rates(true) {
        lines.sample(name, &[("meter", meter)], watts);
    }
    let name = "powerlogger_flow_cubic_meters_per_second";
    if rates(false).next().is_some() {
        lines.family(name, "gauge", "The same of gas and water; m³/h: * 3600.");
    }
    for (meter, unit, per_hour) in rates(false) {
        if let Some(m3_per_hour) = Quantity::CubicMetres.of(unit, per_hour) {
            lines.sample(name, &[("meter", meter)], m3_per_hour / S_PER_H);
        }
    }
}

fn of_registers(lines: &mut Lines, status: &Status) {
    let registers = |unit: Quantity| {
        let meters = status.meters.iter();
        meters.filter_map(move |meter| {
            let (shown, own) = meter.register.zip(meter.register_unit)?;
            Some((meter.name.as_str(), unit.of(own, shown)?))
        })
    };
    let name = "powerlogger_register_kwh";
    lines.family(name, "gauge", "What the face of the meter shows.");
    for (meter, kwh) in registers(Quantity::KilowattHours) {
        lines.sample(name, &[("meter", meter)], kwh);
    }
    let name = "powerlogger_register_cubic_meters";
    if registers(Quantity::CubicMetres).next().is_some() {
        lines.family(name, "gauge", "The same of meters for gas and water.");
    }
    for (meter, m3) in registers(Quantity::CubicMetres) {
        lines.sample(name, &[("meter", meter)], m3);
    }
}

fn of_factors(lines: &mut Lines, status: &Status, present: &Present) {
    let factors = |unit: Quantity| {
        let meters = status.meters.iter();
        meters.filter_map(move |meter| {
            let worth = present.worth(&meter.name)?;
            Some((meter.name.as_str(), worth.pulses_per(unit)?))
        })
    };
    let name = "powerlogger_meter_impulses_per_kwh";
    lines.family(name, "gauge", "Pulses for one kWh, as configured.");
    for (meter, factor) in factors(Quantity::KilowattHours) {
        lines.sample(name, &[("meter", meter)], factor);
    }
    let name = "powerlogger_meter_impulses_per_cubic_meter";
    if factors(Quantity::CubicMetres).next().is_some() {
        lines.family(name, "gauge", "Pulses for one cubic metre, as configured.");
    }
    for (meter, factor) in factors(Quantity::CubicMetres) {
        lines.sample(name, &[("meter", meter)], factor);
    }
}

fn of_losses(lines: &mut Lines, status: &Status) {
    let name = "powerlogger_pulses_lost_total";
    lines.family(
        name,
        "counter",
        "Pulses that were not kept, or not delivered as points.",
    );
    of_causes(lines, status, (name, LossCause::is_loss));
    let name = "powerlogger_edges_rejected_total";
    lines.family(
        name,
        "counter",
        "Edges that a filter did not take for pulses.",
    );
    of_causes(lines, status, (name, LossCause::is_filter));
}

/// A counter that begins with its first loss would hide that one from `increase`: each that may come is 0 before.
fn of_causes(lines: &mut Lines, status: &Status, (name, is_of): (&str, fn(LossCause) -> bool)) {
    for meter in &status.meters {
        for cause in LossCause::ALL.into_iter().filter(|cause| is_of(*cause)) {
            let mut losses = meter.losses.iter();
            let loss = losses.find(|loss| loss.cause == cause.as_str());
            let pulses = loss.map(|loss| loss.pulses);
            if let Some(pulses) = pulses.or(meter.is_configured.then_some(0)) {
                let labels = [("meter", &*meter.name), ("cause", cause.as_str())];
                lines.sample(name, &labels, exact(pulses));
            }
        }
    }
}

fn of_delivery(lines: &mut Lines, status: &Status) {
    if let Some(delivery) = &status.delivery {
        let name = "powerlogger_delivery_backlog_pulses";
        lines.family(
            name,
            "gauge",
            "Pulses that the server has not acknowledged.",
        );
        lines.sample(name, &[], exact(delivery.backlog));
        let name = "powerlogger_delivery_lag_seconds";
        lines.family(name, "gauge", "The age of the oldest of them.");
        let lag_ns = delivery.lag_ns.unwrap_or(0);
        lines.sample(name, &[], exact(lag_ns) / NS_PER_S as f64);
    }
    let name = "powerlogger_journal_size_bytes";
    lines.family(name, "gauge", "Bytes of the journal that hold data.");
    lines.sample(name, &[], exact(status.journal_bytes));
}

fn of_conditions(lines: &mut Lines, status: &Status) {
    let name = "powerlogger_condition";
    lines.family(name, "gauge", "1 while something is not as it should be.");
    let found = status.conditions();
    for (word, severity) in CONDITIONS {
        let holds = found.iter().any(|condition| condition.word() == word);
        let labels = [("condition", word), ("severity", severity)];
        lines.sample(name, &labels, f64::from(u8::from(holds)));
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
