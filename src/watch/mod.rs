//! `watch`: what comes on lines at this moment. Free lines are requested for as long as it takes; of lines that the daemon
//! has the daemon tells; of those of other programs it is said whose they are.

pub mod feeds;
pub mod selection;
pub mod stats;

pub use feeds::{EdgeNews, Feeds, WatchOptions, WatchedLine};
pub use stats::LineStats;
