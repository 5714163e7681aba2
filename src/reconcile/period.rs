//! The comparison of a period that is asked for: opens both sides, and says what came of it in one answer for people
//! and programs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::audit::{AuditProgress, LevelReport, Options, Totals, audit};
use super::compare::{Difference, WindowVerdict};
use super::examine::{Examiner, Trouble};
use super::influx_server::InfluxServer;
use crate::clock::{Clock, SystemClock};
use crate::config::{InfluxSettings, Loaded, destination_name};
use crate::influx;
use crate::journal::JournalError;
use crate::journal::Reader;
use crate::model::{S_PER_DAY, Spans, Tier, View};
use crate::server::failure::Failure;
use crate::server::request_size::RequestSize;
use crate::server::{Extras, TariffsInUse};

/// What is to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRequest {
    /// The levels.
    pub levels: Vec<Tier>,
    /// The begin of the period, in seconds since 1970.
    pub from_s: i64,
    /// Its end.
    pub to_s: i64,
    /// Put right what differs.
    pub repair: bool,
    /// Where the journal knows less, windows are recomputed from raw. Without a journal nothing else can be done.
    pub from_raw: bool,
    /// Recomputing from raw may lower windows although pulses vanish by it.
    pub may_lower: bool,
    /// Recomputing from raw: tasks that book pulses late have written the views.
    pub late: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Simulated windows would be written where real ones are.
    #[error(
        "the journal holds SIMULATED pulses, and the bucket \"{0}\" is not named for them: buckets for \
         simulated pulses have \"simulated\" in their names (RAW_BUCKET and the others)"
    )]
    RealBucket(String),
    /// There is no client for this server.
    #[error(transparent)]
    Client(#[from] influx::Error),
    /// The server does not answer all of it.
    #[error("the comparison broke off: {} → {}", .0.message(), remedy(.0))]
    Server(Failure),
    /// The journal does not tell all of it.
    #[error("the comparison broke off")]
    BrokeOff(#[source] JournalError),
}

/// What to do where the server does not answer the comparison.
fn remedy(failure: &Failure) -> &'static str {
    match failure {
        Failure::Status {
            status: 404,
            message,
            ..
        } if message.starts_with("organization") => "correct INFLUX_ORG",
        Failure::Status { status: 404, .. } => {
            "there is no such bucket, or the token may not read it: `powerlogger setup` makes both"
        }
        Failure::Status {
            status: 401 | 403, ..
        } => {
            "the token is not valid for this: `powerlogger verify` tells which one it is and what replaces it"
        }
        Failure::Status { foreign: true, .. } => {
            "another program or a proxy has answered: check INFLUX_HOST"
        }
        Failure::Status { .. } => "see the server's log, and try again",
        Failure::Transport {
            kind: "timeout", ..
        } => "the server is slow: try again, or a shorter period (--since, --until)",
        Failure::Transport {
            kind: "too_long", ..
        } => {
            "a shorter period (--since, --until); or no InfluxDB 2 answers there: check INFLUX_HOST"
        }
        Failure::Transport { kind: "broken", .. } => {
            "what answers there breaks off, or is no InfluxDB 2: see its log, and check INFLUX_HOST"
        }
        Failure::Transport { .. } => "start the server, and check INFLUX_HOST",
    }
}

/// Compares. `progress` is told how far it is.
///
/// # Errors
/// When one of the sides cannot be read, or the server does not take a repair. What was put right before stays so.
pub fn audit_period(
    loaded: &Loaded,
    influx: &InfluxSettings,
    request: &AuditRequest,
    progress: AuditProgress<'_>,
) -> Result<Vec<LevelReport>, AuditError> {
    let mut reader = match Reader::open(&loaded.settings.journal.dir) {
        Ok(reader) => Some(reader),
        Err(JournalError::Missing { .. }) if request.from_raw => None,
        Err(failed) => return Err(failed.into()),
    };
    let simulated = reader.as_ref().map(Reader::is_simulated).transpose()?;
    if let (Some(true), Some(bucket)) = (simulated, influx.not_for_simulated()) {
        return Err(AuditError::RealBucket(bucket.to_owned()));
    }
    let mut names = BTreeMap::new();
    let mut destination = None;
    let mut extras = Extras::new(
        &loaded.settings,
        &TariffsInUse::new(&loaded.settings.tariffs),
    );
    if let Some(reader) = &reader {
        names = reader.meter_names()?;
        extras.read(reader)?;
        let name = destination_name(influx);
        let mut known = reader.destinations()?.into_iter();
        destination = known.find(|(_, known, _)| *known == name);
    }
    let again = loaded.clone();
    let of = influx.clone();
    let lookup = Box::new(move || again.reload_token(&of));
    let mut server = InfluxServer::new(influx, lookup)?;
    let mut size = RequestSize::new(loaded.settings.deliver.batch_lines_max);
    let dir = loaded.settings.journal.dir.as_path();
    let mut examiner = Examiner {
        lost: Spans::default(),
        notes_in: (request.repair && reader.is_some()).then_some(dir),
        reader: reader.as_mut(),
        destination: destination.map(|(row, ..)| row),
        names: &names,
        measurement: &influx.measurement,
        extras: &extras,
        by_now: true,
        size: &mut size,
    };
    let now_s = SystemClock.wall_ns().s();
    let kept_s = i64::from(loaded.settings.journal.raw_retention_d) * S_PER_DAY;
    let options = Options {
        levels: request.levels.clone(),
        from_s: request.from_s,
        to_s: request.to_s,
        now_s,
        raw_from_s: (influx.raw || request.from_raw || request.levels.contains(&Tier::Raw))
            .then(|| View::Hour.floor_s(now_s - kept_s) + View::Hour.width_s()),
        repair: request.repair,
        from_raw: request.from_raw,
        may_lower: request.may_lower,
        late: request.late,
    };
    audit(&mut examiner, &mut server, &options, progress).map_err(|trouble| match trouble {
        Trouble::Server(failure) => AuditError::Server(failure),
        Trouble::Journal(failed) => AuditError::BrokeOff(failed),
    })
}

/// Windows that are only lowered with a yes, and how many pulses would vanish by that.
pub fn vanishing(reports: &[LevelReport]) -> (usize, i64) {
    let differences = reports.iter().flat_map(|report| &report.differences);
    let pulses = differences.filter_map(|difference| match difference.verdict {
        WindowVerdict::Vanishes(pulses) => Some(difference.found - pulses),
        _ => None,
    });
    pulses.fold((0, 0), |(windows, all), pulses| (windows + 1, all + pulses))
}

/// What came of it, for programs.
#[derive(Debug, Serialize)]
pub struct AuditAnswer<'a> {
    levels: Vec<LevelAnswer<'a>>,
    /// Windows that still differ.
    left: usize,
}

#[derive(Debug, Serialize)]
struct LevelAnswer<'a> {
    level: &'static str,
    from_s: i64,
    to_s: i64,
    totals: BTreeMap<&'a str, Totals>,
    differences: Vec<DifferenceAnswer<'a>>,
}

#[derive(Debug, Serialize)]
struct DifferenceAnswer<'a> {
    meter: &'a str,
    start_s: i64,
    journal: i64,
    raw: Option<i64>,
    server: i64,
    /// What puts it right: `write`, `resend`, `needs_yes`, or `none`.
    action: &'static str,
    /// The pulses that are to be written.
    value: Option<i64>,
    repaired: bool,
}

impl<'a> AuditAnswer<'a> {
    /// The answer; `repair`: it was to be put right.
    pub fn new(reports: &'a [LevelReport], repair: bool) -> AuditAnswer<'a> {
        let levels = reports.iter().map(|report| LevelAnswer {
            level: report.level.as_str(),
            from_s: report.from_s,
            to_s: report.to_s,
            totals: report
                .totals
                .iter()
                .map(|(meter, totals)| (meter.as_str(), *totals))
                .collect(),
            differences: report
                .differences
                .iter()
                .map(|difference| DifferenceAnswer::new(difference, repair))
                .collect(),
        });
        AuditAnswer {
            levels: levels.collect(),
            left: reports.iter().map(|report| report.left(repair)).sum(),
        }
    }
}

impl DifferenceAnswer<'_> {
    fn new(difference: &Difference, repair: bool) -> DifferenceAnswer<'_> {
        let (action, value) = match difference.verdict {
            WindowVerdict::Write(pulses) => ("write", Some(pulses)),
            WindowVerdict::Resend => ("resend", None),
            WindowVerdict::Foreign => ("none", None),
            WindowVerdict::Vanishes(pulses) => ("needs_yes", Some(pulses)),
        };
        DifferenceAnswer {
            meter: &difference.meter,
            start_s: difference.start_s,
            journal: difference.journal,
            raw: difference.raw,
            server: difference.found,
            action,
            value,
            repaired: repair && difference.is_put_right(),
        }
    }
}
