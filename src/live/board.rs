//! The board itself: parts that are swapped by those who publish, and snapshots for those who read.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::alarms::AlarmsLive;
use super::delivery::{DeliveryLive, ViewsLive};
use super::journal::JournalLive;
use super::lines::CaptureLive;
use super::meters::MetersLive;
use crate::model::{Notice, WallNs};

/// Everything at one moment. To clone it is to count a few references up.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Grows with each change of anything.
    pub version: u64,
    /// Pulses in memory that no commit has taken yet.
    pub waiting: usize,
    /// The lines, and what came on them since the start.
    pub capture: Arc<CaptureLive>,
    /// What the journal has counted of each meter.
    pub meters: Arc<MetersLive>,
    /// The journal and its disk.
    pub journal: Arc<JournalLive>,
    /// Delivery; None: no destination is configured, or none can be used.
    pub delivery: Option<Arc<DeliveryLive>>,
    /// Which use of a server the two parts are of.
    server: u64,
    /// The server's windows; None: as above.
    pub views: Option<Arc<ViewsLive>>,
    /// What the configuration's files say that is not done.
    pub notices: Arc<Vec<Notice>>,
    /// Why nothing is published by MQTT, although it is to be; None: it is, or is not to be.
    pub broker: Option<Arc<Notice>>,
    /// The alarms; None: nobody is told of any.
    pub alarms: Option<Arc<AlarmsLive>>,
}

/// The part of the board that belongs to one use of a server: delivery and the reconciler publish there. A stage whose
/// place another has taken publishes nothing any more, however late its last request ends.
#[derive(Debug, Clone)]
pub struct ServerPart {
    board: Arc<Board>,
    server: u64,
}

impl ServerPart {
    /// A server is used from here on, and this is known of it.
    pub fn begin(board: &Arc<Board>, delivery: DeliveryLive, views: ViewsLive) -> ServerPart {
        let mut server = 0;
        board.change(|now| {
            now.server += 1;
            server = now.server;
            now.delivery = Some(Arc::new(delivery));
            now.views = Some(Arc::new(views));
        });
        let board = Arc::clone(board);
        ServerPart { board, server }
    }

    /// How everything stands.
    pub fn snapshot(&self) -> Snapshot {
        self.board.snapshot()
    }

    /// Delivery's part changes.
    pub fn publish_delivery(&self, change: impl FnOnce(&mut DeliveryLive)) {
        self.change(|now| {
            if let Some(delivery) = &mut now.delivery {
                change(Arc::make_mut(delivery));
            }
        });
    }

    /// The reconciler's part changes.
    pub fn publish_views(&self, change: impl FnOnce(&mut ViewsLive)) {
        self.change(|now| {
            if let Some(views) = &mut now.views {
                change(Arc::make_mut(views));
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        self.board.change(|now| {
            if now.server == self.server {
                change(now);
            }
        });
    }
}

/// What a subscriber is woken by. It is called by the stage that publishes: it must return at once.
type Wake = dyn Fn() + Send + Sync;

/// Ends when it is dropped.
pub struct Subscription(#[expect(dead_code, reason = "it is there to be dropped")] Arc<Wake>);

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subscription")
    }
}

/// How everything stands, shared by the stages that publish and those who read. No thread waits here
/// for longer than the moment in which a few pointers are copied.
#[derive(Default)]
pub struct Board {
    now: Mutex<Snapshot>,
    subscribers: Mutex<Vec<Weak<Wake>>>,
    has_subscribers: AtomicBool,
    capture_steps: AtomicU64,
    kept_until_ns: AtomicI64,
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.snapshot().fmt(f)
    }
}

impl Board {
    /// How everything stands.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    /// The number of the last change.
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// Has `wake` called at each change, by the stage that has published it, until what is returned is dropped.
    pub fn subscribe(&self, wake: impl Fn() + Send + Sync + 'static) -> Subscription {
        let wake: Arc<Wake> = Arc::new(wake);
        let mut subscribers = self.lock_subscribers();
        subscribers.push(Arc::downgrade(&wake));
        self.has_subscribers.store(true, Ordering::SeqCst);
        Subscription(wake)
    }

    /// Capture has made a step: it is alive while this is called.
    pub fn capture_moved(&self) {
        self.capture_steps.fetch_add(1, Ordering::Relaxed);
    }

    /// All that came up to this moment is in the journal. It wakes no subscriber: mostly nothing else has changed.
    pub fn kept_until(&self, until_ns: WallNs) {
        self.kept_until_ns.store(until_ns.0, Ordering::Release);
    }

    /// Up to which moment the journal has all that came; 1970: it is not known.
    pub fn kept_until_ns(&self) -> WallNs {
        WallNs(self.kept_until_ns.load(Ordering::Acquire))
    }

    /// How many steps capture has made.
    pub fn capture_steps(&self) -> u64 {
        self.capture_steps.load(Ordering::Relaxed)
    }

    /// So many pulses wait in memory.
    pub fn publish_waiting(&self, waiting: usize) {
        let mut now = self.lock();
        if now.waiting != waiting {
            now.waiting = waiting;
            self.publish(now);
        }
    }

    /// Capture's part changes.
    pub fn publish_capture(&self, change: impl FnOnce(&mut CaptureLive)) {
        self.change(|now| change(Arc::make_mut(&mut now.capture)));
    }

    /// What is counted of the meters changes.
    pub fn publish_meters(&self, change: impl FnOnce(&mut MetersLive)) {
        self.change(|now| change(Arc::make_mut(&mut now.meters)));
    }

    /// The journal's part changes.
    pub fn publish_journal(&self, change: impl FnOnce(&mut JournalLive)) {
        self.change(|now| change(Arc::make_mut(&mut now.journal)));
    }

    /// No server is used from here on: what delivery and a reconciler published is gone.
    pub fn no_server(&self) {
        self.change(|now| {
            now.server += 1;
            (now.delivery, now.views) = (None, None);
        });
    }

    /// This is what the configuration's files say that is not done.
    pub fn set_notices(&self, notices: Vec<Notice>) {
        self.change(|now| now.notices = Arc::new(notices));
    }

    /// This is why nothing is published by MQTT; None: nothing is in the way.
    pub fn set_broker(&self, notice: Option<&Notice>) {
        let mut now = self.lock();
        if now.broker.as_deref() != notice {
            now.broker = notice.cloned().map(Arc::new);
            self.publish(now);
        }
    }

    /// This is how the alarms do.
    pub fn set_alarms(&self, alarms: Option<AlarmsLive>) {
        let mut now = self.lock();
        if now.alarms.as_deref() != alarms.as_ref() {
            now.alarms = alarms.map(Arc::new);
            self.publish(now);
        }
    }

    fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        let mut now = self.lock();
        change(&mut now);
        self.publish(now);
    }

    fn publish(&self, mut now: MutexGuard<'_, Snapshot>) {
        now.version += 1;
        drop(now);
        if self.has_subscribers.load(Ordering::SeqCst) {
            self.wake_subscribers();
        }
    }

    fn wake_subscribers(&self) {
        let mut subscribers = self.lock_subscribers();
        subscribers.retain(|subscriber| {
            let wake = subscriber.upgrade();
            if let Some(wake) = &wake {
                wake();
            }
            wake.is_some()
        });
        self.has_subscribers
            .store(!subscribers.is_empty(), Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        // A panic elsewhere leaves at worst one number that is not told.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_subscribers(&self) -> MutexGuard<'_, Vec<Weak<Wake>>> {
        self.subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::model::PulseId;

    #[test]
    fn a_snapshot_stays_as_it_was() {
        let board = Board::default();
        let before = board.snapshot();
        board.publish_journal(|journal| journal.committed = PulseId(7));
        board.publish_waiting(3);
        let after = board.snapshot();
        assert_eq!((before.journal.committed.0, before.waiting), (0, 0));
        assert_eq!((after.journal.committed.0, after.waiting), (7, 3));
        assert_eq!(after.version, before.version + 2);
        board.publish_waiting(3);
        assert_eq!(board.version(), after.version, "nothing is new");
    }

    #[test]
    fn a_subscriber_is_called_until_its_subscription_is_dropped() {
        let (board, calls) = (Board::default(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&calls);
        let subscription = board.subscribe(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        board.publish_waiting(1);
        board.set_notices(Vec::new());
        assert_eq!(calls.load(Ordering::SeqCst), 2);
        drop(subscription);
        board.publish_waiting(2);
        assert_eq!(calls.load(Ordering::SeqCst), 2);
        assert!(board.lock_subscribers().is_empty());
    }

    #[test]
    fn a_stage_whose_place_is_taken_publishes_nothing() {
        let board = Arc::new(Board::default());
        let delivery = DeliveryLive {
            raw: true,
            ..DeliveryLive::default()
        };
        let first = ServerPart::begin(&board, delivery.clone(), ViewsLive::default());
        first.publish_delivery(|delivery| (delivery.missing, delivery.seen) = (4, PulseId(10)));
        let shown = board.snapshot().delivery.unwrap();
        assert_eq!(
            (shown.backlog(PulseId(13)), shown.backlog(PulseId(9))),
            (7, 4)
        );
        let second = ServerPart::begin(&board, delivery, ViewsLive::default());
        first.publish_delivery(|delivery| delivery.is_failing = true);
        first.publish_views(|views| views.windows = 1);
        let now = board.snapshot();
        assert!(!now.delivery.unwrap().is_failing);
        assert_eq!(now.views.unwrap().windows, 0);
        board.no_server();
        second.publish_delivery(|delivery| delivery.points = 1);
        assert!(board.snapshot().delivery.is_none());
    }
}
