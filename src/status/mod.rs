//! One snapshot of truth: what each meter has counted, what waits, what was lost, how delivery stands. It is made
//! of the live board where a daemon runs in this process, else read from the journal; both give the same. The
//! log, systemd, the command line and the page only render it.

mod clock;
pub mod condition;
mod conditions;
pub mod judgement;
pub mod line;
pub mod log_line;
mod snapshot;
pub mod systemd_text;
mod take;
mod words;

pub use clock::clock_words;
pub use condition::{Condition, Severity};
pub use snapshot::{
    AlarmsStatus, ClockStatus, DeliveryStatus, FailingReceiver, LevelStatus, LossStatus,
    MeterStatus, Status, ViewsStatus,
};
pub use take::StatusOf;
