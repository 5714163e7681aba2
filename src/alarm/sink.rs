//! Where messages go: the seam between the stage and those who are told.

use std::time::Duration;

use super::message::AlarmMessage;

/// A message was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkError {
    /// Why, and what to do about it, without a secret.
    pub why: String,
    /// For how long the receiver asks not to be told again.
    pub retry_after: Option<Duration>,
}

impl SinkError {
    /// One that asks for no pause.
    pub fn new(why: impl Into<String>) -> SinkError {
        SinkError {
            why: why.into(),
            retry_after: None,
        }
    }
}

/// A receiver of messages.
pub trait AlarmSink: Send {
    /// Its name, which is its own and stays the same over restarts.
    fn name(&self) -> &str;

    /// Tells it. Ok: it has the message. Ends within a bounded time.
    ///
    /// # Errors
    /// When it does not take it.
    fn send(&mut self, message: &AlarmMessage) -> Result<(), SinkError>;
}
