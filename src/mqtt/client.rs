//! The MQTT thread: connects, publishes what the board shows, and begins again. All that it waits for ends at once when
//! there are other settings, or at the end.

use std::time::Duration;

use tracing::{info, warn};

use super::discovery::{self, About};
use super::keeping::Keeping;
use super::nudge::Nudge;
use super::packet::Hello;
use super::page;
use super::picture::{Picture, configured};
use super::publisher::Messages;
use super::session::{Broken, KEEP_ALIVE_S};
use super::shared::{MqttInUse, Shared};
use super::talk::{OFFLINE, OwnTopics, Talk, TalkEvent};
use super::trouble::{Failure, Trouble};
use super::values;
use super::wire::Wire;
use crate::clock::{Clock, SystemClock};
use crate::config::MqttSettings;
use crate::journal::JournalError;
use crate::live::{Board, JournalPhase};
use crate::model::{Backoff, MonoNs, NS_PER_S};
use crate::system::signals::Shutdown;

/// The board is looked at no more often than this, however often it changes.
const LOOK_PAUSE_NS: i64 = NS_PER_S;

/// And no less often: the power that is told falls while no pulse comes.
const LOOK_MAX_NS: i64 = 10 * NS_PER_S;

/// A connection that has lasted for so long has succeeded.
const LASTS_NS: i64 = 30 * NS_PER_S;

/// What is to be said at the end has this long to arrive.
const GOODBYE_MAX_NS: i64 = 2 * NS_PER_S;

/// After so many connections in a row that the broker has ended soon another client has our id.
const THROWN_OUT_MAX: u32 = 3;

/// Between tries to read the journal's memory.
const DISK_RETRY: Duration = Duration::from_secs(10);

/// Why a connection has ended.
enum End {
    /// As it should: there are other settings, or it is the end.
    Told,
    /// It has failed.
    Failed(Failure),
    /// The journal cannot be used.
    Disk(JournalError),
}

/// The thread's own.
#[derive(Debug)]
pub(super) struct Client<'a> {
    // Dependencies.
    shared: &'a Shared,
    board: &'a Board,
    /// Stamps the pulses.
    clock: &'a dyn Clock,
    shutdown: &'a Shutdown,
    // State.
    trouble: Trouble,
    away: Backoff,
    refused: Backoff,
    thrown_out: u32,
    /// Behind the client's id, once another client has the plain one.
    suffix: String,
    /// What was logged last: a steady failure is logged once.
    logged: String,
}

impl<'a> Client<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        board: &'a Board,
        clock: &'a dyn Clock,
        shutdown: &'a Shutdown,
    ) -> Client<'a> {
        Client {
            shared,
            board,
            clock,
            shutdown,
            trouble: Trouble::default(),
            away: Backoff::new(Duration::from_secs(1), Duration::from_secs(60)),
            refused: Backoff::new(Duration::from_secs(30), Duration::from_secs(300)),
            thrown_out: 0,
            suffix: String::new(),
            logged: String::new(),
        }
    }

    /// Publishes until the end.
    pub(super) fn run(&mut self) {
        let mut generation = None;
        while !self.shutdown.is_requested() {
            let (wanted, now) = self.shared.wanted();
            if generation != Some(now) {
                generation = Some(now);
                self.trouble.begin_again();
                (self.away, self.refused) = {
                    let fresh = Client::new(self.shared, self.board, self.clock, self.shutdown);
                    (fresh.away, fresh.refused)
                };
                self.logged.clear();
                self.tell();
            }
            let Some(wanted) = wanted else {
                self.nudge().wait(None, None);
                continue;
            };
            if self.board.snapshot().journal.phase != JournalPhase::Open {
                // A 0 of a journal that is not read yet would be taken for a new meter.
                self.nudge().arm();
                self.nudge().wait(None, Some(NS_PER_S));
                continue;
            }
            let pause = match self.connection(&wanted, now) {
                End::Told => continue,
                End::Failed(failure) => self.failed(&failure, &wanted.mqtt),
                End::Disk(error) => {
                    self.log(&format!(
                        "the journal cannot be used for MQTT: {error}; trying again"
                    ));
                    DISK_RETRY
                }
            };
            self.pause(pause, now);
        }
    }

    fn nudge(&self) -> &Nudge {
        &self.shared.nudge
    }

    /// Whether this connection is to end.
    fn is_over(&self, generation: u64) -> bool {
        self.shutdown.is_requested() || self.shared.generation() != generation
    }

    /// Waits, but for other settings and the end.
    fn pause(&self, pause: Duration, generation: u64) {
        let until_ns = SystemClock.mono_ns() + i64::try_from(pause.as_nanos()).unwrap_or(i64::MAX);
        while !self.is_over(generation) && SystemClock.mono_ns() < until_ns {
            let left_ns = until_ns - SystemClock.mono_ns();
            self.nudge().wait(None, Some(left_ns));
        }
    }

    /// Tells of a failure; how long to wait.
    fn failed(&mut self, failure: &Failure, mqtt: &MqttSettings) -> Duration {
        let (why, pause) = match failure {
            Failure::Away(why) => (why, self.away.failed()),
            Failure::Refused(why) => (why, self.refused.failed()),
        };
        let broker = mqtt.broker.to_string();
        self.trouble.failed(failure, &broker, SystemClock.mono_ns());
        self.tell();
        self.log(&format!(
            "MQTT: {broker}: {why}; trying again, pulses are counted and kept"
        ));
        pause.mul_f64(0.75 + 0.5 * fastrand::f64())
    }

    fn log(&mut self, text: &str) {
        if self.logged != text {
            warn!("{text}");
            text.clone_into(&mut self.logged);
        }
    }

    fn tell(&self) {
        self.board.set_broker(self.trouble.told());
    }

    /// One connection from its begin to its end.
    fn connection(&mut self, wanted: &MqttInUse, generation: u64) -> End {
        let board = self.board.snapshot();
        let total = |name: &str| board.meters.get(name).map_or(0, |meter| meter.pulses);
        let configured = configured(&wanted.meters, &board);
        let keeping = match Keeping::begin(&wanted.dir, &configured, total) {
            Ok(keeping) => keeping,
            Err(error) => return End::Disk(error),
        };
        let mqtt = &wanted.mqtt;
        let wire = match Wire::connect(&mqtt.broker, mqtt.ca_file.as_deref()) {
            Ok(wire) => wire,
            Err(failure) => return End::Failed(failure),
        };
        let node = format!("powerlogger_{}", keeping.kept.id);
        let topics = OwnTopics {
            status: format!("{}/status", mqtt.prefix),
            birth: format!("{}/status", mqtt.discovery_prefix),
            config_prefix: format!("{}/", mqtt.discovery_prefix),
            node: node.clone(),
        };
        let hello = Hello {
            client_id: &format!("{node}{}", self.suffix),
            user: mqtt.user.as_deref(),
            password: mqtt.password.as_ref().map(|password| password.expose()),
            will: Some((&topics.status, OFFLINE)),
            keep_alive_s: KEEP_ALIVE_S,
        };
        let now_ns = SystemClock.mono_ns();
        let talk = Talk::begin(&hello, topics.clone(), mqtt.interval_s, now_ns);
        let mut connection = Connection {
            wanted,
            topics,
            page: page::address(&wanted.web, wire.local_ip()),
            wire,
            talk,
            keeping,
            accepted_ns: None,
            looked_ns: None,
            is_busy: true,
            has_contradicted: false,
        };
        let end = connection.go_on(self, generation);
        self.judge(connection.accepted_ns, &end);
        end
    }

    /// Draws the conclusions of how long a connection has lasted.
    fn judge(&mut self, accepted_ns: Option<MonoNs>, end: &End) {
        let lasted_ns = accepted_ns.map(|at_ns| SystemClock.mono_ns() - at_ns);
        match lasted_ns {
            Some(lasted_ns) if lasted_ns >= LASTS_NS => {
                self.away.reset();
                self.refused.reset();
                self.thrown_out = 0;
            }
            Some(_) if matches!(end, End::Failed(_)) => {
                self.thrown_out += 1;
                if self.thrown_out == THROWN_OUT_MAX && self.suffix.is_empty() {
                    self.suffix = format!("_{:04x}", fastrand::u16(..));
                    warn!(
                        "the broker ends each connection soon after it was made: another client may have the same id \
                         (a copied card, a second daemon); this one takes another id"
                    );
                }
            }
            _ => {}
        }
    }
}

/// An open connection, and what it works with.
struct Connection<'a> {
    wanted: &'a MqttInUse,
    topics: OwnTopics,
    /// Where the page is, as the broker's network sees it.
    page: Option<String>,
    wire: Wire,
    talk: Talk,
    keeping: Keeping<'a>,
    accepted_ns: Option<MonoNs>,
    looked_ns: Option<MonoNs>,
    /// The board had changed when it was looked at last: it likely changes all the time.
    is_busy: bool,
    has_contradicted: bool,
}

impl Connection<'_> {
    fn go_on(&mut self, client: &mut Client<'_>, generation: u64) -> End {
        loop {
            let now_ns = SystemClock.mono_ns();
            if client.is_over(generation) {
                return self.goodbye(client);
            }
            if let Err(end) = self.round(client, now_ns) {
                return end;
            }
            let ready = self.wait(client, now_ns);
            if ready && let Err(end) = self.receive(client) {
                return end;
            }
        }
    }

    /// Looks at the board where it is time to, says what is due, sends it.
    fn round(&mut self, client: &mut Client<'_>, now_ns: MonoNs) -> Result<(), End> {
        let since_ns = self.looked_ns.map_or(i64::MAX, |at_ns| now_ns - at_ns);
        if since_ns >= LOOK_PAUSE_NS {
            self.is_busy = client.nudge().take_changed();
            if self.is_busy || since_ns >= self.look_max_ns() {
                self.look(client, now_ns)?;
            }
        }
        self.talk.step(now_ns, false).map_err(of_broken)?;
        self.wire.send(&self.talk.take_out()).map_err(of_io)?;
        if self.talk.is_accepted() {
            let refused = self.talk.refused_topic(now_ns).map(str::to_owned);
            let user = self.wanted.mqtt.user.as_deref();
            let is_heard = self.talk.is_heard();
            client
                .trouble
                .goes_on(refused.as_deref(), is_heard, user, now_ns);
            client.tell();
        }
        Ok(())
    }

    fn look_max_ns(&self) -> i64 {
        let interval_ns = i64::from(self.wanted.mqtt.interval_s) * NS_PER_S;
        interval_ns.clamp(LOOK_PAUSE_NS, LOOK_MAX_NS)
    }

    /// Takes what the board shows as what is to be said.
    fn look(&mut self, client: &Client<'_>, now_ns: MonoNs) -> Result<(), End> {
        self.looked_ns = Some(now_ns);
        let messages = self.messages(client);
        let is_new = !messages
            .keys()
            .all(|topic| self.keeping.kept.topics.contains(topic));
        let is_gone = self.keeping.kept.topics.len() > messages.len();
        if is_new || is_gone {
            let gone = self.keeping.announce(messages.keys().cloned());
            self.talk.want(messages);
            self.talk.remove(gone.map_err(End::Disk)?);
        } else {
            self.talk.want(messages);
        }
        Ok(())
    }

    fn messages(&self, client: &Client<'_>) -> Messages {
        let board = client.board.snapshot();
        let at = (client.clock.mono_ns(), client.clock.wall_ns());
        let slugs = &self.keeping.kept.meters;
        let picture = Picture::of(&board, &self.wanted.meters, slugs, at);
        let mqtt = &self.wanted.mqtt;
        let mut all = values::messages(&picture, &mqtt.prefix);
        if mqtt.discovery {
            let about = About {
                id: self.keeping.kept.id.clone(),
                site: self.wanted.site.clone(),
                prefix: mqtt.prefix.clone(),
                page: self.page.clone(),
                language: mqtt.language,
            };
            all.extend(discovery::messages(&picture, &about, &self.topics));
        }
        all
    }

    /// Waits for the next thing to do; whether there is something to read.
    fn wait(&self, client: &Client<'_>, now_ns: MonoNs) -> bool {
        let looked_ns = self.looked_ns.unwrap_or(now_ns);
        let look_ns = looked_ns + self.look_max_ns();
        let pause_ns = looked_ns + LOOK_PAUSE_NS;
        let mut until_ns = look_ns.min(self.talk.due_ns(now_ns));
        until_ns = client.trouble.due_ns().map_or(until_ns, |due_ns| {
            if due_ns > now_ns {
                until_ns.min(due_ns)
            } else {
                until_ns
            }
        });
        if self.is_busy && now_ns < pause_ns {
            // What comes meanwhile is seen together when the wait is over.
            until_ns = until_ns.min(pause_ns);
        } else {
            client.nudge().arm();
        }
        let stream = Some(self.wire.descriptor());
        client
            .nudge()
            .wait(stream, Some(until_ns - now_ns))
            .is_readable
    }

    fn receive(&mut self, client: &mut Client<'_>) -> Result<(), End> {
        let bytes = self.wire.receive().map_err(of_io)?;
        let now_ns = SystemClock.mono_ns();
        let events = self.talk.receive(&bytes, now_ns).map_err(of_broken)?;
        let mut removed = Vec::new();
        for event in events {
            match event {
                TalkEvent::Accepted => {
                    self.accepted_ns = Some(now_ns);
                    client.trouble.accepted(now_ns);
                    client.logged.clear();
                    info!(broker = %self.wanted.mqtt.broker, "publishing by MQTT");
                }
                TalkEvent::Removed(topic) => removed.push(topic),
                TalkEvent::Unreadable(filter) => warn!(
                    "the broker does not let {filter} be read: whether what is published arrives is not known, nor when \
                     Home Assistant starts"
                ),
                TalkEvent::Contradicted if !self.has_contradicted => {
                    self.has_contradicted = true;
                    warn!(
                        "another client says on {} that this daemon is gone: give each logger an mqtt.prefix of its own",
                        self.topics.status
                    );
                }
                TalkEvent::Contradicted => {}
            }
        }
        if !removed.is_empty() {
            self.keeping.removed(&removed).map_err(End::Disk)?;
        }
        Ok(())
    }

    /// Says the last values, and that the daemon is gone: a connection that ends as it should leaves no will.
    fn goodbye(&mut self, client: &mut Client<'_>) -> End {
        let until_ns = SystemClock.mono_ns() + GOODBYE_MAX_NS;
        if self.talk.is_accepted() {
            // What fails here is told by the will.
            let _ = self.last_words(client, until_ns);
        }
        End::Told
    }

    fn last_words(&mut self, client: &mut Client<'_>, until_ns: MonoNs) -> Result<(), End> {
        let mut has_said_it = false;
        self.look(client, SystemClock.mono_ns())?;
        loop {
            let now_ns = SystemClock.mono_ns();
            if !has_said_it {
                self.talk.step(now_ns, true).map_err(of_broken)?;
            }
            let out = self.talk.take_out();
            let is_done = out.is_empty() && self.talk.is_settled();
            if is_done && has_said_it || now_ns >= until_ns {
                break;
            }
            if is_done {
                self.talk.goodbye(now_ns);
                has_said_it = true;
                continue;
            }
            self.wire.send(&out).map_err(of_io)?;
            let stream = Some(self.wire.descriptor());
            let ready = client.nudge().wait(stream, Some(until_ns - now_ns));
            if ready.is_readable {
                self.receive(client)?;
            }
        }
        if !has_said_it {
            self.talk.goodbye(SystemClock.mono_ns());
        }
        self.talk.disconnect(SystemClock.mono_ns());
        self.wire.send(&self.talk.take_out()).map_err(of_io)
    }
}

fn of_io(error: std::io::Error) -> End {
    let why = if error.kind() == std::io::ErrorKind::UnexpectedEof {
        "it has ended the connection".to_owned()
    } else {
        format!("the connection broke: {error}")
    };
    End::Failed(Failure::Away(why))
}

fn of_broken(broken: Broken) -> End {
    let why = broken.to_string();
    End::Failed(match broken {
        Broken::Refused(4 | 5) => {
            Failure::Refused(format!("{why}; correct mqtt.user and mqtt.password"))
        }
        Broken::Refused(_) | Broken::Nonsense(_) => Failure::Refused(why),
        Broken::Silent(_) => Failure::Away(why),
    })
}

/// Publishes until the end, in the calling thread.
pub(super) fn run(shared: &Shared, board: &Board, clock: &dyn Clock, shutdown: &Shutdown) {
    Client::new(shared, board, clock, shutdown).run();
}
