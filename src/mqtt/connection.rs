//! An open connection: looks at the board, says what is due, reads, until it ends.

use tracing::{info, warn};

use super::around::MqttAround;
use super::discovery::{self, About};
use super::keeping::MqttMemory;
use super::outgoing::Messages;
use super::packet::Hello;
use super::page;
use super::picture::Picture;
use super::session::{Broken, KEEP_ALIVE_S};
use super::shared::MqttInUse;
use super::talk::{OFFLINE, OwnTopics, Talk, TalkEvent};
use super::trouble::BrokerFailure;
use super::values;
use super::wire::{Wire, why_broken};
use crate::clock::{Clock, SystemClock};
use crate::journal::JournalError;
use crate::live::Snapshot;
use crate::model::{MonoNs, NS_PER_S, WallNs};

/// The board is looked at no more often than this, however often it changes.
const LOOK_PAUSE_NS: i64 = NS_PER_S;

/// And no less often: the power that is told falls while no pulse comes.
const LOOK_MAX_NS: i64 = 10 * NS_PER_S;

/// After so long a connection outlives what was said of us: the broker has not ended it.
const OWN_WILL_NS: i64 = 5 * NS_PER_S;

/// What is to be said at the end has this long to arrive.
const GOODBYE_MAX_NS: i64 = 2 * NS_PER_S;

/// Why a connection has ended.
pub(super) enum End {
    /// As it should: there are other settings, or it is the end.
    Told,
    /// It has failed.
    Failed(BrokerFailure),
    /// The journal cannot be used.
    Disk(JournalError),
}

/// An open connection, and what it works with.
pub(super) struct BrokerConnection<'a> {
    wanted: &'a MqttInUse,
    topics: OwnTopics,
    /// Where the page is, as the broker's network sees it.
    page: Option<String>,
    wire: Wire,
    talk: Talk,
    memory: &'a mut MqttMemory,
    accepted_ns: Option<MonoNs>,
    looked_ns: Option<MonoNs>,
    /// The board had changed when it was looked at last: it likely changes all the time.
    is_busy: bool,
    /// Since when another client says that we are gone.
    contradicted_ns: Option<MonoNs>,
    has_complained: bool,
}

impl<'a> BrokerConnection<'a> {
    /// One over `wire`, on which nothing has been said yet. `suffix`: behind the client's id.
    pub(super) fn begin(
        wanted: &'a MqttInUse,
        memory: &'a mut MqttMemory,
        wire: Wire,
        suffix: &str,
    ) -> BrokerConnection<'a> {
        memory.begin_connection();
        let mqtt = &wanted.mqtt;
        let node = format!("powerlogger_{}", memory.kept.id);
        let topics = OwnTopics {
            status: format!("{}/status", mqtt.prefix),
            birth: format!("{}/status", mqtt.discovery_prefix),
            config_prefix: format!("{}/", mqtt.discovery_prefix),
            node: node.clone(),
        };
        let hello = Hello {
            client_id: &format!("{node}{suffix}"),
            user: mqtt.user.as_deref(),
            password: mqtt.password.as_ref().map(|password| password.expose()),
            will: Some((&topics.status, OFFLINE)),
            keep_alive_s: KEEP_ALIVE_S,
        };
        let now_ns = SystemClock.mono_ns();
        BrokerConnection {
            wanted,
            talk: Talk::begin(&hello, topics.clone(), mqtt.interval_s, now_ns),
            topics,
            page: page::address(&wanted.web, wire.local_ip()),
            wire,
            memory,
            accepted_ns: None,
            looked_ns: None,
            is_busy: true,
            contradicted_ns: None,
            has_complained: false,
        }
    }

    /// Since when the broker has taken us; None: it has not.
    pub(super) fn accepted_ns(&self) -> Option<MonoNs> {
        self.accepted_ns
    }

    /// Goes on until the end, or until there are other settings.
    pub(super) fn go_on(&mut self, around: &mut MqttAround<'_>, generation: u64) -> End {
        loop {
            let now_ns = SystemClock.mono_ns();
            if around.is_over(generation) {
                return self.goodbye(around);
            }
            if let Err(end) = self.round(around, now_ns) {
                return end;
            }
            let ready = self.wait(around, now_ns);
            if ready {
                if let Err(end) = self.receive(around) {
                    return end;
                }
            }
        }
    }

    /// Looks at the board where it is time to, says what is due, sends it.
    fn round(&mut self, around: &mut MqttAround<'_>, now_ns: MonoNs) -> Result<(), End> {
        let since_ns = self.looked_ns.map_or(i64::MAX, |at_ns| now_ns - at_ns);
        if since_ns >= LOOK_PAUSE_NS {
            self.is_busy = around.nudge().take_changed();
            // What is due is said as it is now; the next look is then due with what is said next.
            let is_due = since_ns >= self.look_max_ns() || self.talk.due_ns(now_ns) <= now_ns;
            if self.is_busy || is_due {
                self.look(around, now_ns)?;
            }
        }
        self.complain(now_ns);
        self.talk.step(now_ns, false).map_err(of_broken)?;
        self.wire.send(&self.talk.take_out()).map_err(of_io)?;
        if self.talk.is_accepted() {
            let refused = self.talk.refused_topic(now_ns).map(str::to_owned);
            let user = self.wanted.mqtt.user.as_deref();
            let is_heard = self.talk.is_heard();
            around
                .trouble
                .goes_on(refused.as_deref(), is_heard, user, now_ns);
            around.tell();
        }
        Ok(())
    }

    /// Says once that another client contradicts us. A broker that ends tells our own will, and then ends the connection.
    fn complain(&mut self, now_ns: MonoNs) {
        let since_ns = self.contradicted_ns;
        let is_another = since_ns.is_some_and(|since_ns| now_ns - since_ns >= OWN_WILL_NS);
        if is_another && !std::mem::replace(&mut self.has_complained, true) {
            warn!(
                "another client says on {} that this daemon is gone: give each logger an mqtt.prefix of its own",
                self.topics.status
            );
        }
    }

    fn look_max_ns(&self) -> i64 {
        let interval_ns = i64::from(self.wanted.mqtt.interval_s) * NS_PER_S;
        interval_ns.clamp(LOOK_PAUSE_NS, LOOK_MAX_NS)
    }

    /// Takes what the board shows as what is to be said.
    fn look(&mut self, around: &MqttAround<'_>, now_ns: MonoNs) -> Result<(), End> {
        self.looked_ns = Some(now_ns);
        let board = around.board.snapshot();
        let total = |name: &str| board.meters.get(name).map_or(0, |meter| meter.pulses);
        self.memory.follow(total).map_err(End::Disk)?;
        let at = (around.clock.mono_ns(), around.clock.wall_ns());
        let messages = self.messages(&board, at);
        let gone = self.memory.announce(messages.keys()).map_err(End::Disk)?;
        self.talk.want(messages);
        self.talk.remove(gone);
        Ok(())
    }

    fn messages(&self, board: &Snapshot, at: (MonoNs, WallNs)) -> Messages {
        let slugs = &self.memory.kept.meters;
        let picture = Picture::of(board, &self.wanted.meters, slugs, at);
        let mqtt = &self.wanted.mqtt;
        let mut all = values::messages(&picture, &mqtt.prefix);
        if mqtt.discovery {
            let about = About {
                id: self.memory.kept.id.clone(),
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
    fn wait(&self, around: &MqttAround<'_>, now_ns: MonoNs) -> bool {
        let looked_ns = self.looked_ns.unwrap_or(now_ns);
        let look_ns = looked_ns + self.look_max_ns();
        let pause_ns = looked_ns + LOOK_PAUSE_NS;
        let mut until_ns = look_ns.min(self.talk.due_ns(now_ns));
        until_ns = around.trouble.due_ns().map_or(until_ns, |due_ns| {
            if due_ns > now_ns {
                until_ns.min(due_ns)
            } else {
                until_ns
            }
        });
        if now_ns < pause_ns && (self.is_busy || around.nudge().is_changed()) {
            // What comes meanwhile is seen together when the wait is over.
            until_ns = until_ns.min(pause_ns);
        } else {
            around.nudge().arm();
        }
        let stream = Some(self.wire.descriptor());
        around
            .nudge()
            .wait(stream, Some(until_ns - now_ns))
            .is_readable
    }

    fn receive(&mut self, around: &mut MqttAround<'_>) -> Result<(), End> {
        let bytes = self.wire.receive().map_err(of_io)?;
        let now_ns = SystemClock.mono_ns();
        let events = self.talk.receive(&bytes, now_ns).map_err(of_broken)?;
        let mut removed = Vec::new();
        for event in events {
            match event {
                TalkEvent::Accepted => {
                    self.accepted_ns = Some(now_ns);
                    around.trouble.accepted(now_ns);
                    around.log_again();
                    info!(broker = %self.wanted.mqtt.broker, "publishing by MQTT");
                }
                TalkEvent::Removed(topic) => removed.push(topic),
                TalkEvent::Unreadable(filter) => warn!(
                    "the broker does not let {filter} be read: whether what is published arrives is not known, nor when \
                     Home Assistant starts"
                ),
                TalkEvent::Contradicted => {
                    self.contradicted_ns.get_or_insert(now_ns);
                }
            }
        }
        if !removed.is_empty() {
            // A disk that does not take it has them taken away once more, by the next run.
            if let Err(error) = self.memory.removed(&removed) {
                around.log(&format!("the journal cannot be used for MQTT: {error}"));
            }
        }
        Ok(())
    }

    /// Says the last values, and that the daemon is gone: a connection that ends as it should leaves no will.
    fn goodbye(&mut self, around: &mut MqttAround<'_>) -> End {
        let until_ns = SystemClock.mono_ns() + GOODBYE_MAX_NS;
        if self.talk.is_accepted() {
            // What fails here is told by the will.
            let _ = self.last_words(around, until_ns);
        }
        End::Told
    }

    fn last_words(&mut self, around: &mut MqttAround<'_>, until_ns: MonoNs) -> Result<(), End> {
        let mut has_said_it = false;
        self.look(around, SystemClock.mono_ns())?;
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
            let ready = around.nudge().wait(stream, Some(until_ns - now_ns));
            if ready.is_readable {
                self.receive(around)?;
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
    End::Failed(BrokerFailure::Away(why_broken(&error)))
}

fn of_broken(broken: Broken) -> End {
    let why = broken.to_string();
    End::Failed(match broken {
        Broken::Refused(4 | 5) => {
            BrokerFailure::Refused(format!("{why}; correct mqtt.user and mqtt.password"))
        }
        Broken::Refused(_) | Broken::Nonsense(_) => BrokerFailure::Refused(why),
        Broken::Silent(_) => BrokerFailure::Away(why),
    })
}
