//! Each meter with its line, register, filter and losses.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::derived::Count;
use super::head::{Head, rfc3339};
use super::meter_head::MeterHead;
use super::now::{Now, day};
use super::{Api, Json, csv};
use crate::answers::present::Present;
use crate::answers::registers::{self, Register};
use crate::config::MeterSettings;
use crate::energy::register::{base, exchanged};
use crate::model::{FaceDigits, NS_PER_S, Quantity, Role, WallNs};
use crate::status::line::LineStatus;
use crate::status::{LossStatus, MeterStatus, Status, judgement::FilterStatus};
use crate::web::guard::Peer;
use crate::web::problem::Problem;
use crate::web::query::Query;
use crate::web::source::BoardLook;

/// The whole answer.
#[derive(Debug, Serialize)]
pub(super) struct Meters {
    #[serde(flatten)]
    head: Head,
    can_write: bool,
    meters: Vec<Meter>,
}

#[derive(Debug, Serialize)]
struct Meter {
    #[serde(flatten)]
    head: MeterHead,
    is_configured: bool,
    chip: Option<String>,
    line: Option<String>,
    pulses: Option<i64>,
    last_pulse: Option<String>,
    #[serde(skip)]
    last_pulse_ns: Option<WallNs>,
    power_w: Option<f64>,
    rate: Option<f64>,
    is_bound: bool,
    today: Count,
    register: Option<RegisterNow>,
    usual_silence_s: Option<i64>,
    is_silent: bool,
    line_status: Option<LineStatus>,
    filter: Option<FilterStatus>,
    losses: Vec<LossStatus>,
    gap_s: Option<f64>,
    widths_ms: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct RegisterNow {
    kwh: Option<f64>,
    read_kwh: Option<f64>,
    read_at: String,
    pulses: i64,
    imp_per_kwh: Option<f64>,
    unit: Quantity,
    shown: f64,
    read_shown: f64,
    pulses_per_unit: f64,
    /// As on the face, with its digits.
    face: String,
    digits: Option<FaceDigits>,
    serial: Option<String>,
    exchanged_at: Option<String>,
}

pub(super) async fn meters(
    State(api): State<Api>,
    peer: Option<Extension<Peer>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::of(&uri, &[])?;
    let peer = peer.map_or(Peer::Unix, |Extension(peer)| peer);
    let source = &api.source;
    let registers = source.ask(|reader, _| registers::take(reader)).await?;
    let day = day(source).await;
    let (look, in_use) = (source.look(), source.in_use());
    let now = Now::of(source, &look, day.as_deref());
    let BoardLook {
        status, present, ..
    } = look;
    // As configured, then those that only the journal knows.
    let position = |name: &str| {
        let mut configured = in_use.meters.iter();
        configured
            .position(|meter| meter.name == name)
            .unwrap_or(usize::MAX)
    };
    let Status {
        meters: mut known,
        simulated,
        ..
    } = status;
    known.sort_by_key(|meter| position(&meter.name));
    let meters = known.into_iter().map(|meter| {
        let settings = in_use
            .meters
            .iter()
            .find(|settings| settings.name == meter.name);
        let register = registers
            .iter()
            .find(|register| register.meter == meter.name);
        Meter::of(meter, settings, register, &present, &now)
    });
    let meters: Vec<Meter> = meters.collect();
    if csv::is_wanted(&uri, &headers) {
        return Ok(table(&meters, source.calendar().zone()));
    }
    let answer = Meters {
        head: source.head(source.wall_ns(), simulated),
        can_write: api.access.is_open_to(peer),
        meters,
    };
    Ok(Json(answer).into_response())
}

/// A row a meter.
fn table(meters: &[Meter], zone: &TimeZone) -> Response {
    let mut table = csv::CsvTable::new([
        "meter",
        "role",
        "chip",
        "line",
        "imp/kWh",
        "pulses",
        "last pulse",
        "power W",
        "today pulses",
        "register kWh",
        "unit",
        "imp/unit",
        "rate",
        "register",
    ]);
    for meter in meters {
        let text = |text: &Option<String>| csv::name(text.as_deref().unwrap_or_default());
        table.row([
            csv::name(&meter.head.meter),
            meter.head.role.to_owned(),
            text(&meter.chip),
            text(&meter.line),
            csv::number(meter.head.imp_per_kwh),
            csv::number(meter.pulses),
            csv::time(meter.last_pulse_ns, zone),
            csv::number(meter.power_w),
            csv::number(meter.today.pulses),
            csv::number(meter.register.as_ref().and_then(|register| register.kwh)),
            meter.head.unit.symbol().to_owned(),
            csv::number(meter.head.pulses_per_unit),
            csv::number(meter.rate),
            csv::number(meter.register.as_ref().map(|register| register.shown)),
        ]);
    }
    table.response("meters")
}

impl Meter {
    fn of(
        meter: MeterStatus,
        settings: Option<&MeterSettings>,
        register: Option<&Register>,
        present: &Present,
        now: &Now,
    ) -> Meter {
        let now = now.of_meter(&meter.name);
        let rate = now.and_then(|now| now.rate);
        let widths_ms = present.widths_ms.get(&meter.name).cloned();
        let known = present
            .get(&meter.name)
            .and_then(|known| known.rate.as_ref());
        let gap_ns = known.and_then(|rate| rate.usual_gap_ns(present.now_ns));
        let register = register.and_then(|register| {
            let base = base(&register.readings)?;
            let unit = base.worth.quantity;
            let exchanged = exchanged(&register.readings);
            Some(RegisterNow {
                kwh: register.kwh,
                read_kwh: Quantity::KilowattHours.of(unit, base.shown),
                read_at: rfc3339(base.at_ns),
                pulses: register.pulses - base.pulses,
                imp_per_kwh: base.worth.imp_per_kwh(),
                unit,
                shown: register.shown?,
                face: base.face(register.shown?),
                digits: base.digits,
                serial: exchanged.and_then(|reading| reading.serial.clone()),
                exchanged_at: exchanged.map(|reading| rfc3339(reading.at_ns)),
                read_shown: base.shown,
                pulses_per_unit: base.worth.pulses_per_unit,
            })
        });
        let role = settings.map_or_else(
            // The journal knows it, the configuration no longer.
            || Role::of_name(&meter.name),
            |settings| settings.role,
        );
        let worth = settings.and_then(MeterSettings::worth);
        let unit = settings.map_or(Quantity::default(), |settings| settings.unit);
        Meter {
            head: MeterHead::new(meter.name, role, (unit, worth)),
            is_configured: meter.is_configured,
            chip: settings.and_then(|settings| settings.line.chip.clone()),
            line: settings.map(|settings| settings.line.line.to_string()),
            pulses: now.map_or(Some(meter.pulses), |now| now.pulses),
            last_pulse: meter.last_pulse_ns.map(rfc3339),
            last_pulse_ns: meter.last_pulse_ns,
            power_w: rate.filter(|_| unit.is_electric()),
            rate,
            is_bound: now.is_some_and(|now| now.is_bound),
            today: now.map_or_else(Count::unknown, |now| now.today.clone()),
            register,
            usual_silence_s: meter.usual_silence_s,
            is_silent: meter.is_silent,
            line_status: meter.line,
            filter: meter.filter,
            losses: meter.losses,
            gap_s: gap_ns.map(|gap_ns| gap_ns as f64 / NS_PER_S as f64),
            widths_ms: widths_ms.unwrap_or_default(),
        }
    }
}
