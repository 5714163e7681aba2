//! The vocabulary: edges, pulses, meters, windows, stamps, losses, lines, alarms, the names of points, waits that grow. Pure data and
//! the arithmetic on it; uses nothing else of the program and is used by all of it.

mod alarm;
mod backoff;
mod edge;
mod face;
mod gaps;
pub mod hour;
mod ids;
mod line;
mod loss;
mod meter;
mod notice;
mod point;
mod pulse;
mod quantity;
mod reading;
mod server_state;
mod spans;
mod time;
mod watched;
mod window;

pub use self::alarm::{
    ALARM_WORDS, ALARMS_FAIL, Alarm, AlarmBook, AlarmEvent, MQTT_REFUSED, MQTT_UNREACHABLE,
    PULSES_LOST,
};
pub use self::backoff::Backoff;
pub use self::edge::{Bias, CountedEdge, Edge, EdgeKind, Level};
pub use self::face::FaceDigits;
pub use self::gaps::{PulseGaps, WindowCount};
pub use self::ids::{DestinationRow, IdRange, MeterRow, PulseId, SegmentRow};
pub use self::line::{FilterState, FilterTally, LineNow, LineState};
pub use self::loss::{Loss, LossCause, Losses};
pub use self::meter::{MeterId, Role};
pub use self::notice::Notice;
pub use self::point::{COST_FIELD, ENERGY_FIELD, ExtraFields, FIELD, POWER_FIELD, TAG};
pub use self::pulse::{Pulse, SegmentNo};
pub use self::quantity::{PulseWorth, Quantity, to_millionths};
pub use self::reading::{Exchange, Reading, face_text};
pub use self::server_state::{DeliveryState, ViewsState};
pub use self::spans::Spans;
pub use self::time::{MonoNs, NS_PER_DAY, NS_PER_MS, NS_PER_S, S_PER_DAY, STAMP_STEP_NS, WallNs};
pub use self::watched::{Watched, WatchedStretch};
pub use self::window::{
    QUARTER_S, SETTLE_S, TASK_OFFSET_S, Tier, View, WindowCounts, WindowKey, quarter_of,
};
