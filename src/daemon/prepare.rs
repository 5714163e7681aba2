//! The stages behind the intake, made for a journal that is open, before they have threads.

use std::path::Path;
use std::sync::Arc;

use tracing::info;

use super::remote::Remote;
use super::settings::DaemonSettings;
use crate::clock::{Clock, SystemClock};
use crate::config::{Downsampling, Influx, MeterSettings, Settings, destination_name};
use crate::deliver::Deliverer;
use crate::intake::Intake;
use crate::journal::{Durable, IdRanges, Journal, JournalError, Marks, Outbox, Reader, Writer};
use crate::live::{Board, JournalPhase, ServerPart};
use crate::model::{DestinationRow, IdRange};
use crate::reconcile::{Reconciler, Writers};
use crate::server::{Dependencies, Extras};
use crate::status::log_line::Reporter;

/// The stages, before they have threads.
pub(super) struct Prepared {
    pub(super) marks: Arc<Marks>,
    pub(super) writer: Writer,
    pub(super) durable: Durable,
    pub(super) reporter: Reporter,
    pub(super) deliverer: Option<Deliverer>,
    pub(super) reconciler: Option<Reconciler>,
}

/// A server and bucket, as the journal knows them: the row, and the name.
type Destination = Option<(DestinationRow, String)>;

impl Prepared {
    /// Makes them for what is configured. All that they ask of the disk to begin with is asked here.
    ///
    /// # Errors
    /// When the disk refuses; the journal is closed then.
    pub(super) fn new(
        in_use: &mut DaemonSettings,
        journal: Journal,
        intake: &Arc<Intake>,
        stamped_by: &dyn Clock,
    ) -> Result<Prepared, JournalError> {
        let remote = in_use.connect();
        let settings = in_use.settings();
        let dir = journal.dir().to_owned();
        info!(dir = %dir.display(), newest = journal.newest().0, "journal open");
        in_use.note(&journal)?;
        let real: Arc<dyn Clock> = Arc::new(SystemClock);
        let board = intake.board();
        let marks = marks_of(&journal, board, &*real);
        let is_used = remote.sink.is_some() || remote.server.is_some();
        let destination = destination(settings, &journal, is_used)?;
        let delivered = match &destination {
            Some((row, _)) if remote.sink.is_some() => {
                Some((*row, Reader::open(&dir)?.delivered(*row)?))
            }
            // No pulses are sent, only their windows are compared: none waits.
            Some((row, _)) => Some((*row, IdRanges::from_ranges([IdRange::ALL]))),
            None => None,
        };
        let sync_ms = settings.journal.sync_interval_ms;
        let mut durable = Durable::open(&dir, Arc::clone(&marks), Arc::clone(&real), sync_ms)?;
        if !journal.is_proven() {
            durable.prove_first()?;
        }
        let mut writer = Writer::new(
            journal,
            Arc::clone(intake),
            Arc::clone(&marks),
            Arc::clone(&real),
            settings.journal.clone(),
            delivered,
        )?;
        writer.show_earlier_pulses(stamped_by)?;
        writer.count_days_in(&settings.site.zone())?;
        let worths = settings.meters.iter().map(MeterSettings::worth);
        writer.count_with_factors(&worths.collect::<Vec<_>>());
        writer.keep_alarms_of(in_use.alarm_shelf())?;
        writer.preallocate();
        let reporter = Reporter::new(Arc::clone(board), real);
        let outbox = writer.outbox();
        let (deliverer, reconciler) =
            server_stages(in_use, remote, &dir, destination, &outbox, board)?;
        board.publish_journal(|journal| journal.phase = JournalPhase::Open);
        Ok(Prepared {
            marks,
            writer,
            durable,
            reporter,
            deliverer,
            reconciler,
        })
    }
}

/// Marks that stand where the journal does.
fn marks_of(journal: &Journal, board: &Arc<Board>, clock: &dyn Clock) -> Arc<Marks> {
    let marks = if journal.is_proven() {
        Marks::at(journal.newest())
    } else {
        Marks::unproven(journal.newest(), clock.mono_ns())
    };
    Arc::new(marks.on(Arc::clone(board)))
}

/// What is done with the server, as far as it is configured; the board shows how that stood.
fn server_stages(
    in_use: &DaemonSettings,
    Remote { sink, server }: Remote,
    dir: &Path,
    destination: Destination,
    outbox: &Arc<Outbox>,
    board: &Arc<Board>,
) -> Result<(Option<Deliverer>, Option<Reconciler>), JournalError> {
    let Some((row, name)) = destination else {
        board.no_server();
        return Ok((None, None));
    };
    let bounds = board.snapshot().journal.bounds;
    let known = Reader::open(dir)?.delivery_live(&name, bounds)?;
    let (delivery, views) = known.unwrap_or_default();
    let shown_on = ServerPart::begin(board, delivery, views);
    let depends = || dependencies(in_use, dir, row, Arc::clone(outbox), shown_on.clone());
    let (mut deliverer, mut reconciler) = (None, None);
    if let Some(sink) = sink {
        deliverer = Some(Deliverer::begin(depends()?, sink)?);
    }
    if let Some(server) = server {
        reconciler = Some(Reconciler::begin(
            depends()?,
            server,
            writers(in_use.settings()),
        )?);
    }
    Ok((deliverer, reconciler))
}

/// The row and the name of the server and bucket that are configured, if they are used.
fn destination(
    settings: &Settings,
    journal: &Journal,
    used: bool,
) -> Result<Destination, JournalError> {
    match &settings.influx {
        Influx::Configured(influx) if used => {
            let name = destination_name(influx);
            let row = journal.destination(&name)?;
            journal.sends_raw(row, influx.raw)?;
            Ok(Some((row, name)))
        }
        _ => Ok(None),
    }
}

/// Which buckets of the server that is configured are compared, and who writes them.
fn writers(settings: &Settings) -> Writers {
    let (downsampling, raw) = match &settings.influx {
        Influx::Configured(influx) => (influx.downsampling, influx.raw),
        Influx::NotConfigured(_) => (Downsampling::Off, false),
    };
    Writers { downsampling, raw }
}

/// What delivery to the server that is configured, and its reconciler, need to begin.
fn dependencies(
    in_use: &DaemonSettings,
    dir: &Path,
    destination: DestinationRow,
    outbox: Arc<Outbox>,
    shown_on: ServerPart,
) -> Result<Dependencies, JournalError> {
    let settings = in_use.settings();
    let measurement = match &settings.influx {
        Influx::Configured(influx) => influx.measurement.clone(),
        Influx::NotConfigured(_) => String::new(),
    };
    Ok(Dependencies {
        reader: Reader::open(dir)?,
        outbox,
        shown_on,
        clock: Arc::new(SystemClock),
        settings: settings.deliver.clone(),
        retention_d: settings.journal.raw_retention_d,
        measurement,
        extras: Extras::new(settings, in_use.tariffs()),
        destination,
    })
}
