//! Settings that change while the daemon runs: those of the server are used at once, others are reported.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{error, info, warn};

use super::alarms::Alarms;
use super::error::RunError;
use super::remote::{Remote, RemoteMaker};
use super::stages::{AtEnd, Stages};
use crate::config::content;
use crate::config::described::{Described, KEEPS, OFF, describe, differences};
use crate::config::watch::{FileChange, FileWatch};
use crate::config::{ConfigError, Influx, Loaded, Settings};
use crate::journal::{AlarmShelf, Journal, JournalError};
use crate::live::Board;
use crate::model::Notice;
use crate::mqtt::{MqttInUse, Publishing};
use crate::server::TariffsInUse;
use crate::system::signals::{WakeOnDrop, Wakeup};
use crate::web::source::{self, Source};

/// Between looks at the files' stamps.
const EVERY: Duration = Duration::from_secs(10);

/// A file that has changed is read when it has stood still for so long.
const SETTLES: Duration = Duration::from_secs(1);

/// What the files say.
type Read = Result<Loaded, ConfigError>;

/// The bytes of files of certificates, where they are named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Certificates {
    /// That the server is to be known by,
    server: Option<Vec<u8>>,
    /// and the broker.
    broker: Option<Vec<u8>>,
}

/// What was read last, with the certificates.
type News = Arc<Mutex<Option<(Read, Certificates)>>>;

/// What the thread that looks at the files has read: a disk that does not answer delays only that thread.
pub(super) struct SettingsWatch {
    news: News,
}

impl SettingsWatch {
    /// Adds the thread to `beside`.
    ///
    /// # Errors
    /// When the machine gives no thread.
    pub(super) fn begin(
        loaded: &Loaded,
        beside: &mut Stages,
        wakeup: &Wakeup,
    ) -> Result<SettingsWatch, RunError> {
        let news = News::default();
        let (end, ended) = channel();
        let (files, shared) = (FileWatch::new(loaded.clone()), Arc::clone(&news));
        let changed = wakeup.wake_on_drop();
        let end = move || {
            // Without a receiver it has ended.
            let _ = end.send(());
        };
        beside.add("settings", AtEnd::Detach, wakeup, end, move |_| {
            watch(files, &shared, &changed, &ended);
        })?;
        Ok(SettingsWatch { news })
    }

    fn take(&self) -> Option<(Read, Certificates)> {
        self.news
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

fn watch(mut files: FileWatch, news: &News, wake: &WakeOnDrop, ended: &Receiver<()>) {
    let mut pause = EVERY;
    while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        pause = match files.look() {
            FileChange::Same => EVERY,
            FileChange::Changing => SETTLES,
            FileChange::Changed(read) => {
                let certificates = read.as_ref().as_ref().ok().map(certificates);
                let certificates = certificates.unwrap_or_default();
                *news.lock().unwrap_or_else(PoisonError::into_inner) = Some((*read, certificates));
                wake.wake();
                EVERY
            }
        };
    }
}

fn certificates(loaded: &Loaded) -> Certificates {
    let settings = &loaded.settings;
    let of_server = match &settings.influx {
        Influx::Configured(influx) => influx.ca_file.as_ref(),
        Influx::NotConfigured(_) => None,
    };
    let of_broker = settings
        .mqtt
        .as_ref()
        .and_then(|mqtt| mqtt.ca_file.as_ref());
    Certificates {
        server: of_server.and_then(|path| content::bytes(path).ok()),
        broker: of_broker.and_then(|path| content::bytes(path).ok()),
    }
}

/// To whom settings that change are told.
pub(super) struct Tells {
    pub(super) board: Arc<Board>,
    pub(super) web: Source,
    pub(super) mqtt: Publishing,
    pub(super) alarms: Alarms,
}

/// The settings that the stages behind the intake are built with, and what there is to say of the files.
pub(super) struct DaemonSettings {
    // Dependencies.
    watch: SettingsWatch,
    maker: RemoteMaker,
    board: Arc<Board>,
    web: Source,
    mqtt: Publishing,
    alarms: Alarms,
    // State.
    settings: Settings,
    /// Those of `settings`, for the stages that tell costs.
    tariffs: TariffsInUse,
    config_dir: PathBuf,
    /// None: not known yet.
    certificates: Option<Option<Vec<u8>>>,
    /// The same of the broker's.
    broker_certificates: Option<Option<Vec<u8>>>,
    /// Why there is no connection, although there is a server.
    unusable: Option<String>,
    /// What the files say is wrong, and what takes a restart.
    told: Vec<Notice>,
    wanted: Option<Settings>,
}

impl DaemonSettings {
    pub(super) fn new(
        loaded: &Loaded,
        watch: SettingsWatch,
        maker: RemoteMaker,
        tells: Tells,
    ) -> DaemonSettings {
        let Tells {
            board,
            web,
            mqtt,
            alarms,
        } = tells;
        let mut in_use = DaemonSettings {
            watch,
            maker,
            board,
            web,
            mqtt,
            alarms,
            settings: loaded.settings.clone(),
            tariffs: TariffsInUse::new(&loaded.settings.tariffs),
            config_dir: loaded.config_dir.clone(),
            certificates: None,
            broker_certificates: None,
            unusable: None,
            told: Vec::new(),
            wanted: None,
        };
        in_use.told = in_use.to_tell(loaded);
        in_use.tell();
        in_use.publish();
        in_use
    }

    /// Where the alarms leave what the journal is to keep.
    pub(super) fn alarm_shelf(&self) -> Arc<AlarmShelf> {
        Arc::clone(&self.alarms.shelf)
    }

    /// The settings.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The tariffs, also after they have changed.
    pub(super) fn tariffs(&self) -> &TariffsInUse {
        &self.tariffs
    }

    /// The settings as words, with why nothing is sent.
    pub(super) fn described(&self) -> Described {
        let mut described = describe(&self.settings, &self.config_dir);
        if let Some(why) = &self.unusable {
            described.insert(OFF.to_owned(), why.clone());
        }
        described
    }

    /// The connections to the server, if there is one that can be used.
    pub(super) fn connect(&mut self) -> Remote {
        let made = (self.maker.0)(&self.settings);
        self.unusable = made.as_ref().err().cloned();
        if let Some(why) = &self.unusable {
            error!(why, "nothing can be delivered; pulses are counted and kept");
        }
        self.tell();
        made.unwrap_or_default()
    }

    /// Notes with what settings the journal is used from here on, and says what is not counted any more.
    pub(super) fn note(&self, journal: &Journal) -> Result<(), JournalError> {
        let now = self.described();
        let before = journal.note_settings(&now)?;
        let is_gone = |key: &&String| key.ends_with("\" line") && !now.contains_key(*key);
        for gone in before.keys().filter(is_gone) {
            let meter = gone.trim_end_matches(" line");
            warn!("{meter} was counted before, and the configuration does not list it any more");
        }
        Ok(())
    }

    /// Whether the stages must be rebuilt for what the files say now of the server.
    pub(super) fn has_changed(&mut self) -> bool {
        let Some((read, certificates)) = self.watch.take() else {
            return self.wanted.is_some();
        };
        match read {
            Err(wrong) => {
                // What is in use was good; a start would not get so far.
                let text = format!("{wrong}\n  {KEEPS}");
                self.told = vec![Notice::ConfigurationWrong(text)];
            }
            Ok(loaded) => {
                // They need no other stages.
                self.settings.alarms = loaded.settings.alarms.clone();
                // No stage has to be rebuilt for them.
                self.settings.tariffs = loaded.settings.tariffs.clone();
                // Points that are written while a price is mistyped would lack their cost for ever.
                if !loaded.has_mistyped_tariffs() {
                    self.tariffs.put(&loaded.settings.tariffs);
                }
                self.settings.site.currency = loaded.settings.site.currency.clone();
                self.told = self.to_tell(&loaded);
                self.alarms.feed.use_settings(&loaded.settings.alarms);
                let Certificates { server, broker } = certificates;
                let others = self.broker_certificates.replace(broker.clone());
                let others = others.is_some_and(|known| known != broker);
                if others || self.settings.mqtt != loaded.settings.mqtt {
                    self.settings.mqtt.clone_from(&loaded.settings.mqtt);
                    info!("the configuration of MQTT has changed and is taken up");
                    self.publish();
                }
                let others = self.certificates.replace(server.clone());
                let others = others.is_some_and(|known| known != server);
                self.weigh(loaded, others);
            }
        }
        self.tell();
        self.wanted.is_some()
    }

    /// Publishes with the settings of MQTT that are in use now.
    fn publish(&self) {
        let settings = &self.settings;
        let in_use = settings.mqtt.clone().map(|mqtt| MqttInUse {
            mqtt,
            dir: settings.journal.dir.clone(),
            meters: settings.meters.clone(),
            site: settings.site.name.clone(),
            web: settings.web.clone(),
        });
        self.mqtt.use_settings(in_use);
    }

    /// Decides whether what the files say of the server asks for other stages.
    fn weigh(&mut self, loaded: Loaded, other_certificates: bool) {
        let (now, next) = (&self.settings, &loaded.settings);
        let is_off = |settings: &Settings| matches!(settings.influx, Influx::NotConfigured(_));
        if is_off(now) && is_off(next) {
            self.settings.influx = loaded.settings.influx;
            self.wanted = None;
            return;
        }
        let is_same = now.influx == next.influx && now.deliver == next.deliver;
        self.wanted = None;
        if !is_same || other_certificates || self.unusable.is_some() {
            let mut wanted = now.clone();
            wanted.influx = loaded.settings.influx;
            wanted.deliver = loaded.settings.deliver;
            self.wanted = Some(wanted);
            self.config_dir = loaded.config_dir;
        }
    }

    /// Uses what was wanted from here on.
    pub(super) fn take_up(&mut self) {
        let Some(wanted) = self.wanted.take() else {
            return;
        };
        let (before, after) = (self.described(), describe(&wanted, &self.config_dir));
        self.settings = wanted;
        let changed = differences(&before, &after, true);
        let changed: Vec<String> = changed
            .iter()
            .map(|change| change.replace("; the files say: ", " → "))
            .collect();
        let mut changed = changed.join(", ");
        if changed.is_empty() {
            // Neither is shown.
            "the token, or certificates".clone_into(&mut changed);
        }
        info!(
            changed,
            "the configuration of the server has changed and is taken up"
        );
        self.tell();
        if let Influx::NotConfigured(why) = &self.settings.influx {
            info!(
                why,
                "nothing is sent from now on; pulses are counted and kept"
            );
        }
    }

    fn to_tell(&self, loaded: &Loaded) -> Vec<Notice> {
        let wrong = loaded.check().err();
        let wrong = wrong.map(|wrong| Notice::ConfigurationWrong(wrong.to_string()));
        let (running, files) = (
            self.described(),
            describe(&loaded.settings, &loaded.config_dir),
        );
        let restart = differences(&running, &files, false);
        let restart = (!restart.is_empty()).then(|| {
            Notice::ConfigurationDiffers(format!(
                "the daemon has other settings than the files, and takes these up at a restart only (sudo systemctl \
                 restart powerlogger): {}",
                restart.join(", ")
            ))
        });
        wrong.into_iter().chain(restart).collect()
    }

    /// Whether files beside the journal may be open: not while it is closed.
    pub(super) fn use_directory(&self, is_used: bool) {
        self.web.use_directory(is_used);
    }

    fn tell(&self) {
        let unusable = self.unusable.as_ref();
        let unusable =
            unusable.map(|why| Notice::ServerUnusable(format!("nothing can be delivered: {why}")));
        let notices = self.told.iter().cloned().chain(unusable);
        self.board.set_notices(notices.collect());
        let settings = &self.settings;
        self.web.use_settings(source::InUse {
            dir: settings.journal.dir.clone(),
            meters: settings.meters.clone(),
            site: settings.site.clone(),
            tariffs: settings.tariffs.clone(),
            described: self.described(),
        });
    }
}
